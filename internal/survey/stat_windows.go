package survey

import (
	"io/fs"

	"github.com/openclaw-go/openclaw/internal/audit"
)

const openFlags = 0

// owner: Windows keeps no number; access lists are not read.
func owner(f *audit.File, _ fs.FileInfo) {
	f.UID, f.GID, f.Links = -1, -1, 1
	f.Mode = 0
	f.Err = "access lists are not read on Windows"
}

func closed(*audit.File, int) bool { return false }
