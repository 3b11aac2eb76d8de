package files

import (
	"fmt"
	"strings"
)

// Bounds of a diff. Beyond maxDiffLines the change is told by its size.
const (
	maxDiffLines = 4000
	diffContext  = 3
)

// Diff is the change from old to replacement as a unified diff for a person.
func (t *Tree) Diff(name string, old, replacement []byte) string {
	return Diff(name, old, replacement)
}

// Diff is the change from old to replacement as a unified diff, "" when there
// is none.
func Diff(name string, old, replacement []byte) string {
	if string(old) == string(replacement) {
		return ""
	}
	a, b := splitLines(string(old)), splitLines(string(replacement))
	head := fmt.Sprintf("--- %s\n+++ %s\n", name, name)
	if len(a) > maxDiffLines || len(b) > maxDiffLines || strings.ContainsRune(string(old), 0) || strings.ContainsRune(string(replacement), 0) {
		return head + fmt.Sprintf("(%d lines, %d bytes before; %d lines, %d bytes after)\n", len(a), len(old), len(b), len(replacement))
	}
	return head + hunks(script(a, b))
}

// splitLines keeps line ends, so that a missing last one shows.
func splitLines(s string) []string {
	if s == "" {
		return nil
	}
	lines := strings.SplitAfter(s, "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// edit is one line of an edit script: ' ' kept, '-' removed, '+' added.
type edit struct {
	op   byte
	line string
}

// script finds a shortest edit script between what the two have not in common
// at their ends; where that would take too much memory, all of the middle is
// replaced.
func script(a, b []string) []edit {
	pre := 0
	for pre < len(a) && pre < len(b) && a[pre] == b[pre] {
		pre++
	}
	post := 0
	for post < len(a)-pre && post < len(b)-pre && a[len(a)-1-post] == b[len(b)-1-post] {
		post++
	}
	var out []edit
	for _, l := range a[:pre] {
		out = append(out, edit{' ', l})
	}
	out = append(out, middle(a[pre:len(a)-post], b[pre:len(b)-post])...)
	for _, l := range a[len(a)-post:] {
		out = append(out, edit{' ', l})
	}
	return out
}

// middle is the longest common subsequence by dynamic programming.
func middle(a, b []string) []edit {
	var out []edit
	if len(a)*len(b) > 4_000_000 {
		for _, l := range a {
			out = append(out, edit{'-', l})
		}
		for _, l := range b {
			out = append(out, edit{'+', l})
		}
		return out
	}
	width := len(b) + 1
	common := make([]int32, (len(a)+1)*width)
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				common[i*width+j] = common[(i+1)*width+j+1] + 1
			} else {
				common[i*width+j] = max(common[(i+1)*width+j], common[i*width+j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			out = append(out, edit{' ', a[i]})
			i, j = i+1, j+1
		case i < len(a) && (j == len(b) || common[(i+1)*width+j] >= common[i*width+j+1]):
			out = append(out, edit{'-', a[i]})
			i++
		default:
			out = append(out, edit{'+', b[j]})
			j++
		}
	}
	return out
}

// hunks prints a script with a few lines of context around each change.
func hunks(edits []edit) string {
	near := make([]bool, len(edits))
	for i, e := range edits {
		if e.op != ' ' {
			for k := max(0, i-diffContext); k <= min(len(edits)-1, i+diffContext); k++ {
				near[k] = true
			}
		}
	}
	var b strings.Builder
	oldLine, newLine := 1, 1
	for i := 0; i < len(edits); {
		if !near[i] {
			oldLine, newLine, i = oldLine+1, newLine+1, i+1
			continue
		}
		end, olds, news := i, 0, 0
		for end < len(edits) && near[end] {
			if edits[end].op != '+' {
				olds++
			}
			if edits[end].op != '-' {
				news++
			}
			end++
		}
		fmt.Fprintf(&b, "@@ -%s +%s @@\n", span(oldLine, olds), span(newLine, news))
		for _, e := range edits[i:end] {
			b.WriteByte(e.op)
			b.WriteString(e.line)
			if !strings.HasSuffix(e.line, "\n") {
				b.WriteString("\n\\ No newline at end of file\n")
			}
		}
		oldLine, newLine, i = oldLine+olds, newLine+news, end
	}
	return b.String()
}

// span is a hunk's place; an empty one names the line before it.
func span(first, n int) string {
	if n == 0 {
		first--
	}
	return fmt.Sprintf("%d,%d", first, n)
}
