package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/openclaw-go/openclaw/internal/gateway"
)

func (e *env) cmdGatewayExpose() *cobra.Command {
	var bind string
	var d time.Duration
	var off bool
	c := &cobra.Command{
		Use:   "expose --for 10m",
		Short: "Open the running gateway to other machines for a while",
		Long: `Open the running gateway to other machines for a while.

For finding out why a client cannot connect. Beside the address of the
configuration it listens on another one too, and goes back by itself: when the
time is over, when the gateway stops, with --off, or as soon as the
configuration in force would not permit it. Start and end are on record.

What a permanent bind needs is needed here: a token or password of at least 32
characters that is no published sample, or a trusted proxy. Nothing is opened
while the HTTP API is (gateway.http). The configuration is not changed.`,
		Example: "  openclaw gateway expose --for 10m\n  openclaw gateway expose --for 5m --bind 192.0.2.7\n  openclaw gateway expose --off",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return e.withGateway(func(ctx context.Context, c *client) error {
				if off {
					return e.unexpose(ctx, c)
				}
				return e.expose(ctx, c, bind, d)
			})
		},
	}
	c.Flags().DurationVar(&d, "for", 10*time.Minute, "how long; at most 1h")
	c.Flags().StringVar(&bind, "bind", "lan", "lan, tailnet or an `ADDRESS` of this machine")
	c.Flags().BoolVar(&off, "off", false, "close it now")
	c.MarkFlagsMutuallyExclusive("off", "for")
	c.MarkFlagsMutuallyExclusive("off", "bind")
	return c
}

func (e *env) expose(ctx context.Context, c *client, bind string, d time.Duration) error {
	var open gateway.Exposed
	if err := c.call(ctx, "gateway.expose", map[string]any{"bind": bind, "forMs": d.Milliseconds()}, &open); err != nil {
		return err
	}
	if e.print.json {
		return e.print.value(open)
	}
	e.print.line("open to other machines on %s, %s", strings.Join(open.Addresses, ", "), remaining(open))
	e.print.note("it closes by itself; now: openclaw gateway expose --off")
	return nil
}

func (e *env) unexpose(ctx context.Context, c *client) error {
	if err := c.call(ctx, "gateway.unexpose", nil, nil); err != nil {
		return err
	}
	if e.print.json {
		return e.print.value(gateway.Exposed{Addresses: []string{}})
	}
	e.print.line("the gateway listens as configured again")
	return nil
}

// remaining says how long an exposure still lasts.
func remaining(x gateway.Exposed) string {
	until := time.UnixMilli(x.UntilMs)
	return fmt.Sprintf("for %s more, until %s", max(time.Until(until), 0).Round(time.Second), until.Local().Format(time.TimeOnly))
}

// exposedNow asks a running gateway what is open; nil when nobody could say.
func (e *env) exposedNow(running bool) *gateway.Exposed {
	if !running {
		return nil
	}
	var open gateway.Exposed
	if err := e.withGateway(func(ctx context.Context, c *client) error { return c.call(ctx, "gateway.exposed", nil, &open) }); err != nil {
		e.print.note("whether it is open to other machines was not measured: %v", err)
		return nil
	}
	return &open
}
