package cli

import (
	"context"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/openclaw-go/openclaw/internal/app"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/gateway"
	"github.com/openclaw-go/openclaw/internal/store"
)

func (e *env) cmdLockdown() *cobra.Command {
	var why string
	c := &cobra.Command{
		Use:   "lockdown",
		Short: "Stop everything: turns, programs, channels, sign-ins, at once and until released",
		Long: `Stop everything at once, until it is released.

New turns are refused, running ones and every program that they started are
ended, open questions are denied, channels are closed, other browsers and
devices are signed out, unused sign-in links are void, the gateway token is
replaced and its connections end. It lasts over a restart, works with a full
disk, and is on record. With no gateway running, the next one starts stopped.

Each line of the answer says what was ended; what could not be confirmed says
so. An owner can do the same in a chat with /lockdown, and in the Control UI
with Stop everything.`,
		Example: "  openclaw lockdown --why \"a strange mail was answered\"\n  openclaw lockdown status\n  openclaw lockdown release",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return e.lockdownStart(why)
		},
	}
	c.Flags().StringVar(&why, "why", "", "the `REASON`, for the record")
	c.AddCommand(e.cmdLockdownStatus(), e.cmdLockdownRelease("release"))
	return c
}

func (e *env) lockdownStart(why string) error {
	var out gateway.Stopped
	err := e.liveOrHere("lockdown.start", map[string]string{"why": why}, &out, func(p configfile.Paths) (err error) {
		out, err = app.LockHere(e.ctx, p, e.getenv, why)
		return err
	})
	if err != nil {
		return err
	}
	if err := e.stopped(out, "Everything is stopped."); err != nil {
		return err
	}
	for _, i := range out.Items {
		if !i.Done {
			return &failure{code: exitFindings, err: errors.New("not everything is confirmed"), hint: "stop the gateway when in doubt: openclaw gateway stop"}
		}
	}
	return nil
}

// liveOrHere asks the gateway that runs on this home, or does it here while
// none does.
func (e *env) liveOrHere(method string, params, out any, here func(configfile.Paths) error) error {
	p, err := e.paths()
	if err != nil {
		return err
	}
	if _, running := store.Holder(p.State); !running {
		return here(p)
	}
	return e.withGateway(func(ctx context.Context, c *client) error { return c.call(ctx, method, params, out) })
}

// stopped prints the state of a lockdown.
func (e *env) stopped(s gateway.Stopped, head string) error {
	if e.print.json {
		return e.print.value(s)
	}
	e.print.line("%s", head)
	for _, i := range s.Items {
		mark := "ok"
		if !i.Done {
			mark = "NOT CONFIRMED"
		}
		e.print.line("  %-14s %s: %s", mark, i.What, i.Detail)
	}
	return nil
}

func (e *env) cmdLockdownStatus() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Say whether anything is stopped, since when, by whom and why",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			var s gateway.Stopped
			err := e.liveOrHere("lockdown.state", nil, &s, func(p configfile.Paths) (err error) {
				s, err = app.LockdownOf(p)
				return err
			})
			if err != nil {
				return err
			}
			return e.stopped(s, sayStopped(s))
		},
	}
}

func sayStopped(s gateway.Stopped) string {
	if s.Mode == "" {
		return "Nothing is stopped."
	}
	b := strings.Builder{}
	b.WriteString("Everything is stopped")
	if s.Mode == "talk" {
		b.Reset()
		b.WriteString("Agents answer and do nothing else")
	}
	if s.SinceMs != 0 {
		b.WriteString(", since " + time.UnixMilli(s.SinceMs).Local().Format(time.DateTime))
	}
	if s.By != "" {
		b.WriteString(" by " + s.By)
	}
	if s.Why != "" {
		b.WriteString(": " + s.Why)
	}
	return b.String() + "."
}

func (e *env) cmdLockdownRelease(name string) *cobra.Command {
	var everything, yes bool
	c := &cobra.Command{
		Use:   name,
		Short: "Open again after a lockdown, when the audit finds nothing critical",
		Long: `Open again after a lockdown.

The audit looks first, and while it finds anything critical nothing opens.
Without --everything agents answer again and may do nothing else; tools come
back with --everything. Devices stay signed out, answers that were denied stay
denied, and the old gateway token stays worthless.`,
		Example: "  openclaw lockdown release\n  openclaw lockdown release --everything",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			mode := "talk"
			if everything {
				mode = "everything"
			}
			if !yes && !e.yes("Open again?") {
				return &failure{code: exitRefused, err: errors.New("nothing was opened"), hint: "--yes answers for scripts"}
			}
			var s gateway.Stopped
			err := e.liveOrHere("lockdown.release", map[string]string{"mode": mode, "word": "release"}, &s, func(p configfile.Paths) (err error) {
				s, err = app.ReleaseHere(e.ctx, p, app.AuditOptions{Env: e.lookup, Environ: os.Environ(), Version: version, Now: time.Now()}, mode)
				return err
			})
			if err != nil {
				return err
			}
			return e.stopped(s, "Released. "+sayStopped(s))
		},
	}
	c.Flags().BoolVar(&everything, "everything", false, "tools, channels and jobs too, as configured")
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return c
}
