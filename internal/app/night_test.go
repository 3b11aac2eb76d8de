package app_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/audit"
)

// TestNightlyAuditOfARunningGateway: the report is made against the live
// gateway, holds nothing critical, and the journal has its sum.
func TestNightlyAuditOfARunningGateway(t *testing.T) {
	h := newHome(t)
	a := h.open()
	base, stop := h.serve(a)
	defer stop()
	healthy(t, base)
	path, err := a.AuditNight(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var r audit.Report
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	if r.Summary.Critical != 0 {
		t.Errorf("critical: %+v", r.Findings)
	}
	verdicts := map[string]audit.Verdict{}
	for _, c := range r.Checks {
		verdicts[c.ID] = c.Verdict
	}
	for _, id := range []string{"gateway.probe_failed", "live.unauthenticated", "live.wrong_token", "live.foreign_origin", "live.host_rebinding", "live.no_rate_limit", "live.config_not_in_force", "sandbox.level_unavailable"} {
		if verdicts[id] != audit.Pass {
			t.Errorf("%s is %s", id, verdicts[id])
		}
	}
	if got := strings.Join(holding(t, h.paths.Logs, `"event":"security.audit"`), ""); got == "" {
		t.Error("the journal does not have it")
	}
}
