package cmdline

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// glyph is a unit of a word as brace expansion sees it: a plain character, or
// something that is opaque to it.
type glyph struct {
	c    byte // of a plain character, else 0
	text string
	part syntax.WordPart
}

// braces expands {a,b} and {1..9} of a word into part lists, by the rules of
// bash: which brace closes which decides what runs. expanded is false when
// the word stays as it is.
func (a *analyser) braces(w *syntax.Word) (alts [][]syntax.WordPart, expanded bool) {
	has := false
	for _, p := range w.Parts {
		if l, ok := p.(*syntax.Lit); ok && strings.Contains(l.Value, "{") {
			has = true
		}
	}
	if !has {
		return [][]syntax.WordPart{w.Parts}, false
	}
	all := glyphs(w.Parts)
	words := a.braceWords(all, 0)
	if len(words) == 1 && slices.Equal(words[0], all) {
		return [][]syntax.WordPart{w.Parts}, false
	}
	out := make([][]syntax.WordPart, 0, len(words))
	for _, gs := range words {
		out = append(out, parts(gs))
	}
	return out, true
}

func glyphs(ps []syntax.WordPart) []glyph {
	var out []glyph
	for _, p := range ps {
		l, ok := p.(*syntax.Lit)
		if !ok {
			out = append(out, glyph{part: p})
			continue
		}
		for i := 0; i < len(l.Value); i++ {
			if l.Value[i] == '\\' && i+1 < len(l.Value) {
				out = append(out, glyph{text: l.Value[i : i+2]})
				i++
				continue
			}
			out = append(out, glyph{c: l.Value[i], text: l.Value[i : i+1]})
		}
	}
	return out
}

func parts(gs []glyph) []syntax.WordPart {
	var out []syntax.WordPart
	var text strings.Builder
	flush := func() {
		if text.Len() > 0 {
			out = append(out, &syntax.Lit{Value: text.String()})
			text.Reset()
		}
	}
	for i := 0; i < len(gs); i++ {
		if gs[i].part == nil {
			text.WriteString(gs[i].text)
			continue
		}
		flush()
		p, n := longer(gs[i].part, gs[i+1:])
		out = append(out, p)
		i += n
	}
	flush()
	return out
}

// longer is a parameter whose name goes on with the n characters that braces
// put behind it: $HOM{E,A} names HOME.
func longer(p syntax.WordPart, gs []glyph) (part syntax.WordPart, n int) {
	x, ok := p.(*syntax.ParamExp)
	if !ok || !x.Short || x.Param == nil || !letter(x.Param.Value[0]) {
		return p, 0
	}
	name := x.Param.Value
	for n < len(gs) && (letter(gs[n].c) || gs[n].c >= '0' && gs[n].c <= '9') {
		name += gs[n].text
		n++
	}
	if n == 0 {
		return p, 0
	}
	return &syntax.ParamExp{Dollar: x.Dollar, Short: true, Param: &syntax.Lit{ValuePos: x.Param.ValuePos, ValueEnd: x.Param.ValueEnd, Value: name}}, n
}

func plain(gs []glyph, i int) byte {
	if i < len(gs) {
		return gs[i].c
	}
	return 0
}

// opening finds the next brace that may open an expansion, -1 if none: not
// one at the very start that a closing one or nothing follows.
func opening(gs []glyph, from int) int {
	for i := from; i < len(gs); i++ {
		if gs[i].c == '{' && (i > 0 || plain(gs, 1) != '}' && len(gs) > 1) {
			return i
		}
	}
	return -1
}

// closing finds the brace that ends an expansion whose inside starts at from:
// the first on its level after a comma or "..".
func closing(gs []glyph, from int) int {
	level, parted := 0, false
	for i := from; i < len(gs); i++ {
		switch c := gs[i].c; {
		case c == '}' && level == 0 && parted:
			return i
		case c == '{':
			level++
		case c == '}' && level > 0:
			level--
		case level == 0 && (c == ',' || c == '.' && plain(gs, i+1) == '.' && plain(gs, i+2) != '}'):
			parted = true
		}
	}
	return -1
}

func (a *analyser) braceWords(gs []glyph, depth int) [][]glyph {
	open, end := opening(gs, 0), -1
	for open >= 0 {
		if end = closing(gs, open+1); end >= 0 {
			break
		}
		open = opening(gs, open+1)
	}
	if open < 0 {
		return [][]glyph{gs}
	}
	if depth > maxAlts {
		a.problem(ProblemLimit, "more brace alternatives than are analysed")
		return [][]glyph{gs}
	}
	inside := gs[open+1 : end]
	var middle [][]glyph
	if fields := alternatives(inside); len(fields) > 1 {
		for _, f := range fields {
			middle = append(middle, a.braceWords(f, depth+1)...)
		}
	} else if seq, ok := a.sequence(inside); ok {
		middle = seq
	} else if end+1 == len(gs) {
		return [][]glyph{gs}
	} else {
		middle = [][]glyph{gs[open : end+1]}
	}
	rest := a.braceWords(gs[end+1:], depth+1)
	if len(middle)*len(rest) > maxWords/4 {
		a.problem(ProblemLimit, "more brace alternatives than are analysed")
		return [][]glyph{gs}
	}
	out := make([][]glyph, 0, len(middle)*len(rest))
	for _, m := range middle {
		for _, r := range rest {
			word := make([]glyph, 0, open+len(m)+len(r))
			out = append(out, append(append(append(word, gs[:open]...), m...), r...))
		}
	}
	return out
}

// alternatives splits the inside of braces at the commas of its own level.
func alternatives(gs []glyph) [][]glyph {
	var out [][]glyph
	from := 0
	for i := 0; i < len(gs); i++ {
		switch gs[i].c {
		case '{':
			if end := closing(gs, i+1); end >= 0 {
				i = end
			}
		case ',':
			out = append(out, gs[from:i])
			from = i + 1
		}
	}
	return append(out, gs[from:])
}

// sequence is {1..9}, {a..e}, either with a step; anything else is text.
func (a *analyser) sequence(gs []glyph) ([][]glyph, bool) {
	var b strings.Builder
	for _, g := range gs {
		if g.c == 0 {
			return nil, false
		}
		b.WriteByte(g.c)
	}
	ends := strings.SplitN(b.String(), "..", 3)
	if len(ends) < 2 {
		return nil, false
	}
	step := 1
	if len(ends) == 3 {
		n, err := strconv.Atoi(ends[2])
		if err != nil {
			return nil, false
		}
		step = max(n, -n, 1)
	}
	from, e1 := strconv.Atoi(ends[0])
	to, e2 := strconv.Atoi(ends[1])
	letters, width := false, 0
	switch {
	case e1 == nil && e2 == nil:
		if padded(ends[0]) || padded(ends[1]) {
			width = max(len(ends[0]), len(ends[1]))
		}
	case len(ends[0]) == 1 && len(ends[1]) == 1 && alphabetic(ends[0][0]) && alphabetic(ends[1][0]):
		letters, from, to = true, int(ends[0][0]), int(ends[1][0])
		if (from < 'a') != (to < 'a') {
			a.problem(ProblemSyntax, "a sequence of letters of both cases")
		}
	default:
		return nil, false
	}
	if n := max(to-from, from-to); n < 0 || n/step > maxWords/4 {
		a.problem(ProblemLimit, "more brace alternatives than are analysed")
		return nil, false
	}
	if to < from {
		step = -step
	}
	var out [][]glyph
	for i := from; step > 0 && i <= to || step < 0 && i >= to; i += step {
		s := fmt.Sprintf("%0*d", width, i)
		if letters {
			s = string(rune(i))
		}
		out = append(out, glyphs([]syntax.WordPart{&syntax.Lit{Value: s}}))
	}
	return out, true
}

func alphabetic(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// padded reports a number with leading zeros.
func padded(s string) bool {
	s = strings.TrimPrefix(s, "-")
	return len(s) > 1 && s[0] == '0'
}
