package gate_test

import (
	"testing"

	"github.com/openclaw-go/openclaw/internal/approval"
	"github.com/openclaw-go/openclaw/internal/cmdline"
	"github.com/openclaw-go/openclaw/internal/gate"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// TestR01LaunchConfigIsAskedOnce: what a program executes from is asked about
// once for each content, whoever wrote it; a session's grant outlives the
// seeing.
func TestR01LaunchConfigIsAskedOnce(t *testing.T) {
	w := newWorld(t)
	w.rules.Exec = policy.ExecRules{Security: policy.ExecFull, Ask: policy.AskOff}
	file := policy.LaunchConfig{Path: "/ws/package.json", SHA256: "aa", ByAgent: true}
	w.probe.facts = func() policy.Facts {
		f := file
		for _, s := range w.seen {
			f.Seen = f.Seen || s.SHA256 == f.SHA256
		}
		return policy.Facts{Understood: true, Exec: &cmdline.Facts{Understood: true}, LaunchConfig: []policy.LaunchConfig{f}}
	}
	q := w.ask(w.call(`{}`))
	if q.Decision.Rule != "exec.launch_config" {
		t.Fatalf("%s", q.Decision.Rule)
	}
	w.answer(q.Approval, approval.AllowOnce, "")
	if len(w.seen) != 0 {
		t.Fatal("seen before the answer was taken")
	}
	if out := w.resume(q.Approval, 0); out.Status != gate.Done || len(w.seen) != 1 {
		t.Fatalf("%s %s, seen %v", out.Status, out.Text, w.seen)
	}
	if out := w.do(w.call(`{}`)); out.Status != gate.Done {
		t.Errorf("the same content again: %s %s", out.Status, out.Decision.Rule)
	}
	file.SHA256 = "bb"
	q = w.ask(w.call(`{}`))
	w.answer(q.Approval, approval.DenyIt, "")
	if out := w.resume(q.Approval, 0); out.Status != gate.Refused || len(w.seen) != 1 {
		t.Errorf("denied: %s, seen %v", out.Status, w.seen)
	}
	// The agent may change it again; the person is not asked for that (R24).
	file.SHA256 = "cc"
	if out := w.do(w.call(`{}`)); out.Status != gate.Refused || out.Decision.Rule != policy.RuleDeniedAlike {
		t.Errorf("changed after a no: %s %s", out.Status, out.Decision.Rule)
	}
	w.desk.Spoke(w.call(`{}`).Session)
	// What could not be hashed is asked about each time.
	file.SHA256 = ""
	for range 2 {
		q := w.ask(w.call(`{"n":1}`))
		w.answer(q.Approval, approval.AllowOnce, "")
		w.resume(q.Approval, 0)
	}
}
