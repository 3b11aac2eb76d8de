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
	if _, err := undoLast(t, p); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(p.Config); string(b) != loose || modeOf(t, p.Config) != 0o644 {
		t.Fatalf("%s, %o", b, modeOf(t, p.Config))
	}
	if _, err := Last(p); !errors.Is(err, ErrNothing) {
		t.Errorf("a second undo: %v", err)
	}
	past, err := Past(p)
	if err != nil || len(past) != 1 || !past[0].Undone {
		t.Fatalf("%+v, %v", past, err)
	}
	for _, id := range []string{past[0].ID, "../../x", "", "x"} {
		if _, err := Undo(p, configfile.Options{}, id, ""); !errors.Is(err, ErrNothing) {
			t.Errorf("undo of %q: %v", id, err)
		}
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
	done, err := undoLast(t, p)
	if err != nil || len(done) != 1 || done[0].OK || !strings.Contains(done[0].Err, "changed since") {
		t.Fatalf("%+v, %v", done, err)
	}
	if b, _ := os.ReadFile(p.Config); string(b) != "{ /* newer */ }\n" {
		t.Errorf("%s", b)
	}
}

func undoLast(t *testing.T, p configfile.Paths) ([]Done, error) {
	t.Helper()
	f, err := Last(p)
	if err != nil {
		t.Fatal(err)
	}
	u, err := Undo(p, configfile.Options{}, f.ID, "")
	return u.Done, err
}

// Of a configuration that somebody edited since, only what the fix changed
// goes back; of two fixes either can be taken back first.
func TestUndoOneOfSeveral(t *testing.T) {
	p, _ := home(t)
	put(t, p.Config, "{ logging: { redactSensitive: \"off\" }, channels: { telegram: { groupPolicy: \"open\" } } }\n", 0o600)
	group := audit.Change{Check: "channels.telegram.groups.open", Kind: audit.Set, Key: "channels.telegram.groupPolicy", From: `"open"`, To: `"allowlist"`}
	for i, c := range []audit.Change{redact, group} {
		if done, err := Apply(p, configfile.Options{}, []audit.Change{c}, at(i)); err != nil || !done[0].OK {
			t.Fatal(done, err)
		}
	}
	past, err := Past(p)
	if err != nil || len(past) != 2 || past[0].Changes[0].Key != group.Key {
		t.Fatalf("%+v, %v", past, err)
	}
	b, err := os.ReadFile(p.Config)
	if err != nil {
		t.Fatal(err)
	}
	if u, err := Undo(p, configfile.Options{}, past[1].ID, hash([]byte("another file"))); err != nil || u.Done[0].OK || u.Config != "" {
		t.Fatalf("undone from another file than was shown: %+v, %v", u, err)
	}
	u, err := Undo(p, configfile.Options{}, past[1].ID, hash(b))
	if err != nil || !u.Done[0].OK {
		t.Fatalf("%+v, %v", u, err)
	}
	if b, err = os.ReadFile(p.Config); err != nil || string(b) != "{ logging: { redactSensitive: \"off\" }, channels: { telegram: { groupPolicy: \"allowlist\" } } }\n" || u.Config != "" {
		t.Fatalf("%s, %v", b, err)
	}
	if f, err := Last(p); err != nil || f.ID != past[0].ID {
		t.Errorf("%+v, %v", f, err)
	}
	if _, err := Apply(p, configfile.Options{}, []audit.Change{redact}, at(9)); err != nil {
		t.Fatal(err)
	}
	if f, err := Last(p); err != nil || f.ID == past[0].ID {
		t.Errorf("%+v, %v", f, err)
	} else if u, err := Undo(p, configfile.Options{}, f.ID, ""); err != nil || u.Config != hash(b) {
		t.Errorf("%+v, %v: the text before was %s", u, err, b)
	}
}

// An undo that failed in part can be made again, and ends.
func TestUndoAgain(t *testing.T) {
	p, dir := home(t)
	other := filepath.Join(dir, "other")
	put(t, other, "x", 0o644)
	if _, err := Apply(p, configfile.Options{}, []audit.Change{chmodOf(other, 0o644, 0o600), redact}, at(1)); err != nil {
		t.Fatal(err)
	}
	fixed, err := os.ReadFile(p.Config)
	if err != nil {
		t.Fatal(err)
	}
	put(t, p.Config, "{}", 0o600)
	if done, err := undoLast(t, p); err != nil || !done[0].OK || done[1].OK {
		t.Fatalf("%+v, %v", done, err)
	}
	put(t, p.Config, string(fixed), 0o600)
	if done, err := undoLast(t, p); err != nil || !done[0].OK || !done[1].OK {
		t.Fatalf("%+v, %v", done, err)
	}
	if _, err := Last(p); !errors.Is(err, ErrNothing) {
		t.Error(err)
	}
}

// Records hold the configuration as it was: after their time they go.
func TestRecordsAreForgotten(t *testing.T) {
	p, _ := home(t)
	if _, err := Apply(p, configfile.Options{}, []audit.Change{redact}, at(1)); err != nil {
		t.Fatal(err)
	}
	back := reversed(redact)
	if _, err := Apply(p, configfile.Options{}, []audit.Change{back}, at(1).Add(Kept+time.Second)); err != nil {
		t.Fatal(err)
	}
	if past, err := Past(p); err != nil || len(past) != 1 || past[0].Changes[0].To != back.To {
		t.Errorf("%+v, %v", past, err)
	}
}

// What a home says stays on its line of a diff.
func TestDiffLines(t *testing.T) {
	lines := Lines([]audit.Change{chmodOf("/h/a\n+ 0600 /h/forged", 0o644, 0o600), redact}, func(s string) string { return strings.ReplaceAll(s, "secret", "*") })
	text := Text(lines, func(s string) string { return strings.ReplaceAll(s, "\n", `\n`) })
	want := "- 0644 /h/a\\n+ 0600 /h/forged\n+ 0600 /h/a\\n+ 0600 /h/forged\n- logging.redactSensitive: \"off\"\n+ logging.redactSensitive: \"tools\"\n"
	if text != want {
		t.Errorf("%q, expected %q", text, want)
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
