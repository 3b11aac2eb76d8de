package agent_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/agent"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gate"
	"github.com/openclaw-go/openclaw/internal/model"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// instant is a model that answers at once.
type instant struct{}

func (instant) Destinations() []model.Destination { return nil }

func (instant) Stream(context.Context, model.Request) model.Stream {
	return func(yield func(model.Event, error) bool) {
		if yield(model.Event{Kind: model.TextDelta, Text: "Hello, how can I help?"}, nil) {
			yield(model.Event{Kind: model.Stopped, Stop: model.StopEnd, Source: model.Source{Provider: "instant", Model: "m"}}, nil)
		}
	}
}

// yes is a gate that lets every reply go and keeps nothing.
type yes struct{ judge }

func (*yes) Reply(context.Context, gate.Reply) (policy.Decision, error) {
	return policy.Decision{Verdict: policy.Allow}, nil
}

// short is memory that forgets, so that all turns are alike.
type short struct{ *memory }

func (s short) Append(key claw.SessionKey, m model.Message, said string) error {
	s.mu.Lock()
	if len(s.msgs[key]) > 10 {
		s.msgs[key], s.said[key], s.log = s.msgs[key][:0], nil, nil
	}
	s.mu.Unlock()
	return s.memory.Append(key, m, said)
}

// BenchmarkTurn is what the engine itself takes for one text-only turn with a
// model that answers at once, over sessions in memory (DESIGN §10: at most
// 2 ms with the journal on disk, see app).
func BenchmarkTurn(b *testing.B) {
	for _, sessions := range []int{1, 64} {
		b.Run(fmt.Sprintf("sessions=%d", sessions), func(b *testing.B) {
			var n int
			var mu sync.Mutex
			e := agent.New(agent.Options{Sessions: short{newMemory()}, Gate: &yes{}, Now: time.Now, Emit: func(agent.Event) {},
				Brain: func(claw.AgentID) (agent.Brain, error) {
					return agent.Brain{Provider: instant{}, Ref: "instant/m", Model: "m"}, nil
				},
				NewRun: func() claw.RunID { mu.Lock(); defer mu.Unlock(); n++; return claw.RunID(fmt.Sprint(n)) }})
			work, done := make(chan int), make(chan error, sessions)
			b.ReportAllocs()
			b.ResetTimer()
			for i := range sessions {
				key := claw.SessionKey(fmt.Sprint("agent:main:", i))
				go func() {
					var failed error
					for range work {
						id, err := e.Send(agent.Turn{Agent: "main", Session: key, Principal: owner, Text: "hello", Audience: home})
						if err == nil {
							var r agent.Result
							if r, err = e.Wait(context.Background(), id); r.State != agent.StateFinal {
								err = fmt.Errorf("%+v: %w", r, err)
							}
						}
						if err != nil {
							failed = err
						}
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
		})
	}
}
