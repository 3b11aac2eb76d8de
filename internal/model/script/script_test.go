package script_test

import (
	"context"
	"strings"
	"testing"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/model"
	"github.com/openclaw-go/openclaw/internal/model/script"
)

func request(text string) model.Request {
	return model.Request{Model: "m", System: []model.SystemPart{{Text: "be brief"}}, Messages: []model.Message{model.User(text)}, Tools: []model.ToolSpec{{Name: "read"}}}
}

func collect(t *testing.T, s *script.Script, r model.Request) (model.Message, error) {
	t.Helper()
	m, _, _, err := model.Collect(s.Stream(t.Context(), r))
	return m, err
}

func TestParse(t *testing.T) {
	steps, err := script.Parse([]byte(`
# a conversation
{"want":{"text":"hello","system":"brief","tool":"read","noTool":"exec","messages":1},"think":"hm","say":"Hi, let me see.","calls":[{"tool":"read","args":{"path":"a"}},{"id":"x","tool":"read","args":"{\"path\": \"b"}]}
{"say":"done","usage":{"input":3,"output":4},"times":2}
{"error":{"kind":"rate_limit","message":"slow down","status":429,"retryAfterMs":1500}}
{"say":"cut","stop":"length"}
`))
	if err != nil {
		t.Fatal(err)
	}
	s := script.New(steps...)
	m, err := collect(t, s, request("well, hello there"))
	if err != nil || m.Stop != model.StopToolUse || m.Text() != "Hi, let me see." || m.Content[0].Kind != model.BlockThinking {
		t.Fatalf("%+v, %v", m, err)
	}
	c := m.Calls()
	if len(c) != 2 || c[0].ID != "c1" || string(c[0].Arguments) != `{"path":"a"}` || c[1].ID != "x" || c[1].Invalid == "" || c[1].Raw != `{"path": "b` {
		t.Errorf("calls %+v", c)
	}
	for range 2 {
		if m, err := collect(t, s, request("x")); err != nil || m.Text() != "done" || m.Usage.Input != 3 {
			t.Errorf("%+v, %v", m, err)
		}
	}
	_, err = collect(t, s, request("x"))
	if model.KindOf(err) != model.KindRateLimit || !strings.Contains(err.Error(), "429") {
		t.Errorf("error is %v", err)
	}
	if m, err := collect(t, s, request("x")); err != nil || m.Stop != model.StopLength || s.Left() != 0 {
		t.Errorf("%+v, %v, %d left", m, err, s.Left())
	}
	if _, err := collect(t, s, request("x")); err == nil || !strings.Contains(err.Error(), "after the end") {
		t.Errorf("after the end: %v", err)
	}
}

func TestParseRefuses(t *testing.T) {
	for in, want := range map[string]string{
		`{"sya":"x"}`:                          "line 1",
		"\n{\"say\":\"x\"} {}":                 "line 2",
		`{"say":`:                              "line 1",
		`{"error":{"kind":"bad weather"}}`:     "bad weather",
		`{"calls":[{"tool":"x","args":"\x"}]}`: "line 1",
	} {
		if _, err := script.Parse([]byte(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", in, err)
		}
	}
}

// A request that the script does not expect ends in an error, and the step
// stays for the one that it waits for.
func TestWant(t *testing.T) {
	result := model.Result(model.ToolCall{ID: "a", Name: "read"}, "the milk")
	for name, w := range map[string]script.Want{
		"text": {Text: "goodbye"}, "result": {Result: "bread"}, "system": {System: "verbose"}, "tool": {Tool: "exec"}, "no tool": {NoTool: "read"}, "messages": {Messages: 7},
	} {
		s := script.New(script.Step{Want: w, Blocks: []model.Block{model.Text("ok")}})
		r := request("hello")
		r.Messages = append(r.Messages, result)
		if _, err := collect(t, s, r); model.KindOf(err) != model.KindInvalid || err == nil || s.Left() != 1 {
			t.Errorf("%s: %v, %d left", name, err, s.Left())
		}
	}
	s := script.New(script.Step{Want: script.Want{Text: "hello", Result: "milk", System: "brief", Tool: "read", NoTool: "exec", Messages: 2}, Blocks: []model.Block{model.Text("ok")}})
	r := request("hello")
	r.Messages = append(r.Messages, result)
	if m, err := collect(t, s, r); err != nil || m.Text() != "ok" {
		t.Errorf("%+v, %v", m, err)
	}
}

// Text comes in pieces that end between runes.
func TestPieces(t *testing.T) {
	text := strings.Repeat("ä€👋", 30)
	n := 0
	var got strings.Builder
	for ev, err := range script.New(script.Say(text)).Stream(t.Context(), request("x")) {
		if err != nil {
			t.Fatal(err)
		}
		if ev.Kind == model.TextDelta {
			n++
			got.WriteString(ev.Text)
			if strings.ToValidUTF8(ev.Text, "!") != ev.Text {
				t.Errorf("piece %q", ev.Text)
			}
		}
	}
	if got.String() != text || n < 5 {
		t.Errorf("%d pieces, %q", n, got.String())
	}
}

func TestWaits(t *testing.T) {
	never := make(chan struct{})
	for name, step := range map[string]script.Step{"before": {Blocks: []model.Block{model.Text("x")}, Before: never}, "middle": {Blocks: []model.Block{model.Text(strings.Repeat("x", 100))}, Middle: never}} {
		ctx, cancel := context.WithCancel(t.Context())
		s := script.New(step)
		if name == "before" {
			cancel()
		}
		var last error
		for _, err := range s.Stream(ctx, request("x")) {
			cancel()
			last = err
		}
		cancel()
		if model.KindOf(last) != model.KindAborted || last == nil {
			t.Errorf("%s: %v", name, last)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	if _, _, _, err := model.Collect(script.New(script.Say("x")).Stream(ctx, request("x"))); model.KindOf(err) != model.KindTimeout {
		t.Errorf("too late: %v", err)
	}
}

// Hostile steps are what they say, and no call of theirs is usable that should
// not be.
func TestHostileSteps(t *testing.T) {
	if m, err := collect(t, script.New(script.Giant("read", 1000)), request("x")); err != nil || len(m.Calls()[0].Arguments) < 1000 {
		t.Errorf("%+v, %v", m, err)
	}
	if m, err := collect(t, script.New(script.Broken("read")), request("x")); err != nil || m.Calls()[0].Invalid == "" {
		t.Errorf("%+v, %v", m, err)
	}
	if m, err := collect(t, script.New(script.CutOff("half")), request("x")); model.KindOf(err) != model.KindNetwork || m.Text() != "half" {
		t.Errorf("%+v, %v", m, err)
	}
	if m, err := collect(t, script.New(script.Flood(100)), request("x")); err != nil || len(m.Text()) != 1000 {
		t.Errorf("%+v, %v", m, err)
	}
	if m, err := collect(t, script.New(script.Unknown()), request("x")); err != nil || m.Calls()[0].Name == claw.ToolName(model.WireName(m.Calls()[0].Name)) {
		t.Errorf("%+v, %v", m, err)
	}
	loop := script.New(script.Loop("read", `{}`))
	for range 5 {
		if m, err := collect(t, loop, request("x")); err != nil || len(m.Calls()) != 1 {
			t.Fatalf("%+v, %v", m, err)
		}
	}
	if len(loop.Requests()) != 5 || loop.Left() != 1 || loop.Destinations() != nil {
		t.Error("the loop came to an end")
	}
	if m, err := collect(t, script.New(script.Garbage()), request("x")); err != nil && m.Failure == "" {
		t.Errorf("%+v, %v", m, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"want":{"text":"x"},"calls":[{"tool":"read","args":{"a":1}}]}`))
	f.Add([]byte("# x\n{\"say\":\"x\",\"times\":-1}\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		steps, err := script.Parse(in)
		if err != nil {
			return
		}
		for _, s := range steps {
			for _, b := range s.Blocks {
				if b.Kind == model.BlockToolCall && (b.Call.Invalid == "") == (b.Call.Arguments == nil) {
					t.Fatalf("%q: call %+v", in, b.Call)
				}
			}
		}
	})
}
