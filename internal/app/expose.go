package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/gateway"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/posture"
)

// Bounds of an exposure: it is for looking at a fault, not for living with.
const (
	minExposure = time.Second
	maxExposure = time.Hour
)

// exposer opens the gateway to other machines for a while. What is open ends
// by itself, with the gateway, and as soon as the configuration in force would
// not permit it.
type exposer struct {
	app    *App
	server *gateway.Server

	mu   sync.Mutex
	open *opening
}

// opening is one exposure from its start to its end.
type opening struct {
	addrs []netip.Addr
	where []string
	until time.Time
	timer *time.Timer
	close []func()
}

var _ gateway.Exposer = (*exposer)(nil)

// exposure is what the record says of a start or an end.
type exposure struct {
	What      string    `json:"what"` // open | closed
	Addresses []string  `json:"addresses"`
	Until     time.Time `json:"until,omitzero"`
	Why       string    `json:"why,omitempty"`
}

// Exposed implements gateway.Exposer.
func (x *exposer) Exposed() gateway.Exposed {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.open == nil {
		return gateway.Exposed{Addresses: []string{}}
	}
	return gateway.Exposed{Addresses: x.open.where, UntilMs: x.open.until.UnixMilli()}
}

// Expose implements gateway.Exposer.
func (x *exposer) Expose(ctx context.Context, bind string, d time.Duration, by claw.Principal) (gateway.Exposed, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	g := x.app.posture.now().Gateway
	switch {
	case x.server == nil:
		return gateway.Exposed{}, &gateway.Fault{Kind: gateway.Unavailable, Message: "the gateway does not listen"}
	case d < minExposure || d > maxExposure:
		return gateway.Exposed{}, &gateway.Fault{Kind: gateway.Invalid, Message: fmt.Sprintf("%s is not between %s and %s", d, minExposure, maxExposure)}
	case x.open != nil:
		return gateway.Exposed{}, &gateway.Fault{Kind: gateway.Conflict, Message: fmt.Sprintf("it is open until %s already", x.open.until.Format(time.TimeOnly)), Hint: "openclaw gateway expose --off, then anew"}
	case !g.Loopback():
		return gateway.Exposed{}, &gateway.Fault{Kind: gateway.Conflict, Message: fmt.Sprintf("gateway.bind is %q: the gateway listens beyond this machine as it is", g.Bind), Hint: "openclaw config set gateway.bind loopback"}
	}
	addrs, err := exposeAddrs(bind)
	if err != nil {
		return gateway.Exposed{}, exposeFault(err)
	}
	if err := x.check(ctx, g, addrs); err != nil {
		return gateway.Exposed{}, exposeFault(err)
	}
	o := &opening{addrs: addrs, until: time.Now().Add(d).Round(0)}
	for _, a := range addrs {
		o.where = append(o.where, netip.AddrPortFrom(a, uint16(g.Port)).String())
	}
	if err := x.note(ctx, exposure{What: "open", Addresses: o.where, Until: o.until.UTC()}, by); err != nil {
		return gateway.Exposed{}, err
	}
	listeners, _, err := listen(addrs, g.Port)
	if err != nil {
		return gateway.Exposed{}, errors.Join(exposeFault(err), x.note(ctx, exposure{What: "closed", Addresses: o.where, Why: "it could not listen"}, by))
	}
	for _, l := range listeners {
		o.close = append(o.close, x.server.Lend(l))
	}
	x.open = o
	o.timer = time.AfterFunc(d, func() { x.end(o, "its time is over", claw.Principal{}) })
	x.app.log.Warn("the gateway listens beyond this machine for a while", "addresses", o.where, "until", o.until)
	return gateway.Exposed{Addresses: o.where, UntilMs: o.until.UnixMilli()}, nil
}

// check applies the rules of a permanent bind, and that nothing but pages and
// protocol goes out.
func (x *exposer) check(ctx context.Context, g posture.Gateway, addrs []netip.Addr) error {
	auth, err := x.app.access(ctx, g)
	if err != nil {
		return err
	}
	return gateway.CheckLend(addrs, auth, gateway.Exposure{Completions: g.Completions, Invoke: g.Invoke})
}

// Unexpose implements gateway.Exposer.
func (x *exposer) Unexpose(_ context.Context, by claw.Principal) error {
	o := x.now()
	if o == nil {
		return &gateway.Fault{Kind: gateway.NotFound, Message: "nothing is open beyond the configuration"}
	}
	x.end(o, "closed by an operator", by)
	return nil
}

// end closes an opening. It is closed also when that cannot be recorded.
func (x *exposer) end(o *opening, why string, by claw.Principal) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if o == nil || x.open != o {
		return
	}
	x.open = nil
	o.timer.Stop()
	for _, f := range o.close {
		f()
	}
	x.app.log.Info("the gateway listens as configured again", "reason", why)
	if err := x.note(context.Background(), exposure{What: "closed", Addresses: o.where, Why: why}, by); err != nil {
		x.app.log.Error("the end of an exposure was not recorded", "error", err)
	}
}

// serve is told what opens listeners.
func (x *exposer) serve(s *gateway.Server) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.server = s
}

func (x *exposer) now() *opening {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.open
}

// expire ends an opening whose time is over: its timer sleeps when the machine
// does.
func (x *exposer) expire(now time.Time) {
	if o := x.now(); o != nil && !now.Before(o.until) {
		x.end(o, "its time is over", claw.Principal{})
	}
}

// review ends an opening that the configuration in force would not permit.
func (x *exposer) review() {
	o := x.now()
	if o == nil {
		return
	}
	if err := x.check(x.app.life, x.app.posture.now().Gateway, o.addrs); err != nil {
		x.end(o, "the configuration no longer permits it: "+err.Error(), claw.Principal{})
	}
}

// stop ends what is open because the gateway does.
func (x *exposer) stop() {
	x.serve(nil)
	x.end(x.now(), "the gateway stopped", claw.Principal{})
}

// tell puts an opening into an Overview.
func (x *exposer) tell(out *gateway.Overview, now time.Time) {
	o := x.now()
	if o == nil {
		return
	}
	left := max(o.until.Sub(now).Round(time.Second), 0)
	out.NeedsYou = append(out.NeedsYou, gateway.Need{Level: gateway.Look, ID: "gateway.exposed", Kind: "finding", Fix: "openclaw gateway expose --off",
		Text: fmt.Sprintf("The gateway listens on %s too, for %s more.", strings.Join(o.where, ", "), left)})
	out.Counts.Look++
	if out.Verdict == gateway.Fine {
		out.Verdict = gateway.Look
	}
	out.Sentence = fmt.Sprintf("The gateway is open to other machines until %s. Something waits for you.", o.until.Format(time.TimeOnly))
	if len(out.Reach) > 0 {
		out.Reach[0].Text = "can try credentials at the gateway's port; no channel is connected"
	}
}

func (x *exposer) note(ctx context.Context, e exposure, by claw.Principal) error {
	_, err := x.app.journal.Append(ctx, journal.Entry{Event: journal.Exposed, Principal: by, Data: e})
	return err
}

// exposeAddrs are the addresses of this machine that a word means. Each is
// bound by itself: the loopback listener stays.
func exposeAddrs(bind string) ([]netip.Addr, error) {
	switch config.Bind(bind) {
	case config.BindLAN, "0.0.0.0", "":
		return lanAddrs()
	case config.BindTailnet:
		a, err := tailnetAddr()
		return []netip.Addr{a}, err
	case config.BindLoopback, config.BindAuto, config.BindCustom:
	}
	a, err := netip.ParseAddr(bind)
	if err != nil || a.Zone() != "" || a.IsUnspecified() || a.IsMulticast() {
		return nil, &gateway.Fault{Kind: gateway.Invalid, Message: fmt.Sprintf("%q is not one of lan, tailnet, an address of this machine", bind)}
	}
	return []netip.Addr{a.Unmap()}, nil
}

// lanAddrs are the IPv4 addresses of this machine that others can reach.
func lanAddrs() ([]netip.Addr, error) {
	ifs, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var out []netip.Addr
	for _, i := range ifs {
		p, err := netip.ParsePrefix(i.String())
		if err != nil {
			continue
		}
		if a := p.Addr().Unmap(); a.Is4() && !a.IsLoopback() && !a.IsLinkLocalUnicast() {
			out = append(out, a)
		}
	}
	if len(out) == 0 {
		return nil, &HintError{Err: errors.New("this machine has no address that others could reach"), Advice: "give one: openclaw gateway expose --bind ADDRESS"}
	}
	return out, nil
}

// exposeFault tells a client why nothing was opened.
func exposeFault(err error) error {
	var f *gateway.Fault
	var start *gateway.StartError
	var h *HintError
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &start):
		return &gateway.Fault{Kind: gateway.Refused, Rule: start.Option, Message: start.Error(), Hint: start.Hint}
	case errors.As(err, &h):
		return &gateway.Fault{Kind: gateway.Unavailable, Message: err.Error(), Hint: h.Advice}
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return &gateway.Fault{Kind: gateway.Unavailable, Message: err.Error()}
	}
	return err
}
