package cmdline

import "strings"

// sed judges a sed script: which commands run programs or open files.
func (a *analyser) sed(cmd *Command, opts []opt, text []Word, c ctx) {
	var script []string
	for _, o := range opts {
		switch {
		case o.name == "-e" || len(o.name) > 3 && strings.HasPrefix("--expression", o.name):
			script = append(script, o.val.Text)
			a.dynamicText(cmd, o.val)
		case o.name == "-f" || len(o.name) > 3 && strings.HasPrefix("--file", o.name):
			a.programFile(cmd, o.val, c)
		}
	}
	for _, w := range text {
		script = append(script, w.Text)
		a.dynamicText(cmd, w)
	}
	if why := sedRuns(strings.Join(script, "\n")); why != "" {
		cmd.Inline = append(cmd.Inline, why)
	}
}

// dynamicText marks program text that comes from another command.
func (a *analyser) dynamicText(cmd *Command, w Word) {
	if w.From >= OriginOutput {
		cmd.Text = Source{Origin: w.From, Programs: w.src.Programs}
	}
}

// programFile is program text in a file that an option names.
func (a *analyser) programFile(cmd *Command, w Word, c ctx) {
	if w.Text == "-" || w.Stream || stream(w.Text) == "0" {
		src := c.input
		if w.Stream {
			src = w.src
		}
		a.programText(cmd, src, c, false)
		return
	}
	if src := a.fileSource(w, c.input); src.Origin >= OriginOutput {
		cmd.Text = Source{Origin: src.Origin, Programs: src.Programs}
	}
	a.runs(cmd, w, c)
}

// sedRuns reads a sed script; "" when no command runs a program or opens a
// file. What it cannot read is a reason too.
func sedRuns(s string) string {
	i := 0
	section := func(delim byte) bool {
		for i < len(s) && s[i] != delim {
			if s[i] == '\\' {
				i++
			}
			i++
		}
		i++
		return i <= len(s)
	}
	for i < len(s) {
		switch ch := s[i]; {
		case strings.IndexByte(" \t\n;{}!,+~$0123456789IM", ch) >= 0:
			i++
		case ch == '/':
			i++
			if !section('/') {
				return "a sed script that is not understood"
			}
		case ch == '\\' && i+1 < len(s):
			i += 2
			if !section(s[i-1]) {
				return "a sed script that is not understood"
			}
		case ch == '#' || ch == 'a' || ch == 'i' || ch == 'c':
			for i < len(s) && s[i] != '\n' {
				if s[i] == '\\' {
					i++
				}
				i++
			}
		case ch == ':' || ch == 'b' || ch == 't' || ch == 'T':
			for i < len(s) && s[i] != '\n' && s[i] != ';' && s[i] != '}' {
				i++
			}
		case strings.IndexByte("=dDgGhHnNpPxzFqQlL", ch) >= 0:
			i++
		case (ch == 's' || ch == 'y') && i+1 < len(s):
			delim := s[i+1]
			i += 2
			first, second := section(delim), section(delim)
			if !first || !second {
				return "a sed script that is not understood"
			}
			for i < len(s) && strings.IndexByte(";}\n# \t", s[i]) < 0 {
				if s[i] == 'e' || s[i] == 'w' {
					return "sed runs a program or writes a file (s///" + string(s[i]) + ")"
				}
				i++
			}
		case strings.IndexByte("ewWrRv", ch) >= 0:
			return "sed runs a program or opens a file (" + string(ch) + ")"
		default:
			return "a sed script that is not understood"
		}
	}
	return ""
}

func (a *analyser) awk(cmd *Command, opts []opt, text []Word, c ctx) {
	var program []string
	for _, o := range opts {
		long := strings.TrimPrefix(o.name, "--")
		isLong := long != o.name
		switch {
		case o.name == "-f" || o.name == "-E" || isLong && (long == "file" || long == "exec"):
			a.programFile(cmd, o.val, c)
		case o.name == "-e" || isLong && long == "source":
			program = append(program, o.val.Text)
			a.dynamicText(cmd, o.val)
		case o.name == "-i" || o.name == "-l" || o.name == "-D" || o.name == "-d" || o.name == "-o" || o.name == "-p" ||
			isLong && len(long) > 1 && (strings.HasPrefix("include", long) || strings.HasPrefix("load", long) || strings.HasPrefix("debug", long) ||
				strings.HasPrefix("dump-variables", long) || strings.HasPrefix("pretty-print", long) || strings.HasPrefix("profile", long)):
			cmd.Inline = append(cmd.Inline, "awk loads code or writes a file ("+o.name+")")
		}
	}
	for _, w := range text {
		program = append(program, w.Text)
		a.dynamicText(cmd, w)
	}
	if why := awkRuns(strings.Join(program, "\n")); why != "" {
		cmd.Inline = append(cmd.Inline, why)
	}
}

// awkRuns reads an awk program; "" when it neither runs programs nor opens
// files.
func awkRuns(s string) string {
	prev := byte('\n') // last character that is no blank
	printing, divided, depth, from := false, false, 0, 0
	for i := 0; i < len(s); i++ {
		ch := s[i]
		switch {
		case ch == '"':
			for i++; i < len(s) && s[i] != '"'; i++ {
				if s[i] == '\\' {
					i++
				}
			}
		case ch == '/' && strings.IndexByte("(,{};!~&|=?:\n", prev) >= 0:
			class := false
			for i++; i < len(s) && (s[i] != '/' || class); i++ {
				switch s[i] {
				case '\\':
					i++
				case '[':
					class = true
				case ']':
					class = false
				case '\n':
					return "an awk program that is not understood"
				}
			}
		case ch == '/':
			divided = true
		case ch == '#':
			for i < len(s) && s[i] != '\n' {
				i++
			}
			ch, printing = '\n', false
		case ch == '@':
			return "awk loads code or calls by name (@)"
		case ch == '|':
			if i+1 < len(s) && s[i+1] == '|' {
				i++
				break
			}
			return "awk runs a program (|)"
		case ch == '>' && printing && (depth <= from || divided): // inside parentheses it compares
			// where a slash may have been read the wrong way, nothing is
			return "awk writes a file (>)"
		case ch == '(':
			depth++
		case ch == ')':
			depth--
		case ch == ';' || ch == '}' || ch == '\n':
			printing = false
		case letter(ch) && (i == 0 || !letter(s[i-1]) && (s[i-1] < '0' || s[i-1] > '9')):
			j := i
			for j < len(s) && (letter(s[j]) || s[j] >= '0' && s[j] <= '9') {
				j++
			}
			switch s[i:j] {
			case "system", "getline":
				return "awk runs a program or opens a file (" + s[i:j] + ")"
			case "print", "printf":
				printing, divided, from = true, false, depth
			}
			if s[i:j] == "return" || s[i:j] == "in" || s[i:j] == "print" || s[i:j] == "printf" {
				ch = '\n' // a regular expression may follow
			}
			i = j - 1
		}
		if ch != ' ' && ch != '\t' {
			prev = ch
		}
	}
	return ""
}

func letter(c byte) bool { return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
