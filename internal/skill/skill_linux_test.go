package skill

import (
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/openclaw-go/openclaw/internal/skillscan"
)

// TestReadPipe: a pipe is named and not waited for.
func TestReadPipe(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "SKILL.md"), "text")
	if err := syscall.Mkfifo(filepath.Join(dir, "p"), 0o644); err != nil {
		t.Fatal(err)
	}
	files, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := rules(skillscan.Scan(files)); !slices.Contains(got, "file.special p") {
		t.Errorf("findings %q", got)
	}
}
