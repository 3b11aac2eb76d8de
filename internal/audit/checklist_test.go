package audit

import (
	"path"
	"slices"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// Every pattern of the checklist names a check that there is, and every item
// is answered by a check or a person.
func TestChecklistIsAnswered(t *testing.T) {
	ids := map[string]bool{}
	for _, i := range Checklist() {
		if ids[i.ID] {
			t.Errorf("%s stands twice", i.ID)
		}
		ids[i.ID] = true
		if len(i.Checks) == 0 && !i.Person {
			t.Errorf("%s: nobody answers it", i.ID)
		}
		for _, p := range i.Checks {
			if !slices.ContainsFunc(Catalogue(), func(c Check) bool {
				ok, err := path.Match(p, c.ID)
				return p == c.ID || err == nil && ok
			}) {
				t.Errorf("%s: %s matches no check", i.ID, p)
			}
		}
	}
}

func TestTick(t *testing.T) {
	now := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	result := func(id string, v Verdict) Result { return Result{ID: id, Verdict: v, Severity: claw.Warn} }
	r := Report{Checks: []Result{
		result("gateway.tailscale_funnel", Pass), result("tools.elevated.enabled", Fail), result("skills.unpinned", Unmeasured),
		result("backup.none", Fail), result("tools.profile_full", Fail), result("security.nightly_off", Pass),
	}}
	said := map[string]Confirmation{
		"network.firewall":   {By: "me", Until: now.AddDate(0, 0, 1)},
		"maintenance.backup": {By: "me", Until: now.AddDate(0, 0, 1)},
		"skills.reviewed":    {By: "me", Until: now.AddDate(0, 0, -1)},
		"tools.profile":      {By: "me", Until: now.AddDate(0, 0, 1)},
		"network.no_funnel":  {By: "me", Until: now.AddDate(0, 0, -1)},
	}
	want := map[string]ItemState{
		"network.no_funnel": Verified, "tools.elevated": Failed, "skills.pinned": NotSeen, "network.firewall": Confirmed,
		"maintenance.backup": Confirmed, "skills.reviewed": Expired, "maintenance.incident": ToConfirm,
		"tools.profile":      Failed, // a word does not outweigh a failing check
		"monitoring.nightly": Verified,
	}
	for _, i := range Tick(r, said, now) {
		if w, ok := want[i.ID]; ok && i.State != w {
			t.Errorf("%s is %s (%s), want %s", i.ID, i.State, i.Why, w)
		}
	}
	// A firewall that nobody looked at is for a person to confirm; one that was
	// seen needs no word.
	for v, want := range map[Verdict]ItemState{NotApplicable: ToConfirm, Unmeasured: ToConfirm, Fail: ToConfirm, Pass: Verified} {
		for _, i := range Tick(Report{Checks: []Result{result("network.firewall", v), result("network.firewall_port_open", NotApplicable)}}, nil, now) {
			if i.ID == "network.firewall" && i.State != want {
				t.Errorf("a firewall that is %s: %s, want %s", v, i.State, want)
			}
		}
	}
	for _, i := range Tick(Report{}, nil, now) {
		if i.State == Verified || i.State == Confirmed {
			t.Errorf("%s is %s although nobody looked", i.ID, i.State)
		}
	}
}
