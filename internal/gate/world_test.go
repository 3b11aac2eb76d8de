package gate_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/approval"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/files"
	"github.com/openclaw-go/openclaw/internal/filter"
	"github.com/openclaw-go/openclaw/internal/gate"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/tool"
)

const session claw.SessionKey = "agent:main:main"

var owner = claw.Principal{Surface: claw.SurfaceCLI, Standing: claw.Owner}

// memory is a journal that keeps entries, or fails where it is told to.
type memory struct {
	mu      sync.Mutex
	entries []journal.Entry
	fail    func(journal.Entry) error
	// seen is told of every entry, before Append returns.
	seen func(journal.Entry)
}

func (m *memory) Append(_ context.Context, e journal.Entry) (journal.Pos, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		if err := m.fail(e); err != nil {
			return 0, err
		}
	}
	m.entries = append(m.entries, e)
	if m.seen != nil {
		m.seen(e)
	}
	return journal.Pos(len(m.entries)), nil
}

// probe is a tool whose facts and effect the test chooses.
type probe struct {
	facts    func() policy.Facts
	effect   func(context.Context, policy.Permit) (tool.Result, error)
	prepared int
	warnings []string
	previews int
	runs     int
}

func (p *probe) Name() claw.ToolName { return "probe" }
func (p *probe) Spec() tool.Spec {
	return tool.Spec{Text: "probe", Schema: json.RawMessage(`{"type":"object"}`)}
}

func (p *probe) Prepare(_ context.Context, _ tool.Scope, args json.RawMessage) (tool.Prepared, error) {
	p.prepared++
	out := tool.Prepared{Arguments: args, Facts: policy.Facts{Understood: true}, Text: "probe", Warnings: p.warnings,
		Preview: func(context.Context) (string, error) { p.previews++; return "preview", nil },
		Run: func(ctx context.Context, permit policy.Permit) (tool.Result, error) {
			p.runs++
			if p.effect != nil {
				return p.effect(ctx, permit)
			}
			return tool.Result{Text: "ran"}, nil
		}}
	if p.facts != nil {
		out.Facts = p.facts()
	}
	return out, nil
}

// world is a gate over one agent, all of it replaceable before the first call.
type world struct {
	t       *testing.T
	rules   policy.Rules
	journal gate.Journal
	memory  *memory
	desk    *approval.Desk
	now     time.Time
	probe   *probe
	tools   []tool.Tool
	scope   func(gate.Call, policy.Rules) (tool.Scope, error)
	gate    *gate.Gate
	options gate.Options
	seen    []policy.LaunchConfig
	calls   int
	gone    bool // the agent is not known any more
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, memory: &memory{}, probe: &probe{}, now: time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC)}
	w.journal, w.tools = w.memory, []tool.Tool{w.probe}
	w.rules = policy.Rules{Agent: "main", Generation: "g1", Tools: []policy.ToolLayer{{Layer: policy.LayerProfile, Name: "full"}},
		Files: policy.FileRules{Workspace: "/ws", WorkspaceOnly: true, Home: "/home/u"}, Egress: policy.EgressRules{Mode: policy.EgressAsk}}
	w.scope = func(gate.Call, policy.Rules) (tool.Scope, error) { return tool.Scope{Workspace: "/ws"}, nil }
	ids, nonces := 0, 0
	w.desk = approval.NewDesk(approval.Options{Now: func() time.Time { return w.now }, NewID: func() claw.ApprovalID {
		ids++
		return claw.ApprovalID(fmt.Sprintf("a%d", ids))
	}})
	redactor := filter.New(filter.Options{Values: []string{"correct-horse-battery-staple"}})
	w.options = gate.Options{
		Rules:   func(id claw.AgentID) (policy.Rules, bool) { return w.rules, id == "main" && !w.gone },
		Tools:   []tool.Tool{lazy{w, "probe"}, lazy{w, "write"}, lazy{w, "exec"}},
		Scope:   func(c gate.Call, r policy.Rules) (tool.Scope, error) { return w.scope(c, r) },
		Confine: func(r policy.Rules) (policy.Confinement, error) { return r.Confinement, nil },
		Desk:    w.desk, Journal: journalOf{w}, Redact: func() *filter.Redactor { return redactor },
		Seen: func(_ claw.Principal, files []policy.LaunchConfig) error {
			w.seen = append(w.seen, files...)
			return nil
		},
		Wrap:  func(text, source string) string { return "<" + source + "|" + text + ">" },
		Nonce: func() string { nonces++; return fmt.Sprintf("n%d", nonces) }, Now: func() time.Time { return w.now }}
	w.gate = gate.New(w.options)
	return w
}

// lazy finds the tool that the test has put in by now.
type lazy struct {
	w    *world
	name claw.ToolName
}

func (l lazy) tool() tool.Tool {
	for _, t := range l.w.tools {
		if t.Name() == l.name {
			return t
		}
	}
	return nil
}
func (l lazy) Name() claw.ToolName { return l.name }
func (l lazy) Spec() tool.Spec     { return l.tool().Spec() }
func (l lazy) Prepare(ctx context.Context, s tool.Scope, args json.RawMessage) (tool.Prepared, error) {
	if t := l.tool(); t != nil {
		return t.Prepare(ctx, s, args)
	}
	return tool.Prepared{}, errors.New("not in this test")
}

type journalOf struct{ w *world }

func (j journalOf) Append(ctx context.Context, e journal.Entry) (journal.Pos, error) {
	return j.w.journal.Append(ctx, e)
}

// call names the next call of the probe.
func (w *world) call(args string) gate.Call {
	w.calls++
	return gate.Call{ToolCall: claw.ToolCall{ID: claw.CallID(fmt.Sprintf("c%d", w.calls)), Tool: "probe", Arguments: json.RawMessage(args)},
		Agent: "main", Session: session, Run: "r1", Principal: owner}
}

func (w *world) do(c gate.Call) gate.Outcome {
	w.t.Helper()
	out, err := w.gate.Call(w.t.Context(), c)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// ask puts a call before a person and returns the question.
func (w *world) ask(c gate.Call) gate.Outcome {
	w.t.Helper()
	out := w.do(c)
	if out.Status != gate.Pending || out.Approval == "" {
		w.t.Fatalf("status %q with approval %q (%s: %s), want a question", out.Status, out.Approval, out.Decision.Rule, out.Decision.Reason)
	}
	return out
}

func (w *world) answer(id claw.ApprovalID, decision, scope string) {
	w.t.Helper()
	if _, err := w.desk.Answer(approval.Reply{ID: id, Decision: decision, Scope: scope, By: owner}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) resume(id claw.ApprovalID, labels claw.Labels) gate.Outcome {
	w.t.Helper()
	out, err := w.gate.Resume(w.t.Context(), id, labels)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// jobs makes the probe a call that asks: untrusted text wants a job.
func jobs(names ...string) func() policy.Facts {
	return func() policy.Facts { return policy.Facts{Understood: true, Jobs: names} }
}

// disk gives the world a real workspace with files of its owner's.
func (w *world) disk() (workspace string) {
	w.t.Helper()
	dir, err := filepath.EvalSymlinks(w.t.TempDir())
	if err != nil {
		w.t.Fatal(err)
	}
	workspace = filepath.Join(dir, "ws")
	if err := os.Mkdir(workspace, 0o700); err != nil {
		w.t.Fatal(err)
	}
	labels, err := files.OpenLabels(filepath.Join(dir, "labels.jsonl"), func() time.Time { return w.now })
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = labels.Close() })
	w.rules.Files.Workspace = workspace
	w.scope = func(c gate.Call, r policy.Rules) (tool.Scope, error) {
		tree, err := files.New(files.Options{Cwd: workspace, Home: dir, Labels: labels, Roots: []files.RootSpec{{Path: workspace, Access: files.ReadWrite, Workspace: true}}})
		if err != nil {
			return tool.Scope{}, err
		}
		view := tree.As(c.Labels|claw.Private, string(c.Session))
		return tool.Scope{Agent: c.Agent, Session: c.Session, Workspace: workspace, Home: dir, Files: gate.Files{Tree: view},
			Exec: gate.Exec{Programs: gate.NewPrograms(), Rules: r, Jobs: &gate.Background{}}}, nil
	}
	return workspace
}
