package app

import (
	"context"
	"crypto/rand"
	"net/http"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/egress"
	"github.com/openclaw-go/openclaw/internal/gateway"
	"github.com/openclaw-go/openclaw/internal/gateway/devices"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/store"
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

// Surface is what the gateway asks of a home: overview, audit, repairs.
func (a *App) Surface() (interface {
	gateway.Posture
	gateway.Auditor
}, error) {
	book, err := devices.Open(a.store.Documents(store.FolderDevices), time.Now, rand.Reader)
	return &overview{app: a, devices: book}, err
}

// InForce is the configuration that holds, with the rules of an agent.
func (a *App) InForce(id claw.AgentID) (*config.Config, policy.Rules) {
	r, _ := a.posture.rules(id)
	return a.posture.config(), r
}

// Dialling makes the gateway's own clients use c, wherever they want to go.
func Dialling(o Options, c *http.Client) Options {
	o.rim.client = func(egress.Fixed) (*http.Client, error) { return c, nil }
	return o
}

// Agent is the surface that the gateway hands messages to.
func (a *App) Agent() gateway.Agent { return a.surface }

// LabelsOf a session.
func (a *App) LabelsOf(key claw.SessionKey) (claw.Labels, error) {
	l, _, err := a.sessions.Labels(key)
	return l, err
}

// WriteApprovals replaces the document of standing answers.
func WriteApprovals(a *App, b []byte) error { return a.store.Approvals().Write(b) }

// Lock stops everything.
func Lock(a *App, why string, by claw.Principal) gateway.Stopped {
	return a.locks.Lock(context.Background(), why, by)
}
