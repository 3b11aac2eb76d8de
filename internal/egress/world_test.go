package egress

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/openclaw-go/openclaw/internal/policy"
)

func permit(t testing.TB) policy.Permit {
	t.Helper()
	q := policy.Request{Agent: "workbench", Tool: "web_fetch", Nonce: "n"}
	p, err := policy.Decision{Verdict: policy.Allow, Digest: policy.DigestOf(q)}.Permit(q)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// names is a resolver that answers from a table, in turn when a name has
// several answers, and counts what it was asked.
type names struct {
	mu    sync.Mutex
	table map[string][]string
	asked map[string]int
}

func (n *names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	answers := n.table[host]
	if len(answers) == 0 {
		n.asked[host]++
		return nil, errors.New("no such host")
	}
	a := answers[min(n.asked[host], len(answers)-1)]
	n.asked[host]++
	return []netip.Addr{netip.MustParseAddr(a)}, nil
}

func (n *names) count(host string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.asked[host]
}

// world is an egress with a table of names, servers on loopback and a record.
type world struct {
	e       *Egress
	names   *names
	mu      sync.Mutex
	events  []Event
	failing atomic.Bool
	decide  Decider
	denied  map[string]bool
	asked   map[string]bool
}

// newWorld makes one in which loopback at the given servers' ports counts as
// the operator's exception.
func newWorld(t testing.TB, servers ...*httptest.Server) *world {
	t.Helper()
	w := &world{names: &names{table: map[string][]string{}, asked: map[string]int{}}, denied: map[string]bool{}, asked: map[string]bool{}}
	o := Options{Resolver: w.names, Record: w.record}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	for _, s := range servers {
		o.Private = append(o.Private, Private{Prefix: netip.MustParsePrefix("127.0.0.1/32"), Port: uint16(portOf(s))})
		if c := s.Certificate(); c != nil {
			if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}), 0o600); err != nil {
				t.Fatal(err)
			}
			o.CAFile = ca
		}
	}
	var err error
	if w.e, err = New(o); err != nil {
		t.Fatal(err)
	}
	w.decide = func(_ context.Context, h policy.Host) policy.Step {
		w.mu.Lock()
		defer w.mu.Unlock()
		switch {
		case w.denied[h.Name]:
			return policy.Step{Verdict: policy.Deny, Rule: "test.denied", Reason: "denied"}
		case w.asked[h.Name]:
			return policy.Step{Verdict: policy.Ask, Rule: "test.ask", Reason: "ask"}
		}
		return policy.Step{Verdict: policy.Allow, Rule: "test.allowed"}
	}
	return w
}

func (w *world) record(_ context.Context, e Event) error {
	if w.failing.Load() {
		return errors.New("disk full")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, e)
	return nil
}

func (w *world) deny(name string) { w.mu.Lock(); w.denied[name] = true; w.mu.Unlock() }

// last is the newest event.
func (w *world) last() Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.events) == 0 {
		return Event{}
	}
	return w.events[len(w.events)-1]
}

func (w *world) count() int { w.mu.Lock(); defer w.mu.Unlock(); return len(w.events) }

func portOf(s *httptest.Server) int {
	u, _ := url.Parse(s.URL)
	n, _ := strconv.Atoi(u.Port())
	return n
}

// at is a URL of the server under another name.
func at(s *httptest.Server, name, path string) string {
	scheme := "http"
	if s.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort(name, strconv.Itoa(portOf(s))) + path
}

func ruleOf(err error) policy.RuleID {
	var r *Refusal
	if errors.As(err, &r) {
		return r.Rule
	}
	return ""
}

func server(t testing.TB, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func tlsServer(t testing.TB, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = discard()
	s.TLS = &tls.Config{}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}
