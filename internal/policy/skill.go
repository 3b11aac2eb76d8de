package policy

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/cmdline"
)

// LayerSkill judges skills: which may be installed and loaded, and what the
// commands of one may do.
const LayerSkill Layer = "skill"

// RuleSkillHost refuses a skill a host that its files do not name.
const RuleSkillHost = "skill.host_undeclared"

// SkillPolicy is skills.policy. The zero value takes only what is listed.
type SkillPolicy uint8

// Values of skills.policy.
const (
	SkillsListed SkillPolicy = iota
	SkillsOpen
)

func (p SkillPolicy) String() string { return [...]string{"allowlist", "open"}[p] }

// SkillRules judges which skills are installed and loaded. The zero value
// takes none.
type SkillRules struct {
	Policy    SkillPolicy    `json:"policy"`
	PolicyRef claw.ConfigRef `json:"policyRef,omitzero"`
	Listed    []string       `json:"listed,omitempty"`
	ListedRef claw.ConfigRef `json:"listedRef,omitzero"`
	// Versions are the only ones taken of the skills named.
	Versions []SkillVersion `json:"versions,omitempty"`
	// Off are skills that entries switch off.
	Off []string `json:"off,omitempty"`
}

// SkillVersion is one entry of skills.versions.
type SkillVersion struct {
	Name    string         `json:"name"`
	Version string         `json:"version"`
	Where   claw.ConfigRef `json:"where,omitzero"`
}

// SkillFacts is one skill on its way into an agent.
type SkillFacts struct {
	Name, Version string
	// SHA256 of what lies in its folder now.
	SHA256 string
	// Same counts the folders that hold a skill of this name.
	Same int
	// Workspace: an agent's workspace holds it.
	Workspace bool
	// Pinned: a person pinned it, at this version and content.
	Pinned        bool
	PinnedVersion string
	PinnedSHA256  string
	// Intact: the gateway's own copy is the content that was pinned.
	Intact bool
}

// Admit judges a skill of a name and version that would be installed or
// pinned.
func (r SkillRules) Admit(name, version string) Step {
	step := func(v Verdict, rule RuleID, where claw.ConfigRef, reason, hint string) Step {
		return Step{Layer: LayerSkill, Verdict: v, Rule: rule, Reason: reason, Hint: hint, Where: where}
	}
	listed := slices.Contains(r.Listed, name)
	if r.Policy == SkillsListed && !listed {
		return step(Deny, "skill.not_listed", r.PolicyRef, fmt.Sprintf("skill %q is not on the list of skills", name),
			fmt.Sprintf("add %q to skills.allowlist if you want it", name))
	}
	for _, v := range r.Versions {
		if v.Name == name && v.Version != version {
			return step(Deny, "skill.version", v.Where, fmt.Sprintf("skill %q is version %q, expected %q", name, version, v.Version),
				"install the version that skills.versions names, or name another there")
		}
	}
	if listed {
		return step(Allow, "skill.listed", r.ListedRef, fmt.Sprintf("skill %q is on the list of skills", name), "")
	}
	return step(Allow, "skill.policy_open", r.PolicyRef, "every skill is taken that is pinned", "")
}

// Load judges a skill that would be loaded now.
func (r SkillRules) Load(f SkillFacts) Step {
	deny := func(rule RuleID, reason, hint string) Step {
		return Step{Layer: LayerSkill, Rule: rule, Reason: reason, Hint: hint}
	}
	switch {
	case f.Same != 1:
		return deny("skill.duplicate", fmt.Sprintf("%d skills are called %q, so none of them loads", f.Same, f.Name), "remove all but one of the folders")
	case f.Workspace:
		return deny("skill.workspace", fmt.Sprintf("skill %q lies in a workspace, from where none loads", f.Name), "look at it, then install it from its folder: openclaw skill install PATH")
	case slices.Contains(r.Off, f.Name):
		return deny("skill.off", fmt.Sprintf("skill %q is switched off", f.Name), fmt.Sprintf("skills.entries.%s.enabled switches it", f.Name))
	}
	if s := r.Admit(f.Name, f.Version); s.Verdict != Allow {
		return s
	}
	switch {
	case !f.Pinned:
		return deny("skill.unpinned", fmt.Sprintf("skill %q is not pinned", f.Name), "look at it, then: openclaw skill pin "+f.Name)
	case f.SHA256 != f.PinnedSHA256:
		return deny("skill.changed", fmt.Sprintf("skill %q is not what was pinned", f.Name), "openclaw skill diff "+f.Name)
	case f.Version != f.PinnedVersion:
		return deny("skill.version", fmt.Sprintf("skill %q says version %q, expected %q", f.Name, f.Version, f.PinnedVersion), "openclaw skill diff "+f.Name)
	case !f.Intact:
		return deny("skill.copy_damaged", fmt.Sprintf("the gateway's copy of skill %q is not what was pinned", f.Name), "openclaw skill pin "+f.Name)
	}
	return Step{Layer: LayerSkill, Verdict: Allow, Rule: "skill.pinned", Reason: fmt.Sprintf("skill %q is what was pinned", f.Name)}
}

// SkillGrant is a skill that is loaded for an agent: a folder that it may read
// and run from, and the most that commands from there may use. The zero value
// opens nothing.
type SkillGrant struct {
	Name   string
	SHA256 string
	// Root is the gateway's copy, absolute and resolved.
	Root string
	// Trusted: the operator took its text as instructions.
	Trusted bool
	// Programs and Hosts are the least that its files need; Env are the
	// secrets that it declares.
	Programs, Hosts, Env []string
}

// SkillAt finds the skill whose folder holds a path.
func SkillAt(skills []SkillGrant, abs string) (*SkillGrant, bool) {
	for i := range skills {
		if r := skills[i].Root; r != "" && inside(abs, r) {
			return &skills[i], true
		}
	}
	return nil, false
}

// SkillsOf lists the skills whose files a call runs.
func SkillsOf(skills []SkillGrant, f *Facts) (out []*SkillGrant) {
	if len(skills) == 0 || f.Exec == nil {
		return nil
	}
	add := func(p string) {
		if g, ok := SkillAt(skills, p); ok && !slices.Contains(out, g) {
			out = append(out, g)
		}
	}
	for _, l := range [][]Program{f.Programs, f.Scripts} {
		for _, p := range l {
			add(p.Path)
		}
	}
	for i := range f.Exec.Commands {
		c := &f.Exec.Commands[i]
		add(c.Program)
		for _, u := range c.Scripts {
			for _, p := range u.Paths {
				add(p)
			}
		}
	}
	return out
}

// skills holds a call that runs a skill's files to what the skill needs.
func (t *tally) skills(r *Rules, q *Request) {
	for _, g := range SkillsOf(r.Skills, &q.Facts) {
		rule, what := g.exceeds(&q.Facts)
		if rule == "" {
			t.add(LayerSkill, Allow, "skill.within_manifest", claw.ConfigRef{}, func() (string, string) {
				return fmt.Sprintf("the command stays within what skill %q needs", g.Name), ""
			})
			continue
		}
		t.add(LayerSkill, Deny, rule, claw.ConfigRef{}, func() (string, string) {
			return fmt.Sprintf("skill %q does not need %s", g.Name, what), "openclaw skill info " + g.Name + " shows what it was pinned with"
		})
	}
}

// exceeds names the first thing that a call does beyond what the skill needs.
func (g *SkillGrant) exceeds(f *Facts) (RuleID, string) {
	for i := range f.Exec.Commands {
		c := &f.Exec.Commands[i]
		if c.Steering || c.Program == "" || c.Role == cmdline.RoleFunction || inside(c.Program, g.Root) || slices.Contains(g.Programs, path.Base(c.Program)) || g.runs(c) {
			continue
		}
		return "skill.program_undeclared", fmt.Sprintf("the program %q", cmdline.Visible(path.Base(c.Program)))
	}
	for _, h := range f.Hosts {
		if !g.host(h.Name) {
			return RuleSkillHost, fmt.Sprintf("the host %q", h.Name)
		}
	}
	for _, s := range f.Secrets {
		if !slices.Contains(g.Env, s) {
			return "skill.secret_undeclared", fmt.Sprintf("the secret %q", s)
		}
	}
	return "", ""
}

// runs reports an interpreter with one of the skill's own files.
func (g *SkillGrant) runs(c *cmdline.Command) bool {
	return slices.ContainsFunc(c.Scripts, func(u cmdline.FileUse) bool {
		return len(u.Paths) > 0 && !slices.ContainsFunc(u.Paths, func(p string) bool { return !inside(p, g.Root) })
	})
}

func (g *SkillGrant) host(name string) bool {
	return slices.ContainsFunc(g.Hosts, func(h string) bool { return strings.EqualFold(h, name) })
}

// JudgeSkillHost judges a host that a run reaches for while it goes on. A step
// without a rule has nothing to say.
func JudgeSkillHost(skills []SkillGrant, f *Facts, h Host) Step {
	for _, g := range SkillsOf(skills, f) {
		if !g.host(h.Name) {
			return Step{Layer: LayerSkill, Verdict: Deny, Rule: RuleSkillHost, Reason: fmt.Sprintf("skill %q does not need the host %q", g.Name, h.Name),
				Hint: "openclaw skill info " + g.Name + " shows what it was pinned with"}
		}
	}
	return Step{}
}
