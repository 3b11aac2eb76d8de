package cmdline

import (
	"path"
	"slices"
	"strings"
)

// wrapper describes how a program carries another command.
type wrapper struct {
	short   string // short options that take a value
	flags   string // short options that take none
	long    string // long options that take a value, blank-separated
	skip    int    // operands before the command
	assigns bool   // NAME=value words before the command
	text    string // short option whose value is a command string
	shell   bool   // the rest is joined and given to a shell
	arch    bool   // first operand may be an architecture
}

func wrapperOf(prog string) (wrapper, bool) {
	switch prog {
	case "env":
		return wrapper{short: "uCS", flags: "i0v", long: "unset chdir split-string argv0", assigns: true}, true
	case "timeout", "gtimeout":
		return wrapper{short: "ks", flags: "fpv", long: "kill-after signal", skip: 1}, true
	case "nice", "gnice":
		return wrapper{short: "n", flags: "0123456789-", long: "adjustment"}, true
	case "ionice":
		return wrapper{short: "cnpPu", flags: "t0123456789", long: "class classdata pid pgid uid"}, true
	case "chrt":
		return wrapper{short: "TPD", flags: "bdfiormaRvpe", long: "sched-runtime sched-period sched-deadline", skip: 1}, true
	case "taskset":
		return wrapper{flags: "acp", skip: 1}, true
	case "numactl":
		return wrapper{short: "iNmCpwP", flags: "lasHc", long: "interleave membind cpunodebind physcpubind preferred preferred-many weighted-interleave"}, true
	case "nohup", "catchsegv", "pkexec", "dbus-run-session", "caffeinate", "unbuffer", "chronic", "torsocks", "proxychains", "proxychains4", "tini", "dumb-init", "setpriv", "prlimit", "rlwrap", "stdbuf", "time", "fakeroot", "setsid", "sponge-run":
		return wrapper{short: map[string]string{"stdbuf": "ioe", "time": "fo", "caffeinate": "tw", "fakeroot": "lsib", "tini": "pe"}[prog],
			flags: map[string]string{"time": "apvqhV", "setsid": "cfw", "caffeinate": "disum", "fakeroot": "uhv", "proxychains": "q", "proxychains4": "q", "tini": "sgvw"}[prog],
			long:  map[string]string{"stdbuf": "input output error", "time": "format output", "pkexec": "user", "dbus-run-session": "config-file dbus-daemon", "fakeroot": "lib faked fd-base"}[prog]}, true
	case "command":
		return wrapper{flags: "p"}, true
	case "builtin", "exec", "coproc":
		return wrapper{flags: "cl", short: "a"}, true
	case "sudo", "sudoedit":
		return wrapper{short: "ugphCcDrRTtUa", flags: "nEHkKSbBAPisvl", long: "user group prompt host close-from chdir role type chroot command-timeout other-user login-class", assigns: true}, true
	case "doas":
		return wrapper{short: "uCa", flags: "nsL", assigns: true}, true
	case "gosu", "su-exec", "chroot", "faketime", "runcon", "ltrace-run":
		return wrapper{long: "userspec groups", skip: 1}, true
	case "su", "runuser", "sg":
		return wrapper{short: "csugGwT", flags: "lmpfP-", long: "command session-command shell user group supp-group whitelist-environment", text: "c"}, true
	case "unshare":
		return wrapper{short: "SGRwl", flags: "mupinUCTfrc", long: "setuid setgid root wd map-user map-group propagation setgroups map-users map-groups"}, true
	case "nsenter":
		return wrapper{short: "tSGNW", flags: "amupinUCTrwFZ", long: "target setuid setgid"}, true
	case "setarch", "arch", "linux32", "linux64", "i386", "x86_64":
		return wrapper{flags: "BFILRSTXZ3vuh", short: "ed", arch: true}, true
	case "flock":
		return wrapper{short: "wEc", flags: "seuxnoFv", long: "timeout wait conflict-exit-code command", skip: 1, text: "c"}, true
	case "watch":
		return wrapper{short: "nqs", flags: "bcCdegrtwxp", long: "interval equexit shotsdir", shell: true}, true
	case "script":
		return wrapper{short: "cEIOBTtmo", flags: "aefq", long: "command echo log-in log-out log-io log-timing logging-format output-limit", text: "c", skip: 9999}, true
	case "busybox", "toybox":
		return wrapper{}, true
	case "strace", "ltrace":
		return wrapper{short: "aebIEopPsSuUXOlnAFx", flags: "cCdfDhiqrtTvVwyYzZk", long: "trace output attach user env"}, true
	case "firejail":
		return wrapper{}, true
	case "xvfb-run":
		return wrapper{short: "efnpsw", flags: "alh", long: "error-file auth-file server-num xauth-protocol server-args wait"}, true
	case "systemd-run":
		return wrapper{short: "pMHEtuG", flags: "rPqdSC", long: "unit property uid gid nice working-directory slice description service-type setenv machine host on-active on-boot on-calendar timer-property"}, true
	case "ssh":
		return wrapper{short: "BbcDEeFIiJLlmOoPpQRSWw", flags: "46AaCfGgKkMNnqsTtVvXxYy", skip: 1, shell: true}, true
	}
	return wrapper{}, false
}

// wrapped finds the command that a wrapper carries and analyses it.
func (a *analyser) wrapped(cmd *Command, w wrapper, c ctx) Source {
	args := cmd.Argv[1:]
	c.role, c.via = RoleCarried, append(slices.Clone(c.via), cmd.Program)
	var texts []Word
	i, unsure := 0, false
	skip := w.skip
	for i < len(args) {
		t := args[i].Text
		switch {
		case t == "--":
			i++
			if cmd.Program == "ssh" || skip == 0 {
				goto operands
			}
			continue
		case t == "-" && (cmd.Program == "su" || cmd.Program == "env"):
			i++
			continue
		case w.assigns && assignment(t):
			name, v, _ := strings.Cut(t, "=")
			a.assign(Assignment{Name: name, Value: Visible(v)})
			i++
			continue
		case len(t) > 1 && t[0] == '-' && args[i].Hole != 0:
			n, text, ok := a.wrapperOption(cmd, w, args, i)
			unsure = unsure || !ok
			if text != nil {
				texts = append(texts, *text)
			}
			i += n
			continue
		case w.arch && i < len(args) && (strings.HasPrefix(t, "x86") || strings.HasPrefix(t, "i") && strings.HasSuffix(t, "86") || strings.HasPrefix(t, "linux") || strings.HasPrefix(t, "arm") || strings.HasPrefix(t, "aarch") || t == "uname26" || cmd.Program == "setarch"):
			w.arch = false
			i++
			continue
		case skip > 0:
			skip--
			i++
			continue
		}
		break
	}
operands:
	if cmd.Program == "env" {
		return a.envRest(cmd, args[i:], texts, c)
	}
	if len(texts) > 0 {
		return a.carriedText(cmd, texts[0], c, "-c")
	}
	for ; skip > 0 && i < len(args) && skip < 9; skip-- {
		i++
	}
	return a.carried(cmd, w, args[min(i, len(args)):], unsure, c)
}

// carried analyses what is left after a wrapper's own words.
func (a *analyser) carried(cmd *Command, w wrapper, rest []Word, unsure bool, c ctx) Source {
	if cmd.Program == "runuser" || cmd.Program == "su" || cmd.Program == "sg" {
		if slices.ContainsFunc(cmd.Argv, func(x Word) bool { return x.Text == "-u" || strings.HasPrefix(x.Text, "--user") }) {
			return a.simple(rest, c)
		}
		if len(rest) > 1 { // su USER args: the shell's own arguments
			return a.shellArgs(cmd, rest[1:], c)
		}
		return Source{Origin: OriginOutput}
	}
	if len(rest) == 0 {
		return Source{Origin: OriginOutput}
	}
	if unsure {
		cmd.Inline = append(cmd.Inline, "options of "+cmd.Program+" that are not known")
		if len(rest) > 1 {
			a.simple(rest[1:], c)
		}
	}
	watchExec := cmd.Program == "watch" && slices.ContainsFunc(cmd.Argv, func(x Word) bool { return x.Text == "-x" || x.Text == "--exec" })
	if w.shell && !watchExec {
		text, known := make([]string, 0, len(rest)), true
		for _, x := range rest {
			text, known = append(text, x.Text), known && x.Known
		}
		out := a.script(strings.Join(text, " "), false, c, nil, nil)
		if cmd.Program == "ssh" {
			return Source{Origin: OriginDownload, Programs: []string{"ssh"}}
		}
		return out
	}
	return a.simple(rest, c)
}

// wrapperOption handles one option of a wrapper: how many words it takes, the
// command string it holds, whether it is known.
func (a *analyser) wrapperOption(cmd *Command, w wrapper, args []Word, i int) (n int, text *Word, ok bool) {
	t := args[i].Text
	if strings.HasPrefix(t, "--") {
		name, v, has := strings.Cut(t[2:], "=")
		isText := w.text != "" && name != "" && (strings.HasPrefix("command", name) || strings.HasPrefix("session-command", name))
		if has {
			if isText || cmd.Program == "env" && strings.HasPrefix("split-string", name) {
				x := args[i]
				x.Text = v
				return 1, &x, true
			}
			if cmd.Program == "env" && strings.HasPrefix("chdir", name) {
				a.useText(cmd, args[i], v, Read, nil)
			}
			return 1, nil, true
		}
		if takes(w.long, name) && i+1 < len(args) {
			if isText || cmd.Program == "env" && strings.HasPrefix("split-string", name) {
				return 2, &args[i+1], true
			}
			if cmd.Program == "env" && strings.HasPrefix("chdir", name) {
				a.use(cmd, args[i+1], Read, nil)
			}
			return 2, nil, true
		}
		return 1, nil, true
	}
	for j := 1; j < len(t); j++ {
		letter := t[j]
		if strings.IndexByte(w.short, letter) < 0 {
			if strings.IndexByte(w.flags, letter) < 0 {
				ok = true // decided below
				return 1, nil, w.flags == "" && w.short == ""
			}
			continue
		}
		x, n := Word{}, 1
		if j+1 < len(t) {
			x = args[i]
			x.Text = t[j+1:]
		} else if i+1 < len(args) {
			x, n = args[i+1], 2
		}
		if w.text != "" && letter == w.text[0] || cmd.Program == "env" && letter == 'S' {
			return n, &x, true
		}
		if cmd.Program == "env" && letter == 'C' {
			a.use(cmd, x, Read, nil)
		}
		return n, nil, true
	}
	return 1, nil, true
}

// takes reports whether a long option, possibly abbreviated, takes a value.
func takes(list, name string) bool {
	if name == "" {
		return false
	}
	for rest := list; rest != ""; {
		var o string
		o, rest, _ = strings.Cut(rest, " ")
		if strings.HasPrefix(o, name) {
			return true
		}
	}
	return false
}

func assignment(s string) bool {
	name, _, ok := strings.Cut(s, "=")
	return ok && name != "" && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == "" && (name[0] < '0' || name[0] > '9')
}

// envRest is what env runs: the string of -S split into words, then the rest.
func (a *analyser) envRest(cmd *Command, rest []Word, texts []Word, c ctx) Source {
	for _, t := range texts {
		var argv []Word
		for _, s := range splitString(t.Text) {
			x := t
			x.Text, x.Alts = s, nil
			if strings.Contains(s, "${") {
				x.Known, x.Raw = false, Visible(s)
			}
			argv = append(argv, x)
		}
		rest = append(argv, rest...)
	}
	if len(texts) > 0 { // options and assignments may stand in the string
		x := *cmd
		x.Argv = append([]Word{lit("env")}, rest...)
		w, _ := wrapperOf("env")
		if len(rest) > 0 && len(c.via) < maxDepth/16 {
			if slices.ContainsFunc(rest, func(x Word) bool { return strings.HasPrefix(x.Text, "-S") || strings.HasPrefix(x.Text, "--s") }) {
				cmd.Inline = append(cmd.Inline, "env -S within env -S")
			}
			out := a.wrapped(&x, w, c)
			cmd.Files, cmd.Inline = x.Files, append(cmd.Inline, x.Inline...)
			return out
		}
	}
	for len(rest) > 0 && assignment(rest[0].Text) {
		name, v, _ := strings.Cut(rest[0].Text, "=")
		a.assign(Assignment{Name: name, Value: Visible(v)})
		rest = rest[1:]
	}
	if len(rest) == 0 {
		return Source{Origin: OriginOutput}
	}
	return a.simple(rest, c)
}

// splitString splits as env -S does: quotes and backslashes count.
func splitString(s string) []string {
	var out []string
	var b strings.Builder
	open, quote := false, byte(0)
	for i := 0; i < len(s); i++ {
		ch := s[i]
		switch {
		case quote != 0:
			if ch == quote {
				quote = 0
			} else {
				if ch == '\\' && i+1 < len(s) {
					i++
					ch = s[i]
				}
				b.WriteByte(ch)
			}
		case ch == '\'' || ch == '"':
			quote, open = ch, true
		case ch == '\\' && i+1 < len(s):
			i++
			if s[i] == '_' {
				if open {
					out = append(out, b.String())
					b.Reset()
					open = false
				}
				continue
			}
			b.WriteByte(s[i])
			open = true
		case ch == ' ' || ch == '\t' || ch == '\n':
			if open {
				out = append(out, b.String())
				b.Reset()
				open = false
			}
		default:
			b.WriteByte(ch)
			open = true
		}
	}
	if open {
		out = append(out, b.String())
	}
	return out
}

// xargs carries a command whose last operands come from its input.
func (a *analyser) xargs(cmd *Command, c ctx) Source {
	args := cmd.Argv[1:]
	i, zero, replace := 0, false, ""
	input := c.input
	for i < len(args) && strings.HasPrefix(args[i].Text, "-") && args[i].Text != "--" {
		t := args[i].Text
		n := 1
		value := ""
		if strings.HasPrefix(t, "--") {
			name, v, has := strings.Cut(t[2:], "=")
			value = v
			if !has && takes("arg-file delimiter max-lines max-args max-procs max-chars process-slot-var", name) && !strings.HasPrefix("max-lines", name) {
				n = 2
			}
			switch {
			case name == "null":
				zero = true
			case strings.HasPrefix("replace", name) && len(name) > 2:
				replace = v
				if !has {
					replace = "{}"
				}
			case strings.HasPrefix("arg-file", name):
				if n == 2 && i+1 < len(args) {
					value = args[i+1].Text
				}
				a.useText(cmd, args[min(i+n-1, len(args)-1)], value, Read, nil)
				input = Source{Origin: OriginFile}
			}
		} else {
			for j := 1; j < len(t); j++ {
				if t[j] == '0' {
					zero = true
				}
				if strings.IndexByte("adEILnPsJRS", t[j]) < 0 {
					if strings.IndexByte("eil", t[j]) >= 0 {
						if t[j] == 'i' {
							if replace = t[j+1:]; replace == "" {
								replace = "{}"
							}
						}
						break
					}
					continue
				}
				if value = t[j+1:]; value == "" {
					n = 2
					if i+1 < len(args) {
						value = args[i+1].Text
					}
				}
				switch t[j] {
				case 'I', 'J':
					replace = value
				case 'a':
					a.useText(cmd, args[min(i+n-1, len(args)-1)], value, Read, nil)
					input = Source{Origin: OriginFile}
				case 'd':
					if value == `\0` {
						zero = true
					}
				}
				break
			}
		}
		i += n
	}
	if i < len(args) && args[min(i, len(args)-1)].Text == "--" {
		i++
	}
	inner := slices.Clone(args[min(i, len(args)):])
	if cmd.Program == "parallel" {
		for j, w := range inner {
			if strings.HasPrefix(w.Text, ":::") {
				inner = inner[:j]
				break
			}
		}
		if len(inner) == 1 && strings.Contains(inner[0].Text, " ") {
			return a.carriedText(cmd, inner[0], c, "parallel")
		}
		cmd.Inline = append(cmd.Inline, "parallel hands its words to a shell")
	}
	if len(inner) == 0 {
		inner = []Word{lit("echo")}
	}
	return a.xargsCarried(cmd, inner, input, zero, replace, c)
}

// xargsCarried adds the operands that arrive by the input.
func (a *analyser) xargsCarried(cmd *Command, inner []Word, input Source, zero bool, replace string, c ctx) Source {
	prog := path.Base(inner[0].Text)
	safe := input.names == namesZero && zero || input.names == namesLines && reads(prog)
	_, interp := interpreterOf(prog)
	interp = interp || isShell(prog) || prog == "awk" || prog == "sed" || prog == "make"
	if interp {
		safe = safe && (prog == "awk" || prog == "sed")
		if !safe {
			cmd.Inline = append(cmd.Inline, "a shell or interpreter that gets its words from the input")
		}
	}
	var added []Word
	switch {
	case safe:
		added = []Word{lit("{}")}
	case input.Origin == OriginConstant:
		for _, s := range strings.Fields(input.text) {
			added = append(added, Word{Text: s, Hole: -1, From: OriginConstant, Raw: Visible(s)})
		}
		if replace != "" {
			added = []Word{{Text: strings.TrimRight(input.text, "\n"), Hole: -1, From: OriginConstant, Raw: Visible(replace)}}
		}
	default:
		added = []Word{{Hole: 0, From: max(OriginUnknown, input.Origin), Raw: "(from the input of xargs)", src: input}}
	}
	if replace == "" {
		inner = append(inner, added...)
	} else {
		for j, w := range inner {
			if !strings.Contains(w.Text, replace) || len(added) == 0 {
				continue
			}
			if safe && (w.Text == replace || !interp) {
				continue
			}
			x := w
			x.Known, x.From, x.Raw, x.src = false, max(w.From, added[0].From), Visible(w.Text), added[0].src
			x.Text = strings.ReplaceAll(w.Text, replace, added[0].Text)
			if added[0].Hole == 0 {
				x.Hole = strings.Index(w.Text, replace)
			}
			inner[j] = x
		}
	}
	c.role, c.via, c.input = RoleCarried, append(slices.Clone(c.via), cmd.Program), Source{Origin: OriginConstant}
	if input.Origin == OriginDownload && interp {
		cmd.Text = Source{Origin: OriginDownload, Programs: input.Programs}
	}
	return a.simple(inner, c)
}

// reads lists programs that only read their operands.
func reads(prog string) bool {
	return slices.Contains([]string{"wc", "cat", "grep", "egrep", "fgrep", "rg", "head", "tail", "ls", "sort", "uniq", "cut", "diff", "jq", "stat", "file", "du",
		"md5sum", "sha1sum", "sha256sum", "sha512sum", "cksum", "base64", "tac", "nl", "basename", "dirname", "echo", "printf", "cmp", "comm", "od", "xxd", "strings"}, prog)
}

// find carries commands by its -exec family and may delete by itself.
func (a *analyser) find(cmd *Command, c ctx) Source {
	args := cmd.Argv[1:]
	i, deletes, narrow := 0, false, false
	for ; i < len(args); i++ { // options and starting points
		t := args[i].Text
		if t == "-H" || t == "-L" || t == "-P" || strings.HasPrefix(t, "-O") {
			continue
		}
		if t == "-D" {
			i++
			continue
		}
		if strings.HasPrefix(t, "-") || t == "!" || t == "(" {
			break
		}
		a.use(cmd, args[i], Read, nil)
	}
	var out Source
	for ; i < len(args); i++ {
		t := args[i].Text
		next := func() Word {
			if i++; i < len(args) {
				return args[i]
			}
			return lit("")
		}
		switch t {
		case "-exec", "-execdir", "-ok", "-okdir":
			end := i + 1
			for end < len(args) && args[end].Text != ";" && (args[end].Text != "+" || args[end-1].Text != "{}") {
				end++
			}
			out = out.then(a.findExec(cmd, args[i+1:min(end, len(args))], c))
			i = end
		case "-delete":
			deletes = true
		case "-fprint", "-fprint0", "-fls", "-fprintf":
			w := next()
			a.use(cmd, w, Write, nil)
			a.writes(w, OriginOutput, false)
			if t == "-fprintf" {
				i++
			}
		case "-files0-from":
			a.use(cmd, next(), Read, nil)
			cmd.Unchecked = append(cmd.Unchecked, "-files0-from")
		case "-newer", "-anewer", "-cnewer", "-samefile":
			a.use(cmd, next(), Read, nil)
			narrow = true
		case "-type", "-xtype":
			narrow = next().Text == "f" || narrow
		case "-name", "-iname", "-path", "-ipath", "-wholename", "-iwholename", "-regex", "-iregex", "-lname", "-ilname":
			w := next()
			narrow = narrow || strings.Trim(w.Text, `*/.\`) != ""
		case "-empty":
			narrow = true
		case "-size", "-mtime", "-mmin", "-ctime", "-cmin", "-atime", "-amin", "-user", "-group", "-uid", "-gid", "-perm", "-links", "-inum", "-fstype", "-used":
			i++
			narrow = narrow || t == "-size" || strings.HasSuffix(t, "min") || strings.HasSuffix(t, "time")
		case "-maxdepth", "-mindepth", "-printf", "-context", "-regextype":
			i++
		}
	}
	if deletes && !narrow {
		cmd.DeletesTree = true
	}
	if out.Origin == OriginNone || out.Origin == OriginConstant {
		return a.output(cmd, c)
	}
	return out
}

func (a *analyser) findExec(cmd *Command, inner []Word, c ctx) Source {
	if len(inner) == 0 {
		return Source{}
	}
	prog := path.Base(inner[0].Text)
	_, interp := interpreterOf(prog)
	if interp || isShell(prog) || prog == "{}" || inner[0].Text == "{}" {
		for _, w := range inner {
			if strings.Contains(w.Text, "{}") {
				cmd.Inline = append(cmd.Inline, "a shell or interpreter that gets its words from find")
				break
			}
		}
	}
	c.role, c.via, c.input = RoleCarried, append(slices.Clone(c.via), "find"), Source{Origin: OriginConstant}
	c.found = true
	return a.simple(inner, c)
}

// docker carries a command into a container.
func (a *analyser) docker(cmd *Command, c ctx) Source {
	args := cmd.Argv[1:]
	i := slices.IndexFunc(args, func(w Word) bool { return w.Text == "run" || w.Text == "exec" })
	c.role, c.via = RoleCarried, append(slices.Clone(c.via), cmd.Program)
	if i >= 0 {
		// Which options take a value differs by version: every word that may
		// be the command is looked at.
		for j := i + 1; j < len(args); j++ {
			if t := args[j].Text; !strings.HasPrefix(t, "-") && (isShell(t) || slices.Contains(notable(), path.Base(t))) {
				a.simple(args[j:], c)
				break
			}
		}
	}
	return a.output(cmd, c)
}
