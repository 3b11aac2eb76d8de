// Package openai speaks the chat completions API of OpenAI as it is spoken by
// Ollama, llama-server, vLLM, OpenRouter. It refuses to mend what they send: a
// call whose arguments do not parse stays marked as such.
package openai

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/openclaw-go/openclaw/internal/model"
)

// API is the name of the wire format in transcripts.
const API = "openai-completions"

// Defaults of Config.
const (
	DefaultName    = "openai"
	DefaultBaseURL = "https://api.openai.com/v1"
)

// Config says where and how to ask. BaseURL includes the version
// ("http://127.0.0.1:11434/v1").
type Config struct {
	model.Config
	Compat Compat
}

// Compat holds what servers of this wire format differ in. The zero value fits
// OpenAI itself and every compatible server known.
type Compat struct {
	// MaxTokensField is "max_tokens" or "max_completion_tokens"; default: the
	// latter at api.openai.com, else the former.
	MaxTokensField string
	// NoStream asks for replies in one piece.
	NoStream bool
	// NoUsage leaves stream_options out, which some servers refuse.
	NoUsage bool
	// NoEffort leaves reasoning_effort out.
	NoEffort bool
	// SendReasoning gives the model's own reasoning back to it, which some
	// servers want within a tool loop.
	SendReasoning bool
	// KeyHeader carries the bare key instead of Authorization ("Api-Key").
	KeyHeader string
}

// Provider asks one chat completions API.
type Provider struct {
	end    *model.Endpoint
	compat Compat
}

var _ model.Provider = (*Provider)(nil)

// New pins the address.
func New(c Config) (*Provider, error) {
	if c.Name == "" {
		c.Name = DefaultName
	}
	if c.BaseURL == "" {
		c.BaseURL = DefaultBaseURL
	}
	end, err := model.NewEndpoint(c.Config)
	if err != nil {
		return nil, err
	}
	switch c.Compat.MaxTokensField {
	case "max_tokens", "max_completion_tokens":
	case "":
		c.Compat.MaxTokensField = "max_tokens"
		if u, err := url.Parse(c.BaseURL); err == nil && u.Hostname() == "api.openai.com" {
			c.Compat.MaxTokensField = "max_completion_tokens"
		}
	default:
		return nil, model.Invalidf("max tokens field %q: expected max_tokens or max_completion_tokens", c.Compat.MaxTokensField)
	}
	return &Provider{end: end, compat: c.Compat}, nil
}

// Destinations is the pinned host.
func (p *Provider) Destinations() []model.Destination {
	return []model.Destination{p.end.Destination()}
}

// Stream asks for one reply.
func (p *Provider) Stream(ctx context.Context, req model.Request) model.Stream {
	return p.end.Stream(ctx, func() (model.Post, model.Decoder, error) {
		ready, err := req.Prepare(p.end.Name())
		if err != nil {
			return model.Post{}, nil, err
		}
		body, err := json.Marshal(encode(ready, p.compat))
		if err != nil {
			return model.Post{}, nil, model.Invalidf("request cannot be written: %v", err)
		}
		source := model.Source{API: API, Provider: p.end.Name(), Model: req.Model}
		return model.Post{Path: "chat/completions", Body: body, Auth: p.authorize, Timeout: req.Timeout},
			newDecoder(source, p.end.Limits()), nil
	})
}

func (p *Provider) authorize(h http.Header, key string) {
	if p.compat.KeyHeader != "" {
		h.Set(p.compat.KeyHeader, key)
		return
	}
	h.Set("Authorization", "Bearer "+key)
}
