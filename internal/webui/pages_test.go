package webui_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/gateway/wire"
)

const mainSession = "agent:main:main"

// until waits for something that the page does to the gateway.
func until(b *tab, what string, done func() bool) {
	b.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !done(); {
		if time.Now().After(deadline) {
			b.t.Fatalf("never happened: %s", what)
		}
		js[bool](b, "new Promise((done) => setTimeout(() => done(true), 10))")
	}
}

// TestFromAskToResult follows one call from the question in the chat, by the
// card and the keyboard alone, to the result in the chat.
func TestFromAskToResult(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.history[mainSession] = conversation()
	f.ask(plainView("ap-1", "git"))
	b := newTab(t)
	b.signIn(f)
	b.open(f.url("/ui/chat/agent%3Amain%3Amain"))
	b.has("Untrusted text is in this session.")
	js[bool](b, "([...document.querySelectorAll('.tool a')].find((a) => a.textContent === 'Open approval').focus(), true)")
	b.keys("\r")
	b.wait("location.pathname === '/ui/approvals/ap-1' && document.activeElement.textContent === 'main wants to run git.'")
	b.wait("document.querySelector('.card').dataset.armed === 'true'")
	b.keys("a")
	b.wait("document.activeElement.dataset.do === 'allow'")
	if n := len(f.sent("exec.approval.resolve")); n != 0 {
		t.Fatal("one key alone allowed the call")
	}
	b.keys("\r")
	b.has("Allowed once by you, in this browser")
	got := f.sent("exec.approval.resolve")
	if len(got) != 1 || got[0]["decision"] != "allow-once" || got[0]["digest"] != plainView("", "")["digest"] || got[0]["scope"] != nil {
		t.Fatalf("resolved with %v", got)
	}
	b.wait("document.activeElement.dataset.slot === 'outcome'")

	f.emit("exec.approval.resolved", obj{"id": "ap-1", "decision": "allow-once", "state": "allowed", "resolvedBy": "webchat", "ts": time.Now().UnixMilli()})
	js[bool](b, "(document.querySelector('.outcome a').focus(), true)")
	b.keys("\r")
	b.has("what about me?")
	f.emit("agent", obj{"runId": "r1", "sessionKey": mainSession, "seq": 9, "stream": "tool", "ts": time.Now().UnixMilli(), "data": obj{
		"phase": "result", "toolCallId": "c3", "name": "exec", "verdict": "allow", "rule": "approval.once", "status": "done",
		"enforced": "isolated", "witness": "user 60786, no network", "result": "ok example.org/x", "durationMs": 1200, "newLabels": []string{"private"}}})
	row := "[...document.querySelectorAll('.tool')].find((n) => n.innerText.includes('go test'))"
	b.wait(row + "?.innerText.includes('approval.once')")
	js[bool](b, "("+row+".open = true)")
	text := js[string](b, row+".innerText")
	for _, want := range []string{"approval.once", "isolated", "user 60786, no network", "ok example.org/x", "1.2 s", "+private"} {
		if !strings.Contains(text, want) {
			t.Errorf("the row of the call lacks %q:\n%s", want, text)
		}
	}
	b.clean()
}

// TestR23CardTakesNoAnswerAtFirst: a press that was meant for what stood there
// before must not answer the card that has just appeared.
func TestR23CardTakesNoAnswerAtFirst(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	b := newTab(t)
	b.signIn(f)
	b.open(f.url("/ui/approvals"))
	b.has("Nothing waits")
	js[bool](b, `(new MutationObserver((_, o) => { const n = document.querySelector('.card [data-do=allow]'); if (!n) return; o.disconnect(); n.click(); document.querySelector('.card [data-do=deny]').click(); window.__pressed = true; }).observe(document.body, { subtree: true, childList: true }), true)`)
	f.ask(plainView("ap-1", "git"))
	b.wait("window.__pressed && document.querySelector('.card').dataset.armed === 'true'")
	if got := f.sent("exec.approval.resolve"); len(got) != 0 {
		t.Fatalf("answered at once: %v", got)
	}
	b.click("[data-do=deny]")
	b.has("Nothing ran.")
	if got := f.sent("exec.approval.resolve"); len(got) != 1 || got[0]["decision"] != "deny" {
		t.Fatalf("answered with %v", got)
	}
	b.clean()
}

// TestR23LongCommandIsReadFirst: Allow stays off until all of it was shown.
func TestR23LongCommandIsReadFirst(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	v := plainView("ap-1", "sh")
	v["command"], v["text"] = [][]string{}, strings.Repeat("echo one\n", 40)+"echo the-last-line"
	f.ask(v)
	b := newTab(t)
	b.signIn(f)
	b.open(f.url("/ui/approvals/ap-1"))
	b.wait("document.querySelector('.card')?.dataset.armed === 'true'")
	b.has("Allow stays off until all of it was shown.")
	allow := "document.querySelector('.card [data-do=allow]')"
	js[bool](b, "("+allow+".click(), true)")
	b.wait(allow + ".getAttribute('aria-disabled') === 'true'")
	if got := f.sent("exec.approval.resolve"); len(got) != 0 {
		t.Fatalf("allowed unread: %v", got)
	}
	b.click("[data-do=unfold]")
	b.has("the-last-line")
	b.wait(allow + ".getAttribute('aria-disabled') === null")
	b.click("[data-do=allow]")
	b.has("Allowed once by you")
	b.clean()
}

// TestReasonReachesTheAgent: denying can say why, from the keyboard.
func TestReasonReachesTheAgent(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.ask(plainView("ap-1", "git"))
	b := newTab(t)
	b.signIn(f)
	b.open(f.url("/ui/approvals/ap-1"))
	b.wait("document.querySelector('.card')?.dataset.armed === 'true' && document.activeElement.closest('.card')")
	b.keys("w")
	b.wait("document.activeElement.tagName === 'TEXTAREA'")
	b.keys("use the cache, dad")                                       // d and a are text here
	b.wait("document.querySelector('.card').dataset.armed === 'true'") // opening the form moved the card
	b.keys("\t\r")
	b.has("The agent was told: use the cache, dad")
	if got := f.sent("exec.approval.resolve"); len(got) != 1 || got[0]["reason"] != "use the cache, dad" || got[0]["decision"] != "deny" {
		t.Fatalf("answered with %v", got)
	}
	b.clean()
}

func TestOverviewStopsARun(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.sessions = sessionRows()
	f.ask(curlView("ap-1"))
	b := newTab(t)
	b.signIn(f)
	b.open(f.url("/ui/"))
	b.has("Look at 2 things")
	for _, want := range []string{"The skill weather is not pinned", "openclaw.json:44:7", "1 approval waits", "A run is on: agent:main:main", "3 not measured", "Journal verified to #48213"} {
		b.has(want)
	}
	b.click("[data-do=stop-run]")
	until(b, "chat.abort", func() bool { return len(f.sent("chat.abort")) == 1 })
	if got := f.sent("chat.abort")[0]; got["runId"] != "r9" || got["sessionKey"] != mainSession {
		t.Errorf("stopped %v", got)
	}
	b.has("A run is on") // the gateway has not said that it ended
	f.emit("chat", obj{"runId": "r9", "sessionKey": mainSession, "seq": 1, "state": "aborted"})
	b.lacks("A run is on")
	b.wait("document.querySelector('#h-stop').getAttribute('aria-disabled') === 'true'")

	f.emit("agent", obj{"runId": "r10", "sessionKey": mainSession, "seq": 1, "stream": "lifecycle", "ts": time.Now().UnixMilli(), "data": obj{"phase": "start"}})
	b.wait("document.querySelector('#h-stop').getAttribute('aria-disabled') === null")
	b.click("#h-stop")
	until(b, "the second chat.abort", func() bool { return len(f.sent("chat.abort")) == 2 })
	if got := f.sent("chat.abort")[1]; got["runId"] != "r10" {
		t.Errorf("stopped %v", got)
	}
	b.clean()
}

// TestOldAnswersAreNotFine: what was not measured, or long ago, is never shown
// as fine.
func TestOldAnswersAreNotFine(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.overview = obj{"verdict": "fine", "sentence": "All good.", "counts": obj{"checks": 3, "fine": 3}, "checkedAtMs": time.Now().Add(-72 * time.Hour).UnixMilli(), "journal": obj{}}
	b := newTab(t)
	b.signIn(f)
	b.open(f.url("/ui/"))
	b.has("Not measured since")
	b.has("The journal has not been verified since start.")
	b.has("What is in force is not measured.")
	b.wait("document.querySelector('[data-slot=verdict]').dataset.state === 'none'")
	f.mu.Lock()
	f.overview["checkedAtMs"] = time.Now().UnixMilli()
	f.overview["journal"] = obj{"state": "damaged", "firstBadSeq": 7, "problem": "entry does not link"}
	f.mu.Unlock()
	b.click("[data-do=refresh]")
	b.has("The journal is damaged at #7.")
	b.clean()
}

func TestSessionsPage(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.sessions = sessionRows()
	b := newTab(t)
	b.signIn(f)
	b.open(f.url("/ui/sessions"))
	b.has("3 sessions: 1 running, 1 waiting for you, 1 idle.")
	b.click("tr[data-key='agent:main:main'] [data-do=stop]")
	until(b, "chat.abort", func() bool { return len(f.sent("chat.abort")) == 1 })
	b.click("tr[data-key='agent:workbench:main'] [data-what=reset]")
	b.has("the agent forgets the conversation")
	b.wait("document.activeElement.dataset.do === 'cancel'")
	b.keys("\r")
	b.lacks("the agent forgets the conversation")
	b.wait("document.activeElement.dataset.what === 'reset'")
	if n := len(f.sent("sessions.reset")); n != 0 {
		t.Fatal("reset after Cancel")
	}
	b.click("tr[data-key='agent:workbench:main'] [data-what=delete]")
	b.has("Delete removes the session and its transcript.")
	f.mu.Lock()
	f.sessions = f.sessions[:2]
	f.mu.Unlock()
	b.click("[data-do=confirm]")
	b.wait("document.querySelectorAll('tbody tr').length === 2")
	if got := f.sent("sessions.delete"); len(got) != 1 || got[0]["key"] != "agent:workbench:main" {
		t.Errorf("deleted %v", got)
	}
	b.keys("/")
	b.wait("document.activeElement.id === 's-filter'")
	b.keys("telegram")
	b.wait("document.querySelectorAll('tbody tr').length === 1")
	b.clean()
}

// TestOthersMessagesArrive: the page asks for what others write, once per
// connection, and shows nobody's message twice.
func TestOthersMessagesArrive(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	b := newTab(t)
	b.signIn(f)
	b.open(f.url("/ui/chat/agent%3Amain%3Amain"))
	until(b, "a subscription", func() bool { return len(f.sent("sessions.messages.subscribe")) == 1 })
	b.has("Nothing has been said here yet.")
	said := func(key, id, text string) {
		f.emit("session.message", obj{"sessionKey": key, "message": obj{"id": id, "role": "user", "from": "telegram:42", "timestamp": time.Now().UnixMilli(), "content": []obj{{"type": "text", "text": text}}}})
	}
	said(mainSession, "m1", "from the phone")
	b.has("from the phone")
	b.has("telegram:42")
	said(mainSession, "m1", "from the phone")
	said(mainSession, "m2", "and again")
	b.has("and again")
	if n := js[int](b, "document.body.innerText.split('from the phone').length - 1"); n != 1 {
		t.Errorf("one message is shown %d times", n)
	}
	f.drop()
	until(b, "a subscription of the new connection", func() bool { return len(f.sent("sessions.messages.subscribe")) > 1 })
	b.clean()
}

const poison = `<img src=x onerror="__bad.push('ran')"><script>__bad.push('ran')</script>{{7*7}}` + "\u202egpj.exe\u200b"

// TestHostileText puts markup, links and hidden characters into every string
// that others write. None becomes more than text.
func TestHostileText(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	v := curlView("ap-1")
	for _, k := range []string{"headline", "reason", "lastHuman", "agentSays", "askedBy", "rule"} {
		v[k] = poison
	}
	v["command"], v["warnings"], v["ifAllowed"] = [][]string{{poison, poison}}, []string{poison}, []string{poison}
	f.ask(v)
	f.history[mainSession] = []obj{
		{"role": "user", "from": poison, "content": []obj{{"type": "text", "text": poison}}, "timestamp": 1},
		{"role": "assistant", "content": []obj{{"type": "text", "text": "x"}}, "timestamp": 2, "tree": []any{
			[]any{"script", "__bad.push('ran')"}, []any{"img", "x"}, []any{"p", []any{"a", "javascript:__bad.push('ran')", "bad link"}, []any{"a", "https://example.com/a?b=c", "good link"}},
			[]any{"iframe", "https://example.com"}, []any{"p", poison}, []any{"style", "*{display:none}"}}},
		{"role": "assistant", "content": []obj{{"type": "toolCall", "id": poison, "name": poison, "arguments": obj{"command": poison}}}, "timestamp": 3},
	}
	f.sessions = []obj{{"key": mainSession, "state": "idle", "displayName": poison, "startedBy": poison, "labels": []string{poison}, "updatedAt": 1}}
	f.overview["sentence"], f.overview["model"] = poison, poison
	f.overview["needsYou"] = []obj{{"level": poison, "id": poison, "kind": poison, "text": poison, "fix": poison}}
	b := newTab(t)
	b.signIn(f)
	ready := "document.querySelector('main').innerText.includes('{{7*7}}') && document.querySelector('main .chip')"
	for _, p := range []string{"/ui/", "/ui/approvals/ap-1", "/ui/chat/agent%3Amain%3Amain", "/ui/sessions"} {
		b.open(f.url(p))
		b.wait(ready)
		if n := js[int](b, "document.querySelectorAll('main img, main script, main iframe, main style, main [onerror], a[href^=javascript]').length"); n != 0 {
			t.Errorf("%s: %d elements came from text", p, n)
		}
		if raw := js[bool](b, `/[\u202e\u200b]/.test(document.querySelector('main').innerText + document.title)`); raw {
			t.Errorf("%s: a hidden character is on the page as itself", p)
		}
		b.clean()
	}
	b.open(f.url("/ui/chat/agent%3Amain%3Amain"))
	b.wait("document.querySelector('a.out')")
	if n := js[int](b, "document.querySelectorAll('a.out').length"); n != 1 {
		t.Errorf("%d links, expected only the safe one", n)
	}
	b.has("(example.com)")
	b.click("a.out")
	b.wait("document.querySelector('#leave').open && document.querySelector('#leave-open').href === 'https://example.com/a?b=c' && document.querySelector('#leave-open').rel === 'noopener noreferrer'")
	b.has("This link came from text")
	b.clean()
}

// TestNothingFromElsewhere: pages load only from their own origin, and what
// the policy forbids does not work.
func TestNothingFromElsewhere(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.history[mainSession] = conversation()
	f.ask(curlView("ap-1"))
	b := newTab(t)
	b.signIn(f)
	for _, p := range []string{"/ui/", "/ui/approvals/ap-1", "/ui/chat/agent%3Amain%3Amain", "/ui/sessions", "/ui/login"} {
		b.open(f.url(p))
		b.wait("document.querySelector('h1')")
		got := js[[]string](b, "performance.getEntriesByType('resource').map((e) => e.name)")
		if len(got) == 0 {
			t.Errorf("%s: no asset was loaded", p)
		}
		for _, u := range got {
			if !strings.HasPrefix(u, f.srv.URL+"/ui/") {
				t.Errorf("%s loads %s", p, u)
			}
		}
		b.clean()
	}
	for name, code := range map[string]string{
		"markup":        "document.body.innerHTML = '<b>x</b>'",
		"a policy":      "trustedTypes.createPolicy('x', {})",
		"script by url": "document.createElement('script').src = 'https://example.com/x.js'",
	} {
		if !js[bool](b, fmt.Sprintf("(() => { try { %s; return false; } catch { return true; } })()", code)) {
			t.Errorf("%s is possible", name)
		}
	}
	if bad := js[[]string](b, "window.__bad"); len(bad) == 0 {
		t.Error("the watch saw no violation where there were some: clean() proves nothing")
	}
}

// TestLinkRefusals: wrong, used and old links have a sentence each.
func TestLinkRefusals(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	b := newTab(t)
	f.codes["dead"], f.codes["old"] = "LINK_USED", "LINK_EXPIRED"
	for code, want := range map[string]string{"dead": "has been used already", "old": "older than two minutes", "nope": "not one that the gateway gave out"} {
		b.open("about:blank")
		b.open(f.url("/ui/login#c=" + code))
		b.click("[data-do=sign-in]")
		b.has(want)
		b.has("openclaw dashboard")
		b.clean()
	}
	if js[bool](b, "indexedDB.databases().then((d) => d.length > 0 && new Promise((done) => { const o = indexedDB.open('openclaw', 1); o.onsuccess = () => { const r = o.result.transaction('identity').objectStore('identity').get('self'); r.onsuccess = () => done(r.result !== undefined); }; }))") {
		t.Error("a refused browser keeps a key")
	}
}

// TestAnsweredElsewhere: a second tab shows who answered.
func TestAnsweredElsewhere(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.ask(plainView("ap-1", "git"))
	b := newTab(t)
	b.signIn(f)
	b.open(f.url("/ui/approvals/ap-1"))
	b.wait("document.querySelector('.card')?.dataset.armed === 'true'")
	f.mu.Lock()
	f.open = slices.Delete(f.open, 0, 1)
	f.mu.Unlock()
	f.emit("exec.approval.resolved", obj{"id": "ap-1", "decision": "deny", "state": "denied", "resolvedBy": "telegram:42", "ts": time.Now().UnixMilli()})
	b.has("Denied by telegram:42")
	b.has("Nothing ran.")
	b.wait("!document.querySelector('.card [data-do=allow]').checkVisibility()")
	if n := len(f.sent("exec.approval.resolve")); n != 0 {
		t.Error("the page answered by itself")
	}
	b.clean()
}

// TestRefusedStopSaysSo: a stop that the gateway refuses is never shown as done.
func TestRefusedStopSaysSo(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.sessions = sessionRows()
	f.on("chat.abort", func(obj) (any, *wire.Error) {
		return nil, &wire.Error{Code: "UNAVAILABLE", Message: "the run does not answer"}
	})
	b := newTab(t)
	b.signIn(f)
	b.open(f.url("/ui/"))
	b.wait("document.querySelector('[data-do=stop-run]')?.getAttribute('aria-disabled') === null")
	b.click("[data-do=stop-run]")
	b.has("the run does not answer (UNAVAILABLE")
	b.has("A run is on")
	b.clean()
}
