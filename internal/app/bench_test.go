package app_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/openclaw-go/openclaw/internal/agent"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/inbox"
	"github.com/openclaw-go/openclaw/internal/journal"
)

// BenchmarkTurn is one text-only turn with a model that answers at once, 64
// sessions side by side, the journal and the transcripts on disk (DESIGN §10:
// at most 2 ms each, at least 1,000 a second).
func BenchmarkTurn(b *testing.B) {
	h := newHome(b)
	a := h.open()
	const sessions = 64
	for i := range sessions {
		// Sessions exist before time is taken.
		if _, err := a.Turn(b.Context(), inbox.Message{Principal: owner, Session: sessionKey(i), Text: "hello"}); err != nil {
			b.Fatal(err)
		}
	}
	work := make(chan int)
	done := make(chan struct{})
	var failed atomic.Pointer[string]
	b.ResetTimer()
	for i := range sessions {
		go func() {
			for range work {
				r, err := a.Turn(b.Context(), inbox.Message{Principal: owner, Session: sessionKey(i), Text: "hello"})
				if err != nil || r.State != agent.StateFinal || r.Reply == "" {
					s := fmt.Sprintf("%+v, %v", r, err)
					failed.Store(&s)
				}
			}
			done <- struct{}{}
		}()
	}
	for i := range b.N {
		work <- i
	}
	close(work)
	for range sessions {
		<-done
	}
	b.StopTimer()
	if s := failed.Load(); s != nil {
		b.Fatal(*s)
	}
	if err := a.Close(); err != nil {
		b.Fatal(err)
	}
	h.checkRecord(journal.ChannelMessage)
}

func sessionKey(i int) claw.SessionKey { return claw.SessionKey(fmt.Sprintf("agent:main:s%d", i)) }
