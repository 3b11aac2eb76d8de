package tool

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/policy"
)

//go:embed process.md
var processText string

// Process returns the tool "process": look at and steer background commands.
func ProcessTool() Tool { return processTool{} }

type processTool struct{}

type processArgs struct {
	Action    string `json:"action"`
	SessionID string `json:"sessionId,omitempty"`
	Data      string `json:"data,omitempty"`
	Text      string `json:"text,omitempty"`
	EOF       bool   `json:"eof,omitempty"`
	Offset    int    `json:"offset,omitempty"`
	Limit     int    `json:"limit,omitempty"`
	Timeout   int    `json:"timeout,omitempty"` // milliseconds
}

const processMaxWait = time.Minute

func (processTool) Name() claw.ToolName { return "process" }

func (processTool) Spec() Spec {
	return Spec{Text: processText, Schema: json.RawMessage(`{"type":"object","properties":{"action":{"type":"string","enum":["list","poll","log","write","submit","kill","remove"]},"sessionId":{"type":"string"},"data":{"type":"string"},"eof":{"type":"boolean"},"offset":{"type":"integer"},"limit":{"type":"integer"},"timeout":{"type":"integer","description":"milliseconds to wait with poll"}},"required":["action"],"additionalProperties":false}`)}
}

func (processTool) Prepare(_ context.Context, s Scope, args json.RawMessage) (Prepared, error) {
	var a processArgs
	if _, err := Decode(args, &a); err != nil {
		return Prepared{}, err
	}
	run, err := a.action(s.Exec.Processes())
	if err != nil {
		return Prepared{}, err
	}
	// Text typed into a running program is a call of its own: it can make the
	// program do anything, so it is never understood (R15).
	stdin := a.Action == "write" || a.Action == "submit"
	p := Prepared{Arguments: canonical(a), Text: strings.TrimSpace("process " + a.Action + " " + a.SessionID), Run: run,
		Facts: policy.Facts{Understood: !stdin, Stdin: stdin}}
	if stdin {
		p.Facts.Why = "what a running program does with its input is not known"
		p.Text += ": " + a.input()
	}
	return p, nil
}

func (a processArgs) input() string {
	in := firstOf(a.Data, a.Text)
	if a.Action == "submit" {
		in += "\n"
	}
	return in
}

type runFunc = func(context.Context, policy.Permit) (Result, error)

func (a processArgs) action(ps Processes) (runFunc, error) {
	if a.Action != "list" {
		if err := need("sessionId", a.SessionID); err != nil {
			return nil, err
		}
	}
	done := func(text string, err error) (Result, error) {
		if err != nil {
			return Result{Text: err.Error(), IsError: true}, nil
		}
		return Result{Text: text}, nil
	}
	switch a.Action {
	case "list":
		return func(context.Context, policy.Permit) (Result, error) { return processList(ps.List()), nil }, nil
	case "poll":
		return func(ctx context.Context, _ policy.Permit) (Result, error) {
			p, err := ps.Wait(ctx, a.SessionID, min(time.Duration(a.Timeout)*time.Millisecond, processMaxWait))
			if err != nil {
				return done("", err)
			}
			return a.log(ps, p.ID)
		}, nil
	case "log":
		return func(context.Context, policy.Permit) (Result, error) { return a.log(ps, a.SessionID) }, nil
	case "write", "submit":
		return func(_ context.Context, p policy.Permit) (Result, error) {
			return done("sent", ps.Input(p, a.SessionID, []byte(a.input()), a.EOF))
		}, nil
	case "kill":
		return func(context.Context, policy.Permit) (Result, error) { return done("killed", ps.Kill(a.SessionID)) }, nil
	case "remove", "clear":
		return func(context.Context, policy.Permit) (Result, error) {
			return done("removed", ps.Remove(a.SessionID))
		}, nil
	}
	return nil, fmt.Errorf("action %q is not one of list, poll, log, write, submit, kill, remove", a.Action)
}

func (a processArgs) log(ps Processes, id string) (Result, error) {
	p, text, err := ps.Log(id, a.Offset, a.Limit)
	if err != nil {
		return Result{Text: err.Error(), IsError: true}, nil
	}
	return Result{Text: text + "\n(" + p.state() + ")", Labels: p.Labels, From: p.From, Content: true, Run: p.Report}, nil
}

func (p Process) state() string {
	switch {
	case p.Running:
		return "running"
	case p.Report == nil:
		return "could not be run"
	case p.Report.TimedOut:
		return "stopped: it ran longer than allowed"
	case p.Report.Signal != "":
		return "ended by signal " + p.Report.Signal
	}
	return fmt.Sprintf("exit status %d", p.Report.ExitCode)
}

// processList brings the labels of what is listed: a command may have been
// written in another session.
func processList(list []Process) Result {
	if len(list) == 0 {
		return Result{Text: "no background commands"}
	}
	r := Result{Content: true}
	var b strings.Builder
	for _, p := range list {
		fmt.Fprintf(&b, "%s  %s  %d bytes  %s\n", p.ID, p.state(), p.Bytes, p.Command)
		if r.Labels |= p.Labels; r.From == "" || p.Labels.Has(claw.Untrusted) {
			r.From = p.From
		}
	}
	r.Text = b.String()
	return r
}
