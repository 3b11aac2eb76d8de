// Package operator is the model that works without a key: a deterministic
// interpreter of plain commands, which says that it is one. It refuses to act:
// a command becomes an ordinary tool call, decided about like any other.
package operator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/model"
)

// Names under which transcripts and configurations know it.
const (
	API   = "operator"
	Name  = "operator"
	Model = "operator"
)

// Introduction is what it says of itself the first time in a conversation.
const Introduction = "I am the operator: a built-in interpreter of plain commands, not a language model. Say `help` for what I understand."

// Operator answers from the request alone: it keeps nothing and sends nothing.
type Operator struct{}

var _ model.Provider = Operator{}

// New returns the operator.
func New() Operator { return Operator{} }

// Destinations is empty: nothing leaves the process.
func (Operator) Destinations() []model.Destination { return nil }

// Stream answers the last message.
func (Operator) Stream(ctx context.Context, req model.Request) model.Stream {
	return func(yield func(model.Event, error) bool) {
		if err := ctx.Err(); err != nil {
			yield(model.Event{}, ended(err))
			return
		}
		a := answer(req)
		if !say(ctx, a.text, yield) {
			return
		}
		stop := model.StopEnd
		if a.call.Name != "" {
			stop = model.StopToolUse
			for _, ev := range []model.Event{
				{Kind: model.ToolStart, Call: model.ToolCall{ID: a.call.ID, Name: a.call.Name}},
				{Kind: model.ToolDelta, Text: string(a.call.Arguments)},
				{Kind: model.ToolEnd, Call: a.call},
			} {
				if !yield(ev, nil) {
					return
				}
			}
		}
		yield(model.Event{Kind: model.Stopped, Stop: stop, Source: model.Source{API: API, Provider: Name, Model: Model}}, nil)
	}
}

func ended(err error) *model.Error {
	if errors.Is(err, context.DeadlineExceeded) {
		return &model.Error{Kind: model.KindTimeout, Provider: Name, Message: "deadline passed"}
	}
	return &model.Error{Kind: model.KindAborted, Provider: Name, Message: "cancelled"}
}

const chunkBytes = 256

// say streams text in pieces that end between runes, and reports whether the
// reader still listens.
func say(ctx context.Context, text string, yield func(model.Event, error) bool) bool {
	for len(text) > 0 {
		if err := ctx.Err(); err != nil {
			yield(model.Event{}, ended(err))
			return false
		}
		n := min(chunkBytes, len(text))
		for n < len(text) && n > 0 && !utf8.RuneStart(text[n]) {
			n--
		}
		if n == 0 {
			n = min(chunkBytes, len(text)) // not UTF-8 at all
		}
		if !yield(model.Event{Kind: model.TextDelta, Text: text[:n]}, nil) {
			return false
		}
		text = text[n:]
	}
	return true
}

// reply is text, and a call when call.Name is set.
type reply struct {
	text string
	call model.ToolCall
}

func answer(req model.Request) reply {
	if req.Task == model.TaskSummary {
		return reply{text: notes(req.Messages)}
	}
	have := toolSet{}
	for _, t := range req.Tools {
		have[t.Name] = true
	}
	first := true
	for _, m := range req.Messages {
		if m.Role == model.RoleAssistant {
			first = false
		}
	}
	var a reply
	switch last := tail(req.Messages); {
	case len(last) == 0:
		a = reply{text: have.help()}
	case last[0].Role == model.RoleToolResult:
		a = reply{text: account(last)}
	default:
		a = have.obey(last[0].Text(), len(req.Messages))
	}
	if first {
		a.text = strings.TrimRight(Introduction+"\n\n"+a.text, "\n") + "\n"
	}
	return a
}

// tail is the last message, or all the results at the end.
func tail(ms []model.Message) []model.Message {
	i := len(ms)
	for i > 0 && ms[i-1].Role == model.RoleToolResult {
		i--
	}
	if i == len(ms) && i > 0 && ms[i-1].Role == model.RoleUser {
		i--
	}
	return ms[i:]
}

// obey turns what a person wrote into a call or an answer. n numbers the call
// within the conversation.
func (have toolSet) obey(text string, n int) reply {
	if strings.HasPrefix(text, gatewayPrefix) {
		return reply{text: event(text)}
	}
	text = own(text)
	if text == "" {
		return reply{text: "That message came from outside the operator's own words. I take commands only from what you write yourself.\n"}
	}
	verb, rest := cut(strings.TrimSpace(text))
	for _, c := range commands() {
		if !c.is(verb) {
			continue
		}
		if c.tool == nil {
			return reply{text: have.help()}
		}
		tool, ok := have.first(c.tool)
		if !ok && c.shell != "" {
			return reply{text: have.lacks(c)}
		}
		if !ok {
			tool = c.tool[0] // the gate refuses it, with the rule that does
		}
		args, line, err := c.parse(rest)
		if err != nil {
			return reply{text: fmt.Sprintf("I did not understand that: %v. Usage: `%s`\n", err, c.usage)}
		}
		raw, err := json.Marshal(args)
		if err != nil {
			return reply{text: fmt.Sprintf("I cannot write that down as a call: %v\n", err)}
		}
		return reply{
			text: fmt.Sprintf("→ %s\n", strings.TrimSpace(string(tool)+" "+line)),
			call: model.ToolCall{ID: claw.CallID(fmt.Sprintf("op_%d", n)), Name: tool, Arguments: raw},
		}
	}
	return reply{text: have.unknown()}
}

// cut splits the first word off; the rest keeps its lines.
func cut(text string) (verb, rest string) {
	i := strings.IndexAny(text, " \t\n\r")
	if i < 0 {
		return strings.ToLower(text), ""
	}
	return strings.ToLower(text[:i]), strings.TrimLeft(text[i:], " \t")
}
