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
// file. What it cannot read is a reason too. Whether a delimiter inside
// brackets ends a pattern differs between versions of sed.
func sedRuns(s string) string {
	if why := sedReads(s, true); why != "" {
		return why
	}
	if why := sedReads(s, false); why != sedUnclear {
		return why
	}
	return ""
}

const sedUnclear = "a sed script that is not understood"

// sedReads is sedRuns with brackets that hide a delimiter, or do not.
func sedReads(s string, brackets bool) string {
	i := 0
	section := func(delim byte, regexp bool) bool {
		for i < len(s) && s[i] != delim {
			if s[i] == '\\' {
				i++
			} else if s[i] == '[' && regexp && brackets {
				i += bracketEnd(s[i:], 0)
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
			if !section('/', true) {
				return sedUnclear
			}
		case ch == '\\' && i+1 < len(s):
			i += 2
			if !section(s[i-1], true) {
				return sedUnclear
			}
		case ch == '#' || ch == 'a' || ch == 'i' || ch == 'c':
			for i < len(s) && s[i] != '\n' {
				if s[i] == '\\' {
					i++
				}
				i++
			}
		case ch == ':' || ch == 'b' || ch == 't' || ch == 'T':
			for i++; i < len(s) && (s[i] == ' ' || s[i] == '\t'); i++ {
			}
			for i < len(s) && strings.IndexByte("\n;} \t", s[i]) < 0 {
				i++
			}
		case strings.IndexByte("=dDgGhHnNpPxzFqQlL", ch) >= 0:
			i++
		case (ch == 's' || ch == 'y') && i+1 < len(s):
			delim := s[i+1]
			i += 2
			first, second := section(delim, ch == 's'), section(delim, false)
			if !first || !second {
				return sedUnclear
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
			return sedUnclear
		}
	}
	return ""
}

// bracketEnd is the offset of the "]" that closes the bracket expression at
// the start of a regular expression, 0 if none does. escape takes the meaning
// of the character after it; 0 means that nothing does.
func bracketEnd(s string, escape byte) int {
	i := 1
	if i < len(s) && s[i] == '^' {
		i++
	}
	for first := i; i < len(s); i++ {
		switch {
		case s[i] == '\n':
			return 0
		case s[i] == escape && escape != 0:
			i++
		case s[i] == ']' && i > first:
			return i
		case s[i] == '[' && i+1 < len(s) && strings.IndexByte(":.=", s[i+1]) >= 0:
			if n := strings.Index(s[i+2:], s[i+1:i+2]+"]"); n >= 0 {
				i += n + 3
			}
		}
	}
	return 0
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

// awkReader reads an awk program a token at a time, as far as is needed to
// tell what is text, what compares and what writes.
type awkReader struct {
	s string
	i int
	// operand: what was read last is a value, so that a slash divides it.
	operand bool
	// unclear: programs differ about what a slash is here.
	unclear bool
	// statements are the depths of the brackets of if, while, for: what comes
	// after them begins a statement.
	statements []int
	condition  bool // the next bracket is one of them
	depth      int
	// printing: inside the words of print, which stands at depth from.
	// divided: there was a slash that divides.
	printing, divided bool
	from              int
}

// awkRuns reads an awk program; "" when it neither runs programs nor opens
// files.
func awkRuns(s string) string {
	a := awkReader{s: s}
	for a.i < len(s) {
		if why := a.token(); why != "" {
			return why
		}
	}
	return ""
}

func (a *awkReader) next(c byte) bool { return a.i+1 < len(a.s) && a.s[a.i+1] == c }

func (a *awkReader) token() string {
	operand := false // of what is read now
	switch ch := a.s[a.i]; {
	case ch == ' ' || ch == '\t' || ch == '\\' && a.next('\n'):
		if ch == '\\' {
			a.i++
		}
		a.i++
		return ""
	case letter(ch):
		return a.word()
	case ch == '"':
		for a.i++; a.i < len(a.s) && a.s[a.i] != '"'; a.i++ {
			if a.s[a.i] == '\\' {
				a.i++
			}
		}
		operand = true
	case ch == '/' && (a.unclear || !a.operand):
		if a.unclear || !a.regexp() {
			return "an awk program that is not understood"
		}
		operand = true
	case ch == '/':
		a.divided = true
	case ch >= '0' && ch <= '9', ch == '.', ch == ']':
		operand = true
	case (ch == '+' || ch == '-') && a.next(ch):
		a.i++
		operand = a.operand // after a value it belongs to that
	case ch == '#':
		for a.i < len(a.s) && a.s[a.i] != '\n' {
			a.i++
		}
		a.i--
	case ch == '@':
		return "awk loads code or calls by name (@)"
	case ch == '|' && a.next('|'):
		a.i++
	case ch == '|':
		return "awk runs a program (|)"
	case ch == '>' && a.printing && (a.depth <= a.from || a.divided):
		return "awk writes a file (>)"
	case ch == '(':
		a.depth++
		if a.condition {
			a.statements, a.condition = append(a.statements, a.depth), false
		}
	case ch == ')':
		operand = true
		if n := len(a.statements); n > 0 && a.statements[n-1] == a.depth {
			a.statements, operand = a.statements[:n-1], false
		}
		a.depth--
	case ch == ';' || ch == '}' || ch == '\n':
		a.printing = false
	}
	a.operand, a.unclear = operand, false
	a.i++
	return ""
}

// regexp passes a regular expression up to its closing slash.
func (a *awkReader) regexp() bool {
	for a.i++; a.i < len(a.s) && a.s[a.i] != '/'; a.i++ {
		switch a.s[a.i] {
		case '\\':
			a.i++
		case '[':
			a.i += bracketEnd(a.s[a.i:], '\\')
		case '\n':
			return false
		}
	}
	return a.i < len(a.s)
}

func (a *awkReader) word() string {
	j := a.i
	for j < len(a.s) && (letter(a.s[j]) || a.s[j] >= '0' && a.s[j] <= '9') {
		j++
	}
	w := a.s[a.i:j]
	a.i, a.operand, a.unclear = j, true, w == "length"
	switch w {
	case "system", "getline":
		return "awk runs a program or opens a file (" + w + ")"
	case "print", "printf":
		a.printing, a.divided, a.from, a.operand = true, false, a.depth, false
	case "if", "while", "for", "switch":
		a.condition, a.operand = true, false
	case "return", "in", "else", "do", "exit", "case", "delete":
		a.operand = false
	}
	return ""
}

func letter(c byte) bool { return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
