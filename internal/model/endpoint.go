package model

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Key lends a credential to one host. The zero Key is "no credential".
type Key struct {
	// Host is the host, with a port unless it is the scheme's own, that the
	// credential is bound to. An endpoint elsewhere refuses the key.
	Host string
	// Use lends the value to f and not beyond it. It fails when the value
	// cannot be had.
	Use func(f func(value []byte) error) error
}

func (k Key) set() bool { return k.Use != nil }

// String keeps a Key from printing anything.
func (k Key) String() string {
	if !k.set() {
		return "no key"
	}
	return "key for " + k.Host
}

// Config is what every HTTP provider needs.
type Config struct {
	// Name is how the provider is called in errors, transcripts and usage;
	// default: the package's own name.
	Name string
	// BaseURL is where the API lives. Scheme, host and path are fixed at
	// construction. A key goes over https only, or to a loopback address.
	BaseURL string
	// Client carries every request. It must have a Transport of its own: the
	// default one would dial without a decision. Redirects are refused
	// whatever the client says.
	Client *http.Client
	// Key is used for each request anew.
	Key Key
	// Headers go with each request; those that this package sets are refused.
	Headers map[string]string
	Limits  Limits
}

// String names the provider and its address, never a header.
func (c Config) String() string {
	return fmt.Sprintf("model.Config{Name: %q, BaseURL: %q, %s}", c.Name, c.BaseURL, c.Key)
}

// GoString is String, so that %#v prints no header either.
func (c Config) GoString() string { return c.String() }

// Limits bound what a provider may send. A zero field means its default.
type Limits struct {
	Response int64         // bytes of a reply; DefaultResponse
	Event    int           // bytes of one event; DefaultEvent
	Events   int           // number of events; DefaultEvents
	Depth    int           // nesting of JSON; DefaultDepth
	Calls    int           // tool calls of a reply; DefaultCalls
	Args     int           // bytes of one call's arguments; DefaultArgs
	Idle     time.Duration // silence within a stream; DefaultIdle
	First    time.Duration // wait for the reply's header; DefaultFirst
	Request  int           // bytes of a request; DefaultRequest
}

// Default limits.
const (
	DefaultResponse = 32 << 20
	DefaultEvent    = 4 << 20
	DefaultEvents   = 500_000
	DefaultDepth    = 64
	DefaultCalls    = 64
	DefaultArgs     = 1 << 20
	DefaultIdle     = 2 * time.Minute
	DefaultFirst    = 5 * time.Minute
	DefaultRequest  = 32 << 20
)

// WithDefaults fills what is not set.
func (l Limits) WithDefaults() Limits {
	l.Response = or(l.Response, DefaultResponse)
	l.Event = or(l.Event, DefaultEvent)
	l.Events = or(l.Events, DefaultEvents)
	l.Depth = or(l.Depth, DefaultDepth)
	l.Calls = or(l.Calls, DefaultCalls)
	l.Args = or(l.Args, DefaultArgs)
	l.Idle = or(l.Idle, DefaultIdle)
	l.First = or(l.First, DefaultFirst)
	l.Request = or(l.Request, DefaultRequest)
	return l
}

func or[T int | int64 | time.Duration](v, def T) T {
	if v <= 0 {
		return def
	}
	return v
}

// Endpoint is one pinned API address and the way to talk to it. Providers are
// built on it; nothing else makes requests.
type Endpoint struct {
	name   string
	base   *url.URL
	client *http.Client
	key    Key
	// headers is a function so that no verb of fmt can print the values.
	headers func() http.Header
	limits  Limits
}

var errRedirect = errors.New("redirect refused")

// NewEndpoint checks a configuration and pins its address.
func NewEndpoint(c Config) (*Endpoint, error) {
	if !namePattern().MatchString(c.Name) {
		return nil, fmt.Errorf("model: name %q: expected letters, digits, dot, dash or underscore", Line(c.Name))
	}
	base, err := pinURL(c.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("model %q: %w", c.Name, err)
	}
	if c.Client == nil || c.Client.Transport == nil {
		return nil, fmt.Errorf("model %q: no client with a transport of its own", c.Name)
	}
	if err := checkKey(c.Key, base); err != nil {
		return nil, fmt.Errorf("model %q: %w", c.Name, err)
	}
	headers := http.Header{}
	for k, v := range c.Headers {
		if err := checkHeader(k, v); err != nil {
			return nil, fmt.Errorf("model %q: %w", c.Name, err)
		}
		headers.Set(k, v)
	}
	client := *c.Client
	client.Jar = nil
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return errRedirect }
	return &Endpoint{name: c.Name, base: base, client: &client, key: c.Key, headers: func() http.Header { return headers }, limits: c.Limits.WithDefaults()}, nil
}

// Name of the provider.
func (e *Endpoint) Name() string { return e.name }

// Limits in force.
func (e *Endpoint) Limits() Limits { return e.limits }

// Destination is the pinned host.
func (e *Endpoint) Destination() Destination {
	return Destination{Provider: e.name, Host: hostPort(e.base.Scheme, e.base.Host)}
}

// String names the endpoint and its host only.
func (e *Endpoint) String() string { return e.name + "@" + e.base.Host }

// GoString is String.
func (e *Endpoint) GoString() string { return e.String() }

var namePattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`) })

func pinURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, errors.New("base URL does not parse")
	}
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, fmt.Errorf("base URL scheme %q: expected https or http", u.Scheme)
	case u.Hostname() == "":
		return nil, errors.New("base URL names no host")
	case u.User != nil:
		return nil, errors.New("base URL holds user information: keys have a place of their own")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, errors.New("base URL has a query or a fragment")
	case strings.Contains(u.Path, ".."):
		return nil, errors.New(`base URL has ".." in its path`)
	}
	u.Host = strings.ToLower(u.Host)
	u.Path = strings.TrimRight(u.Path, "/")
	u.RawPath = ""
	return u, nil
}

func checkKey(k Key, base *url.URL) error {
	if !k.set() {
		return nil
	}
	want := hostPort(base.Scheme, base.Host)
	if got := hostPort(base.Scheme, strings.ToLower(k.Host)); k.Host == "" || got != want {
		return fmt.Errorf("key is bound to host %q, base URL has %q", k.Host, want)
	}
	if base.Scheme == "http" && !loopback(base.Hostname()) {
		return fmt.Errorf("key would go to %q over http: expected https", base.Host)
	}
	return nil
}

func hostPort(scheme, host string) string {
	if _, _, err := net.SplitHostPort(host); err == nil {
		return host
	}
	port := "443"
	if scheme == "http" {
		port = "80"
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), port)
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

var headerName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,99}$`) })

// ownHeaders are set by this package or by the transport.
var ownHeaders = []string{
	"Accept", "Accept-Encoding", "Authorization", "Connection", "Content-Encoding", "Content-Length", "Content-Type",
	"Cookie", "Expect", "Host", "Proxy-Authorization", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
	"X-Api-Key", "X-Goog-Api-Key",
}

func checkHeader(name, value string) error {
	if !headerName().MatchString(name) {
		return fmt.Errorf("header %q: not a header name", Line(name))
	}
	canonical := http.CanonicalHeaderKey(name)
	for _, own := range ownHeaders {
		if canonical == own {
			return fmt.Errorf("header %q: set by the gateway itself", canonical)
		}
	}
	for _, c := range []byte(value) {
		if c < 0x20 && c != '\t' || c == 0x7f {
			return fmt.Errorf("header %q: value has a control character", canonical)
		}
	}
	return nil
}
