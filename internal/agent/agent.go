// Package agent runs turns: model and gate in alternation until there is an
// answer. It has no effect of its own; every call and every reply goes through
// the gate.
package agent

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gate"
	"github.com/openclaw-go/openclaw/internal/model"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// Bounds of a turn.
const (
	DefaultTimeout = 10 * time.Minute
	DefaultSteps   = 40   // model calls of one turn
	MaxCalls       = 1000 // tool calls of one turn, whatever the rules allow
	// DefaultRefused is how many calls of one turn may be refused, or fail.
	DefaultRefused = 60
	// RepeatLimit ends a turn whose model asks for the same refused or failed
	// call again and again.
	RepeatLimit = 3
	// QueueLimit bounds the turns that wait in one session.
	QueueLimit = 20
)

// Sessions keeps transcripts.
type Sessions interface {
	// Ensure makes the session when there is none.
	Ensure(key claw.SessionKey, agent claw.AgentID) error
	// Labels that the session carries, with their lineage.
	Labels(key claw.SessionKey) (claw.Labels, []claw.Lineage, error)
	AddLabels(key claw.SessionKey, l []claw.Lineage) error
	// Context is what a model reads: messages since the last compaction.
	Context(key claw.SessionKey) ([]model.Message, error)
	// Append adds a message; said is what the operator wrote in it, word for
	// word, and "" for everything else.
	Append(key claw.SessionKey, m model.Message, said string) error
	// Compact replaces everything before the last keep messages by a summary.
	Compact(key claw.SessionKey, summary string, keep, tokensBefore int) error
	// Said reports whether a person wrote text verbatim in this session.
	Said(key claw.SessionKey, text string) bool
	AddUsage(key claw.SessionKey, ref claw.ModelRef, u model.Usage) error
}

// Gate is the one road to effects.
type Gate interface {
	Call(ctx context.Context, c gate.Call) (gate.Outcome, error)
	Resume(ctx context.Context, id claw.ApprovalID, labels claw.Labels) (gate.Outcome, error)
	Reply(ctx context.Context, r gate.Reply) (policy.Decision, error)
	// Afford sets aside what a request to a model may use. Unless the decision
	// allows it, the request must not be made.
	Afford(ctx context.Context, m gate.ModelCall) (*gate.Hold, policy.Decision, error)
	Specs(agent claw.AgentID) []gate.NamedSpec
}

// Brain is the model of an agent: where its turns are thought.
type Brain struct {
	Provider model.Provider
	Ref      claw.ModelRef
	Model    string // the provider's own name
	Spec     model.Spec
	// MaxContext bounds what is sent, in tokens; 0 takes the model's window.
	MaxContext int
	// Next are asked in order when the one before fails in a way that may pass.
	Next []Candidate
	// Wrap puts around each of them what guards it, or asks it again when it
	// fails in a way that may pass; nil is nothing.
	Wrap func(model.Provider) model.Provider
	// Allow decides whether a request may go to one of Next; nil lets it.
	Allow func(ctx context.Context, req model.Request, to []model.Destination) error
	// Catalog prices whoever else answers, after a fallback. Without an entry
	// there the price of such a reply is unknown.
	Catalog model.Catalog
}

// Candidate is one model that may answer.
type Candidate struct {
	Provider model.Provider
	Ref      claw.ModelRef
	Model    string
	Spec     model.Spec
}

// answered is who wrote a message and what is known of that model.
func (b Brain) answered(m model.Message) (claw.ModelRef, model.Spec) {
	name, _, _ := strings.Cut(string(b.Ref), "/")
	if m.Provider == "" || m.Provider == name && (m.Model == b.Model || len(b.Provider.Destinations()) == 0) {
		return b.Ref, b.Spec
	}
	for _, c := range b.Next {
		if own, _, _ := strings.Cut(string(c.Ref), "/"); own == m.Provider && c.Model == m.Model {
			return c.Ref, c.Spec
		}
	}
	spec, _ := b.Catalog.Find(m.Provider, m.Model)
	return claw.ModelRef(m.Provider + "/" + m.Model), spec
}

// Options of an Engine. All of them are required but Prompt.
type Options struct {
	Sessions Sessions
	Gate     Gate
	Brain    func(claw.AgentID) (Brain, error)
	// Prompt makes the system prompt of an agent in a session.
	Prompt func(Turn) Prompted
	Emit   func(Event)
	Now    func() time.Time
	NewRun func() claw.RunID
	// Closed says why no turn is taken now; nil when turns are always taken.
	Closed func() error
}

// Picture is an image that comes with a message.
type Picture = model.Image

// Turn is one message to answer.
type Turn struct {
	// Run names the turn when the caller wants to know it beforehand.
	Run       claw.RunID
	Agent     claw.AgentID
	Session   claw.SessionKey
	Principal claw.Principal
	Text      string
	// Pictures follow the text.
	Pictures []Picture
	// Said is what the operator wrote, without anything that was quoted.
	Said string
	// Labels that the message brings, and from whom.
	Labels claw.Labels
	From   string
	// Lineage of labels that somebody else passes on: a job has those of the
	// session that made it, a sub-agent those of its parent (R36).
	Lineage []claw.Lineage
	// System marks an event of the gateway's own ("approval a1: allowed").
	System     bool
	Unattended bool
	// Audience is who reads the reply.
	Audience policy.Send
	Timeout  time.Duration

	// resume is the answered question, asked the call that waited for it.
	resume claw.ApprovalID
	asked  claw.ToolCall
	// compact makes it no turn at all: the session is shortened.
	compact bool
}

// Prompted is a system prompt and what it brings into the session.
type Prompted struct {
	Parts  []model.SystemPart
	Labels claw.Labels
	From   string
}

// Engine runs turns, one at a time per session.
type Engine struct {
	opt Options

	mu    sync.Mutex
	lanes map[claw.SessionKey]*lane
	runs  map[claw.RunID]*run
	order []claw.RunID // finished, oldest first
	wg    sync.WaitGroup
	shut  bool
	ctx   context.Context
	stop  context.CancelFunc
}

// lane is the queue of one session.
type lane struct {
	queue []*run
	busy  bool
}

// run is one turn from its acceptance to its end.
type run struct {
	id     claw.RunID
	turn   Turn
	seq    int
	cancel context.CancelFunc
	done   chan struct{}
	result Result
}

// Result is how a turn ended.
type Result struct {
	Run     claw.RunID      `json:"runId"`
	Session claw.SessionKey `json:"sessionKey"`
	State   State           `json:"state"`
	Reply   string          `json:"reply"`
	Calls   []CallReport    `json:"toolCalls"`
	Error   string          `json:"error,omitempty"`
	Usage   model.Usage     `json:"usage"`
	Model   claw.ModelRef   `json:"model,omitempty"`
	// Shortened is set when the session was to be shortened by hand.
	Shortened *Shortened `json:"shortened,omitempty"`
}

// State of a turn.
type State string

// States.
const (
	StateRunning State = "running"
	StateFinal   State = "final"
	StateAborted State = "aborted"
	StateError   State = "error"
)

// CallReport is one tool call of a turn in short.
type CallReport struct {
	Tool     claw.ToolName   `json:"tool"`
	Verdict  policy.Verdict  `json:"verdict"`
	Rule     policy.RuleID   `json:"rule"`
	Status   gate.Status     `json:"status"`
	Approval claw.ApprovalID `json:"approvalId,omitempty"`
	Hint     string          `json:"hint,omitempty"`
}

// Errors of the engine.
var (
	ErrStopped   = errors.New("agent: the gateway is stopping")
	ErrQueueFull = errors.New("agent: too many messages wait in this session")
	ErrNoRun     = errors.New("agent: no such run")
	ErrRunTaken  = errors.New("agent: another session has a run of this name")
)

// keepRuns is how many finished runs Wait still knows.
const keepRuns = 1024

// New makes an engine.
func New(opt Options) *Engine {
	ctx, stop := context.WithCancel(context.Background())
	return &Engine{opt: opt, lanes: map[claw.SessionKey]*lane{}, runs: map[claw.RunID]*run{}, ctx: ctx, stop: stop}
}

// Send queues a turn and returns at once. Its events come through Emit, its
// end through Wait.
func (e *Engine) Send(t Turn) (claw.RunID, error) {
	r := &run{id: t.Run, turn: t, done: make(chan struct{})}
	if r.id == "" {
		r.id = e.opt.NewRun()
	}
	r.result = Result{Run: r.id, Session: t.Session, State: StateRunning, Calls: []CallReport{}}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.shut {
		return "", ErrStopped
	}
	if e.opt.Closed != nil {
		if err := e.opt.Closed(); err != nil {
			return "", err
		}
	}
	if before := e.runs[r.id]; before != nil {
		if before.turn.Session != t.Session {
			return "", fmt.Errorf("%w: %q", ErrRunTaken, r.id)
		}
		return r.id, nil // the same message again
	}
	l := e.lanes[t.Session]
	if l == nil {
		l = &lane{}
		e.lanes[t.Session] = l
	}
	// An answer to a question was waited for: it always has a place.
	if len(l.queue) >= QueueLimit && t.resume == "" {
		return "", ErrQueueFull
	}
	e.runs[r.id] = r
	l.queue = append(l.queue, r)
	e.wg.Add(1)
	if !l.busy {
		l.busy = true
		go e.drain(t.Session, l)
	}
	return r.id, nil
}

// Answered continues a session whose question was answered.
func (e *Engine) Answered(id claw.ApprovalID, c gate.Call, audience policy.Send) (claw.RunID, error) {
	return e.Send(Turn{Agent: c.Agent, Session: c.Session, Principal: c.Principal, System: true, Unattended: c.Unattended, Audience: audience, resume: id, asked: c.ToolCall})
}

// Compact shortens a session by hand: its older part becomes a summary of the
// model's. It waits its turn in the session; Wait gives the end.
func (e *Engine) Compact(agent claw.AgentID, session claw.SessionKey, by claw.Principal) (claw.RunID, error) {
	return e.Send(Turn{Agent: agent, Session: session, Principal: by, System: true, Audience: policy.Send{OwnersOnly: true}, compact: true})
}

func (e *Engine) drain(key claw.SessionKey, l *lane) {
	for {
		e.mu.Lock()
		if len(l.queue) == 0 {
			l.busy = false
			delete(e.lanes, key)
			e.mu.Unlock()
			return
		}
		r := l.queue[0]
		l.queue = l.queue[1:]
		timeout := r.turn.Timeout
		if timeout <= 0 {
			timeout = DefaultTimeout
		}
		ctx, cancel := context.WithTimeout(e.ctx, timeout)
		r.cancel = cancel
		aborted := r.result.State == StateAborted
		e.mu.Unlock()
		if aborted {
			e.skip(r)
		} else {
			e.answer(ctx, r)
		}
		cancel()
		e.finish(r)
	}
}

func (e *Engine) finish(r *run) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.order = append(e.order, r.id)
	if len(e.order) > keepRuns {
		delete(e.runs, e.order[0])
		e.order = e.order[1:]
	}
	close(r.done)
	e.wg.Done()
}

// Abort ends the runs of a session, or the one that is named. It reports how
// many it ended.
func (e *Engine) Abort(key claw.SessionKey, id claw.RunID) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := 0
	for _, r := range e.runs {
		if r.turn.Session != key || id != "" && r.id != id || r.result.State != StateRunning {
			continue
		}
		n++
		r.result.State = StateAborted
		if r.cancel != nil {
			r.cancel()
		}
	}
	return n
}

// AbortAll ends every turn, those that wait in a queue too. Each channel is
// closed when one of them is over, with the programs that it ran.
func (e *Engine) AbortAll() (over []<-chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, r := range e.runs {
		if r.result.State != StateRunning {
			continue
		}
		over = append(over, r.done)
		r.result.State = StateAborted
		if r.cancel != nil {
			r.cancel()
		}
	}
	return over
}

// Running lists the sessions that have a turn under way.
func (e *Engine) Running() map[claw.SessionKey]claw.RunID {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := map[claw.SessionKey]claw.RunID{}
	for _, r := range e.runs {
		if r.result.State == StateRunning && r.cancel != nil {
			out[r.turn.Session] = r.id
		}
	}
	return out
}

// Wait returns when the run has ended or ctx is done.
func (e *Engine) Wait(ctx context.Context, id claw.RunID) (Result, error) {
	e.mu.Lock()
	r := e.runs[id]
	e.mu.Unlock()
	if r == nil {
		return Result{}, fmt.Errorf("%w: %q", ErrNoRun, id)
	}
	select {
	case <-r.done:
		e.mu.Lock()
		defer e.mu.Unlock()
		return r.result, nil
	case <-ctx.Done():
		return Result{Run: id, Session: r.turn.Session, State: StateRunning}, ctx.Err()
	}
}

// Stop lets turns that are under way end within ctx, then cancels them; each
// leaves a mark in its transcript. Nothing new is accepted.
func (e *Engine) Stop(ctx context.Context) {
	e.mu.Lock()
	e.shut = true
	for _, l := range e.lanes {
		for _, r := range l.queue {
			r.result.State = StateAborted
		}
	}
	e.mu.Unlock()
	idle := make(chan struct{})
	go func() { e.wg.Wait(); close(idle) }()
	select {
	case <-idle:
	case <-ctx.Done():
		e.stop()
		<-idle
	}
	e.stop()
}
