package config

import (
	"fmt"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"sync"

	"github.com/openclaw-go/openclaw/internal/json5"
)

// Get returns what the file says at a path, as it is safe to show: credentials
// are replaced by "[redacted]", references stay. The empty path is the whole
// file. An unset path is an error that names the nearest known key.
func (c *Config) Get(path string) (*json5.Node, error) {
	p, err := json5.ParsePath(path)
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	if c.root == nil && len(p) == 0 {
		return &json5.Node{Kind: json5.Object}, nil
	}
	n := c.root.Lookup(p)
	if n == nil {
		if near := nearestPath(p); near != "" {
			return nil, fmt.Errorf("config: %q is not a key; did you mean %q?", path, near)
		}
		return nil, fmt.Errorf("config: %q is not set", path)
	}
	secret := false
	for i := 1; i < len(p) && !secret; i++ {
		above := c.root.Lookup(p[:i])
		secret = c.secrets[above]
	}
	key := ""
	if len(p) > 0 {
		key = lastKey(path)
	}
	return c.redact(n, key, secret), nil
}

// Redacted is the whole file as Get shows it; nil without one.
func (c *Config) Redacted() *json5.Node {
	if c.root == nil {
		return nil
	}
	return c.redact(c.root, "", false)
}

func lastKey(path string) string {
	if i := strings.LastIndexAny(path, ".["); i >= 0 {
		path = path[i+1:]
	}
	return strings.Trim(path, `"']`)
}

var (
	// secretKey are names that hold credentials where no table says so.
	secretKey = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)(token|secret|passw(or)?d|passphrase|api_?-?key|private_?-?key|access_?-?key|credential|authorization|cookie|^bearer$|^key$|[a-z_](Key|KEY)$)`)
	})
	// notSecretKey are names like that which hold none.
	notSecretKey = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)(max|min|context|reserve|keep|limit|threshold|fork|chars|count|per(Day|Turn)?$|file$|path$|header|mainKey|sessionKey|soft)`)
	})
	// secretText are credentials that show by their form.
	secretShape = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)\b(sk-[a-z0-9_-]{8,}|gh[opsur]_[a-z0-9]{8,}|github_pat_\w{8,}|xox[a-z]-[a-z0-9-]{8,}|xapp-[a-z0-9-]{8,}|\d{6,}:[a-z0-9_-]{20,}|akia[a-z0-9]{12,}|aiza[a-z0-9_-]{20,}|eyj[a-z0-9_-]{10,}\.[a-z0-9_-]+|age-secret-key-\w+|bearer\s+\S{8,})`)
	})
)

// redact copies a value without its credentials.
func (c *Config) redact(n *json5.Node, key string, secret bool) *json5.Node {
	out := *n
	if m, ok := c.secrets[n]; ok {
		secret = m
		if !m {
			return &out // a reference by name
		}
	}
	switch n.Kind {
	case json5.String, json5.Number:
		named := secretKey().MatchString(key) && !notSecretKey().MatchString(key)
		if secret || n.Kind == json5.String && n.Text != "" && (named && !isReferenceText(n.Text) || secretShape().MatchString(n.Text) || hasUserinfo(n.Text)) {
			out = json5.Node{Kind: json5.String, Pos: n.Pos, End: n.End, Text: redacted}
		}
	case json5.Array:
		out.Items = make([]*json5.Node, len(n.Items))
		for i, item := range n.Items {
			out.Items[i] = c.redact(item, key, secret)
		}
	case json5.Object:
		out.Members = make([]json5.Member, len(n.Members))
		for i, m := range n.Members {
			m.Value = c.redact(m.Value, m.Key, secret)
			out.Members[i] = m
		}
	case json5.Invalid, json5.Null, json5.Bool:
	}
	return &out
}

func isReferenceText(s string) bool {
	ref := literalOrEnv(s)
	return ref.Kind == SecretEnv
}

func hasUserinfo(s string) bool {
	if !strings.Contains(s, "://") || !strings.Contains(s, "@") {
		return false
	}
	u, err := url.Parse(s)
	if err != nil {
		return true // cannot be told apart: not shown
	}
	_, set := u.User.Password()
	return set
}

// nearestPath corrects the first key of a path that no table has.
func nearestPath(p json5.Path) string {
	ts := tables{}
	t := ts.of(reflect.TypeFor[Config]())
	for i := range p {
		key, ok := p[i].Name()
		if !ok || t == nil {
			return ""
		}
		k, known := t.find(key)
		if !known {
			if t.open || t.foreign(key) {
				return ""
			}
			near := Nearest(key, t.keys())
			if near == "" {
				return ""
			}
			return append(append(append(json5.Path(nil), p[:i]...), json5.Key(near)), p[i+1:]...).String()
		}
		if t.fields[k].shape != shapeBlock {
			return ""
		}
		t = ts.of(t.fields[k].typ)
	}
	return ""
}
