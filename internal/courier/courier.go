// Package courier carries what agents say, and what they ask, to conversations
// of channels. It sends nothing that the gate has not let go, and takes an
// answer only from the owner whom it asked.
package courier

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/openclaw-go/openclaw/internal/agent"
	"github.com/openclaw-go/openclaw/internal/channel"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// Bounds of what waits to be sent.
const (
	maxLanes   = 1024
	maxWaiting = 64 // of one conversation
	// EditEvery is the least time between two edits of a growing answer, and
	// EditAfter the text that begins one.
	EditEvery = time.Second
	EditAfter = 24
	sendLimit = 15 * time.Minute
)

// Line is an account that runs.
type Line struct {
	Channel channel.Channel
	// Stream: an answer is shown while it grows.
	Stream Streaming
	Prefix string
	// Approvers are the owners who are asked here; none means nobody is.
	Approvers []claw.SenderID
}

// Streaming says whether a growing answer is shown. The zero value waits for
// its end.
type Streaming uint8

// Streaming.
const (
	AtTheEnd Streaming = iota
	WhileItGrows
)

// Options of a Courier. All are required.
type Options struct {
	Line func(claw.ChannelID, claw.AccountID) (Line, bool)
	// Sent hears of every message of ours.
	Sent func(claw.ChannelID, claw.AccountID, channel.Ref)
	// Given reports whether an address is the operator's own, so that it may
	// stand as a link in a session with outside text.
	Given func(agent claw.AgentID, session claw.SessionKey, url string) bool
	// Labels of a session; what cannot be read counts as untrusted.
	Labels func(claw.SessionKey) claw.Labels
	Redact func(string) string
	Desk   Desk
	// May says why an answer that allows may not be given in a chat; "" when
	// it may (R22).
	May    func(Question) string
	Token  func() string
	Now    func() time.Time
	Report func(error)
	// Go runs f in the background, until ctx is done.
	Go func(f func(context.Context))
}

// Courier is safe for concurrent use.
type Courier struct {
	opt Options

	mu    sync.Mutex
	lanes map[place]*lane
	runs  map[claw.RunID]*growing
	asked asks
}

// place is one conversation.
type place struct {
	channel claw.ChannelID
	account claw.AccountID
	to      channel.Target
}

// lane sends to one conversation, in order.
type lane struct {
	queue []func(context.Context, Line)
}

// New makes a courier.
func New(o Options) *Courier {
	return &Courier{opt: o, lanes: map[place]*lane{}, runs: map[claw.RunID]*growing{}, asked: newAsks()}
}

var errBusy = errors.New("courier: too much waits to be sent to this conversation")

// put queues a job for a conversation. It reports whether there was room.
func (c *Courier) put(p place, job func(context.Context, Line)) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.lanes[p]
	if l == nil {
		if len(c.lanes) >= maxLanes {
			return false
		}
		l = &lane{}
		c.lanes[p] = l
		l.queue = append(l.queue, job)
		c.opt.Go(func(ctx context.Context) { c.drain(ctx, p, l) })
		return true
	}
	if len(l.queue) >= maxWaiting {
		return false
	}
	l.queue = append(l.queue, job)
	return true
}

func (c *Courier) drain(ctx context.Context, p place, l *lane) {
	for {
		c.mu.Lock()
		if len(l.queue) == 0 || ctx.Err() != nil {
			delete(c.lanes, p)
			c.mu.Unlock()
			return
		}
		job := l.queue[0]
		l.queue = l.queue[1:]
		c.mu.Unlock()
		if line, ok := c.opt.Line(p.channel, p.account); ok {
			jctx, cancel := context.WithTimeout(ctx, sendLimit)
			job(jctx, line)
			cancel()
		}
	}
}

// Say sends fixed words of the gateway's own.
func (c *Courier) Say(ch claw.ChannelID, account claw.AccountID, to channel.Target, text string) {
	p := place{ch, account, to}
	if !c.put(p, func(ctx context.Context, line Line) { c.send(ctx, p, line, channel.Outgoing{Text: text}) }) {
		c.opt.Report(errBusy)
	}
}

func (c *Courier) send(ctx context.Context, p place, line Line, o channel.Outgoing) []channel.Ref {
	refs, err := line.Channel.Send(ctx, p.to, o)
	for _, r := range refs {
		c.opt.Sent(p.channel, p.account, r)
	}
	if err != nil {
		c.opt.Report(err)
	}
	return refs
}

// Deliver sends what an event of a run says to the conversation that asked. It
// does not wait.
func (c *Courier) Deliver(e agent.Event) {
	if e.Principal.Surface != claw.SurfaceChannel || e.Audience.To == "" || e.Audience.Channel != e.Principal.Channel {
		return
	}
	p := place{e.Principal.Channel, e.Principal.Account, channel.Target(e.Audience.To)}
	switch e.Kind {
	case agent.KindStart:
		c.put(p, func(ctx context.Context, line Line) {
			if t, ok := line.Channel.(channel.Typist); ok {
				_ = t.Typing(ctx, p.to) // a courtesy
			}
		})
	case agent.KindDelta:
		c.grow(p, e)
	case agent.KindFinal:
		c.finish(p, e, e.Text)
	case agent.KindAborted:
		text := e.Text
		if text == "" {
			text = "(stopped)"
		}
		c.finish(p, e, text)
	case agent.KindError:
		c.finish(p, e, "This did not work: "+c.opt.Redact(e.Text))
	case agent.KindCall, agent.KindOutcome, agent.KindLabel, agent.KindShorten, agent.KindShorter:
	}
}

// growing is an answer that is shown while it grows.
type growing struct {
	text   string
	sent   channel.Ref
	shown  string
	at     time.Time
	queued bool
}

// maxGrowing bounds the runs that grow at once.
const maxGrowing = 256

func (c *Courier) grow(p place, e agent.Event) {
	line, ok := c.opt.Line(p.channel, p.account)
	if !ok || line.Stream != WhileItGrows {
		return
	}
	if _, ok := line.Channel.(channel.Editor); !ok {
		return
	}
	c.mu.Lock()
	g := c.runs[e.Run]
	if g == nil {
		if len(c.runs) >= maxGrowing {
			c.mu.Unlock()
			return
		}
		g = &growing{}
		c.runs[e.Run] = g
	}
	g.text += e.Text
	due := !g.queued && len(g.text) >= EditAfter && c.opt.Now().Sub(g.at) >= EditEvery
	if due {
		g.queued = true
	}
	c.mu.Unlock()
	if due && !c.put(p, func(ctx context.Context, line Line) { c.show(ctx, p, line, e, g) }) {
		c.mu.Lock()
		g.queued = false
		c.mu.Unlock()
	}
}

// show sends or edits what there is of a growing answer.
func (c *Courier) show(ctx context.Context, p place, line Line, e agent.Event, g *growing) {
	c.mu.Lock()
	text, ref, shown := g.text, g.sent, g.shown
	c.mu.Unlock()
	text = c.dress(line, e, text)
	pieces := channel.Split(text, line.Channel.Limits().Text-8, line.Channel.Limits().Units)
	if len(pieces) == 0 {
		return
	}
	text = pieces[0] + " …"
	if ref.ID == "" {
		if refs := c.send(ctx, p, line, channel.Outgoing{Text: text}); len(refs) > 0 {
			ref = refs[0]
		}
	} else if text != shown {
		if err := line.Channel.(channel.Editor).Edit(ctx, ref, text); err != nil { //nolint:errcheck,forcetypeassert // grow has seen that it is one
			c.opt.Report(err)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	g.sent, g.shown, g.at, g.queued = ref, text, c.opt.Now(), false
}

// finish sends the end of a run: over what was shown of it, and after it.
func (c *Courier) finish(p place, e agent.Event, text string) {
	c.mu.Lock()
	g := c.runs[e.Run]
	delete(c.runs, e.Run)
	c.mu.Unlock()
	if g == nil && strings.TrimSpace(text) == "" {
		return
	}
	ok := c.put(p, func(ctx context.Context, line Line) {
		text := c.dress(line, e, text)
		ref := channel.Ref{}
		if g != nil {
			c.mu.Lock()
			ref = g.sent
			c.mu.Unlock()
		}
		if ref.ID != "" {
			limits := line.Channel.Limits()
			pieces := channel.Split(text, limits.Text, limits.Units)
			if len(pieces) == 0 {
				pieces = []string{"(nothing more)"}
			}
			if err := line.Channel.(channel.Editor).Edit(ctx, ref, pieces[0]); err == nil { //nolint:errcheck,forcetypeassert // grow has seen that it is one
				text = strings.Join(pieces[1:], "\n")
			}
		}
		if strings.TrimSpace(text) != "" {
			c.send(ctx, p, line, channel.Outgoing{Text: text})
		}
	})
	if !ok {
		c.opt.Report(errBusy)
	}
}

// dress makes a text ready to leave: links that somebody else may have chosen
// are text and no links where outside text is in the session (R05).
func (c *Courier) dress(line Line, e agent.Event, text string) string {
	text = line.Prefix + text
	if !c.opt.Labels(e.Session).Has(claw.Untrusted) {
		return text
	}
	return Defang(text, func(url string) bool { return c.opt.Given(e.Agent, e.Session, url) })
}

// To is where a reply goes, in the gate's words.
func To(s policy.Send) channel.Target { return channel.Target(s.To) }
