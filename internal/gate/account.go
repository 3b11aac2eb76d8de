package gate

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/cmdline"
	"github.com/openclaw-go/openclaw/internal/files"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// Account says how the runs of one call are accounted for: what they can read
// gives their output its labels, and what they write carries them.
type Account struct {
	// Files is the call's view. Without it nothing is known.
	Files  *files.Tree
	Ground files.Ground
	// Labels that the session carries when the call is made.
	Labels  claw.Labels
	Session claw.SessionKey
	// Confined: the kernel keeps the runs to their ground. Of any other run
	// nobody knows what it read.
	Confined bool
	// Reached names the hosts that a run was let through to; not known means
	// any. Without it a run reaches none.
	Reached func(policy.Permit) (hosts []string, known bool)
}

// unknownLabels are those of a run that nobody could account for.
const unknownLabels = claw.Untrusted | claw.Private

// account is that of one run.
type account struct {
	Account
	permit policy.Permit
	reach  files.Reach

	taking sync.Mutex // guards watch and closed
	watch  *files.Watch
	closed bool

	mu sync.Mutex
	// carries are the session's labels, those of what was typed into the run,
	// and those of what it can have read.
	carries claw.Labels
	from    []string
}

// open must be called before the run starts. An error means that the run must
// not start, since nobody could say afterwards what it wrote.
func (a Account) open(ctx context.Context, p policy.Permit, line *cmdline.Facts) (*account, error) {
	acc := &account{Account: a, permit: p, reach: reachOf(line, a.Ground), carries: a.Labels}
	if !a.Confined {
		acc.carries |= unknownLabels
		acc.from = append(acc.from, "whatever this account can read: the run was not confined")
	}
	if a.Files == nil {
		acc.carries |= unknownLabels
		return acc, nil
	}
	var err error
	if acc.watch, err = a.Files.BeginRun(ctx, a.Ground); err != nil {
		return nil, err
	}
	acc.watch.Carries(acc.labels)
	return acc, nil
}

// Whole accounts for a run that no call made and that may read whatever it can.
// The function that it returns ends the account.
func (a Account) Whole(ctx context.Context) (end func(context.Context), err error) {
	a.Reached = nil
	acc, err := a.open(ctx, policy.Permit{}, nil)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) { acc.close(ctx) }, nil
}

// labels that the run carries as far as is known.
func (a *account) labels() claw.Labels {
	hosts, known := a.hosts()
	a.mu.Lock()
	defer a.mu.Unlock()
	l := a.carries
	if len(hosts) > 0 || !known {
		l |= claw.Untrusted
	}
	return l
}

func (a *account) hosts() (hosts []string, known bool) {
	if a.Reached == nil {
		return nil, true
	}
	return a.Reached(a.permit)
}

// typed adds the labels of a session that typed something into the run.
func (a *account) typed(l claw.Labels) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.carries |= l
}

// sofar records what the run wrote until now and tells the labels of what it
// has put out. After close it tells what close told.
func (a *account) sofar(ctx context.Context) (l claw.Labels, from string) {
	_, l, from = a.take(ctx, (*files.Watch).Sofar)
	return l, from
}

// close is sofar at the end of the run; nothing more is accounted for.
func (a *account) close(ctx context.Context) (changed []string, l claw.Labels, from string) {
	changed, l, from = a.take(context.WithoutCancel(ctx), (*files.Watch).End)
	a.taking.Lock()
	defer a.taking.Unlock()
	a.closed = true
	return changed, l, from
}

func (a *account) take(ctx context.Context, end func(*files.Watch, context.Context, claw.Labels) ([]files.Change, error)) (changed []string, l claw.Labels, from string) {
	a.taking.Lock()
	defer a.taking.Unlock()
	if a.watch != nil && !a.closed {
		brought, err := a.watch.Brings(ctx, a.reach)
		if err != nil {
			brought = files.Brought{Labels: unknownLabels, From: []string{"files that could not be looked at"}}
		}
		a.brought(brought)
		found, err := end(a.watch, ctx, a.labels())
		if err != nil {
			// The account stays open: what changed counts as unknown.
			a.typed(unknownLabels)
		}
		for _, c := range found {
			changed = append(changed, c.Path)
		}
	}
	return changed, a.labels(), a.source()
}

func (a *account) brought(b files.Brought) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.carries |= b.Labels
	for _, f := range b.From {
		if !slices.Contains(a.from, f) {
			a.from = append(a.from, f)
		}
	}
}

// source says for people where the labels of the output come from.
func (a *account) source() string {
	hosts, known := a.hosts()
	a.mu.Lock()
	defer a.mu.Unlock()
	from := slices.Clone(a.from)
	switch {
	case a.watch == nil:
		from = append(from, "a run that nobody accounted for")
	case !known:
		from = append(from, "the network")
	case len(hosts) > 0:
		from = append(from, "the network: "+strings.Join(hosts, ", "))
	}
	if len(from) == 0 {
		return "a run over files of the workspace"
	}
	return "a run over " + strings.Join(from, ", ")
}
