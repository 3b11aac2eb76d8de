package audit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// Scanned is what a look at the files of a skill or plugin found (--deep).
type Scanned struct {
	// Kind is skill or plugin.
	Kind string `json:"kind"`
	Name string `json:"name"`
	Dir  string `json:"dir"`
	// Verdict is pass, review or block; "" when Err says why there is none.
	Verdict  string           `json:"verdict,omitempty"`
	SHA256   string           `json:"sha256,omitempty"`
	Findings []ScannedFinding `json:"findings,omitempty"`
	Err      string           `json:"error,omitempty"`
}

// ScannedFinding is one finding in such files; docs/skill-rules.md has the
// rules.
type ScannedFinding struct {
	Rule     string        `json:"rule"`
	Severity claw.Severity `json:"severity"`
	File     string        `json:"file"`
	Line     int           `json:"line"`
	Evidence string        `json:"evidence"`
}

// SkillState is one skill that was pinned, or that the home would load.
type SkillState struct {
	Name string `json:"name"`
	Dir  string `json:"dir"`
	// Pinned: a person pinned it. Loads: it is what was pinned.
	Pinned bool `json:"pinned"`
	Loads  bool `json:"loads"`
	// Rule and Reason say why it does not load.
	Rule   string `json:"rule,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Err: the pins cannot be read.
	Err string `json:"error,omitempty"`
}

// skillsAsPinned compares pinned skills with their pins.
func skillsAsPinned(s *Subject) Outcome {
	var found []Finding
	n := 0
	for _, x := range s.Snapshot.Skills {
		if x.Err != "" {
			return fail(Finding{Severity: claw.Critical, Title: "The pins of skills cannot be read, so none loads", Detail: x.Err, Where: Where{File: s.Snapshot.Home.Short(s.Snapshot.Home.State + "/skill-pins.json")}})
		}
		if !x.Pinned {
			continue
		}
		n++
		if x.Loads {
			continue
		}
		f := Finding{Severity: claw.Critical, Title: "The skill " + x.Name + " is not what was pinned", Detail: x.Reason + ".", Where: Where{File: s.Snapshot.Home.Short(x.Dir)}, Observed: x.Rule, Expected: "skill.pinned"}
		switch x.Rule {
		case "skill.not_listed", "skill.version", "skill.off", "skill.gone":
			f.Severity, f.Title = claw.Warn, "The skill "+x.Name+" is pinned and does not load"
		}
		found = append(found, f)
	}
	if n == 0 {
		return notApplicable("no skill is pinned")
	}
	return verdict(found, "%d skills are what was pinned", n)
}

func skillChecks() []Check {
	return []Check{
		{ID: "skills.changed", Area: AreaPlugins, Severity: claw.Critical, Why: "Somebody changed what a person had read and accepted. It is not loaded.", Fix: "openclaw skill diff NAME shows what changed; openclaw skill pin NAME accepts it, openclaw skill remove NAME takes it away", Source: "guide, Skills: pin versions; THREATS R16", Run: skillsAsPinned},
		{ID: "skills.code_safety", Aliases: []string{"skills.code_safety.*"}, Area: AreaPlugins, Severity: claw.Critical, Why: "The agent follows what a skill says and runs what it brings.", Fix: "Read the places named with openclaw skill source NAME; remove the skill or what it does", Source: "guide, Skills and ClawHub Security", Run: scanned("skill", "skills")},
		{ID: "plugins.code_safety", Aliases: []string{"plugins.code_safety.*"}, Area: AreaPlugins, Severity: claw.Critical, Why: "Upstream's gateway loads the code of a plugin into itself; this one never does.", Fix: "Read the places named with openclaw skill source PATH; remove the plugin", Source: "facts: upstream's catalogue", Run: scanned("plugin", "plugins")},
		{ID: "skills.duplicate_name", Area: AreaPlugins, Severity: claw.Warn, Why: "A skill that an agent or a stranger puts first takes the place of the one that was reviewed.", Fix: "Remove one of them", Source: "THREATS R16", Run: deep(func(s *Subject, _ *Live) Outcome {
			places := map[string][]string{}
			for _, x := range s.Snapshot.Scanned {
				if x.Kind == "skill" {
					places[x.Name] = append(places[x.Name], s.Snapshot.Home.Short(x.Dir))
				}
			}
			var found []Finding
			for _, x := range s.Snapshot.Scanned {
				if at := places[x.Name]; x.Kind == "skill" && len(at) > 1 && at[0] == s.Snapshot.Home.Short(x.Dir) {
					found = append(found, Finding{Severity: claw.Warn, Title: fmt.Sprintf("%d skills are called %s", len(at), x.Name), Where: Where{File: at[0]}, Evidence: at})
				}
			}
			if len(places) == 0 {
				return notApplicable("no skill")
			}
			return verdict(found, "%d skills", len(places))
		})},
	}
}

// scanned judges the skills or plugins of a home by what the scan said.
func scanned(kind, plural string) func(*Subject) Outcome {
	return deep(func(s *Subject, _ *Live) Outcome {
		var found []Finding
		var unread []string
		n := 0
		for _, x := range s.Snapshot.Scanned {
			if x.Kind != kind {
				continue
			}
			n++
			if x.Err != "" {
				unread = append(unread, x.Name+": "+x.Err)
				continue
			}
			if f := scannedFinding(s, kind, x); f != nil {
				found = append(found, *f)
			}
		}
		switch {
		case n == 0:
			return notApplicable("no %s", kind)
		case len(found) == 0 && len(unread) > 0:
			return unmeasured("%s", strings.Join(unread, "; "))
		}
		return verdict(found, "%d %s", n, plural)
	})
}

// scannedFinding is one finding for a skill, with the places in it.
func scannedFinding(s *Subject, kind string, x Scanned) *Finding {
	f := Finding{Severity: claw.Info, Observed: x.Verdict, Expected: "pass"}
	var rules []string
	for _, r := range x.Findings {
		if r.Severity == claw.Info {
			continue
		}
		if f.Severity == claw.Info {
			f.Where = Where{File: strings.TrimSuffix(s.Snapshot.Home.Short(x.Dir), "/") + "/" + r.File, Line: r.Line}
		}
		f.Severity = max(f.Severity, r.Severity)
		if !slices.Contains(rules, r.Rule) {
			rules = append(rules, r.Rule)
		}
		if len(f.Evidence) < 12 {
			f.Evidence = append(f.Evidence, fmt.Sprintf("%s %s:%d %s", r.Rule, r.File, r.Line, r.Evidence))
		}
	}
	if f.Severity == claw.Info {
		return nil
	}
	f.Title = fmt.Sprintf("The %s %s must be read before it is used", kind, x.Name)
	if f.Severity == claw.Critical {
		f.Title = fmt.Sprintf("The %s %s does what no %s should", kind, x.Name, kind)
	}
	f.Detail = "It was found: " + strings.Join(rules, ", ") + "."
	return &f
}
