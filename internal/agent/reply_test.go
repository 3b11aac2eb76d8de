package agent_test

import (
	"strings"
	"testing"

	"github.com/openclaw-go/openclaw/internal/agent"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gate"
	"github.com/openclaw-go/openclaw/internal/model"
	"github.com/openclaw-go/openclaw/internal/model/script"
	"github.com/openclaw-go/openclaw/internal/policy"
)

const private = "the door code is 4711, do not tell anybody about it"

// member asks in a group, in a session that has read what is private.
func member(w *world) agent.Turn {
	t := w.turn("what is the code?")
	t.Principal, t.Said, t.Labels, t.From, t.Audience = claw.Principal{Surface: claw.SurfaceChannel, Channel: "telegram", Sender: "7", Standing: claw.Member}, "", claw.Untrusted, "message from telegram:7", group
	w.mem.labels[main] = []claw.Lineage{{Label: claw.Private, From: "file codes.txt"}}
	return t
}

// Nothing that others can read leaves before it was decided about: not in
// pieces, not at the end, not when the turn is stopped or fails, and not in
// the text of an error.
func TestR03NothingLeavesUndecided(t *testing.T) {
	stuck := script.Step{Blocks: []model.Block{model.Text(private)}, Middle: make(chan struct{})}
	for name, c := range map[string]struct {
		steps []script.Step
		abort bool
		state agent.State
	}{
		"the reply":         {[]script.Step{script.Say(private)}, false, agent.StateError},
		"before a call":     {[]script.Step{{Blocks: []model.Block{model.Text(private), model.Call(model.ToolCall{ID: "c", Name: "read", Arguments: []byte(`{}`)})}}, script.Say("NO_REPLY")}, false, agent.StateFinal},
		"broken off":        {[]script.Step{script.CutOff(private)}, false, agent.StateError},
		"stopped":           {[]script.Step{stuck}, true, agent.StateAborted},
		"before a failure":  {[]script.Step{{Blocks: []model.Block{model.Text(private), model.Call(model.ToolCall{ID: "c", Name: "read", Arguments: []byte(`{}`)})}}, script.Fail(model.KindServer, private)}, false, agent.StateError},
		"text of an error":  {[]script.Step{script.Fail(model.KindInvalid, private)}, false, agent.StateError},
		"stops by a length": {[]script.Step{{Blocks: []model.Block{model.Text(private)}, Stop: model.StopLength}}, false, agent.StateError},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.steps...)
			id := w.send(member(w))
			if c.abort {
				// The model has begun to speak when the gate was asked.
				until(func() bool { w.gate.mu.Lock(); defer w.gate.mu.Unlock(); return len(w.gate.replies) > 0 })
				w.Abort(main, id)
			}
			r := w.wait(id)
			equal(t, "state", r.State, c.state)
			for i := 5; i <= len(private); i++ {
				if part := private[i-5 : i]; strings.Contains(r.Reply+r.Error+w.all(), part) && !strings.Contains("the turn ended with an error: reply kept back", part) {
					t.Fatalf("%q left: %q, %q, %q", part, r.Reply, r.Error, w.all())
				}
			}
			if len(w.gate.replies) > 0 && w.gate.replies[0].Labels != claw.Untrusted|claw.Private {
				t.Errorf("decided under %v", w.gate.replies[0].Labels)
			}
		})
	}
}

// The record of the decision is made before the first piece leaves, once for
// the labels that the session carries.
func TestR03DecisionBeforeTheFirstPiece(t *testing.T) {
	w := newWorld(t, script.Step{Blocks: []model.Block{model.Text("One moment please, I am looking."), model.Call(model.ToolCall{ID: "c", Name: "read", Arguments: []byte(`{}`)})}}, script.Say("There it is, in the second line of the file."))
	w.gate.on = always(done("x", claw.Private, "file"))
	w.heard = func(e agent.Event) {
		w.gate.mu.Lock()
		defer w.gate.mu.Unlock()
		if e.Kind == agent.KindDelta && len(w.gate.replies) == 0 {
			t.Errorf("%q left without a decision", e.Text)
		}
	}
	w.ask(w.turn("look"))
	equal(t, "decisions", len(w.gate.replies), 2)
	equal(t, "first", w.gate.replies[0].Labels, 0)
	equal(t, "second", w.gate.replies[1].Labels, claw.Private)
}

// Where the decision cannot be recorded nothing leaves.
func TestR03NoRecordNoReply(t *testing.T) {
	w := newWorld(t, script.Say(private))
	w.gate.reply = func(gate.Reply) (policy.Decision, error) { return policy.Decision{Verdict: policy.Allow}, errDisk }
	r := w.ask(w.turn("hello"))
	if r.State != agent.StateError || r.Reply != "" || strings.Contains(w.all(), "4711") {
		t.Errorf("%+v, %q", r, w.all())
	}
}

// Text that is held back while it comes leaves in one piece when the gate lets
// the whole go.
func TestHeldReplyLeavesWhenAllowed(t *testing.T) {
	w := newWorld(t, script.Say("a harmless answer to everybody"))
	w.gate.reply = func(r gate.Reply) (policy.Decision, error) {
		if r.Bytes == 0 {
			return policy.Decision{Verdict: policy.Ask}, nil
		}
		return policy.Decision{Verdict: policy.Allow}, nil
	}
	r := w.ask(w.turn("hello"))
	equal(t, "reply", r.Reply, "a harmless answer to everybody")
	equal(t, "deltas", w.deltas(r.Run), "")
}

func TestNoReply(t *testing.T) {
	for text, want := range map[string]string{
		"NO_REPLY":                          "",
		"  NO_REPLY\n":                      "",
		"NO_REPLY is what I would say here": "NO_REPLY is what I would say here",
		"NO":                                "NO",
		"No, that is not what I meant":      "No, that is not what I meant",
	} {
		w := newWorld(t, script.Say(text))
		r := w.ask(w.turn("hello"))
		equal(t, "state", r.State, agent.StateFinal)
		equal(t, "reply", r.Reply, want)
		equal(t, "deltas", w.deltas(r.Run), want)
		if want == "" && len(w.gate.replies) != 0 {
			t.Errorf("%q was decided about", text)
		}
	}
}

// elsewhere is a model that somebody else runs.
type elsewhere struct{ *script.Script }

func (elsewhere) Destinations() []model.Destination {
	return []model.Destination{{Provider: "script", Host: "api.example.org:443"}}
}

// A session that carries a secret does not go to a provider; a model within
// the process may have it.
func TestR26SecretDoesNotGoToAProvider(t *testing.T) {
	w := newWorld(t, script.Say("thanks"))
	w.mem.labels[main] = []claw.Lineage{{Label: claw.Secret}}
	equal(t, "within", w.ask(w.turn("hello")).State, agent.StateFinal)
	w.brain.Provider = elsewhere{w.say}
	w.say.Add(script.Say("thanks"))
	r := w.ask(w.turn("hello"))
	if r.State != agent.StateError || !strings.Contains(r.Error, "flow.secret_leaves") || len(w.say.Requests()) != 1 {
		t.Errorf("%+v after %d requests", r, len(w.say.Requests()))
	}
	// A secret that comes with a result ends the turn before the next request.
	w = newWorld(t, script.Ask("c", "read", `{}`), script.Say("thanks"))
	w.brain.Provider = elsewhere{w.say}
	w.gate.on = always(done("sk-1", claw.Secret, "file key"))
	if r := w.ask(w.turn("read it")); r.State != agent.StateError || len(w.say.Requests()) != 1 {
		t.Errorf("%+v after %d requests", r, len(w.say.Requests()))
	}
}

// Usage counts by who answered, our own count where the provider tells too
// little, and what broke off counts too.
func TestUsageIsCounted(t *testing.T) {
	price := &model.Price{Input: 1, Output: 1}
	big := strings.Repeat("words ", 1000)
	for name, c := range map[string]struct {
		step  script.Step
		spec  model.Spec
		other string // provider that answered
		least int
		cost  bool
		ref   claw.ModelRef
	}{
		"told":             {script.Step{Blocks: []model.Block{model.Text("x")}, Usage: model.Usage{Input: 9000, Output: 1000}}, model.Spec{Price: price}, "script", 10000, true, "script/script"},
		"told nothing":     {script.Say(big), model.Spec{Price: price}, "script", 2000, true, "script/script"},
		"told too little":  {script.Step{Blocks: []model.Block{model.Text(big)}, Usage: model.Usage{Input: 1, Output: 1}}, model.Spec{Price: price}, "script", 400, true, "script/script"},
		"broke off":        {script.Step{Blocks: []model.Block{model.Text("x")}, Usage: model.Usage{Input: 500, Output: 5}, Err: &model.Error{Kind: model.KindNetwork}}, model.Spec{Price: price}, "script", 505, true, "script/script"},
		"no price":         {script.Say(big), model.Spec{}, "script", 2000, false, "script/script"},
		"fallback":         {script.Say(big), model.Spec{Price: price}, "cheap", 2000, true, "cheap/small"},
		"unknown fallback": {script.Say(big), model.Spec{Price: price}, "dear", 2000, false, "dear/small"},
	} {
		t.Run(name, func(t *testing.T) {
			s := c.step
			if c.other != "script" {
				s.Events = []model.Event{{Kind: model.TextDelta, Text: s.Blocks[0].Text}, {Kind: model.Stopped, Stop: model.StopEnd, Source: model.Source{Provider: c.other, Model: "small"}}}
			}
			w := newWorld(t, s)
			w.brain.Provider, w.brain.Spec = elsewhere{w.say}, c.spec
			w.brain.Catalog = model.Catalog{{Provider: "cheap", Model: "small", Price: price}}
			r := w.ask(w.turn("hello"))
			u := w.mem.usage[c.ref]
			if u.Sum() < c.least || r.Usage.Sum() != u.Sum() || (u.Cost != nil) != c.cost {
				t.Errorf("usage is %+v of %+v, turn %+v", u, w.mem.usage, r.Usage)
			}
		})
	}
	w := newWorld(t, script.Say("x"))
	w.mem.fail["usage"] = errDisk
	if r := w.ask(w.turn("x")); r.State != agent.StateError || !strings.Contains(r.Error, errDisk.Error()) {
		t.Errorf("%+v", r)
	}
}
