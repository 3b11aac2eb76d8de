package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/openclaw-go/openclaw/internal/app"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/store"
)

func (e *env) cmdHarden() *cobra.Command {
	c := &cobra.Command{Use: "harden", Short: "Harden the machine around the gateway"}
	c.AddCommand(e.cmdHardenFirewall())
	return c
}

func (e *env) cmdHardenFirewall() *cobra.Command {
	var apply, yes bool
	c := &cobra.Command{
		Use:   "firewall",
		Short: "Print the firewall rules of the guide for this machine, or put them in force",
		Long: `Print the firewall rules of the guide for this machine, or put them in force.

Nothing comes in but SSH and the private networks that are there: the tailnet
and WireGuard. The gateway's port has no rule; it is reached through them, or
through ssh -L. If you are connected by SSH on another port than 22, that port
is kept open too.

--apply runs what is printed, as root, after a question, and puts it on the
record of root's own home first. Anybody else runs the printed lines. Rules that
are there already stay; one that opens the gateway's port is named.`,
		Example: "  openclaw harden firewall\n  openclaw harden firewall --json\n  openclaw harden firewall --apply",
		Args:    cobra.NoArgs,
		RunE:    func(*cobra.Command, []string) error { return e.hardenFirewall(apply, yes) },
	}
	c.Flags().BoolVar(&apply, "apply", false, "put them in force")
	c.Flags().BoolVar(&yes, "yes", false, "with --apply: ask nothing")
	return c
}

// firewallOut is the result of harden firewall.
type firewallOut struct {
	Rules   []app.FirewallRule `json:"rules"`
	Applied bool               `json:"applied"`
	// Open are rules in force that let the gateway's port in.
	Open   []string `json:"open"`
	Status string   `json:"status,omitempty"`
}

const ufwDir = "/etc/ufw"

func (e *env) hardenFirewall(apply, yes bool) error {
	out := firewallOut{Rules: app.FirewallFor(e.getenv("SSH_CONNECTION")), Open: []string{}}
	port := 8765
	if p, err := e.paths(); err == nil {
		if r, err := app.ReachOf(p, e.lookup); err == nil && r.Port != 0 {
			port = r.Port
		}
	}
	out.Open = append(out.Open, app.OpenInFirewall(ufwDir, port)...)
	if apply {
		if err := e.applyFirewall(&out, yes); err != nil {
			return err
		}
	}
	if e.print.json {
		return e.print.value(out)
	}
	if !out.Applied {
		for _, r := range out.Rules {
			e.print.line("%-44s # %s", r.Command(), r.Why)
		}
		e.print.note("no rule for port %d: it is reached by ssh -L, tailscale serve or WireGuard", port)
	} else {
		e.print.text(out.Status)
	}
	for _, o := range out.Open {
		e.print.note("a rule lets port %d in: %s; delete it: sudo ufw status numbered, then sudo ufw delete NUMBER", port, o)
	}
	return nil
}

// applyFirewall records, then runs rule by rule. It stops at the first that
// fails, and says what is in force until then.
func (e *env) applyFirewall(out *firewallOut, yes bool) error {
	byHand := "run the printed lines: openclaw harden firewall"
	if os.Geteuid() != 0 {
		return refused(errors.New("changing the firewall needs root"), byHand)
	}
	if _, err := os.Lstat("/usr/sbin/ufw"); errors.Is(err, fs.ErrNotExist) {
		return cannot(errors.New("ufw is not installed"), "apt install ufw")
	}
	p, err := e.existingHome()
	if err != nil {
		return err
	}
	if err := app.CheckRootIn(p, false); err != nil {
		return refused(err, byHand)
	}
	for _, r := range out.Rules {
		e.print.note("%s", r.Command())
	}
	switch {
	case yes:
	case !isTerminal(e.stdin):
		return refused(errors.New("nobody is there to be asked"), "openclaw harden firewall --apply --yes")
	case !e.yes("Put these rules in force?"):
		return refused(errors.New("nothing was changed"), "")
	}
	change := app.MachineChange{What: "firewall"}
	for _, r := range out.Rules {
		change.Commands = append(change.Commands, "ufw "+strings.Join(r.Args, " "))
	}
	if err := e.recordMachine(p, change); err != nil {
		return err
	}
	for _, r := range out.Rules {
		said, err := app.ApplyFirewall(e.ctx, r)
		if err != nil {
			return cannot(err, "ufw status verbose shows what is in force")
		}
		out.Status = said
	}
	out.Applied = true
	return nil
}

// recordMachine puts a change of the machine on record before it happens.
func (e *env) recordMachine(p configfile.Paths, c app.MachineChange) error {
	if _, held := store.Holder(p.State); held {
		return e.withGateway(func(ctx context.Context, g *client) error { return g.call(ctx, "machine.changed", c, nil) })
	}
	if err := app.RecordMachine(e.ctx, p, e.lookup, c); err != nil {
		return cannot(err, "")
	}
	return nil
}
