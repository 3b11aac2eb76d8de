package gateway_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gateway"
	"github.com/openclaw-go/openclaw/internal/gateway/access"
	"github.com/openclaw-go/openclaw/internal/gateway/wire"
)

// memSecrets gives a new token and keeps what is noted.
type memSecrets struct {
	mu    sync.Mutex
	token string
	notes []gateway.SecretNote
	err   error
}

func (m *memSecrets) Note(_ context.Context, _ claw.Principal, n gateway.SecretNote) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.notes = append(m.notes, n)
	return m.err
}

func (m *memSecrets) RenewToken(context.Context, claw.Principal) (access.Config, error) {
	return access.Config{Mode: access.Token, Secret: m.token}, m.err
}

// TestTokenIsRenewedUnderItsClients: whoever is connected goes on, whoever
// comes from then on needs the new token.
func TestTokenIsRenewedUnderItsClients(t *testing.T) {
	m := &memSecrets{token: "n8K2vQ5mX1wZ7pL3tR9yB6nC4dF2gH0s"}
	w := newWorld(t, func(o *gateway.Options) { o.Secrets = m })
	before, owner := w.operator(wire.Read), w.owner()
	if f := before.call("secrets.renewToken", struct{}{}); f.OK {
		t.Error("a client without admin renewed it")
	}
	var out struct {
		StayConnected int `json:"stayConnected"`
	}
	owner.must("secrets.renewToken", struct{}{}, &out)
	if out.StayConnected != 1 {
		t.Errorf("%d stay connected", out.StayConnected)
	}
	before.must("health", struct{}{}, nil)
	for token, status := range map[string]int{rightToken: http.StatusUnauthorized, m.token: http.StatusOK} {
		if got := w.do(http.MethodGet, "/v1/models", "", bearer(token)).status; got != status {
			t.Errorf("a token answers %d, expected %d", got, status)
		}
	}
	// What failed changes nothing.
	m.err = errors.New("no space left")
	if f := owner.call("secrets.renewToken", struct{}{}); f.OK {
		t.Error("a failure is told as done")
	}
	if got := w.do(http.MethodGet, "/v1/models", "", bearer(m.token)).status; got != http.StatusOK {
		t.Errorf("after a failure: %d", got)
	}
}

// TestSecretNotes: only the owner on this machine notes what happens to the
// store, and only what can happen.
func TestSecretNotes(t *testing.T) {
	m := &memSecrets{}
	w := newWorld(t, func(o *gateway.Options) { o.Secrets = m })
	owner := w.owner()
	owner.must("secrets.note", gateway.SecretNote{Act: "set", Names: []string{"A_KEY"}, Generation: 3}, nil)
	for _, n := range []gateway.SecretNote{{Act: "steal"}, {}, {Act: "set", Names: make([]string, 2000)}} {
		if f := owner.call("secrets.note", n); f.OK {
			t.Errorf("%q with %d names was taken", n.Act, len(n.Names))
		}
	}
	if len(m.notes) != 1 || m.notes[0].Generation != 3 {
		t.Errorf("%+v", m.notes)
	}
	if f := w.operator(wire.Read, wire.Write, wire.Approvals).call("secrets.note", gateway.SecretNote{Act: "set"}); f.OK {
		t.Error("a client with the token alone noted something")
	}
}
