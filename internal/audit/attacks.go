package audit

import (
	"fmt"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/posture"
)

// Attack is one attempt of the attack suite, made on this machine (--deep).
type Attack struct {
	Name    string `json:"name"`
	Level   string `json:"level"`
	Outcome string `json:"outcome"` // blocked, limited, not stopped, unmeasured
	Detail  string `json:"detail,omitempty"`
	// Held: the level kept its promise. Left: it was not stopped, and the level
	// does not promise to stop it here.
	Held bool `json:"held"`
	Left bool `json:"left,omitempty"`
}

// levelsInUse are those at which an agent runs commands.
func levelsInUse(p posture.Posture) map[string]bool {
	out := map[string]bool{}
	for _, a := range p.Agents {
		if has(a, "exec") {
			out[a.Rules.Confinement.Level.String()] = true
		}
	}
	return out
}

// attacked judges the attempts at the levels that agents use.
func attacked(judge func([]Attack) Outcome) func(*Subject) Outcome {
	return deep(func(s *Subject, l *Live) Outcome {
		used := levelsInUse(s.Posture)
		if len(used) == 0 {
			return notApplicable("no agent runs commands")
		}
		if l.SandboxErr != "" {
			return unmeasured("%s", l.SandboxErr)
		}
		var tried []Attack
		for _, a := range l.Attacks {
			if used[a.Level] {
				tried = append(tried, a)
			}
		}
		if len(tried) == 0 {
			return unmeasured("the attack suite was not run at a level that an agent uses")
		}
		return judge(tried)
	})
}

func attackChecks() []Check {
	return []Check{
		{ID: "sandbox.attack_works", Area: AreaSandbox, Severity: claw.Critical, Why: "What a level promises to stop was tried from inside a run of this machine, and it worked.", Fix: "openclaw sandbox test shows every attempt; use tools.exec.level: \"isolated\", or no exec until the kernel holds it", Source: "DESIGN: confinement", Run: attacked(func(tried []Attack) Outcome {
			var found []Finding
			unknown, stopped := 0, 0
			for _, a := range tried {
				switch {
				case a.Outcome == "unmeasured":
					unknown++
				case a.Held:
					stopped++
				default:
					found = append(found, Finding{Severity: claw.Critical, Title: fmt.Sprintf("At level %s: %s: %s", a.Level, a.Name, a.Outcome), Detail: a.Detail, Observed: a.Outcome, Expected: "blocked"})
				}
			}
			if len(found) == 0 && unknown > 0 && stopped == 0 {
				return unmeasured("%s", tried[0].Detail)
			}
			return verdict(found, "%d attempts ended as promised", stopped)
		})},
		{ID: "sandbox.left_open", Area: AreaSandbox, Severity: claw.Info, Why: "A program in a run can use these up, up to what the machine has.", Fix: "give the gateway a cgroup of its own (openclaw gateway install does, by Delegate=yes); tools.exec.limits; a file system with a quota for workspaces", Source: "THREATS R59", Run: attacked(func(tried []Attack) Outcome {
			byLevel, order := map[string][]string{}, []string{}
			for _, a := range tried {
				if !a.Left {
					continue
				}
				if byLevel[a.Level] == nil {
					order = append(order, a.Level)
				}
				byLevel[a.Level] = append(byLevel[a.Level], a.Name)
			}
			var found []Finding
			for _, level := range order {
				found = append(found, Finding{Severity: claw.Info, Title: fmt.Sprintf("Level %s leaves %d things to a run", level, len(byLevel[level])), Detail: strings.Join(byLevel[level], "; ") + ".", Observed: strings.Join(byLevel[level], "; ")})
			}
			return verdict(found, "every attempt was stopped")
		})},
		{ID: "gateway.self_restriction", Area: AreaSandbox, Severity: claw.Warn, Why: "Whoever takes the gateway over has all that its user has: other files, programs to start, the kernel's rarer doors.", Fix: "openclaw gateway restart; on a kernel without Landlock nothing but a newer one helps", Source: "DESIGN: the gateway confines itself", Run: ran(selfRestriction)},
	}
}

// SelfRestriction is what a gateway gave up after its start, by its own word
// and the kernel's.
type SelfRestriction struct {
	// PID of the gateway that wrote it down.
	PID int `json:"pid"`
	// LandlockABI is 0 when files are not restricted.
	LandlockABI int `json:"landlockABI"`
	// Filter: programs cannot be started, and rarer calls are refused.
	Filter bool     `json:"filter"`
	Writes []string `json:"writes"`
	// Hidden are directories whose content it cannot read but for what it needs.
	Hidden []string `json:"hidden"`
	// Left is what could not be given up, with the reason.
	Left []string `json:"left"`
	Err  string   `json:"error,omitempty"`
	// Seccomp and NoNewPrivs are the kernel's word about the process now.
	Seccomp    int `json:"seccomp"`
	NoNewPrivs int `json:"noNewPrivs"`
}

func selfRestriction(r *Running) Outcome {
	x := r.Self
	switch {
	case x == nil:
		return unmeasured("the gateway did not write down what it gave up")
	case x.PID != r.PID:
		return unmeasured("what is written down is of process %d, the gateway is %d", x.PID, r.PID)
	case x.Err != "":
		return fail(Finding{Severity: claw.Warn, Title: "The gateway has not restricted itself", Detail: x.Err, Observed: x.Err})
	case x.Seccomp != 2 || x.NoNewPrivs != 1:
		return fail(Finding{Severity: claw.Warn, Title: "The kernel does not show the restriction of the gateway", Observed: fmt.Sprintf("seccomp %d, no_new_privs %d", x.Seccomp, x.NoNewPrivs), Expected: "seccomp 2, no_new_privs 1"})
	case x.LandlockABI == 0:
		return fail(Finding{Severity: claw.Warn, Title: "The gateway starts no programs, but its files are not restricted", Detail: "This kernel has no Landlock.", Observed: "Landlock ABI 0"})
	}
	return pass("writes beneath %d paths, starts no program; left: %s", len(x.Writes), strings.Join(x.Left, "; "))
}
