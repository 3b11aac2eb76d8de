package posture

import (
	"fmt"
	"slices"
	"testing"

	"github.com/openclaw-go/openclaw/internal/budget"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// TestLimitsOfAnAgent: the global block bounds all agents together, the blocks
// of an agent that agent, the strictest of them.
func TestLimitsOfAnAgent(t *testing.T) {
	const text = `{
	tools: { budget: { tokensPerDay: 100000, costPerDay: 5.5, callsPerTurn: 20, callsPerDay: 500, messagesPerDay: 50 },
		agents: { b: { budget: { callsPerDay: 30, callsPerTurn: 50 } } } },
	agents: { list: [ { id: "a" }, { id: "b", tools: { budget: { callsPerDay: 40, costPerDay: 0, callsPerTurn: 7 } } } ] } }`
	say := func(l policy.Limit) string {
		if !l.Set {
			return "none"
		}
		return fmt.Sprintf("%d %s", l.Max, l.Where.Pointer)
	}
	a, b := rulesOf(t, text, "a").Budget, rulesOf(t, text, "b").Budget
	for _, tc := range []struct {
		name, want string
		got        policy.Limit
	}{
		{"tokens of all", "100000 tools.budget.tokensPerDay", a.All.Tokens},
		{"money of all", "5500000000 tools.budget.costPerDay", a.All.Cost},
		{"calls of all", "500 tools.budget.callsPerDay", a.All.Calls},
		{"messages of all", "50 tools.budget.messagesPerDay", a.All.Messages},
		{"tokens of a", "none", a.Own.Tokens},
		{"calls of a", "none", a.Own.Calls},
		{"a turn of a", "20 tools.budget.callsPerTurn", a.CallsPerTurn},
		{"calls of b", "30 tools.agents.b.budget.callsPerDay", b.Own.Calls},
		{"money of b", "0 agents.list[1].tools.budget.costPerDay", b.Own.Cost},
		{"a turn of b", "7 agents.list[1].tools.budget.callsPerTurn", b.CallsPerTurn},
		{"money of all, for b", "5500000000 tools.budget.costPerDay", b.All.Cost},
		{"a turn where nothing is said", "60 ", rulesOf(t, `{}`, "main").Budget.CallsPerTurn},
	} {
		if got := say(tc.got); got != tc.want {
			t.Errorf("%s: found %s, expected %s", tc.name, got, tc.want)
		}
	}
}

// TestLimitNotUnderstood allows nothing.
func TestLimitNotUnderstood(t *testing.T) {
	for _, value := range []string{"-1", "1.5", "NaN", "Infinity", `"many"`, "1e300", "null", "{}"} {
		c, ps := config.ParseBytes("openclaw.json", []byte(`{tools:{budget:{tokensPerDay:`+value+`}}}`), nil)
		if !ps.HasErrors() {
			t.Errorf("%s is no error", value)
		}
		a, _ := Of(c, world).Agent("main")
		if l := a.Rules.Budget.All.Tokens; !l.Set || l.Max != 0 {
			t.Errorf("%s became %+v", value, l)
		}
	}
}

func TestLoopRules(t *testing.T) {
	every := budget.Detectors{Repeat: true, Poll: true, PingPong: true}
	for _, tc := range []struct {
		name, text string
		want       policy.LoopRules
	}{
		{"nothing said", `{}`, policy.LoopRules{Enabled: true, History: 30, Warning: 10, Critical: 20, Breaker: 30, Detectors: every}},
		{"off", `{tools:{loopDetection:{enabled:false}}}`, policy.LoopRules{History: 30, Warning: 10, Critical: 20, Breaker: 30, Detectors: every}},
		{"on again for one", `{tools:{loopDetection:{enabled:false}},agents:{list:[{id:"main",tools:{loopDetection:{enabled:true}}}]}}`, policy.LoopRules{Enabled: true, History: 30, Warning: 10, Critical: 20, Breaker: 30, Detectors: every}},
		{"numbers", `{tools:{loopDetection:{historySize:5,warningThreshold:3,criticalThreshold:6,globalCircuitBreakerThreshold:40}}}`, policy.LoopRules{Enabled: true, History: 40, Warning: 3, Critical: 6, Breaker: 40, Detectors: every}},
		{"the stricter number", `{tools:{loopDetection:{warningThreshold:8}},agents:{list:[{id:"main",tools:{loopDetection:{criticalThreshold:5,warningThreshold:4}}}]}}`, policy.LoopRules{Enabled: true, History: 30, Warning: 4, Critical: 5, Breaker: 30, Detectors: every}},
		{"one detector less", `{tools:{loopDetection:{detectors:{pingPong:false}}}}`, policy.LoopRules{Enabled: true, History: 30, Warning: 10, Critical: 20, Breaker: 30, Detectors: budget.Detectors{Repeat: true, Poll: true}}},
	} {
		got := rulesOf(t, tc.text, "main").Budget.Loop
		got.Where = tc.want.Where
		if got != tc.want {
			t.Errorf("%s: found %+v, expected %+v", tc.name, got, tc.want)
		}
	}
	a, _ := Of(parse(t, `{}`), World{Owner: Upstream, Home: "/home/u", State: "/home/u/.openclaw", Config: "/home/u/.openclaw/openclaw.json"}).Agent("main")
	if a.Rules.Budget.Loop.Enabled {
		t.Error("upstream has it off by default")
	}
}

// TestLoopThresholdsRise: those that do not are an error, whichever block they
// stand in.
func TestLoopThresholdsRise(t *testing.T) {
	for text, fine := range map[string]bool{
		`{tools:{loopDetection:{warningThreshold:20}}}`:                                                                               false,
		`{tools:{loopDetection:{criticalThreshold:30}}}`:                                                                              false,
		`{tools:{loopDetection:{warningThreshold:2,criticalThreshold:3,globalCircuitBreakerThreshold:4}}}`:                            true,
		`{tools:{loopDetection:{warningThreshold:0}}}`:                                                                                false,
		`{agents:{list:[{id:"a",tools:{loopDetection:{criticalThreshold:9}}}]}}`:                                                      false,
		`{tools:{loopDetection:{warningThreshold:3},agents:{a:{loopDetection:{criticalThreshold:9}}}}}`:                               true,
		`{tools:{loopDetection:{detectors:{genericRepeats:false}}}}`:                                                                  false,
		`{tools:{loopDetection:{enabled:true,historySize:30,detectors:{genericRepeat:true,knownPollNoProgress:true,pingPong:true}}}}`: true,
		`{tools:{budget:{callsPerTurn:0}}}`:                                                                                           false,
		`{tools:{budget:{messagesPerDay:1000000001}}}`:                                                                                false,
		`{tools:{budget:{costPerDay:0.01,messagesPerDay:0}}}`:                                                                         true,
		`{tools:{budget:{costPerDay:-0.01}}}`:                                                                                         false,
	} {
		_, ps := config.ParseBytes("openclaw.json", []byte(text), nil)
		if ps.HasErrors() == fine {
			t.Errorf("%s: %v", text, ps.Err())
		}
	}
}

// TestLimitsLoosen: R50. A limit that goes or grows waits for a person's word.
func TestLimitsLoosen(t *testing.T) {
	const base = `{tools:{budget:{costPerDay:5,callsPerTurn:30,callsPerDay:100}},agents:{list:[{id:"main",tools:{budget:{messagesPerDay:9}}}]}}`
	for _, tc := range []struct{ name, next, want string }{
		{"same", base, ""},
		{"less", `{tools:{budget:{costPerDay:4,callsPerTurn:20,callsPerDay:1,tokensPerDay:7}},agents:{list:[{id:"main",tools:{budget:{messagesPerDay:0}}}]}}`, ""},
		{"more money", `{tools:{budget:{costPerDay:5.5,callsPerTurn:30,callsPerDay:100}},agents:{list:[{id:"main",tools:{budget:{messagesPerDay:9}}}]}}`, "US dollars a day of all agents together"},
		{"no money", `{tools:{budget:{callsPerTurn:30,callsPerDay:100}},agents:{list:[{id:"main",tools:{budget:{messagesPerDay:9}}}]}}`, "US dollars a day of all agents together"},
		{"more calls", `{tools:{budget:{costPerDay:5,callsPerTurn:30}},agents:{list:[{id:"main",tools:{budget:{messagesPerDay:9}}}]}}`, "tool calls a day of all agents together"},
		{"more messages", `{tools:{budget:{costPerDay:5,callsPerTurn:30,callsPerDay:100}}}`, "messages a day"},
		{"a longer turn", `{tools:{budget:{costPerDay:5,callsPerDay:100}},agents:{list:[{id:"main",tools:{budget:{messagesPerDay:9}}}]}}`, "tool calls a turn"},
		{"loops", `{tools:{budget:{costPerDay:5,callsPerTurn:30,callsPerDay:100},loopDetection:{enabled:false}},agents:{list:[{id:"main",tools:{budget:{messagesPerDay:9}}}]}}`, "loop detection"},
		{"later", `{tools:{budget:{costPerDay:5,callsPerTurn:30,callsPerDay:100},loopDetection:{criticalThreshold:25}},agents:{list:[{id:"main",tools:{budget:{messagesPerDay:9}}}]}}`, "repeats until a call is refused"},
	} {
		got := Loosens(Of(parse(t, base), world), Of(parse(t, tc.next), world))
		if tc.want == "" && len(got) > 0 || tc.want != "" && !slices.ContainsFunc(got, func(c Change) bool { return c.What == tc.want }) {
			t.Errorf("%s: loosens %v, expected %q", tc.name, got, tc.want)
		}
	}
}
