//go:build !linux || (!amd64 && !arm64)

package app

import (
	"context"
	"errors"
)

// ApplyFirewall refuses: UFW is Linux's.
func ApplyFirewall(context.Context, FirewallRule) (string, error) {
	return "", errors.New("ufw is a firewall of Linux")
}
