//go:build linux && (amd64 || arm64)

package app

import (
	"context"

	"github.com/openclaw-go/openclaw/internal/sandbox/linux"
)

// ApplyFirewall runs one rule with root's rights and gives what ufw says.
func ApplyFirewall(ctx context.Context, r FirewallRule) (string, error) {
	out, err := linux.Administer(ctx, ufwHelper(), r.Args)
	return string(out), err
}
