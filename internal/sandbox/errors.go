package sandbox

import (
	"fmt"
	"strings"

	"github.com/openclaw-go/openclaw/internal/policy"
)

// LevelError refuses a run because guarantees of the wanted level cannot be
// held. Nothing was started.
type LevelError struct {
	Want, Got policy.Level
	// Missing are the names of the guarantees that lack.
	Missing []string
	// Kernel names the missing kernel feature or the call that failed.
	Kernel string
}

// Rule names the rule that refused.
func (e *LevelError) Rule() policy.RuleID { return RuleLevelUnavailable }

func (e *LevelError) Error() string {
	return fmt.Sprintf("sandbox: level %q is not available, found %q without %s: %s",
		e.Want, e.Got, strings.Join(e.Missing, ", "), e.Kernel)
}

// AccessError refuses a run because the uid of the run cannot reach a path
// that its profile grants. Hint is what a person can do.
type AccessError struct {
	Path string
	UID  int
	Need string // "read", "write" or "enter"
	Hint string
}

func (e *AccessError) Error() string {
	return fmt.Sprintf("sandbox: uid %d cannot %s %q", e.UID, e.Need, e.Path)
}

// WitnessError refuses a run because what the kernel reported does not agree
// with the profile. The program was not executed.
type WitnessError struct {
	Misses  []string
	Witness Witness
}

func (e *WitnessError) Error() string {
	return "sandbox: witness refused: " + strings.Join(e.Misses, "; ")
}

// ExecError reports that the program could not be executed inside.
type ExecError struct {
	Path string
	Err  error
}

func (e *ExecError) Error() string { return fmt.Sprintf("sandbox: exec %q: %v", e.Path, e.Err) }

// Unwrap gives the errno.
func (e *ExecError) Unwrap() error { return e.Err }
