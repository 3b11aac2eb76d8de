package telegram_test

import (
	"net/http"
	"sync"
	"testing"

	"github.com/openclaw-go/openclaw/internal/channel"
	"github.com/openclaw-go/openclaw/internal/channel/channeltest"
	"github.com/openclaw-go/openclaw/internal/channel/telegram"
	"github.com/openclaw-go/openclaw/internal/channel/telegram/telegramtest"
)

// kept is a position in memory.
type kept struct {
	mu    sync.Mutex
	next  int64
	saves int
	err   error
}

func (k *kept) Load() (int64, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.next, k.err
}

func (k *kept) Save(next int64) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.next = next
	k.saves++
	return k.err
}

func token(use func(string) error) error { return use(telegramtest.Token) }

func conf(s *telegramtest.Server, k *kept, e channeltest.Env) telegram.Config {
	return telegram.Config{Token: token, Root: s.URL, HTTP: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, Position: k, Now: e.Now, Sleep: e.Sleep, Report: e.Report}
}

func TestConformance(t *testing.T) {
	channeltest.Run(t, func(t testing.TB) channeltest.World {
		s, k := telegramtest.New(t), &kept{}
		return channeltest.World{Service: s, Bot: "123456789",
			Direct: channel.Chat{Kind: channel.Direct, ID: "4242", To: "4242"},
			Group:  channel.Chat{Kind: channel.Group, ID: "-1001", To: "-1001"},
			Thread: channel.Chat{Kind: channel.Group, ID: "-1001", Thread: "42", To: "-1001:topic:42"},
			Open: func(e channeltest.Env) channel.Channel {
				b, err := telegram.New(conf(s, k, e))
				if err != nil {
					t.Fatal(err)
				}
				return b
			}}
	})
}
