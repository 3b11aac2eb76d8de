package gateway

import (
	"context"
	"encoding/json"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gateway/wire"
)

// Skills is a Posture that changes the skills of the home. Optional.
type Skills interface {
	// Skill does one act with its parameters; the journal has it first.
	Skill(ctx context.Context, act SkillAct, params json.RawMessage, by claw.Principal) (json.RawMessage, error)
}

// SkillAct is what is done about skills.
type SkillAct string

// Acts. Each is a method "skills.<act>".
const (
	SkillSearch SkillAct = "search"
	SkillStage  SkillAct = "stage"  // fetch and look, install nothing
	SkillAdopt  SkillAct = "adopt"  // install what was staged
	SkillPin    SkillAct = "pin"    // take what lies there as it is
	SkillRemove SkillAct = "remove" // take it away
)

// addSkills adds the methods: all but search change what agents follow and
// run, so a browser needs a fresh sign-in.
func (s *Server) addSkills(k Skills) {
	for _, act := range []SkillAct{SkillSearch, SkillStage, SkillAdopt, SkillPin, SkillRemove} {
		s.methods["skills."+string(act)] = method{wire.Admin, func(c *conn, q json.RawMessage) (any, error) {
			if act != SkillSearch {
				if err := c.confirmed(); err != nil {
					return nil, err
				}
			}
			return k.Skill(c.ctx, act, q, c.by())
		}}
	}
}
