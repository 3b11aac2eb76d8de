package cli

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/openclaw-go/openclaw/internal/answer"
	"github.com/openclaw-go/openclaw/internal/gateway"
)

func (e *env) cmdStatus() *cobra.Command {
	var deep bool
	c := &cobra.Command{Use: "status", Short: "Say whether the gateway runs and what needs you", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
		return e.withGateway(func(ctx context.Context, c *client) error {
			var o gateway.Overview
			if err := c.call(ctx, "overview.get", nil, &o); err != nil {
				return err
			}
			if e.print.json {
				return e.print.value(o)
			}
			e.printOverview(o)
			return nil
		})
	}}
	c.Flags().BoolVar(&deep, "deep", false, "accepted for scripts; everything is measured anyway")
	return c
}

func (e *env) printOverview(o gateway.Overview) {
	e.print.line("%s: %s", o.Verdict, o.Sentence)
	if o.NotInForce != "" {
		e.print.line("configuration: %s", o.NotInForce)
	}
	for _, n := range o.NeedsYou {
		e.print.line("  needs you: %s", n.Text)
	}
	for _, f := range o.InForce {
		e.print.line("  %-14s %-14s %s", f.Name, f.Level, f.Text)
	}
	e.print.line("  %-14s %-14s entries %d, intact up to %d", "Journal", o.Journal.State, o.Journal.LastSeq, o.Journal.IntactUpTo)
	for _, r := range o.Reach {
		e.print.line("  %s: %s", r.Who, r.Text)
	}
	e.print.line("  model: %s", o.Model)
	for _, u := range o.Usage {
		e.print.line("  %s today: %d tokens, %s US dollars, %d calls, %d messages", u.Agent, u.Today.Tokens, money(u.Today), u.Today.Calls, u.Today.Messages)
		for _, l := range u.Limits {
			if l.Whose == "agent" && l.Key != "callsPerTurn" {
				e.print.line("    %s", limitText(answer.Limit(l)))
			}
		}
		if u.Problem != "" {
			e.print.line("    not known: %s", u.Problem)
		}
	}
	if len(o.Usage) > 0 {
		for _, l := range o.Usage[0].Limits {
			if l.Whose == "all" {
				e.print.line("  limit: %s", limitText(answer.Limit(l)))
			}
		}
	}
}

func (e *env) cmdHealth() *cobra.Command {
	var timeout int
	c := &cobra.Command{Use: "health", Short: "Ask the running gateway whether it can do its work", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
		return e.withGateway(func(ctx context.Context, c *client) error {
			ctx, cancel := context.WithTimeout(ctx, time.Duration(timeout)*time.Millisecond)
			defer cancel()
			var h struct {
				OK       bool     `json:"ok"`
				Problems []string `json:"problems"`
			}
			var raw json.RawMessage
			if err := c.call(ctx, "health", nil, &raw); err != nil {
				return err
			}
			if err := json.Unmarshal(raw, &h); err != nil {
				return err
			}
			if e.print.json {
				if err := e.print.value(raw); err != nil {
					return err
				}
			} else if h.OK {
				e.print.line("ok")
			}
			if !h.OK {
				for _, p := range h.Problems {
					e.print.note("%s", p)
				}
				return cannot(errors.New("the gateway is not ready"), "openclaw logs")
			}
			return nil
		})
	}}
	c.Flags().IntVar(&timeout, "timeout", 10000, "give up after this many `milliseconds`")
	return c
}
