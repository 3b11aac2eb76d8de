package page

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/JohannesKaufmann/html-to-markdown/v2/converter"
	"github.com/JohannesKaufmann/html-to-markdown/v2/plugin/base"
	"github.com/JohannesKaufmann/html-to-markdown/v2/plugin/commonmark"
	"github.com/JohannesKaufmann/html-to-markdown/v2/plugin/table"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// minArticle is the share of a page's text below which an article that was
// found is not believed to be all that the page says.
const minArticle = 0.25

// maxBrackets bounds the work of escaping: the converter looks through the rest
// of the text at every "[".
const maxBrackets = 100_000_000

// convert finds the article of a stripped document and writes it.
func convert(doc *html.Node, where *url.URL, title string, form Form) (Page, error) {
	p := Page{Title: title}
	body := doc
	all := plain(doc)
	if p.Title == "" {
		p.Title = heading(doc)
	}
	if article := findArticle(doc); article != nil {
		body = article
	}
	if form == Text || strings.Count(all, "[")*len(all) > maxBrackets {
		p.Text = plain(body)
		return p, nil
	}
	conv := converter.NewConverter(converter.WithPlugins(base.NewBasePlugin(), commonmark.NewCommonmarkPlugin(), table.NewTablePlugin()))
	md, err := conv.ConvertNode(body)
	if err != nil {
		return Page{}, fmt.Errorf("page: %q: %w", where, err)
	}
	p.Text = strings.TrimSpace(string(md))
	return p, nil
}

// plain is the text of a tree, a line for each block. It does not recurse.
func plain(top *html.Node) string {
	var b strings.Builder
	space, lines := false, 0
	put := func(text string, pre bool) {
		for i, field := range splitText(text, pre) {
			if i > 0 || field == "" {
				space = true
			}
			if field == "" {
				continue
			}
			switch {
			case lines > 0 && b.Len() > 0:
				b.WriteString(strings.Repeat("\n", lines))
			case space && b.Len() > 0:
				b.WriteByte(' ')
			}
			space, lines = false, 0
			b.WriteString(field)
		}
	}
	for n := top; n != nil; {
		switch n.Type {
		case html.TextNode:
			put(n.Data, inPre(n))
		case html.ElementNode:
			if n.DataAtom == atom.Br {
				lines = max(lines, 1)
			} else {
				lines = max(lines, blockLines(n.DataAtom))
			}
			if n.DataAtom == atom.Title {
				n = next(n, top, &lines)
				continue
			}
		case html.DocumentNode, html.CommentNode, html.DoctypeNode, html.ErrorNode, html.RawNode:
		}
		if n.FirstChild != nil {
			n = n.FirstChild
			continue
		}
		n = next(n, top, &lines)
	}
	return b.String()
}

// next is the node after n; leaving a block ends its line.
func next(n, top *html.Node, lines *int) *html.Node {
	for n != top && n.NextSibling == nil {
		n = n.Parent
		if n == nil {
			return nil
		}
		*lines = max(*lines, blockLines(n.DataAtom))
	}
	if n == top {
		return nil
	}
	return n.NextSibling
}

// splitText cuts at white space; an empty field stands for leading or trailing
// space. Preformatted text is one field.
func splitText(text string, pre bool) []string {
	if pre {
		return []string{strings.Trim(text, "\n")}
	}
	fields := strings.Fields(text)
	if len(fields) == 0 {
		return []string{""}
	}
	if strings.TrimLeft(text, " \t\r\n\f") != text {
		fields = append([]string{""}, fields...)
	}
	if strings.TrimRight(text, " \t\r\n\f") != text {
		fields = append(fields, "")
	}
	return fields
}

func inPre(n *html.Node) bool {
	for range 8 {
		if n = n.Parent; n == nil {
			return false
		}
		if n.DataAtom == atom.Pre {
			return true
		}
	}
	return false
}

// blockLines is how many line ends stand around an element.
func blockLines(a atom.Atom) int {
	switch a {
	case atom.P, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Pre, atom.Blockquote, atom.Table, atom.Article, atom.Section, atom.Ul, atom.Ol, atom.Dl:
		return 2
	case atom.Div, atom.Li, atom.Tr, atom.Dt, atom.Dd, atom.Header, atom.Footer, atom.Main, atom.Aside, atom.Nav, atom.Form, atom.Figure, atom.Hr, atom.Body, atom.Caption, atom.Td, atom.Th:
		return 1
	}
	return 0
}
