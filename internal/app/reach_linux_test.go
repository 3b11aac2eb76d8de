//go:build linux && (amd64 || arm64) && !cgo

package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/agent"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/egress"
	"github.com/openclaw-go/openclaw/internal/inbox"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox"
	"github.com/openclaw-go/openclaw/internal/sandbox/sandboxtest"
)

// reachRole names the part that a child of this test plays.
const reachRole = "OPENCLAW_TEST_REACH"

// The program is built without cgo: libc would ask the name service for whose
// home this is by a connect of its own.

// TestR33NothingReachesOutPastTheRim: a whole conversation, over every tool
// that has effects outside and over the gateway's own port, runs in a process
// that the kernel kills at the first connect, datagram, exec or fork, with
// recorders in the place of sandbox and egress. The controls are killed: they
// do one such thing each, and the same conversation with the real rim.
func TestR33NothingReachesOutPastTheRim(t *testing.T) {
	if role := os.Getenv(reachRole); role != "" {
		playReach(t, role)
		return
	}
	for role, killed := range map[string]bool{"recorders": false, "connect": true, "unix": true, "datagram": true, "command": true, "exec": true, "real sandbox": true, "real egress": true} {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()[:strings.IndexByte(t.Name(), '/')]+"$", "-test.v")
			cmd.Env = []string{reachRole + "=" + role, "HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH"), "TMPDIR=" + t.TempDir()}
			var errs strings.Builder
			cmd.Stderr = &errs
			stdin, err1 := cmd.StdinPipe()
			stdout, err2 := cmd.StdoutPipe()
			if err := errors.Join(err1, err2, cmd.Start()); err != nil {
				t.Fatal(err)
			}
			said := talkTo(t, stdout)
			_ = stdin.Close() // it ends at the end of its input
			err := cmd.Wait()
			var exit *exec.ExitError
			bySystemCall := errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signaled() && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGSYS
			switch {
			case killed && !bySystemCall:
				t.Errorf("expected a death by the filter, found %v\n%s\n%s", err, said, errs.String())
			case !killed && (err != nil || !strings.Contains(said, "answered 200")):
				t.Errorf("%v\n%s\n%s", err, said, errs.String())
			}
		})
	}
}

// talkTo asks the child's gateway a question when it says where it is, and
// returns everything that it printed.
func talkTo(t *testing.T, out io.Reader) string {
	t.Helper()
	var all strings.Builder
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		all.WriteString(lines.Text() + "\n")
		var base, token string
		if n, _ := fmt.Sscanf(lines.Text(), "listening %s %s", &base, &token); n != 2 {
			continue
		}
		for _, body := range []string{`{"messages":[{"role":"user","content":"status"}]}`, `{"stream":true,"messages":[{"role":"user","content":"help"}]}`} {
			req, err := http.NewRequestWithContext(t.Context(), "POST", base+"/v1/chat/completions", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+token)
			req.Header.Set("Content-Type", "application/json")
			client := http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
			res, err := client.Do(req)
			if err != nil {
				fmt.Fprintf(&all, "asking: %v\n", err)
				return all.String()
			}
			b, err := io.ReadAll(res.Body)
			_ = res.Body.Close()
			fmt.Fprintf(&all, "answered %d %s %v\n", res.StatusCode, b, err)
		}
		return all.String()
	}
	return all.String()
}

func playReach(t *testing.T, role string) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(sandboxtest.ForbidReachingOut())
	switch role {
	case "connect":
		_, err := net.DialTimeout("tcp", "127.0.0.1:9", time.Second)
		t.Fatal("a connect was let through", err)
	case "unix":
		_, err := net.Dial("unix", "/absent.sock")
		t.Fatal("a connect was let through", err)
	case "datagram":
		c, err := net.ListenPacket("udp", "127.0.0.1:0")
		must(err)
		_, err = c.WriteTo([]byte("x"), c.LocalAddr())
		t.Fatal("a datagram was let through", err)
	case "command":
		t.Fatal("a fork was let through", exec.Command("/bin/true").Run())
	case "exec":
		t.Fatal("an exec was let through", syscall.Exec("/bin/true", []string{"true"}, nil))
	}
	rec := &recorders{t: t}
	r := rim{runner: func(*App) (sandbox.Runner, error) { return rec, nil }, fetch: rec, client: rec.client}
	switch role {
	case "real sandbox":
		r.runner = nil
	case "real egress":
		r.fetch = nil
	}
	converse(t, r)
	if rec.runs < 3 || len(rec.fetched) != 2 || rec.asked != 3 {
		t.Errorf("recorded %d runs, %q fetched, %d requests to the model", rec.runs, rec.fetched, rec.asked)
	}
}

// converse runs a conversation that uses everything, then serves until its
// input ends.
func converse(t *testing.T, r rim) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	env := map[string]string{"HOME": os.Getenv("HOME")}
	getenv := func(name string) string { return env[name] }
	p, err := configfile.ResolvePaths(configfile.Env{Getenv: getenv})
	must(err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	port := l.Addr().(*net.TCPAddr).Port
	must(l.Close())
	_, err = CreateHome(p, HomeOptions{Port: port})
	must(err)
	must(os.WriteFile(p.Config, fmt.Appendf(nil, `{ gateway: { port: %d, http: { enabled: true }, auth: { mode: "token", token: { source: "file", provider: "default", id: "/gateway/token" } } },
		models: { providers: { far: { baseUrl: "https://model.example/v1", api: "openai-completions", apiKey: "sk-0123456789abcdef" } } },
		tools: { allow: ["read", "write", "edit", "exec", "process", "web_fetch", "session_status", "sessions_list"], exec: { security: "full", ask: "off" }, egress: { hosts: [ { host: "example.org", class: "read" } ] }, flow: { mode: "observe" } },
		agents: { list: [ { id: "main", default: true }, { id: "remote", model: "far/m1" } ] } }`, port), 0o600))
	a, err := Open(t.Context(), Options{Paths: p, Version: "0.0.0-test", Getenv: getenv, By: operatorAct, rim: r})
	must(err)
	ask := func(id claw.AgentID, text string) {
		t.Helper()
		res, err := a.Turn(t.Context(), inbox.Message{Principal: operatorAct, Agent: id, Text: text})
		must(err)
		if res.State != agent.StateFinal {
			t.Fatalf("%q: %s %s", text, res.State, res.Error)
		}
		for _, c := range res.Calls {
			if c.Status != "done" {
				t.Errorf("%q: %+v", text, c)
			}
		}
	}
	ask("main", "write notes.txt remember the milk")
	ask("main", "read notes.txt")
	ask("main", "run id -u")
	ask("main", "fetch https://example.org/")
	ask("main", "status")
	ask("remote", "what is on that page?")
	_, err = a.Run(t.Context(), RunOptions{Argv: []string{"id"}})
	must(err)
	token, err := RevealToken(t.Context(), p, getenv, nil)
	must(err)
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	must(a.Serve(ctx, func(s Serving) { fmt.Printf("listening http://%s %s\n", s.Addresses[0], token) }))
	must(a.Close())
}

// recorders stand where sandbox and egress would: they note what they are
// given and answer as if it had been done.
type recorders struct {
	t       *testing.T
	mu      sync.Mutex
	runs    int
	fetched []string
	asked   int
}

var _ sandbox.Runner = (*recorders)(nil)

func (r *recorders) Run(_ context.Context, p policy.Permit, c sandbox.Cmd) (sandbox.Result, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.runs++; !p.Valid() || c.Path == "" {
		r.t.Errorf("%q would run without a permit", c.Path)
	}
	if c.Stdout != nil {
		_, _ = io.WriteString(c.Stdout, "1000\n")
	}
	return sandbox.Result{Enforced: policy.LevelIsolated, Guarantees: policy.LevelIsolated.Guarantees()}, nil
}

func (r *recorders) Start(context.Context, policy.Permit, sandbox.Cmd) (sandbox.Process, error) {
	return nil, errors.New("no background commands in this conversation")
}

func (r *recorders) Support() sandbox.Support {
	return sandbox.Support{Backend: "recorder", Levels: []policy.Level{policy.LevelProcess, policy.LevelConfined, policy.LevelIsolated}}
}

func (r *recorders) Close() error { return nil }

func (r *recorders) Fetch(_ context.Context, p policy.Permit, f egress.FetchRequest) (egress.FetchResult, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fetched = append(r.fetched, f.URL); !p.Valid() {
		r.t.Errorf("%q would be fetched without a permit", f.URL)
	}
	return egress.FetchResult{URL: f.URL, Status: 200, ContentType: "text/plain", Body: []byte("a page")}, nil
}

func (r *recorders) client(f egress.Fixed) (*http.Client, error) {
	return &http.Client{Transport: r}, nil
}

// RoundTrip plays a model that fetches, runs and answers.
func (r *recorders) RoundTrip(req *http.Request) (*http.Response, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	call := func(tool, args string) string {
		return fmt.Sprintf(`{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c%d","type":"function","function":{"name":%q,"arguments":%q}}]},"finish_reason":"tool_calls"}`, r.asked, tool, args)
	}
	choice := `{"index":0,"delta":{"content":"a page"},"finish_reason":"stop"}`
	switch r.asked {
	case 1:
		choice = call("web_fetch", `{"url":"https://example.org/page"}`)
	case 2:
		choice = call("exec", `{"command":"id"}`)
	}
	body := `data: {"id":"x","object":"chat.completion.chunk","model":"m1","choices":[` + choice + "]}\n\ndata: [DONE]\n\n"
	return &http.Response{StatusCode: 200, Status: "200 OK", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req,
		Header: http.Header{"Content-Type": {"text/event-stream"}}, Body: io.NopCloser(strings.NewReader(body))}, nil
}
