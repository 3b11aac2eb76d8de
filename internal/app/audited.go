package app

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/openclaw-go/openclaw/internal/audit"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gateway"
)

// auditKept is how long a report answers further questions.
const auditKept = 5 * time.Second

// audits keeps the last answer about the home in force. Who asks while the
// home is being looked at gets the answer of that look.
type audits struct {
	mu   sync.Mutex
	last judged
	run  *look
	// fixing: one fix at a time.
	fixing sync.Mutex
}

// judged is a report with what can be done about its findings.
type judged struct {
	report  audit.Report
	repairs map[string]repair // by the findings' Ref
	err     error
	at      time.Time
}

// look is one run of the audit.
type look struct {
	done chan struct{}
	got  judged
}

// get answers with what is not older than age, or looks.
func (s *audits) get(age time.Duration, take func() judged) judged {
	s.mu.Lock()
	if s.run == nil && !s.last.at.IsZero() && time.Since(s.last.at) < age {
		defer s.mu.Unlock()
		return s.last
	}
	r := s.run
	if r != nil {
		s.mu.Unlock()
		<-r.done
		return r.got
	}
	r = &look{done: make(chan struct{})}
	s.run = r
	s.mu.Unlock()
	r.got = take()
	s.mu.Lock()
	if s.run == r { // else the home changed while it was looked at
		s.run, s.last = nil, r.got
	}
	s.mu.Unlock()
	close(r.done)
	return r.got
}

// forget has the next question look anew: the home was changed.
func (s *audits) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.run, s.last = nil, judged{}
}

// news is what a look now finds that the one before did not; nothing when
// nobody had looked before.
func (s *audits) news(take func() judged) ([]audit.Finding, error) {
	s.mu.Lock()
	old := s.last
	s.mu.Unlock()
	s.forget()
	j := s.get(0, take)
	if j.err != nil || old.at.IsZero() || old.err != nil {
		return nil, j.err
	}
	r := j.report
	r.Findings = slices.Clone(r.Findings)
	r.Since(old.report)
	return r.Findings, nil
}

// tellNews logs what a new configuration made worse.
func (a *App) tellNews() {
	news, err := a.audits.news(func() judged { return a.judge(nil) })
	if err != nil {
		a.log.Error("what a changed configuration means for security was not looked at", "error", err)
	}
	for _, f := range news {
		if f.Severity > claw.Info {
			a.log.Warn("the audit finds something new", "check", f.CheckID, "severity", f.Severity.String(), "title", f.Title)
		}
	}
}

// Audit judges the home as it is, or was some seconds ago.
func (a *App) Audit() (audit.Report, error) {
	j := a.audits.get(auditKept, func() judged { return a.judge(nil) })
	return j.report, j.err
}

// lookAtHome is the plain look of the audit at the home in force.
func (a *App) lookAtHome(progress func(string)) (Looked, audit.Report, error) {
	in, err := LookForAudit(a.paths, AuditOptions{Env: a.lookupEnv, Environ: os.Environ(), Version: a.version, Now: time.Now(), Progress: progress})
	if err != nil {
		return in, audit.Report{}, err
	}
	return in, audit.Run(in.Input, audit.Options{}), nil
}

func (a *App) judge(progress func(string)) judged {
	in, r, err := a.lookAtHome(progress)
	j := judged{report: r, err: err, at: time.Now(), repairs: map[string]repair{}}
	for _, f := range r.Findings {
		if f.Severity > claw.Info {
			j.repairs[f.Ref()] = repairOf(in, f)
		}
	}
	return j
}

// repair is what can be done about a finding.
type repair struct {
	how     gateway.Repair
	command string
	why     string
}

// repairOf asks the plan of a fix, and where there is none the finding itself.
func repairOf(in Looked, f audit.Finding) repair {
	p := audit.PlanFor(in.Input, audit.Report{Findings: []audit.Finding{f}})
	if len(p.Changes) > 0 {
		return repair{how: gateway.RepairFix}
	}
	r := repair{how: gateway.RepairPerson, command: audit.CommandOf(f.Remediation)}
	if r.command != "" {
		r.how = gateway.RepairCommand
	}
	for _, l := range p.Left {
		r.why = l.Why
	}
	return r
}

// AuditLine sums a report up for people.
func AuditLine(r audit.Report) string {
	n := countChecks(r)
	return fmt.Sprintf("%d critical, %d to look at, %d not measured, %d fine", r.Summary.Critical, r.Summary.Warn, n.Unmeasured, n.Fine)
}

// countChecks counts how checks ended.
func countChecks(r audit.Report) (n gateway.Counts) {
	n.Checks = len(r.Checks)
	for _, c := range r.Checks {
		switch c.Verdict {
		case audit.Unmeasured:
			n.Unmeasured++
		case audit.Pass:
			n.Fine++
		case audit.NotApplicable:
			n.NotApply++
		case audit.Fail:
		}
	}
	return n
}

// judged puts the audit's answer into an overview.
func (o *overview) judged(out *gateway.Overview) {
	j := o.app.audits.get(auditKept, func() judged { return o.app.judge(nil) })
	if j.err != nil {
		out.InForce = append(out.InForce, gateway.InForce{Name: "audit", Level: gateway.Unmeasured, Text: j.err.Error()})
		return
	}
	r := j.report
	out.CheckedAt, out.Verdict = r.TS, gateway.Fine
	out.Counts = countChecks(r)
	for _, c := range r.Checks {
		if c.Verdict == audit.Unmeasured && c.Severity == claw.Critical {
			out.Verdict = gateway.Unmeasured
		}
	}
	var needs []gateway.Need
	for _, f := range r.Findings {
		if f.Severity > claw.Info {
			needs = append(needs, needOf(f, j.repairs[f.Ref()]))
		}
	}
	out.NeedsYou = slices.Concat(needs, out.NeedsYou)
	out.InForce = append(out.InForce, gateway.InForce{Name: "audit", Level: gateway.Fine, Text: AuditLine(r), AtMs: r.TS})
}

func needOf(f audit.Finding, r repair) gateway.Need {
	n := gateway.Need{ID: f.CheckID, Kind: "finding", Level: gateway.Look, Text: f.Title + ".", Fix: f.Remediation, Finding: f.Ref(), Repair: r.how, Command: r.command, Why: r.why,
		Where: claw.ConfigRef{File: f.Where.File, Line: f.Where.Line, Column: f.Where.Column, Pointer: f.Where.Pointer}}
	if f.Severity == claw.Critical {
		n.Level = gateway.Act
	}
	return n
}
