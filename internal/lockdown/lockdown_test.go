package lockdown

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestStateLasts(t *testing.T) {
	dir := t.TempDir()
	b, err := Open(dir)
	if err != nil || b.State().Mode != Running {
		t.Fatalf("%+v, %v", b.State(), err)
	}
	want := State{Mode: Stopped, Since: time.Unix(1_700_000_000, 0).UTC(), By: "owner", Why: "a strange mail", Items: []Item{{What: "runs", Done: true}}}
	if err := b.Set(want); err != nil {
		t.Fatal(err)
	}
	again, err := Open(dir)
	if err != nil || again.State().Mode != Stopped || again.State().Why != want.Why || len(again.State().Items) != 1 {
		t.Fatalf("%+v, %v", again.State(), err)
	}
	if fi, err := os.Stat(filepath.Join(dir, File)); err != nil || fi.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", fi, err)
	}
	if err := again.Set(State{}); err != nil {
		t.Fatal(err)
	}
	if s, err := Peek(dir); err != nil || s.Mode != Running {
		t.Fatalf("%+v, %v", s, err)
	}
}

// TestUnreadableMeansStopped: nobody starts a home by damaging its note.
func TestUnreadableMeansStopped(t *testing.T) {
	for name, make := range map[string]func(string) error{
		"damaged":      func(p string) error { return os.WriteFile(p, []byte(`{"mode":`), 0o600) },
		"another mode": func(p string) error { return os.WriteFile(p, []byte(`{"mode":"party"}`), 0o600) },
		"a folder":     func(p string) error { return os.Mkdir(p, 0o700) },
		"a link":       func(p string) error { return os.Symlink("/nowhere", p) },
	} {
		dir := t.TempDir()
		if err := make(filepath.Join(dir, File)); err != nil {
			t.Fatal(err)
		}
		b, err := Open(dir)
		if err == nil || b.State().Mode != Stopped {
			t.Errorf("%s: %+v, %v", name, b.State(), err)
		}
	}
}
