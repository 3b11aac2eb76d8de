package app

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/audit"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/posture"
)

func TestForgetReports(t *testing.T) {
	dir := t.TempDir()
	for _, n := range []string{"audit-2026-11-01.json", "audit-2026-12-31.json", "fix-2026-01-01.json", "audit-x.json"} {
		if err := os.WriteFile(filepath.Join(dir, n), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := forgetReports(dir, time.Date(2026, 12, 1, 0, 0, 0, 0, time.Local)); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(left) != 3 {
		t.Errorf("%v, %v", left, err)
	}
}

func TestNightNews(t *testing.T) {
	critical := audit.Finding{CheckID: "fs.state", Severity: claw.Critical, Title: "The state is writable"}
	warn := audit.Finding{CheckID: "gateway.port", Severity: claw.Warn, Title: "A port"}
	blind := audit.Result{ID: "live.probe", Severity: claw.Critical, Verdict: audit.Unmeasured, Reason: "no tool"}
	n := posture.Nightly{Alert: true, Least: claw.Critical}
	for name, c := range map[string]struct {
		now, before audit.Report
		known       bool
		least       claw.Severity
		facts       int
	}{
		"first night":      {audit.Report{Findings: []audit.Finding{critical, warn}}, audit.Report{}, false, claw.Critical, 1},
		"as before":        {audit.Report{Findings: []audit.Finding{critical}}, audit.Report{Findings: []audit.Finding{critical}}, true, claw.Critical, 0},
		"a warning":        {audit.Report{Findings: []audit.Finding{warn}}, audit.Report{}, true, claw.Warn, 1},
		"cannot look":      {audit.Report{Checks: []audit.Result{blind}}, audit.Report{}, true, claw.Critical, 1},
		"still cannot":     {audit.Report{Checks: []audit.Result{blind}}, audit.Report{Checks: []audit.Result{blind}}, true, claw.Critical, 0},
		"cannot look anew": {audit.Report{Checks: []audit.Result{blind}}, audit.Report{Checks: []audit.Result{{ID: "live.probe", Verdict: audit.Pass}}}, true, claw.Critical, 1},
	} {
		n.Least = c.least
		if facts, _ := nightNews(n, c.now, c.before, c.known); len(facts) != c.facts {
			t.Errorf("%s: %v", name, facts)
		}
	}
}

// A report that was cut off yesterday is not the night to compare with.
func TestEarlierReport(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Date(2026, 12, 5, 3, 0, 0, 0, time.Local)
	if _, _, known := earlierReport(dir, now); known {
		t.Error("an empty folder")
	}
	write("audit-2026-12-02.json", `{"findings":[{"checkId":"x"}]}`)
	write("audit-2026-12-04.json", `{"findings":[{"che`)
	write("audit-2026-12-05.json", `{"findings":[]}`)
	write("audit-fix.json", `{}`)
	r, day, known := earlierReport(dir, now)
	if !known || len(r.Findings) != 1 || day.Day() != 2 {
		t.Errorf("%v %v %v", r, day, known)
	}
}
