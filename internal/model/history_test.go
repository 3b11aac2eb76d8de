package model_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/model"
)

// messages of any kind, in any order, as a transcript may hold them after
// crashes, fallbacks and hostile models.
func messages() *rapid.Generator[[]model.Message] {
	id := rapid.SampledFrom([]claw.CallID{"a", "b", "c", ""})
	provider := rapid.SampledFrom([]string{"mine", "other", ""})
	block := rapid.Custom(func(t *rapid.T) model.Block {
		switch rapid.IntRange(0, 4).Draw(t, "kind") {
		case 0:
			return model.Block{Kind: model.BlockText, Text: rapid.SampledFrom([]string{"", " \n", "hello", "\u202e"}).Draw(t, "text"), Signature: rapid.SampledFrom([]string{"", "sig"}).Draw(t, "sign")}
		case 1:
			return model.Block{Kind: model.BlockThinking, Text: "hm", Signature: "sig"}
		case 2:
			return model.Call(model.ToolCall{ID: id.Draw(t, "id"), Name: "read", Arguments: json.RawMessage(`{"a":1}`)})
		case 3:
			return model.Call(model.ToolCall{ID: id.Draw(t, "id"), Name: "x y", Raw: `{"a`, Invalid: "cut"})
		}
		return model.Block{Kind: model.BlockImage, Image: model.Image{MIME: "image/png", Data: []byte("png")}}
	})
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) model.Message {
		m := model.Message{Role: rapid.SampledFrom([]model.Role{model.RoleUser, model.RoleAssistant, model.RoleToolResult}).Draw(t, "role"), Content: rapid.SliceOfN(block, 0, 4).Draw(t, "content")}
		if m.Role == model.RoleToolResult {
			m.ToolCallID, m.ToolName = id.Draw(t, "of"), "read"
		}
		if m.Role == model.RoleAssistant {
			m.Provider = provider.Draw(t, "by")
		}
		return m
	}), 0, 12)
}

// Each call is followed by exactly one result before anybody else speaks, no
// result is without a call, and nothing of another provider's goes along.
func TestHistory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := messages().Draw(t, "messages")
		before := fmt.Sprintf("%+v", in)
		out := model.History(in, "mine")
		var waiting []claw.CallID
		for i, m := range out {
			if m.Role == model.RoleToolResult {
				at := -1
				for j, w := range waiting {
					if w == m.ToolCallID {
						at = j
					}
				}
				if at < 0 {
					t.Fatalf("message %d answers %q, waiting are %q", i, m.ToolCallID, waiting)
				}
				waiting = append(waiting[:at], waiting[at+1:]...)
				continue
			}
			if len(waiting) > 0 || len(m.Content) == 0 {
				t.Fatalf("message %d: %q still wait, %d blocks", i, waiting, len(m.Content))
			}
			for _, c := range m.Calls() {
				waiting = append(waiting, c.ID)
			}
			for _, b := range m.Content {
				if m.Provider != "mine" && (b.Signature != "" || b.Kind == model.BlockThinking) {
					t.Fatalf("message %d of %q takes %+v along", i, m.Provider, b)
				}
			}
		}
		if len(waiting) > 0 {
			t.Fatalf("%q never answered", waiting)
		}
		if after := fmt.Sprintf("%+v", in); after != before {
			t.Fatalf("the transcript changed: %s", after)
		}
		if again := model.History(out, "mine"); fmt.Sprintf("%+v", again) != fmt.Sprintf("%+v", out) {
			t.Fatalf("a second pass makes %+v of %+v", again, out)
		}
	})
}

// What is kept in a transcript is read back as it was.
func TestMessageRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for _, m := range messages().Draw(t, "messages") {
			raw, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			var back model.Message
			if err := json.Unmarshal(raw, &back); err != nil {
				t.Fatalf("%s: %v", raw, err)
			}
			if len(m.Content) == 0 {
				m.Content, back.Content = nil, nil
			}
			if !reflect.DeepEqual(m, back) {
				t.Fatalf("%+v became %+v by %s", m, back, raw)
			}
		}
	})
}

func TestForeignTranscripts(t *testing.T) {
	for name, c := range map[string]struct{ in, text string }{
		"plain text":     {`{"role":"user","content":"hi"}`, "hi"},
		"no content":     {`{"role":"user"}`, ""},
		"null":           {`{"role":"user","content":null}`, ""},
		"unknown block":  {`{"role":"user","content":[{"type":"hologram","x":1},{"type":"text","text":"hi"}]}`, "hi"},
		"unknown fields": {`{"role":"assistant","content":[{"type":"text","text":"hi","y":{}}],"z":1}`, "hi"},
	} {
		var m model.Message
		if err := json.Unmarshal([]byte(c.in), &m); err != nil || m.Text() != c.text {
			t.Errorf("%s: %q, %v", name, m.Text(), err)
		}
	}
	var m model.Message
	if err := json.Unmarshal([]byte(`{"role":"assistant","content":[{"type":"toolCall","id":"a","name":"read","arguments":{"p":1,"p":2}}]}`), &m); err != nil || m.Calls()[0].Invalid == "" {
		t.Errorf("a doubled key in a transcript: %+v, %v", m, err)
	}
	if err := json.Unmarshal([]byte(`{"role":"user","content":[{"type":"image","data":"***"}]}`), &m); err == nil {
		t.Error("broken base64 was taken")
	}
	if _, err := json.Marshal(model.Message{Content: []model.Block{{}}}); err == nil {
		t.Error("a block of no kind was written")
	}
}

// FuzzArguments: what is taken is one JSON object that everybody reads alike.
func FuzzArguments(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":1}`, `{"a":1,"a":2}`, `{"a":{"b":1,"\u0062":2}}`, `[1]`, `null`, ``, `{"a":1} x`, "{\"a\":\"\xff\"}", strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100), `{"a":[{"x":1},{"x":2}]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		args, why := model.CheckArguments(in, model.DefaultDepth)
		if (args == nil) == (why == "") || !utf8.ValidString(why) || len(why) > 400 {
			t.Fatalf("%q, %q", args, why)
		}
		if args == nil {
			return
		}
		var first, last map[string]any
		if err := json.Unmarshal(args, &last); err != nil || last == nil || !utf8.Valid(args) {
			t.Fatalf("%q was taken: %v", in, err)
		}
		// With no doubled key the reading does not depend on which one wins.
		again, err := json.Marshal(last)
		if err != nil || json.Unmarshal(again, &first) != nil || !reflect.DeepEqual(first, last) {
			t.Fatalf("%q reads in two ways", in)
		}
	})
}

func TestArguments(t *testing.T) {
	for in, ok := range map[string]bool{
		`{}`: true, ` {"a":1} `: true, `{"a":[{"x":1},{"x":2}]}`: true, `{"a":{"a":{"a":1}}}`: true,
		`{"a":1,"a":1}`: false, `{"a":1,"\u0061":2}`: false, `{"o":{"x":1,"y":2,"x":3}}`: false, `{"l":[[{"x":1,"x":2}]]}`: false,
		`[]`: false, `null`: false, `"x"`: false, ``: false, `{"a":1}{"b":2}`: false, `{"a":1}x`: false, "{\"a\":\"\xff\"}": false, `{"a":1,}`: false, `{"a":1e308}`: true, `{"a":1e309}`: false, `{"a":[-1e999]}`: false, `{a:1}`: false,
		strings.Repeat(`{"a":`, 63) + "1" + strings.Repeat("}", 63): true,
		strings.Repeat(`{"a":`, 65) + "1" + strings.Repeat("}", 65): false,
	} {
		args, why := model.CheckArguments([]byte(in), model.DefaultDepth)
		if (why == "") != ok || (args != nil) != ok {
			t.Errorf("%.40q: %s, %q", in, args, why)
		}
		if ok && string(args) != strings.TrimSpace(in) {
			t.Errorf("%.40q was changed into %.40q", in, args)
		}
	}
}

// A reply that did not end well orders nothing.
func TestCollectorVoidsCalls(t *testing.T) {
	a := model.Event{Kind: model.ToolEnd, Call: model.ToolCall{ID: "a", Name: "read", Arguments: json.RawMessage(`{"n":1}`)}}
	b := model.Event{Kind: model.ToolEnd, Call: model.ToolCall{ID: "b", Name: "read", Arguments: json.RawMessage(`{"n":2}`)}}
	for stop, usable := range map[model.StopReason]int{model.StopToolUse: 2, model.StopEnd: 2, model.StopLength: 1, model.StopRefusal: 0, model.StopError: 0} {
		var c model.Collector
		for _, ev := range []model.Event{a, b, {Kind: model.Stopped, Stop: stop}} {
			c.Add(ev)
		}
		m, _, _, err := c.Finish()
		n := 0
		for _, call := range m.Calls() {
			if _, err := call.Claw(); err == nil {
				n++
			}
		}
		if err != nil || n != usable || len(m.Calls()) != 2 {
			t.Errorf("%s: %d usable calls of %d, %v", stop, n, len(m.Calls()), err)
		}
	}
	var c model.Collector
	c.Add(a)
	if m, _, stop, err := c.Finish(); err == nil || stop != model.StopError || len(m.Calls()) != 0 || m.Failure == "" {
		t.Errorf("without an end: %+v, %v", m, err)
	}
}

func TestErrors(t *testing.T) {
	wrapped := fmt.Errorf("turn: %w", &model.Error{Kind: model.KindTimeout, Provider: "p", Status: 504, Message: "late"})
	if model.KindOf(wrapped) != model.KindTimeout || !strings.Contains(wrapped.Error(), `model "p": timeout (504): late`) {
		t.Errorf("%v is %v", wrapped, model.KindOf(wrapped))
	}
	if k := model.KindOf(errors.New("x")); k != model.KindInvalid || k.Retryable() {
		t.Errorf("an error of somebody else is %v", k)
	}
	rapid.Check(t, func(t *rapid.T) {
		s := model.Line(rapid.String().Draw(t, "text") + rapid.SampledFrom([]string{"", "\x1b]52;c;x\x07", "\u202e", "\r\n", "\x9b"}).Draw(t, "escape"))
		if !utf8.ValidString(s) || len(s) > 303 || strings.ContainsAny(s, "\n\r\x1b\x00\u202e\u009b") {
			t.Fatalf("%q", s)
		}
	})
}

// Names and ids go out in a form that every provider takes, different ones
// stay different, and a second time changes nothing.
func TestWireNames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.String().Draw(t, "a"), rapid.String().Draw(t, "b")
		x, y := model.WireID(claw.CallID(a)), model.WireID(claw.CallID(b))
		if x != model.WireID(claw.CallID(x)) || len(x) > 64 || x == "" || strings.Trim(x, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != "" {
			t.Fatalf("%q became %q", a, x)
		}
		if a != b && x == y {
			t.Fatalf("%q and %q are both %q", a, b, x)
		}
	})
}

func BenchmarkHistory(b *testing.B) {
	var ms []model.Message
	for i := range 100 {
		c := model.ToolCall{ID: claw.CallID(fmt.Sprint(i)), Name: "read", Arguments: json.RawMessage(`{"path":"a"}`)}
		ms = append(ms, model.User("a question"), model.Assistant(model.Text("looking"), model.Call(c)), model.Result(c, strings.Repeat("x", 1000)))
	}
	b.ReportAllocs()
	for b.Loop() {
		model.History(ms, "mine")
	}
}

func BenchmarkArguments(b *testing.B) {
	in := []byte(`{"path":"src/main.go","edits":[{"oldText":"` + strings.Repeat("some code ", 100) + `","newText":"other"}]}`)
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		if _, why := model.CheckArguments(in, model.DefaultDepth); why != "" {
			b.Fatal(why)
		}
	}
}
