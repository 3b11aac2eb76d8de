package standing

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/cmdline"
)

// Of makes the narrowest rules that cover the commands of a line that miss
// says are on no list. Why is set when any of them must not have a rule; then
// there are none.
func Of(agent claw.AgentID, line *cmdline.Facts, miss []int, run Run) (rules []Rule, why string) {
	switch {
	case line == nil || !line.Understood:
		return nil, "the command line is not fully understood"
	case len(line.Functions) > 0:
		return nil, "the line defines functions"
	case len(miss) == 0:
		return nil, "no command of this line needs a rule"
	}
	for _, i := range miss {
		if carriesAny(line, i) && transparent(line.Commands[i].Program) {
			continue // goes with the command inside
		}
		e, why := exact(line, i, run)
		if why != "" {
			return nil, why
		}
		rules = append(rules, Rule{Agent: agent, Exact: &e})
	}
	for _, i := range miss {
		if !slices.ContainsFunc(rules, func(r Rule) bool { return r.Covers(line, i, run) }) {
			return nil, fmt.Sprintf("a rule would not cover %q", line.Commands[i].Program)
		}
	}
	return rules, ""
}

// exact is command i to the letter, or why there can be no rule for it.
func exact(line *cmdline.Facts, i int, run Run) (e Exact, why string) {
	c := &line.Commands[i]
	argv, ok := words(c)
	switch {
	case !ok:
		return e, "a word of the command is known only at run time"
	case len(c.Inline) > 0:
		return e, fmt.Sprintf("%s carries code: %s", argv[0], c.Inline[0])
	case len(c.Unchecked) > 0:
		return e, "known only at run time: " + c.Unchecked[0]
	case c.Text.Origin != cmdline.OriginNone && c.Text.Origin != cmdline.OriginFile:
		return e, argv[0] + " runs text that is in no file"
	case c.Redefines != "" || len(c.RawDisk) > 0:
		return e, argv[0] + " changes what other commands mean or writes a raw disk"
	case !bound(c):
		return e, argv[0] + " reads text that is written in the line"
	}
	if why := kind(line, i, argv[0]); why != "" {
		return e, why
	}
	e = Exact{Argv: argv, Role: c.Role, Cwd: line.Cwd, Files: c.Files, Redirects: line.Redirects, Assigns: line.Assigns}
	if e.Program, why = found(argv[0], run); why != "" {
		return e, why
	}
	if e.Scripts, why = scripts(c, run); why != "" {
		return e, why
	}
	if e.Through, why = through(line, i, run); why != "" {
		return e, why
	}
	for k := range line.Commands {
		if moves(line.Commands[k].Program) {
			w, ok := words(&line.Commands[k])
			if !ok {
				return e, "the line changes to a directory that is known only at run time"
			}
			e.Moves = append(e.Moves, w)
		}
	}
	for _, k := range c.Upstream {
		if k < 0 || k >= len(line.Commands) {
			return e, "it is not known what the command reads"
		}
		up := &line.Commands[k]
		w, ok := words(up)
		if !ok || !bound(up) {
			return e, argv[0] + " reads text that is known only at run time or is written in the line"
		}
		e.Upstream = append(e.Upstream, w)
	}
	for _, r := range line.Redirects {
		if r.Unknown || r.Glob {
			return e, "the target of a redirection is known only at run time"
		}
	}
	return e, ""
}

// bound reports whether what a command reads is named by files or by the
// commands before it. Text of the line itself is in no fact.
func bound(c *cmdline.Command) bool {
	switch c.Input.Origin {
	case cmdline.OriginNone, cmdline.OriginFile:
		return true
	case cmdline.OriginOutput, cmdline.OriginDownload:
		return len(c.Upstream) > 0
	case cmdline.OriginConstant, cmdline.OriginUnknown:
	}
	return false
}

// kind refuses programs of which a rule would say nothing.
func kind(line *cmdline.Facts, i int, word string) string {
	c := &line.Commands[i]
	switch cmdline.KindOf(word) {
	case cmdline.Shell, cmdline.Interpreter:
		// A text program such as sed says all that it does in its words.
		if len(c.Scripts) == 0 && !slices.Contains(textual[:], path.Base(word)) {
			return word + " is a shell or interpreter and no script is named"
		}
	case cmdline.Carrier:
		if carriesAny(line, i) || !slices.Contains(quiet[:], path.Base(word)) {
			return word + " runs other programs"
		}
	case cmdline.Plain:
	}
	return ""
}

// textual are interpreters whose words hold the whole program; what runs or
// writes from there is refused as code.
var textual = [...]string{"sed", "awk", "gawk", "mawk", "nawk"}

// quiet are programs that run others only when their words say so, or from
// configuration that is asked about by its content.
var quiet = [...]string{"find", "make", "npm", "pnpm", "yarn"}

// transparent wrappers change nothing of what the program inside can do.
func transparent(program string) bool {
	return slices.Contains([]string{"timeout", "nice", "nohup", "stdbuf", "flock", "time", "ionice", "env"}, program)
}

func moves(program string) bool {
	return slices.Contains([]string{"cd", "pushd", "popd"}, program)
}

// wraps reports whether command i is a wrapper around command k.
func wraps(line *cmdline.Facts, i, k int) bool {
	outer, inner := &line.Commands[i], &line.Commands[k]
	if k <= i || !slices.Contains(inner.Via, outer.Program) || len(inner.Argv) >= len(outer.Argv) {
		return false
	}
	tail := outer.Argv[len(outer.Argv)-len(inner.Argv):]
	return slices.EqualFunc(tail, inner.Argv, func(a, b cmdline.Word) bool { return a.Known && b.Known && a.Text == b.Text })
}

// carriesAny reports whether any command runs inside command i.
func carriesAny(line *cmdline.Facts, i int) bool {
	for k := i + 1; k < len(line.Commands); k++ {
		if slices.Contains(line.Commands[k].Via, line.Commands[i].Program) {
			return true
		}
	}
	return false
}

// through are the wrappers around command i, all of which must be known.
func through(line *cmdline.Facts, i int, run Run) ([]Wrapped, string) {
	via := line.Commands[i].Via
	var out []Wrapped
	for k := range i {
		if !wraps(line, k, i) {
			continue
		}
		w := &line.Commands[k]
		argv, ok := words(w)
		if !ok || len(w.Inline) > 0 || !transparent(w.Program) {
			return nil, w.Program + " runs other programs"
		}
		p, why := found(argv[0], run)
		if why != "" {
			return nil, why
		}
		out = append(out, Wrapped{Program: p, Argv: argv})
	}
	if len(out) != len(via) {
		return nil, strings.Join(via, ", ") + " runs other programs"
	}
	return out, ""
}

// scripts are the files whose text a command runs, each at its content.
func scripts(c *cmdline.Command, run Run) ([]Content, string) {
	var out []Content
	for _, s := range c.Scripts {
		if s.Glob {
			return nil, "the script is known only at run time"
		}
		for _, p := range s.Paths {
			i := slices.IndexFunc(run.Scripts, func(x Content) bool { return x.Path == p })
			if i < 0 || run.Scripts[i].SHA256 == "" {
				return nil, fmt.Sprintf("the content of the script %q could not be pinned", s.Text)
			}
			out = append(out, run.Scripts[i])
		}
	}
	return out, ""
}

// Text says what a rule lets run, one line for each part of it.
func (r *Rule) Text() []string {
	who := "agent " + string(r.Agent)
	if r.Agent == Everyone {
		who = "every agent"
	}
	switch {
	case r.Entry != nil:
		args := "with any arguments"
		if r.Entry.Args != "" {
			args = "with arguments that match " + r.Entry.Args
		}
		return []string{who + " may run " + cmdline.Visible(r.Entry.Pattern) + " " + args}
	case r.Exact == nil:
		return []string{"nothing"}
	}
	e := r.Exact
	out := []string{who + " may run exactly: " + Quoted(e.Argv), "program " + e.Program.String(), "in " + cmdline.Visible(e.Cwd)}
	for _, w := range e.Through {
		out = append(out, "through "+Quoted(w.Argv[:len(w.Argv)-len(e.Argv)]))
	}
	for _, m := range e.Moves {
		out = append(out, "after "+Quoted(m))
	}
	for _, u := range e.Upstream {
		out = append(out, "fed by "+Quoted(u))
	}
	for _, s := range e.Scripts {
		out = append(out, "script "+s.String())
	}
	for _, d := range e.Redirects {
		out = append(out, "redirection "+d.Op+" "+d.Text)
	}
	for _, a := range e.Assigns {
		out = append(out, "variable "+cmdline.Visible(a.Name)+"="+cmdline.Visible(a.Value))
	}
	if !r.Until.IsZero() {
		out = append(out, "until "+r.Until.UTC().Format("2006-01-02 15:04 MST"))
	}
	return out
}

func (c Content) String() string {
	if c.SHA256 == "" {
		return cmdline.Visible(c.Path)
	}
	return cmdline.Visible(c.Path) + " at content sha256:" + c.SHA256
}

// Quoted writes words so that each can be told apart, escaped for display.
func Quoted(argv []string) string {
	out := make([]string, len(argv))
	for i, a := range argv {
		a = cmdline.Visible(a)
		if a == "" || strings.ContainsAny(a, " \t\n'\"\\$`;&|<>()*?[]{}~#!") {
			a = strconv.Quote(a)
		}
		out[i] = a
	}
	return strings.Join(out, " ")
}
