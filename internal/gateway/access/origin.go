package access

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Refusal is why a request may not come in. The zero value lets it in.
type Refusal struct {
	Status int
	Rule   string // gateway.host, gateway.origin, gateway.fetch_site, gateway.credential_in_url
	Reason string
}

// OK reports whether the request may come in.
func (r Refusal) OK() bool { return r.Rule == "" }

// Check looks at Host, Origin, Sec-Fetch-Site and the query of a request that
// arrived at the address local. It stops DNS rebinding (the name is not ours),
// cross-site sockets (the origin is not ours) and other ports of this machine
// (the origin's port is not ours).
func (k *Keeper) Check(r *http.Request, local netip.Addr) Refusal {
	if !k.hostAllowed(r.Host, local) {
		return Refusal{http.StatusMisdirectedRequest, "gateway.host", "this host name is not one of the gateway's"}
	}
	if !k.originAllowed(r) {
		return Refusal{http.StatusForbidden, "gateway.origin", "the origin of this request is not the gateway's own"}
	}
	if mutates(r.Method) && !k.siteAllowed(r) {
		return Refusal{http.StatusForbidden, "gateway.fetch_site", "the request was started by another site"}
	}
	if r.URL.RawQuery != "" && hasCredential(r.URL.RawQuery) {
		return Refusal{http.StatusBadRequest, "gateway.credential_in_url", "credentials are not accepted in a URL; use the Authorization header"}
	}
	return Refusal{}
}

func mutates(method string) bool {
	return method != http.MethodGet && method != http.MethodHead
}

func (k *Keeper) hostAllowed(hostport string, local netip.Addr) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")
	if host == "localhost" {
		return true
	}
	// An address literal cannot be rebound; it is ours when it is the one
	// that was dialed.
	if a, err := netip.ParseAddr(host); err == nil {
		return a.IsLoopback() && a.Zone() == "" || a.Unmap() == local.Unmap()
	}
	if k.ownName(host) {
		return true
	}
	return slices.ContainsFunc(k.cfg.AllowedOrigins, func(o string) bool {
		_, h, ok := splitOrigin(o)
		return ok && hostOnly(h) == host
	})
}

func (k *Keeper) ownName(host string) bool {
	return slices.ContainsFunc(k.cfg.Hosts, func(h string) bool { return strings.EqualFold(h, host) })
}

func hostOnly(hostport string) string {
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		return strings.ToLower(h)
	}
	return strings.ToLower(hostport)
}

func (k *Keeper) originAllowed(r *http.Request) bool {
	values := r.Header.Values("Origin")
	if len(values) == 0 {
		return true
	}
	if len(values) > 1 {
		return false
	}
	scheme, host, ok := splitOrigin(values[0])
	if !ok {
		return false // "null", a file, an extension
	}
	for _, o := range k.cfg.AllowedOrigins {
		if s, h, ok := splitOrigin(o); ok && s == scheme && strings.EqualFold(h, host) {
			return true
		}
	}
	if !strings.EqualFold(host, r.Host) {
		return false
	}
	if r.TLS != nil {
		return scheme == "https"
	}
	// A name of our own may be served with TLS in front (tailscale serve).
	return scheme == "http" || k.ownName(hostOnly(host))
}

// siteAllowed reads what browsers say of the page that started a request.
func (k *Keeper) siteAllowed(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return true
	}
	origin := r.Header.Get("Origin")
	return origin != "" && slices.Contains(k.cfg.AllowedOrigins, origin)
}

func splitOrigin(o string) (scheme, host string, ok bool) {
	u, err := url.Parse(o)
	if err != nil || u.Host == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
		return "", "", false
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return "", "", false
	}
	return u.Scheme, u.Host, true
}

// hasCredential looks for parameters that carry secrets elsewhere; a value in
// a URL ends up in histories, logs and referrers (R73).
func hasCredential(rawQuery string) bool {
	for pair := range strings.SplitSeq(rawQuery, "&") {
		name, _, _ := strings.Cut(pair, "=")
		if n, err := url.QueryUnescape(name); err == nil {
			name = n
		}
		switch strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(name)) {
		case "token", "password", "auth", "authorization", "accesstoken", "apikey", "bearer", "devicetoken", "gatewaytoken", "bootstraptoken", "secret", "code":
			return true
		}
	}
	return false
}
