package webui_test

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/openclaw-go/openclaw/internal/gateway/wire"
)

// TestChatStreams sends a message and follows its run to the end: the text as
// it comes, a tool row with its decision, the final answer as rich text.
func TestChatStreams(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	b := newTab(t)
	b.signIn(f)
	b.open(f.url("/ui/chat/agent%3Amain%3Amain"))
	b.wait("document.documentElement.dataset.conn === 'live' && !document.querySelector('#c-text').disabled")
	b.click("#c-text")
	b.keys("hello there")
	b.click("[data-slot=send]")
	b.has("hello there")
	b.wait("true")
	var run any
	for deadline := time.Now().Add(10 * time.Second); run == nil && time.Now().Before(deadline); {
		if sent := f.sent("chat.send"); len(sent) > 0 {
			run = sent[0]["idempotencyKey"]
		}
		b.wait("true")
	}
	if run == nil {
		t.Fatal("the message was not sent")
	}
	now := time.Now().UnixMilli()
	session := "agent:main:main"
	f.emit("agent", obj{"runId": run, "sessionKey": session, "seq": 1, "stream": "lifecycle", "ts": now, "data": obj{"phase": "start", "startedAt": now}})
	f.emit("chat", obj{"runId": run, "sessionKey": session, "seq": 1, "state": "delta", "deltaText": "Let me "})
	b.has("Let me")
	f.emit("agent", obj{"runId": run, "sessionKey": session, "seq": 2, "stream": "tool", "ts": now, "data": obj{"phase": "start", "toolCallId": "c1", "name": "exec", "args": obj{"command": "git status"}}})
	f.emit("agent", obj{"runId": run, "sessionKey": session, "seq": 3, "stream": "tool", "ts": now, "data": obj{"phase": "result", "toolCallId": "c1", "name": "exec", "verdict": "allow", "rule": "exec.on_allowlist", "status": "done", "enforced": "isolated", "witness": "uid 60786, seccomp", "result": "clean", "durationMs": 7}})
	b.has("exec.on_allowlist")
	f.emit("session.labels", obj{"sessionKey": session, "runId": run, "labels": []string{"private"}, "added": obj{"label": []string{"private"}, "from": "notes.txt"}})
	b.has("private")
	f.emit("chat", obj{"runId": run, "sessionKey": session, "seq": 2, "state": "final", "message": obj{"role": "assistant", "content": []obj{{"type": "text", "text": "All clean."}}, "timestamp": now}})
	b.has("All clean.")
	b.clean()
}

// TestAttach: what was chosen is shown before it goes, can be taken back, and
// goes with the message as its bytes; what does not fit is named.
func TestAttach(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	b := newTab(t)
	b.signIn(f)
	b.open(f.url("/ui/chat/agent%3Amain%3Amain"))
	b.wait("document.documentElement.dataset.conn === 'live' && !document.querySelector('#c-text').disabled")
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	notes, other, big := write("notes.txt", []byte("milk & bread\n")), write("other\u202etxt.md", []byte("x")), write("big.bin", make([]byte, 5000))
	b.do(chromedp.SetUploadFiles(chromedp.CSS("[data-slot=file]"), []string{notes, other, big, write("empty", nil)}, chromedp.NodeReady))
	b.has("Not attached: big.bin: 5.0 kB, room for 4.1 kB; empty: it is empty.")
	b.has("notes.txt 13 bytes")
	b.has("U+202E")
	b.click("[data-do=detach][data-id='1']")
	b.lacks("U+202E")
	b.click("[data-slot=send]")
	b.wait("document.querySelector('[data-slot=files]').hidden")
	b.has("[attached: notes.txt]")
	sent := f.sent("chat.send")
	want := []any{obj{"type": "file", "fileName": "notes.txt", "mimeType": "text/plain", "content": base64.StdEncoding.EncodeToString([]byte("milk & bread\n"))}}
	if len(sent) != 1 || sent[0]["message"] != "" || fmt.Sprint(sent[0]["attachments"]) != fmt.Sprint(want) {
		t.Errorf("sent %v", sent)
	}
	b.clean()
}

// TestApproveByKeyboard answers a question without a mouse: the card appears
// by itself, names what it would do, and is gone once it is answered.
func TestApproveByKeyboard(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	b := newTab(t)
	b.signIn(f)
	b.open(f.url("/ui/approvals"))
	b.has("Nothing waits")
	f.ask(plainView("ap-7", "git"))
	b.has("main wants to run git.")
	b.wait("document.querySelector('.card')?.dataset.armed === 'true'")
	js[bool](b, "(document.querySelector('[data-do=allow]').focus(), true)")
	b.keys("\r")
	b.wait("document.querySelectorAll('.card [data-do=allow]').length === 0 || document.body.innerText.includes('Allowed')")
	got := f.sent("exec.approval.resolve")
	if len(got) != 1 || got[0]["decision"] != "allow-once" || got[0]["digest"] != plainView("ap-7", "git")["digest"] {
		t.Errorf("resolved with %v", got)
	}
	b.clean()
}

// TestLateAnswerSaysWho: whoever answers second is told who was first.
func TestLateAnswerSaysWho(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	b := newTab(t)
	b.signIn(f)
	f.on("exec.approval.resolve", func(obj) (any, *wire.Error) {
		return nil, &wire.Error{Code: "CONFLICT", Message: "already answered by telegram:42"}
	})
	f.ask(plainView("ap-8", "ls"))
	b.open(f.url("/ui/approvals/ap-8"))
	b.wait("document.querySelector('.card')?.dataset.armed === 'true'")
	b.click("[data-do=allow]")
	b.has("already answered by telegram:42")
	b.clean()
}

// TestExpiryIsShown: a question that nobody answered leaves the waiting list.
func TestExpiryIsShown(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	b := newTab(t)
	b.signIn(f)
	id := f.ask(plainView("ap-9", "ls"))
	b.open(f.url("/ui/approvals"))
	b.has("main wants to run ls.")
	f.expire(id)
	b.wait("!document.querySelector('.card [data-do=allow]') || document.querySelector('.card [data-do=allow]').disabled || document.querySelector('.card [data-do=allow]').getAttribute('aria-disabled') === 'true'")
	b.clean()
}

// TestReconnect: while the gateway is away the page says so, and afterwards it
// shows what is true then.
func TestReconnect(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	b := newTab(t)
	b.signIn(f)
	b.open(f.url("/ui/sessions"))
	b.wait("document.documentElement.dataset.conn === 'live'")
	f.setRefuse(true)
	f.drop()
	b.wait("document.documentElement.dataset.conn !== 'live'")
	f.mu.Lock()
	f.sessions = sessionRows()
	f.mu.Unlock()
	f.setRefuse(false)
	b.wait("document.documentElement.dataset.conn === 'live' && document.querySelectorAll('tbody tr').length === 3")
	second := b.second()
	second.open(f.url("/ui/"))
	second.wait("document.documentElement.dataset.conn === 'live'")
	second.lacks("not signed in")
	if got := second.text("h1"); got == "" {
		t.Error("the second tab has no heading")
	}
}
