package json5

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

func parseOne(t *testing.T, src string) *Node {
	t.Helper()
	doc := Parse("f", []byte(src))
	if err := doc.Err(); err != nil {
		t.Fatalf("Parse(%q): %v", src, err)
	}
	return doc.Root
}

func TestParseValues(t *testing.T) {
	for src, want := range map[string]string{
		`null`:                            `null`,
		` true `:                          `true`,
		"\ufefffalse":                     `false`,
		`'it\'s'`:                         `"it's"`,
		`"a\x41\u0042\0"`:                 `"aAB\u0000"`,
		"'one\\\ntwo'":                    `"onetwo"`,
		`"\ud83d\ude00"`:                  `"😀"`,
		`"\ud83d!"`:                       `"�!"`,
		`+1`:                              `1`,
		`.5`:                              `0.5`,
		`5.`:                              `5`,
		`0xFF`:                            `255`,
		`-0x10`:                           `-16`,
		`1e3`:                             `1e3`,
		`Infinity`:                        `"Infinity"`,
		`-NaN`:                            `"-NaN"`,
		`[]`:                              `[]`,
		`[1,2,]`:                          "[\n  1,\n  2\n]",
		`{}`:                              `{}`,
		`{a:1,'b':2,"c":3,}`:              "{\n  \"a\": 1,\n  \"b\": 2,\n  \"c\": 3\n}",
		"{/*x*/$_é:1//y\n}":               "{\n  \"$_é\": 1\n}",
		`{\u0061b:1}`:                     "{\n  \"ab\": 1\n}",
		"\u00a0\u2028\v\f[1]\u2029// end": "[\n  1\n]",
		`{"__proto__":1,constructor:2}`:   "{\n  \"__proto__\": 1,\n  \"constructor\": 2\n}",
		`"</script> & \u2028"`:            `"</script> & \u2028"`,
		`{null:1,true:2,Infinity:3}`:      "{\n  \"null\": 1,\n  \"true\": 2,\n  \"Infinity\": 3\n}",
		strings.Repeat("[", 199) + "1" + strings.Repeat("]", 199): "",
	} {
		got := parseOne(t, src).JSON()
		if want != "" && got != want {
			t.Errorf("Parse(%q) = %s, want %s", src, got, want)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, c := range []struct{ src, want string }{
		{``, `f:1:1: found end of file, expected a value`},
		{"// only\n", `f:2:1: found end of file, expected a value`},
		{`{ "gateway": { "bind": "lan" `, `f:1:30: found end of file, expected "," or "}"`},
		{`{a:1 b:2}`, `f:1:6: found "b", expected "," or "}"`},
		{`{a:yes}`, `f:1:4: found "yes", expected a value (text needs quotes)`},
		{`{a 1}`, `f:1:4: found "1", expected ":" after key "a"`},
		{`{1:2}`, `f:1:2: found "1", expected a key`},
		{`[1}`, `f:1:3: found "}", expected "," or "]"`},
		{`[,]`, `f:1:2: found ",", expected a value`},
		{`{,}`, `f:1:2: found ",", expected a key`},
		{"'a\nb'", `f:1:1: found a string that is not closed on its line, expected "'"`},
		{`"abc`, `f:1:1: found a string that never ends, expected "\""`},
		{`"\x4"`, `f:1:2: found a broken escape`},
		{`"\08"`, `f:1:2: found a broken escape`},
		{`01`, `f:1:1: found "01", expected a number`},
		{`1e`, `f:1:1: found "1e", expected a number`},
		{`0x`, `f:1:1: found "0x", expected a number`},
		{`1e999`, `f:1:1: found "1e999", expected a number`},
		{`--1`, `f:1:1: found`},
		{`1_000`, `f:1:1: found "1_000", expected a number`},
		{`{} {}`, `f:1:4: found "{", expected end of file`},
		{`/* x`, `f:1:1: found a comment that never ends, expected "*/"`},
		{"{a:1,\n a:2}", `f:2:2: key "a" is set a second time, first at line 1 column 2`},
		{"{\"a\":1, 'a':2}", `f:1:9: key "a" is set a second time, first at line 1 column 2`},
		{`{a:1,\u0061:2}`, `key "a" is set a second time`},
		{"[1,\n\"x\xff\"]", `f:2:3: found byte 0xff, which is not UTF-8, expected text`},
		{strings.Repeat("[", 201), `nesting deeper than 200`},
		{`{a:{b:1]}`, `f:1:8: found "]"`},
		{"\x00", `found "\x00", expected a value`},
	} {
		err := Parse("f", []byte(c.src)).Err()
		if err == nil {
			t.Errorf("Parse(%q) accepted it, want %q", c.src, c.want)
			continue
		}
		if !strings.Contains(err.Error(), c.want) {
			t.Errorf("Parse(%q) = %v, want %q", c.src, err, c.want)
		}
	}
}

// A broken document still tells what it could.
func TestParseGoesOn(t *testing.T) {
	doc := Parse("f", []byte("{\n  a: oops,\n  b: { c: 1, d: @ },\n  e: 'fine',\n  f 3,\n  g: [1 2],\n}"))
	if len(doc.Errors) != 4 {
		t.Errorf("%d errors, want 4:\n%v", len(doc.Errors), doc.Errors)
	}
	if v := doc.Root.Get("e"); v == nil || v.Text != "fine" {
		t.Errorf("e = %v, want it read", v)
	}
	if v := doc.Root.Get("b").Get("c"); v == nil || v.Num != 1 {
		t.Errorf("b.c = %v, want it read", v)
	}
	if v := doc.Root.Get("a"); v == nil || v.Kind != Invalid {
		t.Errorf("a = %v, want it there and invalid", v)
	}
}

func TestErrorsAreBounded(t *testing.T) {
	doc := Parse("f", []byte("["+strings.Repeat("@,", 10000)+"]"))
	if n := len(doc.Errors); n != maxErrors {
		t.Errorf("%d errors, want %d", n, maxErrors)
	}
	doc = Parse("f", []byte("{"+strings.Repeat("a:1,", 10000)+"}"))
	if n := len(doc.Errors); n != maxErrors {
		t.Errorf("%d duplicates told, want %d", n, maxErrors)
	}
}

// Messages must not repeat what may be a secret.
func TestErrorsHideStrings(t *testing.T) {
	for _, src := range []string{`{token "hunter2hunter2"}`, `{token: "hunter2hunter2`, `{token: "hunter2\x!hunter2"}`, `["a" "hunter2hunter2"]`} {
		if err := Parse("f", []byte(src)).Err(); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("Parse(%q) = %v, want an error without the text", src, err)
		}
	}
}

func TestPositions(t *testing.T) {
	src := "// é\r\n{\n\ta: 1,\r\n  'ü': [ 'é', true ],\u2028 c: {d: 0x1F}, /* x\n */ e: null\n}"
	doc := Parse("dir/f.json", []byte(src))
	if err := doc.Err(); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"": "dir/f.json:2:1", "a": "dir/f.json:3:5", `ü`: "dir/f.json:4:8", "ü[0]": "dir/f.json:4:10",
		"ü[1]": "dir/f.json:4:15", "c.d": "dir/f.json:5:9", "e": "dir/f.json:6:8",
	} {
		p, err := ParsePath(path)
		if err != nil {
			t.Fatal(err)
		}
		n := doc.Root.Lookup(p)
		if n == nil {
			t.Errorf("%q is not found", path)
			continue
		}
		if got := n.Pos.String(); got != want {
			t.Errorf("%q at %s, want %s", path, got, want)
		}
	}
	if got := src[doc.Root.Get("c").Pos.Offset:doc.Root.Get("c").End]; got != "{d: 0x1F}" {
		t.Errorf("c spans %q", got)
	}
}

func TestPath(t *testing.T) {
	for _, s := range []string{"", "a", "a.b", "a[0]", "a[0][12].b", `a["x.y"].z`, `["a b\"\\"]`, "agents.list[1].tools", `[""]`, "a.0"} {
		p, err := ParsePath(s)
		if err != nil {
			t.Errorf("ParsePath(%q): %v", s, err)
			continue
		}
		again, err := ParsePath(p.String())
		if err != nil || fmt.Sprint(again) != fmt.Sprint(p) {
			t.Errorf("ParsePath(%q) prints %q, which reads as %v, %v", s, p, again, err)
		}
	}
	for _, s := range []string{".", "a.", "a..b", ".a", "a[", "a[x]", "a[-1]", `a["x`, `a["x"`, "a[0]b", "a.[0]", "a[99999999999999999999]"} {
		if p, err := ParsePath(s); err == nil {
			t.Errorf("ParsePath(%q) = %v, want an error", s, p)
		}
	}
	root := parseOne(t, `{list:[{id:"m"}], o:{"0":1}}`)
	for path, found := range map[string]bool{"list.0.id": true, "list[0].id": true, "list[1]": false, "list.00": false, "o.0": true, "o[0]": false, "list.x": false, "o.0.x": false} {
		p, _ := ParsePath(path)
		if got := root.Lookup(p) != nil; got != found {
			t.Errorf("Lookup(%q) found: %v, want %v", path, got, found)
		}
	}
}

func TestEqual(t *testing.T) {
	a := parseOne(t, `{a:[1,{b:NaN}],c:"x",d:null}`)
	if !Equal(a, parseOne(t, `{d:null,c:'x',a:[1.0,{b:NaN}]}`)) {
		t.Error("order of keys or spelling counts")
	}
	for _, src := range []string{`{a:[1,{b:NaN}],c:"x"}`, `{a:[1,{b:NaN}],c:"x",d:false}`, `{a:[1,{b:1}],c:"x",d:null}`, `{a:[1],c:"x",d:null}`, `{a:[1,{b:NaN}],c:"y",d:null}`, `[]`} {
		if Equal(a, parseOne(t, src)) {
			t.Errorf("equals %s", src)
		}
	}
	if Equal(a, nil) || !Equal(nil, nil) {
		t.Error("nil")
	}
	if !math.IsNaN(a.Get("a").Items[1].Get("b").Num) {
		t.Error("NaN is lost")
	}
}

func BenchmarkParse(b *testing.B) {
	src := []byte(`{ // comment
  gateway: { mode: "local", port: 8765, bind: "loopback", auth: { mode: "token", token: { source: "file", provider: "default", id: "/gateway/token" } } },
  tools: { profile: "messaging", deny: ["group:automation", "group:runtime", "group:fs", "sessions_spawn", "sessions_send"],
    exec: { security: "deny", ask: "always", elevated: { enabled: false } } },
}`)
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		Parse("openclaw.json", src)
	}
}

func BenchmarkParse1MB(b *testing.B) {
	var s strings.Builder
	s.WriteString("{")
	for i := 0; s.Len() < 1<<20; i++ {
		fmt.Fprintf(&s, "  \"key%d\": { text: 'value %d', list: [1, 2.5, true, null] }, // line\n", i, i)
	}
	s.WriteString("}")
	src := []byte(s.String())
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		if Parse("big", src).Err() != nil {
			b.Fatal("broken")
		}
	}
}
