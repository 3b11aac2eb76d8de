package inbox

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/openclaw-go/openclaw/internal/agent"
	"github.com/openclaw-go/openclaw/internal/channel"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/inbox/admission"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/posture"
)

// Door is one account of a channel, as the configuration in force has it.
type Door struct {
	Inbound posture.Inbound
	Owners  []string
	Routes  []posture.Route
	Default claw.AgentID
	Scope   posture.Scope
	// Mentions are the patterns that address an agent.
	Mentions func(claw.AgentID) admission.Patterns
	// History is how many overheard messages a group keeps; 0 is none.
	History int
	// MaxFile bounds what is fetched with a message.
	MaxFile int64
}

// ReceptionOptions of a Reception. All are required.
type ReceptionOptions struct {
	Inbox   *Inbox
	Door    func(claw.ChannelID, claw.AccountID) (Door, bool)
	Pairing *Pairing
	Journal interface {
		Failure(ctx context.Context, source string, e journal.Entry) error
	}
	// Say sends fixed words of the gateway's own, and does not wait.
	Say func(m channel.Message, text string)
	// Obey carries an owner's command out and gives the answer.
	Obey func(ctx context.Context, c Command) string
	// Sees reports whether the agent's model takes pictures.
	Sees   func(claw.AgentID) bool
	NewRun func() claw.RunID
	Now    func() time.Time
}

// Reception judges what channels receive, before anything is spent on it. It is
// safe for concurrent use.
type Reception struct {
	opt ReceptionOptions

	mu      sync.Mutex
	seen    recent
	own     recent
	senders buckets
	groups  overheard
	counts  Counts
}

// Counts are what became of messages since the start.
type Counts struct {
	Admitted, Dropped, Paired, Context, Limited, Repeated, Commands uint64
}

// NewReception makes a reception.
func NewReception(o ReceptionOptions) *Reception {
	return &Reception{opt: o, seen: newRecent(keepSeen), own: newRecent(keepSeen), senders: newBuckets(), groups: newOverheard()}
}

// Counts so far.
func (r *Reception) Counts() Counts {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counts
}

// Sent notes a message of our own, so that it never comes in as somebody's
// (R06).
func (r *Reception) Sent(c claw.ChannelID, a claw.AccountID, ref channel.Ref) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.own.add(messageKey(c, a, ref.Chat, ref.ID))
}

func messageKey(c claw.ChannelID, a claw.AccountID, chat, id string) string {
	return string(c) + "\x00" + string(a) + "\x00" + chat + "\x00" + id
}

func facts(m *channel.Message) admission.Facts {
	f := admission.Facts{Sender: m.Sender.ID, Roles: m.Sender.Roles, Chat: m.Chat.ID, Server: m.Chat.Server, Thread: m.Chat.Thread,
		Mentioned: m.Mentioned, Program: m.Sender.Program || m.ByProgram && m.Sender.ID == "", Own: m.Own}
	switch m.Chat.Kind {
	case channel.Direct:
		f.Kind = admission.Direct
	case channel.Group:
		f.Kind = admission.Group
	}
	return f
}

// Receive judges a message and does with it what the rules say. An error means
// that it may be tried again; what will never do is dropped without one.
func (r *Reception) Receive(ctx context.Context, m channel.Message) (lasting bool, err error) {
	d, ok := r.opt.Door(m.Channel, m.Account)
	if !ok || m.Edited {
		r.count(func(c *Counts) { c.Dropped++ })
		return false, nil
	}
	key := messageKey(m.Channel, m.Account, m.Chat.ID, m.ID)
	r.mu.Lock()
	m.Own = m.Own || r.own.has(key)
	again := r.seen.has(key)
	if again {
		r.counts.Repeated++
	}
	r.mu.Unlock()
	if again {
		return false, nil
	}
	lasting, err = r.judge(ctx, d, m)
	if err == nil {
		r.mu.Lock()
		r.seen.add(key)
		r.mu.Unlock()
	}
	return lasting, err
}

func (r *Reception) count(f func(*Counts)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(&r.counts)
}

func (r *Reception) judge(ctx context.Context, d Door, m channel.Message) (bool, error) {
	f := facts(&m)
	rules := admission.Rules{Inbound: d.Inbound, Owners: d.Owners}
	if f.Kind == admission.Direct && !rules.Owner(f.Sender) {
		// A list that cannot be read lets nobody in.
		rules.Paired, _ = r.opt.Pairing.Paired(m.Channel, m.Account)
	}
	where := admission.Place{Channel: m.Channel, Account: m.Account, Facts: f, Team: m.Chat.Team}
	ruling := admission.Decide(rules, f)
	id := ruling.Agent
	if id == "" {
		id = admission.Agent(d.Routes, d.Default, where)
	}
	if ruling.Verdict == admission.Context && !f.Mentioned && d.Mentions != nil && d.Mentions(id).In(m.Text) {
		f.Mentioned = true
		where.Facts = f
		ruling = admission.Decide(rules, f)
	}
	switch ruling.Verdict {
	case admission.Drop:
		return false, r.refused(ctx, m, string(ruling.Rule))
	case admission.Pair:
		return r.stranger(ctx, m)
	case admission.Context:
		r.mu.Lock()
		r.groups.add(r.groupKey(m), m, d.History)
		r.counts.Context++
		r.mu.Unlock()
		return false, nil
	case admission.Admit:
	}
	return r.admit(ctx, visit{door: d, rules: rules, facts: f, place: where, ruling: ruling, agent: id, message: m})
}

// visit is an admitted message.
type visit struct {
	door    Door
	rules   admission.Rules
	facts   admission.Facts
	place   admission.Place
	ruling  admission.Ruling
	agent   claw.AgentID
	message channel.Message
}

func (v *visit) principal() claw.Principal {
	m := &v.message
	return claw.Principal{Surface: claw.SurfaceChannel, Standing: v.ruling.Standing, Channel: m.Channel, Account: m.Account, Sender: m.Sender.ID, Name: clip(m.Sender.Name, maxName)}
}

// key of the conversation, without its agent.
func (v *visit) key() claw.SessionKey {
	m := &v.message
	if v.facts.Kind == admission.Direct {
		return admission.Session(v.door.Scope, v.place, v.ruling.Standing, Direct)
	}
	key := claw.SessionKey(component(string(m.Channel)) + ":group:" + component(m.Chat.ID))
	if m.Account != "" && m.Account != "default" && v.door.Scope.DM == "per-account-channel-peer" {
		key = claw.SessionKey(component(string(m.Channel)+"/"+string(m.Account)) + ":group:" + component(m.Chat.ID))
	}
	if m.Chat.Thread != "" {
		key += claw.SessionKey(":topic:" + component(m.Chat.Thread))
	}
	return key
}

// refused counts a message that is not read. What strangers can cause at will
// is recorded by source and minute.
func (r *Reception) refused(ctx context.Context, m channel.Message, rule string) error {
	r.count(func(c *Counts) { c.Dropped++ })
	source := string(m.Channel) + ":" + string(m.Sender.ID)
	return r.opt.Journal.Failure(ctx, source, journal.Entry{Event: journal.AuthFailure, Principal: claw.Principal{Surface: claw.SurfaceChannel, Channel: m.Channel, Account: m.Account, Sender: m.Sender.ID},
		Data: struct {
			Source string `json:"source"`
			Rule   string `json:"rule"`
			Chat   string `json:"chat,omitempty"`
		}{source, rule, m.Chat.ID}})
}

// stranger may ask to be paired. No model, no session, no file beyond the few
// requests of a day.
func (r *Reception) stranger(ctx context.Context, m channel.Message) (bool, error) {
	asked, err := r.opt.Pairing.Ask(ctx, Request{Channel: m.Channel, Account: m.Account, Sender: m.Sender.ID, Name: m.Sender.Name, Username: m.Sender.Username})
	if err != nil {
		return false, err
	}
	if asked.Code == "" {
		return false, r.refused(ctx, m, "admission.pairing_needed")
	}
	r.count(func(c *Counts) { c.Paired++ })
	if asked.Tell {
		r.opt.Say(m, pairingText(m, asked.Code))
	}
	return true, nil
}

// pairingText is what a stranger is told, once.
func pairingText(m channel.Message, code string) string {
	return fmt.Sprintf("OpenClaw: access not configured.\n\nYour %s user id: %s\n\nPairing code: %s\n\nAsk the bot owner to approve with:\nopenclaw pairing approve %s %s", title(m.Channel), m.Sender.ID, code, m.Channel, code)
}

func title(c claw.ChannelID) string {
	s := string(c)
	if s == "whatsapp" {
		return "WhatsApp"
	}
	if s == "" || s[0] < 'a' || s[0] > 'z' {
		return s
	}
	return string(s[0]-'a'+'A') + s[1:]
}

// admit hands a message on: to the owner's commands or to an agent.
func (r *Reception) admit(ctx context.Context, v visit) (bool, error) {
	m := &v.message
	if v.ruling.Standing != claw.Owner {
		r.mu.Lock()
		ok := r.senders.take(string(m.Channel)+":"+string(m.Sender.ID), v.ruling.Standing, r.opt.Now())
		r.mu.Unlock()
		if !ok {
			r.count(func(c *Counts) { c.Limited++ })
			return false, r.refused(ctx, *m, "admission.rate_limit")
		}
	}
	if c, ok := readCommand(m.Text); ok && v.ruling.Standing == claw.Owner {
		return r.command(ctx, v, c)
	}
	msg, err := r.message(ctx, v)
	if err != nil {
		return false, err
	}
	_, _, err = r.opt.Inbox.Receive(ctx, msg)
	why := ""
	switch {
	case err == nil:
		r.count(func(c *Counts) { c.Admitted++ })
		return true, nil
	case errors.Is(err, agent.ErrQueueFull):
		why = "Too many messages wait here already. This one was not read."
	case errors.Is(err, ErrText), errors.Is(err, ErrAttachment):
		why = "This message was not read: it is empty, too long, or holds a file that is not read here."
	case errors.Is(err, ErrClosed), errors.Is(err, ErrNoAgent):
		return false, r.refused(ctx, *m, "surface.closed")
	case errors.Is(err, ErrKey), errors.Is(err, ErrSender):
		return false, r.refused(ctx, *m, "admission.no_route")
	default:
		return false, err
	}
	r.opt.Say(*m, why)
	return true, nil
}

func (r *Reception) groupKey(m channel.Message) string {
	return string(m.Channel) + "\x00" + string(m.Account) + "\x00" + m.Chat.ID + "\x00" + m.Chat.Thread
}

// message puts a visit into the words of the inbox: what the sender typed is
// the text, everything else is quoted.
func (r *Reception) message(ctx context.Context, v visit) (Message, error) {
	m := &v.message
	out := Message{Run: r.opt.NewRun(), Principal: v.principal(), Agent: v.agent, Text: m.Text,
		Place: &Place{Key: v.key(), To: string(m.Chat.To)}}
	if v.facts.Kind == admission.Direct {
		out.Place.Readers = SenderOnly
	}
	r.mu.Lock()
	for _, o := range r.groups.take(r.groupKey(*m)) {
		out.Quoted = append(out.Quoted, Quote{Role: "said before by " + o.sender, Text: o.text})
	}
	r.mu.Unlock()
	if q := m.Quoted; q != nil && q.Text != "" && !q.Own && admission.MayQuote(v.rules, v.facts, q.Sender.ID) {
		out.Quoted = append(out.Quoted, Quote{Role: "quoted from " + who(q.Sender), Text: clip(q.Text, maxQuoted)})
	}
	if m.Forwarded && m.Text != "" {
		out.Quoted = append(out.Quoted, Quote{Role: "forwarded", Text: m.Text})
		out.Text = "(see the forwarded message)"
	}
	if m.ByProgram && m.Text != "" {
		out.Quoted = append(out.Quoted, Quote{Role: "written by a program", Text: m.Text})
		out.Text = "(see what the program wrote)"
	}
	notes, err := r.fetch(ctx, v, &out)
	if err != nil {
		return out, err
	}
	for _, n := range notes {
		out.Quoted = append(out.Quoted, Quote{Role: "attached", Text: n})
	}
	if out.Text == "" && len(out.Attached) == 0 && len(notes) > 0 {
		out.Text = "(see what is attached)"
	}
	return out, nil
}

const maxQuoted = 4000

func who(s channel.Sender) string {
	if s.ID == "" {
		return "somebody"
	}
	return string(s.ID)
}

// fetch brings the files that can be read; of the others a note is left.
func (r *Reception) fetch(ctx context.Context, v visit, out *Message) (notes []string, err error) {
	sees := r.opt.Sees(v.agent)
	for i, f := range v.message.Files {
		name := nameOf(f.Name, i)
		note := func(why string) {
			notes = append(notes, fmt.Sprintf("a file %q (%s, %d bytes): %s", name, clip(f.MIME, maxName), f.Size, why))
		}
		limit := int64(MaxPicture)
		if v.door.MaxFile > 0 {
			limit = min(limit, v.door.MaxFile)
		}
		switch {
		case len(out.Attached) >= MaxAttached:
			note("not read, there are too many")
			continue
		case f.Size > limit || f.Open == nil:
			note("not read, it is too large")
			continue
		}
		data, err := f.Open(ctx, limit)
		if err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			note("not read, it could not be fetched")
			continue
		}
		a := Attached{Name: name, MIME: f.MIME, Data: data}
		switch kind := a.kind(); {
		case len(data) == 0:
			note("not read, it is empty")
		case a.Picture() && !sees:
			note("not read, the model takes no pictures")
		case !a.Picture() && kind != "text/plain":
			note("not read, it is neither a picture nor text")
		case kind == "text/plain" && len(data) > MaxAttachedText:
			note("not read, it is too much text")
		default:
			out.Attached = append(out.Attached, a)
		}
	}
	return notes, nil
}
