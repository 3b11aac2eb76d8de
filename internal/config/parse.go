package config

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/json5"
)

// Parse types a configuration and reports everything that is wrong with it at
// once. It is total: the Config is never nil and holds what was understood.
// With Problems.HasErrors it must not be put in force.
func Parse(in Input) (*Config, Problems) {
	r := &reader{in: in, tables: tables{}, secrets: map[*json5.Node]bool{}}
	c := &Config{root: in.Root, secrets: r.secrets}
	for _, e := range in.Syntax {
		r.syntax(e)
	}
	r.ps = append(r.ps, in.Extra...)
	root := in.Root
	if root != nil && root.Kind != json5.Object {
		r.add(Problem{Code: CodeType, Where: refOf(root.Pos, ""), Found: root.Kind.String(), Expected: json5.Object.String()})
		r.fill(reflect.ValueOf(c).Elem(), Origin{Invalid: true, Ref: refOf(root.Pos, "")})
		return c, r.ps
	}
	r.readEnv(root)
	r.block(reflect.ValueOf(c).Elem(), root, place{})
	r.cross(c)
	r.ps.sort()
	c.references = r.references
	return c, r.ps
}

// ParseBytes reads one file without includes; name is what positions call it.
func ParseBytes(name string, data []byte, env func(string) (string, bool)) (*Config, Problems) {
	if len(data) > MaxFileBytes {
		c, ps := Parse(Input{Env: env})
		return c, append(ps, Problem{Code: CodeSyntax, Where: claw.ConfigRef{File: name, Line: 1, Column: 1},
			Found: fmt.Sprintf("%d bytes", len(data)), Expected: fmt.Sprintf("at most %d", MaxFileBytes)})
	}
	doc := json5.Parse(name, data)
	return Parse(Input{Root: doc.Root, Syntax: doc.Errors, Env: env})
}

// reader carries one Parse.
type reader struct {
	in      Input
	ps      Problems
	tables  tables
	secrets map[*json5.Node]bool
	// references in the order of the file.
	references []Reference
	// vars are the variables of the env block.
	vars map[string]string
}

// place is where reading is: a printed path, and whether an error here is
// fatal because a guard is configured.
type place struct {
	path  string
	guard bool
	opts  options
}

func (p place) key(k string) place   { p.path = json5.Join(p.path, k); return p }
func (p place) index(i int) place    { p.path = json5.JoinIndex(p.path, i); return p }
func (p place) with(o options) place { p.opts, p.guard = o, p.guard || o.guard; return p }

// severity of a mistake at this place.
func (p place) severity() Severity {
	if p.guard {
		return Error
	}
	return Warning
}

func refOf(pos json5.Pos, path string) claw.ConfigRef {
	if pos.File == "" {
		return claw.ConfigRef{Pointer: path}
	}
	return claw.ConfigRef{File: pos.File, Line: pos.Line, Column: pos.Column, Pointer: path}
}

func (r *reader) add(p Problem) { r.ps = append(r.ps, p) }

func (r *reader) syntax(e *json5.Error) {
	p := Problem{Code: CodeSyntax, Where: refOf(e.Pos, ""), Found: e.Found, Expected: e.Expected}
	if e.First.Line > 0 {
		p.Code, p.First = CodeDuplicate, refOf(e.First, "")
	}
	r.add(p)
}

// block reads an object into a struct; n is nil when nothing stands there.
func (r *reader) block(v reflect.Value, n *json5.Node, at place) {
	t := r.tables.of(v.Type())
	if n == nil {
		r.fill(v, Origin{Ref: claw.ConfigRef{Pointer: at.path}})
		return
	}
	ref := refOf(n.Pos, at.path)
	if f := t.shortField(); f != nil && (n.Kind == json5.String || n.Kind == json5.Bool && f.opts.boolText) {
		r.shorthand(v, n, at, t)
		return
	}
	if n.Kind != json5.Object {
		if n.Kind != json5.Invalid {
			r.add(Problem{Severity: at.severity(), Code: CodeType, Where: ref, Found: n.Kind.String(), Expected: json5.Object.String()})
		}
		r.fill(v, Origin{Invalid: true, Ref: ref})
		return
	}
	seen := make([]*json5.Member, len(t.fields))
	for i := range n.Members {
		m := &n.Members[i]
		k, ok := t.find(m.Key)
		if !ok {
			r.unknown(m, at, t)
			continue
		}
		if old := seen[k]; old != nil && old.Key != m.Key && !json5.Equal(old.Value, m.Value) {
			r.add(Problem{Severity: at.with(t.fields[k].opts).severity(), Code: CodeConflict, Where: refOf(m.KeyPos, json5.Join(at.path, m.Key)),
				Found: fmt.Sprintf("key %q, which means the same as %q and says something else", m.Key, old.Key), Expected: "one of them",
				First: refOf(old.KeyPos, json5.Join(at.path, old.Key))})
		}
		if seen[k] == nil || m.Key == t.fields[k].names[0] {
			seen[k] = m
		}
	}
	r.origin(v, t, Origin{Set: true, Ref: ref})
	for i := range t.fields {
		f := &t.fields[i]
		if seen[i] == nil {
			r.absent(v.FieldByIndex(f.index), f, Origin{Ref: claw.ConfigRef{Pointer: json5.Join(at.path, f.names[0])}})
			continue
		}
		to := at.key(seen[i].Key).with(f.opts)
		r.note(f, seen[i], to)
		r.field(v.FieldByIndex(f.index), seen[i].Value, to, f)
	}
}

// note tells that a key is read and not built here.
func (r *reader) note(f *field, m *json5.Member, at place) {
	if !f.opts.unbuilt {
		return
	}
	if on := m.Value.Get("enabled"); on != nil && on.Kind == json5.Bool && !on.Bool {
		return
	}
	r.add(Problem{Severity: Warning, Code: CodeNotBuilt, Where: refOf(m.KeyPos, at.path), Found: fmt.Sprintf("key %q, which is kept and not implemented", m.Key)})
}

func (r *reader) shorthand(v reflect.Value, n *json5.Node, at place, t *block) {
	r.fill(v, Origin{Ref: claw.ConfigRef{Pointer: at.path}})
	r.origin(v, t, Origin{Set: true, Ref: refOf(n.Pos, at.path)})
	f := t.shortField()
	r.field(v.FieldByIndex(f.index), n, at.with(f.opts), f)
}

func (r *reader) origin(v reflect.Value, t *block, o Origin) {
	if t.origin != nil {
		setOrigin(v.FieldByIndex(t.origin), o)
	}
}

// fill gives everything below v its path. With Invalid it marks everything as
// not understood, so that a broken guard is never taken for an absent one.
func (r *reader) fill(v reflect.Value, o Origin) {
	t := r.tables.of(v.Type())
	r.origin(v, t, o)
	path := o.Ref.Pointer
	for i := range t.fields {
		f := &t.fields[i]
		o.Ref.Pointer = json5.Join(path, f.names[0])
		r.absent(v.FieldByIndex(f.index), f, o)
	}
}

// setOrigin writes in place: there are a thousand of them.
func setOrigin(v reflect.Value, o Origin) { *v.Addr().Interface().(*Origin) = o }

func (r *reader) absent(v reflect.Value, f *field, o Origin) {
	switch f.shape {
	case shapeValue, shapeList, shapeRaw:
		setOrigin(v.Field(0), o)
	case shapeBlock:
		r.fill(v, o)
	case shapeMap, shapeBlocks:
	}
}

func (r *reader) field(v reflect.Value, n *json5.Node, at place, f *field) {
	switch f.shape {
	case shapeBlock:
		r.block(v, n, at)
	case shapeValue:
		r.value(v, n, at, f)
	case shapeList:
		r.list(v.Addr().Interface().(*List), n, at, f)
	case shapeMap:
		r.entries(v, n, at, f)
	case shapeBlocks:
		r.blocks(v, n, at)
	case shapeRaw:
		v.Set(reflect.ValueOf(Raw{Origin: Origin{Set: true, Ref: refOf(n.Pos, at.path)}, Node: n}))
	}
}

// wrong reports a value of the wrong type, unless the syntax error that made
// it has been reported already.
func (r *reader) wrong(n *json5.Node, at place, expected string) Origin {
	o := Origin{Invalid: true, Ref: refOf(n.Pos, at.path)}
	if n.Kind != json5.Invalid {
		r.add(Problem{Severity: at.severity(), Code: CodeType, Where: o.Ref, Found: n.Kind.String(), Expected: expected})
	}
	return o
}

func (r *reader) list(v *List, n *json5.Node, at place, f *field) {
	if n.Kind == json5.String && at.opts.ids {
		// A single sender in place of a list: upstream reads it so.
		n = &json5.Node{Kind: json5.Array, Pos: n.Pos, End: n.End, Items: []*json5.Node{n}}
	}
	if n.Kind != json5.Array {
		v.Origin = r.wrong(n, at, "a list of texts")
		return
	}
	v.Origin = Origin{Set: true, Ref: refOf(n.Pos, at.path)}
	v.V = make([]Value[string], len(n.Items))
	for i, item := range n.Items {
		r.value(reflect.ValueOf(&v.V[i]).Elem(), item, at.index(i), f)
	}
}

func (r *reader) blocks(v reflect.Value, n *json5.Node, at place) {
	if n.Kind != json5.Array {
		r.wrong(n, at, json5.Array.String())
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Items), len(n.Items)))
	for i, item := range n.Items {
		r.block(v.Index(i), item, at.index(i))
	}
}

func (r *reader) entries(v reflect.Value, n *json5.Node, at place, f *field) {
	if n.Kind != json5.Object {
		r.wrong(n, at, json5.Object.String())
		return
	}
	elem := v.Type().Elem()
	inner := field{names: f.names, typ: elem.Field(2).Type, tag: f.tag, opts: f.opts.inner()}
	inner.shape = shapeOf(inner.typ)
	v.Set(reflect.MakeSlice(v.Type(), len(n.Members), len(n.Members)))
	for i := range n.Members {
		m := &n.Members[i]
		to := at.key(m.Key)
		to.opts = inner.opts
		key := m.Key
		if f.opts.slug {
			key = r.slug(m.Key, refOf(m.KeyPos, to.path), to)
		}
		e := v.Index(i)
		e.Field(0).SetString(key)
		e.Field(1).Set(reflect.ValueOf(refOf(m.KeyPos, to.path)))
		r.field(e.Field(2), m.Value, to, &inner)
	}
}

// slug checks an agent id and gives it in lower case, as upstream does.
func (r *reader) slug(text string, ref claw.ConfigRef, at place) string {
	low := strings.ToLower(strings.TrimSpace(text))
	if !isSlug(low) {
		r.add(Problem{Severity: at.severity(), Code: CodeValue, Where: ref, Found: quote(text), Expected: "an id of lower-case letters, digits, - and _, at most 64"})
	}
	return low
}

func isSlug(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		word := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		if !word && (i == 0 || c != '-' && c != '_') {
			return false
		}
	}
	return true
}

// quote clips what a message repeats of a file.
func quote(s string) string {
	const most = 48
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return strconv.Quote(s)
}
