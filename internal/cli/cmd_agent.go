package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/openclaw-go/openclaw/internal/agent"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gateway"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// agentReply is the contract of "agent --json" (DESIGN §9).
type agentReply struct {
	SessionKey claw.SessionKey    `json:"sessionKey"`
	Reply      string             `json:"reply"`
	ToolCalls  []agent.CallReport `json:"toolCalls"`
}

func (e *env) cmdAgent() *cobra.Command {
	var message, id, session, to, thinking string
	var local, deliver, allowRoot bool
	var timeout int
	c := &cobra.Command{
		Use:   "agent --message TEXT",
		Short: "Send one message to an agent and print its answer",
		Long: `Send one message to an agent and print its answer.

Goes through the running gateway; --local runs one turn without a gateway (and
refuses while one is running: there is one journal and one budget). TEXT "-"
reads the message from standard input. A call that waits for a person is
reported as pending; answer it with "openclaw approvals". With --local it is
asked right here when this is a terminal; otherwise the question ends with the
command.`,
		Example: "  openclaw agent --message 'status'\n  openclaw agent --agent workbench --message 'run git status' --json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			text, err := e.messageText(message)
			if err != nil {
				return err
			}
			turn := agentTurn{text: text, agent: claw.AgentID(id), session: claw.SessionKey(session), timeout: time.Duration(timeout) * time.Second}
			if local {
				return e.agentLocal(turn, allowRoot)
			}
			return e.agentRemote(turn)
		},
	}
	f := c.Flags()
	f.StringVarP(&message, "message", "m", "", "the message; \"-\" reads standard input")
	f.StringVar(&id, "agent", "", "agent `ID`; default: the default agent")
	f.StringVar(&session, "session", "", "session `KEY`; default: the agent's main session")
	f.StringVar(&session, "session-id", "", "same as --session")
	f.StringVarP(&to, "to", "t", "", "accepted for scripts; the reply is printed here")
	f.StringVar(&thinking, "thinking", "", "accepted for scripts")
	f.BoolVar(&deliver, "deliver", false, "accepted for scripts; the reply is printed here")
	f.BoolVar(&local, "local", false, "run without a gateway")
	addAllowRoot(c, &allowRoot)
	f.IntVar(&timeout, "timeout", 600, "give up after this many `seconds`")
	return c
}

type agentTurn struct {
	text    string
	agent   claw.AgentID
	session claw.SessionKey
	timeout time.Duration
}

const maxStdin = 1 << 20

func (e *env) messageText(message string) (string, error) {
	if message == "-" {
		b, err := io.ReadAll(io.LimitReader(e.stdin, maxStdin))
		if err != nil {
			return "", err
		}
		message = string(b)
	}
	if strings.TrimSpace(message) == "" {
		return "", &failure{code: exitUsage, err: fmt.Errorf("agent: no message"), hint: "openclaw agent --message 'help'"}
	}
	return message, nil
}

// agentRemote sends the message through the gateway and follows its run.
func (e *env) agentRemote(t agentTurn) error {
	c, err := e.dial()
	if err != nil {
		return err
	}
	defer c.close()
	ctx, cancel := context.WithTimeout(e.ctx, t.timeout)
	defer cancel()
	var started struct {
		RunID      claw.RunID      `json:"runId"`
		SessionKey claw.SessionKey `json:"sessionKey"`
	}
	params := struct {
		Message        string          `json:"message"`
		IdempotencyKey string          `json:"idempotencyKey"`
		AgentID        claw.AgentID    `json:"agentId,omitempty"`
		SessionKey     claw.SessionKey `json:"sessionKey,omitempty"`
	}{t.text, newID(), t.agent, t.session}
	if err := c.call(ctx, "agent", params, &started); err != nil {
		return err
	}
	follow := follower{e: e, run: claw.RunID(params.IdempotencyKey), calls: map[claw.CallID]int{}}
	follow.reply.ToolCalls = []agent.CallReport{}
	return follow.until(ctx, c)
}

// follower collects the events of one run.
type follower struct {
	e     *env
	run   claw.RunID
	reply agentReply
	calls map[claw.CallID]int
}

func (f *follower) until(ctx context.Context, c *client) error {
	for {
		select {
		case ev := <-c.events:
			done, err := f.take(ev)
			if done || err != nil {
				return err
			}
		case <-c.closed:
			return f.rest(c)
		case <-ctx.Done():
			return cannot(fmt.Errorf("agent: no answer: %w", ctx.Err()), "the run goes on; see: openclaw sessions")
		}
	}
}

// rest takes what arrived before the connection ended: the answer may be among
// it.
func (f *follower) rest(c *client) error {
	for {
		select {
		case ev := <-c.events:
			if done, err := f.take(ev); done || err != nil {
				return err
			}
		default:
			return cannot(fmt.Errorf("agent: the connection ended before the answer: %w", c.err), "openclaw gateway status")
		}
	}
}

func (f *follower) take(ev wireEvent) (done bool, err error) {
	switch ev.Event {
	case gateway.EventAgent:
		var p gateway.AgentPayload
		if json.Unmarshal(ev.Payload, &p) != nil || p.Run != f.run || p.Stream != "tool" {
			return false, nil
		}
		var d struct {
			Phase gateway.ToolPhase `json:"phase"`
			gateway.ToolFacts
		}
		if json.Unmarshal(p.Data, &d) == nil && d.Phase == gateway.ToolResult {
			f.call(d.ToolFacts)
		}
	case gateway.EventChat:
		var p gateway.ChatEvent
		if json.Unmarshal(ev.Payload, &p) != nil || p.Run != f.run {
			return false, nil
		}
		return f.chat(p)
	}
	return false, nil
}

func (f *follower) call(t gateway.ToolFacts) {
	r := agent.CallReport{Tool: t.Tool, Rule: ruleID(t.Rule), Status: statusOf(t.Status), Approval: t.Approval, Hint: t.Hint}
	_ = r.Verdict.UnmarshalText([]byte(t.Verdict))
	f.reply.ToolCalls = append(f.reply.ToolCalls, r)
	if f.e.print.json {
		return
	}
	f.e.print.note("%s %s: %s", t.Tool, t.Status, t.Rule)
	if t.Approval != "" {
		f.e.print.note("hint: openclaw approvals show %s", t.Approval)
	} else if t.Hint != "" && t.Status == "refused" {
		f.e.print.note("hint: %s", t.Hint)
	}
}

func (f *follower) chat(p gateway.ChatEvent) (bool, error) {
	switch p.State {
	case gateway.Delta:
		return false, nil
	case gateway.Final:
		f.reply.SessionKey = p.Session
		if p.Message != nil {
			for _, part := range p.Message.Content {
				f.reply.Reply += part.Text
			}
		}
		if f.e.print.json {
			return true, f.e.print.value(f.reply)
		}
		f.e.print.text(f.reply.Reply)
		return true, nil
	case gateway.Aborted:
		return true, cannot(fmt.Errorf("agent: the run was stopped"), "")
	case gateway.Failed:
		return true, turnFailed(p.ErrorMessage)
	}
	return false, nil
}

// turnFailed is the end of a turn that gave no answer: refused where a limit
// ended it.
func turnFailed(message string) error {
	err := fmt.Errorf("agent: %s", message)
	if rule, _, _ := strings.Cut(message, ":"); policy.RuleID(rule).OfBudget() || policy.RuleID(rule).OfLoop() {
		return refused(err, "openclaw usage shows what is left; docs/budgets.md says how limits are set")
	}
	return cannot(err, "openclaw logs")
}
