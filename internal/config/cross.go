package config

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// cross checks what one key says about another.
func (r *reader) cross(c *Config) {
	for i := range c.Tools.Agents {
		e := &c.Tools.Agents[i]
		c.Agents.named = append(c.Agents.named, Entry[struct{}]{Key: e.Key, Ref: e.Ref})
	}
	r.crossAgents(c)
	r.crossNames(c)
	r.crossBind(&c.Gateway)
	r.crossLoops(c)
	// What the audit says of it stays true of the value, so it stays set.
	if e := &c.Logging.Audit.Enabled; e.Set && !e.V && !r.in.Foreign {
		r.add(Problem{Severity: Error, Code: CodeValue, Where: e.Ref, Found: "false", Expected: "true: this gateway does nothing that it does not record"})
	}
	for _, at := range []*Value[string]{&c.Security.Nightly.At, &c.Monitor.QuietHours.From, &c.Monitor.QuietHours.To} {
		if at.Set && !isClock(at.V) {
			r.bad(&at.Origin, quote(at.V), `a time of day such as "03:00"`)
		}
	}
}

// bad reports a value of a guard and marks it as not understood.
func (r *reader) bad(o *Origin, found, expected string) {
	o.Set, o.Invalid = false, true
	r.add(Problem{Severity: Error, Code: CodeValue, Where: o.Ref, Found: found, Expected: expected})
}

// crossAgents refuses two agents of one id and two defaults.
func (r *reader) crossAgents(c *Config) {
	ids, def := map[string]claw.ConfigRef{}, claw.ConfigRef{}
	see := func(id string, ref claw.ConfigRef, isDefault Value[bool]) {
		if first, ok := ids[id]; ok {
			r.add(Problem{Severity: Error, Code: CodeConflict, Where: ref, Found: fmt.Sprintf("a second agent %q", id), Expected: "every id once", First: first})
		} else {
			ids[id] = ref
		}
		if isDefault.Or(false) {
			if def.Pointer != "" {
				r.add(Problem{Severity: Error, Code: CodeConflict, Where: isDefault.Ref, Found: "a second default agent", Expected: "one", First: def})
			} else {
				def = isDefault.Ref
			}
		}
	}
	for i := range c.Agents.List {
		a := &c.Agents.List[i]
		if !a.ID.Set {
			if !a.ID.Invalid {
				r.add(Problem{Severity: Error, Code: CodeValue, Where: a.Origin.Ref, Found: "an agent without an id", Expected: "id"})
			}
			continue
		}
		see(a.ID.V, a.ID.Ref, a.Default)
	}
	for i := range c.Agents.Entries {
		e := &c.Agents.Entries[i]
		if e.V.ID.Set && e.V.ID.V != e.Key {
			r.add(Problem{Severity: Error, Code: CodeConflict, Where: e.V.ID.Ref, Found: fmt.Sprintf("id %s under the key %q", quote(e.V.ID.V), e.Key), Expected: "the same id"})
		}
		see(e.Key, e.Ref, e.V.Default)
	}
}

// crossNames refuses keys that speak of an agent that does not exist. The
// guide sets agents up in tools.agents alone, so a new name there is one; next
// to a list of agents it is told, and an error when it is close to one.
func (r *reader) crossNames(c *Config) {
	var listed, all []string
	for i := range c.Agents.List {
		listed = append(listed, c.Agents.List[i].ID.V)
	}
	for i := range c.Agents.Entries {
		listed = append(listed, c.Agents.Entries[i].Key)
	}
	known := map[string]bool{}
	for _, id := range listed {
		known[id] = true
	}
	if len(listed) == 0 {
		known["main"] = true
	}
	for _, e := range c.Tools.Agents {
		if !known[e.Key] && len(listed) > 0 {
			p := Problem{Severity: Warning, Code: CodeUnreachable, Where: e.Ref, Found: fmt.Sprintf("agent %q, which is set up only here", clip(e.Key)), Nearest: Nearest(e.Key, listed)}
			if p.Nearest != "" {
				p.Severity = Error
			}
			r.add(p)
		}
		known[e.Key] = true
	}
	for id := range known {
		all = append(all, id)
	}
	check := func(v Value[string]) {
		if v.Set && !known[v.V] && v.V != "*" {
			r.add(Problem{Severity: Error, Code: CodeUnreachable, Where: v.Ref, Found: fmt.Sprintf("agent %s, which does not exist", quote(v.V)), Expected: "the id of an agent", Nearest: Nearest(v.V, all)})
		}
	}
	for i := range c.Bindings {
		check(c.Bindings[i].AgentID)
	}
	for i := range c.Hooks.Mappings {
		check(c.Hooks.Mappings[i].AgentID)
	}
	for _, v := range c.Hooks.AllowedAgentIDs.V {
		check(v)
	}
	for i := range c.Tools.Egress.PerAgent {
		e := &c.Tools.Egress.PerAgent[i]
		check(Value[string]{V: e.Key, Origin: Origin{Set: true, Ref: e.Ref}})
	}
}

func (r *reader) crossBind(g *Gateway) {
	host := &g.CustomBindHost
	if host.Set {
		if a, err := netip.ParseAddr(host.V); err != nil || !a.Is4() {
			r.bad(&host.Origin, quote(host.V), "an IPv4 address")
		}
	}
	if g.Bind.Set && g.Bind.V == BindCustom && !host.Set && !host.Invalid {
		r.add(Problem{Severity: Error, Code: CodeConflict, Where: g.Bind.Ref, Found: `bind "custom" without gateway.customBindHost`, Expected: "the address to listen on"})
	}
	for i := range g.TrustedProxies.V {
		v := &g.TrustedProxies.V[i]
		if !v.Set {
			continue
		}
		_, errAddr := netip.ParseAddr(v.V)
		if _, err := netip.ParsePrefix(v.V); err != nil && errAddr != nil {
			r.bad(&v.Origin, quote(v.V), `an address such as "10.0.0.1" or "10.0.0.0/24"`)
		}
	}
}

// crossLoops refuses thresholds that do not rise: a model would be refused
// before it was told, or the turn ended before it was refused.
func (r *reader) crossLoops(c *Config) {
	global := &c.Tools.LoopDetection
	check := func(l, beneath *LoopDetection) {
		warning, critical, breaker := l.Thresholds(beneath)
		if !(l.Warning.Set || l.Critical.Set || l.Breaker.Set) || warning < critical && critical < breaker {
			return
		}
		r.bad(&l.Origin, fmt.Sprintf("warningThreshold %d, criticalThreshold %d, globalCircuitBreakerThreshold %d", warning, critical, breaker), "each larger than the one before")
	}
	check(global, &LoopDetection{})
	for i := range c.Tools.Agents {
		check(&c.Tools.Agents[i].V.LoopDetection, global)
	}
	for i := range c.Agents.List {
		check(&c.Agents.List[i].Tools.LoopDetection, global)
	}
	for i := range c.Agents.Entries {
		check(&c.Agents.Entries[i].V.Tools.LoopDetection, global)
	}
}

func isClock(s string) bool {
	h, m, ok := strings.Cut(s, ":")
	if !ok || len(h) != 2 || len(m) != 2 {
		return false
	}
	hh, err1 := strconv.ParseUint(h, 10, 8)
	mm, err2 := strconv.ParseUint(m, 10, 8)
	return err1 == nil && err2 == nil && hh < 24 && mm < 60
}
