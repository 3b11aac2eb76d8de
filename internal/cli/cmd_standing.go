package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/openclaw-go/openclaw/internal/approval"
	"github.com/openclaw-go/openclaw/internal/gateway"
)

// maxApprovalsFile bounds a document that is read from a file or a pipe.
const maxApprovalsFile = 16 << 20

// cmdRules are the answers that hold for longer than a session.
func (e *env) cmdRules() *cobra.Command {
	list := func(*cobra.Command, []string) error { return e.withGateway(e.rulesList) }
	c := &cobra.Command{Use: "rules", Short: "List the answers that last, and take them back", Args: cobra.NoArgs, RunE: list}
	c.AddCommand(&cobra.Command{Use: "list", Short: "List standing answers and stored approvals that are not used", Args: cobra.NoArgs, RunE: list},
		&cobra.Command{Use: "remove ID", Aliases: []string{"revoke"}, Short: "Take a standing answer back", Args: cobra.ExactArgs(1), RunE: func(_ *cobra.Command, args []string) error {
			return e.withGateway(func(ctx context.Context, c *client) error {
				if err := c.call(ctx, "exec.approvals.rules.remove", map[string]string{"id": args[0]}, nil); err != nil {
					return err
				}
				return e.said(map[string]string{"removed": args[0]}, "%s is taken back.", args[0])
			})
		}})
	return c
}

// said prints a result in either form.
func (e *env) said(v any, format string, args ...any) error {
	if e.print.json {
		return e.print.value(v)
	}
	e.print.line(format, args...)
	return nil
}

func (e *env) rulesList(ctx context.Context, c *client) error {
	var out gateway.StandingList
	if err := c.call(ctx, "exec.approvals.rules", nil, &out); err != nil {
		return err
	}
	if e.print.json {
		return e.print.value(out)
	}
	if out.Problem != "" {
		e.print.line("No command may run: %s", out.Problem)
	}
	if len(out.Rules) == 0 && out.Problem == "" {
		e.print.line("No standing answers.")
	}
	for _, r := range out.Rules {
		ends := "until it is taken back"
		switch {
		case r.Expired:
			ends = "ended"
		case r.UntilMs > 0:
			ends = "until " + time.UnixMilli(r.UntilMs).Local().Format("2006-01-02 15:04")
		}
		who := r.By
		if who == "" {
			who = "an entry of " + out.Path
		}
		e.print.line("%s  %s, by %s", r.ID, ends, who)
		for _, t := range r.Text {
			e.print.line("  %s", t)
		}
		switch {
		case r.LastUsedMs > 0:
			e.print.line("  used %d times, last %s: %s", r.Uses, time.UnixMilli(r.LastUsedMs).Local().Format("2006-01-02 15:04"), r.LastCommand)
		default:
			e.print.line("  not used yet")
		}
	}
	for _, u := range out.Unused {
		e.print.line("not used: %s %q: %s", u.Agent, u.What, u.Reason)
	}
	return nil
}

// cmdAllowlist is upstream's way to write an entry by hand.
func (e *env) cmdAllowlist() *cobra.Command {
	var agent, args string
	c := &cobra.Command{Use: "allowlist", Short: "Add or remove an entry of exec-approvals.json"}
	change := func(use, short, done string, remove bool) *cobra.Command {
		return &cobra.Command{Use: use + " PATTERN", Short: short, Args: cobra.ExactArgs(1), RunE: func(_ *cobra.Command, words []string) error {
			return e.withGateway(func(ctx context.Context, c *client) error {
				q := map[string]any{"agentId": agent, "pattern": words[0], "argPattern": args, "remove": remove}
				if err := c.call(ctx, "exec.approvals.allowlist", q, nil); err != nil {
					return err
				}
				return e.said(map[string]string{done: words[0], "agent": agent}, "%s %s for %s.", done, words[0], agent)
			})
		}}
	}
	add := change("add", "Let a program by path or name run, safe ones only", "added", false)
	add.Flags().StringVar(&args, "args", "", "anchored expression that the arguments must match")
	c.AddCommand(add, change("remove", "Remove an entry", "removed", true))
	c.PersistentFlags().StringVar(&agent, "agent", "*", "agent id, * for all")
	return c
}

func (e *env) approvalsDocument(ctx context.Context, c *client) error {
	var out gateway.ApprovalsDocument
	if err := c.call(ctx, "exec.approvals.get", nil, &out); err != nil {
		return err
	}
	if e.print.json {
		return e.print.value(out)
	}
	b, err := json.MarshalIndent(out.File, "", "  ")
	if err != nil {
		return err
	}
	e.print.text(string(b))
	return nil
}

func (e *env) cmdApprovalsSet() *cobra.Command {
	var file, base string
	var stdin bool
	c := &cobra.Command{Use: "set", Short: "Replace exec-approvals.json", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
		if (file == "") == !stdin {
			return usage("approvals set: give either --file or --stdin")
		}
		raw, err := e.document(file)
		if err != nil {
			return err
		}
		return e.withGateway(func(ctx context.Context, c *client) error {
			var out gateway.ApprovalsDocument
			if err := c.call(ctx, "exec.approvals.set", map[string]any{"file": raw, "baseHash": base}, &out); err != nil {
				return err
			}
			if e.print.json {
				return e.print.value(out)
			}
			e.print.line("%s is replaced.", out.Path)
			return e.rulesList(ctx, c)
		})
	}}
	c.Flags().StringVar(&file, "file", "", "file with the document")
	c.Flags().BoolVar(&stdin, "stdin", false, "read the document from standard input")
	c.Flags().StringVar(&base, "base-hash", "", "refuse when it is not this one any more (approvals get --json)")
	return c
}

// document reads JSON from a file, or from standard input when name is empty.
func (e *env) document(name string) (json.RawMessage, error) {
	in := e.stdin
	if name != "" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, maxApprovalsFile+1))
	switch {
	case err != nil:
		return nil, err
	case len(b) > maxApprovalsFile:
		return nil, fmt.Errorf("approvals set: more than %d bytes", maxApprovalsFile)
	case !json.Valid(b):
		return nil, errors.New("approvals set: found no JSON document")
	}
	return b, nil
}

// standing prints what a longer answer would store.
func (p *printer) standing(v approval.View) {
	if v.NoStanding != "" {
		p.line("%-14s not offered: %s", "Always", v.NoStanding)
	}
	s := v.Standing
	if s == nil {
		return
	}
	for _, r := range s.Rules {
		p.line("%-14s %s", "Would store", strings.Join(r, "; "))
	}
	p.line("%-14s %d of the last %d decisions", "Also allowed", s.Covered, s.Looked)
	if s.Unknown > 0 {
		p.line("%-14s %d of them cannot be judged again", "", s.Unknown)
	}
	for _, a := range s.Also {
		p.line("%-14s #%d %s (%s)", "", a.Seq, a.Command, a.Became)
	}
	for _, n := range s.Near {
		p.line("%-14s %s: %s (%s)", "Near", n.Verdict, n.Command, n.What)
	}
}
