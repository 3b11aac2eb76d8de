package courier_test

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/agent"
	"github.com/openclaw-go/openclaw/internal/approval"
	"github.com/openclaw-go/openclaw/internal/channel"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/courier"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// fake is a channel in memory.
type fake struct {
	mu   sync.Mutex
	sent []string
	btns map[string][]channel.Button
	hold chan struct{} // when set, sends wait for it
}

func (f *fake) Receive(context.Context, channel.Sink) error { return nil }
func (f *fake) Limits() channel.Limits {
	return channel.Limits{Text: 1000, Units: channel.Runes, File: 1}
}
func (f *fake) Status() channel.Status { return channel.Status{} }

func (f *fake) Send(_ context.Context, to channel.Target, o channel.Outgoing) ([]channel.Ref, error) {
	if f.hold != nil {
		<-f.hold
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sent = append(f.sent, o.Text)
	return []channel.Ref{{To: to, Chat: string(to), ID: fmt.Sprint(len(f.sent))}}, nil
}

func (f *fake) Edit(_ context.Context, r channel.Ref, text string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var n int
	_, _ = fmt.Sscan(r.ID, &n)
	f.sent[n-1] = text
	return nil
}

func (f *fake) Ask(ctx context.Context, to channel.Target, text string, b []channel.Button) (channel.Ref, error) {
	refs, err := f.Send(ctx, to, channel.Outgoing{Text: text})
	f.mu.Lock()
	defer f.mu.Unlock()
	f.btns[refs[0].ID] = b
	return refs[0], err
}

func (f *fake) Settle(ctx context.Context, r channel.Ref, text string) error {
	f.mu.Lock()
	delete(f.btns, r.ID)
	f.mu.Unlock()
	return f.Edit(ctx, r, text)
}

func (f *fake) texts() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.sent)
}

func (f *fake) buttons(id string) []channel.Button {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.btns[id]
}

// office is a courier on a fake channel, with a desk and a clock that moves
// when told.
type office struct {
	*courier.Courier
	ch     *fake
	desk   *approval.Desk
	line   courier.Line
	now    time.Time
	why    string
	labels claw.Labels
	sent   int
	wg     sync.WaitGroup
	mu     sync.Mutex
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{ch: &fake{btns: map[string][]channel.Button{}}, now: time.Date(2026, 4, 8, 10, 0, 0, 0, time.UTC)}
	o.line = courier.Line{Channel: o.ch, Approvers: []claw.SenderID{"1"}}
	n, tok := 0, 0
	o.desk = approval.NewDesk(approval.Options{Now: o.clock, NewID: func() claw.ApprovalID { n++; return claw.ApprovalID(fmt.Sprint("a", n)) }, PerSession: 100, PerHour: 1000})
	o.Courier = courier.New(courier.Options{Line: func(c claw.ChannelID, _ claw.AccountID) (courier.Line, bool) { return o.line, c == "telegram" },
		Sent: func(claw.ChannelID, claw.AccountID, channel.Ref) { o.mu.Lock(); o.sent++; o.mu.Unlock() }, Given: func(_ claw.AgentID, _ claw.SessionKey, u string) bool { return u == "https://given.test/" },
		Labels: func(claw.SessionKey) claw.Labels { return o.labels }, Redact: func(s string) string { return s }, Desk: o.desk, May: func(courier.Question) string { return o.why },
		Token: func() string { tok++; return fmt.Sprint("tok", tok) }, Now: o.clock, Report: func(err error) { t.Logf("reported: %v", err) },
		Go: func(f func(context.Context)) { o.wg.Go(func() { f(context.Background()) }) }})
	o.desk.Subscribe(func(e approval.Event) {
		if e.Answer.State != approval.Waiting {
			o.Answered(e.View.ID, e.Answer)
		}
	})
	return o
}

func (o *office) clock() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.now
}

func (o *office) later(d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.now = o.now.Add(d)
}

var owner = claw.Principal{Surface: claw.SurfaceChannel, Standing: claw.Owner, Channel: "telegram", Account: "default", Sender: "1"}

func (o *office) ask(t *testing.T, v approval.View) approval.View {
	t.Helper()
	v.Session = "s"
	v, err := o.desk.Ask(approval.Question{View: v, Digest: policy.DigestOf(policy.Request{Nonce: string(v.Headline)}), Pattern: v.Headline})
	if err != nil {
		t.Fatal(err)
	}
	o.Courier.Ask(courier.Question{View: v, By: owner, To: "1", Private: true})
	o.wg.Wait()
	return v
}

func press(who, chat, id, data string) channel.Press {
	return channel.Press{Channel: "telegram", Account: "default", By: channel.Sender{ID: claw.SenderID(who)}, On: channel.Ref{Chat: chat, ID: id}, Data: data}
}

// TestR22PressesAreTheOwnersOnTheirCard: another member's tap, a copy of the
// button, another account, a program and data that nobody sent answer nothing;
// an owner who is one no longer does not either.
func TestR22PressesAreTheOwnersOnTheirCard(t *testing.T) {
	o := newOffice(t)
	v := o.ask(t, approval.View{Headline: "main wants to run 1 program: ls.", Command: [][]string{{"ls", "-l"}}})
	allow := o.ch.buttons("1")[0].Data
	if got := o.Press(press("1", "1", "1", allow)); got != "Read it first, then press again." {
		t.Errorf("at once: %q", got)
	}
	o.later(courier.ArmAfter)
	program := press("1", "1", "1", allow)
	program.By.Program = true
	account := press("1", "1", "1", allow)
	account.Account = "other"
	for name, p := range map[string]channel.Press{"another": press("2", "1", "1", allow), "nobody": press("", "1", "1", allow), "another chat": press("1", "-5", "1", allow), "another message": press("1", "1", "7", allow),
		"forged": press("1", "1", "1", "tok99"), "empty": press("1", "1", "1", ""), "program": program, "account": account} {
		if got := o.Press(p); strings.Contains(got, "Allowed") {
			t.Errorf("%s: %q", name, got)
		}
	}
	o.line.Approvers = nil
	if got := o.Press(press("1", "1", "1", allow)); got != "This is not yours to answer." {
		t.Errorf("no longer an owner: %q", got)
	}
	if _, a, _ := o.desk.Get(v.ID); a.State != approval.Waiting {
		t.Fatalf("it is %s", a.State)
	}
	o.line.Approvers = []claw.SenderID{"1"}
	if got := o.Press(press("1", "1", "1", allow)); got != "Allowed once." {
		t.Errorf("the owner: %q", got)
	}
	o.wg.Wait()
	if _, a, _ := o.desk.Get(v.ID); a.State != approval.Allowed || a.Scope != approval.ScopeOnce || a.By.Sender != "1" {
		t.Errorf("%+v", a)
	}
	if got := o.ch.texts()[0]; !strings.HasSuffix(got, "Allowed by telegram:1.") || o.ch.buttons("1") != nil {
		t.Errorf("%q, %v", got, o.ch.buttons("1"))
	}
	if got := o.Press(press("1", "1", "1", allow)); got != "This question is no longer open." {
		t.Errorf("again: %q", got)
	}
}

// TestR23ChatCardIsWholeOrCannotAllow: a card that does not fit, and a call
// that a chat must not allow, have no button that allows, and no command does
// it either.
func TestR23ChatCardIsWholeOrCannotAllow(t *testing.T) {
	o := newOffice(t)
	long := o.ask(t, approval.View{Headline: "main wants to change a.txt.", Content: strings.Repeat("+ line\n", 400)})
	o.why = "a secret is in its session"
	secret := o.ask(t, approval.View{Headline: "main wants to run 1 program: cat."})
	o.why = ""
	hidden := o.ask(t, approval.View{Headline: "main wants to run 1 program: x.", Command: [][]string{{"rm", "a\u202eb\u200b", "c d"}}, AgentSays: "please allow https://evil.test"})
	for i, v := range []approval.View{long, secret} {
		id := fmt.Sprint(i + 1)
		if b := o.ch.buttons(id); len(b) != 1 || b[0].Text != "Deny" {
			t.Errorf("%s: %v", v.Headline, b)
		}
		if got := o.Reply(owner, v.ID, approval.AllowOnce); !strings.HasPrefix(got, "That cannot be allowed here.") {
			t.Errorf("by a command: %q", got)
		}
		if n := len([]rune(o.ch.texts()[i])); n > 1000 {
			t.Errorf("a card of %d characters", n)
		}
	}
	if got := o.ch.texts()[2]; !strings.Contains(got, `rm a⟨U+202E⟩b⟨U+200B⟩ 'c d'`) || strings.Contains(got, "evil") {
		t.Errorf("%q", got)
	}
	stranger := owner
	stranger.Sender = "2"
	if got := o.Reply(stranger, hidden.ID, approval.AllowOnce); !strings.Contains(got, "no such question was shown to you") {
		t.Errorf("somebody who was not asked: %q", got)
	}
	if got := o.Reply(owner, hidden.ID, approval.DenyIt); got != "Denied." {
		t.Errorf("%q", got)
	}
}

func TestAnswersOfAMinuteAreBounded(t *testing.T) {
	o := newOffice(t)
	denied := 0
	for i := range courier.AnswersPerMinute + 5 {
		o.ask(t, approval.View{Headline: fmt.Sprint("call ", i)})
		o.later(courier.ArmAfter)
		id := fmt.Sprint(i + 1)
		if got := o.Press(press("1", "1", id, o.ch.buttons(id)[0].Data)); strings.HasPrefix(got, "Too many") {
			denied++
		}
		o.wg.Wait()
	}
	if denied != 5 {
		t.Errorf("%d of %d answers were too many", denied, courier.AnswersPerMinute+5)
	}
}

func event(k agent.Kind, text string) agent.Event {
	return agent.Event{Kind: k, Run: "r", Session: "s", Agent: "main", Principal: owner, Audience: policy.Send{Channel: "telegram", To: "1"}, Text: text}
}

// TestRepliesGoWhereTheMessageCameFrom: an event of another surface, or one
// whose readers are elsewhere, is sent nowhere.
func TestRepliesGoWhereTheMessageCameFrom(t *testing.T) {
	o := newOffice(t)
	web := event(agent.KindFinal, "x")
	web.Principal = claw.Principal{Surface: claw.SurfaceWebchat, Standing: claw.Owner}
	other := event(agent.KindFinal, "x")
	other.Audience.Channel = "discord"
	nowhere := event(agent.KindFinal, "x")
	nowhere.Audience.To = ""
	gone := event(agent.KindFinal, "x")
	gone.Principal.Channel, gone.Audience.Channel = "slack", "slack"
	for _, e := range []agent.Event{web, other, nowhere, gone, event(agent.KindFinal, " "), event(agent.KindOutcome, "x")} {
		o.Deliver(e)
	}
	o.wg.Wait()
	if got := o.ch.texts(); len(got) != 0 {
		t.Errorf("%q", got)
	}
	o.Deliver(event(agent.KindFinal, "hello"))
	o.Deliver(event(agent.KindError, "unknown"))
	o.wg.Wait()
	if got := o.ch.texts(); !slices.Equal(got, []string{"hello", "This did not work: unknown"}) || o.sent != 2 {
		t.Errorf("%q, %d noted", got, o.sent)
	}
}

func TestAnswerThatGrows(t *testing.T) {
	o := newOffice(t)
	o.line.Stream = courier.WhileItGrows
	for _, piece := range []string{"Once upon a time there was", " a lobster", " that had claws"} {
		o.Deliver(event(agent.KindDelta, piece))
		o.wg.Wait()
	}
	if got := o.ch.texts(); len(got) != 1 || got[0] != "Once upon a time there was …" {
		t.Errorf("edited too often: %q", got)
	}
	o.later(courier.EditEvery)
	o.Deliver(event(agent.KindDelta, "."))
	o.wg.Wait()
	if got := o.ch.texts(); len(got) != 1 || got[0] != "Once upon a time there was a lobster that had claws. …" {
		t.Errorf("%q", got)
	}
	o.Deliver(event(agent.KindFinal, "The end. "+strings.Repeat("long ", 300)))
	o.wg.Wait()
	if got := o.ch.texts(); len(got) != 2 || !strings.HasPrefix(got[0], "The end. ") || strings.Contains(got[0]+got[1], "lobster") {
		t.Errorf("%q", got)
	}
}

// TestSlowConversationIsBounded: what cannot be sent waits, and not without
// end; other conversations go on.
func TestSlowConversationIsBounded(t *testing.T) {
	o := newOffice(t)
	o.ch.hold = make(chan struct{})
	for i := range 500 {
		o.Say("telegram", "default", "1", fmt.Sprint(i))
	}
	close(o.ch.hold)
	o.wg.Wait()
	if n := len(o.ch.texts()); n > 65 || n < 2 {
		t.Errorf("%d of 500 were kept", n)
	}
	if got := o.ch.texts(); got[0] != "0" || got[1] != "1" {
		t.Errorf("out of order: %q", got[:2])
	}
}

func TestR05Defang(t *testing.T) {
	given := func(u string) bool { return u == "https://given.test/" }
	for in, want := range map[string]string{
		"see https://evil.test/?d=1.":             "see https[:]//evil[.]test/?d=1.",
		"see https://given.test/, and more":       "see https://given.test/, and more",
		"https://given.test/x":                    "https[:]//given[.]test/x",
		"[text](https://evil.test/a)":             "[text](https[:]//evil[.]test/a)",
		"HTTP://EVIL.TEST":                        "HTTP[:]//EVIL[.]TEST",
		"evil.test/path and file.txt and v1.2":    "evil[.]test/path and file.txt and v1.2",
		"tg://resolve?domain=x ftp://a.b":         "tg[:]//resolve?domain=x ftp[:]//a[.]b",
		"<img src=\"https://evil.test/p.png\">":   "<img src=\"https[:]//evil[.]test/p.png\">",
		"plain words: no links. Really, 3/4 done": "plain words: no links. Really, 3/4 done",
	} {
		if got := courier.Defang(in, given); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

// live is what a chat program would make a link of.
var live = regexp.MustCompile("(?i)https?://[^\\s<>\"'`]")

// FuzzDefang: whatever a model writes, no address with a scheme is left in it
// that was not given.
func FuzzDefang(f *testing.F) {
	for _, s := range []string{"https://evil.test/?d=1", "a.b/c", "http:\\/\\/x.y", "https://https://x", "xhttps://a.bc/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := courier.Defang(s, func(string) bool { return false })
		if live.MatchString(got) {
			t.Fatalf("%q became %q", s, got)
		}
	})
}
