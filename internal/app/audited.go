package app

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/openclaw-go/openclaw/internal/audit"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/gateway"
)

// auditKept is how long a report answers further questions.
const auditKept = 5 * time.Second

// audits keeps the last report of the home in force.
type audits struct {
	mu   sync.Mutex
	last audit.Report
	err  error
	at   time.Time
}

// auditNow judges the home as it is now.
func (a *App) auditNow() (audit.Report, error) {
	a.audits.mu.Lock()
	defer a.audits.mu.Unlock()
	if now := time.Now(); now.Sub(a.audits.at) > auditKept {
		a.audits.last, a.audits.err = AuditHome(a.paths, a.version, a.lookupEnv)
		a.audits.at = now
	}
	return a.audits.last, a.audits.err
}

// AuditHome is the plain audit of a home.
func AuditHome(p configfile.Paths, version string, env func(string) (string, bool)) (audit.Report, error) {
	in, err := LookForAudit(p, AuditOptions{Env: env, Environ: os.Environ(), Version: version, Now: time.Now()})
	if err != nil {
		return audit.Report{}, err
	}
	return audit.Run(in, audit.Options{}), nil
}

// AuditLine sums a report up for people.
func AuditLine(r audit.Report) string {
	unknown, fine := 0, 0
	for _, c := range r.Checks {
		switch c.Verdict {
		case audit.Unmeasured:
			unknown++
		case audit.Pass:
			fine++
		case audit.Fail, audit.NotApplicable:
		}
	}
	return fmt.Sprintf("%d critical, %d to look at, %d not measured, %d fine", r.Summary.Critical, r.Summary.Warn, unknown, fine)
}

// judged puts the audit's answer into an overview.
func (o *overview) judged(out *gateway.Overview) {
	r, err := o.app.auditNow()
	if err != nil {
		out.InForce = append(out.InForce, gateway.InForce{Name: "audit", Level: gateway.Unmeasured, Text: err.Error()})
		return
	}
	out.CheckedAt, out.Verdict = r.TS, gateway.Fine
	out.Counts.Checks = len(r.Checks)
	for _, c := range r.Checks {
		switch c.Verdict {
		case audit.Unmeasured:
			out.Counts.Unmeasured++
			if c.Severity == claw.Critical {
				out.Verdict = gateway.Unmeasured
			}
		case audit.Pass, audit.NotApplicable:
			out.Counts.Fine++
		case audit.Fail:
		}
	}
	var needs []gateway.Need
	for _, f := range r.Findings {
		n := gateway.Need{ID: f.CheckID, Kind: "finding", Text: f.Title + ".", Fix: f.Remediation, Where: claw.ConfigRef{File: f.Where.File, Line: f.Where.Line, Column: f.Where.Column, Pointer: f.Where.Pointer}}
		switch f.Severity {
		case claw.Critical:
			n.Level = gateway.Act
		case claw.Warn:
			n.Level = gateway.Look
		case claw.Info:
			continue
		}
		needs = append(needs, n)
	}
	out.NeedsYou = slices.Concat(needs, out.NeedsYou)
	out.InForce = append(out.InForce, gateway.InForce{Name: "audit", Level: gateway.Fine, Text: AuditLine(r), AtMs: r.TS})
}
