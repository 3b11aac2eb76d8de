package configfile

import (
	"os"
	"path/filepath"
	"testing"
)

func TestUnchanged(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := Paths{State: dir, Config: filepath.Join(dir, "openclaw.json")}
	load := func() *Loaded {
		t.Helper()
		l, err := Load(p, Options{})
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	if load().Unchanged() {
		t.Error("no file: another Load may find one")
	}
	write("more.json", `{}`)
	write("openclaw.json", `{$include: "more.json"}`)
	l := load()
	if len(l.Files) != 2 || !l.Unchanged() {
		t.Fatalf("%d files, unchanged %v", len(l.Files), l.Unchanged())
	}
	write("more.json", `{ }`)
	if l.Unchanged() {
		t.Error("what is included changed")
	}
	if l = load(); !l.Unchanged() {
		t.Error("it was loaded anew")
	}
	if err := os.Chmod(p.Config, 0o644); err != nil {
		t.Fatal(err)
	}
	if l.Unchanged() {
		t.Error("the mode changed")
	}
	if l = load(); !l.Unchanged() {
		t.Error("it was loaded anew")
	}
	write("openclaw.json", `{$include: "missing.json"}`)
	if load().Unchanged() {
		t.Error("what is missing may be there now")
	}
	if err := os.Remove(p.Config); err != nil {
		t.Fatal(err)
	}
	if l.Unchanged() {
		t.Error("the file is gone")
	}
}
