package policy

import (
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openclaw-go/openclaw/internal/budget"
	"github.com/openclaw-go/openclaw/internal/claw"
)

func limit(n int64, key string) Limit {
	return Limit{Set: true, Max: n, Where: claw.ConfigRef{File: "openclaw.json", Line: 3, Pointer: key}}
}

var midnight = time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)

// TestBudgetLayer: limits, what was used before, and what is decided.
func TestBudgetLayer(t *testing.T) {
	loops := LoopRules{Enabled: true, History: 30, Warning: 10, Critical: 20, Breaker: 30}
	send := Facts{Sends: []Send{{Channel: "webchat", To: "main", OriginOnly: true, OwnersOnly: true}}}
	for _, tc := range []struct {
		name    string
		rules   BudgetRules
		tool    claw.ToolName
		facts   Facts
		used    BudgetFacts
		verdict Verdict
		rule    RuleID
		says    string // in the reason or the hint
	}{
		{name: "no limit", tool: "read", used: BudgetFacts{Turn: 1e6, Own: budget.Use{Calls: 1e6}}, verdict: Allow},
		{name: "some are left", rules: BudgetRules{Own: DayLimits{Calls: limit(5, "tools.budget.callsPerDay")}}, tool: "read", used: BudgetFacts{Own: budget.Use{Calls: 4}}, verdict: Allow},
		{name: "none is left", rules: BudgetRules{Own: DayLimits{Calls: limit(5, "tools.budget.callsPerDay")}}, tool: "read", used: BudgetFacts{Own: budget.Use{Calls: 5}, Resets: midnight},
			verdict: Deny, rule: "budget.calls_per_day", says: "the limit of 5 tool calls a day for this agent is reached: 5 are used; it begins anew at 2026-11-25 00:00 UTC"},
		{name: "none is left of all", rules: BudgetRules{Own: DayLimits{Calls: limit(50, "x")}, All: DayLimits{Calls: limit(5, "tools.budget.callsPerDay")}}, tool: "read", used: BudgetFacts{Own: budget.Use{Calls: 1}, All: budget.Use{Calls: 5}},
			verdict: Deny, rule: "budget.calls_per_day", says: "for all agents together"},
		{name: "more than the limit was used", rules: BudgetRules{Own: DayLimits{Calls: limit(5, "x")}}, tool: "read", used: BudgetFacts{Own: budget.Use{Calls: 9}}, verdict: Deny, rule: "budget.calls_per_day"},
		{name: "a limit of nothing", rules: BudgetRules{Own: DayLimits{Calls: limit(0, "x")}}, tool: "read", verdict: Deny, rule: "budget.calls_per_day"},
		{name: "the largest number", rules: BudgetRules{Own: DayLimits{Calls: limit(math.MaxInt64, "x")}}, tool: "read", used: BudgetFacts{Own: budget.Use{Calls: math.MaxInt64}}, verdict: Deny, rule: "budget.calls_per_day"},
		{name: "in a turn", rules: BudgetRules{CallsPerTurn: limit(3, "tools.budget.callsPerTurn")}, tool: "read", used: BudgetFacts{Turn: 3, Resets: midnight}, verdict: Deny, rule: "budget.calls_per_turn", says: "raise openclaw.json:3:0 tools.budget.callsPerTurn"},
		{name: "nobody knows", rules: BudgetRules{Own: DayLimits{Calls: limit(5, "x")}}, tool: "read", used: BudgetFacts{Unknown: "usage.jsonl: line 3"}, verdict: Deny, rule: "budget.unknown", says: "usage.jsonl: line 3"},
		{name: "nobody knows and nobody asks", tool: "read", used: BudgetFacts{Unknown: "usage.jsonl: line 3"}, verdict: Allow},
		{name: "no message is left", rules: BudgetRules{Own: DayLimits{Messages: limit(2, "x")}}, tool: "message", facts: send, used: BudgetFacts{Own: budget.Use{Messages: 2}, Messages: 1}, verdict: Deny, rule: "budget.messages_per_day"},
		{name: "no message is sent", rules: BudgetRules{Own: DayLimits{Messages: limit(2, "x")}}, tool: "read", used: BudgetFacts{Own: budget.Use{Messages: 2}}, verdict: Allow},
		{name: "tokens are none of a tool's business", rules: BudgetRules{Own: DayLimits{Tokens: limit(2, "x"), Cost: limit(0, "y")}}, tool: "read", used: BudgetFacts{Own: budget.Use{Tokens: 20, Nanos: 5}}, verdict: Allow},
		{name: "not yet a loop", rules: BudgetRules{Loop: loops}, tool: "read", used: BudgetFacts{Loop: budget.Finding{Pattern: budget.Repeat, Times: 9, Still: 9}}, verdict: Allow},
		{name: "a warning", rules: BudgetRules{Loop: loops}, tool: "read", used: BudgetFacts{Loop: budget.Finding{Pattern: budget.Repeat, Times: 10, Still: 10}}, verdict: Allow},
		{name: "a loop", rules: BudgetRules{Loop: loops}, tool: "read", used: BudgetFacts{Loop: budget.Finding{Pattern: budget.Repeat, Times: 20, Still: 20}}, verdict: Deny, rule: "loop.repeat", says: "the same call for the 20. time"},
		{name: "a poll", rules: BudgetRules{Loop: loops}, tool: "read", used: BudgetFacts{Loop: budget.Finding{Pattern: budget.Poll, Times: 21}}, verdict: Deny, rule: "loop.poll"},
		{name: "to and fro", rules: BudgetRules{Loop: loops}, tool: "read", used: BudgetFacts{Loop: budget.Finding{Pattern: budget.PingPong, Times: 21}}, verdict: Deny, rule: "loop.ping_pong"},
		{name: "the breaker", rules: BudgetRules{Loop: loops}, tool: "read", used: BudgetFacts{Loop: budget.Finding{Pattern: budget.Repeat, Times: 11, Still: 30}}, verdict: Deny, rule: "loop.circuit_breaker"},
		{name: "switched off", tool: "read", used: BudgetFacts{Loop: budget.Finding{Pattern: budget.Repeat, Times: 90, Still: 90}}, verdict: Allow},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, q := openRules(), request(tc.tool, tc.facts, 0)
			r.Budget, q.Budget = tc.rules, tc.used
			d := Decide(r, q)
			if d.Verdict != tc.verdict || tc.rule != "" && d.Rule != tc.rule || tc.rule == "" && (d.Rule.OfBudget() || d.Rule.OfLoop()) {
				t.Fatalf("%s by %s: %s", d.Verdict, d.Rule, d.Reason)
			}
			if !strings.Contains(d.Reason+"\n"+d.Hint, tc.says) {
				t.Errorf("found %q and %q, expected %q", d.Reason, d.Hint, tc.says)
			}
			if last := d.Trace[len(d.Trace)-1]; d.Verdict == Deny && last.Layer != LayerBudget {
				t.Errorf("the last layer is %s", last.Layer)
			}
		})
	}
}

// TestBudgetComesLast: what is refused for another reason says that reason.
func TestBudgetComesLast(t *testing.T) {
	r, q := openRules(), request("read", Facts{Reads: []Path{{Abs: "/etc/shadow"}}}, 0)
	r.Budget = BudgetRules{Own: DayLimits{Calls: limit(0, "x")}}
	if d := Decide(r, q); d.Verdict != Deny || d.Rule.OfBudget() {
		t.Errorf("%s by %s", d.Verdict, d.Rule)
	}
}

// TestBudgetIsNotInTheDigest: an answered question is counted anew, so the
// counts must not void the answer.
func TestBudgetIsNotInTheDigest(t *testing.T) {
	q := full()
	before := DigestOf(q)
	q.Budget = BudgetFacts{Turn: 3, Own: budget.Use{Calls: 4}, Messages: 1}
	if DigestOf(q) != before {
		t.Error("the counts change the digest")
	}
}

func TestReplyCountsAsMessage(t *testing.T) {
	r, q := openRules(), request("reply", Facts{Sends: []Send{{Channel: "telegram", To: "7", OriginOnly: true}}}, 0)
	r.Budget = BudgetRules{Own: DayLimits{Messages: limit(1, "x"), Calls: limit(0, "y")}}
	q.Budget.Messages = 1
	if d := DecideReply(r, q); d.Verdict != Allow {
		t.Errorf("%s by %s", d.Verdict, d.Rule)
	}
	q.Budget.Own.Messages = 1
	if d := DecideReply(r, q); d.Verdict != Deny || d.Rule != "budget.messages_per_day" {
		t.Errorf("%s by %s", d.Verdict, d.Rule)
	}
}

func TestDecideModel(t *testing.T) {
	dollars := func(f float64) Limit { return limit(budget.Nanos(f), "tools.budget.costPerDay") }
	need := budget.Use{Tokens: 1000, Nanos: budget.Nanos(0.02)}
	for _, tc := range []struct {
		name string
		b    BudgetRules
		m    ModelCall
		rule RuleID
		says string
	}{
		{"no limit", BudgetRules{}, ModelCall{Need: need}, "", ""},
		{"enough", BudgetRules{Own: DayLimits{Cost: dollars(1)}}, ModelCall{Need: need, Priced: true}, "", ""},
		{"no price", BudgetRules{Own: DayLimits{Cost: dollars(1)}}, ModelCall{Model: "ollama/llama3", Need: budget.Use{Tokens: 9}}, "budget.unpriced_model", "models.providers.ollama.models"},
		{"no price for all", BudgetRules{All: DayLimits{Cost: dollars(1)}}, ModelCall{Need: budget.Use{Tokens: 9}}, "budget.unpriced_model", "is not known"},
		{"no price, tokens alone are limited", BudgetRules{Own: DayLimits{Tokens: limit(5000, "x")}}, ModelCall{Need: budget.Use{Tokens: 9}}, "", ""},
		{"free", BudgetRules{Own: DayLimits{Cost: dollars(0)}}, ModelCall{Need: budget.Use{Tokens: 9}, Priced: true}, "", ""},
		{"spent", BudgetRules{Own: DayLimits{Cost: dollars(1)}}, ModelCall{Need: need, Priced: true, Budget: BudgetFacts{Own: budget.Use{Nanos: budget.Nanos(0.99)}, Resets: midnight}}, "budget.cost_per_day",
			"the limit of 1 US dollars a day for this agent is reached: 0.99 are used or set aside, and this needs up to 0.02; it begins anew at 2026-11-25 00:00 UTC"},
		{"tokens", BudgetRules{All: DayLimits{Tokens: limit(1500, "tools.budget.tokensPerDay")}}, ModelCall{Need: need, Priced: true, Budget: BudgetFacts{All: budget.Use{Tokens: 501}}}, "budget.tokens_per_day", "raise openclaw.json:3:0 tools.budget.tokensPerDay"},
		{"unknown", BudgetRules{All: DayLimits{Tokens: limit(1500, "x")}}, ModelCall{Need: need, Priced: true, Budget: BudgetFacts{Unknown: "disk"}}, "budget.unknown", "disk"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := openRules()
			r.Budget = tc.b
			tc.m.Agent = "main"
			d := DecideModel(r, tc.m)
			if (d.Verdict == Allow) != (tc.rule == "") || tc.rule != "" && d.Rule != tc.rule || !strings.Contains(d.Reason+"\n"+d.Hint, tc.says) {
				t.Errorf("%s by %s: %s (%s)", d.Verdict, d.Rule, d.Reason, d.Hint)
			}
			if d := DecideModel(Rules{}, tc.m); d.Verdict != Deny {
				t.Error("without rules a model may be asked")
			}
		})
	}
}

// TestLimitsOnlyRestrict: no limit and no count opens anything, and a limit
// that is not reached closes nothing.
func TestLimitsOnlyRestrict(t *testing.T) {
	cases := everyLine(t)
	rapid.Check(t, func(t *rapid.T) {
		r, q := anyRules(t), anyRequest(t, cases)
		before := Decide(r, q)
		n := rapid.Int64Range(0, 4)
		l := func(name string) Limit {
			return Limit{Set: rapid.Bool().Draw(t, name), Max: n.Draw(t, name), Where: claw.ConfigRef{Pointer: "tools.budget." + name}}
		}
		r.Budget = BudgetRules{CallsPerTurn: l("turn"), Own: DayLimits{Calls: l("calls"), Messages: l("messages")}, All: DayLimits{Calls: l("all")},
			Loop: LoopRules{Enabled: rapid.Bool().Draw(t, "loops"), Warning: 1, Critical: 2, Breaker: 3}}
		q.Budget = BudgetFacts{Turn: n.Draw(t, "t"), Own: budget.Use{Calls: n.Draw(t, "c"), Messages: n.Draw(t, "m")}, All: budget.Use{Calls: n.Draw(t, "a")}, Messages: n.Draw(t, "sends"),
			Loop: budget.Finding{Pattern: budget.Repeat, Times: int(n.Draw(t, "times")), Still: int(n.Draw(t, "still"))}}
		d, j := Decide(r, q), Judge(&r, &q)
		if d.Verdict != j.Verdict || d.Rule != j.Rule || d.Where != j.Where {
			t.Fatalf("decided %s by %s at %s, judged %s by %s at %s", d.Verdict, d.Rule, d.Where, j.Verdict, j.Rule, j.Where)
		}
		if d.Verdict > before.Verdict {
			t.Fatalf("a limit made %s of %s", d.Verdict, before.Verdict)
		}
		if d.Verdict == before.Verdict && before.Verdict != Allow && d.Rule != before.Rule && !d.Rule.OfBudget() && !d.Rule.OfLoop() {
			t.Fatalf("a limit made %s of %s", d.Rule, before.Rule)
		}
		if d.Verdict == Allow && d.Rule != before.Rule {
			t.Fatalf("what is left is no reason: %s instead of %s", d.Rule, before.Rule)
		}
	})
}

// TestJudgeWithBudgetAllocatesNothing as without.
func TestJudgeWithBudgetAllocatesNothing(t *testing.T) {
	r, qs := benchRequests()
	r.Budget = BudgetRules{CallsPerTurn: limit(60, "x"), Own: DayLimits{Calls: limit(5, "x"), Messages: limit(5, "x")}, All: DayLimits{Calls: limit(5, "x")},
		Loop: LoopRules{Enabled: true, Warning: 10, Critical: 20, Breaker: 30}}
	for _, q := range qs {
		for _, calls := range []int64{1, 9} {
			q.Budget = BudgetFacts{Own: budget.Use{Calls: calls}, Messages: 1, Loop: budget.Finding{Times: 12}}
			if n := testing.AllocsPerRun(100, func() { Judge(&r, &q) }); n != 0 {
				t.Errorf("%s: %v allocations", q.Tool, n)
			}
		}
	}
}
