package answer

import "github.com/openclaw-go/openclaw/internal/claw"

// Admits reports whether a sender's message is read by an agent ("" is any),
// and the rule that says so or keeps it out.
func (w *World) Admits(s Sender, agent claw.AgentID) (bool, Ruling) {
	in, r := w.starts(s, agent)
	return len(in) > 0, r
}
