package telegram

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/channel"
)

// apiError is a refusal of the service's.
type apiError struct {
	method  string
	code    int
	text    string
	after   time.Duration
	migrate int64
}

func (e *apiError) Error() string {
	return fmt.Sprintf("telegram: %s: %d %s", e.method, e.code, e.text)
}

// Is makes what will never work channel.ErrRefused.
func (e *apiError) Is(target error) bool {
	return target == channel.ErrRefused && e.code >= 400 && e.code < 500 && e.code != http.StatusTooManyRequests && e.code != http.StatusConflict
}

// maxText bounds what is kept of a service's words.
const maxText = 300

// maxRetryAfter bounds what the service may make us wait.
const maxRetryAfter = 10 * time.Minute

// callTimeout bounds a call that does not wait for updates.
const callTimeout = 60 * time.Second

// call asks one method. Its error holds no token.
func (b *Bot) call(ctx context.Context, method string, params, result any) error {
	body := []byte("{}")
	if params != nil {
		var err error
		if body, err = json.Marshal(params); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return b.post(ctx, method, "application/json", body, callBytes, result)
}

// post sends one request. The token is lent for it and masked in its error.
func (b *Bot) post(ctx context.Context, method, kind string, body []byte, limit int64, result any) error {
	return b.conf.Token(func(token string) error {
		if token == "" || strings.ContainsAny(token, "/?# \r\n\t") {
			return &channel.Fatal{Problem: "telegram: what is configured is no bot token", Hint: "openclaw channels add telegram"}
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.root+"/bot"+token+"/"+method, bytes.NewReader(body))
		if err != nil {
			return channel.Mask(err, token)
		}
		req.Header.Set("Content-Type", kind)
		res, err := b.conf.HTTP.Do(req)
		if err != nil {
			return channel.Mask(fmt.Errorf("telegram: %s: %w", method, bare(err)), token)
		}
		defer func() { _ = res.Body.Close() }()
		return masked(read(method, res, limit, result), token)
	})
}

// masked takes the token out of an error, also where the service repeats it.
func masked(err error, token string) error {
	var api *apiError
	if errors.As(err, &api) {
		api.text = channel.MaskText(api.text, token)
		return api
	}
	return channel.Mask(err, token)
}

// bare takes the address off an error of net/http: the token stands in it.
func bare(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

func read(method string, res *http.Response, limit int64, result any) error {
	raw, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	if err != nil {
		return fmt.Errorf("telegram: %s: the answer broke off: %w", method, err)
	}
	if int64(len(raw)) > limit {
		return fmt.Errorf("telegram: %s: the answer has more than %d bytes", method, limit)
	}
	var a answer
	if err := json.Unmarshal(raw, &a); err != nil {
		if res.StatusCode >= 300 {
			return refusal(method, answer{Code: res.StatusCode, Description: http.StatusText(res.StatusCode)}, res)
		}
		return fmt.Errorf("telegram: %s: the answer is not JSON", method)
	}
	if !a.OK {
		if a.Code == 0 {
			a.Code = res.StatusCode
		}
		return refusal(method, a, res)
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(a.Result, result); err != nil {
		return fmt.Errorf("telegram: %s: the result is not what was expected", method)
	}
	return nil
}

func refusal(method string, a answer, res *http.Response) error {
	if a.Code == http.StatusUnauthorized || a.Code == http.StatusNotFound && method == "getMe" {
		return &channel.Fatal{Problem: "telegram: the service refuses the bot token", Hint: "ask @BotFather for a new one, then: openclaw channels add telegram"}
	}
	text := strings.ToValidUTF8(a.Description, "�")
	if r := []rune(text); len(r) > maxText {
		text = string(r[:maxText])
	}
	e := &apiError{method: method, code: a.Code, text: text, after: time.Duration(a.Parameters.RetryAfter) * time.Second, migrate: a.Parameters.MigrateTo}
	if e.after == 0 && a.Code == http.StatusTooManyRequests {
		if d, err := time.ParseDuration(res.Header.Get("Retry-After") + "s"); err == nil {
			e.after = d
		}
		if e.after == 0 {
			e.after = time.Second
		}
	}
	e.after = min(max(e.after, 0), maxRetryAfter)
	return e
}

// tries of a message that the service could not take now.
const tries = 4

// patient repeats a call that may succeed later, as often as makes sense: a
// wait that the service asks for, and errors of its own or of the network.
func (b *Bot) patient(ctx context.Context, do func() error) error {
	wait := channel.Backoff{Least: 400 * time.Millisecond, Most: 30 * time.Second, Chance: b.conf.Chance}
	for n := 1; ; n++ {
		err := do()
		if err == nil || ctx.Err() != nil || n >= tries {
			return err
		}
		var fatal *channel.Fatal
		if errors.As(err, &fatal) || errors.Is(err, channel.ErrRefused) || errors.Is(err, channel.ErrTarget) || errors.Is(err, channel.ErrTooLarge) {
			return err
		}
		pause := wait.Next()
		var api *apiError
		if errors.As(err, &api) && api.after > 0 {
			pause = api.after
		}
		if serr := b.conf.Sleep(ctx, pause); serr != nil {
			return err
		}
	}
}
