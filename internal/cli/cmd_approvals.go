package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/openclaw-go/openclaw/internal/approval"
	"github.com/openclaw-go/openclaw/internal/claw"
)

func (e *env) cmdApprovals() *cobra.Command {
	c := &cobra.Command{
		Use:     "approvals",
		Aliases: []string{"approval", "exec-approvals"},
		Short:   "Answer what agents ask",
	}
	list := &cobra.Command{Use: "list", Aliases: []string{"pending"}, Short: "List the questions that wait, oldest first", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return e.withGateway(e.approvalsList) }}
	show := &cobra.Command{Use: "show ID", Short: "Show one question with everything it would do", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return e.withGateway(func(ctx context.Context, c *client) error { return e.approvalsShow(ctx, c, args[0]) })
		}}
	c.AddCommand(list, show,
		e.answerCommand("approve ID", "allow", approval.AllowOnce, "Allow a call once, or for this session with --session"),
		e.answerCommand("deny ID", "", approval.DenyIt, "Deny a call"), e.cmdResolve(), e.cmdRules(), e.cmdAllowlist(), e.cmdApprovalsSet(),
		&cobra.Command{Use: "get", Short: "Show exec-approvals.json", Args: cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error { return e.withGateway(e.approvalsDocument) }})
	return c
}

// reach is how far an answer reaches.
type reach struct {
	session bool
	scope   string
	length  time.Duration
}

func (e *env) answerCommand(use, alias, decision, short string) *cobra.Command {
	var far reach
	var reason string
	c := &cobra.Command{Use: use, Short: short, Args: cobra.ExactArgs(1), RunE: func(_ *cobra.Command, args []string) error {
		if far.session && far.scope == "" {
			far.scope = approval.ScopeSession
		}
		switch far.scope {
		case "", approval.ScopeOnce:
			if far.length != 0 {
				return usage("approvals: --for goes with --scope agent")
			}
			return e.answer(args[0], decision, far, reason)
		case approval.ScopeSession, approval.ScopeAgent, approval.ScopeAlways:
			if far.length != 0 && far.scope != approval.ScopeAgent {
				return usage("approvals: --for goes with --scope agent")
			}
			return e.answer(args[0], approval.AllowAlways, far, reason)
		}
		return usage("approvals: --scope %q is not one of once, session, agent, always", far.scope)
	}}
	if alias != "" {
		c.Aliases = []string{alias}
	}
	if decision == approval.AllowOnce {
		c.Flags().BoolVar(&far.session, "session", false, "allow the same call for the rest of this session")
		c.Flags().StringVar(&far.scope, "scope", "", "once, session, agent or always; the last two store the rule that the card shows")
		c.Flags().DurationVar(&far.length, "for", 0, "how long --scope agent holds, 24h when not given")
	}
	c.Flags().StringVar(&reason, "reason", "", "told to the agent")
	return c
}

// cmdResolve is upstream's spelling: allow-always is the widest that the card
// offers.
func (e *env) cmdResolve() *cobra.Command {
	var reason string
	c := &cobra.Command{Use: "resolve ID allow-once|allow-always|deny", Short: "Answer a question (upstream's spelling)", Args: cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error { return e.answer(args[0], args[1], reach{}, reason) }}
	c.Flags().StringVar(&reason, "reason", "", "told to the agent")
	return c
}

// withGateway runs f on a connection to the gateway.
func (e *env) withGateway(f func(context.Context, *client) error) error {
	c, err := e.dial()
	if err != nil {
		return err
	}
	defer c.close()
	ctx, cancel := context.WithTimeout(e.ctx, 30*time.Second)
	defer cancel()
	return f(ctx, c)
}

type approvalRow struct {
	approval.View
	State string `json:"state,omitempty"`
}

func (e *env) approvalsList(ctx context.Context, c *client) error {
	var out struct {
		Pending []struct {
			View approval.View `json:"view"`
		} `json:"approvals"`
	}
	if err := c.call(ctx, "exec.approval.list", nil, &out); err != nil {
		return err
	}
	views := make([]approval.View, 0, len(out.Pending))
	for _, p := range out.Pending {
		views = append(views, p.View)
	}
	if e.print.json {
		return e.print.value(struct {
			Pending []approval.View `json:"pending"`
		}{views})
	}
	if len(views) == 0 {
		e.print.line("Nothing waits.")
	}
	for _, v := range views {
		e.print.line("%s  %s  expires %s  %s", v.ID, v.Headline, v.Expires.Local().Format("15:04"), v.Rule)
	}
	return nil
}

func (e *env) approvalGet(ctx context.Context, c *client, id string) (approval.View, approval.Answer, error) {
	var out struct {
		View   approval.View   `json:"view"`
		State  approval.State  `json:"state"`
		Answer approval.Answer `json:"answer"`
	}
	err := c.call(ctx, "exec.approval.get", map[string]string{"id": id}, &out)
	out.Answer.State = out.State
	return out.View, out.Answer, err
}

func (e *env) approvalsShow(ctx context.Context, c *client, id string) error {
	v, a, err := e.approvalGet(ctx, c, id)
	if err != nil {
		return err
	}
	if e.print.json {
		return e.print.value(approvalRow{v, string(a.State)})
	}
	p := e.print
	p.card(v)
	if p.line("%-14s %s, expires %s", "State", a.State, v.Expires.Local().Format("15:04:05")); a.State != approval.Waiting && a.Reason != "" {
		p.line("%-14s %s", "", a.Reason)
	}
	p.line("%-14s %s", "Digest", v.Digest)
	return nil
}

// card prints what a person is asked, with everything that it would do.
func (p *printer) card(v approval.View) {
	p.line("%s", v.Headline)
	for _, argv := range v.Command {
		p.line("  %s", quoted(argv))
	}
	if len(v.Command) == 0 {
		p.line("  %s", v.Text)
	}
	for _, w := range v.Warnings {
		p.line("  ! %s", w)
	}
	for _, f := range v.Facts {
		if len(f.Values) > 0 {
			p.line("%-14s %s", f.Name, strings.Join(f.Values, ", "))
		}
	}
	if v.Content != "" {
		p.text(v.Content)
	}
	why := v.Rule + ": " + v.Reason
	if where := v.Where.String(); where != "" {
		why += " (" + where + ")"
	}
	p.line("%-14s %s", "Why asked", why)
	for _, l := range v.Labels {
		p.line("%-14s %s from %s at %s", "Label", l.Label, l.From, l.Time.Local().Format("15:04"))
	}
	p.line("%-14s %s", "Asked by", v.AskedBy)
	if v.LastHuman != "" {
		p.line("%-14s %q", "Last message", v.LastHuman)
	}
	for _, s := range v.IfAllowed {
		p.line("%-14s %s", "If allowed", s)
	}
	p.standing(v)
}

// answer shows what is answered on stderr, then answers exactly that.
func (e *env) answer(id, decision string, far reach, reason string) error {
	return e.withGateway(func(ctx context.Context, c *client) error {
		v, a, err := e.approvalGet(ctx, c, id)
		if err != nil {
			return err
		}
		if a.State != approval.Waiting {
			return refused(fmt.Errorf("approvals: %s was already %s", id, a.State), "openclaw approvals list")
		}
		params := map[string]any{"id": id, "decision": decision, "digest": v.Digest}
		if decision == approval.AllowAlways && far.scope != "" {
			params["scope"] = far.scope
		}
		if far.length != 0 {
			params["forMs"] = far.length.Milliseconds()
		}
		if reason != "" {
			params["reason"] = reason
		}
		var out struct {
			ID       claw.ApprovalID `json:"id"`
			Decision string          `json:"decision"`
			Scope    string          `json:"scope,omitempty"`
			UntilMs  int64           `json:"untilMs,omitempty"`
		}
		if err := c.call(ctx, "exec.approval.resolve", params, &out); err != nil {
			return err
		}
		if e.print.json {
			return e.print.value(out)
		}
		if decision == approval.AllowAlways {
			decision += ", scope " + out.Scope
		}
		e.print.line("%s: %s", decision, v.Headline)
		if v.Standing != nil && (out.Scope == approval.ScopeAgent || out.Scope == approval.ScopeAlways) {
			for _, r := range v.Standing.Rules {
				e.print.line("  stored: %s", strings.Join(r, "; "))
			}
		}
		return nil
	})
}

// quoted prints an argv so that every argument can be told apart.
func quoted(argv []string) string {
	out := make([]string, len(argv))
	for i, a := range argv {
		if a == "" || strings.ContainsAny(a, " \t\n'\"\\$`;&|<>()*?[]{}~#!") {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		out[i] = a
	}
	return strings.Join(out, " ")
}
