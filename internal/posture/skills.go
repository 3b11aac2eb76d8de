package posture

import (
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// skills that may be installed and loaded. A policy that is not understood
// takes only what is listed; a list that is not understood takes none.
func (b *builder) skills() policy.SkillRules {
	s := &b.c.Skills
	r := policy.SkillRules{PolicyRef: s.Policy.Ref, ListedRef: s.Allowlist.Ref}
	if s.Policy.Set && s.Policy.V == "open" || !s.Policy.Set && !s.Policy.Invalid && b.w.Owner == Upstream {
		r.Policy = policy.SkillsOpen
	}
	if !s.Allowlist.Invalid {
		r.Listed = config.Strings(s.Allowlist)
	}
	for i := range s.Versions {
		e := &s.Versions[i]
		v := policy.SkillVersion{Name: e.Key, Version: e.V.V, Where: e.V.Ref}
		if e.V.Invalid {
			v.Version = "" // no version is taken
		}
		r.Versions = append(r.Versions, v)
	}
	for i := range s.Entries {
		e := &s.Entries[i]
		if e.V.Enabled.Invalid || e.V.Enabled.Set && !e.V.Enabled.V {
			r.Off = append(r.Off, e.Key)
		}
	}
	return r
}

// agentSkills are the skills that an agent sees: its own list, else the one of
// the defaults. Nil is all of them; a list that is not understood is none.
func (b *builder) agentSkills(own *config.Agent) []string {
	for _, l := range []config.List{own.Skills, b.c.Agents.Defaults.Skills} {
		if l.Invalid {
			return []string{}
		}
		if l.Set {
			return append([]string{}, config.Strings(l)...)
		}
	}
	return nil
}

// skills compares which skills load: a policy that opens, a name more, a
// version that is no longer the only one.
func (d *diff) skills(a, b policy.SkillRules) {
	d.add(b.Policy > a.Policy, "skills", a.Policy, b.Policy, b.PolicyRef)
	if b.Policy == policy.SkillsListed {
		d.each(gained(a.Listed, b.Listed), "skill", b.ListedRef)
	}
	for _, v := range a.Versions {
		to, where := "any", v.Where
		for _, o := range b.Versions {
			if o.Name == v.Name {
				to, where = o.Version, o.Where
			}
		}
		d.add(to != v.Version, "version of skill "+v.Name, v.Version, to, where)
	}
	d.each(gained(b.Off, a.Off), "skill switched on again:", b.PolicyRef)
}

// agentSkills compares the skills that an agent sees.
func (d *diff) agentSkills(a, b []string) {
	switch {
	case a == nil:
	case b == nil:
		d.add(true, "skills", "those listed", "all that load", claw.ConfigRef{})
	default:
		d.each(gained(a, b), "skill", claw.ConfigRef{})
	}
}
