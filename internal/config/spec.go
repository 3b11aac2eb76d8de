package config

import (
	"reflect"
	"slices"
	"strings"
)

// shape is how a field is read.
type shape uint8

const (
	shapeBlock  shape = iota // a struct
	shapeValue               // Value[T]
	shapeList                // List
	shapeMap                 // Map[T]
	shapeBlocks              // []struct
	shapeRaw                 // Raw
)

// field is one key of a block.
type field struct {
	index []int
	// names are the key and its older spellings.
	names []string
	shape shape
	typ   reflect.Type
	tag   reflect.StructTag
	opts  options
}

// options are the words of the opt tag.
type options struct {
	guard, tool, ids, slug, boolText, unbuilt bool
}

// inner are the options that the elements of a map inherit.
func (o options) inner() options { return options{tool: o.tool, ids: o.ids, boolText: o.boolText} }

// block is the table of one struct type.
type block struct {
	fields []field
	// upstream are keys of upstream that are not built here, in blanks.
	upstream []string
	// origin is the index of the embedded Origin, nil when there is none.
	origin []int
	short  string
	// open: further keys are fine. named: further keys are names of things
	// that are not built here, and no typos unless they are near a known key.
	open, named bool
}

var (
	originType = reflect.TypeFor[Origin]()
	rawType    = reflect.TypeFor[Raw]()
	listType   = reflect.TypeFor[List]()
)

func shapeOf(t reflect.Type) shape {
	switch {
	case t == rawType:
		return shapeRaw
	case t == listType:
		return shapeList
	case t.Kind() == reflect.Slice && isEntry(t.Elem()):
		return shapeMap
	case t.Kind() == reflect.Slice:
		return shapeBlocks
	case t.NumField() == 2 && t.Field(0).Type == originType && t.Field(1).Name == "V":
		return shapeValue
	}
	return shapeBlock
}

func isEntry(t reflect.Type) bool {
	if t.Kind() != reflect.Struct || t.NumField() != 3 {
		return false
	}
	return t.Field(0).Name == "Key" && t.Field(1).Name == "Ref" && t.Field(2).Name == "V"
}

// tables compiles struct types on first use; a file seldom needs all of them.
type tables map[reflect.Type]*block

func (ts tables) of(t reflect.Type) *block {
	if b := ts[t]; b != nil {
		return b
	}
	b := &block{fields: make([]field, 0, t.NumField())}
	b.add(t, nil)
	ts[t] = b
	return b
}

// find is the field that a key or an older spelling of it names. Blocks are
// short and most of them absent, so that an index would cost more than it saves.
func (b *block) find(key string) (i int, ok bool) {
	for i := len(b.fields) - 1; i >= 0; i-- {
		if slices.Contains(b.fields[i].names, key) {
			return i, true
		}
	}
	return 0, false
}

// shortField is what a bare value stands for, nil when a block has no short form.
func (b *block) shortField() *field {
	if b.short == "" {
		return nil
	}
	i, _ := b.find(b.short)
	return &b.fields[i]
}

// foreign reports a key of upstream that is not built here.
func (b *block) foreign(key string) bool {
	return slices.ContainsFunc(b.upstream, func(list string) bool {
		return slices.Contains(strings.Fields(list), key)
	})
}

// keys are all names of fields, foreigners those of upstream, sorted.
func (b *block) keys() []string {
	var out []string
	for i := range b.fields {
		out = append(out, b.fields[i].names...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (b *block) foreigners() []string {
	var out []string
	for _, list := range b.upstream {
		out = append(out, strings.Fields(list)...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (b *block) add(t reflect.Type, prefix []int) {
	for i := range t.NumField() {
		f := t.Field(i)
		index := f.Index
		if len(prefix) > 0 {
			index = append(append(make([]int, 0, len(prefix)+1), prefix...), i)
		}
		key := f.Tag.Get("key")
		switch {
		case f.Type == originType:
			b.origin = index
		case f.Name == "_":
			if list := f.Tag.Get("upstream"); list != "" {
				b.upstream = append(b.upstream, list)
			}
			if s := f.Tag.Get("short"); s != "" {
				b.short = s
			}
			b.open = b.open || f.Tag.Get("open") == "1"
			b.named = b.named || f.Tag.Get("open") == "named"
		case f.Anonymous:
			b.add(f.Type, index)
		case key != "":
			b.fields = append(b.fields, field{index: index, names: strings.Split(key, ","),
				shape: shapeOf(f.Type), typ: f.Type, tag: f.Tag, opts: parseOptions(f.Tag.Get("opt"))})
		}
	}
}

func parseOptions(text string) options {
	var o options
	if text == "" {
		return o
	}
	for word := range strings.SplitSeq(text, ",") {
		switch word {
		case "guard":
			o.guard = true
		case "tool":
			o.tool = true
		case "ids":
			o.ids = true
		case "slug":
			o.slug = true
		case "bool":
			o.boolText = true
		case "unbuilt":
			o.unbuilt = true
		}
	}
	return o
}

// enum are the values of a text field and the older ones with what they mean.
func (f *field) enum() (values []string, also map[string]string) {
	if text := f.tag.Get("enum"); text != "" {
		values = strings.Split(text, ",")
	}
	if text := f.tag.Get("also"); text != "" {
		also = map[string]string{}
		for _, pair := range strings.Split(text, ",") {
			if old, now, ok := strings.Cut(pair, "="); ok {
				also[old] = now
			}
		}
	}
	return values, also
}
