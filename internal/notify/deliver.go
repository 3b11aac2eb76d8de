package notify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// Options of Open. All but After are required.
type Options struct {
	// Dir holds the spool.
	Dir   string
	World World
	Now   func() time.Time
	// Record hears of every attempt that says something new. Its error stops
	// nothing: what is told has been recorded when it was raised.
	Record func(Attempt)
	// Report hears of what goes wrong while nobody waits.
	Report func(error)
	// After is time.After when nil.
	After func(time.Duration) <-chan time.Time
}

// Attempt is what became of an alert at a target.
type Attempt struct {
	Alert  string `json:"alert"`
	Target string `json:"target"`
	Kind   Kind   `json:"kind"`
	Status Status `json:"status"`
	Tries  int    `json:"tries,omitempty"`
	Why    string `json:"why,omitempty"`
}

// Status of an attempt.
type Status string

// Statuses.
const (
	Delivered Status = "delivered"
	Waiting   Status = "waiting" // it will be tried again
	GivenUp   Status = "given up"
)

// Notifier takes alerts to their targets. It is safe for concurrent use.
type Notifier struct {
	opt  Options
	wake chan struct{}

	round sync.Mutex // one delivery at a time

	mu      sync.Mutex
	targets []Target
	gone    []leaving
	spool   spool
	clients map[string]*http.Client // by origin
	last    map[string]Attempt      // by key
}

// Open reads what waited when the last Notifier ended.
func Open(o Options) (*Notifier, error) {
	if o.Dir == "" || o.Now == nil || o.Record == nil || o.Report == nil || o.World.HTTP == nil {
		return nil, errors.New("notify: an option is missing")
	}
	if o.After == nil {
		o.After = time.After
	}
	n := &Notifier{opt: o, wake: make(chan struct{}, 1), clients: map[string]*http.Client{}, last: map[string]Attempt{}}
	var problem error
	if n.spool, problem = readSpool(o.Dir); problem != nil {
		o.Report(problem)
	}
	return n, nil
}

// grace is how long a target that was taken off still gets what was for it:
// that it was taken off, above all.
const grace = time.Hour

// Set replaces the targets. What waits for one that stayed is tried at once,
// since its credential may be new; what waits for one that is gone is tried for
// a while, then given up.
func (n *Notifier) Set(targets []Target) {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := n.opt.Now()
	for _, t := range n.targets {
		if !has(targets, t.Key()) {
			n.gone = append(n.gone, leaving{t, now.Add(grace)})
		}
	}
	n.gone = slices.DeleteFunc(n.gone, func(l leaving) bool { return has(targets, l.target.Key()) })
	n.targets, n.clients = slices.Clone(targets), map[string]*http.Client{}
	for i := range n.spool.Waiting {
		for j := range n.spool.Waiting[i].To {
			n.spool.Waiting[i].To[j].Next = time.Time{}
		}
	}
	n.forgetLocked(now)
	n.poke()
}

func has(targets []Target, key string) bool {
	return slices.ContainsFunc(targets, func(t Target) bool { return t.Key() == key })
}

// forgetLocked gives up what waits for targets that are gone.
func (n *Notifier) forgetLocked(now time.Time) {
	n.gone = slices.DeleteFunc(n.gone, func(l leaving) bool { return !now.Before(l.until) || l.until.Sub(now) > grace })
	all := n.allLocked()
	changed := false
	for i := range n.spool.Waiting {
		w := &n.spool.Waiting[i]
		before := len(w.To)
		w.To = slices.DeleteFunc(w.To, func(l leg) bool { return !has(all, l.Key) })
		n.spool.Dropped += before - len(w.To)
		changed = changed || before != len(w.To)
	}
	if changed {
		n.tidyLocked()
	}
}

// allLocked are the targets and those that are leaving.
func (n *Notifier) allLocked() []Target {
	all := slices.Clone(n.targets)
	for _, l := range n.gone {
		all = append(all, l.target)
	}
	return all
}

// leaving is a target that was taken off.
type leaving struct {
	target Target
	until  time.Time
}

// Raise takes an alert for every target that wants its severity. When it
// returns nil the alert survives a restart. queued is how many targets it is
// for.
func (n *Notifier) Raise(a Alert) (queued int, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var legs []leg
	for _, t := range n.targets {
		if a.Severity >= t.Least {
			legs = append(legs, leg{Key: t.Key(), Name: t.Name})
		}
	}
	if len(legs) == 0 {
		return 0, nil
	}
	n.spool.add(a, legs)
	if err := n.spool.write(n.opt.Dir); err != nil {
		return 0, fmt.Errorf("notify: %w", err)
	}
	n.poke()
	return len(legs), nil
}

func (n *Notifier) poke() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// tidyLocked forgets what nobody waits for and writes the rest down.
func (n *Notifier) tidyLocked() {
	n.spool.Waiting = slices.DeleteFunc(n.spool.Waiting, func(w waiting) bool { return len(w.To) == 0 })
	if err := n.spool.write(n.opt.Dir); err != nil {
		n.opt.Report(fmt.Errorf("notify: %w", err))
	}
}

// Run delivers until ctx ends.
func (n *Notifier) Run(ctx context.Context) {
	for {
		next := n.Deliver(ctx)
		var timer <-chan time.Time
		if next > 0 {
			timer = n.opt.After(next)
		}
		select {
		case <-ctx.Done():
			return
		case <-n.wake:
		case <-timer:
		}
	}
}

// parcel is what goes to one target in one message.
type parcel struct {
	target Target
	alert  Alert
	ids    []string
	tries  int
}

// manyAtOnce is how many messages a target gets one by one; more become one.
const manyAtOnce = 5

// Deliver tries what is due and returns how long until something else is; 0
// means that nothing waits.
func (n *Notifier) Deliver(ctx context.Context) time.Duration {
	n.round.Lock()
	defer n.round.Unlock()
	failed := map[string]bool{}
	for _, p := range n.due() {
		if ctx.Err() != nil {
			break
		}
		key := p.target.Key()
		if failed[key] {
			continue
		}
		err := n.send(ctx, p.target, p.alert)
		if ctx.Err() != nil && err != nil {
			break // stopped, not failed
		}
		failed[key] = err != nil
		n.settle(p, err)
	}
	return n.next()
}

// due lists what is to be sent now, by target.
func (n *Notifier) due() []parcel {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := n.opt.Now()
	n.forgetLocked(now)
	var out []parcel
	for _, t := range n.allLocked() {
		var mine []waiting
		tries := 0
		for _, w := range n.spool.Waiting {
			for _, l := range w.To {
				if l.Key == t.Key() && l.due(now) && !now.Before(w.Alert.NotBefore) {
					mine = append(mine, w)
					tries = max(tries, l.Tries)
				}
			}
		}
		if len(mine) > manyAtOnce {
			out = append(out, parcel{target: t, alert: n.digest(mine, now), ids: idsOf(mine), tries: tries})
			continue
		}
		for _, w := range mine {
			a := w.Alert
			if w.Times > 1 {
				a.Facts = append(slices.Clone(a.Facts), Fact{"raised", fmt.Sprintf("%d times", w.Times)})
			}
			if d := n.spool.Dropped; d > 0 {
				a.Facts = append(slices.Clone(a.Facts), Fact{"lost", fmt.Sprintf("%d earlier alerts could not be delivered", d)})
			}
			out = append(out, parcel{target: t, alert: a, ids: []string{a.ID}, tries: tries})
		}
	}
	return out
}

func idsOf(ws []waiting) []string {
	var out []string
	for _, w := range ws {
		out = append(out, w.Alert.ID)
	}
	return out
}

// digest is many alerts in one message, the gravest first.
func (n *Notifier) digest(ws []waiting, now time.Time) Alert {
	ws = slices.Clone(ws)
	slices.SortStableFunc(ws, func(a, b waiting) int { return int(b.Alert.Severity) - int(a.Alert.Severity) })
	out := Alert{ID: "digest-" + ws[0].Alert.ID, At: now, Rule: "notify.digest", Severity: ws[0].Alert.Severity,
		Title: fmt.Sprintf("%d alerts have waited", len(ws)), Command: "openclaw monitor status"}
	for _, w := range ws {
		out.Facts = append(out.Facts, Fact{w.Alert.Severity.String() + " " + w.Alert.Rule, fmt.Sprintf("%s (%d)", w.Alert.Title, w.Times)})
	}
	if n.spool.Dropped > 0 {
		out.Facts = slices.Insert(out.Facts, 0, Fact{"lost", fmt.Sprintf("%d earlier alerts could not be delivered", n.spool.Dropped)})
	}
	return out
}

// settle keeps what became of a parcel.
func (n *Notifier) settle(p parcel, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	key, now := p.target.Key(), n.opt.Now()
	at := Attempt{Alert: p.ids[0], Target: p.target.Name, Kind: p.target.Kind, Status: Delivered, Tries: p.tries + 1}
	var f *failure
	if err != nil && !errors.As(err, &f) {
		f = later("%s", plainError(err))
	}
	if f != nil {
		at.Status, at.Why = Waiting, f.why
	}
	for i := range n.spool.Waiting {
		w := &n.spool.Waiting[i]
		w.To = slices.DeleteFunc(w.To, func(l leg) bool {
			return l.Key == key && slices.Contains(p.ids, w.Alert.ID) && (f == nil || l.Tries+1 >= maxTries)
		})
		if f == nil {
			continue
		}
		for j := range w.To {
			l := &w.To[j]
			if l.Key != key {
				continue
			}
			if slices.Contains(p.ids, w.Alert.ID) {
				l.Tries, l.Why = l.Tries+1, f.why
			}
			// The target is down for all that wait for it.
			l.Next = now.Add(pause(p.tries, f))
		}
	}
	if f == nil {
		n.spool.Dropped = 0
	} else if p.tries+1 >= maxTries {
		at.Status = GivenUp
		n.spool.Dropped += len(p.ids)
	}
	n.tidyLocked()
	n.last[key] = at
	if at.Status != Waiting || p.tries == 0 {
		n.opt.Record(at)
	}
}

// next is how long until something is due.
func (n *Notifier) next() time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := n.opt.Now()
	soonest := time.Duration(0)
	for _, w := range n.spool.Waiting {
		for _, l := range w.To {
			at := l.Next
			if w.Alert.NotBefore.After(at) {
				at = w.Alert.NotBefore
			}
			d := min(max(at.Sub(now), time.Second), longPause)
			if soonest == 0 || d < soonest {
				soonest = d
			}
		}
	}
	return soonest
}

// send makes one attempt.
func (n *Notifier) send(ctx context.Context, t Target, a Alert) error {
	if err := t.Check(); err != nil {
		return never("%s", err)
	}
	a = a.safe()
	if t.Kind == Mail {
		return t.mail(ctx, n.opt.World, a, n.opt.Now())
	}
	client, err := n.client(t)
	if err != nil {
		return later("%s", plainError(err))
	}
	return lend(t.Token, func(token string) error {
		return lend(t.User, func(user string) error {
			r, err := t.wire(a, token, user)
			if err != nil {
				return err
			}
			return t.post(ctx, client, r, n.opt.Now())
		})
	})
}

func (n *Notifier) client(t Target) (*http.Client, error) {
	u, err := t.place()
	if err != nil {
		return nil, err
	}
	origin := (&url.URL{Scheme: u.Scheme, Host: u.Host}).String()
	n.mu.Lock()
	defer n.mu.Unlock()
	if c := n.clients[origin]; c != nil {
		return c, nil
	}
	c, err := n.opt.World.HTTP("notify "+t.Name, origin)
	if err != nil {
		return nil, err
	}
	n.clients[origin] = c
	return c, nil
}

// Tested is the outcome of a test message.
type Tested struct {
	Target string `json:"target"`
	Kind   Kind   `json:"kind"`
	OK     bool   `json:"ok"`
	Why    string `json:"why,omitempty"`
}

// Test sends a message that says it is a test, at once and past the spool, to
// one target or, with no name, to all. ErrNoTarget when there is none.
func (n *Notifier) Test(ctx context.Context, name string) ([]Tested, error) {
	n.mu.Lock()
	targets := slices.Clone(n.targets)
	n.mu.Unlock()
	now := n.opt.Now()
	var out []Tested
	for _, t := range targets {
		if name != "" && t.Name != name {
			continue
		}
		a := Alert{ID: "test-" + now.UTC().Format("20060102T150405"), At: now, Rule: "notify.test", Severity: claw.Info, Title: "This is a test",
			Facts: []Fact{{"target", t.Name}}, Command: "openclaw notify list"}
		row := Tested{Target: t.Name, Kind: t.Kind, OK: true}
		if err := n.send(ctx, t, a); err != nil {
			row.OK, row.Why = false, err.Error()
		}
		out = append(out, row)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%w: %q", ErrNoTarget, name)
	}
	return out, nil
}

// Row is a target as it is listed.
type Row struct {
	Name    string        `json:"name"`
	Kind    Kind          `json:"kind"`
	Host    string        `json:"host"`
	Least   claw.Severity `json:"severity"`
	Problem string        `json:"problem,omitempty"`
	Waiting int           `json:"waiting"`
	Last    *Attempt      `json:"last,omitempty"`
}

// Listing is the targets and what waits for them.
type Listing struct {
	Targets []Row `json:"targets"`
	Dropped int   `json:"dropped,omitempty"`
}

// List shows the targets.
func (n *Notifier) List() Listing {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := Listing{Targets: []Row{}, Dropped: n.spool.Dropped}
	for _, t := range n.targets {
		r := Row{Name: t.Name, Kind: t.Kind, Least: t.Least}
		if u, err := t.place(); err == nil {
			r.Host = u.Host
		}
		if err := t.Check(); err != nil {
			r.Problem = err.Error()
		}
		for _, w := range n.spool.Waiting {
			for _, l := range w.To {
				if l.Key != t.Key() {
					continue
				}
				r.Waiting++
				if r.Last == nil && l.Why != "" {
					r.Last = &Attempt{Alert: w.Alert.ID, Target: t.Name, Kind: t.Kind, Status: Waiting, Tries: l.Tries, Why: l.Why}
				}
			}
		}
		if a, ok := n.last[t.Key()]; ok {
			r.Last = &a
		}
		out.Targets = append(out.Targets, r)
	}
	return out
}
