package policy

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// TestRecordedRequestsAreDecidedAlike: a request that went through the journal
// gets the decision that it got, to the last word.
func TestRecordedRequestsAreDecidedAlike(t *testing.T) {
	cases := everyLine(t)
	rapid.Check(t, func(t *rapid.T) {
		r, q := anyRules(t), anyRequest(t, cases)
		q.Unattended = rapid.Bool().Draw(t, "unattended")
		d := Decide(r, q)
		line, err := json.Marshal(Record(q, d))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(line, []byte(`\ufffd`)) {
			return // no text: the gate calls such a record masked
		}
		var back Recorded
		if err := json.Unmarshal(line, &back); err != nil {
			t.Fatal(err)
		}
		again := Decide(r, back.Request(Caller{Agent: q.Agent, Session: q.Session, Run: q.Run, Call: q.Call, Principal: q.Principal}))
		d.Digest, again.Digest = Digest{}, Digest{}
		if !reflect.DeepEqual(d, again) {
			t.Fatalf("decided %+v, from the record %+v", d, again)
		}
		if back.Decided() != d.Verdict {
			t.Fatalf("the record says %s of a %s", back.Decided(), d.Verdict)
		}
	})
}

func TestDecidedBeforeAPersonsRefusal(t *testing.T) {
	r := Recorded{Verdict: Deny, Rule: RuleDeniedBefore, Trace: []TraceStep{{LayerProfile, Allow, "profile.allowed"}, {LayerFlow, Ask, "flow.untrusted_exec"}, {LayerFlow, Deny, RuleDeniedBefore}}}
	if got := r.Decided(); got != Ask {
		t.Errorf("%s, want ask: policy had asked", got)
	}
	r.Rule = "tools.denied"
	if got := r.Decided(); got != Deny {
		t.Errorf("%s, want deny", got)
	}
	if got := (&Recorded{Rule: RuleDeniedBefore, Labels: claw.Untrusted}).Decided(); got != Deny {
		t.Errorf("a record without trace: %s, want deny", got)
	}
}
