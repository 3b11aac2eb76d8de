package webui

import (
	"strings"
	"unicode/utf8"
)

// Markdown reads the subset of Markdown that a reply may use: paragraphs with
// their line breaks, strong, em, code, fenced pre, lists, quotes, headings
// (drawn as h3 to h5), tables and links with an http, https or mailto address.
// Everything else, raw HTML included, stays the text it was; an image becomes
// the words that it was not loaded. It accepts any input, never fails and
// takes time linear in the input.
func Markdown(text string) Tree {
	text = strings.ToValidUTF8(text, "\uFFFD")
	text = strings.ReplaceAll(text, "\r\n", "\n")
	p := parser{}
	return p.blocks(strings.Split(text, "\n"), 0)
}

// parser counts what it made, so that no input makes more than MaxNodes.
type parser struct{ nodes int }

// room is what is kept free for closing what is open.
const room = 64

func (p *parser) full() bool { return p.nodes >= MaxNodes-room }

func (p *parser) element(tag string, kids ...Node) Node {
	p.nodes++
	return Node{Tag: tag, Kids: kids}
}

func (p *parser) text(s string) Node {
	p.nodes++
	return Node{Text: s}
}

// blocks reads lines at one level of nesting. Beyond the limits the rest is
// one plain paragraph.
func (p *parser) blocks(lines []string, depth int) []Node {
	var out []Node
	for i := 0; i < len(lines); {
		if strings.TrimSpace(lines[i]) == "" {
			i++
			continue
		}
		if p.full() || depth > MaxDepth-4 {
			rest := strings.Trim(strings.Join(lines[i:], "\n"), "\n")
			return append(out, p.element("p", p.text(rest)))
		}
		node, next := p.block(lines, i, depth)
		out = append(out, node)
		i = next
	}
	return out
}

// block reads the one block that starts at line i and says where the next one
// may start; it always moves on.
func (p *parser) block(lines []string, i, depth int) (Node, int) {
	line := lines[i]
	if fence, ok := fenceOf(line); ok {
		return p.fenced(lines, i+1, fence)
	}
	if level, rest, ok := headingOf(line); ok {
		return p.element(level, p.inline(rest, depth+1)...), i + 1
	}
	if isQuote(line) {
		end := i
		var inner []string
		for ; end < len(lines) && isQuote(lines[end]); end++ {
			inner = append(inner, strings.TrimPrefix(strings.TrimLeft(lines[end], " ")[1:], " "))
		}
		return p.element("blockquote", p.blocks(inner, depth+1)...), end
	}
	if _, ok := itemOf(line); ok {
		return p.list(lines, i, depth)
	}
	if isTable(lines, i) {
		return p.table(lines, i, depth)
	}
	end := i + 1
	for end < len(lines) && !startsBlock(lines, end) {
		end++
	}
	body := make([]string, 0, end-i)
	for _, l := range lines[i:end] {
		body = append(body, strings.TrimSpace(l))
	}
	return p.element("p", p.inline(strings.Join(body, "\n"), depth+1)...), end
}

// startsBlock reports whether a paragraph ends before line i.
func startsBlock(lines []string, i int) bool {
	if strings.TrimSpace(lines[i]) == "" || isQuote(lines[i]) || isTable(lines, i) {
		return true
	}
	_, fence := fenceOf(lines[i])
	_, _, heading := headingOf(lines[i])
	_, item := itemOf(lines[i])
	return fence || heading || item
}

// fenceOf finds an opening fence of three or more backticks or tildes.
func fenceOf(line string) (string, bool) {
	s := strings.TrimLeft(line, " ")
	if len(line)-len(s) > 3 || len(s) < 3 || s[0] != '`' && s[0] != '~' {
		return "", false
	}
	n := len(s) - len(strings.TrimLeft(s, s[:1]))
	if n < 3 || s[0] == '`' && strings.Contains(s[n:], "`") {
		return "", false
	}
	return s[:n], true
}

func (p *parser) fenced(lines []string, i int, fence string) (Node, int) {
	end := i
	for end < len(lines) {
		s := strings.TrimSpace(lines[end])
		if strings.HasPrefix(s, fence) && strings.Trim(s, fence[:1]) == "" {
			break
		}
		end++
	}
	node := p.element("pre", p.text(strings.Join(lines[i:end], "\n")))
	return node, min(end+1, len(lines))
}

func headingOf(line string) (tag, rest string, ok bool) {
	s := strings.TrimLeft(line, "#")
	n := len(line) - len(s)
	if n < 1 || n > 6 || s == "" || s[0] != ' ' {
		return "", "", false
	}
	tags := [...]string{"h3", "h4", "h5", "h5", "h5", "h5"}
	return tags[n-1], strings.TrimSpace(strings.TrimRight(strings.TrimSpace(s), "#")), true
}

func isQuote(line string) bool {
	s := strings.TrimLeft(line, " ")
	return len(line)-len(s) < 4 && strings.HasPrefix(s, ">")
}

// item is the marker that starts a list entry.
type item struct {
	tag    string // ul or ol
	indent int    // columns before the entry's text
}

func itemOf(line string) (item, bool) {
	s := strings.TrimLeft(line, " ")
	lead := len(line) - len(s)
	if lead > 3 || s == "" {
		return item{}, false
	}
	if strings.ContainsRune("-*+", rune(s[0])) {
		if len(s) > 1 && s[1] == ' ' && strings.TrimSpace(s[2:]) != "" {
			return item{tag: "ul", indent: lead + 2}, true
		}
		return item{}, false
	}
	n := len(s) - len(strings.TrimLeft(s, "0123456789"))
	if n < 1 || n > 9 || len(s) < n+3 || s[n] != '.' && s[n] != ')' || s[n+1] != ' ' {
		return item{}, false
	}
	return item{tag: "ol", indent: lead + n + 2}, true
}

// list reads entries of one kind; deeper lines belong to the entry above.
func (p *parser) list(lines []string, i, depth int) (Node, int) {
	first, _ := itemOf(lines[i])
	var entries []Node
	for i < len(lines) && !p.full() {
		it, ok := itemOf(lines[i])
		if !ok || it.tag != first.tag {
			break
		}
		body := []string{lines[i][it.indent:]}
		i++
		for i < len(lines) && belongs(lines, i, it.indent) {
			body = append(body, outdent(lines[i], it.indent))
			i++
		}
		kids := p.blocks(body, depth+2)
		if len(kids) == 1 && kids[0].Tag == "p" {
			kids = kids[0].Kids
		}
		entries = append(entries, p.element("li", kids...))
	}
	return p.element(first.tag, entries...), i
}

// belongs reports whether line i continues a list entry.
func belongs(lines []string, i, indent int) bool {
	if strings.TrimSpace(lines[i]) == "" {
		return i+1 < len(lines) && strings.TrimSpace(lines[i+1]) != "" && leading(lines[i+1]) >= min(indent, 2)
	}
	if leading(lines[i]) >= min(indent, 2) {
		return true
	}
	return !startsBlock(lines, i) && strings.TrimSpace(lines[i-1]) != ""
}

func leading(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

func outdent(line string, n int) string { return line[min(n, leading(line)):] }

// isTable reports whether a header row and its rule stand at line i.
func isTable(lines []string, i int) bool {
	if i+1 >= len(lines) || !strings.Contains(lines[i], "|") {
		return false
	}
	rule := strings.TrimSpace(lines[i+1])
	return strings.Contains(rule, "-") && strings.Contains(rule, "|") && strings.Trim(rule, "|-: ") == ""
}

func (p *parser) table(lines []string, i, depth int) (Node, int) {
	row := func(line, tag string) Node {
		var cells []Node
		for _, c := range cellsOf(line) {
			if p.full() {
				break
			}
			cells = append(cells, p.element(tag, p.inline(c, depth+3)...))
		}
		return p.element("tr", cells...)
	}
	rows := []Node{row(lines[i], "th")}
	i += 2
	for i < len(lines) && strings.Contains(lines[i], "|") && !p.full() {
		rows = append(rows, row(lines[i], "td"))
		i++
	}
	return p.element("table", rows...), i
}

// cellsOf splits a row at the bars that no backslash or code span protects.
func cellsOf(line string) []string {
	line = strings.TrimSpace(line)
	line = strings.TrimPrefix(line, "|")
	if strings.HasSuffix(line, "|") && !strings.HasSuffix(line, `\|`) {
		line = line[:len(line)-1]
	}
	var cells []string
	start, code := 0, false
	for i := 0; i < len(line); i++ {
		switch {
		case line[i] == '\\':
			i++
		case line[i] == '`':
			code = !code
		case line[i] == '|' && !code:
			cells = append(cells, strings.TrimSpace(line[start:i]))
			start = i + 1
		}
	}
	return append(cells, strings.TrimSpace(line[start:]))
}

// lastRune is the rune that ends s, a space when there is none.
func lastRune(s string) rune {
	if s == "" {
		return ' '
	}
	r, _ := utf8.DecodeLastRuneInString(s)
	return r
}

func firstRune(s string) rune {
	if s == "" {
		return ' '
	}
	r, _ := utf8.DecodeRuneInString(s)
	return r
}
