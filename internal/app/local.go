package app

import (
	"context"
	"time"

	"github.com/openclaw-go/openclaw/internal/agent"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/filter"
	"github.com/openclaw-go/openclaw/internal/inbox"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/posture"
	"github.com/openclaw-go/openclaw/internal/store"
	"github.com/openclaw-go/openclaw/internal/vault"
)

// PortOf is the port that a configuration means in a home.
func PortOf(p configfile.Paths, c *config.Config) int { return posture.Of(c, World(p)).Gateway.Port }

// Turn runs one message to its end, without a listening gateway.
func (a *App) Turn(ctx context.Context, m inbox.Message) (agent.Result, error) {
	run, key, err := a.inbox.Receive(ctx, m)
	if err != nil {
		return agent.Result{}, err
	}
	stop := context.AfterFunc(ctx, func() { a.engine.Abort(key, run) })
	defer stop()
	return a.engine.Wait(context.WithoutCancel(ctx), run)
}

// TokenPlace says where the gateway's token is.
func TokenPlace(p configfile.Paths, env func(string) (string, bool)) string {
	ref := homeToken
	if l, err := configfile.Load(p, configfile.Options{Env: env}); err == nil && l.Config.Gateway.Auth.Token.Set {
		ref = l.Config.Gateway.Auth.Token.V
	}
	switch {
	case ref.Kind == config.SecretStore:
		return "in the encrypted store as " + ref.ID
	case ref.Kind == config.SecretFile && ref.Provider == vault.DefaultProvider:
		return "in " + p.Short(p.Secrets) + " at " + ref.ID
	}
	return "where gateway.auth.token says: " + ref.String()
}

// RevealToken reads the gateway's token for the operator. The caller has had
// the running gateway record it; without one it is recorded here first.
func RevealToken(ctx context.Context, p configfile.Paths, getenv func(string) string, ask func() (vault.Secret, error)) (string, error) {
	l, err := configfile.Load(p, configfile.Options{Env: func(n string) (string, bool) { v := getenv(n); return v, v != "" }})
	if err != nil {
		return "", err
	}
	if _, held := store.Holder(p.State); !held {
		if err := note(ctx, p, l.Config, journal.Entry{Event: journal.SecretUse, Principal: operatorAct, Data: map[string]string{"for": "gateway token --reveal"}}); err != nil {
			return "", err
		}
	}
	a := &App{paths: p, getenv: getenv}
	a.secrets = &secrets{app: a, store: StoreOf(p, getenv, ask, nil)}
	ref := l.Config.Gateway.Auth.Token.V
	if ref.Kind == config.NoSecret {
		ref = homeToken
	}
	s, err := a.resolver(l.Config, &vault.Live{}).Resolve(ctx, "gateway.auth.token", refOf(ref))
	if err != nil {
		return "", err
	}
	out := ""
	return out, s.Use(func(b []byte) error {
		out = string(b)
		return nil
	})
}

// note writes one entry while no gateway runs.
func note(ctx context.Context, p configfile.Paths, c *config.Config, e journal.Entry) error {
	red := filter.New(filter.Options{})
	j, err := journal.Open(journal.Options{Dir: p.State, Path: journalPath(p, c), Now: time.Now, Redact: red.String})
	if err != nil {
		return err
	}
	_, err = j.Append(ctx, e)
	if cerr := j.Close(); err == nil {
		err = cerr
	}
	return err
}

// AcceptHere accepts the configuration on disk while no gateway runs.
func AcceptHere(ctx context.Context, p configfile.Paths, c *config.Config) ([]posture.Change, error) {
	changes, err := LooserThanSealed(p, c)
	if err != nil {
		return nil, err
	}
	red := filter.New(filter.Options{})
	j, err := journal.Open(journal.Options{Dir: p.State, Path: journalPath(p, c), Now: time.Now, Redact: red.String})
	if err != nil {
		return nil, err
	}
	a := &App{paths: p, journal: j}
	h := &holder{app: a}
	err = h.seal(ctx, posture.Of(c, World(p)), operatorAct)
	if cerr := j.Close(); err == nil {
		err = cerr
	}
	return changes, err
}
