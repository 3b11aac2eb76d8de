package gateway

import (
	"context"
	"encoding/json"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gateway/wire"
)

// OperatorRuns runs commands of the operator's own in an agent's confinement.
// Optional.
type OperatorRuns interface {
	// Run answers with what became of it; output is base64. Cancelling ctx
	// ends the command.
	Run(ctx context.Context, r OperatorRun, by claw.Principal) (json.RawMessage, error)
}

// OperatorRun is one command.
type OperatorRun struct {
	Agent claw.AgentID `json:"agentId"`
	Level string       `json:"level"`
	Argv  []string     `json:"argv"`
}

// addRuns: an agent's exec rules do not bear on these, so no credential that
// travels reaches them.
func (s *Server) addRuns() {
	if s.opt.Runs == nil {
		return
	}
	s.methods["sandbox.run"] = method{wire.Admin, with(func(c *conn, p OperatorRun) (any, error) {
		if err := c.ownerOnly(); err != nil {
			return nil, err
		}
		if len(p.Argv) == 0 || p.Argv[0] == "" {
			return nil, invalid("argv is empty")
		}
		return s.opt.Runs.Run(c.ctx, p, c.by())
	})}
}
