package skillscan

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Front is what the head of SKILL.md says for loading.
type Front struct {
	Name, Description, Version, Homepage string
	// Hidden: the model is not told of it; only a person calls it up.
	Hidden bool
	// Private: a person cannot call it up by its name.
	Private bool
	Always  bool
	// OS, Bins, AnyBins, Env and Config are what it needs to be of use.
	OS, Bins, AnyBins, Env, Config []string
	// Key names it in skills.entries when it is not its name.
	Key string
}

// Limits of a frontmatter. What is beyond them is refused.
const (
	maxFront      = 64 << 10
	maxFrontLines = 1500
	maxFrontDepth = 12
)

// Errors of ReadFront.
var (
	ErrNoFront  = errors.New("skill: SKILL.md does not begin with a frontmatter")
	ErrBadFront = errors.New("skill: the frontmatter of SKILL.md")
)

// ReadFront reads the frontmatter of a SKILL.md: lines of "key: value",
// indented maps and lists, and JSON. Anchors, aliases and tags of YAML are
// refused, so that no text can mean more than is written.
func ReadFront(text string) (Front, error) {
	lines, err := frontLines(text)
	if err != nil {
		return Front{}, err
	}
	root, err := parseFront(lines)
	if err != nil {
		return Front{}, err
	}
	f := Front{Name: root.text("name"), Description: root.text("description"), Version: root.text("version"), Homepage: root.text("homepage"),
		Hidden: root.text("disable-model-invocation") == "true", Private: root.text("user-invocable") == "false"}
	m, err := root.metadata()
	if err != nil {
		return Front{}, err
	}
	f.Always, f.OS, f.Key = m.Always, m.OS, m.SkillKey
	f.Bins, f.AnyBins, f.Env, f.Config = m.Requires.Bins, m.Requires.AnyBins, m.Requires.Env, m.Requires.Config
	if f.Version == "" {
		f.Version = m.Version
	}
	return f, nil
}

// frontLines cuts the head off; they are numbered from line 2 of the file.
func frontLines(text string) ([]string, error) {
	text = strings.TrimPrefix(text, "\ufeff")
	first, rest, ok := strings.Cut(text, "\n")
	if !ok || strings.TrimRight(first, " \r\t") != "---" {
		return nil, ErrNoFront
	}
	var out []string
	size := 0
	for rest != "" {
		var l string
		l, rest, _ = strings.Cut(rest, "\n")
		l = strings.TrimRight(l, " \r\t")
		if l == "---" {
			return out, nil
		}
		if size += len(l); size > maxFront || len(out) >= maxFrontLines {
			return nil, fmt.Errorf("%w has more than %d bytes or %d lines", ErrBadFront, maxFront, maxFrontLines)
		}
		out = append(out, l)
	}
	return nil, fmt.Errorf("%w has no end", ErrBadFront)
}

// node is a value of a frontmatter: a scalar, a list, or a map in order.
type node struct {
	scalar string
	raw    json.RawMessage // JSON as it stands
	list   []*node
	keys   []string
	values []*node
	kind   nodeKind
}

type nodeKind uint8

const (
	kindScalar nodeKind = iota
	kindList
	kindMap
	kindJSON
)

func (n *node) get(key string) *node {
	if n == nil {
		return nil
	}
	for i, k := range n.keys {
		if k == key {
			return n.values[i]
		}
	}
	return nil
}

func (n *node) text(key string) string {
	if v := n.get(key); v != nil && v.kind == kindScalar {
		return v.scalar
	}
	return ""
}

// json is the node as JSON, for what reads metadata in one way.
func (n *node) json() json.RawMessage {
	var v any
	switch n.kind {
	case kindJSON:
		return n.raw
	case kindList:
		out := make([]json.RawMessage, len(n.list))
		for i, c := range n.list {
			out[i] = c.json()
		}
		v = out
	case kindMap:
		out := make(map[string]json.RawMessage, len(n.keys))
		for i, k := range n.keys {
			out[k] = n.values[i].json()
		}
		v = out
	case kindScalar:
		switch n.scalar {
		case "true", "false":
			return json.RawMessage(n.scalar)
		}
		v = n.scalar
	}
	b, err := json.Marshal(v)
	if err != nil {
		return json.RawMessage("null")
	}
	return b
}

// metadata is the block of upstream's, under any of its names.
func (n *node) metadata() (m metadata, err error) {
	block := n.get("metadata")
	if block == nil {
		return m, nil
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(block.json(), &all); err != nil {
		return m, fmt.Errorf("%w: metadata is no map", ErrBadFront)
	}
	for _, k := range metadataNames {
		if raw, ok := all[k]; ok {
			if err := json.Unmarshal(raw, &m); err != nil {
				return m, fmt.Errorf("%w: metadata.%s: %w", ErrBadFront, k, err)
			}
			return m, nil
		}
	}
	return m, nil
}

// metadataNames are the names of upstream's block, the newest first.
var metadataNames = [...]string{"openclaw", "clawdbot", "clawdis"}

// frontParser reads the subset of YAML that a frontmatter needs.
type frontParser struct {
	lines []string
	at    int
}

func parseFront(lines []string) (*node, error) {
	p := frontParser{lines: lines}
	n, err := p.mapping(0, 0)
	if err == nil && p.skip() < len(p.lines) {
		err = p.bad("is indented as nothing above it")
	}
	return n, err
}

func (p *frontParser) bad(why string) error {
	return fmt.Errorf("%w, line %d: %s", ErrBadFront, p.at+2, why)
}

// skip goes to the next line that says something.
func (p *frontParser) skip() int {
	for p.at < len(p.lines) {
		if t := strings.TrimSpace(p.lines[p.at]); t != "" && t[0] != '#' {
			break
		}
		p.at++
	}
	return p.at
}

func indentOf(l string) int { return len(l) - len(strings.TrimLeft(l, " ")) }

// mapping reads "key: value" lines at one indentation.
func (p *frontParser) mapping(indent, depth int) (*node, error) {
	n := &node{kind: kindMap}
	if depth > maxFrontDepth {
		return nil, p.bad("is nested too deep")
	}
	for p.skip() < len(p.lines) {
		l := p.lines[p.at]
		in := indentOf(l)
		if in < indent {
			return n, nil
		}
		if in > indent || strings.HasPrefix(strings.TrimLeft(l, " "), "\t") {
			return nil, p.bad("is indented as nothing above it")
		}
		k, v, ok := cutKey(l[in:])
		if !ok {
			return nil, p.bad("is no \"key: value\"")
		}
		if n.get(k) != nil {
			return nil, p.bad(fmt.Sprintf("says %q a second time", k))
		}
		p.at++
		val, err := p.value(v, indent, depth)
		if err != nil {
			return nil, err
		}
		n.keys, n.values = append(n.keys, k), append(n.values, val)
	}
	return n, nil
}

func cutKey(l string) (key, value string, ok bool) {
	if l != "" && (l[0] == '"' || l[0] == '\'') {
		end := strings.IndexByte(l[1:], l[0])
		if end < 0 || !strings.HasPrefix(l[end+2:], ":") {
			return "", "", false
		}
		return l[1 : end+1], strings.TrimSpace(l[end+3:]), true
	}
	i := strings.Index(l, ": ")
	if i < 0 {
		if !strings.HasSuffix(l, ":") {
			return "", "", false
		}
		i = len(l) - 1
	}
	k := strings.TrimSpace(l[:i])
	return k, strings.TrimSpace(l[i+1:]), k != "" && !strings.ContainsAny(k, "{}[]\"'")
}

// value reads what follows a key: on the line, or below it.
func (p *frontParser) value(v string, indent, depth int) (*node, error) {
	if strings.HasPrefix(v, "#") {
		v = ""
	}
	switch {
	case v == "":
		return p.below(indent, depth)
	case v[0] == '|' || v[0] == '>':
		return p.block(v[0], indent), nil
	case v[0] == '{' || v[0] == '[':
		return p.flow(v, indent)
	case v[0] == '&' || v[0] == '*' || v[0] == '!':
		p.at--
		return nil, p.bad("uses an anchor, alias or tag")
	}
	// A plain value may go on below, indented.
	for p.at < len(p.lines) && v[0] != '"' && v[0] != '\'' {
		l := p.lines[p.at]
		if strings.TrimSpace(l) == "" || indentOf(l) <= indent {
			break
		}
		v += " " + strings.TrimSpace(l)
		p.at++
	}
	return &node{scalar: unquote(v)}, nil
}

func unquote(v string) string {
	if len(v) >= 2 && v[0] == v[len(v)-1] {
		switch v[0] {
		case '"':
			var s string
			if json.Unmarshal([]byte(v), &s) == nil {
				return s
			}
			return v[1 : len(v)-1]
		case '\'':
			return strings.ReplaceAll(v[1:len(v)-1], "''", "'")
		}
	}
	if i := strings.Index(v, " #"); i > 0 && v[0] != '"' && v[0] != '\'' {
		v = strings.TrimSpace(v[:i])
	}
	return v
}

// below reads the map, list or JSON that is indented under a key.
func (p *frontParser) below(indent, depth int) (*node, error) {
	if p.skip() >= len(p.lines) {
		return &node{}, nil
	}
	l := p.lines[p.at]
	in := indentOf(l)
	t := l[in:]
	switch {
	case t == "-" || strings.HasPrefix(t, "- "):
		if in < indent {
			return &node{}, nil
		}
		return p.sequence(in, depth+1)
	case in <= indent:
		return &node{}, nil
	case t[0] == '{' || t[0] == '[':
		p.at++
		return p.flow(t, indent)
	}
	return p.mapping(in, depth+1)
}

func (p *frontParser) sequence(indent, depth int) (*node, error) {
	n := &node{kind: kindList}
	if depth > maxFrontDepth {
		return nil, p.bad("is nested too deep")
	}
	for p.skip() < len(p.lines) {
		l := p.lines[p.at]
		in := indentOf(l)
		if in != indent || l[in:] != "-" && !strings.HasPrefix(l[in:], "- ") {
			return n, nil
		}
		item := strings.TrimLeft(l[in+1:], " ")
		if _, _, ok := cutKey(item); ok && item[0] != '"' && item[0] != '\'' && item[0] != '{' && item[0] != '[' {
			// A map that begins on the line of its dash.
			at := len(l) - len(item)
			p.lines[p.at] = strings.Repeat(" ", at) + item
			v, err := p.mapping(at, depth+1)
			if err != nil {
				return nil, err
			}
			n.list = append(n.list, v)
			continue
		}
		p.at++
		v, err := p.value(item, indent, depth)
		if err != nil {
			return nil, err
		}
		n.list = append(n.list, v)
	}
	return n, nil
}

// block reads a text of several lines.
func (p *frontParser) block(style byte, indent int) *node {
	var parts []string
	for p.at < len(p.lines) {
		l := p.lines[p.at]
		if strings.TrimSpace(l) != "" && indentOf(l) <= indent {
			break
		}
		parts = append(parts, strings.TrimSpace(l))
		p.at++
	}
	sep := "\n"
	if style == '>' {
		sep = " "
	}
	return &node{scalar: strings.TrimSpace(strings.Join(parts, sep))}
}

// flow reads JSON, or a list in brackets without quotes. It may go over lines.
func (p *frontParser) flow(v string, indent int) (*node, error) {
	from := p.at
	for open := brackets(v); open > 0 && p.at < len(p.lines); {
		l := p.lines[p.at]
		if strings.TrimSpace(l) != "" && indentOf(l) <= indent && !strings.ContainsAny(l[:1], "}]") {
			break
		}
		v += "\n" + l
		open += brackets(l)
		p.at++
	}
	raw := withoutTrailingCommas(v)
	if json.Valid(raw) {
		return &node{kind: kindJSON, raw: raw}, nil
	}
	if v[0] == '[' && strings.HasSuffix(strings.TrimSpace(v), "]") && !strings.ContainsAny(v[1:len(v)-1], "[]{}") {
		n := &node{kind: kindList}
		for e := range strings.SplitSeq(strings.TrimSuffix(strings.TrimSpace(v)[1:], "]"), ",") {
			if e = strings.TrimSpace(e); e == "" {
				continue
			}
			if e[0] == '&' || e[0] == '*' {
				p.at = from - 1
				return nil, p.bad("uses an anchor, alias or tag")
			}
			n.list = append(n.list, &node{scalar: unquote(e)})
		}
		return n, nil
	}
	p.at = from - 1
	return nil, p.bad("is neither JSON nor a list")
}

// brackets counts what a line opens and does not close, outside of quotes.
func brackets(l string) (open int) {
	quoted := false
	for i := 0; i < len(l); i++ {
		switch c := l[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			open++
		case c == '}' || c == ']':
			open--
		}
	}
	return open
}

// withoutTrailingCommas makes JSON of what has a comma before a closing
// bracket.
func withoutTrailingCommas(v string) []byte {
	out := make([]byte, 0, len(v))
	quoted := false
	for i := 0; i < len(v); i++ {
		c := v[i]
		switch {
		case c == '\\' && quoted && i+1 < len(v):
			out = append(out, c, v[i+1])
			i++
			continue
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == ',':
			rest := strings.TrimLeft(v[i+1:], " \t\r\n")
			if rest != "" && (rest[0] == '}' || rest[0] == ']') {
				continue
			}
		}
		out = append(out, c)
	}
	return out
}
