// Package gemini speaks the Gemini generateContent API. It refuses a schema
// that the API could not hold to, a reply that breaks off, a model name that
// would leave its place in the path.
package gemini

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/openclaw-go/openclaw/internal/model"
)

// API is the name of the wire format in transcripts.
const API = "google-generative-ai"

// Defaults of Config.
const (
	DefaultName    = "gemini"
	DefaultBaseURL = "https://generativelanguage.googleapis.com/v1beta"
)

// Config says where to ask. BaseURL includes the version.
type Config struct {
	model.Config
}

// Provider asks one Gemini API.
type Provider struct {
	end *model.Endpoint
}

var _ model.Provider = (*Provider)(nil)

// New pins the address. The key is sent as x-goog-api-key, an OAuth access
// token (ya29.…) as bearer.
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
	return &Provider{end: end}, nil
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
		name := strings.TrimPrefix(req.Model, "models/")
		if strings.Contains(name, "/") {
			return model.Post{}, nil, model.Invalidf("model name %q: expected no slash", model.Line(req.Model))
		}
		wire, err := encode(ready, name)
		if err != nil {
			return model.Post{}, nil, err
		}
		body, err := json.Marshal(wire)
		if err != nil {
			return model.Post{}, nil, model.Invalidf("request cannot be written: %v", err)
		}
		source := model.Source{API: API, Provider: p.end.Name(), Model: req.Model}
		return model.Post{
			Path: "models/" + url.PathEscape(name) + ":streamGenerateContent", Query: url.Values{"alt": {"sse"}},
			Body: body, Auth: authorize, Timeout: req.Timeout,
		}, newDecoder(source, p.end.Limits()), nil
	})
}

func authorize(h http.Header, key string) {
	if strings.HasPrefix(key, "ya29.") {
		h.Set("Authorization", "Bearer "+key)
		return
	}
	h.Set("X-Goog-Api-Key", key)
}
