package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
	"github.com/openclaw-go/openclaw/internal/audit"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/notify"
	"github.com/openclaw-go/openclaw/internal/posture"
	"github.com/openclaw-go/openclaw/internal/schedule"
)

const (
	// nightsGrace lets a start come to rest before a missed audit is made.
	nightsGrace = 30 * time.Second
	// auditLimit is how long an audit may take before it counts as failed.
	auditLimit = 20 * time.Minute
	// planLook is how often the plan is looked at anew.
	planLook = 10 * time.Minute

	auditFailed   = "audit-failed"
	auditFindings = "audit-findings"
)

// nights does what is due at its time (security.nightly; guide, Monitoring),
// until the gateway ends.
func (a *App) nights() {
	timer := time.NewTimer(nightsGrace)
	defer timer.Stop()
	for {
		select {
		case <-a.life.Done():
			return
		case <-timer.C:
		}
		wait, err := a.alerts.tasks.Tick(a.life, a.systemTasks())
		if err != nil {
			a.log.Error("what is due at its time was not put down", "error", err)
		}
		timer.Reset(min(wait, planLook))
	}
}

// systemTasks are what the configuration plans now.
func (a *App) systemTasks() []schedule.Task {
	n := posture.WatchOf(a.posture.config()).Nightly
	if !n.Enabled {
		return nil
	}
	next, err := schedule.Daily(n.At)
	if err != nil {
		a.log.Error("security.nightly", "error", err)
		return nil
	}
	return []schedule.Task{{Name: "nightly-audit", Next: next, Timeout: auditLimit,
		Run: func(context.Context, time.Time) error {
			path, err := a.AuditNight(time.Now())
			if err == nil {
				a.log.Info("nightly audit", "report", a.paths.Short(path))
			}
			return err
		},
		Failed: func(_ time.Time, err error) {
			a.log.Error("the nightly audit did not work", "error", err)
			a.alerts.tell(a.life, auditFailed, "audit.failed", claw.Critical, "The nightly audit did not work, so nothing is known", []notify.Fact{{Name: "reason", Value: firstLine(err.Error())}}, "openclaw security audit --deep")
		}}}
}

// AuditNight makes the audit of this gateway's home: the report lies in the
// state directory, the journal has its sum, what is new is told, old reports
// go.
func (a *App) AuditNight(now time.Time) (path string, err error) {
	n := posture.WatchOf(a.posture.config()).Nightly
	o := AuditOptions{Env: a.lookupEnv, Environ: os.Environ(), Version: a.version, Now: now, Deep: n.Deep,
		Ask:     func() (string, bool) { return a.posture.notInForce(), true },
		Sandbox: a.testSandbox, Host: a.machine}
	in, err := LookForAudit(a.paths, o)
	if err != nil {
		return "", err
	}
	r := audit.Run(in.Input, audit.Options{})
	r.Deep = n.Deep
	dir := filepath.Join(a.paths.State, "security-reports")
	path = filepath.Join(dir, reportName(now))
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return "", err
	}
	_, err = a.journal.Append(a.life, journal.Entry{Event: journal.Security, Data: struct {
		audit.Summary
		Report     string `json:"report"`
		Generation string `json:"generation"`
	}{r.Summary, filepath.Base(path), a.posture.now().Generation}})
	if err != nil {
		return "", err
	}
	before, last, known := earlierReport(dir, now)
	if err := atomicfile.MkdirAll(dir); err != nil {
		return "", err
	}
	if err := atomicfile.Write(path, append(b, '\n')); err != nil {
		return "", err
	}
	a.tellNight(n, r, before, known, now)
	// A clock that has jumped over many nights may have jumped wrongly (R51).
	if known && now.Sub(last) > plausible {
		return path, nil
	}
	return path, forgetReports(dir, now.AddDate(0, 0, -n.KeepDays))
}

// plausible is how long a gateway may have been off for the clock to be
// believed when old reports go; the night after, it is asked again.
const plausible = 7 * 24 * time.Hour

func reportName(day time.Time) string { return "audit-" + day.Format(time.DateOnly) + ".json" }

// dayOf is the day of a report by its name.
func dayOf(name string, zone *time.Location) (time.Time, bool) {
	day, ok := strings.CutPrefix(strings.TrimSuffix(name, ".json"), "audit-")
	t, err := time.ParseInLocation(time.DateOnly, day, zone)
	return t, ok && err == nil
}

// earlierReport is the newest report of a day before now that can be read.
func earlierReport(dir string, now time.Time) (r audit.Report, day time.Time, known bool) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return r, day, false
	}
	for _, e := range slices.Backward(list) { // by name, and so by day
		d, ok := dayOf(e.Name(), now.Location())
		if !ok || !e.Type().IsRegular() || e.Name() >= reportName(now) {
			continue
		}
		b, err := atomicfile.Read(filepath.Join(dir, e.Name()), maxReport)
		if err != nil || json.Unmarshal(b, &r) != nil {
			r = audit.Report{}
			continue
		}
		return r, d, true
	}
	return audit.Report{}, day, false
}

const maxReport = 32 << 20

// tellNight tells what is new since the night before, or that all is as it
// was to those who want to hear that too: so its silence is noticed (R42).
func (a *App) tellNight(n posture.Nightly, r, before audit.Report, known bool, now time.Time) {
	a.alerts.over(auditFailed)
	facts, worst := nightNews(n, r, before, known)
	if len(facts) > 0 && n.Alert {
		a.alerts.tell(a.life, auditFindings, "audit.new_findings", worst, fmt.Sprintf("The nightly audit has %d new findings", len(facts)), facts, "openclaw security audit --deep")
	} else if reached, unknown := r.Reaches(n.Least); !reached && !unknown {
		a.alerts.over(auditFindings)
	}
	_, err := a.alerts.out.Raise(notify.Alert{ID: "night-" + now.Format(time.DateOnly), At: now, Rule: "audit.nightly", Severity: claw.Info, Title: "Nightly audit: " + AuditLine(r),
		Facts: []notify.Fact{{Name: "report", Value: reportName(now)}}, Command: "openclaw security audit --deep"})
	if err != nil {
		a.log.Error("the nightly audit was not told", "error", err)
	}
}

// nightNews lists findings that reach the severity and were not there before,
// and critical checks that could not look and could before.
func nightNews(n posture.Nightly, r, before audit.Report, known bool) (facts []notify.Fact, worst claw.Severity) {
	fresh := r
	fresh.Findings = slices.Clone(r.Findings)
	if known {
		fresh.Since(before)
	}
	for _, f := range fresh.Findings {
		if f.Severity >= n.Least {
			facts = append(facts, notify.Fact{Name: f.Severity.String() + " " + f.CheckID, Value: f.Title})
			worst = max(worst, f.Severity)
		}
	}
	blind := map[string]bool{}
	for _, c := range before.Checks {
		blind[c.ID] = c.Verdict == audit.Unmeasured
	}
	for _, c := range r.Checks {
		if c.Severity == claw.Critical && c.Verdict == audit.Unmeasured && !blind[c.ID] {
			facts = append(facts, notify.Fact{Name: "not measured " + c.ID, Value: c.Reason})
			worst = claw.Critical
		}
	}
	return facts, worst
}

// forgetReports removes nightly reports of days before a day.
func forgetReports(dir string, before time.Time) error {
	list, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range list {
		if t, ok := dayOf(e.Name(), before.Location()); ok && t.Before(before) && e.Type().IsRegular() {
			errs = append(errs, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	return errors.Join(errs...)
}
