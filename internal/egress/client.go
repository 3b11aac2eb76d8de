package egress

import (
	"context"
	"net/http"
	"time"

	"github.com/openclaw-go/openclaw/internal/policy"
)

// FetchRequest asks for one page by GET.
type FetchRequest struct {
	URL string
	// Decide judges the first hop and every redirect. At the first hop a
	// valid permit stands for an Ask, at a redirect only Allow goes on.
	Decide Decider
	// CarriesData as in the call's facts: the operator did not give the URL.
	CarriesData bool
	// Zero limits mean the defaults.
	MaxBytes     int64
	MaxRedirects int
	Timeout      time.Duration
	// Accept are the media types taken; nil means text, HTML, JSON and XML.
	Accept []string
}

// Default limits of a fetch (guide's web defaults).
const (
	DefaultFetchBytes     = 2_000_000
	DefaultFetchRedirects = 3
	DefaultFetchTimeout   = 30 * time.Second
)

// FetchResult is the answer of the last hop.
type FetchResult struct {
	URL         string // after redirects
	Status      int
	ContentType string
	Charset     string
	Body        []byte
	// Cut: the body was longer than the limit and only its beginning is here.
	Cut  bool
	Hops []string // URLs of every hop, the first included
}

// Client fetches pages for agents. It is safe for concurrent use.
type Client struct{ e *Egress }

// Client for agents' fetches.
func (e *Egress) Client() *Client { return &Client{e: e} }

// Fetch gets one page: the permit first, then for every hop the decision by
// name, the record, the look-up, the address. Credentials are never sent,
// cookies never kept.
func (c *Client) Fetch(ctx context.Context, p policy.Permit, r FetchRequest) (FetchResult, error) {
	return c.fetch(ctx, p, r)
}

// Fixed describes one of the gateway's own clients (a model provider, a
// channel): the only origins it may ever reach, each exactly as the operator
// configured it.
type Fixed struct {
	// Name for the record: "model anthropic".
	Name string
	// Origins: "https://api.anthropic.com", "http://127.0.0.1:11434".
	Origins []string
	// Private lets the origins' names resolve to private addresses. A
	// literal private or loopback address in Origins, and "localhost", needs
	// no such leave: the operator named it.
	Private PrivateNames
	// Timeout of a whole request; 0 means none, for streams. The time to the
	// answer's header is always bounded.
	Timeout time.Duration
}

// PrivateNames says whether names may resolve to private addresses. The zero
// value refuses.
type PrivateNames uint8

// Values of PrivateNames.
const (
	PublicOnly PrivateNames = iota
	PrivateToo
)

// Fixed makes a client that reaches f's origins and nothing else: no redirect
// is followed, and a request for another origin fails before its headers
// leave, so a credential is never carried to another host (R26).
func (e *Egress) Fixed(f Fixed) (*http.Client, error) { return e.fixed(f) }
