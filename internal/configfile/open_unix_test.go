//go:build unix

package configfile

import (
	"errors"
	"syscall"
	"testing"
)

// A named pipe must be refused, not waited for.
func TestLoadRefusesPipe(t *testing.T) {
	p := home(t)
	if err := syscall.Mkfifo(p.Config, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(p, Options{}); !errors.Is(err, ErrNotRegular) {
		t.Errorf("a pipe: %v", err)
	}
}
