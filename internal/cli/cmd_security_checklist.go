package cli

import (
	"context"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/openclaw-go/openclaw/internal/app"
	"github.com/openclaw-go/openclaw/internal/audit"
	"github.com/openclaw-go/openclaw/internal/store"
)

// confirmedFor is how long a confirmation holds when nobody says.
const confirmedFor = 90 * 24 * time.Hour

func (e *env) cmdSecurityChecklist() *cobra.Command {
	var deep bool
	c := &cobra.Command{
		Use: "checklist", Short: "Go through the guide's checklist", Args: cobra.NoArgs,
		Long: `Go through the guide's checklist.

Each item is verified by checks, failed, or for a person to confirm: no
program sees your router's firewall. Exit status 1 while an item fails.`,
		RunE: func(*cobra.Command, []string) error { return e.checklist(deep) },
	}
	c.Flags().BoolVar(&deep, "deep", false, "look at the machine too")
	c.AddCommand(e.cmdChecklistConfirm())
	return c
}

func (e *env) checklist(deep bool) error {
	p, err := e.paths()
	if err != nil {
		return usage("%w", err)
	}
	o := app.AuditOptions{Env: e.lookup, Environ: os.Environ(), Version: version, Now: time.Now(), Deep: deep, Ask: e.askNotInForce}
	if deep {
		o.Progress = e.progress()
	}
	in, err := app.LookForAudit(p, o)
	if err != nil {
		return err
	}
	said, err := app.Confirmations(p)
	if err != nil {
		return cannot(err, "repair or remove the file")
	}
	items := audit.Tick(audit.Run(in.Input, audit.Options{}), said, time.Now())
	failed := slices.ContainsFunc(items, func(t audit.Ticked) bool { return t.State == audit.Failed })
	if e.print.json {
		if err := e.print.value(map[string]any{"items": items}); err != nil {
			return err
		}
	} else {
		e.printChecklist(items)
	}
	if failed {
		return silent(exitFindings)
	}
	return nil
}

func (e *env) printChecklist(items []audit.Ticked) {
	category, done := "", 0
	for _, t := range items {
		if t.Category != category {
			category = t.Category
			e.print.row("%s", category)
		}
		mark := map[audit.ItemState]string{audit.Verified: "[x]", audit.Confirmed: "[x]", audit.Failed: "[!]"}[t.State]
		if mark == "" {
			mark = "[ ]"
		} else if t.State != audit.Failed {
			done++
		}
		e.print.row("  %s %-24s %-11s %s", mark, t.ID, t.State, t.Text)
		if t.Why != "" {
			e.print.row("      %s", t.Why)
		}
	}
	e.print.row("%d of %d done", done, len(items))
}

func (e *env) cmdChecklistConfirm() *cobra.Command {
	var note, until string
	c := &cobra.Command{
		Use: "confirm ITEM", Short: "Say that an item holds, for a time", Args: cobra.ExactArgs(1),
		Example: "  openclaw security checklist confirm network.firewall --note 'ufw, default deny' --until 90d",
		RunE: func(_ *cobra.Command, args []string) error {
			i := slices.IndexFunc(audit.Checklist(), func(i audit.Item) bool { return i.ID == args[0] })
			if i < 0 {
				return usage("%q is no item; openclaw security checklist lists them", args[0])
			}
			if it := audit.Checklist()[i]; !it.Person && !it.Instead {
				return usage("%q is measured by %s; nobody needs to confirm it", it.ID, strings.Join(it.Checks, ", "))
			}
			now := time.Now()
			end, err := untilWhen(until, now)
			if err != nil {
				return err
			}
			return e.confirmItem(args[0], audit.Confirmation{By: whoami(), At: now, Until: end, Note: note})
		},
	}
	c.Flags().StringVar(&note, "note", "", "what it rests on")
	c.Flags().StringVar(&until, "until", "90d", "a date (2027-01-31) or a number of days (90d)")
	return c
}

func untilWhen(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return now.Add(confirmedFor), nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.Atoi(days)
		if err == nil && n > 0 && n <= 366 {
			return now.AddDate(0, 0, n), nil
		}
		return time.Time{}, usage("--until %q: expected 1d to 366d", text)
	}
	t, err := time.ParseInLocation(time.DateOnly, text, time.Local)
	if err != nil {
		return time.Time{}, usage("--until %q: expected a date like 2027-01-31, or days like 90d", text)
	}
	if !t.After(now) || t.After(now.AddDate(1, 0, 1)) {
		return time.Time{}, usage("--until %q: expected a day within the coming year", text)
	}
	return t, nil
}

func whoami() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "uid " + strconv.Itoa(os.Getuid())
}

func (e *env) confirmItem(item string, c audit.Confirmation) error {
	p, err := e.existingHome()
	if err != nil {
		return err
	}
	var say func() error
	if _, held := store.Holder(p.State); held {
		say = func() error {
			return e.withGateway(func(ctx context.Context, g *client) error {
				return g.call(ctx, "checklist.confirmed", map[string]string{"item": item, "until": c.Until.Format(time.DateOnly), "note": c.Note}, nil)
			})
		}
	}
	if err := app.Confirm(e.ctx, p, e.lookup, item, c, say); err != nil {
		return cannot(err, "")
	}
	if e.print.json {
		return e.print.value(map[string]any{"item": item, "confirmation": c})
	}
	e.print.line("%s is confirmed until %s", item, c.Until.Format(time.DateOnly))
	return nil
}
