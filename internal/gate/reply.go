package gate

import (
	"context"

	"github.com/openclaw-go/openclaw/internal/budget"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// Reply is a model's answer on its way out. It is a request like any other:
// what leaves is judged by everyone who can read it (R03).
type Reply struct {
	Agent     claw.AgentID
	Session   claw.SessionKey
	Run       claw.RunID
	Principal claw.Principal
	Labels    claw.Labels
	Audience  policy.Send
	Bytes     int
	// First of its turn: further questions are about the same message.
	First bool
}

// Reply judges and records an answer before it is handed to a surface. A
// verdict other than Allow keeps it back.
func (g *Gate) Reply(ctx context.Context, r Reply) (policy.Decision, error) {
	q := policy.Request{Agent: r.Agent, Session: r.Session, Run: r.Run, Tool: "reply", Principal: r.Principal, Labels: r.Labels,
		Arguments: compact([]byte("{}")), Facts: policy.Facts{Understood: true, Sends: []policy.Send{r.Audience}}, Nonce: g.opt.Nonce()}
	rules, ok := g.opt.Rules(r.Agent)
	if ok {
		q.Generation = rules.Generation
	}
	cl := &claim{ledger: g.opt.Ledger, done: true}
	if r.First && r.Principal.Channel != "" { // else nobody is sent anything
		q.Budget.Messages = 1
		g.reserve(cl, r.Agent, budget.Use{Messages: 1}, &rules, &q.Budget)
	}
	defer cl.release()
	d := policy.DecideReply(rules, q)
	if d.Verdict == policy.Allow {
		if err := cl.spend(); err != nil {
			d = unrecorded(d, err)
		}
	}
	c := Call{Agent: r.Agent, Session: r.Session, Run: r.Run, Principal: r.Principal}
	_, err := g.append(ctx, c, journal.ChannelMessage, journal.Single, 0, d.Digest, struct {
		Direction string         `json:"direction"`
		Verdict   policy.Verdict `json:"verdict"`
		Rule      policy.RuleID  `json:"rule"`
		To        policy.Send    `json:"to"`
		Labels    claw.Labels    `json:"labels"`
		Bytes     int            `json:"bytes"`
	}{"out", d.Verdict, d.Rule, r.Audience, r.Labels, r.Bytes})
	return d, err
}
