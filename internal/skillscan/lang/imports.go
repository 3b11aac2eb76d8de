package lang

import (
	"slices"
	"strings"
)

// imports reads what a program loads, and under which names.
func (p *parser) imports(t token) bool {
	if t.text == "export" {
		p.i++
		if p.tok().named("default") {
			p.i++
		}
		return true
	}
	if t.text == "import" && (p.peek(1).is("(") || p.peek(1).is(".")) {
		return false
	}
	p.i++
	if t.text == "from" { // from a.b import c as d
		mod := p.dotted()
		if !p.tok().named("import") {
			return true
		}
		p.i++
		p.event(Event{Do: Loads, Line: t.line, Name: mod})
		for n := 0; p.i < len(p.toks) && n < 200; n++ {
			w := p.tok()
			if w.kind == tLine || w.is(";") || w.is(")") {
				break
			}
			p.i++
			if w.kind != tName {
				continue
			}
			name := w.text
			if p.tok().named("as") {
				name = p.peek(1).text
				p.i += 2
			}
			p.sc.vars[name] = value{name: mod + "." + w.text}
		}
		return true
	}
	if p.lang == Python || p.lang == Other {
		for {
			mod := p.dotted()
			name, _, _ := strings.Cut(mod, ".")
			full := name
			if p.tok().named("as") {
				name, full = p.peek(1).text, mod
				p.i += 2
			}
			if mod == "" {
				return true
			}
			p.sc.vars[name] = value{name: full}
			p.event(Event{Do: Loads, Line: t.line, Name: mod})
			if !p.accept(",") {
				return true
			}
		}
	}
	from := p.i
	for j := from; j < len(p.toks) && j < from+400; j++ {
		w := p.toks[j]
		if w.kind == tText {
			mod := module(w.text)
			p.names(from, j, mod)
			p.event(Event{Do: Loads, Line: t.line, Name: mod})
			p.i = j + 1
			return true
		}
		if w.is(";") || w.is("=") {
			break
		}
	}
	return true
}

// names binds what "import … from" names.
func (p *parser) names(from, to int, mod string) {
	for i := from; i < to; i++ {
		t := p.toks[i]
		if t.kind != tName || t.text == "from" || t.text == "as" || t.text == "type" {
			continue
		}
		full, name := mod, t.text
		if braced := i > from && slices.ContainsFunc(p.toks[from:i], func(t token) bool { return t.is("{") }); braced {
			full = mod + "." + t.text
			if i+2 < to && p.toks[i+1].named("as") {
				name = p.toks[i+2].text
				i += 2
			}
		}
		p.sc.vars[name] = value{name: full}
	}
}

func (p *parser) dotted() string {
	var b strings.Builder
	for p.tok().kind == tName && !p.tok().named("import") || p.tok().is(".") {
		if p.tok().kind == tName && b.Len() > 0 && !strings.HasSuffix(b.String(), ".") {
			break
		}
		b.WriteString(p.tok().text)
		p.i++
	}
	return strings.TrimLeft(b.String(), ".")
}

// module is the name of a library, without what tells where it comes from.
func module(s string) string {
	s = strings.TrimPrefix(s, "node:")
	switch s {
	case "fs/promises":
		return "fs"
	case "node-fetch":
		return "fetch"
	}
	return s
}
