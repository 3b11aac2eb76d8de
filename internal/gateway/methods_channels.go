package gateway

import (
	"context"
	"net/http"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gateway/wire"
)

// ChannelDesk is a Channels that an operator can act on. Optional.
type ChannelDesk interface {
	Pairings(ctx context.Context, channel claw.ChannelID) (PairingList, error)
	// Pair settles a request or takes a pairing back.
	Pair(ctx context.Context, p Pair, by claw.Principal) (PairedRow, error)
	// SendMessage sends a text of the operator's own.
	SendMessage(ctx context.Context, s ChannelSend, by claw.Principal) (ChannelSent, error)
	// Webhook takes a channel service's calls at a path.
	Webhook(path string) (http.Handler, bool)
}

// PairingRow is one sender who asks to be let in.
type PairingRow struct {
	Channel   claw.ChannelID `json:"channel"`
	Account   claw.AccountID `json:"accountId"`
	Sender    claw.SenderID  `json:"id"`
	Code      string         `json:"code"`
	Name      string         `json:"name,omitempty"`
	Username  string         `json:"username,omitempty"`
	CreatedMs int64          `json:"createdAtMs"`
	ExpiresMs int64          `json:"expiresAtMs"`
}

// PairedRow is one sender who was let in, or was.
type PairedRow struct {
	Channel claw.ChannelID `json:"channel"`
	Account claw.AccountID `json:"accountId"`
	Sender  claw.SenderID  `json:"id"`
	Name    string         `json:"name,omitempty"`
	// HasOwner: the channel has an owner.
	HasOwner bool `json:"hasOwner"`
}

// PairingList is what waits and who was let in.
type PairingList struct {
	Requests []PairingRow `json:"requests"`
	Paired   []PairedRow  `json:"paired"`
}

// Pair is an operator's word about a sender.
type Pair struct {
	Act     string         `json:"act"` // look, approve, reject, revoke
	Channel claw.ChannelID `json:"channel"`
	Account claw.AccountID `json:"accountId"`
	Code    string         `json:"code"`
	Sender  claw.SenderID  `json:"id"` // of revoke
	Notify  bool           `json:"notify"`
}

// ChannelSend is a text of the operator's own to a conversation.
type ChannelSend struct {
	Channel claw.ChannelID `json:"channel"`
	Account claw.AccountID `json:"accountId"`
	To      string         `json:"to"`
	Message string         `json:"message"`
	Thread  string         `json:"threadId"`
	// DryRun checks and sends nothing.
	DryRun bool `json:"dryRun"`
}

// ChannelSent names the messages that were sent.
type ChannelSent struct {
	Channel claw.ChannelID `json:"channel"`
	To      string         `json:"to"`
	IDs     []string       `json:"messageIds"`
}

// addChannels adds what an operator does with channels. Who is let in is
// decided on the owner's socket or by a browser that has just signed in.
func (s *Server) addChannels() {
	d, ok := s.opt.Channels.(ChannelDesk)
	if !ok {
		return
	}
	s.methods["pairing.list"] = method{wire.Read, with(func(c *conn, q struct {
		Channel claw.ChannelID `json:"channel"`
	}) (any, error) {
		return d.Pairings(c.ctx, q.Channel)
	})}
	for name, act := range map[string]string{"pairing.find": "look", "pairing.approve": "approve", "pairing.reject": "reject", "pairing.revoke": "revoke"} {
		s.methods[name] = method{wire.Pairing, with(func(c *conn, p Pair) (any, error) {
			if act == "approve" {
				if err := c.confirmed(); err != nil {
					return nil, err
				}
			}
			p.Act = act
			return d.Pair(c.ctx, p, c.by())
		})}
	}
	s.methods["send"] = method{wire.Write, with(func(c *conn, q ChannelSend) (any, error) {
		if err := c.ownerOnly(); err != nil {
			return nil, err
		}
		return d.SendMessage(c.ctx, q, c.by())
	})}
}

// channelHook is what takes a chat service's call, which proves itself by a
// secret of its own.
func (s *Server) channelHook(r *http.Request) (http.Handler, bool) {
	if r.Method != http.MethodPost || strings.HasPrefix(r.URL.Path, "/v1/") {
		return nil, false
	}
	d, ok := s.opt.Channels.(ChannelDesk)
	if !ok {
		return nil, false
	}
	return d.Webhook(r.URL.Path)
}
