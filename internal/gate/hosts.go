package gate

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/openclaw-go/openclaw/internal/approval"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/tool"
)

// maxHostQuestions bounds the hosts that one run may ask a person about (R24).
const maxHostQuestions = 6

// Live tells what a session carries at this moment.
type Live func() (claw.Labels, []claw.Lineage)

// hostQuestion is one question about a host, shared by all connections of a
// run to it. allowed and reason are set before settled is closed.
type hostQuestion struct {
	settled chan struct{}
	allowed bool
	rule    policy.RuleID
	reason  string
	// shown are the labels that the card showed.
	shown claw.Labels
}

// AskHost judges a destination like JudgeHost and, where a rule wants a person
// asked, holds the connection until there is an answer or ctx ends, as it does
// with the run. Each run asks once about a host; where nobody is there to be
// asked, and for every open question beyond the bounds, the answer is no.
func (g *Gate) AskHost(ctx context.Context, permit policy.Permit, live Live, h policy.Host) policy.Step {
	labels, lineage := live()
	s, asks := g.judgeHost(permit, labels, h)
	if !asks {
		return s
	}
	g.mu.Lock()
	w := g.granted[permit.Digest()]
	key := hostKey(h)
	q, known := w.about[key]
	switch {
	case known:
	case w.call.Unattended || g.opt.Present == nil || !g.opt.Present(w.call):
		g.mu.Unlock()
		s.Verdict, s.Reason = policy.Deny, "an unknown host, and nobody is there to be asked: "+s.Reason
		s.Hint = "name the host in the command, so that it is asked for with it, or add it to tools.egress.hosts"
		return s
	case len(w.about) >= maxHostQuestions:
		g.mu.Unlock()
		return policy.Step{Layer: s.Layer, Rule: "egress.too_many_hosts", Reason: fmt.Sprintf("this run has asked about %d hosts already", maxHostQuestions)}
	default:
		q = &hostQuestion{settled: make(chan struct{})}
		w.about[key] = q // the map is the run's own and lives as long as it is remembered
	}
	g.mu.Unlock()
	if !known {
		g.settleHost(ctx, permit, w, q, s, labels, lineage, h)
	}
	select {
	case <-q.settled:
	case <-ctx.Done():
		return policy.Step{Layer: s.Layer, Rule: s.Rule, Reason: "the run ended before a person answered"}
	}
	labels, _ = live()
	again, asks := g.judgeHost(permit, labels, h)
	switch {
	case !asks:
		return again // a rule has come to hold meanwhile
	case q.allows(labels):
		g.reached(permit, h.Name)
		return byPerson(s)
	case q.allowed:
		return policy.Step{Layer: s.Layer, Rule: "approval.voided", Reason: "the session holds more than the card showed"}
	}
	return policy.Step{Layer: s.Layer, Rule: q.rule, Reason: q.reason}
}

func hostKey(h policy.Host) string { return fmt.Sprintf("%s:%d", h.Name, h.Port) }

// allows reports whether a person has allowed it to a session that carries
// labels. It never waits.
func (q *hostQuestion) allows(labels claw.Labels) bool {
	if q == nil {
		return false
	}
	select {
	case <-q.settled:
		return q.allowed && q.shown.Has(labels)
	default:
		return false
	}
}

func byPerson(s policy.Step) policy.Step {
	s.Verdict, s.Rule, s.Reason, s.Hint = policy.Allow, "egress.allowed_by_person", "a person allowed this host for the run", ""
	return s
}

// settleHost asks a person and closes the question. What goes wrong is a no.
func (g *Gate) settleHost(ctx context.Context, permit policy.Permit, w waiting, q *hostQuestion, s policy.Step, labels claw.Labels, lineage []claw.Lineage, h policy.Host) {
	defer close(q.settled)
	q.shown, q.rule, q.reason = labels, s.Rule, "the question could not be put"
	c := w.call
	c.Labels, c.Lineage = labels, lineage
	rules, ok := g.opt.Rules(c.Agent)
	if !ok {
		return
	}
	// The destination alone is asked about: the command was decided.
	req := policy.Request{Agent: c.Agent, Session: c.Session, Run: c.Run, Call: c.ID, Tool: c.Tool, Arguments: w.request.Arguments, Principal: c.Principal, Labels: labels,
		Generation: rules.Generation, Profile: w.request.Profile, Nonce: g.opt.Nonce(),
		Facts: policy.Facts{Understood: true, Programs: w.request.Facts.Programs, Hosts: []policy.Host{{Name: h.Name, Port: h.Port, Scheme: h.Scheme, CarriesData: true}}}}
	d := policy.Decision{Verdict: policy.Ask, Rule: s.Rule, Reason: s.Reason, Hint: s.Hint, Where: s.Where, Trace: []policy.Step{s}, Digest: policy.DigestOf(req)}
	pattern := patternOf(hostPattern(req))
	_, granted := g.opt.Desk.Granted(c.Session, pattern, labels, d.Digest)
	if !granted {
		d = unasked(d, g.opt.Desk.May(c.Session, pattern, nearOf(req)))
	}
	seq, err := g.recordDecision(ctx, c, req, d, tool.Prepared{Run: func(context.Context, policy.Permit) (tool.Result, error) { return tool.Result{}, nil }})
	switch {
	case err != nil:
		q.reason = "the question could not be recorded"
		return
	case d.Verdict == policy.Deny:
		q.rule, q.reason = d.Rule, d.Reason
		return
	}
	if granted {
		q.allowed = true
		return
	}
	g.askHost(ctx, w, c, req, d, rules, seq, pattern, q)
}

// hostPattern is the destination for these programs, whatever their arguments.
func hostPattern(q policy.Request) policy.Request {
	q.Arguments = nil
	return q
}

func (g *Gate) askHost(ctx context.Context, w waiting, c Call, req policy.Request, d policy.Decision, rules policy.Rules, seq uint64, pattern string, q *hostQuestion) {
	view := card(c, req, d, tool.Prepared{}, rules, "")
	var names []string
	for _, p := range req.Facts.Programs {
		names = append(names, path.Base(p.Path))
	}
	view.Headline = fmt.Sprintf("A running program of %s wants to reach %s.", req.Agent, strings.Join(hostNames(req.Facts.Hosts), ", "))
	view.Command, view.Text = g.maskedCommand(w.request), "running: "+strings.Join(names, ", ")
	view.IfAllowed = []string{"the programs of this run may send there and fetch from there until it ends", "no other host, and no address that is not public"}
	view.Seq = seq
	redact(&view, g.opt.Redact())
	ended := make(chan approval.Answer, 1)
	// An answer may come before Ask returns, so it is known by its request.
	cancel := g.opt.Desk.Subscribe(func(e approval.Event) {
		if e.Answer.State != approval.Waiting && e.View.Request == d.Digest.String() {
			select {
			case ended <- e.Answer:
			default:
			}
		}
	})
	defer cancel()
	asked, err := g.opt.Desk.Ask(approval.Question{View: view, Digest: d.Digest, Pattern: pattern, Near: nearOf(req), Labels: req.Labels})
	if err != nil {
		no := unasked(d, err)
		q.rule, q.reason = no.Rule, no.Reason
		return
	}
	id := asked.ID
	var answer approval.Answer
	select {
	case answer = <-ended:
	case <-ctx.Done():
		g.opt.Desk.Void(id, "the run that asked has ended")
		answer = <-ended // its own end, or an answer that came first
	}
	_, err = g.recordConsent(context.WithoutCancel(ctx), waiting{call: c, request: req, asked: seq}, id, answer)
	if err != nil {
		q.reason = "the answer could not be recorded"
		return
	}
	q.rule, q.reason = policy.RuleID("approval."+string(answer.State)), answerText(answer)
	if answer.State != approval.Allowed {
		return
	}
	if _, err := g.opt.Desk.Take(id, d.Digest); err != nil {
		q.rule, q.reason = "approval.voided", err.Error()
		return
	}
	q.allowed = true
}
