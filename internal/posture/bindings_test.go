package posture

import (
	"strings"
	"testing"

	"github.com/openclaw-go/openclaw/internal/config"
)

func postureOf(t *testing.T, text string) Posture {
	t.Helper()
	c, _ := config.ParseBytes("openclaw.json", []byte(text), nil)
	return Of(c, World{Home: "/home/u", State: "/home/u/.openclaw", Config: "/home/u/.openclaw/openclaw.json"})
}

// TestBindings: an entry binds one exact place, or nothing, which is said.
func TestBindings(t *testing.T) {
	const good = `secret: {$env: "X"}, host: "Api.Example.com", path: "/v1", header: "Authorization"`
	p := postureOf(t, `{secrets: {bindings: {forge: {`+good+`, methods: ["POST"], agents: ["main"]}}}}`)
	if len(p.Bindings) != 1 || p.Bindings[0].Host != "api.example.com" || p.Bindings[0].Path != "/v1" || !p.Bindings[0].For("main") || p.Bindings[0].For("other") || p.Bindings[0].Methods[0] != "POST" || p.Bindings[0].Where.Line == 0 {
		t.Fatalf("%+v", p.Bindings)
	}
	for name, edit := range map[string][2]string{
		"no secret": {`secret: {$env: "X"}, `, ""}, "no host": {`host: "Api.Example.com", `, ""}, "wildcard": {"Api.Example.com", "*.example.com"}, "address": {"Api.Example.com", "10.0.0.1"},
		"address v6": {"Api.Example.com", "2606:2800::1"}, "port": {"Api.Example.com", "api.example.com:8443"}, "URL": {"Api.Example.com", "https://api.example.com"}, "no domain": {"Api.Example.com", "intranet"},
		"number": {"Api.Example.com", "a.0x7f"}, "no path": {`path: "/v1", `, ""}, "relative": {"/v1", "v1"}, "no header": {`, header: "Authorization"`, ""}, "Host": {"Authorization", "Host"}, "Cookie": {"Authorization", "cookie"},
		"two headers": {"Authorization", "A: b"}, "framing": {"Authorization", "Transfer-Encoding"}, "no agents": {`header`, `agents: [], header`}, "no methods": {`header`, `methods: [], header`}, "odd agents": {`header`, `agents: 3, header`},
	} {
		text := strings.Replace(good, edit[0], edit[1], 1)
		if text == good {
			t.Fatalf("%s changes nothing", name)
		}
		p := postureOf(t, `{secrets: {bindings: {forge: {`+text+`}}}}`)
		said := false
		for _, n := range p.Notes {
			said = said || n.ID == "secrets.binding_invalid" && strings.Contains(n.Text, "secrets.bindings.forge")
		}
		if len(p.Bindings) != 0 || !said {
			t.Errorf("%s: %+v, said %t", name, p.Bindings, said)
		}
	}
}

// TestBindingsLoosen: a secret for programs, or a wider place for it, waits for
// a person; less does not.
func TestBindingsLoosen(t *testing.T) {
	at := func(more string) Posture {
		return postureOf(t, `{secrets: {bindings: {forge: {secret: {$env: "X"}, host: "api.example.com", header: "Authorization", `+more+`}}}}`)
	}
	none, narrow, wide := postureOf(t, `{}`), at(`path: "/v1", agents: ["main"]`), at(`path: "/"`)
	for name, c := range map[string]struct {
		a, b  Posture
		waits bool
	}{"new": {none, narrow, true}, "wider": {narrow, wide, true}, "gone": {narrow, none, false}, "the same": {narrow, narrow, false}} {
		if got := Loosens(c.a, c.b); (len(got) > 0) != c.waits {
			t.Errorf("%s: %v", name, got)
		}
	}
}
