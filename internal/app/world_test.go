package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/openclaw-go/openclaw/internal/agent"
	"github.com/openclaw-go/openclaw/internal/app"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/inbox"
	"github.com/openclaw-go/openclaw/internal/model/modeltest"
)

func TestMain(m *testing.M) {
	app.MaybeStage()
	os.Exit(m.Run())
}

var owner = claw.Principal{Surface: claw.SurfaceCLI, Standing: claw.Owner}

// home is one hardened home in a directory of its own.
type home struct {
	t     testing.TB
	paths configfile.Paths
	env   map[string]string
}

func newHome(t testing.TB) *home {
	t.Helper()
	h := &home{t: t, env: map[string]string{"HOME": t.TempDir(), "OPENCLAW_GATEWAY_PORT": fmt.Sprint(freePort(t))}}
	var err error
	if h.paths, err = configfile.ResolvePaths(configfile.Env{Getenv: h.getenv}); err != nil {
		t.Fatal(err)
	}
	if _, err := app.CreateHome(h.paths, app.HomeOptions{}); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *home) getenv(name string) string { return h.env[name] }

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// configure replaces the configuration; it belongs to a home that never ran.
func (h *home) configure(text string) {
	h.t.Helper()
	if err := os.WriteFile(h.paths.Config, []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// secret puts a value into secrets.json beside the gateway's token.
func (h *home) secret(name, value string) {
	h.t.Helper()
	b, err := os.ReadFile(h.paths.Secrets)
	if err != nil {
		h.t.Fatal(err)
	}
	doc := map[string]any{}
	if err := json.Unmarshal(b, &doc); err != nil {
		h.t.Fatal(err)
	}
	doc[name] = value
	if b, err = json.Marshal(doc); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(h.paths.Secrets, b, 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// withModel configures one provider in a wire format, whose key lies in
// secrets.json.
func (h *home) withModel(api string, s *modeltest.Server) {
	h.t.Helper()
	h.secret("model", modeltest.Key)
	h.configure(fmt.Sprintf(`{
		gateway: { auth: { mode: "token", token: { source: "file", provider: "default", id: "/gateway/token" } } },
		models: { providers: { local: { baseUrl: %q, api: %q, apiKey: { source: "file", provider: "default", id: "/model" } } } },
		tools: { profile: "standard", fs: { workspaceOnly: true } },
		agents: { list: [ { id: "main", default: true, model: "local/m1" } ] },
	}`, s.URL, api))
}

func (h *home) open() *app.App {
	h.t.Helper()
	a, err := app.Open(h.t.Context(), app.Options{Paths: h.paths, Version: "0.0.0-test", Getenv: h.getenv, By: owner})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() {
		if err := a.Close(); err != nil {
			h.t.Errorf("close: %v", err)
		}
	})
	return a
}

// serve runs the gateway and gives its address; stop ends it, at the latest
// when the test ends.
func (h *home) serve(a *app.App) (base string, stop func()) {
	h.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan app.Serving, 1), make(chan error, 1)
	go func() { done <- a.Serve(ctx, func(s app.Serving) { ready <- s }) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			h.t.Errorf("serve: %v", err)
		}
	})
	h.t.Cleanup(stop)
	select {
	case s := <-ready:
		return "http://" + s.Addresses[0], stop
	case err := <-done:
		done <- nil
		h.t.Fatalf("serve: %v", err)
	}
	return "", stop
}

// healthy fails the test when the gateway does not answer.
func healthy(t *testing.T, base string) {
	t.Helper()
	for _, path := range []string{"/healthz", "/readyz"} {
		res, err := http.Get(base + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s", path, res.Status)
		}
	}
}

func say(t testing.TB, a *app.App, text string) agent.Result {
	t.Helper()
	r, err := a.Turn(t.Context(), inbox.Message{Principal: owner, Text: text})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// holding lists the files below dir that hold a text.
func holding(t testing.TB, dir, text string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(text)) {
			out = append(out, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
