package atomicfile

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

const (
	openFlags     = 0
	dirSync       = false
	chmodOptional = true
)

var errLocked = errors.New("locked")

// foreignOwner: ownership is an ACL here and is judged by the audit, not on
// every write.
func foreignOwner(fs.FileInfo) (uint32, bool) { return 0, false }

func lockFile(f *os.File) error {
	// The range lies behind the note, so that others can read who holds it.
	ol := &windows.Overlapped{OffsetHigh: 1}
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, ol)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return errLocked
	}
	return err
}

func alive(pid int, _ uint64) bool {
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(pid))
	if err != nil {
		return errors.Is(err, windows.ERROR_ACCESS_DENIED)
	}
	defer func() { _ = windows.CloseHandle(h) }()
	var code uint32
	return windows.GetExitCodeProcess(h, &code) != nil || code == 259 // still active
}
