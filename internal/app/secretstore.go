package app

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/vault"
)

// Where the encrypted store and its key lie in a home.
const (
	StoreFile      = "vault.age"
	StoreKeyFile   = "vault.key"
	StoreKeySealed = "vault.key.age" // the key under a passphrase
	// StoreCredential is the systemd credential that holds the key.
	StoreCredential = "openclaw-vault-key"
)

// StoreOf is the encrypted store of a home. Ask types the passphrase; nil:
// nobody is there to type it. Nothing is read before a secret is asked for.
func StoreOf(p configfile.Paths, getenv func(string) string, ask func() (vault.Secret, error), floor func() uint64) *vault.Store {
	path := filepath.Join(p.State, StoreFile)
	k := vault.Keys{Keyring: vault.SystemKeyring(path), Wrapped: filepath.Join(p.State, StoreKeySealed), File: filepath.Join(p.State, StoreKeyFile), Passphrase: ask}
	if dir := getenv("CREDENTIALS_DIRECTORY"); filepath.IsAbs(dir) {
		k.Credential = filepath.Join(dir, StoreCredential)
	}
	return vault.NewStore(vault.StoreOptions{Path: path, Keys: k, Now: time.Now, Floor: floor})
}

// secretChange is what the record says of a change of the store. The entry
// with a generation comes after the change; the one without comes before it.
type secretChange struct {
	Act        string   `json:"act"`
	Names      []string `json:"names,omitempty"`
	Generation uint64   `json:"generation,omitempty"`
}

// storeFloor finds the generation that the record has last: a store below it
// was put back from a copy (R09).
func storeFloor(r journal.Reader) (uint64, error) {
	found, err := r.Search(context.Background(), journal.Filter{Events: []journal.Event{journal.SecretChange}, Text: `"generation":`, Limit: 1})
	if err != nil || len(found) == 0 {
		return 0, err
	}
	var c secretChange
	if err := json.Unmarshal(found[0].Data, &c); err != nil {
		return 0, fmt.Errorf("journal entry %d: %w", found[0].Seq, err)
	}
	return c.Generation, nil
}

// FloorOf reads the floor of a home's store from its record, once.
func FloorOf(p configfile.Paths, env func(string) (string, bool)) func() uint64 {
	return sync.OnceValue(func() uint64 {
		n, err := storeFloor(journal.OpenReader(JournalFiles(p, env)))
		if err != nil {
			return 0 // journal verify says what is wrong with it
		}
		return n
	})
}

// floor is the generation that the gateway's store must have at least. It is
// looked up when the store is first needed.
type floor struct {
	app *App

	mu     sync.Mutex
	looked bool
	least  uint64
}

func (f *floor) get() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.looked && f.app.journal != nil {
		n, err := storeFloor(f.app.journal.Reader)
		if err != nil {
			f.app.log.Error("the record of the encrypted store was not read", "error", err)
		}
		f.looked, f.least = err == nil, max(n, f.least)
	}
	return f.least
}

// set takes what was recorded since.
func (f *floor) set(n uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looked, f.least = true, n
}

func newSecrets(a *App, ask func() (vault.Secret, error)) *secrets {
	s := &secrets{app: a}
	s.floor.app = a
	s.store = StoreOf(a.paths, a.getenv, ask, s.floor.get)
	return s
}

// warm makes every credential of a configuration known, so that each is masked
// wherever it turns up, used or not. The store is opened only when something
// refers to it; a program is not started for it. It costs nothing while
// neither the configuration nor the store has changed.
func (s *secrets) warm(ctx context.Context, c *config.Config) {
	s.mu.Lock()
	done := s.warmed == c
	s.warmed = c
	s.mu.Unlock()
	if done || c == nil {
		return
	}
	s.exec.forget()
	c.Literals(func(_ claw.ConfigRef, value string) { s.live.Add(vault.NewSecret([]byte(value))) })
	res, store := s.app.resolver(c, &s.live), len(c.Secrets.Bindings) > 0
	refs := c.References()
	if c.Gateway.Auth.Token.V.Kind == config.NoSecret {
		refs = append(refs, config.Reference{At: claw.ConfigRef{Pointer: "gateway.auth.token"}, Secret: homeToken})
	}
	for _, r := range refs {
		switch r.Secret.Kind {
		case config.SecretStore:
			store = true
		case config.SecretEnv, config.SecretFile, config.SecretTemplate:
			if _, err := res.Resolve(ctx, r.At.Pointer, refOf(r.Secret)); err != nil {
				s.app.log.Warn("a credential has no value", "error", err)
			}
		case config.NoSecret, config.SecretLiteral, config.SecretExec:
		}
	}
	if !store {
		return
	}
	l, err := s.store.List()
	if err != nil {
		s.app.log.Error("the encrypted store does not open: what refers to it has no value", "error", err)
		return
	}
	for _, i := range l.Secrets {
		v, err := s.store.Get(i.Name)
		if err != nil {
			s.app.log.Error("a stored secret does not open", "error", err)
			continue
		}
		s.live.Add(v)
	}
}

// forget has warm look again.
func (s *secrets) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.warmed = nil
	s.exec.forget()
}
