package app

import (
	"context"

	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/vault"
)

// ResolveSecret gives the value of a reference as a running gateway has it.
func (a *App) ResolveSecret(ctx context.Context, key string, ref config.SecretRef) (vault.Secret, error) {
	return a.secrets.resolve(ctx, key, ref)
}
