package cli_test

import (
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/openclaw-go/openclaw/internal/channel"
	"github.com/openclaw-go/openclaw/internal/channel/telegram/telegramtest"
	"github.com/openclaw-go/openclaw/internal/claw"
)

// telegrams are the local services of scripts, by their directories.
type telegrams struct {
	mu sync.Mutex
	at map[string]*telegramtest.Server
}

func (t *telegrams) of(ts *testscript.TestScript) *telegramtest.Server {
	t.mu.Lock()
	defer t.mu.Unlock()
	dir := ts.Getenv("WORK")
	s := t.at[dir]
	if s == nil {
		s = telegramtest.Start()
		t.at[dir] = s
		ts.Defer(s.Stop)
	}
	return s
}

func newTelegrams() *telegrams { return &telegrams{at: map[string]*telegramtest.Server{}} }

// cmd is the script command telegram:
//
//	telegram url              sets $TELEGRAM_URL and $TELEGRAM_TOKEN
//	telegram says WHO TEXT    somebody writes to the bot
//	telegram hears TO RE      waits for a message; its first group is $HEARD
//	telegram press WHO N      presses the Nth button of the newest question
func (t *telegrams) cmd(ts *testscript.TestScript, neg bool, args []string) {
	s := t.of(ts)
	switch {
	case neg || len(args) == 0:
		ts.Fatalf("usage: telegram url | says WHO TEXT | hears TO RE | press WHO N")
	case args[0] == "url":
		ts.Setenv("TELEGRAM_URL", s.URL)
		ts.Setenv("TELEGRAM_TOKEN", telegramtest.Token)
	case args[0] == "says" && len(args) == 3:
		s.Deliver(channel.Message{Chat: channel.Chat{Kind: channel.Direct, ID: args[1]}, Sender: channel.Sender{ID: claw.SenderID(args[1]), Name: "Ana"}, Text: args[2]})
	case args[0] == "hears" && len(args) == 3:
		re, err := regexp.Compile(args[2])
		ts.Check(err)
		var m []string
		wait(ts, "a message to "+args[1]+" with "+args[2], func() bool {
			for _, x := range s.Sent() {
				if string(x.To) == args[1] && m == nil {
					m = re.FindStringSubmatch(x.Text)
				}
			}
			return m != nil
		})
		if len(m) > 1 {
			ts.Setenv("HEARD", m[1])
		}
	case args[0] == "press" && len(args) == 3:
		n := int(args[2][0] - '0')
		sent := s.Sent()
		i := len(sent) - 1
		for i >= 0 && len(sent[i].Buttons) <= n {
			i--
		}
		if i < 0 {
			ts.Fatalf("no question has so many buttons")
		}
		wait(ts, "a press that is taken", func() bool {
			told := len(s.Told())
			s.Press(channel.Press{By: channel.Sender{ID: claw.SenderID(args[1])}, On: channel.Ref{Chat: args[1], ID: sent[i].ID}, Data: sent[i].Buttons[n].Data})
			wait(ts, "an answer to the press", func() bool { return len(s.Told()) > told })
			return !strings.HasPrefix(s.Told()[told], "Read it first")
		})
	default:
		ts.Fatalf("telegram: %q is not understood", args)
	}
}

func wait(ts *testscript.TestScript, what string, ok func() bool) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	limit := time.NewTimer(30 * time.Second)
	defer limit.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-limit.C:
			ts.Fatalf("%s did not happen", what)
		}
	}
}
