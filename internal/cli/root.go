package cli

import (
	"github.com/spf13/cobra"

	"github.com/openclaw-go/openclaw/internal/app"
)

// addAllowRoot gives a command that opens the home by itself the operator's
// word that root may.
func addAllowRoot(c *cobra.Command, allow *bool) {
	c.Flags().BoolVar(allow, "allow-root", false, "run as root in a home that is another user's")
}

// checkRoot refuses root in somebody else's home without a word.
func (e *env) checkRoot(allow bool) error {
	p, err := e.paths()
	if err != nil {
		return usage("%w", err)
	}
	if err := app.CheckRootIn(p, allow); err != nil {
		return refused(err, hintOf(err))
	}
	return nil
}
