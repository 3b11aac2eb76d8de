package agent_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/openclaw-go/openclaw/internal/agent"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gate"
	"github.com/openclaw-go/openclaw/internal/model"
	"github.com/openclaw-go/openclaw/internal/model/operator"
	"github.com/openclaw-go/openclaw/internal/model/script"
)

// long is about n tokens of text.
func long(n int) string { return strings.Repeat("abc", n) }

func TestCompaction(t *testing.T) {
	w := newWorld(t)
	w.brain.Spec.Window = 8000
	for i := range 20 {
		w.mem.msgs[main] = append(w.mem.msgs[main], model.User(fmt.Sprint("question ", i, long(200))), model.Assistant(model.Text(fmt.Sprint("answer ", i, long(200)))))
	}
	w.mem.labels[main] = []claw.Lineage{{Label: claw.Untrusted | claw.Private}}
	w.say.Add(
		script.Step{Want: script.Want{System: "Summarise", Text: "question 8", Messages: 1, NoTool: "read"}, Blocks: []model.Block{model.Text("They asked a lot.")}, Usage: model.Usage{Input: 7, Output: 3}},
		script.Step{Want: script.Want{Text: "and now?", System: "You are a test."}, Blocks: []model.Block{model.Text("Now this.")}})
	r := w.ask(w.turn("and now?"))
	equal(t, "reply", r.Reply, "Now this.")
	equal(t, "usage of the summary", r.Usage.Sum(), 10)
	reqs := w.say.Requests()
	equal(t, "task", reqs[0].Task, model.TaskSummary)
	if n := model.EstimateRequest(reqs[0]); n > 6000 {
		t.Errorf("the request for a summary has %d tokens", n)
	}
	if n := model.EstimateRequest(reqs[1]); n > 6000 {
		t.Errorf("the request has %d tokens", n)
	}
	got := w.mem.transcript(main)
	if !strings.Contains(got[0], "They asked a lot.") || !strings.HasPrefix(got[len(got)-3], "assistant answer 19") || len(got) > 14 {
		t.Errorf("%d messages, first %q", len(got), got[0])
	}
	l, _, _ := w.mem.Labels(main)
	equal(t, "labels", l, claw.Untrusted|claw.Private)
}

// A summary that does not come ends the turn and loses nothing.
func TestCompactionFails(t *testing.T) {
	for name, s := range map[string]script.Step{"error": script.Fail(model.KindServer, "busy"), "empty": script.Say("  "), "cut": script.CutOff("They ask")} {
		w := newWorld(t, s)
		w.brain.Spec.Window = 4000
		for range 10 {
			w.mem.msgs[main] = append(w.mem.msgs[main], model.User(long(400)), model.Assistant(model.Text(long(400))))
		}
		r := w.ask(w.turn("and now?"))
		equal(t, name+": state", r.State, agent.StateError)
		equal(t, name+": messages", len(w.mem.msgs[main]), 22)
	}
}

// The provider counts more than we do: room is made once and it is asked again.
func TestProviderCountsDifferently(t *testing.T) {
	w := newWorld(t, script.Fail(model.KindContextLength, "prompt is too long"), script.Say("notes"), script.Say("fine"))
	w.brain.Spec.Window = 40000
	for range 10 {
		w.mem.msgs[main] = append(w.mem.msgs[main], model.User(long(1000)), model.Assistant(model.Text(long(1000))))
	}
	equal(t, "reply", w.ask(w.turn("and now?")).Reply, "fine")
	equal(t, "requests", len(w.say.Requests()), 3)
	w.say.Add(script.Fail(model.KindContextLength, "too long"), script.Say("notes"), script.Fail(model.KindContextLength, "still too long"))
	equal(t, "state", w.ask(w.turn("again")).State, agent.StateError)
	equal(t, "kind", w.events[len(w.events)-1].ErrorKind, "context_length")
}

// One result that is longer than the window is shortened in what is sent.
func TestHugeResult(t *testing.T) {
	huge := "the beginning " + strings.Repeat("ü", 60000)
	w := newWorld(t, script.Ask("c1", "read", `{"path":"big"}`), script.Step{Want: script.Want{Result: "the beginning"}, Blocks: []model.Block{model.Text("big")}})
	w.brain.Spec.Window = 8000
	w.gate.on = always(done(huge, 0, ""))
	equal(t, "reply", w.ask(w.turn("read it")).Reply, "big")
	req := w.say.Requests()[1]
	if n := model.EstimateRequest(req); n > 6000 {
		t.Errorf("%d tokens", n)
	}
	sent := req.Messages[len(req.Messages)-1].Text()
	if !strings.HasSuffix(sent, "[shortened: it does not fit into the context]") || strings.Count(sent, "[shortened") != 1 || strings.Contains(sent, "\ufffd") {
		t.Errorf("sent %q", sent[max(0, len(sent)-200):])
	}
	equal(t, "transcript", w.mem.msgs[main][2].Text(), huge)
}

func TestMessageLongerThanTheWindow(t *testing.T) {
	w := newWorld(t)
	w.brain.Spec.Window = 4000
	r := w.ask(w.turn(long(9000)))
	if r.State != agent.StateError || !strings.Contains(r.Error, "does not fit") || len(w.say.Requests()) != 0 {
		t.Errorf("%+v", r)
	}
	equal(t, "kind", w.events[len(w.events)-1].ErrorKind, "context_length")
}

// The operator makes its own notes and goes on.
func TestOperatorCompacts(t *testing.T) {
	w := newWorld(t)
	w.brain = agent.Brain{Provider: operator.New(), Ref: "operator/plain", Model: "plain", Spec: model.Spec{Window: 4000}}
	for i := range 10 {
		w.mem.msgs[main] = append(w.mem.msgs[main], model.User(fmt.Sprintf("write f%d %s", i, long(300))), model.Assistant(model.Text("Done.")))
	}
	r := w.ask(w.turn("help"))
	equal(t, "state", r.State, agent.StateFinal)
	if !strings.Contains(r.Reply, "I understand these commands") || !strings.Contains(w.mem.msgs[main][0].Text(), "- write f0 abcabc") {
		t.Errorf("%q after %q", r.Reply, w.mem.msgs[main][0].Text())
	}
}

// Whatever the conversation, what is sent fits, keeps each result with its
// call, and ends with the newest message.
func TestWhatIsSentFits(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := script.Step{Times: -1, Reply: func(r model.Request) []model.Block { return []model.Block{model.Text("notes")} }}
		w := newWorld(t, s)
		w.brain.Spec.Window = rapid.IntRange(3000, 30000).Draw(rt, "window")
		size := rapid.IntRange(0, 900)
		var msgs []model.Message
		for i := range rapid.IntRange(0, 30).Draw(rt, "n") {
			switch rapid.IntRange(0, 2).Draw(rt, "kind") {
			case 0:
				msgs = append(msgs, model.User(long(size.Draw(rt, "user"))))
			case 1:
				msgs = append(msgs, model.Assistant(model.Text(long(size.Draw(rt, "says")))))
			case 2:
				var calls []model.Block
				for j := range rapid.IntRange(1, 4).Draw(rt, "calls") {
					calls = append(calls, model.Call(model.ToolCall{ID: claw.CallID(fmt.Sprint(i, "-", j)), Name: "read", Arguments: []byte(`{}`)}))
				}
				m := model.Assistant(calls...)
				msgs = append(msgs, m)
				for _, c := range m.Calls() {
					msgs = append(msgs, model.Result(c, long(20*size.Draw(rt, "result"))))
				}
			}
		}
		w.mem.msgs[main] = msgs
		if r := w.ask(w.turn("the newest")); r.State != agent.StateFinal {
			rt.Fatalf("%+v", r)
		}
		reqs := w.say.Requests()
		last := reqs[len(reqs)-1]
		if n, room := model.EstimateRequest(last), w.brain.Spec.Window*3/4; n > max(room, w.brain.Spec.Window-20000) {
			rt.Fatalf("%d tokens of %d", n, w.brain.Spec.Window)
		}
		if got := last.Messages[len(last.Messages)-1].Text(); got != "the newest" {
			rt.Fatalf("ends with %q", got)
		}
		if len(reqs) > 2 {
			rt.Fatalf("%d requests", len(reqs))
		}
		open := map[claw.CallID]bool{}
		for _, m := range last.Messages {
			for _, c := range m.Calls() {
				open[c.ID] = true
			}
			if m.Role == model.RoleToolResult && !open[m.ToolCallID] {
				rt.Fatalf("result %s lost its call", m.ToolCallID)
			}
		}
	})
}

// The rules of a gate that changes between steps reach the model.
func TestToolsOfTheMoment(t *testing.T) {
	w := newWorld(t, script.Step{Want: script.Want{Tool: "read"}, Blocks: script.Ask("c", "read", `{}`).Blocks}, script.Step{Want: script.Want{NoTool: "read"}, Blocks: []model.Block{model.Text("gone")}})
	w.gate.on = always(done("x", 0, ""))
	w.heard = func(e agent.Event) {
		if e.Kind == agent.KindOutcome {
			w.gate.specs = []gate.NamedSpec{}
		}
	}
	equal(t, "reply", w.ask(w.turn("go")).Reply, "gone")
}

// Shortened by hand a session keeps its newest messages, whatever room there
// is; nothing is said in it, and its labels stay.
func TestCompactByHand(t *testing.T) {
	w := newWorld(t, script.Step{Want: script.Want{System: "Summarise", Text: "question 2", Messages: 1, NoTool: "read"}, Blocks: []model.Block{model.Text("They asked a lot.")}, Usage: model.Usage{Input: 7, Output: 3}})
	for i := range 20 {
		w.mem.msgs[main] = append(w.mem.msgs[main], model.User(fmt.Sprint("question ", i, long(200))), model.Assistant(model.Text(fmt.Sprint("answer ", i, long(200)))))
	}
	w.mem.labels[main] = []claw.Lineage{{Label: claw.Untrusted}}
	r := w.compact()
	equal(t, "state", r.State, agent.StateFinal)
	if s := r.Shortened; s == nil || s.Messages < 20 || s.After >= s.Before/2 {
		t.Fatalf("%+v", s)
	}
	got := w.mem.transcript(main)
	if !strings.Contains(got[0], "They asked a lot.") || !strings.HasPrefix(got[len(got)-1], "assistant answer 19") {
		t.Errorf("%d messages, first %q", len(got), got[0])
	}
	equal(t, "usage", r.Usage.Sum(), 10)
	l, _, _ := w.mem.Labels(main)
	equal(t, "labels", l, claw.Untrusted)
	kinds := ""
	for _, e := range w.events {
		kinds += string(e.Kind) + " "
	}
	equal(t, "events", kinds, "shorten shorter ")
	for n := 0; r.Shortened.Messages > 0; n++ { // it comes to an end, with the newest message left
		if n > 10 {
			t.Fatal("a summary is summarised for ever")
		}
		w.say.Add(script.Say("notes"))
		r = w.compact()
	}
	if got := w.mem.transcript(main); !strings.HasPrefix(got[len(got)-1], "assistant answer 19") {
		t.Errorf("the newest message is gone: %q", got)
	}
}

// What cannot be summarised leaves the session as it was.
func TestCompactByHandFails(t *testing.T) {
	w := newWorld(t)
	if s := w.compact().Shortened; s.Messages != 0 || s.Before != s.After {
		t.Errorf("an empty session: %+v", s)
	}
	equal(t, "requests", len(w.say.Requests()), 0)
	for i := range 10 {
		w.mem.msgs[main] = append(w.mem.msgs[main], model.User(fmt.Sprint(i, long(200))), model.Assistant(model.Text(long(200))))
	}
	w.say.Add(script.Fail(model.KindServer, "busy"))
	r := w.compact()
	equal(t, "state", r.State, agent.StateError)
	equal(t, "messages", len(w.mem.msgs[main]), 20)
	w.mem.labels[main] = []claw.Lineage{{Label: claw.Secret}}
	w.brain.Provider = elsewhere{w.say}
	n := len(w.say.Requests())
	r = w.compact()
	equal(t, "with a secret", r.State, agent.StateError)
	equal(t, "requests with a secret", len(w.say.Requests()), n)
}
