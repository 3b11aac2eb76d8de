package app_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/app"
	"github.com/openclaw-go/openclaw/internal/audit"
	"github.com/openclaw-go/openclaw/internal/claw"
)

// TestR43FileIsNotWhatRuns: the plain audit compares the file with what the
// gateway holds. A difference is critical, and what cannot be compared is
// unmeasured.
func TestR43FileIsNotWhatRuns(t *testing.T) {
	h := newHome(t)
	judged := func() (audit.Result, []audit.Finding) {
		t.Helper()
		in, err := app.LookForAudit(h.paths, app.AuditOptions{Env: func(name string) (string, bool) { v, ok := h.env[name]; return v, ok }, Now: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		r := audit.Run(in.Input, audit.Options{})
		var found []audit.Finding
		for _, f := range r.Findings {
			if f.CheckID == "gateway.other_rules" {
				found = append(found, f)
			}
		}
		for _, c := range r.Checks {
			if c.ID == "gateway.other_rules" {
				return c, found
			}
		}
		t.Fatal("there is no such check")
		return audit.Result{}, nil
	}
	want := func(v audit.Verdict, when string) []audit.Finding {
		t.Helper()
		c, found := judged()
		if c.Verdict != v {
			t.Errorf("%s: %s %s %+v", when, c.Verdict, c.Reason, found)
		}
		return found
	}
	want(audit.NotApplicable, "no gateway")
	a := h.open()
	base, stop := h.serve(a)
	defer stop()
	healthy(t, base)
	want(audit.Pass, "the file holds")

	text, err := os.ReadFile(h.paths.Config)
	if err != nil {
		t.Fatal(err)
	}
	looser := strings.Replace(string(text), `profile: "messaging"`, `profile: "full"`, 1)
	if looser == string(text) {
		t.Fatalf("the home has another profile: %s", text)
	}
	if err := os.WriteFile(h.paths.Config, []byte(looser), 0o600); err != nil {
		t.Fatal(err)
	}
	found := want(audit.Fail, "a looser file")
	if len(found) != 1 || found[0].Severity != claw.Critical || len(found[0].Evidence) == 0 {
		t.Errorf("%+v", found)
	}
	if err := os.WriteFile(h.paths.Config, text, 0o600); err != nil {
		t.Fatal(err)
	}
	want(audit.Pass, "the file as it was")
	put := filepath.Join(h.paths.State, "posture.json")
	accepted, err := os.ReadFile(put)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(put); err != nil {
		t.Fatal(err)
	}
	want(audit.Unmeasured, "nothing to compare with")
	if err := os.WriteFile(put, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	want(audit.Unmeasured, "a posture that cannot be read")
	if err := os.WriteFile(put, accepted, 0o600); err != nil {
		t.Fatal(err)
	}
}
