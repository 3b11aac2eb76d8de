package answer

import (
	"testing"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/posture"
)

// TestAdmits: a sender reaches the agents that his conversations are routed
// to, by the rule that lets him in.
func TestAdmits(t *testing.T) {
	for _, x := range []struct {
		conf, who, agent string
		in               bool
		rule             policy.RuleID
	}{
		{`{ channels: { telegram: { dmPolicy: "open" } } }`, "telegram:stranger", "", true, "admission.open"},
		{`{ channels: { telegram: { dmPolicy: "pairing" } } }`, "telegram:stranger", "", false, "admission.pairing_needed"},
		{`{ channels: { telegram: { dmPolicy: "pairing", allowFrom: ["*"] } } }`, "telegram:stranger", "", true, "admission.everybody_listed"},
		{`{ channels: { telegram: { dmPolicy: "open" } }, agents: { list: [{ id: "a" }, { id: "b" }] }, bindings: [{ agentId: "b", match: { channel: "telegram" } }] }`, "telegram:stranger", "b", true, "admission.open"},
		{`{ channels: { telegram: { dmPolicy: "open" } }, agents: { list: [{ id: "a" }, { id: "b" }] }, bindings: [{ agentId: "b", match: { channel: "telegram" } }] }`, "telegram:stranger", "a", false, "admission.not_routed"},
	} {
		c, problems := config.ParseBytes("x.json", []byte(x.conf), func(string) (string, bool) { return "", false })
		if err := problems.Err(); err != nil {
			t.Fatal(err)
		}
		w := Of(c, posture.Of(c, posture.World{Home: "/home/u", State: "/home/u/.openclaw", Config: "/home/u/.openclaw/openclaw.json"}), "/home/u", nil)
		who, err := w.Who(x.who)
		if err != nil || len(who) != 1 {
			t.Fatal(who, err)
		}
		if in, r := w.Admits(who[0], claw.AgentID(x.agent)); in != x.in || r.Rule != x.rule {
			t.Errorf("%s by %s into %q: %v %s", x.conf, x.who, x.agent, in, r.Rule)
		}
	}
}
