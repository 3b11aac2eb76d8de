package policy

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/cmdline"
	"github.com/openclaw-go/openclaw/internal/standing"
)

// programsOf says where the programs of a line lie.
func programsOf(f *cmdline.Facts) (out []Program) {
	seen := map[string]bool{}
	for i := range f.Commands {
		c := &f.Commands[i]
		if len(c.Argv) > 0 && c.Argv[0].Known && c.Argv[0].Text == c.Program && c.Program != "" && !seen[c.Program] {
			seen[c.Program] = true
			out = append(out, Program{Path: "/usr/bin/" + c.Program, SHA256: "h"})
		}
	}
	return out
}

// A standing answer takes the place of an allowlist entry: it beats no deny
// and no other question.
func TestAStandingAnswerIsNoMoreThanAnEntry(t *testing.T) {
	cases := everyLine(t)
	stored := 0
	rapid.Check(t, func(t *rapid.T) {
		r, q := anyRules(t), anyRequest(t, cases)
		if q.Facts.Exec == nil {
			return
		}
		q.Facts.Programs = programsOf(q.Facts.Exec)
		rules, why := standing.Of(q.Agent, q.Facts.Exec, r.Exec.Unlisted(q.Facts.Exec), standing.Run{Programs: q.Facts.Programs})
		if why != "" {
			return
		}
		stored++
		before := Decide(r, q)
		r.Exec.Standing = rules
		after := Decide(r, q)
		for _, s := range before.Trace {
			if s.Rule == "exec.not_on_allowlist" || s.Verdict == Allow {
				continue
			}
			if after.Verdict > s.Verdict {
				t.Fatalf("%q is %s with the rule although %s said %s", q.Facts.Exec.Visible, after.Verdict, s.Rule, s.Verdict)
			}
		}
		if r.Exec.Ask == AskAlways && after.Verdict == Allow {
			t.Fatal("a standing answer spares a question that is always asked")
		}
		if r.Exec.Security != ExecAllowlist && after.Verdict != before.Verdict {
			t.Fatal("a standing answer matters where there is no allowlist")
		}
		if r.Flow.Mode == FlowEnforce && q.Labels.Has(claw.Untrusted) && after.Verdict == Allow {
			t.Fatal("a standing answer beats a flow rule")
		}
	})
	if stored == 0 {
		t.Fatal("no rule was ever made")
	}
}

func TestAStandingAnswerSparesItsOwnQuestion(t *testing.T) {
	f := cmdline.Analyze("cp a b && timeout 5 git push", cmdline.Env{Home: "/h", Cwd: "/w", Workspace: "/w"})
	r := Rules{Agent: "a", Tools: []ToolLayer{{Layer: LayerProfile, Name: "full"}}, Files: FileRules{Workspace: "/w", WorkspaceOnly: true, Home: "/h"},
		Exec: ExecRules{Security: ExecAllowlist, Ask: AskOnMiss}}
	q := Request{Agent: "a", Tool: "exec", Facts: Facts{Understood: true, Exec: &f, Programs: programsOf(&f)}}
	rules, why := standing.Of("a", &f, r.Exec.Unlisted(&f), standing.Run{Programs: q.Facts.Programs})
	if why != "" || len(rules) != 2 {
		t.Fatal(rules, why)
	}
	if d := Decide(r, q); d.Verdict != Ask {
		t.Fatal(d.Verdict)
	}
	r.Exec.Standing = rules
	if d := Decide(r, q); d.Verdict != Allow || d.Rule != RuleStanding || d.Where.File != "exec-approvals.json" {
		t.Fatal(d.Verdict, d.Rule, d.Where)
	}
	r.Exec.Denylist = []ExecEntry{{Text: "git push"}}
	if d := Decide(r, q); d.Verdict != Deny {
		t.Fatal("a standing answer beats the denylist")
	}
}

// A standing answer holds while a session has nothing from outside in it,
// whatever the flow rules are set to.
func TestR67AnAnswerHoldsWhereItWasGiven(t *testing.T) {
	f := cmdline.Analyze("git push", cmdline.Env{Home: "/h", Cwd: "/w", Workspace: "/w"})
	r := Rules{Agent: "a", Tools: []ToolLayer{{Layer: LayerProfile, Name: "full"}}, Files: FileRules{Workspace: "/w", WorkspaceOnly: true, Home: "/h"},
		Exec: ExecRules{Security: ExecAllowlist, Ask: AskOnMiss}}
	q := Request{Agent: "a", Tool: "exec", Facts: Facts{Understood: true, Exec: &f, Programs: programsOf(&f)}}
	r.Exec.Standing, _ = standing.Of("a", &f, r.Exec.Unlisted(&f), standing.Run{Programs: q.Facts.Programs})
	for _, mode := range []FlowMode{FlowEnforce, FlowObserve, FlowOff} {
		for labels, want := range map[claw.Labels]Verdict{0: Allow, claw.Private: Allow, claw.Untrusted: Ask, claw.Untrusted | claw.Private: Ask} {
			r.Flow.Mode, q.Labels = mode, labels
			if d := Decide(r, q); d.Verdict != want {
				t.Errorf("flow mode %v, session %s: %s by %s", mode, labels, d.Verdict, d.Rule)
			}
		}
		q.Labels = claw.Secret
		if d := Decide(r, q); mode != FlowEnforce && d.Verdict == Allow {
			t.Errorf("flow mode %v: a session with a secret runs by an old answer", mode)
		}
	}
}
