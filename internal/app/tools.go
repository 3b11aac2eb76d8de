package app

import (
	"context"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gate"
	"github.com/openclaw-go/openclaw/internal/gateway"
	"github.com/openclaw-go/openclaw/internal/inbox"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/tool"
)

// builtTools is the list of tools; adding one is a line here.
func builtTools() []tool.Tool {
	return []tool.Tool{
		tool.Read(), tool.Write(), tool.Edit(), tool.ApplyPatch(), tool.ExecTool(), tool.ProcessTool(),
		tool.WebFetch(), tool.Message(), tool.SessionStatus(), tool.SessionsList(), tool.SessionsHistory(),
	}
}

// toolDesk answers for tools to the gateway: which there are, and one call
// from /tools/invoke, through the gate like any other.
type toolDesk struct{ app *App }

var _ gateway.Tools = toolDesk{}

// Catalog implements gateway.Tools.
func (t toolDesk) Catalog() []gateway.ToolRow {
	var out []gateway.ToolRow
	for _, b := range builtTools() {
		text, _, _ := strings.Cut(b.Spec().Text, "\n")
		out = append(out, gateway.ToolRow{Name: b.Name(), Description: text, Built: true})
	}
	return out
}

// Effective implements gateway.Tools: what a session's agent has, by name.
func (t toolDesk) Effective(_ context.Context, session claw.SessionKey) ([]gateway.ToolRow, error) {
	id, _, err := t.app.inbox.Route("", session)
	if err != nil {
		return nil, fault(err)
	}
	rules, _ := t.app.posture.rules(id)
	rows := t.Catalog()
	for i := range rows {
		rows[i].Verdict, rows[i].Rule = policy.Deny.String(), "tools.not_available"
		if len(rules.Names([]claw.ToolName{rows[i].Name})) == 1 {
			rows[i].Verdict, rows[i].Rule = policy.Allow.String(), "tools.available"
		}
	}
	return rows, nil
}

// Invoke implements gateway.Tools. The caller is a program: what it sends is
// untrusted whoever holds the credential.
func (t toolDesk) Invoke(ctx context.Context, i gateway.Invocation) (gateway.Invoked, error) {
	id, key, err := t.app.inbox.Route("", i.Session)
	if err != nil {
		return gateway.Invoked{}, fault(err)
	}
	labels, lineage, err := t.app.sessions.Labels(key)
	if err != nil {
		return gateway.Invoked{}, err
	}
	out, err := t.app.gate.Call(ctx, gate.Call{
		ToolCall: claw.ToolCall{ID: claw.CallID(newID("call")), Tool: i.Tool, Arguments: i.Args}, Agent: id, Session: key, Run: newRun(),
		Principal: i.Principal, Labels: labels | i.Labels | claw.Untrusted, Lineage: lineage, Audience: inbox.Audience(i.Principal, key),
		OperatorSaid: func(string) bool { return false }})
	if err != nil {
		return gateway.Invoked{}, err
	}
	d := out.Decision
	return gateway.Invoked{Verdict: d.Verdict.String(), Rule: string(d.Rule), Reason: d.Reason, Hint: d.Hint, Approval: out.Approval, Text: out.Text, IsError: out.IsError}, nil
}
