package json5

import (
	"fmt"
	"strconv"
	"strings"
)

// Path leads from the root to a value. The empty path is the root.
type Path []Step

// Step is one key or one index.
type Step struct {
	key     string
	num     int
	isIndex bool
}

// Key steps into an object. A key of digits also steps into an array, so that
// "agents.list.0" and "agents.list[0]" are the same place.
func Key(k string) Step { return Step{key: k} }

// Index steps into an array.
func Index(i int) Step { return Step{num: i, isIndex: true} }

// Name is the key of a step; ok is false for an index.
func (s Step) Name() (key string, ok bool) { return s.key, !s.isIndex }

func (s Step) index() (int, bool) {
	if s.isIndex {
		return s.num, true
	}
	i, err := strconv.Atoi(s.key)
	if err != nil || i < 0 || strconv.Itoa(i) != s.key {
		return 0, false
	}
	return i, true
}

// ParsePath reads `agents.list[0].tools`, `agents.list.0.tools` and
// `channels["odd.key"].x`. The empty string is the root.
func ParsePath(s string) (Path, error) {
	var p Path
	rest := s
	for rest != "" {
		switch {
		case rest[0] == '[':
			step, n, err := bracket(rest)
			if err != nil {
				return nil, fmt.Errorf("path %q: %w", s, err)
			}
			p, rest = append(p, step), rest[n:]
		case rest[0] == '.' && len(p) > 0:
			rest = rest[1:]
			if rest == "" || rest[0] == '.' || rest[0] == '[' {
				return nil, fmt.Errorf("path %q: an empty key at character %d", s, len(s)-len(rest)+1)
			}
			fallthrough
		default:
			n := strings.IndexAny(rest, ".[")
			if n < 0 {
				n = len(rest)
			}
			if n == 0 {
				return nil, fmt.Errorf("path %q: an empty key at character %d", s, len(s)-len(rest)+1)
			}
			p, rest = append(p, Key(rest[:n])), rest[n:]
		}
		if rest != "" && rest[0] != '.' && rest[0] != '[' {
			return nil, fmt.Errorf("path %q: found %q, expected \".\" or \"[\"", s, rest[:1])
		}
	}
	return p, nil
}

// bracket reads [12], ["key"] or ['key'] at the start of s.
func bracket(s string) (Step, int, error) {
	if len(s) > 1 && (s[1] == '"' || s[1] == '\'') {
		p := parser{src: []byte(s), off: 1, line: 1}
		text, ok := p.str()
		if !ok || p.off >= len(s) || s[p.off] != ']' {
			return Step{}, 0, fmt.Errorf("%q is not a quoted key in brackets", s)
		}
		return Key(text), p.off + 1, nil
	}
	end := strings.IndexByte(s, ']')
	if end < 0 {
		return Step{}, 0, fmt.Errorf("%q has no closing bracket", s)
	}
	i, err := strconv.Atoi(s[1:end])
	if err != nil || i < 0 {
		return Step{}, 0, fmt.Errorf("%q is not an index", s[1:end])
	}
	return Index(i), end + 1, nil
}

// String prints a path that ParsePath reads back.
func (p Path) String() string {
	out := ""
	for _, s := range p {
		if s.isIndex {
			out = JoinIndex(out, s.num)
		} else {
			out = Join(out, s.key)
		}
	}
	return out
}

// Join appends a key to a printed path.
func Join(path, key string) string {
	if key == "" || strings.ContainsAny(key, ".[]\"'\\") || hasControl(key) {
		return path + "[" + Quote(key) + "]"
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// JoinIndex appends an index to a printed path.
func JoinIndex(path string, i int) string {
	return path + "[" + strconv.Itoa(i) + "]"
}

func hasControl(s string) bool {
	for _, r := range s {
		if r < 0x20 || r == 0x7f {
			return true
		}
	}
	return false
}
