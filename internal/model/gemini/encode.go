package gemini

import (
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/model"
)

type request struct {
	System   *content   `json:"systemInstruction,omitempty"`
	Contents []content  `json:"contents"`
	Tools    []tools    `json:"tools,omitempty"`
	Config   *genConfig `json:"generationConfig,omitempty"`
}

type content struct {
	Role  string `json:"role,omitempty"`
	Parts []part `json:"parts"`
}

// part is the union of the parts that are sent and received.
type part struct {
	Text      string        `json:"text,omitempty"`
	Thought   bool          `json:"thought,omitempty"`
	Signature string        `json:"thoughtSignature,omitempty"`
	Call      *callPart     `json:"functionCall,omitempty"`
	Response  *responsePart `json:"functionResponse,omitempty"`
	Inline    *inlinePart   `json:"inlineData,omitempty"`
}

type callPart struct {
	ID   string          `json:"id,omitempty"`
	Name string          `json:"name"`
	Args json.RawMessage `json:"args,omitempty"`
}

type responsePart struct {
	ID       string         `json:"id,omitempty"`
	Name     string         `json:"name"`
	Response responseObject `json:"response"`
}

type responseObject struct {
	Output *string `json:"output,omitempty"`
	Error  *string `json:"error,omitempty"`
}

type inlinePart struct {
	MIME string `json:"mimeType"`
	Data string `json:"data"`
}

type tools struct {
	Functions []function `json:"functionDeclarations"`
}

type function struct {
	Name        string  `json:"name"`
	Description string  `json:"description,omitempty"`
	Parameters  *schema `json:"parameters,omitempty"`
}

type genConfig struct {
	MaxTokens   int       `json:"maxOutputTokens,omitempty"`
	Temperature *float64  `json:"temperature,omitempty"`
	Thinking    *thinking `json:"thinkingConfig,omitempty"`
}

type thinking struct {
	Include bool   `json:"includeThoughts"`
	Budget  int    `json:"thinkingBudget,omitempty"`
	Level   string `json:"thinkingLevel,omitempty"`
}

func encode(r model.Request, name string) (request, error) {
	var out request
	for _, s := range r.System {
		if s.Text == "" {
			continue
		}
		if out.System == nil {
			out.System = &content{}
		}
		out.System.Parts = append(out.System.Parts, part{Text: s.Text})
	}
	if len(r.Tools) > 0 {
		var list []function
		for _, t := range r.Tools {
			s, err := convert(t.Schema)
			if err != nil {
				return request{}, model.Invalidf("tool %q: %v", t.Name, err)
			}
			list = append(list, function{Name: string(t.Name), Description: t.Description, Parameters: s})
		}
		out.Tools = []tools{{Functions: list}}
	}
	cfg := genConfig{MaxTokens: r.MaxTokens, Temperature: r.Temperature, Thinking: think(r.Thinking, name)}
	if cfg != (genConfig{}) {
		out.Config = &cfg
	}
	out.Contents = contents(r.Messages, name)
	return out, nil
}

// think asks by level from the third generation on, by budget before.
func think(e model.Effort, name string) *thinking {
	if e == model.EffortNone {
		return nil
	}
	if strings.HasPrefix(name, "gemini-2") {
		return &thinking{Include: true, Budget: e.Budget()}
	}
	return &thinking{Include: true, Level: e.String()}
}

// foreignSignature is what the API takes in place of a signature for a call
// that another model made; from the third generation on it wants one.
const foreignSignature = "skip_thought_signature_validator"

func contents(in []model.Message, name string) []content {
	var out []content
	add := func(role string, parts []part) {
		if len(parts) == 0 {
			return
		}
		if n := len(out); n > 0 && out[n-1].Role == role {
			out[n-1].Parts = append(out[n-1].Parts, parts...)
			return
		}
		out = append(out, content{Role: role, Parts: parts})
	}
	given := map[claw.CallID]bool{} // ids that the API itself gave
	for _, m := range in {
		switch m.Role {
		case model.RoleUser:
			add("user", parts(m.Content))
		case model.RoleAssistant:
			add("model", reply(m, name, given))
		case model.RoleToolResult:
			add("user", result(m, given))
		}
	}
	return out
}

func parts(blocks []model.Block) []part {
	var out []part
	for _, b := range blocks {
		switch b.Kind {
		case model.BlockText:
			out = append(out, part{Text: b.Text})
		case model.BlockImage:
			out = append(out, part{Inline: &inlinePart{MIME: b.Image.MIME, Data: base64.StdEncoding.EncodeToString(b.Image.Data)}})
		case model.BlockThinking, model.BlockToolCall:
		}
	}
	return out
}

func reply(m model.Message, name string, given map[claw.CallID]bool) []part {
	var out []part
	first := true
	for _, b := range m.Content {
		switch b.Kind {
		case model.BlockText:
			out = append(out, part{Text: b.Text, Signature: b.Signature})
		case model.BlockThinking:
			if b.Text != "" {
				out = append(out, part{Text: b.Text, Thought: true, Signature: b.Signature})
			}
		case model.BlockToolCall:
			p := part{Signature: b.Signature, Call: &callPart{Name: model.WireName(b.Call.Name), Args: b.Call.WireArguments()}}
			if m.API == API && !strings.HasPrefix(string(b.Call.ID), "call_") {
				given[b.Call.ID] = true
				p.Call.ID = model.WireID(b.Call.ID)
			}
			if first && p.Signature == "" && !strings.HasPrefix(name, "gemini-2") {
				p.Signature = foreignSignature
			}
			first = false
			out = append(out, p)
		case model.BlockImage:
		}
	}
	return out
}

func result(m model.Message, given map[claw.CallID]bool) []part {
	text := m.Text()
	r := &responsePart{Name: model.WireName(m.ToolName)}
	if given[m.ToolCallID] {
		r.ID = model.WireID(m.ToolCallID)
	}
	if m.IsError {
		r.Response.Error = &text
	} else {
		r.Response.Output = &text
	}
	out := []part{{Response: r}}
	for _, p := range parts(m.Content) {
		if p.Inline != nil {
			out = append(out, p)
		}
	}
	return out
}
