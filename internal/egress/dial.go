package egress

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/openclaw-go/openclaw/internal/policy"
)

// Times of a connection.
const (
	dialTimeout   = 10 * time.Second
	lookupTimeout = 5 * time.Second
	tlsTimeout    = 10 * time.Second
	headerTimeout = 30 * time.Second
	// modelHeaderTimeout bounds the wait for a fixed client's answer to begin.
	modelHeaderTimeout = 5 * time.Minute
	maxAddresses       = 16
)

// Egress is the way out. It is safe for concurrent use.
type Egress struct {
	resolver Resolver
	record   Recorder
	private  []Private
	proxy    *proxyURL
	caFile   string
	now      func() time.Time
	guard    guard

	bindings  func() []Bound
	secrets   func(f func(value []byte))
	mint      mint
	authority authority

	rootsOnce sync.Once
	roots     *x509.CertPool
	rootsErr  error
}

// New makes the way out. Without a recorder there is none.
func New(o Options) (*Egress, error) {
	if o.Record == nil {
		return nil, errors.New("egress: Record is required: no effect without a record")
	}
	e := &Egress{resolver: o.Resolver, record: o.Record, private: o.Private, caFile: o.CAFile, now: o.Now, guard: newGuard(),
		bindings: o.Bindings, secrets: o.Secrets}
	e.guard.ownPorts = o.OwnPorts
	if e.resolver == nil {
		e.resolver = &net.Resolver{PreferGo: true}
	}
	if e.now == nil {
		e.now = time.Now
	}
	for _, p := range o.Private {
		if !p.Prefix.IsValid() {
			return nil, fmt.Errorf("egress: private entry %v is not an address range", p.Prefix)
		}
	}
	if o.Proxy != "" {
		p, err := parseProxy(o.Proxy)
		if err != nil {
			return nil, err
		}
		e.proxy = p
	}
	return e, nil
}

// decide asks, records and says whether to go on. pass tells which verdicts
// go on besides Allow.
func (e *Egress) decide(ctx context.Context, d Decider, ev Event, pass policy.Verdict) error {
	step := policy.Step{Rule: policy.RuleID("egress.no_decision"), Reason: "nobody decided about this destination"}
	if d != nil {
		step = d(ctx, ev.Host)
	}
	ok := step.Verdict == policy.Allow || pass == policy.Ask && step.Verdict == policy.Ask
	ev.Time, ev.Verdict, ev.Rule, ev.Reason = e.now(), policy.Deny, step.Rule, step.Reason
	if ok {
		ev.Verdict = policy.Allow
	}
	if err := e.write(ctx, ev); err != nil {
		return err
	}
	if !ok {
		return asRefusal(ev.Host, step)
	}
	return nil
}

// refused records a refusal of the guard's own and returns it. When it cannot
// be recorded that is the error; nothing happens either way.
func (e *Egress) refused(ctx context.Context, ev Event, err error) error {
	var r *Refusal
	if !errors.As(err, &r) {
		return err
	}
	ev.Time, ev.Verdict, ev.Rule, ev.Reason = e.now(), policy.Deny, r.Rule, r.Reason
	if werr := e.write(ctx, ev); werr != nil {
		return werr
	}
	return err
}

func (e *Egress) write(ctx context.Context, ev Event) error {
	if err := e.record(ctx, ev); err != nil {
		return fmt.Errorf("%w: %w", ErrNotRecorded, err)
	}
	return nil
}

// dial connects to a destination that was decided and recorded. The address
// is looked up once, judged, and dialled as judged; Control judges what the
// kernel is really asked to connect to.
func (e *Egress) dial(ctx context.Context, name string, port int, except []Private) (net.Conn, error) {
	addrs, err := e.lookup(ctx, name)
	if err != nil {
		return nil, err
	}
	var last error
	for _, a := range addrs {
		at := netip.AddrPortFrom(a.Unmap(), uint16(port))
		if err := e.guard.check(name, at, except); err != nil {
			last = err
			continue
		}
		d := net.Dialer{Timeout: dialTimeout, Control: func(_, address string, _ syscall.RawConn) error {
			real, err := netip.ParseAddrPort(address)
			if err != nil {
				return refuse(name, RuleAddress, "address %q is not an address", address)
			}
			return e.guard.check(name, real, except)
		}}
		conn, err := d.DialContext(ctx, "tcp", at.String())
		if err == nil {
			return conn, nil
		}
		last = fmt.Errorf("egress: %s: %w", hostPort(name, port), err)
	}
	return nil, last
}

// lookup is called only for a name that was decided.
func (e *Egress) lookup(ctx context.Context, name string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(name); err == nil {
		return []netip.Addr{a}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	addrs, err := e.resolver.LookupNetIP(ctx, "ip", name)
	if err != nil || len(addrs) == 0 {
		return nil, refuse(name, RuleResolve, "the name was not found")
	}
	return addrs[:min(len(addrs), maxAddresses)], nil
}

// bundles are the places of the system's CA bundle. They are read directly,
// since the standard library would let the environment choose (R26).
var bundles = [...]string{
	"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/cert.pem", "/usr/local/share/certs/ca-root-nss.crt",
}

// pool is the set of roots, read at the first TLS connection.
func (e *Egress) pool() (*x509.CertPool, error) {
	e.rootsOnce.Do(func() { e.roots, e.rootsErr = readRoots(e.caFile) })
	return e.roots, e.rootsErr
}

func readRoots(caFile string) (*x509.CertPool, error) {
	var pool *x509.CertPool
	if runtime.GOOS == "linux" || runtime.GOOS == "freebsd" {
		pool = x509.NewCertPool()
		for _, path := range bundles {
			if pem, err := os.ReadFile(path); err == nil && pool.AppendCertsFromPEM(pem) {
				break
			}
		}
	} else if caFile != "" {
		var err error
		if pool, err = x509.SystemCertPool(); err != nil {
			return nil, fmt.Errorf("egress: system certificates: %w", err)
		}
	}
	if caFile == "" {
		return pool, nil
	}
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, fmt.Errorf("egress: gateway.egress.caFile: %w", err)
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("egress: gateway.egress.caFile %q holds no certificate", caFile)
	}
	return pool, nil
}

// transport is built on dial alone: no proxy from the environment, no
// fallback dialer, TLS 1.2 or later.
func (e *Egress) transport(dial func(ctx context.Context, network, addr string) (net.Conn, error)) (*http.Transport, error) {
	roots, err := e.pool()
	if err != nil {
		return nil, err
	}
	return &http.Transport{
		DialContext:            dial,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		TLSHandshakeTimeout:    tlsTimeout,
		ResponseHeaderTimeout:  headerTimeout,
		MaxResponseHeaderBytes: 256 << 10,
		DisableCompression:     true,
		ForceAttemptHTTP2:      true,
	}, nil
}
