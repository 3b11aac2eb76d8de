package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/openclaw-go/openclaw/internal/app"
	"github.com/openclaw-go/openclaw/internal/notify"
	"github.com/openclaw-go/openclaw/internal/store"
)

func (e *env) cmdNotify() *cobra.Command {
	c := &cobra.Command{Use: "notify", Short: "Where alerts go"}
	c.AddCommand(e.cmdNotifyList(), e.cmdNotifyTest())
	return c
}

func (e *env) cmdNotifyList() *cobra.Command {
	return &cobra.Command{Use: "list", Short: "List the targets, and what waits for them", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
		var l notify.Listing
		err := e.withAlerts(
			func(ctx context.Context, c *client) error { return c.call(ctx, "notify.list", nil, &l) },
			func(a *app.App) error { l = a.AlertTargets(); return nil })
		if err != nil {
			return err
		}
		if e.print.json {
			return e.print.value(l)
		}
		if len(l.Targets) == 0 {
			e.print.line("no targets: alerts stay in openclaw monitor status")
			e.print.note(`hint: openclaw config set notify.targets '[{ type: "telegram", to: "CHAT", token: { $env: "TELEGRAM_BOT_TOKEN" } }]'`)
		}
		for _, t := range l.Targets {
			e.print.row("%-14s %-9s %-28s from %s on, %d waiting", t.Name, t.Kind, t.Host, t.Least, t.Waiting)
			if t.Problem != "" {
				e.print.row("  problem: %s", t.Problem)
			}
			if t.Last != nil {
				e.print.row("  last: %s %s %s", t.Last.Status, t.Last.Alert, t.Last.Why)
			}
		}
		if l.Dropped > 0 {
			e.print.row("%d alerts could not be delivered", l.Dropped)
		}
		return nil
	}}
}

func (e *env) cmdNotifyTest() *cobra.Command {
	var target string
	c := &cobra.Command{
		Use: "test", Short: "Send a test message", Args: cobra.NoArgs,
		Long: `Send a test message to every target, or to one.

Works with the gateway running or stopped. Exit status 4 when one did not
arrive.`,
		RunE: func(*cobra.Command, []string) error {
			var rows []notify.Tested
			err := e.withAlerts(
				func(ctx context.Context, c *client) error {
					return c.call(ctx, "notify.test", map[string]string{"target": target}, &rows)
				},
				func(a *app.App) (err error) { rows, err = a.TestAlert(e.ctx, target, ownerHere()); return err })
			if err != nil {
				return err
			}
			if e.print.json {
				if err := e.print.value(rows); err != nil {
					return err
				}
			}
			failed := 0
			for _, r := range rows {
				if !r.OK {
					failed++
				}
				if e.print.json {
					continue
				}
				if r.OK {
					e.print.row("%s: sent", r.Target)
				} else {
					e.print.row("%s: not sent: %s", r.Target, r.Why)
				}
			}
			if failed > 0 {
				return cannot(fmt.Errorf("%d of %d targets did not take the message", failed, len(rows)), "openclaw notify list")
			}
			return nil
		},
	}
	c.Flags().StringVar(&target, "target", "", "only the target of this `NAME`")
	return c
}

// withAlerts asks the running gateway, or the home itself while none runs.
func (e *env) withAlerts(running func(context.Context, *client) error, stopped func(*app.App) error) error {
	p, err := e.home(app.HomeOptions{})
	if err != nil {
		return err
	}
	if _, held := store.Holder(p.State); held {
		return e.withGateway(running)
	}
	a, err := app.Open(e.ctx, app.Options{Paths: p, Version: version, Getenv: e.getenv})
	if err != nil {
		return startError(err)
	}
	err = stopped(a)
	if cerr := a.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return cannot(err, "openclaw notify list")
	}
	return nil
}
