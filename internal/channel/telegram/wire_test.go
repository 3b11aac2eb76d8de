package telegram_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/channel"
	"github.com/openclaw-go/openclaw/internal/channel/channeltest"
	"github.com/openclaw-go/openclaw/internal/channel/telegram"
	"github.com/openclaw-go/openclaw/internal/channel/telegram/telegramtest"
)

// taker keeps what comes.
type taker struct {
	mu  sync.Mutex
	got []channel.Message
	on  []channel.Press
	ch  chan struct{}
	err error
}

func newTaker() *taker { return &taker{ch: make(chan struct{}, 1024)} }

func (s *taker) Receive(_ context.Context, m channel.Message) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return false, s.err
	}
	s.got = append(s.got, m)
	s.ch <- struct{}{}
	return true, nil
}

func (s *taker) Press(_ context.Context, p channel.Press) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.on = append(s.on, p)
	s.ch <- struct{}{}
	return ""
}

func env() channeltest.Env {
	return channeltest.Env{Now: time.Now, Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }, Report: func(error) {}}
}

// until waits for something to be true.
func until(t testing.TB, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	limit := time.NewTimer(20 * time.Second)
	defer limit.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-limit.C:
			t.Fatal("it did not happen")
		}
	}
}

// receive runs a bot on a server until n things came.
func receive(t *testing.T, s *telegramtest.Server, n int) *taker {
	t.Helper()
	b, err := telegram.New(conf(s, &kept{}, env()))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	in, done := newTaker(), make(chan error, 1)
	go func() { done <- b.Receive(ctx, in) }()
	for range n {
		select {
		case <-in.ch:
		case <-ctx.Done():
			t.Fatalf("only %d of %d came", len(in.got), n)
		}
	}
	cancel()
	<-done
	return in
}

// TestForgedForms: what a sender can write into a message makes it neither
// typed, nor somebody else's, nor addressed.
func TestForgedForms(t *testing.T) {
	const from = `"from":{"id":42,"is_bot":false,"first_name":"Ana"},"chat":{"id":42,"type":"private"},"date":1775000000`
	for name, c := range map[string]struct {
		body string
		ok   func(channel.Message) bool
	}{
		"hidden forward":     {`"message_id":2,` + from + `,"text":"/approve a1","forward_origin":{"type":"hidden_user"}`, func(m channel.Message) bool { return m.Forwarded }},
		"old forward":        {`"message_id":2,` + from + `,"text":"x","forward_date":1,"forward_from":{"id":1}`, func(m channel.Message) bool { return m.Forwarded }},
		"inline bot":         {`"message_id":2,` + from + `,"text":"x","via_bot":{"id":9,"is_bot":true}`, func(m channel.Message) bool { return m.ByProgram }},
		"edited":             {`"message_id":2,` + from + `,"text":"x","edit_date":1775000001`, func(m channel.Message) bool { return m.Edited }},
		"in a group's name":  {`"message_id":2,"from":{"id":1087968824,"is_bot":true},"sender_chat":{"id":-100,"type":"supergroup","title":"G"},"chat":{"id":-100,"type":"supergroup"},"date":1775000000,"text":"x"`, func(m channel.Message) bool { return m.Sender.ID == "" && m.Sender.Program }},
		"channel post in it": {`"message_id":2,"from":{"id":777000},"is_automatic_forward":true,"sender_chat":{"id":-5,"type":"channel"},"chat":{"id":-100,"type":"supergroup"},"date":1775000000,"text":"x"`, func(m channel.Message) bool { return m.Forwarded && m.Sender.ID == "" }},
		"nobody":             {`"message_id":2,"chat":{"id":42,"type":"private"},"date":1775000000,"text":"x"`, func(m channel.Message) bool { return m.Sender.ID == "" }},
		"name in the text":   {`"message_id":2,` + from + `,"text":"@claw_test_bot hi"`, func(m channel.Message) bool { return !m.Mentioned }},
		"another bot's name": {`"message_id":2,` + from + `,"text":"@claw_test_bott hi","entities":[{"type":"mention","offset":0,"length":15}]`, func(m channel.Message) bool { return !m.Mentioned }},
		"offset beyond":      {`"message_id":2,` + from + `,"text":"hi","entities":[{"type":"mention","offset":1,"length":9223372036854775807},{"type":"mention","offset":-1,"length":2},{"type":"mention","offset":9223372036854775807,"length":9223372036854775807}]`, func(m channel.Message) bool { return !m.Mentioned && m.Text == "hi" }},
		"in half a pair":     {`"message_id":2,` + from + `,"text":"😀@claw_test_bot","entities":[{"type":"mention","offset":1,"length":15}]`, func(m channel.Message) bool { return !m.Mentioned }},
		"command for us":     {`"message_id":2,` + from + `,"text":"/status@Claw_Test_Bot now","entities":[{"type":"bot_command","offset":0,"length":21}]`, func(m channel.Message) bool { return m.Mentioned && m.Text == "/status now" }},
		"command for others": {`"message_id":2,` + from + `,"text":"/status@other_bot","entities":[{"type":"bot_command","offset":0,"length":17}]`, func(m channel.Message) bool { return !m.Mentioned && m.Text == "/status@other_bot" }},
		"reply to us":        {`"message_id":2,` + from + `,"text":"x","reply_to_message":{"message_id":1,"from":{"id":123456789,"is_bot":true},"chat":{"id":42},"date":1,"text":"mine"}`, func(m channel.Message) bool { return m.Mentioned && m.Quoted.Own }},
		"a topic's first":    {`"message_id":2,` + from + `,"text":"x","reply_to_message":{"message_id":1,"from":{"id":123456789,"is_bot":true},"chat":{"id":42},"date":1,"forum_topic_created":{"name":"t"}}`, func(m channel.Message) bool { return !m.Mentioned && m.Quoted == nil }},
		"quote from afar":    {`"message_id":2,` + from + `,"text":"x","external_reply":{"origin":{}},"quote":{"text":"far"}`, func(m channel.Message) bool { return m.Quoted != nil && m.Quoted.Text == "far" && !m.Quoted.Own }},
		"general topic":      {`"message_id":2,"message_thread_id":1,"is_topic_message":true,"from":{"id":42},"chat":{"id":-100,"type":"supergroup"},"date":1,"text":"x"`, func(m channel.Message) bool { return m.Chat.Thread == "" && m.Chat.To == "-100" }},
		"a reply's thread":   {`"message_id":2,"message_thread_id":7,"from":{"id":42},"chat":{"id":-100,"type":"supergroup"},"date":1,"text":"x"`, func(m channel.Message) bool { return m.Chat.Thread == "" }},
		"a channel":          {`"message_id":2,"from":{"id":42},"chat":{"id":-100,"type":"channel"},"date":1,"text":"x"`, func(m channel.Message) bool { return m.Chat.Kind == "" }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := telegramtest.New(t)
			s.Push(`{"update_id":%d,"message":{` + c.body + `}}`)
			if m := receive(t, s, 1).got[0]; !c.ok(m) {
				t.Errorf("%+v, quoted %+v", m, m.Quoted)
			}
		})
	}
}

// TestPositionIsSavedAtOnceForWhatLasts: one save for each message that
// something came of, and the service is told only after.
func TestPositionIsSavedAtOnceForWhatLasts(t *testing.T) {
	s, k := telegramtest.New(t), &kept{}
	for i := range 3 {
		s.Deliver(channel.Message{Chat: channel.Chat{Kind: channel.Direct, ID: "42"}, Sender: channel.Sender{ID: "42"}, Text: fmt.Sprint(i)})
	}
	b, err := telegram.New(conf(s, k, env()))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	in, done := newTaker(), make(chan error, 1)
	go func() { done <- b.Receive(ctx, in) }()
	for range 3 {
		<-in.ch
	}
	until(t, func() bool { return s.Calls("getUpdates") >= 2 }) // the next poll confirms what was taken
	cancel()
	<-done
	if k.saves != 3 || k.next != 700000004 {
		t.Errorf("%d saves, next %d", k.saves, k.next)
	}
}

// TestTwoPollersOfOneToken: one of them is told by the service; neither takes
// a message twice, and status names the trouble.
func TestTwoPollersOfOneToken(t *testing.T) {
	s, k := telegramtest.New(t), &kept{}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	in := newTaker()
	var wg sync.WaitGroup
	var mu sync.Mutex
	conflicts := 0
	for range 2 {
		e := env()
		e.Sleep = func(ctx context.Context, d time.Duration) error {
			mu.Lock()
			if d >= 5*time.Second {
				conflicts++
			}
			mu.Unlock()
			return channel.Sleep(ctx, 20*time.Millisecond)
		}
		b, err := telegram.New(conf(s, k, e))
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() { _ = b.Receive(ctx, in) })
	}
	s.Deliver(channel.Message{Chat: channel.Chat{Kind: channel.Direct, ID: "42"}, Sender: channel.Sender{ID: "42"}, Text: "hello"})
	<-in.ch
	until(t, func() bool { return s.Calls("getUpdates") >= 12 })
	cancel()
	wg.Wait()
	if conflicts == 0 {
		t.Error("nobody was told that two poll")
	}
}

const secret = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func lend(text string) channel.Secret {
	return func(use func(string) error) error { return use(text) }
}

// hooked is a bot behind a webhook that receives.
func hooked(t *testing.T, s *telegramtest.Server, k *kept, in channel.Sink) (http.Handler, func()) {
	t.Helper()
	c := conf(s, k, env())
	c.Webhook = &telegram.Webhook{URL: "https://claw.example/telegram-webhook", Secret: lend(secret)}
	b, err := telegram.New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Receive(ctx, in) }()
	stop := sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(stop)
	until(t, func() bool { return s.Calls("setWebhook") > 0 && b.Status().State == channel.Connected })
	return b.Handler(), stop
}

func call(h http.Handler, secrets []string, body string) int {
	r := httptest.NewRequest(http.MethodPost, "/telegram-webhook", strings.NewReader(body))
	for _, v := range secrets {
		r.Header.Add("X-Telegram-Bot-Api-Secret-Token", v)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}

// TestR47WebhookTakesNoForgedOrRepeatedUpdate: without the secret nothing is
// read, a copied call is done once, also after a restart, and a secret that
// could be guessed is refused.
func TestR47WebhookTakesNoForgedOrRepeatedUpdate(t *testing.T) {
	s, k, in := telegramtest.New(t), &kept{}, newTaker()
	h, stop := hooked(t, s, k, in)
	if url, got := s.Webhook(); url != "https://claw.example/telegram-webhook" || got != secret {
		t.Errorf("%q %q", url, got)
	}
	body := func(id int) string {
		return fmt.Sprintf(`{"update_id":%d,"message":{"message_id":%d,"from":{"id":42},"chat":{"id":42,"type":"private"},"date":1775000000,"text":"n%d"}}`, id, id, id)
	}
	for name, c := range map[string]struct {
		secrets []string
		body    string
		want    int
	}{
		"none":      {nil, body(1), 403},
		"wrong":     {[]string{secret[:63] + "0"}, body(1), 403},
		"empty":     {[]string{""}, body(1), 403},
		"two":       {[]string{secret, secret}, body(1), 403},
		"longer":    {[]string{secret + "0"}, body(1), 403},
		"no update": {[]string{secret}, `{}`, 400},
		"no JSON":   {[]string{secret}, `{`, 400},
		"too large": {[]string{secret}, strings.Repeat(" ", 2<<20), 413},
	} {
		if got := call(h, c.secrets, c.body); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
	if len(in.got) != 0 {
		t.Fatalf("%+v came in", in.got)
	}
	for range 3 {
		if got := call(h, []string{secret}, body(10)); got != 200 {
			t.Errorf("%d", got)
		}
	}
	call(h, []string{secret}, `{"update_id":11,"message":"odd"}`)
	call(h, []string{secret}, body(12))
	if len(in.got) != 2 {
		t.Errorf("%d messages of two", len(in.got))
	}
	in.err = errors.New("disk full")
	if got := call(h, []string{secret}, body(13)); got != 503 {
		t.Errorf("not taken, and %d", got)
	}
	in.err = nil
	if got := call(h, []string{secret}, body(13)); got != 200 || len(in.got) != 3 {
		t.Errorf("tried again: %d, %d messages", got, len(in.got))
	}
	stop()
	if got := call(h, []string{secret}, body(14)); got != 503 {
		t.Errorf("after the end: %d", got)
	}
	h, _ = hooked(t, s, k, in)
	call(h, []string{secret}, body(14))
	for _, id := range []int{10, 12, 13, 14} {
		call(h, []string{secret}, body(id))
	}
	if len(in.got) != 4 {
		t.Errorf("after a restart %d messages of four", len(in.got))
	}
	for _, weak := range []string{"", "short", strings.Repeat("a", 42), strings.Repeat("ä", 50), strings.Repeat("a", 257)} {
		c := conf(s, k, env())
		c.Webhook = &telegram.Webhook{URL: "https://claw.example/x", Secret: lend(weak)}
		if _, err := telegram.New(c); err == nil {
			t.Errorf("the secret %q was taken", weak)
		}
	}
}

func TestBadConfigurations(t *testing.T) {
	for _, root := range []string{"ftp://x", "https://u:p@x", "https://x/bot123", "https://x?y=1", "x", "https://"} {
		c := conf(telegramtest.New(t), &kept{}, env())
		c.Root = root
		if _, err := telegram.New(c); err == nil {
			t.Errorf("root %q was taken", root)
		}
	}
	for _, bad := range []string{"", "123/../x", "1 2", "a\nb", "x?y", "x#y"} {
		c := conf(telegramtest.New(t), &kept{}, env())
		c.Token = lend(bad)
		b, err := telegram.New(c)
		if err != nil {
			t.Fatal(err)
		}
		var f *channel.Fatal
		if err := b.Receive(t.Context(), newTaker()); !errors.As(err, &f) {
			t.Errorf("token %q: %v", bad, err)
		}
	}
}

// FuzzUpdates: whatever the service sends, it is taken or left out, and the
// position moves on.
func FuzzUpdates(f *testing.F) {
	for _, s := range []string{`{"update_id":%d,"message":{"message_id":1,"from":{"id":42},"chat":{"id":42,"type":"private"},"date":1,"text":"x","entities":[{"type":"mention","offset":0,"length":1}]}}`,
		`{"update_id":7}`, `[]`, `{"message":{}}`, `{"update_id":1e99}`, `{"update_id":5,"callback_query":{"id":"1","from":{"id":1},"message":{"message_id":1,"chat":{"id":1}},"data":"x"}}`} {
		f.Add([]byte(s))
	}
	s, k := telegramtest.New(f), &kept{}
	c := conf(s, k, env())
	c.Webhook = &telegram.Webhook{URL: "https://claw.example/x", Secret: lend(secret)}
	b, err := telegram.New(c)
	if err != nil {
		f.Fatal(err)
	}
	in := newTaker()
	go func() { _ = b.Receive(f.Context(), in) }()
	until(f, func() bool { return b.Status().State == channel.Connected })
	f.Fuzz(func(t *testing.T, body []byte) {
		in.mu.Lock()
		in.got, in.on = nil, nil
		for len(in.ch) > 0 {
			<-in.ch
		}
		in.mu.Unlock()
		r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
		r.Header.Set("X-Telegram-Bot-Api-Secret-Token", secret)
		w := httptest.NewRecorder()
		b.Handler().ServeHTTP(w, r)
		if w.Code != 200 && w.Code != 400 && w.Code != 413 {
			t.Fatalf("%d", w.Code)
		}
		for _, m := range in.got {
			if m.Own || m.Chat.ID == "0" || m.Sender.ID == "0" {
				t.Fatalf("%+v", m)
			}
			if _, err := json.Marshal(m.Text); err != nil {
				t.Fatal(err)
			}
		}
	})
}
