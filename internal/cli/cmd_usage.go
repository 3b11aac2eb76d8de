package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/openclaw-go/openclaw/internal/answer"
	"github.com/openclaw-go/openclaw/internal/app"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gateway"
)

func (e *env) cmdUsage() *cobra.Command {
	var agent string
	var days int
	c := &cobra.Command{
		Use: "usage", Short: "Show what agents have used, and what is left of their limits", Args: cobra.NoArgs,
		Long: `Show what agents have used, and what is left of their limits.

Tokens and money are those of models, calls those of tools that were let
through, messages those that left for a conversation. What is set aside for
requests under way counts as used. Limits are those of the configuration on
disk (tools.budget); the gateway need not run.`,
		Example: "  openclaw usage\n  openclaw usage --agent workbench --days 7 --json",
		RunE: func(*cobra.Command, []string) error {
			p, l, err := e.configAt("")
			if err != nil {
				return err
			}
			u := app.PeekUsage(p, l.Config, time.Now())
			if err := narrow(&u, claw.AgentID(agent), days); err != nil {
				return err
			}
			if e.print.json {
				if err := e.print.value(u); err != nil {
					return err
				}
			} else {
				e.printUsage(u)
			}
			if u.Problem != "" {
				return cannot(fmt.Errorf("%s", u.Problem), "move the file away once you have looked at it; until then whatever has a limit of the day is refused")
			}
			return nil
		},
	}
	c.Flags().StringVar(&agent, "agent", "", "only this agent `ID`")
	c.Flags().IntVar(&days, "days", 7, "list the last `N` days, at most 30; 0 lists none")
	return c
}

// narrow leaves what was asked for.
func narrow(u *app.Usage, only claw.AgentID, days int) error {
	if days < 0 || days > 30 {
		return usage("usage: --days is %d, expected 0 to 30", days)
	}
	if only != "" {
		kept := u.Agents[:0]
		for _, a := range u.Agents {
			if a.Agent == only {
				kept = append(kept, a)
			}
		}
		if len(kept) == 0 {
			return usage("usage: no agent %q is configured or has used anything", only)
		}
		u.Agents, u.Total = kept, kept[0].AgentUsageSpans
		for i := range u.Days {
			row := u.Days[i].Agents[only]
			u.Days[i].Total, u.Days[i].Agents = row, map[claw.AgentID]gateway.Used{only: row}
		}
	}
	u.Days = u.Days[:min(days, len(u.Days))]
	return nil
}

func (e *env) printUsage(u app.Usage) {
	if u.Problem != "" {
		return
	}
	line := e.print.line
	line("%-16s %-14s %12s %12s %8s %9s", "", "", "tokens", "US dollars", "calls", "messages")
	row := func(name, span string, x gateway.Used) {
		line("%-16s %-14s %12d %12s %8d %9d", name, span, x.Tokens, money(x), x.Calls, x.Messages)
	}
	for _, a := range u.Agents {
		row(string(a.Agent), "today", a.Today)
		row("", "last 30 days", a.Last)
		for _, l := range a.Limits {
			if l.Whose == "agent" && l.Key != "callsPerTurn" {
				line("%-16s %s%s", "", limitText(l), place(l.Where))
			}
		}
	}
	if len(u.Agents) > 1 {
		row("all agents", "today", u.Total.Today)
		row("", "last 30 days", u.Total.Last)
	}
	if len(u.Agents) > 0 { // each has those of all
		for _, l := range u.Agents[0].Limits {
			if l.Whose == "all" {
				line("%-16s %s%s", "", limitText(l), place(l.Where))
			}
		}
	}
	for _, d := range u.Days {
		row(string(d.Day), "", d.Total)
	}
	if u.Total.Last.Unpriced > 0 {
		line("+ : and %d tokens of models whose price is not known.", u.Total.Last.Unpriced)
	}
	line("A new day begins at %s.", u.Resets.Format("2006-01-02 15:04 MST"))
}

// money is what was spent, marked where it is not all.
func money(u gateway.Used) string {
	s := strconv.FormatFloat(u.Cost, 'f', 4, 64)
	if u.Unpriced > 0 {
		s += "+"
	}
	return s
}

// limitText says what is left of a limit.
func limitText(l answer.Limit) string {
	whose := ""
	if l.Whose == "all" {
		whose = ", all agents together"
	}
	if l.Left == nil {
		return fmt.Sprintf("%s %s%s", l.Key, number(l.Max), whose)
	}
	return fmt.Sprintf("%s %s: %s used, %s left%s", l.Key, number(l.Max), number(*l.Used), number(*l.Left), whose)
}

// number writes a limit without needless digits.
func number(f float64) string {
	s := strconv.FormatFloat(f, 'f', 6, 64)
	return strings.TrimRight(strings.TrimRight(s, "0"), ".")
}
