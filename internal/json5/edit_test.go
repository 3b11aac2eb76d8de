package json5

import (
	"strings"
	"testing"
)

func mustPath(t *testing.T, s string) Path {
	t.Helper()
	p, err := ParsePath(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestSet(t *testing.T) {
	const doc = `// top
{
  // about gateway
  gateway: {
    port: 8765, // the port
    bind: "loopback" /* stays */
  },
  tools: { deny: ["a", "b"] },
}
`
	for _, c := range []struct{ name, src, path, value, want string }{
		{"replace", doc, "gateway.port", "9000", strings.Replace(doc, "8765", "9000", 1)},
		{"replace keeps comment", doc, "gateway.bind", `"lan"`, strings.Replace(doc, `"loopback"`, `"lan"`, 1)},
		{"same value is no change", doc, "gateway.port", "0x223D", doc},
		{"add behind a comment", doc, "gateway.mode", `'local'`, strings.Replace(doc, `"loopback" /* stays */`, "\"loopback\", /* stays */\n    mode: \"local\"", 1)},
		{"add to root with trailing comma", doc, "session.dmScope", `"main"`, strings.Replace(doc, "},\n}\n", "},\n  session: { dmScope: \"main\" },\n}\n", 1)},
		{"element", doc, "tools.deny[1]", `"c"`, strings.Replace(doc, `"b"`, `"c"`, 1)},
		{"add on one line", doc, "tools.allow", `[]`, strings.Replace(doc, `["a", "b"] }`, `["a", "b"], allow: [] }`, 1)},
		{"empty file", "", "a.b", "1", "{\n  a: { b: 1 }\n}\n"},
		{"empty object", "{}", "a", "1", "{ a: 1 }"},
		{"plain JSON stays JSON", "{\n    \"a\": 1\n}\n", "b", `{c: 'x', d: [1, {e: .5}]}`,
			"{\n    \"a\": 1,\n    \"b\": {\n        \"c\": \"x\",\n        \"d\": [\n            1,\n            {\n                \"e\": 0.5\n            }\n        ]\n    }\n}\n"},
		{"only a comment inside", "{\n  a: {\n    // nothing yet\n  }\n}", "a.b", "1", "{\n  a: {\n    // nothing yet\n    b: 1\n  }\n}"},
		{"odd key", "{ a: 1 }", `["x.y"]`, "2", `{ a: 1, "x.y": 2 }`},
		{"crlf", "{\r\n  a: 1\r\n}\r\n", "b", "2", "{\r\n  a: 1,\r\n  b: 2\r\n}\r\n"},
		{"tabs", "{\n\ta: {\n\t\tb: 1,\n\t},\n}\n", "a.c", "{d:{e:1}}", "{\n\ta: {\n\t\tb: 1,\n\t\tc: {\n\t\t\td: {\n\t\t\t\te: 1\n\t\t\t}\n\t\t},\n\t},\n}\n"},
		{"line comment after last", "{\n  a: 1 // one\n}", "b", "2", "{\n  a: 1, // one\n  b: 2\n}"},
		{"root", "// c\n{a:1} // d\n", "", "[1]", "// c\n[1] // d\n"},
	} {
		got, err := Set([]byte(c.src), mustPath(t, c.path), c.value)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if string(got) != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
	for _, c := range []struct{ src, path, value, want string }{
		{`{a:1}`, "a.b", "1", "found a number, expected an object"},
		{`{a:[1]}`, "a[1]", "1", "an array of 1 has no such element"},
		{`{a:[1]}`, "a.x", "1", "no such element"},
		{`{}`, "a[0]", "1", "no array"},
		{`{}`, "a", "{b:}", "expected a value"},
		{`{}`, "a", "1, b: 2", "expected end of file"},
		{`{}`, "a", "", "expected a value"},
		{`{a:1,a:2}`, "b", "1", "a second time"},
		{`{a:`, "b", "1", "end of file"},
	} {
		if got, err := Set([]byte(c.src), mustPath(t, c.path), c.value); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Set(%s, %s, %s) = %s, %v; want %q", c.src, c.path, c.value, got, err, c.want)
		}
	}
}

func TestUnset(t *testing.T) {
	for _, c := range []struct{ name, src, path, want string }{
		{"own line with its comment", "{\n  // keep\n  a: 1, // gone\n  b: 2,\n}", "a", "{\n  // keep\n  b: 2,\n}"},
		{"last without comma", "{\n  a: 1, // one\n  b: 2 // two\n}", "b", "{\n  a: 1 // one\n}"},
		{"one line first", "{ a: 1, b: 2 }", "a", "{ b: 2 }"},
		{"one line last", "{ a: 1, b: 2 }", "b", "{ a: 1 }"},
		{"only one", "{ a: 1 }", "a", "{ }"},
		{"comment of the next stays", "{ a: 1, /* b is */ b: 2 }", "a", "{ /* b is */ b: 2 }"},
		{"not there", "{ a: 1 }", "x.y", "{ a: 1 }"},
		{"element", "[1, 2, 3]", "[1]", "[1, 3]"},
		{"nested", "{ a: { b: 1, c: [1] } }", "a.c[0]", "{ a: { b: 1, c: [] } }"},
		{"json", "{\n  \"a\": 1,\n  \"b\": 2\n}\n", "b", "{\n  \"a\": 1\n}\n"},
		{"crlf", "{\r\n  a: 1,\r\n  b: 2,\r\n}\r\n", "a", "{\r\n  b: 2,\r\n}\r\n"},
		{"comma on its own line", "{\n  a: 1\n  , b: 2\n}", "b", "{\n  a: 1\n  \n}"},
	} {
		got, err := Unset([]byte(c.src), mustPath(t, c.path))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if string(got) != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
	if _, err := Unset([]byte("{}"), nil); err == nil {
		t.Error("the whole document can be unset")
	}
}

func TestAppend(t *testing.T) {
	for _, c := range []struct{ src, path, value, want string }{
		{`{ a: [1, 2] }`, "a", "3", `{ a: [1, 2, 3] }`},
		{`{ a: [1, 2, ] }`, "a", "3", `{ a: [1, 2, 3, ] }`},
		{`{ a: [] }`, "a", `'x'`, `{ a: ["x"] }`},
		{`{ }`, "a.b", "1", `{ a: { b: [1] } }`},
		{"{\n  a: [\n    1, // one\n  ],\n}", "a", "2", "{\n  a: [\n    1, // one\n    2,\n  ],\n}"},
		{"[\n  1 // one\n]", "", "2", "[\n  1, // one\n  2\n]"},
	} {
		got, err := Append([]byte(c.src), mustPath(t, c.path), c.value)
		if err != nil {
			t.Errorf("Append(%s): %v", c.src, err)
		} else if string(got) != c.want {
			t.Errorf("Append(%s) =\n%s\nwant\n%s", c.src, got, c.want)
		}
	}
	if _, err := Append([]byte(`{a:1}`), mustPath(t, "a"), "1"); err == nil {
		t.Error("a number takes an element")
	}
	if _, err := Append([]byte(`[1]`), nil, "2, 3"); err == nil {
		t.Error("two elements at once are taken")
	}
}
