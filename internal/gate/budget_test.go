package gate_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/budget"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gate"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/ledger"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/tool"
)

// counted gives the world a ledger on disk.
func (w *world) counted() *ledger.Book {
	w.t.Helper()
	b, err := ledger.Open(ledger.Options{Path: filepath.Join(w.t.TempDir(), ledger.FileName), Now: func() time.Time { return w.now }})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = b.Close() })
	w.options.Ledger = b
	w.gate = gate.New(w.options)
	return b
}

func atMost(n int64, key string) policy.Limit {
	return policy.Limit{Set: true, Max: n, Where: claw.ConfigRef{File: "openclaw.json", Line: 4, Pointer: "tools.budget." + key}}
}

func used(t *testing.T, b *ledger.Book) budget.Use {
	t.Helper()
	own, _, _, err := b.Used("main")
	if err != nil {
		t.Fatal(err)
	}
	return own
}

func TestR50CallsOfADay(t *testing.T) {
	w := newWorld(t)
	book := w.counted()
	w.rules.Budget = policy.BudgetRules{Own: policy.DayLimits{Calls: atMost(2, "callsPerDay")}}
	for range 2 {
		if out := w.do(w.call(`{}`)); out.Status != gate.Done {
			t.Fatalf("%s by %s", out.Status, out.Decision.Rule)
		}
	}
	out := w.do(w.call(`{}`))
	if out.Status != gate.Refused || out.Decision.Rule != "budget.calls_per_day" || w.probe.runs != 2 {
		t.Fatalf("%s by %s, %d runs", out.Status, out.Decision.Rule, w.probe.runs)
	}
	if !strings.Contains(out.Text, "begins anew at 2026-04-02 00:00") || strings.Contains(out.Text, "openclaw.json") || !strings.Contains(out.Decision.Hint, "openclaw.json:4:0 tools.budget.callsPerDay") {
		t.Errorf("text %q, hint %q", out.Text, out.Decision.Hint)
	}
	if d := w.gate.Explain(t.Context(), w.call(`{}`)); d.Rule != "budget.calls_per_day" || d.Trace[len(d.Trace)-1].Layer != policy.LayerBudget {
		t.Errorf("explained as %s", d.Rule)
	}
	if used(t, book).Calls != 2 {
		t.Errorf("%d calls are counted", used(t, book).Calls)
	}
	w.now = w.now.Add(24 * time.Hour)
	if out := w.do(w.call(`{}`)); out.Status != gate.Done {
		t.Errorf("the next day: %s by %s", out.Status, out.Decision.Rule)
	}
}

// TestRefusedCallsAreFree: what is refused, asked or explained uses nothing,
// and an answered question is counted when its call runs.
func TestRefusedCallsAreFree(t *testing.T) {
	w := newWorld(t)
	book := w.counted()
	w.rules.Budget = policy.BudgetRules{Own: policy.DayLimits{Calls: atMost(1, "callsPerDay")}}
	w.gate.Explain(t.Context(), w.call(`{}`))
	w.probe.facts = func() policy.Facts {
		return policy.Facts{Understood: true, Reads: []policy.Path{{Abs: "/etc/shadow"}}}
	}
	if out := w.do(w.call(`{}`)); out.Status != gate.Refused || out.Decision.Rule.OfBudget() {
		t.Fatalf("%s by %s", out.Status, out.Decision.Rule)
	}
	w.probe.facts = jobs("j")
	c := w.call(`{}`)
	c.Labels = claw.Untrusted
	first := w.ask(c)
	c2 := w.call(`{"a":1}`)
	c2.Labels = claw.Untrusted
	second := w.ask(c2)
	if n := used(t, book).Calls; n != 0 {
		t.Fatalf("%d calls are counted before any ran", n)
	}
	w.answer(first.Approval, "allow-once", "")
	if out := w.resume(first.Approval, claw.Untrusted); out.Status != gate.Done || used(t, book).Calls != 1 {
		t.Fatalf("%s by %s, %d counted", out.Status, out.Decision.Rule, used(t, book).Calls)
	}
	w.answer(second.Approval, "allow-once", "")
	if out := w.resume(second.Approval, claw.Untrusted); out.Status != gate.Refused || out.Decision.Rule != "budget.calls_per_day" || w.probe.runs != 1 {
		t.Errorf("over the limit a person's yes gave %s by %s, %d runs", out.Status, out.Decision.Rule, w.probe.runs)
	}
}

// broken is a ledger that fails.
type broken struct{ reserve, settle, keep error }

func (b broken) Reserve(claw.AgentID, budget.Spend, budget.Caps, budget.Caps) (budget.Claim, error) {
	return budget.Claim{Ticket: 1}, b.reserve
}
func (b broken) Keep(budget.Ticket) error               { return b.keep }
func (b broken) Settle(budget.Ticket, budget.Use) error { return b.settle }
func (broken) Release(budget.Ticket)                    {}

// TestUncountedIsRefused: without a ledger that works, what has a limit for
// the day does not happen, and what has none does.
func TestUncountedIsRefused(t *testing.T) {
	limited := policy.BudgetRules{Own: policy.DayLimits{Calls: atMost(9, "callsPerDay"), Tokens: atMost(9000, "tokensPerDay")}}
	for name, l := range map[string]gate.Ledger{"none": nil, "unreadable": broken{reserve: errors.New("usage.jsonl, line 3: no JSON")}, "unwritable": broken{settle: errors.New("no space left"), keep: errors.New("no space left")}} {
		w := newWorld(t)
		w.options.Ledger = l
		w.gate = gate.New(w.options)
		w.rules.Budget = limited
		out := w.do(w.call(`{}`))
		if out.Status != gate.Refused || out.Decision.Rule != policy.RuleBudgetUnknown || w.probe.runs != 0 {
			t.Errorf("%s: %s by %s, %d runs", name, out.Status, out.Decision.Rule, w.probe.runs)
		}
		_, d, err := w.gate.Afford(t.Context(), gate.ModelCall{Agent: "main", Model: "x/y", Priced: true, Spend: budget.Spend{In: budget.Use{Tokens: 1}}})
		if err != nil || d.Verdict != policy.Deny || d.Rule != policy.RuleBudgetUnknown {
			t.Errorf("%s, a model: %s by %s, %v", name, d.Verdict, d.Rule, err)
		}
		if b, ok := l.(broken); ok && b.reserve != nil && !strings.Contains(out.Decision.Hint, "line 3") {
			t.Errorf("%s: the hint is %q", name, out.Decision.Hint)
		}
		if l == nil || l.(broken).reserve != nil {
			w.rules.Budget = policy.BudgetRules{}
			if out := w.do(w.call(`{}`)); out.Status != gate.Done {
				t.Errorf("%s, without a limit: %s by %s", name, out.Status, out.Decision.Rule)
			}
		}
	}
}

// TestR50AllSessionsTogether: many sessions of one agent at once do not have
// more calls than the agent may.
func TestR50AllSessionsTogether(t *testing.T) {
	w := newWorld(t)
	w.counted()
	w.rules.Budget = policy.BudgetRules{Own: policy.DayLimits{Calls: atMost(25, "callsPerDay")}}
	var nonce, runs atomic.Int64
	opt := w.options
	opt.Nonce = func() string { return fmt.Sprint("n", nonce.Add(1)) }
	opt.Tools = []tool.Tool{&counter{runs: &runs}}
	g := gate.New(opt)
	var wg sync.WaitGroup
	for i := range 10 {
		wg.Go(func() {
			for range 10 {
				c := gate.Call{ToolCall: claw.ToolCall{ID: "c", Tool: "probe", Arguments: []byte(`{}`)}, Agent: "main", Session: claw.SessionKey(fmt.Sprint("agent:main:", i)), Principal: owner, Turn: &gate.Turn{}}
				out, err := g.Call(context.Background(), c)
				if err != nil || out.Status == gate.Refused && out.Decision.Rule != "budget.calls_per_day" {
					t.Errorf("%s by %s, %v", out.Status, out.Decision.Rule, err)
				}
			}
		})
	}
	wg.Wait()
	if runs.Load() != 25 {
		t.Errorf("%d calls ran, 25 may", runs.Load())
	}
}

// counter is a tool that only counts.
type counter struct {
	probe
	runs *atomic.Int64
}

func (c *counter) Prepare(context.Context, tool.Scope, json.RawMessage) (tool.Prepared, error) {
	return tool.Prepared{Arguments: []byte(`{}`), Facts: policy.Facts{Understood: true}, Run: func(context.Context, policy.Permit) (tool.Result, error) {
		c.runs.Add(1)
		return tool.Result{Text: fmt.Sprint(c.runs.Load())}, nil
	}}, nil
}

func TestCallsOfATurn(t *testing.T) {
	w := newWorld(t)
	w.counted()
	w.rules.Budget = policy.BudgetRules{CallsPerTurn: policy.Limit{Set: true, Max: 3}}
	turn := &gate.Turn{}
	for i := range 5 {
		c := w.call(fmt.Sprintf(`{"n":%d}`, i))
		c.Turn = turn
		if out := w.do(c); (out.Status == gate.Done) != (i < 3) || i >= 3 && out.Decision.Rule != policy.RuleCallsPerTurn {
			t.Errorf("call %d: %s by %s", i, out.Status, out.Decision.Rule)
		}
	}
	c := w.call(`{}`)
	c.Turn = &gate.Turn{}
	if out := w.do(c); out.Status != gate.Done {
		t.Errorf("the next turn: %s by %s", out.Status, out.Decision.Rule)
	}
}

// TestLoop: the model is told, then refused, then the turn has to end.
func TestLoop(t *testing.T) {
	w := newWorld(t)
	w.counted()
	every := budget.Detectors{Repeat: true, Poll: true, PingPong: true}
	w.rules.Budget = policy.BudgetRules{Loop: policy.LoopRules{Enabled: true, History: 30, Warning: 4, Critical: 7, Breaker: 10, Detectors: every}}
	turn := &gate.Turn{}
	for i := 1; i <= 12; i++ {
		c := w.call(`{"same":true}`)
		c.Turn = turn
		out := w.do(c)
		want, warns := policy.RuleID(""), i >= 4 && i < 7
		switch {
		case i >= 10:
			want = policy.RuleBreaker
		case i >= 7:
			want = "loop.repeat"
		}
		if want != "" && (out.Status != gate.Refused || out.Decision.Rule != want) || want == "" && out.Status != gate.Done {
			t.Errorf("call %d: %s by %s, want %q", i, out.Status, out.Decision.Rule, want)
		}
		if strings.Contains(out.Text, "[gateway] warning: this is the same call for the") != warns {
			t.Errorf("call %d: the model reads %q", i, out.Text)
		}
	}
	if w.probe.runs != 6 {
		t.Errorf("%d runs", w.probe.runs)
	}
	var rules []policy.RuleID
	for _, e := range w.memory.entries {
		if r, ok := e.Data.(policy.Recorded); ok && e.Event == journal.Decision {
			for _, s := range r.Trace {
				if s.Rule.OfLoop() {
					rules = append(rules, s.Rule)
				}
			}
			if r.Rule == "loop.repeat" && r.Budget.Loop.Times < 7 {
				t.Errorf("the record says %+v", r.Budget.Loop)
			}
		}
	}
	if want := "[loop.warning loop.warning loop.warning loop.repeat loop.repeat loop.repeat loop.circuit_breaker loop.circuit_breaker loop.circuit_breaker]"; fmt.Sprint(rules) != want {
		t.Errorf("recorded %v", rules)
	}
	// Another result is news.
	n := 0
	w.probe.effect = func(context.Context, policy.Permit) (tool.Result, error) {
		n++
		return tool.Result{Text: fmt.Sprint(n)}, nil
	}
	turn = &gate.Turn{}
	for i := range 15 {
		c := w.call(`{"same":true}`)
		c.Turn = turn
		if out := w.do(c); out.Status != gate.Done || strings.Contains(out.Text, "[gateway]") {
			t.Fatalf("call %d with news: %s by %s", i, out.Status, out.Decision.Rule)
		}
	}
}

// TestMessages: what the message tool sends and what goes back to a channel
// is counted; an answer at the terminal is not.
func TestMessages(t *testing.T) {
	w := newWorld(t)
	book := w.counted()
	w.rules.Budget = policy.BudgetRules{Own: policy.DayLimits{Messages: atMost(2, "messagesPerDay")}}
	to := policy.Send{Channel: "telegram", To: "7", OriginOnly: true}
	w.probe.facts = func() policy.Facts { return policy.Facts{Understood: true, Sends: []policy.Send{to}} }
	if out := w.do(w.call(`{}`)); out.Status != gate.Done {
		t.Fatalf("%s by %s", out.Status, out.Decision.Rule)
	}
	say := func(p claw.Principal, first bool) policy.Decision {
		t.Helper()
		d, err := w.gate.Reply(t.Context(), gate.Reply{Agent: "main", Session: session, Principal: p, Audience: to, First: first})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for range 3 {
		if d := say(owner, true); d.Verdict != policy.Allow {
			t.Fatalf("at the terminal: %s", d.Rule)
		}
	}
	paired := claw.Principal{Surface: claw.SurfaceChannel, Channel: "telegram", Sender: "7", Standing: claw.Paired}
	if d := say(paired, true); d.Verdict != policy.Allow {
		t.Fatalf("the second message: %s", d.Rule)
	}
	if d := say(paired, false); d.Verdict != policy.Allow {
		t.Errorf("more of the second message: %s", d.Rule)
	}
	if d := say(paired, true); d.Verdict != policy.Deny || d.Rule != "budget.messages_per_day" {
		t.Errorf("the third message: %s by %s", d.Verdict, d.Rule)
	}
	if out := w.do(w.call(`{}`)); out.Status != gate.Refused || out.Decision.Rule != "budget.messages_per_day" {
		t.Errorf("the tool: %s by %s", out.Status, out.Decision.Rule)
	}
	if u := used(t, book); u.Messages != 2 || u.Calls != 1 {
		t.Errorf("%+v is counted", u)
	}
}

func TestAfford(t *testing.T) {
	w := newWorld(t)
	book := w.counted()
	w.rules.Budget = policy.BudgetRules{Own: policy.DayLimits{Cost: atMost(1000, "costPerDay")}, All: policy.DayLimits{Tokens: atMost(5000, "tokensPerDay")}}
	call := gate.ModelCall{Agent: "main", Session: session, Model: "x/y", Priced: true,
		Spend: budget.Spend{In: budget.Use{Tokens: 1000, Nanos: 100}, Each: budget.Use{Tokens: 1, Nanos: 1}, Least: 100, Most: 8000}}
	h, d, err := w.gate.Afford(t.Context(), call)
	if err != nil || d.Verdict != policy.Allow || !h.Limited || h.Units != 900 || len(w.memory.entries) != 0 {
		t.Fatalf("%+v, %s, %v", h, d.Rule, err)
	}
	// Another session at the same time finds nothing left.
	_, d, err = w.gate.Afford(t.Context(), call)
	if err != nil || d.Verdict != policy.Deny || d.Rule != "budget.cost_per_day" {
		t.Fatalf("%s by %s, %v", d.Verdict, d.Rule, err)
	}
	if n := len(w.memory.entries); n != 1 || w.memory.entries[0].Event != journal.ModelCall {
		t.Errorf("%d entries", n)
	}
	if err := h.Settle(budget.Use{Tokens: 1100, Nanos: 200}); err != nil {
		t.Fatal(err)
	}
	if err := h.Settle(budget.Use{Tokens: 9}); err != nil || used(t, book).Nanos != 200 || used(t, book).Tokens != 1100 {
		t.Errorf("%+v is counted", used(t, book))
	}
	if h, d, _ = w.gate.Afford(t.Context(), call); d.Verdict != policy.Allow || h.Units != 700 {
		t.Errorf("after it was settled: %s, %d units", d.Rule, h.Units)
	}
	call.Priced, call.Spend = false, budget.Spend{In: budget.Use{Tokens: 1}}
	if _, d, _ = w.gate.Afford(t.Context(), call); d.Rule != policy.RuleUnpriced {
		t.Errorf("without a price: %s by %s", d.Verdict, d.Rule)
	}
	w.rules.Budget = policy.BudgetRules{}
	if h, d, _ = w.gate.Afford(t.Context(), call); d.Verdict != policy.Allow || h.Limited {
		t.Errorf("without a limit: %s by %s", d.Verdict, d.Rule)
	}
	w.journal, w.rules.Budget = failing{}, policy.BudgetRules{Own: policy.DayLimits{Cost: atMost(0, "costPerDay")}}
	if _, d, err = w.gate.Afford(t.Context(), call); err == nil || d.Verdict == policy.Allow {
		t.Error("a refusal that cannot be recorded is no error")
	}
}

type failing struct{}

func (failing) Append(context.Context, journal.Entry) (journal.Pos, error) {
	return 0, errors.New("disk full")
}
