// Package modeltest serves the real wire formats from a script, on loopback,
// with every fault that a stranger's server may have. It refuses to be asked
// more often than the script says.
package modeltest

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/openclaw-go/openclaw/internal/model"
)

// Key is the credential that servers expect.
const Key = "sk-test-0123456789abcdef0123456789abcdef"

// Fault is what a server does wrong. The zero value is nothing.
type Fault uint8

// Faults.
const (
	FaultNone       Fault = iota
	FaultStatus           // answers with Turn.Status, Turn.Header, Turn.Body
	FaultMalformed        // an event that is not JSON, after the first
	FaultErrorEvent       // an error object in the stream, after the first event
	FaultCut              // closes the connection after Turn.At bytes of the stream
	FaultNoEnd            // ends the stream cleanly before the reply is complete
	FaultSlow             // goes silent after Turn.At bytes until Release
	FaultSilent           // sends no header until Release
	FaultHuge             // sends text without end
	FaultLongEvent        // sends one event without end
	FaultWrongType        // answers 200 with an HTML page
	FaultGzipBomb         // answers 200 with gzip that nobody asked for
	FaultRedirect         // answers 307 to another host
	FaultDeep             // an event nested 100,000 levels deep
)

// Turn is one scripted reply.
type Turn struct {
	Blocks []model.Block    // text, thinking, tool calls
	Stop   model.StopReason // default: toolUse with calls, else stop
	Usage  model.Usage
	// Whole answers in one piece instead of a stream.
	Whole bool
	// Raw is sent as the stream, as it is, in place of Blocks.
	Raw []byte

	Fault  Fault
	Status int
	Header http.Header
	Body   string
	At     int
}

// Say is a turn of one text.
func Say(text string) Turn {
	return Turn{Blocks: []model.Block{model.Text(text)}, Usage: model.Usage{Input: 11, Output: 7}}
}

// Ask is a turn of one tool call.
func Ask(id, tool, arguments string) Turn {
	b := model.Call(model.ToolCall{ID: asID(id), Name: asName(tool), Arguments: []byte(arguments)})
	return Turn{Blocks: []model.Block{b}, Usage: model.Usage{Input: 13, Output: 9}}
}

// Fail is a turn that answers with a status.
func Fail(status int, retryAfter string) Turn {
	h := http.Header{}
	if retryAfter != "" {
		h.Set("Retry-After", retryAfter)
	}
	return Turn{Fault: FaultStatus, Status: status, Header: h}
}

// Recorded is a request as it arrived.
type Recorded struct {
	Path   string
	Query  string
	Header http.Header
	Body   []byte
}

// Server answers in one wire format.
type Server struct {
	URL    string       // base URL for the provider's Config
	Host   string       // for Key.Host
	Client *http.Client // with a transport of its own

	t       testing.TB
	wire    wire
	mu      sync.Mutex
	turns   []Turn
	seen    []Recorded
	release chan struct{}
	once    sync.Once
	active  map[net.Conn]bool
	calm    *sync.Cond // no connection is active
}

// wire renders turns in one format.
type wire struct {
	base   string // path of the base URL
	events func(Turn) []string
	whole  func(Turn) string
	fail   func(status int) string
	bad    string // an error object for the middle of a stream
	// prefix begins a stream that may go on with repeat for ever.
	prefix, repeat string
}

// NewAnthropic serves the Messages API.
func NewAnthropic(t testing.TB, turns ...Turn) *Server { return serve(t, anthropicWire(), turns) }

// NewOpenAI serves chat completions.
func NewOpenAI(t testing.TB, turns ...Turn) *Server { return serve(t, openaiWire(), turns) }

// NewGemini serves streamGenerateContent.
func NewGemini(t testing.TB, turns ...Turn) *Server { return serve(t, geminiWire(), turns) }

func serve(t testing.TB, w wire, turns []Turn) *Server {
	s := &Server{t: t, wire: w, turns: turns, release: make(chan struct{}), active: map[net.Conn]bool{}}
	s.calm = sync.NewCond(&s.mu)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(s.handle))
	srv.Config.ConnState = s.connState
	srv.Start()
	s.Host = strings.TrimPrefix(srv.URL, "http://")
	s.URL = srv.URL + w.base
	s.Client = srv.Client()
	t.Cleanup(func() {
		s.Release()
		srv.CloseClientConnections()
		srv.Close()
	})
	return s
}

// Config is what a provider needs to talk to the server.
func (s *Server) Config() model.Config {
	return model.Config{BaseURL: s.URL, Client: s.Client, Key: model.Key{Host: s.Host, Use: func(f func([]byte) error) error {
		return f([]byte(Key))
	}}}
}

// Release ends every wait of FaultSlow and FaultSilent.
func (s *Server) Release() { s.once.Do(func() { close(s.release) }) }

func (s *Server) connState(c net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch state {
	case http.StateActive:
		s.active[c] = true
	case http.StateNew, http.StateIdle, http.StateClosed, http.StateHijacked:
		delete(s.active, c)
		s.calm.Broadcast()
	}
}

// WaitCalm returns when no request is being served. A client that leaves a
// connection open after it has left a stream makes the test hang there.
func (s *Server) WaitCalm() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.active) > 0 {
		s.calm.Wait()
	}
}

// Add appends turns.
func (s *Server) Add(turns ...Turn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turns = append(s.turns, turns...)
}

// Requests are those that arrived so far.
func (s *Server) Requests() []Recorded {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Recorded(nil), s.seen...)
}

func (s *Server) handle(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s.mu.Lock()
	s.seen = append(s.seen, Recorded{Path: r.URL.Path, Query: r.URL.RawQuery, Header: r.Header.Clone(), Body: body})
	var turn Turn
	have := len(s.turns) > 0
	if have {
		turn, s.turns = s.turns[0], s.turns[1:]
	}
	n := len(s.seen)
	s.mu.Unlock()
	if !have {
		s.t.Errorf("modeltest: request %d has no turn in the script", n)
		w.WriteHeader(http.StatusTeapot)
		return
	}
	if !authorized(r) {
		turn = Fail(http.StatusUnauthorized, "")
	}
	s.answer(w, r, turn)
}

func authorized(r *http.Request) bool {
	return r.Header.Get("Authorization") == "Bearer "+Key || r.Header.Get("X-Api-Key") == Key || r.Header.Get("X-Goog-Api-Key") == Key
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request, turn Turn) {
	switch turn.Fault {
	case FaultStatus:
		s.status(w, turn)
		return
	case FaultRedirect:
		http.Redirect(w, r, "http://127.0.0.2:1/elsewhere", http.StatusTemporaryRedirect)
		return
	case FaultWrongType:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, "<html><body>Sign in to continue</body></html>")
		return
	case FaultSilent:
		select {
		case <-s.release:
		case <-r.Context().Done():
			return
		}
	case FaultNone, FaultMalformed, FaultErrorEvent, FaultCut, FaultNoEnd, FaultSlow, FaultHuge, FaultLongEvent, FaultGzipBomb, FaultDeep:
	}
	if turn.Whole {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, s.wire.whole(turn))
		return
	}
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	if turn.Fault == FaultGzipBomb {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(bomb())
		return
	}
	s.stream(w, r, turn)
}

func (s *Server) status(w http.ResponseWriter, turn Turn) {
	for k, v := range turn.Header {
		w.Header()[k] = v
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(turn.Status)
	body := turn.Body
	if body == "" {
		body = s.wire.fail(turn.Status)
	}
	_, _ = io.WriteString(w, body)
}

func (s *Server) stream(w http.ResponseWriter, r *http.Request, turn Turn) {
	events := s.wire.events(turn)
	switch turn.Fault {
	case FaultMalformed:
		events = append(events[:1:1], "data: {\"type\": \"mess\x00, }}}\n\n")
	case FaultErrorEvent:
		events = append(events[:1:1], s.wire.bad)
	case FaultNoEnd:
		events = events[:1]
	case FaultDeep:
		events = append(events[:1:1], "data: "+strings.Repeat("[", 100_000)+strings.Repeat("]", 100_000)+"\n\n")
	case FaultHuge, FaultLongEvent:
		s.flood(w, r, turn.Fault)
		return
	case FaultNone, FaultStatus, FaultCut, FaultSlow, FaultSilent, FaultWrongType, FaultGzipBomb, FaultRedirect:
	}
	body := []byte(strings.Join(events, ""))
	if turn.Raw != nil {
		body = turn.Raw
	}
	flush := http.NewResponseController(w)
	if turn.Fault != FaultCut && turn.Fault != FaultSlow {
		_, _ = w.Write(body)
		_ = flush.Flush()
		return
	}
	at := min(turn.At, len(body))
	_, _ = w.Write(body[:at])
	_ = flush.Flush()
	if turn.Fault == FaultCut {
		if conn, _, err := flush.Hijack(); err == nil {
			conn.Close()
		}
		return
	}
	select {
	case <-s.release:
		_, _ = w.Write(body[at:])
	case <-r.Context().Done():
	}
}

// flood writes until the client has enough.
func (s *Server) flood(w http.ResponseWriter, r *http.Request, fault Fault) {
	piece := s.wire.repeat
	_, _ = io.WriteString(w, s.wire.prefix)
	if fault == FaultLongEvent {
		piece = strings.Repeat("x", 1<<16)
		_, _ = io.WriteString(w, "data: ")
	}
	for r.Context().Err() == nil {
		if _, err := io.WriteString(w, piece); err != nil {
			return
		}
	}
}

// bomb is a megabyte of gzip that would inflate to a gigabyte.
func bomb() []byte {
	var buf bytes.Buffer
	zip := gzip.NewWriter(&buf)
	zeros := make([]byte, 1<<20)
	for range 64 {
		_, _ = zip.Write(zeros)
	}
	_ = zip.Close()
	return bytes.Repeat(buf.Bytes(), 16)
}

func event(name, data string) string {
	if name == "" {
		return "data: " + data + "\n\n"
	}
	return fmt.Sprintf("event: %s\ndata: %s\n\n", name, data)
}
