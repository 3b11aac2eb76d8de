package gate

import (
	"context"
	"fmt"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/tool"
)

// Outbox sends into the conversation that asked. Channels are not connected
// yet: any other target is named, and refused with that reason.
type Outbox struct {
	Audience policy.Send
	// Deliver puts a message into a conversation.
	Deliver func(ctx context.Context, to policy.Send, text string) error
}

var _ tool.Outbox = Outbox{}

// Target implements tool.Outbox. Without a channel and a receiver it is the
// conversation that asked.
func (o Outbox) Target(channel claw.ChannelID, to string) (policy.Send, error) {
	if channel == "" && to == "" || channel == o.Audience.Channel && (to == "" || to == o.Audience.To) {
		return o.Audience, nil
	}
	if channel == "" {
		channel = o.Audience.Channel
	}
	return policy.Send{Channel: channel, To: to}, nil
}

// Send implements tool.Outbox.
func (o Outbox) Send(ctx context.Context, p policy.Permit, to policy.Send, text string) error {
	if !p.Valid() {
		return fmt.Errorf("send to %s:%s: no valid permit", to.Channel, to.To)
	}
	if to.Channel != o.Audience.Channel || to.To != o.Audience.To {
		return fmt.Errorf("channel %q is not connected", to.Channel)
	}
	return o.Deliver(ctx, to, text)
}
