package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/openclaw-go/openclaw/internal/app"
	"github.com/openclaw-go/openclaw/internal/store"
	"github.com/openclaw-go/openclaw/internal/vault"
)

// moveFlags of secrets migrate.
type moveFlags struct{ dry, yes, shell bool }

func (e *env) cmdSecretsMigrate() *cobra.Command {
	var f moveFlags
	c := &cobra.Command{Use: "migrate", Short: "Move credentials that stand in the clear into the store", Args: cobra.NoArgs,
		Long: `Move credentials that stand in the clear into the store.

Looks through the configuration, secrets.json, .env, auth-profiles.json of every
agent, and the start files of shells. References are left where the values
stood. What was there before is kept in the store itself for seven days:
openclaw secrets undo ID puts it back. Start files of shells are changed only
with --shell-files, since other programs may use what they set.`,
		RunE: func(*cobra.Command, []string) error { return e.secretsMigrate(f) }}
	c.Flags().BoolVar(&f.dry, "dry-run", false, "show what would move and change nothing")
	c.Flags().BoolVar(&f.yes, "yes", false, "do not ask")
	c.Flags().BoolVar(&f.shell, "shell-files", false, "change the start files of shells too")
	return c
}

func (e *env) secretsMigrate(f moveFlags) error {
	d, err := e.secretDesk()
	if err != nil {
		return err
	}
	shell := app.LeaveShellFiles
	if f.shell {
		shell = app.MoveShellFiles
	}
	plan, err := d.PlanMove(e.ctx, shell)
	if err != nil {
		return secretError(err)
	}
	if !e.print.json {
		e.printMoves(plan)
	}
	if f.dry || len(plan.Moves) == 0 {
		if e.print.json {
			return e.print.value(plan)
		}
		return nil
	}
	if !f.yes && !e.yes("Move them?") {
		return refused(errors.New("nothing was changed"), "openclaw secrets migrate --yes does it without the question")
	}
	if plan, err = d.Move(e.ctx, plan); err != nil {
		return secretError(err)
	}
	if e.print.json {
		return e.print.value(plan)
	}
	for _, c := range plan.Removed {
		e.print.line("removed %s, an earlier copy", c)
	}
	for _, c := range plan.Copies {
		e.print.line("look at %s: an earlier copy that may hold them", c)
	}
	e.print.line("undo    openclaw secrets undo %s, until %s", plan.Undo.ID, plan.Undo.Expires.Local().Format("2006-01-02 15:04"))
	return nil
}

func (e *env) printMoves(plan app.SecretPlan) {
	for _, m := range plan.Moves {
		weak := ""
		if m.Weak {
			weak = " (weak)"
		}
		e.print.row("moves   %s → %s%s", m.From, m.Name, weak)
	}
	for _, l := range plan.Left {
		e.print.row("leaves  %s: %s", l.From, l.Why)
	}
	if len(plan.Moves) == 0 {
		e.print.line("nothing to move")
		return
	}
	e.print.line("changes %s", strings.Join(plan.Files, ", "))
}

func (e *env) cmdSecretsUndo() *cobra.Command {
	return &cobra.Command{Use: "undo [ID]", Short: "Put back what migrate changed", Args: cobra.MaximumNArgs(1), RunE: func(_ *cobra.Command, args []string) error {
		d, err := e.secretDesk()
		if err != nil {
			return err
		}
		l, err := d.Store.List()
		if err != nil {
			return secretError(err)
		}
		if len(args) == 0 {
			if e.print.json {
				return e.print.value(map[string]any{"undo": append([]vault.UndoInfo{}, l.Undo...)})
			}
			if len(l.Undo) == 0 {
				e.print.line("Nothing is kept to undo.")
			}
			for _, u := range l.Undo {
				e.print.row("%s  made %s, until %s: %s", u.ID, u.Made.Local().Format("2006-01-02 15:04"), u.Expires.Local().Format("2006-01-02 15:04"), strings.Join(u.Files, ", "))
			}
			return nil
		}
		back, err := d.Undo(e.ctx, args[0])
		if err != nil {
			return secretError(err)
		}
		return e.said(map[string][]string{"putBack": back}, "put back: %s", strings.Join(back, ", "))
	}}
}

func (e *env) cmdSecretsRotate() *cobra.Command {
	return &cobra.Command{Use: "rotate [NAME | gateway-token]", Short: "Replace a credential; without a name, say which are due", Args: cobra.MaximumNArgs(1),
		Long: `Replace a credential; without a name, say which are due.

gateway-token is replaced by itself: whoever is connected stays connected, and
whoever connects from then on needs the new one. For any other the steps are
the guide's: make a new key at the provider, give it here, which switches over
at the next request, try it, then remove the old one at the provider.`,
		RunE: func(_ *cobra.Command, args []string) error {
			d, err := e.secretDesk()
			if err != nil {
				return err
			}
			if len(args) == 0 {
				return e.rotationDue(d)
			}
			if slices.Contains([]string{"gateway-token", "gateway.auth.token"}, args[0]) {
				return e.rotateToken(d)
			}
			return e.rotateSecret(d, args[0])
		}}
}

func (e *env) rotateToken(d app.SecretDesk) error {
	_, running := store.Holder(d.Paths.State)
	stay, err := e.renewToken(d, running)
	if err != nil {
		return secretError(err)
	}
	out := map[string]any{"rotated": "gateway-token", "running": running, "stayConnected": stay}
	if !running {
		return e.said(out, "made a new token; every client needs it: openclaw gateway token --reveal")
	}
	return e.said(out, "made a new token, in force now; %d clients that came with the old one stay connected, new ones need it: openclaw gateway token --reveal", stay)
}

// rotationDue says what is older than a quarter, and how each is replaced.
func (e *env) rotationDue(d app.SecretDesk) error {
	l, err := d.List(e.ctx, time.Now())
	if err != nil {
		return secretError(err)
	}
	l.Secrets = slices.DeleteFunc(l.Secrets, func(r app.SecretRow) bool { return !r.Due })
	if e.print.json {
		return e.print.value(l)
	}
	if len(l.Secrets) == 0 {
		e.print.line("Nothing is older than 90 days.")
	}
	for _, r := range l.Secrets {
		e.print.row("%-30s %-8s %d days", r.Name, r.Source, *r.AgeDays)
		for _, s := range app.RotationSteps(r) {
			e.print.row("  %s", s)
		}
	}
	return nil
}

func (e *env) rotateSecret(d app.SecretDesk, name string) error {
	l, err := d.List(e.ctx, time.Now())
	if err != nil {
		return secretError(err)
	}
	i := slices.IndexFunc(l.Secrets, func(r app.SecretRow) bool { return r.Source == "store" && r.Name == name })
	if i < 0 {
		return secretError(fmt.Errorf("secrets: %q: %w", name, vault.ErrNoSecret))
	}
	steps := app.RotationSteps(l.Secrets[i])
	e.print.note("1. %s", steps[0])
	v, err := e.secretFrom("2. New value of " + name + " (it is not shown): ")
	if err != nil {
		return err
	}
	if err := d.Rotate(e.ctx, name, v); err != nil {
		return secretError(err)
	}
	rest := steps[1:]
	if e.print.json {
		return e.print.value(map[string]any{"rotated": name, "next": rest})
	}
	e.print.line("%s is replaced; the next request uses the new value.", name)
	for n, s := range rest {
		e.print.row("%d. %s", n+3, s)
	}
	return nil
}
