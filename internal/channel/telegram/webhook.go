package telegram

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/openclaw-go/openclaw/internal/channel"
)

// Webhook is how the service reaches the bot by itself.
type Webhook struct {
	// URL that the service calls: https.
	URL string
	// Secret stands in a header of every call; at least MinSecret characters.
	Secret channel.Secret
}

// MinSecret is 256 bits in hexadecimal, or as much in the letters that the
// service takes.
const MinSecret = 43

// secretHeader carries the webhook's secret.
const secretHeader = "X-Telegram-Bot-Api-Secret-Token"

func (w *Webhook) validate() error {
	u, err := url.Parse(w.URL)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return errors.New("telegram: webhookUrl is not https://host/path")
	}
	if w.Secret == nil {
		return errors.New("telegram: webhookSecret is required with webhookUrl")
	}
	return w.Secret(func(secret string) error {
		if len(secret) < MinSecret || len(secret) > 256 || strings.Trim(secret, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") != "" {
			return fmt.Errorf("telegram: webhookSecret has %d characters, expected %d to 256 of A-Z a-z 0-9 _ -; openssl rand -hex 32 makes one", len(secret), MinSecret)
		}
		return nil
	})
}

// hook takes calls of the service.
type hook struct {
	bot *Bot

	mu   sync.Mutex
	sink channel.Sink
	ctx  context.Context
	// taken are updates that were taken, so that none is taken twice (R47).
	taken map[int64]struct{}
	order []int64
	// next is the position; what lies before floor was taken before the start.
	next, floor int64
}

// keepTaken bounds taken; the service sends an update again for a day at most.
const keepTaken = 4096

func newHook(b *Bot) *hook { return &hook{bot: b, taken: map[int64]struct{}{}} }

// run lets calls through until ctx is done.
func (h *hook) run(ctx context.Context, s channel.Sink) error {
	next, err := h.bot.conf.Position.Load()
	if err != nil {
		return err
	}
	h.mu.Lock()
	h.sink, h.ctx, h.next, h.floor = s, ctx, next, next
	h.mu.Unlock()
	<-ctx.Done()
	h.mu.Lock()
	h.sink = nil
	h.mu.Unlock()
	h.bot.is(channel.Down, "stopped")
	return ctx.Err()
}

// maxUpdate bounds the body of one call.
const maxUpdate = 1 << 20

// Handler takes the service's calls; nil without a webhook.
func (b *Bot) Handler() http.Handler {
	if b.hook == nil {
		return nil
	}
	return b.hook
}

// ServeHTTP lets one update in. Whoever has not the secret learns nothing and
// costs nothing.
func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || !h.proves(r.Header.Values(secretHeader)) {
		http.Error(w, "forbidden", http.StatusForbidden)
		return
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxUpdate))
	if err != nil {
		http.Error(w, "too large", http.StatusRequestEntityTooLarge)
		return
	}
	u, err := readUpdate(raw)
	if u.ID <= 0 {
		http.Error(w, "no update", http.StatusBadRequest)
		return
	}
	if err != nil {
		h.bot.conf.Report(fmt.Errorf("telegram: an update of account %q was left out: %w", h.bot.conf.Account, err))
	}
	if err := h.take(u); err != nil {
		http.Error(w, "later", http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusOK)
}

func (h *hook) proves(given []string) bool {
	if len(given) != 1 {
		return false
	}
	ok := false
	err := h.bot.conf.Webhook.Secret(func(secret string) error {
		a, b := sha256.Sum256([]byte(given[0])), sha256.Sum256([]byte(secret))
		ok = secret != "" && subtle.ConstantTimeCompare(a[:], b[:]) == 1
		return nil
	})
	return err == nil && ok
}

// take hands updates on one at a time. One that was taken before is nothing:
// whoever copied a call cannot have it done again. Of those before the start
// the position tells.
func (h *hook) take(u update) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.sink == nil {
		return errors.New("telegram: not receiving")
	}
	if _, again := h.taken[u.ID]; again || u.ID < h.floor || u.ID < h.next-keepTaken {
		return nil
	}
	if _, err := h.bot.take(h.ctx, h.sink, u); err != nil {
		return err
	}
	if len(h.order) >= keepTaken {
		delete(h.taken, h.order[0])
		h.order = h.order[1:]
	}
	h.taken[u.ID] = struct{}{}
	h.order = append(h.order, u.ID)
	if u.ID >= h.next {
		h.next = u.ID + 1
		return h.bot.conf.Position.Save(h.next)
	}
	return nil
}
