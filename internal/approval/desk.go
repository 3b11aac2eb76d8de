package approval

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// Defaults of a Desk.
const (
	DefaultExpiry     = 30 * time.Minute
	DefaultPerSession = 3 // open questions of one session (R24)
	ExtendBy          = 10 * time.Minute
	DefaultFor        = 24 * time.Hour // how long the scope "agent" holds
	MinFor            = time.Minute
	MaxFor            = 30 * 24 * time.Hour
	MaxExtensions     = 3
	keepAnswered      = 200
)

// Errors of the desk. All of them mean that nothing was granted.
var (
	ErrUnknown     = errors.New("approval: no such question")
	ErrChanged     = errors.New("approval: the question is not the one that was shown")
	ErrNotAllowed  = errors.New("approval: not allowed")
	ErrTooMany     = errors.New("approval: too many open questions in this session")
	ErrTooOften    = errors.New("approval: too many questions in this session within an hour")
	ErrDenied      = errors.New("approval: this call was denied in this session")
	ErrNear        = errors.New("approval: a call to the same end was denied in this session")
	ErrPaused      = errors.New("approval: several calls of this session were denied")
	ErrNoExtension = errors.New("approval: cannot be extended any further")
	ErrScope       = errors.New("approval: that scope is not offered for this question")
)

// LateError says who answered first. The later answer grants nothing.
type LateError struct{ First Answer }

func (e *LateError) Error() string {
	return fmt.Sprintf("approval: already %s by %s at %s", e.First.State, e.First.By, e.First.At.Format("15:04"))
}

// Event tells subscribers of a new question or of its answer.
type Event struct {
	View   View
	Answer Answer // State is Waiting for a new question
}

// Options of a Desk. Now and NewID are required.
type Options struct {
	Now        func() time.Time
	NewID      func() claw.ApprovalID
	Expiry     time.Duration // DefaultExpiry when zero
	PerSession int           // DefaultPerSession when zero
	PerHour    int           // DefaultPerHour when zero
}

// Desk holds the open questions of one gateway. It is safe for concurrent use.
type Desk struct {
	opt Options

	mu       sync.Mutex
	open     map[claw.ApprovalID]*question
	answered []*question // newest last, bounded
	granted  map[grantKey]claw.Labels
	patience map[claw.SessionKey]*patience
	subs     map[int]func(Event)
	nextSub  int
}

type question struct {
	view     View
	digest   policy.Digest
	pattern  string
	near     string
	labels   claw.Labels
	answer   Answer
	taken    bool
	extended int
}

type grantKey struct {
	session claw.SessionKey
	pattern string
}

// NewDesk makes an empty desk. Questions do not survive a restart: a consent
// must never be older than the posture it was asked under.
func NewDesk(opt Options) *Desk {
	if opt.Expiry == 0 {
		opt.Expiry = DefaultExpiry
	}
	if opt.PerSession == 0 {
		opt.PerSession = DefaultPerSession
	}
	if opt.PerHour == 0 {
		opt.PerHour = DefaultPerHour
	}
	return &Desk{opt: opt, open: map[claw.ApprovalID]*question{}, granted: map[grantKey]claw.Labels{},
		patience: map[claw.SessionKey]*patience{}, subs: map[int]func(Event){}}
}

// Question is what the gate puts before a person.
type Question struct {
	View   View // ID, Created and Expires are filled in
	Digest policy.Digest
	// Pattern names the call without its nonce: equal patterns are the same
	// call asked again. A grant for the session covers exactly this pattern.
	Pattern string
	// Near names what the call is for: its tool, programs, files, hosts and
	// readers. Other words to the same end have the same; "" is like nothing.
	Near   string
	Labels claw.Labels
}

// Ask opens a question and returns it as it will be shown, unless the person
// was asked enough (R24).
func (d *Desk) Ask(q Question) (View, error) {
	d.mu.Lock()
	d.expireLocked()
	if err := d.mayLocked(q.View.Session, q.Pattern, q.Near); err != nil {
		d.mu.Unlock()
		return View{}, err
	}
	d.patienceLocked(q.View.Session).asked(d.opt.Now())
	v := q.View
	v.ID, v.Created = d.opt.NewID(), d.opt.Now().UTC()
	v.Expires = v.Created.Add(d.opt.Expiry)
	v.Request = q.Digest.String()
	v.Digest = v.digest(q.Digest)
	d.open[v.ID] = &question{view: v, digest: q.Digest, pattern: q.Pattern, near: q.Near, labels: q.Labels, answer: Answer{State: Waiting}}
	subs := d.subscribersLocked()
	d.mu.Unlock()
	notify(subs, Event{View: v, Answer: Answer{State: Waiting}})
	return v, nil
}

// Decision words of an answer, upstream's spelling.
const (
	AllowOnce   = "allow-once"
	AllowAlways = "allow-always"
	DenyIt      = "deny"
)

// Reply is one person's answer.
type Reply struct {
	ID       claw.ApprovalID
	Decision string // AllowOnce, AllowAlways or DenyIt
	// Scope with AllowAlways. "" is the widest that is offered, which is what
	// upstream's clients mean; it is in the answer.
	Scope string
	For   time.Duration // with the scope "agent"; DefaultFor when zero
	// Digest of the view that the answering surface has shown; "" only from
	// surfaces that fetched the view in the same step.
	Digest string
	By     claw.Principal
	Reason string
}

// Answer settles a question. The first answer wins; a later one gets a
// *LateError naming the first. An answer with another digest than the one
// shown is ErrChanged and leaves the question open.
func (d *Desk) Answer(r Reply) (Answer, error) {
	d.mu.Lock()
	d.expireLocked()
	q, ok := d.open[r.ID]
	if !ok {
		defer d.mu.Unlock()
		if old := d.oldLocked(r.ID); old != nil {
			return Answer{}, &LateError{First: old.answer}
		}
		return Answer{}, fmt.Errorf("%w: %q", ErrUnknown, r.ID)
	}
	if r.Digest != "" && r.Digest != q.view.Digest {
		d.mu.Unlock()
		return Answer{}, ErrChanged
	}
	if r.Decision != DenyIt && r.By.Standing != claw.Owner {
		d.mu.Unlock()
		return Answer{}, fmt.Errorf("%w: %s is not an owner", ErrNotAllowed, r.By)
	}
	a, err := q.decide(r, d.opt.Now().UTC())
	if err != nil {
		d.mu.Unlock()
		return Answer{}, err
	}
	if a.State == Allowed && a.Scope == ScopeSession {
		d.granted[grantKey{q.view.Session, q.pattern}] = q.labels
	}
	d.patienceLocked(q.view.Session).answered(a, q.pattern, q.near)
	ev := d.settleLocked(q, a)
	subs := d.subscribersLocked()
	d.mu.Unlock()
	notify(subs, ev)
	return a, nil
}

func (q *question) decide(r Reply, now time.Time) (Answer, error) {
	a := Answer{By: r.By, At: now, Reason: r.Reason, Scope: ScopeOnce}
	switch r.Decision {
	case DenyIt:
		a.State, a.Scope = Denied, ""
	case AllowOnce:
		a.State = Allowed
	case AllowAlways:
		a.State = Allowed
		err := q.scope(r, &a)
		return a, err
	default:
		return Answer{}, fmt.Errorf("approval: decision %q is not one of allow-once, allow-always, deny", r.Decision)
	}
	return a, nil
}

// scope works out how far an AllowAlways reaches: never further than what was
// offered on the card.
func (q *question) scope(r Reply, a *Answer) error {
	want := r.Scope
	if want == "" {
		for _, s := range []string{ScopeAlways, ScopeSession, ScopeOnce} {
			if slices.Contains(q.view.Scopes, s) {
				want = s
				break
			}
		}
	}
	if !slices.Contains(q.view.Scopes, want) {
		return fmt.Errorf("%w: %q", ErrScope, r.Scope)
	}
	a.Scope = want
	if want != ScopeAgent {
		if r.For != 0 {
			return fmt.Errorf("%w: %q has no end", ErrScope, want)
		}
		return nil
	}
	d := r.For
	if d == 0 {
		d = DefaultFor
	}
	if d < MinFor || d > MaxFor {
		return fmt.Errorf("%w: %s is not between %s and %s", ErrScope, d, MinFor, MaxFor)
	}
	a.Until = a.At.Add(d)
	return nil
}

// Take turns an allowed question into a consent, once. The second call, a
// denied or open question, another digest, or an answer that is older than a
// question may become get an error.
func (d *Desk) Take(id claw.ApprovalID, digest policy.Digest) (policy.Consent, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	q := d.oldLocked(id)
	switch {
	case q == nil:
		return policy.Consent{}, fmt.Errorf("%w: %q", ErrUnknown, id)
	case q.answer.State != Allowed || q.taken:
		return policy.Consent{}, ErrNotAllowed
	case q.digest != digest:
		return policy.Consent{}, ErrChanged
	case d.opt.Now().After(q.answer.At.Add(d.opt.Expiry)):
		return policy.Consent{}, fmt.Errorf("%w: the answer was given at %s and holds for %s", ErrNotAllowed, q.answer.At.Format("15:04"), d.opt.Expiry)
	}
	q.taken = true
	return policy.Consented(digest, id, q.answer.By, q.answer.At), nil
}

// Granted returns a consent when the same call was allowed for this session
// and the session carries no label that the person was not shown.
func (d *Desk) Granted(session claw.SessionKey, pattern string, labels claw.Labels, digest policy.Digest) (policy.Consent, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	shown, ok := d.granted[grantKey{session, pattern}]
	if !ok || !shown.Has(labels) {
		return policy.Consent{}, false
	}
	return policy.Consented(digest, "session-grant", claw.Principal{Standing: claw.Owner}, d.opt.Now().UTC()), true
}

// Forget drops grants, denials and open questions of a session (reset).
func (d *Desk) Forget(session claw.SessionKey) {
	d.mu.Lock()
	delete(d.patience, session)
	for k := range d.granted {
		if k.session == session {
			delete(d.granted, k)
		}
	}
	var events []Event
	for _, q := range d.open {
		if q.view.Session == session {
			events = append(events, d.settleLocked(q, Answer{State: Voided, At: d.opt.Now().UTC(), Reason: "the session was reset"}))
		}
	}
	subs := d.subscribersLocked()
	d.mu.Unlock()
	for _, e := range events {
		notify(subs, e)
	}
}

// Void closes an open question because its facts changed.
func (d *Desk) Void(id claw.ApprovalID, reason string) {
	d.mu.Lock()
	q, ok := d.open[id]
	if !ok {
		d.mu.Unlock()
		return
	}
	ev := d.settleLocked(q, Answer{State: Voided, At: d.opt.Now().UTC(), Reason: reason})
	subs := d.subscribersLocked()
	d.mu.Unlock()
	notify(subs, ev)
}

// Ended enters a question that ended without this desk, so that whoever asks
// for it learns how. It grants nothing, an answer that allows is not entered,
// and nobody is told: whoever ends it tells its session.
func (d *Desk) Ended(v View, a Answer) {
	if a.State == Allowed || a.State == Waiting {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.settleLocked(&question{view: v}, a)
}

// Extend gives a question ten more minutes, at most three times.
func (d *Desk) Extend(id claw.ApprovalID) (View, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.expireLocked()
	q, ok := d.open[id]
	if !ok {
		return View{}, fmt.Errorf("%w: %q", ErrUnknown, id)
	}
	if q.extended >= MaxExtensions {
		return View{}, ErrNoExtension
	}
	q.extended++
	q.view.Expires = q.view.Expires.Add(ExtendBy)
	return q.view, nil
}

// Waiting lists the open questions, oldest first.
func (d *Desk) Waiting() []View {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.expireLocked()
	out := make([]View, 0, len(d.open))
	for _, q := range d.open {
		out = append(out, q.view)
	}
	sort.Slice(out, func(i, j int) bool {
		if !out[i].Created.Equal(out[j].Created) {
			return out[i].Created.Before(out[j].Created)
		}
		return out[i].ID < out[j].ID
	})
	return out
}

// Settled lists answered questions, newest first.
func (d *Desk) Settled() []Event {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.expireLocked()
	out := make([]Event, 0, len(d.answered))
	for i := len(d.answered) - 1; i >= 0; i-- {
		out = append(out, Event{View: d.answered[i].view, Answer: d.answered[i].answer})
	}
	return out
}

// Get returns one question with its state, open or answered.
func (d *Desk) Get(id claw.ApprovalID) (View, Answer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.expireLocked()
	if q := d.open[id]; q != nil {
		return q.view, Answer{State: Waiting}, nil
	}
	q := d.oldLocked(id)
	if q == nil {
		return View{}, Answer{}, fmt.Errorf("%w: %q", ErrUnknown, id)
	}
	return q.view, q.answer, nil
}

// Expire closes what is past its time and returns when the next one is due;
// the zero time means that nothing waits. The caller keeps the timer.
func (d *Desk) Expire() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.expireLocked()
	var next time.Time
	for _, q := range d.open {
		if next.IsZero() || q.view.Expires.Before(next) {
			next = q.view.Expires
		}
	}
	return next
}

// Subscribe calls f for every question and answer from now on, outside the
// desk's lock, until the returned function is called.
func (d *Desk) Subscribe(f func(Event)) (cancel func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	id := d.nextSub
	d.nextSub++
	d.subs[id] = f
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.subs, id)
	}
}

// expireLocked settles overdue questions. It lets go of the lock while
// subscribers are told, so callers read the desk only after it returns.
func (d *Desk) expireLocked() {
	now := d.opt.Now()
	var events []Event
	for _, q := range d.open {
		if !q.view.Expires.After(now) {
			events = append(events, d.settleLocked(q, Answer{State: Expired, At: q.view.Expires}))
		}
	}
	if len(events) == 0 {
		return
	}
	subs := d.subscribersLocked()
	d.mu.Unlock()
	defer d.mu.Lock()
	for _, e := range events {
		notify(subs, e)
	}
}

func (d *Desk) settleLocked(q *question, a Answer) Event {
	q.answer = a
	delete(d.open, q.view.ID)
	d.answered = append(d.answered, q)
	if len(d.answered) > keepAnswered {
		d.answered = d.answered[len(d.answered)-keepAnswered:]
	}
	return Event{View: q.view, Answer: a}
}

func (d *Desk) oldLocked(id claw.ApprovalID) *question {
	for i := len(d.answered) - 1; i >= 0; i-- {
		if d.answered[i].view.ID == id {
			return d.answered[i]
		}
	}
	return nil
}

func (d *Desk) subscribersLocked() []func(Event) {
	out := make([]func(Event), 0, len(d.subs))
	for _, f := range d.subs {
		out = append(out, f)
	}
	return out
}

func notify(subs []func(Event), e Event) {
	for _, f := range subs {
		f(e)
	}
}
