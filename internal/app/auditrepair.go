package app

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
	"github.com/openclaw-go/openclaw/internal/audit"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/gateway"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/remedy"
)

var _ gateway.Auditor = (*overview)(nil)

// checkedAgain is what the record says of an audit that somebody asked for.
type checkedAgain struct {
	What string `json:"what"`
	audit.Summary
}

// Audit implements gateway.Auditor.
func (o *overview) Audit(ctx context.Context, progress func(string), by claw.Principal) (gateway.Audited, error) {
	o.refresh()
	var mine atomic.Bool
	j := o.app.audits.get(0, func() judged { mine.Store(true); return o.app.judge(progress) })
	if j.err != nil {
		return gateway.Audited{}, &gateway.Fault{Kind: gateway.Unavailable, Message: j.err.Error()}
	}
	if mine.Load() {
		if _, err := o.app.journal.Append(ctx, journal.Entry{Event: journal.Security, Principal: by, Data: checkedAgain{"checked again", j.report.Summary}}); err != nil {
			return gateway.Audited{}, err
		}
	}
	return gateway.Audited{AtMs: j.report.TS, Counts: countChecks(j.report)}, nil
}

// Checks implements gateway.Auditor.
func (o *overview) Checks(context.Context) (gateway.Checks, error) {
	r, err := o.app.Audit()
	if err != nil {
		return gateway.Checks{}, &gateway.Fault{Kind: gateway.Unavailable, Message: err.Error()}
	}
	out := gateway.Checks{AtMs: r.TS, Rows: []gateway.CheckRow{}, Notes: []gateway.CheckRow{}, Accepted: []gateway.CheckRow{}}
	worst := map[string]claw.Severity{}
	for _, f := range r.Findings {
		worst[f.CheckID] = max(worst[f.CheckID], f.Severity)
		if f.Severity == claw.Info {
			out.Notes = append(out.Notes, gateway.CheckRow{ID: f.CheckID, Level: gateway.NotApply, Text: f.Title})
		}
	}
	for _, x := range r.Silenced {
		out.Accepted = append(out.Accepted, gateway.CheckRow{ID: x.CheckID, Level: gateway.Look, Text: x.Title + ": " + x.Suppression.Reason})
	}
	for _, c := range r.Checks {
		out.Rows = append(out.Rows, gateway.CheckRow{ID: c.ID, Area: string(c.Area), Level: levelOf(c, worst), Text: c.Reason})
	}
	return out, nil
}

// levelOf is how a check ended; worst are the severities of findings by id.
func levelOf(c audit.Result, worst map[string]claw.Severity) gateway.Level {
	switch c.Verdict {
	case audit.Unmeasured:
		return gateway.Unmeasured
	case audit.Pass:
		return gateway.Fine
	case audit.NotApplicable:
		return gateway.NotApply
	case audit.Fail:
	}
	for id, severity := range worst {
		if ok, err := path.Match(c.ID, id); err == nil && ok && severity == claw.Critical {
			return gateway.Act
		}
	}
	return gateway.Look
}

// planFor looks at the home anew and gives the plan of one finding.
func (o *overview) planFor(ref string) (Looked, FixPlan, audit.Finding, error) {
	in, r, err := o.app.lookAtHome(nil)
	if err != nil {
		return in, FixPlan{}, audit.Finding{}, &gateway.Fault{Kind: gateway.Unavailable, Message: err.Error()}
	}
	i := slices.IndexFunc(r.Findings, func(f audit.Finding) bool { return f.Ref() == ref })
	if i < 0 {
		return in, FixPlan{}, audit.Finding{}, &gateway.Fault{Kind: gateway.NotFound, Message: "this finding is gone or says something else now", Hint: "check again"}
	}
	f := r.Findings[i]
	return in, PlanFix(in, audit.Report{Findings: []audit.Finding{f}}), f, nil
}

// FixPlan implements gateway.Auditor.
func (o *overview) FixPlan(_ context.Context, finding string) (gateway.FixPlan, error) {
	_, p, f, err := o.planFor(finding)
	if err != nil {
		return gateway.FixPlan{}, err
	}
	out := gateway.FixPlan{Finding: finding, CheckID: f.CheckID, Digest: p.Digest, Diff: diffOf(p.Diff), Left: []gateway.FixLeft{}}
	for _, l := range p.Left {
		out.Left = append(out.Left, gateway.FixLeft{CheckID: l.Check, Why: l.Why})
	}
	return out, nil
}

func diffOf(lines []remedy.Line) []gateway.DiffLine {
	out := []gateway.DiffLine{}
	for _, l := range lines {
		out = append(out, gateway.DiffLine(l))
	}
	return out
}

// fixer makes fixes in the home of this gateway.
func (o *overview) fixer(ctx context.Context, mask func(string) string, by claw.Principal) Fixer {
	return Fixer{Paths: o.app.paths, Options: configfile.Options{Env: o.app.lookupEnv}, Mask: mask, Tell: func(n FixNote) error {
		_, err := o.app.journal.Append(ctx, journal.Entry{Event: journal.Security, Principal: by, Data: n})
		return err
	}}
}

// errOtherPlan refuses a plan that is not the one that was shown.
var errOtherPlan = &gateway.Fault{Kind: gateway.Conflict, Message: "the home changed since this was shown, so nothing was done; look at the change as it is now"}

// FixApply implements gateway.Auditor.
func (o *overview) FixApply(ctx context.Context, q gateway.FixQuery, by claw.Principal) (gateway.Fixed, error) {
	o.app.audits.fixing.Lock()
	defer o.app.audits.fixing.Unlock()
	in, p, f, err := o.planFor(q.Finding)
	if err != nil {
		return gateway.Fixed{}, err
	}
	if len(p.Changes) == 0 {
		why := "it needs a person's review"
		for _, l := range p.Left {
			why = l.Why
		}
		return gateway.Fixed{}, &gateway.Fault{Kind: gateway.Refused, Rule: "security.fix_left", Message: fmt.Sprintf("%s is not repaired here: %s", f.CheckID, why), Hint: f.Remediation}
	}
	if p.Digest != q.Digest {
		return gateway.Fixed{}, errOtherPlan
	}
	defer o.app.audits.forget()
	done, err := o.fixer(ctx, in.Redact, by).Apply(p, time.Now())
	o.refresh() // what is stricter now holds now
	if err != nil {
		return gateway.Fixed{}, &gateway.Fault{Kind: gateway.Unavailable, Message: in.masked(err.Error())}
	}
	return o.fixed(done, in.masked), nil
}

func (o *overview) fixed(done []remedy.Done, mask func(string) string) gateway.Fixed {
	out := gateway.Fixed{OK: true, Changes: []gateway.FixDone{}, NotInForce: o.app.posture.notInForce()}
	for _, d := range done {
		out.OK = out.OK && d.OK
		out.Changes = append(out.Changes, gateway.FixDone{Text: mask(d.String()), OK: d.OK, Error: mask(d.Err)})
	}
	return out
}

// mask hides what a home knows as credentials. Records of fixes hold no
// values but those of the few keys that fixes change, and paths.
func (o *overview) mask(text string) string { return o.app.redactor().String(text) }

// Fixes implements gateway.Auditor.
func (o *overview) Fixes(context.Context) ([]gateway.FixRow, error) {
	past, err := remedy.Past(o.app.paths)
	if err != nil {
		return nil, &gateway.Fault{Kind: gateway.Unavailable, Message: o.mask(err.Error())}
	}
	out := []gateway.FixRow{}
	for _, f := range past {
		if time.Since(f.Time) > remedy.Kept {
			continue
		}
		row := gateway.FixRow{ID: f.ID, AtMs: f.Time.UnixMilli(), UntilMs: f.Time.Add(remedy.Kept).UnixMilli(), Checks: []string{}, Undone: f.Undone, Diff: []gateway.DiffLine{}}
		for _, c := range f.Changes {
			if !slices.Contains(row.Checks, c.Check) {
				row.Checks = append(row.Checks, c.Check)
			}
		}
		if !f.Undone {
			back := remedy.Reversed(f.Changes)
			row.Diff = diffOf(remedy.Lines(back, o.mask))
			if row.Digest, _, err = o.undoDigest(f); err != nil {
				return nil, err
			}
		}
		out = append(out, row)
	}
	return out, nil
}

// undoDigest names taking a fix back from the configuration as it is now.
func (o *overview) undoDigest(f remedy.Fix) (digest, base string, err error) {
	back := remedy.Reversed(f.Changes)
	if slices.ContainsFunc(back, func(c audit.Change) bool { return c.Kind == audit.Set }) {
		b, err := atomicfile.Read(o.app.paths.Config, config.MaxFileBytes)
		if err != nil {
			return "", "", &gateway.Fault{Kind: gateway.Unavailable, Message: o.mask(err.Error())}
		}
		base = hashOf(b)
	}
	return digestOf(f.ID+base, back), base, nil
}

// FixUndo implements gateway.Auditor: a loosening act, which whoever calls has
// confirmed. The file as it was before the fix is in force at once; when
// somebody edited it since, what is looser waits to be accepted.
func (o *overview) FixUndo(ctx context.Context, q gateway.UndoQuery, by claw.Principal) (gateway.Fixed, error) {
	o.app.audits.fixing.Lock()
	defer o.app.audits.fixing.Unlock()
	past, err := remedy.Past(o.app.paths)
	if err != nil {
		return gateway.Fixed{}, &gateway.Fault{Kind: gateway.Unavailable, Message: o.mask(err.Error())}
	}
	i := slices.IndexFunc(past, func(f remedy.Fix) bool { return f.ID == q.ID && !f.Undone && time.Since(f.Time) <= remedy.Kept })
	if i < 0 {
		return gateway.Fixed{}, &gateway.Fault{Kind: gateway.NotFound, Message: "no fix of that name can be taken back"}
	}
	defer o.app.audits.forget()
	var out remedy.Undone
	err = o.app.byOperator(ctx, by, func() (string, error) {
		digest, base, err := o.undoDigest(past[i])
		if err != nil {
			return "", err
		}
		if digest != q.Digest {
			return "", errOtherPlan
		}
		out, err = o.fixer(ctx, o.mask, by).Undo(past[i], base)
		return out.Config, err
	})
	var told *gateway.Fault
	switch {
	case errors.As(err, &told):
		return gateway.Fixed{}, told
	case err != nil:
		return gateway.Fixed{}, &gateway.Fault{Kind: gateway.Unavailable, Message: o.mask(err.Error())}
	}
	return o.fixed(out.Done, o.mask), nil
}

// FixTold implements gateway.Auditor.
func (o *overview) FixTold(ctx context.Context, t gateway.FixTold, by claw.Principal) error {
	if !slices.Contains([]string{"fix", "fixed", "undo", "undone"}, t.What) {
		return &gateway.Fault{Kind: gateway.Invalid, Message: fmt.Sprintf("what is %q, expected fix, fixed, undo or undone", t.What)}
	}
	o.app.audits.forget()
	_, err := o.app.journal.Append(ctx, journal.Entry{Event: journal.Security, Principal: by, Data: FixNote{What: t.What, Changes: t.Changes, Failed: t.Failed}})
	return err
}

// byOperator makes an operator's own edit of the configuration, with nobody
// looking at the file in between. edit returns the hash of the text that the
// operator knows, "" when it wrote none such: that text is in force at once,
// also where it loosens. Any other one, and one that comes after a file that
// was not in force, waits as ever.
func (a *App) byOperator(ctx context.Context, by claw.Principal, edit func() (string, error)) error {
	if a.refresh == nil || a.posture.now().Gateway.Reload == "off" {
		_, err := edit()
		return err
	}
	a.rereading.Lock()
	defer a.rereading.Unlock()
	a.take(a.accepted)
	before, berr := a.load()
	inForce := berr == nil && a.posture.knows(before, nil) && a.posture.notInForce() == ""
	wrote, err := edit()
	after, aerr := a.load()
	if wrote == "" || aerr != nil || !inForce || !onlyRoot(before, after, wrote) || after.Problems.HasErrors() {
		a.take(a.accepted)
		return err
	}
	was := a.posture.now().Generation
	if aerr := a.posture.adopt(ctx, after, by); aerr != nil {
		return errors.Join(err, aerr)
	}
	if a.accepted != nil && a.posture.now().Generation != was {
		a.accepted()
	}
	return err
}

// onlyRoot reports that of two loads only the first file differs, and that it
// is the one that was written.
func onlyRoot(before, after *configfile.Loaded, wrote string) bool {
	if len(before.Files) == 0 || len(before.Files) != len(after.Files) || !strings.EqualFold(after.Files[0].SHA256, wrote) {
		return false
	}
	for i := range after.Files {
		if after.Files[i].Path != before.Files[i].Path || i > 0 && after.Files[i].SHA256 != before.Files[i].SHA256 {
			return false
		}
	}
	return true
}
