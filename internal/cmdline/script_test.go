package cmdline

import (
	"encoding/json"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// corpusLines are the command lines of the exec corpus.
func corpusLines(t testing.TB) []string {
	t.Helper()
	data, err := os.ReadFile("testdata/exec-cases.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for line := range strings.Lines(string(data)) {
		var row struct{ Command string }
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		out = append(out, row.Command)
	}
	return out
}

// everywhere finds each program in one folder.
func everywhere(name string) (string, bool) { return "/opt/bin/" + path.Base(name), true }

// outline is what must be the same when a line is rebuilt.
func outline(f Facts) []string {
	var out []string
	for _, c := range f.Commands {
		words := []string{c.Program}
		for _, w := range c.Argv[min(1, len(c.Argv)):] {
			switch {
			case w.Known && !w.Glob:
				words = append(words, w.Text)
			case w.Glob:
				words = append(words, "glob "+w.Text)
			default:
				words = append(words, "unknown")
			}
		}
		out = append(out, strings.Join(words, "\x00"))
	}
	for _, r := range f.Redirects {
		out = append(out, r.Op+" "+strings.Join(r.Paths, " "))
	}
	return out
}

func sameScript(t interface {
	Helper()
	Fatalf(string, ...any)
}, line string) {
	t.Helper()
	f := Analyze(line, place())
	if !f.Understood || slices.ContainsFunc(f.Commands, func(c Command) bool { return slices.Contains([]string{"/", ".", ".."}, c.Program) }) {
		return
	}
	argv, err := f.Script(everywhere)
	if err != nil || len(argv) == 0 || !strings.HasPrefix(argv[0], "/opt/bin/") {
		if len(f.Commands) > 0 && !strings.Contains(line, "$") { // a lone dollar may meet what is printed after it
			t.Fatalf("%q: %q, %v", line, argv, err)
		}
		return
	}
	if len(argv) != 5 || argv[1] != "--noprofile" {
		words := f.Commands[0].Argv
		for i, w := range words {
			if i > 0 && (argv[i] != w.Text || !w.Known) || len(argv) != len(words) {
				t.Fatalf("%q: runs %q, judged %q", line, argv, f.Display())
			}
		}
		return
	}
	again := Analyze(argv[4], place())
	if !again.Understood {
		t.Fatalf("%q: rebuilt as %q, which is not understood: %v", line, argv[4], again.Problems)
	}
	if was, is := outline(f), outline(again); !slices.Equal(was, is) {
		t.Fatalf("%q: rebuilt as %q\n was %q\n is  %q", line, argv[4], was, is)
	}
}

// What runs is what was judged: the rebuilt text gives the same facts.
func TestScriptKeepsTheFacts(t *testing.T) {
	for _, line := range append(corpusLines(t), "cat a | grep 'it'\\''s' > \"o u t\"", "for f in a 'b c'; do cat \"$f\"; done", "cat <<-E | wc\n\ta $HOME\n\tE",
		"f() { ls \"$@\"; }; f ~/x", "cd src && ls ~ || echo \\$HOME", "case $HOME in /h*) ls;; esac", "ls; # rm\ncat {a,b}", "[[ a == b* ]] && ls [a]", "ls 2>&1 >/dev/null | cat -", "export LC_ALL=C; ls 'a'\"b\"$'\\t'") {
		sameScript(t, line)
	}
	rapid.Check(t, func(t *rapid.T) {
		sep := rapid.SampledFrom([]string{"; w ", " && w ", " | w ", " > ", "\nw ", " < ", " & w "})
		line := "w"
		for range rapid.IntRange(1, 4).Draw(t, "words") {
			line += rapid.SampledFrom([]string{" ", " ", " ", sep.Draw(t, "separator")}).Draw(t, "gap") + drawWord(t)
		}
		sameScript(t, line)
	})
}

func TestScript(t *testing.T) {
	for line, want := range map[string][]string{
		"ls -la 'a b'":           {"/opt/bin/ls", "-la", "a b"},
		"git  commit -m \"a;b\"": {"/opt/bin/git", "commit", "-m", "a;b"},
		"/usr/bin/ls":            {"/opt/bin/ls"},
		"ls # note":              {"/opt/bin/ls"},
		"ls ~/{a,b}":             {"/opt/bin/ls", "/home/claw/a", "/home/claw/b"},
		"ls | wc -l":             {"/opt/bin/bash", "--noprofile", "--norc", "-c", "'/opt/bin/ls' | '/opt/bin/wc' '-l'\n"},
		"cd a && ls":             {"/opt/bin/bash", "--noprofile", "--norc", "-c", "'cd' 'a' && '/opt/bin/ls'\n"},
		"ls *.go":                {"/opt/bin/bash", "--noprofile", "--norc", "-c", "'/opt/bin/ls' *.go\n"},
		"cat a>b":                {"/opt/bin/bash", "--noprofile", "--norc", "-c", "'/opt/bin/cat' 'a' >'b'\n"},
		"ls \"it's\" | cat":      {"/opt/bin/bash", "--noprofile", "--norc", "-c", "'/opt/bin/ls' 'it'\\''s' | '/opt/bin/cat'\n"},
		"ls $X":                  {"/opt/bin/bash", "--noprofile", "--norc", "-c", "'/opt/bin/ls' $X\n"},
	} {
		f := Analyze(line, place())
		got, err := f.Script(func(name string) (string, bool) {
			if name == "cd" {
				return "", false
			}
			return everywhere(name)
		})
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v; want %q", line, got, err, want)
		}
	}
}

func TestScriptRefuses(t *testing.T) {
	none := func(string) (string, bool) { return "", false }
	only := func(names ...string) func(string) (string, bool) {
		return func(n string) (string, bool) { return "/opt/bin/" + n, slices.Contains(names, n) }
	}
	for line, resolve := range map[string]func(string) (string, bool){
		"ls":                  none,
		"ls | wc":             only("ls", "bash"),
		"ls | wc ":            only("ls", "wc"),
		"env rm":              only("env", "bash"),
		"sh -c 'rm x'":        only("sh", "bash"),
		"timeout 5 sh -c nix": only("timeout", "sh", "bash"),
		"":                    everywhere,
		"# nothing":           everywhere,
		"ls '":                everywhere,
	} {
		f := Analyze(line, place())
		if argv, err := f.Script(resolve); err == nil {
			t.Errorf("%q gives %q", line, argv)
		}
	}
	if _, err := (Facts{Understood: true}).Script(everywhere); err == nil {
		t.Error("facts of no line give a script")
	}
}

func TestLaunchFiles(t *testing.T) {
	env := place()
	env.Cwd += "/a"
	for line, want := range map[string]string{
		"npm test":              "/home/claw/workspace/a/package.json",
		"npm run x | cat":       "/home/claw/workspace/package.json",
		"timeout 5 npm test":    "/home/claw/workspace/.npmrc",
		"git status":            "/home/claw/workspace/.git/config",
		"make":                  "/home/claw/workspace/a/Makefile",
		"sh -c 'pytest -q'":     "/home/claw/workspace/a/conftest.py",
		"find . -exec make \\;": "/home/claw/workspace/a/GNUmakefile",
	} {
		if got := LaunchFiles(Analyze(line, env)); !slices.Contains(got, want) {
			t.Errorf("%q: %q lacks %q", line, got, want)
		}
	}
	if got := LaunchFiles(Analyze("ls; cat a", env)); len(got) > 0 {
		t.Errorf("ls launches from %q", got)
	}
	env.Cwd = "/elsewhere/x"
	if got := LaunchFiles(Analyze("make", env)); slices.Contains(got, "/elsewhere/Makefile") || !slices.Contains(got, "/elsewhere/x/Makefile") {
		t.Errorf("outside the workspace: %q", got)
	}
}
