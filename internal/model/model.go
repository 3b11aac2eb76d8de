// Package model is how the agent speaks with language models: requests,
// streamed replies, typed errors. It refuses to dial on its own, to read the
// environment, to follow a redirect, to keep a key in a value that prints, or
// to repair what a model wrote.
package model

import (
	"context"
	"encoding/json"
	"iter"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// Stream is one reply in pieces. The request is sent when the sequence is
// ranged over; ranging again sends it again. It ends with exactly one Stopped
// event or one error (always an *Error), never both, and leaving the loop
// early closes the connection. No goroutine outlives the loop.
type Stream = iter.Seq2[Event, error]

// Provider answers requests.
type Provider interface {
	// Stream asks for a reply. Cancelling ctx ends it with KindAborted, a
	// passed deadline with KindTimeout.
	Stream(ctx context.Context, req Request) Stream
	// Destinations lists everyone who may get to read a request. A caller
	// decides about all of them before Stream. None means that nothing leaves
	// the process.
	Destinations() []Destination
}

// Destination is where a request goes.
type Destination struct {
	Provider string // configured name, for example "anthropic"
	Host     string // host:port, pinned at construction
}

// Request is one call of a model.
type Request struct {
	Model    string // the provider's own name of the model
	Task     Task
	System   []SystemPart
	Messages []Message
	Tools    []ToolSpec
	// MaxTokens bounds the reply; 0 means DefaultMaxTokens where the wire
	// format demands a number, else the provider's own bound.
	MaxTokens   int
	Temperature *float64
	Thinking    Effort
	// Timeout bounds the whole call; 0 leaves it to ctx.
	Timeout time.Duration
	// Labels of what the request carries: for whoever decides where it may go,
	// never sent.
	Labels claw.Labels
}

// Task is what a reply is for. Language models learn it from the prompt.
type Task uint8

// Tasks. The zero value is a turn of a conversation.
const (
	TaskReply   Task = iota
	TaskSummary      // notes on the messages, for the model's own later use
)

// DefaultMaxTokens is sent when a request names no bound but must.
const DefaultMaxTokens = 8192

// Effort is how much a model may think before it answers. The zero value asks
// for none.
type Effort uint8

// Efforts, least first.
const (
	EffortNone Effort = iota
	EffortLow
	EffortMedium
	EffortHigh
)

// Budget is the number of thinking tokens for wire formats that want one.
func (e Effort) Budget() int {
	switch e {
	case EffortLow:
		return 2048
	case EffortMedium:
		return 8192
	case EffortHigh:
		return 24576
	case EffortNone:
		return 0
	}
	return 0
}

func (e Effort) String() string {
	switch e {
	case EffortLow:
		return "low"
	case EffortMedium:
		return "medium"
	case EffortHigh:
		return "high"
	case EffortNone:
		return "none"
	}
	return "none"
}

// SystemPart is a piece of the system prompt. Cache asks the provider to keep
// everything up to here for the next request, where it can.
type SystemPart struct {
	Text  string
	Cache bool
}

// ToolSpec describes a tool to the model. Schema is a JSON schema object.
type ToolSpec struct {
	Name        claw.ToolName
	Description string
	Schema      json.RawMessage
}

// Role says who speaks in a message.
type Role string

// Roles, spelt as in transcripts.
const (
	RoleUser       Role = "user"
	RoleAssistant  Role = "assistant"
	RoleToolResult Role = "toolResult"
)

// Message is one turn. It marshals to the "message" object of an upstream
// transcript line; fields that are not understood are ignored when read.
type Message struct {
	Role    Role    `json:"role"`
	Content []Block `json:"content"`

	// Of a tool result.
	ToolCallID claw.CallID   `json:"toolCallId,omitempty"`
	ToolName   claw.ToolName `json:"toolName,omitempty"`
	IsError    bool          `json:"isError,omitempty"`

	// Of an assistant message: who wrote it and what it took.
	API      string     `json:"api,omitempty"`
	Provider string     `json:"provider,omitempty"`
	Model    string     `json:"model,omitempty"`
	Usage    *Usage     `json:"usage,omitempty"`
	Stop     StopReason `json:"stopReason,omitempty"`
	Failure  string     `json:"errorMessage,omitempty"`

	// Timestamp is in milliseconds; the caller sets it, this package has no
	// clock.
	Timestamp int64 `json:"timestamp,omitempty"`
}

// BlockKind says what a block holds.
type BlockKind string

// Block kinds, spelt as in transcripts. The empty kind is refused.
const (
	BlockText     BlockKind = "text"
	BlockThinking BlockKind = "thinking"
	BlockToolCall BlockKind = "toolCall"
	BlockImage    BlockKind = "image"
)

// Block is one piece of a message's content.
type Block struct {
	Kind BlockKind
	// Text of a text or thinking block.
	Text string
	// Signature is the provider's opaque proof for a thinking block or a part;
	// it goes back unchanged and only to the provider that made it.
	Signature string
	// Redacted marks thinking that the provider hid: Signature holds its data.
	Redacted bool
	Call     ToolCall // of a tool call
	Image    Image    // of an image
}

// Image is a picture for the model.
type Image struct {
	MIME string // image/png, image/jpeg, image/gif, image/webp
	Data []byte
}

// ToolCall is what the model asks for. Exactly one of Arguments and Invalid is
// set in a finished call.
type ToolCall struct {
	ID   claw.CallID
	Name claw.ToolName
	// Arguments is one JSON object, byte for byte as the model wrote it.
	Arguments json.RawMessage
	// Raw is what the model wrote when it is not a usable JSON object, with
	// the reason in Invalid. Such a call must not run.
	Raw     string
	Invalid string
}

// Claw returns the call in the shared vocabulary, or an error for a call whose
// arguments are not usable.
func (c ToolCall) Claw() (claw.ToolCall, error) {
	if c.Invalid != "" {
		return claw.ToolCall{}, &Error{Kind: KindInvalid, Message: "tool call " + quote(string(c.Name)) + ": " + c.Invalid}
	}
	if len(c.Arguments) == 0 {
		return claw.ToolCall{}, &Error{Kind: KindInvalid, Message: "tool call " + quote(string(c.Name)) + ": no arguments"}
	}
	return claw.ToolCall{ID: c.ID, Tool: c.Name, Arguments: c.Arguments}, nil
}

// Text makes a text block.
func Text(s string) Block { return Block{Kind: BlockText, Text: s} }

// Call makes a tool call block.
func Call(c ToolCall) Block { return Block{Kind: BlockToolCall, Call: c} }

// User makes a user message of one text.
func User(s string) Message { return Message{Role: RoleUser, Content: []Block{Text(s)}} }

// Assistant makes an assistant message.
func Assistant(blocks ...Block) Message { return Message{Role: RoleAssistant, Content: blocks} }

// Result makes a successful tool result of one text; set IsError for a failed
// one.
func Result(call ToolCall, text string) Message {
	return Message{Role: RoleToolResult, ToolCallID: call.ID, ToolName: call.Name, Content: []Block{Text(text)}}
}

// Text joins the text blocks.
func (m Message) Text() string {
	n := 0
	last := ""
	for _, b := range m.Content {
		if b.Kind == BlockText {
			n++
			last = b.Text
		}
	}
	if n <= 1 {
		return last
	}
	out := make([]byte, 0, 256)
	for _, b := range m.Content {
		if b.Kind == BlockText {
			out = append(out, b.Text...)
		}
	}
	return string(out)
}

// Calls lists the tool calls in order.
func (m Message) Calls() []ToolCall {
	var out []ToolCall
	for _, b := range m.Content {
		if b.Kind == BlockToolCall {
			out = append(out, b.Call)
		}
	}
	return out
}
