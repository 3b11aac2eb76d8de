// Package channeltest is what every channel must hold to, against a local server
// that speaks its service's wire format. It refuses a channel that passes by
// doing nothing.
package channeltest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/channel"
	"github.com/openclaw-go/openclaw/internal/claw"
)

// Fault is what a service does wrong.
type Fault string

// Faults. Each makes the next N calls of its kind fail.
const (
	Limited   Fault = "rate limited"  // with a wait of RetryAfter
	Broken    Fault = "server error"  // 5xx
	Cut       Fault = "cut stream"    // the connection ends in the middle
	Malformed Fault = "malformed"     // an answer that is no answer
	Nonsense  Fault = "odd update"    // an update that makes no sense, then good ones
	Conflict  Fault = "two receivers" // somebody else receives with the token
	Revoked   Fault = "revoked token" // for good
	Echo      Fault = "echoed token"  // an error that repeats the token
)

// RetryAfter is what a limited service asks for.
const RetryAfter = 7 * time.Second

// Sent is a message as the service got it.
type Sent struct {
	To      channel.Target
	ID      string
	Text    string
	File    []byte
	Buttons []channel.Button
	// Preview: the service would fetch the links of the text.
	Preview bool
	Edited  int
}

// Service is a local server.
type Service interface {
	Token() string
	// Deliver has somebody write; it gives the message's id.
	Deliver(m channel.Message) string
	// Again delivers the same update once more.
	Again(id string)
	// Press has somebody press a button.
	Press(p channel.Press)
	// Told is what pressers were told.
	Told() []string
	Fail(f Fault, n int)
	Sent() []Sent
	// Unit counts as the service does; Limit is the longest text it takes.
	Unit(string) int
	Limit() int
}

// World is one channel on one service.
type World struct {
	Service Service
	// Open makes a channel; a second one carries on where the first stopped.
	Open func(Env) channel.Channel
	// Direct, Group and Thread are conversations that exist.
	Direct, Group, Thread channel.Chat
	Bot                   claw.SenderID
}

// Env is what a channel takes from outside.
type Env struct {
	Now    func() time.Time
	Sleep  func(context.Context, time.Duration) error
	Report func(error)
}

// Faulty reports the faults that a service of this kind can have.
type Faulty interface{ Can(Fault) bool }

// Run holds a channel to everything.
func Run(t *testing.T, world func(testing.TB) World) {
	for _, c := range []struct {
		name string
		test func(*testing.T, *run)
	}{
		{"receives", receives}, {"each message once", once}, {"position after dispatch", position}, {"sends and splits", sends}, {"no previews", previews}, {"edits", edits},
		{"buttons", buttons}, {"files in", filesIn}, {"files out", filesOut}, {"own messages", own}, {"waits when limited", limited}, {"faults pass", faults},
		{"revoked", revoked}, {"token is masked", masked}, {"bad targets", targets}, {"stops", stops},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t, &run{T: t, World: world(t), sink: newSink()})
		})
	}
}

// run is one test.
type run struct {
	*testing.T
	World
	sink *sink

	mu     sync.Mutex
	slept  []time.Duration
	errors []error
}

func (r *run) open() channel.Channel {
	return r.Open(Env{Now: time.Now, Report: func(err error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.errors = append(r.errors, err)
	}, Sleep: func(ctx context.Context, d time.Duration) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.slept = append(r.slept, d)
		return ctx.Err()
	}})
}

// receive runs a channel until stop is called, which gives its end.
func (r *run) receive(c channel.Channel) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Receive(ctx, r.sink) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	r.Cleanup(func() { _ = stop() })
	return stop
}

// sink records what comes.
type sink struct {
	mu      sync.Mutex
	got     []channel.Message
	presses []channel.Press
	fail    int // how many of the next messages are refused
	refused int
	came    chan struct{}
}

func newSink() *sink { return &sink{came: make(chan struct{}, 1024)} }

func (s *sink) Receive(_ context.Context, m channel.Message) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() { s.came <- struct{}{} }()
	if s.fail > 0 {
		s.fail--
		s.refused++
		return false, errors.New("not now")
	}
	s.got = append(s.got, m)
	return true, nil
}

func (s *sink) Press(_ context.Context, p channel.Press) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.presses = append(s.presses, p)
	s.came <- struct{}{}
	return "noted"
}

func (s *sink) messages() []channel.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]channel.Message(nil), s.got...)
}

// until waits for something to be true of what came.
func (r *run) until(what string, ok func() bool) {
	r.Helper()
	limit := time.NewTimer(30 * time.Second)
	defer limit.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-r.sink.came:
		case <-tick.C:
		case <-limit.C:
			r.Fatalf("%s did not happen; %d messages came, errors %v", what, len(r.sink.messages()), r.errors)
		}
	}
}

func (r *run) direct(text string) channel.Message {
	return channel.Message{Chat: r.Direct, Sender: channel.Sender{ID: claw.SenderID(r.Direct.ID), Name: "Ana \u202e<b>"}, Text: text, At: time.Now()}
}

func receives(t *testing.T, r *run) {
	c := r.open()
	r.receive(c)
	group := r.direct("hello all")
	group.Chat = r.Group
	named := group
	named.Mentioned, named.Text = true, "hello"
	threaded := group
	threaded.Chat = r.Thread
	fwd := r.direct("not my words")
	fwd.Forwarded = true
	edited := r.direct("changed")
	edited.Edited = true
	sent := []channel.Message{r.direct("hello é 😀"), group, named, threaded, fwd, edited}
	for _, m := range sent {
		r.Service.Deliver(m)
	}
	r.until("six messages", func() bool { return len(r.sink.messages()) == len(sent) })
	for i, got := range r.sink.messages() {
		want := sent[i]
		if !strings.Contains(got.Text, want.Text) || got.Sender.ID != want.Sender.ID || got.Chat.Kind != want.Chat.Kind || got.Chat.ID != want.Chat.ID || got.Chat.Thread != want.Chat.Thread {
			t.Errorf("%d: %+v, want %+v", i, got, want)
		}
		if got.Mentioned != want.Mentioned || got.Forwarded != want.Forwarded || got.Edited != want.Edited || got.Own || got.ID == "" || got.Chat.To == "" {
			t.Errorf("%d: %+v", i, got)
		}
		if age := time.Since(got.At); age < -time.Minute || age > time.Minute {
			t.Errorf("%d: written %s ago", i, age)
		}
	}
	if s := c.Status(); s.State != channel.Connected || s.Name == "" {
		t.Errorf("%+v", s)
	}
}

func once(t *testing.T, r *run) {
	r.receive(r.open())
	id := r.Service.Deliver(r.direct("one"))
	r.until("a message", func() bool { return len(r.sink.messages()) == 1 })
	r.Service.Again(id)
	r.Service.Deliver(r.direct("two"))
	r.until("the next message", func() bool { m := r.sink.messages(); return m[len(m)-1].Text == "two" })
	if n := len(r.sink.messages()); n != 2 {
		t.Errorf("%d messages of two", n)
	}
}

// position: what the sink refused comes again, what it took does not, not even
// to another start.
func position(t *testing.T, r *run) {
	r.sink.fail = 2
	stop := r.receive(r.open())
	r.Service.Deliver(r.direct("keep me"))
	r.until("the message after two refusals", func() bool { return len(r.sink.messages()) == 1 })
	_ = stop()
	r.Service.Deliver(r.direct("while away"))
	r.receive(r.open())
	r.until("what came while away", func() bool { return len(r.sink.messages()) >= 2 })
	r.Service.Deliver(r.direct("last"))
	r.until("the last", func() bool { m := r.sink.messages(); return m[len(m)-1].Text == "last" })
	var texts []string
	for _, m := range r.sink.messages() {
		texts = append(texts, m.Text)
	}
	if got := strings.Join(texts, ","); got != "keep me,while away,last" {
		t.Errorf("%s", got)
	}
}

func sends(t *testing.T, r *run) {
	c := r.open()
	refs, err := c.Send(t.Context(), r.Direct.To, channel.Outgoing{Text: "hello *there* <b> & 😀"})
	if err != nil || len(refs) != 1 || refs[0].ID == "" {
		t.Fatal(refs, err)
	}
	if _, err := c.Send(t.Context(), r.Thread.To, channel.Outgoing{Text: "into the thread"}); err != nil {
		t.Fatal(err)
	}
	long := "before\n```go\n" + strings.Repeat("line := 1 // 😀 of code\n", 600) + "```\nafter " + strings.Repeat("x", 5000)
	refs, err = c.Send(t.Context(), r.Direct.To, channel.Outgoing{Text: long})
	if err != nil || len(refs) < 3 {
		t.Fatalf("%d messages, %v", len(refs), err)
	}
	got := r.Service.Sent()
	if len(got) != 2+len(refs) || got[0].Text != "hello *there* <b> & 😀" || got[0].To != r.Direct.To || got[1].To != r.Thread.To {
		t.Fatalf("%d sent, the first %+v", len(got), got[0])
	}
	for i, s := range got {
		if n := r.Service.Unit(s.Text); n > r.Service.Limit() {
			t.Errorf("message %d has %d units, at most %d", i, n, r.Service.Limit())
		}
		if strings.Count(s.Text, "```")%2 != 0 {
			t.Errorf("a code fence is open at the end of message %d", i)
		}
	}
	if refs, err := c.Send(t.Context(), r.Direct.To, channel.Outgoing{Text: " \n "}); err != nil || len(refs) != 0 {
		t.Errorf("a blank text: %v, %v", refs, err)
	}
}

func previews(t *testing.T, r *run) {
	c := r.open()
	refs, err := c.Send(t.Context(), r.Direct.To, channel.Outgoing{Text: "https://evil.test/?d=secret"})
	if err != nil {
		t.Fatal(err)
	}
	if e, ok := c.(channel.Editor); ok {
		if err := e.Edit(t.Context(), refs[0], "https://evil.test/?d=more"); err != nil {
			t.Fatal(err)
		}
	}
	if a, ok := c.(channel.Asker); ok {
		if _, err := a.Ask(t.Context(), r.Direct.To, "https://evil.test/?d=ask", []channel.Button{{Text: "Yes", Data: "y"}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range r.Service.Sent() {
		if s.Preview {
			t.Errorf("the service would fetch the link of %q", s.Text)
		}
	}
}

func edits(t *testing.T, r *run) {
	c := r.open()
	e, ok := c.(channel.Editor)
	if !ok {
		t.Fatal("the channel cannot edit")
	}
	refs, err := c.Send(t.Context(), r.Direct.To, channel.Outgoing{Text: "one"})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"one two", "one two three", "one two three"} {
		if err := e.Edit(t.Context(), refs[0], text); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Edit(t.Context(), refs[0], strings.Repeat("x", r.Service.Limit()+1)); err == nil {
		t.Error("a text that is too long was taken")
	}
	if got := r.Service.Sent(); len(got) != 1 || got[0].Text != "one two three" || got[0].Edited < 2 {
		t.Errorf("%+v", got)
	}
}

func buttons(t *testing.T, r *run) {
	c := r.open()
	a, ok := c.(channel.Asker)
	if !ok {
		t.Fatal("the channel has no buttons")
	}
	r.receive(c)
	ref, err := a.Ask(t.Context(), r.Direct.To, "Run it?", []channel.Button{{Text: "Allow once", Data: "tok-1"}, {Text: "Deny", Data: "tok-2"}})
	if err != nil {
		t.Fatal(err)
	}
	sent := r.Service.Sent()
	if len(sent) != 1 || len(sent[0].Buttons) != 2 || sent[0].Buttons[0].Data != "tok-1" {
		t.Fatalf("%+v", sent)
	}
	r.Service.Press(channel.Press{By: channel.Sender{ID: claw.SenderID(r.Direct.ID)}, On: ref, Data: "tok-1"})
	r.until("the press", func() bool { r.sink.mu.Lock(); defer r.sink.mu.Unlock(); return len(r.sink.presses) == 1 })
	p := r.sink.presses[0]
	if p.By.ID != claw.SenderID(r.Direct.ID) || p.Data != "tok-1" || p.On.ID != ref.ID || p.On.Chat != ref.Chat {
		t.Errorf("%+v on %+v", p, ref)
	}
	r.until("the answer to the press", func() bool { return len(r.Service.Told()) == 1 })
	if err := a.Settle(t.Context(), ref, "Run it? Allowed."); err != nil {
		t.Fatal(err)
	}
	if sent = r.Service.Sent(); sent[0].Text != "Run it? Allowed." || len(sent[0].Buttons) != 0 {
		t.Errorf("%+v", sent[0])
	}
	if _, err := a.Ask(t.Context(), r.Direct.To, "x", []channel.Button{{Text: "y", Data: strings.Repeat("d", channel.MaxData+1)}}); err == nil {
		t.Error("a button with too much data was sent")
	}
}

func filesIn(t *testing.T, r *run) {
	r.receive(r.open())
	m := r.direct("look")
	data := []byte("\x89PNG\r\n\x1a\nnot really")
	m.Files = []channel.File{{Name: "a.png", MIME: "image/png", Size: int64(len(data)), Open: func(context.Context, int64) ([]byte, error) { return data, nil }}}
	r.Service.Deliver(m)
	r.until("the message", func() bool { return len(r.sink.messages()) == 1 })
	got := r.sink.messages()[0]
	if len(got.Files) != 1 || got.Text != "look" {
		t.Fatalf("%+v", got)
	}
	b, err := got.Files[0].Open(t.Context(), 1<<20)
	if err != nil || !bytes.Equal(b, data) {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := got.Files[0].Open(t.Context(), 5); !errors.Is(err, channel.ErrTooLarge) {
		t.Errorf("beyond the limit: %v", err)
	}
}

func filesOut(t *testing.T, r *run) {
	c := r.open()
	if _, err := c.Send(t.Context(), r.Direct.To, channel.Outgoing{Text: "here", Files: []channel.Outfile{{Name: "notes.txt", MIME: "text/plain", Data: []byte("milk")}}}); err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, s := range r.Service.Sent() {
		if s.File != nil {
			files = append(files, string(s.File))
		}
	}
	if len(files) != 1 || files[0] != "milk" {
		t.Errorf("%q", files)
	}
	_, err := c.Send(t.Context(), r.Direct.To, channel.Outgoing{Files: []channel.Outfile{{Name: "big", Data: make([]byte, c.Limits().File+1)}}})
	if !errors.Is(err, channel.ErrTooLarge) {
		t.Errorf("a file beyond the limit: %v", err)
	}
}

func own(t *testing.T, r *run) {
	r.receive(r.open())
	m := r.direct("said by the bot itself")
	m.Sender = channel.Sender{ID: r.Bot, Program: true}
	r.Service.Deliver(m)
	r.Service.Deliver(r.direct("by somebody"))
	r.until("somebody's message", func() bool { m := r.sink.messages(); return len(m) > 0 && m[len(m)-1].Text == "by somebody" })
	for _, m := range r.sink.messages() {
		if m.Text != "by somebody" && !m.Own {
			t.Errorf("%+v passes for somebody's", m)
		}
	}
}

func limited(t *testing.T, r *run) {
	c := r.open()
	r.Service.Fail(Limited, 2)
	if _, err := c.Send(t.Context(), r.Direct.To, channel.Outgoing{Text: "patience"}); err != nil {
		t.Fatal(err)
	}
	if got := r.Service.Sent(); len(got) != 1 {
		t.Errorf("%d messages of one", len(got))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.slept) != 2 || r.slept[0] < RetryAfter || r.slept[1] < RetryAfter {
		t.Errorf("waited %v, the service asked for %s each time", r.slept, RetryAfter)
	}
}

func faults(t *testing.T, r *run) {
	for _, f := range []Fault{Broken, Cut, Malformed, Nonsense, Conflict, Limited} {
		if k, ok := r.Service.(Faulty); ok && !k.Can(f) {
			continue
		}
		t.Run(string(f), func(t *testing.T) {
			r := &run{T: t, World: r.World, sink: newSink()}
			c := r.open()
			stop := r.receive(c)
			r.Service.Deliver(r.direct("before " + string(f)))
			r.until("the message before", func() bool { return len(r.sink.messages()) == 1 })
			r.Service.Fail(f, 2)
			r.Service.Deliver(r.direct("after " + string(f)))
			r.until("the message after", func() bool { m := r.sink.messages(); return m[len(m)-1].Text == "after "+string(f) })
			r.until("being well again", func() bool { return c.Status().State == channel.Connected })
			r.Service.Fail(f, 0)
			if err := stop(); !errors.Is(err, context.Canceled) {
				t.Errorf("it ended with %v", err)
			}
			if n := len(r.sink.messages()); n != 2 {
				t.Errorf("%d messages of two", n)
			}
		})
	}
}

func revoked(t *testing.T, r *run) {
	c := r.open()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- c.Receive(ctx, r.sink) }()
	r.Service.Deliver(r.direct("hello"))
	r.until("a message", func() bool { return len(r.sink.messages()) == 1 })
	r.Service.Fail(Revoked, 1)
	r.Service.Deliver(r.direct("wake up"))
	err := <-done
	var f *channel.Fatal
	if !errors.As(err, &f) || c.Status().State != channel.Down || c.Status().Problem == "" {
		t.Errorf("%v, %+v", err, c.Status())
	}
	if _, err := c.Send(t.Context(), r.Direct.To, channel.Outgoing{Text: "x"}); !errors.As(err, &f) {
		t.Errorf("a send with a revoked token: %v", err)
	}
}

// masked provokes every error that there is and looks for the token in it.
func masked(t *testing.T, r *run) {
	token := r.Service.Token()
	check := func(what string, err error) {
		t.Helper()
		for e := err; e != nil; e = errors.Unwrap(e) {
			for _, text := range []string{e.Error(), fmt.Sprintf("%+v", e), fmt.Sprintf("%#v", e)} {
				if strings.Contains(text, token) || len(token) > 20 && strings.Contains(text, token[len(token)-16:]) {
					t.Errorf("%s: the token stands in %T", what, e)
				}
			}
		}
	}
	for _, f := range []Fault{Broken, Cut, Malformed, Limited, Echo, Revoked} {
		c := r.open()
		r.Service.Fail(f, 100)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		_, err := c.Send(ctx, r.Direct.To, channel.Outgoing{Text: "x"})
		cancel()
		if err == nil {
			t.Errorf("%s: no error", f)
		}
		check(string(f), err)
		r.Service.Fail(f, 0)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, err := range r.errors {
		check("reported", err)
	}
}

func targets(t *testing.T, r *run) {
	c := r.open()
	for _, to := range []channel.Target{"", "@somebody", "ana", "../x", "1 2", "everyone", "*"} {
		if _, err := c.Send(t.Context(), to, channel.Outgoing{Text: "x"}); !errors.Is(err, channel.ErrTarget) {
			t.Errorf("%q: %v", to, err)
		}
	}
	if n := len(r.Service.Sent()); n != 0 {
		t.Errorf("%d messages went somewhere", n)
	}
}

func stops(t *testing.T, r *run) {
	c := r.open()
	stop := r.receive(c)
	r.Service.Deliver(r.direct("hello"))
	r.until("a message", func() bool { return len(r.sink.messages()) == 1 })
	if err := stop(); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if c.Status().State != channel.Down {
		t.Errorf("%+v", c.Status())
	}
}
