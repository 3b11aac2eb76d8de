package cli

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/openclaw-go/openclaw/internal/gateway/wire"
	"github.com/openclaw-go/openclaw/internal/store"
)

// client speaks the gateway protocol over the owner's unix socket. The gateway
// proves itself before a word is sent (R17).
type client struct {
	conn *websocket.Conn
	next int

	mu      sync.Mutex
	waiting map[string]chan wireResponse
	events  chan wireEvent
	closed  chan struct{}
	err     error
}

type wireResponse struct {
	OK      bool            `json:"ok"`
	Payload json.RawMessage `json:"payload"`
	Error   *wire.Error     `json:"error"`
}

type wireEvent struct {
	Event   string          `json:"event"`
	Payload json.RawMessage `json:"payload"`
}

// wireFrame is any frame of the gateway: an answer or an event.
type wireFrame struct {
	Type    string          `json:"type"`
	ID      string          `json:"id"`
	OK      bool            `json:"ok"`
	Payload json.RawMessage `json:"payload"`
	Error   *wire.Error     `json:"error"`
	Event   string          `json:"event"`
}

func (f wireFrame) answer() wireResponse { return wireResponse{f.OK, f.Payload, f.Error} }

// errNoGateway: nothing answers on the socket of this home.
var errNoGateway = errors.New("the gateway is not running")

const dialTimeout = 5 * time.Second

// dial connects to the gateway of the home in use.
func (e *env) dial() (*client, error) {
	p, err := e.paths()
	if err != nil {
		return nil, err
	}
	id, err := store.PeekDevice(filepath.Join(p.State, "identity", "device.json"))
	if err != nil {
		return nil, cannot(errNoGateway, "start it: openclaw up")
	}
	socket := p.Socket
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}}
	var nonce [16]byte
	_, _ = rand.Read(nonce[:])
	clientNonce := hex.EncodeToString(nonce[:])
	ctx, cancel := context.WithTimeout(e.ctx, dialTimeout)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, "ws://localhost/", &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: transport}, HTTPHeader: http.Header{wire.ClientNonceHeader: {clientNonce}}})
	if err != nil {
		return nil, cannot(fmt.Errorf("%w (%s)", errNoGateway, socket), "start it: openclaw up")
	}
	conn.SetReadLimit(wire.MaxPayloadBytes)
	c := &client{conn: conn, waiting: map[string]chan wireResponse{}, events: make(chan wireEvent, 1024), closed: make(chan struct{})}
	if err := c.handshake(ctx, id, clientNonce, socket); err != nil {
		_ = conn.CloseNow()
		return nil, err
	}
	go c.read()
	return c, nil
}

func (c *client) handshake(ctx context.Context, pinned store.DeviceIdentity, nonce, socket string) error {
	_, b, err := c.conn.Read(ctx)
	if err != nil {
		return cannot(fmt.Errorf("gateway: no challenge: %w", err), "openclaw gateway status")
	}
	var f struct {
		Event   string         `json:"event"`
		Payload wire.Challenge `json:"payload"`
	}
	if err := json.Unmarshal(b, &f); err != nil || !wire.VerifyProof(f.Payload, pinned.DeviceID, nonce) || f.Payload.Proof.Address != "unix:"+socket {
		return refused(errors.New("what answers on the socket is not this home's gateway"), "stop it, then start the gateway: openclaw up")
	}
	_, err = c.exchange(ctx, "connect", wire.Connect{MinProtocol: wire.MinProtocol, MaxProtocol: wire.MaxProtocol, Role: wire.RoleOperator, Scopes: wire.AllScopes(),
		Client: wire.Client{ID: "cli", Version: version, Platform: runtime.GOOS, Mode: "cli"}, Caps: []string{"tool-events"}, UserAgent: "openclaw-cli/" + version})
	return err
}

// exchange is call before the reader runs: one request, one answer.
func (c *client) exchange(ctx context.Context, method string, params any) (json.RawMessage, error) {
	id := c.newID(nil)
	if err := c.send(ctx, id, method, params); err != nil {
		return nil, err
	}
	for {
		_, b, err := c.conn.Read(ctx)
		if err != nil {
			return nil, cannot(fmt.Errorf("gateway: %s: %w", method, err), "openclaw gateway status")
		}
		var f wireFrame
		if json.Unmarshal(b, &f) == nil && f.Type == "res" && f.ID == id {
			return f.answer().result(method)
		}
	}
}

// newID numbers a request and says who waits for its answer.
func (c *client) newID(answer chan wireResponse) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next++
	id := strconv.Itoa(c.next)
	if answer != nil {
		c.waiting[id] = answer
	}
	return id
}

func (c *client) send(ctx context.Context, id, method string, params any) error {
	b, err := json.Marshal(struct {
		Type   string `json:"type"`
		ID     string `json:"id"`
		Method string `json:"method"`
		Params any    `json:"params,omitempty"`
	}{"req", id, method, params})
	if err != nil {
		return err
	}
	return c.conn.Write(ctx, websocket.MessageText, b)
}

// result turns an answer into the command line's error classes.
func (r wireResponse) result(method string) (json.RawMessage, error) {
	if r.OK {
		return r.Payload, nil
	}
	if r.Error == nil {
		return nil, cannot(fmt.Errorf("gateway: %s: an answer without reason", method), "")
	}
	err := fmt.Errorf("gateway: %s: %s", method, r.Error.Message)
	hint := ""
	if r.Error.Details != nil {
		hint = r.Error.Details.Hint
	}
	switch r.Error.Code {
	case wire.InvalidRequest, wire.NotFound:
		return nil, &failure{code: exitUsage, err: err, hint: hint}
	case wire.Forbidden, wire.NotPaired:
		return nil, &failure{code: exitRefused, err: err, hint: hint}
	case wire.Unavailable:
	}
	return nil, cannot(err, hint)
}

// read hands frames to whoever waits for them.
func (c *client) read() {
	defer close(c.closed)
	for {
		_, b, err := c.conn.Read(context.Background())
		if err != nil {
			c.mu.Lock()
			c.err = err
			c.mu.Unlock()
			return
		}
		var f wireFrame
		if json.Unmarshal(b, &f) != nil {
			continue
		}
		switch f.Type {
		case "res":
			c.mu.Lock()
			ch := c.waiting[f.ID]
			delete(c.waiting, f.ID)
			c.mu.Unlock()
			if ch != nil {
				ch <- f.answer()
			}
		case "event":
			select {
			case c.events <- wireEvent{f.Event, f.Payload}:
			default: // nobody listens to events in this command
			}
		}
	}
}

// call asks one method and waits for its answer.
func (c *client) call(ctx context.Context, method string, params, result any) error {
	ch := make(chan wireResponse, 1)
	if err := c.send(ctx, c.newID(ch), method, params); err != nil {
		return cannot(fmt.Errorf("gateway: %s: %w", method, err), "openclaw gateway status")
	}
	select {
	case r := <-ch:
		payload, err := r.result(method)
		if err != nil || result == nil {
			return err
		}
		return json.Unmarshal(payload, result)
	case <-c.closed:
		return cannot(fmt.Errorf("gateway: %s: the connection ended: %w", method, c.err), "openclaw gateway status")
	case <-ctx.Done():
		return cannot(fmt.Errorf("gateway: %s: %w", method, ctx.Err()), "")
	}
}

func (c *client) close() { _ = c.conn.Close(websocket.StatusNormalClosure, "") }
