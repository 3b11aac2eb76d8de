package survey

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/openclaw-go/openclaw/internal/audit"
	"github.com/openclaw-go/openclaw/internal/config"
)

// verdictsOf probes a server and judges what was seen.
func verdictsOf(t *testing.T, h http.Handler) map[string]audit.Verdict {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	_, portText, err := net.SplitHostPort(srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		t.Fatal(err)
	}
	c := config.Default()
	c.Gateway.Port.V, c.Gateway.Port.Set = port, true
	live := Live(context.Background(), Deep{Port: port})
	in := audit.Input{Config: c, Snapshot: audit.Snapshot{Home: audit.Home{Owner: audit.OurHome}, System: audit.System{UID: os.Getuid()}, Live: live}}
	out := map[string]audit.Verdict{}
	for _, r := range audit.Run(in, audit.Options{Only: []string{"live.*", "gateway.probe_failed"}}).Checks {
		out[r.ID] = r.Verdict
	}
	return out
}

// A server that serves everybody fails every probe.
func TestProbesSeeAnOpenServer(t *testing.T) {
	got := verdictsOf(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			return
		}
		conn, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.Close() }()
		fmt.Fprint(rw, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		text := `{"type":"res","id":"1","ok":true}`
		fmt.Fprintf(rw, "\x81%c%s", len(text), text)
		_ = rw.Flush()
		_, _ = rw.ReadString('}')
	}))
	for _, id := range []string{"live.unauthenticated", "live.wrong_token", "live.foreign_origin", "live.host_rebinding", "live.no_rate_limit"} {
		if got[id] != audit.Fail {
			t.Errorf("%s is %s", id, got[id])
		}
	}
	if got["gateway.probe_failed"] != audit.Pass || got["live.port_owner"] == audit.Unmeasured && runtime.GOOS == "linux" {
		t.Errorf("%v", got)
	}
}

// A server that refuses passes; what cannot be asked is unmeasured, never
// fine.
func TestProbesSeeAClosedServer(t *testing.T) {
	n := 0
	got := verdictsOf(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/healthz":
		case r.Header.Get("Upgrade") != "" && r.Header.Get("Origin") == "":
			if n++; n > 3 {
				w.WriteHeader(http.StatusTooManyRequests)
				return
			}
			w.WriteHeader(http.StatusForbidden)
		default:
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	for id, want := range map[string]audit.Verdict{"live.unauthenticated": audit.Pass, "live.foreign_origin": audit.Pass, "live.host_rebinding": audit.Pass, "live.no_rate_limit": audit.Unmeasured, "live.config_not_in_force": audit.Unmeasured} {
		if got[id] != want {
			t.Errorf("%s is %s, want %s", id, got[id], want)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	_ = l.Close()
	live := Live(context.Background(), Deep{Port: port})
	if len(live.Probes) == 0 || live.Probes[0].Kind != audit.ProbeHealth || live.Probes[0].Status != 0 || live.Probes[0].Err == "" {
		t.Errorf("%+v", live.Probes)
	}
}

func TestCommandLines(t *testing.T) {
	for line, want := range map[string]bool{
		"/usr/bin/openclaw up":                                               true,
		"openclaw --profile x gateway run":                                   true,
		"openclaw gateway --bind lan":                                        true,
		"node /usr/lib/node_modules/openclaw/dist/index.js gateway --port 1": true,
		"openclaw-gateway":                                                   true,
		"openclaw security audit --deep":                                     false,
		"vim /etc/openclaw.json":                                             false,
	} {
		if got := isGateway(strings.Fields(line)); got != want {
			t.Errorf("%q: %v", line, got)
		}
	}
	p := process([]string{"openclaw", "gateway", "--bind", "lan", "--token", "hunter2", "--password=swordfish", "--port=1"})
	if !p.Secret || strings.Contains(p.Cmd, "hunter2") || strings.Contains(p.Cmd, "swordfish") || strings.Join(p.Flags, " ") != "--bind lan --port=1" {
		t.Errorf("%+v", p)
	}
}

func FuzzReadFrame(f *testing.F) {
	f.Add([]byte("\x81\x05hello"))
	f.Add([]byte("\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		text, err := readFrame(bufioOf(b))
		if err == nil && len(text) > maxFrame {
			t.Fatal(len(text))
		}
	})
}

func bufioOf(b []byte) *bufio.Reader { return bufio.NewReader(bytes.NewReader(b)) }
