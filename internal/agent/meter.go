package agent

import (
	"context"
	"errors"

	"github.com/openclaw-go/openclaw/internal/budget"
	"github.com/openclaw-go/openclaw/internal/gate"
	"github.com/openclaw-go/openclaw/internal/model"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// leastReply is the shortest reply that is worth a request, in tokens.
const leastReply = 1024

// stopped ends a turn that a limit does not let go on.
type stopped struct{ decision policy.Decision }

func (s *stopped) Error() string {
	text := s.neutral()
	if s.decision.Hint != "" {
		text += " (" + s.decision.Hint + ")"
	}
	return text
}

// neutral is what a model may read of it.
func (s *stopped) neutral() string { return string(s.decision.Rule) + ": " + s.decision.Reason }

// forOthers is what people who are no owners read of it.
func (s *stopped) forOthers() string {
	if s.decision.Rule.OfLoop() {
		return "the turn was ended: it brought nothing new any more"
	}
	return "a limit of this assistant is reached"
}

// asks is who answers a turn: the model of the agent and those after it, each
// asked only for what the agent may still use.
func (t *turnState) asks() model.Provider {
	var out []model.Candidate
	for _, c := range append([]Candidate{{t.brain.Provider, t.brain.Ref, t.brain.Model, t.brain.Spec}}, t.brain.Next...) {
		var p model.Provider = metered{t: t, Candidate: c}
		if t.brain.Wrap != nil {
			p = t.brain.Wrap(p)
		}
		out = append(out, model.Candidate{Provider: p, Model: c.Model})
	}
	if len(out) == 1 {
		return out[0].Provider
	}
	allow := t.brain.Allow
	if allow == nil { // the operator wrote the others down
		allow = func(context.Context, model.Request, []model.Destination) error { return nil }
	}
	return model.Fallback{Candidates: out, Allow: allow}
}

// metered is one model within the limits of the agent. Each request to it is
// set aside before and settled after, whoever makes it and however it ends
// (R50). A model that goes nowhere costs nothing and is not counted.
type metered struct {
	t *turnState
	Candidate
}

func (m metered) Destinations() []model.Destination { return m.Provider.Destinations() }

func (m metered) Stream(ctx context.Context, req model.Request) model.Stream {
	to := m.Provider.Destinations()
	if len(to) == 0 {
		return m.Provider.Stream(ctx, req)
	}
	return func(yield func(model.Event, error) bool) {
		err := m.t.mayLeave(to)
		var hold *gate.Hold
		if err == nil {
			hold, req, err = m.afford(ctx, req)
		}
		if err != nil {
			m.t.stop = err
			yield(model.Event{}, model.Invalidf("not asked: %s", model.Line(err.Error())))
			return
		}
		took := meter{req: req}
		defer func() {
			if err := hold.Settle(m.price(took.usage())); err != nil {
				m.t.stop = errors.Join(m.t.stop, err)
			}
		}()
		for ev, err := range m.Provider.Stream(ctx, req) {
			took.add(ev, err)
			if !yield(ev, err) {
				return
			}
		}
	}
}

// afford sets the most aside that a request can come to. Where there is a
// limit, the reply is kept to what is left.
func (m metered) afford(ctx context.Context, req model.Request) (*gate.Hold, model.Request, error) {
	want := req.MaxTokens
	if want == 0 {
		want = model.DefaultMaxTokens
	}
	if m.Spec.Output > 0 {
		want = min(want, m.Spec.Output)
	}
	in := m.Spec.Reserve(req).Input
	call := gate.ModelCall{Agent: m.t.turn.Agent, Session: m.t.turn.Session, Run: m.t.id, Principal: m.t.turn.Principal, Model: m.Ref,
		Priced: m.Spec.Price != nil, Spend: budget.Spend{In: budget.Use{Tokens: int64(in)}, Each: budget.Use{Tokens: 1}, Least: int64(min(leastReply, want)), Most: int64(want)}}
	call.Spend.In.Nanos, call.Spend.Each.Nanos = m.dearest(in)
	hold, d, err := m.t.opt.Gate.Afford(ctx, call)
	switch {
	case err != nil:
		return nil, req, err
	case d.Verdict != policy.Allow:
		return nil, req, &stopped{d}
	}
	if hold.Limited {
		req.MaxTokens = int(min(hold.Units, int64(want)))
	}
	return hold, req, nil
}

// dearest is the most that in tokens cost, and a token of the reply. What goes
// into a cache or comes out of one may cost more than what is plainly read.
func (m metered) dearest(in int) (all, each int64) {
	if m.Spec.Price == nil {
		return 0, 0
	}
	prices := []model.Price{*m.Spec.Price}
	if m.Spec.Above > 0 && in > m.Spec.Above {
		prices = append(prices, m.Spec.LongPrice)
	}
	read, write := 0.0, 0.0
	for _, p := range prices {
		read, write = max(read, p.Input, p.CacheRead, p.CacheWrite), max(write, p.Output)
	}
	const million = 1e6
	return budget.Nanos(read * float64(in) / million), budget.Nanos(write / million)
}

// price is a usage as the ledger counts it.
func (m metered) price(u model.Usage) budget.Use {
	out := budget.Use{Tokens: int64(max(0, u.Sum()))}
	if cost, ok := m.Spec.Cost(u); ok {
		out.Nanos = budget.Nanos(cost.Total)
	} else {
		out.Unpriced = out.Tokens
	}
	return out
}

// meter watches what comes back of one request.
type meter struct {
	req      model.Request
	reported model.Usage
	bytes    int
	begun    bool
	ended    bool
	failed   error
}

func (m *meter) add(ev model.Event, err error) {
	if err != nil {
		m.failed = err
		return
	}
	switch ev.Kind {
	case model.TextDelta, model.ThinkingDelta:
		m.bytes += len(ev.Text) + len(ev.Signature)
	case model.ToolEnd:
		m.bytes += len(ev.Call.Name) + len(ev.Call.Arguments) + len(ev.Call.Raw)
	case model.UsageReport:
		m.reported = credible(ev.Usage)
	case model.Stopped:
		m.ended = true
	case model.ToolStart, model.ToolDelta, model.EventNone:
	}
	m.begun = m.begun || ev.Kind.Output()
}

// mostTokens is more than any request takes.
const mostTokens = 1 << 28

// credible keeps what a provider reports to what a request can be: nothing
// below zero, which would give money back, and no sum that overflows.
func credible(u model.Usage) model.Usage {
	for _, n := range []*int{&u.Input, &u.Output, &u.CacheRead, &u.CacheWrite} {
		*n = min(max(0, *n), mostTokens)
	}
	return u
}

// usage is what the request is charged: what was reported, and not less than
// our own count of what went out and came back. A request that was turned away
// is charged what was reported; one of which nothing was heard is charged what
// was sent.
func (m *meter) usage() model.Usage {
	in := model.EstimateRequest(m.req)
	switch {
	case m.begun || m.ended:
		return model.ChargeAtLeast(m.reported, in, m.bytes/bytesPerToken)
	case turnedAway(m.failed):
		return m.reported
	}
	return m.reported.AtLeast(model.Usage{Input: in})
}

// turnedAway reports an error with which a provider answered instead of
// working, or before which nothing was sent.
func turnedAway(err error) bool {
	var e *model.Error
	if !errors.As(err, &e) {
		return false
	}
	return e.Status != 0 || e.Unsent || !e.Kind.Retryable() && e.Kind != model.KindAborted
}
