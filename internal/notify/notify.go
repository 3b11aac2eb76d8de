// Package notify tells a person outside that something needs them. It refuses
// to carry text that a phone or mail program would open, to reach an address
// that the operator did not configure, to forget an alert before somebody has
// it, and to keep one for ever.
package notify

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/mail"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// Kind is how a target is spoken to.
type Kind string

// Kinds.
const (
	Telegram Kind = "telegram"
	Pushover Kind = "pushover"
	Webhook  Kind = "webhook"
	Ntfy     Kind = "ntfy"
	Mail     Kind = "mail"
)

// Alert is one thing to tell. Title, Rule and Command are texts of ours; what
// came from elsewhere stands in the values of Facts, and nowhere else.
type Alert struct {
	// ID names the condition: two alerts of one ID are one that lasts.
	ID       string        `json:"id"`
	At       time.Time     `json:"at"`
	Rule     string        `json:"rule"`
	Severity claw.Severity `json:"severity"`
	Title    string        `json:"title"`
	Facts    []Fact        `json:"facts,omitempty"`
	// Command is what to type to look further.
	Command string `json:"command,omitempty"`
	// NotBefore holds it back until then (quiet hours).
	NotBefore time.Time `json:"notBefore,omitzero"`
}

// Fact is one piece of evidence.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Secret lends a credential for one request.
type Secret interface {
	Use(f func(value []byte) error) error
}

// Target is one place that alerts go to.
type Target struct {
	Name string // unique
	Kind Kind
	// URL of the service; empty is the kind's own. For mail smtp://host:587
	// (STARTTLS) or smtps://host:465.
	URL string
	// To is a chat, a user key, a topic or a mailbox.
	To   string
	From string // of mail
	// User and Token are nil when there is none.
	User, Token Secret
	// Least is the least severity that goes there.
	Least claw.Severity
}

// Key names where a target leads. An alert that waits for one key is sent
// nowhere else.
func (t Target) Key() string {
	sum := sha256.Sum256([]byte(strings.Join([]string{string(t.Kind), t.URL, t.To}, "\x00")))
	return hex.EncodeToString(sum[:8])
}

// World is how targets are reached.
type World struct {
	// HTTP makes a client that reaches one origin.
	HTTP func(name, origin string) (*http.Client, error)
	// Dial connects to a mail server.
	Dial func(ctx context.Context, name, host string, port int) (net.Conn, error)
	// Roots are whom a mail server's certificate may come from; nil is the
	// system's.
	Roots func() (*x509.CertPool, error)
}

// services are where kinds are when no URL names another place.
func (k Kind) service() string {
	switch k {
	case Telegram:
		return "https://api.telegram.org"
	case Pushover:
		return "https://api.pushover.net"
	case Ntfy:
		return "https://ntfy.sh"
	case Webhook, Mail:
	}
	return ""
}

// place is where a target is.
func (t Target) place() (*url.URL, error) {
	raw := t.URL
	if raw == "" {
		raw = t.Kind.service()
	}
	if raw == "" {
		return nil, fmt.Errorf("notify: %q: url is missing", t.Name)
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Opaque != "" {
		return nil, fmt.Errorf("notify: %q: url is no address, expected %s", t.Name, t.Kind.form())
	}
	if u.User != nil {
		return nil, fmt.Errorf("notify: %q: url holds a credential; put it in user and token", t.Name)
	}
	return u, nil
}

func (k Kind) form() string {
	switch k {
	case Mail:
		return "smtp://host:587 or smtps://host:465"
	case Telegram, Pushover, Webhook, Ntfy:
	}
	return "https://host/path"
}

// Check names what is wrong with a target; its secrets are not looked at.
func (t Target) Check() error {
	u, err := t.place()
	if err != nil {
		return err
	}
	missing := func(what string) error { return fmt.Errorf("notify: %q: %s is missing", t.Name, what) }
	near := isNear(u.Hostname())
	switch t.Kind {
	case Telegram, Pushover:
		if t.Token == nil {
			return missing("token")
		}
		if t.To == "" {
			return missing("to")
		}
	case Webhook:
		if t.Token == nil {
			return missing("token, which signs what is sent,")
		}
	case Ntfy:
		if t.To == "" {
			return missing("to, the topic,")
		}
	case Mail:
		return t.checkMail(u)
	default:
		return fmt.Errorf("notify: %q: type %q is not one of telegram, pushover, webhook, ntfy, mail", t.Name, t.Kind)
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !near) {
		return fmt.Errorf("notify: %q: url is %s://, expected https:// (http:// only to a loopback or private address)", t.Name, u.Scheme)
	}
	return nil
}

func (t Target) checkMail(u *url.URL) error {
	if u.Scheme != "smtp" && u.Scheme != "smtps" {
		return fmt.Errorf("notify: %q: url is %s://, expected smtp:// or smtps://", t.Name, u.Scheme)
	}
	for _, a := range []struct{ what, v string }{{"to", t.To}, {"from", t.From}} {
		if _, err := mail.ParseAddress(a.v); err != nil || strings.ContainsAny(a.v, "\r\n") {
			return fmt.Errorf("notify: %q: %s %q is no mailbox", t.Name, a.what, a.v)
		}
	}
	if (t.User == nil) != (t.Token == nil) {
		return fmt.Errorf("notify: %q: user and token belong together", t.Name)
	}
	return nil
}

// isNear reports that a host is this machine or a private address by number.
func isNear(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && (a.Unmap().IsLoopback() || a.Unmap().IsPrivate())
}

// Outcomes of a delivery that failed.
var (
	// ErrRefused: the target will never take this; it is not tried again.
	ErrRefused = errors.New("refused for good")
	// ErrNoTarget: no target of that name.
	ErrNoTarget = errors.New("notify: no such target")
)

// failure of one attempt. Its text holds no credential and no address.
type failure struct {
	why   string
	final bool
	after time.Duration // the target asked to wait so long
}

func (f *failure) Error() string { return f.why }

// Is makes a final failure an ErrRefused.
func (f *failure) Is(target error) bool { return f.final && target == ErrRefused }

func later(format string, args ...any) *failure { return &failure{why: fmt.Sprintf(format, args...)} }

func never(format string, args ...any) *failure {
	return &failure{why: fmt.Sprintf(format, args...), final: true}
}

// lend uses an optional secret.
func lend(s Secret, f func(value string) error) error {
	if s == nil {
		return f("")
	}
	var inner error
	err := s.Use(func(b []byte) error {
		inner = f(string(b))
		return nil
	})
	if err != nil {
		return later("the credential could not be had: %s", plainError(err))
	}
	return inner
}
