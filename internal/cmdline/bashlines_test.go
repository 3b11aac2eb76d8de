package cmdline

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// tokens of lines. Commands are names that no shell knows: bash tells which of
// them it would run.
func tokens4lines() []string {
	return []string{"c1", "c2", "c3", "c4", "c5", "c6", " ", " ", " ", "\n", "\\\n", ";", ";;", "&", "&&", "|", "||", "|&", "!", "#", "(", ")", "{ ", "; }", "$(", ")", "`", "`", "'", `"`, `\`, "$", "${x:-", "}", "${", "x", "x=", "=",
		"<<E", "<<'E'", "<<-E", `<<\E`, `<<"E"`, "<<<", "E", "\nE\n", "\n\tE\n", "<(", ">(", ">", "<", "2>&1", "&>", ">|", ">f", "if ", "; then ", "; else ", "; fi", "for i in 1; do ", "; done", "case 1 in 1) ", ";; esac", "case 1 in ", "1)", ";&",
		"f() ", "f", "function g ", "g", "$((", "))", "((", "[[ ", " ]]", "[", "]", "$'", `\'`, "$\"", "{c1,c2}", "time ", "coproc ", "eval ", "$@", "\t", "-", "+", ":", "1", "@(", "!(", "?", "*", "\\\\", "$[", "<>", "}", "{"}
}

// Every command that bash runs is one that the facts hold.
func TestCommandsAreThoseOfBash(t *testing.T) {
	sh := startBash(t, t.TempDir(), `command_not_found_handle() { printf '%s\0' "$1" >&9; }
PATH=/nonexistent
while IFS= read -r -d "" line; do unset IFS; ( eval "$line"; wait ) 9>&1 >/dev/null 2>&1 </dev/null; printf 'END\0'; done`)
	rapid.Check(t, func(t *rapid.T) {
		line := strings.Join(rapid.SliceOfN(rapid.SampledFrom(tokens4lines()), 1, 14).Draw(t, "tokens"), "")
		f := Analyze(line, place())
		if !f.Understood {
			return
		}
		ran, _ := sh.words(t, line)
		sameCommands(t, line, f, ran)
	})
}

func sameCommands(t *rapid.T, line string, f Facts, ran []string) {
	t.Helper()
	for _, c := range f.Commands {
		if slices.ContainsFunc(c.Argv, func(w Word) bool { return !w.Known || w.Glob }) { // anything may run, and is asked about
			return
		}
	}
	for _, name := range ran {
		if !slices.ContainsFunc(f.Commands, func(c Command) bool { return len(c.Argv) > 0 && c.Argv[0].Text == name }) {
			t.Fatalf("%q: bash runs %q, the facts have %q", line, name, f.Display())
		}
	}
}
