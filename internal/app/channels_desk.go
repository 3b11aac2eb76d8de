package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/channel"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/filter"
	"github.com/openclaw-go/openclaw/internal/gateway"
	"github.com/openclaw-go/openclaw/internal/inbox"
	"github.com/openclaw-go/openclaw/internal/inbox/admission"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/posture"
	"github.com/openclaw-go/openclaw/internal/store"
)

var (
	_ gateway.Channels    = (*channels)(nil)
	_ gateway.ChannelDesk = (*channels)(nil)
)

// Pairings implements gateway.ChannelDesk.
func (c *channels) Pairings(_ context.Context, only claw.ChannelID) (gateway.PairingList, error) {
	return pairings(c.pairing, c.app.posture.config(), only)
}

// pairings lists what waits and who was let in at the channels of a
// configuration.
func pairings(p *inbox.Pairing, cfg *config.Config, only claw.ChannelID) (gateway.PairingList, error) {
	out := gateway.PairingList{Requests: []gateway.PairingRow{}, Paired: []gateway.PairedRow{}}
	seen := map[claw.ChannelID]bool{}
	for _, in := range posture.InboundOf(cfg) {
		if only != "" && in.Channel != only {
			continue
		}
		owner := len(posture.OwnersOf(cfg, in.Channel)) > 0
		id := lineOf(in.Channel, in.Account)
		ids, err := p.Paired(id.channel, id.account)
		if err != nil {
			return out, err
		}
		for _, s := range ids {
			out.Paired = append(out.Paired, gateway.PairedRow{Channel: id.channel, Account: id.account, Sender: claw.SenderID(s), HasOwner: owner})
		}
		if seen[in.Channel] {
			continue
		}
		seen[in.Channel] = true
		rs, err := p.Pending(in.Channel)
		if err != nil {
			return out, err
		}
		for _, r := range rs {
			out.Requests = append(out.Requests, gateway.PairingRow{Channel: in.Channel, Account: r.Account(), Sender: r.ID, Code: r.Code, Name: r.Meta[store.MetaName], Username: r.Meta[store.MetaUsername],
				CreatedMs: r.CreatedAt.UnixMilli(), ExpiresMs: r.CreatedAt.Add(inbox.PairingLife).UnixMilli()})
		}
	}
	return out, nil
}

// Pair implements gateway.ChannelDesk.
func (c *channels) Pair(ctx context.Context, q gateway.Pair, by claw.Principal) (gateway.PairedRow, error) {
	row, err := pair(ctx, c.pairing, c.app.posture.config(), q, by)
	if err != nil {
		return row, pairFault(err)
	}
	if q.Act == "approve" && q.Notify {
		c.sayTo(claw.Principal{Surface: claw.SurfaceChannel, Standing: claw.Paired, Channel: row.Channel, Account: row.Account, Sender: row.Sender}, channel.Target(row.Sender), "OpenClaw: access approved.")
	}
	return row, nil
}

func pair(ctx context.Context, p *inbox.Pairing, cfg *config.Config, q gateway.Pair, by claw.Principal) (gateway.PairedRow, error) {
	row := gateway.PairedRow{Channel: q.Channel, Account: q.Account, Sender: q.Sender, HasOwner: len(posture.OwnersOf(cfg, q.Channel)) > 0}
	if q.Channel == "" {
		return row, errors.New("pairing: a channel is required")
	}
	if q.Act == "revoke" {
		if row.Account == "" {
			row.Account = store.DefaultAccount
		}
		return row, p.Revoke(ctx, q.Channel, q.Account, claw.SenderID(admission.Normal(q.Channel, string(q.Sender))), by)
	}
	settle := p.Approve
	switch q.Act {
	case "approve":
	case "reject":
		settle = p.Reject
	case "look":
		settle = func(_ context.Context, ch claw.ChannelID, id claw.AccountID, code string, _ claw.Principal) (store.PairingRequest, error) {
			return p.Find(ch, id, code)
		}
	default:
		return row, fmt.Errorf("pairing: %q is no act", q.Act)
	}
	r, err := settle(ctx, q.Channel, q.Account, q.Code, by)
	if err != nil {
		return row, err
	}
	row.Account, row.Sender, row.Name = r.Account(), r.ID, r.Meta[store.MetaName]
	if u := r.Meta[store.MetaUsername]; u != "" {
		row.Name = strings.TrimSpace(row.Name + " (@" + u + ")")
	}
	return row, nil
}

func pairFault(err error) error {
	switch {
	case errors.Is(err, inbox.ErrCode), errors.Is(err, inbox.ErrWhom):
		return &gateway.Fault{Kind: gateway.NotFound, Message: err.Error(), Hint: "openclaw pairing list"}
	case errors.Is(err, inbox.ErrTries):
		return &gateway.Fault{Kind: gateway.Refused, Message: err.Error(), Hint: "wait an hour, or add the sender's id to allowFrom"}
	}
	return &gateway.Fault{Kind: gateway.Unavailable, Message: err.Error()}
}

// SendMessage implements gateway.ChannelDesk: an operator's own act, recorded
// before it happens.
func (c *channels) SendMessage(ctx context.Context, q gateway.ChannelSend, by claw.Principal) (gateway.ChannelSent, error) {
	out := gateway.ChannelSent{Channel: q.Channel, To: q.To, IDs: []string{}}
	if strings.TrimSpace(q.Message) == "" || len(q.Message) > inbox.MaxText {
		return out, &gateway.Fault{Kind: gateway.Invalid, Message: "the message is empty or too long"}
	}
	if q.Thread != "" {
		out.To += ":topic:" + q.Thread
	}
	line, ok := c.line(q.Channel, q.Account)
	if !ok {
		id := lineOf(q.Channel, q.Account)
		c.mu.Lock()
		why := c.down[id]
		c.mu.Unlock()
		if why == "" {
			why = "it is not configured"
		}
		return out, &gateway.Fault{Kind: gateway.Unavailable, Message: fmt.Sprintf("channel %s does not run: %s", id, why), Hint: "openclaw channels status"}
	}
	if q.DryRun {
		return out, nil
	}
	if _, err := c.app.journal.Append(ctx, journal.Entry{Event: journal.ChannelMessage, Principal: by, Data: struct {
		Direction string         `json:"direction"`
		By        string         `json:"by"`
		Channel   claw.ChannelID `json:"channel"`
		To        string         `json:"to"`
		Bytes     int            `json:"bytes"`
	}{"out", "operator: message send", q.Channel, out.To, len(q.Message)}}); err != nil {
		return out, err
	}
	refs, err := line.Channel.Send(ctx, channel.Target(out.To), channel.Outgoing{Text: q.Message})
	for _, r := range refs {
		c.reception.Sent(q.Channel, q.Account, r)
		out.IDs = append(out.IDs, r.ID)
	}
	switch {
	case errors.Is(err, channel.ErrTarget):
		return out, &gateway.Fault{Kind: gateway.Invalid, Message: err.Error(), Hint: "name the conversation by its number"}
	case err != nil:
		return out, &gateway.Fault{Kind: gateway.Unavailable, Message: c.app.redactor().String(err.Error())}
	}
	return out, nil
}

// Webhook implements gateway.ChannelDesk.
func (c *channels) Webhook(path string) (http.Handler, bool) { return c.webhook(path) }

// pairingHere is a pairing desk for commands while no gateway runs. The journal
// is open, so that no gateway starts meanwhile; stop closes it.
func pairingHere(p configfile.Paths, cfg *config.Config) (desk *inbox.Pairing, stop func() error, err error) {
	red := filter.New(filter.Options{})
	j, err := journal.Open(journal.Options{Dir: p.State, Path: journalPath(p, cfg), Now: time.Now, Redact: red.String})
	if err != nil {
		return nil, nil, err
	}
	return inbox.NewPairing(inbox.PairingOptions{Files: store.PairingsAt(p.State), Journal: j, Now: time.Now, Rand: rand.Reader}), j.Close, nil
}

// PairHere settles a request while no gateway runs.
func PairHere(ctx context.Context, p configfile.Paths, cfg *config.Config, q gateway.Pair) (row gateway.PairedRow, err error) {
	desk, stop, err := pairingHere(p, cfg)
	if err != nil {
		return row, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	if row, err = pair(ctx, desk, cfg, q, operatorAct); err != nil {
		err = pairFault(err)
	}
	return row, err
}

// PairingsHere lists requests, the gateway running or not.
func PairingsHere(p configfile.Paths, cfg *config.Config, only claw.ChannelID) (gateway.PairingList, error) {
	desk := inbox.NewPairing(inbox.PairingOptions{Files: store.PairingsAt(p.State), Now: time.Now, Rand: rand.Reader})
	return pairings(desk, cfg, only)
}

// ChannelsOf lists the channel accounts of a configuration, without reaching
// anything.
func ChannelsOf(cfg *config.Config) []gateway.ChannelRow {
	out := []gateway.ChannelRow{}
	built := (&channels{}).built()
	for _, in := range posture.InboundOf(cfg) {
		id := lineOf(in.Channel, in.Account)
		row := gateway.ChannelRow{Channel: id.channel, Account: id.account, Configured: true, State: "stopped"}
		switch {
		case !in.Enabled:
			row.State = "off"
		case built[in.Channel] == nil:
			row.State, row.Problem = "down", "this program has no such channel"
		}
		out = append(out, row)
	}
	slices.SortFunc(out, func(a, b gateway.ChannelRow) int {
		return strings.Compare(string(a.Channel)+string(a.Account), string(b.Channel)+string(b.Account))
	})
	return out
}

// OwnersOn lists the operator's ids on a channel.
func OwnersOn(cfg *config.Config, ch claw.ChannelID) []string { return posture.OwnersOf(cfg, ch) }
