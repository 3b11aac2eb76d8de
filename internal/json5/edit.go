package json5

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Set returns src with the value at p replaced, or added with whatever objects
// are missing above it. Everything else, comments included, stays byte for
// byte. value is JSON5; an empty src counts as {}. It is an error when src is
// not sound, when p leads through something that is no object, or when the
// result would mean anything but the change.
func Set(src []byte, p Path, value string) ([]byte, error) {
	e, err := newEdit(src)
	if err != nil {
		return nil, err
	}
	v, err := parseValue(value)
	if err != nil {
		return nil, err
	}
	want, err := with(e.root, p, v)
	if err != nil {
		return nil, err
	}
	if old := e.root.Lookup(p); old != nil {
		if Equal(old, v) {
			return e.src, nil
		}
		e.replace(old.Pos.Offset, old.End, e.render(v, old.Pos.Offset))
		return e.done(want)
	}
	above, rest := e.deepest(p)
	for i := len(rest) - 1; i > 0; i-- {
		v = &Node{Kind: Object, Members: []Member{{Key: rest[i].key, Value: v}}}
	}
	e.insert(above, rest[0].key, v)
	return e.done(want)
}

// Append returns src with an element added to the array at p, which is made
// when nothing is there.
func Append(src []byte, p Path, value string) ([]byte, error) {
	e, err := newEdit(src)
	if err != nil {
		return nil, err
	}
	old := e.root.Lookup(p)
	if old == nil {
		return Set(src, p, "["+value+"]")
	}
	if old.Kind != Array {
		return nil, fmt.Errorf("append to %q: found %s, expected an array", p, old.Kind)
	}
	v, err := parseValue(value)
	if err != nil {
		return nil, err
	}
	grown := *old
	grown.Items = append(slices.Clone(old.Items), v)
	want, err := with(e.root, p, &grown)
	if err != nil {
		return nil, err
	}
	e.insert(old, "", v)
	return e.done(want)
}

// Unset returns src without the key or element at p, its comma and the comment
// that ends its line. Nothing there is not an error: src comes back as it is.
func Unset(src []byte, p Path) ([]byte, error) {
	e, err := newEdit(src)
	if err != nil {
		return nil, err
	}
	if len(p) == 0 {
		return nil, fmt.Errorf("unset: an empty path names the whole document, expected a key")
	}
	if e.root.Lookup(p) == nil {
		return e.src, nil
	}
	want, err := with(e.root, p, nil)
	if err != nil {
		return nil, err
	}
	above := e.root.Lookup(p[:len(p)-1])
	spans := above.spans()
	i := above.childIndex(p[len(p)-1])
	e.remove(above, spans, i)
	return e.done(want)
}

// span is a child with its key.
type span struct{ start, end int }

func (n *Node) spans() []span {
	var out []span
	for _, item := range n.Items {
		out = append(out, span{item.Pos.Offset, item.End})
	}
	for i := range n.Members {
		out = append(out, span{n.Members[i].KeyPos.Offset, n.Members[i].Value.End})
	}
	return out
}

func (n *Node) childIndex(s Step) int {
	if n.Kind == Array {
		i, _ := s.index()
		return i
	}
	return slices.IndexFunc(n.Members, func(m Member) bool { return m.Key == s.key })
}

// with is the tree that an edit should mean; v nil takes the value away.
func with(n *Node, p Path, v *Node) (*Node, error) {
	if len(p) == 0 {
		return v, nil
	}
	out := *n
	child := n.step(p[0])
	switch {
	case n.Kind != Object && n.Kind != Array:
		return nil, fmt.Errorf("%q: found %s, expected an object", p, n.Kind)
	case child == nil && n.Kind == Array:
		return nil, fmt.Errorf("%q: an array of %d has no such element", p, len(n.Items))
	case child == nil && p[0].isIndex:
		return nil, fmt.Errorf("%q: found %s, expected an array", p, n.Kind)
	case child == nil:
		for _, s := range p[1:] {
			if s.isIndex {
				return nil, fmt.Errorf("%q: there is no array to take an element of", p)
			}
		}
		child = &Node{Kind: Object}
	}
	sub, err := with(child, p[1:], v)
	if err != nil {
		return nil, err
	}
	i := n.childIndex(p[0])
	switch {
	case n.Kind == Array && sub == nil:
		out.Items = slices.Delete(slices.Clone(n.Items), i, i+1)
	case n.Kind == Array:
		out.Items = slices.Clone(n.Items)
		out.Items[i] = sub
	case sub == nil:
		out.Members = slices.Delete(slices.Clone(n.Members), i, i+1)
	case i < 0:
		out.Members = append(slices.Clone(n.Members), Member{Key: p[0].key, Value: sub})
	default:
		out.Members = slices.Clone(n.Members)
		out.Members[i].Value = sub
	}
	return &out, nil
}

func parseValue(text string) (*Node, error) {
	doc := Parse("value", []byte(text))
	if err := doc.Err(); err != nil {
		return nil, err
	}
	return doc.Root, nil
}

// edit is a document while one thing in it changes.
type edit struct {
	src   []byte
	root  *Node
	style style
	out   []byte
}

func newEdit(src []byte) (*edit, error) {
	if len(bytes.TrimSpace(src)) == 0 {
		src = []byte("{}\n")
	}
	doc := Parse("document", src)
	if err := doc.Err(); err != nil {
		return nil, err
	}
	return &edit{src: src, root: doc.Root, style: styleOf(src, doc.Root)}, nil
}

// styleOf copies how the document writes line ends, indents and keys.
func styleOf(src []byte, root *Node) style {
	st := style{newline: "\n", unit: "  "}
	if bytes.Contains(src, []byte("\r\n")) {
		st.newline = "\r\n"
	}
	if kids := root.spans(); len(kids) > 0 {
		if ind, own := indentBefore(src, kids[0].start); own && ind != "" {
			st.unit = ind
		}
	}
	keys, bare := 0, 0
	root.eachKey(func(m *Member) {
		keys++
		if c := src[m.KeyPos.Offset]; c != '"' && c != '\'' {
			bare++
		}
	})
	st.quoted = keys > 0 && bare == 0
	st.strict, st.exact = st.quoted && json.Valid(src), true
	return st
}

func (n *Node) eachKey(f func(*Member)) {
	for _, item := range n.Items {
		item.eachKey(f)
	}
	for i := range n.Members {
		f(&n.Members[i])
		n.Members[i].Value.eachKey(f)
	}
}

// indentBefore is the white space between the start of the line and off; own
// is false when something else stands before it.
func indentBefore(src []byte, off int) (indent string, own bool) {
	start := lineStart(src, off)
	return lineIndent(src, off), len(bytes.TrimLeft(src[start:off], " \t")) == 0
}

func lineStart(src []byte, off int) int {
	return bytes.LastIndexAny(src[:off], "\r\n") + 1
}

func lineIndent(src []byte, off int) string {
	start := lineStart(src, off)
	end := start
	for end < off && (src[end] == ' ' || src[end] == '\t') {
		end++
	}
	return string(src[start:end])
}

// render prints a value that starts on the line of off.
func (e *edit) render(v *Node, off int) string {
	st := e.style
	if !bytes.ContainsAny(e.src, "\n") || isScalar(v) || isShort(v) {
		st.newline = ""
	}
	var b strings.Builder
	v.print(&b, st, lineIndent(e.src, off))
	return b.String()
}

func isScalar(n *Node) bool { return n.Kind != Array && n.Kind != Object }

// isShort: a list of a few scalars stays on one line.
func isShort(n *Node) bool {
	if n.Kind == Object {
		return len(n.Members) == 0 || len(n.Members) == 1 && isScalar(n.Members[0].Value)
	}
	size := 0
	for _, item := range n.Items {
		if !isScalar(item) {
			return false
		}
		size += len(item.Text) + 4
	}
	return size < 80
}

func (e *edit) replace(from, to int, text string) {
	e.out = slices.Concat(e.src[:from], []byte(text), e.src[to:])
}

// deepest is the last value on a path that exists, with the steps that do not.
func (e *edit) deepest(p Path) (*Node, Path) {
	n := e.root
	for i := range p {
		next := n.step(p[i])
		if next == nil {
			return n, p[i:]
		}
		n = next
	}
	return n, nil
}

// insert adds a child behind the last one of a container.
func (e *edit) insert(in *Node, key string, v *Node) {
	name := ""
	if in.Kind == Object {
		name = keyText(key, e.style) + ": "
	}
	kids := in.spans()
	if len(kids) == 0 {
		e.insertFirst(in, name, v)
		return
	}
	last := kids[len(kids)-1]
	comma, behind := e.commaAfter(last.end)
	indent, own := indentBefore(e.src, last.start)
	if !own {
		text := ", " + name + e.render(v, last.start)
		at := last.end
		if comma {
			text, at = " "+name+e.render(v, last.start)+",", behind
		}
		e.replace(at, at, text)
		return
	}
	text := e.style.newline + indent + name + e.render(v, last.start)
	if comma {
		// Behind the comment that ends the line of the last child.
		at := e.endOfLineComment(behind, in.End-1)
		e.replace(at, at, text+",")
		return
	}
	at := e.endOfLineComment(last.end, in.End-1)
	e.out = slices.Concat(e.src[:last.end], []byte(","), e.src[last.end:at], []byte(text), e.src[at:])
}

// insertFirst adds a child to a container that has none; comments in it stay
// before the child.
func (e *edit) insertFirst(in *Node, name string, v *Node) {
	open, end := in.Pos.Offset+1, in.End-1
	inside := e.src[open:end]
	if len(bytes.TrimSpace(inside)) == 0 {
		indent := lineIndent(e.src, in.Pos.Offset)
		if !bytes.ContainsAny(e.src, "\n") {
			pad := " "
			if in.Kind == Array {
				pad = ""
			}
			e.replace(open, end, pad+name+e.render(v, in.Pos.Offset)+pad)
			return
		}
		st := e.style
		var b strings.Builder
		b.WriteString(st.newline + indent + st.unit + name)
		if isScalar(v) || isShort(v) {
			st.newline = ""
		}
		v.print(&b, st, indent+st.unit)
		b.WriteString(e.style.newline + indent)
		e.replace(open, end, b.String())
		return
	}
	// A line comment must not swallow the child: it starts on its own line.
	indent := lineIndent(e.src, in.Pos.Offset)
	cut := open + len(bytes.TrimRight(inside, " \t\r\n"))
	st := e.style
	var b strings.Builder
	v.print(&b, st, indent+st.unit)
	e.replace(cut, end, st.newline+indent+st.unit+name+b.String()+st.newline+indent)
}

// commaAfter finds the comma behind a child, past comments.
func (e *edit) commaAfter(off int) (found bool, behind int) {
	p := &parser{src: e.src, off: off, line: 1}
	p.space()
	if p.off < len(e.src) && e.src[p.off] == ',' {
		return true, p.off + 1
	}
	return false, off
}

// endOfLineComment skips white space and comments up to the end of the line,
// but not beyond limit: such a comment belongs to what stands before it.
func (e *edit) endOfLineComment(off, limit int) int {
	end := off
	for i := off; i < limit; {
		rest := e.src[i:limit]
		switch {
		case rest[0] == ' ' || rest[0] == '\t':
			i++
		case bytes.HasPrefix(rest, []byte("//")):
			n := bytes.IndexAny(rest, "\r\n\u2028\u2029")
			if n < 0 {
				n = len(rest)
			}
			return i + n
		case bytes.HasPrefix(rest, []byte("/*")):
			n := bytes.Index(rest, []byte("*/"))
			if n < 0 || bytes.ContainsAny(rest[:n], "\r\n") {
				return end
			}
			i += n + 2
			end = i
		default:
			return end
		}
	}
	return end
}

// remove takes a child away with its comma, the comment that ends its line,
// and the line itself when nothing else stands on it.
func (e *edit) remove(in *Node, kids []span, i int) {
	from, to := kids[i].start, kids[i].end
	comma, behind := e.commaAfter(to)
	lastKid := i == len(kids)-1
	if comma {
		to = behind
	}
	if at := e.endOfLineComment(to, in.End-1); e.endsLine(at, in.End-1) {
		to = at
	}
	start := lineStart(e.src, from)
	ownLine := len(bytes.TrimLeft(e.src[start:from], " \t")) == 0
	restEmpty := to < len(e.src) && (e.src[to] == '\n' || e.src[to] == '\r')
	switch {
	case ownLine && restEmpty:
		from = start
		if e.src[to] == '\r' && to+1 < len(e.src) && e.src[to+1] == '\n' {
			to++
		}
		to++
	case !lastKid || ownLine:
		for to < in.End-1 && (e.src[to] == ' ' || e.src[to] == '\t') {
			to++
		}
	}
	if !ownLine && lastKid {
		from = len(bytes.TrimRight(e.src[:from], " \t"))
	}
	e.out = slices.Concat(e.src[:from], e.src[to:])
	if lastKid && !comma && i > 0 {
		// The comma before it goes too, so that plain JSON stays plain JSON.
		_, at := e.commaAfter(kids[i-1].end)
		e.out = slices.Concat(e.src[:at-1], e.src[at:max(at, from)], e.src[to:])
	}
}

// endsLine: nothing but white space stands between off and the end of its line
// or of the container. Else a comment before off belongs to what follows.
func (e *edit) endsLine(off, limit int) bool {
	for off < limit && (e.src[off] == ' ' || e.src[off] == '\t') {
		off++
	}
	return off >= limit || e.src[off] == '\n' || e.src[off] == '\r'
}

// done checks that the result means exactly what was asked for.
func (e *edit) done(want *Node) ([]byte, error) {
	doc := Parse("result", e.out)
	if err := doc.Err(); err != nil {
		return nil, fmt.Errorf("edit refused, the result would be broken: %w", err)
	}
	if !Equal(doc.Root, want) {
		return nil, fmt.Errorf("edit refused: the result would mean something else")
	}
	return e.out, nil
}
