package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/egress"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox"
)

// bound lists the secrets that programs may have put in, under the
// configuration in force.
func (a *App) bound() []egress.Bound {
	p, c := a.posture.now(), a.posture.config()
	out := make([]egress.Bound, 0, len(p.Bindings))
	for _, b := range p.Bindings {
		e := c.Secrets.Bindings.Get(b.Name)
		if e == nil {
			continue
		}
		ref := e.Secret.V
		out = append(out, egress.Bound{Binding: b, Use: func(ctx context.Context, session claw.SessionKey, h policy.Host, f func([]byte) error) error {
			v, err := a.secrets.resolve(ctx, "secrets.bindings."+b.Name, ref)
			if err != nil {
				return err
			}
			_, err = a.journal.Append(ctx, journal.Entry{Event: journal.SecretUse, Session: session, Data: struct {
				For    string `json:"for"`
				Ref    string `json:"ref"`
				Host   string `json:"host"`
				Method string `json:"method"`
				Path   string `json:"path"`
			}{"secrets.bindings." + b.Name, ref.String(), h.Name, h.Method, h.Path}})
			if err != nil {
				return err
			}
			return v.Use(f)
		}})
	}
	return out
}

// boundRunner shows programs the placeholders of the secrets that they may use
// and the certificate that the connections to these hosts are opened with. A
// run that may use none sees neither.
type boundRunner struct {
	sandbox.Runner
	app *App
}

// Run implements sandbox.Runner.
func (r boundRunner) Run(ctx context.Context, p policy.Permit, c sandbox.Cmd) (sandbox.Result, error) {
	c, err := r.app.withBindings(p, c)
	if err != nil {
		return sandbox.Result{}, err
	}
	return r.Runner.Run(ctx, p, c)
}

// Start implements sandbox.Runner.
func (r boundRunner) Start(ctx context.Context, p policy.Permit, c sandbox.Cmd) (sandbox.Process, error) {
	c, err := r.app.withBindings(p, c)
	if err != nil {
		return nil, err
	}
	return r.Runner.Start(ctx, p, c)
}

// Host starts helpers as the runner beneath does: they see no placeholder.
func (r boundRunner) Host(list []sandbox.Helper) (sandbox.Host, error) {
	h, ok := r.Runner.(hoster)
	if !ok {
		return nil, errNoHelpers
	}
	return h.Host(list)
}

// trustVariables tell programs which certificates to trust.
var trustVariables = [...]string{"SSL_CERT_FILE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "REQUESTS_CA_BUNDLE", "PIP_CERT", "NODE_EXTRA_CA_CERTS", "npm_config_cafile", "CARGO_HTTP_CAINFO"}

func (a *App) withBindings(p policy.Permit, c sandbox.Cmd) (sandbox.Cmd, error) {
	if !p.Valid() || p.Confinement().Network != policy.NetworkProxy {
		return c, nil
	}
	session, ok := a.gate.GrantedTo(p)
	if !ok {
		return c, nil
	}
	set := map[string]string{}
	for _, b := range a.posture.now().Bindings {
		if b.For(p.Agent()) {
			set[b.Variable()] = a.egress.Placeholder(session, b.Name)
		}
	}
	if len(set) == 0 {
		return c, nil
	}
	bundle, err := a.trustBundle()
	if err != nil {
		return c, err
	}
	for _, name := range trustVariables {
		set[name] = bundle
	}
	env := slices.DeleteFunc(slices.Clone(c.Env), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return set[name] != ""
	})
	for name, value := range set {
		env = append(env, name+"="+value)
	}
	slices.Sort(env)
	c.Env = env
	c.ExtraReadOnly = append(slices.Clip(c.ExtraReadOnly), bundle)
	return c, nil
}

// trustBundle writes the certificates that a run with placeholders trusts. It
// holds no key. Bundles of earlier starts go: their authority is gone.
func (a *App) trustBundle() (string, error) {
	pem, err := a.egress.TrustBundle()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(pem)
	dir := filepath.Join(a.paths.State, "sandboxes")
	path := filepath.Join(dir, "trust-"+hex.EncodeToString(sum[:8])+".pem")
	a.trusting.Lock()
	defer a.trusting.Unlock()
	if a.trusted == path {
		return path, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("certificates of runs: %w", err)
	}
	if a.trusted == "" {
		old, _ := filepath.Glob(filepath.Join(dir, "trust-*.pem")) //nolint:errcheck // the pattern is well formed
		for _, o := range old {
			if o != path {
				_ = os.Remove(o)
			}
		}
	}
	if err := atomicfile.WriteShared(path, pem, 0o644); err != nil {
		return "", fmt.Errorf("certificates of runs: %w", err)
	}
	a.trusted = path
	return path, nil
}
