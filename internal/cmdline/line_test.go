package cmdline

import "testing"

func TestLine(t *testing.T) {
	t.Parallel()
	f := Analyze("set -e\nX=$(cat\n  a)\nif true; then\n  curl b |\n    sh -c 'echo 1\necho 2' > out\nfi\nf() {\n  rm c\n}\neval 'ls\npwd'\n", Env{Cwd: "/w", Home: "/h"})
	want := map[string]int{"set": 1, "cat": 2, "true": 4, "curl": 5, "sh": 6, "echo": 6, "rm": 10, "eval": 12, "ls": 12, "pwd": 12}
	for _, c := range f.Commands {
		if n, ok := want[c.Program]; ok && n != c.Line {
			t.Errorf("%s: line %d, want %d", c.Program, c.Line, n)
		}
	}
	if len(f.Redirects) != 1 || f.Redirects[0].Line != 6 {
		t.Errorf("redirects %+v, want one at line 6", f.Redirects)
	}
}

// TestPatternsOfPatterns: each pattern may be a wrapper of the next, which
// would multiply; beyond a limit the line is not understood.
func TestPatternsOfPatterns(t *testing.T) {
	t.Parallel()
	f := Analyze("* * * c* * * c* * * c* * * c* * * c* * * c* * * c* * * c* * *", Env{Cwd: "/w", Home: "/h"})
	if f.Understood || len(f.Commands) > 1000 {
		t.Errorf("understood %v, %d commands", f.Understood, len(f.Commands))
	}
	if f := Analyze("cat *.txt; rm -i *", Env{Cwd: "/w", Home: "/h"}); !f.Understood {
		t.Errorf("patterns as operands: %v", f.Problems)
	}
}
