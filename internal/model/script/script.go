// Package script is a model whose replies are written down beforehand, for
// tests of everything that listens to a model. It refuses to improvise: a
// request that the script does not expect ends in an error that says so.
package script

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/model"
)

// Names under which transcripts know it.
const (
	API   = "script"
	Name  = "script"
	Model = "script"
)

// Want is what a step expects of the request; empty fields expect nothing.
type Want struct {
	Text     string        `json:"text,omitempty"`     // part of the last user message
	Result   string        `json:"result,omitempty"`   // part of the last tool result
	System   string        `json:"system,omitempty"`   // part of the system prompt
	Tool     claw.ToolName `json:"tool,omitempty"`     // is offered
	NoTool   claw.ToolName `json:"noTool,omitempty"`   // is not offered
	Messages int           `json:"messages,omitempty"` // number of them
}

// Step is one reply.
type Step struct {
	Want Want
	// Blocks are streamed in pieces, as a provider would.
	Blocks []model.Block
	// Reply makes the blocks from the request, in place of Blocks.
	Reply func(model.Request) []model.Block
	// Events are sent as they are, in place of Blocks; no Stopped is added.
	Events []model.Event
	Stop   model.StopReason // default: toolUse with calls, else stop
	Usage  model.Usage
	// Err ends the stream after Blocks or Events.
	Err *model.Error
	// Before is waited for before anything is sent, Middle after the first
	// event; nil waits for nothing.
	Before, Middle <-chan struct{}
	// Times is how many requests the step serves: 0 and 1 one, negative all.
	Times int
}

// Script plays steps in order.
type Script struct {
	mu    sync.Mutex
	steps []Step
	seen  []model.Request
}

var _ model.Provider = (*Script)(nil)

// New returns a script of steps.
func New(steps ...Step) *Script { return &Script{steps: steps} }

// Destinations is empty: nothing leaves the process.
func (s *Script) Destinations() []model.Destination { return nil }

// Add appends steps.
func (s *Script) Add(steps ...Step) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.steps = append(s.steps, steps...)
}

// Requests are those that were made so far.
func (s *Script) Requests() []model.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]model.Request(nil), s.seen...)
}

// Left is the number of steps not yet begun.
func (s *Script) Left() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.steps)
}

// take returns the step for a request.
func (s *Script) take(req model.Request) (Step, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, req)
	n := len(s.seen)
	if len(s.steps) == 0 {
		return Step{}, unexpected("request %d comes after the end of the script", n)
	}
	st := s.steps[0]
	if err := st.Want.check(req); err != nil {
		return Step{}, unexpected("request %d: %v", n, err)
	}
	switch {
	case st.Times < 0:
	case st.Times > 1:
		s.steps = append([]Step(nil), s.steps...)
		s.steps[0].Times--
	default:
		s.steps = s.steps[1:]
	}
	return st, nil
}

func unexpected(format string, args ...any) *model.Error {
	return &model.Error{Kind: model.KindInvalid, Provider: Name, Message: fmt.Sprintf(format, args...)}
}

func (w Want) check(req model.Request) error {
	var user, result string
	for _, m := range req.Messages {
		switch m.Role {
		case model.RoleUser:
			user = m.Text()
		case model.RoleToolResult:
			result = m.Text()
		case model.RoleAssistant:
		}
	}
	var system strings.Builder
	for _, p := range req.System {
		system.WriteString(p.Text + "\n")
	}
	tools := map[claw.ToolName]bool{}
	for _, t := range req.Tools {
		tools[t.Name] = true
	}
	switch {
	case !strings.Contains(user, w.Text):
		return fmt.Errorf("last user message is %q, expected %q in it", user, w.Text)
	case !strings.Contains(result, w.Result):
		return fmt.Errorf("last result is %q, expected %q in it", result, w.Result)
	case !strings.Contains(system.String(), w.System):
		return fmt.Errorf("system prompt has no %q", w.System)
	case w.Tool != "" && !tools[w.Tool]:
		return fmt.Errorf("tool %q is not offered", w.Tool)
	case w.NoTool != "" && tools[w.NoTool]:
		return fmt.Errorf("tool %q is offered", w.NoTool)
	case w.Messages != 0 && len(req.Messages) != w.Messages:
		return fmt.Errorf("%d messages, expected %d", len(req.Messages), w.Messages)
	}
	return nil
}

// Stream plays the next step.
func (s *Script) Stream(ctx context.Context, req model.Request) model.Stream {
	return func(yield func(model.Event, error) bool) {
		st, err := s.take(req)
		if err == nil {
			err = wait(ctx, st.Before)
		}
		if err != nil {
			yield(model.Event{}, err)
			return
		}
		for i, ev := range st.events(req) {
			if i == 1 {
				if err := wait(ctx, st.Middle); err != nil {
					yield(model.Event{}, err)
					return
				}
			}
			if err := wait(ctx, nil); err != nil {
				yield(model.Event{}, err)
				return
			}
			if !yield(ev, nil) {
				return
			}
		}
		if st.Err != nil {
			e := *st.Err
			if e.Provider == "" {
				e.Provider = Name
			}
			yield(model.Event{}, &e)
		}
	}
}

// wait returns when c is closed or gives a value, or with the context's end. A
// nil channel waits for nothing.
func wait(ctx context.Context, c <-chan struct{}) error {
	if c != nil {
		select {
		case <-c:
		case <-ctx.Done():
		}
	}
	switch ctx.Err() {
	case nil:
		return nil
	case context.DeadlineExceeded:
		return &model.Error{Kind: model.KindTimeout, Provider: Name, Message: "deadline passed"}
	}
	return &model.Error{Kind: model.KindAborted, Provider: Name, Message: "cancelled"}
}

func (st Step) events(req model.Request) []model.Event {
	if st.Events != nil {
		return st.Events
	}
	blocks := st.Blocks
	if st.Reply != nil {
		blocks = st.Reply(req)
	}
	var out []model.Event
	stop := model.StopEnd
	for i, b := range blocks {
		switch b.Kind {
		case model.BlockText:
			for _, p := range pieces(b.Text) {
				out = append(out, model.Event{Kind: model.TextDelta, Index: i, Text: p})
			}
		case model.BlockThinking:
			out = append(out, model.Event{Kind: model.ThinkingDelta, Index: i, Text: b.Text, Signature: b.Signature, Redacted: b.Redacted})
		case model.BlockToolCall:
			stop = model.StopToolUse
			args := string(b.Call.Arguments) + b.Call.Raw
			out = append(out,
				model.Event{Kind: model.ToolStart, Index: i, Call: model.ToolCall{ID: b.Call.ID, Name: b.Call.Name}},
				model.Event{Kind: model.ToolDelta, Index: i, Text: args},
				model.Event{Kind: model.ToolEnd, Index: i, Call: b.Call})
		case model.BlockImage:
		}
	}
	if st.Usage != (model.Usage{}) {
		out = append(out, model.Event{Kind: model.UsageReport, Usage: st.Usage})
	}
	if st.Err != nil {
		return out
	}
	if st.Stop != "" {
		stop = st.Stop
	}
	return append(out, model.Event{Kind: model.Stopped, Stop: stop, Source: model.Source{API: API, Provider: Name, Model: Model}})
}

const pieceBytes = 24

func pieces(s string) []string {
	var out []string
	for len(s) > pieceBytes {
		n := pieceBytes
		for n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		if n == 0 {
			n = pieceBytes
		}
		out = append(out, s[:n])
		s = s[n:]
	}
	return append(out, s)
}
