package courier

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/approval"
	"github.com/openclaw-go/openclaw/internal/channel"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/filter"
)

// Desk answers questions.
type Desk interface {
	Get(id claw.ApprovalID) (approval.View, approval.Answer, error)
	Answer(r approval.Reply) (approval.Answer, error)
}

// Question is what waits for an owner.
type Question struct {
	View approval.View
	// By and To are who wrote, and where, what led to it.
	By claw.Principal
	To channel.Target
	// Private: the conversation is the owner's with the bot alone.
	Private bool
}

// Bounds of questions in chats.
const (
	maxCards = 256
	// ArmAfter is how long a button has been there before it takes a press:
	// nobody reads faster (R23).
	ArmAfter = 700 * time.Millisecond
	// AnswersPerMinute bounds one approver (R22).
	AnswersPerMinute = 20
)

// asks are the questions that were put into chats.
type asks struct {
	cards   map[claw.ApprovalID][]card
	order   []claw.ApprovalID
	buttons map[string]choice
	answers map[claw.SenderID][]time.Time
}

func newAsks() asks {
	return asks{cards: map[claw.ApprovalID][]card{}, buttons: map[string]choice{}, answers: map[claw.SenderID][]time.Time{}}
}

// card is a question as one owner sees it.
type card struct {
	place    place
	approver claw.SenderID
	ref      channel.Ref
	text     string
	digest   string
	// allow: the whole of it was shown and may be allowed in a chat.
	allow bool
	at    time.Time
	data  []string
}

// choice is what a button means.
type choice struct {
	id       claw.ApprovalID
	decision string
	approver claw.SenderID
}

// Ask puts a question before the owners of the channel that it came from. It
// does not wait.
func (c *Courier) Ask(q Question) {
	line, ok := c.opt.Line(q.By.Channel, q.By.Account)
	if !ok || len(line.Approvers) == 0 {
		return
	}
	approvers := line.Approvers
	if q.Private && slices.Contains(approvers, q.By.Sender) {
		approvers = []claw.SenderID{q.By.Sender}
	}
	for _, who := range approvers {
		to := channel.Target(who)
		if q.Private && who == q.By.Sender {
			to = q.To
		}
		p := place{q.By.Channel, q.By.Account, to}
		if !c.put(p, func(ctx context.Context, line Line) { c.put1(ctx, p, line, q, who) }) {
			c.opt.Report(errBusy)
		}
	}
}

// put1 shows one card. Its buttons are entered before they can be pressed.
func (c *Courier) put1(ctx context.Context, p place, line Line, q Question, who claw.SenderID) {
	a, ok := line.Channel.(channel.Asker)
	if !ok {
		return
	}
	if _, answer, err := c.opt.Desk.Get(q.View.ID); err != nil || answer.State != approval.Waiting {
		return
	}
	limits := line.Channel.Limits()
	text := Card(q.View)
	why := c.opt.May(q)
	if limits.Units(text) > limits.Text {
		why = "it is too long to be shown here as a whole"
		text = channel.Split(text, limits.Text-400, limits.Units)[0] + "\n…"
	}
	k := card{place: p, approver: who, digest: q.View.Digest, allow: why == ""}
	var buttons []channel.Button
	if why == "" {
		buttons = append(buttons, c.button(&k, q.View.ID, "Allow once", approval.AllowOnce))
	} else {
		text += "\n\nIt cannot be allowed here: " + why + ". Use the Control UI, or: openclaw approvals show " + string(q.View.ID)
	}
	buttons = append(buttons, c.button(&k, q.View.ID, "Deny", approval.DenyIt))
	k.text = text
	ref, err := a.Ask(ctx, p.to, text, buttons)
	if err != nil {
		c.opt.Report(err)
		c.drop(k)
		return
	}
	c.opt.Sent(p.channel, p.account, ref)
	c.mu.Lock()
	k.ref, k.at = ref, c.opt.Now()
	if _, ok := c.asked.cards[q.View.ID]; !ok {
		c.asked.order = append(c.asked.order, q.View.ID)
	}
	c.asked.cards[q.View.ID] = append(c.asked.cards[q.View.ID], k)
	for len(c.asked.order) > maxCards {
		c.forget(c.asked.order[0])
	}
	c.mu.Unlock()
	if _, answer, err := c.opt.Desk.Get(q.View.ID); err == nil && answer.State != approval.Waiting {
		c.Answered(q.View.ID, answer) // it was answered while it was being shown
	}
}

func (c *Courier) button(k *card, id claw.ApprovalID, text, decision string) channel.Button {
	data := c.opt.Token()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked.buttons[data] = choice{id, decision, k.approver}
	k.data = append(k.data, data)
	return channel.Button{Text: text, Data: data}
}

func (c *Courier) drop(k card) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, d := range k.data {
		delete(c.asked.buttons, d)
	}
}

// forget drops a question's cards and buttons. The caller holds mu.
func (c *Courier) forget(id claw.ApprovalID) []card {
	cards := c.asked.cards[id]
	for _, k := range cards {
		for _, d := range k.data {
			delete(c.asked.buttons, d)
		}
	}
	delete(c.asked.cards, id)
	c.asked.order = slices.DeleteFunc(c.asked.order, func(o claw.ApprovalID) bool { return o == id })
	return cards
}

// Answered takes the buttons of a question away and says what became of it.
func (c *Courier) Answered(id claw.ApprovalID, a approval.Answer) {
	c.mu.Lock()
	cards := c.forget(id)
	c.mu.Unlock()
	for _, k := range cards {
		text := k.text + "\n\n" + outcome(a)
		c.put(k.place, func(ctx context.Context, line Line) {
			asker, ok := line.Channel.(channel.Asker)
			if !ok {
				return
			}
			if limits := line.Channel.Limits(); limits.Units(text) > limits.Text {
				text = outcome(a)
			}
			if err := asker.Settle(ctx, k.ref, text); err != nil {
				c.opt.Report(err)
			}
		})
	}
}

func outcome(a approval.Answer) string {
	switch a.State {
	case approval.Allowed:
		return "Allowed by " + a.By.String() + "."
	case approval.Denied:
		return "Denied by " + a.By.String() + "."
	case approval.Expired:
		return "Nobody answered in time: not done."
	case approval.Voided:
		return "Withdrawn: " + filter.Visible(a.Reason)
	case approval.Waiting:
	}
	return "No longer open."
}

// Press takes a press of a button and gives what the presser is told. Only the
// owner whom the card was sent to, on that very message, answers with it: a
// forwarded copy, another member's tap and data that nobody sent do nothing.
func (c *Courier) Press(p channel.Press) string {
	c.mu.Lock()
	ch, ok := c.asked.buttons[p.Data]
	var k card
	if ok {
		i := slices.IndexFunc(c.asked.cards[ch.id], func(k card) bool { return slices.Contains(k.data, p.Data) })
		if ok = i >= 0; ok {
			k = c.asked.cards[ch.id][i]
		}
	}
	now := c.opt.Now()
	c.mu.Unlock()
	switch {
	case !ok:
		return "This question is no longer open."
	case p.By.ID != ch.approver || p.By.Program || p.Channel != k.place.channel || p.Account != k.place.account || p.On.Chat != k.ref.Chat || p.On.ID != k.ref.ID:
		return "This is not yours to answer."
	case ch.decision != approval.DenyIt && now.Sub(k.at) < ArmAfter:
		return "Read it first, then press again."
	}
	return c.answer(p.Channel, p.Account, k, ch.id, ch.decision)
}

// errNotShown: the question was not put before this owner.
var errNotShown = errors.New("no such question was shown to you here")

// Reply answers a question by a command, for an owner who was shown it.
func (c *Courier) Reply(by claw.Principal, id claw.ApprovalID, decision string) string {
	c.mu.Lock()
	i := slices.IndexFunc(c.asked.cards[id], func(k card) bool {
		return k.approver == by.Sender && k.place.channel == by.Channel && k.place.account == by.Account
	})
	var k card
	if i >= 0 {
		k = c.asked.cards[id][i]
	}
	c.mu.Unlock()
	switch {
	case i < 0:
		return fmt.Sprintf("%s: %v.", id, errNotShown)
	case decision != approval.DenyIt && !k.allow:
		return "That cannot be allowed here. Use the Control UI, or: openclaw approvals show " + string(id)
	}
	return c.answer(by.Channel, by.Account, k, id, decision)
}

// answer gives an owner's word to the desk.
func (c *Courier) answer(ch claw.ChannelID, account claw.AccountID, k card, id claw.ApprovalID, decision string) string {
	line, ok := c.opt.Line(ch, account)
	if !ok || !slices.Contains(line.Approvers, k.approver) {
		return "This is not yours to answer."
	}
	if decision != approval.DenyIt && !c.patient(k.approver) {
		return "Too many answers in a minute. Wait a little."
	}
	_, err := c.opt.Desk.Answer(approval.Reply{ID: id, Decision: decision, Digest: k.digest,
		By: claw.Principal{Surface: claw.SurfaceChannel, Standing: claw.Owner, Channel: ch, Account: account, Sender: k.approver}})
	var late *approval.LateError
	switch {
	case errors.As(err, &late):
		return "Already answered: " + string(late.First.State) + "."
	case err != nil:
		return "Not taken: " + strings.TrimPrefix(err.Error(), "approval: ") + "."
	case decision == approval.DenyIt:
		return "Denied."
	}
	return "Allowed once."
}

func (c *Courier) patient(who claw.SenderID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.opt.Now()
	l := slices.DeleteFunc(c.asked.answers[who], func(t time.Time) bool { return now.Sub(t) > time.Minute })
	if len(l) >= AnswersPerMinute {
		c.asked.answers[who] = l
		return false
	}
	c.asked.answers[who] = append(l, now)
	return true
}

// Card is a question in plain text, with everything that it would do. What
// others wrote is shown with its invisible characters written out, and the
// model's own words are not in it.
func Card(v approval.View) string {
	var b strings.Builder
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s: %s\n", name, filter.Visible(strings.ReplaceAll(value, "\n", " ")))
		}
	}
	fmt.Fprintf(&b, "%s\n", filter.Visible(v.Headline))
	for _, argv := range v.Command {
		fmt.Fprintf(&b, "  %s\n", filter.Visible(quoted(argv)))
	}
	if len(v.Command) == 0 && v.Text != "" {
		fmt.Fprintf(&b, "  %s\n", filter.Visible(v.Text))
	}
	for _, w := range v.Warnings {
		row("!", w)
	}
	for _, f := range v.Facts {
		row(f.Name, strings.Join(f.Values, ", "))
	}
	if v.Content != "" {
		fmt.Fprintf(&b, "```\n%s\n```\n", strings.ReplaceAll(filter.Visible(strings.TrimRight(v.Content, "\n")), "```", "` ` `"))
	}
	row("Why asked", v.Rule+": "+v.Reason)
	for _, l := range v.Labels {
		row("Label", l.Label.String()+" from "+l.From)
	}
	row("Asked by", v.AskedBy)
	for _, s := range v.IfAllowed {
		row("If allowed", s)
	}
	row("Id", string(v.ID)+", expires "+v.Expires.UTC().Format("15:04")+" UTC")
	return strings.TrimRight(b.String(), "\n")
}

// quoted prints an argv so that every argument can be told apart.
func quoted(argv []string) string {
	out := make([]string, len(argv))
	for i, a := range argv {
		if a == "" || strings.ContainsAny(a, " \t\n'\"\\$`;&|<>()*?[]{}~#!") {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		out[i] = a
	}
	return strings.Join(out, " ")
}
