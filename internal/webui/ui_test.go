package webui_test

import (
	"testing"
)

func TestSignInByLink(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	b := newTab(t)
	b.open(f.link())
	b.has("Sign this browser in to home-server, running as ana?")
	if got := js[string](b, "location.href"); got != f.url("/ui/login") {
		t.Errorf("address bar shows %q, expected the code to be gone", got)
	}
	if n := len(f.sent("connect")); n != 0 {
		t.Errorf("%d connections before the press", n)
	}
	b.click("[data-do=sign-in]")
	b.wait("document.documentElement.dataset.conn === 'live'")
	b.has("Look at 2 things")
	b.has("Journal verified to #48213")
	if js[bool](b, "document.cookie !== '' || Object.values(localStorage).some((v) => v.length > 40)") {
		t.Error("something like a credential is readable by scripts")
	}
	if ok := js[bool](b, `new Promise((done) => { const o = indexedDB.open('openclaw', 1); o.onsuccess = () => { const r = o.result.transaction('identity').objectStore('identity').get('self'); r.onsuccess = () => { o.result.close(); done(r.result.key.extractable === false && r.result.key.algorithm.name === 'Ed25519'); }; }; })`); !ok {
		t.Error("the browser key can be read out")
	}
	b.clean()
}
