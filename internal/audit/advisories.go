package audit

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// advisory is a published weakness of upstream.
type advisory struct {
	id       string
	fixed    string // the first version without it
	severity claw.Severity
	about    string
}

// advisoriesOf is the day the list was made; advisoriesKeep how long it counts
// as current.
var advisoriesOf = time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)

const advisoriesKeep = 60 * 24 * time.Hour

// advisories are those of the npm package openclaw that matter to a gateway's
// operator, by the version that fixed them. Sources: the GitHub advisory
// database and NVD under the ids given.
func advisories() []advisory {
	return []advisory{
		{"GHSA-g55j-c2v4-pjcg (CVE-2026-25593)", "2026.1.20", claw.Critical, "a local client without a credential changes the configuration and so runs commands"},
		{"GHSA-g8p2-7wf7-98mq (CVE-2026-25253)", "2026.1.29", claw.Critical, "a link hands the gateway's token to its author"},
		{"GHSA-xvhf-x56f-2hpp (CVE-2026-28463)", "2026.2.14", claw.Warn, "safeBins read files through shell expansion"},
		{"CVE-2026-28456", "2026.2.14", claw.Warn, "hook mappings load modules from elsewhere"},
		{"GHSA-943q-mwmv-hhvh", "2026.2.14", claw.Critical, "/tools/invoke starts and writes into sessions"},
		{"GHSA-796m-2973-wc5q", "2026.2.23", claw.Warn, "env -S passes the exec allowlist"},
		{"GHSA-hjvp-qhm6-wrh2", "2026.2.26", claw.Warn, "an approval is used again with another environment"},
		{"GHSA-474h-prjg-mmw3", "2026.3.2", claw.Warn, "a sandboxed session starts a runtime on the host"},
		{"GHSA-4jpw-hj22-2xmc", "2026.3.11", claw.Critical, "a pairing device makes itself an administrator"},
		{"GHSA-5wcw-8jjv-m286", "2026.3.11", claw.Critical, "a foreign web page opens the gateway's WebSocket"},
		{"GHSA-68x5-xx89-w9mm", "2026.4.8", claw.Warn, "stricter authentication does not take effect until a restart"},
		{"GHSA-xh72-v6v9-mwhc", "2026.4.15", claw.Critical, "Feishu webhooks without a signature reach commands"},
		{"GHSA-xmxx-7p24-h892", "2026.4.15", claw.Warn, "a rotated token is still taken"},
		{"GHSA-4m3v-q747-pc6h", "2026.4.24", claw.Warn, "a revoked Mattermost token is still taken for a while"},
		{"GHSA-24vr-rprv-67rf", "2026.4.29", claw.Warn, "see the advisory"},
		{"GHSA-8wg3-5mcm-fjq8", "2026.5.27", claw.Warn, "see the advisory"},
		{"GHSA-83w9-h5wv-j9xm", "2026.5.27", claw.Warn, "see the advisory"},
	}
}

func versionChecks() []Check {
	return []Check{
		{ID: "version.known_vulnerable", Area: AreaConfig, Severity: claw.Critical, Why: "The weakness is public, and so is how to use it.", Fix: "Update OpenClaw", Source: "GitHub advisory database", Run: vulnerable},
		{ID: "version.unknown", Area: AreaConfig, Severity: claw.Info, Why: "Which published weaknesses the gateway has cannot be said.", Fix: "openclaw --version", Source: "promise 3", Run: func(s *Subject) Outcome {
			if s.Snapshot.Home.Owner != UpstreamHome || s.version() != "" {
				return pass("it is known")
			}
			return unmeasured("the home does not say which version wrote it")
		}},
		{ID: "version.advisories_old", Area: AreaConfig, Severity: claw.Info, Why: "Weaknesses that became known since are not in this program's list.", Fix: "Update this program", Source: "promise 3", Run: func(s *Subject) Outcome {
			age := s.Snapshot.TakenAt.Sub(advisoriesOf)
			if age > advisoriesKeep {
				return unmeasured("the list is of %s, %d days old", advisoriesOf.Format(time.DateOnly), int(age.Hours()/24))
			}
			return pass("the list is of %s", advisoriesOf.Format(time.DateOnly))
		}},
	}
}

// version is the upstream version that wrote the home, "" when it does not say.
func (s *Subject) version() string {
	if n := s.node("meta.lastTouchedVersion"); s.Snapshot.Home.Version == "" && n != nil {
		return n.Text
	}
	return s.Snapshot.Home.Version
}

func vulnerable(s *Subject) Outcome {
	switch s.Snapshot.Home.Owner {
	case OurHome, NoHome:
		return notApplicable("this is no upstream home; advisories of this program come with its updates")
	case UpstreamHome:
	}
	version := s.version()
	if version == "" {
		return notApplicable("no version to compare; see version.unknown")
	}
	have, ok := versionOf(version)
	if !ok {
		return unmeasured("%q is no version", version)
	}
	var found []Finding
	for _, a := range advisories() {
		if fixed, ok := versionOf(a.fixed); ok && less(have, fixed) {
			found = append(found, Finding{Severity: a.severity, Title: a.id + " concerns this version", Detail: fmt.Sprintf("%s: %s; fixed in %s.", a.id, a.about, a.fixed), Observed: version, Expected: "at least " + a.fixed})
		}
	}
	return verdict(found, "%s has none of the %d that are known", version, len(advisories()))
}

// versionOf reads year.month.patch with an optional build ("2026.2.22-2").
func versionOf(s string) (v [4]int, ok bool) {
	s = strings.TrimPrefix(strings.TrimSpace(s), "v")
	base, build, _ := strings.Cut(s, "-")
	parts := strings.Split(base, ".")
	if len(parts) != 3 {
		return v, false
	}
	for i, p := range parts {
		n, err := strconv.Atoi(p)
		if err != nil || n < 0 {
			return v, false
		}
		v[i] = n
	}
	if n, err := strconv.Atoi(build); err == nil {
		v[3] = n
	} else if build != "" {
		v[3] = -1 // a beta comes before its release
	}
	return v, true
}

func less(a, b [4]int) bool {
	for i := range a {
		if a[i] != b[i] {
			return a[i] < b[i]
		}
	}
	return false
}
