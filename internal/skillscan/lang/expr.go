package lang

// binding strength of the marks between two values.
func strength(t token) int {
	if t.kind == tName {
		switch t.text {
		case "or", "and", "if", "in", "is", "instanceof":
			return 2
		case "as", "satisfies":
			return 9
		}
		return 0
	}
	if t.kind != tMark {
		return 0
	}
	switch t.text {
	case "||", "??", "&&", "?", "|", "&":
		return 2
	case "==", "===", "!=", "!==", "<", ">", "<=", ">=":
		return 3
	case "+", "-", ".", "<<", ">>", "^":
		return 4
	case "*", "/", "%", "//", "**":
		return 5
	}
	return 0
}

// expr reads an expression whose marks bind at least as strong as least.
func (p *parser) expr(least int) value {
	if p.deep++; p.deep > maxDeep || p.steps > maxSteps {
		p.i++
		p.deep--
		return value{}
	}
	p.steps++
	v := p.unary()
	for {
		t := p.tok()
		if t.kind == tLine && p.continues() {
			p.i++
			continue
		}
		s := strength(t)
		if s == 9 && p.lang != JavaScript {
			s = 0
		}
		if t.is(".") && p.lang != PHP && p.lang != Perl {
			s = 0
		}
		if s == 0 || s < least {
			break
		}
		p.i++
		v = p.binary(v, t, s)
	}
	p.deep--
	return v
}

// continues reports whether the next line goes on with the expression.
func (p *parser) continues() bool {
	if p.lang == Python || p.lang == PowerShell {
		return false
	}
	n := p.peek(1)
	return n.kind == tMark && (n.text == "." && p.lang != PHP || n.text == "?." || n.text == "->" || n.text == "+" || n.text == "||" || n.text == "&&" || n.text == "??" || n.text == "?" || n.text == ":" && false)
}

func (p *parser) binary(a value, t token, s int) value {
	for p.tok().kind == tLine && p.lang != Python {
		p.i++
	}
	switch t.text {
	case "as", "satisfies":
		p.skipType()
		return a
	case "?":
		b := p.expr(2)
		if p.accept(":") {
			b = join(b, p.expr(2))
		}
		return value{texts: b.texts, marks: addMarks(b.marks, a.all()...), elems: b.elems, keys: b.keys, name: b.name, fn: b.fn}
	case "if": // a if x else b
		cond := p.expr(2)
		if p.tok().named("else") {
			p.i++
			a = join(p.expr(2), a)
		}
		a.marks = addMarks(a.marks, cond.all()...)
		return a
	}
	b := p.expr(s + 1)
	switch t.text {
	case "+":
		return p.concat(a, b)
	case ".":
		return p.concat(a, b)
	case "/":
		if len(a.texts) > 0 && !a.num {
			return p.joinPath(a, b)
		}
		if p.lang == Python && len(b.texts) > 0 && !b.num { // a folder that is not known
			whole := p.joinPath(text(Hole), b)
			whole.marks = addMarks(whole.marks, a.marks...)
			return whole
		}
	case "%":
		if len(a.texts) > 0 && !a.num {
			return p.format(a, b)
		}
	case "||", "or", "??":
		return join(b, a)
	case "&&", "and":
		b.marks = addMarks(b.marks, a.all()...)
		return b
	case "*":
		if len(a.texts) == 1 && !a.num && b.num {
			return a
		}
		return value{marks: addMarks(a.all(), b.all()...), elems: a.elems}
	}
	out := value{marks: addMarks(a.all(), b.all()...), num: a.num && b.num}
	if t.text == "^" || t.text == "-" {
		out.num = true
		if s, ok := arithmetic(a, b, t.text); ok {
			out.texts = []string{s}
		}
	}
	return out
}

func (p *parser) skipType() {
	for n := 0; n < 30 && (p.tok().kind == tName || p.tok().is("<") || p.tok().is(">") || p.tok().is("[") || p.tok().is("]") || p.tok().is("|") || p.tok().is(".")); n++ {
		p.i++
	}
}

func (p *parser) unary() value {
	t := p.tok()
	switch {
	case t.kind == tMark:
		switch t.text {
		case "!", "-", "~", "+", "...", "*", "**", "&", "++", "--", "@":
			p.i++
			v := p.unaryDeep()
			if t.text == "-" && v.num {
				return value{num: true, marks: v.marks}
			}
			return v
		}
	case t.kind == tName:
		switch t.text {
		case "await", "not", "typeof", "void", "delete", "yield", "async", "raise", "throw", "print":
			if n := p.peek(1); n.kind == tMark && (n.text == "=" || n.text == "." || n.text == ")" || n.text == ",") || t.text == "print" && n.is("(") {
				break
			}
			if t.text == "async" && p.peek(1).kind != tName && !p.peek(1).is("(") {
				break
			}
			p.i++
			return p.unaryDeep()
		case "new":
			if p.peek(1).kind == tName || p.peek(1).is("(") {
				p.i++
				return p.postfix(p.primary(), true)
			}
		}
	}
	return p.postfix(p.primary(), false)
}

func (p *parser) unaryDeep() value {
	if p.deep++; p.deep > maxDeep {
		p.i++
		p.deep--
		return value{}
	}
	v := p.unary()
	p.deep--
	return v
}

func (p *parser) primary() value {
	t := p.tok()
	switch t.kind {
	case tText:
		p.i++
		v := p.textOf(t)
		for p.lang == Python && p.tok().kind == tText { // neighbours are one text
			v = p.concat(v, p.textOf(p.tok()))
			p.i++
		}
		return v
	case tTick:
		p.i++
		v := p.textOf(t)
		p.event(Event{Do: Runs, Line: t.line, Name: "`", Texts: v.texts, Marks: v.all()})
		return value{marks: addMarks(v.marks, Mark{Program, first(v.texts), t.line})}
	case tNumber:
		p.i++
		return value{texts: []string{t.text}, num: true}
	case tName:
		return p.nameOf(t)
	case tMark:
		switch t.text {
		case "(":
			return p.paren()
		case "[":
			return p.list()
		case "{":
			return p.table()
		case ";", ")", "]", "}", ",", ":":
			return value{}
		}
		p.i++
		return value{}
	case tLine, tEnd:
	}
	return value{}
}

// textOf is a quoted text with the values inside of it.
func (p *parser) textOf(t token) value {
	if len(t.parts) == 0 {
		return text(t.text)
	}
	out := text("")
	for _, x := range t.parts {
		if x.toks == nil {
			out = p.concat(out, text(x.plain))
			continue
		}
		toks, i := p.toks, p.i
		p.toks, p.i = x.toks, 0
		p.inner++
		v := p.expr(0)
		p.inner--
		p.toks, p.i = toks, i
		if len(v.texts) == 0 {
			v = value{texts: []string{Hole}, marks: v.all()}
		}
		out = p.concat(out, v)
	}
	return out
}

func (p *parser) nameOf(t token) value {
	p.i++
	if n := p.tok(); n.is("=>") {
		return p.arrow(p.i-1, []string{t.text}, t.col)
	}
	switch t.text {
	case "lambda":
		f := &function{sc: p.scopeAt(p.i, p.sc)}
		for n := 0; n < 64 && p.i < len(p.toks) && !p.tok().is(":"); n++ {
			if p.tok().kind == tName {
				f.params = append(f.params, p.tok().text)
			}
			p.i++
		}
		p.accept(":")
		saved := p.sc
		p.sc = f.sc
		f.ret = p.expr(0)
		p.sc = saved
		return value{fn: f}
	case "function":
		p.accept("*")
		name := ""
		if p.tok().kind == tName {
			name = p.tok().text
			p.i++
		}
		return p.function(name, t.col)
	case "class":
		return value{}
	}
	if v, ok := p.sc.get(t.text); ok {
		if v.name == "" && v.fn == nil && len(v.texts) == 0 && len(v.elems) == 0 && len(v.marks) == 0 {
			v.name = t.text
		}
		v.src = t.text
		return v
	}
	switch t.text {
	case "True", "False", "None", "true", "false", "null", "undefined", "nil":
		return value{}
	case "__dirname", "__file__", "__DIR__":
		return text(".")
	case "HOME":
		return text("~")
	}
	return p.named(t.text, t.line)
}

// arrow reads a function that "=>" makes.
func (p *parser) arrow(at int, params []string, col int) value {
	p.i++ // =>
	id := key("=>", at, p.inner)
	f, ok := p.known[id]
	if !ok {
		f = &function{}
		p.known[id] = f
	}
	f.params, f.sc = params, p.scopeAt(at, p.sc)
	for p.tok().kind == tLine {
		p.i++
	}
	if p.tok().is("{") {
		p.body(f, col)
		return value{fn: f}
	}
	saved := p.sc
	p.sc = f.sc
	for _, n := range params {
		if _, ok := f.sc.vars[n]; !ok {
			f.sc.vars[n] = value{}
		}
	}
	f.ret = p.expr(0)
	if p.tok().is("=") || p.tok().is("+=") || p.tok().is("||=") { // x => (y = x)
		p.i++
		p.expr(0)
	}
	p.sc = saved
	return value{fn: f}
}

func (p *parser) paren() value {
	t, at := p.tok(), p.i
	end := t.other
	if end > 0 && end+1 < len(p.toks) {
		j := end + 1
		if p.toks[j].is(":") && p.lang == JavaScript { // a type before the arrow
			for k := j; k < len(p.toks) && k < j+24 && p.toks[k].kind != tLine && !p.toks[k].is(";"); k++ {
				if p.toks[k].is("=>") {
					j = k
					break
				}
			}
		}
		if p.toks[j].is("=>") {
			params := p.params(at+1, end)
			p.i = j
			return p.arrow(at, params, t.col)
		}
	}
	p.i++
	var out value
	n := 0
	for p.i < len(p.toks) && (end < 0 || p.i < end) {
		if p.tok().kind == tLine || p.tok().is(",") || p.tok().is(";") {
			if end < 0 {
				return out
			}
			p.i++
			continue
		}
		from := p.i
		v := p.expr(0)
		if p.tok().is("=") || p.tok().is("+=") || p.tok().is(":=") {
			grows := p.tok().is("+=")
			to := p.i
			p.i++
			v = p.expr(0)
			p.bind(from, to, v, grows)
		}
		if p.tok().named("for") {
			v = p.comprehension(from, end)
		}
		if p.i == from {
			p.i++
			continue
		}
		switch n++; n {
		case 1:
			out = v
		case 2:
			out = value{elems: []value{out, v}}
		default:
			if len(out.elems) < maxElems {
				out.elems = append(out.elems, v)
			}
		}
		if end < 0 {
			return out
		}
	}
	if end > 0 {
		p.i = end + 1
	}
	return out
}

// comprehension reads "expr for x in y" once the variables are known.
func (p *parser) comprehension(from, end int) value {
	src := value{}
	for p.tok().named("for") && p.i < len(p.toks) {
		p.i++
		at := p.i
		for p.i < len(p.toks) && !p.tok().named("in") && p.i < at+24 {
			p.i++
		}
		to := p.i
		p.i++
		src = p.expr(3)
		p.destructure(at, to, tupleOf(p.each(src)))
		for p.tok().named("if") {
			p.i++
			p.expr(3)
		}
	}
	stop := p.i
	p.i = from
	v := p.expr(3)
	p.i = max(stop, p.i)
	if end > 0 {
		p.i = end
	}
	out := value{marks: addMarks(v.all(), src.all()...), texts: nil}
	if len(src.elems) > 0 && len(v.texts) > 0 && !v.num {
		for _, t := range v.texts {
			out.elems = append(out.elems, value{texts: []string{t}, marks: v.marks})
		}
	}
	return out
}

func (p *parser) list() value {
	end := p.tok().other
	p.i++
	out := value{}
	for p.i < len(p.toks) && (end < 0 || p.i < end) {
		if p.tok().kind == tLine || p.tok().is(",") {
			p.i++
			continue
		}
		from := p.i
		v := p.expr(0)
		if p.tok().named("for") {
			out = p.comprehension(from, end)
			break
		}
		if p.i == from {
			p.i++
			if end < 0 {
				return out
			}
			continue
		}
		if len(out.elems) < maxElems {
			out.elems = append(out.elems, v)
		}
	}
	if end > 0 {
		p.i = end + 1
	}
	return out
}

// table reads { key: value }, a set, or a block where a value was looked for.
func (p *parser) table() value {
	end := p.tok().other
	if end < 0 {
		p.i++
		return value{}
	}
	p.i++
	var out value
	for p.i < end {
		t := p.tok()
		if t.kind == tLine || t.is(",") || t.is(";") {
			p.i++
			continue
		}
		from := p.i
		k := ""
		switch n := p.peek(1); {
		case (t.kind == tName || t.kind == tText || t.kind == tNumber) && (n.is(":") || n.is("=>")):
			k = t.text
			p.i += 2
		case t.kind == tName && (n.is(",") || p.i+1 == end):
			k = t.text
		case t.kind == tName && n.is("(") && n.other > 0 && n.other+1 < end && p.toks[n.other+1].is("{"): // a method
			p.i++
			p.function(t.text, t.col)
			continue
		case t.is("[") && t.other > 0 && p.toks[t.other+1].is(":"):
			p.i = t.other + 2
		}
		v := p.expr(0)
		if p.tok().is(":") {
			k = first(v.texts)
			p.i++
			v = p.expr(0)
		}
		if p.tok().named("for") {
			out = p.comprehension(from, end)
			break
		}
		if p.tok().is("=") || p.tok().is("+=") {
			p.i = from
			p.statement()
			continue
		}
		if p.i == from {
			p.statement()
			continue
		}
		if len(out.elems) < maxElems {
			out.elems, out.keys = append(out.elems, v), append(out.keys, k)
		}
	}
	p.i = end + 1
	return out
}
