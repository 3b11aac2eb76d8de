package model

import (
	"crypto/rand"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// Calls assembles tool calls that come in pieces. It belongs to decoders; the
// zero value with Limits set is ready.
type Calls struct {
	Limits Limits
	open   []*openCall // in order of appearance
	ids    map[claw.CallID]bool
	count  int
}

type openCall struct {
	index int
	call  ToolCall
	args  []byte
}

const (
	maxCallID   = 256
	maxToolName = 128
)

// Count is the number of calls begun.
func (c *Calls) Count() int { return c.count }

// Start begins the call with the wire format's index. A call without an id, or
// with one that another call of the reply has, gets a fresh one.
func (c *Calls) Start(index int, id, name string, emit Emit) error {
	if c.count++; c.count > c.Limits.Calls {
		return Invalidf("reply has more than %d tool calls", c.Limits.Calls)
	}
	if len(id) > maxCallID || len(name) > maxToolName {
		return Invalidf("tool call %q: id or name is too long", Line(name))
	}
	if c.find(index) != nil {
		return Invalidf("tool call %q begins at index %d, which is still open", Line(name), index)
	}
	if c.ids == nil {
		c.ids = map[claw.CallID]bool{}
	}
	cid := claw.CallID(id)
	if cid == "" || c.ids[cid] {
		cid = claw.CallID("call_" + rand.Text())
	}
	c.ids[cid] = true
	o := &openCall{index: index, call: ToolCall{ID: cid, Name: claw.ToolName(name)}}
	c.open = append(c.open, o)
	return emit(Event{Kind: ToolStart, Index: index, Call: o.call})
}

// Open reports whether a call with this index has begun and not ended.
func (c *Calls) Open(index int) bool { return c.find(index) != nil }

// Delta adds a piece of the arguments.
func (c *Calls) Delta(index int, piece string, emit Emit) error {
	o := c.find(index)
	if o == nil {
		return Invalidf("arguments for a tool call with index %d, which has not begun", index)
	}
	if len(o.args)+len(piece) > c.Limits.Args {
		return Invalidf("tool call %q: arguments are longer than %d bytes", Line(string(o.call.Name)), c.Limits.Args)
	}
	o.args = append(o.args, piece...)
	return emit(Event{Kind: ToolDelta, Index: index, Text: piece})
}

// End finishes a call. Arguments that never came mean an empty object, which
// is how the wire formats spell a call without parameters.
func (c *Calls) End(index int, signature string, emit Emit) error {
	for i, o := range c.open {
		if o.index == index {
			c.open = append(c.open[:i], c.open[i+1:]...)
			return c.finish(o, signature, emit)
		}
	}
	return Invalidf("end of a tool call with index %d, which has not begun", index)
}

// EndAll finishes what is still open, in order of appearance.
func (c *Calls) EndAll(emit Emit) error {
	for len(c.open) > 0 {
		if err := c.End(c.open[0].index, "", emit); err != nil {
			return err
		}
	}
	return nil
}

func (c *Calls) finish(o *openCall, signature string, emit Emit) error {
	if len(o.args) == 0 {
		o.args = []byte("{}")
	}
	args, why := CheckArguments(o.args, c.Limits.Depth)
	switch {
	case o.call.Name == "":
		o.call.Raw, o.call.Invalid = string(o.args), "names no tool"
	case why != "":
		o.call.Raw, o.call.Invalid = string(o.args), why
	default:
		o.call.Arguments = args
	}
	return emit(Event{Kind: ToolEnd, Index: o.index, Call: o.call, Signature: signature})
}

func (c *Calls) find(index int) *openCall {
	for _, o := range c.open {
		if o.index == index {
			return o
		}
	}
	return nil
}
