package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/openclaw-go/openclaw/internal/agent"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gate"
	"github.com/openclaw-go/openclaw/internal/gateway"
	"github.com/openclaw-go/openclaw/internal/inbox"
	"github.com/openclaw-go/openclaw/internal/model"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/store"
)

// surface is what the gateway sees of agents: messages go in through the
// inbox, events of the engine come out in the gateway's words.
type surface struct {
	app *App

	mu      sync.Mutex
	subs    map[int]func(gateway.Event)
	next    int
	started map[claw.RunID]int64
	current map[claw.SessionKey]claw.RunID // the run whose rows are being stored
	deltas  map[claw.RunID]func(string)
}

func newSurface(a *App) *surface {
	return &surface{app: a, subs: map[int]func(gateway.Event){}, started: map[claw.RunID]int64{}, current: map[claw.SessionKey]claw.RunID{}, deltas: map[claw.RunID]func(string){}}
}

var _ gateway.Agent = (*surface)(nil)

// Send implements gateway.Agent.
func (s *surface) Send(ctx context.Context, t gateway.Turn) (gateway.Started, error) {
	m := s.message(t)
	if err := s.sees(m); err != nil {
		return gateway.Started{}, err
	}
	run, key, err := s.app.inbox.Receive(ctx, m)
	if err != nil {
		return gateway.Started{}, fault(err)
	}
	return gateway.Started{Run: run, Session: key}, nil
}

func (s *surface) message(t gateway.Turn) inbox.Message {
	s.app.secrets.warm(s.app.life, s.app.posture.config())
	m := inbox.Message{Run: t.Run, Principal: t.Principal, Agent: t.Agent, Session: t.Session, Text: t.Message, Labels: t.Labels}
	if m.Run == "" {
		m.Run = newRun()
	}
	for _, q := range t.Context {
		m.Quoted = append(m.Quoted, inbox.Quote{Role: q.Role, Text: q.Text})
	}
	for _, a := range t.Attachments {
		m.Attached = append(m.Attached, inbox.Attached{Name: a.Name, MIME: a.Kind, Data: a.Data})
	}
	return m
}

// sees refuses pictures for a model that takes none, before anything is kept.
func (s *surface) sees(m inbox.Message) error {
	if !slices.ContainsFunc(m.Attached, inbox.Attached.Picture) {
		return nil
	}
	id, _, err := s.app.inbox.Route(m.Agent, m.Session)
	if err != nil {
		return fault(err)
	}
	b, err := s.app.models.Brain(id)
	if err != nil || b.Spec.Images {
		return nil // without a model the turn says why
	}
	return &gateway.Fault{Kind: gateway.Invalid, Message: fmt.Sprintf("attachment: the model %s takes no pictures", b.Ref), Rule: "gateway.no_pictures",
		Hint: "choose a model that does; for a provider of your own add input: [\"text\", \"image\"] to its entry in models.providers"}
}

// Complete implements gateway.Agent.
func (s *surface) Complete(ctx context.Context, t gateway.Turn, delta func(string)) (gateway.RunResult, error) {
	m := s.message(t)
	if err := s.sees(m); err != nil {
		return gateway.RunResult{}, err
	}
	if delta != nil {
		s.mu.Lock()
		s.deltas[m.Run] = delta
		s.mu.Unlock()
		defer func() {
			s.mu.Lock()
			delete(s.deltas, m.Run)
			s.mu.Unlock()
		}()
	}
	run, key, err := s.app.inbox.Receive(ctx, m)
	if err != nil {
		return gateway.RunResult{}, fault(err)
	}
	stop := context.AfterFunc(ctx, func() { s.app.engine.Abort(key, run) })
	defer stop()
	r, err := s.app.engine.Wait(context.WithoutCancel(ctx), run)
	if err != nil {
		return gateway.RunResult{}, fault(err)
	}
	return s.result(r), nil
}

// Abort implements gateway.Agent.
func (s *surface) Abort(_ context.Context, session claw.SessionKey, run claw.RunID, _ claw.Principal) ([]claw.RunID, error) {
	if session == "" && run == "" {
		return nil, &gateway.Fault{Kind: gateway.Invalid, Message: "a session or a run is required"}
	}
	running := s.app.engine.Running()
	var ended []claw.RunID
	for key, id := range running {
		if session != "" && key != session || run != "" && id != run {
			continue
		}
		if s.app.engine.Abort(key, id) > 0 {
			ended = append(ended, id)
		}
	}
	if session != "" && run == "" {
		s.app.engine.Abort(session, "") // what waits in the queue
	}
	return ended, nil
}

// Wait implements gateway.Agent.
func (s *surface) Wait(ctx context.Context, run claw.RunID) (gateway.RunResult, error) {
	r, err := s.app.engine.Wait(ctx, run)
	if errors.Is(err, agent.ErrNoRun) {
		return gateway.RunResult{}, &gateway.Fault{Kind: gateway.NotFound, Message: fmt.Sprintf("no run %q", run)}
	}
	if err != nil {
		return gateway.RunResult{}, err
	}
	return s.result(r), nil
}

func (s *surface) result(r agent.Result) gateway.RunResult {
	out := gateway.RunResult{Run: r.Run, Session: r.Session, Text: r.Reply, Error: r.Error, Usage: usage(r.Usage), EndedAt: time.Now()}
	switch r.State {
	case agent.StateFinal:
		out.State = gateway.Final
		if out.StopReason = "stop"; len(r.Calls) > 0 && r.Calls[len(r.Calls)-1].Status == gate.Pending {
			out.StopReason = "approval-pending"
		}
	case agent.StateAborted:
		out.State = gateway.Aborted
	case agent.StateError, agent.StateRunning:
		out.State = gateway.Failed
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if ms, ok := s.started[r.Run]; ok {
		out.StartedAt = time.UnixMilli(ms)
	}
	return out
}

// Inject implements gateway.Agent.
func (s *surface) Inject(ctx context.Context, key claw.SessionKey, text, label string, by claw.Principal) error {
	_, key, err := s.app.inbox.Route("", key)
	if err != nil {
		return fault(err)
	}
	if label != "" {
		text = "[" + label + "] " + text
	}
	return s.app.sessions.inject(ctx, key, text, by)
}

// Active implements gateway.Agent.
func (s *surface) Active() []gateway.Started {
	var out []gateway.Started
	for key, run := range s.app.engine.Running() {
		out = append(out, gateway.Started{Run: run, Session: key})
	}
	return out
}

// Agents implements gateway.Agent.
func (s *surface) Agents() []gateway.AgentRow {
	p := s.app.posture.now()
	out := make([]gateway.AgentRow, 0, len(p.Agents))
	for _, a := range p.Agents {
		row := gateway.AgentRow{ID: a.ID, Name: a.Name, Emoji: a.Emoji, Main: inbox.Main(a.ID), Surfaces: a.Rules.Surfaces, Model: operatorRef}
		if len(a.Models) > 0 {
			row.Model = a.Models[0]
		}
		out = append(out, row)
	}
	return out
}

// Subscribe implements gateway.Agent.
func (s *surface) Subscribe(f func(gateway.Event)) (cancel func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.next
	s.next++
	s.subs[id] = f
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.subs, id)
	}
}

func (s *surface) publish(e gateway.Event) {
	s.mu.Lock()
	subs := make([]func(gateway.Event), 0, len(s.subs))
	for _, f := range s.subs {
		subs = append(subs, f)
	}
	s.mu.Unlock()
	for _, f := range subs {
		f(e)
	}
}

// emit puts an event of the engine into the gateway's words.
func (s *surface) emit(e agent.Event) {
	now := time.Now().UnixMilli()
	if e.Kind == agent.KindFinal || e.Kind == agent.KindAborted || e.Kind == agent.KindError {
		s.mu.Lock()
		delete(s.current, e.Session)
		s.mu.Unlock()
	}
	switch e.Kind {
	case agent.KindStart:
		s.mu.Lock()
		s.started[e.Run], s.current[e.Session] = now, e.Run
		if len(s.started) > 1024 {
			clear(s.started)
			s.started[e.Run] = now
		}
		s.mu.Unlock()
		s.publish(gateway.RunEvent{Run: e.Run, Session: e.Session, Agent: e.Agent, AtMs: now})
		s.publish(gateway.SessionsEvent{Session: e.Session, Reason: "started", TS: now})
	case agent.KindDelta:
		s.mu.Lock()
		delta := s.deltas[e.Run]
		s.mu.Unlock()
		if delta != nil {
			delta(e.Text)
		}
		s.publish(gateway.ChatEvent{Run: e.Run, Session: e.Session, State: gateway.Delta, DeltaText: e.Text})
	case agent.KindCall:
		s.publish(s.toolEvent(e, gateway.ToolStart, now))
	case agent.KindOutcome:
		s.publish(s.toolEvent(e, gateway.ToolDecided, now))
		s.publish(s.toolEvent(e, gateway.ToolResult, now))
	case agent.KindLabel:
		for _, l := range e.Lineage {
			s.publish(gateway.LabelsEvent{Session: e.Session, Run: e.Run, Labels: e.Labels, Added: l, Effect: labelEffect(l.Label)})
		}
	case agent.KindShorten:
		s.publish(gateway.CompactionEvent{Run: e.Run, Session: e.Session, AtMs: now, Phase: "start", Before: int64(e.Shortened.Before)})
	case agent.KindShorter:
		s.publish(gateway.CompactionEvent{Run: e.Run, Session: e.Session, AtMs: now, Phase: "end", Before: int64(e.Shortened.Before), After: int64(e.Shortened.After)})
		s.publish(gateway.SessionsEvent{Session: e.Session, Reason: "compacted", TS: now})
	case agent.KindFinal:
		m := gateway.TextMessage("assistant", e.Text, now)
		m.Run, m.Model = e.Run, e.Model
		u := usage(e.Usage)
		s.publish(gateway.ChatEvent{Run: e.Run, Session: e.Session, State: gateway.Final, Message: m, Usage: &u, StopReason: string(e.Stop)})
		s.publish(gateway.SessionsEvent{Session: e.Session, Reason: "ended", TS: now})
	case agent.KindAborted:
		var m *gateway.Message
		if e.Text != "" {
			m = gateway.TextMessage("assistant", e.Text, now)
		}
		s.publish(gateway.ChatEvent{Run: e.Run, Session: e.Session, State: gateway.Aborted, Message: m, StopReason: "aborted"})
		s.publish(gateway.SessionsEvent{Session: e.Session, Reason: "ended", TS: now})
	case agent.KindError:
		text := s.app.redactor().String(e.Text)
		s.publish(gateway.ChatEvent{Run: e.Run, Session: e.Session, State: gateway.Failed, ErrorMessage: text, ErrorKind: e.ErrorKind})
		s.publish(gateway.SessionsEvent{Session: e.Session, Reason: "ended", TS: now})
	}
}

// stored tells whoever follows a session of a row in its transcript.
func (s *surface) stored(key claw.SessionKey, row store.Stored) {
	s.mu.Lock()
	run := s.current[key]
	s.mu.Unlock()
	s.publish(gateway.RowEvent{Session: key, Row: func() gateway.Message {
		m, _ := messageOf(row)
		m.Run = run
		return m
	}})
}

func (s *surface) toolEvent(e agent.Event, phase gateway.ToolPhase, now int64) gateway.ToolEvent {
	f := gateway.ToolFacts{Call: e.Call.ID, Tool: e.Call.Tool}
	if len(e.Call.Arguments) > 0 {
		f.Args = s.app.redactor().JSON(e.Call.Arguments)
	}
	if o := e.Outcome; o != nil {
		f = outcomeFacts(f, *o)
		if phase == gateway.ToolDecided {
			f.Status, f.Result, f.Enforced, f.Witness = "", "", "", ""
		}
	}
	return gateway.ToolEvent{Run: e.Run, Session: e.Session, Agent: e.Agent, AtMs: now, Phase: phase, ToolFacts: f}
}

func outcomeFacts(f gateway.ToolFacts, o gate.Outcome) gateway.ToolFacts {
	d := o.Decision
	f.Status, f.Verdict, f.Rule, f.Reason, f.Hint, f.Where = string(o.Status), d.Verdict.String(), string(d.Rule), d.Reason, d.Hint, d.Where
	f.Approval, f.Seq, f.Result, f.IsError, f.DurationMs, f.NewLabels = o.Approval, o.Seq, o.Text, o.IsError, o.Took.Milliseconds(), o.Labels
	if f.Finding = o.Note; o.Labels != 0 {
		f.LabelsFrom = o.From
	}
	if !o.Expires.IsZero() {
		f.ExpiresMs = o.Expires.UnixMilli()
	}
	if o.Run != nil {
		f.Enforced, f.Witness = o.Run.Enforced.String(), o.Run.Witness
	}
	return f
}

func labelEffect(l claw.Labels) string {
	switch l {
	case claw.Untrusted:
		return "From here on, running commands and starting jobs asks first."
	case claw.Private:
		return "Together with untrusted text, sending anything out asks first."
	case claw.Secret:
		return "Nothing of this session leaves the gateway."
	}
	return ""
}

func usage(u model.Usage) gateway.Usage {
	out := gateway.Usage{Input: int64(u.Input), Output: int64(u.Output), CacheRead: int64(u.CacheRead), CacheWrite: int64(u.CacheWrite)}
	out.Total = out.Input + out.Output + out.CacheRead + out.CacheWrite
	if u.Cost != nil {
		out.Cost = u.Cost.Total
	}
	return out
}

// fault turns an error of the inside into one that clients are told.
func fault(err error) error {
	kind := gateway.Unavailable
	switch {
	case errors.Is(err, inbox.ErrNoAgent):
		kind = gateway.NotFound
	case errors.Is(err, errLocked):
		return &gateway.Fault{Kind: gateway.Refused, Rule: string(policy.RuleLockdown), Message: errLocked.Error(), Hint: errLocked.Hint()}
	case errors.Is(err, inbox.ErrClosed):
		kind = gateway.Refused
	case errors.Is(err, inbox.ErrKey), errors.Is(err, inbox.ErrText), errors.Is(err, inbox.ErrAttachment):
		kind = gateway.Invalid
	case errors.Is(err, agent.ErrQueueFull), errors.Is(err, agent.ErrStopped):
	default:
		return err
	}
	return &gateway.Fault{Kind: kind, Message: err.Error()}
}
