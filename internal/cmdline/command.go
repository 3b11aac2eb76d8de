package cmdline

import (
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

func lit(s string) Word { return Word{Text: s, Known: true, Hole: -1} }

// call analyses assignments and a simple command.
func (a *analyser) call(x *syntax.CallExpr, c ctx) Source {
	var late []*syntax.Assign // after the command word they are words
	for _, as := range x.Assigns {
		if len(x.Args) > 0 && as.Pos().Offset() > x.Args[0].Pos().Offset() {
			late = append(late, as)
			continue
		}
		a.assignment(as)
	}
	timed := a.timed
	a.timed = false
	if len(x.Args) == 0 {
		return Source{}
	}
	a.st.after = nil
	stdin := a.stdin
	a.stdin = c.input
	argv := a.words(x.Args)
	for _, as := range late {
		w := a.unsplit(as.Value, tildeValue)
		w.Text = as.Name.Value + "=" + w.Text
		argv = append(argv, w)
	}
	a.stdin = stdin
	if timed && len(argv) > 1 && argv[0].Known && argv[0].Text == "--" { // ends the options of time
		argv = argv[1:]
	}
	if len(argv) == 1 && argv[0].Known && argv[0].Text == "exec" {
		a.st.stdin = c.input // its redirections stay
	}
	return a.simple(argv, c)
}

// simple analyses one argv. A command word that may be one of several is
// analysed as each.
func (a *analyser) simple(argv []Word, c ctx) Source {
	if len(argv) == 0 {
		return Source{}
	}
	head := argv[0]
	if head.Known && !head.Glob {
		return a.run(argv, head.Text, c)
	}
	names := head.Values()
	if head.Glob {
		if a.guessed++; a.guessed > maxGuesses {
			a.problem(ProblemLimit, "more patterns as command words than are analysed")
			return Source{Origin: OriginOutput}
		}
		names = names[1:]
		last := path.Base(head.Text)
		for _, n := range notable() {
			if GlobsMeet(last, n) {
				names = append(names, n)
			}
		}
		names = append(names, "")
	}
	if head.Text == "" && head.Hole < 0 && len(argv) > 1 && len(head.Alts) == 0 { // an unset variable: the next word is the command
		a.simple(argv[1:], c)
	}
	var out Source
	for _, n := range names {
		if head.Hole >= 0 {
			n = ""
		}
		out = out.then(a.run(argv, n, c))
	}
	if out.Origin == OriginConstant || out.Origin == OriginNone {
		out = Source{Origin: OriginOutput}
	}
	return out
}

// notable are the programs that a pattern as command word is taken for.
func notable() []string {
	return []string{"rm", "chmod", "dd", "curl", "wget", "sh", "bash", "dash", "zsh", "ksh", "env", "find", "xargs", "sudo", "eval", "tee", "cp", "mv",
		"busybox", "timeout", "nice", "nohup", "setsid", "command", "exec", "python3", "python", "perl", "node", "mkfs.ext4", "shred", "truncate", "install", "mkdir"}
}

// run analyses argv with the program that its command word names, "" when
// that is not known.
func (a *analyser) run(argv []Word, name string, c ctx) Source {
	prog := path.Base(name)
	if name == "" {
		prog = ""
	}
	cmd := Command{Argv: argv, Program: prog, Role: c.role, Via: c.via, Input: c.input, Upstream: c.feeds}
	if !ascii(name) || strings.ContainsFunc(name, func(r rune) bool { return r < 0x20 || r == 0x7f }) {
		a.problem(ProblemCharacter, "a command word that is not plain ASCII: "+Visible(name))
	}
	for _, w := range argv {
		if !w.Known {
			cmd.Unchecked = append(cmd.Unchecked, w.Raw)
		}
	}
	if head := argv[0]; !head.Known && head.From >= OriginOutput {
		cmd.Text = Source{Origin: head.From, Programs: head.src.Programs}
	} else if from := a.wroteProgram(name); from != OriginNone {
		cmd.Text = Source{Origin: from}
	}
	i := a.record(cmd)
	if i < 0 {
		return Source{Origin: OriginOutput}
	}
	out := a.effects(&cmd, c)
	cmd.Line = a.facts.Commands[i].Line
	a.facts.Commands[i] = cmd
	return out
}

// wroteProgram tells whether the command word is a file the line wrote.
func (a *analyser) wroteProgram(name string) Origin {
	if !strings.Contains(name, "/") || len(a.written) == 0 {
		return OriginNone
	}
	return a.wrote(a.resolve(name, false, a.st.cwds))
}

// effects works out what the command does beyond its argv; the result is
// what it writes to its output.
func (a *analyser) effects(cmd *Command, c ctx) Source {
	prog, args := cmd.Program, cmd.Argv[1:]
	bare := cmd.Argv[0].Text == prog
	if body, ok := a.st.funcs[prog]; ok && bare && !slices.Contains(a.st.active, body) {
		st := a.st
		a.st = st.clone()
		a.st.active = append(a.st.active, body)
		a.st.args = args
		c.role, c.via = RoleFunction, append(slices.Clone(c.via), prog)
		out := a.stmt(body, c)
		vars := a.st.vars
		a.st = st
		a.st.vars = vars
		return out
	}
	a.disksWritten(cmd)
	cmd.Redefines = redefines(prog, args)
	if bare {
		if out, ok := a.builtin(cmd, c); ok {
			return out
		}
	}
	if w, ok := wrapperOf(prog); ok {
		return a.wrapped(cmd, w, c)
	}
	switch prog {
	case "xargs", "parallel":
		return a.xargs(cmd, c)
	case "find":
		return a.find(cmd, c)
	case "docker", "podman":
		return a.docker(cmd, c)
	case "git":
		a.git(cmd, c)
		return a.output(cmd, c)
	case "npm", "pnpm", "yarn":
		a.npm(cmd, c)
		return a.output(cmd, c)
	case "npx", "pnpx", "bunx":
		a.npx(cmd, c)
		return a.output(cmd, c)
	}
	if isShell(prog) {
		return a.shell(cmd, c)
	}
	if in, ok := interpreterOf(prog); ok {
		a.interpreter(cmd, in, c)
		return a.output(cmd, c)
	}
	a.operands(cmd, c)
	return a.output(cmd, c)
}

// redefines says which meaning of later words a builtin changes.
func redefines(prog string, args []Word) string {
	has := func(f func(string) bool) bool {
		return slices.ContainsFunc(args, func(w Word) bool { return slices.ContainsFunc(w.Values(), f) })
	}
	cluster := func(letter string) func(string) bool {
		return func(s string) bool {
			return len(s) > 1 && s[0] == '-' && s[1] != '-' && strings.Contains(s, letter)
		}
	}
	switch prog {
	case "alias", "unalias", "enable", "trap", "shopt":
		return prog
	case "hash":
		if has(cluster("p")) {
			return "hash -p"
		}
	case "exec":
		for _, w := range args {
			if !strings.HasPrefix(w.Text, "-") {
				break
			}
			if cluster("a")(w.Text) {
				return "exec -a"
			}
		}
	case "set":
		if has(cluster("a")) || has(func(s string) bool { return s == "allexport" }) {
			return "set -a"
		}
	}
	return ""
}

// builtin handles the shell's own commands; ok is false for the rest.
func (a *analyser) builtin(cmd *Command, c ctx) (out Source, ok bool) {
	args := cmd.Argv[1:]
	switch cmd.Program {
	case "true", "false", ":", "pwd", "exit", "wait":
		// wait -p evaluates the subscript of the variable it is given
		cmd.Steering = cmd.Program != "wait" || !slices.ContainsFunc(args, func(w Word) bool { return strings.HasPrefix(w.Text, "-") && w.Text != "-n" || !w.Known })
		if cmd.Program == "pwd" {
			return Source{Origin: OriginOutput}, true
		}
		return Source{}, true
	case "test", "[":
		cmd.Steering = true
		for i, w := range args {
			if i+1 < len(args) && listed("-nt -ot -ef", args[i+1].Text) {
				a.use(cmd, w, Read, nil)
			}
			if i > 0 && strings.HasPrefix(args[i-1].Text, "-") && w.Text != "]" && !slices.Contains([]string{"-n", "-z", "-eq", "-ne", "-gt", "-lt", "-ge", "-le", "-v", "-o", "-a", "-t"}, args[i-1].Text) {
				a.use(cmd, w, Read, nil)
			}
			if strings.Contains(w.Text, "[") && cmd.Program == "test" || strings.Count(w.Text, "[") > 0 && i > 0 && (args[i-1].Text == "-v" || strings.HasPrefix(args[i-1].Text, "-")) {
				cmd.Unchecked = append(cmd.Unchecked, Visible(w.Text)) // a subscript is evaluated
			}
		}
		return Source{}, true
	case "cd", "pushd":
		a.cd(cmd)
		return Source{}, true
	case "set":
		a.set(cmd, args)
		return Source{Origin: OriginOutput}, true
	case "eval":
		return a.eval(cmd, args, c), true
	case "source", ".":
		a.source(cmd, args, c)
		return Source{Origin: OriginOutput}, true
	case "trap":
		if len(args) > 0 && !strings.HasPrefix(args[0].Text, "-") {
			a.carriedText(cmd, args[0], c, "trap")
		}
		return Source{}, true
	case "mapfile", "readarray":
		for i, w := range args {
			if s, ok := strings.CutPrefix(w.Text, "-C"); ok {
				if s == "" && i+1 < len(args) {
					a.carriedText(cmd, args[i+1], c, cmd.Program)
				} else if s != "" {
					v := w
					v.Text = s
					a.carriedText(cmd, v, c, cmd.Program)
				}
			}
		}
		if n := len(args); n > 0 && !strings.HasPrefix(args[n-1].Text, "-") {
			a.assign(Assignment{Name: args[n-1].Text, Loop: true})
			a.st.put(args[n-1].Text, value{from: max(c.input.Origin, OriginUnknown), src: c.input})
		}
		return Source{}, true
	case "alias":
		for _, w := range args {
			if _, s, ok := strings.Cut(w.Text, "="); ok {
				v := w
				v.Text = s
				a.carriedText(cmd, v, c, "alias")
			}
		}
		return Source{}, true
	case "export", "declare", "typeset", "readonly", "local": // reached by quotes or a wrapper
		for _, w := range args {
			a.assigned(w)
		}
		return Source{Origin: OriginOutput}, true
	case "read", "unset", "getopts", "printf":
		for i, w := range args {
			switch {
			case cmd.Program == "printf":
				name, ok := strings.CutPrefix(args[0].Text, "-v")
				if ok && name == "" && i == 1 {
					a.printTo(w.Text, args[2:])
				} else if ok && name != "" && i == 0 {
					a.printTo(name, args[1:])
				}
			case cmd.Program == "unset":
				if !strings.HasPrefix(w.Text, "-") {
					a.assign(Assignment{Name: w.Text, Loop: true})
					a.setVar(w.Text, value{alts: []string{""}, from: OriginConstant})
				}
			case !strings.HasPrefix(w.Text, "-"):
				a.assign(Assignment{Name: w.Text, Loop: true})
				a.st.put(w.Text, value{from: max(c.input.Origin, OriginUnknown), src: c.input})
			}
		}
		if cmd.Program == "read" && c.input.Origin == OriginConstant {
			a.readFrom(args, c.input.text)
		}
		if cmd.Program == "read" && len(args) == 0 {
			a.st.put("REPLY", value{from: max(c.input.Origin, OriginUnknown), src: c.input})
		}
		if cmd.Program != "printf" {
			return Source{}, true
		}
	}
	return Source{}, false
}

func (a *analyser) cd(cmd *Command) {
	args := cmd.Argv[1:]
	var dir *Word
	for i, w := range args {
		if w.Text == "--" && i+1 < len(args) {
			dir = &args[i+1]
			break
		}
		if w.Text != "-" && strings.HasPrefix(w.Text, "-") {
			continue
		}
		dir = &args[i]
		break
	}
	home := lit(a.env.Home)
	if dir == nil {
		dir = &home
	}
	switch {
	case dir.Text == "-" || strings.HasPrefix(dir.Text, "+"):
		cmd.Unchecked = append(cmd.Unchecked, dir.Text)
		return
	case !dir.Known || dir.Glob:
		cmd.Unchecked = append(cmd.Unchecked, dir.Raw)
	case cmd.Program == "cd" && len(args) > 0:
		cmd.Steering = true
	}
	a.use(cmd, *dir, Read, nil)
	if dir.Hole == 0 {
		return
	}
	var to []string
	for i, text := range dir.Values() {
		to = union(to, a.resolve(text, dir.Glob && i == 0, a.st.cwds))
	}
	if len(to) == 0 {
		return
	}
	if all := union(to, a.st.cwds); len(all) <= maxPaths {
		a.st.cwds, a.st.after = all, to
		return
	}
	a.problem(ProblemLimit, "more directories than are followed")
}

func (a *analyser) set(cmd *Command, args []Word) {
	cmd.Steering = len(args) > 0
	for i := 0; i < len(args); i++ {
		w := args[i]
		switch {
		case w.Text == "--" || w.Text == "-" || w.Text != "" && w.Text[0] != '-' && w.Text[0] != '+':
			rest := args[i:]
			if w.Text == "--" || w.Text == "-" {
				rest = args[i+1:]
			}
			a.st.args = rest
			cmd.Steering = false
			return
		case strings.HasPrefix(w.Text, "+"):
			cmd.Steering = false
			if strings.HasSuffix(w.Text, "o") {
				i++
			}
		case w.Text == "-o" && i+1 < len(args) && args[i+1].Text == "pipefail":
			i++
		case len(w.Text) > 2 && strings.HasSuffix(w.Text, "o") && strings.Trim(w.Text[1:len(w.Text)-1], "eux") == "" && i+1 < len(args) && args[i+1].Text == "pipefail":
			i++
		case len(w.Text) > 1 && strings.Trim(w.Text[1:], "eux") == "":
		default:
			cmd.Steering = false
		}
		if !w.Known {
			cmd.Steering = false
		}
	}
}

// eval joins its words and hands them to the shell again.
func (a *analyser) eval(cmd *Command, args []Word, c ctx) Source {
	if len(args) > 0 && args[0].Known && args[0].Text == "--" {
		args = args[1:]
	}
	text, known, from := make([]string, 0, len(args)), true, OriginNone
	for _, w := range args {
		known = known && w.Known && !w.Glob
		from = max(from, w.From)
		if w.src.Origin >= OriginOutput {
			cmd.Text.Programs = w.src.Programs
		}
	}
	alts := [][]Word{args}
	for i, w := range args {
		for _, s := range w.Alts {
			cp := slices.Clone(args)
			cp[i].Text = s
			alts = append(alts, cp)
		}
	}
	if from >= OriginOutput {
		cmd.Text.Origin = from
	}
	c.via = append(slices.Clone(c.via), "eval")
	var out Source
	for _, ws := range alts {
		text = text[:0]
		for _, w := range ws {
			text = append(text, w.Text)
		}
		out = out.then(a.evalText(strings.Join(text, " "), known, c))
	}
	if !known && len(args) > 0 {
		out = Source{Origin: max(OriginOutput, from)}
	}
	return out
}

// evalText runs text in the current shell: its changes stay.
func (a *analyser) evalText(text string, certain bool, c ctx) Source {
	if strings.TrimSpace(text) == "" {
		return Source{}
	}
	if a.depth >= maxDepth/16 || nesting(text) > maxDepth {
		a.problem(ProblemLimit, "shells nested deeper than what is analysed")
		return Source{Origin: OriginOutput}
	}
	file, text, err := read(text)
	if err != nil {
		if certain {
			a.problem(ProblemSyntax, "in the text given to eval: "+err.Error())
		}
		return Source{Origin: OriginOutput}
	}
	saved := a.text
	a.depth++
	a.inner++
	a.text = text
	c.role = RoleScript
	out := a.stmts(file.Stmts, c)
	a.text = saved
	a.inner--
	a.depth--
	return out
}

// carriedText analyses a command string that an option or builtin runs.
func (a *analyser) carriedText(cmd *Command, w Word, c ctx, via string) Source {
	c.via = append(slices.Clone(c.via), via)
	if w.From >= OriginOutput {
		cmd.Text = Source{Origin: w.From, Programs: w.src.Programs}
	}
	var out Source
	for _, s := range w.Values() {
		out = out.then(a.script(s, w.Known && !w.Glob, c, nil, nil))
	}
	return out
}

func (a *analyser) source(cmd *Command, args []Word, c ctx) {
	if len(args) == 0 {
		return
	}
	w := args[0]
	if w.Text == "--" && len(args) > 1 {
		w = args[1]
	}
	src := a.fileSource(w, c.input)
	if w.Stream || stream(w.Text) == "0" {
		a.programText(cmd, src, c, true)
		return
	}
	if src.Origin >= OriginOutput {
		cmd.Text = Source{Origin: src.Origin, Programs: src.Programs}
	}
	a.use(cmd, w, Read, nil)
}

// disksWritten marks raw disks among the operands of programs that write.
func (a *analyser) disksWritten(cmd *Command) {
	args := cmd.Argv[1:]
	add := func(w Word) { cmd.RawDisk = append(cmd.RawDisk, a.disks(w)...) }
	prog := cmd.Program
	switch {
	case prog == "dd" || prog == "dcfldd" || prog == "dc3dd":
		for _, w := range args {
			for _, s := range w.Values() {
				if v, ok := strings.CutPrefix(s, "of="); ok {
					x := w
					x.Text, x.Alts = v, nil
					add(x)
				}
			}
		}
		return
	case prog == "sed" && !slices.ContainsFunc(args, func(w Word) bool {
		return strings.HasPrefix(w.Text, "-") && strings.Contains(w.Text, "i")
	}):
		return
	case prog == "curl" || prog == "wget" || strings.HasPrefix(prog, "mkfs") || slices.Contains(diskWriters(), prog):
	default:
		return
	}
	for i, w := range args {
		if (prog == "cp" || prog == "rsync" || prog == "install") && i != len(args)-1 && !targetOption(args, i) {
			continue
		}
		add(w)
		for _, s := range w.Values() {
			if j := strings.Index(s, "/dev/"); j > 0 && (s[j-1] == '=' || strings.HasPrefix(s, "-")) {
				x := w
				x.Text, x.Alts = s[j:], nil
				add(x)
			}
		}
	}
}

func targetOption(args []Word, i int) bool {
	return i > 0 && (args[i-1].Text == "-t" || strings.HasPrefix(args[i-1].Text, "--target")) || strings.HasPrefix(args[i].Text, "-")
}

func diskWriters() []string {
	return []string{"tee", "cp", "mv", "truncate", "shred", "wipefs", "blkdiscard", "mke2fs", "mkswap", "parted", "fdisk", "sfdisk", "sgdisk", "cfdisk", "gdisk",
		"sed", "install", "rsync", "ddrescue", "badblocks", "hdparm", "sponge", "fallocate", "cryptsetup", "pvcreate", "vgcreate", "mdadm", "ln", "rm", "unlink", "nwipe", "scrub", "pv", "tune2fs", "resize2fs", "partx", "addpart"}
}
