package cmdline

import (
	"path"
	"slices"
	"strings"
)

// xargs carries a command whose last operands come from its input.
func (a *analyser) xargs(cmd *Command, c ctx) Source {
	args := cmd.Argv[1:]
	i, zero, replace := 0, false, ""
	short := "adEILnPsJRS"
	if cmd.Program == "parallel" {
		short += "jCNU"
	}
	input := c.input
	for i < len(args) && strings.HasPrefix(args[i].Text, "-") && args[i].Text != "--" {
		t := args[i].Text
		n := 1
		value := ""
		if strings.HasPrefix(t, "--") {
			name, v, has := strings.Cut(t[2:], "=")
			value = v
			if !has && takes("arg-file delimiter max-lines max-args max-procs max-chars process-slot-var jobs sshlogin delay timeout results joblog colsep load memfree retries tmpdir workdir tagstring basefile return env halt nice block recstart recend rpl profile limit arg-sep arg-file-sep max-replace-args", name) && !strings.HasPrefix("max-lines", name) {
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
				input = a.argFile(cmd, args[min(i+n-1, len(args)-1)], value, c)
			}
		} else {
			for j := 1; j < len(t); j++ {
				if t[j] == '0' {
					zero = true
				}
				if strings.IndexByte(short, t[j]) < 0 {
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
					input = a.argFile(cmd, args[min(i+n-1, len(args)-1)], value, c)
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
		if len(inner) == 0 {
			return a.programText(cmd, input, c, true)
		}
	}
	if len(inner) == 0 {
		inner = []Word{lit("echo")}
	}
	return a.xargsCarried(cmd, inner, input, zero, replace, c)
}

// argFile is the input that an option of xargs names.
func (a *analyser) argFile(cmd *Command, w Word, value string, c ctx) Source {
	if w.Stream {
		return w.src
	}
	a.useText(cmd, w, value, Read, nil)
	w.Text = value
	return a.fileSource(w, c.input)
}

// xargsCarried adds the operands that arrive by the input.
func (a *analyser) xargsCarried(cmd *Command, inner []Word, input Source, zero bool, replace string, c ctx) Source {
	prog := path.Base(inner[0].Text)
	inPlace := slices.ContainsFunc(inner, func(w Word) bool {
		return strings.HasPrefix(w.Text, "-") && strings.Contains(w.Text, "i") // of sed
	})
	safe := input.names == namesZero && zero || input.names == namesLines && (reads(prog) || prog == "awk" || prog == "sed" && !inPlace)
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
		fields := strings.Fields(input.text)
		if zero {
			fields = strings.Split(strings.TrimSuffix(input.text, "\x00"), "\x00")
		}
		for _, s := range fields {
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
	i := 0
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
	cmd.DeletesTree = deletesTree(args[min(i, len(args)):])
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
		case "-type", "-xtype", "-name", "-iname", "-path", "-ipath", "-wholename", "-iwholename", "-regex", "-iregex", "-lname", "-ilname",
			"-size", "-mtime", "-mmin", "-ctime", "-cmin", "-atime", "-amin", "-user", "-group", "-uid", "-gid", "-perm", "-links", "-inum", "-fstype", "-used",
			"-maxdepth", "-mindepth", "-printf", "-context", "-regextype":
			i++
		}
	}
	if out.Origin <= OriginUnknown {
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
	c.role, c.via = RoleCarried, append(slices.Clone(c.via), "find")
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
		var entry *Word
		for j := i + 1; j < len(args); j++ {
			t := args[j].Text
			if s, ok := strings.CutPrefix(t, "--entrypoint"); ok && (s == "" && j+1 < len(args) || strings.HasPrefix(s, "=")) {
				w := sub(args[j], strings.TrimPrefix(s, "="))
				if s == "" {
					j++
					w = args[j]
				}
				entry = &w
				continue
			}
			if entry != nil && isShell(path.Base(entry.Text)) && strings.HasPrefix(t, "-") && strings.HasSuffix(t, "c") {
				a.simple(append([]Word{*entry}, args[j:]...), c)
				break
			}
			if !strings.HasPrefix(t, "-") && (isShell(t) || slices.Contains(notable(), path.Base(t))) {
				a.simple(args[j:], c)
				break
			}
		}
	}
	return a.output(cmd, c)
}
