package cli

import (
	"encoding/json"
	"slices"
	"sync"

	"github.com/spf13/cobra"

	"github.com/openclaw-go/openclaw/internal/app"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// routeListen is where the way out listens unless told otherwise.
const routeListen = "127.0.0.1:3128"

func (e *env) cmdEgress() *cobra.Command {
	c := &cobra.Command{Use: "egress", Short: "The one way out of a deployment"}
	c.AddCommand(e.cmdEgressServe(), e.cmdEgressHosts())
	return c
}

func (e *env) cmdEgressServe() *cobra.Command {
	var listen string
	c := &cobra.Command{
		Use:   "serve [--listen ADDRESS:PORT]",
		Short: "Serve the way out: a proxy that lets the configured hosts through and no others",
		Long: `Serve the way out: a proxy that lets the configured hosts through and no others.

For a gateway that has no route of its own (docs/containers.md). It reads the
gateway's configuration, not its state: the models' addresses and the hosts of
tools.egress pass, everything else is refused before its name is looked up.
Addresses that are not public are refused unless tools.egress.hosts names them.
The gateway goes through it by gateway.egress.proxy.

Each decision is a line of JSON on standard output, written before anything is
dialled. The configuration is read once: restart to apply another.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			p, err := e.paths()
			if err != nil {
				return usage("%w", err)
			}
			var mu sync.Mutex
			lines := json.NewEncoder(e.print.out)
			err = app.ServeRoute(e.ctx, app.RouteOptions{Paths: p, Getenv: e.getenv, Listen: listen,
				Ready: func(at string) { e.print.note("the way out listens on %s", at) },
				Record: func(ev app.RouteEvent) error {
					mu.Lock()
					defer mu.Unlock()
					return lines.Encode(ev)
				}})
			if err != nil {
				return startError(err)
			}
			return nil
		},
	}
	c.Flags().StringVar(&listen, "listen", routeListen, "`ADDRESS:PORT` to listen on")
	return c
}

func (e *env) cmdEgressHosts() *cobra.Command {
	return &cobra.Command{Use: "hosts", Short: "List what the way out lets through", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
		p, err := e.paths()
		if err != nil {
			return usage("%w", err)
		}
		r, err := app.RouteOf(p, e.getenv)
		if err != nil {
			return startError(err)
		}
		type row struct {
			Host string `json:"host"`
			Why  string `json:"why"`
		}
		rows := []row{}
		for _, o := range r.Origins {
			rows = append(rows, row{o.Scheme + "://" + o.Name, o.For})
		}
		for _, a := range r.Agents {
			if a.Mode == policy.EgressAllow {
				rows = append(rows, row{"*", "any public host, " + a.Where.String()})
			}
			for _, h := range a.Hosts {
				if x := (row{h.Host, h.Where.String()}); !slices.Contains(rows, x) {
					rows = append(rows, x)
				}
			}
		}
		if e.print.json {
			return e.print.value(map[string]any{"hosts": rows})
		}
		for _, x := range rows {
			e.print.line("%-40s %s", x.Host, x.Why)
		}
		if len(rows) == 0 {
			e.print.line("nothing: no model and no host is configured")
		}
		return nil
	}}
}
