package model

import (
	"encoding/json"
	"regexp"
	"strings"
	"sync"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// modelName is what may stand in a request body or path. A slash is part of
// names at routers ("meta-llama/llama-3").
var modelName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:@/+-]{0,199}$`) })

// MaxImage bounds one picture.
const MaxImage = 10 << 20

// Validate refuses a request that no provider would take, before anything
// leaves.
func (r Request) Validate() error {
	switch {
	case !modelName().MatchString(r.Model):
		return Invalidf("model name %q: expected letters, digits and ._:@/+-", Line(r.Model))
	case len(r.Messages) == 0:
		return Invalidf("request has no message")
	case r.Messages[len(r.Messages)-1].Role == RoleAssistant:
		return Invalidf("last message is the model's own: expected user or toolResult")
	case r.MaxTokens < 0:
		return Invalidf("maxTokens is %d", r.MaxTokens)
	}
	seen := map[claw.ToolName]bool{}
	for _, t := range r.Tools {
		if seen[t.Name] {
			return Invalidf("tool %q is listed twice", t.Name)
		}
		seen[t.Name] = true
		if WireName(t.Name) != string(t.Name) {
			return Invalidf("tool name %q: expected at most 64 letters, digits, dashes and underscores", Line(string(t.Name)))
		}
		if _, why := CheckArguments(t.Schema, DefaultDepth); why != "" {
			return Invalidf("tool %q: schema is not a JSON object", t.Name)
		}
	}
	for _, m := range r.Messages {
		if err := m.validate(); err != nil {
			return err
		}
	}
	return nil
}

func (m Message) validate() error {
	switch m.Role {
	case RoleUser, RoleAssistant, RoleToolResult:
	default:
		return Invalidf("message role %q: expected user, assistant or toolResult", Line(string(m.Role)))
	}
	for _, b := range m.Content {
		if b.Kind != BlockImage {
			continue
		}
		switch b.Image.MIME {
		case "image/png", "image/jpeg", "image/gif", "image/webp":
		default:
			return Invalidf("image of type %q: expected png, jpeg, gif or webp", Line(b.Image.MIME))
		}
		if n := len(b.Image.Data); n == 0 || n > MaxImage {
			return Invalidf("image of %d bytes: expected 1 to %d", n, MaxImage)
		}
	}
	return nil
}

// noResult stands in for the result of a call that has none, for example when
// the gateway stopped in between: providers refuse a call without a result.
const noResult = "No result was recorded for this call."

// History returns messages in the form that every provider takes: each tool
// call is followed by exactly one result, results without a call and empty
// texts are gone, and so are replies with nothing in them. Thinking and
// signatures of another provider than the named one are left out.
func History(messages []Message, provider string) []Message {
	out := make([]Message, 0, len(messages))
	var waiting []ToolCall
	settle := func() {
		for _, c := range waiting {
			r := Result(c, noResult)
			r.IsError = true
			out = append(out, r)
		}
		waiting = nil
	}
	for _, m := range messages {
		if m.Role == RoleToolResult {
			at := -1
			for i, c := range waiting {
				if c.ID == m.ToolCallID {
					at = i
				}
			}
			if at < 0 {
				continue
			}
			waiting = append(waiting[:at:at], waiting[at+1:]...)
			m.Content = keep(m, provider)
			out = append(out, m)
			continue
		}
		settle()
		m.Content = keep(m, provider)
		if len(m.Content) == 0 {
			continue
		}
		out = append(out, m)
		if m.Role == RoleAssistant {
			waiting = m.Calls()
		}
	}
	settle()
	return out
}

// keep selects the blocks of a message that may be sent to a provider.
func keep(m Message, provider string) []Block {
	own := m.Role == RoleAssistant && m.Provider == provider
	out := make([]Block, 0, len(m.Content))
	for _, b := range m.Content {
		switch b.Kind {
		case BlockText:
			if strings.TrimSpace(b.Text) == "" && (b.Signature == "" || !own) {
				continue
			}
		case BlockThinking:
			if !own {
				continue
			}
		case BlockToolCall:
			if m.Role != RoleAssistant {
				continue
			}
		case BlockImage:
			if m.Role == RoleAssistant {
				continue
			}
		default:
			continue
		}
		if !own {
			b.Signature = ""
		}
		out = append(out, b)
	}
	return out
}

// WireArguments is the JSON object that stands for a call's arguments in a
// history. What the model wrote and could not be used is shown to it as a
// string, under a key that says so.
func (c ToolCall) WireArguments() json.RawMessage {
	if len(c.Arguments) > 0 && c.Invalid == "" {
		return c.Arguments
	}
	raw, err := json.Marshal(map[string]string{"invalid_arguments": c.Raw})
	if err != nil {
		return json.RawMessage(`{}`)
	}
	return raw
}

// Prepare validates a request and puts its history in the form that every
// provider takes, for the provider with the given name.
func (r Request) Prepare(provider string) (Request, error) {
	if err := r.Validate(); err != nil {
		return Request{}, err
	}
	r.Messages = History(r.Messages, provider)
	if n := len(r.Messages); n == 0 || r.Messages[n-1].Role == RoleAssistant {
		return Request{}, Invalidf("last message is empty")
	}
	return r, nil
}
