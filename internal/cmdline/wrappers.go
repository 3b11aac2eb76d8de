package cmdline

import (
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
		return wrapper{short: pick(prog, "stdbuf", "ioe", "time", "fo", "caffeinate", "tw", "fakeroot", "lsib", "tini", "pe"),
			flags: pick(prog, "time", "apvqhV", "setsid", "cfw", "caffeinate", "disum", "fakeroot", "uhv", "proxychains", "q", "proxychains4", "q", "tini", "sgvw"),
			long:  pick(prog, "stdbuf", "input output error", "time", "format output", "pkexec", "user", "dbus-run-session", "config-file dbus-daemon", "fakeroot", "lib faked fd-base")}, true
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
		return wrapper{short: "pMHEu", flags: "rPqdSCGtTv", long: "unit property uid gid nice working-directory slice description service-type setenv machine host on-active on-boot on-calendar timer-property"}, true
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
			if text != nil && cmd.Program == "env" { // env reads on in the string
				goto operands
			}
			continue
		case w.arch && architecture(t):
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

func architecture(s string) bool {
	for _, p := range []string{"x86", "i386", "i486", "i586", "i686", "linux", "arm", "aarch", "uname26", "ppc", "powerpc", "s390", "sparc", "mips", "ia64", "parisc", "alpha", "riscv", "athlon"} {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
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
