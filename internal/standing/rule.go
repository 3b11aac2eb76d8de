// Package standing holds standing answers: rules that let one command run
// again without a question. It makes no rule of a command that carries code,
// reads nothing into an entry that it does not understand, and covers nothing
// by its zero values.
package standing

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/cmdline"
)

// Content is a file at the content that it was judged with.
type Content struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
}

// Run is what is known of a call beside its line: the programs that its words
// mean, and the scripts that they would run.
type Run struct {
	Programs []Content
	Scripts  []Content
}

// Everyone is the agent of an entry that is for all of them.
const Everyone claw.AgentID = "*"

// Rule is one standing answer. Exactly one of Exact and Entry is set; a rule
// with neither covers nothing.
type Rule struct {
	ID    string       `json:"id"`
	Agent claw.AgentID `json:"agent"`
	// Exact is a command that a person was shown.
	Exact *Exact `json:"exact,omitempty"`
	// Entry is a line of the home's own document.
	Entry *Entry `json:"entry,omitempty"`
	// By, At and Approval tell whose answer it is; Until ends it, zero never.
	By       string          `json:"by,omitempty"`
	At       time.Time       `json:"at,omitzero"`
	Until    time.Time       `json:"until,omitzero"`
	Approval claw.ApprovalID `json:"approval,omitempty"`
	// Last is the last use that the document knows of.
	Last Last `json:"-"`
}

// Exact is one simple command to the letter, with everything around it that
// bears on what it does.
type Exact struct {
	// Program is where the command word led. Its hash is empty for a program
	// in a directory that only the system writes.
	Program Content `json:"program"`
	// Argv are the words, the command word as it was written first.
	Argv []string     `json:"argv"`
	Role cmdline.Role `json:"role"`
	// Through are the wrappers around it, outermost first.
	Through []Wrapped `json:"through,omitempty"`
	Cwd     string    `json:"cwd"`
	// Moves are the line's own changes of directory.
	Moves [][]string `json:"moves,omitempty"`
	// Upstream are the commands whose output it reads.
	Upstream [][]string `json:"upstream,omitempty"`
	// Files are its operands as paths, Scripts those whose text it runs.
	Files   []cmdline.FileUse `json:"files,omitempty"`
	Scripts []Content         `json:"scripts,omitempty"`
	// Redirects and Assigns are the most that the line may hold.
	Redirects []cmdline.Redirect   `json:"redirects,omitempty"`
	Assigns   []cmdline.Assignment `json:"assigns,omitempty"`
}

// Wrapped is a program that runs another one as its words say.
type Wrapped struct {
	Program Content  `json:"program"`
	Argv    []string `json:"argv"`
}

// Entry is an allowlist line of the home's own: a program by path or name,
// with any arguments or those that Args matches.
type Entry struct {
	Pattern string `json:"pattern"`
	// Args is an anchored expression over the arguments joined by blanks.
	Args string `json:"args,omitempty"`
}

// For reports whether the rule is for an agent at a time.
func (r *Rule) For(agent claw.AgentID, now time.Time) bool {
	return (r.Agent == agent || r.Agent == Everyone && r.Entry != nil) && (r.Until.IsZero() || now.Before(r.Until))
}

// Covers reports whether the rule answers for the i-th command of a line. It
// answers only the question whether that command may run at all: files,
// destinations, labels and code in the line are judged besides.
func (r *Rule) Covers(line *cmdline.Facts, i int, run Run) bool {
	if line == nil || !line.Understood || i < 0 || i >= len(line.Commands) || len(line.Functions) > 0 {
		return false
	}
	switch {
	case r.Exact != nil:
		return r.Exact.covers(line, i, run) || r.Exact.carries(line, i, run)
	case r.Entry != nil:
		return r.Entry.covers(line, i, run)
	}
	return false
}

func (e *Exact) covers(line *cmdline.Facts, i int, run Run) bool {
	c := &line.Commands[i]
	now, why := exact(line, i, run)
	return why == "" && c.Role == e.Role && line.Cwd == e.Cwd &&
		now.Program == e.Program && slices.Equal(now.Argv, e.Argv) &&
		slices.EqualFunc(now.Through, e.Through, func(a, b Wrapped) bool {
			return a.Program == b.Program && slices.Equal(a.Argv, b.Argv)
		}) &&
		slices.EqualFunc(now.Moves, e.Moves, slices.Equal) && slices.EqualFunc(now.Upstream, e.Upstream, slices.Equal) &&
		slices.EqualFunc(now.Files, e.Files, sameUse) && slices.Equal(now.Scripts, e.Scripts) &&
		within(now.Redirects, e.Redirects, func(a, b cmdline.Redirect) bool { return a.Op == b.Op && sameUse(a.FileUse, b.FileUse) }) &&
		within(now.Assigns, e.Assigns, func(a, b cmdline.Assignment) bool { return a == b })
}

// carries reports whether command i is a wrapper around a command that the
// rule covers, written as it was then.
func (e *Exact) carries(line *cmdline.Facts, i int, run Run) bool {
	for k := i + 1; k < len(line.Commands) && len(e.Through) > 0; k++ {
		if wraps(line, i, k) && e.covers(line, k, run) {
			return true
		}
	}
	return false
}

func sameUse(a, b cmdline.FileUse) bool {
	return a.Access == b.Access && a.Glob == b.Glob && slices.Equal(a.Paths, b.Paths)
}

// within reports whether everything in some is in all.
func within[T any](some, all []T, same func(a, b T) bool) bool {
	for _, s := range some {
		if !slices.ContainsFunc(all, func(a T) bool { return same(s, a) }) {
			return false
		}
	}
	return true
}

func (e *Entry) covers(line *cmdline.Facts, i int, run Run) bool {
	c := &line.Commands[i]
	if len(line.Redirects) > 0 || len(c.Via) > 0 || c.Role != cmdline.RoleList && c.Role != cmdline.RolePipe {
		return false
	}
	argv, ok := words(c)
	if !ok || len(c.Scripts) > 0 {
		return false
	}
	p, why := found(argv[0], run)
	if why != "" {
		return false
	}
	if strings.Contains(e.Pattern, "/") {
		if p.Path != e.Pattern {
			return false
		}
	} else if argv[0] != e.Pattern || !system(p.Path) {
		return false
	}
	if e.Args == "" {
		return true
	}
	re, err := regexp.Compile(e.Args)
	// A blank within an argument could make two of one.
	return err == nil && !slices.ContainsFunc(argv[1:], func(a string) bool { return a == "" || strings.ContainsAny(a, " \t\r\n") }) &&
		re.MatchString(strings.Join(argv[1:], " "))
}

// system reports whether a path lies where only the system puts programs.
func system(p string) bool {
	switch path.Dir(p) {
	case "/bin", "/usr/bin", "/sbin", "/usr/sbin":
		return true
	}
	return false
}

// words of a command, all of them written out.
func words(c *cmdline.Command) ([]string, bool) {
	out := make([]string, 0, len(c.Argv))
	for i := range c.Argv {
		w := &c.Argv[i]
		if !w.Known || w.Glob || w.Stream || len(w.Alts) > 0 {
			return nil, false
		}
		out = append(out, w.Text)
	}
	return out, len(out) > 0 && out[0] != ""
}

// found is the program that a command word led to. Where several share a name
// nobody can tell which of them is meant.
func found(word string, run Run) (Content, string) {
	var out Content
	for _, p := range run.Programs {
		if p.Path != word && (strings.Contains(word, "/") || path.Base(p.Path) != word) {
			continue
		}
		if out.Path != "" {
			return Content{}, fmt.Sprintf("%q could be either of two programs", word)
		}
		out = p
	}
	if out.Path == "" || out.SHA256 == "" {
		return Content{}, fmt.Sprintf("the program %q was not found", word)
	}
	if system(out.Path) {
		out.SHA256 = ""
	}
	return out, ""
}
