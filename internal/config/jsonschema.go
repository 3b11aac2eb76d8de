package config

import (
	"reflect"
	"strconv"
	"strings"

	"github.com/openclaw-go/openclaw/internal/json5"
)

// Schema is the JSON Schema (2020-12) of the configuration, made from the same
// table that Parse reads by. What Parse refuses as an unknown key, the schema
// refuses too; what it only warns of, the schema lets pass.
func Schema() string {
	s := &schema{tables: tables{}, done: map[string]bool{}}
	root := s.block(reflect.TypeFor[Config](), options{})
	root.Members = append([]json5.Member{
		member("$schema", text("https://json-schema.org/draft/2020-12/schema")),
		member("title", text("OpenClaw configuration")),
	}, root.Members...)
	root.Members = append(root.Members, member("$defs", object(append(s.defs, s.common()...)...)))
	return root.JSON() + "\n"
}

type schema struct {
	tables tables
	defs   []json5.Member
	done   map[string]bool
}

func member(key string, v *json5.Node) json5.Member { return json5.Member{Key: key, Value: v} }
func object(ms ...json5.Member) *json5.Node         { return &json5.Node{Kind: json5.Object, Members: ms} }
func array(items ...*json5.Node) *json5.Node        { return &json5.Node{Kind: json5.Array, Items: items} }
func text(s string) *json5.Node                     { return &json5.Node{Kind: json5.String, Text: s} }
func truth(b bool) *json5.Node                      { return &json5.Node{Kind: json5.Bool, Bool: b} }
func typed(name string) *json5.Node                 { return object(member("type", text(name))) }
func def(name string) *json5.Node                   { return object(member("$ref", text("#/$defs/"+name))) }

func number(s string) *json5.Node {
	x, _ := strconv.ParseFloat(s, 64)
	return &json5.Node{Kind: json5.Number, Text: s, Num: x}
}

// common are the definitions that no struct stands for.
func (s *schema) common() []json5.Member {
	pattern := func(p string) *json5.Node {
		return object(member("type", text("string")), member("pattern", text(p)))
	}
	env := object(member("type", text("object")),
		member("properties", object(member("$env", pattern("^[A-Za-z_][A-Za-z0-9_]*$")))),
		member("required", array(text("$env"))), member("additionalProperties", truth(false)))
	ref := object(member("type", text("object")),
		member("properties", object(
			member("source", object(member("enum", array(text("env"), text("file"), text("exec"), text("store"))))),
			member("provider", pattern("^[a-z][a-z0-9_-]{0,63}$")), member("id", typed("string")))),
		member("required", array(text("source"), text("id"))), member("additionalProperties", truth(false)))
	return []json5.Member{
		member("env", object(member("anyOf", array(env, pattern(`^\$\{[A-Z_][A-Z0-9_]*\}$`))))),
		member("secret", object(member("anyOf", array(typed("string"), env, ref)))),
		member("include", object(member("type", array(text("string"), text("array"))), member("items", typed("string")),
			member("description", text("file or files merged beneath the keys beside it")))),
	}
}

// block describes a struct. guard is inherited as Parse inherits it.
func (s *schema) block(t reflect.Type, opts options) *json5.Node {
	b := s.tables.of(t)
	props := []json5.Member{member("$include", def("include"))}
	for i := range b.fields {
		f := &b.fields[i]
		inner := f.opts
		inner.guard = inner.guard || opts.guard
		for k, name := range f.names {
			n := s.field(f, inner)
			if k > 0 {
				n.Members = append(n.Members, member("deprecated", truth(true)))
			}
			props = append(props, member(name, n))
		}
	}
	for _, key := range b.foreigners() {
		if _, ok := b.find(key); !ok {
			props = append(props, member(key, object(member("description", text("of upstream; kept and not implemented")))))
		}
	}
	out := object(member("type", text("object")), member("properties", object(props...)))
	if opts.guard && !b.open && !b.named {
		out.Members = append(out.Members, member("additionalProperties", truth(false)))
	}
	if b.short != "" {
		out = object(member("anyOf", array(typed("string"), out)))
	}
	return out
}

func (s *schema) field(f *field, opts options) *json5.Node {
	n := s.shape(f, f.typ, f.shape, opts)
	if doc := f.tag.Get("doc"); doc != "" {
		n.Members = append(n.Members, member("description", text(doc)))
	}
	if d := f.tag.Get("def"); d != "" && f.shape == shapeValue {
		n.Members = append(n.Members, member("default", defaultOf(f, d)))
	}
	return n
}

func defaultOf(f *field, d string) *json5.Node {
	doc := json5.Parse("", []byte(d))
	if f.typ.Field(1).Type.Kind() == reflect.String || doc.Err() != nil {
		return text(d)
	}
	return doc.Root
}

// reference is the definition of a struct, written once per strictness.
func (s *schema) reference(t reflect.Type, opts options) *json5.Node {
	name := t.Name()
	if !opts.guard {
		name += ".open"
	}
	if !s.done[name] {
		s.done[name] = true
		s.defs = append(s.defs, member(name, s.block(t, options{guard: opts.guard})))
	}
	return def(name)
}

func (s *schema) shape(f *field, t reflect.Type, sh shape, opts options) *json5.Node {
	switch sh {
	case shapeBlock:
		return s.reference(t, opts)
	case shapeBlocks:
		return object(member("type", text("array")), member("items", s.reference(t.Elem(), opts)))
	case shapeList:
		list := object(member("type", text("array")), member("items", s.scalar(f, reflect.TypeFor[string](), opts)))
		if opts.ids {
			return object(member("anyOf", array(list, typed("string"))))
		}
		return list
	case shapeMap:
		elem := t.Elem().Field(2).Type
		inner := opts.inner()
		inner.guard = opts.guard
		n := object(member("type", text("object")), member("additionalProperties", s.shape(f, elem, shapeOf(elem), inner)))
		if opts.slug {
			n.Members = append(n.Members, member("propertyNames", object(member("pattern", text("^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")))))
		}
		return n
	case shapeValue:
		return s.scalar(f, t.Field(1).Type, opts)
	case shapeRaw:
	}
	return object()
}

func (s *schema) scalar(f *field, t reflect.Type, opts options) *json5.Node {
	switch {
	case t == secretType:
		return def("secret")
	case t == durationType || t == sizeType:
		return object(member("type", array(text("number"), text("string"))))
	case t.Kind() == reflect.Bool:
		return object(member("anyOf", array(typed("boolean"), def("env"))))
	case t.Kind() == reflect.Int, t.Kind() == reflect.Float64:
		n := typed("number")
		if t.Kind() == reflect.Int {
			n = typed("integer")
		}
		if v := f.tag.Get("min"); v != "" {
			n.Members = append(n.Members, member("minimum", number(v)))
		}
		if v := f.tag.Get("max"); v != "" {
			n.Members = append(n.Members, member("maximum", number(v)))
		}
		return object(member("anyOf", array(n, def("env"))))
	}
	n := typed("string")
	if values, also := f.enum(); values != nil {
		items := make([]*json5.Node, 0, len(values)+len(also))
		for _, v := range values {
			items = append(items, text(v))
			if v == "true" || v == "false" {
				items = append(items, truth(v == "true"))
			}
		}
		for _, old := range sorted(also) {
			items = append(items, text(old))
		}
		n = object(member("enum", array(items...)))
	} else if kinds := []string{"string"}; opts.ids || opts.boolText {
		if opts.ids {
			kinds = append(kinds, "number")
		}
		if opts.boolText {
			kinds = append(kinds, "boolean")
		}
		n = object(member("type", array(texts(kinds)...)))
	}
	return object(member("anyOf", array(n, def("env"))))
}

func texts(ss []string) []*json5.Node {
	out := make([]*json5.Node, len(ss))
	for i, s := range ss {
		out[i] = text(strings.TrimSpace(s))
	}
	return out
}
