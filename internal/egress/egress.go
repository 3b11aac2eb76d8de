// Package egress is the only way out: one dialer that every client, fetch and
// proxy of the gateway uses. It refuses a destination before its name is
// looked up, an address that is not public unless an entry names it, and any
// effect whose record could not be kept.
package egress

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// Decider judges a destination by its name, before any look-up. Anything but
// Allow refuses. It may wait for a person, within its context.
type Decider func(ctx context.Context, h policy.Host) policy.Step

// Resolver looks names up. *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Event is one decision about a destination, recorded before anything is
// dialled.
type Event struct {
	Time    time.Time
	Kind    Kind
	Agent   claw.AgentID   // "" for the gateway's own clients
	Client  string         // name of a fixed client
	Host    policy.Host    // as decided
	Verdict policy.Verdict // Allow goes on to dial
	Rule    policy.RuleID
	Reason  string
	// Digest of the permit, when there is one, and the session that caused it.
	Digest  policy.Digest
	Session claw.SessionKey
}

// Kind says on which road a destination was met.
type Kind string

// Kinds.
const (
	KindFetch   Kind = "fetch"   // web_fetch, redirects included
	KindProxy   Kind = "proxy"   // plain HTTP from a sandbox
	KindConnect Kind = "connect" // CONNECT from a sandbox
	KindInside  Kind = "inside"  // a request within a connection to a bound host
	KindClient  Kind = "client"  // the gateway's own clients, once per connection
)

// Recorder keeps an event; an error stops the effect.
type Recorder func(ctx context.Context, e Event) error

// Options of an Egress.
type Options struct {
	// Resolver; nil is the system's.
	Resolver Resolver
	// Record is required.
	Record Recorder
	// Private are addresses that are not public and may be reached all the
	// same when a decision allows their name: an entry of the operator's.
	// Port 0 means any. Metadata addresses stay refused.
	Private []Private
	// Proxy is the operator's own way out (gateway.egress.proxy), for fixed
	// clients only: "http://host:port". Environment variables are never read.
	Proxy string
	// CAFile adds roots (gateway.egress.caFile) to the system's.
	CAFile string
	// OwnPorts are ports of this machine that no exception opens to agents: the
	// gateway's own (R39).
	OwnPorts []int
	// Bindings lists the secrets that may be put in now; nil means none.
	// Connections to their hosts are looked into, no others.
	Bindings func() []Bound
	// Secrets calls f with every value in use, to be struck out of answers.
	Secrets func(f func(value []byte))
	// Now; nil is the clock.
	Now func() time.Time
}

// Private is one exception to the rule that only public addresses are dialled.
type Private struct {
	Prefix netip.Prefix
	Port   uint16
}

// Errors that a caller may branch on.
var (
	// ErrRefused: a decision or the guard says no. Errors of type *Refusal.
	ErrRefused = errors.New("egress: refused")
	// ErrNotRecorded: the record could not be kept, so nothing was dialled.
	ErrNotRecorded = errors.New("egress: the decision could not be recorded")
	// ErrTooLarge: the answer is larger than the limit.
	ErrTooLarge = errors.New("egress: answer too large")
)

// Refusal is a refused destination with the rule that refused it.
type Refusal struct {
	Host   string
	Rule   policy.RuleID
	Reason string // neutral, for a model
	Hint   string // for a person
}

func (r *Refusal) Error() string {
	return fmt.Sprintf("egress: %q refused (%s): %s", r.Host, r.Rule, r.Reason)
}

// Is makes a Refusal an ErrRefused.
func (r *Refusal) Is(target error) bool { return target == ErrRefused }

func refuse(host string, rule policy.RuleID, format string, args ...any) *Refusal {
	return &Refusal{Host: host, Rule: rule, Reason: fmt.Sprintf(format, args...)}
}

// Rules that egress itself refuses by; the others are policy's.
const (
	RuleNoPermit   policy.RuleID = "egress.no_permit"
	RuleAddress    policy.RuleID = "egress.address_not_public"
	RuleResolve    policy.RuleID = "egress.name_not_found"
	RuleBadName    policy.RuleID = "egress.bad_host"
	RuleScheme     policy.RuleID = "egress.scheme"
	RulePort       policy.RuleID = "egress.port"
	RuleRedirect   policy.RuleID = "egress.redirect"
	RuleCredential policy.RuleID = "egress.foreign_credential"
	RuleTLS        policy.RuleID = "egress.not_tls"
	RuleSNI        policy.RuleID = "egress.sni"
	RuleECH        policy.RuleID = "egress.ech"
	RuleMalformed  policy.RuleID = "egress.malformed_request"
	RuleLimit      policy.RuleID = "egress.limit"
	RuleForeign    policy.RuleID = "egress.host_not_bound"
	RuleSelf       policy.RuleID = "egress.own_gateway"
	// RulePlaceholder: somebody tried to have a secret written where others
	// read it. It is an alert (R11).
	RulePlaceholder policy.RuleID = "egress.placeholder_misplaced"
	RuleEncoding    policy.RuleID = "egress.encoding"
)
