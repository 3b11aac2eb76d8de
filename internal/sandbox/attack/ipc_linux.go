//go:build linux && (amd64 || arm64)

package attack

import (
	"errors"

	"golang.org/x/sys/unix"
)

// ipcAttempts reach for what other processes share.
func ipcAttempts() []attempt {
	return []attempt{
		{"read the host's shared memory", atConfined, func(f field) error {
			if f.Shared == "" {
				return errors.New(absent + "no file could be made in /dev/shm")
			}
			return read(f.Shared)
		}},
		{"attach a System V segment of the host", atConfined, func(f field) error {
			if f.Segment < 0 {
				return errors.New(absent + "no System V segment could be made")
			}
			b, err := unix.SysvShmAttach(f.Segment, 0, unix.SHM_RDONLY)
			if err != nil {
				return err
			}
			return unix.SysvShmDetach(b)
		}},
		{"open a message queue of the host", atConfined, func(f field) error {
			if f.Queue == "" {
				return errors.New(absent + "no message queue could be made")
			}
			return openQueue(f.Queue, 0)
		}},
	}
}
