package gateway

import (
	"context"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gateway/wire"
)

// Measures is what only the running program knows about itself. Optional.
type Measures interface {
	Measured(ctx context.Context) (Measured, error)
}

// Measured holds counts, and no secret.
type Measured struct {
	// LabelsDamaged lines of the record of where files come from cannot be read.
	LabelsDamaged int `json:"labelsDamaged"`
	// WeakSecrets are too short or too uniform to be masked by value.
	WeakSecrets int `json:"weakSecrets"`
	// Levels of the agents that may run commands, as in force.
	Levels []LevelOf `json:"levels"`
}

// LevelOf is the confinement of an agent's commands.
type LevelOf struct {
	Agent claw.AgentID `json:"agentId"`
	Level string       `json:"level"`
}

func (s *Server) addMeasures() {
	if m := s.opt.Measures; m != nil {
		s.methods["doctor.measured"] = method{wire.Read, none(func(c *conn) (any, error) { return m.Measured(c.ctx) })}
	}
}
