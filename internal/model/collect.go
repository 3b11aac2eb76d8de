package model

import (
	"errors"
)

// Collector builds the assistant message from events. The zero value is ready.
type Collector struct {
	blocks []Block
	text   []byte // of the open text or thinking block
	open   BlockKind
	usage  Usage
	stop   StopReason
	source Source
	ended  bool
}

// Add takes one event.
func (c *Collector) Add(ev Event) {
	switch ev.Kind {
	case TextDelta:
		c.grow(BlockText, ev.Text)
		if ev.Signature != "" {
			c.close(ev.Signature)
		}
	case ThinkingDelta:
		if ev.Redacted {
			c.close("")
			c.blocks = append(c.blocks, Block{Kind: BlockThinking, Signature: ev.Signature, Redacted: true})
			return
		}
		c.grow(BlockThinking, ev.Text)
		if ev.Signature != "" {
			c.close(ev.Signature)
		}
	case ToolEnd:
		c.close("")
		c.blocks = append(c.blocks, Block{Kind: BlockToolCall, Call: ev.Call, Signature: ev.Signature})
	case UsageReport:
		c.usage = ev.Usage
	case Stopped:
		c.close("")
		c.stop, c.source, c.ended = ev.Stop, ev.Source, true
	case EventNone, ToolStart, ToolDelta:
	}
}

func (c *Collector) grow(kind BlockKind, text string) {
	if c.open != kind {
		c.close("")
		c.open = kind
	}
	c.text = append(c.text, text...)
}

func (c *Collector) close(signature string) {
	if c.open != "" && (len(c.text) > 0 || signature != "") {
		c.blocks = append(c.blocks, Block{Kind: c.open, Text: string(c.text), Signature: signature})
	}
	c.open, c.text = "", c.text[:0]
}

// Finish returns the message. A stream that ended without Stopped is an error.
func (c *Collector) Finish() (Message, Usage, StopReason, error) {
	if !c.ended {
		err := &Error{Kind: KindNetwork, Message: "stream ended without a stop reason"}
		m := c.Fail(err)
		return m, c.usage, m.Stop, err
	}
	c.void()
	m := c.message()
	return m, c.usage, c.stop, nil
}

// void marks calls that a reply which did not end well may not order: the last
// one when the tokens ran out and it could be half, all when the model
// declined or failed.
func (c *Collector) void() {
	for i := range c.blocks {
		b := &c.blocks[i]
		half := c.stop == StopLength && i == len(c.blocks)-1
		if b.Kind != BlockToolCall || b.Call.Invalid != "" || !half && c.stop != StopRefusal && c.stop != StopError {
			continue
		}
		b.Call.Raw, b.Call.Arguments = string(b.Call.Arguments), nil
		b.Call.Invalid = "reply ended early (" + string(c.stop) + ")"
	}
}

// Fail returns what had come before err. Its tool calls are left out: a reply
// that broke off orders nothing.
func (c *Collector) Fail(err error) Message {
	c.close("")
	kept := c.blocks[:0]
	for _, b := range c.blocks {
		if b.Kind != BlockToolCall {
			kept = append(kept, b)
		}
	}
	c.blocks = kept
	c.stop = StopError
	var e *Error
	if errors.As(err, &e) && e.Kind == KindAborted {
		c.stop = StopAborted
	}
	m := c.message()
	m.Failure = Line(err.Error())
	return m
}

func (c *Collector) message() Message {
	u := c.usage
	u.Total = u.Sum()
	c.usage = u
	return Message{
		Role: RoleAssistant, Content: c.blocks, API: c.source.API, Provider: c.source.Provider, Model: c.source.Model,
		Usage: &u, Stop: c.stop,
	}
}

// Collect reads a stream to its end and returns the assistant message. On an
// error the message holds what had come until then, with StopError or
// StopAborted.
func Collect(stream Stream) (Message, Usage, StopReason, error) {
	var c Collector
	for ev, err := range stream {
		if err != nil {
			m := c.Fail(err)
			return m, c.usage, m.Stop, err
		}
		c.Add(ev)
	}
	return c.Finish()
}
