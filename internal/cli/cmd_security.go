package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/openclaw-go/openclaw/internal/app"
	"github.com/openclaw-go/openclaw/internal/audit"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/configfile"
)

func (e *env) cmdSecurity() *cobra.Command {
	c := &cobra.Command{Use: "security", Short: "Audit a home"}
	c.AddCommand(e.cmdSecurityAudit(), e.cmdSecurityChecks(), e.cmdSecurityChecklist(), e.cmdSecuritySchedule(), e.cmdPolicyMatrix())
	return c
}

// auditFlags are the flags of security audit.
type auditFlags struct {
	failOn, stateDir, as, explain string
	snapshot, from, baseline      string
	only, skip, compose           []string
	allowUnmeasured, sarif        bool
	fix, dryRun, undo, deep       bool
}

func (e *env) cmdSecurityAudit() *cobra.Command {
	var f auditFlags
	c := &cobra.Command{
		Use: "audit", Short: "Judge the home and say what to do", Args: cobra.NoArgs,
		Long: `Judge the home and say what to do.

Looks at the configuration, the files and the environment; without --fix it
opens no socket, starts no process and writes nothing. Works on any OpenClaw home, broken ones
too. Exit status 0, or with --fail-on 1 when something at or above that
severity was found or could not be measured.`,
		Example: "  openclaw security audit\n  openclaw security audit --json | jq '.findings | map(select(.severity==\"critical\")) | length'\n  openclaw security audit --fail-on critical --state-dir /srv/other/.openclaw",
		RunE:    func(*cobra.Command, []string) error { return e.securityAudit(f) },
	}
	fs := c.Flags()
	fs.StringVar(&f.failOn, "fail-on", "", "exit 1 when a finding reaches info, warn or critical")
	fs.BoolVar(&f.allowUnmeasured, "allow-unmeasured", false, "with --fail-on, let checks pass that could not look")
	fs.StringSliceVar(&f.only, "only", nil, "only checks whose id matches, for example 'fs.*'")
	fs.StringSliceVar(&f.skip, "skip", nil, "leave out checks whose id matches")
	fs.StringSliceVar(&f.compose, "compose", nil, "judge this Compose `FILE` too")
	fs.StringVar(&f.stateDir, "state-dir", "", "audit the home with this state directory")
	fs.StringVar(&f.snapshot, "snapshot", "", "write what was seen to `FILE`; it holds no credential")
	fs.StringVar(&f.from, "from", "", "audit the snapshot in `FILE`, taken here or elsewhere")
	fs.StringVar(&f.baseline, "baseline", "", "report only what an earlier --json report in `FILE` does not have")
	fs.StringVar(&f.as, "as", "", "judge it as ours or upstream, whatever the home says")
	fs.StringVar(&f.explain, "explain", "", "say what a check is about")
	fs.BoolVar(&f.deep, "deep", false, "look at the machine too: sockets, the running gateway, the sandbox")
	fs.BoolVar(&f.fix, "fix", false, "repair modes, open groups and redaction; nothing that opens or decides")
	fs.BoolVar(&f.dryRun, "dry-run", false, "with --fix, only show what would change")
	fs.BoolVar(&f.undo, "undo", false, "take back the last fix")
	fs.BoolVar(&f.sarif, "sarif", false, "print SARIF 2.1.0")
	return c
}

func (e *env) securityAudit(f auditFlags) error {
	if f.explain != "" {
		return e.explainCheck(f.explain)
	}
	least, err := f.check()
	if err != nil {
		return err
	}
	p, err := e.paths()
	if err == nil && f.stateDir != "" {
		p, err = app.PathsOf(f.stateDir, e.getenv)
	}
	if err != nil {
		return usage("%w", err)
	}
	if f.undo {
		return e.auditUndo(p)
	}
	in, r, err := e.look(f, p)
	if err != nil {
		return err
	}
	if f.snapshot != "" {
		if err := app.WriteSnapshot(f.snapshot, in); err != nil {
			return cannot(err, "")
		}
	}
	var fix *fixJSON
	if f.fix {
		if fix, err = e.auditFix(p, in, r, f.dryRun); err != nil {
			return err
		}
		if _, r, err = e.look(f, p); err != nil {
			return err
		}
	}
	if f.baseline != "" {
		if err := sinceBaseline(&r, f.baseline); err != nil {
			return err
		}
	}
	if err := e.showAudit(f, fix, r, p); err != nil {
		return err
	}
	found, unknown := r.Reaches(least)
	if f.failOn != "" && (found || unknown && !f.allowUnmeasured) {
		return silent(exitFindings)
	}
	return nil
}

// check refuses flags that make no sense, and says what --fail-on means.
func (f auditFlags) check() (claw.Severity, error) {
	if f.from != "" && (f.fix || f.undo || f.deep || f.stateDir != "") {
		return 0, usage("--from judges a snapshot: --fix, --undo, --deep and --state-dir need the home itself")
	}
	for _, g := range append(append([]string{}, f.only...), f.skip...) {
		if _, err := path.Match(g, ""); err != nil {
			return 0, usage("%q is no pattern: %w", g, err)
		}
	}
	if f.as != "" && f.as != string(audit.OurHome) && f.as != string(audit.UpstreamHome) {
		return 0, usage("--as %q: expected ours or upstream", f.as)
	}
	return severityOf(f.failOn)
}

// look takes a snapshot, or reads one, and judges it.
func (e *env) look(f auditFlags, p configfile.Paths) (in app.Looked, r audit.Report, err error) {
	if f.from != "" {
		if in.Input, err = app.ReadSnapshot(f.from); err != nil {
			return in, r, usage("%w", err)
		}
	} else {
		o := app.AuditOptions{Owner: audit.HomeOwner(f.as), Env: e.lookup, Environ: os.Environ(), Version: version, Now: time.Now(), Deep: f.deep, Compose: f.compose}
		if f.deep {
			o.Progress = e.progress()
		}
		if f.stateDir == "" { // the gateway that can be asked is that of this home
			o.Ask = e.askNotInForce
		}
		if in, err = app.LookForAudit(p, o); err != nil {
			return in, r, err
		}
	}
	r = audit.Run(in.Input, audit.Options{Only: f.only, Skip: f.skip})
	r.Deep = in.Snapshot.Live != nil
	return in, r, nil
}

// showAudit prints the report in the form that was asked for.
func (e *env) showAudit(f auditFlags, fix *fixJSON, r audit.Report, p configfile.Paths) error {
	switch {
	case fix != nil && e.print.json:
		return e.print.value(struct {
			Fix               *fixJSON     `json:"fix"`
			Report            audit.Report `json:"report"`
			SecretDiagnostics []string     `json:"secretDiagnostics"`
		}{fix, r, r.SecretDiagnostics})
	case f.sarif:
		return e.print.value(audit.SARIF(r))
	case e.print.json:
		return e.print.value(r)
	}
	e.printAudit(r, p)
	return nil
}

// sinceBaseline leaves what an earlier report does not have.
func sinceBaseline(r *audit.Report, path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return usage("--baseline: %w", err)
	}
	var old audit.Report
	if err := json.Unmarshal(b, &old); err != nil || old.Findings == nil {
		return usage("--baseline %q: expected a report of security audit --json", path)
	}
	r.Since(old)
	return nil
}

// progress tells a person at a terminal what a long look is at.
func (e *env) progress() func(string) {
	if !isTerminal(e.print.err) || e.print.json {
		return nil
	}
	return func(what string) { e.print.note("looking at %s", what) }
}

// askNotInForce asks the running gateway whether the file is in force.
func (e *env) askNotInForce() (string, bool) {
	c, err := e.dial()
	if err != nil {
		return "", false
	}
	defer c.close()
	ctx, cancel := context.WithTimeout(e.ctx, dialTimeout)
	defer cancel()
	var out struct {
		NotInForce string `json:"configNotInForce"`
	}
	if err := c.call(ctx, "overview.get", nil, &out); err != nil {
		return "", false
	}
	return out.NotInForce, true
}

func severityOf(text string) (claw.Severity, error) {
	switch text {
	case "", "critical":
		return claw.Critical, nil
	case "warn", "warning":
		return claw.Warn, nil
	case "info":
		return claw.Info, nil
	}
	return 0, usage("--fail-on %q: expected info, warn or critical", text)
}

// printAudit prints the guide's form.
func (e *env) printAudit(r audit.Report, p configfile.Paths) {
	head := "OpenClaw Security Audit v" + r.Version
	e.print.row("%s", head)
	e.print.row("%s", strings.Repeat("═", len(head)))
	for _, f := range r.Findings {
		e.printFinding(f)
	}
	s := r.Summary
	e.print.row("Summary: %d critical, %s, %d info", s.Critical, plural(s.Warn, "warning"), s.Info)
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
	if s.Critical+s.Warn > 0 {
		e.print.row("Run 'openclaw security audit --fix' to auto-remediate")
	}
	e.print.row("%d checks: %d fine, %d not measured; home %s", len(r.Checks), fine, unknown, p.Short(r.Home.State))
	for _, c := range r.Checks {
		if c.Verdict == audit.Unmeasured {
			e.print.row("? %s: %s", c.ID, c.Reason)
		}
	}
	for _, x := range r.Silenced {
		e.print.row("silenced: %s (%s)", x.CheckID, x.Suppression.Reason)
	}
}

func (e *env) printFinding(f audit.Finding) {
	e.print.row("[%s] %s", strings.ToUpper(f.Severity.String()), f.CheckID)
	e.print.row("→ %s", f.Title)
	if f.Detail != "" {
		e.print.row("→ %s", f.Detail)
	}
	if w := findingPlace(f.Where); w != "" {
		e.print.row("  at %s", w)
	}
	if f.Remediation != "" {
		e.print.row("→ Fix: %s", f.Remediation)
	}
}

func findingPlace(w audit.Where) string {
	out := w.File
	if w.Line > 0 {
		out += fmt.Sprintf(":%d:%d", w.Line, max(1, w.Column))
	}
	if w.Pointer != "" {
		if out == "" {
			return w.Pointer + " (default)"
		}
		out += " " + w.Pointer
	}
	return out
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// explainCheck prints the row of a check.
func (e *env) explainCheck(id string) error {
	for _, c := range audit.Catalogue() {
		ok := c.ID == id
		for _, a := range c.Aliases {
			ok = ok || a == id
		}
		if m, err := path.Match(c.ID, id); !ok && (err != nil || !m) {
			continue
		}
		if e.print.json {
			return e.print.value(checkRow(c))
		}
		e.print.line("%s  (%s, up to %s)", c.ID, c.Area, c.Severity)
		if len(c.Aliases) > 0 {
			e.print.line("also %s", strings.Join(c.Aliases, ", "))
		}
		e.print.line("%s", c.Why)
		if c.Fix != "" {
			e.print.line("Fix: %s", c.Fix)
		}
		e.print.line("Source: %s", c.Source)
		return nil
	}
	return usage("%q is no check; openclaw security checks lists them", id)
}

// checkJSON is a row of the catalogue as printed.
type checkJSON struct {
	ID       string        `json:"id"`
	Aliases  []string      `json:"aliases,omitempty"`
	Area     audit.Area    `json:"area"`
	Severity claw.Severity `json:"severity"`
	Why      string        `json:"why"`
	Fix      string        `json:"fix,omitempty"`
	Source   string        `json:"source"`
}

func checkRow(c audit.Check) checkJSON {
	return checkJSON{c.ID, c.Aliases, c.Area, c.Severity, c.Why, c.Fix, c.Source}
}

func (e *env) cmdSecurityChecks() *cobra.Command {
	return &cobra.Command{
		Use: "checks", Short: "List every check of the audit", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			all := audit.Catalogue()
			if e.print.json {
				rows := make([]checkJSON, 0, len(all))
				for _, c := range all {
					rows = append(rows, checkRow(c))
				}
				return e.print.value(map[string]any{"checks": rows})
			}
			for _, c := range all {
				e.print.line("%-8s %-13s %s", c.Severity, c.Area, c.ID)
			}
			e.print.line("%d checks", len(all))
			return nil
		},
	}
}
