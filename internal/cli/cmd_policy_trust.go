package cli

import (
	"context"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/openclaw-go/openclaw/internal/app"
	"github.com/openclaw-go/openclaw/internal/files"
	"github.com/openclaw-go/openclaw/internal/store"
)

func (e *env) cmdPolicyTrust() *cobra.Command {
	return &cobra.Command{
		Use:   "trust PATH",
		Short: "Vouch for a file or folder as it is now",
		Long: `Vouch for a file or folder as it is now.

A file that an agent wrote after reading text from outside, or that lies outside
the workspace, counts as untrusted. With this command you say that you have
looked at it: it is private and no longer untrusted, until its content changes.
Of a folder every file is meant, and the folder as a whole for programs that may
read all of it. The journal records it as your act.`,
		Example: "  openclaw policy trust ~/.nvm\n  openclaw policy trust notes/opening-hours.md",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			path, err := filepath.Abs(args[0])
			if err != nil {
				return usage("policy trust: %v", err)
			}
			if _, err := os.Stat(path); err != nil {
				return &failure{code: exitUsage, err: err}
			}
			p, l, err := e.loaded()
			if err != nil {
				return err
			}
			if !e.meant(p, "policy", "trust", args[0]) {
				return silent(exitRefused)
			}
			var v files.Vouched
			if _, held := store.Holder(p.State); held {
				err = e.withGateway(func(ctx context.Context, c *client) error {
					return c.call(ctx, "policy.trust", map[string]string{"path": path}, &v)
				})
			} else if v, err = app.TrustHere(e.ctx, p, l.Config, path); err != nil {
				err = cannot(err, hintOf(err))
			}
			if err != nil {
				return err
			}
			return e.printVouched(v)
		},
	}
}

func (e *env) printVouched(v files.Vouched) error {
	if e.print.json {
		return e.print.value(v)
	}
	what := "file"
	if v.Folder {
		what = "folder"
	}
	e.print.line("%s %s: private, no longer untrusted, as it is now (%d file(s), %.12s)", what, v.Path, v.Files, v.SHA256)
	return nil
}
