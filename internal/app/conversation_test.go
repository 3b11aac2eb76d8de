package app_test

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/openclaw-go/openclaw/internal/agent"
	"github.com/openclaw-go/openclaw/internal/chain"
	"github.com/openclaw-go/openclaw/internal/gate"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/model/modeltest"
)

// format is one wire format that an app speaks.
type format struct {
	api   string
	serve func(testing.TB, ...modeltest.Turn) *modeltest.Server
}

func formats() map[string]format {
	return map[string]format{
		"anthropic": {"anthropic-messages", modeltest.NewAnthropic},
		"openai":    {"openai-completions", modeltest.NewOpenAI},
		"gemini":    {"google-generative-ai", modeltest.NewGemini},
	}
}

// TestConversation runs a turn with a tool call through everything: provider,
// gate, files, transcript, record.
func TestConversation(t *testing.T) {
	for name, f := range formats() {
		t.Run(name, func(t *testing.T) {
			s := f.serve(t, modeltest.Ask("call_1", "read", `{"path":"notes.txt"}`), modeltest.Say("You should buy milk."), modeltest.Say("Milk, as I said."))
			h := newHome(t)
			h.withModel(f.api, s)
			a := h.open()
			notes := filepath.Join(h.paths.Workspace, "notes.txt")
			if err := os.WriteFile(notes, []byte("remember the milk\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			r := say(t, a, "what is in my notes?")
			if r.State != agent.StateFinal || r.Reply != "You should buy milk." {
				t.Fatalf("%s: %q, %s", r.State, r.Reply, r.Error)
			}
			if len(r.Calls) != 1 || r.Calls[0].Status != gate.Done || r.Calls[0].Rule != "fs.in_workspace" {
				t.Fatalf("%+v", r.Calls)
			}
			if r := say(t, a, "what was it?"); r.Reply != "Milk, as I said." {
				t.Fatalf("%+v", r)
			}
			reqs := s.Requests()
			if len(reqs) != 3 {
				t.Fatalf("%d requests", len(reqs))
			}
			if !strings.Contains(string(reqs[1].Body), "remember the milk") {
				t.Error("the model was not told what the tool read")
			}
			if b := string(reqs[2].Body); !strings.Contains(b, "You should buy milk.") || !strings.Contains(b, "what was it?") {
				t.Error("the second turn does not remember the first")
			}
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}
			h.checkRecord(journal.Decision, journal.ToolInvoke, journal.ChannelMessage, journal.SecretUse, journal.Egress)
			h.checkKey()
		})
	}
}

// checkRecord verifies the journal and that it has these events.
func (h *home) checkRecord(events ...journal.Event) {
	h.t.Helper()
	opt := journal.Options{Dir: h.paths.State}
	rep, err := journal.Verify(opt, chain.Expect{})
	if err != nil || !rep.OK() {
		h.t.Fatalf("journal: %v, %v", rep, err)
	}
	for _, ev := range events {
		got, err := journal.OpenReader(opt).Search(h.t.Context(), journal.Filter{Events: []journal.Event{ev}})
		if err != nil || len(got) == 0 {
			h.t.Errorf("the journal has no %s: %v", ev, err)
		}
	}
}

// checkKey: the model's key lies in secrets.json, and in no other file.
func (h *home) checkKey() {
	h.t.Helper()
	if got := holding(h.t, h.env["HOME"], modeltest.Key); !slices.Equal(got, []string{h.paths.Secrets}) {
		h.t.Errorf("the model's key lies in %v", got)
	}
}

// TestKeyIsNowhereElse: neither a model that repeats the key, nor an error
// that quotes it, nor a person who sends it brings it into a file.
func TestKeyIsNowhereElse(t *testing.T) {
	s := modeltest.NewOpenAI(t,
		modeltest.Say("Your key is "+modeltest.Key+"."),
		modeltest.Ask("call_1", "write", `{"path":"key.txt","content":"nothing of interest"}`), modeltest.Say("written"),
		modeltest.Ask("call_2", "web_fetch", `{"url":"http://127.0.0.1:9/?k=`+modeltest.Key+`"}`), modeltest.Say("fetched"),
		modeltest.Turn{Fault: modeltest.FaultStatus, Status: http.StatusBadRequest, Body: `{"error":{"message":"bad key ` + modeltest.Key + `","type":"invalid_request_error"}}`})
	h := newHome(t)
	h.withModel("openai-completions", s)
	a := h.open()
	_, stop := h.serve(a)
	if r := say(t, a, "what is my key?"); r.State != agent.StateFinal {
		t.Fatalf("%+v", r)
	}
	say(t, a, "write a file")
	say(t, a, "fetch a page")
	if r := say(t, a, "fail"); r.State != agent.StateError {
		t.Fatalf("%+v", r)
	}
	stop()
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	h.checkKey()
}

// TestProviderFaults: whatever a provider does, the turn ends with a clear
// word, the next one works, and the gateway stays up.
func TestProviderFaults(t *testing.T) {
	loop := func(tool, args string, n int) []modeltest.Turn {
		var out []modeltest.Turn
		for range n {
			out = append(out, modeltest.Ask("call_x", tool, args))
		}
		return out
	}
	cases := map[string]struct {
		turns []modeltest.Turn
		state agent.State
		text  string // in the reply or the error
	}{
		"429, then well":       {[]modeltest.Turn{modeltest.Fail(429, ""), modeltest.Say("here I am")}, agent.StateFinal, "here I am"},
		"529, then well":       {[]modeltest.Turn{modeltest.Fail(529, ""), modeltest.Say("here I am")}, agent.StateFinal, "here I am"},
		"401":                  {[]modeltest.Turn{modeltest.Fail(401, "")}, agent.StateError, "local"},
		"429 for an hour":      {[]modeltest.Turn{modeltest.Fail(429, "3600")}, agent.StateError, "local"},
		"cut in the middle":    {[]modeltest.Turn{{Blocks: modeltest.Say("a rather long answer that is never finished").Blocks, Fault: modeltest.FaultCut, At: 700}, modeltest.Say("a rather long answer")}, "", ""},
		"malformed":            {[]modeltest.Turn{{Blocks: modeltest.Say("x").Blocks, Fault: modeltest.FaultMalformed}}, agent.StateError, "local"},
		"an HTML page":         {[]modeltest.Turn{{Fault: modeltest.FaultWrongType}}, agent.StateError, "local"},
		"a redirect elsewhere": {[]modeltest.Turn{{Fault: modeltest.FaultRedirect}}, agent.StateError, ""},
		"text without end":     {[]modeltest.Turn{{Fault: modeltest.FaultHuge}}, agent.StateError, "found a reply of more than"},
		"an event without end": {[]modeltest.Turn{{Fault: modeltest.FaultLongEvent}}, agent.StateError, "local"},
		"gzip bomb":            {[]modeltest.Turn{{Fault: modeltest.FaultGzipBomb}}, agent.StateError, "local"},
		"an unknown tool":      {append(loop("teleport", `{"to":"moon"}`, 1), modeltest.Say("then not")), agent.StateFinal, "then not"},
		"an unknown tool, ever": {loop("teleport", `{"to":"moon"}`, 3), agent.StateError,
			"asked 3 times for a call that was refused (tools.not_in_profile)"},
		"one call, ever":      {loop("session_status", `{}`, agent.DefaultSteps), agent.StateError, "did not come to an end within 40 steps"},
		"a denied call, ever": {loop("exec", `{"command":"ls"}`, 3), agent.StateError, "asked 3 times for a call that was refused (tools.not_in_profile)"},
	}
	for name, f := range formats() {
		t.Run(name, func(t *testing.T) {
			s := f.serve(t)
			h := newHome(t)
			h.withModel(f.api, s)
			a := h.open()
			base, stop := h.serve(a)
			for what, c := range cases {
				t.Run(what, func(t *testing.T) {
					before := len(s.Requests())
					s.Add(c.turns...)
					r := say(t, a, "go on: "+what)
					if c.state == "" { // a cut may be asked again, or not, by what had been said
						for len(s.Requests())-before < len(c.turns) {
							say(t, a, "again")
						}
					} else if r.State != c.state || !strings.Contains(r.Reply+r.Error, c.text) {
						t.Errorf("%s: reply %q, error %q; want %s with %q", r.State, short(r.Reply), short(r.Error), c.state, c.text)
					}
					healthy(t, base)
					s.Add(modeltest.Say("well again"))
					if r := say(t, a, "and now?"); r.State != agent.StateFinal || r.Reply != "well again" {
						t.Fatalf("after it: %s %q %q", r.State, short(r.Reply), short(r.Error))
					}
				})
			}
			stop()
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}
			h.checkRecord(journal.Decision)
			h.checkKey()
		})
	}
}

func short(s string) string {
	if len(s) > 200 {
		return s[:200] + "…"
	}
	return s
}
