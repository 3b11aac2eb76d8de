package config

import (
	"fmt"
	"strings"
	"testing"
)

func TestChanged(t *testing.T) {
	for _, c := range []struct{ a, b, want string }{
		{`{}`, `{}`, ""},
		{``, `{gateway:{port:1}}`, "gateway"},
		{`{gateway:{port:1}}`, `{/* c */ gateway: { "port": 1, } }`, ""},
		{`{gateway:{port:1,bind:"lan"}}`, `{gateway:{port:2,bind:"lan"}}`, "gateway.port"},
		{`{gateway:{port:1}}`, `{gateway:{}}`, "gateway.port"},
		{`{tools:{deny:["a"]}}`, `{tools:{deny:["a","b"]}}`, "tools.deny"},
		{`{a:{x:1,y:[{z:1}]}}`, `{a:{y:[{z:2}],x:1}}`, "a.y"},
		{`{gateway:{auth:{token:"one-secret-value"}}}`, `{gateway:{auth:{token:"two-secret-value"}}}`, "gateway.auth.token"},
	} {
		a, _ := ParseBytes("a", []byte(c.a), nil)
		b, _ := ParseBytes("b", []byte(c.b), nil)
		if got := strings.Join(Changed(a, b), " "); got != c.want {
			t.Errorf("%s → %s: %q, expected %q", c.a, c.b, got, c.want)
		}
	}
	var many []string
	for i := range 100 {
		many = append(many, fmt.Sprintf("k%d:%d", i, i))
	}
	b, _ := ParseBytes("b", []byte("{"+strings.Join(many, ",")+"}"), nil)
	if got := Changed(nil, b); len(got) != maxChanged+1 {
		t.Errorf("%d keys", len(got))
	}
}
