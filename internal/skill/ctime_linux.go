package skill

import (
	"fmt"
	"io/fs"
	"syscall"
)

// changeTime is the time of the last change of an entry, and which entry it is.
func changeTime(st fs.FileInfo) string {
	s, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	return fmt.Sprintf("%d %d.%d", s.Ino, s.Ctim.Sec, s.Ctim.Nsec)
}
