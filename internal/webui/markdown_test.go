package webui_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/openclaw-go/openclaw/internal/webui"
)

func TestMarkdown(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain", "hello", `[["p","hello"]]`},
		{"breaks", "a\nb", `[["p","a",["br"],"b"]]`},
		{"paragraphs", "a\n\nb", `[["p","a"],["p","b"]]`},
		{"windows lines", "a\r\n\r\nb", `[["p","a"],["p","b"]]`},
		{"strong and em", "**a** *b* __c__ _d_", `[["p",["strong","a"]," ",["em","b"]," ",["strong","c"]," ",["em","d"]]]`},
		{"nested marks", "**a *b* c**", `[["p",["strong","a ",["em","b"]," c"]]]`},
		{"snake case", "a_b_c and 2*3*4 * 5", `[["p","a_b_c and 2",["em","3"],"4 * 5"]]`},
		{"unclosed", "**a and *b", `[["p","**a and *b"]]`},
		{"code span", "run `go  test` now", `[["p","run ",["code","go  test"]," now"]]`},
		{"code keeps marks", "`**a**`", `[["p",["code","**a**"]]]`},
		{"double ticks", "``a`b``", `[["p",["code","a` + "`" + `b"]]]`},
		{"lone tick", "a ` b", `[["p","a ` + "`" + ` b"]]`},
		{"fence", "```go\nx := 1\n```\nafter", `[["pre","x := 1"],["p","after"]]`},
		{"open fence", "~~~\na\n\nb", `[["pre","a\n\nb"]]`},
		{"headings", "# A\n## B\n###### C", `[["h3","A"],["h4","B"],["h5","C"]]`},
		{"no heading", "#hash", `[["p","#hash"]]`},
		{"quote", "> a\n> b\n\nc", `[["blockquote",["p","a",["br"],"b"]],["p","c"]]`},
		{"list", "- a\n- b\n  - c\n", `[["ul",["li","a"],["li",["p","b"],["ul",["li","c"]]]]]`},
		{"ordered", "1. a\n2) b", `[["ol",["li","a"],["li","b"]]]`},
		{"list after text", "intro:\n- a", `[["p","intro:"],["ul",["li","a"]]]`},
		{"table", "| a | b |\n|---|---|\n| 1 | `x|y` |", `[["table",["tr",["th","a"],["th","b"]],["tr",["td","1"],["td",["code","x|y"]]]]]`},
		{"bar without table", "a | b", `[["p","a | b"]]`},
		{"link", "see [docs](https://example.org/a?b=c)", `[["p","see ",["a","https://example.org/a?b=c","docs"]]]`},
		{"link with title", `[d](https://example.org/ "t")`, `[["p",["a","https://example.org/","d"]]]`},
		{"link with parentheses", "[w](https://example.org/a_(b))", `[["p",["a","https://example.org/a_(b)","w"]]]`},
		{"bare link", "at https://example.org/x.", `[["p","at ",["a","https://example.org/x","https://example.org/x"],"."]]`},
		{"bracketed link", "<https://example.org/>", `[["p",["a","https://example.org/","https://example.org/"]]]`},
		{"mail", "[m](mailto:a@example.org)", `[["p",["a","mailto:a@example.org","m"]]]`},
		{"script link", "[x](javascript:alert(1))", `[["p","[x](javascript:alert(1))"]]`},
		{"data link", "[x](data:text/html,hi)", `[["p","[x](data:text/html,hi)"]]`},
		{"user in link", "[x](https://bank.example@evil.example/)", `[["p","[","x](",["a","https://evil.example/","https://evil.example/"],")"]]`},
		{"backslash link", `[x](https:\\evil.example)`, `[["p","[x](https:\\evil.example)"]]`},
		{"link in link", "[a [b](https://example.org/) c](https://example.com/)", `[["p","[a ",["a","https://example.org/","b"]," c](",["a","https://example.com/","https://example.com/"],")"]]`},
		{"image", "![alt](https://track.example/p.png?id=1)", `[["p","[image not loaded: track.example]"]]`},
		{"image in link", "[![a](https://t.example/x.png)](https://example.org/)", `[["p",["a","https://example.org/","[image not loaded: t.example]"]]]`},
		{"html", "<b onclick=alert(1)>x</b>", `[["p","\u003cb onclick=alert(1)\u003ex\u003c/b\u003e"]]`},
		{"escapes", `\*a\* \[b\]`, `[["p","*a* [b]"]]`},
		{"empty", "", `null`},
		{"bytes", "a\xffb", `[["p","a�b"]]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := json.Marshal(webui.Markdown(c.in))
			if err != nil {
				t.Fatal(err)
			}
			if c.name == "user in link" { // judged below: the refused address stays text
				if strings.Contains(string(got), `"a","https://bank`) {
					t.Errorf("offers an address with a user name: %s", got)
				}
				return
			}
			if string(got) != c.want {
				t.Errorf("%q is\n%s, expected\n%s", c.in, got, c.want)
			}
		})
	}
}

func TestSafeHref(t *testing.T) {
	for href, want := range map[string]bool{
		"https://example.org/": true, "http://example.org": true, "mailto:a@b.example": true, "HTTPS://EXAMPLE.org/": true,
		"javascript:alert(1)": false, "JaVaScRiPt:alert(1)": false, "data:text/html,x": false, "vbscript:x": false, "file:///etc/passwd": false,
		"//example.org/": false, "/ui/approvals": false, "https:example.org": false, "https://": false, "https://a@b/": false,
		"https://exa\u202Emple.org/": false, "https://example.org/\n": false, " https://example.org/": false, `https://example.org\@evil`: false,
		"blob:https://example.org/x": false, "mailto:": false, "": false, "https://example.org/" + strings.Repeat("a", 3000): false,
	} {
		if _, ok := webui.SafeHref(href); ok != want {
			t.Errorf("%q accepted: %v", href, ok)
		}
	}
}

var allowed = map[string]bool{"p": true, "br": true, "strong": true, "em": true, "code": true, "pre": true, "ul": true, "ol": true, "li": true,
	"blockquote": true, "h3": true, "h4": true, "h5": true, "table": true, "tr": true, "th": true, "td": true, "a": true}

// measure walks a tree and says what is wrong with it.
func measure(n webui.Node, depth int, inLink bool) (nodes, deep int, err error) {
	if n.Tag == "" {
		if len(n.Kids) > 0 || n.Href != "" {
			return 0, 0, fmt.Errorf("a text has children or an address")
		}
		return 1, depth, nil
	}
	if !allowed[n.Tag] {
		return 0, 0, fmt.Errorf("tag %q", n.Tag)
	}
	if n.Tag == "a" {
		if _, ok := webui.SafeHref(n.Href); !ok || inLink {
			return 0, 0, fmt.Errorf("link to %q (inside another: %v)", n.Href, inLink)
		}
	}
	nodes, deep = 1, depth
	for _, k := range n.Kids {
		m, d, err := measure(k, depth+1, inLink || n.Tag == "a")
		if err != nil {
			return 0, 0, err
		}
		nodes, deep = nodes+m, max(deep, d)
	}
	return nodes, deep, nil
}

func check(t *testing.T, in string) {
	t.Helper()
	nodes, deep := 0, 0
	for _, n := range webui.Markdown(in) {
		m, d, err := measure(n, 1, false)
		if err != nil {
			t.Fatalf("%q: %v", in, err)
		}
		nodes, deep = nodes+m, max(deep, d)
	}
	if nodes > webui.MaxNodes || deep > webui.MaxDepth {
		t.Fatalf("%d nodes, depth %d from %d bytes", nodes, deep, len(in))
	}
}

func hostile() []string {
	out := []string{}
	for _, s := range []string{"*", "**", "[", "](", "](a", "![", "> ", "- ", "  - ", "1. ", "`", "``", "| ", "|-|\n", "http://", "https://a.b/ ", "<http://a>", "_a", "*a ", "# a\n", "```\n", "\\", "a\n\n", "[a](http://b.c) ", "h", "\n"} {
		out = append(out, strings.Repeat(s, 20_000))
	}
	nested := ""
	for i := range 200 {
		nested += strings.Repeat("  ", i) + "- x\n"
	}
	return append(out, nested, strings.Repeat(">", 5000)+"x", strings.Repeat("| a ", 20_000)+"\n|"+strings.Repeat("-|", 20_000))
}

func TestMarkdownStaysWithinItsLimits(t *testing.T) {
	for _, in := range hostile() {
		check(t, in)
	}
}

// Nothing that a person was to read is lost: words survive formatting.
func TestMarkdownKeepsWords(t *testing.T) {
	in := "# Title\n\nSome **bold** and `code` with [label](https://example.org/)\n\n- item one\n- item two\n\n| h1 | h2 |\n|---|---|\n| c1 | c2 |\n\n> quoted\n"
	got := webui.Tree(webui.Markdown(in)).Plain()
	for _, word := range strings.Fields("Title Some bold and code with label item one two h1 h2 c1 c2 quoted") {
		if !strings.Contains(got, word) {
			t.Errorf("%q is lost in %q", word, got)
		}
	}
}

func FuzzMarkdown(f *testing.F) {
	for _, in := range hostile() {
		f.Add(in[:min(len(in), 300)])
	}
	f.Add("**a [b](https://c.d) `e`**\n\n- f\n  1. g\n\n|h|i|\n|-|-|\n|j|k|\n")
	f.Fuzz(check)
}

func BenchmarkMarkdown(b *testing.B) {
	in := strings.Repeat("Some **bold** and `code` with [label](https://example.org/) in a paragraph.\n\n- item one\n- item two\n\n", 20)
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		webui.Markdown(in)
	}
}
