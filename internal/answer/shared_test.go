package answer

import (
	"testing"

	"github.com/openclaw-go/openclaw/internal/policy"
)

// TestR10TunnelsSendAnything: where programs reach a host that strangers share
// by a tunnel, the answer is that anything can be sent there, by that rule.
func TestR10TunnelsSendAnything(t *testing.T) {
	const config = `{tools: {profile: "full", exec: {security: "allowlist", ask: "off", allowlist: ["ls"]}, flow: {mode: "off"}, egress: {mode: "deny", hosts: [`
	for _, c := range []struct {
		name, host, goal string
		want             policy.Verdict
		rule             policy.RuleID
	}{
		{"open", `{host: "api.github.com", class: "write"}`, "post api.github.com", policy.Allow, policy.RuleAnythingAnywhere},
		{"with a path", `{host: "api.github.com", class: "write", paths: ["/repos/me"]}`, "post api.github.com", policy.Deny, ""},
		{"for reading", `"api.github.com"`, "post api.github.com", policy.Deny, ""},
		{"one owner's, for reading", `"own.example"`, "post own.example", policy.Allow, "exec.allowlist"},
	} {
		w := worldOf(t, config+c.host+`]}}}`)
		a := w.ask(t, "cli", c.goal)
		if a.Verdict != c.want {
			t.Errorf("%s: %v, expected %v: %+v", c.name, a.Verdict, c.want, a)
			continue
		}
		if c.want == policy.Allow && c.rule == policy.RuleAnythingAnywhere && len(a.Path) > 0 && a.Path[len(a.Path)-1].Rule != c.rule {
			t.Errorf("%s: by %s, expected %s", c.name, a.Path[len(a.Path)-1].Rule, c.rule)
		}
	}
}
