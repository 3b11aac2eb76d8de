package sandbox

import (
	"context"
	"errors"

	"github.com/openclaw-go/openclaw/internal/policy"
)

// Split gives runs whose profile describes a container to one runner and all
// others to another. Neither ever takes over what the other refused.
func Split(host, container Runner) Runner { return split{host, container} }

type split struct{ host, container Runner }

var _ Runner = split{}

func (s split) of(p policy.Permit) Runner {
	if p.Confinement().Container != nil {
		return s.container
	}
	return s.host
}

func (s split) Run(ctx context.Context, p policy.Permit, c Cmd) (Result, error) {
	return s.of(p).Run(ctx, p, c)
}

func (s split) Start(ctx context.Context, p policy.Permit, c Cmd) (Process, error) {
	return s.of(p).Start(ctx, p, c)
}

// Support is what the host's runner can hold.
func (s split) Support() Support { return s.host.Support() }

func (s split) Close() error { return errors.Join(s.host.Close(), s.container.Close()) }

// Host gives the host's helpers: none of them runs in a container.
func (s split) Host(list []Helper) (Host, error) {
	h, ok := s.host.(interface {
		Host(list []Helper) (Host, error)
	})
	if !ok {
		return nil, &HelperError{Why: "the sandbox of this system starts no helpers"}
	}
	return h.Host(list)
}

// RestrictSelf is the host's to do.
func (s split) RestrictSelf(o Own) (Restricted, error) {
	if h, ok := s.host.(SelfRestrictor); ok {
		return h.RestrictSelf(o)
	}
	return Restricted{}, ErrNoSelfRestriction
}
