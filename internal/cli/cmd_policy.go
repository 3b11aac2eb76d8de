package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/openclaw-go/openclaw/internal/policy"
)

func (e *env) cmdPolicy() *cobra.Command {
	c := &cobra.Command{Use: "policy", Short: "Ask what would be decided, and why"}
	c.AddCommand(e.cmdPolicyTest(), e.cmdPolicyExplain(), e.cmdPolicyTrust())
	return c
}

func (e *env) cmdPolicyTest() *cobra.Command {
	return &cobra.Command{
		Use:   "test FILE",
		Short: "Judge command lines, each under its own policy",
		Long: `Judge command lines, each under its own policy.

FILE holds one JSON object a line: id, policy, context, command, optional
fixture, expect and accept. Nothing is run. Exit status 1 when a row that must
not be allowed was allowed.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			data, err := os.ReadFile(args[0])
			if err != nil {
				return &failure{code: exitUsage, err: err}
			}
			cases, err := policy.ReadExecCases(data)
			if err != nil {
				return &failure{code: exitUsage, err: fmt.Errorf("%s: %w", args[0], err)}
			}
			sum := policy.JudgeExecCases(cases)
			if e.print.json {
				if err := e.print.value(sum); err != nil {
					return err
				}
			} else {
				for _, r := range sum.Results {
					e.print.line("%-24s %-5s %s", r.ID, r.Verdict, r.Rule)
				}
				e.print.line("%d cases, %d bypasses, %d false refusals, agreement %.3f", sum.Cases, sum.Bypasses, sum.FalseRefusals, sum.Agreement)
			}
			if sum.Bypasses > 0 {
				return silent(exitFindings)
			}
			return nil
		},
	}
}

func (e *env) cmdPolicyExplain() *cobra.Command {
	var agentID, session, args string
	c := &cobra.Command{
		Use:     "explain TOOL [--args JSON]",
		Short:   "Show every layer of the decision about a call",
		Example: `  openclaw policy explain exec --agent workbench --args '{"command":"git status"}'`,
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, words []string) error {
			params := map[string]any{"tool": words[0]}
			if agentID != "" {
				params["agentId"] = agentID
			}
			if session != "" {
				params["sessionKey"] = session
			}
			if args != "" {
				if !json.Valid([]byte(args)) {
					return usage("policy explain: --args is not JSON: %s", args)
				}
				params["args"] = json.RawMessage(args)
			}
			return e.withGateway(func(ctx context.Context, c *client) error {
				var d policy.Decision
				if err := c.call(ctx, "policy.explain", params, &d); err != nil {
					return err
				}
				return e.printDecision(d)
			})
		},
	}
	c.Flags().StringVar(&agentID, "agent", "", "agent `ID`")
	c.Flags().StringVar(&session, "session", "", "session `KEY`, for its labels")
	c.Flags().StringVar(&args, "args", "", "the call's arguments, one JSON object")
	return c
}

func (e *env) printDecision(d policy.Decision) error {
	if e.print.json {
		return e.print.value(d)
	}
	e.print.line("%s: %s: %s", d.Verdict, d.Rule, d.Reason)
	if d.Hint != "" {
		e.print.line("hint: %s", d.Hint)
	}
	for _, s := range d.Trace {
		e.print.line("  %-9s %-5s %-28s %s  %s", s.Layer, s.Verdict, s.Rule, s.Reason, s.Where)
	}
	return nil
}
