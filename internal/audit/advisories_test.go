package audit

import (
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/config"
)

func TestVersions(t *testing.T) {
	in := func(version string) Input {
		return Input{Config: config.Default(), Snapshot: Snapshot{TakenAt: advisoriesOf, Home: Home{Owner: UpstreamHome, Version: version}}}
	}
	for version, want := range map[string]int{"2026.1.19": len(advisories()), "2026.4.1": 7, "v2026.5.27": 0, "2026.5.27-beta.1": 2, "2026.2.14-1": len(advisories()) - 5, "2027.1.1": 0} {
		if got := vulnerable(NewSubject(in(version))); len(got.Findings) != want || got.Verdict == Unmeasured {
			t.Errorf("%s: %d findings (%s %s), want %d", version, len(got.Findings), got.Verdict, got.Reason, want)
		}
	}
	for _, version := range []string{"x", "1.2", "2026.x.1"} {
		if got := vulnerable(NewSubject(in(version))); got.Verdict != Unmeasured {
			t.Errorf("%q is %s", version, got.Verdict)
		}
	}
	old := in("2027.1.1")
	old.Snapshot.TakenAt = advisoriesOf.Add(advisoriesKeep + time.Hour)
	for _, c := range versionChecks() {
		if c.ID == "version.advisories_old" && c.Run(NewSubject(old)).Verdict != Unmeasured {
			t.Error("an old list passes")
		}
	}
	for _, a := range advisories() {
		if _, ok := versionOf(a.fixed); !ok {
			t.Errorf("%s: %q is no version", a.id, a.fixed)
		}
	}
}
