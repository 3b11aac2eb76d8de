package cli

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/openclaw-go/openclaw/internal/agent"
	"github.com/openclaw-go/openclaw/internal/app"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gate"
	"github.com/openclaw-go/openclaw/internal/inbox"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// agentLocal runs one turn without a gateway, over the same journal and
// budget: it refuses while a gateway runs (R46).
func (e *env) agentLocal(t agentTurn) error {
	p, err := e.home(app.HomeOptions{})
	if err != nil {
		return err
	}
	a, err := app.Open(e.ctx, app.Options{Paths: p, Version: version, Getenv: e.getenv})
	if err != nil {
		return startError(err)
	}
	ctx, cancel := context.WithTimeout(e.ctx, t.timeout)
	defer cancel()
	r, err := a.Turn(ctx, inbox.Message{Principal: claw.Principal{Surface: claw.SurfaceCLI, Standing: claw.Owner}, Agent: t.agent, Session: t.session, Text: t.text})
	err = errors.Join(err, a.Close())
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

func (e *env) printResult(r agent.Result) error {
	switch r.State {
	case agent.StateError:
		return cannot(fmt.Errorf("agent: %s", r.Error), "openclaw logs")
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
