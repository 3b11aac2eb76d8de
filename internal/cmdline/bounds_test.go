package cmdline

import (
	"slices"
	"strings"
	"testing"
)

// hostile are short lines of which each part bears on all others: words that
// may be any program, which may carry the rest, which may be a file that the
// line wrote.
func hostile() []string {
	return []string{
		strings.Repeat("* * c* ", 50), strings.Repeat("c* * ", 70), strings.Repeat("* ", 180), strings.Repeat("e* * > c* ", 37),
		strings.Repeat("* -c '* * c*' ", 25), strings.Repeat("* > * ", 60), strings.Repeat("$x * c* ", 40),
	}
}

// TestWorkIsBounded: such a line is given up, as not understood, and nothing
// of a gateway waits for it.
func TestWorkIsBounded(t *testing.T) {
	for _, line := range hostile() {
		f := Analyze(line, Env{Home: "/h", Cwd: "/w", Workspace: "/w"})
		if f.Understood || !slices.ContainsFunc(f.Problems, func(p Problem) bool { return p.Kind == ProblemLimit }) {
			t.Errorf("%.40q… is understood", line)
		}
	}
}

// A long line of plain commands is no such line.
func TestLongLinesAreAnalysed(t *testing.T) {
	for _, line := range []string{
		strings.Repeat("cp a.txt b.txt && cat b.txt > c.txt; ", 400), strings.Repeat("wc -l src/*.go; ", 1000), "ls " + strings.Repeat("src/*.go ", 3000),
		strings.Repeat("echo x > out-$(date +%s).txt; cat *.txt; ", 100),
	} {
		f := Analyze(line, Env{Home: "/h", Cwd: "/w", Workspace: "/w"})
		if slices.ContainsFunc(f.Problems, func(p Problem) bool { return p.Kind == ProblemLimit }) {
			t.Errorf("%.40q… is given up: %v", line, f.Problems)
		}
	}
}

// BenchmarkHostile is the worst that a short line costs.
func BenchmarkHostile(b *testing.B) {
	for _, line := range hostile() {
		b.Run(line[:8], func(b *testing.B) {
			for b.Loop() {
				Analyze(line, Env{Home: "/h", Cwd: "/w", Workspace: "/w"})
			}
		})
	}
}
