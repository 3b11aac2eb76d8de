package cmdline

import (
	"slices"
	"strings"
)

func isShell(prog string) bool {
	switch prog {
	case "sh", "bash", "dash", "ash", "zsh", "ksh", "ksh93", "mksh", "pdksh", "rbash", "fish", "csh", "tcsh", "yash", "hush", "busybox-sh", "at", "batch":
		return true
	}
	return false
}

// shell is a command that reads shell text: from -c, a file, or its input.
func (a *analyser) shell(cmd *Command, c ctx) Source {
	return a.shellArgs(cmd, cmd.Argv[1:], c)
}

func (a *analyser) shellArgs(cmd *Command, args []Word, c ctx) Source {
	c.via = append(slices.Clone(c.via), cmd.Program)
	if cmd.Program == "at" || cmd.Program == "batch" {
		a.programText(cmd, c.input, c, true)
		return Source{Origin: OriginOutput}
	}
	i, text, stdin, quick := 0, false, false, false
	for ; i < len(args); i++ {
		t := args[i].Text
		if t == "--" || t == "-" {
			i++
			break
		}
		if len(t) < 2 || t[0] != '-' && t[0] != '+' || args[i].Hole == 0 {
			break
		}
		if strings.HasPrefix(t, "--") {
			switch name, v, has := strings.Cut(t[2:], "="); name {
			case "rcfile", "init-file":
				cmd.Inline = append(cmd.Inline, "a start file named by an option")
				if has {
					a.useText(cmd, args[i], v, Read, nil)
				} else if i+1 < len(args) {
					i++
					a.use(cmd, args[i], Read, nil)
				}
			case "version", "help":
				quick = true
			}
			continue
		}
		text = text || t[0] == '-' && strings.Contains(t, "c")
		stdin = stdin || t[0] == '-' && strings.Contains(t, "s")
		if strings.Contains(t, "i") {
			cmd.Inline = append(cmd.Inline, "an interactive shell")
		}
		if strings.ContainsAny(t, "oO") {
			i++
			if strings.Contains(t, "O") {
				cmd.Inline = append(cmd.Inline, "a shell option that changes the language")
			}
		}
	}
	rest := args[min(i, len(args)):]
	switch {
	case quick:
		return Source{Origin: OriginOutput}
	case text:
		if len(rest) == 0 {
			return Source{Origin: OriginOutput}
		}
		return a.shellText(cmd, rest[0], rest[1:], c)
	case stdin || len(rest) == 0:
		return a.programText(cmd, c.input, c, true)
	}
	return a.scriptFile(cmd, rest, c, true)
}

// shellText is the string of -c with the words after it.
func (a *analyser) shellText(cmd *Command, w Word, rest []Word, c ctx) Source {
	var arg0 *Word
	if len(rest) > 0 {
		arg0, rest = &rest[0], rest[1:]
	}
	if w.From >= OriginOutput {
		cmd.Text = Source{Origin: w.From, Programs: w.src.Programs}
	}
	if w.Known && strings.Contains(w.Text, "{}") && c.found {
		cmd.Inline = append(cmd.Inline, "file names become program text")
	}
	var out Source
	for _, s := range w.Values() {
		out = out.then(a.script(s, w.Known && !w.Glob, c, rest, arg0))
	}
	if !w.Known {
		cmd.Unchecked = append(cmd.Unchecked, w.Raw)
	}
	for _, r := range rest {
		a.use(cmd, r, Read, nil)
	}
	return out
}

// scriptFile is a program whose text is a file operand.
func (a *analyser) scriptFile(cmd *Command, rest []Word, c ctx, isSh bool) Source {
	w := rest[0]
	if w.Stream || w.Text == "-" || stream(w.Text) == "0" {
		src := a.fileSource(w, c.input)
		if w.Text == "-" {
			src = c.input
		}
		return a.programText(cmd, src, c, isSh)
	}
	if src := a.fileSource(w, c.input); src.Origin >= OriginOutput && w.Hole != 0 {
		cmd.Text = Source{Origin: src.Origin, Programs: src.Programs}
	} else if w.From == OriginDownload {
		cmd.Text = Source{Origin: w.From, Programs: w.src.Programs}
	}
	a.use(cmd, w, Read, c.bases)
	a.runs(cmd, w, c)
	for _, r := range rest[1:] {
		a.argument(cmd, r, c.bases)
	}
	return Source{Origin: OriginOutput, Programs: []string{cmd.Program}}
}

// argument is a word for a script, whose options nobody knows.
func (a *analyser) argument(cmd *Command, w Word, bases []string) {
	if !strings.HasPrefix(w.Text, "-") || w.Hole == 0 {
		a.operand(cmd, w, Read, bases)
		return
	}
	if _, v, ok := strings.Cut(w.Text, "="); ok {
		a.option(cmd, w, v, bases)
	} else if k := strings.IndexAny(w.Text, "/~"); k > 1 {
		a.option(cmd, w, w.Text[k:], bases)
	}
}

// runs notes a file whose text a program runs.
func (a *analyser) runs(cmd *Command, w Word, c ctx) {
	var only Command
	a.use(&only, w, Read, c.bases)
	cmd.Scripts = append(cmd.Scripts, only.Files...)
}

// programText is program text that arrives by a stream.
func (a *analyser) programText(cmd *Command, src Source, c ctx, isSh bool) Source {
	switch src.Origin {
	case OriginOutput, OriginDownload:
		cmd.Text = Source{Origin: src.Origin, Programs: src.Programs}
	case OriginConstant:
		cmd.Inline = append(cmd.Inline, "program text from standard input")
		if isSh {
			a.script(src.text, false, c, nil, nil)
		}
	case OriginUnknown:
		cmd.Inline = append(cmd.Inline, "program text from standard input")
		if isSh && src.text != "" {
			a.script(src.text, false, c, nil, nil)
		}
	case OriginNone, OriginFile:
		cmd.Inline = append(cmd.Inline, "program text from standard input")
	}
	return Source{Origin: OriginOutput, Programs: []string{cmd.Program}}
}

// interp describes the options of an interpreter.
type interp struct {
	code   string // short options that take program text
	flags  string // short options that make it interactive or load modules
	value  string // short options with a harmless value
	loads  string // long options that run or load code, blank-separated
	values string // long options that take a value in the next word
	module string // short options that run a module
	alone  string // beginnings of long options that take no value
}

func interpreterOf(prog string) (interp, bool) {
	base := strings.TrimRight(prog, "0123456789.")
	switch base {
	case "python", "pypy", "pythonw", "ipython":
		return interp{code: "c", flags: "i", value: "WX", module: "m", values: "check-hash-based-pycs"}, true
	case "node", "nodejs":
		return interp{code: "ep", flags: "i", module: "r", value: "C",
			loads:  "eval print interactive require import loader experimental-loader test-reporter inspect inspect-brk inspect-port inspect-wait inspect-publish-uid debug debug-brk build-snapshot build-snapshot-config snapshot-blob experimental-sea-config build-sea openssl-config openssl-shared-config experimental-config-file experimental-default-config-file run test-global-setup entry-url experimental-repl-await",
			values: "eval print require import loader experimental-loader test-reporter env-file env-file-if-exists conditions title max-old-space-size stack-trace-limit icu-data-dir redirect-warnings diagnostic-dir trace-event-categories test-name-pattern test-reporter-destination test-skip-pattern watch-path unhandled-rejections dns-result-order input-type trace-event-file-pattern cpu-prof-dir cpu-prof-name cpu-prof-interval heap-prof-dir heap-prof-name heap-prof-interval report-dir report-directory report-filename report-signal heapsnapshot-near-heap-limit heapsnapshot-signal max-http-header-size secure-heap secure-heap-min disable-proto disable-warning localstorage-file test-shard test-concurrency test-timeout test-isolation experimental-default-type experimental-specifier-resolution tls-cipher-list tls-keylog v8-pool-size",
			alone:  "no- trace- experimental- enable- harmony allow- report- perf- preserve- expose- tls-m use- force- test watch prof cpu-prof heap-prof throw- pending- abort- insecure- permission verify- zero- frozen- interpreted- jitless track- entry-url check run"}, true
	case "deno", "bun", "ts-node", "tsx":
		return interp{code: "ep", flags: "i", module: "r", loads: "eval print preload require import"}, true
	case "perl":
		return interp{code: "eE", module: "mMdx", value: "CFI0lD"}, true
	case "ruby", "irb", "jruby":
		return interp{code: "e", module: "r", value: "CEFIKTx0"}, true
	case "php", "php-cgi":
		return interp{code: "rBRE", flags: "a", module: "dzF", value: "cSt"}, true
	case "lua", "luajit":
		return interp{code: "e", module: "l", flags: "i"}, true
	case "tclsh", "wish", "Rscript", "R", "osascript", "pwsh", "powershell", "expect", "guile", "ghci", "runghc", "groovy", "scala", "elixir", "erl", "julia",
		"octave", "swift", "clojure", "racket", "sbcl", "raku", "crystal", "nu", "elvish", "xonsh", "psysh", "jshell", "gdb", "gnuplot", "bc-run":
		return interp{code: "ecr", loads: "eval command"}, true
	}
	return interp{}, false
}

// interpreter judges which text an interpreter runs.
func (a *analyser) interpreter(cmd *Command, in interp, c ctx) {
	args := cmd.Argv[1:]
	inline := func(s string) { cmd.Inline = append(cmd.Inline, s) }
	hasText := false
	i := 0
	if (cmd.Program == "deno" || cmd.Program == "bun") && len(args) > 0 && args[0].Text == "run" {
		inline("a subcommand of " + cmd.Program)
		args = args[1:]
	}
	for ; i < len(args); i++ {
		w := args[i]
		t := w.Text
		if t == "--" {
			i++
			break
		}
		if t == "-" || len(t) < 2 || t[0] != '-' || w.Hole == 0 {
			break
		}
		if strings.HasPrefix(t, "--") {
			name, v, has := strings.Cut(strings.ReplaceAll(t[2:], "_", "-"), "=")
			switch {
			case name == "version" || name == "help" || name == "v8-options" || name == "completion-bash":
				return
			case listed(in.loads, name) || strings.HasPrefix(name, "inspect") || strings.HasPrefix(name, "debug"):
				inline("code or a loader named by --" + name)
				hasText = hasText || name == "eval" || name == "print" || name == "run" || name == "command"
			case name == "test":
				hasText = true
			}
			_, raw, _ := strings.Cut(t, "=")
			switch {
			case has && v != "":
				a.option(cmd, w, raw, c.bases)
			case listed(in.values, name) && i+1 < len(args):
				i++
				a.operand(cmd, args[i], Read, c.bases)
				if args[i].From >= OriginOutput && hasText {
					cmd.Text = Source{Origin: args[i].From, Programs: args[i].src.Programs}
				}
				if listed(in.loads, name) {
					a.loaded(cmd, args[i], c)
				}
			case in.alone != "" && !startsWithOne(name, in.alone) && i+2 < len(args) && !strings.HasPrefix(args[i+1].Text, "-") && slices.ContainsFunc(args[i+2:], func(w Word) bool { return strings.HasPrefix(w.Text, "-") }):
				inline("an option that may take the next word (--" + name + ")")
			}
			continue
		}
		used, done := a.interpreterShort(cmd, in, args, i, &hasText, c)
		if done {
			return
		}
		i += used
	}
	rest := args[min(i, len(args)):]
	switch {
	case hasText && len(rest) == 0:
	case hasText:
		for _, r := range rest {
			a.operand(cmd, r, Read, c.bases)
		}
	case len(rest) == 0:
		a.programText(cmd, c.input, c, false)
	default:
		if cmd.Program == "node" && (rest[0].Text == "inspect" || rest[0].Text == "debug") || cmd.Program == "deno" || cmd.Program == "bun" {
			inline("a subcommand of " + cmd.Program)
		}
		if strings.HasPrefix(rest[0].Text, "data:") || strings.Contains(rest[0].Text, "://") {
			inline("program text in an address")
		}
		a.scriptFile(cmd, rest, c, false)
	}
}

// loaded is a module that an option names.
func (a *analyser) loaded(cmd *Command, w Word, c ctx) {
	if src := a.fileSource(w, c.input); src.Origin >= OriginOutput {
		cmd.Text = Source{Origin: src.Origin, Programs: src.Programs}
	}
}

func startsWithOne(s, beginnings string) bool {
	for b := range strings.FieldsSeq(beginnings) {
		if strings.HasPrefix(s, b) {
			return true
		}
	}
	return false
}

// interpreterShort handles one cluster of short options; it returns how many
// further words were used and whether nothing is run at all.
func (a *analyser) interpreterShort(cmd *Command, in interp, args []Word, i int, hasText *bool, c ctx) (used int, done bool) {
	t := args[i].Text
	for j := 1; j < len(t); j++ {
		l := t[j : j+1]
		switch {
		case len(t) == 2 && (l == "v" && in.module != "mMdx" || l == "V" || l == "h"):
			return 0, !strings.Contains(in.flags+in.module, l) || l == "v" && cmd.Program == "node"
		case strings.Contains(in.code, l):
			cmd.Inline = append(cmd.Inline, "inline code (-"+l+")")
			*hasText = true
			w := args[i]
			if j+1 == len(t) && i+1 < len(args) {
				w, used = args[i+1], 1
			}
			if w.From >= OriginOutput {
				cmd.Text = Source{Origin: w.From, Programs: w.src.Programs}
			}
			return used, false
		case strings.Contains(in.module, l):
			cmd.Inline = append(cmd.Inline, "a module or loader (-"+l+")")
			*hasText = *hasText || l == "m" && strings.HasPrefix(cmd.Program, "py")
			if j+1 == len(t) && i+1 < len(args) && l != "d" {
				a.operand(cmd, args[i+1], Read, c.bases)
				a.loaded(cmd, args[i+1], c)
				return 1, false
			}
			if j+1 < len(t) {
				a.option(cmd, args[i], t[j+1:], c.bases)
			}
			return 0, false
		case strings.Contains(in.flags, l):
			cmd.Inline = append(cmd.Inline, "an interactive interpreter")
			*hasText = true
		case strings.Contains(in.value, l):
			if j+1 == len(t) && i+1 < len(args) && strings.Contains("WXCc", l) {
				return 1, false
			}
			if j+1 < len(t) {
				a.option(cmd, args[i], t[j+1:], c.bases)
			}
			return 0, false
		}
	}
	return 0, false
}

// listed reports whether name is one of the blank-separated words.
func listed(list, name string) bool {
	if name == "" || strings.IndexByte(name, ' ') >= 0 {
		return false
	}
	for rest := list; ; {
		i := strings.Index(rest, name)
		if i < 0 {
			return false
		}
		end := i + len(name)
		if (i == 0 || rest[i-1] == ' ') && (end == len(rest) || rest[end] == ' ') {
			return true
		}
		rest = rest[i+1:]
	}
}
