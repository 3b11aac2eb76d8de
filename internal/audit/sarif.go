package audit

import "github.com/openclaw-go/openclaw/internal/claw"

// SARIF is the report as a static analysis log (SARIF 2.1.0, OASIS).
func SARIF(r Report) any {
	type text struct {
		Text string `json:"text"`
	}
	type region struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn,omitempty"`
	}
	type artifact struct {
		URI string `json:"uri"`
	}
	type physical struct {
		ArtifactLocation artifact `json:"artifactLocation"`
		Region           *region  `json:"region,omitempty"`
	}
	type location struct {
		PhysicalLocation physical `json:"physicalLocation"`
	}
	type rule struct {
		ID               string `json:"id"`
		ShortDescription text   `json:"shortDescription"`
		Help             text   `json:"help"`
	}
	type result struct {
		RuleID    string     `json:"ruleId"`
		Level     string     `json:"level"`
		Message   text       `json:"message"`
		Locations []location `json:"locations,omitempty"`
	}
	type driver struct {
		Name    string `json:"name"`
		Version string `json:"version"`
		Rules   []rule `json:"rules"`
	}
	type tool struct {
		Driver driver `json:"driver"`
	}
	type run struct {
		Tool    tool     `json:"tool"`
		Results []result `json:"results"`
	}
	type sarif struct {
		Schema  string `json:"$schema"`
		Version string `json:"version"`
		Runs    []run  `json:"runs"`
	}
	level := map[claw.Severity]string{claw.Critical: "error", claw.Warn: "warning", claw.Info: "note"}
	d := driver{Name: "openclaw security audit", Version: r.Version, Rules: []rule{}}
	for _, c := range Catalogue() {
		d.Rules = append(d.Rules, rule{c.ID, text{c.Why}, text{c.Fix}})
	}
	out := run{Tool: tool{d}, Results: []result{}}
	for _, f := range r.Findings {
		x := result{RuleID: f.CheckID, Level: level[f.Severity], Message: text{f.Title + ". " + f.Detail}}
		if f.Where.File != "" {
			l := location{physical{ArtifactLocation: artifact{f.Where.File}}}
			if f.Where.Line > 0 {
				l.PhysicalLocation.Region = &region{f.Where.Line, f.Where.Column}
			}
			x.Locations = []location{l}
		}
		out.Results = append(out.Results, x)
	}
	return sarif{"https://json.schemastore.org/sarif-2.1.0.json", "2.1.0", []run{out}}
}
