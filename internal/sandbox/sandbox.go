// Package sandbox runs programs inside the confinement that a permit carries.
// It refuses to start anything without a valid permit, below the guarantees
// asked for, or before the witness of a run agrees with its profile.
package sandbox

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	"github.com/openclaw-go/openclaw/internal/policy"
)

// Cmd is one program to run. Path is absolute and, for an isolated run, the
// path as seen inside; Args includes argv[0]; Env is complete and already
// clean (the runner adds HOME, TMPDIR and, for NetworkProxy, the proxy
// variables, replacing entries of the same name). A nil Stdin is /dev/null, a
// nil Stdout or Stderr discards.
type Cmd struct {
	Path   string
	Args   []string
	Dir    string // empty means the workspace
	Env    []string
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
	// ExtraReadOnly are further absolute paths seen read-only at their own
	// place, for example the sealed copy of a script.
	ExtraReadOnly []string
	// Sealed are files of the run's view that show another file's content,
	// read-only, whatever is written to their own place meanwhile. A level
	// without a mount namespace refuses them.
	Sealed []Sealed
}

// Sealed shows Copy at Path. Both are absolute and have no link on the way.
type Sealed struct{ Path, Copy string }

// Result tells how a run ended and what the kernel held while it ran.
type Result struct {
	ExitCode   int               `json:"exitCode"` // -1 when ended by a signal
	Signal     string            `json:"signal,omitempty"`
	TimedOut   bool              `json:"timedOut,omitempty"`
	Killed     bool              `json:"killed,omitempty"` // by Kill or a cancelled context
	OutputCut  bool              `json:"outputCut,omitempty"`
	Enforced   policy.Level      `json:"enforced"`
	Guarantees policy.Guarantees `json:"guarantees"`
	Witness    Witness           `json:"witness"`
	Duration   time.Duration     `json:"duration"`
}

// Runner starts programs under a permit. Implementations are safe for
// concurrent use. Every refusal happens before the program's first instruction.
type Runner interface {
	// Run starts c and waits for it. A program that fails is a Result, not an
	// error; an error means that it did not run or that its fate is unknown.
	Run(ctx context.Context, p policy.Permit, c Cmd) (Result, error)
	// Start returns once the witness was accepted and the program runs. The
	// caller must call Wait. Cancelling ctx kills the whole tree.
	Start(ctx context.Context, p policy.Permit, c Cmd) (Process, error)
	// Support says what this machine can hold. It measures once, at the first
	// call, and keeps the answer.
	Support() Support
	// Close kills every run and the launcher.
	Close() error
}

// Process is a running program.
type Process interface {
	Pid() int
	Witness() Witness
	// Kill ends the program and everything it started.
	Kill() error
	// Wait returns when the program and everything it started have ended. It
	// may be called from several goroutines and returns the same Result.
	Wait() (Result, error)
}

// Proxy serves the egress proxy of one run on ln until ln is closed, which the
// runner does when the run ends. It is called in its own goroutine.
type Proxy func(ln net.Listener, p policy.Permit)

// ProxyAddress is where a program finds the proxy inside its network namespace.
const ProxyAddress = "127.0.0.1:3128"

// Support is what a runner can hold on this machine.
type Support struct {
	Backend     string            `json:"backend"`
	Kernel      string            `json:"kernel"`
	LandlockABI int               `json:"landlockABI"`
	Guarantees  policy.Guarantees `json:"guarantees"` // of a run at the best level
	Levels      []policy.Level    `json:"levels"`     // that can be satisfied
	// Missing names each guarantee that cannot be held here with the reason.
	Missing []Missing `json:"missing,omitempty"`
	// Stage is "embedded", or "self" when the running binary re-executes
	// itself (works, slower).
	Stage string `json:"stage,omitempty"`
	// Cgroup is "v2" or "v1" when runs get cgroups of their own, else "none".
	Cgroup string `json:"cgroup"`
	UID    int    `json:"uid"` // that programs run as, on the host
	GID    int    `json:"gid"`
	// Notes are limits of what is held, for people.
	Notes []string `json:"notes,omitempty"`
}

// Missing is a guarantee that cannot be held, with the reason.
type Missing struct {
	Guarantee string `json:"guarantee"`
	Why       string `json:"why"`
}

// Supports reports whether every guarantee of l can be held.
func (s Support) Supports(l policy.Level) bool {
	for _, have := range s.Levels {
		if have == l {
			return true
		}
	}
	return false
}

// Errors that callers branch on. LevelError, AccessError and WitnessError are
// returned as pointers and found by errors.As.
var (
	// ErrPermit: the permit is invalid, or LevelNone was asked for without
	// Unconfined.
	ErrPermit = errors.New("sandbox: no valid permit")
	// ErrClosed: the runner was closed.
	ErrClosed = errors.New("sandbox: closed")
)

// RuleLevelUnavailable is the rule that a LevelError belongs to.
const RuleLevelUnavailable policy.RuleID = "sandbox.level_unavailable"
