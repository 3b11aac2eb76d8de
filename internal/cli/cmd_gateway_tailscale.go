package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/openclaw-go/openclaw/internal/app"
)

func (e *env) cmdGatewayTailscale() *cobra.Command {
	c := &cobra.Command{Use: "tailscale", Short: "Serve the gateway to your tailnet, and to nobody else"}
	var port int
	serve := &cobra.Command{
		Use:   "serve",
		Short: "Have Tailscale serve the gateway over HTTPS within your tailnet",
		Long: `Have Tailscale serve the gateway over HTTPS within your tailnet.

The gateway stays on loopback; tailscale serve leads there. Only devices of your
tailnet come in, and each still needs the gateway's token. What is run goes on
record first. It refuses while Tailscale Funnel leads to the gateway, and takes
no address that leads elsewhere already.

Without root, Tailscale wants to know you: sudo tailscale set --operator=$USER`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return e.tailscaleServe(port) },
	}
	serve.Flags().IntVar(&port, "https-port", 443, "`PORT` on this machine's tailnet name")
	off := &cobra.Command{Use: "off", Short: "Have Tailscale serve the gateway no longer", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error { return e.tailscaleOff() }}
	status := &cobra.Command{Use: "status", Short: "Say what Tailscale leads to the gateway", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error { return e.tailscaleStatus() }}
	funnel := &cobra.Command{
		Use: "funnel", Short: "Refused: Funnel is open to the whole internet", Args: cobra.ArbitraryArgs,
		RunE: func(*cobra.Command, []string) error {
			return refused(errors.New("Funnel publishes the gateway to the whole internet; openclaw does not switch it on"), "openclaw gateway tailscale serve reaches your own devices only")
		},
	}
	c.AddCommand(serve, status, off, funnel)
	return c
}

// tailscaleNow asks for the state, which must be running.
func (e *env) tailscaleNow(port int) (app.TailscaleState, error) {
	st, err := app.NewTailscale().Status(e.ctx, port)
	switch {
	case errors.Is(err, app.ErrNoTailscale):
		return st, cannot(err, "https://tailscale.com/download, then: tailscale up")
	case err != nil:
		return st, cannot(err, "tailscale status")
	case st.State != "Running":
		return st, cannot(fmt.Errorf("tailscale does not run (%s)", st.State), "tailscale up")
	}
	return st, nil
}

// funnelled refuses while the internet reaches the gateway.
func funnelled(st app.TailscaleState) error {
	for _, d := range st.Doors {
		if d.Gateway && d.Funnel {
			return refused(fmt.Errorf("Tailscale Funnel leads the whole internet to the gateway (%s)", d.At), "tailscale funnel reset")
		}
	}
	return nil
}

func (e *env) tailscaleServe(https int) error {
	p, err := e.existingHome()
	if err != nil {
		return err
	}
	r, err := app.ReachOf(p, e.lookup)
	switch {
	case err != nil:
		return startError(err)
	case https < 1 || https > 65535:
		return usage("--https-port: %d is no port", https)
	case !r.Proof:
		return refused(errors.New("gateway.auth.mode is none: every device of the tailnet would be the owner"), `openclaw config set gateway.auth.mode token`)
	}
	st, err := e.tailscaleNow(r.Port)
	if err != nil {
		return err
	}
	if err := funnelled(st); err != nil {
		return err
	}
	suffix := fmt.Sprintf(":%d", https)
	for _, d := range st.Doors {
		if strings.HasSuffix(d.At, suffix) && !d.Gateway {
			return refused(fmt.Errorf("%s leads to %s already", d.At, d.To), "openclaw gateway tailscale serve --https-port 8443")
		}
		if strings.HasSuffix(d.At, suffix) && d.Gateway {
			return e.tailscaleSay(st, r)
		}
	}
	args := []string{"serve", "--bg", fmt.Sprintf("--https=%d", https), fmt.Sprintf("http://127.0.0.1:%d", r.Port)}
	if err := e.recordMachine(p, app.MachineChange{What: "tailscale serve", Commands: []string{"tailscale " + strings.Join(args, " ")}}); err != nil {
		return err
	}
	if err := app.NewTailscale().Run(e.ctx, args...); err != nil {
		return cannot(fmt.Errorf("tailscale %s: %w", strings.Join(args, " "), err), "without root: sudo tailscale set --operator=$USER; HTTPS must be switched on for the tailnet")
	}
	if st, err = e.tailscaleNow(r.Port); err != nil {
		return err
	}
	if err := funnelled(st); err != nil {
		return err
	}
	found := false
	for _, d := range st.Doors {
		found = found || d.Gateway && strings.HasSuffix(d.At, suffix)
	}
	if !found {
		return cannot(errors.New("tailscale says that it serves, and leads nothing to the gateway"), "tailscale serve status")
	}
	return e.tailscaleSay(st, r)
}

func (e *env) tailscaleOff() error {
	p, err := e.existingHome()
	if err != nil {
		return err
	}
	r, err := app.ReachOf(p, e.lookup)
	if err != nil {
		return startError(err)
	}
	st, err := e.tailscaleNow(r.Port)
	if err != nil {
		return err
	}
	var runs [][]string
	for _, d := range st.Doors {
		if at := strings.LastIndexByte(d.At, ':'); d.Gateway && at >= 0 {
			how := "serve"
			if d.Funnel {
				how = "funnel"
			}
			runs = append(runs, []string{how, "--https=" + d.At[at+1:], "off"})
		}
	}
	if len(runs) > 0 {
		change := app.MachineChange{What: "tailscale off"}
		for _, args := range runs {
			change.Commands = append(change.Commands, "tailscale "+strings.Join(args, " "))
		}
		if err := e.recordMachine(p, change); err != nil {
			return err
		}
	}
	for _, args := range runs {
		if err := app.NewTailscale().Run(e.ctx, args...); err != nil {
			return cannot(fmt.Errorf("tailscale %s: %w", strings.Join(args, " "), err), "tailscale serve status")
		}
	}
	if st, err = e.tailscaleNow(r.Port); err != nil {
		return err
	}
	for _, d := range st.Doors {
		if d.Gateway {
			return cannot(fmt.Errorf("%s still leads to the gateway", d.At), "tailscale serve reset")
		}
	}
	if e.print.json {
		return e.print.value(st)
	}
	e.print.line("Tailscale leads nothing to the gateway")
	return nil
}

func (e *env) tailscaleStatus() error {
	p, err := e.existingHome()
	if err != nil {
		return err
	}
	r, err := app.ReachOf(p, e.lookup)
	if err != nil {
		return startError(err)
	}
	st, err := e.tailscaleNow(r.Port)
	if err != nil {
		return err
	}
	return e.tailscaleSay(st, r)
}

func (e *env) tailscaleSay(st app.TailscaleState, r app.Reachable) error {
	if e.print.json {
		return e.print.value(st)
	}
	served, public := false, false
	for _, d := range st.Doors {
		switch {
		case !d.Gateway:
		case d.Funnel:
			public = true
			e.print.line("the whole internet   https://%s", d.At)
		default:
			served = true
			e.print.line("your tailnet         https://%s", strings.TrimSuffix(d.At, ":443"))
		}
	}
	if !served && !public {
		e.print.line("Tailscale leads nothing to the gateway")
	}
	if public {
		return refused(errors.New("Tailscale Funnel leads the whole internet to the gateway"), "tailscale funnel reset")
	}
	if served && r.Tailscale != "serve" {
		e.print.note("say so in the configuration, so that the audit knows that it is meant: openclaw config set gateway.tailscale.mode serve")
	}
	return nil
}
