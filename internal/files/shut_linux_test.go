package files

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// TestShutFolderHidesNothing: a run that shuts a folder behind itself neither
// stops the runs after it nor gets a text past its labels.
func TestShutFolderHidesNothing(t *testing.T) {
	w := newWorld(t)
	mine := w.put(t, "mine", "x")
	if os.Getuid() == 0 { // root lists everything: look as somebody else
		const uid = 64123
		for at := w.ws; at != filepath.Clean(os.TempDir()) && at != "/"; at = filepath.Dir(at) {
			must(t, os.Chmod(at, 0o777)) // the test's own folders only
		}
		must(t, os.Chown(mine, uid, uid))
		runtime.LockOSThread() // the thread ends with the test's goroutine
		must(t, unix.Setfsuid(uid))
		t.Cleanup(func() { must(t, unix.Setfsuid(0)) }) // to remove the folder
		w.tree.owners = []int{uid}
	}
	run, err := w.tree.As(strict, "s").Begin(t.Context(), w.ws)
	must(t, err)
	hidden := filepath.Join(w.ws, "shut", "page")
	must(t, os.Mkdir(filepath.Dir(hidden), 0o755))
	must(t, os.WriteFile(hidden, []byte(page), 0o644))
	made := filepath.Join(w.ws, "made")
	must(t, os.WriteFile(made, []byte("made beside it"), 0o644))
	must(t, os.Chmod(filepath.Dir(hidden), 0))
	changes, err := run.End(t.Context(), strict)
	if !errors.Is(err, ErrShut) || len(changes) != 1 || changes[0].Path != made {
		t.Fatalf("%v, %v", changes, err)
	}
	if _, err := LookAt(t.Context(), w.ws); !errors.Is(err, ErrShut) {
		t.Errorf("vouched for what nobody can see: %v", err)
	}
	next, err := w.tree.As(claw.Private, "next").Begin(t.Context(), w.ws)
	must(t, err)
	if got, err := next.Brings(t.Context(), Reach{Paths: []string{hidden}}); err != nil || got.Labels != strict {
		t.Errorf("while it is shut: %v from %q, %v", got.Labels, got.From, err)
	}
	must(t, os.Chmod(filepath.Dir(hidden), 0o755))
	if got, err := next.Brings(t.Context(), Reach{Paths: []string{hidden}}); err != nil || got.Labels != strict {
		t.Errorf("a run: %v from %q, %v", got.Labels, got.From, err)
	}
	if got, err := w.tree.Read(permit(t), hidden, 0); err != nil || got.Labels != strict || got.Origin != Unknown {
		t.Errorf("%v %v, %v", got.Labels, got.Origin, err)
	}
}
