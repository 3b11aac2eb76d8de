package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/channel"
	"github.com/openclaw-go/openclaw/internal/channel/telegram"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/egress"
	"github.com/openclaw-go/openclaw/internal/posture"
	"github.com/openclaw-go/openclaw/internal/store"
	"github.com/openclaw-go/openclaw/internal/vault"
)

// telegramToken is the variable of the default account's token.
const telegramToken = "TELEGRAM_BOT_TOKEN"

// telegramAccount is an account with what it inherits.
func telegramAccount(cfg *config.Config, account claw.AccountID) config.TelegramAccount {
	base := cfg.Channels.Telegram.TelegramAccount
	for i := range cfg.Channels.Telegram.Accounts {
		e := &cfg.Channels.Telegram.Accounts[i]
		if claw.AccountID(e.Key) != account {
			continue
		}
		out := e.V
		mine := out.BotToken.V.Kind != config.NoSecret || out.TokenFile.Set
		if !mine && account == defaultAccount(cfg) {
			out.BotToken, out.TokenFile = base.BotToken, base.TokenFile
		}
		if !out.APIRoot.Set {
			out.APIRoot = base.APIRoot
		}
		return out
	}
	return base
}

// defaultAccount is the one that the channel's own token is for.
func defaultAccount(cfg *config.Config) claw.AccountID {
	if v := cfg.Channels.Telegram.DefaultAccount; v.Set {
		return claw.AccountID(v.V)
	}
	return store.DefaultAccount
}

// telegramRef says where an account's token is.
func telegramRef(cfg *config.Config, id lineID, getenv func(string) (string, bool)) (ref config.SecretRef, file string) {
	t := telegramAccount(cfg, id.account)
	switch {
	case t.TokenFile.Set && t.TokenFile.V != "":
		return config.SecretRef{}, t.TokenFile.V
	case t.BotToken.V.Kind != config.NoSecret:
		return t.BotToken.V, ""
	}
	if _, ok := getenv(telegramToken); ok && id.account == defaultAccount(cfg) {
		return config.SecretRef{Kind: config.SecretEnv, Provider: vault.DefaultProvider, ID: telegramToken}, ""
	}
	return config.SecretRef{}, ""
}

// token reads an account's token.
func (c *channels) token(ctx context.Context, cfg *config.Config, id lineID) (vault.Secret, string, error) {
	key := "channels.telegram.botToken"
	if id.account != store.DefaultAccount {
		key = "channels.telegram.accounts." + string(id.account) + ".botToken"
	}
	ref, file := telegramRef(cfg, id, c.app.lookupEnv)
	if file != "" {
		r := vault.New(vault.Options{Env: c.app.lookupEnv, Credentials: c.app.paths.Credentials, Live: &c.app.secrets.live,
			Providers: []vault.Provider{{Name: "tokenfile", Source: vault.SourceFile, Path: c.app.paths.Expand(file), Mode: vault.ModeSingleValue, MaxBytes: 4096}}})
		s, err := r.Resolve(ctx, strings.TrimSuffix(key, "botToken")+"tokenFile", vault.Ref{Source: vault.SourceFile, Provider: "tokenfile", ID: "value"})
		return s, "file " + file, err
	}
	if ref.Kind == config.NoSecret {
		return vault.Secret{}, "", &HintError{Err: fmt.Errorf("%s: %w", key, errNoToken), Advice: "openclaw channels add telegram, or export " + telegramToken}
	}
	s, err := c.app.resolver(cfg, &c.app.secrets.live).Resolve(ctx, key, refOf(ref))
	return s, ref.String(), err
}

// lend gives a secret's value for the time of one call.
func lend(s vault.Secret) channel.Secret {
	return func(use func(string) error) error {
		return s.Use(func(b []byte) error { return use(string(b)) })
	}
}

// telegram opens an account: its token is read and recorded here, once.
func (c *channels) telegram(ctx context.Context, cfg *config.Config, id lineID) (opened, error) {
	t := telegramAccount(cfg, id.account)
	root := t.APIRoot.Or(telegram.DefaultRoot)
	token, from, err := c.token(ctx, cfg, id)
	if err != nil {
		return opened{}, err
	}
	u, err := url.Parse(root)
	if err != nil || u.Host == "" {
		return opened{}, fmt.Errorf("channels.telegram.apiRoot: %q is no address", root)
	}
	if err := c.used(ctx, id, from, u.Host); err != nil {
		return opened{}, err
	}
	client, err := c.app.rim.client(egress.Fixed{Name: "channel " + id.String(), Origins: []string{u.Scheme + "://" + u.Host}})
	if err != nil {
		return opened{}, err
	}
	o := telegram.Config{Account: id.account, Token: lend(token), Root: root, HTTP: client, MaxFile: int64(t.MediaMaxMB.V * (1 << 20)), Now: time.Now, Chance: chance, Report: c.app.report("channel " + id.String())}
	h := sha256.New()
	bot := ""
	if err := token.Use(func(b []byte) error {
		h.Write(b)
		bot, _, _ = strings.Cut(string(b), ":")
		return nil
	}); err != nil {
		return opened{}, err
	}
	o.Position = position{c.app.store.Documents(store.FolderCredentials), positionName(id, bot)}
	fmt.Fprintf(h, "\x00%s\x00%d\x00", root, o.MaxFile)
	out := opened{path: t.WebhookPath.Or("/telegram-webhook")}
	if t.WebhookURL.Set && t.WebhookURL.V != "" {
		secret, err := c.app.resolver(cfg, &c.app.secrets.live).Resolve(ctx, "channels.telegram.webhookSecret", refOf(t.WebhookSecret.V))
		if err != nil {
			return opened{}, err
		}
		o.Webhook = &telegram.Webhook{URL: t.WebhookURL.V, Secret: lend(secret)}
		if err := secret.Use(func(b []byte) error { h.Write(b); return nil }); err != nil {
			return opened{}, err
		}
		fmt.Fprintf(h, "\x00%s\x00%s", t.WebhookURL.V, out.path)
		out.handler = func(ch channel.Channel) http.Handler { return ch.(*telegram.Bot).Handler() } //nolint:errcheck,forcetypeassert // make gives one
	}
	h.Sum(out.settings[:0])
	out.make = func() (channel.Channel, error) { return telegram.New(o) }
	return out, nil
}

// positionName names the file of a bot's position. Another bot under the same
// account counts from elsewhere.
func positionName(id lineID, bot string) string {
	safe := func(s string) string {
		if s != "" && len(s) <= 40 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-_") == "" {
			return s
		}
		sum := sha256.Sum256([]byte(s))
		return hex.EncodeToString(sum[:8])
	}
	return string(id.channel) + "-" + safe(string(id.account)) + "-" + safe(bot) + "-position.json"
}

// channelCredentials are the tokens of channels and the hosts that they go to,
// so that a changed address waits for an operator's word.
func channelCredentials(cfg *config.Config) []posture.Credential {
	var out []posture.Credential
	for _, in := range posture.InboundOf(cfg) {
		if in.Channel != "telegram" || !in.Enabled {
			continue
		}
		id := lineOf(in.Channel, in.Account)
		u, err := url.Parse(telegramAccount(cfg, id.account).APIRoot.Or(telegram.DefaultRoot))
		if err != nil {
			continue
		}
		out = append(out, posture.Credential{Name: "channel " + id.String(), Host: u.Host})
	}
	return out
}

// allCredentials are the keys that leave this machine, with their hosts.
func allCredentials(cfg *config.Config) []posture.Credential {
	return append(credentials(cfg), channelCredentials(cfg)...)
}
