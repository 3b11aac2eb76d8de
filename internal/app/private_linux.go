package app

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// closeMemory keeps other processes of the same user from reading this one's
// memory and environment, and the disk from getting a copy of it (R32). It is
// called before a secret is read.
func closeMemory() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("prctl(PR_SET_DUMPABLE): %w", err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("setrlimit(RLIMIT_CORE): %w", err)
	}
	return nil
}
