package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/openclaw-go/openclaw/internal/agent"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/egress"
	"github.com/openclaw-go/openclaw/internal/gateway"
	"github.com/openclaw-go/openclaw/internal/model"
	"github.com/openclaw-go/openclaw/internal/model/anthropic"
	"github.com/openclaw-go/openclaw/internal/model/gemini"
	"github.com/openclaw-go/openclaw/internal/model/openai"
	"github.com/openclaw-go/openclaw/internal/model/operator"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/posture"
)

// operatorRef is the model of an agent that has none configured.
const operatorRef claw.ModelRef = "operator/plain"

// wellKnown providers need no baseUrl.
var wellKnown = []struct{ name, api, baseURL, env string }{
	{"anthropic", anthropic.API, "https://api.anthropic.com", "ANTHROPIC_API_KEY"},
	{"openai", openai.API, "https://api.openai.com/v1", "OPENAI_API_KEY"},
	{"google", gemini.API, "https://generativelanguage.googleapis.com/v1beta", "GEMINI_API_KEY"},
	{"gemini", gemini.API, "https://generativelanguage.googleapis.com/v1beta", "GEMINI_API_KEY"},
	{"openrouter", openai.API, "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"},
	{"ollama", openai.API, "http://127.0.0.1:11434/v1", ""},
	{"llama-server", openai.API, "http://127.0.0.1:8080/v1", ""},
	{"vllm", openai.API, "http://127.0.0.1:8000/v1", ""},
}

// guideModel is the model that models.default means when it names none.
var guideModel = map[string]string{"anthropic": "claude-sonnet-4-5", "openai": "gpt-4.1", "google": "gemini-2.5-pro", "gemini": "gemini-2.5-pro"}

// models makes the providers that a configuration names. Each is made once
// per configuration; a key is resolved when a turn needs it.
type models struct {
	app *App

	mu    sync.Mutex
	of    *config.Config
	made  map[string]model.Provider
	specs model.Catalog
}

// providerConf is one provider as the configuration means it.
type providerConf struct {
	name, api, baseURL string
	key                config.SecretRef
}

// chain of references that an agent's turns try, never empty.
func (m *models) chain(c *config.Config, refs []claw.ModelRef) ([]claw.ModelRef, error) {
	if len(refs) > 0 {
		return refs, nil
	}
	d := &c.Models.Default
	if !d.Origin.Set && !d.APIKey.Set && !d.Model.Set {
		return []claw.ModelRef{operatorRef}, nil
	}
	name, err := defaultProvider(d)
	if err != nil {
		return nil, err
	}
	if d.Model.Set {
		return []claw.ModelRef{claw.ModelRef(name + "/" + d.Model.V)}, nil
	}
	if guideModel[name] == "" {
		return nil, fmt.Errorf("%s: models.default names no model for provider %q", d.APIKey.Ref, name)
	}
	return []claw.ModelRef{claw.ModelRef(name + "/" + guideModel[name])}, nil
}

// defaultProvider finds whom the key of models.default belongs to: provider,
// else the name of the variable, else the key's prefix (DESIGN §8).
func defaultProvider(d *config.ModelDefault) (string, error) {
	if d.Provider.Set {
		return d.Provider.V, nil
	}
	for _, w := range wellKnown {
		if w.env != "" && d.APIKey.V.ID == w.env {
			return w.name, nil
		}
	}
	name := ""
	d.APIKey.V.Use(func(b []byte) {
		s := string(b)
		switch {
		case strings.HasPrefix(s, "sk-ant-"):
			name = "anthropic"
		case strings.HasPrefix(s, "sk-or-"):
			name = "openrouter"
		case strings.HasPrefix(s, "sk-"):
			name = "openai"
		case strings.HasPrefix(s, "AIza"):
			name = "google"
		}
	})
	if name == "" {
		return "", fmt.Errorf("%s: cannot tell whose key this is; set models.default.provider", d.APIKey.Ref)
	}
	return name, nil
}

// conf of a provider by name.
func conf(c *config.Config, name string) (providerConf, error) {
	p := providerConf{name: name}
	for _, w := range wellKnown {
		if w.name == name {
			p.api, p.baseURL = w.api, w.baseURL
			if w.env != "" {
				p.key = config.SecretRef{Kind: config.SecretEnv, ID: w.env}
			}
		}
	}
	if own := c.Models.Providers.Get(name); own != nil {
		p.api, p.baseURL = own.API.Or(p.api), own.BaseURL.Or(p.baseURL)
		if own.APIKey.Set {
			p.key = own.APIKey.V
		}
		if own.APIKey.Invalid || own.BaseURL.Invalid || own.API.Invalid {
			return p, fmt.Errorf("models.providers.%s was not understood", name)
		}
		if p.api == "" && p.baseURL != "" {
			p.api = openai.API
		}
	}
	if d := &c.Models.Default; d.APIKey.Set {
		if who, err := defaultProvider(d); err == nil && who == name {
			p.key = d.APIKey.V
			p.baseURL = d.BaseURL.Or(p.baseURL)
		}
	}
	if p.baseURL == "" {
		return p, fmt.Errorf("model provider %q has no baseUrl (models.providers.%s.baseUrl)", name, name)
	}
	return p, nil
}

// credential of a provider: what its key is called, and whom it is sent to by
// which road.
func (p providerConf) credential(c *config.Config) posture.Credential {
	cred := p.named()
	if via := c.Gateway.Egress.Proxy.V; via != "" {
		cred.Host += " through " + via
	}
	if ca := c.Gateway.Egress.CAFile.V; ca != "" {
		cred.Host += " trusting " + ca
	}
	return cred
}

func (p providerConf) named() posture.Credential {
	c := posture.Credential{Name: p.key.String(), Host: p.baseURL}
	switch p.key.Kind {
	case config.SecretLiteral, config.SecretTemplate:
		c.Name = "of provider " + p.name // a value has no name of its own
	case config.NoSecret, config.SecretEnv, config.SecretFile, config.SecretExec, config.SecretStore:
	}
	if u, err := url.Parse(p.baseURL); err == nil && u.Host != "" {
		c.Host = strings.ToLower(u.Scheme + "://" + u.Host)
	}
	return c
}

// credentials lists the keys of every provider that a model could name.
func credentials(c *config.Config) []posture.Credential {
	var names []string
	for _, w := range wellKnown {
		names = append(names, w.name)
	}
	for _, e := range c.Models.Providers {
		names = append(names, e.Key)
	}
	var out []posture.Credential
	for _, name := range names {
		p, err := conf(c, name)
		if err != nil || p.key.Kind == config.NoSecret {
			continue // it is not used
		}
		if cred := p.credential(c); !slices.Contains(out, cred) {
			out = append(out, cred)
		}
	}
	slices.SortFunc(out, func(a, b posture.Credential) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Host, b.Host))
	})
	return out
}

// Brain gives an agent its model; the next configured one takes over when it
// fails.
func (m *models) Brain(id claw.AgentID) (agent.Brain, error) {
	p := m.app.posture.now()
	a, ok := p.Agent(id)
	if !ok {
		return agent.Brain{}, fmt.Errorf("no agent %q", id)
	}
	c := m.app.posture.config()
	m.app.secrets.warm(m.app.life, c)
	refs, err := m.chain(c, a.Models)
	if err != nil {
		return agent.Brain{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.of != c {
		m.of, m.made, m.specs = c, map[string]model.Provider{}, m.catalog(c)
	}
	first, _, _ := strings.Cut(string(refs[0]), "/")
	may := m.mayGo(a.Rules, first)
	var candidates []agent.Candidate
	var problems []error
	for _, ref := range refs {
		name, mod, _ := strings.Cut(string(ref), "/")
		prov, err := m.provider(c, name)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		spec, _ := m.specs.Find(name, mod)
		candidates = append(candidates, agent.Candidate{Provider: prov, Ref: ref, Model: mod, Spec: spec})
	}
	if len(candidates) == 0 {
		return agent.Brain{}, errors.Join(problems...)
	}
	one := candidates[0]
	return agent.Brain{Provider: one.Provider, Ref: one.Ref, Model: one.Model, Spec: one.Spec, Next: candidates[1:], Allow: may,
		Wrap: func(p model.Provider) model.Provider {
			return scrubbed{model.Guard{Provider: model.Retry{Provider: timed{p, m.app}, Sleep: sleep, Rand: rand.Float64}, Allow: may}, m.app.redactor}
		},
		MaxContext: a.ContextTokens, Catalog: m.specs}, nil
}

// mayGo decides whether a request of an agent goes to a provider, and records
// what it refuses (R26).
func (m *models) mayGo(r policy.Rules, first string) func(context.Context, model.Request, []model.Destination) error {
	return func(ctx context.Context, req model.Request, to []model.Destination) error {
		for _, d := range to {
			s := r.Flow.Provider(req.Labels, policy.ModelProvider{Name: d.Provider, Host: d.Host, Primary: d.Provider == first})
			if s.Verdict == policy.Allow {
				continue
			}
			e := egress.Event{Time: time.Now(), Kind: egress.KindClient, Agent: r.Agent, Client: "model " + d.Provider, Host: policy.Host{Name: d.Host},
				Verdict: s.Verdict, Rule: s.Rule, Reason: s.Reason}
			if err := m.app.record.egress(ctx, e); err != nil {
				return err
			}
			return fmt.Errorf("%s: %s", s.Rule, s.Reason)
		}
		return nil
	}
}

// sleep waits for d or until ctx is done.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (m *models) provider(c *config.Config, name string) (model.Provider, error) {
	if p := m.made[name]; p != nil {
		return p, nil
	}
	if name == "operator" {
		m.made[name] = operator.New()
		return m.made[name], nil
	}
	pc, err := conf(c, name)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(pc.baseURL)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("models.providers.%s.baseUrl: %q is no address", name, pc.baseURL)
	}
	if cred := pc.credential(c); pc.key.Kind != config.NoSecret && !m.app.posture.now().Carries(cred) {
		return nil, &HintError{Err: fmt.Errorf("model provider %q: the key %s was not accepted for %s", name, cred.Name, cred.Host), Advice: "openclaw config accept shows what changed"}
	}
	client, err := m.app.rim.client(egress.Fixed{Name: "model " + name, Origins: []string{u.Scheme + "://" + u.Host}})
	if err != nil {
		return nil, err
	}
	mc := model.Config{Name: name, BaseURL: pc.baseURL, Client: client}
	if pc.key.Kind != config.NoSecret {
		mc.Key = m.app.secrets.key(pc.key, "model "+name, pc.baseURL)
	}
	p, err := newProvider(pc.api, mc)
	if err != nil {
		return nil, err
	}
	m.made[name] = p
	return p, nil
}

// newProvider is the list of wire formats; adding one is a line here.
func newProvider(api string, c model.Config) (model.Provider, error) {
	switch api {
	case anthropic.API:
		return anthropic.New(anthropic.Config{Config: c})
	case openai.API, "openai-chat", "ollama":
		return openai.New(openai.Config{Config: c})
	case gemini.API:
		return gemini.New(gemini.Config{Config: c})
	}
	return nil, fmt.Errorf("model provider %q: api %q is not one of %s, %s, %s", c.Name, api, anthropic.API, openai.API, gemini.API)
}

// catalog puts configured models and prices before the built-in ones.
func (m *models) catalog(c *config.Config) model.Catalog {
	var own []model.Spec
	for _, e := range c.Models.Providers {
		for _, me := range e.V.Models {
			s := model.Spec{Provider: e.Key, Model: me.ID.V, Window: me.ContextWindow.V, Output: me.MaxTokens.V, Images: slices.Contains(config.Strings(me.Input), "image")}
			// Half a price is none: what is not named would count as free.
			if c := &me.Cost; c.Input.Set && c.Output.Set {
				s.Price = &model.Price{Input: c.Input.V, Output: c.Output.V, CacheRead: c.CacheRead.Or(c.Input.V), CacheWrite: c.CacheWrite.Or(c.Input.V)}
			}
			own = append(own, s)
		}
	}
	return model.Builtin().With(own...)
}

// List implements gateway.Models: the models that agents are configured for.
func (m *models) List() []gateway.ModelRow {
	c := m.app.posture.config()
	var out []gateway.ModelRow
	seen := map[claw.ModelRef]bool{}
	specs := m.catalog(c)
	for i, a := range m.app.posture.now().Agents {
		refs, err := m.chain(c, a.Models)
		if err != nil {
			continue
		}
		for j, ref := range refs {
			if seen[ref] {
				continue
			}
			seen[ref] = true
			name, mod, _ := strings.Cut(string(ref), "/")
			spec, _ := specs.Find(name, mod)
			out = append(out, gateway.ModelRow{ID: string(ref), Provider: name, Name: mod, ContextWindow: int64(spec.Window), Default: i == 0 && j == 0})
		}
	}
	return out
}
