package policy

import (
	"encoding/json"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// OperatorRun is the decision about a command that the operator runs under an
// agent's confinement (openclaw sandbox run). It is the operator's own act, so
// no rule of the agent bears on it; the confinement does. Only app calls it.
func OperatorRun(agent claw.AgentID, generation string, args json.RawMessage, prog Program, c Confinement, nonce string) (Decision, Request) {
	q := Request{Agent: agent, Generation: generation, Tool: "sandbox", Arguments: args, Nonce: nonce,
		Principal: claw.Principal{Surface: claw.SurfaceCLI, Standing: claw.Owner}, Facts: Facts{Understood: true, Programs: []Program{prog}, Cwd: c.Workspace}}
	const why = "the operator runs this under the agent's confinement"
	return Decision{Verdict: Allow, Rule: "operator.sandbox_run", Reason: why, Digest: DigestOf(q), Confinement: c,
		Trace: []Step{{Layer: LayerSurface, Verdict: Allow, Rule: "operator.sandbox_run", Reason: why}}}, q
}
