package audit

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// approvalsFile is what the audit reads of exec-approvals.json.
type approvalsFile struct {
	Defaults approvalsOf            `json:"defaults"`
	Agents   map[string]approvalsOf `json:"agents"`
}

type approvalsOf struct {
	Security        string `json:"security"`
	Ask             string `json:"ask"`
	AskFallback     string `json:"askFallback"`
	AutoAllowSkills bool   `json:"autoAllowSkills"`
	Allowlist       []struct {
		Pattern string `json:"pattern"`
	} `json:"allowlist"`
}

// approvals is the file, nil when there is none or it does not parse.
func (s *Subject) approvals() *approvalsFile {
	raw, ok := s.Snapshot.Documents[s.Snapshot.Home.State+"/exec-approvals.json"]
	if !ok {
		return nil
	}
	var f approvalsFile
	if json.Unmarshal(raw, &f) != nil {
		return nil
	}
	return &f
}

// noApprovals says why approvals has none: there is no file, or it could not
// be read.
func (s *Subject) noApprovals() Outcome {
	p := s.Snapshot.Home.State + "/exec-approvals.json"
	if f := s.byPath[p]; f != nil && f.Type != Absent {
		return unmeasured("%s could not be read", s.Snapshot.Home.Short(p))
	}
	return notApplicable("no exec-approvals.json")
}

// storedApprovals judges the patterns that upstream keeps per agent.
func storedApprovals(s *Subject) Outcome {
	d := s.approvals()
	if d == nil {
		return s.noApprovals()
	}
	where := Where{File: s.Snapshot.Home.Short(s.Snapshot.Home.State + "/exec-approvals.json")}
	all := map[string]approvalsOf{"defaults": d.Defaults}
	for id, a := range d.Agents {
		all[id] = a
	}
	var found []Finding
	n := 0
	for _, id := range slices.Sorted(maps.Keys(all)) {
		a := all[id]
		for _, e := range a.Allowlist {
			n++
			name := program(e.Pattern)
			why := ""
			switch {
			case strings.Trim(name, "*?.") == "":
				why = "it matches every program"
			case slices.Contains(shells(), name):
				why = "it is a shell"
			case slices.Contains(wrappers(), name):
				why = "it runs other programs"
			case slices.Contains(carriers(), name):
				why = "it runs other programs, given the right option"
			case interpreter(name):
				why = "it is an interpreter"
			case strings.Contains(e.Pattern, "/") && userDir(strings.TrimSuffix(e.Pattern, "/"+name)):
				why = "its directory can be written by users"
			default:
				continue
			}
			severity := claw.Critical
			if why != "it matches every program" && why != "it is a shell" && why != "it runs other programs" {
				severity = claw.Warn
			}
			found = append(found, Finding{Severity: severity, Title: fmt.Sprintf("A stored approval holds %q", e.Pattern), Detail: fmt.Sprintf("Agent %s, %q: %s.", id, e.Pattern, why), Where: where, Observed: e.Pattern})
		}
	}
	return verdict(found, "%d entries", n)
}
