package audit

import (
	"fmt"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// maxImageAge is how old an image may be (guide, Docker Security Hardening:
// keep images current).
const maxImageAge = 30 * 24 * time.Hour

// Engine is a container engine that was asked what it runs (--deep).
type Engine struct {
	Socket  string `json:"socket"`
	Name    string `json:"name,omitempty"`
	Version string `json:"version,omitempty"`
	// Err says why it could not be asked.
	Err string `json:"err,omitempty"`
	// Running is how many containers it runs; Containers are those that run a
	// gateway or publish its port.
	Running    int         `json:"running"`
	Containers []Container `json:"containers,omitempty"`
}

// Container is one that runs, as its engine describes it.
type Container struct {
	Service
	ID string `json:"id"`
	// Digest the image is known under elsewhere; "" for one made here.
	Digest string `json:"digest,omitempty"`
	// Made is when the image was built, zero when it does not say.
	Made time.Time `json:"made,omitzero"`
	// PIDs is the limit of processes, 0 for none.
	PIDs int64 `json:"pids,omitempty"`
	// Restart is the policy: no, always, unless-stopped, on-failure.
	Restart string `json:"restart,omitempty"`
	// Err says why it could not be looked at.
	Err string `json:"err,omitempty"`
}

// contained judges every container that runs a gateway.
func contained(id string, severity claw.Severity, why, fix, source string, judge func(*Subject, Container) *Finding, aliases ...string) Check {
	return Check{ID: "container." + id, Aliases: aliases, Area: AreaSandbox, Severity: severity, Why: why, Fix: fix, Source: source, Run: deep(func(s *Subject, l *Live) Outcome {
		if len(l.Engines) == 0 {
			return notApplicable("no container engine has a socket here")
		}
		var found []Finding
		n, blind := 0, ""
		for _, e := range l.Engines {
			if e.Err != "" {
				blind = e.Socket + ": " + e.Err
			}
			for _, c := range e.Containers {
				if c.Err != "" {
					blind = c.Name + ": " + c.Err
					continue
				}
				n++
				if f := judge(s, c); f != nil {
					f.Severity, f.Evidence = severity, append(f.Evidence, "container "+c.ID, "engine "+e.Socket)
					f.Where = Where{File: e.Socket, Pointer: c.Name}
					found = append(found, *f)
				}
			}
		}
		switch {
		case len(found) > 0:
			return fail(found...)
		case blind != "":
			return unmeasured("%s", blind)
		case n == 0:
			return notApplicable("no container runs a gateway or publishes its port")
		}
		return pass("%d containers", n)
	})}
}

func containerChecks() []Check {
	const guide = "guide, Docker Security Hardening"
	var out []Check
	for _, h := range hardenings() {
		var aliases []string
		if h.id == "ports_published" {
			aliases = []string{"sandbox.browser_container.non_loopback_publish"}
		}
		out = append(out, contained(h.id, h.severity, h.why, h.fix+", and create the container anew", guide, func(_ *Subject, c Container) *Finding {
			title, _, observed := h.bad(c.Service)
			if title == "" {
				return nil
			}
			return &Finding{Title: fmt.Sprintf("Container %s %s", c.Name, title), Observed: observed}
		}, aliases...))
	}
	return append(out,
		contained("no_pids_limit", claw.Info, "A fork bomb in the container stops the whole machine.", "pids_limit: 512", guide, func(_ *Subject, c Container) *Finding {
			if c.PIDs > 0 {
				return nil
			}
			return &Finding{Title: fmt.Sprintf("Container %s may start any number of processes", c.Name), Observed: "0", Expected: "a limit"}
		}),
		contained("no_restart", claw.Info, "After a crash or a restart of the machine nobody answers, and nothing is audited at night.", "restart: unless-stopped", guide, func(_ *Subject, c Container) *Finding {
			if c.Restart != "" && c.Restart != "no" {
				return nil
			}
			return &Finding{Title: fmt.Sprintf("Container %s is not started again", c.Name), Observed: "no", Expected: "unless-stopped"}
		}),
		contained("env_secret", claw.Info, "Whoever may ask the engine reads it; it also stays in the container's description.", "Use secrets: or a file that is mounted read-only", guide, func(_ *Subject, c Container) *Finding {
			if len(c.Secrets) == 0 {
				return nil
			}
			return &Finding{Title: fmt.Sprintf("Container %s has credentials in its environment", c.Name), Observed: quoted(c.Secrets)}
		}),
		imageAge(guide))
}

// imageAge judges only images that say when they were made: reproducible
// builds set that to a fixed date.
func imageAge(source string) Check {
	c := contained("image_old", claw.Warn, "What was repaired since is not in it.", "Pull or build the image anew, then create the container anew", source, func(s *Subject, c Container) *Finding {
		age := s.Snapshot.TakenAt.Sub(c.Made)
		if c.dateless() || age <= maxImageAge {
			return nil
		}
		days := int(age.Hours() / 24)
		return &Finding{Title: fmt.Sprintf("The image of container %s is %d days old", c.Name, days), Detail: fmt.Sprintf("%s was made on %s.", c.Image, c.Made.Format(time.DateOnly)), Observed: fmt.Sprintf("%d days", days), Expected: "at most 30 days"}
	})
	judge := c.Run
	c.Run = func(s *Subject) Outcome {
		out := judge(s)
		if out.Verdict != Pass {
			return out
		}
		var undated []string
		for _, e := range s.Snapshot.Live.Engines {
			for _, x := range e.Containers {
				if x.dateless() {
					undated = append(undated, x.Name)
				}
			}
		}
		if len(undated) > 0 {
			return unmeasured("the image of %s does not say when it was made", strings.Join(undated, ", "))
		}
		return out
	}
	return c
}

func (c Container) dateless() bool { return c.Made.Year() < 2015 }
