package agent_test

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/agent"
	"github.com/openclaw-go/openclaw/internal/budget"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gate"
	"github.com/openclaw-go/openclaw/internal/ledger"
	"github.com/openclaw-go/openclaw/internal/model"
	"github.com/openclaw-go/openclaw/internal/model/script"
	"github.com/openclaw-go/openclaw/internal/policy"
)

func limit(n int64, key string) policy.Limit {
	return policy.Limit{Set: true, Max: n, Where: claw.ConfigRef{File: "openclaw.json", Line: 4, Pointer: "tools.budget." + key}}
}

// paid makes the world's model one that somebody is paid for.
func (w *world) paid(price *model.Price) *ledger.Book {
	w.t.Helper()
	b, err := ledger.Open(ledger.Options{Path: filepath.Join(w.t.TempDir(), ledger.FileName), Now: func() time.Time { return noon }})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = b.Close() })
	w.gate.ledger = b
	w.brain.Provider = elsewhere{w.say}
	w.brain.Spec = model.Spec{Window: 100000, Output: 4000, Price: price}
	return b
}

func spent(t *testing.T, b *ledger.Book) budget.Use {
	t.Helper()
	own, _, _, err := b.Used("main")
	if err != nil {
		t.Fatal(err)
	}
	return own
}

// dear costs a dollar for a million tokens in, and ten out.
var dear = &model.Price{Input: 1, Output: 10, CacheRead: 0.1, CacheWrite: 1.25}

func TestR50WhatAModelTookIsCounted(t *testing.T) {
	t.Parallel()
	said := script.Say("hello")
	said.Usage = model.Usage{Input: 3000, Output: 500}
	w := newWorld(t, said)
	b := w.paid(dear)
	w.gate.limits = policy.BudgetRules{All: policy.DayLimits{Tokens: limit(50000, "tokensPerDay"), Cost: limit(budget.Nanos(1), "costPerDay")}}
	if r := w.ask(w.turn("hello")); r.State != agent.StateFinal {
		t.Fatalf("%+v", r)
	}
	if u := spent(t, b); u.Tokens != 3500 || u.Nanos != budget.Nanos(0.008) || u.Unpriced != 0 {
		t.Errorf("%+v is counted", u)
	}
	if n := w.say.Requests()[0].MaxTokens; n != 4000 {
		t.Errorf("the reply may have %d tokens", n)
	}
}

// TestR50UnderReporting: a provider that reports too little is charged by our
// own count.
func TestR50UnderReporting(t *testing.T) {
	t.Parallel()
	said := script.Say(strings.Repeat("many words ", 1000))
	said.Usage = model.Usage{Input: 1, Output: 1}
	w := newWorld(t, said)
	b := w.paid(dear)
	if r := w.ask(w.turn(strings.Repeat("a question ", 1000))); r.State != agent.StateFinal {
		t.Fatalf("%+v", r)
	}
	if u := spent(t, b); u.Tokens < 1500 {
		t.Errorf("%+v is counted of 22000 bytes", u)
	}
}

// TestR50FalseReports: amounts that no request has give nothing back, and no
// sum of them is small.
func TestR50FalseReports(t *testing.T) {
	t.Parallel()
	for name, u := range map[string]model.Usage{
		"below zero": {Input: 4000, Output: 100, CacheRead: -3000, CacheWrite: -1 << 30},
		"overflow":   {Input: math.MaxInt, Output: math.MaxInt, CacheRead: math.MaxInt, CacheWrite: math.MaxInt},
	} {
		said := script.Say("hello")
		said.Usage = u
		w := newWorld(t, said)
		b := w.paid(dear)
		w.ask(w.turn("hello"))
		if u := spent(t, b); u.Tokens < 4100 || u.Nanos < budget.Nanos(0.005) {
			t.Errorf("%s: %+v is counted", name, u)
		}
	}
}

// TestR50NothingLeft: the turn says which limit, how much, until when and which
// key, and no byte leaves.
func TestR50NothingLeft(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		limits policy.BudgetRules
		price  *model.Price
		says   []string
	}{
		"tokens":   {policy.BudgetRules{Own: policy.DayLimits{Tokens: limit(1500, "tokensPerDay")}}, dear, []string{"budget.tokens_per_day", "1500", "2026-11-25 00:00 UTC", "openclaw.json:4:0 tools.budget.tokensPerDay"}},
		"money":    {policy.BudgetRules{All: policy.DayLimits{Cost: limit(budget.Nanos(0.002), "costPerDay")}}, dear, []string{"budget.cost_per_day", "0.002", "all agents together", "2026-11-25 00:00 UTC", "tools.budget.costPerDay"}},
		"no price": {policy.BudgetRules{Own: policy.DayLimits{Cost: limit(budget.Nanos(100), "costPerDay")}}, nil, []string{"budget.unpriced_model", "script/script", "models.providers.script.models"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, script.Say("hello"))
			b := w.paid(tc.price)
			w.gate.limits = tc.limits
			r := w.ask(w.turn("hello"))
			if r.State != agent.StateError || len(w.say.Requests()) != 0 || r.Reply != "" {
				t.Fatalf("%+v after %d requests", r, len(w.say.Requests()))
			}
			for _, s := range tc.says {
				if !strings.Contains(r.Error, s) {
					t.Errorf("%q does not say %q", r.Error, s)
				}
			}
			if u := spent(t, b); u != (budget.Use{}) {
				t.Errorf("%+v is counted", u)
			}
			other := w.turn("hello")
			other.Audience = group
			if r := w.ask(other); strings.Contains(r.Error, "openclaw.json") || !strings.Contains(r.Error, "limit") {
				t.Errorf("others read %q", r.Error)
			}
		})
	}
}

// TestFreeModelsAreFine: a price of zero is one, and what stays within the
// process needs none.
func TestFreeModelsAreFine(t *testing.T) {
	t.Parallel()
	w := newWorld(t, script.Say("hello"), script.Say("hello"))
	b := w.paid(&model.Price{})
	w.gate.limits = policy.BudgetRules{Own: policy.DayLimits{Cost: limit(0, "costPerDay")}}
	if r := w.ask(w.turn("hello")); r.State != agent.StateFinal {
		t.Fatalf("%+v", r)
	}
	w.brain.Provider, w.brain.Spec.Price = w.say, nil
	before := spent(t, b)
	if r := w.ask(w.turn("hello")); r.State != agent.StateFinal || spent(t, b) != before {
		t.Errorf("%+v", r)
	}
}

// TestReplyIsKeptToWhatIsLeft instead of being refused.
func TestReplyIsKeptToWhatIsLeft(t *testing.T) {
	t.Parallel()
	w := newWorld(t, script.Say("hello"))
	w.paid(dear)
	w.gate.limits = policy.BudgetRules{Own: policy.DayLimits{Tokens: limit(3500, "tokensPerDay")}}
	if r := w.ask(w.turn("hello")); r.State != agent.StateFinal {
		t.Fatalf("%+v", r)
	}
	if n := w.say.Requests()[0].MaxTokens; n < 1024 || n > 3000 {
		t.Errorf("the reply may have %d tokens of 3500 for both", n)
	}
}

// TestR50EveryAttemptIsSetAside: what is asked again, or of another model, is
// judged each time by that model's own price.
func TestR50EveryAttemptIsSetAside(t *testing.T) {
	t.Parallel()
	w := newWorld(t, script.Step{Err: &model.Error{Kind: model.KindTimeout, Message: "silent"}, Times: -1})
	b := w.paid(dear)
	w.brain.Wrap = func(p model.Provider) model.Provider {
		return model.Retry{Provider: p, Attempts: 3, Sleep: func(context.Context, time.Duration) error { return nil }}
	}
	second := script.New(script.Say("from the second"))
	w.brain.Next = []agent.Candidate{{Provider: elsewhere{second}, Ref: "other/unpriced", Model: "unpriced"}}
	w.gate.limits = policy.BudgetRules{Own: policy.DayLimits{Cost: limit(budget.Nanos(5), "costPerDay")}}
	r := w.ask(w.turn("hello"))
	if r.State != agent.StateError || !strings.Contains(r.Error, "budget.unpriced_model") || !strings.Contains(r.Error, "other/unpriced") || len(second.Requests()) != 0 {
		t.Fatalf("%+v", r)
	}
	if n := len(w.say.Requests()); n != 3 {
		t.Errorf("%d attempts", n)
	}
	if u := spent(t, b); u.Tokens < 3*10 || u.Nanos == 0 {
		t.Errorf("three requests of which nothing was heard are counted as %+v", u)
	}
	// With a price the second one answers.
	w.say = script.New(script.Step{Err: &model.Error{Kind: model.KindOverloaded, Status: 503}, Times: -1})
	w.brain.Provider = elsewhere{w.say}
	w.brain.Next[0].Spec.Price = &model.Price{}
	before := spent(t, b)
	if r := w.ask(w.turn("hello")); r.State != agent.StateFinal || r.Reply != "from the second" {
		t.Fatalf("%+v", r)
	}
	if u := spent(t, b); u.Nanos != before.Nanos {
		t.Errorf("requests that were turned away cost %d", u.Nanos-before.Nanos)
	}
}

// TestBrokenOffIsCounted: what came until then was paid for.
func TestBrokenOffIsCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, script.Step{Blocks: []model.Block{model.Text(strings.Repeat("word ", 600))}, Err: &model.Error{Kind: model.KindNetwork, Message: "cut"}})
	b := w.paid(dear)
	if r := w.ask(w.turn("hello")); r.State != agent.StateError {
		t.Fatalf("%+v", r)
	}
	if u := spent(t, b); u.Tokens < 500 {
		t.Errorf("3000 bytes that came are counted as %+v", u)
	}
	w = newWorld(t, script.Step{Err: &model.Error{Kind: model.KindNetwork, Message: "no route", Unsent: true}})
	b = w.paid(dear)
	if r := w.ask(w.turn("hello")); r.State != agent.StateError || spent(t, b) != (budget.Use{}) {
		t.Errorf("nothing was sent: %+v", spent(t, b))
	}
}

// TestSummariesAreCounted too.
func TestSummariesAreCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.paid(dear)
	w.say.Add(script.Step{Blocks: []model.Block{model.Text("notes")}, Usage: model.Usage{Input: 20000, Output: 50}}, script.Say("hello"))
	w.brain.Spec.Window = 12000
	for i := range 40 {
		w.mem.msgs[main] = append(w.mem.msgs[main], model.User(fmt.Sprintf("%d %s", i, strings.Repeat("x", 1500))), model.Assistant(model.Text("yes")))
	}
	if r := w.ask(w.turn("hello")); r.State != agent.StateFinal {
		t.Fatalf("%+v", r)
	}
	if n, u := len(w.say.Requests()), spent(t, b); n != 2 || u.Tokens < 20050 {
		t.Errorf("%d requests, %+v", n, u)
	}
}

// TestR50SessionsTogether: sessions that think at once do not spend more than
// there is, whatever they come to.
func TestR50SessionsTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.paid(dear)
	w.gate.limits = policy.BudgetRules{Own: policy.DayLimits{Tokens: limit(30000, "tokensPerDay")}}
	var served atomic.Int64
	w.brain.Provider = expensive{&served}
	w.brain.Spec.Output = 5000
	var runs []claw.RunID
	for i := range 12 {
		turn := w.turn("hello")
		turn.Session = claw.SessionKey(fmt.Sprint("agent:main:", i))
		runs = append(runs, w.send(turn))
	}
	refused := 0
	for _, id := range runs {
		r, err := w.Wait(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if r.State == agent.StateError {
			refused++
			if !strings.Contains(r.Error, "budget.tokens_per_day") {
				t.Errorf("%+v", r)
			}
		}
	}
	u := spent(t, b)
	if u.Tokens > 30000 || served.Load() == 0 || refused == 0 || served.Load()+int64(refused) != 12 {
		t.Errorf("%d served, %d refused, %+v", served.Load(), refused, u)
	}
}

// expensive uses all that it may.
type expensive struct{ served *atomic.Int64 }

func (expensive) Destinations() []model.Destination {
	return []model.Destination{{Provider: "script", Host: "api.example.org:443"}}
}

func (e expensive) Stream(_ context.Context, req model.Request) model.Stream {
	return func(yield func(model.Event, error) bool) {
		e.served.Add(1)
		for _, ev := range []model.Event{{Kind: model.TextDelta, Text: "x"}, {Kind: model.UsageReport, Usage: model.Usage{Input: 600, Output: req.MaxTokens}}, {Kind: model.Stopped, Stop: model.StopEnd}} {
			if !yield(ev, nil) {
				return
			}
		}
	}
}

// TestLimitEndsTheTurn: there is no use in going on, and the person reads why.
func TestLimitEndsTheTurn(t *testing.T) {
	t.Parallel()
	for _, rule := range []policy.RuleID{policy.RuleCallsPerDay, policy.RuleCallsPerTurn, policy.RuleBreaker, policy.RuleBudgetUnknown} {
		w := newWorld(t, script.Loop("read", `{"path":"a"}`))
		w.gate.on = always(gate.Outcome{Status: gate.Refused, IsError: true, Decision: policy.Decision{Rule: rule, Reason: "it is used up", Hint: "raise the key"}, Text: "refused"})
		r := w.ask(w.turn("go"))
		if r.State != agent.StateError || len(w.gate.seen()) != 1 || r.Error != string(rule)+": it is used up (raise the key)" {
			t.Errorf("%s: %+v after %d calls", rule, r, len(w.gate.seen()))
		}
		// R53: the transcript, which the model reads, has no hint.
		if last := w.mem.msgs[main][len(w.mem.msgs[main])-1]; last.Failure != string(rule)+": it is used up" {
			t.Errorf("%s: the transcript says %q", rule, last.Failure)
		}
	}
	// A loop that is refused goes on until the breaker, not until the model
	// asked three times.
	w := newWorld(t, script.Loop("read", `{"path":"a"}`))
	w.gate.on = func(context.Context, gate.Call) (gate.Outcome, error) {
		rule := policy.RuleID("loop.repeat")
		if len(w.gate.seen()) == 10 {
			rule = policy.RuleBreaker
		}
		return gate.Outcome{Status: gate.Refused, IsError: true, Decision: policy.Decision{Rule: rule, Reason: "again"}, Text: "refused"}, nil
	}
	if r := w.ask(w.turn("go")); r.State != agent.StateError || len(w.gate.seen()) != 10 || !strings.Contains(r.Error, "loop.circuit_breaker") {
		t.Errorf("%+v after %d calls", r, len(w.gate.seen()))
	}
	if a, b := w.gate.seen()[0].Turn, w.gate.seen()[9].Turn; a == nil || a != b {
		t.Error("the calls of a turn do not share what was called")
	}
}

// TestReplyIsCountedOnce however often the gate is asked about its parts.
func TestReplyIsCountedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, script.Ask("c", "read", `{}`), script.Say("the answer"))
	w.gate.on = always(done("text", claw.Private, "file a"))
	if r := w.ask(w.turn("read it")); r.State != agent.StateFinal {
		t.Fatalf("%+v", r)
	}
	first := 0
	for _, r := range w.gate.replies {
		if r.First {
			first++
		}
	}
	if first != 1 {
		t.Errorf("%d of %d questions are the first of their turn", first, len(w.gate.replies))
	}
}
