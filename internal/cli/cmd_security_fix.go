package cli

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/openclaw-go/openclaw/internal/app"
	"github.com/openclaw-go/openclaw/internal/audit"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/filter"
	"github.com/openclaw-go/openclaw/internal/remedy"
	"github.com/openclaw-go/openclaw/internal/store"
)

// fixJSON is what --fix did, in upstream's shape with additions.
type fixJSON struct {
	OK            bool          `json:"ok"`
	DryRun        bool          `json:"dryRun,omitempty"`
	StateDir      string        `json:"stateDir"`
	ConfigPath    string        `json:"configPath"`
	ConfigWritten bool          `json:"configWritten"`
	Changes       []string      `json:"changes"`
	Actions       []remedy.Done `json:"actions"`
	Errors        []string      `json:"errors"`
	Left          []audit.Left  `json:"left"`
}

// fixer makes fixes in a home; what is ours has its record told.
func (e *env) fixer(p configfile.Paths, owner audit.HomeOwner, mask func(string) string) app.Fixer {
	return app.Fixer{Paths: p, Options: configfile.Options{Env: e.lookup, Foreign: owner == audit.UpstreamHome}, Mask: mask, Tell: func(n app.FixNote) error {
		if owner != audit.OurHome {
			return nil
		}
		if err := e.tellFix(p, n); err != nil {
			// What is to be repaired may be in the way of it. The fix has a
			// record of its own, which is there before anything changes.
			e.print.note("the journal does not have this: %v", err)
		}
		return nil
	}}
}

// tellFix has the journal know: that of the running gateway, or the home's.
func (e *env) tellFix(p configfile.Paths, n app.FixNote) error {
	if mine, err := e.paths(); err == nil && mine.State == p.State {
		if _, held := store.Holder(p.State); held {
			return e.withGateway(func(ctx context.Context, c *client) error { return c.call(ctx, "security.fix.told", n, nil) })
		}
	}
	return app.NoteFix(e.ctx, p, e.lookup, n)
}

// auditFix makes the plan's changes and says each; what is left, with why.
func (e *env) auditFix(p configfile.Paths, in app.Looked, r audit.Report, dry bool) (*fixJSON, error) {
	plan := app.PlanFix(in, r)
	out := &fixJSON{OK: true, DryRun: dry, StateDir: p.State, ConfigPath: p.Config, Changes: []string{}, Actions: []remedy.Done{}, Errors: []string{}, Left: plan.Left}
	if dry {
		out.Changes = append(out.Changes, plan.Texts...)
		if !e.print.json {
			e.print.text("would change:\n" + orNothing(remedy.Text(plan.Diff, filter.LogLine)))
			e.printLeft(plan.Left)
		}
		return out, nil
	}
	done, err := e.fixer(p, in.Snapshot.Home.Owner, in.Redact).Apply(plan, time.Now())
	if err != nil {
		return nil, cannot(err, "nothing was changed that is not listed")
	}
	for _, d := range done {
		out.Actions = append(out.Actions, d)
		if !d.OK {
			out.OK = false
			out.Errors = append(out.Errors, d.String()+": "+d.Err)
			continue
		}
		out.Changes = append(out.Changes, d.String())
		out.ConfigWritten = out.ConfigWritten || d.Kind == audit.Set
	}
	if e.print.json {
		return out, nil
	}
	e.print.row("FIX")
	for _, c := range out.Changes {
		e.print.row("  %s", c)
	}
	for _, c := range out.Errors {
		e.print.row("  failed: %s", c)
	}
	if len(done) == 0 {
		e.print.row("  nothing to repair")
	} else {
		e.print.row("  take it back: openclaw security audit --undo")
	}
	e.printLeft(plan.Left)
	e.print.row("")
	return out, nil
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

func (e *env) printLeft(left []audit.Left) {
	for _, l := range left {
		e.print.row("  left to you: %s (%s)", l.Check, l.Why)
	}
}

// auditUndo takes the last fix back.
func (e *env) auditUndo(p configfile.Paths) error {
	fix, err := remedy.Last(p)
	if errors.Is(err, remedy.ErrNothing) {
		return cannot(err, "openclaw security audit --fix makes one")
	}
	if err != nil {
		return cannot(err, "")
	}
	owner := audit.UpstreamHome
	if state, err := app.LookHome(p); err == nil && state == app.HomeOurs {
		owner = audit.OurHome
	}
	undone, err := e.fixer(p, owner, nil).Undo(fix, "")
	if err != nil {
		return cannot(err, "")
	}
	done, failed := undone.Done, false
	for _, d := range done {
		failed = failed || !d.OK
	}
	if e.print.json {
		if err := e.print.value(map[string]any{"undone": done, "ok": !failed}); err != nil {
			return err
		}
	} else {
		for _, d := range done {
			if d.OK {
				e.print.row("%s", d)
			} else {
				e.print.row("failed: %s: %s", d, d.Err)
			}
		}
	}
	if failed {
		return silent(exitCannot)
	}
	config := slices.ContainsFunc(done, func(d remedy.Done) bool { return d.Kind == audit.Set })
	if owner == audit.OurHome && config && !e.print.json {
		e.print.note("what is looser in the configuration now waits for: openclaw config accept")
	}
	return nil
}
