package audit

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
)

// TestR42CrashIsCritical: a check at fault never looks like one that found
// nothing, whatever was asked for, and the report is still one.
func TestR42CrashIsCritical(t *testing.T) {
	in, _, _ := ours(`{}`).input(t)
	s := NewSubject(in)
	out := s.judge(Check{ID: "x.y", Run: func(*Subject) Outcome { panic("at fault") }})
	if out.Verdict != Unmeasured || !strings.Contains(out.Reason, "crashed") || strings.Contains(out.Reason, "at fault") {
		t.Errorf("%+v", out)
	}
	out = s.judge(incomplete())
	if out.Verdict != Fail || len(out.Findings) != 1 || out.Findings[0].Severity != claw.Critical || out.Findings[0].Observed != "x.y" {
		t.Errorf("%+v", out)
	}
	// A subject that makes every check crash: a report all the same, with a
	// critical finding for each, however few were asked for.
	in.Config = &config.Config{}
	in.Redact = func(string) string { panic("a redactor at fault") }
	for _, o := range []Options{{}, {Only: []string{"gateway.*"}}, {Skip: []string{"audit.*"}}} {
		r := Run(in, o)
		b, err := json.Marshal(r)
		var again Report
		if err != nil || json.Unmarshal(b, &again) != nil || again.Summary.Critical == 0 {
			t.Errorf("%v: %d critical, %v", o, r.Summary.Critical, err)
		}
		n := 0
		for _, c := range r.Checks {
			if c.Verdict == Unmeasured && strings.Contains(c.Reason, "crashed") {
				n++
			}
		}
		if n == 0 {
			t.Errorf("%v: no check crashed", o)
		}
	}
}

// TestR66LooseModesBecomeCritical: observe, off and full are critical once
// somebody else's text reaches the agent, and stay a warning where none does.
func TestR66LooseModesBecomeCritical(t *testing.T) {
	severity := func(owner HomeOwner, conf, id string) claw.Severity {
		worst := claw.Info
		for _, f := range report(t, owner, conf).Findings {
			if f.CheckID == id {
				worst = max(worst, f.Severity)
			}
		}
		return worst
	}
	const alone = `deny: ["group:web", "group:ui"]`
	for _, x := range []struct {
		owner HomeOwner
		conf  string
		id    string
		want  claw.Severity
	}{
		{OurHome, `{ tools: { profile: "full", ` + alone + `, flow: { mode: "observe" } } }`, "tools.flow_off", claw.Warn},
		{OurHome, `{ tools: { profile: "full", ` + alone + `, flow: { mode: "off" } } }`, "tools.flow_off", claw.Warn},
		{OurHome, `{ tools: { profile: "full", flow: { mode: "observe" } } }`, "tools.flow_off", claw.Critical},
		{OurHome, `{ tools: { profile: "full", ` + alone + `, flow: { mode: "observe" } }, channels: { telegram: { dmPolicy: "open" } } }`, "tools.flow_off", claw.Critical},
		{OurHome, `{ tools: { profile: "full", ` + alone + `, flow: { mode: "observe" } }, channels: { telegram: { dmPolicy: "pairing" } } }`, "tools.flow_off", claw.Warn},
		{OurHome, `{ tools: { profile: "full", ` + alone + `, flow: { mode: "off" } }, hooks: { enabled: true, token: "` + strong + `" } }`, "tools.flow_off", claw.Critical},
		{OurHome, `{ tools: { profile: "full", exec: { security: "full", ask: "off" } } }`, "tools.exec.security_full", claw.Warn}, // read text asks
		{OurHome, `{ tools: { profile: "full", flow: { mode: "off" }, exec: { security: "full", ask: "off" } } }`, "tools.exec.security_full", claw.Critical},
		{OurHome, `{ tools: { profile: "full", ` + alone + `, flow: { mode: "off" }, exec: { security: "full", ask: "off" } } }`, "tools.exec.security_full", claw.Warn},
		{OurHome, `{ tools: { profile: "full", flow: { mode: "off" }, exec: { security: "full", ask: "always" } } }`, "tools.exec.security_full", claw.Warn},
		{OurHome, `{ tools: { profile: "full", exec: { security: "full" } }, channels: { telegram: { dmPolicy: "open" } } }`, "tools.exec.security_full", claw.Critical},
		{UpstreamHome, `{}`, "tools.exec.security_full", claw.Critical},
		{UpstreamHome, `{ tools: { ` + alone + ` } }`, "tools.exec.security_full", claw.Warn},
	} {
		if got := severity(x.owner, x.conf, x.id); got != x.want {
			t.Errorf("%s of %s with %s: %s, want %s", x.id, x.owner, x.conf, got, x.want)
		}
	}
}
