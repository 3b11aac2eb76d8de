package store

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
)

func message(t *testing.T, role, text string) json.RawMessage {
	t.Helper()
	b, err := json.Marshal(map[string]any{"role": role, "content": []map[string]string{{"type": "text", "text": text}}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestR53WhoseIdeaItIs: a key or command that a model wrote or read lately is
// found, in whatever field it stands; the operator's own words are not.
func TestR53WhoseIdeaItIs(t *testing.T) {
	dir, clock := t.TempDir(), newClock()
	s := open(t, dir, clock)
	say := func(key claw.SessionKey, m Message) {
		t.Helper()
		if _, err := s.Append(key, m); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Ensure(mainKey, mainAgent); err != nil {
		t.Fatal(err)
	}
	say(mainKey, Message{Raw: message(t, "assistant", "long ago I said tools.old.key")})
	clock.pass(25 * time.Hour)
	since := clock.now().Add(-24 * time.Hour)
	say(mainKey, Message{Raw: message(t, "user", "set tools.mine.key please"), Said: "set tools.mine.key please"})
	say(mainKey, Message{Raw: message(t, "assistant", "Just run `openclaw policy trust x.sh`, then set \"tools.exec.security\" to full.")})
	say(mainKey, Message{Raw: json.RawMessage(`{"role":"toolResult","content":[{"type":"text","text":"page"}],"details":{"url":"gateway.bind"}}`)})
	if err := s.Compact(mainKey, "the user wants session.dmScope main", 1, 10); err != nil {
		t.Fatal(err)
	}
	texts := []string{"tools.old.key", "tools.mine.key", "openclaw policy trust x.sh", "tools.exec.security", "gateway.bind", "session.dmScope", "tools.exec.sec", "tools.never", ""}
	found, err := Heard(dir, since, texts)
	if err != nil {
		t.Fatal(err)
	}
	roles := map[string]string{}
	for _, m := range found {
		if m.Agent != mainAgent || m.Session == "" || m.At.Before(since) {
			t.Errorf("%+v", m)
		}
		roles[m.Text] = m.Role
	}
	want := map[string]string{"openclaw policy trust x.sh": "assistant", "tools.exec.security": "assistant", "gateway.bind": "toolResult", "session.dmScope": "assistant"}
	if len(roles) != len(want) {
		t.Errorf("found %v", roles)
	}
	for text, role := range want {
		if roles[text] != role {
			t.Errorf("%q: %q, want %q", text, roles[text], role)
		}
	}
}

// A transcript that cannot be looked at is said to be one.
func TestHeardSaysWhatItDidNotSee(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, newClock())
	if _, err := s.Ensure(mainKey, mainAgent); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(mainKey, Message{Raw: message(t, "assistant", "tools.exec.security")}); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(dir, "agents", "*", "sessions", "*.jsonl"))
	if err != nil || len(names) != 1 {
		t.Fatal(names, err)
	}
	name := names[0]
	if err := os.Rename(name, name+".moved"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(name+".moved", name); err != nil {
		t.Fatal(err)
	}
	if _, err := Heard(dir, time.Time{}, []string{"tools.exec.security"}); err == nil || !strings.Contains(err.Error(), filepath.Base(name)) {
		t.Errorf("a transcript that is a link was looked at, or passed over in silence: %v", err)
	}
}
