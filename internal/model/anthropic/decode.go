package anthropic

import (
	"encoding/json"
	"io"

	"github.com/openclaw-go/openclaw/internal/model"
)

// event is the union of the stream's events.
type event struct {
	Type    string          `json:"type"`
	Index   int             `json:"index"`
	Message *reply          `json:"message"`
	Block   *inBlock        `json:"content_block"`
	Delta   *delta          `json:"delta"`
	Usage   *usage          `json:"usage"`
	Error   json.RawMessage `json:"error"`
}

type reply struct {
	Type       string          `json:"type"`
	Model      string          `json:"model"`
	Content    []inBlock       `json:"content"`
	StopReason string          `json:"stop_reason"`
	Usage      *usage          `json:"usage"`
	Error      json.RawMessage `json:"error"`
}

type inBlock struct {
	Type      string          `json:"type"`
	Text      string          `json:"text"`
	Thinking  string          `json:"thinking"`
	Signature string          `json:"signature"`
	Data      string          `json:"data"`
	ID        string          `json:"id"`
	Name      string          `json:"name"`
	Input     json.RawMessage `json:"input"`
}

type delta struct {
	Type       string `json:"type"`
	Text       string `json:"text"`
	Thinking   string `json:"thinking"`
	Signature  string `json:"signature"`
	JSON       string `json:"partial_json"`
	StopReason string `json:"stop_reason"`
}

type usage struct {
	Input      *model.Tokens `json:"input_tokens"`
	Output     *model.Tokens `json:"output_tokens"`
	CacheRead  *model.Tokens `json:"cache_read_input_tokens"`
	CacheWrite *model.Tokens `json:"cache_creation_input_tokens"`
}

type decoder struct {
	source model.Source
	calls  model.Calls
	usage  model.Usage
	begun  bool
	stop   string
	// The open block; the API sends one at a time.
	open      *inBlock
	openIndex int
	signature []byte
	input     bool // a delta with arguments has come
}

func newDecoder(s model.Source, l model.Limits) *decoder {
	return &decoder{source: s, calls: model.Calls{Limits: l}}
}

func (d *decoder) Event(_ string, data []byte, emit model.Emit) error {
	var ev event
	if err := model.Decode(data, &ev); err != nil {
		return err
	}
	switch ev.Type {
	case "message_start":
		if d.begun {
			return model.Invalidf("a second message_start")
		}
		d.begun = true
		if ev.Message == nil {
			return nil
		}
		return d.report(ev.Message.Usage, emit)
	case "content_block_start":
		return d.start(ev, emit)
	case "content_block_delta":
		return d.delta(ev, emit)
	case "content_block_stop":
		return d.end(ev.Index, emit)
	case "message_delta":
		if ev.Delta != nil && ev.Delta.StopReason != "" {
			d.stop = ev.Delta.StopReason
		}
		return d.report(ev.Usage, emit)
	case "message_stop":
		return io.EOF
	case "error":
		return model.Failure(0, data)
	case "":
		if len(ev.Error) > 0 {
			return model.Failure(0, data)
		}
		return model.Invalidf("event without a type")
	}
	return nil // ping, and events that the API may add
}

func (d *decoder) start(ev event, emit model.Emit) error {
	if !d.begun || ev.Block == nil || d.open != nil {
		return model.Invalidf("content_block_start out of order")
	}
	d.open, d.openIndex, d.signature, d.input = ev.Block, ev.Index, []byte(ev.Block.Signature), false
	switch b := ev.Block; b.Type {
	case "text":
		return say(emit, model.Event{Kind: model.TextDelta, Index: ev.Index, Text: b.Text})
	case "thinking":
		return say(emit, model.Event{Kind: model.ThinkingDelta, Index: ev.Index, Text: b.Thinking})
	case "tool_use":
		return d.calls.Start(ev.Index, b.ID, b.Name, emit)
	}
	return nil
}

func (d *decoder) delta(ev event, emit model.Emit) error {
	if d.open == nil || ev.Index != d.openIndex || ev.Delta == nil {
		return model.Invalidf("content_block_delta for a block that is not open")
	}
	mismatch := func() error {
		return model.Invalidf("%s in a block of type %q", model.Line(ev.Delta.Type), model.Line(d.open.Type))
	}
	switch ev.Delta.Type {
	case "text_delta":
		if d.open.Type != "text" {
			return mismatch()
		}
		return say(emit, model.Event{Kind: model.TextDelta, Index: ev.Index, Text: ev.Delta.Text})
	case "thinking_delta":
		if d.open.Type != "thinking" {
			return mismatch()
		}
		return say(emit, model.Event{Kind: model.ThinkingDelta, Index: ev.Index, Text: ev.Delta.Thinking})
	case "signature_delta":
		if d.open.Type != "thinking" || len(d.signature)+len(ev.Delta.Signature) > d.calls.Limits.Args {
			return mismatch()
		}
		d.signature = append(d.signature, ev.Delta.Signature...)
	case "input_json_delta":
		if d.open.Type != "tool_use" {
			return nil // of a block kind that is not ours
		}
		if ev.Delta.JSON != "" {
			d.input = true
			return d.calls.Delta(ev.Index, ev.Delta.JSON, emit)
		}
	}
	return nil
}

func (d *decoder) end(index int, emit model.Emit) error {
	if d.open == nil || index != d.openIndex {
		return model.Invalidf("content_block_stop for a block that is not open")
	}
	b := d.open
	d.open = nil
	switch b.Type {
	case "thinking":
		if len(d.signature) > 0 {
			return emit(model.Event{Kind: model.ThinkingDelta, Index: index, Signature: string(d.signature)})
		}
	case "redacted_thinking":
		return emit(model.Event{Kind: model.ThinkingDelta, Index: index, Signature: b.Data, Redacted: true})
	case "tool_use":
		if !d.input && len(b.Input) > 0 && string(b.Input) != "null" {
			if err := d.calls.Delta(index, string(b.Input), emit); err != nil {
				return err
			}
		}
		return d.calls.End(index, "", emit)
	}
	return nil
}

// report merges a usage into what is known; fields that are absent keep their
// value.
func (d *decoder) report(u *usage, emit model.Emit) error {
	if u == nil {
		return nil
	}
	for _, f := range []struct {
		from *model.Tokens
		to   *int
	}{{u.Input, &d.usage.Input}, {u.Output, &d.usage.Output}, {u.CacheRead, &d.usage.CacheRead}, {u.CacheWrite, &d.usage.CacheWrite}} {
		if f.from != nil {
			*f.to = int(*f.from)
		}
	}
	d.usage.Total = d.usage.Sum()
	return emit(model.Event{Kind: model.UsageReport, Usage: d.usage})
}

// Whole decodes a reply that was not streamed.
func (d *decoder) Whole(body []byte, emit model.Emit) error {
	var r reply
	if err := model.Decode(body, &r); err != nil {
		return err
	}
	if r.Type == "error" || len(r.Error) > 0 {
		return model.Failure(0, body)
	}
	d.begun = true
	for i := range r.Content {
		if err := d.start(event{Index: i, Block: &r.Content[i]}, emit); err != nil {
			return err
		}
		if err := d.end(i, emit); err != nil {
			return err
		}
	}
	d.stop = r.StopReason
	return d.report(r.Usage, emit)
}

func (d *decoder) End(emit model.Emit) error {
	if d.open != nil || d.stop == "" {
		return &model.Error{Kind: model.KindNetwork, Message: "stream ended before the reply was complete"}
	}
	return emit(model.Event{Kind: model.Stopped, Stop: d.reason(), Source: d.source})
}

func (d *decoder) reason() model.StopReason {
	switch d.stop {
	case "end_turn", "stop_sequence", "pause_turn":
		return model.StopEnd
	case "tool_use":
		if d.calls.Count() == 0 {
			return model.StopEnd
		}
		return model.StopToolUse
	case "max_tokens", "model_context_window_exceeded":
		return model.StopLength
	case "refusal":
		return model.StopRefusal
	}
	return model.StopError
}

// say emits text unless there is none.
func say(emit model.Emit, ev model.Event) error {
	if ev.Text == "" {
		return nil
	}
	return emit(ev)
}
