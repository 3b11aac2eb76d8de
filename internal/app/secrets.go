package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/filter"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/model"
	"github.com/openclaw-go/openclaw/internal/vault"
)

// secrets resolves references under the configuration in force and keeps the
// redactor that knows every value in use.
type secrets struct {
	app *App

	store *vault.Store
	floor floor
	live  vault.Live
	mu    sync.Mutex
	gen   uint64
	red   *filter.Redactor
	// warmed is the configuration whose credentials are all known.
	warmed *config.Config
	exec   answers
}

// refOf says a configured reference in the vault's words.
func refOf(s config.SecretRef) vault.Ref {
	r := vault.Ref{Provider: s.Provider, ID: s.ID, Disabled: s.Disabled}
	switch s.Kind {
	case config.SecretLiteral:
		r.Source = vault.SourceLiteral
	case config.SecretTemplate:
		r.Source = vault.SourceTemplate
	case config.SecretEnv:
		r.Source = vault.SourceEnv
	case config.SecretFile:
		r.Source = vault.SourceFile
	case config.SecretExec:
		r.Source = vault.SourceExec
	case config.SecretStore:
		r.Source = vault.SourceStore
	case config.NoSecret:
	}
	s.Use(func(b []byte) { r.Literal = vault.NewSecret(b) })
	return r
}

// resolver for one configuration.
func (a *App) resolver(c *config.Config, live *vault.Live) *vault.Resolver {
	o := vault.Options{Env: a.lookupEnv, Store: a.secrets.store, Live: live}
	if a.machine != nil && a.journal != nil {
		o.Starter = secretPrograms{a}
	}
	return resolverWith(a.paths, c, o)
}

func newResolver(paths configfile.Paths, env func(string) (string, bool), c *config.Config, store *vault.Store, live *vault.Live) *vault.Resolver {
	return resolverWith(paths, c, vault.Options{Env: env, Store: store, Live: live})
}

func resolverWith(paths configfile.Paths, c *config.Config, o vault.Options) *vault.Resolver {
	o.Credentials = paths.Credentials
	named := false
	for _, e := range c.Secrets.Providers {
		p := &e.V
		named = named || e.Key == vault.DefaultProvider && p.Source.V == "file"
		o.Providers = append(o.Providers, vault.Provider{Name: e.Key, Source: vault.Source(p.Source.V), Path: paths.Expand(p.Path.V), Mode: vault.FileMode(p.Mode.V),
			MaxBytes: int64(p.MaxBytes.V), Timeout: time.Duration(p.Timeout.V), Allowlist: allowlist(p.Allowlist), Command: p.Command.V, Args: config.Strings(p.Args),
			PassEnv: config.Strings(p.PassEnv), TrustedDirs: allowlist(p.TrustedDirs), AllowSymlinkCommand: p.AllowSymlink.Or(false),
			Env: setVariables(p.Env, o.Env), PlainOutput: !p.JSONOnly.Or(true), NoOutputTimeout: time.Duration(p.NoOutput.V), MaxOutputBytes: int64(p.MaxOutput.V)})
	}
	if !named {
		o.Providers = append(o.Providers, vault.Provider{Name: vault.DefaultProvider, Source: vault.SourceFile, Path: paths.Secrets, Mode: vault.ModeJSON})
	}
	return vault.New(o)
}

// setVariables are the variables that a provider's program gets, as the
// configuration writes them or from the environment.
func setVariables(set config.Map[config.Value[config.SecretRef]], env func(string) (string, bool)) map[string]string {
	out := map[string]string{}
	for _, e := range set {
		if e.V.V.Kind == config.SecretEnv && env != nil {
			if v, ok := env(e.V.V.ID); ok {
				out[e.Key] = v
			}
			continue
		}
		e.V.V.Use(func(b []byte) { out[e.Key] = string(b) })
	}
	return out
}

// allowlist keeps "not set" (every one) apart from "set and empty" (none).
func allowlist(l config.List) []string {
	if !l.Set && !l.Invalid {
		return nil
	}
	return config.Strings(l)
}

// resolve gives a secret's value, under the configuration in force.
func (s *secrets) resolve(ctx context.Context, key string, ref config.SecretRef) (vault.Secret, error) {
	ask := func() (vault.Secret, error) {
		return s.app.resolver(s.app.posture.config(), &s.live).Resolve(ctx, key, refOf(ref))
	}
	if ref.Kind == config.SecretExec {
		return s.exec.get(ref.String(), time.Now(), ask)
	}
	return ask()
}

// key lends a model's credential for each request anew; its use is recorded
// once per request, before it leaves.
func (s *secrets) key(ref config.SecretRef, who, baseURL string) model.Key {
	u, err := url.Parse(baseURL)
	host := ""
	if err == nil {
		host = u.Host
	}
	return model.Key{Host: host, Use: func(f func([]byte) error) error {
		v, err := s.resolve(context.Background(), who, ref)
		if err != nil {
			return err
		}
		_, err = s.app.journal.Append(context.Background(), journal.Entry{Event: journal.SecretUse, Data: struct {
			For  string `json:"for"`
			Ref  string `json:"ref"`
			Host string `json:"host"`
		}{who, ref.String(), host}})
		if err != nil {
			return err
		}
		return v.Use(f)
	}}
}

// redactor knows every secret that was resolved so far.
func (s *secrets) redactor() *filter.Redactor {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := s.live.Generation(); s.red == nil || g != s.gen {
		var values []string
		s.live.Each(func(b []byte) { values = append(values, string(b)) })
		s.red, s.gen = filter.New(filter.Options{Values: values}), g
	}
	return s.red
}

// writeToken makes a fresh gateway token in <state>/secrets.json, keeping what
// else stands there.
func writeToken(path string) error {
	doc := map[string]json.RawMessage{}
	old, err := atomicfile.Read(path, 1<<20)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return err
	default:
		if err := json.Unmarshal(old, &doc); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	gw := map[string]json.RawMessage{}
	if raw := doc["gateway"]; raw != nil {
		if err := json.Unmarshal(raw, &gw); err != nil {
			return fmt.Errorf("%s: gateway: %w", path, err)
		}
	}
	return vault.NewToken().Use(func(b []byte) error {
		if gw["token"], err = json.Marshal(string(b)); err != nil {
			return err
		}
		if doc["gateway"], err = json.Marshal(gw); err != nil {
			return err
		}
		out, err := json.MarshalIndent(doc, "", "  ")
		if err != nil {
			return err
		}
		return atomicfile.Write(path, append(out, '\n'))
	})
}
