package config

import (
	"fmt"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/json5"
)

// Literals calls f with every credential that stands in the configuration in
// plain text: by the table of keys, or by its name or form where the table
// says nothing. f must not keep the value.
func (c *Config) Literals(f func(ref claw.ConfigRef, value string)) {
	if c.root != nil {
		c.literals(c.root, "", "", false, f)
	}
}

func (c *Config) literals(n *json5.Node, path, key string, secret bool, f func(claw.ConfigRef, string)) {
	if m, ok := c.secrets[n]; ok {
		secret = m
		if !m {
			return // a reference by name
		}
	}
	switch n.Kind {
	case json5.String, json5.Number:
		if c.isLiteral(n, key, secret) {
			f(refOf(n.Pos, path), n.Text)
		}
	case json5.Array:
		for i, item := range n.Items {
			c.literals(item, fmt.Sprintf("%s.%d", path, i), key, secret, f)
		}
	case json5.Object:
		for _, m := range n.Members {
			c.literals(m.Value, json5.Join(path, m.Key), m.Key, secret, f)
		}
	case json5.Invalid, json5.Null, json5.Bool:
	}
}

// isLiteral reports a credential in plain text.
func (*Config) isLiteral(n *json5.Node, key string, secret bool) bool {
	if n.Text == "" || isReferenceText(n.Text) {
		return false
	}
	named := secretKey().MatchString(key) && !notSecretKey().MatchString(key)
	return secret || n.Kind == json5.String && (named || secretShape().MatchString(n.Text) || hasUserinfo(n.Text))
}
