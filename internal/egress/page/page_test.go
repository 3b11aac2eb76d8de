package page

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

func read(t testing.TB, body string, f Form) Page {
	t.Helper()
	p, err := Read(context.Background(), Source{URL: "https://site.example/a/b", ContentType: "text/html", Charset: "utf-8", Body: []byte(body)}, Options{Form: f})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const article = `<html><head><title> How  to bake
bread </title><style>p{}</style><meta name=description content="HIDDEN"></head><body>
<nav><a href="/home">Home</a></nav>
<article><h1>Bread</h1><p>Mix <b>flour</b> and water. Let the dough rest for an hour, then fold it four times and let it rest again until it has doubled.</p>
<p>Bake at 230 degrees for forty minutes; see <a href="../tips?x=1" onclick="evil()" title="HIDDEN">the tips</a> for more, they are worth reading twice.</p>
<ul><li>flour</li><li>water</li></ul><pre>a  b
c</pre></article></body></html>`

func TestArticle(t *testing.T) {
	p := read(t, article, Markdown)
	if p.Title != "How to bake bread" || p.Cut {
		t.Errorf("title %q, cut %v", p.Title, p.Cut)
	}
	for _, want := range []string{"Mix **flour** and water.", "[the tips](https://site.example/tips?x=1)", "- flour", "a  b\nc"} {
		if !strings.Contains(p.Text, want) {
			t.Errorf("no %q in\n%s", want, p.Text)
		}
	}
	p = read(t, article, Text)
	for _, want := range []string{"Mix flour and water.", "the tips for more", "flour\nwater", "a  b\nc"} {
		if !strings.Contains(p.Text, want) {
			t.Errorf("no %q in\n%s", want, p.Text)
		}
	}
	for _, f := range []Form{Markdown, Text} {
		if p := read(t, article, f); strings.Contains(p.Text, "HIDDEN") || strings.Contains(p.Text, "evil") {
			t.Errorf("kept what nobody sees:\n%s", p.Text)
		}
	}
}

// TestUnseen: each piece hides SECRET in one way; the near miss beside it
// stays.
func TestUnseen(t *testing.T) {
	for _, hide := range []string{
		`<script>SECRET</script>`, `<style>SECRET</style>`, `<!-- SECRET -->`, `<noscript>SECRET</noscript>`, `<template><p>SECRET</p></template>`,
		`<p hidden>SECRET</p>`, `<p hidden="until-found">SECRET</p>`, `<div aria-hidden="true">SECRET</div>`, `<svg><desc>SECRET</desc><text>SECRET</text></svg>`,
		`<p style="display:none">SECRET</p>`, `<p style="Display : NONE !important">SECRET</p>`, `<p style="visibility:hidden">SECRET</p>`,
		`<p style="opacity:0">SECRET</p>`, `<p style="font-size:0">SECRET</p>`, `<p style="font-size:1px">SECRET</p>`, `<p style="position:absolute;left:-9999px">SECRET</p>`,
		`<font color="#FFFFFF">SECRET</font>`, `<font color=transparent>SECRET</font>`, `<p style="color:rgba(0, 0, 0, 0)">SECRET</p>`, `<p style="color:#33333300">SECRET</p>`, `<p style="color:#fdfdfd">SECRET</p>`,
		`<p style="font-size:0.01em">SECRET</p>`, `<p style="font-size:1%">SECRET</p>`, `<p style="filter: opacity(0)">SECRET</p>`, `<p style="clip:rect(1px,1px,1px,1px)">SECRET</p>`,
		`<p style="text-indent:-999em">SECRET</p>`, `<p style="height:0;overflow:hidden">SECRET</p>`, `<p style="clip:rect(0,0,0,0)">SECRET</p>`,
		`<p style="color:#fff">SECRET</p>`, `<p style="color:red;background:red">SECRET</p>`, `<p style="color:transparent">SECRET</p>`,
		`<span class="x sr-only">SECRET</span>`, `<input value="SECRET">`, `<img alt="SECRET" src="x">`, `<p title="SECRET" data-x="SECRET">q</p>`,
		`<iframe srcdoc="SECRET">SECRET</iframe>`, `<object>SECRET</object>`, `<select><option>SECRET</select>`, `<a href="javascript:SECRET">q</a>`,
		`<a href="data:text/html,SECRET">q</a>`, `<a href="https://u:SECRET@h.example/">q</a>`, `<math><mtext>SECRET</mtext></math>`,
		`<div style="display:none"><div><p>SECRET</p></div></div>`, `<!--[if IE]>SECRET<![endif]-->`, `<video><p>SECRET</p></video>`,
	} {
		body := "<body><p>The first paragraph stands here and is read.</p>" + hide + "<p>The last paragraph stands here and is read as well.</p>"
		for _, f := range []Form{Markdown, Text} {
			p := read(t, body, f)
			if strings.Contains(p.Text, "SECRET") || strings.Contains(p.Title, "SECRET") {
				t.Errorf("%s: kept in %q", hide, p.Text)
			}
			if !strings.Contains(p.Text, "first paragraph") || !strings.Contains(p.Text, "last paragraph") {
				t.Errorf("%s: lost its surroundings: %q", hide, p.Text)
			}
		}
	}
	for _, show := range []string{
		`<p style="display:block">SEEN</p>`, `<p style="opacity:0.9">SEEN</p>`, `<p style="font-size:12px">SEEN</p>`, `<p style="left:-5px">SEEN</p>`,
		`<table><tr><td bgcolor="#003366"><font color="white">SEEN</font></td></tr></table>`, `<font color="red">SEEN</font>`, `<p style="color:rgba(0,0,0,0.8)">SEEN</p>`, `<p style="color:#e0e0e0">SEEN</p>`, `<p style="font-size:0.8em">SEEN</p>`, `<p style="font-size:90%">SEEN</p>`,
		`<p style="color:#fff;background:#000">SEEN</p>`, `<p style="color:red">SEEN</p>`, `<p aria-hidden="false">SEEN</p>`, `<p class="hidden-gem">SEEN</p>`,
		`<p style="height:100px">SEEN</p>`, `<a href="mailto:a@b.example">SEEN</a>`, `<p style="margin-left:-10px">SEEN</p>`,
	} {
		if p := read(t, "<body><p>Before it.</p>"+show+"<p>After it.</p>", Text); !strings.Contains(p.Text, "SEEN") {
			t.Errorf("%s: lost in %q", show, p.Text)
		}
	}
}

func TestKinds(t *testing.T) {
	for _, c := range []struct {
		media, charset, body, want string
		err                        error
	}{
		{"text/plain", "", "a <b> c", "a <b> c", nil},
		{"application/json", "", `{"a":"<p>"}`, `{"a":"<p>"}`, nil},
		{"text/plain", "iso-8859-1", "caf\xe9", "café", nil},
		{"text/html", "", "<meta charset=windows-1251><p>\xef\xf0\xe8\xe2\xe5\xf2", "привет", nil},
		{"", "", "<!DOCTYPE html><p>hello", "hello", nil},
		{"", "", "just text", "just text", nil},
		{"text/html", "", "", "", nil},
		{"text/plain", "utf-8", "a\x00b", "", ErrNotText},
		{"text/plain", "", strings.Repeat("x", MaxBytes+1), "", ErrTooLarge},
	} {
		p, err := Read(context.Background(), Source{URL: "https://s.example/", ContentType: c.media, Charset: c.charset, Body: []byte(c.body)}, Options{})
		if !errors.Is(err, c.err) || err == nil && p.Text != c.want {
			t.Errorf("%s %.30q: %q, %v", c.media, c.body, p.Text, err)
		}
	}
}

func TestCut(t *testing.T) {
	p, err := Read(context.Background(), Source{ContentType: "text/plain", Body: []byte(strings.Repeat("wörter ", 100))}, Options{MaxChars: 50})
	if err != nil || !p.Cut || utf8.RuneCountInString(p.Text) > 50 || !utf8.ValidString(p.Text) {
		t.Errorf("%d characters, %v", utf8.RuneCountInString(p.Text), err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Read(ctx, Source{}, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// hostile pages are built to take long or to end the program.
func hostile() map[string]string {
	var table strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&table, "<tr><td>%d<td>x", i)
	}
	pages := map[string]string{
		"deep":      strings.Repeat("<div>", 100_000) + "TEXT",
		"deep list": strings.Repeat("<ul><li>", 50_000) + "TEXT",
		"deep bold": strings.Repeat("<b><i>", 50_000) + "TEXT",
		"wide":      strings.Repeat("<p>word word</p>", 60_000) + "TEXT",
		"table":     "<table>" + table.String() + "</table>TEXT",
		"links":     strings.Repeat(`<a href="x">y</a>`, 30_000) + "TEXT",
		"brackets":  strings.Repeat("[", 50_000) + "TEXT",
		"tables":    strings.Repeat("<table><tr><td>", 300) + "TEXT",
		"entities":  strings.Repeat("&lt;", 100_000) + "TEXT",
		"span":      `<table><tr><td colspan=50 rowspan=50>TEXT` + strings.Repeat("<td colspan=50 rowspan=50>x", 200) + `</table>`,
	}
	for _, c := range []string{"[", "]", "![", "](", "*", "_", "`", "\\", "&lt;", "|", "#", "- ", "1. ", "~", "<b>x</b>", "<code>`</code>", "<br>", "\n", "&nbsp;", "\u200b"} {
		pages["many "+c] = "<p>" + strings.Repeat(c, 50_000) + "TEXT"
		pages["lines "+c] = "<p>" + strings.Repeat("x "+c+"\n", 30_000) + "TEXT"
	}
	return pages
}

func TestHostilePages(t *testing.T) {
	for name, body := range hostile() {
		for _, f := range []Form{Markdown, Text} {
			p, err := Read(context.Background(), Source{URL: "https://s.example/", ContentType: "text/html", Body: []byte(body)}, Options{Form: f, MaxChars: 10_000_000})
			if err == nil && !strings.Contains(p.Text, "TEXT") {
				t.Errorf("%s: the text is lost", name)
			}
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add("text/html", []byte(article))
	f.Add("text/html", []byte("<p style='a:b;;:'><svg><foreignObject><p>x<table><td><select><b>"))
	f.Add("", []byte("<html><frameset>"))
	f.Fuzz(func(t *testing.T, media string, b []byte) {
		for _, form := range []Form{Markdown, Text} {
			p, err := Read(context.Background(), Source{URL: "https://s.example/", ContentType: media, Body: b}, Options{Form: form, MaxChars: 1000})
			if err != nil {
				return
			}
			if utf8.RuneCountInString(p.Text) > 1000 || !utf8.ValidString(p.Text) || strings.ContainsAny(p.Title, "\n\x1b") {
				t.Fatalf("%q %q", p.Title, p.Text)
			}
			if strings.Contains(p.Text, "](javascript:") && media == "text/html" && form == Markdown && !strings.Contains(string(b), "](javascript:") {
				t.Fatalf("a script link: %q", p.Text)
			}
		}
	})
}

func BenchmarkRead(b *testing.B) {
	body := strings.Replace(article, "<ul>", strings.Repeat("<p>One more paragraph of an article, with a few words and a comma.</p>", 100)+"<ul>", 1)
	for b.Loop() {
		read(b, body, Markdown)
	}
}

func BenchmarkHostile(b *testing.B) {
	for name, body := range hostile() {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, _ = Read(context.Background(), Source{ContentType: "text/html", Body: []byte(body)}, Options{})
			}
		})
	}
}
