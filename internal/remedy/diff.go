package remedy

import (
	"fmt"
	"strings"

	"github.com/openclaw-go/openclaw/internal/audit"
)

// Line is one line of a diff. Text comes from the home: whoever shows it
// escapes it, a newline in a file's name included.
type Line struct {
	// Op is "-" before, "+" after, " " for the file that follows.
	Op   string `json:"op"`
	Text string `json:"text"`
}

// Lines show what changes would do, before and after. mask hides credentials;
// nil leaves the text.
func Lines(changes []audit.Change, mask func(string) string) []Line {
	out := []Line{}
	add := func(op, format string, args ...any) {
		text := fmt.Sprintf(format, args...)
		if mask != nil {
			text = mask(text)
		}
		out = append(out, Line{op, text})
	}
	file := ""
	for _, c := range changes {
		switch c.Kind {
		case audit.Chmod:
			add("-", "%04o %s", c.Was, c.Path)
			add("+", "%04o %s", c.Mode, c.Path)
		case audit.Set:
			if file != c.Path {
				file = c.Path
				add(" ", "%s", c.Path)
			}
			add("-", "%s: %s", c.Key, c.From)
			add("+", "%s: %s", c.Key, c.To)
		}
	}
	return out
}

// Text joins the lines of a diff; escape makes one line safe to show.
func Text(lines []Line, escape func(string) string) string {
	var b strings.Builder
	for _, l := range lines {
		fmt.Fprintf(&b, "%s %s\n", l.Op, escape(l.Text))
	}
	return b.String()
}

// Reversed are the changes that take these back, those that were made.
func Reversed(done []Done) []audit.Change {
	var out []audit.Change
	for _, d := range done {
		if d.OK {
			out = append(out, reversed(d.Change))
		}
	}
	return out
}

func reversed(c audit.Change) audit.Change {
	c.Was, c.Mode = c.Mode, c.Was
	c.From, c.To = c.To, c.From
	return c
}
