package gateway

import (
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gateway/access"
)

// handler answers on TCP. The browser's part and the API are apart: what one
// accepts as a credential the other does not look at.
func (s *Server) handler() http.Handler {
	browser := http.NewServeMux()
	browser.HandleFunc("GET /{$}", s.root)
	if s.opt.UI != nil {
		browser.Handle("GET /ui/", s.opt.UI)
		browser.HandleFunc("POST /ui/login", s.login)
	}
	api := http.NewServeMux()
	api.HandleFunc("POST /v1/chat/completions", s.api(completions, s.chatCompletions))
	models := s.api(completions, s.modelList)
	api.HandleFunc("GET /v1/models", models)
	api.HandleFunc("GET /v1/models/{id...}", s.api(completions, s.modelGet))
	api.HandleFunc("POST /tools/invoke", s.api(invoke, s.toolsInvoke))
	if s.opt.Metrics != nil {
		metrics := s.api(completions, func(w http.ResponseWriter, r *http.Request, _ claw.Principal) { s.opt.Metrics.ServeHTTP(w, r) })
		api.HandleFunc("GET /metrics", metrics)
		api.HandleFunc("GET /api/diagnostics/prometheus", metrics)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := peerOf(r.Context())
		p.inFlight.Add(1)
		defer func() {
			p.served.Store(true)
			p.last.Store(s.opt.Now().UnixNano())
			p.inFlight.Add(-1)
			if v := recover(); v != nil {
				if v == http.ErrAbortHandler { //nolint:errorlint // a sentinel of net/http
					panic(v)
				}
				refuseHTTP(w, http.StatusInternalServerError, "gateway.bug", "internal error (request "+s.recovered(r.URL.Path, v)+")")
			}
		}()
		switch r.URL.Path {
		case "/healthz", "/health":
			s.healthz(w, r)
			return
		}
		if h, ok := s.channelHook(r); ok {
			h.ServeHTTP(w, r)
			return
		}
		if why := s.keeper.Load().Check(r, p.local); !why.OK() {
			refuseHTTP(w, why.Status, why.Rule, why.Reason)
			return
		}
		switch {
		case r.URL.Path == "/v1/models" && r.Method == http.MethodGet:
			models(w, r) // clients poll it: spare them the mux
		case r.URL.Path == "/readyz" || r.URL.Path == "/ready":
			s.readyz(w, r)
		case strings.HasPrefix(r.URL.Path, "/v1/"), r.URL.Path == "/tools/invoke", r.URL.Path == "/metrics", r.URL.Path == "/api/diagnostics/prometheus":
			api.ServeHTTP(w, r)
		default:
			browser.ServeHTTP(w, r)
		}
	})
}

// ownerHandler answers on the unix socket: the protocol and nothing else.
func (s *Server) ownerHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/healthz":
			s.healthz(w, r)
		case !peerOf(r.Context()).owner:
			refuseHTTP(w, http.StatusForbidden, "gateway.owner", "this socket is its owner's")
		default:
			s.socket(w, r)
		}
	})
}

// root is the WebSocket, or the way to the pages.
func (s *Server) root(w http.ResponseWriter, r *http.Request) {
	if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		s.socket(w, r)
		return
	}
	if s.opt.UI == nil {
		refuseHTTP(w, http.StatusNotFound, "gateway.no_pages", "the web pages are switched off")
		return
	}
	http.Redirect(w, r, "/ui/", http.StatusSeeOther)
}

// fixed holds what is the same in every answer; nobody writes to it.
type fixed struct {
	jsonType, noStore []string
	health            []byte
}

func newFixed() fixed {
	return fixed{[]string{"application/json"}, []string{"no-store"}, []byte("{\"ok\":true,\"status\":\"live\"}\n")}
}

func (s *Server) healthz(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		refuseHTTP(w, http.StatusMethodNotAllowed, "gateway.method", "GET or HEAD")
		return
	}
	h := w.Header()
	h["Content-Type"], h["Cache-Control"] = s.fixed.jsonType, s.fixed.noStore
	_, _ = w.Write(s.fixed.health) // the client went away: nothing to do
}

// readyz says why not only to this machine.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	problems := []string{}
	if s.draining.Load() {
		problems = append(problems, "stopping")
	}
	if s.opt.Ready != nil {
		problems = append(problems, s.opt.Ready.Ready()...)
	}
	status := http.StatusOK
	if len(problems) > 0 {
		status = http.StatusServiceUnavailable
	}
	out := map[string]any{"ready": len(problems) == 0}
	if _, local := s.keeper.Load().Client(peerOf(r.Context()).addr, r.Header); local {
		out["problems"] = problems
	}
	writeJSON(w, status, out)
}

// apiError is an error body in the form of the API that it is for.
type apiError struct {
	Error apiErrorBody `json:"error"`
}

type apiErrorBody struct {
	Message string `json:"message"`
	Type    string `json:"type"`
	Code    string `json:"code,omitempty"`
	Hint    string `json:"hint,omitempty"`
}

func refuseHTTP(w http.ResponseWriter, status int, rule, message string) {
	writeJSON(w, status, apiError{apiErrorBody{Message: message, Type: errorType(status), Code: rule}})
}

func errorType(status int) string {
	switch {
	case status == http.StatusUnauthorized:
		return "authentication_error"
	case status == http.StatusForbidden:
		return "permission_error"
	case status == http.StatusNotFound:
		return "not_found_error"
	case status == http.StatusTooManyRequests:
		return "rate_limit_error"
	case status >= 500:
		return "api_error"
	}
	return "invalid_request_error"
}

func setRetryAfter(h http.Header, d time.Duration) {
	h.Set("Retry-After", strconv.Itoa(int(math.Ceil(d.Seconds()))))
}

// readBody decodes a JSON body of at most limit bytes; false means that the
// refusal was sent.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request, limit int64, v any) bool {
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); !strings.EqualFold(strings.TrimSpace(kind), "application/json") {
		refuseHTTP(w, http.StatusUnsupportedMediaType, "gateway.media_type", "Content-Type must be application/json")
		return false
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var big *http.MaxBytesError
	switch {
	case errors.As(err, &big):
		refuseHTTP(w, http.StatusRequestEntityTooLarge, "gateway.body", "the body is larger than "+strconv.FormatInt(limit, 10)+" bytes")
		return false
	case err != nil:
		refuseHTTP(w, http.StatusBadRequest, "gateway.body", "the body could not be read")
		return false
	}
	if err := json.Unmarshal(b, v); err != nil {
		refuseHTTP(w, http.StatusBadRequest, "gateway.body", "the body is not the JSON expected: "+err.Error())
		return false
	}
	return true
}

// part is a part of the API that can be open or closed.
type part uint8

const (
	completions part = iota
	invoke
)

func (e Exposure) open(p part) bool {
	switch p {
	case completions:
		return e.Completions
	case invoke:
		return e.Invoke
	}
	return false
}

type apiHandler func(w http.ResponseWriter, r *http.Request, by claw.Principal)

// api lets a request through to a part that is open, with a right credential.
func (s *Server) api(p part, f apiHandler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !s.exposure.Load().open(p) {
			refuseHTTP(w, http.StatusNotFound, "gateway.http.closed", "this endpoint is closed (gateway.http.enabled)")
			return
		}
		if s.draining.Load() {
			refuseHTTP(w, http.StatusServiceUnavailable, "gateway.stopping", "the gateway is stopping")
			return
		}
		if by, ok := s.bearer(w, r); ok {
			f(w, r, by)
		}
	}
}

// patient lets the answer to r take as long as it takes: a read deadline would
// end its context, a write deadline would cut its answer. Each write of it is
// then preceded by hurry.
func (s *Server) patient(w http.ResponseWriter) *http.ResponseController {
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Time{}) // a ResponseWriter without deadlines has none to lift
	_ = rc.SetWriteDeadline(time.Time{})
	return rc
}

// hurry gives the client WriteTimeout to take what is written next, so that
// one that does not read cannot hold a turn (R70).
func (s *Server) hurry(rc *http.ResponseController) {
	_ = rc.SetWriteDeadline(time.Now().Add(s.opt.WriteTimeout))
}

// bearer checks the credential of an API request; false means that the refusal
// was sent.
func (s *Server) bearer(w http.ResponseWriter, r *http.Request) (claw.Principal, bool) {
	k := s.keeper.Load()
	p := peerOf(r.Context())
	from, local := k.Client(p.addr, r.Header)
	by := claw.Principal{Surface: claw.SurfaceAPI, Standing: claw.Owner}
	kind := "shared"
	switch k.Mode() {
	case access.None:
		if local {
			return by, true
		}
	case access.TrustedProxy:
		kind = "proxy"
		if user, err := k.ProxyUser(p.addr, r.Header); err == nil {
			by.Sender, by.Name = claw.SenderID(user), user
			return by, true
		}
	case access.Token, access.Password:
		src := access.SourceOf(from, kind)
		if k.Weak() {
			wait, ok := s.limiter.Guess(src)
			if !ok {
				s.tooManyHTTP(w, wait)
				return by, false
			}
			if wait > 0 {
				select {
				case <-s.opt.After(wait):
				case <-r.Context().Done():
				}
			}
		}
		if k.SecretMatches(access.Bearer(r.Header)) {
			s.limiter.Pass(src)
			return by, true
		}
	case access.Unset:
	}
	if retry := s.failed(r.Context(), access.SourceOf(from, kind)); retry > 0 {
		s.tooManyHTTP(w, retry)
		return by, false
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="openclaw"`)
	refuseHTTP(w, http.StatusUnauthorized, "gateway.unauthorized", "a right bearer token is needed")
	return by, false
}

func (s *Server) tooManyHTTP(w http.ResponseWriter, retry time.Duration) {
	setRetryAfter(w.Header(), retry)
	refuseHTTP(w, http.StatusTooManyRequests, "gateway.rate_limited", "too many failures")
}
