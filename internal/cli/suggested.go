package cli

import (
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/posture"
	"github.com/openclaw-go/openclaw/internal/store"
)

// hearing is how far back a model's words count as a suggestion.
const hearing = 24 * time.Hour

// suggested warns when something that is about to be loosened stands in what
// a model wrote or read lately: somebody may have talked the operator into it
// (R53). What could not be looked at is said, and is no reason to be calm.
func (e *env) suggested(p configfile.Paths, texts ...string) bool {
	found, err := store.Heard(p.State, time.Now().Add(-hearing), texts)
	for _, m := range found {
		e.print.note("warning: %s", m)
	}
	if len(found) > 0 {
		e.print.note("go on only if the idea was yours")
	}
	if err != nil {
		e.print.note("warning: not all recent transcripts could be looked through for whose idea this is: %v", err)
	}
	return len(found) > 0
}

// keysOf are the configuration keys that changes come from.
func keysOf(changes []posture.Change) (out []string) {
	for _, ch := range changes {
		out = append(out, ch.Ref.Pointer)
	}
	return out
}

// telling is VALUE when it says enough to be recognised.
func telling(value string) string {
	if value = strings.TrimSpace(value); len(value) < 8 {
		return ""
	}
	return value
}

// meant asks on a terminal whether an act that was suggested is meant. A
// script's act is only warned about.
func (e *env) meant(p configfile.Paths, command ...string) bool {
	return !e.suggested(p, strings.Join(append([]string{"openclaw"}, command...), " ")) || !isTerminal(e.stdin) || e.yes("Go on?")
}
