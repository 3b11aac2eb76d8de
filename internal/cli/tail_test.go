package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tailed is a log with who reads it.
type tailed struct {
	t    *testing.T
	path string
	got  []string
}

func (x *tailed) write(lines ...string) {
	x.t.Helper()
	f, err := os.OpenFile(x.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		x.t.Fatal(err)
	}
	if _, err := f.WriteString(strings.Join(lines, "")); err != nil {
		x.t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		x.t.Fatal(err)
	}
}

func (x *tailed) tailer(f logFilter, limit int) tailer {
	return tailer{path: x.path, limit: limit, filter: f, show: func(l []byte, m map[string]any) {
		if m != nil {
			x.got = append(x.got, fmt.Sprint(m["message"]))
		} else {
			x.got = append(x.got, string(l))
		}
	}}
}

func (x *tailed) first(t tailer) int64 {
	x.t.Helper()
	f, err := os.Open(x.path)
	if err != nil {
		x.t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	n, err := t.last(f)
	if err != nil {
		x.t.Fatal(err)
	}
	return n
}

func (x *tailed) expect(want string) {
	x.t.Helper()
	if got := strings.Join(x.got, " "); got != want {
		x.t.Errorf("%q, expected %q", got, want)
	}
	x.got = nil
}

func logLine(level, message, session string) string {
	return fmt.Sprintf(`{"time":"2026-11-24T12:00:00Z","level":%q,"message":%q,"session":%q}`+"\n", level, message, session)
}

func TestLogsFilter(t *testing.T) {
	x := &tailed{t: t, path: filepath.Join(t.TempDir(), "l")}
	x.write("old text\n", logLine("debug", "a", "s1"), logLine("info", "b", "s2"), logLine("warn", "c", "s1"), logLine("error", "d", "s2"), `{"half`)
	for _, c := range []struct {
		f     logFilter
		limit int
		want  string
	}{{logFilter{}, 10, "old text a b c d"}, {logFilter{}, 2, "c d"}, {logFilter{level: "warn"}, 10, "c d"}, {logFilter{session: "s1"}, 10, "a c"}, {logFilter{level: "info", session: "s2"}, 1, "d"}, {logFilter{}, 0, ""}} {
		x.first(x.tailer(c.f, c.limit))
		x.expect(c.want)
	}
	if err := (logFilter{level: "loud"}).check(); err == nil {
		t.Error("a level that is none")
	}
}

// Following goes over the rotation of the file, and past a line that never ends.
func TestLogsFollow(t *testing.T) {
	x := &tailed{t: t, path: filepath.Join(t.TempDir(), "l")}
	x.write(logLine("info", "a", ""))
	tail := x.tailer(logFilter{}, 10)
	at := x.first(tail)
	more := func() {
		t.Helper()
		var err error
		if at, err = tail.more(at); err != nil {
			t.Fatal(err)
		}
	}
	more()
	x.expect("a")
	x.write(logLine("info", "b", ""), `{"message":`)
	more()
	x.expect("b")
	x.write(`"c"}` + "\n")
	more()
	x.expect("c")
	x.write(logLine("info", "d", ""))
	if err := os.Rename(x.path, x.path+".1"); err != nil {
		t.Fatal(err)
	}
	x.write(logLine("info", "e", ""))
	more()
	x.expect("d e")
	x.write(strings.Repeat("x", 3*tailBytes/2))
	more()
	x.write("\n", logLine("info", "f", ""))
	more()
	more()
	if got := strings.Join(x.got, " "); !strings.HasSuffix(got, " f") || len(got) > 2*tailBytes {
		t.Errorf("%d bytes", len(got))
	}
}

func TestLogText(t *testing.T) {
	got := logText(map[string]any{"level": "warn", "message": "it \x1b[31m broke", "session": "agent:main:main", "n": 3.0, "why": "a b"})
	if got != " warn  it \x1b[31m broke n=3 session=agent:main:main why=\"a b\"" {
		t.Errorf("%q", got)
	}
}
