package app

import (
	"fmt"
	"os"

	"github.com/openclaw-go/openclaw/internal/configfile"
)

// CheckRootIn is CheckRoot for a command that runs once, in a home: root may in
// root's own. In the home of another user it would leave files that this user's
// gateway can no longer read or replace.
func CheckRootIn(p configfile.Paths, allow bool) error {
	if CheckRoot(allow) == nil {
		return nil
	}
	fi, err := os.Lstat(p.State)
	if err != nil {
		return nil // there is none yet, or opening it says why
	}
	if uid, ok := ownerOf(fi); ok && uid != 0 {
		return &HintError{Err: fmt.Errorf("refusing to run as root in %s, which is uid %d's", p.Short(p.State), uid),
			Advice: "run it as that user, or pass --allow-root: commands of agents then run as an unprivileged uid"}
	}
	return nil
}
