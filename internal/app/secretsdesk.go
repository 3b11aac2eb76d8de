package app

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/filter"
	"github.com/openclaw-go/openclaw/internal/gateway"
	"github.com/openclaw-go/openclaw/internal/gateway/access"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/vault"
)

// SecretDesk changes the encrypted store of a home for its operator. Every act
// is recorded before it happens.
type SecretDesk struct {
	Paths  configfile.Paths
	Getenv func(string) string
	Store  *vault.Store
	// Record writes an act into the record: through the running gateway, or
	// RecordSecret.
	Record func(context.Context, gateway.SecretNote) error
}

// RecordSecret records an act while no gateway runs.
func RecordSecret(p configfile.Paths, getenv func(string) string) func(context.Context, gateway.SecretNote) error {
	return func(ctx context.Context, n gateway.SecretNote) error {
		l, err := configfile.Load(p, configfile.Options{Env: lookup(getenv)})
		if err != nil {
			l = &configfile.Loaded{Config: config.Default()} // a broken file keeps nobody from revoking
		}
		return note(ctx, p, l.Config, secretEntry(n, operatorAct))
	}
}

func secretEntry(n gateway.SecretNote, by claw.Principal) journal.Entry {
	if n.Act == "reveal" {
		return journal.Entry{Event: journal.SecretUse, Principal: by, Data: struct {
			For string   `json:"for"`
			Ref []string `json:"names"`
		}{"secrets get --reveal", n.Names}}
	}
	return journal.Entry{Event: journal.SecretChange, Principal: by, Data: secretChange{n.Act, n.Names, n.Generation}}
}

func lookup(getenv func(string) string) func(string) (string, bool) {
	return func(name string) (string, bool) { v := getenv(name); return v, v != "" }
}

// change records an act, does it, and records the generation that it made.
func (d SecretDesk) change(ctx context.Context, act string, names []string, f func(*vault.Edit) error) (vault.Listing, error) {
	if err := d.Record(ctx, gateway.SecretNote{Act: act, Names: names}); err != nil {
		return vault.Listing{}, err
	}
	l, err := d.Store.Change(f)
	if err != nil {
		return l, err
	}
	if err := d.Record(ctx, gateway.SecretNote{Act: act, Names: names, Generation: l.Generation}); err != nil {
		return l, fmt.Errorf("the change was made, and its generation is not in the record: %w", err)
	}
	return l, nil
}

// ErrWeak: the value is too short or too plain to be masked in text, so that
// masking it would blank out other text, or confirm guesses of it (R31).
var ErrWeak = &HintError{Err: errors.New("the value is too weak to be kept secret: masking it would blank out other text, and a guess of it could be confirmed"),
	Advice: fmt.Sprintf("expected at least %d characters and %d bits; --allow-weak keeps it, listed as weak", filter.MinLength, filter.MinBits)}

// Set adds or replaces a secret. A weak value is ErrWeak unless allowed.
func (d SecretDesk) Set(ctx context.Context, name string, value vault.Secret, allow vault.Weakness) error {
	weak := weakness(value)
	if weak == vault.Weak && allow != vault.Weak {
		return ErrWeak
	}
	if !vault.IsName(name) {
		return fmt.Errorf("secrets: %q is not a name: expected A-Z, then A-Z, 0-9 and _", name)
	}
	_, err := d.change(ctx, "set", []string{name}, func(e *vault.Edit) error { return e.Set(name, value, weak) })
	return err
}

func weakness(value vault.Secret) vault.Weakness {
	weak := vault.Weak
	_ = value.Use(func(b []byte) error {
		if filter.Maskable(string(b)) {
			weak = vault.Strong
		}
		return nil
	})
	return weak
}

// Remove removes secrets, all or none.
func (d SecretDesk) Remove(ctx context.Context, names []string) error {
	l, err := d.Store.List()
	if err != nil {
		return err
	}
	for _, n := range names {
		if !slices.ContainsFunc(l.Secrets, func(i vault.Info) bool { return i.Name == n }) {
			return fmt.Errorf("secrets: %q: %w", n, vault.ErrNoSecret)
		}
	}
	_, err = d.change(ctx, "remove", names, func(e *vault.Edit) error {
		for _, n := range names {
			if err := e.Remove(n); err != nil {
				return err
			}
		}
		return nil
	})
	return err
}

// Reveal gives the value of one secret; the record has that first.
func (d SecretDesk) Reveal(ctx context.Context, name string) (vault.Secret, error) {
	s, err := d.Store.Get(name)
	if err != nil {
		return s, err
	}
	if err := d.Record(ctx, gateway.SecretNote{Act: "reveal", Names: []string{name}}); err != nil {
		return vault.Secret{}, err
	}
	return s, nil
}

// Accept takes the store as it is, although the record knows a newer one.
func (d SecretDesk) Accept(ctx context.Context) (uint64, error) {
	l, err := d.Store.List()
	if err != nil {
		return 0, err
	}
	return l.Generation, d.Record(ctx, gateway.SecretNote{Act: "accept", Generation: l.Generation})
}

// secretNotes is the encrypted store as the gateway's clients see it.
type secretNotes struct{ app *App }

var _ gateway.Secrets = secretNotes{}

// Note implements gateway.Secrets.
func (s secretNotes) Note(ctx context.Context, by claw.Principal, n gateway.SecretNote) error {
	if _, err := s.app.journal.Append(ctx, secretEntry(n, by)); err != nil {
		return err
	}
	if n.Generation > 0 {
		s.app.secrets.floor.set(n.Generation)
		s.app.secrets.forget()
	}
	return nil
}

// RenewToken implements gateway.Secrets.
func (s secretNotes) RenewToken(ctx context.Context, by claw.Principal) (access.Config, error) {
	g := s.app.posture.now().Gateway
	if access.Mode(g.AuthMode) != access.Token {
		return access.Config{}, fmt.Errorf("gateway.auth.mode is %q: there is no token to renew", g.AuthMode)
	}
	d := SecretDesk{Paths: s.app.paths, Getenv: s.app.getenv, Store: s.app.secrets.store,
		Record: func(ctx context.Context, n gateway.SecretNote) error { return s.Note(ctx, by, n) }}
	if err := d.renewToken(ctx, g.Token); err != nil {
		return access.Config{}, err
	}
	return s.app.access(ctx, g)
}

// RenewToken makes a fresh gateway token while no gateway runs.
func (d SecretDesk) RenewToken(ctx context.Context) error {
	l, err := configfile.Load(d.Paths, configfile.Options{Env: lookup(d.Getenv)})
	if err != nil {
		return err
	}
	return d.renewToken(ctx, l.Config.Gateway.Auth.Token.V)
}

// renewToken writes a fresh token where the reference points.
func (d SecretDesk) renewToken(ctx context.Context, ref config.SecretRef) error {
	elsewhere := func(advice string) error {
		return &HintError{Err: fmt.Errorf("gateway.auth.token is %s, which this program does not write", ref.Kind), Advice: advice}
	}
	switch ref.Kind {
	case config.SecretStore:
		_, err := d.change(ctx, "rotate", []string{ref.ID}, func(e *vault.Edit) error { return e.Set(ref.ID, vault.NewToken(), vault.Strong) })
		return err
	case config.NoSecret:
	case config.SecretFile:
		if ref.Provider != vault.DefaultProvider || ref.ID != "/gateway/token" {
			return elsewhere("write the new one there, then openclaw gateway restart")
		}
	case config.SecretLiteral:
		return elsewhere("openclaw secrets migrate moves it into the encrypted store")
	case config.SecretEnv, config.SecretTemplate, config.SecretExec:
		return elsewhere("change it there, then openclaw gateway restart; openclaw secrets migrate moves it into the encrypted store")
	}
	if err := d.Record(ctx, gateway.SecretNote{Act: "rotate", Names: []string{"gateway token"}}); err != nil {
		return err
	}
	return writeToken(d.Paths.Secrets)
}
