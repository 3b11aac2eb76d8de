package cmdline

import (
	"net/url"
	"slices"
	"strings"
)

// operand checks one word as a file.
func (a *analyser) operand(cmd *Command, w Word, access Access, bases []string) {
	if i := strings.Index(w.Text, "://"); i > 0 || len(w.Text) > 5 && strings.EqualFold(w.Text[:5], "file:") {
		a.address(cmd, w, access)
		return
	}
	a.use(cmd, w, access, bases)
}

// option checks the value of an option whose kind is not known.
func (a *analyser) option(cmd *Command, w Word, v string, bases []string) {
	if strings.HasPrefix(v, "@") && len(v) > 1 {
		v = v[1:]
	}
	if strings.Contains(v, "://") || len(v) > 5 && strings.EqualFold(v[:5], "file:") {
		a.address(cmd, sub(w, v), Read)
		return
	}
	if v == "" || !strings.ContainsAny(v, "/~") && v != ".." {
		return
	}
	x := w
	if x.Hole >= 0 {
		x.Hole = max(0, x.Hole-(len(w.Text)-len(v)))
	}
	if x.Hole != 0 {
		a.useText(cmd, x, v, Read, bases)
	}
}

// address is a URL: a host, or a local file.
func (a *analyser) address(cmd *Command, w Word, access Access) {
	t := w.Text
	if len(t) > 5 && strings.EqualFold(t[:5], "file:") {
		p := t[5:]
		if rest, ok := strings.CutPrefix(p, "//"); ok {
			p = rest
			if i := strings.IndexByte(rest, '/'); i > 0 {
				p = rest[i:]
			}
		}
		if q, err := url.PathUnescape(p); err == nil {
			p = q
		}
		if strings.ContainsAny(p, "{[") {
			cmd.Unchecked = append(cmd.Unchecked, Visible(t))
		}
		a.useText(cmd, w, p, access, nil)
		return
	}
	_, rest, _ := strings.Cut(t, "://")
	host := rest
	if i := strings.IndexAny(host, "/?#"); i >= 0 {
		host = host[:i]
	}
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		host = host[i+1:]
	}
	a.host(host)
}

func (a *analyser) host(h string) {
	if i := strings.LastIndexByte(h, ':'); i > 0 && !strings.HasSuffix(h, "]") {
		h = h[:i]
	}
	if h = strings.ToLower(h); h != "" && !slices.Contains(a.facts.Hosts, h) {
		a.facts.Hosts = append(a.facts.Hosts, h)
	}
}

// operands reads the words of an ordinary program.
func (a *analyser) operands(cmd *Command, c ctx) {
	prog, args := cmd.Program, cmd.Argv[1:]
	g := grammarOf(prog)
	switch prog {
	case "tar", "gtar", "bsdtar":
		a.tar(cmd, args, c)
		return
	case "make", "gmake":
		a.makefile(cmd, args, c)
		return
	case "dd", "dcfldd":
		for _, w := range args {
			if k, v, ok := strings.Cut(w.Text, "="); ok && (k == "if" || k == "of") {
				acc := Read
				if k == "of" {
					acc = Write
					a.writes(sub(w, v), max(OriginOutput, c.input.Origin), false)
				}
				a.use(cmd, sub(w, v), acc, c.bases)
			}
		}
		return
	case "jq":
		args = a.jqArguments(cmd, args, c)
	}
	opts, rest := scan(args, g)
	first := g.first
	for _, o := range opts {
		if strings.HasPrefix(o.name, "--") && takes(g.lunless, o.name[2:]) || !strings.HasPrefix(o.name, "--") && strings.Contains(g.unless, o.name[1:]) {
			first = 0
		}
		a.optionUse(cmd, o, g, c)
	}
	if prog == "jq" {
		a.jq(cmd, opts, rest)
	}
	text := rest[:min(first, len(rest))]
	rest = rest[len(text):]
	a.special(cmd, g, opts, text, rest, c)
	a.plainOperands(cmd, g, opts, rest, c)
}

// optionUse checks the value of one option by the grammar.
func (a *analyser) optionUse(cmd *Command, o opt, g grammar, c ctx) {
	long := strings.HasPrefix(o.name, "--")
	name := strings.TrimLeft(o.name, "-")
	if name == "" {
		return
	}
	in := func(short, longs string) bool {
		return !long && strings.Contains(short, name) || long && takes(longs, name)
	}
	if g.helper != "" && long && slices.ContainsFunc(strings.Fields(g.helper), func(h string) bool { return strings.HasPrefix(h, o.name) && len(o.name) > 4 }) {
		cmd.Inline = append(cmd.Inline, "a helper program ("+o.name+")")
	}
	if g.stdin != "" && len(o.name) > 1 && slices.ContainsFunc(strings.Fields(g.stdin), func(h string) bool { return strings.HasPrefix(h, o.name) && (len(o.name) > 4 || h == o.name) }) {
		cmd.Unchecked = append(cmd.Unchecked, "names listed by "+o.name)
	}
	if !o.has {
		return
	}
	switch {
	case in(g.write, g.lwrite):
		if o.val.Text == "-" {
			return
		}
		a.use(cmd, o.val, Write, c.bases)
	case in(g.path, g.lpath):
		if o.val.Text == "-" {
			return
		}
		a.operand(cmd, o.val, Read, c.bases)
	case in(g.text, g.ltext):
	default:
		a.option(cmd, o.val, o.val.Text, c.bases)
	}
}

// plainOperands are the words that are left: files read, or written.
func (a *analyser) plainOperands(cmd *Command, g grammar, opts []opt, rest []Word, c ctx) {
	target := slices.ContainsFunc(opts, func(o opt) bool { return o.name == "-t" || strings.HasPrefix(o.name, "--target") })
	origin := max(OriginOutput, c.input.Origin)
	for _, w := range rest {
		if from := a.fileSource(w, Source{}).Origin; from > origin && w.Hole != 0 {
			origin = from
		}
	}
	inPlace := (cmd.Program == "sed" || cmd.Program == "gsed" || cmd.Program == "perl") && slices.ContainsFunc(opts, func(o opt) bool { return o.name == "-i" || strings.HasPrefix(o.name, "--in-place") })
	for i, w := range rest {
		if g.none {
			if t := w.Text; strings.Contains(t, "://") || len(t) > 5 && strings.EqualFold(t[:5], "file:") || (cmd.Program == "curl" || cmd.Program == "wget") && strings.HasPrefix(t, "/") {
				if cmd.Program != "echo" && cmd.Program != "printf" {
					a.operand(cmd, w, Read, c.bases)
				}
			}
			continue
		}
		if w.Text == "-" || strings.HasPrefix(cmd.Program, "awk") && assignment(w.Text) {
			continue
		}
		access := Read
		switch {
		case g.out == 'a', g.out == '1' && i == 0, g.out == '2' && i == 1, inPlace,
			g.out == 'l' && (i == len(rest)-1 && len(rest) > 1 || cmd.Program == "mv") && !target:
			access = Write
		}
		a.operand(cmd, w, access, c.bases)
		if access == Write && !g.touch {
			a.writes(w, origin, g.out == 'l')
		}
	}
	for _, o := range opts {
		if g.out == 'l' && target && (o.name == "-t" || strings.HasPrefix(o.name, "--target")) {
			a.writes(o.val, origin, true)
		}
		if strings.Contains(g.write, strings.TrimLeft(o.name, "-")) && o.name[1] != '-' || strings.HasPrefix(o.name, "--") && takes(g.lwrite, o.name[2:]) {
			if o.has && cmd.Program != "curl" && cmd.Program != "wget" && o.val.Text != "-" {
				a.writes(o.val, origin, cmd.Program == "unzip")
			}
		}
	}
	if cmd.Program == "unzip" || cmd.Program == "7z" {
		a.writes(lit("."), OriginOutput, true)
	}
}

// special judges what single programs do beyond reading and writing operands.
func (a *analyser) special(cmd *Command, g grammar, opts []opt, text, rest []Word, c ctx) {
	switch cmd.Program {
	case "rm":
	case "chmod":
		for _, w := range text {
			cmd.WorldMode = cmd.WorldMode || anyValue(w, worldMode)
		}
		for _, w := range cmd.Argv[1:] { // several words may be the mode
			if !w.Known {
				cmd.WorldMode = cmd.WorldMode || anyValue(w, worldMode)
			}
		}
	case "mkdir", "install", "mkfifo", "mknod":
		for _, o := range opts {
			if o.name == "-m" || len(o.name) > 3 && strings.HasPrefix("--mode", o.name) {
				cmd.WorldMode = cmd.WorldMode || anyValue(o.val, worldMode)
			}
		}
	case "sed", "gsed":
		a.sed(cmd, opts, text, c)
	case "awk", "gawk", "mawk", "nawk":
		a.awk(cmd, opts, text, c)
	case "curl":
		a.curl(cmd, opts, rest, c)
	case "wget", "wget2":
		a.wget(cmd, opts, rest, c)
	case "zip":
		for i, w := range cmd.Argv {
			if w.Text == "-TT" || strings.HasPrefix(w.Text, "--unzip-command") {
				cmd.Inline = append(cmd.Inline, "a helper program (-TT)")
				if _, v, ok := strings.Cut(w.Text, "="); ok {
					a.carriedText(cmd, sub(w, v), c, "zip")
				} else if i+1 < len(cmd.Argv) {
					a.carriedText(cmd, cmd.Argv[i+1], c, "zip")
				}
			}
		}
	case "crontab":
		if len(rest) == 0 || rest[0].Text == "-" {
			a.programText(cmd, c.input, c, false)
		}
	}
}

func anyValue(w Word, f func(string) bool) bool { return slices.ContainsFunc(w.Values(), f) }

// worldMode reports a mode that gives read, write and execute to everyone.
func worldMode(mode string) bool {
	digits := strings.TrimLeft(mode, "=+ugoa")
	if digits != "" && strings.Trim(digits, "01234567") == "" {
		return len(digits) >= 3 && strings.HasSuffix(digits, "777")
	}
	var have [3]int // user, group, other
	for _, clause := range strings.Split(mode, ",") {
		who := 0
		i := 0
		for ; i < len(clause) && strings.IndexByte("ugoa", clause[i]) >= 0; i++ {
			who |= map[byte]int{'u': 1, 'g': 2, 'o': 4, 'a': 7}[clause[i]]
		}
		if who == 0 {
			who = 7
		}
		for i < len(clause) {
			op := clause[i]
			if strings.IndexByte("+-=", op) < 0 {
				return false
			}
			bits := 0
			for i++; i < len(clause) && strings.IndexByte("+-=", clause[i]) < 0; i++ {
				switch clause[i] {
				case 'r':
					bits |= 4
				case 'w':
					bits |= 2
				case 'x', 'X':
					bits |= 1
				case 'u', 'g', 'o':
					bits |= have[strings.IndexByte("ugo", clause[i])]
				}
			}
			for k := range have {
				if who&(1<<k) == 0 {
					continue
				}
				switch op {
				case '+':
					have[k] |= bits
				case '-':
					have[k] &^= bits
				case '=':
					have[k] = bits
				}
			}
		}
	}
	return have == [3]int{7, 7, 7}
}

// curl reads and writes files by prefixes inside its values.
func (a *analyser) curl(cmd *Command, opts []opt, rest []Word, c ctx) {
	dir, remote := "", false
	urls := slices.Clone(rest)
	for _, o := range opts {
		v := o.val
		long := strings.TrimPrefix(o.name, "--")
		switch {
		case o.name == "-d" || strings.HasPrefix(o.name, "--data") && long != "data-raw" || long == "json":
			if s, ok := strings.CutPrefix(v.Text, "@"); ok && s != "-" {
				a.useText(cmd, v, s, Read, c.bases)
			} else if _, s, ok := strings.Cut(v.Text, "@"); ok && strings.HasPrefix(long, "data-u") {
				a.useText(cmd, v, s, Read, c.bases)
			}
		case o.name == "-F" || long == "form":
			for _, mark := range []string{"=@", "=<"} {
				if _, s, ok := strings.Cut(v.Text, mark); ok {
					s, _, _ = strings.Cut(s, ";")
					for f := range strings.SplitSeq(s, ",") {
						a.useText(cmd, v, strings.Trim(f, `"`), Read, c.bases)
					}
				}
			}
		case o.name == "-H" || long == "header" || o.name == "-w" || long == "write-out" || long == "proxy-header" || long == "variable" || long == "url" || long == "url-query":
			if _, s, ok := strings.Cut(v.Text, "@"); ok && (strings.HasPrefix(v.Text, "@") || long == "variable") && s != "-" {
				a.useText(cmd, v, s, Read, c.bases)
			}
			if strings.Contains(v.Text, "%output{") {
				cmd.Inline = append(cmd.Inline, "an output file inside a format")
			}
			if long == "url" {
				urls = append(urls, v)
				a.operand(cmd, v, Read, c.bases)
			}
		case o.name == "-b" || long == "cookie":
			if !strings.Contains(v.Text, "=") {
				a.use(cmd, v, Read, c.bases)
			}
		case o.name == "-K" || long != o.name && len(long) > 2 && strings.HasPrefix("config", long):
			cmd.Inline = append(cmd.Inline, "options read from a file")
		case long == "engine" || long == "doh-url" || o.name == "-x" || long == "proxy" || long == "preproxy":
			cmd.Inline = append(cmd.Inline, "traffic or code goes another way ("+o.name+")")
		case o.name == "-O" || strings.HasPrefix(long, "remote-name"):
			remote = true
		case long == "output-dir":
			dir = v.Text
		case (o.name == "-o" || long != o.name && len(long) > 2 && strings.HasPrefix("output", long)) && v.Text != "-":
			if dir != "" && !strings.HasPrefix(v.Text, "/") {
				v.Text = dir + "/" + v.Text
			}
			a.writes(v, OriginDownload, false)
		}
	}
	for _, u := range urls {
		if remote {
			a.writes(named(u, dir), OriginDownload, false)
		}
		if !strings.Contains(u.Text, "://") {
			h, _, _ := strings.Cut(u.Text, "/")
			a.host(h)
		}
	}
}

// named is the file that a download of u gets in dir.
func named(u Word, dir string) Word {
	t, _, _ := strings.Cut(u.Text, "?")
	_, rest, ok := strings.Cut(t, "://")
	if !ok {
		rest = t
	}
	name := "index.html"
	if i := strings.LastIndexByte(rest, '/'); i >= 0 && i+1 < len(rest) {
		name = rest[i+1:]
	}
	if dir != "" {
		name = dir + "/" + name
	}
	u.Text, u.Alts, u.Glob = name, nil, false
	return u
}

func (a *analyser) wget(cmd *Command, opts []opt, rest []Word, c ctx) {
	dir, out := "", false
	for _, o := range opts {
		long := strings.TrimPrefix(o.name, "--")
		isLong := long != o.name
		switch {
		case o.name == "-O" || isLong && len(long) > 7 && strings.HasPrefix("output-document", long):
			out = true
			if o.val.Text != "-" && stream(o.val.Text) == "" {
				a.writes(o.val, OriginDownload, false)
			}
		case o.name == "-P" || isLong && len(long) > 4 && strings.HasPrefix("directory-prefix", long):
			dir = o.val.Text
		case isLong && len(long) > 4 && strings.HasPrefix("use-askpass", long):
			cmd.Inline = append(cmd.Inline, "a helper program ("+o.name+")")
			a.carriedText(cmd, o.val, c, "wget")
		case o.name == "-e" || isLong && len(long) > 2 && strings.HasPrefix("execute", long) || isLong && len(long) > 3 && strings.HasPrefix("config", long):
			cmd.Inline = append(cmd.Inline, "configuration given by an option")
		}
	}
	for _, u := range rest {
		if !out {
			a.writes(named(u, dir), OriginDownload, false)
		}
		if !strings.Contains(u.Text, "://") {
			h, _, _ := strings.Cut(u.Text, "/")
			a.host(h)
		}
	}
	if slices.ContainsFunc(opts, func(o opt) bool {
		return o.name == "-r" || o.name == "-m" || o.name == "--recursive" || o.name == "--mirror" || o.name == "-i"
	}) {
		if dir == "" {
			dir = "."
		}
		a.writes(lit(dir), OriginDownload, true)
	}
}

// jqArguments takes out the options with two values.
func (a *analyser) jqArguments(cmd *Command, args []Word, c ctx) []Word {
	var out []Word
	for i := 0; i < len(args); i++ {
		switch args[i].Text {
		case "--arg", "--argjson":
			i += 2
		case "--slurpfile", "--rawfile", "--argfile":
			if i+2 < len(args) {
				a.use(cmd, args[i+2], Read, c.bases)
			}
			i += 2
		case "--args", "--jsonargs":
			return append(out, args[min(i+1, len(args)):min(i+2, len(args))]...)
		default:
			out = append(out, args[i])
		}
	}
	return out
}

func (a *analyser) jq(cmd *Command, opts []opt, rest []Word) {
	for _, o := range opts {
		if o.name == "-f" || o.name == "--from-file" {
			if len(rest) > 0 {
				if src := a.fileSource(rest[0], Source{}); src.Origin >= OriginOutput {
					cmd.Text = src
				}
			}
			return
		}
	}
	if len(rest) > 0 && (strings.Contains(rest[0].Text, "import") || strings.Contains(rest[0].Text, "include")) {
		cmd.Inline = append(cmd.Inline, "modules named in the filter")
	}
}

// makefile reads make's options: its program is a file.
func (a *analyser) makefile(cmd *Command, args []Word, c ctx) {
	opts, rest := scan(args, grammar{text: "oW", path: "fCI", ltext: "eval old-file what-if new-file assume-old assume-new jobs load-average", lpath: "file makefile directory include-dir"})
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
	g := grammar{text: "bHKLNVIF", path: "CTXg", write: "f", ltext: "use-compress-program to-command checkpoint-action info-script new-volume-script rsh-command rmt-command exclude transform xform owner group mode mtime blocking-factor record-size format label newer newer-mtime after-date strip-components suffix backup checkpoint sort starting-file tape-length volno-file pax-option quoting-style occurrence level",
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
