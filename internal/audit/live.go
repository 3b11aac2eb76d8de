package audit

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// Live is what the machine does, beyond what the files say (--deep).
type Live struct {
	// Listeners are sockets on the gateway's port, and those of its process.
	Listeners []Listener `json:"listeners"`
	// Probes are requests to the gateway's port and how they were answered.
	Probes []Probe `json:"probes"`
	// NotInForce is set when the running gateway holds another configuration
	// than the file; Asked says that it could be asked.
	NotInForce string `json:"notInForce,omitempty"`
	Asked      bool   `json:"asked,omitempty"`
	// Levels are the confinement levels that were really held, Missing what a
	// kernel did not give.
	Levels  []string `json:"levels,omitempty"`
	Missing []string `json:"missing,omitempty"`
	// Attacks are the attempts of the attack suite at the levels that agents use.
	Attacks []Attack `json:"attacks,omitempty"`
	// SandboxErr says why the sandbox could not be tried.
	SandboxErr string `json:"sandboxError,omitempty"`
	// Engines are the container engines with a socket here.
	Engines []Engine `json:"engines,omitempty"`
	// Tailscale is nil when nobody asked it.
	Tailscale *Tailscale `json:"tailscale,omitempty"`
}

// Listener is one listening TCP socket.
type Listener struct {
	Addr string `json:"addr"`
	Port int    `json:"port"`
	UID  int    `json:"uid"`
	PID  int    `json:"pid,omitempty"` // 0 when nobody could tell
	Name string `json:"name,omitempty"`
	// Holder: the process holds the lock of this home.
	Holder bool `json:"holder,omitempty"`
}

// Process is a gateway that runs, its command line without values that may be
// credentials.
type Process struct {
	PID int    `json:"pid"`
	UID int    `json:"uid"`
	Cmd string `json:"cmd"`
	// Home is its user's directory, State its state directory, when they show.
	Home  string `json:"home,omitempty"`
	State string `json:"state,omitempty"`
	// Flags are options of its command line that override the configuration;
	// Secret: a credential stands there.
	Flags  []string `json:"flags,omitempty"`
	Secret bool     `json:"secret,omitempty"`
}

// Running is the gateway that holds the home, as far as files tell.
type Running struct {
	PID int `json:"pid"`
	// Differs are the rules in which it parts from the file; Looser: the file
	// loosens one of them. Unknown says why they were not compared.
	Differs []string `json:"differs,omitempty"`
	Looser  bool     `json:"looser,omitempty"`
	Unknown string   `json:"unknown,omitempty"`
	// Replaced: the program on the disk is no longer the one that runs.
	Replaced bool `json:"replaced,omitempty"`
	// Self is what it gave up after its start; nil when it wrote nothing down.
	Self *SelfRestriction `json:"self,omitempty"`
}

// ran judges the gateway that holds the home.
func ran(judge func(*Running) Outcome) func(*Subject) Outcome {
	return func(s *Subject) Outcome {
		if s.Snapshot.Running == nil {
			return notApplicable("no gateway holds this home")
		}
		return judge(s.Snapshot.Running)
	}
}

// inForce: what is judged here is what runs. A file that the gateway has not
// taken over is about something else, whichever of the two is stricter.
func inForce(r *Running) Outcome {
	switch {
	case r.Unknown != "":
		return unmeasured("%s", r.Unknown)
	case len(r.Differs) == 0:
		return pass("process %d holds what the file says", r.PID)
	}
	detail := "What is in force is stricter or the same in every other rule."
	if !r.Looser {
		detail = "The running gateway is looser than the file."
	}
	return fail(Finding{Severity: claw.Critical, Title: "The running gateway holds other rules than the file", Detail: detail, Observed: fmt.Sprintf("%d rules", len(r.Differs)), Evidence: r.Differs})
}

// ProbeKind names a request to the gateway.
type ProbeKind string

// Probes.
const (
	ProbeHealth  ProbeKind = "health"
	ProbeBare    ProbeKind = "unauthenticated"
	ProbeWrong   ProbeKind = "wrong-token"
	ProbeOrigin  ProbeKind = "foreign-origin"
	ProbeHost    ProbeKind = "host-rebinding"
	ProbeFlood   ProbeKind = "many-wrong-tokens"
	ProbeOutside ProbeKind = "from-own-address"
)

// Probe is one request with its HTTP status; 0 means no answer.
type Probe struct {
	Kind   ProbeKind `json:"kind"`
	To     string    `json:"to"`
	Status int       `json:"status"`
	Err    string    `json:"err,omitempty"`
	// Ms is how long the answer took.
	Ms int64 `json:"ms"`
}

// deep judges what only --deep looked at.
func deep(judge func(*Subject, *Live) Outcome) func(*Subject) Outcome {
	return func(s *Subject) Outcome {
		if s.Snapshot.Live == nil {
			return notApplicable("only with --deep")
		}
		return judge(s, s.Snapshot.Live)
	}
}

// probed judges the answers of one kind; without one it is unmeasured.
func probed(kind ProbeKind, bad func(int) bool, severity claw.Severity, title string) func(*Subject) Outcome {
	return deep(func(_ *Subject, l *Live) Outcome {
		var found []Finding
		n, why := 0, "the gateway does not answer"
		for _, p := range l.Probes {
			if p.Kind != kind {
				continue
			}
			if p.Status == 0 {
				why = p.Err
				continue
			}
			n++
			if bad(p.Status) {
				found = append(found, Finding{Severity: severity, Title: title, Detail: fmt.Sprintf("%s answered %d.", p.To, p.Status), Observed: fmt.Sprint(p.Status), Expected: "a refusal"})
			}
		}
		if n == 0 {
			return unmeasured("%s", why)
		}
		return verdict(found, "%d requests were refused", n)
	})
}

func accepted(status int) bool { return status < 400 }

func liveChecks() []Check {
	const source = "guide, Quick Security Audit: deep audit with live gateway probe"
	return []Check{
		{ID: "home.not_the_running_one", Area: AreaConfig, Severity: claw.Critical, Why: "This home is not the one of the gateway that runs: all that follows is about something else.", Fix: "Run the audit as that user, or with --state-dir", Source: "issue: a false all-clear", Run: func(s *Subject) Outcome {
			if s.Snapshot.Home.Owner != NoHome {
				return pass("the home is there")
			}
			var found []Finding
			for _, p := range s.Snapshot.Gateways {
				if p.State == s.Snapshot.Home.State && p.State != "" {
					continue
				}
				severity := claw.Critical
				if p.UID == s.Snapshot.System.UID {
					severity = claw.Info // a profile of one's own
				}
				found = append(found, Finding{Severity: severity, Title: fmt.Sprintf("A gateway of uid %d runs with another home", p.UID), Detail: fmt.Sprintf("Process %d: %s.", p.PID, p.Cmd), Observed: p.State})
			}
			return verdict(found, "no gateway runs")
		}},
		{ID: "gateway.other_rules", Area: AreaConfig, Severity: claw.Critical, Why: "All that is said here is about the file, and something else runs.", Fix: "openclaw config accept shows the difference and takes the file over; or openclaw gateway restart", Source: "THREATS R43", Run: ran(inForce)},
		{ID: "gateway.program_replaced", Area: AreaConfig, Severity: claw.Warn, Why: "The update is on the disk, and what it repairs is still running.", Fix: "openclaw gateway restart", Source: "THREATS R43", Run: ran(func(r *Running) Outcome {
			if !r.Replaced {
				return pass("process %d runs the program on the disk", r.PID)
			}
			return fail(Finding{Severity: claw.Warn, Title: "The running gateway is an older program", Observed: fmt.Sprintf("process %d", r.PID)})
		})},
		{ID: "live.argv_override", Area: AreaNetwork, Severity: claw.Warn, Why: "An option of the command line wins over the configuration that is judged here.", Fix: "Start the gateway without it", Source: "facts: CLI flags override config", Run: gateways(func(p Process) *Finding {
			if len(p.Flags) == 0 {
				return nil
			}
			return &Finding{Severity: claw.Warn, Title: "The running gateway was started with " + strings.Join(p.Flags, ", "), Detail: fmt.Sprintf("Process %d.", p.PID), Observed: strings.Join(p.Flags, ", ")}
		})},
		{ID: "live.argv_secret", Area: AreaSecrets, Severity: claw.Critical, Why: "Every user of this machine reads the command lines of all processes.", Fix: "Use the configuration or a variable", Source: "proc(5)", Run: gateways(func(p Process) *Finding {
			if !p.Secret {
				return nil
			}
			return &Finding{Severity: claw.Critical, Title: "A credential stands in the command line of the gateway", Detail: fmt.Sprintf("Process %d.", p.PID)}
		})},
		{ID: "live.listens_beyond_loopback", Area: AreaNetwork, Severity: claw.Critical, Why: "The port is open to the network, whatever the configuration says.", Fix: "Restart the gateway; look for what else opened the port", Source: "guide, Network Isolation", Run: deep(listensBeyond)},
		{ID: "live.port_owner", Area: AreaNetwork, Severity: claw.Critical, Why: "Another program takes what is meant for the gateway: tokens too.", Fix: "Stop it", Source: "THREATS R17", Run: deep(portOwner)},
		{ID: "live.reachable", Area: AreaNetwork, Severity: claw.Critical, Why: "The gateway answers on an address that others reach.", Fix: `Set gateway.bind: "loopback"`, Source: "guide, Network Isolation", Run: deep(func(s *Subject, l *Live) Outcome {
			var found []Finding
			n := 0
			for _, p := range l.Probes {
				if p.Kind != ProbeOutside {
					continue
				}
				n++
				if p.Status != 0 && s.Posture.Gateway.Loopback() {
					found = append(found, Finding{Severity: claw.Critical, Title: "The gateway answers on " + p.To, Observed: p.To, Expected: "loopback only"})
				}
			}
			if n == 0 {
				return notApplicable("this machine has no other address")
			}
			return verdict(found, "%d addresses do not answer", n)
		})},
		{ID: "gateway.probe_failed", Area: AreaNetwork, Severity: claw.Warn, Why: "What does not answer could not be probed.", Fix: "openclaw gateway status", Source: source, Run: deep(func(_ *Subject, l *Live) Outcome {
			for _, p := range l.Probes {
				if p.Kind == ProbeHealth {
					if p.Status == 200 {
						return pass("%s answers", p.To)
					}
					return fail(Finding{Severity: claw.Warn, Title: "The gateway does not answer", Detail: p.To + ": " + p.Err + ".", Observed: p.Err})
				}
			}
			return unmeasured("no probe was made")
		})},
		{ID: "live.unauthenticated", Area: AreaNetwork, Severity: claw.Critical, Why: "Whoever reaches the port is served.", Fix: "Set gateway.auth", Source: source, Run: probed(ProbeBare, accepted, claw.Critical, "A request without a credential is served")},
		{ID: "live.wrong_token", Area: AreaNetwork, Severity: claw.Critical, Why: "The credential is not checked.", Fix: "Set gateway.auth", Source: source, Run: probed(ProbeWrong, accepted, claw.Critical, "A request with a wrong token is served")},
		{ID: "live.foreign_origin", Area: AreaNetwork, Severity: claw.Critical, Why: "A web page of somebody else speaks to the gateway from your browser.", Fix: "Remove wildcards from gateway.controlUi.allowedOrigins", Source: "CVE-2026-25253", Run: probed(ProbeOrigin, func(status int) bool { return status == 101 || status == 200 }, claw.Critical, "A foreign page may open a WebSocket")},
		{ID: "live.host_rebinding", Area: AreaNetwork, Severity: claw.Critical, Why: "A page whose name was pointed at this machine speaks to the gateway.", Fix: "Upgrade the gateway", Source: "DNS rebinding", Run: probed(ProbeHost, accepted, claw.Critical, "A foreign Host name is served")},
		{ID: "live.no_rate_limit", Area: AreaNetwork, Severity: claw.Warn, Why: "A credential can be guessed as fast as the network carries it.", Fix: "Set gateway.auth.rateLimit", Source: "facts: 37,500 wrong tokens a second", Run: deep(slowed)},
		{ID: "live.config_not_in_force", Area: AreaConfig, Severity: claw.Warn, Why: "The file was judged, and something else holds.", Fix: "openclaw config accept, or repair the file", Source: "THREATS R52", Run: deep(func(_ *Subject, l *Live) Outcome {
			switch {
			case !l.Asked:
				return unmeasured("the gateway could not be asked")
			case l.NotInForce != "":
				return fail(Finding{Severity: claw.Warn, Title: "The running gateway holds another configuration", Detail: l.NotInForce, Observed: l.NotInForce})
			}
			return pass("the file is in force")
		})},
		{ID: "sandbox.level_unavailable", Area: AreaSandbox, Severity: claw.Critical, Why: "Commands that need the level are refused; with less, they would not be confined.", Fix: "openclaw sandbox test says what the kernel lacks", Source: "DESIGN: confinement", Run: deep(levels)},
	}
}

// slowed: wrong tokens are refused outright after a while, or answered later
// and later.
func slowed(_ *Subject, l *Live) Outcome {
	var times []int64
	last := 0
	for _, p := range l.Probes {
		if p.Kind == ProbeFlood && p.Status != 0 {
			last = p.Status
			times = append(times, p.Ms)
		}
	}
	switch {
	case len(times) < 3 && last != 429:
		return unmeasured("the gateway does not answer a sign-in")
	case last == 429:
		return pass("answered 429 after %d", len(times))
	case times[len(times)-1] >= 150 && times[len(times)-1] >= 2*times[0]:
		return pass("the answer to wrong token %d took %d ms", len(times), times[len(times)-1])
	}
	return fail(Finding{Severity: claw.Warn, Title: "Wrong tokens are not slowed down", Detail: fmt.Sprintf("%d were answered, the last in %d ms.", len(times), times[len(times)-1]), Observed: fmt.Sprintf("%d ms", times[len(times)-1]), Expected: "a refusal or a growing delay"})
}

// gateways judges every gateway that runs.
func gateways(judge func(Process) *Finding) func(*Subject) Outcome {
	return func(s *Subject) Outcome {
		if s.Snapshot.Live == nil && len(s.Snapshot.Gateways) == 0 {
			return notApplicable("only with --deep")
		}
		if len(s.Snapshot.Gateways) == 0 {
			return notApplicable("no gateway runs")
		}
		var found []Finding
		for _, p := range s.Snapshot.Gateways {
			if f := judge(p); f != nil {
				found = append(found, *f)
			}
		}
		return verdict(found, "%d gateways", len(s.Snapshot.Gateways))
	}
}

func listensBeyond(s *Subject, l *Live) Outcome {
	if len(l.Listeners) == 0 {
		return unmeasured("nothing listens on port %d, or the kernel does not tell", s.Posture.Gateway.Port)
	}
	var found []Finding
	for _, x := range l.Listeners {
		a, err := netip.ParseAddr(x.Addr)
		if err != nil || a.IsLoopback() || !s.Posture.Gateway.Loopback() {
			continue
		}
		found = append(found, Finding{Severity: claw.Critical, Title: fmt.Sprintf("%s:%d listens beyond this machine", x.Addr, x.Port), Detail: fmt.Sprintf("Process %d %s.", x.PID, x.Name), Observed: x.Addr, Expected: "127.0.0.1"})
	}
	return verdict(found, "%d sockets, all on loopback or as configured", len(l.Listeners))
}

// portOwner: the gateway's port is held by a gateway of the home's user.
func portOwner(s *Subject, l *Live) Outcome {
	var found []Finding
	n := 0
	for _, x := range l.Listeners {
		if x.Port != s.Posture.Gateway.Port {
			continue
		}
		n++
		known := x.Holder || x.Name == "" || strings.HasPrefix(x.Name, "openclaw") || s.Snapshot.Home.Owner == UpstreamHome && (x.Name == "node" || x.Name == "bun" || x.Name == "MainThread")
		owner := s.Snapshot.System.UID
		for _, f := range s.byRole[RoleState] {
			if f.Type != Absent && f.Err == "" {
				owner = f.UID
			}
		}
		if !known || x.UID != owner && x.UID != 0 {
			found = append(found, Finding{Severity: claw.Critical, Title: fmt.Sprintf("Port %d is held by %s of uid %d", x.Port, nameOr(x.Name), x.UID), Observed: fmt.Sprintf("process %d", x.PID)})
		}
	}
	if n == 0 {
		return notApplicable("nothing listens there")
	}
	return verdict(found, "it is the gateway")
}

func nameOr(name string) string {
	if name == "" {
		return "a process"
	}
	return name
}

// levels: what the agents' rules want can be held here.
func levels(s *Subject, l *Live) Outcome {
	if l.SandboxErr != "" {
		return unmeasured("%s", l.SandboxErr)
	}
	var found []Finding
	for _, a := range s.Posture.Agents {
		want := a.Rules.Confinement.Level.String()
		if !has(a, "exec") || slices.Contains(l.Levels, want) {
			continue
		}
		found = append(found, Finding{Severity: claw.Critical, Title: fmt.Sprintf("Agent %s needs level %s, which this machine does not hold", a.ID, want), Detail: strings.Join(l.Missing, "; "), Observed: strings.Join(l.Levels, ", "), Expected: want})
	}
	return verdict(found, "held: %s", strings.Join(l.Levels, ", "))
}
