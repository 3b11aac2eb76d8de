package survey

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openclaw-go/openclaw/internal/audit"
)

// fakeTailscale is a program of that name that prints what the real one does.
type fakeTailscale struct{ program string }

func (f fakeTailscale) Output(ctx context.Context, helper string, args ...string) ([]byte, error) {
	if helper != TailscaleHelper {
		return nil, errors.New("another helper: " + helper)
	}
	return exec.CommandContext(ctx, f.program, args...).Output()
}

// Answers as tailscale 1.100 prints them, shortened.
const (
	tailRunning = `{"Version":"1.100.0-t","TUN":true,"BackendState":"Running","HaveNodeKey":true,"TailscaleIPs":["100.101.102.103"],"Self":{"ID":"n1","HostName":"box","DNSName":"box.tail0.ts.net.","TailscaleIPs":["100.101.102.103"],"Online":true},"MagicDNSSuffix":"tail0.ts.net","Peer":{}}`
	tailServe   = `{"TCP":{"443":{"HTTPS":true}},"Web":{"box.tail0.ts.net:443":{"Handlers":{"/":{"Proxy":"http://127.0.0.1:8765"},"/files":{"Path":"/srv"}}}}}`
	tailFunnel  = `{"TCP":{"443":{"HTTPS":true}},"Web":{"box.tail0.ts.net:443":{"Handlers":{"/":{"Proxy":"http://127.0.0.1:8765"}}}},"AllowFunnel":{"box.tail0.ts.net:443":true}}`
	tailTCP     = `{"TCP":{"8443":{"TCPForward":"127.0.0.1:8765","TerminateTLS":"box.tail0.ts.net"}},"AllowFunnel":{"box.tail0.ts.net:8443":true}}`
	tailShort   = `{"Foreground":{"abc":{"TCP":{"443":{"HTTPS":true}},"Web":{"box.tail0.ts.net:443":{"Handlers":{"/":{"Proxy":"http://localhost:8765/x"}}}},"AllowFunnel":{"box.tail0.ts.net:443":true}}}}`
	tailOther   = `{"Web":{"box.tail0.ts.net:443":{"Handlers":{"/":{"Proxy":"http://127.0.0.1:3000"}}}},"AllowFunnel":{"box.tail0.ts.net:443":true}}`
)

func installTailscale(t *testing.T, status, serve string) fakeTailscale {
	t.Helper()
	p := filepath.Join(t.TempDir(), "tailscale")
	text := "#!/bin/sh\ncase \"$*\" in\n'status --json') cat <<'X'\n" + status + "\nX\n;;\n'serve status --json') cat <<'X'\n" + serve + "\nX\n;;\n*) echo unknown \"$*\" >&2; exit 2;;\nesac\n"
	if err := os.WriteFile(p, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return fakeTailscale{p}
}

func TestTailscale(t *testing.T) {
	for _, x := range []struct {
		name, status, serve string
		state               string
		gateway, funnel     bool
	}{
		{"serve", tailRunning, tailServe, "Running", true, false},
		{"funnel", tailRunning, tailFunnel, "Running", true, true},
		{"funnel of a TCP port", tailRunning, tailTCP, "Running", true, true},
		{"funnel of a command that still runs", tailRunning, tailShort, "Running", true, true},
		{"funnel of something else", tailRunning, tailOther, "Running", false, false},
		{"nothing", tailRunning, `{}`, "Running", false, false},
		{"stopped", strings.Replace(tailRunning, "Running", "Stopped", 1), "", "Stopped", false, false},
	} {
		got := Deep{Port: 8765, Start: installTailscale(t, x.status, x.serve)}.tailscale(context.Background())
		gateway, funnel := false, false
		for _, d := range got.Doors {
			gateway = gateway || d.Gateway
			funnel = funnel || d.Gateway && d.Funnel
		}
		if got.Err != "" || got.State != x.state || gateway != x.gateway || funnel != x.funnel {
			t.Errorf("%s: %+v", x.name, got)
		}
	}
}

type starterFunc func() ([]byte, error)

func (f starterFunc) Output(context.Context, string, ...string) ([]byte, error) { return f() }

func TestTailscaleThatCannotBeAsked(t *testing.T) {
	if got := (Deep{}).tailscale(context.Background()); got != nil {
		t.Errorf("%+v", got)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	for name, x := range map[string]struct {
		ctx  context.Context
		f    starterFunc
		want audit.Tailscale
	}{
		"absent":  {context.Background(), func() ([]byte, error) { return nil, ErrAbsent }, audit.Tailscale{Absent: true}},
		"fails":   {context.Background(), func() ([]byte, error) { return nil, errors.New("exit status 1") }, audit.Tailscale{Err: "tailscale status: exit status 1"}},
		"no json": {context.Background(), func() ([]byte, error) { return []byte("Logged out."), nil }, audit.Tailscale{Err: "tailscale status answered something that is no JSON of its own"}},
		"empty":   {context.Background(), func() ([]byte, error) { return []byte("{}"), nil }, audit.Tailscale{Err: "tailscale status does not say whether it runs"}},
		"slow":    {ended, func() ([]byte, error) { return nil, context.Canceled }, audit.Tailscale{Err: "tailscale status did not answer in time"}},
	} {
		if got := (Deep{Start: x.f}).tailscale(x.ctx); got.Err != x.want.Err || got.Absent != x.want.Absent || len(got.Doors) > 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestLeadsTo(t *testing.T) {
	for target, want := range map[string]bool{"8765": true, "127.0.0.1:8765": true, "http://127.0.0.1:8765": true, "https+insecure://localhost:8765/x": true, "[::1]:8765": true,
		"http://127.0.0.1:87650": false, "http://127.0.0.1": false, "": false, "unix:/run/x": false, "/srv/8765": false} {
		if got := leadsTo(target, 8765); got != want {
			t.Errorf("%q: %v", target, got)
		}
	}
	if !leadsTo("https://localhost", 443) {
		t.Error("the usual port of https is not seen")
	}
}
