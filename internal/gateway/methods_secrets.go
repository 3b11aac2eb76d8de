package gateway

import (
	"context"
	"slices"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gateway/access"
	"github.com/openclaw-go/openclaw/internal/gateway/wire"
)

// Secrets is what clients may have to do with the encrypted store. No value of
// it travels.
type Secrets interface {
	// Note records what a command of the owner's is about to do to the store,
	// or has done when it has a generation.
	Note(ctx context.Context, by claw.Principal, n SecretNote) error
	// RenewToken makes a fresh gateway token where the configuration refers to
	// one, and gives the authentication that lets it in.
	RenewToken(ctx context.Context, by claw.Principal) (access.Config, error)
}

// SecretNote is one act on the store.
type SecretNote struct {
	Act        string   `json:"act"`
	Names      []string `json:"names"`
	Generation uint64   `json:"generation"`
}

// SecretActs are the acts that are recorded.
func SecretActs() []string {
	return []string{"set", "remove", "reveal", "rotate", "migrate", "undo", "key", "accept"}
}

// maxSecretNames bounds one note.
const maxSecretNames = 1024

func (s *Server) addSecrets() {
	if s.opt.Secrets == nil {
		return
	}
	s.methods["secrets.note"] = method{wire.Admin, with((*conn).secretNote)}
	s.methods["secrets.renewToken"] = method{wire.Admin, none((*conn).renewToken)}
}

func (c *conn) secretNote(p SecretNote) (any, error) {
	if !slices.Contains(SecretActs(), p.Act) {
		return nil, invalid("act %q is not one of %v", clipText(p.Act), SecretActs())
	}
	if len(p.Names) > maxSecretNames {
		return nil, invalid("names: %d, expected at most %d", len(p.Names), maxSecretNames)
	}
	if c.via != viaOwner {
		return nil, &Fault{Kind: Refused, Message: "the encrypted store is changed on this machine only", Rule: "secrets.owner_only"}
	}
	return nil, c.s.opt.Secrets.Note(c.ctx, c.by(), p)
}

// renewToken replaces the gateway's token. Whoever is connected stays
// connected; whoever connects from now on needs the new one.
func (c *conn) renewToken() (any, error) {
	if err := c.confirmed(); err != nil {
		return nil, err
	}
	auth, err := c.s.opt.Secrets.RenewToken(c.ctx, c.by())
	if err != nil {
		return nil, err
	}
	kept := 0
	c.s.hub.each(func(c *conn) {
		if c.bySecret() {
			kept++
		}
	})
	if err := c.s.RenewAuth(auth); err != nil {
		return nil, err
	}
	return map[string]int{"stayConnected": kept}, nil
}

// RenewAuth puts a new authentication in force and lets connections that the
// old one let in go on. SetAuth ends them.
func (s *Server) RenewAuth(c access.Config) error {
	k, err := access.NewKeeper(c)
	if err != nil {
		return err
	}
	s.keeper.Swap(k)
	return nil
}
