package agent_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/agent"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gate"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/model"
	"github.com/openclaw-go/openclaw/internal/model/script"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/tool"
)

const main = claw.SessionKey("agent:main:main")

var (
	owner = claw.Principal{Surface: claw.SurfaceCLI, Standing: claw.Owner}
	home  = policy.Send{Channel: "cli", To: string(main), OriginOnly: true, OwnersOnly: true}
	group = policy.Send{Channel: "telegram", To: "group", OriginOnly: true}
)

var errDisk = errors.New("no space left on device")

// memory keeps sessions in memory, with the log of what was done to them.
type memory struct {
	mu     sync.Mutex
	msgs   map[claw.SessionKey][]model.Message
	said   map[claw.SessionKey][]string
	labels map[claw.SessionKey][]claw.Lineage
	usage  map[claw.ModelRef]model.Usage
	log    []string
	// fail makes the named operation fail.
	fail map[string]error
}

func newMemory() *memory {
	return &memory{msgs: map[claw.SessionKey][]model.Message{}, said: map[claw.SessionKey][]string{}, labels: map[claw.SessionKey][]claw.Lineage{},
		usage: map[claw.ModelRef]model.Usage{}, fail: map[string]error{}}
}

func (m *memory) did(op, what string) error {
	m.log = append(m.log, op+" "+what)
	return m.fail[op]
}

func (m *memory) Ensure(key claw.SessionKey, _ claw.AgentID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.did("ensure", string(key))
}

func (m *memory) Labels(key claw.SessionKey) (claw.Labels, []claw.Lineage, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var l claw.Labels
	for _, x := range m.labels[key] {
		l |= x.Label
	}
	return l, append([]claw.Lineage(nil), m.labels[key]...), nil
}

func (m *memory) AddLabels(key claw.SessionKey, l []claw.Lineage) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, x := range l {
		if err := m.did("label", x.Label.String()); err != nil {
			return err
		}
	}
	m.labels[key] = append(m.labels[key], l...)
	return nil
}

func (m *memory) Context(key claw.SessionKey) ([]model.Message, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]model.Message(nil), m.msgs[key]...), nil
}

func (m *memory) Append(key claw.SessionKey, msg model.Message, said string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.did("append", string(msg.Role)+" "+msg.Text()); err != nil {
		return err
	}
	m.msgs[key] = append(m.msgs[key], msg)
	if said != "" {
		m.said[key] = append(m.said[key], said)
	}
	return nil
}

func (m *memory) Compact(key claw.SessionKey, summary string, keep, _ int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := m.msgs[key]
	if keep > len(all) {
		return fmt.Errorf("keep %d of %d", keep, len(all))
	}
	m.msgs[key] = append([]model.Message{model.User("[gateway] Summary of the conversation so far:\n" + summary)}, all[len(all)-keep:]...)
	return m.did("compact", summary)
}

func (m *memory) Said(key claw.SessionKey, text string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.said[key] {
		if strings.Contains(s, text) {
			return true
		}
	}
	return false
}

func (m *memory) AddUsage(_ claw.SessionKey, ref claw.ModelRef, u model.Usage) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.usage[ref] = m.usage[ref].Add(u)
	return m.fail["usage"]
}

// transcript is the session as lines "role text".
func (m *memory) transcript(key claw.SessionKey) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []string
	for _, x := range m.msgs[key] {
		line := string(x.Role) + " " + x.Text()
		for _, c := range x.Calls() {
			line += "(" + string(c.Name) + ")"
		}
		out = append(out, line)
	}
	return out
}

// judge is a gate that answers calls as the test says.
type judge struct {
	mu      sync.Mutex
	calls   []gate.Call
	replies []gate.Reply
	resumed []claw.Labels
	// on answers a call; nil refuses all.
	on func(context.Context, gate.Call) (gate.Outcome, error)
	// back answers Resume.
	back gate.Outcome
	// reply answers Reply; nil allows what policy would.
	reply func(gate.Reply) (policy.Decision, error)
	specs []gate.NamedSpec
	// limits and ledger are what models are held to.
	limits policy.BudgetRules
	ledger gate.Ledger
}

// Afford is the real gate's.
func (j *judge) Afford(ctx context.Context, m gate.ModelCall) (*gate.Hold, policy.Decision, error) {
	g := gate.New(gate.Options{Journal: forgetful{}, Ledger: j.ledger, Now: func() time.Time { return noon },
		Rules: func(id claw.AgentID) (policy.Rules, bool) { return policy.Rules{Agent: id, Budget: j.limits}, true }})
	return g.Afford(ctx, m)
}

// forgetful is a journal that keeps nothing.
type forgetful struct{}

func (forgetful) Append(context.Context, journal.Entry) (journal.Pos, error) { return 1, nil }

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func (j *judge) Call(ctx context.Context, c gate.Call) (gate.Outcome, error) {
	j.mu.Lock()
	j.calls = append(j.calls, c)
	on := j.on
	j.mu.Unlock()
	if on == nil {
		return refused("tools.unknown"), nil
	}
	return on(ctx, c)
}

func (j *judge) Resume(_ context.Context, id claw.ApprovalID, l claw.Labels) (gate.Outcome, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.resumed = append(j.resumed, l)
	return j.back, nil
}

func (j *judge) Reply(_ context.Context, r gate.Reply) (policy.Decision, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.replies = append(j.replies, r)
	if j.reply != nil {
		return j.reply(r)
	}
	q := policy.Request{Agent: r.Agent, Session: r.Session, Tool: "reply", Principal: r.Principal, Labels: r.Labels, Facts: policy.Facts{Understood: true, Sends: []policy.Send{r.Audience}}}
	return policy.DecideReply(policy.Rules{Agent: r.Agent}, q), nil
}

func (j *judge) Specs(claw.AgentID) []gate.NamedSpec { return j.specs }

func (j *judge) seen() []gate.Call {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]gate.Call(nil), j.calls...)
}

func refused(rule policy.RuleID) gate.Outcome {
	return gate.Outcome{Status: gate.Refused, IsError: true, Decision: policy.Decision{Rule: rule}, Text: "refused: " + string(rule) + ": no"}
}

func done(text string, l claw.Labels, from string) gate.Outcome {
	return gate.Outcome{Status: gate.Done, Decision: policy.Decision{Verdict: policy.Allow, Rule: "test.allowed"}, Text: text, Labels: l, From: from}
}

func always(o gate.Outcome) func(context.Context, gate.Call) (gate.Outcome, error) {
	return func(context.Context, gate.Call) (gate.Outcome, error) { return o, nil }
}

// world is an engine over a script.
type world struct {
	*agent.Engine
	t    testing.TB
	mem  *memory
	gate *judge
	say  *script.Script

	mu     sync.Mutex
	events []agent.Event
	// heard is called for each event, from the turn's own goroutine.
	heard  func(agent.Event)
	brain  agent.Brain
	prompt agent.Prompted
	runs   int
}

func newWorld(t testing.TB, steps ...script.Step) *world {
	w := &world{t: t, mem: newMemory(), gate: &judge{specs: []gate.NamedSpec{{Name: "read", Spec: tool.Spec{Text: "Read a file.", Schema: json.RawMessage(`{"type":"object"}`)}}}}, say: script.New(steps...)}
	w.brain = agent.Brain{Provider: w.say, Ref: "script/script", Model: "script", Spec: model.Spec{Window: 100000}}
	w.prompt = agent.Prompted{Parts: []model.SystemPart{{Text: "You are a test."}}}
	w.Engine = agent.New(agent.Options{Sessions: w.mem, Gate: w.gate, Now: func() time.Time { return time.Unix(1, 0) },
		Brain:  func(claw.AgentID) (agent.Brain, error) { w.mu.Lock(); defer w.mu.Unlock(); return w.brain, nil },
		Prompt: func(agent.Turn) agent.Prompted { w.mu.Lock(); defer w.mu.Unlock(); return w.prompt },
		Emit: func(e agent.Event) {
			w.mu.Lock()
			w.events = append(w.events, e)
			heard := w.heard
			w.mu.Unlock()
			if heard != nil {
				heard(e)
			}
		},
		NewRun: func() claw.RunID {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.runs++
			return claw.RunID(fmt.Sprint("run-", w.runs))
		}})
	return w
}

func (w *world) turn(text string) agent.Turn {
	return agent.Turn{Agent: "main", Session: main, Principal: owner, Text: text, Said: text, Audience: home, From: "message from cli"}
}

func (w *world) send(t agent.Turn) claw.RunID {
	w.t.Helper()
	id, err := w.Send(t)
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

func (w *world) wait(id claw.RunID) agent.Result {
	w.t.Helper()
	r, err := w.Wait(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// ask sends a turn and waits for its end.
// compact shortens the main session by hand.
func (w *world) compact() agent.Result {
	w.t.Helper()
	id, err := w.Compact("main", main, owner)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.wait(id)
}

func (w *world) ask(t agent.Turn) agent.Result {
	w.t.Helper()
	return w.wait(w.send(t))
}

// kinds of the events of a run, in order.
func (w *world) kinds(id claw.RunID) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	seq := 0
	for _, e := range w.events {
		if e.Run != id {
			continue
		}
		if seq++; e.Seq != seq {
			w.t.Errorf("event %d of %s has number %d", seq, id, e.Seq)
		}
		if n := len(out); n > 0 && e.Kind == agent.KindDelta && out[n-1] == string(e.Kind) {
			continue
		}
		out = append(out, string(e.Kind))
	}
	return strings.Join(out, " ")
}

// text that left as deltas of a run.
func (w *world) deltas(id claw.RunID) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var b strings.Builder
	for _, e := range w.events {
		if e.Run == id && e.Kind == agent.KindDelta {
			b.WriteString(e.Text)
		}
	}
	return b.String()
}

// everything that any event of any run said.
func (w *world) all() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var b strings.Builder
	for _, e := range w.events {
		b.WriteString(e.Text + "\n")
	}
	return b.String()
}

func equal[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}
