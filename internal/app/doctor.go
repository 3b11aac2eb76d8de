package app

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/files"
	"github.com/openclaw-go/openclaw/internal/gateway"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/posture"
)

// Measured implements gateway.Measures: what only the running program knows.
func (a *App) Measured(context.Context) (gateway.Measured, error) {
	out := gateway.Measured{LabelsDamaged: a.labels.Damaged(), WeakSecrets: a.redactor().Weak(), Levels: []gateway.LevelOf{}}
	for _, l := range levelsOf(a.posture.now()) {
		out.Levels = append(out.Levels, gateway.LevelOf{Agent: l.Agent, Level: l.Level.String()})
	}
	return out, nil
}

// LevelOf is the confinement of an agent's commands.
type LevelOf struct {
	Agent claw.AgentID
	Level policy.Level
}

// levelsOf lists the agents that may run commands.
func levelsOf(p posture.Posture) []LevelOf {
	var out []LevelOf
	for _, a := range p.Agents {
		if a.Rules.Exec.Security != policy.ExecDeny && len(a.Rules.Names([]claw.ToolName{"exec"})) == 1 {
			out = append(out, LevelOf{a.ID, a.Rules.Confinement.Level})
		}
	}
	return out
}

// LevelsOf lists the agents that may run commands under a configuration.
func LevelsOf(p configfile.Paths, c *config.Config) []LevelOf {
	return levelsOf(posture.Of(c, World(p)))
}

// maxLabels bounds the record that DamagedLabels reads.
const maxLabels = 256 << 20

// DamagedLabels counts the lines of the record of where files come from that
// cannot be read. It looks at a copy, since opening that record mends it; it is
// for a home whose gateway does not run.
func DamagedLabels(p configfile.Paths) (n int, err error) {
	path := filepath.Join(p.State, labelsFile)
	fi, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if !fi.Mode().IsRegular() || fi.Size() > maxLabels {
		return 0, errors.New("it is no file of a size that is read")
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	dir, err := os.MkdirTemp("", "openclaw-doctor-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	copied := filepath.Join(dir, labelsFile)
	if err := os.WriteFile(copied, b, 0o600); err != nil {
		return 0, err
	}
	l, err := files.OpenLabels(copied, time.Now)
	if err != nil {
		return 0, err
	}
	n = l.Damaged()
	return n, l.Close()
}
