package app

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/audit"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/posture"
	"github.com/openclaw-go/openclaw/internal/skill"
	"github.com/openclaw-go/openclaw/internal/skillscan"
)

// skillPlaces lists where the skills of a home lie, the first before the next.
func skillPlaces(p configfile.Paths, c *config.Config, workspaces []string) []skill.Place {
	var out []skill.Place
	for _, w := range workspaces {
		out = append(out, skill.Place{Source: "workspace", Dir: filepath.Join(w, "skills")}, skill.Place{Source: "workspace", Dir: filepath.Join(w, ".agents", "skills")})
	}
	out = append(out, skill.Place{Source: "agents", Dir: filepath.Join(p.Home, ".agents", "skills")}, skill.Place{Source: "managed", Dir: filepath.Join(p.State, "skills")})
	if c != nil {
		for _, d := range config.Strings(c.Skills.Load.ExtraDirs) {
			out = append(out, skill.Place{Source: "extra", Dir: p.Expand(d)})
		}
	}
	var once []skill.Place
	for _, x := range out {
		if !slices.ContainsFunc(once, func(o skill.Place) bool { return o.Dir == x.Dir }) {
			once = append(once, x)
		}
	}
	return once
}

// workspacesOf are the folders of the agents, each once.
func workspacesOf(p posture.Posture) (out []string) {
	for _, a := range p.Agents {
		if a.Workspace != "" && !slices.Contains(out, a.Workspace) {
			out = append(out, a.Workspace)
		}
	}
	return out
}

// scanSkills looks at every skill and plugin of a home, as the audit takes it.
func scanSkills(p configfile.Paths, c *config.Config, workspaces []string) []audit.Scanned {
	found, partly := skill.Locate(skillPlaces(p, c, workspaces))
	var out []audit.Scanned
	for _, f := range found {
		out = append(out, scanOne("skill", f.Name, f.Folder))
	}
	for _, x := range partly {
		out = append(out, audit.Scanned{Kind: "skill", Name: p.Short(x.Dir), Dir: x.Dir, Err: "not all of it could be looked at"})
	}
	extensions := filepath.Join(p.State, "extensions")
	entries, _ := os.ReadDir(extensions)
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			out = append(out, scanOne("plugin", e.Name(), filepath.Join(extensions, e.Name())))
		}
	}
	return out
}

func scanOne(kind, name, dir string) audit.Scanned {
	x := audit.Scanned{Kind: kind, Name: name, Dir: dir}
	files, err := skill.Read(dir)
	if err != nil {
		x.Err = err.Error()
		return x
	}
	r := skillscan.Scan(files)
	if r.Manifest.Name != "" && kind == "skill" {
		x.Name = r.Manifest.Name
	}
	x.Verdict, x.SHA256 = r.Verdict.String(), r.SHA256
	for _, f := range r.Findings {
		if f.Rule == "declare.none" && kind == "plugin" {
			continue
		}
		if len(x.Findings) < 100 {
			x.Findings = append(x.Findings, audit.ScannedFinding(f))
		}
	}
	return x
}

// skillStates says how the pinned skills of a home stand, as the audit takes
// it. Without a pin there is nothing to compare.
func skillStates(p configfile.Paths, c *config.Config, now posture.Posture) (out []audit.SkillState) {
	if _, err := os.Lstat(filepath.Join(p.State, skill.PinsFile)); err != nil {
		return nil
	}
	var eye skill.Eye
	all, err := eye.Look(LookingKeeper(p, c, now))
	if err != nil {
		return []audit.SkillState{{Err: err.Error()}}
	}
	for _, x := range all {
		out = append(out, audit.SkillState{Name: x.Name, Dir: x.Folder, Pinned: x.Pin != nil, Loads: x.Loads(), Rule: string(x.Step.Rule), Reason: x.Step.Reason})
	}
	return out
}
