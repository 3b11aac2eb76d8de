package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"pgregory.net/rapid"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gateway"
	"github.com/openclaw-go/openclaw/internal/gateway/access"
	"github.com/openclaw-go/openclaw/internal/gateway/wire"
)

// halfOpen is how many connections the flood opens; each needs a descriptor of
// this process.
const halfOpen = 10_000

// Ten thousand connections that never finish a request keep nobody out, and
// the gateway holds no more of them than it has places.
func TestFloodOfHalfOpenConnections(t *testing.T) {
	w := newWorld(t, nil)
	inside := w.operator(wire.Read)
	var open []net.Conn
	defer func() {
		for _, c := range open {
			c.Close()
		}
	}()
	for i := range halfOpen {
		c, err := net.Dial("tcp", w.tcp)
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		open = append(open, c)
		switch i % 3 {
		case 0: // says nothing
		case 1:
			_, _ = io.WriteString(c, "GET /healthz HTTP/1.1\r\nX-Slow: ") // may be cut already
		case 2:
			_, _ = io.WriteString(c, "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{")
		}
		if i%1000 == 999 {
			if a := w.do("GET", "/healthz", "", nil); a.status != http.StatusOK {
				t.Fatalf("after %d: %d", i+1, a.status)
			}
			w.operator(wire.Read)
		}
	}
	var h struct{ Connections int }
	inside.must("health", map[string]any{}, &h)
	if h.Connections > gateway.DefaultMaxConns {
		t.Errorf("%d connections are held, %d places", h.Connections, gateway.DefaultMaxConns)
	}
}

// Thousands of sockets that never connect are bounded as well.
func TestFloodOfWaitingSockets(t *testing.T) {
	w := newWorld(t, nil)
	for i := range 4 * gateway.DefaultMaxWaiting {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		ws, _, err := websocket.Dial(ctx, "ws://"+w.tcp+"/", nil) //nolint:bodyclose // the library closes it
		cancel()
		if err != nil {
			t.Fatalf("socket %d: %v", i, err)
		}
		defer func() { _ = ws.CloseNow() }()
	}
	w.operator(wire.Read)
}

// While a local program tries tokens as fast as it can, the owner gets in.
func TestLockoutUnderLoad(t *testing.T) {
	w := newWorld(t, nil)
	stop, all := make(chan struct{}), sync.WaitGroup{}
	var tried atomic.Int64
	for range 8 {
		all.Go(func() {
			c := http.Client{Timeout: patience, Transport: &http.Transport{}}
			defer c.CloseIdleConnections()
			for {
				select {
				case <-stop:
					return
				default:
				}
				req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://"+w.tcp+"/v1/models", nil)
				if err != nil {
					t.Error(err)
					return
				}
				req.Header.Set("Authorization", "Bearer wrong")
				res, err := c.Do(req)
				if err != nil {
					t.Errorf("wrong token: %v", err)
					return
				}
				_ = res.Body.Close()
				if res.StatusCode == http.StatusOK {
					t.Error("a wrong token passed")
				}
				tried.Add(1)
			}
		})
	}
	for range 20 {
		w.operator(wire.Read)
	}
	for tried.Load() < 2*access.MaxFailures {
		w.operator(wire.Read)
	}
	close(stop)
	all.Wait()
	if n := w.journal.count("auth.failure"); n != 1 {
		t.Errorf("%d entries for %d failures of one address", n, tried.Load())
	}
}

// thinker is an agent whose completions last until a test, or the caller, ends
// them.
type thinker struct {
	*memAgent
	think func(ctx context.Context, delta func(string)) error
}

func (a thinker) Complete(ctx context.Context, t gateway.Turn, delta func(string)) (gateway.RunResult, error) {
	r := gateway.RunResult{Run: t.Run, Session: t.Session, State: gateway.Final, Text: "done"}
	if err := a.think(ctx, delta); err != nil {
		r.State, r.Error = gateway.Aborted, err.Error()
	}
	return r, nil
}

const question = `{"messages":[{"role":"user","content":"think"}]}`

// A model may think for longer than a request may take to arrive.
func TestThinkingOutlastsTheDeadlines(t *testing.T) {
	const limit = 50 * time.Millisecond
	w := newWorld(t, func(o *gateway.Options) {
		o.ReadTimeout, o.WriteTimeout = limit, limit
		o.Agent = thinker{newMemAgent(), func(ctx context.Context, _ func(string)) error {
			select {
			case <-time.After(6 * limit): // the time that the model takes
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}}
	})
	for _, body := range []string{question, strings.Replace(question, "{", `{"stream":true,`, 1)} {
		if a := w.do("POST", "/v1/chat/completions", body, bearer(rightToken)); a.status != http.StatusOK || !strings.Contains(a.body, "done") {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
}

// A caller that goes away, or does not read, ends its turn.
func TestCallerThatLeavesEndsItsTurn(t *testing.T) {
	big := strings.Repeat("x", 64<<10)
	for name, row := range map[string]struct {
		stream bool
		leave  bool
	}{"whole, goes away": {false, true}, "streamed, goes away": {true, true}, "streamed, does not read": {true, false}} {
		t.Run(name, func(t *testing.T) {
			began, ended := make(chan struct{}), make(chan error, 1)
			w := newWorld(t, func(o *gateway.Options) {
				o.WriteTimeout = 100 * time.Millisecond
				o.Agent = thinker{newMemAgent(), func(ctx context.Context, delta func(string)) error {
					close(began)
					for row.stream && ctx.Err() == nil {
						delta(big)
					}
					<-ctx.Done()
					ended <- ctx.Err()
					return ctx.Err()
				}}
			})
			c, err := net.Dial("tcp", w.tcp)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			body := question
			if row.stream {
				body = strings.Replace(question, "{", `{"stream":true,`, 1)
			}
			fmt.Fprintf(c, "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", rightToken, len(body), body)
			<-began
			if row.leave {
				c.Close()
			}
			select {
			case err := <-ended:
				if !errors.Is(err, context.Canceled) {
					t.Errorf("ended by %v", err)
				}
			case <-time.After(patience):
				t.Fatal("the turn goes on for nobody")
			}
		})
	}
}

// A socket that takes nothing for WriteTimeout is cut, and only that one.
func TestSocketThatNeverReads(t *testing.T) {
	w := newWorld(t, func(o *gateway.Options) { o.WriteTimeout = 100 * time.Millisecond })
	watcher := w.operator(wire.Read)
	w.operator(wire.Read).must("sessions.messages.subscribe", map[string]any{"key": mainKey}, nil)
	present := func() int {
		var all []json.RawMessage
		watcher.must("system-presence", map[string]any{}, &all)
		return len(all)
	}
	if n := present(); n != 3 { // the gateway itself is one
		t.Fatalf("%d are present", n)
	}
	big := gateway.RowEvent{Session: mainKey, Row: func() gateway.Message { return *gateway.TextMessage("assistant", strings.Repeat("x", 256<<10), 1) }}
	deadline := time.Now().Add(patience)
	for present() > 2 {
		w.agent.publish(big)
		if time.Now().After(deadline) {
			t.Fatal("a socket that reads nothing is kept for ever")
		}
	}
}

// Nothing that a client sends after it was cut off is acted upon.
func TestNothingHappensAfterTheEnd(t *testing.T) {
	w := newWorld(t, nil)
	c := w.operator(wire.Read, wire.Write)
	if err := w.s.SetAuth(access.Config{Mode: access.Token, Secret: "another-token-of-more-than-32-characters"}); err != nil {
		t.Fatal(err)
	}
	// The client has not read the close frame yet.
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_ = c.ws.Write(ctx, websocket.MessageText, []byte(`{"type":"req","id":"late","method":"chat.send","params":{"sessionKey":"main","message":"too late"}}`)) // the socket may be closed
	if ce := c.closed(); ce.Code != websocket.StatusPolicyViolation {
		t.Errorf("%v", ce)
	}
	if n := len(w.agent.taken()); n != 0 {
		t.Errorf("%d turns were begun", n)
	}
}

// Who is signed out between the check of its credential and hello is out.
func TestSignedOutWhileConnecting(t *testing.T) {
	for name, signOut := range map[string]func(w *world, owner *client){
		"another secret": func(w *world, _ *client) {
			if err := w.s.SetAuth(access.Config{Mode: access.Token, Secret: "another-token-of-more-than-32-characters"}); err != nil {
				t.Error(err)
			}
		},
		"the device removed": func(_ *world, owner *client) {
			owner.must("device.pair.remove", map[string]any{"deviceId": deviceOf(1)}, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			var greeted atomic.Pointer[func()]
			w := newWorld(t, func(o *gateway.Options) { o.Agent = greeter{o.Agent.(*memAgent), &greeted} })
			first, f := w.as(1, wire.Credentials{Token: rightToken}, wire.Read)
			if !f.OK {
				t.Fatal(f.Error)
			}
			_ = first.ws.CloseNow()
			owner := w.owner()
			once := sync.OnceFunc(func() { signOut(w, owner) })
			greeted.Store(&once)
			late, f := w.as(1, wire.Credentials{Token: rightToken}, wire.Read)
			if !f.OK {
				t.Fatal(f.Error)
			}
			if ce := late.closed(); ce.Code != websocket.StatusPolicyViolation {
				t.Errorf("%v", ce)
			}
		})
	}
}

// greeter calls what greeted holds while a hello is written.
type greeter struct {
	*memAgent
	greeted *atomic.Pointer[func()]
}

func (a greeter) Agents() []gateway.AgentRow {
	if f := a.greeted.Load(); f != nil {
		(*f)()
	}
	return a.memAgent.Agents()
}

// Requests in flight end with their connection.
func TestWaitEndsWithItsConnection(t *testing.T) {
	waits := make(chan error, 1)
	w := newWorld(t, func(o *gateway.Options) { o.Agent = waiter{o.Agent.(*memAgent), waits} })
	c := w.operator(wire.Read, wire.Write)
	c.must("chat.send", map[string]any{"sessionKey": mainKey, "message": "hi", "idempotencyKey": "k"}, nil)
	c.write(websocket.MessageText, []byte(`{"type":"req","id":"w","method":"agent.wait","params":{"runId":"k"}}`))
	c.must("health", map[string]any{}, nil) // the wait was read before
	_ = c.ws.CloseNow()
	select {
	case err := <-waits:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("ended by %v", err)
		}
	case <-time.After(patience):
		t.Fatal("a client that is gone is still waited for")
	}
	w.agent.end("k", gateway.Final, "x")
}

// waiter tells how its waits ended.
type waiter struct {
	*memAgent
	ended chan error
}

func (a waiter) Wait(ctx context.Context, run claw.RunID) (gateway.RunResult, error) {
	r, err := a.memAgent.Wait(ctx, run)
	a.ended <- err
	return r, err
}

// Whatever a connected client sends, it is answered or cut, and others are
// answered all the same.
func TestAnyFrame(t *testing.T) {
	w := newWorld(t, nil)
	watcher := w.operator(wire.Read)
	value := rapid.OneOf(rapid.Just(`null`), rapid.Just(`""`), rapid.Just(`"main"`), rapid.Just(`-1`), rapid.Just(`1e99`), rapid.Just(`[]`), rapid.Just(`{}`), rapid.Just(`true`), rapid.Just(`"\u202e\u0000"`))
	name := rapid.SampledFrom([]string{"key", "sessionKey", "agentId", "message", "runId", "timeoutMs", "limit", "cursor", "id", "decision", "digest", "attachments", "idempotencyKey", "label", "model", "deviceId", "state", "other"})
	rapid.Check(t, func(rt *rapid.T) {
		var fields []string
		for n, v := range rapid.MapOfN(name, value, 0, 5).Draw(rt, "params") {
			fields = append(fields, fmt.Sprintf("%q:%s", n, v))
		}
		frame := fmt.Sprintf(`{"type":"req","id":"x","method":%q,"params":{%s}}`, rapid.SampledFrom(w.s.Methods()).Draw(rt, "method"), strings.Join(fields, ","))
		kind, b := websocket.MessageText, []byte(frame)
		switch rapid.IntRange(0, 9).Draw(rt, "kind") {
		case 0:
			kind = websocket.MessageBinary
		case 1:
			b = b[:rapid.IntRange(0, len(b)).Draw(rt, "cut")]
		case 2:
			b = rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(rt, "noise")
		}
		c := w.operator(wire.Read, wire.Write, wire.Approvals)
		defer func() { _ = c.ws.CloseNow() }()
		c.write(kind, b)
		if strings.Contains(frame, `"agent.wait"`) { // of a run that never ends
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if _, _, err := c.ws.Read(ctx); err != nil && ctx.Err() != nil {
			rt.Fatalf("no answer to %q", b)
		}
		for _, st := range w.agent.Active() {
			w.agent.end(st.Run, gateway.Final, "x")
		}
		for len(w.agent.came) > 0 {
			<-w.agent.came
		}
		watcher.must("health", map[string]any{}, nil)
	})
}

func BenchmarkConnect(b *testing.B) {
	w := newWorld(b, nil)
	for b.Loop() {
		c := w.dial(w.tcp, nil)
		c.connect(c.sign(want(rightToken, wire.Read), deviceKey(9), "v3", w.clock.now()))
		_ = c.ws.CloseNow()
	}
}

// BenchmarkBroadcast measures one event to 64 clients that read.
func BenchmarkBroadcast(b *testing.B) {
	w := newWorld(b, nil)
	var read sync.WaitGroup
	for range 64 {
		c := w.operator(wire.Read)
		go func() {
			for {
				if _, _, err := c.ws.Read(context.Background()); err != nil {
					return
				}
				read.Done()
			}
		}()
	}
	b.ReportAllocs()
	for b.Loop() {
		read.Add(64)
		w.agent.publish(gateway.SessionsEvent{Session: mainKey, Reason: "updated", TS: 1})
		read.Wait()
	}
}
