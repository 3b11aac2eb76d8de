package notify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/filter"
)

// Bounds of a conversation with a service.
const (
	sendTimeout = 30 * time.Second
	maxAnswer   = 64 << 10
	// maxWait bounds what a target may ask for by Retry-After.
	maxWait = 6 * time.Hour
)

// request is one HTTP request of a kind.
type request struct {
	path   string // below the target's URL; may hold a credential
	header map[string]string
	body   []byte
	// sign gives a time and a signature with it; nil when nothing is signed.
	sign func(now time.Time) (at, signature string)
}

// wire builds the request of a safe alert. Every kind's own form is here.
func (t Target) wire(a Alert, token, user string) (request, error) {
	switch t.Kind {
	case Telegram:
		return t.telegram(a, token)
	case Pushover:
		return t.pushover(a, token)
	case Webhook:
		return webhook(a, token)
	case Ntfy:
		return t.ntfy(a, token, user)
	case Mail:
	}
	return request{}, never("type %q is not spoken over HTTP", t.Kind)
}

func jsonRequest(path string, v any) (request, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return request{}, never("the alert could not be written down")
	}
	return request{path: path, header: map[string]string{"Content-Type": "application/json"}, body: b}, nil
}

// telegram: https://core.telegram.org/bots/api#sendmessage, plain text, no
// preview.
func (t Target) telegram(a Alert, token string) (request, error) {
	if token == "" || strings.ContainsAny(token, "/?#% \r\n") {
		return request{}, never("the token is not a bot's token")
	}
	return jsonRequest("/bot"+token+"/sendMessage", struct {
		Chat    string `json:"chat_id"`
		Text    string `json:"text"`
		Preview any    `json:"link_preview_options"`
		Silent  bool   `json:"disable_notification"`
	}{t.To, clip(a.text(), 4000), struct {
		Off bool `json:"is_disabled"`
	}{true}, level(a.Severity, 1, 0, 0) == 1})
}

// pushover: https://pushover.net/api#messages.
func (t Target) pushover(a Alert, token string) (request, error) {
	form := url.Values{"token": {token}, "user": {t.To}, "title": {clip(a.subject(), 250)}, "message": {clip(a.body(), 1000)},
		"priority": {strconv.Itoa(level(a.Severity, -1, 0, 1))}, "timestamp": {strconv.FormatInt(a.At.Unix(), 10)}}
	return request{path: "/1/messages.json", header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, body: []byte(form.Encode())}, nil
}

// ntfy: https://docs.ntfy.sh/publish/#publish-as-json.
func (t Target) ntfy(a Alert, token, user string) (request, error) {
	r, err := jsonRequest("/", struct {
		Topic    string   `json:"topic"`
		Title    string   `json:"title"`
		Message  string   `json:"message"`
		Priority int      `json:"priority"`
		Tags     []string `json:"tags"`
	}{t.To, clip(a.subject(), 250), clip(a.body(), 3000), level(a.Severity, 2, 3, 5), []string{"openclaw", a.Severity.String()}})
	switch {
	case err != nil || token == "":
	case user != "":
		r.header["Authorization"] = "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+token))
	default:
		r.header["Authorization"] = "Bearer " + token
	}
	return r, err
}

// minKey is the shortest key that a signature is made with.
const minKey = 24

// webhook signs as Standard Webhooks does: HMAC-SHA256 over id, time and body.
// The receiver refuses a time that is not near, so nothing can be replayed.
func webhook(a Alert, token string) (request, error) {
	key := []byte(token)
	if raw, ok := strings.CutPrefix(token, "whsec_"); ok {
		var err error
		if key, err = base64.StdEncoding.DecodeString(raw); err != nil {
			return request{}, never("the token begins with whsec_ and is not base64")
		}
	}
	if len(key) < minKey {
		return request{}, never("the token that signs has %d bytes, expected at least %d", len(key), minKey)
	}
	r, err := jsonRequest("", struct {
		Version  int    `json:"version"`
		Type     string `json:"type"`
		ID       string `json:"id"`
		At       string `json:"at"`
		Rule     string `json:"rule"`
		Severity string `json:"severity"`
		Title    string `json:"title"`
		Facts    []Fact `json:"facts,omitempty"`
		Command  string `json:"command,omitempty"`
	}{1, "openclaw.alert", a.ID, a.At.UTC().Format(time.RFC3339), a.Rule, a.Severity.String(), a.Title, a.Facts, a.Command})
	if err != nil {
		return r, err
	}
	r.header["User-Agent"] = "openclaw"
	id := a.ID + "-" + strconv.FormatInt(a.At.UTC().Unix(), 10)
	r.header["Webhook-Id"] = id
	r.sign = func(now time.Time) (string, string) {
		ts := strconv.FormatInt(now.Unix(), 10)
		return ts, "v1," + base64.StdEncoding.EncodeToString(signature(key, id, ts, r.body))
	}
	return r, nil
}

func signature(key []byte, id, ts string, body []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(id + "." + ts + "."))
	m.Write(body)
	return m.Sum(nil)
}

// post sends a request and judges the answer.
func (t Target) post(ctx context.Context, client *http.Client, r request, now time.Time) error {
	u, err := t.place()
	if err != nil {
		return never("%s", err)
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	if r.path != "" {
		u.Path = strings.TrimSuffix(u.Path, "/") + r.path
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(r.body))
	if err != nil {
		return never("no request could be made of url and token")
	}
	for k, v := range r.header {
		req.Header.Set(k, v)
	}
	if r.sign != nil {
		ts, sig := r.sign(now)
		req.Header.Set("Webhook-Timestamp", ts)
		req.Header.Set("Webhook-Signature", sig)
	}
	resp, err := client.Do(req)
	if err != nil {
		return later("%s", plainError(err))
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return later("the answer broke off: %s", plainError(err))
	}
	return t.judge(resp, body, now)
}

// answer is what the services say in their bodies.
type answer struct {
	// Telegram
	OK          *bool  `json:"ok"`
	Description string `json:"description"`
	Parameters  struct {
		RetryAfter float64 `json:"retry_after"`
	} `json:"parameters"`
	// Pushover
	Status *int     `json:"status"`
	Errors []string `json:"errors"`
	// ntfy
	Error string `json:"error"`
}

func (a answer) why() string {
	switch {
	case a.Description != "":
		return a.Description
	case len(a.Errors) > 0:
		return strings.Join(a.Errors, "; ")
	}
	return a.Error
}

// judge says whether the alert arrived, and if not, whether it ever may.
func (t Target) judge(resp *http.Response, body []byte, now time.Time) error {
	var a answer
	known := json.Unmarshal(body, &a) == nil
	code := resp.StatusCode
	said := ""
	if known && t.Kind != Webhook {
		if said = a.why(); said != "" {
			said = ": " + clip(filter.LogLine(said), 200)
		}
	}
	switch {
	case code >= 200 && code < 300:
		if t.Kind == Telegram && (!known || a.OK == nil || !*a.OK) || t.Kind == Pushover && (!known || a.Status == nil || *a.Status != 1) {
			return later("it answered %d but not that the message was taken%s", code, said)
		}
		return nil
	case code == http.StatusTooManyRequests, code == http.StatusServiceUnavailable:
		f := later("it answered %d%s", code, said)
		f.after = retryAfter(resp.Header, a, now)
		return f
	case code == http.StatusRequestTimeout, code == http.StatusConflict, code == http.StatusTooEarly, code >= 500:
		return later("it answered %d%s", code, said)
	}
	return never("it answered %d%s", code, said)
}

// retryAfter is how long the service asked to wait, in any of its forms.
func retryAfter(h http.Header, a answer, now time.Time) time.Duration {
	d := time.Duration(0)
	if v := h.Get("Retry-After"); v != "" {
		if n, err := strconv.ParseFloat(v, 64); err == nil && n > 0 && n < 1e6 {
			d = time.Duration(n * float64(time.Second))
		} else if at, err := http.ParseTime(v); err == nil {
			d = at.Sub(now)
		}
	}
	if s := a.Parameters.RetryAfter; s > 0 && s < 1e6 {
		d = max(d, time.Duration(s*float64(time.Second)))
	}
	return min(max(d, 0), maxWait)
}

// plainError is an error without the address that a URL error carries: the
// address may hold a credential.
func plainError(err error) string {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return clip(filter.LogLine(err.Error()), 200)
}
