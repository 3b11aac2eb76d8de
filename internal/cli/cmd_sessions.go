package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/openclaw-go/openclaw/internal/gateway"
)

func (e *env) cmdSessions() *cobra.Command {
	var agentID string
	var limit int
	c := &cobra.Command{Use: "sessions", Short: "List sessions", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
		return e.withGateway(func(ctx context.Context, c *client) error {
			var out struct {
				Sessions []gateway.SessionRow `json:"sessions"`
			}
			params := map[string]any{"limit": limit}
			if agentID != "" {
				params["agentId"] = agentID
			}
			if err := c.call(ctx, "sessions.list", params, &out); err != nil {
				return err
			}
			if e.print.json {
				return e.print.value(out)
			}
			if len(out.Sessions) == 0 {
				e.print.line("No sessions yet. Start one: openclaw agent --message 'help'")
			}
			for _, s := range out.Sessions {
				e.print.line("%-40s %-8s %-20s %s", s.Key, s.State, s.Labels, time.UnixMilli(s.UpdatedAt).Local().Format("2006-01-02 15:04"))
			}
			return nil
		})
	}}
	c.Flags().StringVar(&agentID, "agent", "", "only this agent's")
	c.Flags().IntVar(&limit, "limit", 50, "at most this many")
	c.AddCommand(
		e.sessionAct("reset KEY", "Start a session anew; the transcript is kept aside", "sessions.reset"),
		e.sessionAct("delete KEY", "Delete a session; the transcript is kept aside", "sessions.delete"),
		e.cmdCompact(),
		e.sessionAct("stop KEY", "Stop what a session is doing", "sessions.abort"),
	)
	return c
}

func (e *env) sessionAct(use, short, method string) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Args: cobra.ExactArgs(1), RunE: func(_ *cobra.Command, args []string) error {
		if args[0] == "" {
			return usage("sessions: an empty KEY names no session")
		}
		return e.withGateway(func(ctx context.Context, c *client) error {
			var out any
			if err := c.call(ctx, method, map[string]string{"key": args[0]}, &out); err != nil {
				return err
			}
			if e.print.json {
				return e.print.value(out)
			}
			e.print.line("%s: done", args[0])
			return nil
		})
	}}
}

// compactWait is how long a model may take over a summary.
const compactWait = 10 * time.Minute

func (e *env) cmdCompact() *cobra.Command {
	return &cobra.Command{
		Use:   "compact KEY",
		Short: "Shorten a session: its older part becomes a summary",
		Long: `Shorten a session: its older part becomes a summary.

The session's model writes the summary; what was said stays in the transcript
and is no longer sent. The newest messages stay word for word. The session keeps
its labels. Interrupting this command leaves the session as it was.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if args[0] == "" {
				return usage("sessions: an empty KEY names no session")
			}
			c, err := e.dial()
			if err != nil {
				return err
			}
			defer c.close()
			ctx, cancel := context.WithTimeout(e.ctx, compactWait)
			defer cancel()
			var out gateway.Compacted
			if err := c.call(ctx, "sessions.compact", map[string]string{"key": args[0]}, &out); err != nil {
				return err
			}
			if e.print.json {
				return e.print.value(out)
			}
			if !out.Compacted {
				e.print.line("%s: %s (about %d tokens)", out.Key, out.Reason, out.TokensBefore)
				return nil
			}
			e.print.line("%s: about %d tokens, before %d", out.Key, out.TokensAfter, out.TokensBefore)
			return nil
		},
	}
}
