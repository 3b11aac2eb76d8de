// Package telegram speaks the Bot API for one bot. It refuses updates that it
// cannot prove, targets that are names, and to let its token into an error.
package telegram

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/openclaw-go/openclaw/internal/channel"
	"github.com/openclaw-go/openclaw/internal/claw"
)

// Defaults.
const (
	DefaultRoot = "https://api.telegram.org"
	// PollSeconds is how long a poll waits for an update.
	PollSeconds = 50
	// TextLimit leaves room below the service's 4096.
	TextLimit = 4000
	// DefaultMaxFile is what bots may fetch.
	DefaultMaxFile = 20 << 20
	maxUpdates     = 100
	// pollBytes bounds one answer of getUpdates.
	pollBytes = 16 << 20
	callBytes = 1 << 20
)

// Config of one bot.
type Config struct {
	Account claw.AccountID
	Token   channel.Secret
	// Root of the API; DefaultRoot when empty.
	Root string
	// HTTP reaches the root and nothing else.
	HTTP *http.Client
	// Position keeps how far updates were taken.
	Position Position
	MaxFile  int64
	// Webhook, when set, is where the service sends updates; nothing is polled.
	Webhook *Webhook
	Now     func() time.Time
	Chance  func() float64
	// Sleep waits; channel.Sleep when nil.
	Sleep func(context.Context, time.Duration) error
	// Report hears of what went wrong while nobody waited.
	Report func(error)
}

// Position is how far updates were taken, kept over restarts.
type Position interface {
	Load() (int64, error)
	Save(next int64) error
}

// Bot is one bot. It implements channel.Channel, Editor, Asker and Typist.
type Bot struct {
	conf Config
	root string

	mu     sync.Mutex
	status channel.Status
	me     user

	hook *hook
}

var (
	_ channel.Channel = (*Bot)(nil)
	_ channel.Editor  = (*Bot)(nil)
	_ channel.Asker   = (*Bot)(nil)
	_ channel.Typist  = (*Bot)(nil)
)

// New makes a bot. Nothing is reached before Receive or Send.
func New(c Config) (*Bot, error) {
	switch {
	case c.Token == nil, c.HTTP == nil, c.Position == nil, c.Now == nil:
		return nil, errors.New("telegram: Token, HTTP, Position and Now are required")
	}
	root := strings.TrimSuffix(c.Root, "/")
	if root == "" {
		root = DefaultRoot
	}
	u, err := url.Parse(root)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.RawQuery != "" || strings.HasPrefix(strings.TrimPrefix(u.Path, "/"), "bot") {
		return nil, errors.New("telegram: apiRoot is not https://host, without /bot")
	}
	if c.Account == "" {
		c.Account = "default"
	}
	if c.MaxFile <= 0 {
		c.MaxFile = DefaultMaxFile
	}
	if c.Sleep == nil {
		c.Sleep = channel.Sleep
	}
	if c.Report == nil {
		c.Report = func(error) {}
	}
	b := &Bot{conf: c, root: root, status: channel.Status{State: channel.Starting, Since: c.Now()}}
	if c.Webhook != nil {
		if err := c.Webhook.validate(); err != nil {
			return nil, err
		}
		b.hook = newHook(b)
	}
	return b, nil
}

// Limits implements channel.Channel.
func (b *Bot) Limits() channel.Limits {
	return channel.Limits{Text: TextLimit, Units: channel.UTF16, File: b.conf.MaxFile}
}

// Status implements channel.Channel.
func (b *Bot) Status() channel.Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.status
}

func (b *Bot) is(s channel.State, problem string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.status.State != s || b.status.Problem != problem {
		b.status.Since = b.conf.Now()
	}
	b.status.State, b.status.Problem = s, problem
}

func (b *Bot) self() user {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.me
}

// commands are shown by the service when somebody types "/".
func commands() []map[string]string {
	row := func(name, does string) map[string]string {
		return map[string]string{"command": name, "description": does}
	}
	return []map[string]string{row("status", "what the agent is doing"), row("stop", "stop what it is doing"), row("new", "begin a new conversation"),
		row("reset", "begin a new conversation"), row("compact", "shorten this conversation"), row("why", "where the labels of this conversation come from"), row("audit", "security audit in short")}
}

// begin proves the token and says how updates arrive.
func (b *Bot) begin(ctx context.Context) error {
	var me user
	if err := b.call(ctx, "getMe", nil, &me); err != nil {
		return err
	}
	if me.ID == 0 {
		return errors.New("telegram: getMe: the answer names no bot")
	}
	b.mu.Lock()
	b.me, b.status.Name = me, me.Username
	b.mu.Unlock()
	if err := b.call(ctx, "setMyCommands", map[string]any{"commands": commands()}, nil); err != nil {
		b.conf.Report(fmt.Errorf("telegram: the list of commands was not set: %w", err))
	}
	if w := b.conf.Webhook; w != nil {
		return w.Secret(func(secret string) error {
			return b.call(ctx, "setWebhook", map[string]any{"url": w.URL, "secret_token": secret, "allowed_updates": allowed(), "max_connections": 1}, nil)
		})
	}
	return b.call(ctx, "deleteWebhook", map[string]any{"drop_pending_updates": false}, nil)
}

func allowed() []string { return []string{"message", "edited_message", "callback_query"} }

// Receive implements channel.Channel.
func (b *Bot) Receive(ctx context.Context, s channel.Sink) error {
	wait := channel.Backoff{Least: time.Second, Most: 30 * time.Second, Chance: b.conf.Chance}
	begun := false
	next, err := b.conf.Position.Load()
	if err != nil {
		return fmt.Errorf("telegram: the position of account %q: %w", b.conf.Account, err)
	}
	for ctx.Err() == nil {
		if !begun {
			if err = b.begin(ctx); err == nil {
				begun = true
				b.is(channel.Connected, "")
				wait.Reset()
			}
		}
		if err == nil && b.hook != nil {
			return b.hook.run(ctx, s)
		}
		if err == nil {
			var n int64
			if n, err = b.poll(ctx, s, next); n > next {
				next = n
			}
		}
		if err == nil {
			b.is(channel.Connected, "")
			wait.Reset()
			continue
		}
		if ctx.Err() != nil {
			break
		}
		var fatal *channel.Fatal
		if errors.As(err, &fatal) {
			b.is(channel.Down, fatal.Problem)
			return err
		}
		b.is(channel.Waiting, err.Error())
		pause := wait.Next()
		var api *apiError
		switch {
		case errors.As(err, &api) && api.after > 0:
			pause = api.after
		case errors.As(err, &api) && api.code == http.StatusConflict:
			pause = max(pause, conflictPause)
			begun = false // a webhook that somebody set is taken down again
		}
		err = nil
		if b.conf.Sleep(ctx, pause) != nil {
			break
		}
	}
	b.is(channel.Down, "stopped")
	return ctx.Err()
}

// conflictPause is how long to stay away when somebody else polls the token.
const conflictPause = 5 * time.Second
