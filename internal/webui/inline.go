package webui

import (
	"net/url"
	"strings"
	"unicode"
)

// inline reads the marks within one block.
func (p *parser) inline(text string, depth int) []Node {
	s := span{parser: p, text: text, depth: depth, ticks: tickRuns(text)}
	for s.at < len(text) {
		if p.full() {
			s.literal(text[s.at:])
			break
		}
		s.step()
	}
	s.flush()
	return joined(s.out)
}

// joined makes one text of neighbouring texts: marks that found no partner.
func joined(nodes []Node) []Node {
	out := nodes[:0]
	for i := 0; i < len(nodes); {
		n := nodes[i]
		j := i + 1
		if n.Tag == "" {
			for j < len(nodes) && nodes[j].Tag == "" {
				j++
			}
			var b strings.Builder
			for _, t := range nodes[i:j] {
				b.WriteString(t.Text)
			}
			n.Text = b.String()
		}
		out = append(out, n)
		i = j
	}
	return out
}

// span is the state of one inline reading: nodes made so far and the marks
// that may still be closed.
type span struct {
	*parser
	text  string
	at    int
	depth int
	out   []Node
	open  []mark
	ticks map[int][]int // positions of backtick runs by their length
	// pending is text not yet in out.
	pending strings.Builder
}

// mark is an opening "*", "**", "_", "__", "[" or "![" and the place of its
// text in out.
type mark struct {
	kind  string
	place int
}

func (s *span) step() {
	rest := s.text[s.at:]
	switch c := rest[0]; c {
	case '\\':
		if len(rest) > 1 && isPunct(rest[1]) {
			s.literal(rest[1:2])
			s.at += 2
			return
		}
	case '\n':
		s.add(s.element("br"))
		s.at++
		return
	case '`':
		s.code(rest)
		return
	case '*', '_':
		s.emphasis(rest, c)
		return
	case '!':
		if strings.HasPrefix(rest, "![") {
			s.push("![")
			return
		}
	case '[':
		s.push("[")
		return
	case ']':
		if s.link(rest) {
			return
		}
	case '<', 'h', 'H':
		if s.autolink(rest) {
			return
		}
	}
	n := strings.IndexAny(rest[1:], "\\\n`*_![]<hH") + 1
	if n == 0 {
		n = len(rest)
	}
	s.literal(rest[:n])
	s.at += n
}

// literal collects text that is no mark.
func (s *span) literal(t string) { s.pending.WriteString(t) }

// flush makes a node of the collected text; out is complete only after it.
func (s *span) flush() {
	if s.pending.Len() > 0 {
		s.out = append(s.out, s.parser.text(s.pending.String()))
		s.pending.Reset()
	}
}

func (s *span) add(n Node) {
	s.flush()
	s.out = append(s.out, n)
}

// push keeps a mark as text until its partner turns up.
func (s *span) push(kind string) {
	s.at += len(kind)
	if s.depth+len(s.open) >= MaxDepth-2 {
		s.literal(kind)
		return
	}
	s.add(s.parser.text(kind))
	s.open = append(s.open, mark{kind: kind, place: len(s.out) - 1})
}

// wrap turns everything behind the mark at open[k] into one element.
func (s *span) wrap(k int, n Node) {
	place := s.open[k].place
	n.Kids = joined(append(n.Kids, s.out[place+1:]...))
	s.out = append(s.out[:place], n)
	s.open = s.open[:k]
}

// tickRuns indexes the backtick runs of a text by length, so that finding a
// partner never scans the text again.
func tickRuns(text string) map[int][]int {
	var runs map[int][]int
	for i := 0; i < len(text); {
		if text[i] != '`' {
			i++
			continue
		}
		n := len(text[i:]) - len(strings.TrimLeft(text[i:], "`"))
		if runs == nil {
			runs = map[int][]int{}
		}
		runs[n] = append(runs[n], i)
		i += n
	}
	return runs
}

func (s *span) code(rest string) {
	n := len(rest) - len(strings.TrimLeft(rest, "`"))
	runs := s.ticks[n]
	for len(runs) > 0 && runs[0] <= s.at {
		runs = runs[1:]
	}
	s.ticks[n] = runs
	if len(runs) == 0 {
		s.literal(rest[:n])
		s.at += n
		return
	}
	body := s.text[s.at+n : runs[0]]
	if trimmed := strings.TrimSpace(body); trimmed != "" {
		body = trimmed
	}
	s.add(s.element("code", s.parser.text(strings.ReplaceAll(body, "\n", " "))))
	s.at = runs[0] + n
}

func (s *span) emphasis(rest string, c byte) {
	n := min(len(rest)-len(strings.TrimLeft(rest, string(c))), 2)
	kind := rest[:n]
	before, after := lastRune(s.text[:s.at]), firstRune(rest[n:])
	opens, closes := !unicode.IsSpace(after), !unicode.IsSpace(before)
	if c == '_' {
		opens = opens && !isWord(before)
		closes = closes && !isWord(after)
	}
	s.flush()
	if closes {
		for k := len(s.open) - 1; k >= 0; k-- {
			if s.open[k].kind != kind || s.open[k].place == len(s.out)-1 {
				continue
			}
			tag := "em"
			if n == 2 {
				tag = "strong"
			}
			s.wrap(k, s.element(tag))
			s.at += n
			return
		}
	}
	if opens {
		s.push(kind)
		return
	}
	s.literal(kind)
	s.at += n
}

// link closes a "[" when an address in parentheses follows. A link holds no
// link; an image is only said not to have been loaded.
func (s *span) link(rest string) bool {
	k := len(s.open) - 1
	for k >= 0 && s.open[k].kind != "[" && s.open[k].kind != "![" {
		k--
	}
	if k < 0 || len(rest) < 2 || rest[1] != '(' {
		return false
	}
	dest, n := destination(rest[2:])
	if n < 0 {
		return false
	}
	s.flush()
	if s.open[k].kind == "![" {
		place := s.open[k].place
		s.out, s.open = s.out[:place], s.open[:k]
		s.literal("[image not loaded: " + imageHost(dest) + "]")
		s.at += 2 + n
		return true
	}
	href, ok := SafeHref(dest)
	if !ok || len(s.out)-1 == s.open[k].place {
		return false
	}
	node := s.element("a")
	node.Href = href
	s.wrap(k, node)
	for i := range s.open {
		if s.open[i].kind == "[" {
			s.open[i].kind = "" // may not hold this link
		}
	}
	s.at += 2 + n
	return true
}

// destination reads "href)" or "href "title")"; n counts what was read, -1
// when it is no destination.
func destination(s string) (dest string, n int) {
	depth := 0
	end := -1
	for i := 0; i < len(s) && i < maxHref; i++ {
		c := s[i]
		switch {
		case c == '(':
			if depth++; depth > 2 {
				return "", -1
			}
		case c == ')' && depth == 0:
			if end < 0 {
				end = i
			}
			return strings.Trim(s[:end], "<>"), i + 1
		case c == ')':
			depth--
		case c == '\n' || c == '[':
			return "", -1
		case c == ' ' && end < 0:
			end = i
		}
	}
	return "", -1
}

// autolink makes a bare or bracketed http address a link.
func (s *span) autolink(rest string) bool {
	lead := 0
	if rest[0] == '<' {
		lead = 1
	}
	body := rest[lead:min(len(rest), maxHref+2)]
	if !hasPrefixFold(body, "http://") && !hasPrefixFold(body, "https://") {
		return false
	}
	if lead == 0 && isWord(lastRune(s.text[:s.at])) {
		return false
	}
	for _, m := range s.open {
		if m.kind == "[" {
			return false // the label of a link
		}
	}
	n := strings.IndexAny(body, " \t\n<>\"`|")
	if n < 0 {
		n = len(body)
	}
	if lead == 1 && (n == len(body) || body[n] != '>') {
		return false
	}
	if lead == 0 {
		n = len(strings.TrimRight(body[:n], ".,;:!?'*_)]}"))
	}
	href, ok := SafeHref(body[:n])
	if !ok {
		return false
	}
	node := s.element("a", s.parser.text(body[:n]))
	node.Href = href
	s.add(node)
	s.at += lead + n + lead
	return true
}

const maxHref = 2048

// SafeHref accepts an address that a person may be offered to open: http,
// https or mailto, with a host, without user name, white space, controls or
// backslash. It returns the address unchanged.
func SafeHref(href string) (string, bool) {
	if href == "" || len(href) > maxHref {
		return "", false
	}
	for _, r := range href {
		if r <= ' ' || r == '\\' || r == '"' || r == '<' || r == '>' || r == unicode.ReplacementChar ||
			unicode.IsControl(r) || unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) {
			return "", false
		}
	}
	u, err := url.Parse(href)
	if err != nil || u.User != nil {
		return "", false
	}
	switch u.Scheme {
	case "http", "https":
		return href, u.Hostname() != "" && u.Opaque == ""
	case "mailto":
		return href, u.Opaque != "" && u.Host == "" && strings.Contains(u.Opaque, "@")
	}
	return "", false
}

func imageHost(dest string) string {
	u, err := url.Parse(dest)
	switch {
	case err != nil:
		return "unreadable address"
	case u.Host != "":
		return u.Hostname()
	case u.Scheme != "":
		return u.Scheme
	}
	return "local file"
}

func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' }

func isPunct(c byte) bool { return c < 0x80 && unicode.In(rune(c), unicode.P, unicode.S) }

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}
