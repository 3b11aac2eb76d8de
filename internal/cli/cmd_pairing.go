package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/openclaw-go/openclaw/internal/app"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/filter"
	"github.com/openclaw-go/openclaw/internal/gateway"
	"github.com/openclaw-go/openclaw/internal/json5"
	"github.com/openclaw-go/openclaw/internal/posture"
	"github.com/openclaw-go/openclaw/internal/store"
)

func (e *env) cmdPairing() *cobra.Command {
	c := &cobra.Command{Use: "pairing", Short: "Let people write to the agents, one at a time"}
	var only string
	list := &cobra.Command{Use: "list [CHANNEL]", Short: "List who asks to be let in, and who was", Args: cobra.MaximumNArgs(1), RunE: func(_ *cobra.Command, args []string) error {
		if len(args) == 1 {
			only = args[0]
		}
		return e.pairingList(claw.ChannelID(only))
	}}
	list.Flags().StringVar(&only, "channel", "", "only this channel")
	var account string
	addAccount(list, &account)
	c.AddCommand(list, e.cmdPairingApprove(),
		e.pairingAct("reject CHANNEL CODE", "Drop a request", "reject", "pairing.reject"),
		e.pairingAct("revoke CHANNEL ID", "Take back what was approved", "revoke", "pairing.revoke"))
	return c
}

func addAccount(c *cobra.Command, account *string) {
	c.Flags().StringVar(account, "account", "", "account of the channel; not needed when it has one")
}

func (e *env) cmdPairingApprove() *cobra.Command {
	var account string
	var owner, yes, notify bool
	c := &cobra.Command{
		Use:   "approve CHANNEL CODE",
		Short: "Let the sender in whose message was answered with CODE",
		Long: `Let the sender in whose message was answered with CODE.

The sender may then write to the agents directly, on this channel only. Groups
have lists of their own. While the channel has no owner you are asked whether
the sender is you: an owner's messages are your own word, and questions of
agents are put to owners. --owner says so in scripts.`,
		Example: "  openclaw pairing approve telegram ABCD2345",
		Args:    cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			return e.pairingApprove(gateway.Pair{Act: "approve", Channel: claw.ChannelID(args[0]), Account: claw.AccountID(account), Code: args[1], Notify: notify}, owner, yes)
		},
	}
	addAccount(c, &account)
	c.Flags().BoolVar(&owner, "owner", false, "the sender is you: make them an owner (commands.ownerAllowFrom)")
	c.Flags().BoolVar(&yes, "yes", false, "do not ask on a terminal")
	c.Flags().BoolVar(&notify, "notify", false, "tell the sender")
	return c
}

func (e *env) pairingAct(use, short, act, method string) *cobra.Command {
	var account string
	c := &cobra.Command{Use: use, Short: short, Args: cobra.ExactArgs(2), RunE: func(_ *cobra.Command, args []string) error {
		q := gateway.Pair{Act: act, Channel: claw.ChannelID(args[0]), Account: claw.AccountID(account)}
		if act == "revoke" {
			q.Sender = claw.SenderID(args[1])
		} else {
			q.Code = args[1]
		}
		row, err := e.pair(method, q)
		if err != nil {
			return err
		}
		return e.said(row, "%s on %s: %s", row.Sender, row.Channel, map[string]string{"reject": "rejected", "revoke": "may no longer write"}[act])
	}}
	addAccount(c, &account)
	return c
}

// pair acts through the gateway of the home in use, or on its files when none
// runs.
func (e *env) pair(method string, q gateway.Pair) (row gateway.PairedRow, err error) {
	p, l, err := e.loaded()
	if err != nil {
		return row, err
	}
	if _, err := e.existingHome(); err != nil {
		return row, err
	}
	if _, held := store.Holder(p.State); held {
		return row, e.withGateway(func(ctx context.Context, c *client) error { return c.call(ctx, method, q, &row) })
	}
	row, err = app.PairHere(e.ctx, p, l.Config, q)
	return row, pairError(err)
}

func pairError(err error) error {
	var f *gateway.Fault
	if !errors.As(err, &f) {
		return err
	}
	switch f.Kind {
	case gateway.NotFound, gateway.Invalid:
		return &failure{code: exitUsage, err: f, hint: f.Hint}
	case gateway.Refused:
		return refused(f, f.Hint)
	case gateway.Unavailable, gateway.Conflict:
	}
	return cannot(f, f.Hint)
}

// pairingApprove shows whom it lets in, by the id that does not change, before
// it does.
func (e *env) pairingApprove(q gateway.Pair, owner, yes bool) error {
	look := q
	look.Act = "look"
	who, err := e.pair("pairing.find", look)
	if err != nil {
		return err
	}
	e.print.note("%s user %s, who calls themselves %q, asks to write to your agents", who.Channel, who.Sender, filter.Visible(who.Name))
	people := isTerminal(e.stdin) && !yes
	if people && !e.yes("Let them in?") {
		return refused(errors.New("pairing: nobody was let in"), "openclaw pairing reject "+string(q.Channel)+" "+q.Code)
	}
	if people && !owner && !who.HasOwner {
		owner = e.yes("Is this you?")
	}
	row, err := e.pair("pairing.approve", q)
	if err != nil {
		return err
	}
	out := struct {
		gateway.PairedRow
		Owner bool `json:"owner"`
	}{row, false}
	if owner {
		if err := e.makeOwner(row); err != nil {
			return cannot(fmt.Errorf("%s may write, and was not made an owner: %w", row.Sender, err), "openclaw config set commands.ownerAllowFrom '[\""+string(row.Channel)+":"+string(row.Sender)+"\"]'")
		}
		out.Owner, out.HasOwner = true, true
	}
	if e.print.json {
		return e.print.value(out)
	}
	e.print.line("%s user %s may write to the agents.", row.Channel, row.Sender)
	switch {
	case out.Owner:
		e.print.line("It is an owner's: its messages are your own word.")
	case !out.HasOwner:
		e.print.line("The channel has no owner, so nobody is asked there: openclaw pairing approve --owner, or commands.ownerAllowFrom.")
	}
	return nil
}

// makeOwner adds a sender to commands.ownerAllowFrom, by the operator's word
// given with this command and by nothing else (R48). What else waits for a word
// goes on waiting.
func (e *env) makeOwner(row gateway.PairedRow) error {
	p, l, err := e.loaded()
	if err != nil {
		return err
	}
	entry := string(row.Channel) + ":" + string(row.Sender)
	have := config.Strings(l.Config.Commands.OwnerFrom)
	if slices.Contains(have, entry) {
		return nil
	}
	text := "["
	for _, o := range append(have, entry) {
		text += json5.Quote(o) + ", "
	}
	at, err := json5.ParsePath("commands.ownerAllowFrom")
	if err != nil {
		return err
	}
	if _, err = configfile.Set(p, configfile.Options{Env: e.lookup}, at, text[:len(text)-2]+"]"); err != nil {
		return err
	}
	mine := func(changes []posture.Change) bool { return len(changes) == 1 && changes[0].What == "owner "+entry }
	if _, held := store.Holder(p.State); held {
		return e.withGateway(func(ctx context.Context, c *client) error {
			var pending *app.Proposal
			if err := c.call(ctx, "config.pending", nil, &pending); err != nil || pending == nil {
				return err
			}
			if !mine(pending.Changes) {
				e.print.note("the configuration loosens more than this, and waits: openclaw config accept")
				return nil
			}
			return c.call(ctx, "config.accept", map[string]string{"hash": pending.Hash}, nil)
		})
	}
	if _, l, err = e.loaded(); err != nil {
		return err
	}
	changes, err := app.LooserThanSealed(p, l.Config)
	if err != nil || !mine(changes) {
		return err
	}
	_, err = app.AcceptHere(e.ctx, p, l.Config)
	return err
}

func (e *env) pairingList(only claw.ChannelID) error {
	p, l, err := e.loaded()
	if err != nil {
		return err
	}
	out, err := app.PairingsHere(p, l.Config, only)
	if err != nil {
		return cannot(err, "")
	}
	if e.print.json {
		return e.print.value(out)
	}
	if len(out.Requests) == 0 {
		e.print.line("Nobody asks to be let in.")
	}
	for _, r := range out.Requests {
		e.print.row("%s  %s user %s%s, calls themselves %s, %s ago", r.Code, r.Channel, r.Sender, ofAccount(r.Account), filter.Visible(fmt.Sprintf("%q %q", r.Name, r.Username)), time.Since(time.UnixMilli(r.CreatedMs)).Round(time.Minute))
	}
	for _, r := range out.Paired {
		e.print.row("let in    %s user %s%s", r.Channel, r.Sender, ofAccount(r.Account))
	}
	return nil
}

func ofAccount(a claw.AccountID) string {
	if a == "" || a == store.DefaultAccount {
		return ""
	}
	return " (account " + string(a) + ")"
}
