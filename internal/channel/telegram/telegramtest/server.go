// Package telegramtest is a local server that speaks the Bot API's wire format,
// with its errors. It refuses what the real one refuses.
package telegramtest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/channel"
	"github.com/openclaw-go/openclaw/internal/channel/channeltest"
)

// Token of the bot, in the real form.
const Token = "123456789:AAtestTokenOfNobody_0123456789abcdef"

// BotID and BotName of the bot.
const (
	BotID   = 123456789
	BotName = "claw_test_bot"
)

// maxText is what the service takes in one message, in UTF-16 units.
const maxText = 4096

// Server is one bot's service.
type Server struct {
	*httptest.Server

	mu       sync.Mutex
	updates  []queued
	byID     map[string]int64 // message id → update id
	nextID   int64
	nextMsg  int64
	offset   int64
	wake     chan struct{}
	poll     context.CancelFunc
	faults   map[channeltest.Fault]int
	sent     []channeltest.Sent
	told     []string
	files    map[string][]byte
	webhook  webhook
	calls    map[string]int
	lastBody map[string]string
}

type webhook struct{ url, secret string }

type queued struct {
	id     int64
	raw    json.RawMessage
	forced bool // sent although it was confirmed
}

var (
	_ channeltest.Service = (*Server)(nil)
)

// New starts a server; it ends with the test.
func New(t testing.TB) *Server {
	s := Start()
	t.Cleanup(s.Stop)
	return s
}

// Start starts a server that ends with Stop.
func Start() *Server {
	s := &Server{byID: map[string]int64{}, nextID: 700000001, nextMsg: 1, wake: make(chan struct{}), faults: map[channeltest.Fault]int{},
		files: map[string][]byte{}, calls: map[string]int{}, lastBody: map[string]string{}}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	return s
}

// Stop ends a server, whoever waits for an update.
func (s *Server) Stop() {
	s.CloseClientConnections()
	s.Close()
}

// Token implements channeltest.Service.
func (s *Server) Token() string { return Token }

// Unit implements channeltest.Service.
func (s *Server) Unit(text string) int { return channel.UTF16(text) }

// Limit implements channeltest.Service.
func (s *Server) Limit() int { return maxText }

// Sent implements channeltest.Service.
func (s *Server) Sent() []channeltest.Sent {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.sent)
}

// Told implements channeltest.Service.
func (s *Server) Told() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.told)
}

// Calls of a method so far.
func (s *Server) Calls(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[method]
}

// Body of the last call of a method.
func (s *Server) Body(method string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lastBody[method]
}

// Confirmed is the first update that the bot did not confirm yet.
func (s *Server) Confirmed() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.offset
}

// Fail implements channeltest.Service.
func (s *Server) Fail(f channeltest.Fault, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f == channeltest.Nonsense {
		for i := range n {
			odd := []string{`{"update_id":%d,"message":"a text"}`, `{"update_id":%d,"message":{"message_id":"x","chat":[]}}`, `{"update_id":%d,"poll":{"id":9}}`}
			s.push(json.RawMessage(fmt.Sprintf(odd[i%len(odd)], s.nextID)), false)
		}
		if n > 0 {
			s.updates = append(s.updates, queued{id: 0, raw: json.RawMessage(`"no object"`)})
		}
		return
	}
	s.faults[f] = n
	if n > 0 && s.poll != nil {
		s.poll() // a poll that waits meets it too
	}
}

// push queues an update. The caller holds mu.
func (s *Server) push(raw json.RawMessage, forced bool) {
	s.updates = append(s.updates, queued{s.nextID, raw, forced})
	s.nextID++
	s.signal()
}

func (s *Server) signal() {
	close(s.wake)
	s.wake = make(chan struct{})
}

// Push queues an update that the caller wrote, with its update_id filled in
// for %d.
func (s *Server) Push(format string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.push(json.RawMessage(fmt.Sprintf(format, s.nextID)), false)
}

// Again implements channeltest.Service.
func (s *Server) Again(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, q := range s.updates {
		if q.id == s.byID[id] {
			s.updates = append(s.updates, queued{q.id, q.raw, true})
			s.signal()
			return
		}
	}
}

// Deliver implements channeltest.Service.
func (s *Server) Deliver(m channel.Message) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	msg := s.message(m)
	field := "message"
	if m.Edited {
		field = "edited_message"
		msg["edit_date"] = time.Now().Unix()
	}
	raw, err := json.Marshal(map[string]any{"update_id": s.nextID, field: msg})
	if err != nil {
		panic(err)
	}
	id := fmt.Sprint(msg["message_id"])
	s.byID[id] = s.nextID
	s.push(raw, false)
	return id
}

func number(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		panic(fmt.Sprintf("%q is no number", s))
	}
	return n
}

func (s *Server) message(m channel.Message) map[string]any {
	s.nextMsg++
	from := map[string]any{"id": number(string(m.Sender.ID)), "is_bot": m.Sender.Program, "first_name": m.Sender.Name, "username": m.Sender.Username}
	chat := map[string]any{"id": number(m.Chat.ID), "type": "private"}
	if m.Chat.Kind == channel.Group {
		chat["type"], chat["title"] = "supergroup", "A group"
	}
	if m.At.IsZero() {
		m.At = time.Now()
	}
	out := map[string]any{"message_id": s.nextMsg, "from": from, "chat": chat, "date": m.At.Unix()}
	if m.Chat.Thread != "" {
		out["message_thread_id"], out["is_topic_message"] = number(m.Chat.Thread), true
	}
	text, field, entities := m.Text, "text", "entities"
	if len(m.Files) > 0 {
		field, entities = "caption", "caption_entities"
	}
	if m.Mentioned {
		text = "😀 @" + BotName + " " + text
		out[entities] = []map[string]any{{"type": "mention", "offset": 3, "length": len(BotName) + 1}}
	}
	out[field] = text
	if m.Forwarded {
		out["forward_date"] = m.At.Unix()
		out["forward_origin"] = map[string]any{"type": "hidden_user", "sender_user_name": "somebody", "date": m.At.Unix()}
	}
	if m.ByProgram {
		out["via_bot"] = map[string]any{"id": 99, "is_bot": true, "first_name": "inline"}
	}
	if q := m.Quoted; q != nil {
		author := number(string(q.Sender.ID))
		if q.Own {
			author = BotID
		}
		out["reply_to_message"] = map[string]any{"message_id": number(q.ID), "date": m.At.Unix(), "chat": chat, "text": q.Text, "from": map[string]any{"id": author, "is_bot": q.Own}}
	}
	for i, f := range m.Files {
		data, err := f.Open(context.Background(), 1<<30)
		if err != nil {
			panic(err)
		}
		id := fmt.Sprintf("file-%d-%d", s.nextMsg, i)
		s.files[id] = data
		out["document"] = map[string]any{"file_id": id, "file_size": len(data), "file_name": f.Name, "mime_type": f.MIME}
	}
	return out
}

// Press implements channeltest.Service.
func (s *Server) Press(p channel.Press) {
	s.mu.Lock()
	defer s.mu.Unlock()
	raw, err := json.Marshal(map[string]any{"update_id": s.nextID, "callback_query": map[string]any{"id": fmt.Sprint("cb", s.nextID), "data": p.Data, "chat_instance": "1",
		"from":    map[string]any{"id": number(string(p.By.ID)), "is_bot": false, "first_name": p.By.Name},
		"message": map[string]any{"message_id": number(p.On.ID), "date": time.Now().Unix(), "chat": map[string]any{"id": number(p.On.Chat), "type": "private"}}}})
	if err != nil {
		panic(err)
	}
	s.push(raw, false)
}

func reply(w http.ResponseWriter, status int, v map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, status int, text string) {
	reply(w, status, map[string]any{"ok": false, "error_code": status, "description": text})
}

func done(w http.ResponseWriter, result any) {
	reply(w, http.StatusOK, map[string]any{"ok": true, "result": result})
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/")
	if rest, ok := strings.CutPrefix(path, "file/bot"+Token+"/"); ok {
		s.mu.Lock()
		data, found := s.files[strings.TrimPrefix(rest, "documents/")]
		s.mu.Unlock()
		if !found {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(data)
		return
	}
	method, ok := strings.CutPrefix(path, "bot"+Token+"/")
	if !ok {
		refuse(w, http.StatusUnauthorized, "Unauthorized")
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		refuse(w, http.StatusBadRequest, "Bad Request")
		return
	}
	s.mu.Lock()
	s.calls[method]++
	s.lastBody[method] = string(body)
	s.mu.Unlock()
	if s.faulty(w, method) {
		return
	}
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	s.dispatch(w, r, method, body)
}

// faulty answers with a fault that is due.
func (s *Server) faulty(w http.ResponseWriter, method string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	take := func(f channeltest.Fault) bool {
		if s.faults[f] <= 0 {
			return false
		}
		if f != channeltest.Revoked {
			s.faults[f]--
		}
		return true
	}
	switch {
	case take(channeltest.Revoked):
		refuse(w, http.StatusUnauthorized, "Unauthorized")
	case take(channeltest.Limited):
		n := int(channeltest.RetryAfter / time.Second)
		reply(w, http.StatusTooManyRequests, map[string]any{"ok": false, "error_code": 429, "description": fmt.Sprintf("Too Many Requests: retry after %d", n), "parameters": map[string]any{"retry_after": n}})
	case take(channeltest.Broken):
		refuse(w, http.StatusBadGateway, "Bad Gateway")
	case take(channeltest.Echo):
		refuse(w, http.StatusBadRequest, "Bad Request: what is bot"+Token+"/"+method+"?")
	case take(channeltest.Malformed):
		w.WriteHeader(http.StatusOK)
		_, _ = io.WriteString(w, "<html>maintenance of bot"+Token+"</html>")
	case method == "getUpdates" && take(channeltest.Conflict):
		refuse(w, http.StatusConflict, "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running")
	case take(channeltest.Cut):
		w.Header().Set("Content-Length", "1000")
		w.WriteHeader(http.StatusOK)
		_, _ = io.WriteString(w, `{"ok":true,"result":[{"update_id":7`)
		panic(http.ErrAbortHandler)
	default:
		return false
	}
	return true
}
