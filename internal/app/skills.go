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

// SkillPlace is a directory that skills are looked for in.
type SkillPlace struct {
	// Source is workspace, agents, managed or extra.
	Source string
	Dir    string
}

// SkillFound is a skill on disk.
type SkillFound struct {
	Name   string
	Source string
	Dir    string
}

// SkillPlaces lists where the skills of a home lie, the first before the next.
func SkillPlaces(p configfile.Paths, c *config.Config, workspaces []string) []SkillPlace {
	var out []SkillPlace
	for _, w := range workspaces {
		out = append(out, SkillPlace{"workspace", filepath.Join(w, "skills")}, SkillPlace{"workspace", filepath.Join(w, ".agents", "skills")})
	}
	out = append(out, SkillPlace{"agents", filepath.Join(p.Home, ".agents", "skills")}, SkillPlace{"managed", filepath.Join(p.State, "skills")})
	if c != nil {
		for _, d := range config.Strings(c.Skills.Load.ExtraDirs) {
			out = append(out, SkillPlace{"extra", p.Expand(d)})
		}
	}
	return slices.CompactFunc(out, func(a, b SkillPlace) bool { return a.Dir == b.Dir })
}

// SkillsOf lists the skills of a home.
func SkillsOf(p configfile.Paths, c *config.Config, foreign bool) []SkillFound {
	world := posture.World{Home: p.Home, State: p.State, Config: p.Config}
	if foreign {
		world.Owner = posture.Upstream
	}
	var workspaces []string
	for _, a := range posture.Of(c, world).Agents {
		if a.Workspace != "" && !slices.Contains(workspaces, a.Workspace) {
			workspaces = append(workspaces, a.Workspace)
		}
	}
	found, _ := findSkills(SkillPlaces(p, c, workspaces))
	return found
}

func findSkills(places []SkillPlace) (found []SkillFound, partly []SkillPlace) {
	for _, place := range places {
		names, complete := skill.Find(place.Dir)
		for _, n := range names {
			found = append(found, SkillFound{Name: filepath.Base(n), Source: place.Source, Dir: filepath.Join(place.Dir, n)})
		}
		if !complete {
			partly = append(partly, place)
		}
	}
	return found, partly
}

// scanSkills looks at every skill and plugin of a home, as the audit takes it.
func scanSkills(p configfile.Paths, c *config.Config, workspaces []string) []audit.Scanned {
	found, partly := findSkills(SkillPlaces(p, c, slices.Compact(workspaces)))
	var out []audit.Scanned
	for _, f := range found {
		out = append(out, scanOne("skill", f.Name, f.Dir))
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
