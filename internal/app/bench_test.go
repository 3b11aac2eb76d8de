package app_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/openclaw-go/openclaw/internal/agent"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/inbox"
	"github.com/openclaw-go/openclaw/internal/journal"
)

// BenchmarkTurn is one text-only turn with a model that answers at once, one
// session alone and 64 side by side, the journal and the transcripts on disk
// (DESIGN §10: at most 2 ms each, at least 1,000 a second).
func BenchmarkTurn(b *testing.B) {
	for _, sessions := range []int{1, 64} {
		b.Run(fmt.Sprintf("sessions=%d", sessions), func(b *testing.B) { benchTurns(b, sessions) })
	}
}

func benchTurns(b *testing.B, sessions int) {
	h := newHome(b)
	a := h.open()
	one := func(i int) error {
		r, err := a.Turn(b.Context(), inbox.Message{Principal: owner, Session: sessionKey(i), Text: "hello"})
		if err == nil && (r.State != agent.StateFinal || r.Reply == "") {
			err = fmt.Errorf("%+v", r)
		}
		return err
	}
	for i := range sessions {
		if err := one(i); err != nil { // sessions exist before time is taken
			b.Fatal(err)
		}
	}
	work, done := make(chan int), make(chan error, sessions)
	b.ResetTimer()
	for i := range sessions {
		go func() {
			var failed error
			for range work {
				failed = errors.Join(failed, one(i))
			}
			done <- failed
		}()
	}
	for i := range b.N {
		work <- i
	}
	close(work)
	for range sessions {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	if err := a.Close(); err != nil {
		b.Fatal(err)
	}
	h.checkRecord(journal.ChannelMessage)
}

func sessionKey(i int) claw.SessionKey { return claw.SessionKey(fmt.Sprintf("agent:main:s%d", i)) }
