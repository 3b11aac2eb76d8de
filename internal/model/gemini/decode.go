package gemini

import (
	"encoding/json"

	"github.com/openclaw-go/openclaw/internal/model"
)

type chunk struct {
	Candidates []candidate     `json:"candidates"`
	Feedback   *feedback       `json:"promptFeedback"`
	Usage      *usage          `json:"usageMetadata"`
	Error      json.RawMessage `json:"error"`
}

type candidate struct {
	Content content `json:"content"`
	Finish  string  `json:"finishReason"`
	Message string  `json:"finishMessage"`
	Index   int     `json:"index"`
}

type feedback struct {
	Reason  string `json:"blockReason"`
	Message string `json:"blockReasonMessage"`
}

type usage struct {
	Prompt  model.Tokens `json:"promptTokenCount"`
	Reply   model.Tokens `json:"candidatesTokenCount"`
	Thought model.Tokens `json:"thoughtsTokenCount"`
	Cached  model.Tokens `json:"cachedContentTokenCount"`
	ToolUse model.Tokens `json:"toolUsePromptTokenCount"`
}

type decoder struct {
	source model.Source
	calls  model.Calls
	finish string
}

func newDecoder(s model.Source, l model.Limits) *decoder {
	return &decoder{source: s, calls: model.Calls{Limits: l}}
}

func (d *decoder) Event(_ string, data []byte, emit model.Emit) error {
	var c chunk
	if err := model.Decode(data, &c); err != nil {
		return err
	}
	if len(c.Error) > 0 && string(c.Error) != "null" {
		return model.Failure(0, data)
	}
	if f := c.Feedback; f != nil && f.Reason != "" && f.Reason != "BLOCK_REASON_UNSPECIFIED" {
		return &model.Error{Kind: model.KindRefusal, Message: model.Line("prompt was blocked: " + f.Reason + " " + f.Message)}
	}
	for i := range c.Candidates {
		if c.Candidates[i].Index != 0 {
			continue
		}
		if err := d.candidate(&c.Candidates[i], emit); err != nil {
			return err
		}
	}
	if u := c.Usage; u != nil {
		out := model.Usage{Output: int(u.Reply) + int(u.Thought), CacheRead: int(u.Cached)}
		out.Input = max(0, int(u.Prompt)+int(u.ToolUse)-out.CacheRead)
		out.Total = out.Sum()
		return emit(model.Event{Kind: model.UsageReport, Usage: out})
	}
	return nil
}

func (d *decoder) candidate(c *candidate, emit model.Emit) error {
	for i := range c.Content.Parts {
		if err := d.part(&c.Content.Parts[i], emit); err != nil {
			return err
		}
	}
	if c.Finish == "" || c.Finish == "FINISH_REASON_UNSPECIFIED" {
		return nil
	}
	d.finish = c.Finish
	switch c.Finish {
	case "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "MISSING_THOUGHT_SIGNATURE":
		return model.Invalidf("model gave up: %s", model.Line(c.Finish+" "+c.Message))
	}
	return nil
}

func (d *decoder) part(p *part, emit model.Emit) error {
	switch {
	case p.Call != nil:
		n := d.calls.Count()
		if err := d.calls.Start(n, p.Call.ID, p.Call.Name, emit); err != nil {
			return err
		}
		if args := p.Call.Args; len(args) > 0 && string(args) != "null" {
			if err := d.calls.Delta(n, string(args), emit); err != nil {
				return err
			}
		}
		return d.calls.End(n, p.Signature, emit)
	case p.Thought:
		if p.Text == "" && p.Signature == "" {
			return nil
		}
		return emit(model.Event{Kind: model.ThinkingDelta, Text: p.Text, Signature: p.Signature})
	case p.Text != "" || p.Signature != "":
		return emit(model.Event{Kind: model.TextDelta, Text: p.Text, Signature: p.Signature})
	}
	return nil
}

// Whole decodes a reply that was not streamed: one chunk, or a list of them.
func (d *decoder) Whole(body []byte, emit model.Emit) error {
	var list []json.RawMessage
	if json.Unmarshal(body, &list) != nil {
		return d.Event("", body, emit)
	}
	for _, c := range list {
		if err := d.Event("", c, emit); err != nil {
			return err
		}
	}
	return nil
}

func (d *decoder) End(emit model.Emit) error {
	if d.finish == "" {
		return &model.Error{Kind: model.KindNetwork, Message: "stream ended before the reply was complete"}
	}
	return emit(model.Event{Kind: model.Stopped, Stop: d.reason(), Source: d.source})
}

func (d *decoder) reason() model.StopReason {
	switch d.finish {
	case "STOP":
		if d.calls.Count() > 0 {
			return model.StopToolUse
		}
		return model.StopEnd
	case "MAX_TOKENS":
		return model.StopLength
	case "SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT":
		return model.StopRefusal
	}
	return model.StopError
}
