package posture

import (
	"path"
	"slices"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// rules of one agent: which tools, files, commands, hosts and flows.
func (b *builder) rules(id claw.AgentID, own *config.Agent, workspace string) policy.Rules {
	t := &b.c.Tools
	guide := t.Agents.Get(string(id))
	if guide == nil {
		guide = &config.ToolSet{}
	}
	r := policy.Rules{Agent: id, SurfacesRef: own.Surfaces.Ref}
	if own.Surfaces.Set || own.Surfaces.Invalid {
		r.Surfaces = []claw.Surface{}
		for _, s := range config.Strings(own.Surfaces) {
			r.Surfaces = append(r.Surfaces, claw.Surface(s))
		}
	}
	r.Tools = b.toolLayers(id, own, guide)
	r.SendElsewhere, r.SendElsewhereRef = b.sendElsewhere(guide, own)
	r.Files = b.files(id, own, guide, workspace)
	r.Exec = b.exec(own, guide)
	r.Egress = b.egress(id)
	r.Flow = b.flow(own)
	r.Budget = b.budget(own, guide)
	r.Confinement = b.confinement(id, own, guide, r)
	r.SoulOff = b.w.Owner == Upstream
	return r
}

// toolLayers in trace order. tools.allow beside a profile is the set itself;
// tools.agents.<id>.allow adds to it; everything else removes (DESIGN §4).
func (b *builder) toolLayers(id claw.AgentID, own *config.Agent, guide *config.ToolSet) []policy.ToolLayer {
	t := &b.c.Tools
	base := b.base(&t.ToolSet, policy.LayerProfile)
	widen(&base, guide.Allow)
	widen(&base, guide.AlsoAllow)
	layers := []policy.ToolLayer{base}
	layers = append(layers, denyLayer(policy.LayerTools, "tools.deny", t.Deny)...)
	if guide.Profile.Set || guide.Profile.Invalid {
		layers = append(layers, profileLayer(policy.LayerAgent, guide.Profile))
	}
	layers = append(layers, denyLayer(policy.LayerAgent, "tools.agents."+string(id)+".deny", guide.Deny)...)
	if o := &own.Tools; o.Profile.Set || o.Profile.Invalid || o.Allow.Set || o.Allow.Invalid {
		layers = append(layers, b.base(o, policy.LayerAgent))
	}
	layers = append(layers, denyLayer(policy.LayerAgent, "tools.deny of agent "+string(id), own.Tools.Deny)...)
	return layers
}

// widen lets in what a list names, and remembers which entry did.
func widen(l *policy.ToolLayer, more config.List) {
	for _, e := range more.V {
		if !e.Set || l.Allow == nil {
			continue
		}
		set, all := expand([]string{e.V}, allowList)
		for n := range set {
			if l.Allow[n] {
				continue
			}
			if l.From == nil {
				l.From = map[claw.ToolName]claw.ConfigRef{}
			}
			l.Allow[n], l.From[n] = true, e.Ref
		}
		if all {
			l.Allow, l.From, l.Where = nil, nil, e.Ref
		}
	}
}

// base is the set that a profile or an allow list stands for.
func (b *builder) base(t *config.ToolSet, layer policy.Layer) policy.ToolLayer {
	var l policy.ToolLayer
	switch {
	case t.Allow.Invalid:
		return policy.ToolLayer{Layer: layer, Allow: map[claw.ToolName]bool{}, Name: "an allow list that was not understood", Where: t.Allow.Ref}
	case t.Allow.Set && b.w.Owner == Ours:
		set, all := expand(config.Strings(t.Allow), allowList)
		l = policy.ToolLayer{Layer: layer, Allow: set, Name: "the tools allowed by " + t.Allow.Ref.Pointer, Where: t.Allow.Ref}
		if all {
			l.Allow = nil
		}
	case t.Allow.Set:
		l = b.profileOrDefault(t, layer)
		set, all := expand(config.Strings(t.Allow), allowList)
		if !all {
			for n := range l.Allow {
				if !set[n] {
					delete(l.Allow, n)
				}
			}
			if l.Allow == nil {
				l.Allow = set
			}
			l.Name, l.Where = "the tools allowed by "+t.Allow.Ref.Pointer, t.Allow.Ref
		}
	default:
		l = b.profileOrDefault(t, layer)
	}
	widen(&l, t.AlsoAllow)
	return l
}

func (b *builder) profileOrDefault(t *config.ToolSet, layer policy.Layer) policy.ToolLayer {
	p := t.Profile
	if !p.Set && !p.Invalid {
		p.Set, p.V = true, config.ProfileMessaging
		if b.w.Owner == Upstream {
			p.V = config.ProfileFull
		}
	}
	return profileLayer(layer, p)
}

func profileLayer(layer policy.Layer, p config.Value[config.Profile]) policy.ToolLayer {
	l := policy.ToolLayer{Layer: layer, Name: "the profile " + string(p.V), Where: p.Ref, Allow: map[claw.ToolName]bool{}}
	tools, known := profileTools(string(p.V))
	if p.Invalid || !known {
		l.Name = "a profile that was not understood"
		return l
	}
	if tools == nil {
		l.Allow = nil
		return l
	}
	for _, t := range tools {
		l.Allow[t] = true
	}
	return l
}

// denyLayer refuses what a deny list names; a list that was not understood
// refuses every tool.
func denyLayer(layer policy.Layer, name string, deny config.List) []policy.ToolLayer {
	if deny.Invalid {
		return []policy.ToolLayer{{Layer: layer, Allow: map[claw.ToolName]bool{}, Name: name + ", which was not understood", Where: deny.Ref, DenyWhere: deny.Ref}}
	}
	if !deny.Set || len(deny.V) == 0 {
		return nil
	}
	set, all := expand(config.Strings(deny), denyList)
	l := policy.ToolLayer{Layer: layer, Deny: set, Name: name, Where: deny.Ref, DenyWhere: deny.Ref}
	for _, e := range deny.V {
		if e.Invalid {
			all = true
		}
	}
	if all {
		l.Allow = map[claw.ToolName]bool{}
	}
	return []policy.ToolLayer{l}
}

// sendElsewhere: the message tool leaves the conversation only where somebody
// named it beyond the profile or opened crossContext.
func (b *builder) sendElsewhere(guide *config.ToolSet, own *config.Agent) (bool, claw.ConfigRef) {
	for _, t := range []*config.ToolSet{&own.Tools, guide, &b.c.Tools.ToolSet} {
		cc := &t.Message.CrossContext
		for _, v := range []config.Value[bool]{cc.WithinProvider, cc.AcrossProviders} {
			if v.Set || v.Invalid {
				return v.Set && v.V, v.Ref
			}
		}
	}
	for _, l := range []config.List{guide.Allow, guide.AlsoAllow, b.c.Tools.Allow, b.c.Tools.AlsoAllow} {
		for _, e := range l.V {
			if e.Set && (e.V == "message" || e.V == "group:messaging") {
				return true, e.Ref
			}
		}
	}
	return b.w.Owner == Upstream, claw.ConfigRef{}
}

// files that an agent may touch.
func (b *builder) files(_ claw.AgentID, own *config.Agent, guide *config.ToolSet, workspace string) policy.FileRules {
	r := policy.FileRules{Workspace: workspace, Home: b.w.Home, WorkspaceOnly: b.w.Owner == Ours}
	for _, fs := range []*config.ToolFS{&b.c.Tools.FS, &guide.FS, &own.Tools.FS} {
		switch {
		case fs.WorkspaceOnly.Invalid:
			r.WorkspaceOnly, r.WorkspaceRef = true, fs.WorkspaceOnly.Ref
		case fs.WorkspaceOnly.Set:
			r.WorkspaceOnly, r.WorkspaceRef = fs.WorkspaceOnly.V, fs.WorkspaceOnly.Ref
		}
		for _, d := range fs.DenyPaths.V {
			if d.Set {
				r.Deny = append(r.Deny, b.denied(d)...)
			}
		}
		if fs.DenyPaths.Invalid || slices.ContainsFunc(fs.DenyPaths.V, func(v config.Value[string]) bool { return v.Invalid }) {
			r.Deny = append(r.Deny, policy.PathPattern{Pattern: "/", Where: fs.DenyPaths.Ref})
		}
	}
	if b.c.Tools.FS.WorkspaceOnly.Set && b.c.Tools.FS.WorkspaceOnly.V {
		// A global true is final: an agent's block only narrows.
		r.WorkspaceOnly, r.WorkspaceRef = true, b.c.Tools.FS.WorkspaceOnly.Ref
	}
	for _, p := range []string{b.w.State, b.w.Config} {
		if p != "" {
			r.Always = append(r.Always, policy.PathPattern{Pattern: b.w.Resolve(p), Except: workspace})
		}
	}
	for _, s := range policy.DefaultSteering() {
		r.Steering = append(r.Steering, policy.PathPattern{Pattern: s})
	}
	return r
}

// egress of an agent.
func (b *builder) egress(id claw.AgentID) policy.EgressRules {
	e := &b.c.Tools.Egress
	r := policy.EgressRules{Mode: policy.EgressAsk}
	set := func(v config.Value[string]) {
		if v.Invalid {
			r.Mode, r.Where = policy.EgressDeny, v.Ref
		}
		if v.Set {
			r.Mode, r.Where = egressMode(v.V), v.Ref
		}
	}
	set(e.Mode)
	r.Hosts = hostRules(e.Hosts)
	if own := e.PerAgent.Get(string(id)); own != nil {
		set(own.Mode)
		r.Hosts = append(r.Hosts, hostRules(own.Hosts)...)
	}
	return r
}

func egressMode(s string) policy.EgressMode {
	switch s {
	case "allow":
		return policy.EgressAllow
	case "ask":
		return policy.EgressAsk
	}
	return policy.EgressDeny
}

func hostRules(hosts []config.EgressHost) []policy.HostRule {
	var out []policy.HostRule
	for i := range hosts {
		h := &hosts[i]
		if !h.Host.Set || h.Class.Invalid || h.Paths.Invalid || h.Methods.Invalid {
			continue // a rule that was not understood allows nothing
		}
		class := policy.HostRead
		switch h.Class.V {
		case "account":
			class = policy.HostAccount
		case "write":
			class = policy.HostWrite
		}
		out = append(out, policy.HostRule{Host: h.Host.V, Class: class, Paths: config.Strings(h.Paths), Methods: config.Strings(h.Methods), Where: h.Host.Ref})
	}
	return out
}

// flow rules of an agent: its own mode holds where the global one is silent,
// and only tightens one that is written.
func (b *builder) flow(own *config.Agent) policy.FlowRules {
	global := b.c.Tools.Flow.Mode
	r := policy.FlowRules{Mode: flowMode(global), Where: global.Ref}
	if o := own.Tools.Flow.Mode; o.Set || o.Invalid {
		if m := flowMode(o); m < r.Mode || !global.Set && !global.Invalid {
			r = policy.FlowRules{Mode: m, Where: o.Ref}
		}
	}
	for _, l := range []config.List{b.c.Tools.Flow.Providers, own.Tools.Flow.Providers} {
		if !l.Set && !l.Invalid {
			continue
		}
		names := config.Strings(l)
		if r.OnlyListed { // an agent's own list only takes away
			names = slices.DeleteFunc(names, func(n string) bool { return !slices.Contains(r.Providers, n) })
		}
		r.Providers, r.OnlyListed = names, true
	}
	return r
}

func flowMode(v config.Value[string]) policy.FlowMode {
	if v.Set {
		switch v.V {
		case "observe":
			return policy.FlowObserve
		case "off":
			return policy.FlowOff
		}
	}
	return policy.FlowEnforce
}

// confinement of an agent's runs, made of the same rules as its decisions.
func (b *builder) confinement(id claw.AgentID, own *config.Agent, guide *config.ToolSet, r policy.Rules) policy.Confinement {
	c := policy.Confinement{Level: policy.LevelIsolated, Workspace: r.Files.Workspace}
	x := &b.c.Tools.Exec
	if guide.Exec.Set {
		x = &guide.Exec
	}
	for _, e := range []*config.Exec{&b.c.Tools.Exec, x, &own.Tools.Exec} {
		if !e.Level.Set {
			continue
		}
		if l, ok := policy.ParseLevel(e.Level.V); ok {
			c.Level = l
		}
	}
	c.Container = b.container(own, r.Files.Workspace, writtenLevel(&b.c.Tools.Exec, x, &own.Tools.Exec))
	c.Unconfined = c.Level == policy.LevelNone && (x.Unconfined.Or(false) || own.Tools.Exec.Unconfined.Or(false))
	if c.Level == policy.LevelNone && c.Unconfined {
		b.note(claw.Critical, "sandbox.unconfined", "commands of agent "+string(id)+" run without confinement", x.Level.Ref)
	}
	for _, l := range []config.List{b.c.Tools.Exec.ReadRoots, guide.Exec.ReadRoots, own.Tools.Exec.ReadRoots} {
		for _, root := range config.Strings(l) {
			if dir := b.expand(root); path.IsAbs(dir) && !covers(dir, b.w.State) && dir != "/" {
				c.ReadRoots = append(c.ReadRoots, b.w.Resolve(path.Clean(dir)))
			}
		}
	}
	c.WorkspaceWrite = true
	for _, l := range r.Tools {
		if l.Deny["write"] || l.Allow != nil && !l.Allow["write"] {
			c.WorkspaceWrite = false
		}
	}
	c.Network = policy.NetworkProxy
	if r.Egress.Mode == policy.EgressDeny && len(r.Egress.Hosts) == 0 {
		c.Network = policy.NetworkNone
	}
	for _, s := range r.Files.Steering {
		c.ReadOnly = append(c.ReadOnly, s.Pattern)
	}
	for _, p := range r.Files.Deny {
		c.Masked = append(c.Masked, b.expand(p.Pattern))
	}
	timeout := either(own.Tools.Exec.Timeout, x.Timeout, config.Duration(1800*1e9))
	c.Limits.TimeoutMs = millis(timeout)
	for _, e := range []*config.Exec{&b.c.Tools.Exec, &guide.Exec, &own.Tools.Exec} {
		if e.Limits.MemoryMB.Set {
			c.Limits.MemoryBytes = int64(e.Limits.MemoryMB.V) << 20
		}
		if e.Limits.Processes.Set {
			c.Limits.Processes = e.Limits.Processes.V
		}
		if e.Limits.CPUPercent.Set {
			c.Limits.CPUPercent = e.Limits.CPUPercent.V
		}
	}
	return c
}

// writtenLevel is the level that the configuration names, if it does.
func writtenLevel(blocks ...*config.Exec) (out config.Value[string]) {
	for _, e := range blocks {
		pick(&out, e.Level)
	}
	return out
}
