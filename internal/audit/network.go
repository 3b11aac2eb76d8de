package audit

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
)

// Interface is a network interface that is up.
type Interface struct {
	Name string `json:"name"`
	// WireGuard: only holders of a key reach its addresses.
	WireGuard bool     `json:"wireguard,omitempty"`
	Addrs     []string `json:"addrs,omitempty"`
}

// Firewall is what the machine lets in.
type Firewall struct {
	// UFW is nil where it is not installed.
	UFW *UFW `json:"ufw,omitempty"`
	// Asked: the kernel's own rules were asked for (--deep); Err says why they
	// could not be read, Chains are those that judge what comes in.
	Asked  bool    `json:"asked,omitempty"`
	Err    string  `json:"err,omitempty"`
	Chains []Chain `json:"chains,omitempty"`
	// Legacy: the older kernel tables (iptables-legacy) are in use; they are
	// not read.
	Legacy bool `json:"legacy,omitempty"`
}

// UFW is what its files say.
type UFW struct {
	Enabled bool `json:"enabled"`
	// Input is the policy for what no rule names: DROP, REJECT or ACCEPT.
	Input string `json:"input"`
	// Opens are rules that let in; RulesErr says why they could not be read.
	Opens    []UFWRule `json:"opens,omitempty"`
	RulesErr string    `json:"rulesErr,omitempty"`
}

// UFWRule lets something in.
type UFWRule struct {
	File  string `json:"file"`
	Line  int    `json:"line"`
	Proto string `json:"proto"`
	// Ports as written: "22", "8000:9000", "80,443", "any".
	Ports     string `json:"ports"`
	From      string `json:"from"`
	Interface string `json:"interface,omitempty"`
}

// covers reports whether a rule is about a port.
func (r UFWRule) covers(port int) bool {
	for _, p := range strings.Split(r.Ports, ",") {
		low, high, ranged := strings.Cut(p, ":")
		if !ranged {
			high = low
		}
		var a, b int
		if p == "any" {
			return r.Interface == "" // a whole interface is a private one
		}
		if _, err := fmt.Sscan(low, &a); err != nil {
			continue
		}
		if _, err := fmt.Sscan(high, &b); err != nil {
			continue
		}
		if a <= port && port <= b {
			return true
		}
	}
	return false
}

// anybody: the rule lets everybody in who reaches the machine.
func (r UFWRule) anybody() bool {
	return r.Interface == "" && (r.From == "any" || strings.HasSuffix(r.From, "/0"))
}

// Chain is one base chain of the kernel's packet filter at the input hook.
type Chain struct {
	Family string `json:"family"` // ip, ip6, inet
	Table  string `json:"table"`
	Name   string `json:"name"`
	// Drops: what no rule names is dropped or rejected.
	Drops bool `json:"drops"`
	Rules int  `json:"rules"`
}

// Tailscale is what its own program says (--deep).
type Tailscale struct {
	// Err says why it could not be asked; Absent that it is not installed.
	Absent bool   `json:"absent,omitempty"`
	Err    string `json:"err,omitempty"`
	// State is Running, Stopped, NeedsLogin …
	State string          `json:"state,omitempty"`
	Doors []TailscaleDoor `json:"doors,omitempty"`
}

// TailscaleDoor is an address that leads to a port of this machine.
type TailscaleDoor struct {
	At string `json:"at"` // host:port
	To string `json:"to"` // what it leads to
	// Gateway: that is the gateway's port.
	Gateway bool `json:"gateway,omitempty"`
	// Funnel: the whole internet may come in.
	Funnel bool `json:"funnel,omitempty"`
}

// onWireGuard names the interface that the gateway is bound to, if it is bound
// to the address of one.
func (s *Subject) onWireGuard() string {
	g := s.Posture.Gateway
	host, err := netip.ParseAddr(g.CustomHost)
	if g.Bind != config.BindCustom || err != nil {
		return ""
	}
	for _, i := range s.Snapshot.Interfaces {
		if i.WireGuard && slices.ContainsFunc(i.Addrs, func(a string) bool { x, err := netip.ParseAddr(a); return err == nil && x.Unmap() == host.Unmap() }) {
			return i.Name
		}
	}
	return ""
}

func networkChecks() []Check {
	const guide = "guide, Network Isolation"
	return []Check{
		{ID: "network.wireguard_bind", Area: AreaNetwork, Severity: claw.Info, Good: true, Why: "Only holders of a key of the WireGuard network reach the gateway.", Source: guide, Run: func(s *Subject) Outcome {
			g := s.Posture.Gateway
			name := s.onWireGuard()
			switch {
			case g.Bind != config.BindCustom:
				return notApplicable("the gateway is not bound to an address of its own")
			case len(s.Snapshot.Interfaces) == 0:
				return unmeasured("the addresses of this machine could not be read")
			case name == "":
				return notApplicable("%s is no address of a WireGuard interface", g.CustomHost)
			}
			return Outcome{Verdict: Pass, Findings: []Finding{{Severity: claw.Info, Title: "The gateway is bound to WireGuard only (good)", Where: at(g.BindRef), Observed: g.CustomHost + " on " + name}}}
		}},
		{ID: "network.firewall", Area: AreaNetwork, Severity: claw.Warn, Why: "Whatever opens a port by mistake is then open to everybody who reaches the machine.", Fix: "sudo ufw default deny incoming && sudo ufw allow 22/tcp && sudo ufw enable", Source: guide, Run: firewall},
		{ID: "network.firewall_port_open", Area: AreaNetwork, Severity: claw.Warn, Why: "The guide keeps the gateway's port closed: it is reached by SSH, Tailscale or WireGuard.", Fix: "Delete the rule: sudo ufw status numbered, then sudo ufw delete NUMBER", Source: guide, Run: portOpened},
		{ID: "tailscale.funnel_active", Area: AreaNetwork, Severity: claw.Critical, Why: "Funnel publishes the gateway to the whole internet, whatever the configuration says.", Fix: "tailscale funnel reset", Source: "guide, Complete Security Checklist: no Tailscale Funnel", Run: tailscaled(func(_ *Subject, t *Tailscale) Outcome {
			var found []Finding
			for _, d := range t.Doors {
				if d.Gateway && d.Funnel {
					found = append(found, Finding{Severity: claw.Critical, Title: "Tailscale Funnel leads to the gateway", Detail: fmt.Sprintf("%s leads to %s.", d.At, d.To), Observed: d.At, Expected: "serve, or nothing"})
				}
			}
			return verdict(found, "no funnel leads to the gateway")
		})},
		{ID: "tailscale.mode_differs", Area: AreaNetwork, Severity: claw.Warn, Why: "The configuration says one thing about who reaches the gateway, and Tailscale does another.", Fix: `Set gateway.tailscale.mode to what is wanted; tailscale serve status shows what is`, Source: "guide, Tailscale", Run: tailscaled(tailscaleMode)},
	}
}

// firewall: what no rule names must not come in.
func firewall(s *Subject) Outcome {
	w := s.Snapshot.Firewall
	severity := claw.Info
	if !s.Posture.Gateway.Loopback() {
		severity = claw.Warn
	}
	open := func(title, observed string) Outcome {
		return fail(Finding{Severity: severity, Title: title, Observed: observed, Expected: "deny what is not allowed"})
	}
	switch {
	case w == nil:
		return unmeasured("the firewall of %s is not looked at", s.Snapshot.System.OS)
	case w.UFW != nil && w.UFW.Enabled && w.UFW.Input == "ACCEPT":
		return open("UFW lets everything in that no rule names", "default allow incoming")
	case w.UFW != nil && w.UFW.Enabled && (!w.Asked || w.Err != ""):
		if w.UFW.Input == "" {
			return unmeasured("UFW is on, and its policy could not be read")
		}
		return pass("UFW is on and denies what no rule names, by its files")
	case !w.Asked && s.Snapshot.Live == nil:
		return notApplicable("UFW is not in use; the kernel's own rules are looked at with --deep only")
	case s.Snapshot.System.Container:
		return unmeasured("in a container the host's firewall does not show")
	case w.Err != "":
		return unmeasured("%s", w.Err)
	}
	closed4, closed6 := false, false
	for _, c := range w.Chains {
		closed4 = closed4 || c.Drops && c.Family != "ip6"
		closed6 = closed6 || c.Drops && c.Family != "ip"
	}
	switch {
	case closed4 && closed6:
		return pass("the kernel drops what no rule names")
	case w.Legacy:
		return unmeasured("the tables of iptables-legacy are not read")
	case w.UFW != nil && w.UFW.Enabled:
		return open("UFW is configured, and its rules are not in the kernel", "no chain denies")
	case closed4:
		return open("The firewall does not cover IPv6", "no chain of IPv6 denies")
	}
	return open("No firewall denies what comes in", fmt.Sprintf("%d chains, none denies", len(w.Chains)))
}

// portOpened: a rule of UFW opens the gateway's port.
func portOpened(s *Subject) Outcome {
	w := s.Snapshot.Firewall
	switch {
	case w == nil:
		return unmeasured("the firewall of %s is not looked at", s.Snapshot.System.OS)
	case w.UFW == nil || !w.UFW.Enabled:
		return notApplicable("UFW is not in use")
	case w.UFW.RulesErr != "":
		return unmeasured("the rules of UFW: %s", w.UFW.RulesErr)
	}
	g := s.Posture.Gateway
	var found []Finding
	for _, r := range w.UFW.Opens {
		if r.Proto != "udp" && r.anybody() && r.covers(g.Port) {
			found = append(found, Finding{Severity: claw.Warn, Title: fmt.Sprintf("A rule of UFW opens port %d to everybody", g.Port), Where: Where{File: r.File, Line: r.Line}, Observed: r.Ports + "/" + r.Proto})
		}
	}
	return verdict(found, "no rule opens port %d", g.Port)
}

// tailscaled judges what Tailscale says of itself.
func tailscaled(judge func(*Subject, *Tailscale) Outcome) func(*Subject) Outcome {
	return deep(func(s *Subject, l *Live) Outcome {
		switch t := l.Tailscale; {
		case t == nil:
			return unmeasured("Tailscale was not asked")
		case t.Absent:
			return notApplicable("Tailscale is not installed")
		case t.Err != "":
			return unmeasured("%s", t.Err)
		case t.State != "Running":
			return notApplicable("Tailscale is not running (%s)", t.State)
		default:
			return judge(s, t)
		}
	})
}

// tailscaleMode: serve, funnel and off mean what they say.
func tailscaleMode(s *Subject, t *Tailscale) Outcome {
	mode := string(s.Posture.Gateway.Tailscale)
	if mode == "" {
		mode = "off"
	}
	does := "off"
	var evidence []string
	for _, d := range t.Doors {
		if !d.Gateway {
			continue
		}
		evidence = append(evidence, d.At+" leads to "+d.To)
		switch {
		case d.Funnel:
			does = "funnel"
		case does == "off":
			does = "serve"
		}
	}
	if does == mode {
		return pass("%s, as configured", mode)
	}
	v := s.Config.Gateway.Tailscale.Mode
	return fail(Finding{Severity: claw.Warn, Title: fmt.Sprintf("Tailscale does %q where the configuration says %q", does, mode), Where: at(v.Ref), Observed: does, Expected: mode, Evidence: evidence})
}
