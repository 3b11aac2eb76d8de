package configfile

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
	"github.com/openclaw-go/openclaw/internal/json5"
)

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestSet(t *testing.T) {
	const text = "{\n  // mine\n  gateway: { port: 1111 }, // keep\n}\n"
	p := home(t, "openclaw.json", text)
	port := json5.Path{json5.Key("gateway"), json5.Key("port")}
	if _, err := Set(p, Options{}, port, "2222"); err != nil {
		t.Fatal(err)
	}
	if got := read(t, p.Config); got != strings.Replace(text, "1111", "2222", 1) {
		t.Errorf("file is\n%s", got)
	}
	if got := read(t, p.Config+BackupSuffix); got != text {
		t.Errorf("backup is\n%s", got)
	}
	for _, path := range []string{p.Config, p.Config + BackupSuffix} {
		if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", path, fi.Mode(), err)
		}
	}
	if _, err := Unset(p, Options{}, port); err != nil {
		t.Fatal(err)
	}
	if v := load(t, p).Config.Gateway.Port; v.Set {
		t.Errorf("port is still %v", v)
	}
	fresh := home(t)
	if _, err := Set(fresh, Options{}, port, "3333"); err != nil {
		t.Fatal(err)
	}
	if v := load(t, fresh).Config.Gateway.Port; v.V != 3333 {
		t.Errorf("a new file has port %v", v)
	}
}

// On an error the file is what it was.
func TestEditRefuses(t *testing.T) {
	boom := errors.New("boom")
	for name, c := range map[string]struct {
		text string
		edit func([]byte) ([]byte, error)
		want string
	}{
		"own error":     {`{}`, func([]byte) ([]byte, error) { return nil, boom }, "boom"},
		"broken result": {`{}`, func([]byte) ([]byte, error) { return []byte(`{ tools: `), nil }, "end of file"},
		"typo in guard": {`{}`, func(b []byte) ([]byte, error) {
			return json5.Set(b, json5.Path{json5.Key("tools"), json5.Key("denny")}, "[]")
		}, `did you mean "deny"?`},
		"bad value": {`{}`, func(b []byte) ([]byte, error) {
			return json5.Set(b, json5.Path{json5.Key("gateway"), json5.Key("bind")}, "'all'")
		}, "gateway.bind"},
		"too large": {`{}`, func(b []byte) ([]byte, error) { return append(b, strings.Repeat(" ", 10<<20)...), nil }, "at most"},
	} {
		p := home(t, "openclaw.json", c.text)
		if _, err := Edit(p, Options{}, c.edit); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if got := read(t, p.Config); got != c.text {
			t.Errorf("%s: the file is now %q", name, got)
		}
	}
	// A file with an error may be mended elsewhere.
	p := home(t, "openclaw.json", `{ gateway: { bind: "all", port: 1 } }`)
	if _, err := Set(p, Options{}, json5.Path{json5.Key("gateway"), json5.Key("port")}, "2"); err != nil {
		t.Errorf("an old error forbids another edit: %v", err)
	}
	p = home(t, "openclaw.json", `{ tools: { $include: "t.json" } }`, "t.json", `{ profile: "full" }`)
	if _, err := Set(p, Options{}, json5.Path{json5.Key("tools"), json5.Key("profile")}, "'minimal'"); !errors.Is(err, ErrIncludes) {
		t.Errorf("a value of an include is set: %v", err)
	}
	p = home(t)
	target := filepath.Join(p.Home, "elsewhere.json")
	put(t, target, `{}`)
	if err := os.Symlink(target, p.Config); err != nil {
		t.Fatal(err)
	}
	if err := WriteAtomic(p.Config, []byte(`{ }`)); !errors.Is(err, atomicfile.ErrNotOurs) || read(t, target) != `{}` {
		t.Errorf("a link is written through: %v", err)
	}
}

func TestEditLocks(t *testing.T) {
	p := home(t, "openclaw.json", `{}`)
	_, err := Edit(p, Options{}, func(b []byte) ([]byte, error) {
		_, inner := Edit(p, Options{}, func(b []byte) ([]byte, error) { return append(b, '\n'), nil })
		var held *atomicfile.HeldError
		if !errors.As(inner, &held) {
			t.Errorf("a second editor got in: %v", inner)
		}
		return b, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Each kind of change is reported, an unchanged content is not; nothing waits
// for a clock but for the report itself.
func TestWatch(t *testing.T) {
	p := home(t, "openclaw.json", `{}`)
	ctx, stop := context.WithCancel(context.Background())
	changes, err := Watch(ctx, p.Config)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"in place", func() error { return os.WriteFile(p.Config, []byte(`{ }`), 0o600) }},
		{"by rename", func() error { return atomicfile.Write(p.Config, []byte(`{  }`)) }},
		{"by rename again", func() error { return atomicfile.Write(p.Config, []byte(`{   }`)) }},
		{"removed", func() error { return os.Remove(p.Config) }},
		{"made anew", func() error { return os.WriteFile(p.Config, []byte(`{}`), 0o600) }},
		{"mode", func() error { return os.Chmod(p.Config, 0o644) }},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		if _, ok := <-changes; !ok {
			t.Fatalf("%s: the watch ended", step.name)
		}
	}
	stop()
	for range changes {
		t.Error("a report of no change")
	}
}

// TestWatchWhatIsNotThere: a file that is missing, with the directories that
// lead to it, is reported when it appears, and when it changes then.
func TestWatchWhatIsNotThere(t *testing.T) {
	p := home(t, "openclaw.json", `{}`)
	ctx, stop := context.WithCancel(context.Background())
	file := filepath.Join(p.State, "not", "yet", "there.json5")
	changes, err := Watch(ctx, p.Config, file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"{}", "{ }"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, ok := <-changes; !ok {
			t.Fatal("the watch ended")
		}
	}
	stop()
	for range changes {
		t.Error("a report of no change")
	}
}

// TestMissingIncludeIsNamed: whoever watches learns what to wait for.
func TestMissingIncludeIsNamed(t *testing.T) {
	p := home(t, "openclaw.json", `{ "$include": ["sub/later.json5"] }`)
	l, err := Load(p, Options{})
	if want := filepath.Join(p.State, "sub", "later.json5"); err != nil || !l.Problems.HasErrors() || !slices.Equal(l.Missing, []string{want}) {
		t.Errorf("%v, %v, missing %q", err, l.Problems, l.Missing)
	}
}
