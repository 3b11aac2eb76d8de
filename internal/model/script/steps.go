package script

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/model"
)

// Say is a step of one text.
func Say(text string) Step { return Step{Blocks: []model.Block{model.Text(text)}} }

// Ask is a step of one tool call. Arguments that are no JSON object come as a
// provider would hand them on: raw and marked.
func Ask(id claw.CallID, tool claw.ToolName, arguments string) Step {
	return Step{Blocks: []model.Block{model.Call(call(id, tool, arguments))}}
}

func call(id claw.CallID, tool claw.ToolName, arguments string) model.ToolCall {
	c := model.ToolCall{ID: id, Name: tool}
	args, why := model.CheckArguments([]byte(arguments), model.DefaultDepth)
	if why != "" {
		c.Raw, c.Invalid = arguments, why
	} else {
		c.Arguments = args
	}
	return c
}

// Fail is a step that fails before anything was said.
func Fail(kind model.ErrorKind, message string) Step {
	return Step{Err: &model.Error{Kind: kind, Message: message}}
}

// Hostile steps: what a model under somebody else's control may do.

// Loop asks for the same call for ever.
func Loop(tool claw.ToolName, arguments string) Step {
	s := Ask("same", tool, arguments)
	s.Times = -1
	return s
}

// Unknown asks for a tool that does not exist, by a name that no tool can have.
func Unknown() Step { return Ask("u1", "sudo rm -rf /\x00\u202e", `{"now":true}`) }

// Giant asks for a call with n bytes of arguments.
func Giant(tool claw.ToolName, n int) Step {
	return Ask("g1", tool, `{"path":"`+strings.Repeat("A", n)+`"}`)
}

// Broken asks for a call whose arguments end in the middle.
func Broken(tool claw.ToolName) Step { return Ask("b1", tool, `{"path":"../../etc/pa`) }

// Garbage sends events that make no sense together: ends without beginnings,
// doubled ids, bytes that are no text, a second reply after the first.
func Garbage() Step {
	c := call("x", "read", `{"path":"a"}`)
	return Step{Events: []model.Event{
		{Kind: model.ToolEnd, Index: -7, Call: model.ToolCall{}},
		{Kind: model.TextDelta, Text: "\xff\xfe\x00\x1b[2J\u202e\r\n"},
		{Kind: model.ToolDelta, Index: 99, Text: "}{"},
		{Kind: model.ToolEnd, Call: c},
		{Kind: model.ToolEnd, Call: c},
		{Kind: 250, Text: "?"},
		{Kind: model.UsageReport, Usage: model.Usage{Input: -5, Output: math.MaxInt / 8}},
		{Kind: model.Stopped, Stop: "because"},
		{Kind: model.TextDelta, Text: "after the end"},
	}}
}

// CutOff says something and breaks off.
func CutOff(text string) Step {
	return Step{Blocks: []model.Block{model.Text(text)}, Err: &model.Error{Kind: model.KindNetwork, Message: "connection was cut"}}
}

// Flood sends n pieces of text.
func Flood(n int) Step {
	events := make([]model.Event, 0, n+1)
	for range n {
		events = append(events, model.Event{Kind: model.TextDelta, Text: "and again "})
	}
	return Step{Events: append(events, model.Event{Kind: model.Stopped, Stop: model.StopEnd, Source: model.Source{API: API, Provider: Name, Model: Model}})}
}

// line is a step as a file spells it.
type line struct {
	Want  Want        `json:"want"`
	Say   string      `json:"say"`
	Think string      `json:"think"`
	Calls []lineCall  `json:"calls"`
	Stop  string      `json:"stop"`
	Usage model.Usage `json:"usage"`
	Error *lineError  `json:"error"`
	Times int         `json:"times"`
}

type lineCall struct {
	ID   claw.CallID     `json:"id"`
	Tool claw.ToolName   `json:"tool"`
	Args json.RawMessage `json:"args"` // an object, or a string with what the model wrote
}

type lineError struct {
	Kind         string `json:"kind"`
	Message      string `json:"message"`
	Status       int    `json:"status"`
	RetryAfterMs int    `json:"retryAfterMs"`
}

// Parse reads a script: one JSON object a line, empty lines and lines that
// begin with # left out.
//
//	{"want":{"text":"hello"},"calls":[{"id":"c1","tool":"read","args":{"path":"a"}}]}
//	{"want":{"result":"contents"},"say":"It says so."}
func Parse(data []byte) ([]Step, error) {
	var out []Step
	for i, raw := range bytes.Split(data, []byte("\n")) {
		raw = bytes.TrimSpace(raw)
		if len(raw) == 0 || raw[0] == '#' {
			continue
		}
		step, err := parseLine(raw)
		if err != nil {
			return nil, fmt.Errorf("script: line %d: %w", i+1, err)
		}
		out = append(out, step)
	}
	return out, nil
}

func parseLine(raw []byte) (Step, error) {
	var l line
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&l); err != nil {
		return Step{}, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return Step{}, fmt.Errorf("more than one object")
	}
	s := Step{Want: l.Want, Stop: model.StopReason(l.Stop), Usage: l.Usage, Times: l.Times}
	if l.Think != "" {
		s.Blocks = append(s.Blocks, model.Block{Kind: model.BlockThinking, Text: l.Think})
	}
	if l.Say != "" {
		s.Blocks = append(s.Blocks, model.Text(l.Say))
	}
	for i, c := range l.Calls {
		args := string(c.Args)
		if len(c.Args) > 0 && c.Args[0] == '"' {
			if err := json.Unmarshal(c.Args, &args); err != nil {
				return Step{}, err
			}
		}
		if c.ID == "" {
			c.ID = claw.CallID(fmt.Sprintf("c%d", i+1))
		}
		s.Blocks = append(s.Blocks, model.Call(call(c.ID, c.Tool, args)))
	}
	if l.Error != nil {
		kind, err := kindNamed(l.Error.Kind)
		if err != nil {
			return Step{}, err
		}
		s.Err = &model.Error{Kind: kind, Message: l.Error.Message, Status: l.Error.Status, RetryAfter: time.Duration(l.Error.RetryAfterMs) * time.Millisecond}
	}
	return s, nil
}

func kindNamed(name string) (model.ErrorKind, error) {
	for k := model.KindInvalid; k <= model.KindForbidden; k++ {
		if k.String() == name {
			return k, nil
		}
	}
	return 0, fmt.Errorf("error kind %q is not one of auth, rate_limit, overloaded, context_length, invalid, timeout, network, refusal, server, aborted, forbidden", name)
}
