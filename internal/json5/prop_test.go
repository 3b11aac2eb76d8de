package json5

import (
	"encoding/json"
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// writer prints a random value with random white space, comments, quotes and
// trailing commas, and counts the comments.
type writer struct {
	t        *rapid.T
	b        strings.Builder
	comments []string
}

func (w *writer) gap() {
	switch rapid.IntRange(0, 9).Draw(w.t, "gap") {
	case 0:
		w.b.WriteString("\n")
	case 1:
		w.b.WriteString("\r\n\t")
	case 2:
		c := "// c" + strconv.Itoa(len(w.comments)) + ", } ] \" '"
		w.comments = append(w.comments, c)
		w.b.WriteString(c + "\n")
	case 3:
		c := "/* c" + strconv.Itoa(len(w.comments)) + ", { \" */"
		w.comments = append(w.comments, c)
		w.b.WriteString(c)
	case 4:
		w.b.WriteString("\n  ")
	default:
		w.b.WriteString(" ")
	}
}

func (w *writer) str(s string) {
	if rapid.Bool().Draw(w.t, "double") {
		w.b.WriteString(Quote(s))
		return
	}
	w.b.WriteByte('\'')
	for _, r := range s {
		switch {
		case r == '\'' || r == '\\':
			w.b.WriteByte('\\')
			w.b.WriteRune(r)
		case r < 0x20 || r > 0xffff || r == 0x2028:
			for _, u := range utf16Units(r) {
				w.b.WriteString(`\u` + strconv.FormatInt(0x10000+int64(u), 16)[1:])
			}
		default:
			w.b.WriteRune(r)
		}
	}
	w.b.WriteByte('\'')
}

func utf16Units(r rune) []uint16 {
	if r <= 0xffff {
		return []uint16{uint16(r)}
	}
	r -= 0x10000
	return []uint16{uint16(0xd800 + r>>10), uint16(0xdc00 + r&0x3ff)}
}

func (w *writer) value(n *Node) {
	w.gap()
	switch n.Kind {
	case Null, Invalid:
		w.b.WriteString("null")
	case Bool:
		w.b.WriteString(strconv.FormatBool(n.Bool))
	case Number:
		w.b.WriteString(n.Text)
	case String:
		w.str(n.Text)
	case Array:
		w.b.WriteByte('[')
		for i, item := range n.Items {
			if i > 0 {
				w.b.WriteByte(',')
			}
			w.value(item)
		}
		w.tail(len(n.Items))
		w.b.WriteByte(']')
	case Object:
		w.b.WriteByte('{')
		for i, m := range n.Members {
			if i > 0 {
				w.b.WriteByte(',')
			}
			w.gap()
			if isIdentifier(m.Key) && rapid.Bool().Draw(w.t, "bare") {
				w.b.WriteString(m.Key)
			} else {
				w.str(m.Key)
			}
			w.gap()
			w.b.WriteByte(':')
			w.value(m.Value)
		}
		w.tail(len(n.Members))
		w.b.WriteByte('}')
	}
	w.gap()
}

func (w *writer) tail(n int) {
	if n > 0 && rapid.Bool().Draw(w.t, "trailing comma") {
		w.gap()
		w.b.WriteByte(',')
	}
	w.gap()
}

func genNode(t *rapid.T, depth int) *Node {
	kinds := []Kind{Null, Bool, Number, String}
	if depth > 0 {
		kinds = append(kinds, Array, Object, Object, Object)
	}
	n := &Node{Kind: rapid.SampledFrom(kinds).Draw(t, "kind")}
	switch n.Kind {
	case Bool:
		n.Bool = rapid.Bool().Draw(t, "bool")
	case Number:
		n.Text = rapid.SampledFrom([]string{"0", "-1", "1e3", ".5", "5.", "0x1f", "+7", "Infinity", "-NaN", "12345678901234567890", "1.5e-3"}).Draw(t, "number")
		n.Num, _ = parseNumber(n.Text)
	case String:
		n.Text = genText(t)
	case Array:
		for range rapid.IntRange(0, 4).Draw(t, "items") {
			n.Items = append(n.Items, genNode(t, depth-1))
		}
	case Object:
		for range rapid.IntRange(0, 4).Draw(t, "members") {
			key := rapid.OneOf(rapid.SampledFrom([]string{"a", "b", "c", "x.y", "$env", "", "0", "ключ"}), rapid.Custom(genText)).Draw(t, "key")
			if n.Get(key) == nil {
				n.Members = append(n.Members, Member{Key: key, Value: genNode(t, depth-1)})
			}
		}
	case Null, Invalid:
	}
	return n
}

func genText(t *rapid.T) string {
	return rapid.StringOfN(rapid.RuneFrom([]rune("abcXYZ09 _$\"'\\/,:{}[]\n\r\t\u2028é😀\x00")), 0, 8, -1).Draw(t, "text")
}

func genDoc(t *rapid.T) (*Node, string, []string) {
	n := genNode(t, 3)
	w := &writer{t: t}
	w.value(n)
	return n, w.b.String(), w.comments
}

// What is written any way is read back as meant, and every value stands where
// its position says.
func TestPropertyParse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want, src, _ := genDoc(t)
		doc := Parse("f", []byte(src))
		if err := doc.Err(); err != nil {
			t.Fatalf("%q: %v", src, err)
		}
		if !Equal(doc.Root, want) {
			t.Fatalf("%q reads as %s", src, doc.Root.JSON())
		}
		checkSpans(t, []byte(src), doc.Root)
		again := Parse("f", []byte(doc.Root.JSON()))
		if err := again.Err(); err != nil {
			t.Fatalf("JSON of %q: %v", src, err)
		}
	})
}

func checkSpans(t *rapid.T, src []byte, n *Node) {
	sub := Parse("f", src[n.Pos.Offset:n.End])
	if sub.Err() != nil || !Equal(sub.Root, n) {
		t.Fatalf("%q[%d:%d] is not the value there", src, n.Pos.Offset, n.End)
	}
	before := strings.NewReplacer("\r\n", "\n", "\u2028", "\n", "\r", "\n").Replace(string(src[:n.Pos.Offset]))
	line := 1 + strings.Count(before, "\n")
	col := 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
	if n.Pos.Line != line || n.Pos.Column != col {
		t.Fatalf("%q offset %d is at %d:%d, Pos says %d:%d", src, n.Pos.Offset, line, col, n.Pos.Line, n.Pos.Column)
	}
	for _, item := range n.Items {
		checkSpans(t, src, item)
	}
	for i := range n.Members {
		checkSpans(t, src, n.Members[i].Value)
	}
}

// On JSON, encoding/json agrees.
func TestPropertyJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		src := genNode(t, 3).JSON()
		var want any
		if err := json.Unmarshal([]byte(src), &want); err != nil {
			t.Fatal(err)
		}
		doc := Parse("f", []byte(src))
		if err := doc.Err(); err != nil {
			t.Fatal(err)
		}
		if got := plain(doc.Root); !reflect.DeepEqual(got, want) {
			t.Fatalf("%s reads as %v, want %v", src, got, want)
		}
	})
}

func plain(n *Node) any {
	switch n.Kind {
	case Bool:
		return n.Bool
	case Number:
		return n.Num
	case String:
		return n.Text
	case Array:
		out := []any{}
		for _, item := range n.Items {
			out = append(out, plain(item))
		}
		return out
	case Object:
		out := map[string]any{}
		for _, m := range n.Members {
			out[m.Key] = plain(m.Value)
		}
		return out
	case Null, Invalid:
	}
	return nil
}

// paths are all places of a document.
func paths(n *Node, at Path, out *[]Path) {
	*out = append(*out, at)
	for i, item := range n.Items {
		paths(item, append(at[:len(at):len(at)], Index(i)), out)
	}
	for i := range n.Members {
		paths(n.Members[i].Value, append(at[:len(at):len(at)], Key(n.Members[i].Key)), out)
	}
}

// An edit changes what was asked for and keeps every comment outside it.
func TestPropertyEdit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		root, src, comments := genDoc(t)
		var all []Path
		paths(root, nil, &all)
		at := rapid.SampledFrom(all).Draw(t, "path")
		fresh := rapid.Bool().Draw(t, "fresh")
		if fresh {
			if here := root.Lookup(at); here.Kind != Object {
				return
			}
			at = append(at[:len(at):len(at)], Key("new"), Key("deep"))
		}
		value := genNode(t, 1)
		w := &writer{t: t}
		w.value(value)
		out, err := Set([]byte(src), at, w.b.String())
		if err != nil {
			t.Fatalf("Set(%q, %q, %q): %v", src, at, w.b.String(), err)
		}
		doc := Parse("f", out)
		if !Equal(doc.Root.Lookup(at), value) {
			t.Fatalf("Set(%q, %q): %q", src, at, out)
		}
		if fresh {
			for _, c := range comments {
				if !strings.Contains(string(out), c) {
					t.Fatalf("Set(%q, %q) lost %q: %q", src, at, c, out)
				}
			}
			back, err := Unset(out, at[:len(at)-1])
			if err != nil {
				t.Fatal(err)
			}
			if !Equal(Parse("f", back).Root, root) {
				t.Fatalf("Unset does not undo Set: %q, %q", src, back)
			}
		}
	})
}

func TestPropertyUnsetAppend(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		root, src, _ := genDoc(t)
		var all []Path
		paths(root, nil, &all)
		at := rapid.SampledFrom(all).Draw(t, "path")
		if len(at) > 0 {
			out, err := Unset([]byte(src), at)
			if err != nil {
				t.Fatalf("Unset(%q, %q): %v", src, at, err)
			}
			if above := Parse("f", out).Root.Lookup(at[:len(at)-1]); above.Kind == Object && above.Lookup(at[len(at)-1:]) != nil {
				t.Fatalf("Unset(%q, %q) left it: %q", src, at, out)
			}
		}
		if here := root.Lookup(at); here.Kind == Array {
			out, err := Append([]byte(src), at, "'last'")
			if err != nil {
				t.Fatalf("Append(%q, %q): %v", src, at, err)
			}
			items := Parse("f", out).Root.Lookup(at).Items
			if len(items) != len(here.Items)+1 || items[len(items)-1].Text != "last" {
				t.Fatalf("Append(%q, %q): %q", src, at, out)
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{`{a:1,/*x*/'b':[true,null,-Infinity,0x1F,.5,]}`, "\"\\u{1}\\\n\"", "{\"a\":{\"a\":[[[[", "\ufeff// x\r\n{\\u0061:1}", "'\xff'", "[1}", "{a:1,a:1}", "+ 1", "1_0"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		doc := Parse("f", src)
		for _, e := range doc.Errors {
			if e.Pos.Line < 1 || e.Pos.Column < 1 || e.Pos.Offset < 0 || e.Pos.Offset > len(src) {
				t.Fatalf("error outside the document: %+v", e)
			}
		}
		if doc.Err() != nil {
			return
		}
		checkRange(t, doc.Root, 0, len(src))
		out := doc.Root.JSON()
		if !json.Valid([]byte(out)) {
			t.Fatalf("JSON is not JSON: %s", out)
		}
		again := Parse("f", []byte(out))
		if err := again.Err(); err != nil {
			t.Fatalf("%s: %v", out, err)
		}
		if !hasSpecial(doc.Root) && !Equal(doc.Root, again.Root) {
			t.Fatalf("%q changed to %s", src, out)
		}
		if json.Valid(src) && utf8.Valid(src) {
			var v any
			if json.Unmarshal(src, &v) == nil && !reflect.DeepEqual(plain(doc.Root), v) {
				t.Fatalf("%q: encoding/json reads %v", src, v)
			}
		}
	})
}

func hasSpecial(n *Node) bool {
	if n.Kind == Number && (math.IsNaN(n.Num) || math.IsInf(n.Num, 0)) {
		return true
	}
	for _, item := range n.Items {
		if hasSpecial(item) {
			return true
		}
	}
	for i := range n.Members {
		if hasSpecial(n.Members[i].Value) {
			return true
		}
	}
	return false
}

func checkRange(t *testing.T, n *Node, from, to int) {
	if n.Pos.Offset < from || n.End > to || n.End <= n.Pos.Offset {
		t.Fatalf("value %d..%d outside %d..%d", n.Pos.Offset, n.End, from, to)
	}
	for _, item := range n.Items {
		checkRange(t, item, n.Pos.Offset, n.End)
	}
	for i := range n.Members {
		checkRange(t, n.Members[i].Value, n.Members[i].KeyEnd, n.End)
	}
}

func FuzzEdit(f *testing.F) {
	f.Add([]byte("{\n  a: 1, // x\n  b: [1, 2,],\n}"), "a.b", "{c: 'd'}")
	f.Add([]byte("[ /* x */ ]"), "[0]", "1")
	f.Add([]byte("{a:{}}//"), "a.b.c", "null")
	f.Fuzz(func(t *testing.T, src []byte, path, value string) {
		p, err := ParsePath(path)
		if err != nil {
			return
		}
		if out, err := Set(src, p, value); err == nil {
			if got, want := Parse("f", out).Root.Lookup(p), Parse("f", []byte(value)).Root; !Equal(got, want) {
				t.Fatalf("Set(%q, %q, %q) = %q", src, path, value, out)
			}
		}
		if out, err := Unset(src, p); err == nil && Parse("f", out).Err() != nil {
			t.Fatalf("Unset(%q, %q) = %q", src, path, out)
		}
		if out, err := Append(src, p, value); err == nil && Parse("f", out).Err() != nil {
			t.Fatalf("Append(%q, %q) = %q", src, path, out)
		}
	})
}
