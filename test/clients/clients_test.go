// Package clients_test lets clients that others wrote speak with this gateway;
// it refuses answers that differ between them.
package clients_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/app"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/configfile"
)

func TestMain(m *testing.M) {
	app.MaybeStage()
	os.Exit(m.Run())
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
}

// gateway is the whole program on a port of its own.
type gateway struct {
	address, token string
}

func start(t *testing.T) gateway {
	t.Helper()
	env := map[string]string{"HOME": t.TempDir(), "OPENCLAW_GATEWAY_PORT": freePort(t)}
	getenv := func(name string) string { return env[name] }
	paths, err := configfile.ResolvePaths(configfile.Env{Getenv: getenv})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := app.CreateHome(paths, app.HomeOptions{}); err != nil {
		t.Fatal(err)
	}
	const config = `{
		gateway: { http: { enabled: true }, auth: { mode: "token", token: { source: "file", provider: "default", id: "/gateway/token" } } },
		tools: { profile: "standard", fs: { workspaceOnly: true } },
	}`
	if err := os.WriteFile(paths.Config, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(paths.Secrets)
	if err != nil {
		t.Fatal(err)
	}
	var secrets struct{ Gateway struct{ Token string } }
	if err := json.Unmarshal(b, &secrets); err != nil || secrets.Gateway.Token == "" {
		t.Fatalf("no token in the new home: %v", err)
	}
	a, err := app.Open(t.Context(), app.Options{Paths: paths, Version: "0.0.0-test", Getenv: getenv, By: claw.Principal{Surface: claw.SurfaceCLI, Standing: claw.Owner}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan app.Serving, 1), make(chan error, 1)
	go func() { done <- a.Serve(ctx, func(s app.Serving) { ready <- s }) }()
	var s app.Serving
	select {
	case s = <-ready:
	case err := <-done:
		t.Fatalf("serve: %v", err)
	}
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
		if err := a.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return gateway{s.Addresses[0], secrets.Gateway.Token}
}

// run executes a script and decodes the one line that it prints.
func (g gateway) run(t *testing.T, script string, out any) {
	t.Helper()
	node := filepath.Join("node_modules", ".bin", "node")
	if _, err := os.Stat(node); err != nil {
		t.Fatal("the clients are not installed: scripts/test-deps, or npm ci in test/clients")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	c := exec.CommandContext(ctx, node, script)
	home := t.TempDir()
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "DEVICE_FILE=" + filepath.Join(home, "device.json"), "MESSAGE=help",
		"GATEWAY_WS=ws://" + g.address, "GATEWAY_HTTP=http://" + g.address, "GATEWAY_TOKEN=" + g.token}
	var stderr strings.Builder
	c.Stderr = &stderr
	b, err := c.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, stderr.String())
	}
	if err := json.Unmarshal(b, out); err != nil {
		t.Fatalf("%s printed %q: %v", script, b, err)
	}
}

const known = "I understand these commands" // of the answer to "help"

func TestOpenclawNode(t *testing.T) {
	var got struct {
		Protocol          int
		Scopes, Roles     []string
		SecondScopes      []string
		DeviceToken, Text string
		Healthy           bool
	}
	start(t).run(t, "chat.mjs", &got)
	scopes := []string{"operator.read", "operator.write"}
	if got.Protocol != 4 || !slices.Equal(got.Scopes, scopes) || got.DeviceToken != "string" || !got.Healthy {
		t.Errorf("connected as %+v", got)
	}
	if !strings.Contains(got.Text, known) {
		t.Errorf("answer %q", got.Text)
	}
	if !slices.Equal(got.Roles, []string{"user", "assistant"}) {
		t.Errorf("history holds %v", got.Roles)
	}
	if !slices.Equal(got.SecondScopes, scopes) {
		t.Errorf("the device token brought %v", got.SecondScopes)
	}
}

func TestOpenAI(t *testing.T) {
	var got struct {
		Models                                        []string
		Text, Finish, Streamed, StreamedFinish, Usage string
		Wrong                                         int
	}
	start(t).run(t, "completions.mjs", &got)
	if !slices.Contains(got.Models, "openclaw") {
		t.Errorf("models %v", got.Models)
	}
	for name, text := range map[string]string{"whole": got.Text, "streamed": got.Streamed} {
		if !strings.Contains(text, known) {
			t.Errorf("%s answer %q", name, text)
		}
	}
	if end := fmt.Sprint(got.Finish, got.StreamedFinish, got.Usage, got.Wrong); end != "stopstopnumber401" {
		t.Errorf("ends, usage and wrong token: %q", end)
	}
}
