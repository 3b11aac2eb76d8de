package gateway_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/openclaw-go/openclaw/internal/approval"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gateway"
	"github.com/openclaw-go/openclaw/internal/gateway/access"
	"github.com/openclaw-go/openclaw/internal/gateway/devices"
	"github.com/openclaw-go/openclaw/internal/gateway/wire"
)

const (
	rightToken = "k3J9vQ2mX7wZ1pL5tR8yB4nC6dF0gH2s"
	mainKey    = claw.SessionKey("agent:main:main")
	patience   = 20 * time.Second // of a test that would hang
)

// world is a gateway on loopback with parts that live in memory.
type world struct {
	t       testing.TB
	s       *gateway.Server
	agent   *memAgent
	tools   *memTools
	journal *memJournal
	desk    *approval.Desk
	book    *devices.Book
	key     ed25519.PrivateKey
	clock   *clock
	tcp     string // address
	unix    string // path of the owner's socket
	far     string // address of a listener whose peers seem to be elsewhere
	served  chan error
}

// clock stands still until a test moves it; waits end at once and are kept.
type clock struct {
	mu    sync.Mutex
	at    time.Time
	waits []time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func (c *clock) after(d time.Duration) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d == gateway.DefaultTick {
		return nil // the beat is not under test
	}
	c.waits = append(c.waits, d)
	fired := make(chan time.Time, 1)
	fired <- c.at
	return fired
}

func (c *clock) waited() []time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.waits)
}

// farListener claims that every peer has another address.
type farListener struct {
	net.Listener
	from string
}

type farConn struct {
	net.Conn
	from net.Addr
}

func (c farConn) RemoteAddr() net.Addr { return c.from }

func (l farListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return farConn{c, &net.TCPAddr{IP: net.ParseIP(l.from), Port: 40000}}, nil
}

type memDisk struct {
	mu    sync.Mutex
	files map[string][]byte
}

func (d *memDisk) Read(name string) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.files[name], nil
}

func (d *memDisk) Write(name string, b []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.files[name] = bytes.Clone(b)
	return nil
}

type keyIdentity struct{ key ed25519.PrivateKey }

func (k keyIdentity) PublicKey() ed25519.PublicKey { return k.key.Public().(ed25519.PublicKey) }
func (k keyIdentity) Sign(m []byte) []byte         { return ed25519.Sign(k.key, m) }

// newWorld starts a gateway; change may be nil.
func newWorld(t testing.TB, change func(*gateway.Options)) *world {
	t.Helper()
	w := &world{t: t, agent: newMemAgent(), tools: &memTools{}, journal: &memJournal{}, clock: &clock{at: time.Date(2026, 4, 1, 12, 0, 0, 0, time.UTC)},
		key: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32)), served: make(chan error, 1)}
	n := 0
	w.desk = approval.NewDesk(approval.Options{Now: w.clock.now, NewID: func() claw.ApprovalID { n++; return claw.ApprovalID(fmt.Sprintf("ap%d", n)) }})
	var err error
	if w.book, err = devices.Open(&memDisk{files: map[string][]byte{}}, w.clock.now, rand.Reader); err != nil {
		t.Fatal(err)
	}
	opt := gateway.Options{Version: "0.1.0", Auth: access.Config{Mode: access.Token, Secret: rightToken}, HTTP: gateway.Exposure{Completions: true, Invoke: true},
		Agent: w.agent, Sessions: &memSessions{}, Approvals: w.desk, Tools: w.tools, Journal: w.journal, Identity: keyIdentity{w.key}, Devices: w.book,
		UI: http.NotFoundHandler(), UIHeaders: func(http.Header) {}, Now: w.clock.now, After: w.clock.after, Random: rand.Reader}
	if change != nil {
		change(&opt)
	}
	if w.s, err = gateway.New(opt); err != nil {
		t.Fatal(err)
	}
	near, far := listen(t), listen(t)
	w.tcp, w.far = near.Addr().String(), far.Addr().String()
	dir := filepath.Join(t.TempDir(), "run")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	w.unix = filepath.Join(dir, "gw.sock")
	own, err := gateway.ListenOwner(w.unix)
	if err != nil {
		t.Fatal(err)
	}
	go func() { w.served <- w.s.Serve([]net.Listener{near, farListener{far, "10.1.2.3"}}, own) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := w.s.Shutdown(ctx, "test ends"); err != nil {
			t.Errorf("shutdown: %v", err)
		}
	})
	return w
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// answer of an HTTP request.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) rule(t testing.TB) string {
	t.Helper()
	var v struct {
		Error struct{ Code string }
	}
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("body %q: %v", a.body, err)
	}
	return v.Error.Code
}

// do sends one request on a connection of its own.
func (w *world) do(method, path, body string, header map[string]string) answer {
	w.t.Helper()
	return w.doAt(w.tcp, method, path, body, header)
}

func (w *world) doAt(address, method, path, body string, header map[string]string) answer {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, "http://"+address+path, bytes.NewReader([]byte(body)))
	if err != nil {
		w.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for k, v := range header {
		if k == "Host" {
			r.Host = v
			continue
		}
		r.Header.Set(k, v)
	}
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := c.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(b)}
}

func bearer(token string) map[string]string {
	return map[string]string{"Authorization": "Bearer " + token}
}

// frame is what the gateway sends.
type frame struct {
	Type    string
	ID      string
	OK      bool
	Payload json.RawMessage
	Error   *wire.Error
	Event   string
	Seq     uint64
}

// client is one WebSocket client.
type client struct {
	t         testing.TB
	ws        *websocket.Conn
	n         int
	challenge wire.Challenge
	seen      []frame
	hello     wire.Hello
}

func (w *world) dial(address string, header http.Header) *client {
	w.t.Helper()
	return w.open("ws://"+address+"/", &websocket.DialOptions{HTTPHeader: header})
}

func (w *world) dialOwner(header http.Header) *client {
	w.t.Helper()
	tr := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", w.unix)
	}}
	return w.open("ws://localhost/", &websocket.DialOptions{HTTPClient: &http.Client{Transport: tr}, HTTPHeader: header})
}

func (w *world) open(url string, o *websocket.DialOptions) *client {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ws, res, err := websocket.Dial(ctx, url, o) //nolint:bodyclose // the library closes it
	if err != nil {
		w.t.Fatalf("dial: %v (%v)", err, res)
	}
	w.t.Cleanup(func() { _ = ws.CloseNow() })
	ws.SetReadLimit(wire.MaxPayloadBytes)
	c := &client{t: w.t, ws: ws}
	f, err := c.read()
	if err != nil || f.Event != gateway.EventChallenge {
		w.t.Fatalf("first frame %+v, %v", f, err)
	}
	c.decode(f.Payload, &c.challenge)
	return c
}

func (c *client) decode(b []byte, v any) {
	c.t.Helper()
	if err := json.Unmarshal(b, v); err != nil {
		c.t.Fatalf("%s: %v", b, err)
	}
}

func (c *client) read() (frame, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, b, err := c.ws.Read(ctx)
	if err != nil {
		return frame{}, err
	}
	var f frame
	return f, json.Unmarshal(b, &f)
}

func (c *client) write(kind websocket.MessageType, b []byte) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := c.ws.Write(ctx, kind, b); err != nil {
		c.t.Fatal(err)
	}
}

// call waits for the answer; events in between are kept.
func (c *client) call(method string, params any) frame {
	c.t.Helper()
	c.n++
	id := fmt.Sprint("r", c.n)
	b, err := json.Marshal(map[string]any{"type": "req", "id": id, "method": method, "params": params})
	if err != nil {
		c.t.Fatal(err)
	}
	c.write(websocket.MessageText, b)
	return c.answerTo(id)
}

func (c *client) answerTo(id string) frame {
	c.t.Helper()
	for {
		f, err := c.read()
		if err != nil {
			c.t.Fatalf("answer to %s: %v", id, err)
		}
		if f.Type == "res" && f.ID == id {
			return f
		}
		c.seen = append(c.seen, f)
	}
}

// must calls and expects success.
func (c *client) must(method string, params, out any) {
	c.t.Helper()
	f := c.call(method, params)
	if !f.OK {
		c.t.Fatalf("%s: %v", method, f.Error)
	}
	if out != nil {
		c.decode(f.Payload, out)
	}
}

// event waits for the next event of that name.
func (c *client) event(name string) frame {
	c.t.Helper()
	for i, f := range c.seen {
		if f.Event == name {
			c.seen = slices.Delete(c.seen, i, i+1)
			return f
		}
	}
	for {
		f, err := c.read()
		if err != nil {
			c.t.Fatalf("event %s: %v", name, err)
		}
		if f.Event == name {
			return f
		}
		c.seen = append(c.seen, f)
	}
}

// closed reads to the end and returns how the gateway closed.
func (c *client) closed() websocket.CloseError {
	c.t.Helper()
	for {
		_, err := c.read()
		var ce websocket.CloseError
		switch {
		case errors.As(err, &ce):
			return ce
		case err != nil:
			c.t.Fatalf("expected a close frame, found %v", err)
		}
	}
}

// want are connect parameters; the scopes come last.
func want(token string, scopes ...wire.Scope) wire.Connect {
	return wire.Connect{MinProtocol: 3, MaxProtocol: 4, Role: wire.RoleOperator, Scopes: scopes, Auth: wire.Credentials{Token: token},
		Client: wire.Client{ID: "cli", Version: "1", Platform: "linux", Mode: "cli"}}
}

// sign adds a device identity.
func (c *client) sign(p wire.Connect, key ed25519.PrivateKey, version string, at time.Time) wire.Connect {
	pub := key.Public().(ed25519.PublicKey)
	p.Device = &wire.Device{ID: wire.DeviceIDOf(pub), PublicKey: wire.EncodeKey(pub), SignedAt: at.UnixMilli(), Nonce: c.challenge.Nonce}
	token := p.Auth.Token
	if token == "" {
		token = p.Auth.DeviceToken
	}
	p.Device.Signature = wire.EncodeKey(ed25519.Sign(key, []byte(wire.DeviceText(version, p, token))))
	return p
}

func deviceKey(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
}

// connect expects hello-ok.
func (c *client) connect(p wire.Connect) *client {
	c.t.Helper()
	f := c.call("connect", p)
	if !f.OK {
		c.t.Fatalf("connect: %v %+v", f.Error, f.Error.Details)
	}
	c.decode(f.Payload, &c.hello)
	return c
}

// operator is a client on this machine with a shared secret.
func (w *world) operator(scopes ...wire.Scope) *client {
	w.t.Helper()
	return w.dial(w.tcp, nil).connect(want(rightToken, scopes...))
}

// owner is a client on the unix socket with all scopes.
func (w *world) owner() *client {
	w.t.Helper()
	return w.dialOwner(nil).connect(want("", wire.AllScopes()...))
}
