package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/openclaw-go/openclaw/internal/approval"
	"github.com/openclaw-go/openclaw/internal/audit"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/gate"
	"github.com/openclaw-go/openclaw/internal/gateway"
	"github.com/openclaw-go/openclaw/internal/gateway/devices"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/lockdown"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/store"
)

// goneLimit is how long what was ended may take to be gone before it counts as
// not confirmed.
const goneLimit = 5 * time.Second

// errLocked refuses a turn while everything is stopped.
var errLocked = &HintError{Err: errors.New("everything is stopped"), Advice: "openclaw lockdown status says by whom and why; openclaw lockdown release opens again"}

// locks stop everything and open again.
type locks struct {
	app    *App
	book   *lockdown.Book
	making sync.Mutex
}

var _ gateway.Lockdown = (*locks)(nil)

func (a *App) openLockdown() {
	b, err := lockdown.Open(a.paths.State)
	if err != nil {
		a.log.Error("everything is stopped until it is released", "error", err)
	} else if err := b.Keep(); err != nil {
		a.log.Warn("no space is kept for a lockdown on a full disk", "error", err)
	}
	a.locks = &locks{app: a, book: b}
}

// closed says why no turn is taken.
func (l *locks) closed() error {
	if l.book.State().Mode == lockdown.Stopped {
		return errLocked
	}
	return nil
}

// halt is what the state leaves of an agent's rules.
func (l *locks) halt() policy.Halt {
	switch l.book.State().Mode {
	case lockdown.Running:
		return policy.HaltNone
	case lockdown.Talk:
		return policy.HaltTools
	case lockdown.Stopped:
	}
	return policy.HaltAll
}

// Lockdown implements gateway.Lockdown.
func (l *locks) Lockdown() gateway.Stopped { return stoppedOf(l.book.State()) }

func stoppedOf(s lockdown.State) gateway.Stopped {
	out := gateway.Stopped{Mode: string(s.Mode), By: s.By, Why: s.Why, Items: []gateway.StoppedItem{}}
	if !s.Since.IsZero() {
		out.SinceMs = s.Since.UnixMilli()
	}
	for _, i := range s.Items {
		out.Items = append(out.Items, gateway.StoppedItem(i))
	}
	return out
}

// itemOf is one thing that was to be ended; an error takes the detail's place.
func itemOf(what string, err error, detail string) lockdown.Item {
	if err != nil {
		return lockdown.Item{What: what, Detail: err.Error()}
	}
	return lockdown.Item{What: what, Done: true, Detail: detail}
}

// lockedDown is what the record says of a lockdown.
type lockedDown struct {
	What  string          `json:"what"`
	Why   string          `json:"why,omitempty"`
	Mode  lockdown.Mode   `json:"mode"`
	Items []lockdown.Item `json:"items,omitempty"`
}

// Lock implements gateway.Lockdown. Nothing that fails keeps the rest from
// being ended.
func (l *locks) Lock(ctx context.Context, why string, by claw.Principal) gateway.Stopped {
	l.making.Lock()
	defer l.making.Unlock()
	ctx = context.WithoutCancel(ctx)
	a := l.app
	why = a.redactor().String(why)
	s := lockdown.State{Mode: lockdown.Stopped, Since: time.Now().UTC(), By: by.String(), Why: why}
	add := func(what string, err error, detail string) { s.Items = append(s.Items, itemOf(what, err, detail)) }
	add("new turns", l.book.Set(s), "refused from now on, also after a restart")
	_, err := a.journal.Append(ctx, journal.Entry{Event: journal.Lockdown, Principal: by, Data: lockedDown{What: "begins", Why: why, Mode: s.Mode}})
	add("record", err, "written")
	turns, jobs := a.engine.AbortAll(), a.jobs.StopAll()
	add("questions", nil, fmt.Sprintf("%d denied", l.deny(by)))
	s.Items = append(s.Items, l.gone(turns, jobs)...)
	a.channels.reconcile()
	add("channels", nil, "closed")
	if len(a.exposer.Exposed().Addresses) > 0 {
		add("other addresses", a.exposer.Unexpose(ctx, by), "closed")
	}
	s.Items = append(s.Items, l.newToken(ctx, by))
	if err := l.book.Set(s); err != nil {
		a.log.Error("what became of the lockdown was not written", "error", err)
	}
	if _, err := a.journal.Append(ctx, journal.Entry{Event: journal.Lockdown, Principal: by, Data: lockedDown{What: "in force", Mode: s.Mode, Items: s.Items}}); err != nil {
		a.log.Error("what became of the lockdown was not recorded", "error", err)
	}
	a.log.Warn("everything is stopped", "by", s.By, "why", why)
	return stoppedOf(s)
}

// deny answers every open question with no.
func (l *locks) deny(by claw.Principal) (n int) {
	for _, v := range l.app.desk.Waiting() {
		if _, err := l.app.desk.Answer(approval.Reply{ID: v.ID, Decision: approval.DenyIt, By: by, Reason: "everything is stopped"}); err == nil {
			n++
		}
	}
	return n
}

// gone waits until what was ended has ended, and names what has not.
func (l *locks) gone(turns []<-chan struct{}, jobs []gate.Ended) []lockdown.Item {
	limit := time.NewTimer(goneLimit)
	defer limit.Stop()
	over := false
	wait := func(c <-chan struct{}) bool {
		if over {
			select {
			case <-c:
				return true
			default:
				return false
			}
		}
		select {
		case <-c:
			return true
		case <-limit.C:
			over = true
			return false
		}
	}
	left := 0
	for _, c := range turns {
		if !wait(c) {
			left++
		}
	}
	out := []lockdown.Item{{What: "turns", Done: left == 0, Detail: fmt.Sprintf("%d ended with the programs that they ran", len(turns)-left)}}
	if left > 0 {
		out[0].Detail = fmt.Sprintf("not confirmed: %d of %d have not ended", left, len(turns))
	}
	for _, j := range jobs {
		i := lockdown.Item{What: fmt.Sprintf("process %d", j.Pid), Done: wait(j.Gone), Detail: "gone: " + l.app.redactor().String(j.Command)}
		if !i.Done {
			i.Detail = "not confirmed: " + l.app.redactor().String(j.Command)
		}
		out = append(out, i)
	}
	return out
}

// newToken makes the old gateway token worthless and ends whoever came by it.
func (l *locks) newToken(ctx context.Context, by claw.Principal) lockdown.Item {
	_, err := (secretNotes{l.app}).RenewToken(ctx, by)
	if err == nil && l.app.accepted != nil {
		l.app.accepted() // the server takes it, and ends who came by the old one
	}
	return itemOf("gateway token", err, "replaced; openclaw gateway token --reveal shows the new one")
}

// Release implements gateway.Lockdown.
func (l *locks) Release(ctx context.Context, mode string, by claw.Principal) (gateway.Stopped, error) {
	l.making.Lock()
	defer l.making.Unlock()
	to, err := modeOf(mode)
	if err != nil {
		return gateway.Stopped{}, &gateway.Fault{Kind: gateway.Invalid, Message: err.Error()}
	}
	_, r, err := l.app.lookAtHome(nil)
	if err != nil {
		return gateway.Stopped{}, &gateway.Fault{Kind: gateway.Refused, Rule: "lockdown.not_audited", Message: "the audit did not look: " + err.Error(), Hint: "openclaw security audit"}
	}
	if err := releasable(r); err != nil {
		return gateway.Stopped{}, err
	}
	s := l.book.State()
	s.Mode, s.Items = to, nil
	if _, err := l.app.journal.Append(ctx, journal.Entry{Event: journal.Lockdown, Principal: by, Data: lockedDown{What: "released", Mode: to}}); err != nil {
		return gateway.Stopped{}, err
	}
	if to == lockdown.Running {
		s = lockdown.State{}
	}
	if err := l.book.Set(s); err != nil {
		return gateway.Stopped{}, err
	}
	if err := l.book.Keep(); err != nil {
		l.app.log.Warn("no space is kept for a lockdown on a full disk", "error", err)
	}
	l.app.wg.Go(l.app.channels.reconcile)
	return stoppedOf(s), nil
}

// modeOf reads how far a release goes.
func modeOf(mode string) (lockdown.Mode, error) {
	switch mode {
	case "", "talk":
		return lockdown.Talk, nil
	case "everything":
		return lockdown.Running, nil
	}
	return lockdown.Stopped, fmt.Errorf(`mode is %q, expected "talk" or "everything"`, mode)
}

// releasable refuses while the audit finds something critical.
func releasable(r audit.Report) error {
	var ids []string
	for _, f := range r.Findings {
		if f.Severity == claw.Critical {
			ids = append(ids, f.CheckID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	return &gateway.Fault{Kind: gateway.Refused, Rule: "lockdown.critical", Message: "the audit finds something critical: " + strings.Join(few(ids), ", "), Hint: "openclaw security audit shows what and how to fix it"}
}

// LockHere stops a home while no gateway runs: it stays stopped when one
// starts.
func LockHere(ctx context.Context, p configfile.Paths, getenv func(string) string, why string) (gateway.Stopped, error) {
	b, _ := lockdown.Open(p.State) // one that cannot be read is replaced
	s := lockdown.State{Mode: lockdown.Stopped, Since: time.Now().UTC(), By: operatorAct.String(), Why: why}
	if err := b.Set(s); err != nil {
		return gateway.Stopped{}, err
	}
	add := func(what string, err error, detail string) { s.Items = append(s.Items, itemOf(what, err, detail)) }
	add("new turns", nil, "refused when a gateway starts")
	l, err := configfile.Load(p, configfile.Options{Env: lookup(getenv)})
	if err == nil {
		err = note(ctx, p, l.Config, journal.Entry{Event: journal.Lockdown, Principal: operatorAct, Data: lockedDown{What: "begins", Why: why, Mode: s.Mode}})
	}
	add("record", err, "written")
	n, err := signOutHere(p)
	add("sign-ins", err, fmt.Sprintf("%d devices signed out", n))
	d := SecretDesk{Paths: p, Getenv: getenv, Store: StoreOf(p, getenv, nil, nil), Record: RecordSecret(p, getenv)}
	add("gateway token", d.RenewToken(ctx), "replaced; openclaw gateway token --reveal shows the new one")
	return stoppedOf(s), b.Set(s)
}

// signOutHere removes every paired device of a home.
func signOutHere(p configfile.Paths) (int, error) {
	st, err := store.Open(store.Options{Dir: p.State, Now: time.Now, Workspace: func(claw.AgentID) string { return "" }, Report: func(error) {}})
	if err != nil {
		return 0, err
	}
	book, err := devices.Open(st.Documents(store.FolderDevices), time.Now, nil)
	n := 0
	if err == nil {
		paired, _ := book.List()
		for _, d := range paired {
			if err = book.Remove(d.ID); err != nil {
				break
			}
			n++
		}
	}
	return n, errors.Join(err, st.Close())
}

// ReleaseHere opens a home again while no gateway runs.
func ReleaseHere(ctx context.Context, p configfile.Paths, o AuditOptions, mode string) (gateway.Stopped, error) {
	to, err := modeOf(mode)
	if err != nil {
		return gateway.Stopped{}, err
	}
	in, err := LookForAudit(p, o)
	if err != nil {
		return gateway.Stopped{}, err
	}
	if err := releasable(audit.Run(in.Input, audit.Options{})); err != nil {
		return gateway.Stopped{}, err
	}
	if err := note(ctx, p, in.Config, journal.Entry{Event: journal.Lockdown, Principal: operatorAct, Data: lockedDown{What: "released", Mode: to}}); err != nil {
		return gateway.Stopped{}, err
	}
	b, _ := lockdown.Open(p.State)
	s := b.State()
	s.Mode, s.Items = to, nil
	if to == lockdown.Running {
		s = lockdown.State{}
	}
	return stoppedOf(s), b.Set(s)
}

// LockdownOf reads the state of a home.
func LockdownOf(p configfile.Paths) (gateway.Stopped, error) {
	s, err := lockdown.Peek(p.State)
	return stoppedOf(s), err
}
