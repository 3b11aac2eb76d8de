package gateway

import (
	"bufio"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Rest gives back what was read of the program's own file while it started:
// its code and constants, which come from the page cache again when they are
// needed. What cannot be given back stays, which is no error.
func Rest() {
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	f, err := os.Open("/proc/self/maps")
	if err != nil {
		return
	}
	defer func() { _ = f.Close() }()
	for in := bufio.NewScanner(f); in.Scan(); {
		var from, to uintptr
		var perms, offset, dev, path string
		var inode uint64
		if _, err := fmt.Sscanf(in.Text(), "%x-%x %s %s %s %d %s", &from, &to, &perms, &offset, &dev, &inode, &path); err != nil || path != self {
			continue
		}
		if perms != "r-xp" && perms != "r--p" { // what is written to is not in the file
			continue
		}
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, from, to-from, unix.MADV_DONTNEED) // what fails stays
	}
}
