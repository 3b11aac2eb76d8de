package gateway

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gateway/access"
	"github.com/openclaw-go/openclaw/internal/gateway/devices"
	"github.com/openclaw-go/openclaw/internal/gateway/wire"
)

const (
	loginLife     = 2 * time.Minute
	maxLoginCodes = 64
)

// logins holds single-use sign-in codes, as hashes. A used or old code is
// remembered, so that a person is told which of the two it was.
type logins struct {
	now    func() time.Time
	random io.Reader

	mu    sync.Mutex
	codes map[[sha256.Size]byte]*loginCode
}

type loginCode struct {
	until time.Time
	used  bool
}

func newLogins(now func() time.Time, random io.Reader) *logins {
	return &logins{now: now, random: random, codes: map[[sha256.Size]byte]*loginCode{}}
}

// mint makes a code of 128 bits.
func (l *logins) mint() (string, time.Time, error) {
	raw := make([]byte, 16)
	if _, err := io.ReadFull(l.random, raw); err != nil {
		return "", time.Time{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	code, until := hex.EncodeToString(raw), l.now().Add(loginLife)
	if len(l.codes) >= maxLoginCodes {
		l.dropOldestLocked()
	}
	l.codes[sha256.Sum256([]byte(code))] = &loginCode{until: until}
	return code, until, nil
}

// void forgets every code.
func (l *logins) void() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.codes)
}

func (l *logins) dropOldestLocked() {
	var key [sha256.Size]byte
	var at time.Time
	for k, c := range l.codes {
		if at.IsZero() || c.until.Before(at) {
			key, at = k, c.until
		}
	}
	delete(l.codes, key)
}

// Outcomes of spending a code.
var (
	errLoginWrong = errors.New("this sign-in link is not one of this gateway's")
	errLoginUsed  = errors.New("this sign-in link was used before")
	errLoginOld   = errors.New("this sign-in link is older than two minutes")
)

// spend uses up a code when act succeeds; act runs at most once per code.
func (l *logins) spend(code string, act func() error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, ok := l.codes[sha256.Sum256([]byte(code))]
	switch {
	case !ok:
		return errLoginWrong
	case c.used:
		return errLoginUsed
	case !l.now().Before(c.until):
		return errLoginOld
	}
	if err := act(); err != nil {
		return err
	}
	c.used = true
	return nil
}

type loginRequest struct {
	Code      string `json:"code"`
	PublicKey string `json:"publicKey"`
	Name      string `json:"name"`
}

type loginAnswer struct {
	OK        bool          `json:"ok"`
	DeviceID  claw.DeviceID `json:"deviceId,omitempty"`
	Scopes    []wire.Scope  `json:"scopes,omitempty"`
	ExpiresMs int64         `json:"expiresAtMs,omitempty"`
	Error     *loginError   `json:"error,omitempty"`
}

type loginError struct {
	Code    string `json:"code"` // wrong | used | old | limited | invalid | plain | unavailable
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

const loginHint = "run: openclaw dashboard"

// login registers a browser's key in exchange for a single-use code.
func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	s.opt.UIHeaders(w.Header())
	if s.opt.Devices == nil {
		writeJSON(w, http.StatusServiceUnavailable, loginAnswer{Error: &loginError{Code: "unavailable", Message: "sign-in is not built in"}})
		return
	}
	var q loginRequest
	if !s.readBody(w, r, 4<<10, &q) {
		return
	}
	key, ok := wire.ParsePublicKey(q.PublicKey)
	if !ok || q.Code == "" {
		writeJSON(w, http.StatusBadRequest, loginAnswer{Error: &loginError{Code: "invalid", Message: "code and an Ed25519 publicKey are needed"}})
		return
	}
	p := peerOf(r.Context())
	from, _ := s.keeper.Load().Client(p.addr, r.Header)
	if s.keeper.Load().Plain(p.addr, r) {
		writeJSON(w, http.StatusForbidden, loginAnswer{Error: &loginError{Code: "plain", Message: "a sign-in link is not taken over a network in the clear",
			Hint: "come through a tunnel (ssh -L) or with TLS in front (tailscale serve)"}})
		return
	}
	id := wire.DeviceIDOf(key)
	var device devices.Device
	err := s.logins.spend(q.Code, func() (err error) {
		by := claw.Principal{Surface: claw.SurfaceWebchat, Standing: claw.Owner, Device: id}
		if err = s.note(r.Context(), Note{Event: "device.link", Principal: by, Fields: []Field{{"device", string(id)}, {"from", from.String()}}}); err != nil {
			return err
		}
		device, err = s.opt.Devices.Pair(devices.Pending{Device: id, PublicKey: wire.EncodeKey(key), DisplayName: q.Name, Role: wire.RoleOperator,
			ClientID: "openclaw-control-ui", ClientMode: "webchat", RemoteIP: from.String()}, wire.AllScopes(), devices.ByLink)
		return err
	})
	if err != nil {
		s.refuseLogin(w, r, from, err)
		return
	}
	writeJSON(w, http.StatusOK, loginAnswer{OK: true, DeviceID: device.ID, Scopes: device.Scopes, ExpiresMs: device.ExpiresAtMs})
}

func (s *Server) refuseLogin(w http.ResponseWriter, r *http.Request, from addr, err error) {
	e := &loginError{Message: err.Error(), Hint: loginHint}
	switch {
	case errors.Is(err, errLoginWrong):
		e.Code = "wrong"
	case errors.Is(err, errLoginUsed):
		e.Code = "used"
		n := Note{Event: "auth.link_reused", Fields: []Field{{"from", from.String()}}}
		if jerr := s.note(r.Context(), n); jerr != nil {
			s.opt.Log.Error("reuse of a sign-in link was not recorded", "error", jerr)
		}
	case errors.Is(err, errLoginOld):
		e.Code = "old"
	default:
		id := s.requestID()
		s.opt.Log.Error("sign-in failed", "request", id, "error", err)
		e.Code, e.Message, e.Hint = "unavailable", "the sign-in could not be recorded (request "+id+")", ""
		writeJSON(w, http.StatusServiceUnavailable, loginAnswer{Error: e})
		return
	}
	retry := s.failed(r.Context(), access.SourceOf(from, "login"))
	status := http.StatusForbidden
	if retry > 0 {
		status = http.StatusTooManyRequests
		setRetryAfter(w.Header(), retry)
	}
	writeJSON(w, status, loginAnswer{Error: e})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic("BUG(openclaw): gateway: answer: " + err.Error())
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n')) // the client went away: nothing to do
}
