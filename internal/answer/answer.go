// Package answer says who can cause what under a configuration: it puts every
// call that could bring about an effect before the function that decides about
// calls, and reports what that function said. It refuses to read configuration
// by itself or to leave a way in out of the question.
package answer

import (
	"slices"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/posture"
)

// World is everything that an answer depends on. The zero World lets nobody
// in.
type World struct {
	Posture posture.Posture
	Doors   []Door
	// Home replaces "~" in questions.
	Home string
	// Built are the tools that exist; nil means that nobody said.
	Built []claw.ToolName
	// Unconfined: another program serves this home and confines no run,
	// whatever the posture says.
	Unconfined bool
	// Used of this day by each agent; nil means that nobody knows.
	Used map[claw.AgentID]Used
}

// Of makes the world of a configuration.
func Of(c *config.Config, p posture.Posture, home string, built []claw.ToolName) World {
	return World{Posture: p, Doors: doors(c, p), Home: home, Built: built}
}

// notBuilt reports whether a tool is known not to exist.
func (w *World) notBuilt(t claw.ToolName) bool {
	return w.Built != nil && !slices.Contains(w.Built, t)
}

// agents are the agents asked about: one, or all.
func (w *World) agents(only claw.AgentID) []*posture.Agent {
	var out []*posture.Agent
	for i := range w.Posture.Agents {
		if a := &w.Posture.Agents[i]; only == "" || a.ID == only {
			out = append(out, a)
		}
	}
	return out
}

func (w *World) agent(id claw.AgentID) *posture.Agent {
	for i := range w.Posture.Agents {
		if w.Posture.Agents[i].ID == id {
			return &w.Posture.Agents[i]
		}
	}
	return nil
}

// used of this day by an agent; nil when nobody knows.
func (w *World) used(id claw.AgentID) *Used {
	u, ok := w.Used[id]
	if !ok {
		return nil
	}
	return &u
}

// AllLabels are the label sets that a session is asked about.
func AllLabels() []claw.Labels {
	return []claw.Labels{0, claw.Untrusted, claw.Untrusted | claw.Private}
}

// LabelText names a label set; an empty one is clean.
func LabelText(l claw.Labels) string {
	if l == 0 {
		return "clean"
	}
	return l.String()
}

// Ruling is what decided: as policy says it, or admission did before any call.
type Ruling = policy.Ruling
