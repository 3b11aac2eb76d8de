package tool

import (
	"context"
	_ "embed"
	"encoding/json"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/policy"
)

//go:embed sessions_list.md
var sessionsListText string

//go:embed sessions_history.md
var sessionsHistoryText string

//go:embed session_status.md
var sessionStatusText string

// SessionStatus returns the tool "session_status".
func SessionStatus() Tool { return sessionStatusTool{} }

// SessionsList returns the tool "sessions_list".
func SessionsList() Tool { return sessionsListTool{} }

// SessionsHistory returns the tool "sessions_history".
func SessionsHistory() Tool { return sessionsHistoryTool{} }

type (
	sessionStatusTool   struct{}
	sessionsListTool    struct{}
	sessionsHistoryTool struct{}
)

type sessionStatusArgs struct {
	SessionKey claw.SessionKey `json:"sessionKey,omitempty"`
}

type sessionsListArgs struct {
	Limit int `json:"limit,omitempty"`
}

type sessionsHistoryArgs struct {
	SessionKey claw.SessionKey `json:"sessionKey"`
	Limit      int             `json:"limit,omitempty"`
}

// Bounds of the session tools.
const (
	sessionsDefault = 20
	sessionsMax     = 200
)

func bounded(n int) int {
	if n <= 0 {
		return sessionsDefault
	}
	return min(n, sessionsMax)
}

func (sessionStatusTool) Name() claw.ToolName   { return "session_status" }
func (sessionsListTool) Name() claw.ToolName    { return "sessions_list" }
func (sessionsHistoryTool) Name() claw.ToolName { return "sessions_history" }

func (sessionStatusTool) Spec() Spec {
	return Spec{Text: sessionStatusText, Schema: json.RawMessage(`{"type":"object","properties":{"sessionKey":{"type":"string"}},"additionalProperties":false}`)}
}

func (sessionsListTool) Spec() Spec {
	return Spec{Text: sessionsListText, Schema: json.RawMessage(`{"type":"object","properties":{"limit":{"type":"integer","minimum":1,"maximum":200}},"additionalProperties":false}`)}
}

func (sessionsHistoryTool) Spec() Spec {
	return Spec{Text: sessionsHistoryText, Schema: json.RawMessage(`{"type":"object","properties":{"sessionKey":{"type":"string"},"limit":{"type":"integer","minimum":1,"maximum":200}},"required":["sessionKey"],"additionalProperties":false}`)}
}

func (sessionStatusTool) Prepare(_ context.Context, s Scope, args json.RawMessage) (Prepared, error) {
	var a sessionStatusArgs
	if _, err := Decode(args, &a); err != nil {
		return Prepared{}, err
	}
	if a.SessionKey == "" {
		a.SessionKey = s.Session
	}
	f := policy.Facts{Understood: true}
	if a.SessionKey != s.Session {
		f.Sessions = []claw.SessionKey{a.SessionKey}
	}
	return Prepared{Arguments: canonical(a), Text: "status of " + string(a.SessionKey), Facts: f,
		Run: func(_ context.Context, p policy.Permit) (Result, error) {
			info, err := s.Sessions.Status(p, a.SessionKey)
			if err != nil {
				return Result{Text: err.Error(), IsError: true}, nil
			}
			return jsonResult(info)
		}}, nil
}

func (sessionsListTool) Prepare(_ context.Context, s Scope, args json.RawMessage) (Prepared, error) {
	var a sessionsListArgs
	if _, err := Decode(args, &a); err != nil {
		return Prepared{}, err
	}
	a.Limit = bounded(a.Limit)
	return Prepared{Arguments: canonical(a), Text: "list sessions", Facts: policy.Facts{Understood: true},
		Run: func(_ context.Context, p policy.Permit) (Result, error) {
			list, err := s.Sessions.List(p, a.Limit)
			if err != nil {
				return Result{Text: err.Error(), IsError: true}, nil
			}
			r, err := jsonResult(list)
			for _, info := range list {
				// A key may hold what a stranger chose (R36).
				if info.Labels.Has(claw.Untrusted) {
					r.Labels, r.From, r.Content = claw.Untrusted, "list of sessions", true
				}
			}
			return r, err
		}}, nil
}

func (sessionsHistoryTool) Prepare(_ context.Context, s Scope, args json.RawMessage) (Prepared, error) {
	var a sessionsHistoryArgs
	if _, err := Decode(args, &a); err != nil {
		return Prepared{}, err
	}
	if err := need("sessionKey", string(a.SessionKey)); err != nil {
		return Prepared{}, err
	}
	a.Limit = bounded(a.Limit)
	return Prepared{Arguments: canonical(a), Text: "read history of " + string(a.SessionKey),
		Facts: policy.Facts{Understood: true, Sessions: []claw.SessionKey{a.SessionKey}},
		Run: func(_ context.Context, p policy.Permit) (Result, error) {
			h, err := s.Sessions.History(p, a.SessionKey, a.Limit)
			if err != nil {
				return Result{Text: err.Error(), IsError: true}, nil
			}
			return Result{Text: h.Text, Labels: h.Labels | claw.Private, From: "session " + string(a.SessionKey), Content: true}, nil
		}}, nil
}

func jsonResult(v any) (Result, error) {
	b, err := json.MarshalIndent(v, "", "  ")
	return Result{Text: string(b)}, err
}
