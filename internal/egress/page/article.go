package page

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// part is an element of a document with what stands in it.
type part struct {
	node   *html.Node
	parent int // in the list, -1 at the top
	text   int // characters, blanks not counted
	linked int // of them in links
	links  int
	commas int
	score  float64
}

// density is the share of a part's text that is links.
func (p *part) density() float64 {
	if p.text == 0 {
		return 0
	}
	return float64(p.linked) / float64(p.text)
}

// findArticle gives the part of a stripped document that a visitor came for,
// without what stands around and between; nil when no part stands out, or one
// that says too little of what the page says. It
// takes time that grows with the document alone.
func findArticle(doc *html.Node) *html.Node {
	parts := survey(doc)
	best := marked(parts)
	if best < 0 {
		best = densest(parts)
	}
	if best < 0 {
		return nil
	}
	if float64(parts[best].text) < minArticle*float64(parts[0].text) {
		return nil
	}
	prune(parts, best)
	return parts[best].node
}

// survey lists the elements in document order and sums up what is in them.
func survey(doc *html.Node) []part {
	var parts []part
	at := -1
	for n := doc; n != nil; {
		switch n.Type {
		case html.ElementNode, html.DocumentNode:
			parts = append(parts, part{node: n, parent: at})
			if n.FirstChild != nil {
				at = len(parts) - 1
			}
		case html.TextNode:
			count(&parts[at], n.Data)
		case html.CommentNode, html.DoctypeNode, html.ErrorNode, html.RawNode:
		}
		if n.FirstChild != nil {
			n = n.FirstChild
			continue
		}
		for n != doc && n.NextSibling == nil {
			n = n.Parent
			at = parts[at].parent
		}
		if n == doc {
			break
		}
		n = n.NextSibling
	}
	for i := len(parts) - 1; i > 0; i-- {
		p, up := &parts[i], &parts[parts[i].parent]
		if p.node.DataAtom == atom.A {
			p.linked, p.links = p.text, p.links+1
		}
		up.text, up.linked, up.links, up.commas = up.text+p.text, up.linked+p.linked, up.links+p.links, up.commas+p.commas
	}
	return parts
}

func count(p *part, text string) {
	for _, f := range strings.Fields(text) {
		p.text += utf8.RuneCountInString(f)
	}
	p.commas += strings.Count(text, ",") + strings.Count(text, "，") + strings.Count(text, "、") + strings.Count(text, "،")
}

// marked is the part that the page itself calls its article, when it does so
// once and the part holds enough of the text; its main part otherwise.
func marked(parts []part) int {
	for _, name := range []atom.Atom{atom.Article, atom.Main} {
		found, n := -1, 0
		for i := range parts {
			if parts[i].node.DataAtom == name && parts[i].text > 0 {
				found = i
				n++
			}
		}
		if n == 1 && float64(parts[found].text-parts[found].linked) >= minArticle*float64(parts[0].text-parts[0].linked) {
			return found
		}
	}
	return -1
}

// reach is how far up a paragraph speaks for what holds it.
const reach = 4

// densest is the part with most paragraphs close beneath it, few links among
// them.
func densest(parts []part) int {
	for i := range parts {
		p := &parts[i]
		if !isParagraph(p.node) || p.text < 25 {
			continue
		}
		s := (1 + float64(p.commas) + min(float64(p.text)/100, 3)) * (1 - p.density())
		share, from := 1.0, p.parent
		if p.node.DataAtom == atom.Div || p.node.DataAtom == atom.Section || p.node.DataAtom == atom.Article {
			from = i // its text has no paragraphs around it
		}
		for up, d := from, 0; up >= 0 && d < reach; up, d = parts[up].parent, d+1 {
			parts[up].score += s * share
			share /= 2
		}
	}
	best := -1
	for i := range parts {
		p := &parts[i]
		if p.score == 0 || p.node.DataAtom == atom.Html || p.node.Type == html.DocumentNode {
			continue
		}
		p.score = (p.score + bonus(p.node)) * (1 - p.density())
		if p.score > 0 && (best < 0 || p.score > parts[best].score) {
			best = i
		}
	}
	// What was cut into several blocks is one article.
	for best > 0 {
		up := parts[best].parent
		if parts[up].node.DataAtom == atom.Body || parts[up].node.DataAtom == atom.Html || parts[up].node.Type == html.DocumentNode || parts[up].score <= 0 ||
			float64(parts[up].text-parts[up].linked) < 1.5*float64(parts[best].text-parts[best].linked) {
			break
		}
		best = up
	}
	return best
}

func isParagraph(n *html.Node) bool {
	switch n.DataAtom {
	case atom.P, atom.Pre, atom.Blockquote, atom.Td, atom.Dd, atom.Li:
		return true
	case atom.Div, atom.Section, atom.Article:
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			if c.Type == html.TextNode && len(strings.TrimSpace(c.Data)) >= 25 {
				return true
			}
		}
	}
	return false
}

// bonus is what the kind and the names of an element say for it.
func bonus(n *html.Node) float64 {
	b := 0.0
	switch n.DataAtom {
	case atom.Article, atom.Main:
		b = 10
	case atom.Div, atom.Section:
		b = 3
	case atom.Nav, atom.Aside, atom.Footer, atom.Header, atom.Form:
		b = -10
	case atom.Ul, atom.Ol, atom.Dl, atom.Li, atom.Table, atom.Tr:
		b = -3
	}
	if named(n, "article", "content", "entry", "post", "story", "main", "text", "body", "page") {
		b += 10
	}
	if aside(n) {
		b -= 20
	}
	return b
}

// aside reports an element whose names say that it is not what the page is
// about.
func aside(n *html.Node) bool {
	return named(n, "comment", "comments", "sidebar", "footer", "footnav", "nav", "navbar", "menu", "breadcrumb", "breadcrumbs", "share", "sharing", "social", "related",
		"recommended", "promo", "sponsor", "sponsored", "advert", "advertisement", "ads", "ad", "banner", "newsletter", "subscribe", "signup", "cookie", "cookies", "consent",
		"popup", "modal", "pagination", "pager", "toc", "widget", "outbrain", "taboola", "disqus")
}

// named reports that one of the words stands in the id or a class of n, whole
// or set off by "-" or "_".
func named(n *html.Node, words ...string) bool {
	for _, a := range n.Attr {
		if a.Key != "id" && a.Key != "class" {
			continue
		}
		for f := range strings.FieldsFuncSeq(strings.ToLower(a.Val), func(r rune) bool { return r == ' ' || r == '-' || r == '_' || r == '\t' || r == '\n' }) {
			for _, w := range words {
				if f == w {
					return true
				}
			}
		}
	}
	return false
}

// prune takes out of the article what is not of it: navigation, forms, boxes
// beside the text, lists of links. Where that would be most of the text it
// takes nothing.
func prune(parts []part, best int) {
	var out []*html.Node
	rest := parts[best].text
	skip := -1 // within this part everything goes already
	for i := best + 1; i < len(parts) && parts[i].parent >= best; i++ {
		if skip >= 0 && parts[i].parent >= skip {
			continue
		}
		skip = -1
		if strange(&parts[i]) {
			out, skip = append(out, parts[i].node), i
			rest -= parts[i].text
		}
	}
	if 2*rest < parts[best].text {
		return
	}
	for _, n := range out {
		n.Parent.RemoveChild(n)
	}
}

// strange reports what does not belong to an article around it.
func strange(p *part) bool {
	switch p.node.DataAtom {
	case atom.Nav, atom.Aside, atom.Footer, atom.Form:
		return true
	case atom.Ul, atom.Ol, atom.Div, atom.Section, atom.Table:
		return p.links >= 3 && p.density() > 0.7 || aside(p.node)
	case atom.Body, atom.P, atom.Pre, atom.Code, atom.H1, atom.H2, atom.H3, atom.H4, atom.A:
		return false
	}
	return aside(p.node)
}

// heading is the text of the first heading of the highest rank.
func heading(top *html.Node) string {
	for n := range top.Descendants() {
		if n.DataAtom == atom.H1 {
			return plain(n)
		}
	}
	return ""
}
