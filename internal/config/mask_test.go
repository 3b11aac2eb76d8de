package config

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/openclaw-go/openclaw/internal/claw"
)

func literalsOf(c *Config) (out []string) {
	c.Literals(func(ref claw.ConfigRef, value string) { out = append(out, ref.Pointer+"="+value) })
	return out
}

func TestLiteralsAreFound(t *testing.T) {
	src := `{
  gateway: { auth: { token: "0123456789abcdef", password: { $env: "P" } } },
  channels: { telegram: { botToken: "${BOT}" } },
  models: { providers: { x: { baseUrl: "https://me:pw@host/", headers: { "X-Key": "v" } } } },
  env: { vars: { GITHUB_TOKEN: "ghp_0123456789abcdef" } },
  agents: { defaults: { contextTokens: 5 } },
}`
	c, _ := ParseBytes("openclaw.json", []byte(src), nil)
	got := strings.Join(literalsOf(c), " ")
	for _, want := range []string{"gateway.auth.token=0123456789abcdef", "baseUrl=https://me:pw@host/", "GITHUB_TOKEN=ghp_0123456789abcdef"} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is missing in %s", want, got)
		}
	}
	for _, wrong := range []string{"password", "botToken", "contextTokens"} {
		if strings.Contains(got, wrong) {
			t.Errorf("%s in %s", wrong, got)
		}
	}
}

// What is masked holds no credential, has the same places, and reads as the
// same keys.
func TestMaskedKeepsPlaces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		token := rapid.StringMatching(`[A-Za-z0-9_-]{8,40}`).Draw(t, "token")
		src := "{\n // a comment\n gateway: { auth: { mode: 'token', token: '" + token + "' }, port: 9 },\n hooks: { token: \"" + token + "\" } }\n"
		c, _ := ParseBytes("openclaw.json", []byte(src), nil)
		out := c.Masked("openclaw.json", []byte(src))
		if strings.Contains(string(out), token) {
			t.Fatalf("%q still holds %q", out, token)
		}
		if len(out) != len(src) {
			t.Fatalf("%d bytes became %d", len(src), len(out))
		}
		again, ps := ParseBytes("openclaw.json", out, nil)
		if ps.HasErrors() || again.Gateway.Port.Ref != c.Gateway.Port.Ref || again.Hooks.Token.Ref != c.Hooks.Token.Ref {
			t.Fatalf("places moved: %v", ps)
		}
	})
}
