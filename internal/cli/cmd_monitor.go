package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/openclaw-go/openclaw/internal/app"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/monitor"
)

func (e *env) cmdMonitor() *cobra.Command {
	c := &cobra.Command{Use: "monitor", Short: "Show what is watched, and what is not as usual"}
	c.AddCommand(e.cmdMonitorStatus(), e.cmdMonitorExplain(), e.cmdMonitorAck())
	return c
}

func (e *env) cmdMonitorStatus() *cobra.Command {
	var all bool
	var failOn string
	c := &cobra.Command{
		Use: "status", Short: "Show the key metrics with their thresholds, and what is open", Args: cobra.NoArgs,
		Long: `Show the key metrics with their thresholds, and what is open.

With --fail-on the exit status is 1 while something at or above that severity
waits for a person.`,
		RunE: func(*cobra.Command, []string) error {
			if failOn != "" && failOn != "info" && failOn != "warn" && failOn != "critical" {
				return usage("monitor status: --fail-on %q is not one of info, warn, critical", failOn)
			}
			w, err := e.watched()
			if err != nil {
				return err
			}
			if e.print.json {
				if err := e.print.value(w); err != nil {
					return err
				}
			} else {
				e.printWatched(w, all)
			}
			var least claw.Severity
			_ = least.UnmarshalText([]byte(failOn)) // never fails
			for _, x := range w.Conditions {
				if failOn != "" && x.Open() && x.Severity >= least {
					return silent(exitFindings)
				}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&all, "all", false, "show what is over, too")
	c.Flags().StringVar(&failOn, "fail-on", "", "exit 1 while something at or above this severity is open")
	return c
}

// watched asks the running gateway.
func (e *env) watched() (app.Watched, error) {
	var w app.Watched
	err := e.withGateway(func(ctx context.Context, c *client) error { return c.call(ctx, "monitor.status", nil, &w) })
	return w, err
}

func (e *env) printWatched(w app.Watched, all bool) {
	if !w.Enabled {
		e.print.line("the monitor is switched off (monitor.enabled)")
	}
	for _, m := range w.Meters {
		e.print.row("%-44s %6d  %-11s %s", m.Name, m.Now, m.State, m.Normal)
	}
	e.print.row("configuration file: %s", w.Posture.File)
	audited := "not yet"
	if !w.Posture.AuditedAt.IsZero() {
		audited = w.Posture.AuditedAt.Local().Format("2006-01-02 15:04")
		if w.Posture.Audited != w.Posture.InForce {
			audited += ", when other rules were in force"
		}
	}
	e.print.row("last nightly audit: %s", audited)
	for name, t := range w.Tasks {
		if t.Error != "" {
			e.print.row("%s did not work at %s: %s", name, t.Last.Local().Format("2006-01-02 15:04"), t.Error)
		}
	}
	open := 0
	for _, c := range w.Conditions {
		if c.Over && !all {
			continue
		}
		if c.Open() {
			open++
		}
		e.print.row("%-8s %-22s %s (%s)", c.Severity, c.ID, c.Title, conditionState(c))
	}
	switch {
	case open > 0:
		e.print.note("%d wait for you: openclaw monitor explain ID, then openclaw monitor ack ID", open)
	case w.Read < w.Size:
		e.print.note("%d entries of the journal are still to be read", w.Size-w.Read)
	default:
		e.print.line("nothing unusual is open")
	}
}

func conditionState(c monitor.Condition) string {
	switch {
	case c.Over:
		return "over since " + c.Last.Local().Format("01-02 15:04")
	case !c.Acked.IsZero():
		return "seen by " + c.AckedBy
	}
	return "since " + c.First.Local().Format("01-02 15:04")
}

func (e *env) cmdMonitorExplain() *cobra.Command {
	return &cobra.Command{Use: "explain ID", Short: "Show the evidence of one condition, and the command to look further", Args: cobra.ExactArgs(1), RunE: func(_ *cobra.Command, args []string) error {
		w, err := e.watched()
		if err != nil {
			return err
		}
		for _, c := range w.Conditions {
			if c.ID != args[0] {
				continue
			}
			if e.print.json {
				return e.print.value(c)
			}
			e.print.row("%s: %s", c.Severity, c.Title)
			e.print.row("  rule     %s", c.Rule)
			e.print.row("  first    %s", c.First.Local().Format(time.DateTime))
			e.print.row("  last     %s, found %d times, %s", c.Last.Local().Format(time.DateTime), c.Times, conditionState(c))
			for _, f := range c.Facts {
				e.print.row("  %-8s %s", f.Name, f.Value)
			}
			told := "not sent"
			if !c.Told.IsZero() {
				told = c.Told.Local().Format(time.DateTime)
			}
			e.print.row("  told     %s", told)
			e.print.row("  look     %s", c.Command)
			return nil
		}
		return &failure{code: exitUsage, err: fmt.Errorf("monitor: no condition %q", args[0]), hint: "openclaw monitor status --all"}
	}}
}

func (e *env) cmdMonitorAck() *cobra.Command {
	return &cobra.Command{Use: "ack ID...", Short: "Say that you have seen a condition: it is not told again unless it gets worse", Args: cobra.MinimumNArgs(1), RunE: func(_ *cobra.Command, ids []string) error {
		return e.withGateway(func(ctx context.Context, c *client) error {
			var out []monitor.Condition
			var errs []error
			for _, id := range ids {
				var x monitor.Condition
				if err := c.call(ctx, "monitor.ack", map[string]string{"id": id}, &x); err != nil {
					errs = append(errs, err)
					continue
				}
				out = append(out, x)
				if !e.print.json {
					e.print.row("%s: seen", x.ID)
				}
			}
			if e.print.json {
				errs = append(errs, e.print.value(append([]monitor.Condition{}, out...)))
			}
			return errors.Join(errs...)
		})
	}}
}
