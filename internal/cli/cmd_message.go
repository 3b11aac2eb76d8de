package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gateway"
)

// sendWait is how long a channel may take over a message.
const sendWait = 2 * time.Minute

func (e *env) cmdMessage() *cobra.Command {
	var q gateway.ChannelSend
	var ch, account string
	send := &cobra.Command{
		Use:     "send --channel CHANNEL --target TARGET --message TEXT",
		Short:   "Send a message of yours to a conversation of a channel",
		Long:    "Send a message of yours to a conversation of a channel.\n\nTARGET is the conversation's id, never a name. No agent sees the message.",
		Example: "  openclaw message send --channel telegram --target 123456789 --message 'hello'",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if ch == "" || q.To == "" || q.Message == "" {
				return usage("message send: --channel, --target and --message are required")
			}
			q.Channel, q.Account = claw.ChannelID(ch), claw.AccountID(account)
			c, err := e.dial()
			if err != nil {
				return err
			}
			defer c.close()
			ctx, cancel := context.WithTimeout(e.ctx, sendWait)
			defer cancel()
			var out gateway.ChannelSent
			if err := c.call(ctx, "send", q, &out); err != nil {
				return err
			}
			if q.DryRun {
				return e.said(out, "%s:%s: would be sent", out.Channel, out.To)
			}
			return e.said(out, "%s:%s: sent as %d message(s)", out.Channel, out.To, len(out.IDs))
		},
	}
	f := send.Flags()
	f.StringVar(&ch, "channel", "", "channel, for example telegram")
	f.StringVarP(&q.To, "target", "t", "", "id of the conversation")
	f.StringVarP(&q.Message, "message", "m", "", "text")
	f.StringVar(&q.Thread, "thread-id", "", "topic within the conversation")
	f.BoolVar(&q.DryRun, "dry-run", false, "check everything and send nothing")
	addAccount(send, &account)
	c := &cobra.Command{Use: "message", Short: "Send messages through channels"}
	c.AddCommand(send)
	return c
}
