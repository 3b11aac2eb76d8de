// Package plain finds credentials that stand in the clear in variable files,
// shell start files or credential profiles, with the text that remains
// without them. It refuses to guess: a value that is put together at run time
// is left where it is.
package plain

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/openclaw-go/openclaw/internal/json5"
)

// Found is one credential in the clear.
type Found struct {
	// Name is the variable, or one made of the profile.
	Name string
	Line int
	// Value is the credential itself. It must not be printed.
	Value string
	// Provider is the model provider that a profile's key belongs to.
	Provider string

	start, end int // of the line in a text of variables
	path       json5.Path
	ref        string
}

// String names the place and never the value.
func (f Found) String() string { return fmt.Sprintf("%s in line %d", f.Name, f.Line) }

// Format prints String for every verb.
func (f Found) Format(s fmt.State, _ rune) { fmt.Fprint(s, f.String()) }

// Judge says whether a variable of this name with this value is a credential.
type Judge func(name, value string) bool

// variable is one assignment on a line of its own, exported or not, in the
// words of sh, of dotenv files, or of fish.
var variable = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[ \t]*(?:export[ \t]+|set[ \t]+-(?:gx|xg|Ux|x)[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)(?:[ \t]*=[ \t]*|[ \t]+)(.*?)[ \t]*;?[ \t]*$`)
})

// Variables finds credentials among the assignments of a dotenv file or of a
// shell's start file.
func Variables(text []byte, credential Judge) []Found {
	var out []Found
	at, number := 0, 0
	for line := range bytes.Lines(text) {
		start := at
		at += len(line)
		number++
		m := variable().FindSubmatch(bytes.TrimRight(line, "\r\n"))
		if m == nil || !assigns(line) {
			continue
		}
		value, ok := literal(string(m[2]))
		if !ok || value == "" || !credential(string(m[1]), value) {
			continue
		}
		out = append(out, Found{Name: string(m[1]), Line: number, Value: value, start: start, end: at})
	}
	return out
}

// assigns tells an assignment from a command with arguments: without = only
// fish's set is one.
func assigns(line []byte) bool {
	trimmed := bytes.TrimLeft(line, " \t")
	return bytes.HasPrefix(trimmed, []byte("set -")) || bytes.IndexByte(trimmed, '=') > 0
}

// literal reads one quoted or plain word that means itself. A comment may
// follow it; anything else may not.
func literal(s string) (string, bool) {
	if s == "" {
		return "", true
	}
	quote := s[0]
	if quote != '\'' && quote != '"' {
		word, _, _ := strings.Cut(s, " #")
		word = strings.TrimRight(word, " \t")
		return word, !strings.ContainsAny(word, "$`\\'\"(){}<>|&; \t*?")
	}
	end := strings.IndexByte(s[1:], quote)
	if end < 0 {
		return "", false
	}
	word, rest := s[1:end+1], strings.TrimSpace(s[end+2:])
	if rest != "" && !strings.HasPrefix(rest, "#") {
		return "", false
	}
	return word, quote == '\'' || !strings.ContainsAny(word, "$`\\")
}

// WithoutVariables replaces the lines of what was found by comments that say
// where the value is.
func WithoutVariables(text []byte, found []Found) []byte {
	var out []byte
	at := 0
	for _, f := range found {
		out = append(out, text[at:f.start]...)
		out = append(out, "# "+f.Name+" is in OpenClaw's encrypted store: openclaw secrets list\n"...)
		at = f.end
	}
	return append(out, text[at:]...)
}

// reference is what stands in place of a value, in the clear.
func reference(name string) string {
	return fmt.Sprintf(`{"source":"store","provider":"default","id":%q}`, name)
}

// Profiles finds the keys and tokens of an auth-profiles.json. Sign-ins that
// renew themselves stay: whoever renews them writes there.
func Profiles(text []byte) ([]Found, error) {
	doc := json5.Parse("auth-profiles.json", text)
	if len(doc.Errors) > 0 || doc.Root == nil {
		return nil, fmt.Errorf("auth profiles: found no JSON document")
	}
	profiles := doc.Root.Get("profiles")
	if profiles == nil || profiles.Kind != json5.Object {
		return nil, nil
	}
	var out []Found
	used := map[string]int{}
	for i := range profiles.Members {
		m := &profiles.Members[i]
		field := map[string]string{"api_key": "key", "token": "token"}[word(m.Value, "type")]
		if field == "" {
			continue
		}
		value := m.Value.Get(field)
		if value == nil || value.Kind != json5.String || value.Text == "" || strings.Contains(value.Text, "${") {
			continue
		}
		provider := word(m.Value, "provider")
		if provider == "" {
			provider, _, _ = strings.Cut(m.Key, ":")
		}
		path, err := json5.ParsePath(json5.Join(json5.Join("profiles", m.Key), field))
		if err != nil {
			continue
		}
		name := Name(provider, map[string]string{"key": "API_KEY", "token": "TOKEN"}[field])
		if used[name]++; used[name] > 1 {
			name = fmt.Sprintf("%s_%d", name, used[name])
		}
		out = append(out, Found{Name: name, Line: value.Pos.Line, Value: value.Text, Provider: provider, path: path, ref: field + "Ref"})
	}
	return out, nil
}

func word(n *json5.Node, key string) string {
	if v := n.Get(key); v != nil && v.Kind == json5.String {
		return v.Text
	}
	return ""
}

// WithoutProfiles replaces what was found by references to the store.
func WithoutProfiles(text []byte, found []Found) ([]byte, error) {
	for _, f := range found {
		parent := f.path[:len(f.path)-1]
		ref, err := json5.ParsePath(json5.Join(parent.String(), f.ref))
		if err != nil {
			return nil, err
		}
		if text, err = json5.Set(text, ref, reference(f.Name)); err != nil {
			return nil, err
		}
		if text, err = json5.Unset(text, f.path); err != nil {
			return nil, err
		}
	}
	return text, nil
}

// Name makes a name of the store out of words: upper case, _ between them.
func Name(words ...string) string {
	var b strings.Builder
	lower := false
	for _, w := range words {
		if b.Len() > 0 && w != "" {
			b.WriteByte('_')
		}
		lower = false
		for _, r := range w {
			upper := r >= 'A' && r <= 'Z'
			switch {
			case upper && lower:
				b.WriteByte('_')
				b.WriteRune(r)
			case upper, r >= '0' && r <= '9':
				b.WriteRune(r)
			case r >= 'a' && r <= 'z':
				b.WriteRune(r - 'a' + 'A')
			case b.Len() > 0 && !strings.HasSuffix(b.String(), "_"):
				b.WriteByte('_')
			}
			lower = r >= 'a' && r <= 'z'
		}
	}
	s := strings.Trim(b.String(), "_")
	if s == "" || s[0] >= '0' && s[0] <= '9' {
		s = "SECRET_" + s
	}
	return strings.TrimRight(s[:min(len(s), 120)], "_")
}
