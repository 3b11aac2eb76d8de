// Package gate is the one road from a tool call to an effect: facts, decision,
// record, consent, permit, confined run, record. Nothing reads, writes, runs,
// dials or sends for an agent except through it.
package gate

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/openclaw-go/openclaw/internal/approval"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/egress"
	"github.com/openclaw-go/openclaw/internal/filter"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox"
	"github.com/openclaw-go/openclaw/internal/standing"
	"github.com/openclaw-go/openclaw/internal/tool"
)

// Journal is where every decision and effect is recorded first. An error
// means that nothing was recorded, and then nothing happens.
type Journal interface {
	Append(ctx context.Context, e journal.Entry) (journal.Pos, error)
}

// Options of a Gate. All of them are required.
type Options struct {
	// Rules in force for an agent now; ok is false for an unknown agent.
	Rules func(claw.AgentID) (r policy.Rules, ok bool)
	Tools []tool.Tool
	// Scope gives a call its handles; the gate fills in who is calling.
	Scope func(Call, policy.Rules) (tool.Scope, error)
	// Confine makes an agent's profile concrete for a call that runs a
	// program: patterns become paths.
	Confine func(policy.Rules) (policy.Confinement, error)
	Desk    *approval.Desk
	Journal Journal
	// Ledger counts what is used; without it what has a limit for the day is
	// refused.
	Ledger Ledger
	Redact func() *filter.Redactor
	// Seen records that a person has seen files as launch configuration, at the
	// contents that the card named.
	Seen func(by claw.Principal, files []policy.LaunchConfig) error
	// Wrap quotes text from outside for a model.
	Wrap  func(text, source string) string
	Nonce func() string
	// Present reports whether a person can be asked while a call runs; without
	// it nobody can.
	Present func(Call) bool
	Now     func() time.Time
	// Standing keeps answers that reach further than a session; without it
	// none is offered.
	Standing Standing
	// History gives the newest decisions, at most n, for what a card says of
	// them; without it a card looks at none.
	History func(ctx context.Context, n int) ([]Decided, error)
}

// Gate judges, asks, runs and records. It is safe for concurrent use.
type Gate struct {
	opt   Options
	tools map[claw.ToolName]tool.Tool

	mu      sync.Mutex
	pending map[claw.ApprovalID]waiting
	// granted are the newest permitted requests by digest, for what asks back
	// while a run goes on: the proxy of a sandbox.
	granted map[policy.Digest]waiting
	order   []policy.Digest
}

// keepGranted bounds granted.
const keepGranted = 512

// waiting is a call that a person was asked about, with the hash of the card
// that was shown.
type waiting struct {
	call    Call
	request policy.Request
	shown   [sha256.Size]byte
	// standing are the rules that the card offered to store.
	standing []standing.Rule
	// asked is the journal position of the question.
	asked uint64
	// hosts that a permitted run was let through to, and those that a person
	// was asked about while it ran.
	hosts []string
	about map[string]*hostQuestion
}

// New makes a gate.
func New(opt Options) *Gate {
	g := &Gate{opt: opt, tools: map[claw.ToolName]tool.Tool{}, pending: map[claw.ApprovalID]waiting{}, granted: map[policy.Digest]waiting{}}
	for _, t := range opt.Tools {
		g.tools[t.Name()] = t
	}
	return g
}

// Call is one tool call of a turn with who stands behind it.
type Call struct {
	claw.ToolCall
	Agent     claw.AgentID
	Session   claw.SessionKey
	Run       claw.RunID
	Principal claw.Principal
	// Labels that the session carries now, and how they came.
	Labels  claw.Labels
	Lineage []claw.Lineage
	// LastHuman and Says are shown on the approval card, quoted.
	LastHuman, Says string
	Unattended      bool
	// Audience is who reads this conversation; where "message" goes by default.
	Audience policy.Send
	Model    claw.ModelRef
	// OperatorSaid: see tool.Scope.
	OperatorSaid func(string) bool
	// Turn is the turn that makes the call; nil for a call by itself.
	Turn *Turn

	claim *claim
}

// Status of an outcome. The zero value is refused.
type Status string

// Statuses.
const (
	Refused Status = "refused"
	Pending Status = "approval-pending"
	Done    Status = "done"
	Failed  Status = "failed" // it was permitted and did not work
	// Stopped: it was permitted and ended before its time, by whoever stopped
	// the turn or the gateway. What it had done until then stays done.
	Stopped Status = "stopped"
)

// Outcome is what became of a call.
type Outcome struct {
	Status   Status
	Decision policy.Decision
	// Text is for the model, filtered.
	Text     string
	IsError  bool
	Approval claw.ApprovalID
	Expires  time.Time
	// Labels that the result brings into the session.
	Labels claw.Labels
	From   string
	// Note is what was found in the text: that it reads like orders.
	Note string
	Run  *tool.RunReport
	// Seq is the journal position of the decision.
	Seq  uint64
	Took time.Duration
}

// Specs lists the tools that an agent's rules let through, as models see them.
func (g *Gate) Specs(agent claw.AgentID) []NamedSpec {
	rules, ok := g.opt.Rules(agent)
	if !ok {
		return nil
	}
	names := make([]claw.ToolName, 0, len(g.opt.Tools))
	for _, t := range g.opt.Tools {
		names = append(names, t.Name())
	}
	var out []NamedSpec
	for _, n := range rules.Names(names) {
		out = append(out, NamedSpec{Name: n, Spec: g.tools[n].Spec()})
	}
	return out
}

// NamedSpec is a tool as a model sees it.
type NamedSpec struct {
	Name claw.ToolName
	tool.Spec
}

// Call judges a call and, when it is allowed, runs it. The error is set only
// when the record could not be kept; then nothing happened.
func (g *Gate) Call(ctx context.Context, c Call) (Outcome, error) {
	prepared, q, rules, err := g.prepare(ctx, c, g.opt.Nonce())
	c.claim = g.claim(c, &q, &rules, prepared)
	defer c.claim.release()
	d := policy.Decide(rules, q)
	if err != nil {
		d = badCall(d, q, err)
	}
	c.claim.refused(d)
	pattern := patternOf(q)
	var consent policy.Consent
	granted := false
	if d.Verdict == policy.Ask {
		if consent, granted = g.opt.Desk.Granted(c.Session, pattern, c.Labels, d.Digest); !granted {
			d = unasked(d, g.opt.Desk.May(c.Session, pattern, nearOf(q)))
		}
	}
	seq, jerr := g.recordDecision(ctx, c, q, d, prepared)
	if jerr != nil {
		return Outcome{}, jerr
	}
	switch d.Verdict {
	case policy.Deny:
		return refusal(d, seq), nil
	case policy.Ask:
		if granted {
			d.Confinement = sessionConfinement(q, d.Confinement)
			permit, err := d.PermitWith(q, consent)
			if err != nil {
				return refusal(d, seq), nil
			}
			return g.run(ctx, c, q, d, prepared, permit, seq)
		}
		return g.ask(ctx, c, q, d, prepared, rules, seq, pattern)
	case policy.Allow:
		permit, err := d.Permit(q)
		if err != nil {
			return refusal(d, seq), nil
		}
		g.used(q, &rules)
		return g.run(ctx, c, q, d, prepared, permit, seq)
	}
	return refusal(policy.Decision{Rule: "policy.unknown_verdict"}, seq), nil
}

// Explain judges a call without recording or running it.
func (g *Gate) Explain(ctx context.Context, c Call) policy.Decision {
	prepared, q, rules, err := g.prepare(ctx, c, g.opt.Nonce())
	g.claim(c, &q, &rules, prepared).release()
	d := policy.Decide(rules, q)
	if err != nil {
		d = badCall(d, q, err)
	}
	return withBudgetStep(d)
}

// prepare works out the request of a call. With an error the request still
// names the call, so that the refusal is recorded.
func (g *Gate) prepare(ctx context.Context, c Call, nonce string) (tool.Prepared, policy.Request, policy.Rules, error) {
	q := policy.Request{Agent: c.Agent, Session: c.Session, Run: c.Run, Call: c.ID, Tool: c.Tool, Arguments: compact(c.Arguments),
		Principal: c.Principal, Labels: c.Labels, Unattended: c.Unattended, Nonce: nonce, Facts: policy.Facts{Understood: true}}
	rules, ok := g.opt.Rules(c.Agent)
	if !ok {
		return tool.Prepared{}, q, policy.Rules{}, nil // Decide refuses an unknown agent
	}
	q.Generation = rules.Generation
	t, ok := g.tools[c.Tool]
	if !ok {
		return tool.Prepared{}, q, rules, fmt.Errorf("there is no tool %q", c.Tool)
	}
	if !slices.Contains(rules.Names([]claw.ToolName{c.Tool}), c.Tool) {
		return tool.Prepared{}, q, rules, nil // refused by name; its arguments do not matter
	}
	scope, err := g.opt.Scope(c, rules)
	if err != nil {
		return tool.Prepared{}, q, rules, err
	}
	prepared, err := t.Prepare(ctx, scope, c.Arguments)
	if err != nil {
		return tool.Prepared{}, q, rules, err
	}
	q.Arguments, q.Facts = prepared.Arguments, prepared.Facts
	if q.Facts.Exec != nil {
		rules.Confinement = rules.Confinement.For(c.Agent, c.Session)
		if rules.Confinement, err = g.opt.Confine(rules); err != nil {
			return tool.Prepared{}, q, rules, err
		}
		q.Profile = rules.Confinement.Hash()
	}
	return prepared, q, rules, nil
}

func compact(raw json.RawMessage) json.RawMessage {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return json.RawMessage("null")
	}
	b, err := json.Marshal(v)
	if err != nil {
		return json.RawMessage("null")
	}
	return b
}

// badCall refuses a call that its tool could not read, unless policy has
// already refused it for a better reason.
func badCall(d policy.Decision, q policy.Request, err error) policy.Decision {
	if d.Verdict == policy.Deny {
		return d
	}
	return policy.Decision{Rule: policy.RuleBadCall, Reason: err.Error(), Trace: d.Trace, Digest: policy.DigestOf(q)}
}

func refusal(d policy.Decision, seq uint64) Outcome {
	return Outcome{Status: Refused, Decision: d, IsError: true, Seq: seq,
		Text: fmt.Sprintf("refused: %s: %s", d.Rule, d.Reason)}
}

// run has the effect, between an intent and an outcome in the journal.
func (g *Gate) run(ctx context.Context, c Call, q policy.Request, d policy.Decision, p tool.Prepared, permit policy.Permit, decided uint64) (Outcome, error) {
	if err := c.claim.spend(); err != nil {
		return refusal(unrecorded(d, err), decided), nil
	}
	intent, err := g.recordIntent(ctx, c, q, decided)
	if err != nil {
		return Outcome{}, err
	}
	g.remember(permit.Digest(), waiting{call: c, request: q})
	began := g.opt.Now()
	res, runErr := p.Run(ctx, permit)
	out := Outcome{Status: Done, Decision: d, Seq: decided, IsError: res.IsError, Labels: res.Labels, From: res.From, Run: res.Run, Took: g.opt.Now().Sub(began)}
	out.Text = g.opt.Redact().String(res.Text)
	if res.Content {
		g.quote(c, q, &out, res.Text)
	}
	if runErr != nil {
		out = g.unhappy(out, runErr)
	}
	if cut := res.Run != nil && res.Run.Killed; cut || runErr != nil && out.Status == Failed && errors.Is(ctx.Err(), context.Canceled) {
		out.Status, out.IsError = Stopped, true
	}
	c.claim.brought(&q, &out, res.Text)
	// The effect has happened: a cancelled turn must not lose its outcome.
	if err := g.recordOutcome(context.WithoutCancel(ctx), c, q, intent, out); err != nil {
		return out, err
	}
	return out, nil
}

func (g *Gate) remember(d policy.Digest, w waiting) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, ok := g.granted[d]; !ok {
		g.order = append(g.order, d)
	}
	w.about = map[string]*hostQuestion{}
	g.granted[d] = w
	if len(g.order) > keepGranted {
		delete(g.granted, g.order[0])
		g.order = g.order[1:]
	}
}

// JudgeHost judges a destination that a permitted run asks for while it goes
// on: what the request named was decided with it, anything else needs a rule
// that allows it, under the labels that the session carries now (R15).
func (g *Gate) JudgeHost(permit policy.Permit, labels claw.Labels, h policy.Host) policy.Step {
	s, asks := g.judgeHost(permit, labels, h)
	if asks {
		g.mu.Lock()
		q := g.granted[permit.Digest()].about[hostKey(h)]
		g.mu.Unlock()
		if q.allows(labels) {
			return byPerson(s)
		}
		s.Verdict = policy.Deny
		s.Hint = "name the host in the command, so that it is asked for with it, or add it to tools.egress.hosts"
	}
	return s
}

// judgeHost reports in asks whether the verdict is a person's to give.
func (g *Gate) judgeHost(permit policy.Permit, labels claw.Labels, h policy.Host) (s policy.Step, asks bool) {
	g.mu.Lock()
	w, ok := g.granted[permit.Digest()]
	g.mu.Unlock()
	none := policy.Step{Layer: policy.LayerEgress, Rule: "egress.no_permit", Reason: "no permitted run asks for this"}
	if !ok || !permit.Valid() {
		return none, false
	}
	rules, known := g.opt.Rules(w.call.Agent)
	if !known {
		return none, false
	}
	if f := rules.Flow.Live(w.request.Labels, labels, h); f.Rule != "" && f.Verdict != policy.Allow {
		return f, false
	}
	if f := policy.JudgeSkillHost(rules.Skills, &w.request.Facts, h); f.Rule != "" {
		return f, false
	}
	s = policy.JudgeHost(rules.Egress, w.call.Tool, labels, h)
	named := slices.ContainsFunc(w.request.Facts.Hosts, func(o policy.Host) bool { return o.Name == h.Name })
	switch {
	case s.Verdict == policy.Ask && named:
		s.Verdict, s.Rule, s.Reason, s.Hint = policy.Allow, "egress.with_the_call", "the host was decided with the call", ""
	case s.Verdict == policy.Ask:
		return s, true
	}
	if s.Verdict == policy.Allow {
		g.reached(permit, h.Name)
	}
	return s, false
}

// keepHosts bounds the hosts that are kept of a run.
const keepHosts = 16

// reached notes that a run was let through to a host: what it gives out from
// now on may come from there.
func (g *Gate) reached(permit policy.Permit, host string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	w, ok := g.granted[permit.Digest()]
	if ok && len(w.hosts) < keepHosts && !slices.Contains(w.hosts, host) {
		w.hosts = append(slices.Clip(w.hosts), host)
		g.granted[permit.Digest()] = w
	}
}

// Reached names the hosts that a permitted run was let through to. known is
// false for one that is too old to be remembered, which may have reached any.
func (g *Gate) Reached(permit policy.Permit) (hosts []string, known bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	w, ok := g.granted[permit.Digest()]
	return w.hosts, ok
}

// SkillOf names the skill whose files a permitted run executes, "" for none.
func (g *Gate) SkillOf(d policy.Digest) string {
	g.mu.Lock()
	w, ok := g.granted[d]
	g.mu.Unlock()
	if !ok || w.request.Facts.Exec == nil {
		return ""
	}
	rules, _ := g.opt.Rules(w.call.Agent)
	for _, s := range policy.SkillsOf(rules.Skills, &w.request.Facts) {
		return s.Name
	}
	return ""
}

// GrantedTo names the session that a permitted run belongs to.
func (g *Gate) GrantedTo(permit policy.Permit) (claw.SessionKey, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	w, ok := g.granted[permit.Digest()]
	return w.call.Session, ok
}

// unhappy says what became of a permitted call whose run gave an error. A
// sandbox that could not hold what was asked is a refusal, with its rule.
func (g *Gate) unhappy(out Outcome, err error) Outcome {
	out.IsError = true
	out.Status = Failed
	out.Text = g.opt.Redact().String("failed: " + err.Error())
	var level *sandbox.LevelError
	var access *sandbox.AccessError
	var witness *sandbox.WitnessError
	var refusal *egress.Refusal
	var changed *ContentError
	switch {
	case errors.As(err, &changed):
		out.Decision.Hint, out.Decision.Rule = "ask again: the file will be judged as it is now", RuleContentChanged
	case errors.As(err, &level):
		out.Decision.Hint = "openclaw sandbox test shows what this machine can hold; tools.exec.level names what is asked for"
		out.Decision.Rule = level.Rule()
	case errors.As(err, &access):
		out.Decision.Hint, out.Decision.Rule = access.Hint, "sandbox.no_access"
	case errors.As(err, &witness):
		out.Decision.Hint, out.Decision.Rule = "openclaw sandbox test", "sandbox.witness"
	case errors.Is(err, sandbox.ErrPermit), errors.Is(err, policy.ErrNoPermit):
		out.Decision.Hint, out.Decision.Rule = "", "sandbox.no_permit"
	case errors.As(err, &refusal):
		out.Decision.Rule, out.Decision.Hint = refusal.Rule, refusal.Hint
	default:
		return out
	}
	out.Status = Refused
	out.Decision.Verdict, out.Decision.Reason = policy.Deny, g.opt.Redact().String(err.Error())
	out.Text = fmt.Sprintf("refused: %s: %s", out.Decision.Rule, out.Decision.Reason)
	return out
}
