package tool

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/policy"
)

//go:embed message.md
var messageText string

// Message returns the tool "message": send into a conversation.
func Message() Tool { return messageTool{} }

type messageTool struct{}

type messageArgs struct {
	Action  string         `json:"action,omitempty"`
	Channel claw.ChannelID `json:"channel,omitempty"`
	To      string         `json:"to,omitempty"`
	Target  string         `json:"target,omitempty"`
	Message string         `json:"message"`
}

func (messageTool) Name() claw.ToolName { return "message" }

func (messageTool) Spec() Spec {
	return Spec{Text: messageText, Schema: json.RawMessage(`{"type":"object","properties":{"action":{"type":"string","enum":["send"]},"channel":{"type":"string"},"to":{"type":"string"},"message":{"type":"string"}},"required":["message"],"additionalProperties":false}`)}
}

func (messageTool) Prepare(_ context.Context, s Scope, args json.RawMessage) (Prepared, error) {
	var a messageArgs
	if _, err := Decode(args, &a); err != nil {
		return Prepared{}, err
	}
	a.To, a.Target = firstOf(a.To, a.Target), ""
	if a.Action == "" {
		a.Action = "send"
	}
	if a.Action != "send" {
		return Prepared{}, fmt.Errorf("action %q is not available; only send", a.Action)
	}
	if err := need("message", a.Message); err != nil {
		return Prepared{}, err
	}
	to, err := s.Outbox.Target(a.Channel, a.To)
	if err != nil {
		return Prepared{}, err
	}
	return Prepared{Arguments: canonical(a), Text: fmt.Sprintf("send to %s:%s: %s", to.Channel, to.To, a.Message),
		Facts: policy.Facts{Understood: true, Sends: []policy.Send{to}},
		Run: func(ctx context.Context, p policy.Permit) (Result, error) {
			if err := s.Outbox.Send(ctx, p, to, a.Message); err != nil {
				return Result{}, err
			}
			return Result{Text: "sent"}, nil
		}}, nil
}
