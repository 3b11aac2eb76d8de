package cmdline

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// place is a workspace for analyses that touch no disk.
func place() Env {
	return Env{Home: "/home/claw", Cwd: "/home/claw/workspace", Workspace: "/home/claw/workspace", User: "claw"}
}

// splitter is a bash that splits lines into words.
type splitter struct {
	in  io.Writer
	out *bufio.Reader
}

// startBash starts a bash in dir that answers as long as the test lives.
func startBash(t *testing.T, dir, script string) splitter {
	shell, err := exec.LookPath("bash")
	if err != nil {
		t.Fatal("this test compares with bash, which is not installed")
	}
	cmd := exec.Command(shell, "--noprofile", "--norc", "-c", script)
	cmd.Dir = dir
	cmd.Env = []string{"HOME=/home/claw", "PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8"}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	return splitter{in, bufio.NewReader(out)}
}

// words gives what bash makes of a line; ok is false when it rejects it.
func (s splitter) words(t *rapid.T, line string) (argv []string, ok bool) {
	if _, err := io.WriteString(s.in, line+"\x00"); err != nil {
		t.Fatal(err)
	}
	ok = true
	for {
		w, err := s.out.ReadString(0)
		if err != nil {
			t.Fatal(err)
		}
		switch w = strings.TrimSuffix(w, "\x00"); w {
		case "END":
			return argv, ok
		case "BAD":
			ok = false
		default:
			argv = append(argv, w)
		}
	}
}

// fragments of words, from which quoting and expansion of all kinds grow.
func fragments() []string {
	return []string{"a", "b", "/", "..", ".", "-", "=", "x=", ":", "~", "~+", "~root", "~/", "'", `"`, `\`, "$", "''", `""`, "'a b'", `"a b"`, `"a'b"`, `'a"b'`, `\ `, `\'`, `\"`, `\\`, `\$`, "\\\n",
		"$'a'", `$'\x41'`, `$'\101'`, `$'\u00e9'`, `$'\t'`, `$'\''`, `$'\cA'`, `$'\e'`, `$'a\0b'`, `$"a"`, `"\$"`, `"\a"`, `"\\"`, "\"a\\\nb\"",
		"{a,b}", "{a,'b c'}", "{,a}", "{a}", "{}", "{a,b", "a,b}", `\{a,b}`, `{a\,b,c}`, "{a,{b,c}}", "{1..3}", "{03..1}", "{a..e..2}", "{a..3}", "{1..2..0}", "{-1..1}", "'{a,b}'", `"{1..2}"`, "{1..}", "{..}", "{x..z}{1..2}",
		"$HOME", "${HOME}", `"$HOME"`, "$PWD", `"${PWD}"`, "é", "日", "%s", "!", "#", "^", ",", "@", "+", "]", "}", "*", "?", "[ab]", "[!a]", "[", "[a-c]", "[[:alpha:]]", `\*`, `'*'`, "$HOMEX", "$HOM", "$H", "OME", "E"}
}

func drawWord(t *rapid.T) string {
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom(fragments()), 1, 5).Draw(t, "fragments"), "")
}

// The words of the facts are the words that bash would pass: what is judged is
// what runs.
func TestWordsAreThoseOfBash(t *testing.T) {
	dir := t.TempDir()
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	for _, name := range []string{"a", "b", "ab", "abc", ".a", "a b", "*", "[", "=", "-"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	env := Env{Home: "/home/claw", Cwd: dir, Workspace: dir, User: "claw"}
	shell := startBash(t, dir, `while IFS= read -r -d "" line; do unset IFS; eval "printf '%s\0' $line" 2>/dev/null || printf 'BAD\0'; printf 'END\0'; done`)
	rapid.Check(t, func(t *rapid.T) {
		words := "w " + strings.Join(rapid.SliceOfN(rapid.Custom(drawWord), 1, 3).Draw(t, "words"), " ")
		f := Analyze("printf '%s\\0' "+words, env)
		if !f.Understood || len(f.Commands) != 1 {
			return
		}
		want, ok := shell.words(t, words)
		if !ok {
			return
		}
		compare(t, words, f.Commands[0].Argv[2:], want)
	})
}

// compare matches words with what bash made of them; a pattern stands for one
// or more names.
func compare(t *rapid.T, line string, got []Word, want []string) {
	t.Helper()
	for _, w := range got {
		if !w.Known {
			return
		}
	}
	var match func(got []Word, want []string) bool
	match = func(got []Word, want []string) bool {
		if len(got) == 0 || len(want) == 0 {
			return len(got) == len(want)
		}
		if !got[0].Glob {
			return nobody(got[0].Text) == nobody(want[0]) && match(got[1:], want[1:])
		}
		if nobody(want[0]) == nobody(unescapeGlob(got[0].Text)) && match(got[1:], want[1:]) { // nothing matched: the pattern itself
			return true
		}
		for n := 0; n < len(want) && GlobsMeet(got[0].Text, escapeGlob(want[n])); n++ {
			if match(got[1:], want[n+1:]) {
				return true
			}
		}
		return false
	}
	if !match(got, want) {
		texts := make([]string, 0, len(got))
		for _, w := range got {
			texts = append(texts, w.Text)
		}
		t.Fatalf("%q: bash %q, analysed %q", line, want, texts)
	}
}

// nobody writes homes of users who do not exist here as bash leaves them.
func nobody(s string) string {
	const mine = "/home/claw"
	s = strings.ReplaceAll(s, mine, "\x00")
	return strings.ReplaceAll(strings.ReplaceAll(s, "/home/", "~"), "\x00", mine)
}

func TestBashRunsWhatLooksLikeAPattern(t *testing.T) {
	for _, line := range []string{"!(rm -rf x)", "ls; !(rm -rf x)", "ls @(a|b)", "ls +(a)", "case a in !(b)) ls;; esac"} {
		if f := Analyze(line, place()); f.Understood && !slices.ContainsFunc(f.Commands, func(c Command) bool { return c.Program == "rm" }) {
			t.Errorf("%q is understood: %+v", line, f.Display())
		}
	}
	if f := Analyze("[[ a == @(a|b) ]]", place()); !f.Understood {
		t.Errorf("%v", f.Problems)
	}
}
