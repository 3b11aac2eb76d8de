package posture

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/openclaw-go/openclaw/internal/budget"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// Change is one difference between two postures.
type Change struct {
	Agent claw.AgentID `json:"agent,omitempty"`
	// What is the thing that changed: "exec security", "tool web_fetch".
	What string         `json:"what"`
	From string         `json:"from"`
	To   string         `json:"to"`
	Ref  claw.ConfigRef `json:"where,omitzero"`
}

func (c Change) String() string {
	who := ""
	if c.Agent != "" {
		who = fmt.Sprintf("agent %s: ", c.Agent)
	}
	return fmt.Sprintf("%s%s: %s → %s", who, c.What, c.From, c.To)
}

// Loosens lists what next allows or exposes and was not so before: what needs
// a person's word before it takes effect (R07). A change that only restricts,
// and models and names, are not in it; a key that would go to another host is.
func Loosens(before, next Posture) []Change {
	d := diff{}
	d.gateway(before.Gateway, next.Gateway)
	d.credentials(before.Credentials, next.Credentials)
	d.skills(before.Skills, next.Skills)
	d.bindings(before.Bindings, next.Bindings)
	d.inbound(before.Inbound, next.Inbound)
	d.owners(before.Owners, next.Owners)
	for i := range next.Agents {
		n := &next.Agents[i]
		old, known := before.Agent(n.ID)
		if !known {
			old = Agent{ID: n.ID}
			old.Rules.Surfaces = []claw.Surface{}
		}
		d.agent = n.ID
		d.rules(old.Rules, n.Rules)
		d.agentSkills(old.Skills, n.Skills)
	}
	return d.changes
}

type diff struct {
	agent   claw.AgentID
	changes []Change
}

func (d *diff) add(looser bool, what string, from, to any, ref claw.ConfigRef) {
	if looser {
		d.changes = append(d.changes, Change{Agent: d.agent, What: what, From: fmt.Sprint(from), To: fmt.Sprint(to), Ref: ref})
	}
}

// gained lists what is in next and not in before.
func gained[T comparable](before, next []T) []T {
	var out []T
	for _, n := range next {
		if !slices.Contains(before, n) {
			out = append(out, n)
		}
	}
	return out
}

func (d *diff) each(gains []string, what string, ref claw.ConfigRef) {
	for _, g := range gains {
		d.add(true, what+" "+g, "no", "yes", ref)
	}
}

func (d *diff) gateway(a, b Gateway) {
	d.add(a.Loopback() && !b.Loopback(), "gateway bind", a.Bind, b.Bind, b.BindRef)
	d.add(!a.Loopback() && !b.Loopback() && (a.Bind != b.Bind || a.CustomHost != b.CustomHost), "gateway bind", string(a.Bind)+" "+a.CustomHost, string(b.Bind)+" "+b.CustomHost, b.BindRef)
	d.add(a.AuthMode != b.AuthMode && (b.AuthMode == config.AuthNone || b.AuthMode == config.AuthTrustedProxy), "gateway auth", a.AuthMode, b.AuthMode, b.AuthRef)
	d.add(!a.Completions && b.Completions, "/v1/chat/completions", "closed", "open", claw.ConfigRef{})
	d.add(!a.Invoke && b.Invoke, "/tools/invoke", "closed", "open", claw.ConfigRef{})
	d.add(!a.ControlUI && b.ControlUI, "Control UI", "closed", "open", claw.ConfigRef{})
	d.each(gained(a.Origins, b.Origins), "allowed origin", claw.ConfigRef{})
	d.each(gained(a.TrustedProxies, b.TrustedProxies), "trusted proxy", claw.ConfigRef{})
	d.each(gained(a.ToolsAllow, b.ToolsAllow), "tool over HTTP", claw.ConfigRef{})
	d.each(gained(b.ToolsDeny, a.ToolsDeny), "tool over HTTP, no longer denied:", claw.ConfigRef{})
	d.add(len(a.TrustedProxy.AllowUsers) > 0 && len(b.TrustedProxy.AllowUsers) == 0, "proxy users", strings.Join(a.TrustedProxy.AllowUsers, ", "), "everybody", claw.ConfigRef{})
	if len(b.TrustedProxy.AllowUsers) > 0 && len(a.TrustedProxy.AllowUsers) > 0 {
		d.each(gained(a.TrustedProxy.AllowUsers, b.TrustedProxy.AllowUsers), "proxy user", claw.ConfigRef{})
	}
	d.add(!a.TrustedProxy.AllowLoopback && b.TrustedProxy.AllowLoopback, "proxy on this machine", "refused", "trusted", claw.ConfigRef{})
	d.add(!a.RealIP && b.RealIP, "X-Real-IP", "ignored", "trusted", claw.ConfigRef{})
	d.add(b.RateLimit.MaxAttempts > a.RateLimit.MaxAttempts || b.RateLimit.LockoutMs < a.RateLimit.LockoutMs, "auth rate limit", a.RateLimit, b.RateLimit, claw.ConfigRef{})
	d.add(a.Tailscale != b.Tailscale && (b.Tailscale == "funnel" || b.Tailscale == "serve" && a.Tailscale != "funnel"), "tailscale", a.Tailscale, b.Tailscale, claw.ConfigRef{})
}

func (d *diff) rules(a, b policy.Rules) {
	if b.Surfaces == nil {
		d.add(a.Surfaces != nil, "reachable from", a.Surfaces, "everywhere", b.SurfacesRef)
	} else if a.Surfaces != nil {
		for _, s := range gained(a.Surfaces, b.Surfaces) {
			d.add(true, "reachable from "+string(s), "no", "yes", b.SurfacesRef)
		}
	}
	before := a.Names(allTools())
	for _, t := range gained(before, b.Names(allTools())) {
		d.add(true, "tool "+string(t), "denied", "available", toolRef(b))
	}
	d.add(!a.SendElsewhere && b.SendElsewhere, "sending to other conversations", "no", "yes", b.SendElsewhereRef)
	d.add(a.Files.Workspace != "" && a.Files.Workspace != b.Files.Workspace && b.Files.Workspace != "", "workspace", a.Files.Workspace, b.Files.Workspace, claw.ConfigRef{})
	d.add(a.Files.WorkspaceOnly && !b.Files.WorkspaceOnly, "files outside the workspace", "refused", "asked for", b.Files.WorkspaceRef)
	for _, p := range gained(patterns(b.Files.Deny), patterns(a.Files.Deny)) {
		d.add(true, "denied path "+p, "closed", "open", claw.ConfigRef{})
	}
	d.exec(a.Exec, b.Exec)
	d.add(b.Egress.Mode > a.Egress.Mode && a.Agent != "", "unknown hosts", egressName(a.Egress.Mode), egressName(b.Egress.Mode), b.Egress.Where)
	for _, h := range b.Egress.Hosts {
		if !slices.ContainsFunc(a.Egress.Hosts, func(o policy.HostRule) bool { return sameHost(o, h) }) {
			d.add(true, "host "+h.Host, "no rule", "allowed", h.Where)
		}
	}
	d.add(b.Flow.Mode > a.Flow.Mode, "flow rules", flowName(a.Flow.Mode), flowName(b.Flow.Mode), b.Flow.Where)
	if a.Agent != "" {
		d.add(a.Flow.OnlyListed && !b.Flow.OnlyListed, "private text", "goes to the providers named", "goes to the first provider", b.Flow.Where)
		for _, p := range gained(a.Flow.Providers, b.Flow.Providers) {
			d.add(true, "private text for model provider "+p, "refused", "allowed", b.Flow.Where)
		}
	}
	d.budget(a, b)
	d.confinement(a.Confinement, b.Confinement)
	if a.Confinement.Workspace != "" {
		d.container(a.Confinement, b.Confinement, b.Agent)
	}
}

// budget compares limits: one that is gone or higher lets more through.
func (d *diff) budget(a, b policy.Rules) {
	if a.Agent == "" {
		return // a new agent: its tools are listed already
	}
	o, n := &a.Budget, &b.Budget
	limit := func(what string, x, y policy.Limit, say func(int64) string) {
		from, to := "no limit", "no limit"
		if x.Set {
			from = say(x.Max)
		}
		where := x.Where
		if y.Set {
			to, where = say(y.Max), y.Where
		}
		d.add(x.Set && (!y.Set || y.Max > x.Max), what, from, to, where)
	}
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	dollars := func(n int64) string { return strconv.FormatFloat(budget.Dollars(n), 'f', -1, 64) }
	for _, scope := range []struct {
		name string
		x, y policy.DayLimits
	}{{"", o.Own, n.Own}, {" of all agents together", o.All, n.All}} {
		limit("tokens a day"+scope.name, scope.x.Tokens, scope.y.Tokens, number)
		limit("US dollars a day"+scope.name, scope.x.Cost, scope.y.Cost, dollars)
		limit("tool calls a day"+scope.name, scope.x.Calls, scope.y.Calls, number)
		limit("messages a day"+scope.name, scope.x.Messages, scope.y.Messages, number)
	}
	limit("tool calls a turn", o.CallsPerTurn, n.CallsPerTurn, number)
	x, y := o.Loop, n.Loop
	d.add(x.Enabled && !y.Enabled, "loop detection", "on", "off", y.Where)
	if x.Enabled && y.Enabled {
		d.add(y.Critical > x.Critical, "repeats until a call is refused", x.Critical, y.Critical, y.Where)
		d.add(y.Breaker > x.Breaker, "calls without news until a turn ends", x.Breaker, y.Breaker, y.Where)
		d.add(x.Detectors.Repeat && !y.Detectors.Repeat || x.Detectors.Poll && !y.Detectors.Poll || x.Detectors.PingPong && !y.Detectors.PingPong, "detectors of loops", x.Detectors, y.Detectors, y.Where)
	}
}

func (d *diff) exec(a, b policy.ExecRules) {
	d.add(b.Security > a.Security, "exec security", a.Security, b.Security, b.SecurityRef)
	d.add(b.Ask > a.Ask && b.Security != policy.ExecDeny, "exec ask", a.Ask, b.Ask, b.AskRef)
	if b.Security != policy.ExecDeny {
		for _, e := range b.Allowlist {
			if !slices.ContainsFunc(a.Allowlist, func(o policy.ExecEntry) bool { return leads(o.Text, e.Text) }) {
				d.add(true, fmt.Sprintf("exec allowlist %q", e.Text), "not listed", "listed", e.Where)
			}
		}
	}
	for _, e := range a.Denylist {
		if !slices.ContainsFunc(b.Denylist, func(o policy.ExecEntry) bool { return o.Text == e.Text }) {
			d.add(b.Security != policy.ExecDeny, fmt.Sprintf("exec denylist %q", e.Text), "refused", "not listed", e.Where)
		}
	}
	d.add(!a.Elevated && b.Elevated, "elevated mode", "off", "on", claw.ConfigRef{})
}

func (d *diff) confinement(a, b policy.Confinement) {
	if a.Workspace == "" {
		return // a new agent: its tools are listed already
	}
	missing := a.Level.Guarantees() &^ b.Level.Guarantees()
	d.add(missing != 0, "confinement of commands", a.Level, b.Level, claw.ConfigRef{})
	d.add(!a.WorkspaceWrite && b.WorkspaceWrite, "workspace for commands", "read-only", "writable", claw.ConfigRef{})
	d.add(b.Network > a.Network, "network of commands", "none", "through the proxy", claw.ConfigRef{})
	d.each(gained(a.ReadRoots, b.ReadRoots), "commands read", claw.ConfigRef{})
	for _, l := range []struct {
		what string
		a, b int64
	}{{"memory of commands, bytes", a.Limits.MemoryBytes, b.Limits.MemoryBytes}, {"processes of commands", int64(a.Limits.Processes), int64(b.Limits.Processes)},
		{"processor of commands, percent", int64(a.Limits.CPUPercent), int64(b.Limits.CPUPercent)}} {
		d.add(l.a != 0 && (l.b == 0 || l.b > l.a), l.what, l.a, l.b, claw.ConfigRef{})
	}
}

func patterns(ps []policy.PathPattern) []string {
	out := make([]string, 0, len(ps))
	for _, p := range ps {
		out = append(out, p.Pattern)
	}
	return out
}

func sameHost(a, b policy.HostRule) bool {
	return a.Host == b.Host && a.Class >= b.Class && slices.Equal(a.Paths, b.Paths) && slices.Equal(a.Methods, b.Methods)
}

func egressName(m policy.EgressMode) string { return [...]string{"deny", "ask", "allow"}[m] }

func flowName(m policy.FlowMode) string { return [...]string{"enforce", "observe", "off"}[m] }

func toolRef(r policy.Rules) claw.ConfigRef {
	if len(r.Tools) == 0 {
		return claw.ConfigRef{}
	}
	return r.Tools[0].Where
}

// allTools are all names that a group or profile knows.
func allTools() []claw.ToolName {
	set := map[claw.ToolName]bool{}
	for _, g := range groups {
		for _, t := range g.tools {
			set[t] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}
