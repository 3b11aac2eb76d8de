package app

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/filter"
)

func openLog(t testing.TB, text string) (l *Log, file string, console *bytes.Buffer) {
	t.Helper()
	dir := t.TempDir()
	p := configfile.Paths{Home: dir, State: filepath.Join(dir, ".openclaw"), Logs: filepath.Join(dir, ".openclaw", "logs")}
	c, ps := config.ParseBytes("openclaw.json", []byte(text), nil)
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	console = &bytes.Buffer{}
	l, err := NewLog(p, c, console)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l, LogFile(p, c), console
}

func lines(t testing.TB, file string) []map[string]any {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]any
	for _, l := range strings.Split(strings.TrimSuffix(string(b), "\n"), "\n") {
		var m map[string]any
		if err := json.Unmarshal([]byte(l), &m); err != nil {
			t.Fatalf("%v: %.200q", err, l)
		}
		out = append(out, m)
	}
	return out
}

// The guide's block, with its own words.
func TestLogIsWhatTheGuideSays(t *testing.T) {
	l, file, console := openLog(t, `{ "logging": { "level": "info", "redactSensitive": "tools",
		"file": { "enabled": true, "path": "~/.openclaw/logs/gateway.log", "maxSize": "50M", "maxFiles": 10 } } }`)
	if l.file.max != 50<<20 || l.file.keep != 9 || !strings.HasSuffix(file, filepath.Join(".openclaw", "logs", "gateway.log")) {
		t.Errorf("%d bytes, %d beside it, %s", l.file.max, l.file.keep, file)
	}
	l.Debug("not this")
	l.Info("turn", "run", "r1", "session", "agent:main:main")
	l.Error("it broke", "error", errors.New("disk full"))
	got := lines(t, file)
	if len(got) != 2 || got[0]["message"] != "turn" || got[0]["level"] != "info" || got[0]["run"] != "r1" || got[1]["level"] != "error" || got[1]["error"] != "disk full" || got[0]["time"] == "" {
		t.Errorf("%v", got)
	}
	if s := console.String(); strings.Contains(s, "turn") || !strings.Contains(s, `error="disk full"`) {
		t.Errorf("%q", s)
	}
	fi, err := os.Stat(file)
	if err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", fi.Mode(), err)
	}
	if fi, err := os.Stat(filepath.Dir(file)); err != nil || fi.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", fi.Mode(), err)
	}
}

func TestLogLevels(t *testing.T) {
	for level, want := range map[string]int{"debug": 4, "info": 3, "warn": 2, "error": 1, "silent": 1} {
		l, file, _ := openLog(t, `{ logging: { level: "`+level+`", consoleLevel: "silent" } }`)
		l.Debug("x")
		l.Info("x")
		l.Warn("x")
		l.Error("x")
		if got := len(lines(t, file)); got != want {
			t.Errorf("%s: %d lines", level, got)
		}
	}
}

// secretLike marshals as something else than it prints.
type secretLike struct{ V string }

func (secretLike) String() string { return "[redacted]" }

func TestLogMasks(t *testing.T) {
	l, file, console := openLog(t, `{}`)
	const token = "4f1d8f2b7c6a5e3d9b0c1a2f3e4d5c6b7a8f9e0d"
	red := filter.New(filter.Options{Values: []string{token}})
	get := func() *filter.Redactor { return red }
	l.redact.Store(&get)
	l.Error("with "+token, "a", "x"+token+"y", "b", errors.New("in "+token), "c", []byte(token), "d", secretLike{token}, "e", "Authorization: Bearer "+token)
	b, err := os.ReadFile(file)
	if err != nil || strings.Contains(string(b), token) || strings.Contains(console.String(), token) {
		t.Errorf("%s\n%s", b, console)
	}
	if got := lines(t, file)[0]["d"]; got != "[redacted]" {
		t.Errorf("%v", got)
	}
}

// A line of 100 MB becomes one of bounded length, in bounded time.
func TestLogLineIsBounded(t *testing.T) {
	l, file, console := openLog(t, `{}`)
	huge := strings.Repeat("A very long line. ", 100<<20/18)
	l.Error(huge, "a", huge, "b", errors.New(huge), huge, "key")
	many := make([]any, 0, 4000)
	for range 2000 {
		many = append(many, "k", "v")
	}
	l.Error("many", many...)
	for _, size := range []int{console.Len(), func() int { fi, err := os.Stat(file); _ = err; return int(fi.Size()) }()} {
		if size > 128<<10 {
			t.Errorf("%d bytes", size)
		}
	}
	if got := lines(t, file); len(got) != 2 || !strings.Contains(got[0]["message"].(string), "bytes cut]") {
		t.Errorf("%d lines", len(got))
	}
}

// FuzzLog: whatever a stranger's text holds, it is one line and one object, it
// comes back as it was, and no terminal obeys it.
func FuzzLog(f *testing.F) {
	for _, s := range []string{"a\nlevel=ERROR msg=forged", "\r\n{\"level\":\"error\"}", "\x1b]52;c;aGk=\x07", "\u202egnp.exe", "\u009b31m", "\xff\xfe\x00", "\u2028", "\U000e0041", "\U00010348", `"}{"`, "\x7f"} {
		f.Add(s, s)
	}
	l, file, console := openLog(f, `{}`)
	f.Fuzz(func(t *testing.T, message, value string) {
		if err := os.Truncate(file, 0); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		l.file.size = 0
		console.Reset()
		l.Error(message, "value", value, value, message)
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, out := range []string{string(b), console.String()} {
			if strings.Count(out, "\n") != 1 || filter.LogLine(strings.TrimSuffix(out, "\n")) != strings.TrimSuffix(out, "\n") {
				t.Errorf("%q", out)
			}
		}
		var m map[string]any
		if err := json.Unmarshal(b, &m); err != nil {
			t.Fatalf("%v: %q", err, b)
		}
		if m["level"] != "error" && value != "level" {
			t.Errorf("forged: %q", b)
		}
	})
}
