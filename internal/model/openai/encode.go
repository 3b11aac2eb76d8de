package openai

import (
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/openclaw-go/openclaw/internal/model"
)

type request struct {
	Model         string         `json:"model"`
	Messages      []message      `json:"messages"`
	Tools         []tool         `json:"tools,omitempty"`
	Stream        bool           `json:"stream"`
	StreamOptions *streamOptions `json:"stream_options,omitempty"`
	MaxTokens     int            `json:"max_tokens,omitempty"`
	MaxCompletion int            `json:"max_completion_tokens,omitempty"`
	Temperature   *float64       `json:"temperature,omitempty"`
	Effort        string         `json:"reasoning_effort,omitempty"`
}

type streamOptions struct {
	IncludeUsage bool `json:"include_usage"`
}

type tool struct {
	Type     string   `json:"type"`
	Function function `json:"function"`
}

type function struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Parameters  json.RawMessage `json:"parameters,omitempty"`
	// Arguments is JSON text in a string, as the format wants it.
	Arguments *string `json:"arguments,omitempty"`
}

type message struct {
	Role       string     `json:"role"`
	Content    any        `json:"content"` // string, []part or null
	Reasoning  string     `json:"reasoning_content,omitempty"`
	ToolCalls  []toolCall `json:"tool_calls,omitempty"`
	ToolCallID string     `json:"tool_call_id,omitempty"`
}

type toolCall struct {
	ID       string   `json:"id"`
	Type     string   `json:"type"`
	Function function `json:"function"`
}

type part struct {
	Type  string    `json:"type"`
	Text  string    `json:"text,omitempty"`
	Image *imageURL `json:"image_url,omitempty"`
}

type imageURL struct {
	URL string `json:"url"`
}

func encode(r model.Request, c Compat) request {
	out := request{Model: r.Model, Stream: !c.NoStream, Temperature: r.Temperature}
	if out.Stream && !c.NoUsage {
		out.StreamOptions = &streamOptions{IncludeUsage: true}
	}
	if c.MaxTokensField == "max_completion_tokens" {
		out.MaxCompletion = r.MaxTokens
	} else {
		out.MaxTokens = r.MaxTokens
	}
	if r.Thinking != model.EffortNone && !c.NoEffort {
		out.Effort = r.Thinking.String()
	}
	for _, t := range r.Tools {
		out.Tools = append(out.Tools, tool{Type: "function", Function: function{
			Name: string(t.Name), Description: t.Description, Parameters: t.Schema,
		}})
	}
	out.Messages = append(system(r.System), messages(r.Messages, c)...)
	return out
}

func system(parts []model.SystemPart) []message {
	var texts []string
	for _, p := range parts {
		if p.Text != "" {
			texts = append(texts, p.Text)
		}
	}
	if len(texts) == 0 {
		return nil
	}
	return []message{{Role: "system", Content: strings.Join(texts, "\n\n")}}
}

func messages(in []model.Message, c Compat) []message {
	var out []message
	var pictures []part // of results, which hold text only in this format
	show := func() {
		if len(pictures) > 0 {
			out = append(out, message{Role: "user", Content: append([]part{{Type: "text", Text: "Images returned by the tools:"}}, pictures...)})
			pictures = nil
		}
	}
	for _, m := range in {
		switch m.Role {
		case model.RoleToolResult:
			out = append(out, message{Role: "tool", ToolCallID: model.WireID(m.ToolCallID), Content: resultText(m)})
			pictures = append(pictures, images(m.Content)...)
		case model.RoleUser:
			show()
			out = append(out, message{Role: "user", Content: userContent(m)})
		case model.RoleAssistant:
			show()
			out = append(out, assistant(m, c))
		}
	}
	show()
	return out
}

// resultText marks a failed result in words: the format has no field for it.
func resultText(m model.Message) string {
	text := m.Text()
	if m.IsError && !strings.HasPrefix(strings.ToLower(text), "error") {
		return "error: " + text
	}
	return text
}

func userContent(m model.Message) any {
	pics := images(m.Content)
	if len(pics) == 0 {
		return m.Text()
	}
	var parts []part
	for _, b := range m.Content {
		if b.Kind == model.BlockText {
			parts = append(parts, part{Type: "text", Text: b.Text})
		}
	}
	return append(parts, pics...)
}

func images(blocks []model.Block) []part {
	var out []part
	for _, b := range blocks {
		if b.Kind == model.BlockImage {
			data := base64.StdEncoding.EncodeToString(b.Image.Data)
			out = append(out, part{Type: "image_url", Image: &imageURL{URL: "data:" + b.Image.MIME + ";base64," + data}})
		}
	}
	return out
}

func assistant(m model.Message, c Compat) message {
	out := message{Role: "assistant"}
	if text := m.Text(); text != "" {
		out.Content = text
	}
	for _, b := range m.Content {
		switch b.Kind {
		case model.BlockThinking:
			if c.SendReasoning {
				out.Reasoning += b.Text
			}
		case model.BlockToolCall:
			args := string(b.Call.WireArguments())
			out.ToolCalls = append(out.ToolCalls, toolCall{ID: model.WireID(b.Call.ID), Type: "function", Function: function{
				Name: model.WireName(b.Call.Name), Arguments: &args,
			}})
		case model.BlockText, model.BlockImage:
		}
	}
	if out.Content == nil && len(out.ToolCalls) == 0 {
		out.Content = ""
	}
	return out
}
