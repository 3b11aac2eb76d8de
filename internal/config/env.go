package config

import (
	"fmt"
	"strings"

	"github.com/openclaw-go/openclaw/internal/json5"
)

// readEnv takes the variables of the env block: the last place where a name is
// looked up.
func (r *reader) readEnv(root *json5.Node) {
	r.vars = map[string]string{}
	env := root.Get("env")
	if env == nil || env.Kind != json5.Object {
		return
	}
	take := func(n *json5.Node) {
		for i := range n.Members {
			m := &n.Members[i]
			if m.Value.Kind == json5.String {
				r.vars[m.Key] = m.Value.Text
				r.secrets[m.Value] = true
			}
		}
	}
	take(env)
	if vars := env.Get("vars"); vars != nil && vars.Kind == json5.Object {
		take(vars)
	}
}

func (r *reader) env(name string) (string, bool) {
	if r.in.Env != nil {
		if v, ok := r.in.Env(name); ok && v != "" {
			return v, true
		}
	}
	v, ok := r.vars[name]
	return v, ok && v != "" && !strings.Contains(v, "${")
}

// envRef reads {"$env": "NAME"}.
func envRef(n *json5.Node) (name *json5.Node, ok bool) {
	if n.Kind != json5.Object || len(n.Members) != 1 || n.Members[0].Key != "$env" {
		return nil, false
	}
	return n.Members[0].Value, true
}

func isEnvName(s string) bool {
	if s == "" || len(s) > 128 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if c != '_' && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// resolve puts variables into a value that is no secret. ok is false when a
// variable is not set: the value is then unusable, never empty.
func (r *reader) resolve(n *json5.Node, at place) (*json5.Node, bool) {
	name, isRef := envRef(n)
	switch {
	case isRef && (name.Kind != json5.String || !isEnvName(name.Text)):
		r.add(Problem{Severity: at.severity(), Code: CodeValue, Where: refOf(name.Pos, at.path), Found: name.Kind.String() + " that names no variable", Expected: `{ "$env": "NAME" }`})
		return nil, false
	case isRef:
		text, ok := r.env(name.Text)
		if !ok {
			r.unresolved(name.Text, n, at)
			return nil, false
		}
		return &json5.Node{Kind: json5.String, Pos: n.Pos, End: n.End, Text: text}, true
	case n.Kind == json5.String && strings.Contains(n.Text, "${"):
		var b strings.Builder
		for _, p := range split(n.Text) {
			if p.name == "" {
				b.WriteString(p.text)
				continue
			}
			text, ok := r.env(p.name)
			if !ok {
				r.unresolved(p.name, n, at)
				return nil, false
			}
			b.WriteString(text)
		}
		out := *n
		out.Text = b.String()
		return &out, true
	}
	return n, true
}

func (r *reader) unresolved(name string, n *json5.Node, at place) {
	r.add(Problem{Severity: at.severity(), Code: CodeUnresolved, Where: refOf(n.Pos, at.path),
		Found: fmt.Sprintf("variable %q, which is not set", name), Expected: "a value"})
}

// spelled is the number or boolean that a variable's text spells; the text
// itself when it spells neither.
func spelled(n *json5.Node) *json5.Node {
	doc := json5.Parse("", []byte(n.Text))
	if doc.Err() != nil || doc.Root.Kind != json5.Number && doc.Root.Kind != json5.Bool {
		return n
	}
	doc.Root.Pos = n.Pos
	return doc.Root
}

// part is a piece of a text: literal text, or the name of a variable.
type part struct{ text, name string }

// split finds ${NAME}; $${NAME} stands for the text ${NAME}. Anything else
// with a dollar is text.
func split(s string) []part {
	var parts []part
	lit := func(t string) {
		if t == "" {
			return
		}
		if n := len(parts); n > 0 && parts[n-1].name == "" {
			parts[n-1].text += t
			return
		}
		parts = append(parts, part{text: t})
	}
	for s != "" {
		i := strings.Index(s, "${")
		if i < 0 {
			lit(s)
			break
		}
		end := strings.IndexByte(s[i:], '}')
		name := ""
		if end > 0 {
			name = s[i+2 : i+end]
		}
		switch {
		case !isUpperName(name):
			lit(s[:i+2])
			s = s[i+2:]
			continue
		case i > 0 && s[i-1] == '$':
			lit(s[:i-1] + s[i:i+end+1])
		default:
			lit(s[:i])
			parts = append(parts, part{name: name})
		}
		s = s[i+end+1:]
	}
	return parts
}

// isUpperName: in texts only upper-case names are variables, as upstream has it.
func isUpperName(s string) bool { return isEnvName(s) && strings.ToUpper(s) == s }
