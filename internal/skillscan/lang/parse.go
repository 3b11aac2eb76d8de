package lang

import (
	"strings"
)

type parser struct {
	lang    Language
	toks    []token
	i       int
	sc      *scope
	scopes  map[int]*scope
	known   map[string]*function
	fn      *function // whose body is read
	events  []Event
	load    func(string) (string, bool)
	deep    int
	steps   int
	second  bool
	fetched map[string]Mark // files that hold what was downloaded
	// copies are files that hold what other files held.
	copies map[string][]string
	inner  int // number of the text whose expressions are read
}

// maxDeep bounds recursion, maxSteps the values that one reading makes.
const (
	maxDeep   = 120
	maxEvents = 4096
	maxSteps  = 2_000_000
)

func (p *parser) scopeAt(at int, up *scope) *scope {
	at = at<<3 + p.inner&7
	s, ok := p.scopes[at]
	if !ok {
		s = &scope{vars: map[string]value{}, up: up}
		p.scopes[at] = s
	}
	return s
}

func (p *parser) tok() token {
	if p.i < len(p.toks) {
		return p.toks[p.i]
	}
	return token{kind: tEnd, other: -1}
}

func (p *parser) peek(n int) token {
	if p.i+n < len(p.toks) && p.i+n >= 0 {
		return p.toks[p.i+n]
	}
	return token{kind: tEnd, other: -1}
}

func (t token) is(m string) bool    { return t.kind == tMark && t.text == m }
func (t token) named(w string) bool { return t.kind == tName && t.text == w }

func (p *parser) accept(m string) bool {
	if p.tok().is(m) {
		p.i++
		return true
	}
	return false
}

// statement reads one statement, or skips one word.
func (p *parser) statement() {
	if p.deep++; p.deep > maxDeep || p.steps > maxSteps {
		p.i++
		p.deep--
		return
	}
	defer func(i int) {
		p.deep--
		if p.i <= i {
			p.i = i + 1
		}
	}(p.i)
	t := p.tok()
	if t.kind == tLine || t.kind == tMark && strings.Contains(";{}:,)]", t.text) {
		p.i++
		return
	}
	if t.kind == tName && p.keyword(t) {
		return
	}
	p.assign()
}

// keyword reads the statements that begin with a word of their own.
func (p *parser) keyword(t token) bool {
	switch t.text {
	case "import", "from", "export", "require_relative":
		return p.imports(t)
	case "const", "let", "var", "my", "our", "local":
		p.i++
		p.assign()
		for p.accept(",") {
			p.assign()
		}
	case "def", "function", "sub", "fn", "func":
		if p.peek(1).kind != tName && !p.peek(1).is("*") {
			return false
		}
		p.i++
		p.accept("*")
		name := p.tok().text
		p.i++
		p.function(name, t.col)
	case "async", "if", "elif", "elsif", "while", "else", "try", "except", "finally", "catch", "unless", "until", "await", "do", "begin", "rescue", "throw", "raise", "print", "assert", "del", "global", "nonlocal", "static", "public", "private", "readonly", "and", "or", "not", "pass", "yield":
		if (t.text == "print" || t.text == "async" || t.text == "await" || t.text == "not" || t.text == "yield") && !(t.text == "async" && p.peek(1).named("def")) {
			return false
		}
		p.i++
	case "for", "foreach":
		p.loop()
	case "with":
		p.i++
		p.with()
	case "return":
		p.i++
		v := p.expr(0)
		if p.fn != nil {
			p.fn.ret = join(p.fn.ret, v)
		}
	case "class", "interface", "type", "enum", "namespace", "module", "struct":
		if p.peek(1).kind != tName {
			return false
		}
		for p.i += 2; p.i < len(p.toks) && !p.tok().is("{") && !p.tok().is(":") && p.tok().kind != tLine; p.i++ {
		}
	default:
		return false
	}
	return true
}

// assign reads an expression and what it is assigned to.
func (p *parser) assign() {
	from := p.i
	if p.tok().is("{") || p.tok().is("[") || p.tok().is("(") {
		if end := p.tok().other; end > 0 && end+1 < len(p.toks) && p.toks[end+1].is("=") {
			p.i = end + 2
			p.destructure(from+1, end, p.expr(0))
			return
		}
	}
	v := p.expr(0)
	if p.tok().is(":") && from+1 == p.i && p.peek(1).kind == tName && p.lang != Ruby { // an annotated name
		for j := p.i + 1; j < len(p.toks) && j < p.i+40; j++ {
			if p.toks[j].is("=") {
				p.i = j
				break
			}
			if p.toks[j].kind == tLine || p.toks[j].is(";") || p.toks[j].is("(") {
				break
			}
		}
	}
	targets := [][2]int{{from, p.i}}
	if p.lang == Python && p.tok().is(",") && !v.num { // a, b = …
		j := p.i
		for j < len(p.toks) && (p.toks[j].kind == tName || p.toks[j].is(",") || p.toks[j].is("*")) {
			j++
		}
		if j < len(p.toks) && p.toks[j].is("=") {
			p.i = j + 1
			p.destructure(from, j, p.tuple())
			return
		}
	}
	for {
		t := p.tok()
		if t.kind != tMark {
			return
		}
		switch t.text {
		case "=", "+=", ":=", ".=", "||=", "??=", "|=":
			p.i++
			at := p.i
			v = p.expr(0)
			if p.tok().is("=") {
				targets = append(targets, [2]int{at, p.i})
				continue
			}
			if p.tok().is(",") && p.lang == Python {
				v = p.more(v)
			}
			for _, x := range targets {
				p.bind(x[0], x[1], v, t.text != "=" && t.text != ":=")
			}
			return
		}
		return
	}
}

// tuple reads values parted by commas.
func (p *parser) tuple() value {
	v := p.expr(0)
	if p.tok().is(",") {
		v = p.more(v)
	}
	return v
}

func (p *parser) more(v value) value {
	out := value{elems: []value{v}}
	for p.accept(",") && len(out.elems) < maxElems {
		if p.tok().kind == tLine || p.tok().kind == tEnd {
			break
		}
		out.elems = append(out.elems, p.expr(0))
	}
	return out
}

// bind gives the variable, field or element at the words [from, to) a value.
func (p *parser) bind(from, to int, v value, grows bool) {
	name := p.path(from, to)
	if name == "" {
		return
	}
	if grows {
		if old, ok := p.sc.get(name); ok {
			sum := p.concat(old, v)
			p.put(name, sum)
			return
		}
	}
	p.put(name, v)
	if i := strings.LastIndexAny(name, ".["); i > 0 { // the whole has what its part has
		base := strings.TrimRight(name[:i], ".[")
		p.put(base, value{marks: v.all()})
	}
}

// put sets a variable where it is defined, else here.
func (p *parser) put(name string, v value) {
	for s, n := p.sc, 0; s != nil && n < 32; s, n = s.up, n+1 {
		if _, ok := s.vars[name]; ok {
			s.set(name, v)
			return
		}
	}
	p.sc.set(name, v)
}

// path names what an expression of names, dots and constant keys denotes.
func (p *parser) path(from, to int) string {
	var b strings.Builder
	for i := from; i < to && i-from < 16; i++ {
		t := p.toks[i]
		switch {
		case t.kind == tName:
			b.WriteString(t.text)
		case t.is("."), t.is("->"), t.is("::"):
			b.WriteByte('.')
		case t.is("["):
			b.WriteByte('.')
			if k := p.toks[i+1]; k.kind == tText || k.kind == tNumber {
				b.WriteString(k.text)
			} else {
				b.WriteByte('*')
			}
			if t.other < 0 {
				return b.String()
			}
			i = t.other
		case t.is("*"), t.is(":"):
		default:
			return ""
		}
	}
	return b.String()
}

// destructure gives names their parts of a value.
func (p *parser) destructure(from, to int, v value) {
	at := 0
	for i := from; i < to; i++ {
		t := p.toks[i]
		if t.is(",") {
			at++
			continue
		}
		if t.kind != tName {
			if t.other > i && (t.is("{") || t.is("[") || t.is("(")) {
				p.destructure(i+1, t.other, v)
				i = t.other
			}
			continue
		}
		key, name := t.text, t.text
		if i+2 <= to && (p.toks[i+1].is(":") || p.toks[i+1].named("as")) && i+2 < len(p.toks) && p.toks[i+2].kind == tName {
			name = p.toks[i+2].text
			i += 2
		}
		part := p.member(v, key)
		if v.name == "" && len(v.keys) == 0 {
			part = p.element(v, at)
		}
		p.sc.set(name, part)
		for i+1 < to && !p.toks[i+1].is(",") {
			i++
		}
	}
}

// element is the n-th part of a value.
func (p *parser) element(v value, n int) value {
	if n >= 0 && n < len(v.elems) && len(v.keys) == 0 {
		return v.elems[n]
	}
	return value{marks: v.all()}
}

// each is any element of a value.
func (p *parser) each(v value) value {
	out := value{marks: v.marks}
	for i, e := range v.elems {
		if i >= maxTexts {
			out.marks = addMarks(out.marks, e.all()...)
			continue
		}
		if i < len(v.keys) {
			out.texts = addTexts(out.texts, []string{v.keys[i]})
			out.marks = addMarks(out.marks, e.all()...)
			continue
		}
		out = join(out, e)
	}
	if len(v.elems) == 0 {
		out.texts = v.texts
		out.name = v.name
	}
	return out
}

// loop reads "for x in y", "for (const x of y)", "foreach (y as x)".
func (p *parser) loop() {
	p.i++
	if p.tok().named("await") {
		p.i++
	}
	end := -1
	if p.tok().is("(") && p.lang != Python {
		end = p.tok().other
		p.i++
	}
	for p.tok().named("const") || p.tok().named("let") || p.tok().named("var") || p.tok().named("my") {
		p.i++
	}
	from := p.i
	for j := from; j < len(p.toks) && j < from+24 && (end < 0 || j < end); j++ {
		t := p.toks[j]
		if t.kind == tLine || t.is("=") || t.is(";") {
			break
		}
		if t.named("in") || t.named("of") {
			p.i = j + 1
			p.destructure(from, j, tupleOf(p.each(p.expr(0))))
			break
		}
		if t.named("as") {
			p.destructure(j+1, max(end, j+2), tupleOf(p.each(p.expr(0))))
			break
		}
	}
	if end > 0 {
		for p.i < end {
			p.statement()
		}
		p.i = end + 1
	}
}

// tupleOf makes the one loop variable the whole element.
func tupleOf(v value) value {
	if len(v.elems) > 0 {
		return v
	}
	return value{elems: []value{v, {marks: v.marks}}, marks: v.marks}
}

// with reads "with a as b, c as d".
func (p *parser) with() {
	for {
		v := p.expr(0)
		if p.tok().named("as") {
			p.i++
			if p.tok().kind == tName {
				p.put(p.tok().text, v)
				p.i++
			}
		}
		if !p.accept(",") {
			return
		}
	}
}

// function reads parameters and body of what was just named.
func (p *parser) function(name string, col int) value {
	at := p.i
	f, ok := p.known[key(name, at, p.inner)]
	if !ok {
		f = &function{}
		p.known[key(name, at, p.inner)] = f
	}
	f.sc = p.scopeAt(at, p.sc)
	if name != "" {
		p.sc.vars[name] = value{fn: f}
	}
	if p.tok().is("(") {
		if end := p.tok().other; end > 0 {
			f.params = p.params(p.i+1, end)
			p.i = end + 1
		}
	}
	p.body(f, col)
	return value{fn: f}
}

func key(name string, at, inner int) string {
	return name + "\x00" + string(rune(at)) + string(rune(inner))
}

func (p *parser) params(from, to int) []string {
	var out []string
	for i := from; i < to; i++ {
		t := p.toks[i]
		if t.kind != tName {
			if t.other > i {
				if t.is("{") || t.is("[") { // its parts get what the whole gets
					out = append(out, p.params(i+1, t.other)...)
				}
				i = t.other
			}
			continue
		}
		if len(out) < 32 {
			out = append(out, t.text)
		}
		for i+1 < to && !p.toks[i+1].is(",") {
			i++
			if p.toks[i].other > i {
				i = p.toks[i].other
			}
		}
	}
	return out
}

// body reads what a function does, in a scope of its own.
func (p *parser) body(f *function, col int) {
	saved, outer := p.sc, p.fn
	p.sc, p.fn = f.sc, f
	for _, n := range f.params {
		if _, ok := f.sc.vars[n]; !ok {
			f.sc.vars[n] = value{}
		}
	}
	switch {
	case p.lang == Python:
		line := p.tok().line
		for p.i < len(p.toks) {
			t := p.tok()
			if t.first && t.kind != tLine && t.col <= col && t.line > line {
				break
			}
			p.statement()
		}
	case p.lang == Ruby || p.lang == Lua: // its end is not looked for
	default:
		for n := 0; n < 40 && p.i < len(p.toks) && !p.tok().is("{") && !p.tok().is(";") && (p.tok().is(":") || p.tok().kind == tName || p.tok().is("<") || p.tok().is(">") || p.tok().is("[") || p.tok().is("]") || p.tok().is("|") || p.tok().kind == tLine); n++ {
			p.i++ // the type that it returns
		}
		if end := p.tok().other; p.tok().is("{") && end > 0 {
			p.i++
			for p.i < end {
				p.statement()
			}
			p.i = end + 1
		}
	}
	p.sc, p.fn = saved, outer
}

func (p *parser) event(e Event) {
	e.End = max(e.Line, min(p.peek(-1).line, e.Line+8))
	if p.second && len(p.events) < maxEvents {
		p.events = append(p.events, e)
	}
}
