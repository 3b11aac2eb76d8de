//go:build !unix

package journal

import (
	"testing"
	"time"
)

func cpuTime() time.Duration { return 0 }

func onCPU(*testing.B, time.Duration) {}
