package page

import (
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// unseen are elements whose content no visitor reads, or that are no text.
func unseen(a atom.Atom) bool {
	switch a {
	case atom.Script, atom.Style, atom.Noscript, atom.Template, atom.Iframe, atom.Object, atom.Embed, atom.Applet, atom.Svg, atom.Math,
		atom.Canvas, atom.Audio, atom.Video, atom.Source, atom.Track, atom.Img, atom.Picture, atom.Map, atom.Area, atom.Link, atom.Meta,
		atom.Base, atom.Input, atom.Button, atom.Select, atom.Datalist, atom.Dialog, atom.Frame, atom.Frameset, atom.Noframes, atom.Noembed:
		return true
	}
	return false
}

// measure of a document after stripping.
type measure struct{ nodes, depth int }

// strip removes from a document what a visitor does not see, and every
// attribute but the few that the text needs. It does not recurse, so that no
// depth of nesting can end the program.
func strip(doc *html.Node, base *url.URL) measure {
	var m measure
	depth := 0
	for n := doc.FirstChild; n != nil; {
		if drop(n) {
			n = remove(n, doc, &depth)
			continue
		}
		m.nodes++
		m.depth = max(m.depth, depth)
		keepAttributes(n, base)
		if n.FirstChild != nil {
			n = n.FirstChild
			depth++
			continue
		}
		n = after(n, doc, &depth)
	}
	return m
}

// after is the node that follows n and its content, nil at the end.
func after(n, top *html.Node, depth *int) *html.Node {
	for n != top && n.NextSibling == nil {
		n = n.Parent
		*depth--
		if n == nil {
			return nil
		}
	}
	if n == top {
		return nil
	}
	return n.NextSibling
}

func remove(n, top *html.Node, depth *int) *html.Node {
	next := after(n, top, depth)
	n.Parent.RemoveChild(n)
	return next
}

func drop(n *html.Node) bool {
	switch n.Type {
	case html.CommentNode, html.DoctypeNode, html.ErrorNode, html.RawNode:
		return true
	case html.TextNode, html.DocumentNode:
		return false
	case html.ElementNode:
	}
	if unseen(n.DataAtom) || n.Namespace != "" {
		return true
	}
	for _, a := range n.Attr {
		switch strings.ToLower(a.Key) {
		case "hidden":
			return true
		case "aria-hidden":
			if strings.EqualFold(strings.TrimSpace(a.Val), "true") {
				return true
			}
		case "style":
			if hiddenStyle(a.Val) {
				return true
			}
		case "color":
			if ink := strings.ToLower(a.Val); n.DataAtom == atom.Font && (faint(ink) || white(ink) && !onPaper(n)) {
				return true
			}
		case "class":
			if hiddenClass(a.Val) {
				return true
			}
		}
	}
	return false
}

// onPaper reports whether something around n has a background of its own, as
// far as keepAttributes left a trace of it; where nothing has, paper is white.
func onPaper(n *html.Node) bool {
	depth := 0
	for p := n.Parent; p != nil && depth < 12; p = p.Parent {
		for _, a := range p.Attr {
			if a.Key == "bgcolor" || a.Key == "class" {
				return true
			}
		}
		depth++
	}
	return false
}

// hiddenClass knows the names that style sheets everywhere give to what is
// there for programs only.
func hiddenClass(list string) bool {
	for _, c := range strings.Fields(strings.ToLower(list)) {
		switch c {
		case "hidden", "sr-only", "visually-hidden", "screen-reader-text", "d-none", "display-none", "invisible", "is-hidden", "u-hidden", "hide":
			return true
		}
	}
	return false
}

// hiddenStyle judges an inline style.
func hiddenStyle(style string) bool {
	ink, paper := "", ""
	for decl := range strings.SplitSeq(strings.ToLower(style), ";") {
		name, value, _ := strings.Cut(decl, ":")
		name = strings.TrimSpace(name)
		value = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "!important"))
		switch name {
		case "display":
			if value == "none" {
				return true
			}
		case "visibility", "content-visibility":
			if value == "hidden" || value == "collapse" {
				return true
			}
		case "opacity", "font-size", "max-height", "max-width", "height", "width", "line-height", "zoom", "scale":
			if tiny(name, value) {
				return true
			}
		case "left", "right", "top", "bottom", "text-indent", "margin-left", "margin-top":
			if n, ok := number(value); ok && n <= -500 {
				return true
			}
		case "clip", "clip-path":
			if strings.Contains(value, "rect(0") || strings.Contains(value, "rect(1px") || strings.Contains(value, "inset(50%") || strings.Contains(value, "inset(100%") || strings.Contains(value, "circle(0") {
				return true
			}
		case "filter":
			if strings.Contains(value, "opacity(0)") || strings.Contains(value, "opacity(0%") {
				return true
			}
		case "transform":
			if strings.Contains(value, "scale(0)") || strings.Contains(value, "translate(-9") || strings.Contains(value, "translatex(-9") {
				return true
			}
		case "color":
			ink = value
		case "background", "background-color":
			paper = value
		}
	}
	return faint(ink) || white(ink) && (paper == "" || white(paper)) || ink != "" && ink == paper
}

func white(c string) bool {
	c = strings.ReplaceAll(c, " ", "")
	switch c {
	case "white", "snow", "ivory", "ghostwhite", "#fff", "#ffff", "rgb(255,255,255)", "rgba(255,255,255,1)", "rgb(100%,100%,100%)", "hsl(0,0%,100%)":
		return true
	}
	// #rrggbb with every channel at the top.
	if len(c) != 7 && len(c) != 9 || c[0] != '#' {
		return false
	}
	n, err := strconv.ParseUint(c[1:7], 16, 32)
	return err == nil && n>>16 >= 0xf8 && n>>8&0xff >= 0xf8 && n&0xff >= 0xf8
}

// faint reports an ink that lets everything through.
func faint(c string) bool {
	c = strings.ReplaceAll(c, " ", "")
	if c == "transparent" || len(c) == 9 && c[0] == '#' && c[7:] == "00" || len(c) == 5 && c[0] == '#' && c[4] == '0' {
		return true
	}
	if !strings.HasPrefix(c, "rgba(") && !strings.HasPrefix(c, "hsla(") {
		return false
	}
	alpha, ok := number(strings.TrimSuffix(c[strings.LastIndexByte(c, ',')+1:], ")"))
	return ok && strings.Count(c, ",") == 3 && alpha <= 0.05
}

// tiny reports a size or an opacity at which nothing can be read.
func tiny(name, value string) bool {
	n, ok := number(value)
	switch {
	case !ok:
		return false
	case name == "font-size" && strings.HasSuffix(value, "px"), name == "font-size" && strings.HasSuffix(value, "pt"):
		return n <= 2
	case name == "font-size" && (strings.HasSuffix(value, "em") || strings.HasSuffix(value, "vw") || strings.HasSuffix(value, "vh")):
		return n < 0.2
	case name == "font-size" && strings.HasSuffix(value, "%"):
		return n < 15
	case name == "opacity":
		return n <= 0.05
	case strings.HasSuffix(value, "px"):
		return n <= 1
	}
	return n == 0
}

func number(value string) (float64, bool) {
	end := 0
	for end < len(value) && strings.IndexByte("+-.0123456789", value[end]) >= 0 {
		end++
	}
	n, err := strconv.ParseFloat(value[:end], 64)
	return n, err == nil
}

// keepAttributes leaves a link its target. Titles, alt texts, data and event
// handlers go, and the spans of a table, which could make it endless.
func keepAttributes(n *html.Node, base *url.URL) {
	if n.Type != html.ElementNode {
		return
	}
	var kept []html.Attribute
	for _, a := range n.Attr {
		switch {
		case n.DataAtom == atom.A && a.Key == "href":
			if href := target(a.Val, base); href != "" {
				kept = append(kept, html.Attribute{Key: "href", Val: href})
			}
		case a.Key == "id" || a.Key == "class":
			// Where the article stands is recognised by these.
			kept = append(kept, a)
		case a.Key == "bgcolor" || a.Key == "background" || a.Key == "style" && strings.Contains(strings.ToLower(a.Val), "background"):
			// Whatever is inside must know that paper is not white.
			kept = append(kept, html.Attribute{Key: "bgcolor"})
		}
	}
	n.Attr = kept
}

// target is a link as an absolute URL, "" for what is not followed.
func target(raw string, base *url.URL) string {
	u, err := base.Parse(strings.TrimSpace(raw))
	if err != nil || u.User != nil || len(raw) > 2048 {
		return ""
	}
	switch u.Scheme {
	case "http", "https":
		return u.String()
	case "mailto":
		u.RawQuery = ""
		return u.String()
	}
	return ""
}

// titleOf is the text of the first title element.
func titleOf(doc *html.Node) string {
	for n := range doc.Descendants() {
		if n.DataAtom == atom.Title && n.Namespace == "" && n.FirstChild != nil && n.FirstChild.Type == html.TextNode {
			return n.FirstChild.Data
		}
	}
	return ""
}
