//go:build unix

package journal

import (
	"syscall"
	"testing"
	"time"
)

// cpuTime is the processor time of this process, which other work on the
// machine does not lengthen.
func cpuTime() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// onCPU reports the processor time of each round of b.
func onCPU(b *testing.B, from time.Duration) {
	b.ReportMetric(float64((cpuTime()-from).Nanoseconds())/float64(b.N), "cpu-ns/op")
}
