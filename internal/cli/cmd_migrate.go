package cli

import (
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/openclaw-go/openclaw/internal/app"
	"github.com/openclaw-go/openclaw/internal/config"
)

func (e *env) cmdMigrate() *cobra.Command {
	var dry, yes, root bool
	c := &cobra.Command{
		Use:   "migrate",
		Short: "Take over the home of another OpenClaw that keeps its state in files",
		Long: `Take over the home of another OpenClaw that keeps its state in files.

Shows what would take effect instead of what does now, then makes a backup of
the state in config-backups, writes what is needed into the configuration
(comments stay) and home.json. Sessions, credentials and workspaces stay where
they are. To undo it: stop the gateway, unpack the backup over the state
directory and remove home.json.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return e.migrate(dry, yes, root) },
	}
	c.Flags().BoolVar(&dry, "dry-run", false, "show what would change and change nothing")
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	c.Flags().BoolVar(&root, "allow-root", false, "run as root in another user's home")
	return c
}

func (e *env) migrate(dry, yes, root bool) error {
	p, err := e.paths()
	if err != nil {
		return usage("%w", err)
	}
	m, err := app.PlanMigration(p, e.getenv)
	if err != nil {
		var problems config.Problems
		if errors.As(err, &problems) {
			return &failure{code: exitUsage, err: err, hint: "the file was left as it is; mend it first: openclaw config validate"}
		}
		return refused(err, hintOf(err))
	}
	if !e.print.json {
		e.printMigration(m)
	}
	if dry {
		return e.migrated(m)
	}
	if err := app.CheckRootIn(p, root); err != nil {
		return refused(err, hintOf(err))
	}
	if l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(m.Port))); err != nil {
		return cannot(fmt.Errorf("port %d is in use: the other gateway seems to run", m.Port), "stop it first, then openclaw migrate")
	} else if err := l.Close(); err != nil {
		return cannot(err, "")
	}
	if !yes && !e.yes("Take this home over?") {
		return refused(fmt.Errorf("nothing was changed"), "openclaw migrate --yes does it without the question")
	}
	if m, err = m.Migrate(e.ctx, p, ownerHere()); err != nil {
		return cannot(err, hintOf(err))
	}
	return e.migrated(m)
}

func (e *env) migrated(m app.Migration) error {
	if e.print.json {
		return e.print.value(m)
	}
	if m.Done != nil {
		e.print.line("backup  %s", m.Done.Backup)
		e.print.line("done    openclaw up starts it; openclaw security audit judges it")
	}
	return nil
}

func (e *env) printMigration(m app.Migration) {
	e.print.line("home    %s", m.State)
	for _, ed := range m.Edits {
		e.print.line("writes  %s: %s (%s)", ed.Path, ed.Value, ed.Why)
	}
	for _, f := range m.Names {
		e.print.line("makes   %s", f)
	}
	for _, c := range m.Less {
		e.print.line("-       %s", changeLine(c))
	}
	for _, c := range m.More {
		e.print.line("+       %s", changeLine(c))
	}
	if len(m.Less)+len(m.More) == 0 {
		e.print.line("=       the same rules hold")
	}
	for _, w := range m.Warn {
		e.print.note("%s", w)
	}
}

func changeLine(c app.HomeChange) string {
	who := ""
	if c.Agent != "" {
		who = "agent " + string(c.Agent) + ": "
	}
	return who + c.What + ": " + c.From + " → " + c.To
}
