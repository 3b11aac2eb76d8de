package agent

import (
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gate"
	"github.com/openclaw-go/openclaw/internal/model"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// Kind of an event.
type Kind string

// Kinds of events.
const (
	KindStart   Kind = "start"
	KindDelta   Kind = "delta"   // Text is the next piece of the reply
	KindCall    Kind = "call"    // a tool call is about to be judged
	KindOutcome Kind = "outcome" // Outcome of that call
	KindLabel   Kind = "label"   // the session carries more labels from here on
	KindShorten Kind = "shorten" // the session is being summarised
	KindShorter Kind = "shorter" // Shortened says by how much it was
	KindFinal   Kind = "final"
	KindAborted Kind = "aborted"
	KindError   Kind = "error"
)

// Event is what surfaces hear of a turn. Seq counts within the run.
type Event struct {
	Kind      Kind
	Run       claw.RunID
	Session   claw.SessionKey
	Agent     claw.AgentID
	Principal claw.Principal
	// Audience is who reads the reply.
	Audience  policy.Send
	Seq       int
	Text      string // delta, final reply, error
	Call      claw.ToolCall
	Outcome   *gate.Outcome
	Lineage   []claw.Lineage
	Labels    claw.Labels
	Usage     model.Usage
	Model     claw.ModelRef
	Stop      model.StopReason
	ErrorKind string
	Shortened Shortened
}
