package anthropic

import (
	"encoding/base64"
	"encoding/json"
	"regexp"
	"sync"

	"github.com/openclaw-go/openclaw/internal/model"
)

type request struct {
	Model       string        `json:"model"`
	MaxTokens   int           `json:"max_tokens"`
	Stream      bool          `json:"stream"`
	System      []block       `json:"system,omitempty"`
	Messages    []message     `json:"messages"`
	Tools       []tool        `json:"tools,omitempty"`
	Temperature *float64      `json:"temperature,omitempty"`
	Thinking    *thinking     `json:"thinking,omitempty"`
	Output      *outputConfig `json:"output_config,omitempty"`
}

type message struct {
	Role    string  `json:"role"`
	Content []block `json:"content"`
}

type tool struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Schema      json.RawMessage `json:"input_schema"`
}

type thinking struct {
	Type   string `json:"type"`
	Budget int    `json:"budget_tokens,omitempty"`
}

type outputConfig struct {
	Effort string `json:"effort"`
}

type cache struct {
	Type string `json:"type"`
}

// block is the union of the content blocks that are sent.
type block struct {
	Type      string          `json:"type"`
	Text      string          `json:"text,omitempty"`
	Thinking  *string         `json:"thinking,omitempty"`
	Signature string          `json:"signature,omitempty"`
	Data      string          `json:"data,omitempty"`
	ID        string          `json:"id,omitempty"`
	Name      string          `json:"name,omitempty"`
	Input     json.RawMessage `json:"input,omitempty"`
	ToolUseID string          `json:"tool_use_id,omitempty"`
	Content   []block         `json:"content,omitempty"`
	IsError   bool            `json:"is_error,omitempty"`
	Source    *source         `json:"source,omitempty"`
	Cache     *cache          `json:"cache_control,omitempty"`
}

type source struct {
	Type  string `json:"type"`
	Media string `json:"media_type"`
	Data  string `json:"data"`
}

// systemMarks is how many cache marks the system prompt may use: the API takes
// four in all, and the last goes to the end of the conversation.
const systemMarks = 3

func encode(r model.Request) request {
	out := request{Model: r.Model, MaxTokens: r.MaxTokens, Stream: true, Temperature: r.Temperature}
	if out.MaxTokens == 0 {
		out.MaxTokens = model.DefaultMaxTokens
	}
	for _, t := range r.Tools {
		out.Tools = append(out.Tools, tool{Name: string(t.Name), Description: t.Description, Schema: t.Schema})
	}
	out.Messages = messages(r.Messages)
	out.System = system(r.System)
	for _, b := range out.System {
		if b.Cache != nil {
			markEnd(out.Messages)
			break
		}
	}
	think(&out, r)
	return out
}

func system(parts []model.SystemPart) []block {
	var out []block
	marks := 0
	for i := len(parts) - 1; i >= 0; i-- {
		if parts[i].Text == "" {
			continue
		}
		b := block{Type: "text", Text: parts[i].Text}
		if parts[i].Cache && marks < systemMarks {
			marks++
			b.Cache = &cache{Type: "ephemeral"}
		}
		out = append([]block{b}, out...)
	}
	return out
}

// markEnd asks for the conversation so far to be cached.
func markEnd(ms []message) {
	last := ms[len(ms)-1].Content
	last[len(last)-1].Cache = &cache{Type: "ephemeral"}
}

// messages joins what follows each other in the same role, as the API wants
// all results of a turn in one message.
func messages(in []model.Message) []message {
	var out []message
	for _, m := range in {
		role, content := "user", []block(nil)
		switch m.Role {
		case model.RoleUser:
			content = blocks(m.Content)
		case model.RoleToolResult:
			content = []block{{
				Type: "tool_result", ToolUseID: model.WireID(m.ToolCallID), IsError: m.IsError, Content: blocks(m.Content),
			}}
		case model.RoleAssistant:
			role, content = "assistant", blocks(m.Content)
		}
		if len(content) == 0 {
			continue
		}
		if n := len(out); n > 0 && out[n-1].Role == role {
			out[n-1].Content = append(out[n-1].Content, content...)
			continue
		}
		out = append(out, message{Role: role, Content: content})
	}
	return out
}

func blocks(in []model.Block) []block {
	var out []block
	for _, b := range in {
		switch b.Kind {
		case model.BlockText:
			if b.Text != "" {
				out = append(out, block{Type: "text", Text: b.Text})
			}
		case model.BlockThinking:
			switch {
			case b.Redacted:
				out = append(out, block{Type: "redacted_thinking", Data: b.Signature})
			case b.Signature != "":
				out = append(out, block{Type: "thinking", Thinking: &b.Text, Signature: b.Signature})
			}
		case model.BlockToolCall:
			out = append(out, block{
				Type: "tool_use", ID: model.WireID(b.Call.ID), Name: model.WireName(b.Call.Name), Input: b.Call.WireArguments(),
			})
		case model.BlockImage:
			out = append(out, block{Type: "image", Source: &source{
				Type: "base64", Media: b.Image.MIME, Data: base64.StdEncoding.EncodeToString(b.Image.Data),
			}})
		}
	}
	return out
}

// budgeted are the models that want a number of thinking tokens; later ones
// decide by themselves and take an effort.
var budgeted = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`claude-(3|(opus|sonnet|haiku)-4-[015](\D|$)|(opus|sonnet)-4(-20\d{6})?$)`)
})

const minBudget = 1024

// think asks for thinking where asked to. It is left out when the history
// could not carry it on, which the API would refuse.
func think(out *request, r model.Request) {
	if r.Thinking == model.EffortNone {
		return
	}
	if !budgeted().MatchString(r.Model) {
		out.Thinking = &thinking{Type: "adaptive"}
		out.Output = &outputConfig{Effort: r.Thinking.String()}
		out.Temperature = nil
		return
	}
	budget := min(r.Thinking.Budget(), out.MaxTokens/2)
	if budget < minBudget || !carriesThinking(out.Messages) {
		return
	}
	out.Thinking = &thinking{Type: "enabled", Budget: budget}
	out.Temperature = nil
}

// carriesThinking reports whether a tool loop in progress began with thinking.
func carriesThinking(ms []message) bool {
	last := ms[len(ms)-1]
	if last.Content[0].Type != "tool_result" || len(ms) < 2 {
		return true
	}
	first := ms[len(ms)-2].Content[0].Type
	return first == "thinking" || first == "redacted_thinking"
}
