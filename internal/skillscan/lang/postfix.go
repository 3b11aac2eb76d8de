package lang

import "strings"

func first(s []string) string {
	if len(s) == 0 {
		return ""
	}
	return s[0]
}

// postfix reads fields, elements and calls after a value.
func (p *parser) postfix(v value, isNew bool) value {
	for n := 0; n < 256; n++ {
		t := p.tok()
		switch {
		case t.kind == tLine && p.continues() && !p.peek(1).is("+") && strings.Contains(". ?. ->", p.peek(1).text):
			p.i++
		case t.is(".") && (p.lang != PHP && p.lang != Perl), t.is("?."), t.is("->"), t.is("::"):
			p.i++
			switch w := p.tok(); {
			case w.kind == tName:
				p.i++
				v = p.member(v, w.text)
			case w.is("("), w.is("["):
			case w.is("{") && w.other > 0: // $x->{name}
				v = p.member(v, p.peek(1).text)
				p.i = w.other + 1
			default:
				return v
			}
		case t.is("["):
			if p.lang == PowerShell && t.first {
				return v
			}
			v = p.index(v)
		case t.is("("):
			v = p.call(v, t.line, isNew)
			isNew = false
		case t.is("!") && p.lang == JavaScript && (p.peek(1).is(".") || p.peek(1).is("[") || p.peek(1).is(")")):
			p.i++
		case t.kind == tText && v.name != "" && p.lang == JavaScript && len(t.parts) > 0 || t.kind == tText && v.name == "$" && p.lang == JavaScript:
			p.i++
			v = p.apply(v, []value{p.textOf(t)}, nil, t.line)
		case (p.lang == Ruby || p.lang == Perl || p.lang == PHP || p.lang == Lua) && (t.kind == tText || t.kind == tName && p.lang != Lua && !t.first) && v.name != "" && v.fn == nil && command(v.name) && strength(t) == 0:
			v = p.apply(v, p.bare(), nil, t.line)
		default:
			if isNew {
				v.name += "()"
			}
			return v
		}
	}
	return v
}

// command names what is called without parentheses.
func command(name string) bool {
	switch name {
	case "system", "exec", "eval", "require", "open", "puts", "print", "echo", "spawn", "shell_exec", "passthru", "include", "load", "use":
		return true
	}
	return false
}

// bare reads arguments that stand without parentheses.
func (p *parser) bare() []value {
	out := []value{p.expr(0)}
	for p.accept(",") && len(out) < 32 {
		out = append(out, p.expr(0))
	}
	return out
}

func (p *parser) index(v value) value {
	t := p.tok()
	end := t.other
	p.i++
	if p.tok().is(":") && end > 0 { // [::-1]
		back := p.peek(1).is(":") && p.peek(2).is("-")
		p.i = end + 1
		return sliced(v, back)
	}
	if p.tok().is("::") && end > 0 {
		back := p.peek(1).is("-")
		p.i = end + 1
		return sliced(v, back)
	}
	k := p.expr(0)
	if end > 0 {
		if p.tok().is(":") {
			p.i = end + 1
			return value{marks: v.all(), name: ""}
		}
		p.i = end + 1
	}
	if len(k.texts) > 0 && !k.num {
		out := value{}
		for i, s := range k.texts {
			m := p.member(v, s)
			if i == 0 {
				out = m
			} else {
				out = join(out, m)
			}
		}
		out.marks = addMarks(out.marks, k.marks...)
		return out
	}
	if k.num && len(k.texts) == 1 && len(v.elems) > 0 {
		n := 0
		for _, c := range k.texts[0] {
			n = n*10 + int(c-'0')
			if n > maxElems || c < '0' || c > '9' {
				break
			}
		}
		return p.element(v, n)
	}
	out := p.each(v)
	if v.name != "" {
		out.name = v.name + ".*"
		if everything(v.name) { // a variable whose name is not known
			out.marks = addMarks(out.marks, Mark{Variable, "", t.line})
		}
	}
	return out
}

func sliced(v value, back bool) value {
	if back {
		for i, s := range v.texts {
			v.texts = append(v.texts[:i:i], append([]string{reversed(s)}, v.texts[i+1:]...)...)
		}
	}
	v.name = ""
	return v
}

// call reads arguments and applies a value to them.
func (p *parser) call(v value, line int, isNew bool) value {
	end := p.tok().other
	p.i++
	var args []value
	var names []string
	for p.i < len(p.toks) && (end < 0 || p.i < end) {
		t := p.tok()
		if t.kind == tLine || t.is(",") || t.is(";") {
			if end < 0 && t.kind == tLine {
				break
			}
			p.i++
			continue
		}
		from := p.i
		name := ""
		if t.kind == tName && p.peek(1).is("=") {
			name = t.text
			p.i += 2
		}
		var a value
		if t.kind == tName && t.text == "async" && (p.peek(1).is("(") || p.peek(1).kind == tName) {
			p.i++
		}
		a = p.expr(0)
		if p.tok().named("for") && end > 0 {
			a = p.comprehension(from, end)
		}
		if p.tok().is("=") || p.tok().is("+=") || p.tok().is(":=") {
			grows, to := p.tok().is("+="), p.i
			p.i++
			a = p.expr(0)
			p.bind(from, to, a, grows)
		}
		if p.tok().is(":") && p.lang == Ruby || p.tok().is("=>") {
			p.i++
			a = p.expr(0)
		}
		if p.i == from {
			p.i++
			if end < 0 {
				break
			}
			continue
		}
		if len(args) < maxElems {
			args, names = append(args, a), append(names, name)
		}
	}
	if end > 0 {
		p.i = end + 1
	}
	if isNew && v.fn == nil {
		v.isNew()
	}
	return p.apply(v, args, names, line)
}

// isNew turns the constructor of functions into what it makes.
func (v *value) isNew() {
	if strings.HasSuffix(v.name, ".constructor") {
		v.name = "Function"
	}
}
