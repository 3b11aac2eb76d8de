package gate_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/approval"
	"github.com/openclaw-go/openclaw/internal/chain"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/cmdline"
	"github.com/openclaw-go/openclaw/internal/gate"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox"
	"github.com/openclaw-go/openclaw/internal/tool"
)

// TestNoRecordNoEffect: whatever entry cannot be kept, nothing happens before
// it, and the caller learns of it.
func TestNoRecordNoEffect(t *testing.T) {
	full := errors.New("disk full")
	at := func(event journal.Event, phase chain.Phase) func(journal.Entry) error {
		return func(e journal.Entry) error {
			if e.Event == event && e.Phase == phase {
				return full
			}
			return nil
		}
	}
	t.Run("no decision", func(t *testing.T) {
		w := newWorld(t)
		w.memory.fail = at(journal.Decision, journal.Single)
		if _, err := w.gate.Call(t.Context(), w.call(`{}`)); !errors.Is(err, full) || w.probe.runs != 0 {
			t.Fatalf("error %v, %d runs", err, w.probe.runs)
		}
	})
	t.Run("no intent", func(t *testing.T) {
		w := newWorld(t)
		w.memory.fail = at(journal.ToolInvoke, journal.Intent)
		if _, err := w.gate.Call(t.Context(), w.call(`{}`)); !errors.Is(err, full) || w.probe.runs != 0 {
			t.Fatalf("error %v, %d runs", err, w.probe.runs)
		}
	})
	t.Run("no question without its decision", func(t *testing.T) {
		w := newWorld(t)
		w.probe.facts = jobs("j")
		w.memory.fail = at(journal.Decision, journal.Single)
		c := w.call(`{}`)
		c.Labels = claw.Untrusted
		if _, err := w.gate.Call(t.Context(), c); !errors.Is(err, full) || len(w.desk.Waiting()) != 0 || w.probe.previews != 0 {
			t.Fatalf("error %v, %d questions, %d previews", err, len(w.desk.Waiting()), w.probe.previews)
		}
	})
	t.Run("no consent", func(t *testing.T) {
		w := newWorld(t)
		w.probe.facts = jobs("j")
		w.memory.fail = at(journal.Consent, journal.Single)
		c := w.call(`{}`)
		c.Labels = claw.Untrusted
		id := w.ask(c).Approval
		w.answer(id, approval.AllowOnce, "")
		if _, err := w.gate.Resume(t.Context(), id, claw.Untrusted); !errors.Is(err, full) || w.probe.runs != 0 {
			t.Fatalf("error %v, %d runs", err, w.probe.runs)
		}
	})
	t.Run("no outcome", func(t *testing.T) {
		w := newWorld(t)
		w.memory.fail = at(journal.ToolInvoke, journal.Outcome)
		out, err := w.gate.Call(t.Context(), w.call(`{}`))
		if !errors.Is(err, full) || out.Text != "ran" {
			t.Fatalf("error %v, text %q: what happened is told together with the error", err, out.Text)
		}
	})
}

// TestDenyNeverRuns: a refused call is neither run nor shown to a person, and
// one refused by name is not even looked at.
func TestDenyNeverRuns(t *testing.T) {
	w := newWorld(t)
	w.rules.Tools = append(w.rules.Tools, policy.ToolLayer{Layer: policy.LayerAgent, Deny: map[claw.ToolName]bool{"probe": true}})
	out := w.do(w.call(`{}`))
	if out.Status != gate.Refused || out.Decision.Rule != "tools.denied" || !out.IsError {
		t.Fatalf("%+v", out)
	}
	if w.probe.prepared+w.probe.previews+w.probe.runs != 0 {
		t.Fatalf("a tool denied by name was prepared %d, previewed %d, run %d times", w.probe.prepared, w.probe.previews, w.probe.runs)
	}
	w = newWorld(t)
	w.probe.facts = func() policy.Facts {
		return policy.Facts{Understood: true, Reads: []policy.Path{{Abs: "/etc/shadow", Text: "/etc/shadow"}}}
	}
	out = w.do(w.call(`{}`))
	if out.Status != gate.Refused || w.probe.previews+w.probe.runs != 0 {
		t.Fatalf("%+v; previews %d, runs %d", out, w.probe.previews, w.probe.runs)
	}
	if n := len(w.memory.entries); n != 1 || w.memory.entries[0].Event != journal.Decision {
		t.Fatalf("%d entries, want the decision alone", n)
	}
}

// TestUnknownIsRefusedAndRecorded: an agent, a tool or arguments that are not
// known end as recorded refusals, never as a run or a panic.
func TestUnknownIsRefusedAndRecorded(t *testing.T) {
	w := newWorld(t)
	c := w.call(`{}`)
	c.Agent = "nobody"
	if out := w.do(c); out.Status != gate.Refused || out.Decision.Rule != "surface.unknown_agent" {
		t.Errorf("unknown agent: %+v", out.Decision)
	}
	c = w.call(`{}`)
	c.Tool = "teleport"
	if out := w.do(c); out.Status != gate.Refused || out.Decision.Rule != "tools.bad_call" || !strings.Contains(out.Text, `no tool "teleport"`) {
		t.Errorf("unknown tool: %+v", out)
	}
	c = w.call(`{"path":`)
	c.Tool = "write"
	w.tools = append(w.tools, tool.Write())
	if out := w.do(c); out.Status != gate.Refused || out.Decision.Rule != "tools.bad_call" {
		t.Errorf("broken arguments: %+v", out)
	}
	if len(w.memory.entries) != 3 {
		t.Errorf("%d entries, want one for each refusal", len(w.memory.entries))
	}
}

// TestR03ReplyIsADecision: the model's answer is judged by its readers and
// recorded before it leaves; without a record it does not.
func TestR03ReplyIsADecision(t *testing.T) {
	both := claw.Untrusted | claw.Private
	own := policy.Send{Channel: "webchat", To: "main", OriginOnly: true, OwnersOnly: true}
	group := policy.Send{Channel: "telegram", To: "-100", OriginOnly: true}
	cases := map[string]struct {
		to     policy.Send
		labels claw.Labels
		want   policy.Verdict
	}{
		"to its owner":                  {own, both, policy.Allow},
		"to a group, clean":             {group, 0, policy.Allow},
		"to a group, with private text": {group, both, policy.Ask},
		"a secret, to a group":          {group, claw.Secret, policy.Deny},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			d, err := w.gate.Reply(t.Context(), gate.Reply{Agent: "main", Session: session, Principal: owner, Labels: c.labels, Audience: c.to, Bytes: 5})
			if err != nil || d.Verdict != c.want {
				t.Fatalf("%s %s, %v; want %s", d.Verdict, d.Rule, err, c.want)
			}
			if len(w.memory.entries) != 1 || w.memory.entries[0].Event != journal.ChannelMessage {
				t.Fatalf("entries: %+v", w.memory.entries)
			}
			w.memory.fail = func(journal.Entry) error { return errors.New("full") }
			if _, err := w.gate.Reply(t.Context(), gate.Reply{Agent: "main", Session: session, Principal: owner, Audience: c.to}); err == nil {
				t.Fatal("an answer left without a record")
			}
		})
	}
	w := newWorld(t)
	if d, _ := w.gate.Reply(t.Context(), gate.Reply{Agent: "nobody", Audience: own}); d.Verdict != policy.Deny {
		t.Errorf("an unknown agent answers: %s", d.Rule)
	}
}

// TestR25ConsentCoversWhatWasShown: a yes holds for the call as it stood on
// the card; whatever changed since voids it.
func TestR25ConsentCoversWhatWasShown(t *testing.T) {
	cases := map[string]struct {
		change func(*world)
		labels claw.Labels
		runs   int
		rule   policy.RuleID
	}{
		"nothing":                   {func(*world) {}, claw.Untrusted, 1, ""},
		"fewer labels than shown":   {func(*world) {}, 0, 1, ""},
		"a label came in":           {func(*world) {}, claw.Untrusted | claw.Private, 0, "approval.voided"},
		"the call does more":        {func(w *world) { w.probe.facts = jobs("j", "k") }, claw.Untrusted, 0, "approval.voided"},
		"a program's content":       {func(w *world) { w.probe.facts = withProgram("bb") }, claw.Untrusted, 0, "approval.voided"},
		"the profile":               {func(w *world) { w.rules.Confinement.WorkspaceWrite = true }, claw.Untrusted, 0, "approval.voided"},
		"a warning on the card":     {func(w *world) { w.probe.warnings = []string{"runs what it downloads"} }, claw.Untrusted, 0, "approval.voided"},
		"a late answer":             {func(w *world) {}, claw.Untrusted, 0, "approval.voided"},
		"the posture":               {func(w *world) { w.rules.Generation = "g2" }, claw.Untrusted, 0, "approval.voided"},
		"the tool is denied by now": {func(w *world) { w.rules = policy.Rules{Agent: "main", Generation: "g1"} }, claw.Untrusted, 0, ""},
		"the world cannot be seen":  {func(w *world) { w.scope = noScope }, claw.Untrusted, 0, "approval.voided"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.probe.facts = jobs("j")
			if name == "a program's content" {
				w.probe.facts = withProgram("aa")
			}
			if name == "the profile" {
				w.probe.facts = func() policy.Facts {
					return policy.Facts{Understood: true, Jobs: []string{"j"}, Exec: &cmdline.Facts{Understood: true}}
				}
				w.rules.Exec = policy.ExecRules{Security: policy.ExecFull}
			}
			call := w.call(`{"n":1}`)
			call.Labels = claw.Untrusted
			id := w.ask(call).Approval
			c.change(w)
			w.answer(id, approval.AllowOnce, "")
			if name == "a late answer" {
				w.now = w.now.Add(approval.DefaultExpiry + time.Minute)
			}
			out := w.resume(id, c.labels)
			if w.probe.runs != c.runs {
				t.Fatalf("%d runs, want %d (%s: %s)", w.probe.runs, c.runs, out.Decision.Rule, out.Decision.Reason)
			}
			if c.runs == 0 && out.Status != gate.Refused || c.rule != "" && out.Decision.Rule != c.rule {
				t.Errorf("status %s, rule %s", out.Status, out.Decision.Rule)
			}
			if _, err := w.gate.Resume(t.Context(), id, c.labels); err == nil {
				t.Error("a question was resumed twice")
			}
			if w.probe.runs > c.runs {
				t.Error("the call ran twice")
			}
		})
	}
}

func withProgram(sum string) func() policy.Facts {
	return func() policy.Facts {
		return policy.Facts{Understood: true, Jobs: []string{"j"}, Programs: []policy.Program{{Path: "/usr/bin/x", SHA256: sum}}}
	}
}

func noScope(gate.Call, policy.Rules) (tool.Scope, error) {
	return tool.Scope{}, errors.New("gone")
}

// TestR25FileUnderTheAnswer: the file whose change a person was shown is the
// file that is changed.
func TestR25FileUnderTheAnswer(t *testing.T) {
	for name, edit := range map[string]bool{"left alone": false, "changed before the answer": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			ws := w.disk()
			w.tools = append(w.tools, tool.Write())
			soul := filepath.Join(ws, "SOUL.md")
			if err := os.WriteFile(soul, []byte("be kind\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			c := w.call(`{"path":"SOUL.md","content":"be brief\n"}`)
			c.Tool, c.Labels = "write", claw.Untrusted
			q := w.ask(c)
			v, _, err := w.desk.Get(q.Approval)
			if err != nil || !strings.Contains(v.Content, "-be kind") || !strings.Contains(v.Content, "+be brief") {
				t.Fatalf("the card does not show the change: %q, %v", v.Content, err)
			}
			if edit {
				if err := os.WriteFile(soul, []byte("be careful\n"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			w.answer(q.Approval, approval.AllowOnce, "")
			out := w.resume(q.Approval, claw.Untrusted)
			b, err := os.ReadFile(soul)
			if err != nil {
				t.Fatal(err)
			}
			want := "be brief\n"
			if edit {
				want = "be careful\n"
			}
			if string(b) != want {
				t.Errorf("the file holds %q, want %q (%s: %s)", b, want, out.Decision.Rule, out.Text)
			}
		})
	}
}

// TestSessionGrant: it covers the same call under the same labels in the same
// session, and nothing beside.
func TestSessionGrant(t *testing.T) {
	w := newWorld(t)
	w.probe.facts = jobs("j")
	labelled := func(args string, labels claw.Labels) gate.Call {
		c := w.call(args)
		c.Labels = labels
		return c
	}
	first := w.ask(labelled(`{"n":1}`, claw.Untrusted))
	w.answer(first.Approval, approval.AllowAlways, "session")
	if out := w.resume(first.Approval, claw.Untrusted); out.Status != gate.Done {
		t.Fatalf("%+v", out)
	}
	if out := w.do(labelled(`{ "n" : 1 }`, claw.Untrusted)); out.Status != gate.Done || w.probe.runs != 2 {
		t.Fatalf("the same call was asked about again: %+v", out)
	}
	if out := w.do(labelled(`{"n":2}`, claw.Untrusted)); out.Status != gate.Pending {
		t.Errorf("other arguments: %s", out.Status)
	}
	if out := w.do(labelled(`{"n":1}`, claw.Untrusted|claw.Private)); out.Status != gate.Pending {
		t.Errorf("a label that the person did not see: %s", out.Status)
	}
	other := labelled(`{"n":1}`, claw.Untrusted)
	other.Session = "agent:main:other"
	if out := w.do(other); out.Status != gate.Pending {
		t.Errorf("another session: %s", out.Status)
	}
	w.probe.facts = jobs("j", "k")
	if out := w.do(labelled(`{"n":1}`, claw.Untrusted)); out.Status != gate.Pending {
		t.Errorf("a call that does more by now: %s", out.Status)
	}
	w.probe.facts = jobs("j")
	w.rules.Tools = []policy.ToolLayer{{Layer: policy.LayerProfile, Allow: map[claw.ToolName]bool{}}}
	if out := w.do(labelled(`{"n":1}`, claw.Untrusted)); out.Status != gate.Refused {
		t.Errorf("a grant outlived the right to the tool: %s", out.Status)
	}
	if w.probe.runs != 2 {
		t.Errorf("%d runs, want 2", w.probe.runs)
	}
}

// TestR24AskedOnce: a denied call is not asked about again in its session, and
// no session has more than a few questions open.
func TestR24AskedOnce(t *testing.T) {
	w := newWorld(t)
	w.probe.facts = jobs("j")
	c := w.call(`{"n":1}`)
	c.Labels = claw.Untrusted
	q := w.ask(c)
	w.answer(q.Approval, approval.DenyIt, "")
	if out := w.resume(q.Approval, claw.Untrusted); out.Status != gate.Refused || out.Decision.Rule != "approval.denied" {
		t.Fatalf("%+v", out)
	}
	if out := w.do(c); out.Status != gate.Refused || out.Decision.Rule != "approval.denied_before" {
		t.Errorf("asked again after a no: %s %s", out.Status, out.Decision.Rule)
	}
	other := w.call(`{"n":2}`)
	other.Labels = claw.Untrusted
	if out := w.do(other); out.Status != gate.Refused || out.Decision.Rule != policy.RuleDeniedAlike {
		t.Errorf("asked in other words after a no: %s %s", out.Status, out.Decision.Rule)
	}
	// The record says what policy had said.
	if last, _ := w.recorded(); last.Verdict != policy.Deny || last.Decided() != policy.Ask {
		t.Errorf("recorded: %s, by policy %s", last.Verdict, last.Decided())
	}
	w.desk.Spoke(c.Session)
	if out := w.do(c); out.Decision.Rule != policy.RuleDeniedBefore {
		t.Errorf("the operator wrote something, and the very call is asked again: %s %s", out.Status, out.Decision.Rule)
	}
	for i := range approval.DefaultPerSession + 1 {
		w.probe.facts = jobs(fmt.Sprint("job", i))
		out := w.do(other)
		if last := i == approval.DefaultPerSession; last != (out.Decision.Rule == policy.RuleTooMany) {
			t.Errorf("question %d: %s %s", i, out.Status, out.Decision.Rule)
		}
	}
	if w.probe.runs != 0 {
		t.Errorf("%d runs", w.probe.runs)
	}
}

// TestUnattendedWaitsThenDenies: what the flow rules ask while nobody is there
// waits its time, whatever tools.exec.ask says, and then is denied.
func TestUnattendedWaitsThenDenies(t *testing.T) {
	w := newWorld(t)
	w.rules.Exec = policy.ExecRules{Security: policy.ExecFull, Ask: policy.AskOff}
	w.probe.facts = func() policy.Facts {
		return policy.Facts{Understood: true, Exec: &cmdline.Facts{Understood: true}}
	}
	c := w.call(`{}`)
	c.Labels, c.Unattended = claw.Untrusted, true
	q := w.ask(c)
	if q.Decision.Rule != "flow.untrusted_exec" || q.Expires.Sub(w.now) != 30*time.Minute {
		t.Errorf("%s, expires after %v", q.Decision.Rule, q.Expires.Sub(w.now))
	}
	w.now = q.Expires.Add(time.Second)
	if out := w.resume(q.Approval, claw.Untrusted); out.Status != gate.Refused || out.Decision.Rule != "approval.expired" || w.probe.runs != 0 {
		t.Errorf("%s %s, %d runs", out.Status, out.Decision.Rule, w.probe.runs)
	}
}

// TestExpiredGrantsNothing: after its time a yes is no yes.
func TestExpiredGrantsNothing(t *testing.T) {
	w := newWorld(t)
	w.probe.facts = jobs("j")
	c := w.call(`{}`)
	c.Labels = claw.Untrusted
	q := w.ask(c)
	w.now = w.now.Add(31 * time.Minute)
	if _, err := w.desk.Answer(approval.Reply{ID: q.Approval, Decision: approval.AllowOnce, By: owner}); err == nil {
		t.Error("an expired question took an answer")
	}
	if out := w.resume(q.Approval, claw.Untrusted); out.Status != gate.Refused || w.probe.runs != 0 {
		t.Errorf("%+v", out)
	}
}

// TestR41IntentBeforeOutcome: an effect stands between an intent and an
// outcome that names it, also when the turn was cancelled meanwhile.
func TestR41IntentBeforeOutcome(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	before := 0
	w.probe.effect = func(ctx context.Context, _ policy.Permit) (tool.Result, error) {
		before = len(w.memory.entries)
		cancel()
		return tool.Result{}, ctx.Err()
	}
	w.journal = deadline{w.memory}
	out, err := w.gate.Call(ctx, w.call(`{}`))
	if err != nil || out.Status != gate.Stopped {
		t.Fatalf("%+v, %v", out, err)
	}
	es := w.memory.entries
	if len(es) != 3 || before != 2 {
		t.Fatalf("%d entries, %d before the effect", len(es), before)
	}
	if es[0].Event != journal.Decision || es[1].Phase != journal.Intent || es[2].Phase != journal.Outcome || es[2].Ref != 2 {
		t.Errorf("decision, intent, outcome expected: %v %v/%d %v/%d", es[0].Event, es[1].Phase, es[1].Ref, es[2].Phase, es[2].Ref)
	}
	if string(es[0].Digest) != string(es[1].Digest) || string(es[1].Digest) != string(es[2].Digest) {
		t.Error("the three entries are not about the same request")
	}
}

// deadline refuses to append for a caller that has gone.
type deadline struct{ *memory }

func (d deadline) Append(ctx context.Context, e journal.Entry) (journal.Pos, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	return d.memory.Append(ctx, e)
}

// TestR55LevelIsRefused: what the sandbox cannot hold when the run begins is a
// refusal with its rule, in the answer and on record; so is a witness that
// does not agree.
func TestR55LevelIsRefused(t *testing.T) {
	cases := map[string]struct {
		err    error
		status gate.Status
		rule   policy.RuleID
	}{
		"level":    {&sandbox.LevelError{Want: policy.LevelIsolated, Got: policy.LevelProcess, Missing: []string{"private-net"}, Kernel: "unshare"}, gate.Refused, "sandbox.level_unavailable"},
		"witness":  {&sandbox.WitnessError{Misses: []string{"seccomp"}}, gate.Refused, "sandbox.witness"},
		"access":   {&sandbox.AccessError{Path: "/x", UID: 7, Need: "read", Hint: "chmod"}, gate.Refused, "sandbox.no_access"},
		"no perm":  {sandbox.ErrPermit, gate.Refused, "sandbox.no_permit"},
		"anything": {errors.New("it broke: correct-horse-battery-staple"), gate.Failed, "profile.allowed"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.probe.effect = func(context.Context, policy.Permit) (tool.Result, error) { return tool.Result{Text: "ran"}, c.err }
			out := w.do(w.call(`{}`))
			if out.Status != c.status || out.Decision.Rule != c.rule || !out.IsError || strings.Contains(out.Text, "ran") {
				t.Fatalf("status %s, rule %s, text %q", out.Status, out.Decision.Rule, out.Text)
			}
			if c.status == gate.Refused && (out.Decision.Verdict != policy.Deny || !strings.HasPrefix(out.Text, "refused: "+string(c.rule))) {
				t.Errorf("verdict %s, text %q", out.Decision.Verdict, out.Text)
			}
			if strings.Contains(out.Text, "correct-horse") {
				t.Error("an error carries a secret to the model")
			}
			last := w.memory.entries[len(w.memory.entries)-1]
			b, err := json.Marshal(last.Data)
			if err != nil || !strings.Contains(string(b), `"status":"`+string(c.status)+`"`) {
				t.Errorf("outcome on record: %s, %v", b, err)
			}
			if c.status == gate.Refused && !strings.Contains(string(b), string(c.rule)) {
				t.Errorf("the record does not name the rule: %s", b)
			}
		})
	}
}

// TestR53HintsAreForPeople: what a person can do about a refusal is not told
// to the model.
func TestR53HintsAreForPeople(t *testing.T) {
	w := newWorld(t)
	w.rules.Tools = []policy.ToolLayer{{Layer: policy.LayerProfile, Name: "messaging", Allow: map[claw.ToolName]bool{}, Where: claw.ConfigRef{File: "openclaw.json", Line: 3, Column: 4, Pointer: "tools.profile"}}}
	out := w.do(w.call(`{}`))
	if out.Decision.Hint == "" {
		t.Fatal("there is no hint to hide")
	}
	if strings.Contains(out.Text, out.Decision.Hint) || strings.Contains(out.Text, "openclaw.json") {
		t.Errorf("the model reads %q", out.Text)
	}
}

// TestResultsAreRedacted: a secret in a result reaches neither the model nor
// the card.
func TestResultsAreRedacted(t *testing.T) {
	w := newWorld(t)
	w.probe.effect = func(context.Context, policy.Permit) (tool.Result, error) {
		return tool.Result{Text: "the key is correct-horse-battery-staple"}, nil
	}
	if out := w.do(w.call(`{}`)); strings.Contains(out.Text, "correct-horse") {
		t.Errorf("%q", out.Text)
	}
}
