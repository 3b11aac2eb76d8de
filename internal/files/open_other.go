//go:build !linux

package files

import (
	"os"
	"strings"
)

// openDir opens a directory beneath root without following anything.
func openDir(root, rel string) (*os.Root, error) { return walkDir(root, rel) }

// openFile opens a regular file beneath root for reading.
func openFile(root, rel string) (*os.File, error) { return walkFile(root, rel) }

// leftRoot reports that os.Root met a way out.
func leftRoot(err error) bool {
	return err != nil && strings.Contains(err.Error(), "path escapes from parent")
}

// exchange is not to be had here.
func exchange(*os.Root, string, string) error { return ErrUnsupported }

// renameNew is not to be had here.
func renameNew(*os.Root, string, string) error { return ErrUnsupported }
