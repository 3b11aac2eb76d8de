package posture

import (
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// exec rules of an agent. The guide's block of an agent replaces the global
// one; denylists add up, and upstream's block of an agent only narrows.
func (b *builder) exec(own *config.Agent, guide *config.ToolSet) policy.ExecRules {
	global := b.execBlock(&b.c.Tools.Exec)
	r := global
	if guide.Exec.Set || guide.Exec.Invalid {
		r = b.execBlock(&guide.Exec)
		r.Denylist = append(slices.Clone(global.Denylist), r.Denylist...)
	}
	if o := &own.Tools.Exec; o.Set || o.Invalid {
		r = narrow(r, b.execBlock(o), o)
	}
	r.Elevated = b.elevated(guide, own)
	if r.Elevated && b.w.Owner == Ours {
		b.note(claw.Warn, "tools.elevated.enabled", "elevated mode is switched on; it never exceeds the confinement level here", b.c.Tools.Elevated.Enabled.Ref)
	}
	return r
}

// execBlock reads one block. Unset security denies; unset ask asks always,
// beside an allowlist only for what is not on it.
func (b *builder) execBlock(e *config.Exec) policy.ExecRules {
	r := policy.ExecRules{SecurityRef: e.Security.Ref, AskRef: e.Ask.Ref}
	security, ask := e.Security, e.Ask
	if e.Mode.Set {
		s, a := execMode(e.Mode.V)
		if !security.Set && !security.Invalid {
			security, r.SecurityRef = config.Value[config.ExecSecurity]{Origin: e.Mode.Origin, V: s}, e.Mode.Ref
		}
		if !ask.Set && !ask.Invalid {
			ask, r.AskRef = config.Value[config.ExecAsk]{Origin: e.Mode.Origin, V: a}, e.Mode.Ref
		}
	}
	if b.w.Owner == Upstream && !e.Mode.Invalid {
		if !security.Set && !security.Invalid {
			security.Set, security.V = true, config.ExecFull
		}
		if !ask.Set && !ask.Invalid {
			ask.Set, ask.V = true, config.AskOff
		}
	}
	if security.Set && !e.Mode.Invalid {
		r.Security = execSecurity(security.V)
	}
	switch {
	case ask.Set:
		r.Ask = execAsk(ask.V)
	case !ask.Invalid && r.Security == policy.ExecAllowlist:
		r.Ask = policy.AskOnMiss
	}
	if !e.Allowlist.Invalid {
		r.Allowlist = entries(e.Allowlist)
	}
	if r.AllowlistRef = e.Allowlist.Ref; !e.Allowlist.Set && !e.Allowlist.Invalid {
		r.AllowlistRef = r.SecurityRef // no list: what asks for one decided
	}
	r.Denylist = entries(e.Denylist)
	if e.Denylist.Invalid || len(r.Denylist) < len(e.Denylist.V) {
		r.Security = policy.ExecDeny // a denylist that was not understood
		r.SecurityRef = e.Denylist.Ref
	}
	return r
}

func entries(l config.List) []policy.ExecEntry {
	var out []policy.ExecEntry
	for _, e := range l.V {
		if e.Set && strings.TrimSpace(e.V) != "" {
			out = append(out, policy.ExecEntry{Text: e.V, Where: e.Ref})
		}
	}
	return out
}

func execMode(m config.ExecMode) (config.ExecSecurity, config.ExecAsk) {
	switch m {
	case config.ModeAllowlist:
		return config.ExecAllowlist, config.AskOff
	case config.ModeAsk, config.ModeAuto:
		return config.ExecAllowlist, config.AskOnMiss
	case config.ModeFull:
		return config.ExecFull, config.AskOff
	case config.ModeDeny:
		return config.ExecDeny, config.AskOff
	}
	return config.ExecDeny, config.AskAlways
}

func execSecurity(s config.ExecSecurity) policy.ExecSecurity {
	switch s {
	case config.ExecAllowlist:
		return policy.ExecAllowlist
	case config.ExecFull:
		return policy.ExecFull
	case config.ExecDeny:
		return policy.ExecDeny
	}
	return policy.ExecDeny
}

func execAsk(a config.ExecAsk) policy.ExecAsk {
	switch a {
	case config.AskOnMiss:
		return policy.AskOnMiss
	case config.AskOff:
		return policy.AskOff
	case config.AskAlways:
		return policy.AskAlways
	}
	return policy.AskAlways
}

// narrow applies a block that may only remove.
func narrow(r, o policy.ExecRules, block *config.Exec) policy.ExecRules {
	given := block.Security.Set || block.Security.Invalid || block.Mode.Set || block.Mode.Invalid
	if given && o.Security < r.Security {
		r.Security, r.SecurityRef = o.Security, o.SecurityRef
	}
	given = block.Ask.Set || block.Ask.Invalid || block.Mode.Set || block.Mode.Invalid
	if given && o.Ask < r.Ask {
		r.Ask, r.AskRef = o.Ask, o.AskRef
	}
	if block.Allowlist.Set || block.Allowlist.Invalid {
		r.Allowlist, r.AllowlistRef = intersect(r.Allowlist, o.Allowlist), o.AllowlistRef
	}
	r.Denylist = append(slices.Clone(r.Denylist), o.Denylist...)
	return r
}

// intersect keeps what both lists of leading words allow: of two entries where
// one begins with the other, the longer.
func intersect(a, b []policy.ExecEntry) []policy.ExecEntry {
	var out []policy.ExecEntry
	add := func(e policy.ExecEntry) {
		if !slices.ContainsFunc(out, func(o policy.ExecEntry) bool { return o.Text == e.Text }) {
			out = append(out, e)
		}
	}
	for _, x := range a {
		for _, y := range b {
			switch {
			case leads(x.Text, y.Text):
				add(y)
			case leads(y.Text, x.Text):
				add(x)
			}
		}
	}
	return out
}

// leads reports whether the words of prefix begin those of s.
func leads(prefix, s string) bool {
	p, w := strings.Fields(prefix), strings.Fields(s)
	return len(p) <= len(w) && slices.Equal(p, w[:len(p)])
}

// elevated is on only when someone switched it on and nobody off; upstream has
// it on where nobody says anything.
func (b *builder) elevated(guide *config.ToolSet, own *config.Agent) bool {
	on := b.w.Owner == Upstream
	for _, v := range []config.Value[bool]{b.c.Tools.Elevated.Enabled, b.c.Tools.Exec.Elevated.Enabled, guide.Elevated.Enabled, guide.Exec.Elevated.Enabled,
		own.Tools.Elevated.Enabled, own.Tools.Exec.Elevated.Enabled} {
		if v.Invalid || v.Set && !v.V {
			return false
		}
		on = on || v.Set
	}
	return on
}
