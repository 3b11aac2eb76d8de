package notify

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// word of a test that is used as a credential.
type secret string

func (s secret) Use(f func([]byte) error) error { return f([]byte(s)) }

// locked is a credential that cannot be had.
type locked struct{}

func (locked) Use(func([]byte) error) error { return errors.New("the store is locked") }

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func sample() Alert {
	return Alert{ID: "a1", At: noon, Rule: "monitor.auth_failures", Severity: claw.Critical, Title: "12 failed sign-ins in an hour",
		Facts: []Fact{{"source", "203.0.113.9"}, {"entries", "17 to 29"}}, Command: "openclaw monitor explain a1"}
}

// seen is what a service was sent.
type seen struct {
	path   string
	header http.Header
	body   []byte
}

func service(t *testing.T, answer func(w http.ResponseWriter, n int)) (*httptest.Server, *[]seen) {
	t.Helper()
	var got []seen
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got = append(got, seen{r.URL.Path, r.Header.Clone(), b})
		answer(w, len(got))
	}))
	t.Cleanup(s.Close)
	return s, &got
}

func say(w http.ResponseWriter, code int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = io.WriteString(w, body)
}

func world() World {
	return World{HTTP: func(_, origin string) (*http.Client, error) { return &http.Client{}, nil },
		Dial: func(ctx context.Context, _, host string, port int) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", net.JoinHostPort(host, itoa(port)))
		}, Roots: func() (*x509.CertPool, error) { return x509.NewCertPool(), nil }}
}

func sender(t *testing.T) *Notifier {
	t.Helper()
	n, err := Open(Options{Dir: t.TempDir(), World: world(), Now: func() time.Time { return noon }, Record: func(Attempt) {}, Report: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestTelegram(t *testing.T) {
	s, got := service(t, func(w http.ResponseWriter, n int) {
		say(w, 200, `{"ok":true,"result":{"message_id":3,"chat":{"id":7,"type":"private"},"date":1795521600,"text":"x"}}`)
	})
	err := sender(t).send(t.Context(), Target{Name: "tg", Kind: Telegram, URL: s.URL, To: "7", Token: secret("123:ABC")}, sample())
	if err != nil {
		t.Fatal(err)
	}
	var m struct {
		Chat    string `json:"chat_id"`
		Text    string `json:"text"`
		Mode    string `json:"parse_mode"`
		Preview struct {
			Off bool `json:"is_disabled"`
		} `json:"link_preview_options"`
		Silent bool `json:"disable_notification"`
	}
	r := (*got)[0]
	if err := json.Unmarshal(r.body, &m); err != nil {
		t.Fatal(err)
	}
	want := "OpenClaw critical: 12 failed sign-ins in an hour\nsource: 203[.]0[.]113[.]9\nentries: 17 to 29\nLook further: openclaw monitor explain a1\nmonitor auth_failures a1, 2026-11-24 12:00 UTC"
	if r.path != "/bot123:ABC/sendMessage" || m.Chat != "7" || m.Mode != "" || !m.Preview.Off || m.Silent || m.Text != want {
		t.Errorf("%s %+v", r.path, m)
	}
}

func TestPushover(t *testing.T) {
	s, got := service(t, func(w http.ResponseWriter, n int) {
		say(w, 200, `{"status":1,"request":"647d2300-702c-4b38-8b2f-d56326ae460b"}`)
	})
	if err := sender(t).send(t.Context(), Target{Name: "po", Kind: Pushover, URL: s.URL, To: "uQiRzpo4DXghDmr9QzzfQu27cmVRsG", Token: secret("azGDORePK8gMaC0QOYAMyEEuzJnyUi")}, sample()); err != nil {
		t.Fatal(err)
	}
	r := (*got)[0]
	f, err := url.ParseQuery(string(r.body))
	if err != nil {
		t.Fatal(err)
	}
	if r.path != "/1/messages.json" || r.header.Get("Content-Type") != "application/x-www-form-urlencoded" || f.Get("priority") != "1" || f.Get("html") != "" ||
		f.Get("token") != "azGDORePK8gMaC0QOYAMyEEuzJnyUi" || f.Get("user") != "uQiRzpo4DXghDmr9QzzfQu27cmVRsG" || f.Get("timestamp") != "1795521600" || !strings.Contains(f.Get("title"), "12 failed") {
		t.Errorf("%s %v", r.path, f)
	}
}

func TestNtfy(t *testing.T) {
	s, got := service(t, func(w http.ResponseWriter, n int) {
		say(w, 200, `{"id":"sPs71M8A2T","time":1795521600,"expires":1795564800,"event":"message","topic":"claw","message":"x"}`)
	})
	if err := sender(t).send(t.Context(), Target{Name: "n", Kind: Ntfy, URL: s.URL, To: "claw", Token: secret("tk_x")}, sample()); err != nil {
		t.Fatal(err)
	}
	r := (*got)[0]
	var m map[string]any
	if err := json.Unmarshal(r.body, &m); err != nil {
		t.Fatal(err)
	}
	if r.path != "/" || r.header.Get("Authorization") != "Bearer tk_x" || m["topic"] != "claw" || m["priority"] != 5.0 || m["click"] != nil || m["attach"] != nil || m["markdown"] != nil {
		t.Errorf("%s %v %v", r.path, r.header, m)
	}
}

// The signature is checked as Standard Webhooks' libraries do.
func TestWebhookSignature(t *testing.T) {
	s, got := service(t, func(w http.ResponseWriter, n int) { w.WriteHeader(204) })
	key := []byte("0123456789abcdef0123456789abcdef")
	token := "whsec_" + base64.StdEncoding.EncodeToString(key)
	target := Target{Name: "w", Kind: Webhook, URL: s.URL + "/hook?x=1", Token: secret(token)}
	if err := sender(t).send(t.Context(), target, sample()); err != nil {
		t.Fatal(err)
	}
	r := (*got)[0]
	id, ts := r.header.Get("Webhook-Id"), r.header.Get("Webhook-Timestamp")
	if want := "v1," + base64.StdEncoding.EncodeToString(signature(key, id, ts, r.body)); r.header.Get("Webhook-Signature") != want || ts != "1795521600" || id == "" || r.path != "/hook" {
		t.Errorf("%v", r.header)
	}
	for _, other := range [][]byte{append([]byte("x"), r.body...), r.body[1:]} {
		if r.header.Get("Webhook-Signature") == "v1,"+base64.StdEncoding.EncodeToString(signature(key, id, ts, other)) {
			t.Error("another body has the same signature")
		}
	}
	target.Token = secret("short")
	if err := sender(t).send(t.Context(), target, sample()); !errors.Is(err, ErrRefused) {
		t.Errorf("a short key: %v", err)
	}
}

// What the services answer when they do not take a message.
func TestRefusals(t *testing.T) {
	tg := Target{Name: "t", Kind: Telegram, To: "7", Token: secret("123:ABC")}
	po := Target{Name: "p", Kind: Pushover, To: "u", Token: secret("t")}
	nt := Target{Name: "n", Kind: Ntfy, To: "x"}
	wh := Target{Name: "w", Kind: Webhook, Token: secret("0123456789abcdef0123456789abcdef")}
	for name, c := range map[string]struct {
		target Target
		code   int
		retry  string
		body   string
		final  bool
		after  time.Duration
		says   string
	}{
		"telegram slow down":   {tg, 429, "", `{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 35","parameters":{"retry_after":35}}`, false, 35 * time.Second, "retry after 35"},
		"telegram token":       {tg, 401, "", `{"ok":false,"error_code":401,"description":"Unauthorized"}`, true, 0, "Unauthorized"},
		"telegram chat":        {tg, 400, "", `{"ok":false,"error_code":400,"description":"Bad Request: chat not found"}`, true, 0, "chat not found"},
		"telegram blocked":     {tg, 403, "", `{"ok":false,"error_code":403,"description":"Forbidden: bot was blocked by the user"}`, true, 0, "blocked"},
		"telegram down":        {tg, 502, "", `<html>Bad Gateway</html>`, false, 0, "502"},
		"telegram not its own": {tg, 200, "", `<html>welcome to this network</html>`, false, 0, "not that the message was taken"},
		"pushover user":        {po, 400, "", `{"user":"invalid","errors":["user identifier is not a valid user, group, or subscribed user key"],"status":0,"request":"5042853c"}`, true, 0, "user identifier"},
		"pushover quota":       {po, 429, "", `{"status":0,"errors":["application has exceeded its message limit"]}`, false, 0, "message limit"},
		"pushover not taken":   {po, 200, "", `{"status":0}`, false, 0, "not that the message was taken"},
		"ntfy limit":           {nt, 429, "", `{"code":42901,"http":429,"error":"limit reached: too many requests","link":"https://ntfy.sh/docs/publish/#limitations"}`, false, 0, "too many requests"},
		"ntfy forbidden":       {nt, 403, "", `{"code":40301,"http":403,"error":"forbidden","link":"https://ntfy.sh/docs/publish/#authentication"}`, true, 0, "forbidden"},
		"webhook seconds":      {wh, 503, "120", "busy", false, 2 * time.Minute, "503"},
		"webhook date":         {wh, 429, noon.Add(90 * time.Second).Format(http.TimeFormat), "", false, 90 * time.Second, "429"},
		"webhook gone":         {wh, 410, "", "gone", true, 0, "410"},
		"webhook for ever":     {wh, 429, "999999", "", false, maxWait, "429"},
		"webhook redirects":    {wh, 302, "", "", true, 0, "302"},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := service(t, func(w http.ResponseWriter, n int) {
				if c.retry != "" {
					w.Header().Set("Retry-After", c.retry)
				}
				say(w, c.code, c.body)
			})
			c.target.URL = s.URL
			err := sender(t).send(t.Context(), c.target, sample())
			var f *failure
			if !errors.As(err, &f) || f.final != c.final || f.after != c.after || !strings.Contains(f.why, c.says) {
				t.Errorf("%v %+v", err, f)
			}
		})
	}
}

// The bot's token is part of its address: no error may print it.
func TestErrorsHoldNoCredential(t *testing.T) {
	l := httptest.NewServer(http.NotFoundHandler())
	l.Close() // nothing listens there now
	err := sender(t).send(t.Context(), Target{Name: "t", Kind: Telegram, URL: l.URL, To: "7", Token: secret("123:VERYSECRET")}, sample())
	if err == nil || strings.Contains(err.Error(), "VERYSECRET") {
		t.Errorf("%v", err)
	}
	err = sender(t).send(t.Context(), Target{Name: "t", Kind: Telegram, URL: l.URL, To: "7", Token: locked{}}, sample())
	if err == nil || !strings.Contains(err.Error(), "locked") {
		t.Errorf("%v", err)
	}
}

func TestCheck(t *testing.T) {
	tok := secret("x")
	for name, c := range map[string]struct {
		t  Target
		ok bool
	}{
		"telegram":        {Target{Kind: Telegram, To: "1", Token: tok}, true},
		"no chat":         {Target{Kind: Telegram, Token: tok}, false},
		"no token":        {Target{Kind: Pushover, To: "1"}, false},
		"webhook":         {Target{Kind: Webhook, URL: "https://h.test/x", Token: tok}, true},
		"unsigned":        {Target{Kind: Webhook, URL: "https://h.test/x"}, false},
		"in the clear":    {Target{Kind: Webhook, URL: "http://h.test/x", Token: tok}, false},
		"own machine":     {Target{Kind: Webhook, URL: "http://127.0.0.1:9/x", Token: tok}, true},
		"private":         {Target{Kind: Ntfy, URL: "http://192.168.1.4", To: "t"}, true},
		"userinfo":        {Target{Kind: Ntfy, URL: "https://u:p@h.test", To: "t"}, false},
		"no url":          {Target{Kind: Webhook, Token: tok}, false},
		"mail":            {Target{Kind: Mail, URL: "smtp://mx.test:587", From: "a@b.test", To: "c@d.test"}, true},
		"mail header":     {Target{Kind: Mail, URL: "smtp://mx.test", From: "a@b.test", To: "c@d.test\r\nBcc: e@f.test"}, false},
		"mail half login": {Target{Kind: Mail, URL: "smtp://mx.test", From: "a@b.test", To: "c@d.test", User: tok}, false},
		"mail over http":  {Target{Kind: Mail, URL: "https://mx.test", From: "a@b.test", To: "c@d.test"}, false},
		"unknown":         {Target{Kind: "pigeon", URL: "https://h.test", To: "x", Token: tok}, false},
	} {
		if err := c.t.Check(); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
