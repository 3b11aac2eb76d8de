package store

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
	"github.com/openclaw-go/openclaw/internal/claw"
)

const (
	mainAgent claw.AgentID    = "main"
	mainKey   claw.SessionKey = "agent:main:main"
)

// clock moves only when told; it holds the timers that wait.
type clock struct {
	mu    sync.Mutex
	at    time.Time
	fires []func()
}

func newClock() *clock { return &clock{at: time.Date(2026, 4, 1, 10, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) after(_ time.Duration, f func()) func() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fires = append(c.fires, f)
	return func() {}
}

// pass moves the clock and fires what waits.
func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	c.at = c.at.Add(d)
	fires := c.fires
	c.fires = nil
	c.mu.Unlock()
	for _, f := range fires {
		f()
	}
}

func options(dir string, c *clock) Options {
	return Options{Dir: dir, Now: c.now, After: c.after, Workspace: func(claw.AgentID) string { return "/w" }}
}

func open(t testing.TB, dir string, c *clock) *Store {
	t.Helper()
	s, err := Open(options(dir, c))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// crash gives the state up without a snapshot, as the end of the process does.
func crash(t testing.TB, s *Store) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if err := errors.Join(s.closeFiles(), s.lock.Unlock()); err != nil {
		t.Fatal(err)
	}
}

func say(role, text string) Message {
	raw, _ := json.Marshal(map[string]any{"role": role, "content": []map[string]string{{"type": "text", "text": text}}, "timestamp": 1})
	return Message{Raw: raw}
}

func add(t testing.TB, s *Store, m Message) EntryID {
	t.Helper()
	id, err := s.Append(mainKey, m)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func ensure(t testing.TB, s *Store) Session {
	t.Helper()
	got, err := s.Ensure(mainKey, mainAgent)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func texts(t testing.TB, in []Stored) []string {
	t.Helper()
	var out []string
	for _, m := range in {
		_, text := glance(m.Raw)
		out = append(out, text)
	}
	return out
}

func transcriptOf(dir string, s Session) string {
	return filepath.Join(dir, "agents", string(s.Agent), "sessions", string(s.ID)+".jsonl")
}

func TestSecondGatewayIsRefused(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	s := open(t, dir, c)
	_, err := Open(options(dir, c))
	var held *atomicfile.HeldError
	if !errors.As(err, &held) || held.PID != os.Getpid() {
		t.Fatalf("second gateway: %v", err)
	}
	if pid, ok := Holder(dir); !ok || pid != os.Getpid() {
		t.Fatalf("holder %d %v", pid, ok)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Ensure(mainKey, mainAgent); !errors.Is(err, ErrClosed) {
		t.Fatalf("after close: %v", err)
	}
	open(t, dir, c)
}

// What was acknowledged is there after the process ended without a word.
func TestSurvivesTheEndOfTheProcess(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	s := open(t, dir, c)
	was := ensure(t, s)
	add(t, s, say("user", "hello there"))
	add(t, s, Message{Raw: say("assistant", "hi").Raw, Meta: json.RawMessage(`{"run":"r1"}`)})
	label := "work"
	if _, err := s.Patch(mainKey, Patch{Label: &label}); err != nil {
		t.Fatal(err)
	}
	if err := s.AddUsage(mainKey, "anthropic/m1", Usage{Input: 10, Output: 5, Cost: 0.25}); err != nil {
		t.Fatal(err)
	}
	add2 := claw.Lineage{Label: claw.Untrusted, From: "web page", Entry: "r1", Time: c.now()}
	if err := s.AddLabels(mainKey, []claw.Lineage{add2}); err != nil {
		t.Fatal(err)
	}
	crash(t, s)
	s = open(t, dir, c)
	got, err := s.Get(mainKey)
	if err != nil {
		t.Fatal(err)
	}
	if got.ID != was.ID || got.Label != "work" || got.Title != "hello there" || got.LastMessage != "hi" || got.Messages != 2 || got.Calls != 1 ||
		got.Model != "anthropic/m1" || got.Usage.Input != 10 || got.Usage.Cost != 0.25 || got.Labels != claw.Untrusted {
		t.Fatalf("%+v", got)
	}
	l, lineage, err := s.Labels(mainKey)
	if err != nil || l != claw.Untrusted || len(lineage) != 1 || lineage[0].From != "web page" {
		t.Fatalf("%v %v %v", l, lineage, err)
	}
	w, err := s.Context(mainKey)
	if err != nil || !slices.Equal(texts(t, w.Messages), []string{"hello there", "hi"}) || string(w.Messages[1].Meta) != `{"run":"r1"}` {
		t.Fatalf("%v %v", texts(t, w.Messages), err)
	}
}

// A label that reached the transcript but not the index still holds.
func TestLabelInTheTranscriptAloneHolds(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	s := open(t, dir, c)
	got := ensure(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	index, err := os.ReadFile(filepath.Join(filepath.Dir(transcriptOf(dir, got)), "sessions.json"))
	if err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, c)
	if err := s.AddLabels(mainKey, []claw.Lineage{{Label: claw.Private, From: "file"}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(transcriptOf(dir, got)), "sessions.json"), index, 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, c)
	if l, lineage, err := s.Labels(mainKey); err != nil || l != claw.Private || len(lineage) != 1 {
		t.Fatalf("%v %v %v", l, lineage, err)
	}
	if err := s.ClearLabels(mainKey, Clearing{Labels: claw.Private, Why: "mistake"}); err != nil {
		t.Fatal(err)
	}
	crash(t, s)
	s = open(t, dir, c)
	if l, lineage, err := s.Labels(mainKey); err != nil || l != 0 || len(lineage) != 0 {
		t.Fatalf("after clearing: %v %v %v", l, lineage, err)
	}
}

func TestTornTranscriptLosesNothing(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	s := open(t, dir, c)
	got := ensure(t, s)
	add(t, s, say("user", "one"))
	crash(t, s)
	path := transcriptOf(dir, got)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(slices.Clone(whole), `{"type":"message","id":"0`...), 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, c)
	add(t, s, say("user", "two"))
	w, err := s.Context(mainKey)
	if err != nil || !slices.Equal(texts(t, w.Messages), []string{"one", "two"}) {
		t.Fatalf("%v %v", texts(t, w.Messages), err)
	}
	if l, _, _ := s.Labels(mainKey); l != 0 {
		t.Fatalf("a torn tail brought %v", l)
	}
	aside, err := filepath.Glob(path + ".torn.*")
	if err != nil || len(aside) != 1 {
		t.Fatalf("aside: %v %v", aside, err)
	}
	if b, _ := os.ReadFile(aside[0]); string(b) != `{"type":"message","id":"0` {
		t.Fatalf("aside holds %q", b)
	}
	// A whole line without its newline counts.
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	b, _ := os.ReadFile(path)
	if err := os.WriteFile(path, b[:len(b)-1], 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, c)
	add(t, s, say("user", "three"))
	if w, err = s.Context(mainKey); err != nil || !slices.Equal(texts(t, w.Messages), []string{"one", "two", "three"}) {
		t.Fatalf("%v %v", texts(t, w.Messages), err)
	}
}

// A line that says nothing could have been a label, so it counts as one.
func TestUnreadableLineTaints(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	s := open(t, dir, c)
	got := ensure(t, s)
	add(t, s, say("user", "one"))
	crash(t, s)
	path := transcriptOf(dir, got)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(b, "garbage\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, c)
	l, lineage, err := s.Labels(mainKey)
	if err != nil || l != claw.Untrusted|claw.Private || len(lineage) != 1 || !strings.Contains(lineage[0].From, "line 3") {
		t.Fatalf("%v %v %v", l, lineage, err)
	}
	if h, err := s.History(mainKey, Page{}); err != nil || h.Unreadable != 1 || len(h.Entries) != 1 {
		t.Fatalf("%+v %v", h, err)
	}
}

func TestCorruptIndexIsRefusedAndKept(t *testing.T) {
	good := `{"agent:main:main":{"sessionId":"abc","updatedAt":1}}`
	for _, c := range []struct{ name, file, text string }{
		{"no JSON", "sessions.json", "{"},
		{"null", "sessions.json", "null"},
		{"null entry", "sessions.json", `{"k":null}`},
		{"a path for an id", "sessions.json", `{"k":{"sessionId":"../../../etc/passwd","updatedAt":1}}`},
		{"bad line in the log", "sessions.log", "garbage\n{}\n"},
		{"path in the log", "sessions.log", `{"key":"k","entry":{"sessionId":"..","updatedAt":1}}` + "\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			folder := filepath.Join(dir, "agents", "main", "sessions")
			if err := os.MkdirAll(folder, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(folder, "sessions.json"), []byte(good), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(folder, c.file), []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Open(options(dir, newClock()))
			var corrupt *CorruptError
			if !errors.As(err, &corrupt) || filepath.Base(corrupt.File) != c.file {
				t.Fatalf("%v", err)
			}
			if b, _ := os.ReadFile(filepath.Join(folder, c.file)); string(b) != c.text {
				t.Fatalf("the file now holds %q", b)
			}
			if _, live := Holder(dir); live {
				t.Fatal("a failed open keeps the lock")
			}
		})
	}
}

// A home that upstream wrote opens: its fields stay, its sessions count as
// untrusted and private, other branches are not read.
func TestUpstreamHome(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	folder := filepath.Join(dir, "agents", "main", "sessions")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	index := `{"agent:main:main":{"sessionId":"0b5a","updatedAt":5,"sessionFile":"/etc/passwd","skillsSnapshot":{"x":[1]},"queueMode":"collect"}}`
	lines := strings.Join([]string{
		`{"type":"session","version":3,"id":"0b5a","timestamp":"2026-04-01T10:00:00.000Z","cwd":"/w"}`,
		`{"type":"model_change","id":"a0","parentId":null,"timestamp":"x","provider":"anthropic","modelId":"m"}`,
		`{"type":"message","id":"a1","parentId":"a0","timestamp":"x","message":{"role":"user","content":"old"}}`,
		`{"type":"message","id":"b1","parentId":"a1","timestamp":"x","message":{"role":"assistant","content":[{"type":"text","text":"other branch"}]}}`,
		`{"type":"message","id":"a2","parentId":"a1","timestamp":"x","message":{"role":"assistant","content":[{"type":"text","text":"kept"}]}}`,
		`{"type":"compaction","id":"a3","parentId":"a2","timestamp":"x","summary":"sum","firstKeptEntryId":"a2","tokensBefore":7}`,
		`{"type":"message","id":"a4","parentId":"a3","timestamp":"x","message":{"role":"user","content":"new"}}`,
	}, "\n") + "\n"
	if err := errors.Join(os.WriteFile(filepath.Join(folder, "sessions.json"), []byte(index), 0o600), os.WriteFile(filepath.Join(folder, "0b5a.jsonl"), []byte(lines), 0o600)); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir, c)
	if l, _, err := s.Labels(mainKey); err != nil || l != claw.Untrusted|claw.Private {
		t.Fatalf("%v %v", l, err)
	}
	w, err := s.Context(mainKey)
	if err != nil || w.Summary != "sum" || !slices.Equal(texts(t, w.Messages), []string{"kept", "new"}) {
		t.Fatalf("%q %v %v", w.Summary, texts(t, w.Messages), err)
	}
	add(t, s, say("user", "more"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(folder, "sessions.json"))
	if err != nil || !bytes.Contains(b, []byte("skillsSnapshot")) || !bytes.Contains(b, []byte(`"collect"`)) {
		t.Fatalf("%s %v", b, err)
	}
	if b, _ := os.ReadFile(filepath.Join(folder, "0b5a.jsonl")); !bytes.HasPrefix(b, []byte(lines)) {
		t.Fatal("old lines were changed")
	}
}

func TestCompaction(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	s := open(t, dir, c)
	ensure(t, s)
	for i := range 6 {
		add(t, s, say("user", fmt.Sprint(i)))
	}
	for _, bad := range []struct {
		sum  string
		keep int
	}{{"", 1}, {"s", -1}, {"s", 7}} {
		if err := s.Compact(mainKey, bad.sum, bad.keep, 1); err == nil {
			t.Errorf("compacted to %+v", bad)
		}
	}
	if err := s.Compact(mainKey, "first", 2, 100); err != nil {
		t.Fatal(err)
	}
	add(t, s, say("user", "6"))
	check := func(sum string, want ...string) {
		t.Helper()
		w, err := s.Context(mainKey)
		if err != nil || w.Summary != sum || !slices.Equal(texts(t, w.Messages), want) {
			t.Fatalf("%q %v %v", w.Summary, texts(t, w.Messages), err)
		}
	}
	check("first", "4", "5", "6")
	if err := s.Compact(mainKey, "second", 0, 100); err != nil {
		t.Fatal(err)
	}
	check("second")
	add(t, s, say("user", "7"))
	check("second", "7")
	crash(t, s)
	s = open(t, dir, c)
	check("second", "7")
	h, err := s.History(mainKey, Page{Limit: 3})
	if err != nil || !h.More || !slices.Equal(texts(t, h.Entries), []string{"5", "6", "7"}) {
		t.Fatalf("%v %v", h, err)
	}
	h, err = s.History(mainKey, Page{Limit: 9, Before: h.Entries[0].ID})
	if err != nil || h.More || !slices.Equal(texts(t, h.Entries), []string{"0", "1", "2", "3", "4"}) {
		t.Fatalf("%v %v", h, err)
	}
	if _, err := s.History(mainKey, Page{Before: "none"}); err == nil {
		t.Fatal("a page before nothing")
	}
}

// Only the operator's own words count as said.
func TestSaid(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	s := open(t, dir, c)
	ensure(t, s)
	m := say("user", "read https://a.example/x please")
	m.Said = "read https://a.example/x please"
	add(t, s, m)
	add(t, s, say("user", "quoted https://b.example/"))
	add(t, s, say("toolResult", "see https://c.example/"))
	crash(t, s)
	s = open(t, dir, c)
	for text, want := range map[string]bool{"https://a.example/x": true, "https://b.example/": false, "https://c.example/": false, "": false} {
		if got := s.Said(mainKey, text); got != want {
			t.Errorf("said %q: %v", text, got)
		}
	}
	if s.Said("agent:main:none", "x") {
		t.Error("a session that is not there said something")
	}
}

func TestResetAndDeleteKeepTheTranscript(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	s := open(t, dir, c)
	was := ensure(t, s)
	add(t, s, say("user", "one"))
	if err := s.AddLabels(mainKey, []claw.Lineage{{Label: claw.Secret}}); err != nil {
		t.Fatal(err)
	}
	now, err := s.Reset(mainKey)
	if err != nil || now.ID == was.ID || now.Labels != 0 || now.Messages != 0 {
		t.Fatalf("%+v %v", now, err)
	}
	if got, _ := filepath.Glob(transcriptOf(dir, was) + ".reset.*"); len(got) != 1 {
		t.Fatalf("aside: %v", got)
	}
	add(t, s, say("user", "two"))
	if err := s.Delete(mainKey); err != nil {
		t.Fatal(err)
	}
	if got, _ := filepath.Glob(transcriptOf(dir, now) + ".deleted.*"); len(got) != 1 {
		t.Fatalf("aside: %v", got)
	}
	crash(t, s)
	s = open(t, dir, c)
	if _, err := s.Get(mainKey); !errors.Is(err, ErrNoSession) {
		t.Fatalf("%v", err)
	}
	if err := s.Delete(mainKey); !errors.Is(err, ErrNoSession) {
		t.Fatalf("%v", err)
	}
}

func TestNames(t *testing.T) {
	s := open(t, t.TempDir(), newClock())
	for _, agent := range []claw.AgentID{"", "..", "a/b", "Main", "a b"} {
		if _, err := s.Ensure("k", agent); !errors.Is(err, ErrName) {
			t.Errorf("agent %q: %v", agent, err)
		}
	}
	for _, key := range []claw.SessionKey{"", "a\nb", "a\xff", claw.SessionKey(strings.Repeat("x", 1025))} {
		if _, err := s.Ensure(key, "main"); !errors.Is(err, ErrName) {
			t.Errorf("key %q: %v", key, err)
		}
	}
	ensure(t, s)
	if _, err := s.Ensure(mainKey, "other"); !errors.Is(err, ErrForeign) {
		t.Errorf("%v", err)
	}
	if _, err := s.Create(New{Key: mainKey, Agent: "main"}); !errors.Is(err, ErrExists) {
		t.Errorf("%v", err)
	}
	if _, err := s.Append(mainKey, Message{Raw: json.RawMessage(`"x"`)}); err == nil {
		t.Error("a message that is no object")
	}
	if _, err := s.Append(mainKey, Message{Raw: json.RawMessage(`{"role":`)}); err == nil {
		t.Error("a message that is no JSON")
	}
}

func TestSnapshotWhenIdle(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	s := open(t, dir, c)
	ensure(t, s)
	path := filepath.Join(dir, "agents", "main", "sessions", "sessions.json")
	c.pass(DefaultSnapshotAfter / 2)
	if _, err := os.Stat(path); err == nil {
		t.Fatal("a snapshot of a busy index")
	}
	c.pass(DefaultSnapshotAfter)
	if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o600 {
		t.Fatalf("%v %v", fi, err)
	}
	if fi, err := os.Stat(filepath.Join(filepath.Dir(path), "sessions.log")); err != nil || fi.Size() != 0 {
		t.Fatalf("%v %v", fi, err)
	}
	if fi, err := os.Stat(filepath.Dir(path)); err != nil || fi.Mode().Perm() != 0o700 {
		t.Fatalf("%v %v", fi, err)
	}
}

func TestListAndManyOpenTranscripts(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	s := open(t, dir, c)
	for i := range MaxOpen + 20 {
		key := claw.SessionKey(fmt.Sprintf("agent:main:s%d", i))
		if _, err := s.Create(New{Key: key, Agent: "main", Label: fmt.Sprintf("L%d", i)}); err != nil {
			t.Fatal(err)
		}
		c.pass(time.Millisecond)
		if _, err := s.Append(key, say("user", fmt.Sprintf("Topic %d", i))); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(s.live); n > MaxOpen {
		t.Fatalf("%d transcripts open", n)
	}
	if got := s.List(Query{Limit: 2}); len(got) != 2 || got[0].Label != fmt.Sprintf("L%d", MaxOpen+19) {
		t.Fatalf("%v", got)
	}
	if got := s.List(Query{Search: "topic 7", Limit: 1}); len(got) != 1 {
		t.Fatalf("%v", got)
	}
	if got := s.List(Query{Label: "L3"}); len(got) != 1 || got[0].Key != "agent:main:s3" {
		t.Fatalf("%v", got)
	}
	if w, err := s.Context("agent:main:s0"); err != nil || !slices.Equal(texts(t, w.Messages), []string{"Topic 0"}) {
		t.Fatalf("%v", err)
	}
}

func TestConcurrentUse(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	s := open(t, dir, c)
	ensure(t, s)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 20 {
				if _, err := s.Append(mainKey, say("user", "x")); err != nil {
					t.Error(err)
				}
				_, _ = s.Context(mainKey)
				s.List(Query{})
				if i == 0 {
					if _, err := s.Reset(mainKey); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, c)
	if l, _, err := s.Labels(mainKey); err != nil || l != 0 {
		t.Fatalf("a line was mangled: %v %v", l, err)
	}
}

// Labels only grow, whatever happens in between, until they are cleared.
func TestLabelsOnlyGrow(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, c := t.TempDir(), newClock()
		s := open(t, dir, c)
		ensure(t, s)
		var want claw.Labels
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			switch rapid.IntRange(0, 3).Draw(rt, "what") {
			case 0:
				l := claw.Labels(rapid.IntRange(1, 7).Draw(rt, "label"))
				if err := s.AddLabels(mainKey, []claw.Lineage{{Label: l}}); err != nil {
					rt.Fatal(err)
				}
				want |= l
			case 1:
				add(t, s, say("user", "x"))
			case 2:
				crash(t, s)
				s = open(t, dir, c)
			case 3:
				c.pass(time.Minute)
			}
			if got, _, err := s.Labels(mainKey); err != nil || got != want {
				rt.Fatalf("labels %v, expected %v: %v", got, want, err)
			}
		}
		_ = s.Close()
	})
}

func TestDeviceIsMadeOnce(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	path := filepath.Join(dir, "identity", "device.json")
	if _, err := PeekDevice(path); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("%v", err)
	}
	s := open(t, dir, c)
	d, err := s.Device()
	if err != nil || !ed25519.Verify(d.PublicKey(), []byte("m"), d.Sign([]byte("m"))) {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	peek, err := PeekDevice(path)
	if err != nil || peek.DeviceID != d.Identity().DeviceID {
		t.Fatalf("%v %v", peek, err)
	}
	s = open(t, dir, c)
	again, err := s.Device()
	if err != nil || !again.PublicKey().Equal(d.PublicKey()) {
		t.Fatal("another key")
	}
	if text := fmt.Sprintf("%v %+v %#v", d, d, d); strings.Contains(text, "private") {
		t.Fatal(text)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "{", strings.Replace(string(b), `"version": 1`, `"version": 2`, 1), strings.Replace(string(b), string(peek.DeviceID), "00", 1)} {
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := PeekDevice(path)
		var corrupt *CorruptError
		if !errors.As(err, &corrupt) || strings.Contains(err.Error(), "PRIVATE") {
			t.Fatalf("%v", err)
		}
		s.device = nil
		if _, err := s.Device(); err == nil {
			t.Fatal("a broken key was replaced")
		}
	}
}

func TestDocuments(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, newClock())
	d := s.Documents(FolderDevices)
	if b, err := d.Read("paired.json"); b != nil || err != nil {
		t.Fatalf("%q %v", b, err)
	}
	if err := d.Write("paired.json", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	if fi, err := os.Stat(filepath.Join(dir, "devices", "paired.json")); err != nil || fi.Mode().Perm() != 0o600 {
		t.Fatalf("%v %v", fi, err)
	}
	for _, name := range []string{"", "..", "../x", "a/b", ".hidden"} {
		if err := d.Write(name, nil); !errors.Is(err, ErrName) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if err := s.Documents("elsewhere").Write("x", nil); !errors.Is(err, ErrName) {
		t.Errorf("%v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := d.Write("paired.json", nil); !errors.Is(err, ErrClosed) {
		t.Errorf("after close: %v", err)
	}
}

func TestSeed(t *testing.T) {
	dir := t.TempDir()
	state, work := filepath.Join(dir, "state"), filepath.Join(dir, "state", "workspace")
	if err := errors.Join(SeedHome(state), SeedHome(state)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "credentials", "identity", "logs"} {
		if fi, err := os.Stat(filepath.Join(state, name)); err != nil || fi.Mode().Perm() != 0o700 {
			t.Errorf("%q: %v %v", name, fi, err)
		}
	}
	if b, err := os.ReadFile(filepath.Join(state, "home.json")); err != nil || strings.TrimSpace(string(b)) != `{"format":"openclaw-go","version":1}` {
		t.Fatalf("%s %v", b, err)
	}
	if err := errors.Join(os.Mkdir(work, 0o700), os.WriteFile(filepath.Join(work, "USER.md"), []byte("mine"), 0o600), os.Symlink("nowhere", filepath.Join(work, "TOOLS.md"))); err != nil {
		t.Fatal(err)
	}
	got, err := SeedWorkspace(work)
	if err != nil || !slices.Equal(got, []string{"AGENTS.md", "MEMORY.md", "SOUL.md"}) {
		t.Fatalf("%v %v", got, err)
	}
	if b, _ := os.ReadFile(filepath.Join(work, "USER.md")); string(b) != "mine" {
		t.Fatalf("USER.md now holds %q", b)
	}
	soul, err := os.ReadFile(filepath.Join(work, "SOUL.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rules, ok := strings.Cut(string(soul), "## Security Behaviors")
	if !ok {
		t.Fatal("no section Security Behaviors")
	}
	for _, want := range []string{"NEVER", "outside the workspace", "SSH keys or credentials", "system configuration", "unknown endpoints", "REFUSE"} {
		if !strings.Contains(rules, want) {
			t.Errorf("SOUL.md lacks %q", want)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(work, ".*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func FuzzReadTranscript(f *testing.F) {
	f.Add([]byte(`{"type":"session","version":3,"id":"x"}` + "\n" + `{"type":"message","id":"a","parentId":null,"message":{}}` + "\n"))
	f.Add([]byte(`{"type":"custom","customType":"openclaw.labels","id":"b","data":{"add":[{"label":["untrusted"]}]}}` + "\n{"))
	f.Add([]byte(`{"type":"compaction","id":"a","parentId":"a","firstKeptEntryId":"a"}` + "\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		tr, err := readTranscript(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if tr.size+tr.torn != int64(len(b)) {
			t.Fatalf("%d whole and %d torn bytes of %d", tr.size, tr.torn, len(b))
		}
		if tr.bad > 0 && !tr.labels.Has(claw.Untrusted) && !bytes.Contains(b, []byte("clear")) {
			t.Fatal("an unreadable line without a label")
		}
		path := tr.path()
		for i, at := range path {
			if i > 0 && path[i-1] >= at {
				t.Fatal("a path that does not go on")
			}
		}
		_, entries := tr.window()
		for _, i := range entries {
			n := tr.nodes[i]
			if n.off < 0 || n.off+int64(n.n) > int64(len(b)) {
				t.Fatal("an entry outside of the file")
			}
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	c := newClock()
	s := open(b, b.TempDir(), c)
	ensure(b, s)
	m := say("assistant", strings.Repeat("word ", 60))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Append(mainKey, m); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkList1000(b *testing.B) {
	c := newClock()
	s := open(b, b.TempDir(), c)
	for i := range 1000 {
		if _, err := s.Ensure(claw.SessionKey(fmt.Sprintf("agent:main:s%d", i)), mainAgent); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		s.List(Query{Limit: 50})
	}
}
