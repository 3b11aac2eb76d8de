package audit

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// looser are blocks of a configuration, from strict to loose.
func looser() [][]string {
	return [][]string{
		{`gateway: { bind: "loopback", auth: { mode: "token", token: "` + strong + `" } }`, `gateway: { bind: "lan", auth: { mode: "token", token: "` + strong + `" } }`, `gateway: { bind: "lan", auth: { mode: "token", token: "short" } }`, `gateway: { bind: "lan", auth: { mode: "none" } }`},
		{`channels: { telegram: { dmPolicy: "disabled" } }`, `channels: { telegram: { dmPolicy: "pairing" } }`, `channels: { telegram: { dmPolicy: "open" } }`, `channels: { telegram: { dmPolicy: "open", allowFrom: ["*"], groupPolicy: "open" } }`},
		{`tools: { profile: "messaging", exec: { security: "deny" } }`, `tools: { profile: "coding", exec: { security: "allowlist", ask: "always" } }`, `tools: { profile: "full", exec: { security: "full", ask: "off" } }`, `tools: { profile: "full", exec: { security: "full", ask: "off" }, elevated: { enabled: true }, fs: { workspaceOnly: false } }`},
		{`logging: { redactSensitive: "tools" }`, `logging: { redactSensitive: "off" }`, `logging: { redactSensitive: "off", audit: { enabled: false } }`},
		{`hooks: { enabled: false }`, `hooks: { enabled: true, token: "another-` + strong + `", allowedAgentIds: ["main"], defaultSessionKey: "h" }`, `hooks: { enabled: true, allowRequestSessionKey: true }`, `hooks: { enabled: true, path: "/", allowRequestSessionKey: true }`},
	}
}

func confOf(steps []int, more string) string {
	var parts []string
	for i, b := range looser() {
		parts = append(parts, b[steps[i]])
	}
	return "{ " + strings.Join(parts, ", ") + more + " }"
}

func report(t *testing.T, owner HomeOwner, conf string) Report {
	t.Helper()
	in, _, _ := home{owner: owner, conf: conf}.input(t)
	return Run(in, Options{})
}

func worst(r Report) claw.Severity {
	w := claw.Info
	for _, f := range r.Findings {
		w = max(w, f.Severity)
	}
	return w
}

// TestLooseningNeverCalms: a looser configuration is never judged milder.
func TestLooseningNeverCalms(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		owner := rapid.SampledFrom([]HomeOwner{OurHome, UpstreamHome}).Draw(r, "owner")
		steps := make([]int, len(looser()))
		before := report(t, owner, confOf(steps, ""))
		for range 5 {
			i := rapid.IntRange(0, len(steps)-1).Draw(r, "block")
			if steps[i]+1 >= len(looser()[i]) {
				continue
			}
			steps[i]++
			after := report(t, owner, confOf(steps, ""))
			if worst(after) < worst(before) {
				r.Fatalf("worst went from %s to %s by %s", worst(before), worst(after), looser()[i][steps[i]])
			}
			if after.Summary.Critical < before.Summary.Critical {
				r.Fatalf("%d criticals became %d by %s", before.Summary.Critical, after.Summary.Critical, looser()[i][steps[i]])
			}
			before = after
		}
	})
}

// TestReportIsStable: the same snapshot gives the same bytes.
func TestReportIsStable(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		var steps []int
		for i, b := range looser() {
			steps = append(steps, rapid.IntRange(0, len(b)-1).Draw(r, fmt.Sprint("block ", i)))
		}
		conf := confOf(steps, `, agents: { defaults: { sandbox: { docker: { binds: ["/etc:/e"] } } }, list: [{ id: "a", sandbox: { docker: { binds: ["/proc:/p"] } } }] }, browser: { profiles: { a: { cdpUrl: "http://a.example" }, b: { cdpUrl: "http://b.example" } } }`)
		var first string
		for i := range 3 {
			b, err := json.Marshal(report(t, UpstreamHome, conf))
			if err != nil {
				r.Fatal(err)
			}
			if i == 0 {
				first = string(b)
			} else if string(b) != first {
				r.Fatalf("two reports of one snapshot differ:\n%s\n%s", first, b)
			}
		}
	})
}

// TestCriticalsAreNeverSilenced: whatever is suppressed, every critical
// finding is shown, and no other finding is lost.
func TestCriticalsAreNeverSilenced(t *testing.T) {
	steps := []int{3, 3, 3, 2, 3}
	plain := report(t, UpstreamHome, confOf(steps, ""))
	var list []string
	for _, f := range plain.Findings {
		list = append(list, fmt.Sprintf("{ checkId: %q, reason: \"so be it\" }", f.CheckID))
	}
	list = append(list, `{ checkId: "*" }`, `{ checkId: "security.audit.suppressions.active" }`)
	quiet := report(t, UpstreamHome, confOf(steps, `, security: { audit: { suppressions: [`+strings.Join(list, ", ")+`] } }`))
	if plain.Summary.Critical < 5 || quiet.Summary.Critical != plain.Summary.Critical {
		t.Errorf("%d criticals with suppressions, %d without", quiet.Summary.Critical, plain.Summary.Critical)
	}
	if len(quiet.Silenced) == 0 {
		t.Error("nothing was silenced")
	}
	for _, x := range quiet.Silenced {
		if x.Severity == claw.Critical || x.CheckID == "security.audit.suppressions.active" {
			t.Errorf("%s is silenced", x.CheckID)
		}
	}
}
