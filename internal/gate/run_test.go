package gate_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/chain"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/filter"
	"github.com/openclaw-go/openclaw/internal/gate"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox"
	"github.com/openclaw-go/openclaw/internal/tool"
)

// TestR15ProxyAsksAgain: what a run reaches is judged while it goes on, under
// the labels of that moment, and only for a run that was permitted.
func TestR15ProxyAsksAgain(t *testing.T) {
	named := policy.Host{Name: "api.example.org", Port: 443, Scheme: "https", CarriesData: true}
	other := policy.Host{Name: "evil.example.net", Port: 443, Scheme: "https", CarriesData: true}
	listed := policy.Host{Name: "listed.example.com", Port: 443, Scheme: "https", CarriesData: true}
	cases := map[string]struct {
		host    policy.Host
		labels  claw.Labels
		before  func(*world)
		verdict policy.Verdict
		rule    policy.RuleID
	}{
		"the host of the call":         {named, 0, nil, policy.Allow, "egress.with_the_call"},
		"a host that nobody named":     {other, 0, nil, policy.Deny, ""},
		"a host on the list":           {listed, 0, nil, policy.Allow, ""},
		"the agent is gone":            {named, 0, func(w *world) { w.rules = policy.Rules{}; w.gone = true }, policy.Deny, "egress.no_permit"},
		"egress was closed since":      {named, 0, func(w *world) { w.rules.Egress.Mode = policy.EgressDeny }, policy.Deny, ""},
		"a secret came into the chat":  {listed, claw.Secret, nil, policy.Deny, ""},
		"private and untrusted by now": {other, claw.Untrusted | claw.Private, nil, policy.Deny, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.rules.Egress = policy.EgressRules{Mode: policy.EgressAllow, Hosts: []policy.HostRule{{Host: "listed.example.com", Class: policy.HostWrite}}}
			w.probe.facts = func() policy.Facts {
				return policy.Facts{Understood: true, Hosts: []policy.Host{named}}
			}
			var step policy.Step
			var of claw.SessionKey
			w.probe.effect = func(_ context.Context, p policy.Permit) (tool.Result, error) {
				w.rules.Egress.Mode = policy.EgressAsk
				if c.before != nil {
					c.before(w)
				}
				step = w.gate.JudgeHost(p, c.labels, c.host)
				of, _ = w.gate.GrantedTo(p)
				return tool.Result{}, nil
			}
			if out := w.do(w.call(`{}`)); out.Status != gate.Done {
				t.Fatalf("%+v", out)
			}
			if step.Verdict != c.verdict || c.rule != "" && step.Rule != c.rule || step.Rule == "" {
				t.Errorf("%s by %q (%s), want %s by %q", step.Verdict, step.Rule, step.Reason, c.verdict, c.rule)
			}
			if of != session {
				t.Errorf("the run belongs to %q", of)
			}
		})
	}
	w := newWorld(t)
	if s := w.gate.JudgeHost(policy.Permit{}, 0, listed); s.Verdict != policy.Deny || s.Rule != "egress.no_permit" {
		t.Errorf("without a permit: %+v", s)
	}
	if _, ok := w.gate.GrantedTo(policy.Permit{}); ok {
		t.Error("the zero permit belongs to a session")
	}
}

// TestR64RecordHoldsNoSecrets: argv, arguments and contents of calls are on
// record without what they must not tell, in the real file.
func TestR64RecordHoldsNoSecrets(t *testing.T) {
	w := newWorld(t)
	w.disk()
	dir := t.TempDir()
	j, err := journal.Open(journal.Options{Dir: dir, Now: time.Now, Redact: filter.New(filter.Options{Values: []string{"correct-horse-battery-staple"}}).String})
	if err != nil {
		t.Fatal(err)
	}
	w.journal = j
	w.tools = append(w.tools, tool.Write(), tool.ExecTool())
	const live, password, content, key = "correct-horse-battery-staple", "hunter2-Tr0ub4dor", "the diary of a private person", "sk-ant-api03-0123456789abcdefghijklmnopqrstuvwxyz"
	for _, c := range []struct{ tool, args string }{
		{"write", `{"path":"a.txt","content":"` + content + ` ` + live + `"}`},
		{"exec", `{"command":"curl -u user:` + password + ` https://example.org/"}`},
		{"exec", `{"command":"curl -H 'Authorization: Bearer ` + key + `' https://example.org/"}`},
		{"exec", `{"command":"echo ` + live + `"}`},
		{"probe", `{"token":"` + key + `","note":"` + live + `"}`},
	} {
		call := w.call(c.args)
		call.Tool = claw.ToolName(c.tool)
		w.do(call)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "logs", "audit.log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{live, password, content, key} {
		if strings.Contains(string(b), s) {
			t.Errorf("the record holds %q", s)
		}
	}
	for _, s := range []string{`"masked":true`, `"bytes":`, "example.org", `"a.txt"`} {
		if !strings.Contains(string(b), s) {
			t.Errorf("the record does not hold %s", s)
		}
	}
	if rep, err := journal.Verify(journal.Options{Dir: dir}, chain.Expect{}); err != nil || !rep.OK() {
		t.Errorf("%v, %v", rep, err)
	}
}

// TestR64DigestIsSalted: the same request leaves different digests in the
// file, so that a short argument cannot be guessed from them.
func TestR64DigestIsSalted(t *testing.T) {
	dir := t.TempDir()
	j, err := journal.Open(journal.Options{Dir: dir, Now: time.Now, Redact: func(s string) string { return s }})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := j.Append(t.Context(), journal.Entry{Event: journal.Decision, Digest: []byte("the same request"), Data: struct{}{}}); err != nil {
			t.Fatal(err)
		}
	}
	recs, err := j.Search(t.Context(), journal.Filter{Events: []journal.Event{journal.Decision}})
	if err != nil || len(recs) != 2 {
		t.Fatalf("%d entries, %v", len(recs), err)
	}
	if string(recs[0].Digest) == string(recs[1].Digest) || len(recs[0].Digest) == 0 {
		t.Errorf("digests %x and %x", recs[0].Digest, recs[1].Digest)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestSpecsAreWhatIsAllowed: a model is shown the tools that its agent's rules
// let through by name, and an unknown agent none.
func TestSpecsAreWhatIsAllowed(t *testing.T) {
	w := newWorld(t)
	w.tools = append(w.tools, tool.Write(), tool.ExecTool())
	w.rules.Tools = append(w.rules.Tools, policy.ToolLayer{Layer: policy.LayerAgent, Deny: map[claw.ToolName]bool{"exec": true}})
	var got []string
	for _, s := range w.gate.Specs("main") {
		got = append(got, string(s.Name))
		if !json.Valid(s.Schema) || s.Text == "" {
			t.Errorf("%s has no description", s.Name)
		}
	}
	if strings.Join(got, " ") != "probe write" {
		t.Errorf("tools %v", got)
	}
	if n := len(w.gate.Specs("nobody")); n != 0 {
		t.Errorf("an unknown agent has %d tools", n)
	}
}

// TestExplainHasNoEffect: a question about a call neither runs nor records it.
func TestExplainHasNoEffect(t *testing.T) {
	w := newWorld(t)
	w.probe.facts = jobs("j")
	c := w.call(`{}`)
	c.Labels = claw.Untrusted
	if d := w.gate.Explain(t.Context(), c); d.Verdict != policy.Ask || len(d.Trace) == 0 {
		t.Errorf("%+v", d)
	}
	if len(w.memory.entries)+len(w.desk.Waiting())+w.probe.runs+w.probe.previews != 0 {
		t.Error("explaining left a trace")
	}
}

// TestOutboxStaysInItsConversation: a message leaves with a permit, into the
// conversation that asked, and nowhere else.
func TestOutboxStaysInItsConversation(t *testing.T) {
	home := policy.Send{Channel: "webchat", To: "main", OriginOnly: true, OwnersOnly: true}
	var sent []string
	box := gate.Outbox{Audience: home, Deliver: func(_ context.Context, _ policy.Send, text string) error {
		sent = append(sent, text)
		return nil
	}}
	for _, c := range []struct {
		channel claw.ChannelID
		to      string
		origin  bool
	}{{"", "", true}, {"webchat", "", true}, {"webchat", "main", true}, {"telegram", "7", false}, {"", "other", false}, {"telegram", "", false}} {
		got, err := box.Target(c.channel, c.to)
		if err != nil || got.OriginOnly != c.origin || got.OwnersOnly != c.origin {
			t.Errorf("%q:%q is %+v, %v", c.channel, c.to, got, err)
		}
	}
	if err := box.Send(t.Context(), policy.Permit{}, home, "hello"); err == nil || len(sent) != 0 {
		t.Error("a message left without a permit")
	}
	w := newWorld(t)
	w.probe.effect = func(ctx context.Context, p policy.Permit) (tool.Result, error) {
		if err := box.Send(ctx, p, policy.Send{Channel: "telegram", To: "7"}, "elsewhere"); err == nil {
			t.Error("a message left for a channel that is not connected")
		}
		return tool.Result{}, box.Send(ctx, p, home, "here")
	}
	if out := w.do(w.call(`{}`)); out.Status != gate.Done || strings.Join(sent, " ") != "here" {
		t.Errorf("%+v, sent %v", out, sent)
	}
}

// TestPrograms: a name means the system's program, never a file of the
// workspace, and its hash follows its content.
func TestPrograms(t *testing.T) {
	p := gate.NewPrograms()
	if prog, ok := p.Find("sh", nil); !ok || !filepath.IsAbs(prog.Path) || len(prog.SHA256) != 64 {
		t.Fatalf("sh: %+v, %v", prog, ok)
	}
	dir := t.TempDir()
	t.Chdir(dir)
	tool := filepath.Join(dir, "mytool")
	write := func(text string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(tool, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(tool, mode); err != nil {
			t.Fatal(err)
		}
	}
	write("#!/bin/sh\n", 0o755)
	for _, name := range []string{"mytool", "./mytool", "../" + filepath.Base(dir) + "/mytool", ""} {
		if prog, ok := p.Find(name, nil); ok {
			t.Errorf("%q is %+v", name, prog)
		}
	}
	first, ok := p.Find("mytool", []string{dir})
	if !ok || first.Path != tool {
		t.Fatalf("in a read root: %+v, %v", first, ok)
	}
	again, ok := p.Find(tool, nil)
	if !ok || again != first {
		t.Errorf("by path: %+v, %v", again, ok)
	}
	if err := os.Remove(tool); err != nil {
		t.Fatal(err)
	}
	write("#!/bin/sh\necho other\n", 0o755)
	if changed, ok := p.Find(tool, nil); !ok || changed.SHA256 == first.SHA256 {
		t.Errorf("the hash did not follow the content: %+v, %v", changed, ok)
	}
	write("#!/bin/sh\n", 0o644)
	if prog, ok := p.Find(tool, nil); ok {
		t.Errorf("a file that cannot be executed is %+v", prog)
	}
	if prog, ok := p.Find(dir, nil); ok {
		t.Errorf("a directory is %+v", prog)
	}
}

// runner is a sandbox that keeps what it was asked to run.
type runner struct {
	cmd  sandbox.Cmd
	err  error
	proc *process
}

func (r *runner) Run(_ context.Context, p policy.Permit, c sandbox.Cmd) (sandbox.Result, error) {
	if !p.Valid() {
		return sandbox.Result{}, sandbox.ErrPermit
	}
	r.cmd = c
	if c.Stdout != nil {
		_, _ = io.WriteString(c.Stdout, strings.Repeat("a", 600<<10))
		_, _ = io.WriteString(c.Stdout, strings.Repeat("b", 900<<10)+"the end")
	}
	return sandbox.Result{Enforced: policy.LevelIsolated}, r.err
}

func (r *runner) Start(_ context.Context, p policy.Permit, c sandbox.Cmd) (sandbox.Process, error) {
	if !p.Valid() {
		return nil, sandbox.ErrPermit
	}
	r.cmd = c
	return r.proc, r.err
}
func (r *runner) Support() sandbox.Support { return sandbox.Support{} }
func (r *runner) Close() error             { return nil }

type process struct {
	ended chan struct{}
	sandbox.Process
}

func (p *process) Wait() (sandbox.Result, error) {
	<-p.ended
	return sandbox.Result{ExitCode: 3, Enforced: policy.LevelIsolated}, nil
}

func (p *process) Kill() error {
	close(p.ended)
	return nil
}

// TestR01EnvironmentOfRuns: no variable of the gateway's reaches a run, and git
// is steered by nothing of the workspace.
func TestR01EnvironmentOfRuns(t *testing.T) {
	t.Setenv("ANTHROPIC_API_KEY", "sk-ant-of-the-gateway")
	r := &runner{}
	w := newWorld(t)
	e := gate.Exec{Runner: r, Programs: gate.NewPrograms(), Rules: w.rules, Jobs: &gate.Background{Now: time.Now}}
	var out tool.Output
	w.probe.effect = func(ctx context.Context, p policy.Permit) (_ tool.Result, err error) {
		out, err = e.Run(ctx, p, tool.Command{Argv: []string{"/usr/bin/git", "status"}, Dir: "/ws", Env: map[string]string{"LANG": "de_DE.UTF-8"}})
		return tool.Result{}, err
	}
	if got := w.do(w.call(`{}`)); got.Status != gate.Done {
		t.Fatalf("%+v", got)
	}
	env := strings.Join(r.cmd.Env, "\n")
	if strings.Contains(env, "sk-ant") || strings.Contains(env, os.Getenv("HOME")+"\n") {
		t.Errorf("environment:\n%s", env)
	}
	for _, want := range []string{"GIT_CONFIG_KEY_0=core.fsmonitor", "GIT_CONFIG_VALUE_0=false", "GIT_CONFIG_VALUE_1=/dev/null", "GIT_CONFIG_VALUE_2=explicit", "LANG=de_DE.UTF-8"} {
		if !strings.Contains(env, want) {
			t.Errorf("environment lacks %s", want)
		}
	}
	if r.cmd.Path != "/usr/bin/git" || r.cmd.Dir != "/ws" {
		t.Errorf("%+v", r.cmd)
	}
	// The beginning and the end of a long output are kept.
	if n := len(out.Stdout); n > 1<<20 || !out.Report.Cut || out.Stdout[0] != 'a' || !strings.HasSuffix(string(out.Stdout), "the end") {
		t.Errorf("%d bytes kept, cut %v", n, out.Report.Cut)
	}
	if _, err := e.Run(t.Context(), policy.Permit{}, tool.Command{Argv: []string{"/bin/true"}}); !errors.Is(err, sandbox.ErrPermit) {
		t.Errorf("without a permit: %v", err)
	}
}

// TestBackground: a command that goes on is its agent's alone, ends with a
// report, and is no door into another agent's.
func TestBackground(t *testing.T) {
	r := &runner{proc: &process{ended: make(chan struct{})}}
	w := newWorld(t)
	jobs := &gate.Background{Now: time.Now}
	e := gate.Exec{Runner: r, Programs: gate.NewPrograms(), Rules: w.rules, Jobs: jobs}
	var id string
	var typed error
	w.probe.effect = func(ctx context.Context, p policy.Permit) (_ tool.Result, err error) {
		id, err = e.Background(ctx, p, tool.Command{Argv: []string{"/bin/cat"}, Text: "cat"})
		typed = e.Processes().Input(policy.Permit{}, id, []byte("x"), false)
		return tool.Result{}, err
	}
	if out := w.do(w.call(`{}`)); out.Status != gate.Done || id == "" {
		t.Fatalf("%+v", out)
	}
	if typed == nil {
		t.Error("text was typed into a program without a permit")
	}
	list := e.Processes().List()
	if len(list) != 1 || list[0].ID != id || !list[0].Running || list[0].Command != "cat" {
		t.Fatalf("%+v", list)
	}
	other := e
	other.Rules.Agent = "other"
	if n := len(other.Processes().List()); n != 0 {
		t.Errorf("another agent sees %d", n)
	}
	if err := other.Processes().Kill(id); err == nil {
		t.Error("another agent killed it")
	}
	if err := e.Processes().Remove(id); err == nil {
		t.Error("a running command was removed")
	}
	if err := e.Processes().Kill(id); err != nil {
		t.Fatal(err)
	}
	p, err := e.Processes().Wait(t.Context(), id, time.Minute)
	if err != nil || p.Running || p.Report == nil || p.Report.ExitCode != 3 {
		t.Fatalf("%+v, %v", p, err)
	}
	if err := e.Processes().Remove(id); err != nil || len(e.Processes().List()) != 0 {
		t.Errorf("%v, %d left", err, len(e.Processes().List()))
	}
}
