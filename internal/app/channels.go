package app

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/openclaw-go/openclaw/internal/agent"
	"github.com/openclaw-go/openclaw/internal/approval"
	"github.com/openclaw-go/openclaw/internal/channel"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/courier"
	"github.com/openclaw-go/openclaw/internal/gateway"
	"github.com/openclaw-go/openclaw/internal/inbox"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/store"
)

// channels are the accounts that the configuration in force has.
type channels struct {
	app       *App
	pairing   *inbox.Pairing
	reception *inbox.Reception
	courier   *courier.Courier

	reading sync.Mutex
	doors   doors

	// making: one reconciliation at a time, so that the newest has the last
	// word.
	making sync.Mutex

	mu      sync.Mutex
	running map[lineID]*line
	down    map[lineID]string // why an account does not run
}

// lineID names an account of a channel.
type lineID struct {
	channel claw.ChannelID
	account claw.AccountID
}

func (l lineID) String() string { return string(l.channel) + "/" + string(l.account) }

// line is an account that runs.
type line struct {
	channel  channel.Channel
	settings [sha256.Size]byte
	handler  http.Handler
	path     string
	stop     context.CancelFunc
	done     chan struct{}
}

// built lists the channels that there are: adding one is a line here.
func (c *channels) built() map[claw.ChannelID]func(context.Context, *config.Config, lineID) (opened, error) {
	return map[claw.ChannelID]func(context.Context, *config.Config, lineID) (opened, error){"telegram": c.telegram}
}

// opened is an account ready to receive.
type opened struct {
	// settings change when the account must be opened anew.
	settings [sha256.Size]byte
	make     func() (channel.Channel, error)
	handler  func(channel.Channel) http.Handler
	path     string
}

func (a *App) openChannels() {
	c := &channels{app: a, running: map[lineID]*line{}, down: map[lineID]string{}}
	c.pairing = inbox.NewPairing(inbox.PairingOptions{Files: a.store.Pairings(), Journal: a.journal, Now: time.Now, Rand: rand.Reader})
	c.courier = courier.New(courier.Options{Line: c.line, Sent: func(ch claw.ChannelID, account claw.AccountID, r channel.Ref) { c.reception.Sent(ch, account, r) },
		Given: c.given, Labels: c.labels, Redact: func(s string) string { return a.redactor().String(s) }, Desk: a.desk, May: c.may, Token: func() string { return newID("")[:22] },
		Now: time.Now, Report: a.report("channel"), Go: func(f func(context.Context)) { a.wg.Go(func() { f(a.life) }) }})
	c.reception = inbox.NewReception(inbox.ReceptionOptions{Inbox: a.inbox, Door: c.door, Pairing: c.pairing, Journal: a.journal, Say: c.say, Obey: c.obey, Sees: c.sees, NewRun: newRun, Now: time.Now})
	a.channels = c
	a.desk.Subscribe(c.asked)
}

// start opens what the configuration has; adapters that it does not name are
// never made. It returns at once.
func (c *channels) start() {
	if len(c.configured()) > 0 {
		c.app.wg.Go(c.reconcile)
	}
}

// reconcile makes what runs what the configuration in force says.
func (c *channels) reconcile() {
	c.making.Lock()
	defer c.making.Unlock()
	cfg := c.app.posture.config()
	want := map[lineID]opened{}
	down := map[lineID]string{}
	ids := c.configured()
	if c.app.locks.closed() != nil {
		ids = nil
	}
	for _, id := range ids {
		open := c.built()[id.channel]
		o, err := open(c.app.life, cfg, id)
		if err != nil {
			down[id] = c.app.redactor().String(err.Error())
			c.app.log.Error("a channel is down", "channel", id.String(), "error", err)
			continue
		}
		want[id] = o
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, l := range c.running {
		if o, ok := want[id]; ok && o.settings == l.settings {
			delete(want, id)
			continue
		}
		l.stop()
		delete(c.running, id)
	}
	c.down = down
	for id, o := range want {
		c.run(id, o)
	}
}

// run starts one account. The caller holds mu.
func (c *channels) run(id lineID, o opened) {
	if c.app.life.Err() != nil {
		return
	}
	ch, err := o.make()
	if err != nil {
		c.down[id] = c.app.redactor().String(err.Error())
		c.app.log.Error("a channel is down", "channel", id.String(), "error", err)
		return
	}
	ctx, stop := context.WithCancel(c.app.life)
	l := &line{channel: ch, settings: o.settings, path: o.path, stop: stop, done: make(chan struct{})}
	if o.handler != nil {
		l.handler = o.handler(ch)
	}
	c.running[id] = l
	c.app.wg.Go(func() {
		defer close(l.done)
		if err := ch.Receive(ctx, receiver{c}); err != nil && ctx.Err() == nil {
			c.app.log.Error("a channel is down", "channel", id.String(), "error", err)
		}
	})
}

// receiver is the sink of every account.
type receiver struct{ c *channels }

func (r receiver) Receive(ctx context.Context, m channel.Message) (bool, error) {
	return r.c.reception.Receive(ctx, m)
}

func (r receiver) Press(_ context.Context, p channel.Press) string { return r.c.courier.Press(p) }

// line is what the courier knows of an account.
func (c *channels) line(ch claw.ChannelID, account claw.AccountID) (courier.Line, bool) {
	id := lineOf(ch, account)
	c.mu.Lock()
	l, ok := c.running[id]
	c.mu.Unlock()
	if !ok {
		return courier.Line{}, false
	}
	out := courier.Line{Channel: l.channel}
	s := c.settings(id)
	switch s.Streaming.Mode.V {
	case "partial", "block", "progress", "true":
		out.Stream = courier.WhileItGrows
	}
	out.Prefix = s.ResponsePrefix.V
	if s.ExecApprovals.Enabled.Or("auto") == "false" {
		return out, true
	}
	listed := config.Strings(s.ExecApprovals.Approvers)
	if d, ok := c.door(ch, account); ok {
		for _, o := range d.Owners {
			if len(listed) > 0 && !slices.ContainsFunc(listed, func(e string) bool { return sameID(ch, e, o) }) {
				continue
			}
			if n := normalID(ch, o); n != "" && len(out.Approvers) < maxApprovers {
				out.Approvers = append(out.Approvers, claw.SenderID(n))
			}
		}
	}
	return out, true
}

// maxApprovers bounds who is asked at once.
const maxApprovers = 5

func lineOf(ch claw.ChannelID, account claw.AccountID) lineID {
	if account == "" {
		account = store.DefaultAccount
	}
	return lineID{ch, account}
}

// given: the operator wrote the address in the session, or a rule of theirs
// names it.
func (c *channels) given(id claw.AgentID, key claw.SessionKey, url string) bool {
	r, ok := c.app.posture.rules(id)
	return ok && (c.app.sessions.Said(key, url) || r.Egress.Gives(url))
}

func (c *channels) labels(key claw.SessionKey) claw.Labels {
	l, _, err := c.app.sessions.Labels(key)
	if err != nil {
		return claw.Untrusted | claw.Private
	}
	return l
}

// say sends words of the gateway's own, once the journal has that it does.
func (c *channels) say(m channel.Message, text string) {
	c.sayTo(claw.Principal{Surface: claw.SurfaceChannel, Channel: m.Channel, Account: m.Account, Sender: m.Sender.ID}, m.Chat.To, text)
}

func (c *channels) sayTo(who claw.Principal, to channel.Target, text string) {
	if _, err := c.app.journal.Append(c.app.life, journal.Entry{Event: journal.ChannelMessage, Principal: who, Data: struct {
		Direction string         `json:"direction"`
		By        string         `json:"by"`
		To        channel.Target `json:"to"`
		Bytes     int            `json:"bytes"`
	}{"out", "gateway", to, len(text)}}); err != nil {
		c.app.log.Error("a message of the gateway's own was not sent: it could not be recorded", "error", err)
		return
	}
	c.courier.Say(who.Channel, who.Account, to, text)
}

func (c *channels) sees(id claw.AgentID) bool {
	b, err := c.app.models.Brain(id)
	return err == nil && b.Spec.Images
}

// emit hands an event of a run to the conversation that asked for it.
func (c *channels) emit(e agent.Event) { c.courier.Deliver(e) }

// asked is the desk's subscriber. A question is entered while the gate holds
// its lock, so that what led to it is looked up later.
func (c *channels) asked(e approval.Event) {
	if e.Answer.State != approval.Waiting {
		c.courier.Answered(e.View.ID, e.Answer)
		return
	}
	c.app.wg.Go(func() {
		call, ok := c.app.gate.Waits(e.View.ID)
		if !ok || call.Principal.Surface != claw.SurfaceChannel {
			return
		}
		c.courier.Ask(courier.Question{View: e.View, By: call.Principal, To: courier.To(call.Audience), Private: call.Audience.OwnersOnly})
	})
}

// may says why a call may not be allowed in a chat: what cannot be undone, is
// not confined, or uses a secret is for surfaces with a key of their own (R22).
func (c *channels) may(q courier.Question) string {
	v := q.View
	for _, f := range v.Facts {
		if len(f.Values) == 0 {
			continue
		}
		switch f.Name {
		case "Secrets", "Sends", "Hosts", "Starts agents", "Jobs":
			return "it has effects beyond this machine's sandbox (" + f.Name + ")"
		}
	}
	for _, l := range v.Labels {
		if l.Label.Has(claw.Secret) {
			return "a secret is in its session"
		}
	}
	r, ok := c.app.posture.rules(v.Agent)
	if !ok || len(v.Command) > 0 && r.Confinement.Level < policy.LevelConfined {
		return "it would not be confined"
	}
	return ""
}

// Status implements gateway.Channels.
func (c *channels) Status(context.Context) ([]gateway.ChannelRow, error) {
	out := []gateway.ChannelRow{}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range c.configured() {
		row := gateway.ChannelRow{Channel: id.channel, Account: id.account, Configured: true, Problem: c.down[id]}
		if l := c.running[id]; l != nil {
			s := l.channel.Status()
			row.State, row.Name, row.Problem = string(s.State), s.Name, c.app.redactor().String(s.Problem)
			row.Running = s.State == channel.Connected || s.State == channel.Waiting
		}
		out = append(out, row)
	}
	return out, nil
}

// ServeHTTP lets a service's call through to its account; ok is false when no
// account takes calls there.
func (c *channels) webhook(path string) (http.Handler, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range c.running {
		if l.handler != nil && l.path == path {
			return l.handler, true
		}
	}
	return nil, false
}

// chance is for waits that should not fall together.
func chance() float64 { return mrand.Float64() }

// position keeps how far an account's updates were taken.
type position struct {
	docs store.Documents
	name string
}

type positionFile struct {
	Version int   `json:"version"`
	Next    int64 `json:"next"`
}

func (p position) Load() (int64, error) {
	b, err := p.docs.Read(p.name)
	if err != nil || b == nil {
		return 0, err
	}
	var f positionFile
	if err := json.Unmarshal(b, &f); err != nil || f.Version != 1 || f.Next < 0 {
		return 0, fmt.Errorf("credentials/%s: not a position", p.name)
	}
	return f.Next, nil
}

func (p position) Save(next int64) error {
	b, err := json.Marshal(positionFile{1, next})
	if err != nil {
		return err
	}
	return p.docs.Write(p.name, b)
}

var errNoToken = errors.New("no bot token is configured")

// used records that a channel's credential was read.
func (c *channels) used(ctx context.Context, id lineID, ref, host string) error {
	_, err := c.app.journal.Append(ctx, journal.Entry{Event: journal.SecretUse, Data: struct {
		For  string `json:"for"`
		Ref  string `json:"ref"`
		Host string `json:"host"`
	}{"channel " + id.String(), ref, host}})
	return err
}
