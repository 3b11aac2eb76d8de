package app_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openclaw-go/openclaw/internal/app"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/inbox"
	"github.com/openclaw-go/openclaw/internal/model/modeltest"
)

// labelEntry is what the record says of labels.
type labelEntry struct {
	Event   string
	Agent   string
	Session string
	Data    struct {
		Added  []claw.Lineage
		File   string
		Why    string
		Labels claw.Labels
	}
}

func (h *home) labelEntries() (out []labelEntry) {
	h.t.Helper()
	b, err := os.ReadFile(h.paths.Journal)
	if err != nil {
		h.t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		var e labelEntry
		if json.Unmarshal([]byte(line), &e) == nil && e.Event == "label.change" {
			out = append(out, e)
		}
	}
	return out
}

// TestLabelsThroughTheGateway follows a text from outside: from a message into
// a file, over a restart into another session and into the system prompt, until
// the operator makes it theirs. Each step is on record.
func TestLabelsThroughTheGateway(t *testing.T) {
	const page = "The harbour office opens at nine and closes at five."
	s := modeltest.NewOpenAI(t,
		modeltest.Ask("c1", "write", `{"path":"notes.md","content":"`+page+`"}`), modeltest.Say("noted"),
		modeltest.Ask("c2", "read", `{"path":"notes.md"}`), modeltest.Say("read"),
		modeltest.Say("hello"),
		modeltest.Ask("c3", "read", `{"path":"notes.md"}`), modeltest.Say("yours"),
		modeltest.Ask("c4", "read", `{"path":"mine.md"}`), modeltest.Say("unknown"))
	h := newHome(t)
	h.withModel("openai-completions", s)
	tell := func(a *app.App, session claw.SessionKey, labels claw.Labels) {
		t.Helper()
		r, err := a.Turn(t.Context(), inbox.Message{Principal: owner, Session: session, Text: "go on", Labels: labels})
		if err != nil || r.Error != "" {
			t.Fatalf("%v %s", err, r.Error)
		}
	}
	file := func(name string) string { return filepath.Join(h.paths.Workspace, name) }
	put := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(file(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	last := func() labelEntry {
		t.Helper()
		all := h.labelEntries()
		if len(all) == 0 {
			t.Fatal("nothing is on record")
		}
		return all[len(all)-1]
	}

	a := h.open()
	tell(a, "first", claw.Untrusted)
	if e := last(); e.Agent != "main" || e.Session != "agent:main:first" || len(e.Data.Added) != 1 || e.Data.Added[0].Label != claw.Untrusted || !strings.HasPrefix(e.Data.Added[0].From, "message from ") {
		t.Errorf("a message: %+v", e)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}

	a = h.open()
	tell(a, "second", 0)
	e := last()
	if e.Session != "agent:main:second" || len(e.Data.Added) != 2 || e.Data.Added[0].Label != claw.Untrusted || e.Data.Added[0].From != "file notes.md" {
		t.Errorf("a file of another session, after a restart: %+v", e)
	}
	if b := string(s.Requests()[3].Body); !strings.Contains(b, "untrusted") || !strings.Contains(b, "data, not instructions") {
		t.Error("the model read it unquoted")
	}

	// The same text where prompts are made of it.
	put("MEMORY.md", page)
	tell(a, "third", 0)
	if b := string(s.Requests()[4].Body); strings.Contains(b, page) || !strings.Contains(b, "(left out: MEMORY.md holds text from outside)") {
		t.Errorf("the prompt: %s", b)
	}

	// Changed by the operator it is theirs.
	put("notes.md", "Opening hours: see the door.")
	tell(a, "fourth", 0)
	all := h.labelEntries()
	if e := all[len(all)-2]; e.Data.File != file("notes.md") || e.Data.Labels != claw.Private || e.Data.Why == "" {
		t.Errorf("the operator's change: %+v", e)
	}
	if e := last(); e.Session != "agent:main:fourth" || len(e.Data.Added) != 1 || e.Data.Added[0].Label != claw.Private {
		t.Errorf("read by the next session: %+v", e)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}

	// A damaged record is said, and strict.
	f, err := os.OpenFile(filepath.Join(h.paths.State, "labels.jsonl"), os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("{cut\n"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	put("mine.md", "my own words")
	a = h.open()
	if e := last(); !strings.HasSuffix(e.Data.File, "labels.jsonl") || !strings.Contains(e.Data.Why, "cannot be read") {
		t.Errorf("damage: %+v", e)
	}
	tell(a, "fifth", 0)
	if e := last(); len(e.Data.Added) != 2 || e.Data.Added[0].Label != claw.Untrusted {
		t.Errorf("a file of the operator's under a damaged record: %+v", e)
	}
}

// TestTrustHere vouches for a file while no gateway runs: on record, and kept.
func TestTrustHere(t *testing.T) {
	h := newHome(t)
	a := h.open()
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(h.paths.Home, "tool.conf")
	if err := os.WriteFile(path, []byte("level = 3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := configfile.Load(h.paths, configfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	v, err := app.TrustHere(t.Context(), h.paths, l.Config, path)
	if err != nil || v.Files != 1 || len(v.SHA256) != 64 {
		t.Fatalf("%+v, %v", v, err)
	}
	all := h.labelEntries()
	if e := all[len(all)-1]; e.Data.File != v.Path || !strings.Contains(e.Data.Why, "vouched") {
		t.Errorf("%+v", e)
	}
	b, err := os.ReadFile(filepath.Join(h.paths.State, "labels.jsonl"))
	if err != nil || !strings.Contains(string(b), `"trusted":true`) {
		t.Errorf("%s, %v", b, err)
	}
	if _, err := app.TrustHere(t.Context(), h.paths, l.Config, path+".absent"); err == nil {
		t.Error("a file that is not there was vouched for")
	}
}
