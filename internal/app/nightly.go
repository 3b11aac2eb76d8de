package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
	"github.com/openclaw-go/openclaw/internal/audit"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/sandbox"
)

// nightlyLook is how often the configuration is asked whether a night is
// planned, while none is.
const nightlyLook = 10 * time.Minute

// nights audits the home every night that the configuration plans
// (security.nightly; guide, Monitoring), until the gateway ends.
func (a *App) nights() {
	for {
		wait := nightlyLook
		n := a.posture.config().Security.Nightly
		due := time.Time{}
		if n.Enabled.V {
			if at, err := nextNight(time.Now(), n.At.Or("03:00")); err == nil {
				due = at
				wait = min(wait, time.Until(at)) // the plan may change meanwhile
			}
		}
		timer := time.NewTimer(wait)
		select {
		case <-a.life.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		if due.IsZero() || time.Now().Before(due) {
			continue
		}
		if path, err := a.AuditNight(time.Now()); err != nil {
			a.log.Error("the nightly audit did not run", "error", err)
		} else {
			a.log.Info("nightly audit", "report", a.paths.Short(path))
		}
	}
}

// nextNight is the next time after now that the clock shows at ("03:00").
func nextNight(now time.Time, at string) (time.Time, error) {
	t, err := time.ParseInLocation("15:04", at, now.Location())
	if err != nil {
		return time.Time{}, fmt.Errorf("security.nightly.at %q: expected HH:MM", at)
	}
	next := time.Date(now.Year(), now.Month(), now.Day(), t.Hour(), t.Minute(), 0, 0, now.Location())
	if !next.After(now) {
		next = next.AddDate(0, 0, 1)
	}
	return next, nil
}

// AuditNight makes the deep audit of this gateway's home: the report lies in
// the state directory, the journal has its sum, old reports go.
func (a *App) AuditNight(now time.Time) (path string, err error) {
	in, err := LookForAudit(a.paths, AuditOptions{Env: a.lookupEnv, Environ: os.Environ(), Version: a.version, Now: now, Deep: true,
		Ask:     func() (string, bool) { return a.posture.notInForce(), true },
		Support: func() (sandbox.Support, error) { return a.runner.Support(), nil }})
	if err != nil {
		return "", err
	}
	r := audit.Run(in.Input, audit.Options{})
	r.Deep = true
	path = filepath.Join(a.paths.State, "security-reports", "audit-"+now.Format(time.DateOnly)+".json")
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return "", err
	}
	_, err = a.journal.Append(a.life, journal.Entry{Event: journal.Security, Data: struct {
		audit.Summary
		Report string `json:"report"`
	}{r.Summary, filepath.Base(path)}})
	if err != nil {
		return "", err
	}
	if err := atomicfile.MkdirAll(filepath.Dir(path)); err != nil {
		return "", err
	}
	if err := atomicfile.Write(path, append(b, '\n')); err != nil {
		return "", err
	}
	return path, forgetReports(filepath.Dir(path), now.AddDate(0, 0, -a.posture.config().Security.Nightly.KeepDays.Or(30)))
}

// forgetReports removes nightly reports of days before a day.
func forgetReports(dir string, before time.Time) error {
	list, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range list {
		day, ok := strings.CutPrefix(strings.TrimSuffix(e.Name(), ".json"), "audit-")
		t, err := time.ParseInLocation(time.DateOnly, day, before.Location())
		if ok && err == nil && t.Before(before) && e.Type().IsRegular() {
			errs = append(errs, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	return errors.Join(errs...)
}
