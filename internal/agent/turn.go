package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gate"
	"github.com/openclaw-go/openclaw/internal/model"
)

// emit sends an event of a run; seq counts within it.
func (e *Engine) emit(r *run, ev Event) {
	r.seq++
	ev.Run, ev.Session, ev.Agent, ev.Principal, ev.Audience, ev.Seq = r.id, r.turn.Session, r.turn.Agent, r.turn.Principal, r.turn.Audience, r.seq
	e.opt.Emit(ev)
}

// answer runs one turn.
func (e *Engine) answer(ctx context.Context, r *run) {
	if r.turn.compact {
		e.shorten(ctx, r)
		return
	}
	e.emit(r, Event{Kind: KindStart})
	t := &turnState{Engine: e, run: r, repeats: map[string]int{}}
	err := t.begin(ctx)
	if err == nil {
		err = t.loop(ctx)
	}
	t.end(ctx, err)
}

// skip ends a turn that never began. When the gateway stops, its message is
// written down all the same, with the mark that nobody answered it.
func (e *Engine) skip(r *run) {
	t := &turnState{Engine: e, run: r, repeats: map[string]int{}}
	e.mu.Lock()
	shut := e.shut
	e.mu.Unlock()
	if r.turn.compact {
		t.settle(StateAborted, "", "")
		return
	}
	if !shut {
		t.marked = true // the person who stopped it wants nothing of it
		t.end(context.Background(), context.Canceled)
		return
	}
	err := t.open()
	switch {
	case err != nil:
	case r.turn.resume != "":
		err = t.append(model.User(fmt.Sprintf("[gateway] approval %s: not carried out, the gateway stopped", r.turn.resume)))
	default:
		err = t.receive()
	}
	t.end(context.Background(), errors.Join(err, context.Canceled))
}

// turnState is what one turn knows while it runs.
type turnState struct {
	*Engine
	*run
	brain   Brain
	system  []model.SystemPart
	labels  claw.Labels
	lineage []claw.Lineage
	usage   model.Usage
	reply   string
	says    string
	calls   int
	repeats map[string]int
	// marked: the transcript shows how the turn ended.
	marked bool
	out    outlet
	// model is who answers.
	model model.Provider
	// stop is why no model may be asked any more.
	stop error
	// made is what the turn called so far; refusals those that did not work.
	made     gate.Turn
	refusals int
}

// begin loads the session and writes down what came in, before anything
// thinks about it.
func (t *turnState) begin(ctx context.Context) error {
	if err := t.open(); err != nil {
		return err
	}
	var err error
	if t.turn.resume != "" {
		err = t.resumed(ctx)
	} else {
		err = t.receive()
	}
	if err != nil {
		return err
	}
	if t.brain, err = t.opt.Brain(t.turn.Agent); err != nil {
		return err
	}
	t.model = t.asks()
	if t.opt.Prompt != nil {
		p := t.opt.Prompt(t.turn)
		t.system = p.Parts
		return t.taint(brought{labels: p.Labels, from: p.From})
	}
	return nil
}

func (t *turnState) open() (err error) {
	if err = t.opt.Sessions.Ensure(t.turn.Session, t.turn.Agent); err != nil {
		return err
	}
	t.labels, t.lineage, err = t.opt.Sessions.Labels(t.turn.Session)
	return err
}

// receive writes the message down, its labels first.
func (t *turnState) receive() error {
	b := brought{labels: t.turn.Labels, from: t.turn.From, passed: t.turn.Lineage}
	if b.labels.Has(claw.Untrusted) {
		b.note = gate.Finding(t.turn.Text)
	}
	if err := t.taint(b); err != nil {
		return err
	}
	m := model.User(t.turn.Text)
	for _, p := range t.turn.Pictures {
		m.Content = append(m.Content, model.Block{Kind: model.BlockImage, Image: p})
	}
	m.Timestamp = t.opt.Now().UnixMilli()
	return t.opt.Sessions.Append(t.turn.Session, m, t.turn.Said)
}

// resumed ends the call that waited and tells the model what became of it.
func (t *turnState) resumed(ctx context.Context) error {
	out, err := t.opt.Gate.Resume(ctx, t.turn.resume, t.labels)
	if err != nil {
		return err
	}
	t.report(t.turn.asked.Tool, out)
	t.emit(t.run, Event{Kind: KindOutcome, Call: t.turn.asked, Outcome: &out})
	if err := t.taint(broughtBy(out)); err != nil {
		return err
	}
	return t.append(model.User(fmt.Sprintf("[gateway] approval %s: %s\n%s", t.turn.resume, out.Status, out.Text)))
}

func (t *turnState) append(m model.Message) error {
	m.Timestamp = t.opt.Now().UnixMilli()
	return t.opt.Sessions.Append(t.turn.Session, m, "")
}

// loop asks the model and runs its calls until it answers without any.
func (t *turnState) loop(ctx context.Context) error {
	for step := 0; step < DefaultSteps; step++ {
		msg, err := t.think(ctx)
		if text := msg.Text(); text != "" {
			t.reply, t.says = text, text
		}
		if err != nil {
			return err
		}
		calls := msg.Calls()
		if len(calls) == 0 {
			return nil
		}
		pending, err := t.act(ctx, calls)
		if err != nil || pending {
			return err
		}
	}
	return fmt.Errorf("the model did not come to an end within %d steps", DefaultSteps)
}

// sightless is a conversation for a model that takes no pictures: of an earlier
// one it learns that there was one.
func sightless(msgs []model.Message) []model.Message {
	out := slices.Clone(msgs)
	for i := range out {
		if !slices.ContainsFunc(out[i].Content, func(b model.Block) bool { return b.Kind == model.BlockImage }) {
			continue
		}
		out[i].Content = slices.Clone(out[i].Content)
		for j, b := range out[i].Content {
			if b.Kind == model.BlockImage {
				out[i].Content[j] = model.Text("(a picture was here; this model takes none)")
			}
		}
	}
	return out
}

// think streams one reply of the model into the transcript.
func (t *turnState) think(ctx context.Context) (model.Message, error) {
	if err := t.mayLeave(t.brain.Provider.Destinations()); err != nil {
		return model.Message{}, err
	}
	msgs, err := t.opt.Sessions.Context(t.turn.Session)
	if err != nil {
		return model.Message{}, err
	}
	if !t.brain.Spec.Images {
		msgs = sightless(msgs)
	}
	req := model.Request{Model: t.brain.Model, System: t.system, Messages: msgs, Labels: t.labels}
	for _, s := range t.opt.Gate.Specs(t.turn.Agent) {
		req.Tools = append(req.Tools, model.ToolSpec{Name: s.Name, Description: s.Text, Schema: s.Schema})
	}
	if req.Messages, err = t.fit(ctx, req); err != nil {
		return model.Message{}, err
	}
	msg, err := t.stream(ctx, req)
	if err != nil && model.KindOf(err) == model.KindContextLength {
		// The provider counts differently: make room once and ask again.
		if req.Messages, err = t.compact(ctx, req, min(t.room(), model.EstimateRequest(req)/2)); err != nil {
			return model.Message{}, err
		}
		msg, err = t.stream(ctx, req)
	}
	if err != nil && len(msg.Content) == 0 {
		return model.Message{}, err
	}
	if aerr := t.append(msg); aerr != nil {
		return model.Message{}, aerr
	}
	t.marked = err != nil
	return msg, err
}

// mayLeave refuses to send a session that carries a secret to whoever stands
// behind the model: a secret leaves by injection only (R26).
func (t *turnState) mayLeave(to []model.Destination) error {
	if t.labels.Has(claw.Secret) && len(to) > 0 {
		return fmt.Errorf("flow.secret_leaves: a secret is in this session, so it does not go to %q", to[0].Host)
	}
	return nil
}

func (t *turnState) stream(ctx context.Context, req model.Request) (model.Message, error) {
	var c model.Collector
	var failed error
	bound := t.flood()
	for ev, err := range t.model.Stream(ctx, req) {
		if err == nil {
			err = bound.add(ev)
		}
		if err != nil {
			failed = err
			break
		}
		c.Add(ev)
		if ev.Kind == model.TextDelta && ev.Text != "" {
			t.say(ctx, ev.Text)
		}
	}
	if t.stop != nil {
		failed = t.stop
	}
	var msg model.Message
	if failed != nil {
		msg = c.Fail(failed)
		bound.trim(&msg)
	} else {
		msg, _, _, failed = c.Finish()
	}
	t.said(ctx)
	return msg, errors.Join(failed, t.charge(req, &msg, failed))
}

// charge counts what a call of the model took, also of one that broke off.
func (t *turnState) charge(req model.Request, msg *model.Message, failed error) error {
	used := *msg.Usage
	if failed == nil && len(t.brain.Provider.Destinations()) > 0 {
		used = model.Charge(req, *msg)
	}
	if failed != nil && used.Sum() == 0 {
		return nil
	}
	ref, spec := t.brain.answered(*msg)
	if cost, ok := spec.Cost(used); ok {
		used.Cost = &cost
	}
	msg.Usage = &used
	t.usage = t.usage.Add(used)
	return t.opt.Sessions.AddUsage(t.turn.Session, ref, used)
}

// act runs the calls of one message in order. pending tells that one of them
// waits for a person, which ends the turn.
func (t *turnState) act(ctx context.Context, calls []model.ToolCall) (pending bool, err error) {
	for _, c := range calls {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		if t.calls++; t.calls > MaxCalls || t.refusals > DefaultRefused {
			return false, fmt.Errorf("the model asked for more than %d calls in one turn, or %d that did not work", MaxCalls, DefaultRefused)
		}
		out, err := t.call(ctx, c)
		if err != nil {
			return false, err
		}
		pending = pending || out.Status == gate.Pending
		result := model.Result(c, out.Text)
		result.IsError = out.IsError
		if err := t.taint(broughtBy(out)); err != nil {
			return false, err
		}
		if err := t.append(result); err != nil {
			return false, err
		}
		if out.Status == gate.Refused && out.Decision.Rule.EndsTurn() {
			return false, &stopped{out.Decision}
		}
		if out.Status != gate.Done && !out.Decision.Rule.OfLoop() {
			t.refusals++
			key := string(c.Name) + " " + string(c.Arguments) + c.Raw
			if t.repeats[key]++; t.repeats[key] >= RepeatLimit {
				return false, fmt.Errorf("the model asked %d times for a call that was %s (%s)", RepeatLimit, out.Status, out.Decision.Rule)
			}
		}
	}
	return pending, nil
}

func (t *turnState) call(ctx context.Context, c model.ToolCall) (gate.Outcome, error) {
	tc := claw.ToolCall{ID: c.ID, Tool: claw.ToolName(strings.ToLower(string(c.Name))), Arguments: c.Arguments}
	if c.Invalid != "" {
		// The gate refuses it and records that: it is no JSON object, and
		// unlike null no tool takes it for an empty one.
		tc.Arguments = json.RawMessage(`"not an object"`)
	}
	t.emit(t.run, Event{Kind: KindCall, Call: tc})
	out, err := t.opt.Gate.Call(ctx, gate.Call{ToolCall: tc, Agent: t.turn.Agent, Session: t.turn.Session, Run: t.id, Principal: t.turn.Principal,
		Labels: t.labels, Lineage: t.lineage, LastHuman: t.lastHuman(), Says: t.says, Unattended: t.turn.Unattended, Model: t.brain.Ref,
		Audience:     t.turn.Audience,
		Turn:         &t.made,
		OperatorSaid: func(text string) bool { return t.opt.Sessions.Said(t.turn.Session, text) }})
	if err != nil {
		return gate.Outcome{}, err
	}
	if c.Invalid != "" && out.Status == gate.Refused {
		out.Text = "refused: the arguments are no JSON object: " + c.Invalid
	}
	t.report(tc.Tool, out)
	t.emit(t.run, Event{Kind: KindOutcome, Call: tc, Outcome: &out})
	return out, nil
}

func (t *turnState) lastHuman() string {
	if t.turn.System {
		return ""
	}
	return t.turn.Text
}

func (t *turnState) report(name claw.ToolName, out gate.Outcome) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.result.Calls = append(t.result.Calls, CallReport{Tool: name, Verdict: out.Decision.Verdict, Rule: out.Decision.Rule, Status: out.Status, Approval: out.Approval, Hint: out.Decision.Hint})
}

// end lets the reply out, or says what went wrong. It runs also for a turn
// that was cancelled, so that the transcript shows where it stopped. However
// the turn ended, nothing of its reply leaves without a decision.
func (t *turnState) end(ctx context.Context, err error) {
	var kept error
	if t.reply, kept = t.release(context.WithoutCancel(ctx)); err == nil {
		err = kept
	}
	t.mu.Lock()
	t.result.Usage, t.result.Model = t.usage, t.brain.Ref
	aborted := t.result.State == StateAborted
	t.mu.Unlock()
	switch {
	case aborted || errors.Is(err, context.Canceled):
		t.mark(model.StopAborted, "(stopped)", "")
		t.settle(StateAborted, t.reply, "")
		t.emit(t.run, Event{Kind: KindAborted, Text: t.reply})
	case err != nil:
		kind := errorKind(err)
		text, kept := err.Error(), err.Error()
		var limit *stopped
		limited := errors.As(err, &limit)
		if limited {
			kept = limit.neutral() // what a person can do is no business of the model's (R53)
		}
		t.mark(model.StopError, "(this turn ended with an error: "+kind+")", model.Line(kept))
		switch {
		case t.turn.Audience.OwnersOnly:
		case limited:
			text = limit.forOthers()
		default:
			text = "the turn ended with an error: " + kind // the rest is the operator's to read
		}
		t.settle(StateError, t.reply, text)
		t.emit(t.run, Event{Kind: KindError, Text: text, ErrorKind: kind})
	default:
		t.settle(StateFinal, t.reply, "")
		t.emit(t.run, Event{Kind: KindFinal, Text: t.reply, Usage: t.usage, Model: t.brain.Ref, Stop: model.StopEnd, Labels: t.labels})
	}
}

// mark writes into the transcript how the turn ended. Where that cannot be
// written the turn has ended all the same.
func (t *turnState) mark(stop model.StopReason, text, failure string) {
	if !t.marked {
		_ = t.append(model.Message{Role: model.RoleAssistant, Stop: stop, Content: []model.Block{model.Text(text)}, Failure: failure})
	}
}

func (t *turnState) settle(s State, reply, problem string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.result.State, t.result.Reply, t.result.Error = s, reply, problem
}

// errorKind is upstream's word for a failure.
func errorKind(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "timeout"
	}
	if errors.Is(err, ErrContext) {
		return "context_length"
	}
	var limit *stopped
	if errors.As(err, &limit) && limit.decision.Rule.OfBudget() {
		return "rate_limit"
	}
	switch model.KindOf(err) {
	case model.KindRateLimit, model.KindOverloaded:
		return "rate_limit"
	case model.KindContextLength:
		return "context_length"
	case model.KindTimeout:
		return "timeout"
	case model.KindRefusal:
		return "refusal"
	default: // the rest has no word of its own upstream
		return "unknown"
	}
}
