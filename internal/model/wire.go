package model

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// wireBlock is a block as transcripts spell it.
type wireBlock struct {
	Type      BlockKind       `json:"type"`
	Text      *string         `json:"text,omitempty"`
	TextSign  string          `json:"textSignature,omitempty"`
	Thinking  *string         `json:"thinking,omitempty"`
	ThinkSign string          `json:"thinkingSignature,omitempty"`
	Redacted  bool            `json:"redacted,omitempty"`
	ID        claw.CallID     `json:"id,omitempty"`
	Name      claw.ToolName   `json:"name,omitempty"`
	Arguments json.RawMessage `json:"arguments,omitempty"`
	Invalid   string          `json:"invalid,omitempty"`
	CallSign  string          `json:"thoughtSignature,omitempty"`
	Data      string          `json:"data,omitempty"`
	MIME      string          `json:"mimeType,omitempty"`
}

// MarshalJSON writes the block as upstream's transcripts do. A call that is
// not usable has what the model wrote as a string in "arguments", and the
// reason in "invalid".
func (b Block) MarshalJSON() ([]byte, error) {
	w := wireBlock{Type: b.Kind}
	switch b.Kind {
	case BlockText:
		w.Text, w.TextSign = &b.Text, b.Signature
	case BlockThinking:
		w.Thinking, w.ThinkSign, w.Redacted = &b.Text, b.Signature, b.Redacted
	case BlockToolCall:
		w.ID, w.Name, w.Arguments, w.CallSign = b.Call.ID, b.Call.Name, b.Call.Arguments, b.Signature
		if b.Call.Invalid != "" || len(w.Arguments) == 0 {
			raw, err := json.Marshal(b.Call.Raw)
			if err != nil {
				return nil, err
			}
			w.Arguments, w.Invalid = raw, b.Call.Invalid
			if w.Invalid == "" {
				w.Invalid = "no arguments"
			}
		}
	case BlockImage:
		w.Data, w.MIME = base64.StdEncoding.EncodeToString(b.Image.Data), b.Image.MIME
	default:
		return nil, fmt.Errorf("model: block kind %q cannot be written", string(b.Kind))
	}
	return json.Marshal(w)
}

// UnmarshalJSON reads what MarshalJSON and upstream write. A block of another
// kind is kept as its kind alone; providers leave it out.
func (b *Block) UnmarshalJSON(data []byte) error {
	var w wireBlock
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	*b = Block{Kind: w.Type}
	switch w.Type {
	case BlockText:
		if w.Text != nil {
			b.Text = *w.Text
		}
		b.Signature = w.TextSign
	case BlockThinking:
		if w.Thinking != nil {
			b.Text = *w.Thinking
		}
		b.Signature, b.Redacted = w.ThinkSign, w.Redacted
	case BlockToolCall:
		b.Signature = w.CallSign
		b.Call = ToolCall{ID: w.ID, Name: w.Name}
		args, why := CheckArguments(w.Arguments, DefaultDepth)
		if w.Invalid == "" && why == "" {
			b.Call.Arguments = args
			return nil
		}
		b.Call.Invalid = w.Invalid
		if b.Call.Invalid == "" {
			b.Call.Invalid = why
		}
		if json.Unmarshal(w.Arguments, &b.Call.Raw) != nil {
			b.Call.Raw = string(w.Arguments)
		}
	case BlockImage:
		raw, err := base64.StdEncoding.DecodeString(w.Data)
		if err != nil {
			return fmt.Errorf("model: image data is not base64: %w", err)
		}
		b.Image = Image{MIME: w.MIME, Data: raw}
	}
	return nil
}

// UnmarshalJSON reads a message; content may be one string, as upstream's user
// messages have it, and blocks of unknown kinds are left out.
func (m *Message) UnmarshalJSON(data []byte) error {
	type plain Message
	var w struct {
		plain
		Content json.RawMessage `json:"content"`
	}
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	*m = Message(w.plain)
	m.Content = nil
	if len(w.Content) == 0 || string(w.Content) == "null" {
		return nil
	}
	if w.Content[0] == '"' {
		var s string
		if err := json.Unmarshal(w.Content, &s); err != nil {
			return err
		}
		m.Content = []Block{Text(s)}
		return nil
	}
	var blocks []Block
	if err := json.Unmarshal(w.Content, &blocks); err != nil {
		return err
	}
	for _, b := range blocks {
		if b.known() {
			m.Content = append(m.Content, b)
		}
	}
	return nil
}

func (b Block) known() bool {
	switch b.Kind {
	case BlockText, BlockThinking, BlockToolCall, BlockImage:
		return true
	}
	return false
}

// WireName makes a tool name fit for a request. A model may have called a tool
// by a name that no provider takes back; the history must still be sendable.
func WireName(n claw.ToolName) string {
	return fold(string(n), 64, "unnamed_tool")
}

// WireID makes a call id fit for any provider; equal ids stay equal.
func WireID(id claw.CallID) string {
	return fold(string(id), 64, "call_none")
}

func fold(s string, limit int, empty string) string {
	out := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' {
			return r
		}
		return '_'
	}, s)
	if out == s && len(s) <= limit && s != "" {
		return s
	}
	if out == "" {
		return empty
	}
	if len(out) > limit-9 {
		out = out[:limit-9]
	}
	return out + "_" + shortHash(s)
}

// shortHash is FNV-1a in hex: it keeps folded names apart, nothing more.
func shortHash(s string) string {
	h := uint32(2166136261)
	for i := 0; i < len(s); i++ {
		h = (h ^ uint32(s[i])) * 16777619
	}
	return fmt.Sprintf("%08x", h)
}
