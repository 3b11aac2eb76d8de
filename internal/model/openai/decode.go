package openai

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"

	"github.com/openclaw-go/openclaw/internal/model"
)

type chunk struct {
	Choices []choice        `json:"choices"`
	Usage   *usage          `json:"usage"`
	Error   json.RawMessage `json:"error"`
	Object  string          `json:"object"`
}

type choice struct {
	Index   int    `json:"index"`
	Delta   *piece `json:"delta"`
	Message *piece `json:"message"` // in a reply that is not streamed
	Finish  string `json:"finish_reason"`
}

type piece struct {
	Content   loose      `json:"content"`
	Reasoning loose      `json:"reasoning_content"`
	Thinking  loose      `json:"reasoning"`
	Refusal   loose      `json:"refusal"`
	Calls     []inToCall `json:"tool_calls"`
}

type inToCall struct {
	Index    *int   `json:"index"`
	ID       string `json:"id"`
	Function struct {
		Name      string `json:"name"`
		Arguments loose  `json:"arguments"`
	} `json:"function"`
}

type usage struct {
	Prompt     model.Tokens `json:"prompt_tokens"`
	Completion model.Tokens `json:"completion_tokens"`
	Details    struct {
		Cached model.Tokens `json:"cached_tokens"`
		Write  model.Tokens `json:"cache_write_tokens"`
	} `json:"prompt_tokens_details"`
	CacheHit model.Tokens `json:"prompt_cache_hit_tokens"`
}

// loose is text that servers write in several ways: a string, null, a list of
// parts with text in them, or, for arguments, the object itself.
type loose string

// UnmarshalJSON takes the text out, and leaves an object as its JSON.
func (l *loose) UnmarshalJSON(data []byte) error {
	data = bytes.TrimSpace(data)
	switch {
	case len(data) == 0 || string(data) == "null":
		return nil
	case data[0] == '"':
		return json.Unmarshal(data, (*string)(l))
	case data[0] != '[':
		*l = loose(data)
		return nil
	}
	var parts []struct {
		Text string `json:"text"`
	}
	if err := json.Unmarshal(data, &parts); err != nil {
		return err
	}
	var b strings.Builder
	for _, p := range parts {
		b.WriteString(p.Text)
	}
	*l = loose(b.String())
	return nil
}

// slot is a tool call in the making. Its place in the reply (seq) is ours:
// servers repeat or leave out the index.
type slot struct {
	wire    int
	seq     int
	id      string
	name    string
	begun   bool
	waiting []byte // arguments that came before the name
}

type decoder struct {
	source  model.Source
	calls   model.Calls
	slots   []*slot // open, in order
	seq     int
	finish  string
	refused bool
	done    bool // [DONE], or a whole reply
	said    bool
}

func newDecoder(s model.Source, l model.Limits) *decoder {
	return &decoder{source: s, calls: model.Calls{Limits: l}}
}

func (d *decoder) Event(name string, data []byte, emit model.Emit) error {
	if string(bytes.TrimSpace(data)) == "[DONE]" {
		d.done = true
		return io.EOF
	}
	if name == "error" {
		return model.Failure(0, data)
	}
	return d.take(data, emit)
}

// Whole decodes a reply that was not streamed.
func (d *decoder) Whole(body []byte, emit model.Emit) error {
	if err := d.take(body, emit); err != nil {
		return err
	}
	d.done = d.said || d.finish != ""
	return nil
}

func (d *decoder) take(data []byte, emit model.Emit) error {
	var c chunk
	if err := model.Decode(data, &c); err != nil {
		return err
	}
	if len(c.Error) > 0 && string(c.Error) != "null" || c.Object == "error" {
		return model.Failure(0, data)
	}
	for i := range c.Choices {
		if c.Choices[i].Index != 0 {
			continue
		}
		if err := d.choice(&c.Choices[i], emit); err != nil {
			return err
		}
	}
	if c.Usage == nil {
		return nil
	}
	u := model.Usage{Output: int(c.Usage.Completion), CacheRead: int(max(c.Usage.Details.Cached, c.Usage.CacheHit)), CacheWrite: int(c.Usage.Details.Write)}
	u.Input = max(0, int(c.Usage.Prompt)-u.CacheRead-u.CacheWrite)
	u.Total = u.Sum()
	return emit(model.Event{Kind: model.UsageReport, Usage: u})
}

func (d *decoder) choice(c *choice, emit model.Emit) error {
	for _, p := range []*piece{c.Delta, c.Message} {
		if p == nil {
			continue
		}
		if err := d.piece(p, emit); err != nil {
			return err
		}
	}
	if c.Finish != "" {
		d.finish = c.Finish
	}
	return nil
}

func (d *decoder) piece(p *piece, emit model.Emit) error {
	thought := p.Reasoning
	if thought == "" {
		thought = p.Thinking
	}
	if thought != "" {
		d.said = true
		if err := emit(model.Event{Kind: model.ThinkingDelta, Text: string(thought)}); err != nil {
			return err
		}
	}
	for _, text := range []loose{p.Content, p.Refusal} {
		if text == "" {
			continue
		}
		d.said = true
		if err := emit(model.Event{Kind: model.TextDelta, Text: string(text)}); err != nil {
			return err
		}
	}
	d.refused = d.refused || p.Refusal != ""
	for i := range p.Calls {
		if err := d.call(&p.Calls[i], emit); err != nil {
			return err
		}
	}
	return nil
}

// call takes one piece of one call. A piece belongs to the open call with its
// index, unless it has another id and a name of its own: then the server
// counts wrongly and it is a new call.
func (d *decoder) call(c *inToCall, emit model.Emit) error {
	d.said = true
	s := d.find(c)
	if s != nil && c.ID != "" && s.id != "" && c.ID != s.id && c.Function.Name != "" {
		if err := d.close(s, emit); err != nil {
			return err
		}
		s = nil
	}
	if s == nil {
		if len(d.slots) >= d.calls.Limits.Calls {
			return model.Invalidf("reply has more than %d tool calls", d.calls.Limits.Calls)
		}
		s = &slot{wire: d.seq, seq: d.seq}
		if c.Index != nil {
			s.wire = *c.Index
		}
		d.seq++
		d.slots = append(d.slots, s)
	}
	if s.id == "" {
		s.id = c.ID
	}
	if s.name == "" {
		s.name = c.Function.Name
	}
	args := string(c.Function.Arguments)
	if !s.begun {
		if len(s.waiting)+len(args) > d.calls.Limits.Args {
			return model.Invalidf("tool call arguments are longer than %d bytes", d.calls.Limits.Args)
		}
		s.waiting = append(s.waiting, args...)
		if s.name == "" {
			return nil
		}
		return d.begin(s, emit)
	}
	if args == "" {
		return nil
	}
	return d.calls.Delta(s.seq, args, emit)
}

func (d *decoder) begin(s *slot, emit model.Emit) error {
	s.begun = true
	if err := d.calls.Start(s.seq, s.id, s.name, emit); err != nil {
		return err
	}
	if len(s.waiting) == 0 {
		return nil
	}
	args := string(s.waiting)
	s.waiting = nil
	return d.calls.Delta(s.seq, args, emit)
}

// find returns the open call that a piece belongs to. Without an index that is
// the last one, or none when the piece names a call of its own.
func (d *decoder) find(c *inToCall) *slot {
	if c.Index == nil {
		if n := len(d.slots); n > 0 && (c.ID == "" || c.ID == d.slots[n-1].id) && (c.Function.Name == "" || c.ID != "") {
			return d.slots[n-1]
		}
		return nil
	}
	for _, s := range d.slots {
		if s.wire == *c.Index {
			return s
		}
	}
	return nil
}

func (d *decoder) close(s *slot, emit model.Emit) error {
	for i, o := range d.slots {
		if o == s {
			d.slots = append(d.slots[:i], d.slots[i+1:]...)
			break
		}
	}
	if !s.begun {
		if err := d.begin(s, emit); err != nil {
			return err
		}
	}
	return d.calls.End(s.seq, "", emit)
}

func (d *decoder) End(emit model.Emit) error {
	if d.finish == "" && (!d.done || !d.said) {
		return &model.Error{Kind: model.KindNetwork, Message: "stream ended before the reply was complete"}
	}
	if d.finish == "insufficient_system_resource" {
		return &model.Error{Kind: model.KindOverloaded, Message: "provider broke the reply off for lack of resources"}
	}
	for len(d.slots) > 0 {
		if err := d.close(d.slots[0], emit); err != nil {
			return err
		}
	}
	return emit(model.Event{Kind: model.Stopped, Stop: d.reason(), Source: d.source})
}

func (d *decoder) reason() model.StopReason {
	switch strings.ToLower(d.finish) {
	case "stop", "tool_calls", "function_call", "eos", "eos_token", "stop_sequence", "end_turn", "":
		switch {
		case d.refused:
			return model.StopRefusal
		case d.calls.Count() > 0:
			return model.StopToolUse
		}
		return model.StopEnd
	case "length", "max_tokens":
		return model.StopLength
	case "content_filter", "refusal":
		return model.StopRefusal
	}
	return model.StopError
}
