package admission_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/openclaw-go/openclaw/internal/answer"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/inbox/admission"
	"github.com/openclaw-go/openclaw/internal/posture"
)

// anyChannels draws the channels of a configuration as a person writes them.
func anyChannels(t *rapid.T) string {
	list := func(name string) string {
		if rapid.Bool().Draw(t, name+" set") {
			return fmt.Sprintf("%s: [%s],", name, strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{`"1"`, `"2"`, `"telegram:3"`, `"*"`, `"@ana"`, `7`}), 0, 2).Draw(t, name), ", "))
		}
		return ""
	}
	word := func(name string, of ...string) string {
		if rapid.Bool().Draw(t, name+" set") {
			return fmt.Sprintf("%s: %q,", name, rapid.SampledFrom(of).Draw(t, name))
		}
		return ""
	}
	var b strings.Builder
	b.WriteString(`{channels: {telegram: {botToken: "x", `)
	b.WriteString(word("dmPolicy", "pairing", "allowlist", "open", "disabled") + word("groupPolicy", "allowlist", "open", "disabled") + list("allowFrom") + list("groupAllowFrom"))
	if rapid.Bool().Draw(t, "off") && rapid.Bool().Draw(t, "really off") {
		b.WriteString("enabled: false,")
	}
	b.WriteString("groups: {")
	for _, id := range []string{"-1", "-2", "*"} {
		if rapid.Bool().Draw(t, "group "+id) {
			fmt.Fprintf(&b, "%q: {%s %s requireMention: %t},", id, word("groupPolicy", "allowlist", "open", "disabled"), list("allowFrom"), rapid.Bool().Draw(t, "mention "+id))
		}
	}
	b.WriteString("}}}, commands: {" + strings.ReplaceAll(list("ownerAllowFrom"), `"1"`, `"telegram:1"`) + "}}")
	return b.String()
}

// TestAnswersCoverWhatIsAdmitted: whoever is read is counted among those who
// may be, by everything that judges the configuration: the audit, the matrix,
// policy can. They may say yes where one message is dropped; the other way
// round would hide somebody.
func TestAnswersCoverWhatIsAdmitted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := anyChannels(t)
		c, ps := config.ParseBytes("openclaw.json", []byte(text), nil)
		if ps.HasErrors() {
			t.Fatalf("%s: %v", text, ps.Err())
		}
		p := posture.Of(c, posture.World{Home: "/home/ana", State: "/home/ana/.openclaw", Config: "/home/ana/.openclaw/openclaw.json"})
		w := answer.Of(c, p, "/home/ana", []claw.ToolName{"read", "message"})
		paired := rapid.SliceOfN(rapid.SampledFrom([]string{"1", "2", "5"}), 0, 2).Draw(t, "paired")
		w.Pair(func(claw.ChannelID, claw.AccountID) answer.Pairing { return answer.Pairing{Known: true, IDs: paired} })
		in := posture.InboundOf(c)[0]
		rules := admission.Rules{Inbound: in, Owners: posture.OwnersOf(c, "telegram"), Paired: paired}
		f := anyFacts(t)
		f.Program, f.Own, f.Thread = false, false, ""
		got := admission.Decide(rules, f)
		if got.Verdict != admission.Admit {
			return
		}
		who := "telegram:" + string(f.Sender)
		if f.Kind == admission.Group {
			who = "telegram:member"
			if got.Standing == claw.Owner {
				return // an owner's word is an owner's wherever it is written
			}
		}
		senders, err := w.Who(who)
		if err != nil || len(senders) != 1 {
			t.Fatalf("%s: %v, %v", who, senders, err)
		}
		if ok, r := w.Admits(senders[0], ""); !ok {
			t.Fatalf("%s is read (%s), and %s says nobody like that is: %s", f.Sender, got.Rule, text, r.Rule)
		}
	})
}
