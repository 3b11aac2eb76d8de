// Package anthropic speaks the Anthropic Messages API. It refuses to guess: a
// stream that is out of order or breaks off is an error, never half a reply.
package anthropic

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/openclaw-go/openclaw/internal/model"
)

// API is the name of the wire format in transcripts.
const API = "anthropic-messages"

// Defaults of Config.
const (
	DefaultName    = "anthropic"
	DefaultBaseURL = "https://api.anthropic.com"
	DefaultVersion = "2023-06-01"
)

// Config says where and how to ask.
type Config struct {
	model.Config
	// Version is the anthropic-version header; DefaultVersion.
	Version string
	// Beta lists anthropic-beta features.
	Beta []string
}

// Provider asks one Messages API.
type Provider struct {
	end     *model.Endpoint
	path    string
	version string
	beta    []string
}

var _ model.Provider = (*Provider)(nil)

// New pins the address. The key is sent as x-api-key, an OAuth access token
// (sk-ant-oat…) as bearer.
func New(c Config) (*Provider, error) {
	if c.Name == "" {
		c.Name = DefaultName
	}
	if c.BaseURL == "" {
		c.BaseURL = DefaultBaseURL
	}
	if c.Version == "" {
		c.Version = DefaultVersion
	}
	end, err := model.NewEndpoint(c.Config)
	if err != nil {
		return nil, err
	}
	path := "v1/messages"
	if strings.HasSuffix(strings.TrimRight(c.BaseURL, "/"), "/v1") {
		path = "messages"
	}
	return &Provider{end: end, path: path, version: c.Version, beta: c.Beta}, nil
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
		body, err := json.Marshal(encode(ready))
		if err != nil {
			return model.Post{}, nil, model.Invalidf("request cannot be written: %v", err)
		}
		h := http.Header{}
		h.Set("Anthropic-Version", p.version)
		if len(p.beta) > 0 {
			h.Set("Anthropic-Beta", strings.Join(p.beta, ","))
		}
		source := model.Source{API: API, Provider: p.end.Name(), Model: req.Model}
		return model.Post{Path: p.path, Body: body, Header: h, Auth: authorize, Timeout: req.Timeout},
			newDecoder(source, p.end.Limits()), nil
	})
}

const (
	oauthPrefix = "sk-ant-oat"
	oauthBeta   = "oauth-2025-04-20"
)

func authorize(h http.Header, key string) {
	if !strings.HasPrefix(key, oauthPrefix) {
		h.Set("X-Api-Key", key)
		return
	}
	h.Set("Authorization", "Bearer "+key)
	beta := oauthBeta
	if have := h.Get("Anthropic-Beta"); have != "" {
		beta = have + "," + beta
	}
	h.Set("Anthropic-Beta", beta)
}
