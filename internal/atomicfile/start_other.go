//go:build !linux

package atomicfile

// startTime is unknown here; a lock then rests on the kernel lock and the pid.
func startTime(int) uint64 { return 0 }
