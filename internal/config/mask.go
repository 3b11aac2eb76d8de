package config

import (
	"bytes"

	"github.com/openclaw-go/openclaw/internal/json5"
)

// Masked is a source file of the configuration with every credential in it
// overwritten, byte by byte, so that places stay where they are.
func (c *Config) Masked(name string, src []byte) []byte {
	out := bytes.Clone(src)
	if c.root == nil {
		return out
	}
	c.maskNode(c.root, "", false, func(n *json5.Node) {
		if n.Pos.File != name || n.End > len(out) || n.Pos.Offset >= n.End {
			return
		}
		from, to := n.Pos.Offset, n.End
		if q := out[from]; q == '"' || q == '\'' {
			from, to = from+1, to-1
		}
		for i := from; i < to; i++ {
			switch {
			case n.Kind == json5.Number:
				out[i] = '1'
			case out[i] != '\n' && out[i] != '\r':
				out[i] = '*'
			}
		}
	})
	return out
}

func (c *Config) maskNode(n *json5.Node, key string, secret bool, f func(*json5.Node)) {
	if m, ok := c.secrets[n]; ok {
		secret = m
		if !m {
			return
		}
	}
	switch n.Kind {
	case json5.String, json5.Number:
		if c.isLiteral(n, key, secret) {
			f(n)
		}
	case json5.Array:
		for _, item := range n.Items {
			c.maskNode(item, key, secret, f)
		}
	case json5.Object:
		for _, m := range n.Members {
			c.maskNode(m.Value, m.Key, secret, f)
		}
	case json5.Invalid, json5.Null, json5.Bool:
	}
}
