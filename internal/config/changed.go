package config

import (
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/json5"
)

// maxChanged bounds what Changed names.
const maxChanged = 24

// Changed names the keys in which two configurations differ, without their
// values. A list counts as one value. nil configurations are empty ones.
func Changed(before, next *Config) []string {
	var a, b *json5.Node
	if before != nil {
		a = before.root
	}
	if next != nil {
		b = next.root
	}
	var out []string
	changed(a, b, "", &out)
	slices.Sort(out)
	out = slices.Compact(out)
	if len(out) > maxChanged {
		out = append(out[:maxChanged], "and more")
	}
	return out
}

func changed(a, b *json5.Node, at string, out *[]string) {
	if isObject(a) && isObject(b) || at == "" && (isObject(a) || isObject(b)) {
		for _, k := range keysOf(a, b) {
			name := k
			if len(name) > 64 {
				name = name[:64]
			}
			path := strings.TrimPrefix(at+"."+name, ".")
			changed(a.Get(k), b.Get(k), path, out)
		}
		return
	}
	if !sameValue(a, b) {
		*out = append(*out, at)
	}
}

func isObject(n *json5.Node) bool { return n != nil && n.Kind == json5.Object }

func keysOf(nodes ...*json5.Node) []string {
	var out []string
	for _, n := range nodes {
		if n == nil {
			continue
		}
		for i := range n.Members {
			if k := n.Members[i].Key; !slices.Contains(out, k) {
				out = append(out, k)
			}
		}
	}
	return out
}

func sameValue(a, b *json5.Node) bool {
	if a == nil || b == nil {
		return a == b
	}
	if a.Kind != b.Kind || a.Text != b.Text || a.Bool != b.Bool || a.Num != b.Num && a.Num == a.Num || len(a.Items) != len(b.Items) || len(a.Members) != len(b.Members) {
		return false
	}
	for i := range a.Items {
		if !sameValue(a.Items[i], b.Items[i]) {
			return false
		}
	}
	for i := range a.Members {
		if !sameValue(a.Members[i].Value, b.Get(a.Members[i].Key)) {
			return false
		}
	}
	return true
}
