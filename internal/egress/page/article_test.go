package page

import (
	"strings"
	"testing"
)

const (
	around = `<header class="site-header"><ul class="menu"><li><a href="/a">AROUND one</a><li><a href="/b">AROUND two</a><li><a href="/c">AROUND three</a></ul></header>
<div id="sidebar"><h2>AROUND popular</h2><p>AROUND a teaser that is long enough to look like a paragraph, with a comma.</p></div>`
	below = `<div class="comments-area"><p>AROUND I think that this is wrong, and so on, for quite a few words.</p></div><footer>AROUND imprint, privacy, terms</footer>`
	first = `<p>WANTED The river rises in the hills above the town, where three springs meet, and runs for forty miles to the sea.</p>`
	more  = `<p>WANTED Its upper course is steep; below the second weir it widens, slows down, and floods the meadows in most springs.</p><pre>WANTED depth = 3</pre>`
)

// What a visitor came for stays whole, in order, and what stands around goes.
func TestFindArticle(t *testing.T) {
	for name, body := range map[string]string{
		"article":           around + "<article><h1>WANTED River</h1>" + first + more + "</article>" + below,
		"main":              around + "<main>" + first + more + "</main>" + below,
		"by density":        around + `<div class="x1">` + first + more + first + "</div>" + below,
		"by name":           around + `<div class="post-content">` + first + more + "</div>" + below,
		"in blocks":         around + `<div class="post"><div>` + first + first + `</div><div>` + more + more + "</div></div>" + below,
		"without p":         around + `<div class="text">WANTED The river rises in the hills, where springs meet.<br>WANTED It runs for forty miles to the sea, slowly.</div>` + below,
		"in a table layout": around + `<table><tr><td>` + first + more + first + more + `</td></tr></table>` + below,
		"box in the middle": around + "<article>" + first + `<div class="related-links"><a href="/x">AROUND one</a> <a href="/y">AROUND two</a></div>` + more + `<aside>AROUND subscribe to our letter</aside></article>` + below,
		"share links":       around + "<article>" + first + `<ul><li><a href="/x">AROUND share here</a><li><a href="/y">AROUND share there</a><li><a href="/z">AROUND share</a></ul>` + more + `</article>` + below,
	} {
		for _, f := range []Form{Markdown, Text} {
			p := read(t, "<html><head><title>River</title></head><body>"+body+"</body></html>", f)
			if strings.Contains(p.Text, "AROUND") {
				t.Errorf("%s: what stands around stays:\n%s", name, p.Text)
			}
			if got, want := strings.Count(p.Text, "WANTED"), strings.Count(body, "WANTED"); got != want {
				t.Errorf("%s: %d of %d pieces:\n%s", name, got, want, p.Text)
			}
		}
	}
}

// Where no part says most of what the page says, all of it is given.
func TestNoArticle(t *testing.T) {
	for name, body := range map[string]string{
		"list of teasers": `<ul>` + strings.Repeat(`<li><a href="/x">WANTED a headline of some length, with a comma</a></li>`, 20) + `</ul>`,
		"small article":   `<article><p>WANTED A paragraph of a few words, no more.</p></article>` + strings.Repeat(`<p>WANTED `+strings.Repeat("Other words of the page, ", 20)+`</p>`, 5),
		"short":           `<p>WANTED hello</p><nav>WANTED more</nav>`,
		"all in a form":   `<form><p>WANTED The terms are these, read them before you sign, please.</p><p>WANTED And these are the others, which matter, too.</p></form>`,
		"mostly asides":   `<article><p>WANTED One paragraph that is long enough to count, with a comma.</p><aside><p>WANTED ` + strings.Repeat("The rest of it stands in an aside, ", 10) + `</p></aside></article>`,
	} {
		p := read(t, "<body>"+body+"</body>", Text)
		if got, want := strings.Count(p.Text, "WANTED"), strings.Count(body, "WANTED"); got != want {
			t.Errorf("%s: %d of %d pieces:\n%s", name, got, want, p.Text)
		}
	}
	if p := read(t, `<body><h2>no</h2><h1>A <b>heading</b></h1><p>x</p>`, Text); p.Title != "A heading" {
		t.Errorf("a page without a title is called %q", p.Title)
	}
}
