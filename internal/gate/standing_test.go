package gate_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/approval"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/cmdline"
	"github.com/openclaw-go/openclaw/internal/gate"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox"
	"github.com/openclaw-go/openclaw/internal/standing"
	"github.com/openclaw-go/openclaw/internal/tool"
)

// keeper keeps rules as a home would, and puts them into force.
type keeper struct {
	w      *world
	closed error
	uses   []standing.Use
}

func (k *keeper) Open() error { return k.closed }

func (k *keeper) Add(_ context.Context, rules []standing.Rule) error {
	k.w.rules.Exec.Standing = append(k.w.rules.Exec.Standing, rules...)
	return nil
}

func (k *keeper) Used(uses []standing.Use) { k.uses = append(k.uses, uses...) }

// idle runs nothing, well.
type idle struct{ sandbox.Runner }

func (idle) Run(context.Context, policy.Permit, sandbox.Cmd) (sandbox.Result, error) {
	return sandbox.Result{}, nil
}

// shell is a world with a workspace in which commands are judged, not run.
func shell(t *testing.T) (w *world, workspace string, kept *keeper) {
	w = newWorld(t)
	workspace = w.disk()
	w.rules.Exec = policy.ExecRules{Security: policy.ExecAllowlist, Ask: policy.AskOnMiss, Allowlist: []policy.ExecEntry{{Text: "ls"}}}
	w.rules.Confinement = policy.Confinement{Level: policy.LevelIsolated, Workspace: workspace, Network: policy.NetworkProxy}
	w.tools = append(w.tools, tool.ExecTool())
	scope := w.scope
	w.scope = func(c gate.Call, r policy.Rules) (tool.Scope, error) {
		s, err := scope(c, r)
		s.Exec = gate.Exec{Programs: gate.NewPrograms(), Rules: r, Runner: idle{}}
		return s, err
	}
	kept = &keeper{w: w}
	w.options.Standing = kept
	w.options.History = func(context.Context, int) ([]gate.Decided, error) { return w.decided(), nil }
	w.gate = gate.New(w.options)
	return w, workspace, kept
}

// decided reads the journal as a home does.
func (w *world) decided() []gate.Decided {
	var out []gate.Decided
	for i, e := range w.memory.entries {
		if e.Event != journal.Decision {
			continue
		}
		d := gate.Decided{Seq: uint64(i + 1), Caller: policy.Caller{Agent: e.Agent, Session: e.Session, Principal: e.Principal}}
		raw, err := json.Marshal(e.Data)
		if err == nil {
			err = json.Unmarshal(raw, &d.Call)
		}
		if err != nil {
			w.t.Fatal(err)
		}
		out = append(out, d)
	}
	slices.Reverse(out)
	return out
}

func (w *world) line(command string) gate.Call {
	raw, err := json.Marshal(map[string]string{"command": command})
	if err != nil {
		w.t.Fatal(err)
	}
	c := w.call(string(raw))
	c.Tool = "exec"
	return c
}

func (w *world) card(out gate.Outcome) approval.View {
	w.t.Helper()
	v, _, err := w.desk.Get(out.Approval)
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

func TestAStandingAnswerIsShownKeptAndUsed(t *testing.T) {
	w, _, kept := shell(t)
	first := w.ask(w.line("cp a b"))
	w.answer(first.Approval, approval.DenyIt, "")
	w.resume(first.Approval, 0)
	c := w.line("cp a b")
	c.Session = "agent:main:other"
	out := w.ask(c)
	v := w.card(out)
	if v.Standing == nil || v.NoStanding != "" || !slices.Contains(v.Scopes, approval.ScopeAlways) {
		t.Fatalf("nothing is offered: %q %v", v.NoStanding, v.Scopes)
	}
	if text := strings.Join(v.Standing.Rules[0], "\n"); !strings.Contains(text, "exactly: cp a b") {
		t.Error(text)
	}
	if s := v.Standing; s.Looked != 1 || s.Covered != 1 || len(s.Also) != 1 || s.Also[0].Command != "cp a b" {
		t.Errorf("the past: %+v", v.Standing)
	}
	for _, n := range v.Standing.Near {
		want := "ask"
		if n.What == "alone" || n.What == "in another session" {
			want = "allow"
		}
		if n.Verdict != want {
			t.Errorf("%s %q: %s", n.What, n.Command, n.Verdict)
		}
	}
	if _, err := w.desk.Answer(approval.Reply{ID: out.Approval, Decision: approval.AllowAlways, Scope: approval.ScopeAgent, For: time.Hour, By: owner}); err != nil {
		t.Fatal(err)
	}
	w.resume(out.Approval, 0)
	if n := len(w.rules.Exec.Standing); n != 1 || len(kept.uses) != 0 {
		t.Fatalf("%d rules are kept, %d uses", n, len(kept.uses))
	}
	if r := w.rules.Exec.Standing[0]; !r.Until.Equal(w.now.Add(time.Hour)) || r.By != owner.String() || r.Approval != out.Approval {
		t.Errorf("%+v", r)
	}
	c = w.line("'cp'  a b")
	c.Session = "agent:main:third"
	if d := w.gate.Explain(t.Context(), c); d.Verdict != policy.Allow || d.Rule != policy.RuleStanding {
		t.Error(d.Verdict, d.Rule, d.Reason)
	}
	if len(kept.uses) != 0 {
		t.Error("a question is a use")
	}
	if out := w.do(c); out.Status != gate.Done {
		t.Fatal(out.Status, out.Decision.Rule)
	}
	w.do(w.line("ls"))
	if len(kept.uses) != 1 || kept.uses[0].ID != string(v.ID)+"-a" || kept.uses[0].Command != "cp a b" || !strings.HasSuffix(kept.uses[0].Path, "/cp") || !kept.uses[0].At.Equal(w.now) {
		t.Errorf("uses: %+v", kept.uses)
	}
	// Untrusted text asks all the same (R14).
	c.Labels = claw.Untrusted
	if d := w.gate.Explain(t.Context(), c); d.Verdict != policy.Ask || d.Rule != "flow.untrusted_exec" {
		t.Error("a flow rule is silent:", d.Verdict, d.Rule)
	}
	consent := w.memory.entries[slices.IndexFunc(w.memory.entries, func(e journal.Entry) bool {
		raw, err := json.Marshal(e.Data)
		return err == nil && e.Event == journal.Consent && strings.Contains(string(raw), `"stores":[{`)
	})]
	if raw, err := json.Marshal(consent.Data); err != nil || !strings.Contains(string(raw), `"until":"2026-04-01T10:00:00Z"`) {
		t.Error(string(raw), err)
	}
}

func TestWhenNoStandingAnswerIsOffered(t *testing.T) {
	for _, c := range []struct {
		line, why string
		set       func(*world, *keeper, *gate.Call)
	}{
		{"cp a b", `tools.exec.ask is "always"`, func(w *world, _ *keeper, _ *gate.Call) { w.rules.Exec.Ask = policy.AskAlways }},
		{"cp a b", "flow.untrusted_exec", func(_ *world, _ *keeper, c *gate.Call) { c.Labels = claw.Untrusted }},
		{"cp a b", "read-only disk", func(_ *world, k *keeper, _ *gate.Call) { k.closed = errors.New("read-only disk") }},
		{"perl -e 1", "carries code", nil},
		{"cp correct-horse-battery-staple b", "holds a secret", nil},
		{"cp $X b", "run time", nil},
		{"sort < /etc/hosts", "fs.", func(w *world, _ *keeper, _ *gate.Call) { w.rules.Files.WorkspaceOnly = false }},
	} {
		w, _, k := shell(t)
		call := w.line(c.line)
		if c.set != nil {
			c.set(w, k, &call)
		}
		v := w.card(w.ask(call))
		if v.Standing != nil || slices.Contains(v.Scopes, approval.ScopeAlways) || slices.Contains(v.Scopes, approval.ScopeAgent) || !strings.Contains(v.NoStanding, c.why) {
			t.Errorf("%q: %q, scopes %v", c.line, v.NoStanding, v.Scopes)
		}
	}
}

// A script is part of the question: another content is another call.
func TestAChangedScriptVoidsApprovalAndRule(t *testing.T) {
	w, ws, _ := shell(t)
	script := filepath.Join(ws, "x.sh")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("echo one\n")
	out := w.ask(w.line("bash x.sh"))
	w.answer(out.Approval, approval.AllowAlways, approval.ScopeAlways)
	write("echo two\n")
	if got := w.resume(out.Approval, 0); got.Status != gate.Refused || got.Decision.Rule != "approval.voided" {
		t.Fatal(got.Status, got.Decision.Rule)
	}
	if len(w.rules.Exec.Standing) > 0 {
		t.Fatal("a voided answer was kept")
	}
	c := w.line("bash x.sh")
	out = w.ask(c)
	w.answer(out.Approval, approval.AllowAlways, approval.ScopeAlways)
	w.resume(out.Approval, 0)
	if d := w.gate.Explain(t.Context(), c); d.Verdict != policy.Allow {
		t.Fatal(d.Verdict, d.Rule)
	}
	write("echo three\n")
	if d := w.gate.Explain(t.Context(), c); d.Verdict != policy.Ask {
		t.Fatal(d.Verdict, d.Rule)
	}
}

// Code that was allowed for a session runs without network from then on.
func TestCodeOfASessionGetsNoNetwork(t *testing.T) {
	w := newWorld(t)
	w.rules.Exec = policy.ExecRules{Security: policy.ExecAllowlist, Ask: policy.AskOnMiss}
	w.rules.Confinement = policy.Confinement{Level: policy.LevelIsolated, Network: policy.NetworkProxy}
	w.probe.facts = func() policy.Facts {
		f := cmdline.Analyze("perl -e 1", cmdline.Env{Home: "/home/u", Cwd: "/ws", Workspace: "/ws"})
		return policy.Facts{Understood: true, Exec: &f, Cwd: "/ws"}
	}
	var got []policy.NetworkMode
	w.probe.effect = func(_ context.Context, p policy.Permit) (tool.Result, error) {
		got = append(got, p.Confinement().Network)
		return tool.Result{Text: "ran"}, nil
	}
	once := w.ask(w.call(`{}`))
	w.answer(once.Approval, approval.AllowOnce, "")
	w.resume(once.Approval, 0)
	session := w.ask(w.call(`{}`))
	w.answer(session.Approval, approval.AllowAlways, approval.ScopeSession)
	w.resume(session.Approval, 0)
	if again := w.do(w.call(`{}`)); again.Status != gate.Done {
		t.Fatal(again.Status, again.Decision.Rule)
	}
	if want := []policy.NetworkMode{policy.NetworkProxy, policy.NetworkNone, policy.NetworkNone}; !slices.Equal(got, want) {
		t.Errorf("networks %v, expected %v", got, want)
	}
	w.rules.Confinement.Level = policy.LevelProcess
	if v := w.card(w.ask(w.call(`{"x":1}`))); !slices.Equal(v.Scopes, []string{approval.ScopeOnce}) {
		t.Errorf("nothing confines it, and the scopes are %v", v.Scopes)
	}
}
