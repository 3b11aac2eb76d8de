package remedy

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/audit"
	"github.com/openclaw-go/openclaw/internal/configfile"
)

const loose = "{\n  // mine\n  logging: { redactSensitive: \"off\" },\n}\n"

func home(t *testing.T) (configfile.Paths, string) {
	t.Helper()
	dir := t.TempDir()
	p, err := configfile.ResolvePaths(configfile.Env{Getenv: func(name string) string {
		return map[string]string{configfile.EnvHome: dir}[name]
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(p.State, 0o700); err != nil {
		t.Fatal(err)
	}
	put(t, p.Config, loose, 0o644)
	return p, dir
}

func put(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func modeOf(t *testing.T, path string) os.FileMode {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}

func chmodOf(path string, was, mode uint32) audit.Change {
	return audit.Change{Check: "fs.config.perms_world_readable", Kind: audit.Chmod, Path: path, Was: was, Mode: mode, UID: os.Getuid()}
}

var redact = audit.Change{Check: "logging.redact_off", Kind: audit.Set, Key: "logging.redactSensitive", From: `"off"`, To: `"tools"`}

func at(n int) time.Time { return time.Date(2027, 1, 1, 0, 0, n, 0, time.UTC) }

func TestApplyAndUndo(t *testing.T) {
	p, _ := home(t)
	done, err := Apply(p, configfile.Options{}, []audit.Change{chmodOf(p.Config, 0o644, 0o600), redact}, at(1))
	if err != nil || len(done) != 2 || !done[0].OK || !done[1].OK {
		t.Fatalf("%+v, %v", done, err)
	}
	b, err := os.ReadFile(p.Config)
	if err != nil || !strings.Contains(string(b), `redactSensitive: "tools"`) || !strings.Contains(string(b), "// mine") || modeOf(t, p.Config) != 0o600 {
		t.Fatalf("%s, %o, %v", b, modeOf(t, p.Config), err)
	}
	if _, err := Undo(p); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(p.Config); string(b) != loose || modeOf(t, p.Config) != 0o644 {
		t.Fatalf("%s, %o", b, modeOf(t, p.Config))
	}
	if _, err := Undo(p); !errors.Is(err, ErrNothing) {
		t.Errorf("a second undo: %v", err)
	}
}

// Nothing is granted, no link is followed, and a file that is no longer what
// the audit saw stays as it is.
func TestApplyRefuses(t *testing.T) {
	p, dir := home(t)
	other := filepath.Join(dir, "other")
	put(t, other, "x", 0o644)
	link := filepath.Join(p.State, "link")
	if err := os.Symlink(other, link); err != nil {
		t.Fatal(err)
	}
	foreign := chmodOf(other, 0o644, 0o600)
	foreign.UID++
	moved := redact
	moved.From = `"tools"`
	for what, c := range map[string]audit.Change{
		"a right would be granted":  chmodOf(other, 0o644, 0o666),
		"the path is a link":        chmodOf(link, 0o644, 0o600),
		"the mode changed":          chmodOf(other, 0o640, 0o600),
		"the owner changed":         foreign,
		"the file is gone":          chmodOf(filepath.Join(dir, "gone"), 0o644, 0o600),
		"the key is something else": moved,
	} {
		done, err := Apply(p, configfile.Options{}, []audit.Change{c}, at(2))
		if err != nil || len(done) != 1 || done[0].OK || done[0].Err == "" {
			t.Errorf("%s: %+v, %v", what, done, err)
		}
	}
	if modeOf(t, other) != 0o644 || modeOf(t, p.Config) != 0o644 {
		t.Error("a mode changed all the same")
	}
	if b, _ := os.ReadFile(p.Config); string(b) != loose {
		t.Error("the configuration changed all the same")
	}
}

// A configuration that somebody edited since is not overwritten; its text from
// before stays in the record.
func TestUndoKeepsLaterEdits(t *testing.T) {
	p, _ := home(t)
	if _, err := Apply(p, configfile.Options{}, []audit.Change{redact}, at(3)); err != nil {
		t.Fatal(err)
	}
	put(t, p.Config, "{ /* newer */ }\n", 0o600)
	done, err := Undo(p)
	if err != nil || len(done) != 1 || done[0].OK || !strings.Contains(done[0].Err, "changed since") {
		t.Fatalf("%+v, %v", done, err)
	}
	if b, _ := os.ReadFile(p.Config); string(b) != "{ /* newer */ }\n" {
		t.Errorf("%s", b)
	}
}

// The record is there before anything changes: without it nothing does.
func TestNoRecordNoChange(t *testing.T) {
	p, _ := home(t)
	put(t, filepath.Join(p.State, "security-reports"), "in the way", 0o600)
	if _, err := Apply(p, configfile.Options{}, []audit.Change{chmodOf(p.Config, 0o644, 0o600)}, at(4)); err == nil {
		t.Error("a change without a record")
	}
	if modeOf(t, p.Config) != 0o644 {
		t.Error("the mode changed without a record")
	}
}
