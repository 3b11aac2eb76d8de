package cmdline

import (
	"fmt"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// A backslash before a newline joins two lines wherever a shell reads
// characters: inside operators, in front of a parenthesis, in a here-document
// before its end is looked for. Where the parser and a shell would disagree
// about what is joined, the text is not understood.

// parse reads text as bash does. A comment ends at its newline, whatever
// stands before it.
func parse(text string) (*syntax.File, error) {
	if strings.Contains(text, "\\\n") {
		if why := joined(text); why != "" {
			return nil, fmt.Errorf("%s", why)
		}
	}
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(text), "")
	if err != nil || !strings.Contains(text, "\\\n") {
		return file, err
	}
	why := ""
	syntax.Walk(file, func(n syntax.Node) bool {
		if r, ok := n.(*syntax.Redirect); ok && why == "" {
			why = joinedHeredoc(r)
		}
		return why == ""
	})
	if why != "" {
		return nil, fmt.Errorf("%s", why)
	}
	return file, nil
}

// maxComments bounds how many comments that end in a backslash are followed.
const maxComments = 64

// plainComments is text of the same length in which no comment ends in a
// backslash: the parser would join the next line to it, a shell does not.
func plainComments(text string) (string, bool) {
	for range maxComments {
		if !strings.Contains(text, "\\\n") || !strings.Contains(text, "#") {
			return text, true
		}
		at := joinedComment(text)
		if at < 0 {
			return text, true
		}
		text = text[:at] + " " + text[at+1:]
	}
	return text, false
}

// joinedComment is where the first comment ends in a backslash, -1 if none
// does.
func joinedComment(text string) int {
	at := -1
	for _, c := range commentsOf(text) {
		end := int(c.Hash.Offset()) + 1 + len(strings.TrimSuffix(c.Text, "\\\n"))
		if strings.HasSuffix(c.Text, "\\\n") && end < len(text) && text[end] == '\\' && (at < 0 || end < at) {
			at = end
		}
	}
	return at
}

// joined says where lines are joined that must not be; "" if nowhere.
func joined(text string) string {
	for i := 0; i+1 < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		if text[i+1] != '\n' {
			i++
			continue
		}
		var before, after byte = '\n', '\n'
		if i > 0 {
			before = text[i-1]
		}
		for i+1 < len(text) && text[i] == '\\' && text[i+1] == '\n' {
			i += 2
		}
		if i < len(text) {
			after = text[i]
		}
		const operators = "<>&|;()[]{}-!=+"
		switch {
		case before == '$':
			return "a line that goes on after a dollar"
		case after == '#' && strings.IndexByte(" \t\n", before) < 0:
			return "a line that goes on with #"
		case strings.IndexByte(operators, before) >= 0 && strings.IndexByte(operators, after) >= 0:
			return "a line that goes on inside an operator"
		}
		i--
	}
	return ""
}

// joinedHeredoc says why the end of a here-document would be found elsewhere.
func joinedHeredoc(r *syntax.Redirect) string {
	if r.Hdoc == nil || (r.Op != syntax.Hdoc && r.Op != syntax.DashHdoc) {
		return ""
	}
	end, quoted := delimiter(r.Word)
	if strings.Contains(end, "\n") {
		return "a here-document that ends at more than a line"
	}
	if quoted {
		return ""
	}
	body := source(r.Hdoc)
	if n := len(body) - len(strings.TrimRight(strings.TrimSuffix(body, "\n"), `\`)) - 1; strings.HasSuffix(body, "\n") && n%2 == 1 {
		return "a here-document whose last line goes on"
	}
	for _, line := range strings.Split(strings.ReplaceAll(body, "\\\n", ""), "\n") {
		if r.Op == syntax.DashHdoc {
			line = strings.TrimLeft(line, "\t")
		}
		if line == end {
			return "a here-document that ends at joined lines"
		}
	}
	return ""
}

// delimiter is the word that ends a here-document, after quote removal.
func delimiter(w *syntax.Word) (end string, quoted bool) {
	var b strings.Builder
	for _, p := range w.Parts {
		switch p := p.(type) {
		case *syntax.Lit:
			quoted = quoted || strings.Contains(p.Value, `\`)
			b.WriteString(unescape(p.Value))
		case *syntax.SglQuoted:
			quoted = true
			b.WriteString(p.Value)
		case *syntax.DblQuoted:
			quoted = true
			for _, q := range p.Parts {
				if l, ok := q.(*syntax.Lit); ok {
					b.WriteString(unescapeDouble(l.Value))
				}
			}
		}
	}
	return b.String(), quoted
}

// unescape removes backslashes outside quotes.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
			if s[i] == '\n' {
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// source is the text of the literal parts of a word; what is expanded counts
// as one character.
func source(w *syntax.Word) string {
	var b strings.Builder
	for _, p := range w.Parts {
		if l, ok := p.(*syntax.Lit); ok {
			b.WriteString(l.Value)
		} else {
			b.WriteByte('$')
		}
	}
	return b.String()
}
