package cmdline

import (
	"slices"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// Bounds of one line. Past a bound the line is not understood.
const (
	maxText     = 128 << 10 // what one argument of execve may hold
	maxDepth    = 400
	maxWords    = 4096
	maxCommands = 4096
	maxGuesses  = 8 // each stands for every notable program, and what that carries
	maxAlts     = 32
	maxWork     = 4 << 20 // units of spend
	guessCost   = 200     // units for one word of a command that was guessed
)

// value of a shell variable as far as the line tells it.
type value struct {
	alts  []string
	array []string // when isArray
	isArr bool
	from  Origin
	src   Source
}

// frag is a piece of a word before field splitting.
type frag struct {
	text   string
	list   []string // fields of "$@"
	isList bool
	quoted bool
	known  bool
	glob   bool // unquoted text whose pattern characters count
	hole   bool
	from   Origin
	src    Source
	stream bool
}

type variant []frag

func (v value) first() string {
	if len(v.alts) == 0 {
		return ""
	}
	return v.alts[0]
}

// words expands words into the fields that the shell would make of them.
func (a *analyser) words(ws []*syntax.Word) []Word {
	out := make([]Word, 0, len(ws)+2)
	for _, w := range ws {
		if s, ok := ownValue(w); ok {
			out = append(out, lit(s))
			continue
		}
		out = append(out, a.word(w)...)
		if len(out) > maxWords {
			a.problem(ProblemLimit, "more words than are analysed")
			return out[:maxWords]
		}
	}
	return out
}

// ownValue is the common case: a word that is its own value.
func ownValue(w *syntax.Word) (string, bool) {
	if len(w.Parts) != 1 {
		return "", false
	}
	switch p := w.Parts[0].(type) {
	case *syntax.Lit:
		return p.Value, ascii(p.Value) && !strings.ContainsAny(p.Value, `\*?[{~`)
	case *syntax.SglQuoted:
		return p.Value, !p.Dollar
	}
	return "", false
}

// word expands one word.
func (a *analyser) word(w *syntax.Word) []Word {
	a.unquoted(w)
	if s, ok := ownValue(w); ok {
		return []Word{lit(s)}
	}
	saved := a.memo
	a.memo = nil
	defer func() { a.memo = saved }()
	var out []Word
	kind := tildesOf(w.Parts)
	alts, expanded := a.braces(w)
	if expanded {
		kind = tildeStart
	}
	for _, parts := range alts {
		out = append(out, a.fields(a.variants(parts, kind), w)...)
		if len(out) > maxWords {
			break
		}
	}
	return out
}

// joined expands a word that is not split: a here-string, a pattern.
func (a *analyser) joined(w *syntax.Word) Word { return a.unsplit(w, tildeStart) }

func (a *analyser) unsplit(w *syntax.Word, kind tildes) Word {
	if w == nil {
		return Word{Known: true, Hole: -1}
	}
	a.unquoted(w)
	saved := a.memo
	a.memo = nil
	defer func() { a.memo = saved }()
	vs := a.variants(w.Parts, kind)
	out := Word{Known: true, Hole: -1}
	for i, v := range vs {
		f := join(v)
		if i == 0 {
			out = f
			continue
		}
		out.Known = false
		out.Alts = append(out.Alts, f.Text)
	}
	out.Raw = a.raw(w)
	return out
}

// join makes one field of a variant whatever its blanks.
func join(v variant) Word {
	q := make(variant, len(v))
	for i, f := range v {
		if f.isList {
			f.text, f.isList = strings.Join(f.list, " "), false
		}
		f.quoted = true
		q[i] = f
	}
	if fs := split(q); len(fs) > 0 {
		return fs[0]
	}
	return Word{Known: true, Hole: -1}
}

// fields splits every variant and merges variants of one field each.
func (a *analyser) fields(vs []variant, w *syntax.Word) []Word {
	var out []Word
	single := true
	for i, v := range vs {
		fs := split(v)
		if len(fs) != 1 {
			single = false
		}
		if i > 0 && single && len(out) == 1 {
			out[0].Known = false
			out[0].Alts = append(out[0].Alts, fs[0].Text)
			continue
		}
		out = append(out, fs...)
	}
	for i := range out {
		if len(vs) > 1 {
			out[i].Known = false
		}
		if !out[i].Known || out[i].Glob {
			out[i].Raw = a.raw(w)
		}
	}
	return out
}

// split applies field splitting to one variant.
func split(v variant) []Word {
	var out []Word
	cur, open := Word{Known: true, Hole: -1}, false
	var pat strings.Builder
	var txt strings.Builder
	flush := func() {
		if open {
			cur.Text = txt.String()
			if cur.Glob {
				if cur.Glob = pattern(pat.String()); cur.Glob {
					cur.Text = pat.String()
				}
			}
			out = append(out, cur)
		}
		cur, open = Word{Known: true, Hole: -1}, false
		pat.Reset()
		txt.Reset()
	}
	add := func(f frag, s string) {
		txt.WriteString(s)
		if f.glob && strings.ContainsAny(s, "*?[") {
			cur.Glob = true
			pat.WriteString(s)
		} else {
			pat.WriteString(escapeGlob(s))
		}
		cur.Known = cur.Known && f.known
		cur.Stream = cur.Stream || f.stream
		if f.from > cur.From {
			cur.From = f.from
		}
		if f.stream || f.src.Origin > cur.src.Origin {
			cur.src = f.src
		}
		if f.hole && cur.Hole < 0 {
			cur.Hole = txt.Len()
		}
	}
	for _, f := range v {
		switch {
		case f.isList:
			if len(f.list) == 0 {
				cur.Known = cur.Known && f.known
			}
			for i, s := range f.list {
				if i > 0 {
					flush()
				}
				open = true
				add(f, s)
			}
		case f.quoted || f.known && f.glob || f.stream:
			open = true
			add(f, f.text)
		default: // an unquoted expansion is split at blanks
			parts := strings.FieldsFunc(f.text, blank)
			if f.text != "" && blank(rune(f.text[0])) {
				flush()
			}
			for i, s := range parts {
				if i > 0 {
					flush()
				}
				open = true
				add(f, s)
			}
			if len(parts) == 0 || f.hole {
				add(f, "")
				open = open || f.hole
			}
			if f.text != "" && blank(rune(f.text[len(f.text)-1])) && len(parts) > 0 {
				flush()
			}
		}
	}
	if !open && !cur.Known { // an expansion to nothing: still a word to ask about
		open = true
		cur.Text = ""
	}
	flush()
	return out
}

// pattern reports whether some character of an escaped text counts as a
// pattern: a bracket that nothing closes does not.
func pattern(s string) bool {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '*', '?':
			return true
		case '[':
			if classEnd(s[i:]) > 0 {
				return true
			}
		}
	}
	return false
}

func blank(r rune) bool { return r == ' ' || r == '\t' || r == '\n' }

func escapeGlob(s string) string {
	if !strings.ContainsAny(s, `*?[]\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if strings.IndexByte(`*?[]\`, s[i]) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// variants expands the parts of a word.
func (a *analyser) variants(parts []syntax.WordPart, kind tildes) []variant {
	out := []variant{nil}
	for i, p := range parts {
		var alts []variant
		if l, ok := p.(*syntax.Lit); ok {
			alts = []variant{a.literal(l.Value, i == 0, i+1 < len(parts), kind)}
		} else {
			alts = a.part(p, false)
		}
		if len(out)*len(alts) > maxAlts {
			a.problem(ProblemLimit, "more values of variables than are analysed")
			return out
		}
		if len(alts) == 1 {
			for j := range out {
				out[j] = append(out[j], alts[0]...)
			}
			continue
		}
		next := make([]variant, 0, len(out)*len(alts))
		for _, o := range out {
			for _, alt := range alts {
				next = append(next, append(slices.Clone(o), alt...))
			}
		}
		out = next
	}
	return out
}

// part expands one part of a word into its alternatives.
func (a *analyser) part(p syntax.WordPart, quoted bool) []variant {
	switch p := p.(type) {
	case *syntax.Lit: // inside double quotes
		return []variant{{{text: unescapeDouble(p.Value), quoted: true, known: true}}}
	case *syntax.SglQuoted:
		s := p.Value
		if p.Dollar {
			s = ansiC(s)
		}
		return []variant{{{text: s, quoted: true, known: true}}}
	case *syntax.DblQuoted:
		out := []variant{{{quoted: true, known: true}}}
		for _, q := range p.Parts {
			alts := a.part(q, true)
			var next []variant
			for _, o := range out {
				for _, alt := range alts {
					next = append(next, append(slices.Clone(o), alt...))
				}
			}
			if out = next; len(out) > maxAlts {
				a.problem(ProblemLimit, "more values of variables than are analysed")
				return out[:maxAlts]
			}
		}
		if len(p.Parts) == 1 && len(out) == 1 && len(out[0]) == 2 && out[0][1].isList {
			out[0] = out[0][1:] // "$@" of nothing is no field
		}
		return out
	case *syntax.ParamExp:
		return a.param(p, quoted)
	case *syntax.CmdSubst:
		return []variant{{a.substitution(p, quoted)}}
	case *syntax.ProcSubst:
		return []variant{{a.process(p)}}
	case *syntax.ArithmExp:
		a.nested(p.X)
		return []variant{{{hole: true, quoted: quoted, from: OriginUnknown}}}
	case *syntax.ExtGlob:
		if !a.extended {
			a.problem(ProblemSyntax, "an extended pattern, which the shell reads otherwise")
		}
		return []variant{{{text: "*", glob: true, from: OriginUnknown}}}
	case *syntax.BraceExp:
		return []variant{{{hole: true, from: OriginUnknown}}}
	}
	a.problem(ProblemSyntax, "a word of a kind that is not analysed")
	return []variant{nil}
}

// tildes tells where in unquoted text a tilde counts.
type tildes uint8

const (
	tildeStart tildes = iota // at the start of a word
	tildeWord                // after NAME= and its colons too
	tildeValue               // of an assignment: at its start, after colons
)

// tildesOf is the kind of a word of a command: bash reads NAME=~/x there as
// it reads an assignment.
func tildesOf(parts []syntax.WordPart) tildes {
	if len(parts) == 0 {
		return tildeStart
	}
	if l, ok := parts[0].(*syntax.Lit); ok {
		if i := strings.IndexByte(l.Value, '='); i > 0 && assignment(strings.TrimSuffix(l.Value[:i], "+")+"=") {
			return tildeWord
		}
	}
	return tildeStart
}

// literal is unquoted text: escapes, tilde and pattern characters count.
func (a *analyser) literal(s string, first, more bool, kind tildes) variant {
	if kind == tildeStart || !strings.Contains(s, "~") {
		return a.segment(s, first, more)
	}
	var out variant
	start, equals := first, kind == tildeWord && first
	for from, i := 0, 0; ; i++ {
		switch {
		case i >= len(s):
			return append(out, a.segment(s[from:], start, more)...)
		case s[i] == '\\':
			i++
		case s[i] == ':' || equals && s[i] == '=':
			equals = equals && s[i] != '='
			end := i
			if from == i || s[from] != '~' {
				end = i + 1
			}
			out = append(out, a.segment(s[from:end], start, false)...)
			if end == i {
				out = append(out, frag{text: s[i : i+1], known: true, glob: true})
			}
			from, start = i+1, true
		}
	}
}

// segment is unquoted text in which a tilde counts only at its start.
func (a *analyser) segment(s string, first, more bool) variant {
	var out variant
	if first && strings.HasPrefix(s, "~") {
		end := strings.IndexByte(s, '/')
		if odd := strings.IndexAny(s, ":="); odd >= 0 && (end < 0 || odd < end) { // whether it counts hangs on what follows
			f := a.home(s[:odd])
			f.known, f.from = false, max(f.from, OriginUnknown)
			return append(out, f, frag{text: s[odd:], glob: true, from: OriginUnknown, quoted: true})
		}
		if end >= 0 || !more {
			if end < 0 {
				end = len(s)
			}
			out = append(out, a.home(s[:end]))
			s = s[end:]
		}
	}
	if !strings.Contains(s, `\`) {
		if s == "" {
			return out
		}
		return append(out, frag{text: s, known: true, glob: true})
	}
	var plain strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			plain.WriteByte(s[i])
			continue
		}
		i++
		if plain.Len() > 0 {
			out = append(out, frag{text: plain.String(), known: true, glob: true})
			plain.Reset()
		}
		if s[i] != '\n' {
			out = append(out, frag{text: s[i : i+1], known: true, quoted: true})
		}
	}
	if plain.Len() > 0 {
		out = append(out, frag{text: plain.String(), known: true, glob: true})
	}
	return out
}

// home is what a tilde with a name stands for.
func (a *analyser) home(name string) frag {
	f := frag{quoted: true, known: true}
	switch {
	case name == "~":
		v, _ := a.lookup("HOME")
		f.text, f.known = v.first(), v.from == OriginNone
	case name == "~+":
		v, _ := a.lookup("PWD")
		f.text, f.known = v.first(), v.from == OriginNone
	case name == "~-", strings.ContainsAny(name[1:], "+-0123456789\\"):
		f.known, f.hole, f.from = false, true, OriginUnknown
	case name == "~root":
		f.text = "/root"
	default:
		f.text = "/home/" + name[1:]
	}
	if !f.known {
		f.from, f.hole = OriginUnknown, f.text == ""
	}
	return f
}

func unescapeDouble(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && strings.IndexByte("$`\"\\\n", s[i+1]) >= 0 {
			i++
			if s[i] == '\n' {
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// ansiC decodes the inside of $'…'.
func ansiC(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		number := func(base, most int) (int, bool) {
			j := i
			for j < len(s) && j-i < most && isDigit(s[j], base) {
				j++
			}
			n, err := strconv.ParseUint(s[i:j], base, 32)
			i = j - 1
			return int(n), err == nil
		}
		switch c := s[i]; c {
		case 'x':
			i++
			if n, ok := number(16, 2); ok {
				b.WriteByte(byte(n))
			}
		case 'u', 'U':
			i++
			if n, ok := number(16, map[byte]int{'u': 4, 'U': 8}[c]); ok {
				b.WriteRune(rune(n))
			}
		case '0', '1', '2', '3', '4', '5', '6', '7':
			n, _ := number(8, 3)
			b.WriteByte(byte(n))
		case 'c':
			if i++; i < len(s) {
				b.WriteByte(s[i] & 0x1f)
			}
		default:
			if j := strings.IndexByte("abeEfnrtv", c); j >= 0 {
				c = "\a\b\x1b\x1b\f\n\r\t\v"[j]
			} else if strings.IndexByte(`\'"?`, c) < 0 {
				b.WriteByte('\\')
			}
			b.WriteByte(c)
		}
	}
	// A NUL ends the string, as in bash.
	out, _, _ := strings.Cut(b.String(), "\x00")
	return out
}

func isDigit(c byte, base int) bool {
	switch {
	case c >= '0' && c <= '9':
		return int(c-'0') < base
	case c >= 'a' && c <= 'f', c >= 'A' && c <= 'F':
		return base == 16
	}
	return false
}
