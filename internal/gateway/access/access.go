// Package access decides who may come in: host and origin of a request,
// credentials, limits on wrong ones. It refuses what it does not recognise and
// never turns away a correct credential because of somebody else's failures.
package access

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Mode of gateway.auth. The zero value refuses everybody.
type Mode string

// Modes.
const (
	Unset        Mode = ""
	Token        Mode = "token"
	Password     Mode = "password"
	TrustedProxy Mode = "trusted-proxy"
	None         Mode = "none"
)

// MinSecret is the length below which a shared secret is weak.
const MinSecret = 32

// Config is gateway.auth with what belongs to it, resolved.
type Config struct {
	Mode Mode
	// Secret is the token or the password. It is kept as a hash by a Keeper.
	Secret string
	// Proxies may forward requests; only from them are forwarded headers read.
	Proxies         []netip.Prefix
	UserHeader      string
	RequiredHeaders []string
	AllowUsers      []string
	// AllowLoopbackProxy lets a proxy on this machine vouch for users.
	AllowLoopbackProxy bool
	// Hosts are own names ("box.tail1234.ts.net"); AllowedOrigins are whole
	// origins ("https://ui.example.org").
	Hosts          []string
	AllowedOrigins []string
}

// Validate names the first key at fault.
func (c Config) Validate() error {
	switch c.Mode {
	case Token, Password:
		if strings.TrimSpace(c.Secret) == "" {
			return fmt.Errorf("mode %q needs a %s, found an empty one", c.Mode, c.Mode)
		}
	case TrustedProxy:
		if len(c.Proxies) == 0 {
			return errors.New(`mode "trusted-proxy" needs gateway.trustedProxies`)
		}
		if c.UserHeader == "" {
			return errors.New(`mode "trusted-proxy" needs gateway.auth.trustedProxy.userHeader`)
		}
		if c.Secret != "" {
			return errors.New(`mode "trusted-proxy" and a shared token exclude each other`)
		}
	case None:
	case Unset:
		return errors.New("mode is not set")
	default:
		return fmt.Errorf("mode %q is not one of none, token, password, trusted-proxy", c.Mode)
	}
	for _, o := range c.AllowedOrigins {
		if _, _, ok := splitOrigin(o); !ok {
			return fmt.Errorf("gateway.controlUi.allowedOrigins: %q is not an origin like \"https://ui.example.org\"", o)
		}
	}
	return nil
}

// samples are tokens that published guides print.
func samples() []string {
	return []string{
		"a3f8b2c4d1e6f9g7h5i4j3k2l1m0n9o8p7q6r5s4t3u2v1w0x9y8z7",
		"your-32-character-minimum-token-here",
		"your-token-here", "change-me", "changeme", "undefined", "null", "replace-me-with-openssl-rand-hex-32",
	}
}

// Sample reports a secret that guides print, or one that says of itself that
// it is to be replaced.
func Sample(secret string) bool {
	s := strings.ToLower(strings.TrimSpace(secret))
	if slices.Contains(samples(), s) {
		return true
	}
	for _, start := range []string{"your-", "your_", "<your", "replace-me", "replace_me", "change-me", "change_me", "changeme", "placeholder", "insert-", "example-"} {
		if strings.HasPrefix(s, start) {
			return true
		}
	}
	return strings.HasSuffix(s, "-here") || strings.HasSuffix(s, "_here")
}

// Weak says why the shared secret must not be used beyond loopback; "" means
// that it may.
func (c Config) Weak() string {
	if c.Mode != Token && c.Mode != Password {
		return ""
	}
	s := strings.TrimSpace(c.Secret)
	if Sample(s) {
		return fmt.Sprintf("the %s is a published sample", c.Mode)
	}
	if len(s) < MinSecret {
		return fmt.Sprintf("the %s has %d characters, expected at least %d", c.Mode, len(s), MinSecret)
	}
	if distinct(s) < 8 {
		return fmt.Sprintf("the %s has only %d different characters", c.Mode, distinct(s))
	}
	return ""
}

func distinct(s string) int {
	seen := map[rune]bool{}
	for _, r := range s {
		seen[r] = true
	}
	return len(seen)
}

// Keeper checks requests against one Config. It is immutable.
type Keeper struct {
	cfg    Config
	secret [sha256.Size]byte
	weak   bool
}

// NewKeeper takes over a valid Config; the secret itself is not kept.
func NewKeeper(c Config) (*Keeper, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	k := &Keeper{cfg: c, secret: sha256.Sum256([]byte(strings.TrimSpace(c.Secret))), weak: c.Weak() != ""}
	k.cfg.Secret = ""
	return k, nil
}

// Mode of the configuration.
func (k *Keeper) Mode() Mode { return k.cfg.Mode }

// Weak reports whether the shared secret could be guessed, so that guesses
// must be slowed even before they are compared.
func (k *Keeper) Weak() bool { return k.weak }

// SecretMatches compares a shared secret in constant time.
func (k *Keeper) SecretMatches(s string) bool {
	if k.cfg.Mode != Token && k.cfg.Mode != Password || s == "" {
		return false
	}
	sum := sha256.Sum256([]byte(s))
	return subtle.ConstantTimeCompare(sum[:], k.secret[:]) == 1
}

// Bearer is the value of "Authorization: Bearer …".
func Bearer(h http.Header) string {
	kind, value, ok := strings.Cut(h.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(kind, "Bearer") {
		return ""
	}
	return strings.TrimSpace(value)
}

// ProxyUser is the user that a trusted proxy vouches for; the error says which
// condition failed and holds nothing from the request.
func (k *Keeper) ProxyUser(peer netip.Addr, h http.Header) (string, error) {
	if k.cfg.Mode != TrustedProxy {
		return "", errors.New("no proxy is trusted")
	}
	if !k.isProxy(peer) {
		return "", errors.New("the request does not come from gateway.trustedProxies")
	}
	if peer.Unmap().IsLoopback() && !k.cfg.AllowLoopbackProxy {
		return "", errors.New("a proxy on loopback needs gateway.auth.trustedProxy.allowLoopback")
	}
	for _, name := range k.cfg.RequiredHeaders {
		if h.Get(name) == "" {
			return "", fmt.Errorf("required header %q is missing", name)
		}
	}
	values := h.Values(k.cfg.UserHeader)
	if len(values) != 1 || strings.TrimSpace(values[0]) == "" {
		return "", fmt.Errorf("expected exactly one header %q", k.cfg.UserHeader)
	}
	user := strings.TrimSpace(values[0])
	if len(user) > 256 || strings.ContainsFunc(user, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", fmt.Errorf("header %q is not a name", k.cfg.UserHeader)
	}
	if len(k.cfg.AllowUsers) > 0 && !slices.Contains(k.cfg.AllowUsers, user) {
		return "", errors.New("the user is not in gateway.auth.trustedProxy.allowUsers")
	}
	return user, nil
}

func (k *Keeper) isProxy(peer netip.Addr) bool {
	return slices.ContainsFunc(k.cfg.Proxies, func(p netip.Prefix) bool { return p.Contains(peer.Unmap()) })
}

// Client works out where a request comes from. Forwarded headers count only
// from a trusted proxy; a request that carries them is never local.
func (k *Keeper) Client(peer netip.Addr, h http.Header) (addr netip.Addr, local bool) {
	peer = peer.Unmap()
	forwarded := false
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Tailscale-User-Login"} {
		forwarded = forwarded || h.Get(name) != ""
	}
	if forwarded && k.isProxy(peer) {
		hops := strings.Split(strings.Join(h.Values("X-Forwarded-For"), ","), ",")
		for i := len(hops) - 1; i >= 0; i-- {
			a, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
			if err != nil {
				break
			}
			if !k.isProxy(a) {
				return a.Unmap(), false
			}
		}
	}
	return peer, !forwarded && peer.IsLoopback()
}

// Plain reports whether a request crossed a network that anybody may read: from
// another machine, without TLS here, through no trusted proxy (which has TLS
// in front), and not to a loopback name, which is the end of a tunnel or of a
// forwarded port (R18).
func (k *Keeper) Plain(peer netip.Addr, r *http.Request) bool {
	host := hostOnly(r.Host)
	a, err := netip.ParseAddr(strings.Trim(host, "[]"))
	tunnel := host == "localhost" || err == nil && a.IsLoopback()
	return !peer.Unmap().IsLoopback() && r.TLS == nil && !k.isProxy(peer) && !tunnel
}

// SameSecret reports whether both let in the same credentials.
func (k *Keeper) SameSecret(other *Keeper) bool {
	return k.cfg.Mode == other.cfg.Mode && k.secret == other.secret
}
