package app

import (
	"context"
	"net/http"

	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/egress"
	"github.com/openclaw-go/openclaw/internal/journal"
)

// Reread looks at the configuration on disk now, as the watch of a serving
// gateway does.
func (a *App) Reread(ctx context.Context) error {
	l, err := configfile.Load(a.paths, configfile.Options{Env: a.lookupEnv})
	return a.posture.reload(ctx, l, err)
}

// RecordHere writes an entry into a home's journal as commands without a
// gateway do.
func RecordHere(ctx context.Context, p configfile.Paths) error {
	return note(ctx, p, &config.Config{}, journal.Entry{Event: journal.ConfigChange})
}

// NotInForce says why the file on disk does not hold.
func (a *App) NotInForce() string { return a.posture.notInForce() }

// Dialling makes the gateway's own clients use c, wherever they want to go.
func Dialling(o Options, c *http.Client) Options {
	o.rim.client = func(egress.Fixed) (*http.Client, error) { return c, nil }
	return o
}
