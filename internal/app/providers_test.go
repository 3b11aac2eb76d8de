package app_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openclaw-go/openclaw/internal/agent"
	"github.com/openclaw-go/openclaw/internal/app"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/model/modeltest"
)

// TestR26PrivateTextAndFallbacks: what is private in a session goes to the
// agent's first provider and to those that the owner named, and to no fallback
// beside them; a refusal is in the record.
func TestR26PrivateTextAndFallbacks(t *testing.T) {
	for name, c := range map[string]struct {
		flow, text string
		first      []modeltest.Turn
		second     int // requests that reach the fallback
		state      agent.State
	}{
		"nothing private": {"", "hello", []modeltest.Turn{modeltest.Fail(429, "3600")}, 1, agent.StateFinal},
		"private":         {"", "read it", []modeltest.Turn{modeltest.Ask("c", "read", `{"path":"notes.txt"}`), modeltest.Fail(400, "")}, 0, agent.StateError},
		"private, down":   {"", "read it", []modeltest.Turn{modeltest.Ask("c", "read", `{"path":"notes.txt"}`), modeltest.Fail(429, "3600")}, 0, agent.StateError},
		"private, named":  {`flow: { providers: ["first", "second"] },`, "read it", []modeltest.Turn{modeltest.Ask("c", "read", `{"path":"notes.txt"}`), modeltest.Fail(429, "3600")}, 1, agent.StateFinal},
		"only the other":  {`flow: { providers: ["second"] },`, "read it", []modeltest.Turn{modeltest.Ask("c", "read", `{"path":"notes.txt"}`)}, 1, agent.StateFinal},
		"nobody":          {`flow: { providers: [] },`, "read it", []modeltest.Turn{modeltest.Ask("c", "read", `{"path":"notes.txt"}`)}, 0, agent.StateError},
	} {
		t.Run(name, func(t *testing.T) {
			first, second := modeltest.NewOpenAI(t, c.first...), modeltest.NewOpenAI(t, modeltest.Say("from the other"))
			h := newHome(t)
			h.secret("model", modeltest.Key)
			provider := func(name string) string {
				return fmt.Sprintf(`%s: { baseUrl: "https://%s.example/v1", api: "openai-completions", apiKey: { source: "file", provider: "default", id: "/model" } }`, name, name)
			}
			h.configure(`{ models: { providers: { ` + provider("first") + `, ` + provider("second") + ` } }, tools: { ` + c.flow + ` allow: ["read"] },
				gateway: { auth: { mode: "token", token: { source: "file", provider: "default", id: "/gateway/token" } } },
				agents: { list: [ { id: "main", default: true, model: { primary: "first/m", fallbacks: ["second/m"] } } ] } }`)
			if err := os.MkdirAll(h.paths.Workspace, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(h.paths.Workspace, "notes.txt"), []byte("my own words"), 0o600); err != nil {
				t.Fatal(err)
			}
			client := &http.Client{Transport: &http.Transport{DialTLSContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				to := map[bool]*modeltest.Server{true: first, false: second}[strings.HasPrefix(addr, "first.example:")]
				return new(net.Dialer).DialContext(ctx, network, strings.TrimSuffix(strings.TrimPrefix(to.URL, "http://"), "/v1"))
			}}}
			a, err := app.Open(t.Context(), app.Dialling(app.Options{Paths: h.paths, Version: "0.0.0-test", Getenv: h.getenv, By: owner}, client))
			if err != nil {
				t.Fatal(err)
			}
			r := say(t, a, c.text)
			if err := a.Close(); err != nil {
				t.Error(err)
			}
			if r.State != c.state || len(second.Requests()) != c.second {
				t.Errorf("%s (%s), %d requests to the fallback, %d to the first", r.State, r.Error, len(second.Requests()), len(first.Requests()))
			}
			refused := strings.Contains(h.entries(journal.Egress), "flow.private_provider")
			if want := name != "nothing private" && name != "private, named" && name != "private"; refused != want {
				t.Errorf("refused in the record: %v", refused)
			}
		})
	}
}
