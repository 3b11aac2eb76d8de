package config

import (
	"fmt"
	"strings"

	"github.com/openclaw-go/openclaw/internal/json5"
)

// secret reads a credential in any of its forms. Nothing is resolved here.
func (r *reader) secret(o *Origin, s *SecretRef, n *json5.Node, at place) {
	*o = Origin{Invalid: true, Ref: refOf(n.Pos, at.path)}
	switch n.Kind {
	case json5.Invalid:
		return
	case json5.String:
		r.secrets[n] = true
		*s = literalOrEnv(n.Text)
		if s.Kind == SecretEnv || s.Kind == SecretTemplate {
			r.secrets[n] = s.Kind == SecretTemplate && !onlyNames(n.Text)
		}
		if strings.ContainsAny(n.Text, "\x00\r\n") {
			*s = SecretRef{}
			r.add(Problem{Severity: at.severity(), Code: CodeValue, Where: o.Ref, Found: "a line break or NUL byte", Expected: "a credential on one line"})
			return
		}
	case json5.Object:
		ref, problem := r.reference(n)
		if problem != nil {
			problem.Severity, problem.Where = at.severity(), o.Ref
			r.add(*problem)
			// What stands here in place of a reference may be a credential.
			markAll(n, r.secrets)
			return
		}
		*s = ref
		if r.in.Foreign && (s.Kind == SecretFile || s.Kind == SecretExec) {
			s.Disabled = true
			r.add(Problem{Severity: Warning, Code: CodeNoRefs, Where: o.Ref, Found: fmt.Sprintf("a reference to %s, which is not followed in a home of somebody else", s)})
		}
	case json5.Number, json5.Null, json5.Bool, json5.Array:
		markAll(n, r.secrets)
		r.add(Problem{Severity: at.severity(), Code: CodeType, Where: o.Ref, Found: n.Kind.String(), Expected: `a text, { "$env": "NAME" } or { source, provider, id }`})
		return
	}
	o.Set, o.Invalid = true, false
	if s.Kind != SecretLiteral {
		r.references = append(r.references, Reference{o.Ref, *s})
	}
}

// literalOrEnv reads a credential that is written as a text.
func literalOrEnv(text string) SecretRef {
	if name, ok := strings.CutPrefix(text, "env:"); ok && isUpperName(name) {
		return SecretRef{Kind: SecretEnv, Provider: "default", ID: name}
	}
	var names []string
	parts := split(text)
	for _, p := range parts {
		if p.name != "" {
			names = append(names, p.name)
		}
	}
	switch {
	case len(names) == 0 && len(parts) == 1:
		return Literal(parts[0].text)
	case len(names) == 0:
		return Literal("")
	case len(parts) == 1:
		return SecretRef{Kind: SecretEnv, Provider: "default", ID: names[0]}
	}
	return SecretRef{Kind: SecretTemplate, Env: names, value: &secretText{text}}
}

// onlyNames: nothing but variables and the word that names a scheme.
func onlyNames(text string) bool {
	for _, p := range split(text) {
		if t := strings.TrimSpace(p.text); t != "" && t != "Bearer" && t != "Basic" && t != "Token" {
			return false
		}
	}
	return true
}

// reference reads {"$env": …} and {source, provider, id}.
func (r *reader) reference(n *json5.Node) (SecretRef, *Problem) {
	const form = `{ "$env": "NAME" } or { source, provider, id }`
	if name, ok := envRef(n); ok {
		if name.Kind != json5.String || !isEnvName(name.Text) {
			return SecretRef{}, &Problem{Code: CodeValue, Found: "no name of a variable", Expected: `{ "$env": "NAME" }`}
		}
		return SecretRef{Kind: SecretEnv, Provider: "default", ID: name.Text}, nil
	}
	got := map[string]string{}
	for i := range n.Members {
		m := &n.Members[i]
		switch m.Key {
		case "source", "provider", "id":
			if m.Value.Kind != json5.String {
				return SecretRef{}, &Problem{Code: CodeType, Found: fmt.Sprintf("%s as %s", m.Value.Kind, m.Key), Expected: json5.String.String()}
			}
			got[m.Key] = m.Value.Text
		default:
			return SecretRef{}, &Problem{Code: CodeUnknown, Found: fmt.Sprintf("unknown key %q in a reference", clip(m.Key)), Expected: form,
				Nearest: Nearest(m.Key, []string{"source", "provider", "id", "$env"})}
		}
	}
	s := SecretRef{Provider: got["provider"], ID: got["id"]}
	sources := map[string]SecretKind{"env": SecretEnv, "file": SecretFile, "exec": SecretExec, "store": SecretStore}
	kind, ok := sources[got["source"]]
	switch {
	case !ok:
		return SecretRef{}, &Problem{Code: CodeValue, Found: "source " + quote(got["source"]), Expected: `one of "env", "file", "exec", "store"`,
			Nearest: Nearest(got["source"], []string{"env", "file", "exec", "store"})}
	case s.Provider == "":
		s.Provider = "default"
		if d := r.in.Root.Get("secrets").Get("defaults").Get(got["source"]); d != nil && d.Kind == json5.String {
			s.Provider = d.Text
		}
	}
	s.Kind = kind
	if !isProviderName(s.Provider) {
		return SecretRef{}, &Problem{Code: CodeValue, Found: "provider " + quote(s.Provider), Expected: "a lower-case name"}
	}
	if what := badID(kind, s.ID); what != "" {
		return SecretRef{}, &Problem{Code: CodeValue, Found: "id " + quote(s.ID), Expected: what}
	}
	return s, nil
}

func isProviderName(s string) bool {
	return isSlug(s) && s[0] >= 'a'
}

// badID says what an id should have been, "" for a good one.
func badID(kind SecretKind, id string) string {
	switch kind {
	case SecretEnv, SecretStore:
		if !isEnvName(id) {
			return "the name of a variable"
		}
	case SecretFile:
		if id != "value" && (!strings.HasPrefix(id, "/") || len(id) > 1024 || strings.ContainsAny(id, "\x00\n\r")) {
			return `a JSON pointer such as "/providers/openai/apiKey", or "value"`
		}
	case SecretExec:
		if !isExecID(id) {
			return "letters, digits and . _ : / # -, without . and .. as segments"
		}
	case NoSecret, SecretLiteral, SecretTemplate:
		return "a reference"
	}
	return ""
}

func isExecID(id string) bool {
	if id == "" || len(id) > 256 {
		return false
	}
	for i := range len(id) {
		c := id[i]
		word := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !word && (i == 0 || !strings.ContainsRune("._:/#-", rune(c))) {
			return false
		}
	}
	for _, seg := range strings.Split(id, "/") {
		if seg == "." || seg == ".." {
			return false
		}
	}
	return true
}

func markAll(n *json5.Node, marks map[*json5.Node]bool) {
	marks[n] = true
	for _, item := range n.Items {
		markAll(item, marks)
	}
	for i := range n.Members {
		markAll(n.Members[i].Value, marks)
	}
}
