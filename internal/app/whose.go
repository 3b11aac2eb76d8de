package app

import (
	"fmt"
	"os"
	"time"
)

// whose says whom a file belongs to and when it was written. Who wrote it the
// system does not keep.
func whose(path, shown string) string {
	fi, err := os.Lstat(path)
	if err != nil {
		return shown + ", which is not there"
	}
	out := fmt.Sprintf("%s, written %s", shown, fi.ModTime().UTC().Format(time.DateTime))
	if uid, ok := ownerOf(fi); ok {
		out += fmt.Sprintf(", owned by uid %d", uid)
	}
	return out
}
