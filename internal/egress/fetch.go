package egress

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/openclaw-go/openclaw/internal/policy"
)

// userAgent names us without a version.
const userAgent = "Mozilla/5.0 (compatible; openclaw)"

// hop is one URL of a fetch as it was decided.
type hop struct {
	url  *url.URL
	host policy.Host
}

func (c *Client) fetch(ctx context.Context, p policy.Permit, r FetchRequest) (FetchResult, error) {
	if !p.Valid() {
		return FetchResult{}, refuse("", RuleNoPermit, "a fetch needs a permit")
	}
	r = r.withDefaults()
	ctx, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	target, err := parseHop(r.URL)
	if err != nil {
		return FetchResult{}, c.alert(ctx, p, err)
	}
	target.host.CarriesData = r.CarriesData
	origin := target.host
	var out FetchResult
	for n := 0; ; n++ {
		pass := policy.Allow
		if sameOrigin(target.host, origin) {
			pass = policy.Ask // the permit stands for the consent
		}
		ev := Event{Kind: KindFetch, Agent: p.Agent(), Host: target.host, Digest: p.Digest()}
		if err := c.e.decide(ctx, r.Decide, ev, pass); err != nil {
			return FetchResult{}, err
		}
		out.Hops = append(out.Hops, target.url.String())
		res, err := c.get(ctx, target)
		if err != nil {
			return FetchResult{}, c.e.refused(ctx, ev, unwrapRefusal(err))
		}
		location := res.Header.Get("Location")
		if !redirects(res.StatusCode) || location == "" {
			defer func() { _ = res.Body.Close() }()
			out.URL = target.url.String()
			err := readBody(&out, res, r)
			if s := newScrubber(c.e.secrets); !s.empty() {
				s.clean(out.Body, true)
			}
			return out, err
		}
		_ = res.Body.Close()
		if n == r.MaxRedirects {
			return FetchResult{}, c.e.refused(ctx, ev, refuse(target.host.Name, RuleRedirect, "more than %d redirects", r.MaxRedirects))
		}
		next, err := nextHop(target, location)
		if err != nil {
			return FetchResult{}, c.e.refused(ctx, ev, err)
		}
		target = next
	}
}

func (r FetchRequest) withDefaults() FetchRequest {
	if r.MaxBytes <= 0 {
		r.MaxBytes = DefaultFetchBytes
	}
	if r.MaxRedirects <= 0 {
		r.MaxRedirects = DefaultFetchRedirects
	}
	if r.Timeout <= 0 {
		r.Timeout = DefaultFetchTimeout
	}
	return r
}

func sameOrigin(a, b policy.Host) bool {
	return a.Name == b.Name && a.Port == b.Port && a.Scheme == b.Scheme
}

func redirects(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// parseHop reads a URL into what is decided.
func parseHop(raw string) (hop, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return hop{}, refuse("", RuleBadName, "the URL cannot be read")
	}
	return hopOf(u)
}

func hopOf(u *url.URL) (hop, error) {
	port := 443
	switch u.Scheme {
	case "https":
	case "http":
		port = 80
	default:
		return hop{}, refuse(u.Hostname(), RuleScheme, "scheme %q is neither http nor https", u.Scheme)
	}
	if u.User != nil {
		return hop{}, refuse(u.Hostname(), RuleCredential, "a user name or password in a URL is refused")
	}
	name, err := canonical(u.Hostname())
	if err != nil {
		return hop{}, err
	}
	if holdsMarker(u.String()) {
		return hop{}, misplaced(name, "a URL")
	}
	if botPath(u.EscapedPath()) {
		return hop{}, refuse(name, RuleCredential, "a bot token in a path is refused")
	}
	if p := u.Port(); p != "" {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			return hop{}, refuse(name, RulePort, "port %q is no port", p)
		}
		port = int(n)
	}
	clean := *u
	clean.Fragment, clean.RawFragment = "", ""
	clean.Host = hostPort(name, port)
	if u.Port() == "" {
		clean.Host = name
		if strings.Contains(name, ":") {
			clean.Host = "[" + name + "]"
		}
	}
	return hop{url: &clean, host: policy.Host{Name: name, Port: port, Scheme: u.Scheme, Method: http.MethodGet, Path: sentPath(&clean), URLBytes: len(clean.String())}}, nil
}

// nextHop is where a redirect leads. What a server chose was not given by the
// operator, so it counts as carrying data.
func nextHop(from hop, location string) (hop, error) {
	u, err := from.url.Parse(location)
	if err != nil {
		return hop{}, refuse(from.host.Name, RuleRedirect, "it redirects to something that is no URL")
	}
	next, err := hopOf(u)
	if err != nil {
		return hop{}, err
	}
	if from.host.Scheme == "https" && next.host.Scheme != "https" {
		return hop{}, refuse(next.host.Name, RuleRedirect, "it redirects from https to http")
	}
	next.host.CarriesData = true
	return next, nil
}

// get makes one request over a connection of its own.
func (c *Client) get(ctx context.Context, h hop) (*http.Response, error) {
	tr, err := c.e.transport(func(ctx context.Context, _, addr string) (net.Conn, error) {
		if addr != hostPort(h.host.Name, h.host.Port) {
			return nil, refuse(addr, RuleForeign, "only %s was decided", hostPort(h.host.Name, h.host.Port))
		}
		return c.e.dial(ctx, h.host.Name, h.host.Port, c.e.private)
	})
	if err != nil {
		return nil, err
	}
	tr.DisableKeepAlives = true
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url.String(), nil)
	if err != nil {
		return nil, refuse(h.host.Name, RuleMalformed, "the URL makes no request")
	}
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set("Accept", "text/html,application/xhtml+xml,text/plain,application/json;q=0.9,*/*;q=0.1")
	req.Header.Set("Accept-Encoding", "gzip")
	return tr.RoundTrip(req)
}

// unwrapRefusal finds the refusal that a transport wrapped.
func unwrapRefusal(err error) error {
	var r *Refusal
	if errors.As(err, &r) {
		return r
	}
	return err
}

// readBody takes the body within its limits, both as sent and as unpacked.
func readBody(out *FetchResult, res *http.Response, r FetchRequest) error {
	out.Status = res.StatusCode
	media, params, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if err != nil {
		media = ""
	}
	out.ContentType, out.Charset = media, params["charset"]
	if media != "" && !accepted(media, r.Accept) {
		return fmt.Errorf("egress: %q is %q, which is no text", out.URL, media)
	}
	var body io.Reader = io.LimitReader(res.Body, r.MaxBytes+1)
	switch enc := strings.ToLower(res.Header.Get("Content-Encoding")); enc {
	case "", "identity":
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(body)
		if err != nil {
			return fmt.Errorf("egress: %q: %w", out.URL, err)
		}
		body = io.LimitReader(z, r.MaxBytes+1)
	default:
		return fmt.Errorf("egress: %q: content encoding %q was not asked for", out.URL, enc)
	}
	out.Body, err = io.ReadAll(body)
	if int64(len(out.Body)) > r.MaxBytes {
		out.Body, out.Cut = out.Body[:r.MaxBytes], true
		return nil
	}
	if err != nil && len(out.Body) > 0 && errors.Is(err, io.ErrUnexpectedEOF) {
		out.Cut = true // the sender stopped, or its packed form hit the limit
		return nil
	}
	if err != nil {
		return fmt.Errorf("egress: %q: %w", out.URL, err)
	}
	return nil
}

// accepted media types: text in any form unless the caller names others.
func accepted(media string, list []string) bool {
	if list != nil {
		for _, a := range list {
			if a == media || strings.HasSuffix(a, "/*") && strings.HasPrefix(media, a[:len(a)-1]) {
				return true
			}
		}
		return false
	}
	if strings.HasPrefix(media, "text/") || strings.HasSuffix(media, "+json") || strings.HasSuffix(media, "+xml") {
		return true
	}
	switch media {
	case "application/json", "application/xml", "application/javascript", "application/x-ndjson", "application/yaml", "application/x-yaml", "application/toml":
		return true
	}
	return false
}

// alert records a placeholder in a URL; other URLs that name no destination
// are no event.
func (c *Client) alert(ctx context.Context, p policy.Permit, err error) error {
	var r *Refusal
	if !errors.As(err, &r) || r.Rule != RulePlaceholder {
		return err
	}
	return c.e.refused(ctx, Event{Kind: KindFetch, Agent: p.Agent(), Host: policy.Host{Name: r.Host}, Digest: p.Digest()}, r)
}

// sentPath is the path that is sent; an empty one is the root.
func sentPath(u *url.URL) string {
	if p := u.EscapedPath(); p != "" {
		return p
	}
	return "/"
}
