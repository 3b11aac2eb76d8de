package gate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/approval"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/filter"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/tool"
)

// unasked refuses a call that a person is not to be asked about now (R24).
func unasked(d policy.Decision, why error) policy.Decision {
	var rule policy.RuleID
	hint := "write in this session to go on"
	switch {
	case why == nil:
		return d
	case errors.Is(why, approval.ErrDenied):
		rule, hint = policy.RuleDeniedBefore, "start a new session to be asked again"
		d.Reason = "this call was denied by a person in this session"
	case errors.Is(why, approval.ErrNear):
		rule = policy.RuleDeniedAlike
		d.Reason = "a call to the same end was denied by a person in this session"
	case errors.Is(why, approval.ErrPaused):
		rule = policy.RulePaused
		d.Reason = "several calls of this session were denied; nothing is asked until a person writes again"
	case errors.Is(why, approval.ErrTooOften):
		rule = policy.RuleTooOften
		d.Reason = "a person was asked too often in this session within an hour"
	default:
		rule, hint = policy.RuleTooMany, "answer the questions that wait"
		d.Reason = "too many questions of this session are waiting for a person"
	}
	d.Trace = append(d.Trace, policy.Step{Layer: policy.LayerFlow, Rule: rule, Reason: d.Reason})
	d.Verdict, d.Rule, d.Hint = policy.Deny, rule, hint
	return d
}

// nearOf names what a call is for: other words to the same end have the same.
// "" is like nothing.
func nearOf(q policy.Request) string {
	if !q.Facts.Understood {
		return ""
	}
	list := []string{string(q.Tool)}
	if q.Facts.Exec != nil {
		for i := range q.Facts.Exec.Commands {
			list = append(list, "program "+q.Facts.Exec.Commands[i].Program)
		}
	}
	for _, p := range q.Facts.Reads {
		list = append(list, "reads "+p.Abs)
	}
	for _, p := range q.Facts.Writes {
		list = append(list, "writes "+p.Abs)
	}
	for _, h := range q.Facts.Hosts {
		list = append(list, "host "+h.Name)
	}
	for _, s := range q.Facts.Sends {
		list = append(list, "send "+string(s.Channel)+" "+s.To)
	}
	for _, j := range q.Facts.Jobs {
		list = append(list, "job "+j)
	}
	for _, a := range q.Facts.Spawns {
		list = append(list, "spawn "+string(a))
	}
	slices.Sort(list)
	return strings.Join(slices.Compact(list), "\n")
}

// patternOf names a call without its nonce, run, profile and labels: the same call
// asked again has the same pattern.
func patternOf(q policy.Request) string {
	q.Nonce, q.Run, q.Call, q.Generation, q.Profile, q.Labels, q.Principal, q.Unattended = "", "", "", "", "", 0, claw.Principal{}, false
	q.Facts.LaunchConfig = slices.Clone(q.Facts.LaunchConfig)
	for i := range q.Facts.LaunchConfig {
		q.Facts.LaunchConfig[i].Seen = false // the answer itself makes it seen
	}
	return policy.DigestOf(q).String()
}

// ask puts the call before a person and keeps it until the answer.
func (g *Gate) ask(ctx context.Context, c Call, q policy.Request, d policy.Decision, p tool.Prepared, rules policy.Rules, seq uint64, pattern string) (Outcome, error) {
	content, err := preview(ctx, p)
	if err != nil {
		return Outcome{Status: Failed, Decision: d, Seq: seq, IsError: true, Text: g.opt.Redact().String("cannot do this: " + err.Error())}, nil
	}
	view := card(c, q, d, p, rules, content)
	shown := shownOf(view)
	view.Seq = seq
	offered := g.offer(ctx, &view, q, rules)
	redact(&view, g.opt.Redact())
	g.mu.Lock()
	defer g.mu.Unlock()
	view, err = g.opt.Desk.Ask(approval.Question{View: view, Digest: d.Digest, Pattern: pattern, Near: nearOf(q), Labels: q.Labels})
	if err != nil { // another call of the session was asked about meanwhile
		return refusal(unasked(d, err), seq), nil
	}
	g.pending[view.ID] = waiting{call: c, request: q, shown: shown, standing: offered, asked: seq}
	return Outcome{Status: Pending, Decision: d, Seq: seq, Approval: view.ID, Expires: view.Expires,
		Text: fmt.Sprintf("approval-pending: %s: a person must answer (id %s). Do not repeat the call; the answer comes as a message.", d.Rule, view.ID)}, nil
}

// preview is what a person needs to see of a call's content.
func preview(ctx context.Context, p tool.Prepared) (string, error) {
	if p.Preview == nil {
		return "", nil
	}
	return p.Preview(ctx)
}

func redact(v *approval.View, r *filter.Redactor) {
	v.Text, v.Content, v.AgentSays, v.LastHuman = r.String(v.Text), r.String(v.Content), r.String(v.AgentSays), r.String(v.LastHuman)
	for i, argv := range v.Command {
		v.Command[i] = r.Argv(argv)
	}
}

// Waits reports whether the answer to a question resumes a call of this gate,
// and of which session.
func (g *Gate) Waits(id claw.ApprovalID) (Call, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	w, ok := g.pending[id]
	return w.call, ok
}

// Resume ends a call whose question was answered. labels are those that the
// session carries now: one that the card did not show voids the consent.
func (g *Gate) Resume(ctx context.Context, id claw.ApprovalID, labels claw.Labels) (Outcome, error) {
	g.mu.Lock()
	w, ok := g.pending[id]
	delete(g.pending, id)
	g.mu.Unlock()
	if !ok {
		return Outcome{}, fmt.Errorf("gate: nothing waits for approval %q", id)
	}
	_, answer, err := g.opt.Desk.Get(id)
	if err != nil {
		return Outcome{}, err
	}
	seq, err := g.recordConsent(ctx, w, id, answer)
	if err != nil {
		return Outcome{}, err
	}
	d := policy.Decision{Rule: policy.RuleID("approval." + string(answer.State)), Reason: answerText(answer)}
	if answer.State != approval.Allowed {
		return refusal(d, seq), nil
	}
	prepared, q, rules, err := g.prepare(ctx, w.call, w.request.Nonce)
	content := ""
	if err == nil {
		content, err = preview(ctx, prepared)
	}
	w.call.claim = g.claim(w.call, &q, &rules, prepared)
	defer w.call.claim.release()
	now := policy.Decide(rules, q)
	// A call that is refused by now is refused by its own rule.
	same := now.Verdict == policy.Deny || shownOf(card(w.call, q, now, prepared, rules, content)) == w.shown
	if err != nil || !same || !w.request.Labels.Has(labels) || policy.DigestOf(q) != policy.DigestOf(w.request) {
		d.Rule, d.Reason = "approval.voided", "something that was shown on the card changed before the answer; ask again"
		return refusal(d, seq), nil
	}
	d = now
	consent, err := g.opt.Desk.Take(id, d.Digest)
	if err != nil {
		return refusal(policy.Decision{Rule: "approval.voided", Reason: err.Error()}, seq), nil
	}
	if answer.Scope == approval.ScopeSession {
		d.Confinement = sessionConfinement(q, d.Confinement)
	}
	permit, err := d.PermitWith(q, consent)
	if err != nil {
		return refusal(d, seq), nil
	}
	if err := g.store(ctx, w, id, answer); err != nil {
		return Outcome{}, err
	}
	if files := unseen(q.Facts.LaunchConfig); len(files) > 0 {
		if err := g.opt.Seen(answer.By, files); err != nil {
			return Outcome{}, err
		}
	}
	return g.run(ctx, w.call, q, d, prepared, permit, seq)
}

// unseen are the files with a content that no person has seen.
func unseen(files []policy.LaunchConfig) (out []policy.LaunchConfig) {
	for _, f := range files {
		if !f.Seen && f.SHA256 != "" {
			out = append(out, f)
		}
	}
	return out
}

func answerText(a approval.Answer) string {
	switch a.State {
	case approval.Denied:
		if a.Reason != "" {
			return "a person denied this: " + a.Reason
		}
		return "a person denied this"
	case approval.Expired:
		return "nobody answered in time"
	case approval.Voided:
		return "the question was withdrawn: " + a.Reason
	case approval.Allowed:
		return "a person allowed this"
	case approval.Waiting:
		return "nobody has answered yet"
	}
	return "unknown answer"
}
