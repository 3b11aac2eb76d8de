package cli

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"

	"github.com/openclaw-go/openclaw/internal/agent"
	"github.com/openclaw-go/openclaw/internal/app"
	"github.com/openclaw-go/openclaw/internal/approval"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gate"
	"github.com/openclaw-go/openclaw/internal/inbox"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// agentLocal runs one turn without a gateway, over the same journal and
// budget: it refuses while a gateway runs (R46).
func (e *env) agentLocal(t agentTurn, allowRoot bool) error {
	if err := e.checkRoot(allowRoot); err != nil {
		return err
	}
	p, err := e.home(app.HomeOptions{})
	if err != nil {
		return err
	}
	a, err := app.Open(e.ctx, app.Options{Paths: p, Version: version, Getenv: e.getenv, Passphrase: e.passphrase()})
	if err != nil {
		return startError(err)
	}
	ctx, cancel := context.WithTimeout(e.ctx, t.timeout)
	defer cancel()
	var ask func(approval.View) approval.Reply
	if isTerminal(e.stdin) {
		ask = e.askHere
	}
	r, unanswered, err := a.Local(ctx, inbox.Message{Principal: ownerHere(), Agent: t.agent, Session: t.session, Text: t.text}, ask)
	err = errors.Join(err, a.Close())
	for _, v := range unanswered {
		e.print.note("%s %s: nobody could answer here, so the question has ended; run this on a terminal, or through a gateway", v.Tool, v.ID)
	}
	switch {
	case errors.Is(err, inbox.ErrNoAgent), errors.Is(err, inbox.ErrKey):
		return &failure{code: exitUsage, err: err}
	case errors.Is(err, inbox.ErrClosed):
		return refused(err, "")
	case err != nil:
		return cannot(err, hintOf(err))
	}
	return e.printResult(r)
}

func ownerHere() claw.Principal {
	return claw.Principal{Surface: claw.SurfaceCLI, Standing: claw.Owner}
}

// askHere shows a question on the terminal and takes its answer there; all but
// a plain yes is a no.
func (e *env) askHere(v approval.View) approval.Reply {
	people := *e.print
	people.out = e.print.err
	people.card(v)
	r := approval.Reply{ID: v.ID, Digest: v.Digest, By: ownerHere(), Decision: approval.DenyIt}
	if e.yes("Allow this once?") {
		r.Decision = approval.AllowOnce
	}
	return r
}

func (e *env) printResult(r agent.Result) error {
	switch r.State {
	case agent.StateError:
		return turnFailed(r.Error)
	case agent.StateAborted, agent.StateRunning:
		return cannot(errors.New("agent: the run was stopped"), "")
	case agent.StateFinal:
	}
	if e.print.json {
		return e.print.value(agentReply{SessionKey: r.Session, Reply: r.Reply, ToolCalls: r.Calls})
	}
	for _, c := range r.Calls {
		e.print.note("%s %s: %s", c.Tool, c.Status, c.Rule)
		if c.Status == gate.Refused && c.Hint != "" {
			e.print.note("hint: %s", c.Hint)
		}
	}
	e.print.text(r.Reply)
	return nil
}

func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: the runtime ends the program instead
	return hex.EncodeToString(b[:])
}

func ruleID(s string) policy.RuleID { return policy.RuleID(s) }

func statusOf(s string) gate.Status { return gate.Status(s) }
