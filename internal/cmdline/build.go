package cmdline

import (
	"slices"
	"strings"
)

// makefile reads make's options: its program is a file.
func (a *analyser) makefile(cmd *Command, args []Word, c ctx) {
	opts, rest := scan(args, grammar{text: "oW", path: "fCI", ltext: "eval old-file what-if new-file assume-old assume-new", lopt: "jobs load-average", lpath: "file makefile directory include-dir"})
	for _, o := range opts {
		if o.has && (o.name == "-C" || len(o.name) > 4 && strings.HasPrefix("--directory", o.name)) {
			a.use(cmd, o.val, Read, c.bases)
			c.bases = union(a.st.cwds, a.resolve(o.val.Text, false, a.st.cwds))
		}
	}
	named := false
	for _, o := range opts {
		switch {
		case o.name == "-f" || len(o.name) > 3 && (strings.HasPrefix("--file", o.name) || strings.HasPrefix("--makefile", o.name)):
			named = true
			if o.val.Text == "-" || o.val.Stream || stream(o.val.Text) == "0" {
				src := c.input
				if o.val.Stream {
					src = o.val.src
				}
				a.programText(cmd, src, c, false)
				continue
			}
			if src := a.fileSource(o.val, c.input); src.Origin >= OriginOutput {
				cmd.Text = Source{Origin: src.Origin}
			}
			a.use(cmd, o.val, Read, c.bases)
		case len(o.name) > 3 && strings.HasPrefix("--eval", o.name) || o.name == "-E":
			cmd.Inline = append(cmd.Inline, "make text in an option")
		case o.has:
			a.option(cmd, o.val, o.val.Text, c.bases)
		}
	}
	if !named && len(a.written) > 0 {
		for _, n := range []string{"Makefile", "makefile", "GNUmakefile"} {
			bases := c.bases
			if bases == nil {
				bases = a.st.cwds
			}
			if from := a.wrote(a.resolve(n, false, bases)); from != OriginNone {
				cmd.Text = Source{Origin: from}
			}
		}
	}
	for _, w := range rest {
		name, v, ok := strings.Cut(w.Text, "=")
		if !ok {
			a.operand(cmd, w, Read, c.bases)
			continue
		}
		name = strings.TrimSpace(strings.TrimRight(name, " \t:+?")) // make reads it as a line of a makefile
		if makeProgram(strings.TrimRight(name, ":+?!")) || strings.HasSuffix(name, "!") || strings.ContainsAny(v, "$`") {
			cmd.Inline = append(cmd.Inline, "a program named by "+Visible(name))
		}
		a.option(cmd, sub(w, v), v, c.bases)
	}
}

// makeProgram names variables of make that hold a program or its options.
func makeProgram(name string) bool {
	return listed("SHELL .SHELLFLAGS MAKE MAKEFLAGS GNUMAKEFLAGS MAKEFILES CC CXX CPP LD AR AS FC RM LEX YACC PC CO GET TEX LINT M2C WEAVE TANGLE INSTALL AWK SED PYTHON NODE PERL RUBY GO CARGO NPM DOCKER CMD RUN EXEC EDITOR PAGER BASH SH", name)
}

// tar carries programs by some options and writes by others.
func (a *analyser) tar(cmd *Command, args []Word, c ctx) {
	g := grammar{text: "bHKLNVIF", path: "CTXg", write: "f", ltext: "use-compress-program to-command checkpoint-action info-script new-volume-script rsh-command rmt-command exclude transform xform owner group mode mtime blocking-factor record-size format label newer newer-mtime after-date strip-components suffix sort starting-file tape-length volno-file pax-option quoting-style level",
		lopt:  "backup checkpoint occurrence",
		lpath: "directory files-from exclude-from listed-incremental add-file", lwrite: "file index-file"}
	var opts []opt
	if len(args) > 0 && args[0].Text != "" && args[0].Text[0] != '-' && args[0].Known { // the old style: values follow in order
		old := args[0].Text
		args = args[1:]
		for i := 0; i < len(old); i++ {
			o := opt{name: "-" + old[i:i+1]}
			if strings.IndexByte(g.text+g.path+g.write, old[i]) >= 0 && len(args) > 0 {
				o.val, o.has, args = args[0], true, args[1:]
			}
			opts = append(opts, o)
		}
	}
	more, rest := scan(args, g)
	opts = append(opts, more...)
	is := func(o opt, short, long string, least int) bool {
		return short != "" && o.name == short || len(o.name) >= least+2 && strings.HasPrefix("--"+long, o.name)
	}
	extract := slices.ContainsFunc(opts, func(o opt) bool { return is(o, "-x", "extract", 3) || is(o, "", "get", 3) })
	list := slices.ContainsFunc(opts, func(o opt) bool { return is(o, "-t", "list", 4) })
	dir := lit(".")
	bases := slices.Clone(c.bases)
	for _, o := range opts {
		if o.has && is(o, "-C", "directory", 3) {
			dir = o.val
			if bases == nil {
				bases = slices.Clone(a.st.cwds)
			}
			bases = union(bases, a.resolve(o.val.Text, false, bases))
		}
	}
	for _, o := range opts {
		carried := is(o, "-I", "use-compress-program", 4) || is(o, "", "to-command", 3) || is(o, "-F", "info-script", 4) || is(o, "", "new-volume-script", 5) || is(o, "", "rsh-command", 3) || is(o, "", "rmt-command", 3)
		switch {
		case carried:
			cmd.Inline = append(cmd.Inline, "a helper program ("+o.name+")")
			a.carriedText(cmd, o.val, c, cmd.Program)
		case is(o, "", "checkpoint-action", 10):
			if s, ok := strings.CutPrefix(o.val.Text, "exec="); ok {
				cmd.Inline = append(cmd.Inline, "a helper program ("+o.name+")")
				a.carriedText(cmd, sub(o.val, s), c, cmd.Program)
			}
		case is(o, "-P", "absolute-names", 3):
			cmd.Inline = append(cmd.Inline, "absolute names of an archive")
		case is(o, "-T", "files-from", 5):
			cmd.Unchecked = append(cmd.Unchecked, "names listed by "+o.name)
			a.optionUse(cmd, o, g, ctx{bases: bases})
		case is(o, "-f", "file", 4) && o.has:
			if h, _, ok := strings.Cut(o.val.Text, ":"); ok && !strings.Contains(h, "/") {
				cmd.Inline = append(cmd.Inline, "an archive on another machine")
			}
			access := Write
			if extract || list {
				access = Read
			}
			if o.val.Text != "-" {
				a.use(cmd, o.val, access, c.bases)
			}
		default:
			a.optionUse(cmd, o, g, ctx{bases: bases})
		}
	}
	for _, w := range rest {
		a.operand(cmd, w, Read, bases)
	}
	if extract {
		a.writes(dir, max(OriginOutput, c.input.Origin), true)
	}
}
