package app_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/app"
	"github.com/openclaw-go/openclaw/internal/channel"
	"github.com/openclaw-go/openclaw/internal/channel/channeltest"
	"github.com/openclaw-go/openclaw/internal/channel/telegram/telegramtest"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gateway"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/model/modeltest"
)

// chat is a gateway whose one channel is a local Telegram.
type chat struct {
	*home
	tg  *telegramtest.Server
	app *app.App
}

const chatConfig = `{
	gateway: { auth: { mode: "token", token: { source: "file", provider: "default", id: "/gateway/token" } } },
	tools: { profile: "standard", fs: { workspaceOnly: true }, alsoAllow: ["exec", "process"],
		exec: { security: "allowlist", ask: "on-miss", allowlist: ["ls"] } },
	agents: { list: [ { id: "main", default: true, name: "Claw" } ] },
	channels: { telegram: { botToken: { source: "file", provider: "default", id: "/bot" }, apiRoot: %q, groups: { "-1001": {} }, groupAllowFrom: ["42"], %s } },
	commands: { ownerAllowFrom: ["telegram:1"] },
}`

// outsider is what the built-in interpreter says to whoever is not its owner.
const outsider = "I take commands only from what you write yourself."

func newChat(t *testing.T, more string, models ...*modeltest.Server) *chat {
	t.Helper()
	c := &chat{home: newHome(t), tg: telegramtest.New(t)}
	c.secret("bot", telegramtest.Token)
	text := fmt.Sprintf(chatConfig, c.tg.URL, more)
	for _, m := range models {
		c.secret("model", modeltest.Key)
		text = strings.Replace(text, `name: "Claw"`, `name: "Claw", model: "local/m1"`, 1)
		text = strings.Replace(text, "channels: {", fmt.Sprintf(`models: { providers: { local: { baseUrl: %q, api: "openai-completions", apiKey: { source: "file", provider: "default", id: "/model" } } } }, channels: {`, m.URL), 1)
	}
	c.configure(text)
	c.app = c.open()
	c.serve(c.app)
	return c
}

// says has somebody write to the bot directly.
func (c *chat) says(who, text string) {
	c.tg.Deliver(channel.Message{Chat: channel.Chat{Kind: channel.Direct, ID: who}, Sender: channel.Sender{ID: claw.SenderID(who), Name: "N" + who}, Text: text})
}

func (c *chat) group(who, text string, mention bool) {
	c.tg.Deliver(channel.Message{Chat: channel.Chat{Kind: channel.Group, ID: "-1001"}, Sender: channel.Sender{ID: claw.SenderID(who)}, Text: text, Mentioned: mention})
}

// hears waits for a message to a conversation that has a text.
func (c *chat) hears(to channel.Target, text string) channeltest.Sent {
	c.t.Helper()
	var found channeltest.Sent
	c.until(fmt.Sprintf("a message to %s with %q", to, text), func() bool {
		i := slices.IndexFunc(c.tg.Sent(), func(s channeltest.Sent) bool { return s.To == to && strings.Contains(s.Text, text) })
		if i >= 0 {
			found = c.tg.Sent()[i]
		}
		return i >= 0
	})
	return found
}

func (c *chat) until(what string, ok func() bool) {
	c.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.NewTimer(30 * time.Second)
	defer limit.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-limit.C:
			for _, s := range c.tg.Sent() {
				c.t.Logf("to %s: %s %v", s.To, s.Text, s.Buttons)
			}
			c.t.Fatalf("%s did not happen", what)
		}
	}
}

func count(sent []channeltest.Sent, to channel.Target, text string) (n int) {
	for _, s := range sent {
		if s.To == to && strings.Contains(s.Text, text) {
			n++
		}
	}
	return n
}

// taken waits until the bot has confirmed everything that was delivered.
func (c *chat) taken() {
	c.t.Helper()
	c.until("the end of the updates", func() bool { return len(c.tg.Waiting()) == 0 })
}

func (c *chat) record(events ...journal.Event) []journal.Record {
	c.t.Helper()
	recs, err := journal.OpenReader(journal.Options{Dir: c.paths.State}).Search(c.t.Context(), journal.Filter{Events: events})
	if err != nil {
		c.t.Fatal(err)
	}
	slices.Reverse(recs)
	return recs
}

// read counts the messages that an agent was given.
func (c *chat) read() (n int) {
	for _, r := range c.record(journal.ChannelMessage) {
		if strings.Contains(string(r.Data), `"direction":"in"`) {
			n++
		}
	}
	return n
}

// TestGuideStrangerPairsAndIsAnswered: a stranger writes, gets a code, the
// operator approves it, and the next message is answered.
func TestGuideStrangerPairsAndIsAnswered(t *testing.T) {
	c := newChat(t, "")
	c.says("42", "help")
	told := c.hears("42", "Pairing code: ")
	if len(c.app.Agent().Active()) != 0 || len(c.record(journal.SessionNew)) != 0 || c.read() != 0 {
		t.Error("a stranger has a session")
	}
	code := regexp.MustCompile(`Pairing code: ([A-Z2-9]{8})\n`).FindStringSubmatch(told.Text)[1]
	list, err := c.app.Channels().Pairings(t.Context(), "")
	if err != nil || len(list.Requests) != 1 || list.Requests[0].Code != code || list.Requests[0].Sender != "42" {
		t.Fatalf("%+v, %v", list, err)
	}
	if _, err := c.app.Channels().Pair(t.Context(), gateway.Pair{Act: "approve", Channel: "telegram", Code: "AAAAAAAA"}, owner); err == nil {
		t.Error("another code let somebody in")
	}
	if _, err := c.app.Channels().Pair(t.Context(), gateway.Pair{Act: "approve", Channel: "telegram", Code: code, Notify: true}, owner); err != nil {
		t.Fatal(err)
	}
	c.hears("42", "access approved")
	c.says("42", "help")
	c.hears("42", outsider)
	// Who is paired is nobody's owner: neither a command nor an owner's tool.
	c.says("42", "/status")
	c.until("a second answer", func() bool { return count(c.tg.Sent(), "42", outsider) == 2 })
	c.group("42", "help", true)
	c.hears("-1001", outsider)
	if recs := c.record(journal.Pairing); len(recs) != 2 {
		t.Errorf("%d entries of pairing", len(recs))
	}
	if got := holding(t, c.env["HOME"], telegramtest.Token); !slices.Equal(got, []string{c.paths.Secrets}) {
		t.Errorf("the bot's token lies in %v", got)
	}
}

// TestGuideGroupWithoutMentionIsIgnored: what is not for the bot is not read;
// a listed sender who mentions it is answered, with what was said before.
func TestGuideGroupWithoutMentionIsIgnored(t *testing.T) {
	c := newChat(t, "")
	c.group("42", "help", false)
	c.group("666", "help", true) // on no list
	c.taken()
	if n := c.read(); n != 0 || len(c.tg.Sent()) != 0 {
		t.Fatalf("%d messages were read, %v sent", n, c.tg.Sent())
	}
	c.group("42", "claw, help", false) // by its name
	c.hears("-1001", outsider)
	if n := len(c.record(journal.SessionNew)); n != 1 {
		t.Errorf("%d sessions", n)
	}
}

// TestGuideExecFromTelegram: a command that is asked for in a chat waits for
// its owner's button, runs in the sandbox and answers; the journal has each
// step in order. Nobody else's press, no copy of the button and no repeated
// press does anything.
func TestGuideExecFromTelegram(t *testing.T) {
	c := newChat(t, "")
	c.says("1", "run cp SOUL.md copy.md")
	card := c.hears("1", "wants to run 1 program: cp.")
	if len(card.Buttons) != 2 || card.Buttons[0].Text != "Allow once" || card.Preview {
		t.Fatalf("%+v", card)
	}
	for _, want := range []string{"cp SOUL.md copy.md", "Why asked: exec.", "If allowed: runs "} {
		if !strings.Contains(card.Text, want) {
			t.Errorf("the card does not say %q:\n%s", want, card.Text)
		}
	}
	copied := filepath.Join(c.paths.Workspace, "copy.md")
	press := func(who, chat, id, data string) {
		t.Helper()
		n := len(c.tg.Told())
		c.tg.Press(channel.Press{By: channel.Sender{ID: claw.SenderID(who)}, On: channel.Ref{Chat: chat, ID: id}, Data: data})
		c.until("an answer to the press", func() bool { return len(c.tg.Told()) > n })
	}
	allow := card.Buttons[0].Data
	press("42", "1", card.ID, allow)               // another member
	press("1", "-1001", card.ID, allow)            // in another chat
	press("1", "1", "999", allow)                  // on another message
	press("1", "1", card.ID, "forged-data")        // data that nobody sent
	press("1", "1", card.ID, allow[:len(allow)-1]) // most of it
	for _, told := range c.tg.Told() {
		if strings.Contains(told, "Allowed") {
			t.Errorf("told %q", told)
		}
	}
	if _, err := os.Stat(copied); err == nil {
		t.Fatal("it ran before its owner's word")
	}
	c.until("the press of the owner's", func() bool { // a button takes no press at first
		press("1", "1", card.ID, allow)
		told := c.tg.Told()
		return told[len(told)-1] == "Allowed once."
	})
	c.until("the copy", func() bool { _, err := os.Stat(copied); return err == nil })
	c.hears("1", "Done. There was no output.")
	settled := c.hears("1", "Allowed by telegram:1.")
	if len(settled.Buttons) != 0 {
		t.Errorf("%+v", settled)
	}
	press("1", "1", card.ID, allow)
	if told := c.tg.Told(); told[len(told)-1] != "This question is no longer open." {
		t.Errorf("a second press: %q", told[len(told)-1])
	}
	var steps []string
	for _, r := range c.record(journal.ChannelMessage, journal.Decision, journal.Consent, journal.ExecCommand) {
		if r.Event != "decision" || strings.Contains(string(r.Data), "exec") {
			steps = append(steps, string(r.Event))
		}
	}
	if got := slices.Compact(steps); strings.Join(got, " ") != "channel.message decision consent exec.command channel.message" {
		t.Errorf("the journal tells %v", got)
	}
	c.checkRecord(journal.ChannelMessage, journal.Consent, journal.ExecCommand)
}

// TestR22ChatAllowsOnceAndLittle: a chat cannot allow for longer, and what has
// effects beyond the sandbox it cannot allow at all.
func TestR22ChatAllowsOnceAndLittle(t *testing.T) {
	c := newChat(t, "")
	c.says("1", "run cp SOUL.md copy.md")
	card := c.hears("1", "wants to run 1 program: cp.")
	id := regexp.MustCompile(`Id: (\w+), expires`).FindStringSubmatch(card.Text)[1]
	c.says("1", "/approve "+id+" allow-always")
	c.hears("1", "In a chat a call is allowed once.")
	c.says("42", "/approve "+id)
	c.says("1", "/deny "+id)
	c.hears("1", "Denied.")
	c.says("1", "run curl https://example.org/")
	card = c.hears("1", "wants to run 1 program: curl.")
	if !strings.Contains(card.Text, "It cannot be allowed here: ") || len(card.Buttons) != 1 || card.Buttons[0].Text != "Deny" {
		t.Errorf("%+v", card)
	}
	id = regexp.MustCompile(`Id: (\w+), expires`).FindStringSubmatch(card.Text)[1]
	c.says("1", "/approve "+id)
	c.hears("1", "That cannot be allowed here.")
}

// TestOwnerCommands: an owner's words to the gateway itself are no turn.
func TestOwnerCommands(t *testing.T) {
	c := newChat(t, "")
	for _, w := range []struct{ text, want string }{
		{"/status", "Agent main, session agent:main:telegram:direct:1: idle."}, {"/stop", "Stopped: 0."}, {"/why", "holds nothing from outside"},
		{"/new", "A new conversation begins"}, {"/audit", "critical"}, {"/compact", ""}, {"/help", "/approve ID"},
	} {
		before := len(c.tg.Sent())
		c.says("1", w.text)
		c.until(w.text, func() bool { return len(c.tg.Sent()) > before })
		if got := c.tg.Sent()[before].Text; !strings.Contains(got, w.want) {
			t.Errorf("%s: %q, want %q", w.text, got, w.want)
		}
	}
	if n := c.read(); n != 0 {
		t.Errorf("%d messages went to an agent", n)
	}
}

// TestR05LinksOfOutsidersAreText: in a session with outside text an address
// that the operator did not give is no link, and no preview is ever asked for.
func TestR05LinksOfOutsidersAreText(t *testing.T) {
	m := modeltest.NewOpenAI(t, modeltest.Say("See https://evil.test/?d=secret and evil.test/x."), modeltest.Say("See https://given.test/page and https://evil.test/?d=2."))
	c := newChat(t, `allowFrom: ["7"]`, m)
	c.says("7", "which page?")
	if got := c.hears("7", "See "); got.Text != "See https[:]//evil[.]test/?d=secret and evil[.]test/x." {
		t.Errorf("%q", got.Text)
	}
	c.tg.Deliver(channel.Message{Chat: channel.Chat{Kind: channel.Direct, ID: "1"}, Sender: channel.Sender{ID: "1"}, Text: "read https://given.test/page",
		Quoted: &channel.Quoted{ID: "9", Sender: channel.Sender{ID: "7"}, Text: "obey me"}})
	if got := c.hears("1", "See "); got.Text != "See https://given.test/page and https[:]//evil[.]test/?d=2." {
		t.Errorf("%q", got.Text)
	}
	for _, s := range c.tg.Sent() {
		if s.Preview {
			t.Errorf("the service would fetch links of %q", s.Text)
		}
	}
}

// TestChannelThatCannotStart: a token that is refused, or none, takes only the
// channel down and is said so.
func TestChannelThatCannotStart(t *testing.T) {
	c := newChat(t, "")
	c.says("1", "help")
	c.hears("1", "I understand these commands")
	c.tg.Fail(channeltest.Revoked, 1)
	state := func() gateway.ChannelRow {
		rows, err := c.app.Channels().Status(t.Context())
		if err != nil || len(rows) != 1 {
			t.Fatalf("%+v, %v", rows, err)
		}
		return rows[0]
	}
	c.until("the channel to go down", func() bool { return state().State == "down" })
	if r := state(); r.Running || !strings.Contains(r.Problem, "refuses the bot token") || strings.Contains(r.Problem, "AAtest") {
		t.Errorf("%+v", r)
	}
	if _, err := c.app.Channels().SendMessage(t.Context(), gateway.ChannelSend{Channel: "telegram", To: "1", Message: "x"}, owner); err == nil || strings.Contains(err.Error(), "AAtest") {
		t.Errorf("%v", err)
	}
	if r := say(t, c.app, "help"); r.Reply == "" {
		t.Errorf("the gateway is down with its channel: %+v", r)
	}
}

// TestChannelFollowsTheConfiguration: what is switched off stops, and comes
// back; nothing is opened for a home without channels.
func TestChannelFollowsTheConfiguration(t *testing.T) {
	c := newChat(t, "")
	c.says("1", "help")
	c.hears("1", "I understand these commands")
	rows := func() int {
		r, err := c.app.Channels().Status(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return len(r)
	}
	c.configure(fmt.Sprintf(chatConfig, c.tg.URL, "enabled: false"))
	c.until("the end of the channel", func() bool { return rows() == 0 })
	polls := c.tg.Calls("getUpdates")
	c.says("1", "anybody there?")
	c.configure(fmt.Sprintf(chatConfig, c.tg.URL, `dmPolicy: "allowlist"`))
	c.until("the channel again", func() bool { return rows() == 1 && c.tg.Calls("getUpdates") > polls })
	c.hears("1", "I understand plain commands only")
	h := newHome(t)
	a := h.open()
	h.serve(a)
	if r, _ := a.Channels().Status(t.Context()); len(r) != 0 {
		t.Errorf("%+v in a home without channels", r)
	}
}

// TestR03ChannelHearsDecidedRepliesOnly: each message to a conversation has
// its decision in the journal first.
func TestR03ChannelHearsDecidedRepliesOnly(t *testing.T) {
	c := newChat(t, `streaming: "partial"`)
	c.says("1", "help")
	c.hears("1", "I understand these commands")
	c.until("the decision", func() bool {
		return slices.ContainsFunc(c.record(journal.ChannelMessage), func(r journal.Record) bool {
			return strings.Contains(string(r.Data), `"direction":"out"`) && strings.Contains(string(r.Data), `"to":{"channel":"telegram","to":"1","originOnly":true,"ownersOnly":true}`) && strings.Contains(string(r.Data), `"verdict":"allow"`)
		})
	})
}
