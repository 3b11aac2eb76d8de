package sandbox

import "errors"

// Own is what a gateway goes on needing of the file system. Everything else is
// given up for good.
type Own struct {
	// Write are directories and files that it changes, Read those that it reads
	// beneath Hidden. What does not exist grants nothing.
	Write, Read []string
	// Hidden are directories whose content is closed but for Write and Read; all
	// else stays readable.
	Hidden []string
}

// Restricted is what was really given up.
type Restricted struct {
	LandlockABI int      `json:"landlockABI"` // 0: files are not restricted
	Filter      bool     `json:"filter"`      // no program can be started, rarer calls are refused
	Writes      []string `json:"writes"`      // that exist
}

// SelfRestrictor is a runner that outlives the rights of its process: what it
// started before keeps them and starts the runs.
type SelfRestrictor interface {
	// RestrictSelf restricts every thread of this process for ever. After an
	// error less than everything is restricted; what was done stays.
	RestrictSelf(Own) (Restricted, error)
}

// ErrNoSelfRestriction: the sandbox of this system cannot restrict the gateway.
var ErrNoSelfRestriction = errors.New("sandbox: no self-restriction is built for this system")
