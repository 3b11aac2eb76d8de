package webui_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/gateway/wire"
)

// hostileName is a name that a page must show and not obey.
const hostileName = "x\u202e\n+ 0600 /forged<img src=x onerror=alert(1)>.log"

// repairs answers for the audit of a home with one finding that a fix
// repairs: the fake keeps whether it is repaired, and which plan is current.
func (f *fake) repairs() {
	var fixed, undone bool
	plan := func() (string, []obj) {
		digest := "d-" + f.homeText
		return digest, []obj{{"op": " ", "text": "/home/ana/.openclaw/" + f.homeText}, {"op": "-", "text": `logging.redactSensitive: "off"`}, {"op": "+", "text": `logging.redactSensitive: "tools"`},
			{"op": "-", "text": "0644 /home/ana/" + hostileName}, {"op": "+", "text": "0600 /home/ana/" + hostileName}}
	}
	changed := func(done bool) (any, *wire.Error) {
		return obj{"ok": done, "changes": []obj{{"text": "set logging.redactSensitive", "ok": true}}}, nil
	}
	f.homeText = "openclaw.json"
	f.answers["security.audit"] = func(obj) (any, *wire.Error) {
		f.emit("security.audit", obj{"what": "the files", "ts": 1})
		f.mu.Lock()
		defer f.mu.Unlock()
		f.overview["checkedAtMs"] = time.Now().UnixMilli()
		if list, _ := f.overview["needsYou"].([]obj); undone && !slices.ContainsFunc(list, func(n obj) bool { return n["repair"] == "fix" }) {
			f.overview["needsYou"] = append([]obj{redactNeed()}, list...)
		}
		return obj{"atMs": f.overview["checkedAtMs"], "counts": f.overview["counts"]}, nil
	}
	f.answers["security.checks"] = func(obj) (any, *wire.Error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		return obj{"atMs": f.overview["checkedAtMs"], "checks": []obj{{"id": "firewall.rules", "level": "unmeasured", "text": "the gateway may not read nftables <b>x</b>"}, {"id": "fs.owner", "level": "fine", "text": "all are yours"}},
			"notes": []obj{}, "accepted": []obj{}}, nil
	}
	f.answers["security.fix.plan"] = func(p obj) (any, *wire.Error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		digest, diff := plan()
		return obj{"finding": p["finding"], "checkId": "logging.redact_off", "digest": digest, "diff": diff, "left": []obj{}}, nil
	}
	f.answers["security.fix.apply"] = func(p obj) (any, *wire.Error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if digest, _ := plan(); p["digest"] != digest {
			return nil, &wire.Error{Code: "CONFLICT", Message: "the home changed since this was shown"}
		}
		fixed = true
		list, _ := f.overview["needsYou"].([]obj)
		f.overview["needsYou"] = slices.DeleteFunc(slices.Clone(list), func(n obj) bool { return n["repair"] == "fix" })
		return changed(true)
	}
	f.answers["security.fix.list"] = func(obj) (any, *wire.Error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if !fixed {
			return obj{"fixes": []obj{}}, nil
		}
		now := time.Now().UnixMilli()
		return obj{"fixes": []obj{{"id": "20270101T000000.000000000Z", "atMs": now, "untilMs": now + 30*86400_000, "checkIds": []string{"logging.redact_off"}, "undone": undone, "digest": "u-" + f.homeText,
			"diff": []obj{{"op": "-", "text": `logging.redactSensitive: "tools"`}, {"op": "+", "text": `logging.redactSensitive: "off"`}}}}}, nil
	}
	f.answers["security.fix.undo"] = func(p obj) (any, *wire.Error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if p["digest"] != "u-"+f.homeText {
			return nil, &wire.Error{Code: "CONFLICT", Message: "the home changed since this was shown"}
		}
		undone = true
		return changed(true)
	}
}

func redactNeed() obj {
	return obj{"level": "look", "id": "logging.redact_off", "kind": "finding", "text": "Redaction is off.", "where": obj{"file": "openclaw.json", "line": 9, "column": 3, "pointer": "logging.redactSensitive"},
		"fix": `Set logging.redactSensitive: "tools"`, "finding": "0011", "repair": "fix"}
}

// repairable adds findings of every kind to the overview.
func (f *fake) repairable() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.overview["counts"] = obj{"checks": 300, "act": 1, "look": 3, "unmeasured": 1, "fine": 145, "notApplicable": 150}
	f.overview["needsYou"] = append([]obj{redactNeed(),
		{"level": "act", "id": "gateway.bind_no_auth", "kind": "finding", "text": "Anyone on your network can reach the gateway <script>alert(1)</script>.", "where": obj{"file": "openclaw.json", "line": 3, "column": 1}, "fix": `Set gateway.bind: "loopback" or enable gateway.auth`,
			"finding": "0022", "repair": "command", "command": "openclaw config set gateway.bind loopback", "why": "a bind address needs a person's review"},
		{"level": "look", "id": "skills.trust", "kind": "finding", "text": "A skill is from a stranger.", "fix": "look at it", "finding": "0033", "repair": "person", "why": "which skills to trust is for you to decide"},
	}, f.overview["needsYou"].([]obj)...)
}

func repairTab(t *testing.T) (*fake, *tab) {
	t.Helper()
	f := newFake(t)
	f.repairable()
	b := newTab(t)
	b.signIn(f)
	b.open(f.url("/ui/"))
	b.has("Redaction is off.")
	return f, b
}

const (
	seeButton = "[data-key='0011'] [data-do=see]"
	armed     = "document.querySelector('.change [data-acts]:not([data-off])')"
)

// TestFixIsSeenAppliedTakenBackAndCheckedAgain, with the mouse.
func TestFixIsSeenAppliedTakenBackAndCheckedAgain(t *testing.T) {
	t.Parallel()
	f, b := repairTab(t)
	js[bool](b, `(window.__early = 0, new MutationObserver((_, o) => { const n = document.querySelector('.change [data-acts]'); if (n) { window.__early++; o.disconnect(); n.click(); } }).observe(document.querySelector('main'), { subtree: true, childList: true }), true)`)
	b.click(seeButton)
	b.has(`logging.redactSensitive: "tools"`)
	b.has("⟨U+202E⟩⟨U+000A⟩+ 0600 /forged<img src=x onerror=alert(1)>.log")
	if n := js[int](b, "document.querySelectorAll('.diff li').length"); n != 5 {
		t.Errorf("%d lines of a diff of 5", n)
	}
	if js[bool](b, "Boolean(document.querySelector('main img, main script')) || document.querySelector('main').textContent.includes('\u202e')") {
		t.Error("text from outside became markup")
	}
	b.wait(armed)
	if got := f.sent("security.fix.apply"); len(got) > 0 || js[int](b, "window.__early") != 1 {
		t.Errorf("sent before it could be read: %v", got)
	}
	b.click(".change [data-do=apply]")
	b.lacks("Redaction is off.")
	b.has("can be taken back until")
	b.wait("document.activeElement.dataset.do === 'see-undo'")
	b.click("[data-do=see-undo]")
	b.has("This opens again what the repair closed.")
	b.wait(armed)
	b.click(".change [data-do=undo]")
	b.lacks("can be taken back until")
	b.wait("document.activeElement.dataset.slot === 'again'")
	b.click("[data-slot=again]")
	b.has("Redaction is off.")
	b.has("Checked 0 s ago")
	b.wait("document.querySelector('#say').textContent.includes('Checked again:')")
	if got := f.sent("security.fix.apply"); len(got) != 1 || got[0]["finding"] != "0011" || got[0]["digest"] != "d-openclaw.json" {
		t.Errorf("applied %v", got)
	}
	if got := f.sent("security.fix.undo"); len(got) != 1 || got[0]["digest"] != "u-openclaw.json" {
		t.Errorf("taken back %v", got)
	}
	b.clean()
}

// TestFixByKeyboard: the whole road without a mouse, the focus never lost.
func TestFixByKeyboard(t *testing.T) {
	t.Parallel()
	f, b := repairTab(t)
	b.wait("document.querySelector(" + quote(seeButton) + ")")
	js[bool](b, "(document.querySelector("+quote(seeButton)+").focus(), true)")
	b.keys("\r")
	b.wait("document.activeElement.dataset.do === 'close' && document.querySelector('.change .diff')")
	b.keys("\u001b")
	b.wait("!document.querySelector('.change') && document.activeElement.matches(" + quote(seeButton) + ")")
	b.keys("\r")
	b.wait(armed)
	b.wait("document.activeElement.dataset.do === 'close'")
	b.keys("\t\r")
	b.wait("document.activeElement.dataset.do === 'see-undo'")
	b.keys("\r")
	b.wait(armed)
	b.wait("document.activeElement.dataset.do === 'close'")
	b.keys("\t\r")
	b.wait("document.activeElement.dataset.slot === 'again'")
	b.keys("\r")
	b.has("Redaction is off.")
	if n := len(f.sent("security.fix.apply")) + len(f.sent("security.fix.undo")) + len(f.sent("security.audit")); n != 3 {
		t.Errorf("%d acts, expected 3", n)
	}
	b.clean()
}

// TestFixOfAnotherHomeIsShownAnew: when the home changed, the change is shown
// as it is now, and nothing was done.
func TestFixOfAnotherHomeIsShownAnew(t *testing.T) {
	t.Parallel()
	f, b := repairTab(t)
	b.click(seeButton)
	b.wait(armed)
	f.mu.Lock()
	f.homeText = "other.json"
	f.mu.Unlock()
	b.click(".change [data-do=apply]")
	b.has("The home changed since this was shown, so nothing was done.")
	b.has("/home/ana/.openclaw/other.json")
	b.wait(armed)
	b.click(".change [data-do=apply]")
	b.has("can be taken back until")
	f.on("security.fix.undo", func(obj) (any, *wire.Error) {
		return nil, &wire.Error{Code: wire.Forbidden, Message: "this needs a sign-in from the last 15m0s", Details: &wire.Details{Rule: "gateway.not_confirmed", Hint: "run: openclaw dashboard"}}
	})
	b.click("[data-do=see-undo]")
	b.wait(armed)
	b.click(".change [data-do=undo]")
	b.has("run: openclaw dashboard")
	b.has("Undo…")
	b.clean()
}

// TestWhatIsNotRepaired: a finding that a person decides has a command or a
// reason and no Apply; what nobody measured is listed with its reason.
func TestWhatIsNotRepaired(t *testing.T) {
	t.Parallel()
	f, b := repairTab(t)
	js[bool](b, "(navigator.clipboard.writeText = (t) => { window.__copied = t; return Promise.resolve(); }, true)")
	b.has("not repaired here: a bind address needs a person's review")
	b.has("not repaired here: which skills to trust is for you to decide")
	for key, want := range map[string]string{"0022": "copy-command", "0033": ""} {
		got := js[string](b, "[...document.querySelectorAll(\"[data-key='"+key+"'] button\")].map((b) => b.dataset.do).join()")
		if got != want {
			t.Errorf("%s offers %q, expected %q", key, got, want)
		}
	}
	b.click("[data-do=copy-command]")
	b.wait("window.__copied === 'openclaw config set gateway.bind loopback'")
	b.has("1 not measured, 145 fine, 150 do not apply")
	b.wait("document.querySelector('details[data-group=unmeasured][open] li')") // open by itself
	b.has("the gateway may not read nftables <b>x</b>")
	if text := b.text("details[data-group=unmeasured]"); !strings.Contains(text, "firewall.rules") || strings.Contains(text, "fs.owner") {
		t.Errorf("not measured: %q", text)
	}
	b.click("details[data-group=fine] summary")
	b.has("all are yours")
	b.click("details[data-group=accepted] summary")
	b.wait("document.querySelector('details[data-group=accepted]').innerText.includes('None.')")
	if n := len(f.sent("security.checks")); n == 0 {
		t.Error("the checks were not asked for")
	}
	f.emit("security.audit", obj{"what": "the credentials", "ts": 1}) // in another tab
	b.has("Checking: the credentials…")
	f.emit("security.audit", obj{"what": "", "ts": 1})
	b.lacks("Checking: the credentials…")
	b.clean()
}

// TestRepairLooks draws the open change in both sizes and both schemes, and
// audits what is drawn.
func TestRepairLooks(t *testing.T) {
	t.Parallel()
	_, b := repairTab(t)
	look := func(name string) {
		for _, size := range []struct {
			name string
			w, h int64
		}{{"d", 1400, 900}, {"p", 390, 844}, {"s", 320, 640}} {
			b.size(size.w, size.h)
			for _, scheme := range []string{"light", "dark"} {
				b.scheme(scheme)
				b.wait(armed)
				js[bool](b, "(document.querySelector('.change').scrollIntoView({ block: 'center' }), true)")
				for _, bad := range js[[]string](b, audit) {
					t.Errorf("%s, %s, %d px: %s", name, scheme, size.w, bad)
				}
				if size.name != "s" {
					b.shot(strings.Join([]string{name, size.name, scheme}, "-"))
				}
			}
		}
		b.size(1400, 900)
		if bad, _ := b.unnamed(); len(bad) > 0 {
			t.Errorf("%s: without a name: %v", name, bad)
		}
	}
	b.click(seeButton)
	look("overview-change")
	b.click(".change [data-do=apply]")
	b.click("[data-do=see-undo]")
	look("overview-undo")
	b.clean()
}
