package agent_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/agent"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gate"
	"github.com/openclaw-go/openclaw/internal/model"
	"github.com/openclaw-go/openclaw/internal/model/script"
	"github.com/openclaw-go/openclaw/internal/policy"
)

func TestTurn(t *testing.T) {
	w := newWorld(t, script.Step{Blocks: []model.Block{model.Text("Looking."), model.Call(model.ToolCall{ID: "c1", Name: "Read", Arguments: []byte(`{"path":"a"}`)})}},
		script.Step{Want: script.Want{Result: "milk", System: "You are a test.", Tool: "read"}, Blocks: []model.Block{model.Text("Buy milk, and then go straight home again.")}, Usage: model.Usage{Input: 10, Output: 5}})
	w.gate.on = always(done("milk", claw.Private, "file a"))
	r := w.ask(w.turn("what is in a?"))
	equal(t, "state", r.State, agent.StateFinal)
	equal(t, "reply", r.Reply, "Buy milk, and then go straight home again.")
	equal(t, "events", w.kinds(r.Run), "start delta call outcome label delta final")
	equal(t, "deltas", w.deltas(r.Run), "Looking."+r.Reply)
	equal(t, "transcript", strings.Join(w.mem.transcript(main), "|"), "user what is in a?|assistant Looking.(Read)|toolResult milk|assistant "+r.Reply)
	equal(t, "calls", fmt.Sprint(r.Calls), fmt.Sprint([]agent.CallReport{{Tool: "read", Verdict: policy.Allow, Rule: "test.allowed", Status: gate.Done}}))
	equal(t, "usage", r.Usage.Sum(), 15)
	c := w.gate.seen()[0]
	if c.Agent != "main" || c.Session != main || c.Run != r.Run || c.Principal != owner || c.Audience.To != home.To || !c.Audience.OwnersOnly || c.LastHuman != "what is in a?" || c.Says != "Looking." || c.Tool != "read" {
		t.Errorf("the gate was asked %+v", c)
	}
	if !c.OperatorSaid("what is in") || c.OperatorSaid("milk") {
		t.Error("the operator's words are not told from others")
	}
}

// The message, and before it its labels, are on disk before anybody thinks
// about it; so are the labels of a result.
func TestLabelsComeFirst(t *testing.T) {
	w := newWorld(t, script.Ask("c1", "read", `{}`), script.Say("ok"))
	w.gate.on = always(done("page", claw.Untrusted|claw.Private, "web page a.example"))
	turn := w.turn("hello")
	turn.Labels, turn.From = claw.Untrusted, "message from telegram:7"
	w.ask(turn)
	want := []string{"ensure " + string(main), "label untrusted", "append user hello", "append assistant ", "label untrusted", "label private", "append toolResult page", "append assistant ok"}
	if !slices.Equal(w.mem.log, want) {
		t.Errorf("%q, want %q", w.mem.log, want)
	}
	equal(t, "labels of the call", w.gate.seen()[0].Labels, claw.Untrusted)
	l := w.gate.seen()[0].Lineage
	if len(l) != 1 || l[0].From != "message from telegram:7" {
		t.Errorf("lineage of the call is %+v", l)
	}
	// A later turn begins with what the session carries.
	w.say.Add(script.Ask("c2", "read", `{}`), script.Say("ok"))
	w.ask(w.turn("again"))
	equal(t, "labels of the next call", w.gate.seen()[1].Labels, claw.Untrusted|claw.Private)
	if got := w.gate.seen()[1].Lineage; len(got) != 3 || got[0].From != "message from telegram:7" || got[1].From != "web page a.example" || got[2].Label != claw.Private {
		t.Errorf("lineage is %+v", got)
	}
}

// Labels grow within one message of several calls too.
func TestLabelsReachTheNextCall(t *testing.T) {
	call := func(id claw.CallID) model.Block {
		return model.Call(model.ToolCall{ID: id, Name: "read", Arguments: []byte(`{}`)})
	}
	w := newWorld(t, script.Step{Blocks: []model.Block{call("a"), call("b")}}, script.Say("ok"))
	w.gate.on = always(done("x", claw.Untrusted, "web"))
	w.ask(w.turn("go"))
	equal(t, "first", w.gate.seen()[0].Labels, 0)
	equal(t, "second", w.gate.seen()[1].Labels, claw.Untrusted)
}

// Without a record of the labels nothing is thought, and without a record of
// the message neither.
func TestNoRecordNoThought(t *testing.T) {
	for _, op := range []string{"ensure", "label", "append"} {
		w := newWorld(t)
		w.mem.fail[op] = errDisk
		turn := w.turn("hello")
		turn.Labels = claw.Untrusted
		r := w.ask(turn)
		if r.State != agent.StateError || !strings.Contains(r.Error, errDisk.Error()) {
			t.Errorf("%s: %+v", op, r)
		}
		equal(t, op+": requests", len(w.say.Requests()), 0)
	}
	w := newWorld(t, script.Ask("c", "read", `{}`))
	w.gate.on = func(context.Context, gate.Call) (gate.Outcome, error) { return gate.Outcome{}, errDisk }
	equal(t, "without a journal", w.ask(w.turn("x")).State, agent.StateError)
}

// A message is kept even when no model is there to answer it.
func TestMessageIsKeptWithoutModel(t *testing.T) {
	w := newWorld(t)
	e := agent.New(agent.Options{Sessions: w.mem, Gate: w.gate, Now: time.Now, NewRun: func() claw.RunID { return "r" }, Emit: func(agent.Event) {},
		Brain: func(claw.AgentID) (agent.Brain, error) { return agent.Brain{}, errors.New("no key") }})
	id, err := e.Send(w.turn("remember me"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := e.Wait(t.Context(), id)
	if err != nil || r.State != agent.StateError {
		t.Fatalf("%+v, %v", r, err)
	}
	equal(t, "transcript", strings.Join(w.mem.transcript(main), "|"), "user remember me|assistant (this turn ended with an error: unknown)")
}

// Turns of one session come one after the other in the order of Send; other
// sessions do not wait.
func TestOrderPerSession(t *testing.T) {
	const turns = 12
	gateway := make(chan struct{})
	first := script.Say("reply 0")
	first.Before = gateway
	w := newWorld(t, first)
	ids := []claw.RunID{w.send(w.turn("message 0"))}
	started := func() bool { return len(w.say.Requests()) > 0 }
	until(started)
	for i := 1; i < turns; i++ {
		w.say.Add(script.Step{Want: script.Want{Text: fmt.Sprint("message ", i), Messages: 2*i + 1}, Blocks: []model.Block{model.Text(fmt.Sprint("reply ", i))}})
		ids = append(ids, w.send(w.turn(fmt.Sprint("message ", i))))
	}
	equal(t, "running", w.Running()[main], ids[0])
	close(gateway)
	for i, id := range ids {
		equal(t, fmt.Sprint("reply ", i), w.wait(id).Reply, fmt.Sprint("reply ", i))
	}
	var order []claw.RunID
	for _, e := range w.events {
		if e.Kind == agent.KindStart || e.Kind == agent.KindFinal {
			order = append(order, e.Run)
		}
	}
	for i, id := range ids {
		if order[2*i] != id || order[2*i+1] != id {
			t.Fatalf("starts and ends are %v", order)
		}
	}
	if len(w.Running()) != 0 {
		t.Errorf("running %v", w.Running())
	}
}

// until returns when cond holds.
func until(cond func() bool) {
	for !cond() {
		runtime.Gosched()
	}
}

func TestSessionsDoNotWaitForEachOther(t *testing.T) {
	gateway := make(chan struct{})
	slow := script.Say("slow")
	slow.Before = gateway
	w := newWorld(t, slow)
	id := w.send(w.turn("slow"))
	until(func() bool { return len(w.say.Requests()) == 1 })
	w.say.Add(script.Say("quick"))
	other := w.turn("quick")
	other.Session = "agent:main:other"
	equal(t, "the other session's reply", w.ask(other).Reply, "quick")
	equal(t, "running", w.Running()[main], id)
	close(gateway)
	equal(t, "reply", w.wait(id).Reply, "slow")
}

func TestQueueIsBounded(t *testing.T) {
	gateway := make(chan struct{})
	block := script.Say("x")
	block.Before, block.Times = gateway, -1
	w := newWorld(t, block)
	w.send(w.turn("first"))
	until(func() bool { return len(w.say.Requests()) == 1 })
	var last claw.RunID
	for range agent.QueueLimit {
		last = w.send(w.turn("more"))
	}
	if _, err := w.Send(w.turn("too many")); !errors.Is(err, agent.ErrQueueFull) {
		t.Errorf("error is %v", err)
	}
	// An answer that a person gave has a place all the same.
	w.gate.back = done("did it", 0, "")
	answer, err := w.Answered("a1", gate.Call{Agent: "main", Session: main}, home)
	if err != nil {
		t.Fatal(err)
	}
	close(gateway)
	equal(t, "last", w.wait(last).State, agent.StateFinal)
	equal(t, "answer", w.wait(answer).State, agent.StateFinal)
}

func TestSameRunTwice(t *testing.T) {
	w := newWorld(t, script.Say("once"))
	turn := w.turn("hello")
	turn.Run = "mine"
	w.ask(turn)
	equal(t, "reply", w.ask(turn).Reply, "once")
	equal(t, "requests", len(w.say.Requests()), 1)
	turn.Session = "agent:main:other"
	if _, err := w.Send(turn); !errors.Is(err, agent.ErrRunTaken) {
		t.Errorf("another session's run of the same name: %v", err)
	}
	if _, err := w.Wait(t.Context(), "nobody's"); !errors.Is(err, agent.ErrNoRun) {
		t.Errorf("error is %v", err)
	}
}

func TestAbort(t *testing.T) {
	never := make(chan struct{})
	long := script.Say("The beginning of a long answer that nobody wants to read to its end.")
	long.Middle = never
	w := newWorld(t, long)
	heard := make(chan struct{})
	w.heard = func(e agent.Event) {
		if e.Kind == agent.KindDelta {
			close(heard)
		}
	}
	id := w.send(w.turn("tell me"))
	<-heard
	waits := w.send(w.turn("and then"))
	equal(t, "ended by a foreign session", w.Abort("agent:main:other", id), 0)
	equal(t, "ended", w.Abort(main, ""), 2)
	r := w.wait(id)
	equal(t, "state", r.State, agent.StateAborted)
	equal(t, "reply", r.Reply, "The beginning of a long ")
	equal(t, "events", w.kinds(id), "start delta aborted")
	equal(t, "the one that waited", w.wait(waits).State, agent.StateAborted)
	equal(t, "its events", w.kinds(waits), "aborted")
	equal(t, "transcript", strings.Join(w.mem.transcript(main), "|"), "user tell me|assistant The beginning of a long ")
	equal(t, "stop", w.mem.msgs[main][1].Stop, model.StopAborted)
	equal(t, "again", w.Abort(main, ""), 0)
	w.say.Add(script.Step{Want: script.Want{Text: "go on"}, Blocks: []model.Block{model.Text("gladly")}})
	w.heard = nil
	equal(t, "the session goes on", w.ask(w.turn("go on")).Reply, "gladly")
}

// A turn that is stopped while a call runs keeps the call's result.
func TestAbortDuringCall(t *testing.T) {
	w := newWorld(t, script.Ask("c1", "exec", `{"command":"sleep"}`))
	running := make(chan struct{})
	w.gate.on = func(ctx context.Context, _ gate.Call) (gate.Outcome, error) {
		close(running)
		<-ctx.Done()
		return gate.Outcome{Status: gate.Failed, IsError: true, Text: "failed: killed"}, nil
	}
	id := w.send(w.turn("run"))
	<-running
	w.Abort(main, id)
	equal(t, "state", w.wait(id).State, agent.StateAborted)
	equal(t, "transcript", strings.Join(w.mem.transcript(main), "|"), "user run|assistant (exec)|toolResult failed: killed|assistant (stopped)")
}

func TestTimeout(t *testing.T) {
	never := make(chan struct{})
	mute := script.Say("x")
	mute.Before = never
	w := newWorld(t, mute, script.Say("fine"))
	turn := w.turn("hello")
	turn.Timeout = time.Millisecond
	r := w.ask(turn)
	equal(t, "state", r.State, agent.StateError)
	last := w.events[len(w.events)-1]
	equal(t, "kind", last.ErrorKind, "timeout")
	equal(t, "transcript", strings.Join(w.mem.transcript(main), "|"), "user hello|assistant (this turn ended with an error: timeout)")
	equal(t, "next", w.ask(w.turn("again")).Reply, "fine")
}

func TestModelErrors(t *testing.T) {
	for kind, want := range map[model.ErrorKind]string{
		model.KindRateLimit: "rate_limit", model.KindOverloaded: "rate_limit", model.KindTimeout: "timeout", model.KindRefusal: "refusal",
		model.KindAuth: "unknown", model.KindInvalid: "unknown", model.KindNetwork: "unknown", model.KindServer: "unknown",
	} {
		w := newWorld(t, script.Fail(kind, "as it goes"))
		r := w.ask(w.turn("hello"))
		if r.State != agent.StateError || !strings.Contains(r.Error, "as it goes") {
			t.Errorf("%s: %+v", kind, r)
		}
		equal(t, kind.String(), w.events[len(w.events)-1].ErrorKind, want)
	}
}

// What came before a connection broke is kept, and its calls are not run.
func TestCutOff(t *testing.T) {
	w := newWorld(t, script.CutOff("Half of an"), script.Say("whole"))
	r := w.ask(w.turn("hello"))
	equal(t, "state", r.State, agent.StateError)
	equal(t, "reply", r.Reply, "Half of an")
	m := w.mem.msgs[main][1]
	if m.Text() != "Half of an" || m.Stop != model.StopError || !strings.Contains(m.Failure, "connection was cut") {
		t.Errorf("%+v", m)
	}
	equal(t, "messages", len(w.mem.msgs[main]), 2)
	equal(t, "next", w.ask(w.turn("again")).Reply, "whole")
}

func TestHostileModels(t *testing.T) {
	for name, c := range map[string]struct {
		step  script.Step
		calls int // at the gate, at most
		state agent.State
		says  string
	}{
		"a refused call for ever": {script.Loop("exec", `{"command":"rm"}`), agent.RepeatLimit, agent.StateError, "asked 3 times"},
		"unknown tool for ever":   {func() script.Step { s := script.Unknown(); s.Times = -1; return s }(), agent.RepeatLimit, agent.StateError, "asked 3 times"},
		"garbage":                 {script.Garbage(), 3, agent.StateError, ""},
		"a flood":                 {script.Flood(20000), 0, agent.StateFinal, ""},
		"nothing":                 {script.Step{Blocks: []model.Block{}}, 0, agent.StateFinal, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.step)
			r := w.ask(w.turn("go"))
			equal(t, "state", r.State, c.state)
			if n := len(w.gate.seen()); n > c.calls || !strings.Contains(r.Error, c.says) {
				t.Errorf("%d calls, %q", n, r.Error)
			}
		})
	}
}

// What a model floods its session with is bounded: the turn ends, the
// beginning stays, and the next turn needs no summary of it.
func TestFloodIsBounded(t *testing.T) {
	for name, c := range map[string]struct {
		pieces, window, most int
	}{
		"a large window": {53_000, 1_000_000, agent.MaxReplyBytes},
		"a small window": {2_000, 8_000, 3 * 6_000},
		"a tiny window":  {2_000, 100, agent.KeptBytes},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, script.Flood(c.pieces))
			w.brain.MaxContext = c.window
			if c.window < 1000 {
				w.brain.MaxContext = 0
				w.brain.Spec.Window = c.window
				w.prompt = agent.Prompted{}
				w.gate.specs = nil
			}
			r := w.ask(w.turn("go"))
			equal(t, "state", r.State, agent.StateError)
			if want := fmt.Sprintf("found a reply of more than %d bytes", c.most); !strings.Contains(r.Error, want) {
				t.Errorf("error %q, want %q", r.Error, want)
			}
			heard := 0
			for _, e := range w.events {
				if e.Kind == agent.KindDelta {
					heard += len(e.Text)
				}
			}
			if heard > c.most {
				t.Errorf("%d bytes were handed on, at most %d may be", heard, c.most)
			}
			m := w.mem.msgs[main][1]
			if n := len(m.Text()); n > agent.KeptBytes+100 || !strings.HasPrefix(m.Text(), "and again and again") || !strings.Contains(m.Text(), "did not stop writing") {
				t.Errorf("%d bytes are kept: %.60q", n, m.Text())
			}
			equal(t, "stop", m.Stop, model.StopError)
			if c.window < 1000 {
				return // nothing fits
			}
			w.say.Add(script.Say("well again"))
			equal(t, "next", w.ask(w.turn("again")).Reply, "well again")
			equal(t, "requests", len(w.say.Requests()), 2)
		})
	}
	// Calls count: a thousand small ones are a flood too.
	long := []byte(`{"text":"` + strings.Repeat("x", agent.MaxReplyBytes/4) + `"}`)
	var many []model.Block
	for i := range 5 {
		many = append(many, model.Call(model.ToolCall{ID: claw.CallID(fmt.Sprint(i)), Name: "read", Arguments: long}))
	}
	w := newWorld(t, script.Step{Blocks: many})
	w.brain.MaxContext = 1_000_000
	r := w.ask(w.turn("go"))
	if r.State != agent.StateError || !strings.Contains(r.Error, "found a reply of more than") || len(w.gate.seen()) != 0 {
		t.Errorf("%+v, %d calls", r, len(w.gate.seen()))
	}
}

// Calls that work are bounded too.
func TestLoopIsBounded(t *testing.T) {
	w := newWorld(t, script.Loop("read", `{"path":"a"}`))
	w.gate.on = always(done("the same", 0, ""))
	r := w.ask(w.turn("go"))
	equal(t, "state", r.State, agent.StateError)
	equal(t, "calls", len(w.gate.seen()), agent.DefaultSteps)

	var many []model.Block
	for i := range agent.MaxCalls + 5 {
		many = append(many, model.Call(model.ToolCall{ID: claw.CallID(fmt.Sprint(i)), Name: "read", Arguments: []byte(fmt.Sprintf(`{"n":%d}`, i))}))
	}
	w = newWorld(t, script.Step{Blocks: many})
	w.gate.on = always(done("x", 0, ""))
	equal(t, "many at once", w.ask(w.turn("go")).State, agent.StateError)
	equal(t, "calls", len(w.gate.seen()), agent.MaxCalls)
}

// A call that is no JSON object is refused and recorded by the gate, in a form
// that no tool takes for an empty one.
func TestBrokenArgumentsReachTheGateAsNone(t *testing.T) {
	w := newWorld(t, script.Broken("sessions_list"), script.Step{Want: script.Want{Result: "no JSON object"}, Blocks: []model.Block{model.Text("sorry")}})
	w.gate.on = always(refused("tools.bad_call"))
	equal(t, "reply", w.ask(w.turn("go")).Reply, "sorry")
	equal(t, "arguments", string(w.gate.seen()[0].Arguments), `"not an object"`)
}

func TestApprovalEndsTheTurnAndResumes(t *testing.T) {
	w := newWorld(t, script.Step{Blocks: []model.Block{model.Text("May I?"), model.Call(model.ToolCall{ID: "c1", Name: "exec", Arguments: []byte(`{"command":"make"}`)})}})
	w.gate.on = always(gate.Outcome{Status: gate.Pending, Approval: "a1", Text: "approval-pending: exec.ask: wait (id a1)", Decision: policy.Decision{Verdict: policy.Ask, Rule: "exec.ask"}})
	r := w.ask(w.turn("build it"))
	equal(t, "state", r.State, agent.StateFinal)
	equal(t, "reply", r.Reply, "May I?")
	equal(t, "requests", len(w.say.Requests()), 1)
	if len(r.Calls) != 1 || r.Calls[0].Status != gate.Pending || r.Calls[0].Approval != "a1" {
		t.Errorf("%+v", r.Calls)
	}
	w.gate.back = gate.Outcome{Status: gate.Done, Text: "built", Labels: claw.Private, From: "run of make", Decision: policy.Decision{Verdict: policy.Allow}}
	w.say.Add(script.Step{Want: script.Want{Text: "[gateway] approval a1: done\nbuilt"}, Blocks: []model.Block{model.Text("It is built.")}})
	id, err := w.Answered("a1", w.gate.seen()[0], home)
	if err != nil {
		t.Fatal(err)
	}
	r = w.wait(id)
	equal(t, "reply", r.Reply, "It is built.")
	equal(t, "events", w.kinds(id), "start outcome label delta final")
	if len(r.Calls) != 1 || r.Calls[0].Tool != "exec" || r.Calls[0].Status != gate.Done {
		t.Errorf("%+v", r.Calls)
	}
	for _, e := range w.events {
		if e.Run == id && e.Kind == agent.KindOutcome && e.Call.ID != "c1" {
			t.Errorf("the outcome belongs to call %q", e.Call.ID)
		}
	}
	equal(t, "labels", w.mem.labels[main][0].Label, claw.Private)
	if w.mem.Said(main, "built") {
		t.Error("a result counts as the operator's word")
	}
}

// The gate judges an answer under what the session carries when it comes.
func TestResumeShowsTheLabelsOfNow(t *testing.T) {
	w := newWorld(t, script.Say("ok"))
	w.mem.labels[main] = []claw.Lineage{{Label: claw.Untrusted}}
	w.gate.back = refused("approval.voided")
	id, err := w.Answered("a1", gate.Call{Agent: "main", Session: main}, home)
	if err != nil {
		t.Fatal(err)
	}
	w.wait(id)
	equal(t, "labels", w.gate.resumed[0], claw.Untrusted)
}

func TestUnattended(t *testing.T) {
	w := newWorld(t, script.Ask("c1", "exec", `{}`), script.Say("ok"))
	turn := w.turn("nightly")
	turn.Unattended, turn.Said, turn.Principal = true, "", claw.Principal{Surface: claw.SurfaceCron, Standing: claw.Owner}
	w.ask(turn)
	c := w.gate.seen()[0]
	if !c.Unattended || c.Principal.Surface != claw.SurfaceCron || c.OperatorSaid("nightly") {
		t.Errorf("%+v", c)
	}
}

func TestStopLetsTurnsEnd(t *testing.T) {
	gateway := make(chan struct{})
	slow := script.Say("done in time")
	slow.Before = gateway
	w := newWorld(t, slow)
	id := w.send(w.turn("hello"))
	until(func() bool { return len(w.say.Requests()) == 1 })
	waits := w.turn("and me")
	waits.Labels, waits.From = claw.Untrusted, "message from telegram:7"
	queued := w.send(waits)
	w.gate.back = done("x", 0, "")
	answer, err := w.Answered("a7", gate.Call{Agent: "main", Session: main}, home)
	if err != nil {
		t.Fatal(err)
	}
	stopped := make(chan struct{})
	go func() { w.Stop(context.Background()); close(stopped) }()
	again := w.turn("hello")
	again.Run = id // known, so that it is not queued before Stop takes hold
	until(func() bool { _, err := w.Send(again); return errors.Is(err, agent.ErrStopped) })
	close(gateway)
	<-stopped
	equal(t, "reply", w.wait(id).Reply, "done in time")
	equal(t, "queued", w.wait(queued).State, agent.StateAborted)
	equal(t, "answer", w.wait(answer).State, agent.StateAborted)
	equal(t, "resumed", len(w.gate.resumed), 0)
	got := strings.Join(w.mem.transcript(main), "|")
	want := "user hello|assistant done in time|user and me|assistant (stopped)|user [gateway] approval a7: not carried out, the gateway stopped|assistant (stopped)"
	equal(t, "transcript", got, want)
	equal(t, "labels", w.mem.labels[main][0].From, "message from telegram:7")
}

func TestStopMarksWhatDoesNotEnd(t *testing.T) {
	never := make(chan struct{})
	mute := script.Say("x")
	mute.Before = never
	w := newWorld(t, mute)
	id := w.send(w.turn("hello"))
	until(func() bool { return len(w.say.Requests()) == 1 })
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	w.Stop(ctx)
	equal(t, "state", w.wait(id).State, agent.StateAborted)
	equal(t, "transcript", strings.Join(w.mem.transcript(main), "|"), "user hello|assistant (stopped)")
}

// Everything at once, for the race detector: each message is answered, ended
// or refused, and none is lost.
func TestStorm(t *testing.T) {
	step := script.Say("a reply of some length, so that it comes in pieces")
	step.Times = -1
	w := newWorld(t, step)
	const sessions, turns = 8, 12
	var wg sync.WaitGroup
	for s := range sessions {
		wg.Add(1)
		go func() {
			defer wg.Done()
			key := claw.SessionKey(fmt.Sprint("agent:main:", s))
			for i := range turns {
				turn := w.turn(fmt.Sprint("m", i))
				turn.Session = key
				id, err := w.Send(turn)
				switch {
				case errors.Is(err, agent.ErrStopped):
					return
				case err != nil:
					t.Error(err)
					return
				}
				if i%3 == 0 {
					w.Abort(key, id)
				}
				w.Running()
				if r, err := w.Wait(context.Background(), id); err != nil || r.State == agent.StateRunning {
					t.Errorf("%+v, %v", r, err)
				}
			}
		}()
	}
	wg.Wait()
	w.Stop(context.Background())
	for s := range sessions {
		n := 0
		for _, l := range w.mem.transcript(claw.SessionKey(fmt.Sprint("agent:main:", s))) {
			if strings.HasPrefix(l, "user ") {
				n++
			}
		}
		if n < turns*2/3 {
			t.Errorf("session %d has %d messages of %d", s, n, turns)
		}
	}
}
