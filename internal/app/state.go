package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/journal"
)

// maxStateFile bounds one file whose content the journal keeps count of.
const maxStateFile = 16 << 20

// keepState is store's way to write what must not go back unseen (R09).
func (a *App) keepState(file string, content []byte, write func() error) error {
	if a.journal == nil {
		return errors.New("the journal is not open")
	}
	return a.journal.KeepState(context.WithoutCancel(a.life), file, content, write)
}

// checkStates compares files that hold rights with what the journal last heard
// of them, before any of them is used. One that was put back to an older content
// stops the start, unless the operator takes it as it is: what was revoked since
// would be in force again. One that somebody else wrote is said, and taken.
func (a *App) checkStates(ctx context.Context, accept Acceptance, by claw.Principal) error {
	var older []error
	for _, file := range a.journal.StateFiles() {
		content, err := atomicfile.Read(filepath.Join(a.paths.State, filepath.FromSlash(file)), maxStateFile)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		found, err := a.journal.CheckState(ctx, file, content)
		if err != nil {
			return err
		}
		switch found.Kind {
		case journal.StateOlder:
			if accept == AcceptLooser {
				a.log.Warn("an older copy of a file that holds rights was taken", "file", file, "generation", found.Generation, "newest", found.Newest)
				break
			}
			older = append(older, fmt.Errorf("%s is an older copy: generation %d lies there, the journal knows %d; put the newer one back, or take what is there with --accept", file, found.Generation, found.Newest))
			continue
		case journal.StateForeign:
			a.log.Warn("a file that holds rights was written by somebody else", "file", file)
		case journal.StateGone:
			a.log.Warn("a file that held rights is gone", "file", file)
			continue
		case journal.StateNew, journal.StateCurrent, journal.StateUnmeasured:
			continue
		}
		if err := a.journal.AcceptState(ctx, by, file, content); err != nil {
			return err
		}
	}
	return errors.Join(older...)
}
