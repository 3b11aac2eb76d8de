package webui_test

import (
	"testing"
)

// TestOffline: without a gateway the page says since when, keeps what was
// written, sends nothing and later shows what is true then.
func TestOffline(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.history[mainSession] = conversation()
	b := newTab(t)
	b.signIn(f)
	b.open(f.url("/ui/chat/agent%3Amain%3Amain"))
	b.has("what about me?")
	b.click("#c-text")
	b.keys("a half-written")
	f.setRefuse(true)
	f.drop()
	b.has("No connection to the gateway. What is shown is as of")
	b.has("what about me?")
	b.wait("['offline', 'reconnecting'].includes(document.querySelector('#h-conn').dataset.conn) && document.querySelector('#h-verdict').innerText === 'not measured'")
	b.wait("[...document.querySelectorAll('[data-acts], #h-stop')].every((n) => n.getAttribute('aria-disabled') === 'true' && n.title.includes('no connection'))")
	b.keys(" thought\r")
	b.has("Your text is kept.")
	b.wait("document.querySelector('#c-text').value === 'a half-written thought'")
	if n := len(f.sent("chat.send")); n != 0 {
		t.Fatalf("%d messages were sent without a connection", n)
	}
	f.setRefuse(false)
	b.wait("document.documentElement.dataset.conn === 'live' && document.querySelector('#banner').hidden")
	if n := len(f.sent("chat.send")); n != 0 {
		t.Fatal("a message was queued and sent later")
	}
	b.wait("document.querySelector('#c-text').value === 'a half-written thought'")
	b.click("[data-slot=send]")
	until(b, "chat.send", func() bool { return len(f.sent("chat.send")) == 1 })
	b.wait("document.querySelector('#c-text').value === ''")
	b.clean()
}

// TestSnapshotReplaces: what ended while the tab was away is gone afterwards,
// and a card on screen says what became of it.
func TestSnapshotReplaces(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.sessions = sessionRows()
	f.ask(plainView("ap-1", "git"))
	f.ask(plainView("ap-2", "ls"))
	b := newTab(t)
	b.signIn(f)
	b.open(f.url("/ui/approvals/ap-1"))
	b.wait("document.querySelector('.card')?.dataset.armed === 'true'")
	f.setRefuse(true)
	f.drop()
	b.has("No connection to the gateway.")
	b.keys("d")
	if _, bad := f.resolve(obj{"id": "ap-1", "decision": "deny", "digest": plainView("", "")["digest"]}); bad != nil {
		t.Fatal(bad)
	}
	f.mu.Lock()
	f.sessions = nil
	f.mu.Unlock()
	f.setRefuse(false)
	b.has("Denied by webchat")
	b.has("1 call waits")
	b.wait("document.querySelector('#h-stop').getAttribute('aria-label') === 'Stop run: nothing runs'")
	if n := len(f.sent("exec.approval.resolve")); n != 0 {
		t.Error("a key pressed offline was sent later")
	}
	b.clean()
}

// TestGapFetchesASnapshot: an event that was missed is made good at once.
func TestGapFetchesASnapshot(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	b := newTab(t)
	b.signIn(f)
	b.open(f.url("/ui/sessions"))
	b.has("Nothing runs.")
	f.emit("tick", obj{})
	before := len(f.sent("exec.approval.list"))
	f.mu.Lock()
	f.sessions = sessionRows()
	f.mu.Unlock()
	for _, p := range f.peers() {
		p.mu.Lock()
		p.seq += 3
		p.mu.Unlock()
	}
	f.emit("tick", obj{})
	b.has("3 sessions")
	if after := len(f.sent("exec.approval.list")); after <= before {
		t.Error("no snapshot was fetched")
	}
	b.clean()
}

// TestSilentGatewayIsOffline: a socket that stays open but says nothing for
// two ticks is no connection.
func TestSilentGatewayIsOffline(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.tickMs = 700
	b := newTab(t)
	b.open(f.link())
	b.click("[data-do=sign-in]")
	b.wait("location.pathname === '/ui/' && document.documentElement.dataset.conn === 'live'")
	f.setRefuse(true)
	b.has("No connection to the gateway.")
	b.clean()
}

// TestRevokedBrowserIsEmptied: after a revocation nothing of what was shown is
// left in the page.
func TestRevokedBrowserIsEmptied(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.history[mainSession] = conversation()
	b := newTab(t)
	b.signIn(f)
	b.open(f.url("/ui/chat/agent%3Amain%3Amain"))
	b.has("what about me?")
	f.mu.Lock()
	clear(f.devices)
	f.mu.Unlock()
	f.drop()
	b.wait("document.querySelector('main h1').textContent === 'Signed out'")
	if left := js[bool](b, "document.documentElement.textContent.includes('what about me?')"); left {
		t.Error("the conversation is still in the page")
	}
	b.has("openclaw dashboard")
	if said := js[string](b, "document.querySelector('#shout').textContent"); said == "" {
		t.Error("nothing was announced")
	}
	b.clean()
}

// TestSignOutEmptiesEveryTab: signing out in one tab ends the others and
// removes the key.
func TestSignOutEmptiesEveryTab(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	b := newTab(t)
	b.signIn(f)
	other := b.second()
	other.open(f.url("/ui/sessions"))
	other.wait("document.documentElement.dataset.conn === 'live'")
	b.click("#more summary")
	b.click("[data-do=sign-out]")
	b.has("This browser's key is gone.")
	other.has("This browser was signed out in another tab.")
	if n := len(f.sent("device.pair.remove")); n != 1 {
		t.Errorf("the gateway was told %d times", n)
	}
	b.open(f.url("/ui/"))
	b.has("This browser is not signed in.")
	b.clean()
}

// TestOldPageStopsActing: a page of an earlier build acts no more.
func TestOldPageStopsActing(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.ask(plainView("ap-1", "git"))
	b := newTab(t)
	b.signIn(f)
	b.open(f.url("/ui/approvals/ap-1"))
	b.wait("document.querySelector('.card')?.dataset.armed === 'true'")
	f.mu.Lock()
	f.build = "another"
	f.mu.Unlock()
	f.drop()
	b.has("The gateway was updated.")
	b.wait("[...document.querySelectorAll('[data-acts]')].every((n) => n.getAttribute('aria-disabled') === 'true')")
	js[bool](b, "(document.querySelector('.card [data-do=deny]').click(), true)")
	if n := len(f.sent("exec.approval.resolve")); n != 0 {
		t.Error("an old page answered")
	}
	b.clean()
}
