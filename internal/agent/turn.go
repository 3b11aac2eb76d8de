package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gate"
	"github.com/openclaw-go/openclaw/internal/model"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// emit sends an event of a run; seq counts within it.
func (e *Engine) emit(r *run, ev Event) {
	r.seq++
	ev.Run, ev.Session, ev.Agent, ev.Principal, ev.Seq = r.id, r.turn.Session, r.turn.Agent, r.turn.Principal, r.seq
	e.opt.Emit(ev)
}

// answer runs one turn.
func (e *Engine) answer(ctx context.Context, r *run) {
	e.emit(r, Event{Kind: KindStart})
	t := &turnState{Engine: e, run: r, repeats: map[string]int{}}
	err := t.begin(ctx)
	if err == nil {
		err = t.loop(ctx)
	}
	t.end(ctx, err)
}

// turnState is what one turn knows while it runs.
type turnState struct {
	*Engine
	*run
	brain   Brain
	labels  claw.Labels
	lineage []claw.Lineage
	usage   model.Usage
	reply   string
	says    string
	calls   int
	repeats map[string]int
}

// begin loads the session and writes down what came in, before anything
// thinks about it.
func (t *turnState) begin(ctx context.Context) error {
	if err := t.opt.Sessions.Ensure(t.turn.Session, t.turn.Agent); err != nil {
		return err
	}
	var err error
	if t.labels, t.lineage, err = t.opt.Sessions.Labels(t.turn.Session); err != nil {
		return err
	}
	if t.brain, err = t.opt.Brain(t.turn.Agent); err != nil {
		return err
	}
	if t.turn.resume != "" {
		return t.resumed(ctx)
	}
	if err := t.taint(t.turn.Labels, t.turn.From); err != nil {
		return err
	}
	m := model.User(t.turn.Text)
	m.Timestamp = t.opt.Now().UnixMilli()
	return t.opt.Sessions.Append(t.turn.Session, m, t.turn.Said)
}

// resumed ends the call that waited and tells the model what became of it.
func (t *turnState) resumed(ctx context.Context) error {
	out, err := t.opt.Gate.Resume(ctx, t.turn.resume, t.labels)
	if err != nil {
		return err
	}
	t.report("", out)
	t.emit(t.run, Event{Kind: KindOutcome, Outcome: &out})
	if err := t.taint(out.Labels, out.From); err != nil {
		return err
	}
	return t.append(model.User(fmt.Sprintf("[gateway] approval %s: %s\n%s", t.turn.resume, out.Status, out.Text)))
}

// taint adds labels to the session; they only grow.
func (t *turnState) taint(l claw.Labels, from string) error {
	fresh := l &^ t.labels
	if fresh == 0 {
		return nil
	}
	var lineage []claw.Lineage
	for _, bit := range []claw.Labels{claw.Untrusted, claw.Private, claw.Secret} {
		if fresh.Has(bit) {
			lineage = append(lineage, claw.Lineage{Label: bit, From: from, Entry: string(t.id), Time: t.opt.Now().UTC()})
		}
	}
	if err := t.opt.Sessions.AddLabels(t.turn.Session, lineage); err != nil {
		return err
	}
	t.labels |= fresh
	t.lineage = append(t.lineage, lineage...)
	t.emit(t.run, Event{Kind: KindLabel, Labels: t.labels, Lineage: lineage})
	return nil
}

func (t *turnState) append(m model.Message) error {
	m.Timestamp = t.opt.Now().UnixMilli()
	return t.opt.Sessions.Append(t.turn.Session, m, "")
}

// loop asks the model and runs its calls until it answers without any.
func (t *turnState) loop(ctx context.Context) error {
	for step := 0; step < DefaultSteps; step++ {
		msg, err := t.think(ctx)
		if err != nil {
			return err
		}
		calls := msg.Calls()
		if text := msg.Text(); text != "" {
			t.reply, t.says = text, text
		}
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

// think streams one reply of the model into the transcript.
func (t *turnState) think(ctx context.Context) (model.Message, error) {
	msgs, err := t.opt.Sessions.Context(t.turn.Session)
	if err != nil {
		return model.Message{}, err
	}
	req := model.Request{Model: t.brain.Model, System: t.opt.Prompt(t.turn), Messages: msgs}
	for _, s := range t.opt.Gate.Specs(t.turn.Agent) {
		req.Tools = append(req.Tools, model.ToolSpec{Name: s.Name, Description: s.Text, Schema: s.Schema})
	}
	if req.Messages, err = t.fit(ctx, req); err != nil {
		return model.Message{}, err
	}
	msg, err := t.stream(ctx, req)
	if model.KindOf(err) == model.KindContextLength && err != nil {
		// The provider counts differently: make room once and ask again.
		if req.Messages, err = t.compact(ctx, req); err != nil {
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
	return msg, err
}

func (t *turnState) stream(ctx context.Context, req model.Request) (model.Message, error) {
	var c model.Collector
	hold := t.labels.Has(claw.Untrusted|claw.Private) && !t.turn.Audience.OwnersOnly
	for ev, err := range t.brain.Provider.Stream(ctx, req) {
		if err != nil {
			return c.Fail(err), err
		}
		c.Add(ev)
		// Text that others can read waits for the decision about the reply.
		if ev.Kind == model.TextDelta && ev.Text != "" && !hold {
			t.emit(t.run, Event{Kind: KindDelta, Text: ev.Text})
		}
	}
	msg, usage, _, err := c.Finish()
	if err != nil {
		return msg, err
	}
	if cost, ok := t.brain.Spec.Cost(usage); ok {
		usage.Cost = &cost
		msg.Usage = &usage
	}
	t.usage = t.usage.Add(usage)
	return msg, t.opt.Sessions.AddUsage(t.turn.Session, t.brain.Ref, usage)
}

// act runs the calls of one message in order. pending tells that one of them
// waits for a person, which ends the turn.
func (t *turnState) act(ctx context.Context, calls []model.ToolCall) (pending bool, err error) {
	for _, c := range calls {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		if t.calls++; t.calls > DefaultCalls {
			return false, fmt.Errorf("the model asked for more than %d calls in one turn", DefaultCalls)
		}
		out, err := t.call(ctx, c)
		if err != nil {
			return false, err
		}
		pending = pending || out.Status == gate.Pending
		result := model.Result(c, out.Text)
		result.IsError = out.IsError
		if err := t.append(result); err != nil {
			return false, err
		}
		if err := t.taint(out.Labels, out.From); err != nil {
			return false, err
		}
		if out.Status != gate.Done {
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
		// The gate refuses it and records that: it is no JSON object.
		tc.Arguments = json.RawMessage("null")
	}
	t.emit(t.run, Event{Kind: KindCall, Call: tc})
	out, err := t.opt.Gate.Call(ctx, gate.Call{ToolCall: tc, Agent: t.turn.Agent, Session: t.turn.Session, Run: t.id, Principal: t.turn.Principal,
		Labels: t.labels, Lineage: t.lineage, LastHuman: t.lastHuman(), Says: t.says, Unattended: t.turn.Unattended, Model: t.brain.Ref,
		Audience:     t.turn.Audience,
		OperatorSaid: func(text string) bool { return t.opt.Sessions.Said(t.turn.Session, text) }})
	if err != nil {
		return gate.Outcome{}, err
	}
	if c.Invalid != "" {
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
// that was cancelled, so that the transcript shows where it stopped.
func (t *turnState) end(ctx context.Context, err error) {
	t.mu.Lock()
	t.result.Usage, t.result.Model = t.usage, t.brain.Ref
	aborted := t.result.State == StateAborted
	t.mu.Unlock()
	if aborted || errors.Is(err, context.Canceled) {
		_ = t.append(model.Message{Role: model.RoleAssistant, Stop: model.StopAborted, Content: []model.Block{model.Text("(stopped)")}})
		t.settle(StateAborted, t.reply, "")
		t.emit(t.run, Event{Kind: KindAborted, Text: t.reply})
		return
	}
	if err == nil && t.reply != "" {
		err = t.release(context.WithoutCancel(ctx))
	}
	if err != nil {
		t.settle(StateError, t.reply, err.Error())
		t.emit(t.run, Event{Kind: KindError, Text: err.Error(), ErrorKind: errorKind(err)})
		return
	}
	t.settle(StateFinal, t.reply, "")
	t.emit(t.run, Event{Kind: KindFinal, Text: t.reply, Usage: t.usage, Model: t.brain.Ref, Stop: model.StopEnd, Labels: t.labels})
}

// release asks the gate whether the reply may go where it would go.
func (t *turnState) release(ctx context.Context) error {
	d, err := t.opt.Gate.Reply(ctx, gate.Reply{Agent: t.turn.Agent, Session: t.turn.Session, Run: t.id, Principal: t.turn.Principal, Labels: t.labels, Audience: t.turn.Audience, Bytes: len(t.reply)})
	if err != nil {
		return err
	}
	if d.Verdict != policy.Allow {
		t.reply = ""
		return fmt.Errorf("the reply was kept back: %s: %s", d.Rule, d.Reason)
	}
	return nil
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
