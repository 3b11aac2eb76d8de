package egress

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

const idleTimeout = 90 * time.Second

// onceTransport builds a transport at its first use; a failure is tried again.
type onceTransport struct {
	mu sync.Mutex
	tr *http.Transport
}

func (o *onceTransport) get(build func() (*http.Transport, error)) (*http.Transport, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.tr != nil {
		return o.tr, nil
	}
	tr, err := build()
	if err != nil {
		return nil, err
	}
	o.tr = tr
	return tr, nil
}

// proxyURL is the operator's own way out.
type proxyURL struct {
	url  *url.URL
	name string
	port int
}

func (p *proxyURL) addr() string { return hostPort(p.name, p.port) }

func parseProxy(raw string) (*proxyURL, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" || u.Port() == "" || u.Hostname() == "" {
		return nil, fmt.Errorf("egress: gateway.egress.proxy: %q is not http://host:port", strings.SplitN(raw, "@", 2)[0])
	}
	o, err := parseOrigin(u.Scheme + "://" + u.Host)
	if err != nil {
		return nil, fmt.Errorf("egress: gateway.egress.proxy: host %q has no usable port", u.Hostname())
	}
	return &proxyURL{url: u, name: o.name, port: o.port}, nil
}
