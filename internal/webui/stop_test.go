package webui_test

import (
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/gateway/wire"
)

// TestStopEverything: two presses, never the same spot, a line for each thing
// with what became of it, and every page says so afterwards.
func TestStopEverything(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	state := obj{"mode": "", "items": []obj{}}
	f.on("lockdown.state", func(obj) (any, *wire.Error) { return state, nil })
	f.on("lockdown.start", func(obj) (any, *wire.Error) {
		return obj{"mode": "stopped", "items": []obj{{"what": "turns", "done": true, "detail": "2 ended"}, {"what": "process 4711", "done": false, "detail": "not confirmed: make\u202e"}}}, nil
	})
	b := newTab(t)
	b.signIn(f)
	b.open(f.url("/ui/"))
	b.wait("document.querySelector('#h-stop').getAttribute('aria-disabled') === null")
	b.click("#h-stop")
	b.has("Stop everything?")
	b.has("the gateway token is replaced")
	b.wait("document.activeElement.id === 'stop-h'")
	b.keys("\x1b")
	b.wait("document.querySelector('#stop-panel').hidden && document.activeElement.id === 'h-stop'")
	if len(f.sent("lockdown.start")) != 0 {
		t.Fatal("Escape stopped everything")
	}
	b.click("#h-stop")
	b.has("Stop everything?")
	js[bool](b, "(document.querySelector('#stop-now').click(), true)") // the second half of a double click
	if n := len(f.sent("lockdown.start")); n != 0 {
		t.Errorf("the panel took a press as soon as it was open")
	}
	b.wait("document.querySelector('#stop-panel').dataset.armed === 'true'")
	b.click("#stop-now")
	b.has("1 thing could not be confirmed")
	b.has("process 4711")
	b.shot("stop-panel")
	b.has("U+202E")
	if n := len(f.sent("lockdown.start")); n != 1 {
		t.Errorf("%d requests to stop", n)
	}
	f.emit("lockdown", obj{"mode": "stopped", "sinceMs": time.Now().UnixMilli(), "by": "device:phone", "why": "a test", "items": []obj{}})
	b.has("Everything is stopped since")
	b.has("openclaw lockdown release")
	f.emit("lockdown", obj{"mode": "", "items": []obj{}})
	b.lacks("openclaw lockdown release")
	b.clean()
}
