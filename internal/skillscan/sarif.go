package skillscan

import "github.com/openclaw-go/openclaw/internal/claw"

// Scanned is the report on one skill, by the path that it was asked for.
type Scanned struct {
	Path     string
	Findings []Finding
}

// SARIF is a scan as a static analysis log (SARIF 2.1.0, OASIS).
func SARIF(version string, skills []Scanned) any {
	type text struct {
		Text string `json:"text"`
	}
	type region struct {
		StartLine int `json:"startLine"`
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
		FullDescription  text   `json:"fullDescription"`
		Help             text   `json:"help"`
	}
	type result struct {
		RuleID    string     `json:"ruleId"`
		Level     string     `json:"level"`
		Message   text       `json:"message"`
		Locations []location `json:"locations"`
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
	level := map[claw.Severity]string{claw.Critical: "error", claw.Warn: "warning", claw.Info: "note"}
	d := driver{Name: "openclaw skill scan", Version: version, Rules: []rule{}}
	titles := map[string]string{}
	for _, r := range Rules() {
		titles[r.ID] = r.Title
		d.Rules = append(d.Rules, rule{r.ID, text{r.Title}, text{r.Why}, text{r.Clear}})
	}
	out := run{Tool: tool{d}, Results: []result{}}
	for _, s := range skills {
		for _, f := range s.Findings {
			p := physical{ArtifactLocation: artifact{s.Path + "/" + f.File}}
			if f.Line > 0 {
				p.Region = &region{f.Line}
			}
			out.Results = append(out.Results, result{f.Rule, level[f.Severity], text{titles[f.Rule] + ": " + f.Evidence}, []location{{p}}})
		}
	}
	return struct {
		Schema  string `json:"$schema"`
		Version string `json:"version"`
		Runs    []run  `json:"runs"`
	}{"https://json.schemastore.org/sarif-2.1.0.json", "2.1.0", []run{out}}
}
