package policy

import "testing"

// TestHaltedReplies: a lockdown that lets agents talk lets replies through, any
// other one does not.
func TestHaltedReplies(t *testing.T) {
	r := openRules()
	q := request("message", Facts{Sends: []Send{{Channel: "webchat", To: "main", OriginOnly: true, OwnersOnly: true}}}, 0)
	for halt, want := range map[Halt]Verdict{HaltNone: Allow, HaltTools: Allow, HaltAll: Deny} {
		r.Halted = halt
		if d := DecideReply(r, q); d.Verdict != want || want == Deny && d.Rule != RuleLockdown {
			t.Errorf("halt %d: %s by %s", halt, d.Verdict, d.Rule)
		}
		if s := JudgeReply(&r, &q); s.Verdict != want {
			t.Errorf("halt %d, without words: %s by %s", halt, s.Verdict, s.Rule)
		}
	}
}
