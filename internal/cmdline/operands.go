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
			cmd.WorldMode = cmd.WorldMode || anyValue(w, worldMode) || w.Glob && slices.ContainsFunc([]string{"777", "0777", "1777", "a+rwx", "a=rwx", "+rwx", "ugo+rwx"}, func(m string) bool { return GlobsMeet(w.Text, escapeGlob(m)) })
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
