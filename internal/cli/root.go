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

// closeGroups makes every command that only holds others refuse a word that is
// none of them: a script with a typo must not pass for done.
func closeGroups(c *cobra.Command) {
	if !c.Runnable() && c.HasSubCommands() {
		c.Args = cobra.NoArgs
		c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	}
	for _, sub := range c.Commands() {
		closeGroups(sub)
	}
}
