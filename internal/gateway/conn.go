package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gateway/access"
	"github.com/openclaw-go/openclaw/internal/gateway/wire"
)

type addr = netip.Addr

// Reasons for ending a connection.
var (
	errRevoked  = errors.New("the credential of this connection is no longer valid")
	errStopping = errors.New("the gateway is stopping")
	errCrowded  = errors.New("too many connections wait to sign in")
)

// via says how a connection proved itself. The zero value has not.
type via uint8

const (
	viaNobody via = iota
	viaOwner      // the unix socket, after its peer check
	viaSecret     // token or password
	viaDevice     // a paired device's key or token
	viaProxy      // a trusted proxy vouched
	viaOpen       // gateway.auth.mode none, on this machine only
)

// conn is one WebSocket.
type conn struct {
	s    *Server
	ws   *websocket.Conn
	peer *peer
	from addr
	id   string
	out  *queue

	// life ends with the socket; ctx, its child, with the right to be answered.
	life   context.Context
	stop   context.CancelCauseFunc
	ctx    context.Context
	mute   context.CancelFunc
	ending atomic.Bool
	wrote  chan struct{} // the writer has ended
	parted chan struct{} // the farewell has ended
	done   chan struct{}

	// Set by connect, read-only afterwards.
	via       via
	scopes    []wire.Scope
	protocol  int
	device    claw.DeviceID
	principal claw.Principal
	client    wire.Client

	following atomic.Int32 // runs whose end this client is told by a second answer

	mu   sync.Mutex
	subs map[claw.SessionKey]bool
}

func (c *conn) subscribed(key claw.SessionKey) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.subs[key]
}

// socket upgrades a request and serves it to its end.
func (s *Server) socket(w http.ResponseWriter, r *http.Request) {
	if s.draining.Load() {
		refuseHTTP(w, http.StatusServiceUnavailable, "gateway.stopping", "the gateway is stopping")
		return
	}
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true, CompressionMode: websocket.CompressionDisabled}) // origin: see access.Check
	if err != nil {
		return
	}
	p := peerOf(r.Context())
	c := &conn{s: s, ws: ws, peer: p, id: s.random(8), out: newQueue(s.opt.QueueFrames, s.opt.QueueBytes), subs: map[claw.SessionKey]bool{},
		wrote: make(chan struct{}), parted: make(chan struct{}), done: make(chan struct{})}
	c.from, _ = s.keeper.Load().Client(p.addr, r.Header)
	c.life, c.stop = context.WithCancelCause(context.WithoutCancel(r.Context()))
	c.ctx, c.mute = context.WithCancel(c.life)
	defer close(c.done)
	defer c.stop(nil)
	stopLife := context.AfterFunc(s.life, func() { c.end(errStopping) })
	defer stopLife()
	ws.SetReadLimit(wire.PreConnectBytes)
	go c.write()
	c.end(c.serve(r))
	<-c.parted
	<-c.wrote
}

// write sends what is queued until the end.
func (c *conn) write() {
	defer close(c.wrote)
	for {
		frame, ok := c.out.next(c.life)
		if !ok {
			return
		}
		ctx, cancel := context.WithTimeout(c.life, c.s.opt.WriteTimeout)
		err := c.ws.Write(ctx, websocket.MessageText, frame)
		cancel()
		if err != nil {
			c.stop(fmt.Errorf("write: %w", err))
			return
		}
	}
}

// closeError ends a connection with a WebSocket status.
type closeError struct {
	code   websocket.StatusCode
	reason string
}

func (e *closeError) Error() string { return e.reason }

// end closes the connection, saying why; the first reason counts. From now on
// nothing that the client sends is acted upon.
func (c *conn) end(why error) {
	if c.ending.CompareAndSwap(false, true) {
		c.mute()
		go c.farewell(why)
	} else if errors.Is(why, errCrowded) {
		c.cut()
	}
}

// partingTime is for the other side to answer a close frame.
const partingTime = 2 * time.Second

// cut ends the connection under the WebSocket: while it parts, the library
// reads on as long as bytes of an unfinished frame come, at any pace.
func (c *conn) cut() {
	if c.peer.raw != nil {
		_ = c.peer.raw.Close() // whoever reads sees the error
	}
}

// farewell lets what is queued leave, but not for ever, and closes the socket.
func (c *conn) farewell(why error) {
	defer close(c.parted)
	defer c.stop(why)
	code, reason := closing(why)
	if errors.Is(why, errCrowded) { // politeness would cost what there is too little of
		_ = c.ws.CloseNow()
		return
	}
	c.out.close()
	ctx, cancel := context.WithTimeout(c.life, c.s.opt.WriteTimeout)
	defer cancel()
	select {
	case <-c.wrote:
	case <-ctx.Done():
	}
	late := time.AfterFunc(partingTime, c.cut)
	defer late.Stop()
	_ = c.ws.Close(code, reason) // the other side may be gone
}

// maxReason is what fits into a close frame.
const maxReason = 123

func closing(why error) (websocket.StatusCode, string) {
	code, reason := websocket.StatusNormalClosure, ""
	var ce *closeError
	switch {
	case errors.As(why, &ce):
		code, reason = ce.code, ce.reason
	case errors.Is(why, errRevoked):
		code, reason = websocket.StatusPolicyViolation, errRevoked.Error()
	case errors.Is(why, errStopping):
		code, reason = websocket.StatusServiceRestart, errStopping.Error()
	}
	if len(reason) > maxReason {
		reason = strings.ToValidUTF8(reason[:maxReason], "")
	}
	return code, reason
}

// serve is the whole life of a connection after the upgrade.
func (c *conn) serve(r *http.Request) error {
	c.s.waiting.enter(c)
	waiting := true
	leave := func() {
		if waiting {
			c.s.waiting.leave(c)
			waiting = false
		}
	}
	defer leave()
	if l := c.peer.by; l != nil && l.over.Load() {
		return errLent
	}
	ctx, cancel := context.WithTimeout(c.life, c.s.opt.HandshakeTimeout)
	defer cancel()
	nonce := c.s.random(16)
	c.challenge(r, nonce)
	// A deadline on the read would cut the socket before it could be told why.
	late := time.AfterFunc(c.s.opt.HandshakeTimeout, func() {
		c.end(&closeError{websocket.StatusPolicyViolation, "no connect request in time"})
	})
	defer late.Stop()
	req, err := c.read(c.life)
	if err != nil {
		return err
	}
	if err := c.connect(ctx, r, req, nonce); err != nil {
		return err
	}
	leave()
	late.Stop()
	c.ws.SetReadLimit(c.s.opt.MaxPayload)
	defer c.s.hub.remove(c)
	return c.loop()
}

// challenge is the first event; the gateway proves itself in it before a
// client sends anything.
func (c *conn) challenge(r *http.Request, nonce string) {
	ch := wire.Challenge{Nonce: nonce, TS: c.s.opt.Now().UnixMilli()}
	if id := c.s.opt.Identity; id != nil {
		ch.Proof = &wire.Proof{DeviceID: wire.DeviceIDOf(id.PublicKey()), PublicKey: wire.EncodeKey(id.PublicKey()), Address: c.peer.address}
		if n := r.Header.Get(wire.ClientNonceHeader); len(n) <= 128 {
			ch.Proof.ClientNonce = n
		}
		ch.Proof.Signature = wire.EncodeKey(id.Sign([]byte(wire.ProofText(ch))))
	}
	c.out.answer(wire.EncodeEvent(EventChallenge, mustJSON(ch), 0))
}

// read takes one frame; what is no request frame ends the connection.
func (c *conn) read(ctx context.Context) (wire.Request, error) {
	kind, b, err := c.ws.Read(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return wire.Request{}, ctx.Err()
		}
		return wire.Request{}, err
	}
	if kind != websocket.MessageText {
		return wire.Request{}, &closeError{websocket.StatusUnsupportedData, "only text frames are read"}
	}
	req, err := wire.DecodeRequest(b)
	if errors.Is(err, wire.ErrNotUTF8) {
		return req, &closeError{websocket.StatusInvalidFramePayloadData, err.Error()}
	}
	if err != nil && req.ID == "" {
		return req, &closeError{websocket.StatusPolicyViolation, err.Error()}
	}
	if err != nil {
		c.refuse(req.ID, &wire.Error{Code: wire.InvalidRequest, Message: err.Error()})
		req.Method = ""
	}
	return req, nil
}

func (c *conn) refuse(id string, e *wire.Error) { c.out.answer(wire.EncodeError(id, e)) }

// maxInFlight bounds the requests of one connection that are being answered.
const maxInFlight = 32

// loop answers requests until the connection ends.
func (c *conn) loop() error {
	slots := make(chan struct{}, maxInFlight)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer c.mute() // nobody is there to be answered
	for {
		if !c.out.room(c.ctx) {
			return context.Cause(c.life)
		}
		req, err := c.read(c.life)
		if err != nil || c.ending.Load() {
			return err
		}
		if req.Method == "" {
			continue
		}
		select {
		case slots <- struct{}{}:
		case <-c.ctx.Done():
			return context.Cause(c.life)
		}
		wg.Go(func() {
			last := c.answer(req)
			<-slots
			if last != nil {
				c.guarded(req, last)
				c.following.Add(-1)
			}
		})
	}
}

// twofold is an answer in two parts: one at once, one when last returns.
// Whoever makes it has counted it in conn.following.
type twofold struct {
	first any
	last  func() (any, error)
}

// answer runs one method. It returns what makes the second answer, if any.
func (c *conn) answer(req wire.Request) (last func() (any, error)) {
	m, ok := c.s.methods[req.Method]
	switch {
	case !ok:
		c.refuse(req.ID, &wire.Error{Code: wire.InvalidRequest, Message: fmt.Sprintf("unknown method %q", req.Method), Details: &wire.Details{Code: "UNKNOWN_METHOD", Methods: c.s.names}})
		return nil
	case m.scope != "" && !wire.Covers(c.scopes, m.scope):
		c.refuse(req.ID, &wire.Error{Code: wire.Forbidden, Message: fmt.Sprintf("missing scope: %s", m.scope),
			Details: &wire.Details{Code: "MISSING_SCOPE", MissingScope: m.scope, RequiredScopes: []wire.Scope{m.scope}}})
		return nil
	}
	c.guarded(req, func() (any, error) {
		payload, err := m.run(c, req.Params)
		if two, ok := payload.(*twofold); ok && err == nil {
			last = two.last
			return two.first, nil
		}
		return payload, err
	})
	return last
}

// guarded answers with what f returns; a panic of ours answers too.
func (c *conn) guarded(req wire.Request, f func() (any, error)) {
	defer func() {
		if v := recover(); v != nil {
			id := c.s.recovered(req.Method, v)
			c.refuse(req.ID, &wire.Error{Code: wire.Unavailable, Message: "internal error", Details: &wire.Details{RequestID: id}})
		}
	}()
	payload, err := f()
	if err != nil {
		c.refuse(req.ID, c.s.wireError(req.Method, err))
		return
	}
	if payload == nil {
		payload = struct {
			OK bool `json:"ok"`
		}{true}
	}
	b, err := json.Marshal(payload)
	if err != nil {
		c.refuse(req.ID, c.s.wireError(req.Method, err))
		return
	}
	c.out.answer(wire.EncodeResult(req.ID, b))
}

// wireError tells a Fault as it is; anything else is logged under an id.
func (s *Server) wireError(where string, err error) *wire.Error {
	var bad *paramsError
	if errors.As(err, &bad) {
		return &wire.Error{Code: wire.InvalidRequest, Message: where + ": " + bad.Error()}
	}
	var f *Fault
	if !errors.As(err, &f) {
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			return &wire.Error{Code: wire.Unavailable, Message: where + ": the request ended before its answer", Retryable: true}
		}
		id := s.requestID()
		s.opt.Log.Error("a request failed", "method", where, "request", id, "error", err)
		return &wire.Error{Code: wire.Unavailable, Message: where + ": it could not be done (request " + id + ")", Details: &wire.Details{RequestID: id, Hint: "openclaw logs"}}
	}
	e := &wire.Error{Message: f.Message}
	if f.Rule != "" || f.Hint != "" {
		e.Details = &wire.Details{Rule: f.Rule, Hint: f.Hint}
	}
	switch f.Kind {
	case Invalid, Conflict:
		e.Code = wire.InvalidRequest
		if f.Kind == Conflict {
			e.Code = "CONFLICT"
		}
	case NotFound:
		e.Code = wire.NotFound
	case Refused:
		e.Code = wire.Forbidden
	case Unavailable:
		e.Code, e.Retryable = wire.Unavailable, true
	}
	return e
}

// failed counts a wrong credential, waits as long as its source has earned,
// and gives the time until it may try again when it is locked out. The first
// failure of a source is recorded at once, the rest are counted (R52).
func (s *Server) failed(ctx context.Context, src access.Source) time.Duration {
	v := s.limiter.Fail(src)
	if v.First {
		n := Note{Event: "auth.failure", Fields: []Field{{"source", src.Addr.String()}, {"kind", src.Kind}, {"count", "1"}}}
		if err := s.note(ctx, n); err != nil {
			s.opt.Log.Error("a failure was not recorded", "error", err)
		}
	}
	if v.RetryAfter > 0 {
		return v.RetryAfter
	}
	select {
	case s.delayed <- struct{}{}:
		defer func() { <-s.delayed }()
		select {
		case <-s.opt.After(v.Delay):
		case <-ctx.Done():
		}
	default: // too many wait already: answer at once
	}
	return 0
}
