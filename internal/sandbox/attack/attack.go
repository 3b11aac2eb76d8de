// Package attack tries, from inside a run, what the confinement of its level
// must refuse; it refuses to count as stopped what it did not see fail.
package attack

import (
	"fmt"
	"strings"

	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox"
)

// Argv0 makes an executable that calls MaybeInside the confined side.
const Argv0 = "openclaw-attack"

// Class of an outcome. The zero value says that nothing is known.
type Class uint8

// Classes.
const (
	Unmeasured Class = iota
	Blocked          // the kernel refused
	Limited          // it went on up to a limit
	NotStopped
)

func (c Class) String() string {
	switch c {
	case Blocked:
		return "blocked"
	case Limited:
		return "limited"
	case NotStopped:
		return "not stopped"
	case Unmeasured:
	}
	return "unmeasured"
}

// MarshalText prints the class.
func (c Class) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads a class.
func (c *Class) UnmarshalText(b []byte) error {
	for x := range NotStopped + 1 {
		if x.String() == string(b) {
			*c = x
			return nil
		}
	}
	return fmt.Errorf("attack: outcome %q is not one of unmeasured, blocked, limited, not stopped", b)
}

// Outcome is one attempt at one level.
type Outcome struct {
	Attempt string       `json:"attempt"`
	Level   policy.Level `json:"level"`
	Class   Class        `json:"outcome"`
	// Detail is the errno that answered, the limit that held, or why nothing
	// was measured.
	Detail string `json:"detail,omitempty"`
	// Must: the level promises to stop it. A control must not be stopped, or
	// the others prove nothing.
	Must    bool `json:"must"`
	Control bool `json:"control,omitempty"`
}

// Held reports whether the level kept its promise. What was not measured did not.
func (o Outcome) Held() bool {
	switch {
	case o.Control:
		return o.Class == NotStopped
	case o.Must:
		return o.Class == Blocked || o.Class == Limited
	}
	return o.Class != Unmeasured
}

// Cell is the outcome in a word, as the published matrix has it.
func (o Outcome) Cell() string {
	switch {
	case o.Class == NotStopped:
		return "works"
	case o.Class == Blocked && o.Detail != "" && !strings.Contains(o.Detail, " "):
		return o.Detail
	}
	return o.Class.String()
}

// Options of Run.
type Options struct {
	Runner sandbox.Runner
	// Permit gives leave for a confinement, as a decision would.
	Permit func(policy.Confinement) (policy.Permit, error)
	// Dir is an empty directory that the uid of runs can pass.
	Dir string
	// Name keeps runs of one directory apart.
	Name string
}

// failed gives every attempt of a level the same reason for not being measured.
func failed(level policy.Level, names []string, why error) []Outcome {
	out := make([]Outcome, 0, len(names))
	for _, n := range names {
		out = append(out, Outcome{Attempt: n, Level: level, Detail: why.Error()})
	}
	return out
}
