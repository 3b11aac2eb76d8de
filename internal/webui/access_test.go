package webui_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// audit looks at the page as it is drawn now and lists what is wrong. It
// computes what a person would see: colours over what lies behind them, sizes
// of targets, what the focus ring looks like.
const audit = `(() => {
const bad = [];
const say = (what, n) => bad.push(what + ': ' + (n ? n.outerHTML.slice(0, 140) : ''));
const seen = (n) => n.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && n.getBoundingClientRect().width > 1;
const all = (sel) => [...document.querySelectorAll(sel)].filter(seen);

if (document.documentElement.lang !== 'en') say('no language');
for (const sel of ['h1', 'main', 'header.head', 'nav.nav']) { const n = all(sel).length; if (n !== 1) say(n + ' of ' + sel); }
let level = 1;
for (const h of [...document.querySelectorAll('main h1, main h2, main h3, main h4, main h5')].filter((n) => n.checkVisibility())) { const l = Number(h.tagName[1]); if (l > level + 1) say('heading jumps from ' + level, h); level = l; }
const ids = [...document.querySelectorAll('[id]')].map((n) => n.id);
for (const id of ids.filter((x, i) => ids.indexOf(x) !== i)) say('twice the id ' + id);
for (const name of ['aria-labelledby', 'aria-describedby', 'aria-controls', 'for']) for (const n of document.querySelectorAll('[' + name + ']')) if (!document.getElementById(n.getAttribute(name))) say(name + ' leads nowhere', n);
for (const n of document.querySelectorAll('[tabindex]')) if (n.tabIndex > 0) say('tabindex above 0', n);
for (const n of document.querySelectorAll('[aria-hidden=true]')) if (n.querySelector('a[href], button, input')) say('hidden but focusable', n);
for (const n of all('.badge, .fact')) if (!n.textContent.trim()) say('a state without a word', n);
for (const n of all('table')) if (!n.querySelector('th[scope=col]') && innerWidth > 640 && !n.closest('.rich')) say('table without headers', n);
for (const n of all('li')) if (!['UL', 'OL'].includes(n.parentElement.tagName)) say('li outside a list', n);

const rgb = (s) => { const m = s.match(/[\d.]+/g).map(Number); return m.length < 4 ? [...m, 1] : m; };
const over = (f, b) => [0, 1, 2].map((i) => f[i] * f[3] + b[i] * (1 - f[3])).concat(1);
const lum = (c) => { const [r, g, b] = c.slice(0, 3).map((v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
const ratio = (a, b) => (Math.max(lum(a), lum(b)) + 0.05) / (Math.min(lum(a), lum(b)) + 0.05);
const behind = (n) => { const stack = []; for (; n; n = n.parentElement) { const c = rgb(getComputedStyle(n).backgroundColor); stack.push(c); if (c[3] === 1) break; } return stack.reverse().reduce((b, f) => over(f, b), [255, 255, 255, 1]); };
const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
let counted = 0;
while (words.nextNode()) {
  const n = words.currentNode.parentElement;
  if (!words.currentNode.data.trim() || !seen(n) || n.closest('.vh, .skip, template')) continue;
  const back = behind(n);
  const r = ratio(over(rgb(getComputedStyle(n).color), back), back);
  const off = n.closest('[aria-disabled=true]');
  counted++;
  if (r < (off ? 4.5 : 6.2)) say('contrast ' + r.toFixed(2), n);
}
if (counted < 10) say('only ' + counted + ' texts were measured');
for (const n of all('button, input:not([type=radio], [type=checkbox]), textarea')) {
  const s = getComputedStyle(n);
  const r = ratio(over(rgb(s.borderTopColor), behind(n.parentElement)), behind(n.parentElement));
  if (!n.classList.contains('quiet') && !n.classList.contains('primary') && n.getAttribute('aria-disabled') !== 'true' && r < 3) say('border contrast ' + r.toFixed(2), n);
}
const least = matchMedia('(pointer: coarse)').matches ? 44 : 24;
for (const n of all('button, summary, input:not([type=radio], [type=checkbox]), textarea, .nav a, .tabs a, .button')) {
  const r = n.getBoundingClientRect();
  if (r.height < least - 0.5 && Math.min(r.width, r.height) < least - 0.5) say('target ' + Math.round(r.width) + '×' + Math.round(r.height), n);
}
if (document.documentElement.scrollWidth > innerWidth) say('scrolls sideways: ' + document.documentElement.scrollWidth);
return bad;
})()`

// names are the roles that must have an accessible name.
var names = []string{"button", "link", "textbox", "searchbox", "checkbox", "radio", "DisclosureTriangle", "dialog", "navigation", "log", "list box", "region"}

// axValue is the text of an accessibility value.
func axValue(v *accessibility.Value) string {
	if v == nil {
		return ""
	}
	var s string
	_ = json.Unmarshal(v.Value, &s) // not a string: no name
	return s
}

// unnamed lists what assistive technology would announce without a name.
func (b *tab) unnamed() (bad []string, named int) {
	b.t.Helper()
	tree, err := chromedp.Call(b.ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	b.must(err)
	for _, n := range tree.Nodes {
		if n.Ignored || !slices.Contains(names, axValue(n.Role)) {
			continue
		}
		if strings.TrimSpace(axValue(n.Name)) == "" {
			bad = append(bad, fmt.Sprintf("%s (node %d)", axValue(n.Role), n.BackendDOMNodeID))
			continue
		}
		named++
	}
	return bad, named
}

func places() []struct{ path, ready string } {
	return []struct{ path, ready string }{
		{"/ui/", "document.querySelector('[data-do=stop-run]')?.getAttribute('aria-disabled') === null"},
		{"/ui/approvals/ap-1", "document.querySelector('.card')?.dataset.armed === 'true'"},
		{"/ui/chat/agent%3Amain%3Amain", "document.querySelector('.rich table')"},
		{"/ui/sessions", "document.querySelectorAll('tbody tr').length === 3"},
		{"/ui/login", "document.documentElement.dataset.conn === 'live'"},
	}
}

func busyFake(t *testing.T) *fake {
	f := newFake(t)
	f.history[mainSession] = conversation()
	f.sessions = sessionRows()
	f.ask(curlView("ap-1"))
	f.ask(plainView("ap-2", "git"))
	return f
}

// TestAccessibility audits every page in both sizes and both schemes.
func TestAccessibility(t *testing.T) {
	t.Parallel()
	f := busyFake(t)
	b := newTab(t)
	b.signIn(f)
	for _, p := range places() {
		b.size(1400, 900)
		b.scheme("light")
		b.open(f.url(p.path))
		for _, look := range []struct {
			scheme string
			w, h   int64
		}{{"light", 1400, 900}, {"dark", 1400, 900}, {"light", 390, 844}, {"dark", 390, 844}, {"light", 320, 640}} {
			b.scheme(look.scheme)
			b.size(look.w, look.h)
			b.wait(p.ready)
			for _, bad := range js[[]string](b, audit) {
				t.Errorf("%s, %s, %d px: %s", p.path, look.scheme, look.w, bad)
			}
		}
		bad, named := b.unnamed()
		if len(bad) > 0 {
			t.Errorf("%s: without a name: %v", p.path, bad)
		}
		if named < 5 {
			t.Errorf("%s: only %d named controls were found", p.path, named)
		}
		b.clean()
	}
}

// TestAuditSees: the audit reports what it is there for.
func TestAuditSees(t *testing.T) {
	t.Parallel()
	f := busyFake(t)
	b := newTab(t)
	b.signIn(f)
	b.open(f.url("/ui/sessions"))
	b.wait("document.querySelectorAll('tbody tr').length === 3")
	js[bool](b, `(() => { const m = document.querySelector('main');
		const p = document.createElement('p'); p.textContent = 'pale'; p.style.color = '#bbb'; m.append(p);
		const n = document.createElement('button'); n.id = 'main'; n.tabIndex = 3; n.style.cssText = 'min-height: 0; height: 9px; width: 9px; padding: 0; border-color: #eee'; m.append(n);
		m.append(document.createElement('h5')); m.lastChild.textContent = 'deep'; return true; })()`)
	got := strings.Join(js[[]string](b, audit), "\n")
	for _, want := range []string{"contrast 1.", "twice the id main", "tabindex above 0", "target 9×9", "heading jumps", "border contrast"} {
		if !strings.Contains(got, want) {
			t.Errorf("the audit does not see %q:\n%s", want, got)
		}
	}
	if bad, _ := b.unnamed(); len(bad) != 1 {
		t.Errorf("%d controls without a name were found, expected one: %v", len(bad), bad)
	}
}

// TestFocusOrder walks through every page with Tab: skip link, header, Stop,
// navigation, content; each stop has a ring and is in view.
func TestFocusOrder(t *testing.T) {
	t.Parallel()
	f := busyFake(t)
	b := newTab(t)
	b.signIn(f)
	const here = `new Promise((done) => requestAnimationFrame(() => { const n = document.activeElement; const s = getComputedStyle(n); const r = n.getBoundingClientRect();
		const x = r.x + Math.min(r.width / 2, r.width - 1), y = r.y + Math.min(r.height / 2, 20); const hit = document.elementFromPoint(x, y);
		done([n === document.body ? 'end' : n.className === 'skip' ? 'skip' : n.closest('header.head') ? (n.id === 'h-stop' ? 'stop' : 'header') : n.closest('nav.nav') ? 'nav' : n.closest('main') ? 'main' : 'other',
			parseFloat(s.outlineWidth) >= 2 && s.outlineStyle !== 'none' ? '' : 'no ring', hit && (n.contains(hit) || hit.contains(n)) ? '' : 'covered', n.outerHTML.slice(0, 90)]); }))`
	for _, p := range places()[:4] {
		b.open(f.url(strings.TrimSuffix(p.path, "/ap-1"))) // with an id the headline has the focus
		b.wait(p.ready)
		b.keys("\t")
		var order []string
		for range 60 {
			at := js[[]string](b, here)
			if at[0] == "end" || len(order) > 0 && at[0] == "skip" {
				break
			}
			if at[1] != "" || at[2] != "" {
				t.Errorf("%s: %s %s: %s", p.path, at[1], at[2], at[3])
			}
			if len(order) == 0 || order[len(order)-1] != at[0] {
				order = append(order, at[0])
			}
			b.keys("\t")
		}
		if got := strings.Join(order, " "); got != "skip header stop nav main" {
			t.Errorf("%s: the order is %q", p.path, got)
		}
	}
	b.open(f.url("/ui/"))
	b.wait(places()[0].ready)
	js[bool](b, "(document.querySelector('.skip').focus(), true)")
	b.keys("\r")
	b.wait("document.activeElement.id === 'main'")
	b.clean()
}

// TestKeysGoToPages: g and a letter, unless they are switched off.
func TestKeysGoToPages(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	b := newTab(t)
	b.signIn(f)
	b.open(f.url("/ui/"))
	b.wait("document.documentElement.dataset.conn === 'live'")
	for keys, path := range map[string]string{"ga": "/ui/approvals", "gc": "/ui/chat", "gs": "/ui/sessions", "go": "/ui/"} {
		js[bool](b, "(document.activeElement.blur(), true)")
		b.keys(keys)
		b.wait("location.pathname === " + quote(path) + " && document.activeElement.matches('h1, h2')")
	}
	b.keys("?")
	b.wait("document.querySelector('#keys').open")
	b.keys("\u001b")
	b.wait("!document.querySelector('#keys').open")
	b.click("#more summary")
	b.click("#letters")
	b.keys("\u001b")
	js[bool](b, "(document.activeElement.blur(), true)")
	path := js[string](b, "location.pathname")
	b.keys("gs?")
	if got := js[string](b, "location.pathname"); got != path || js[bool](b, "document.querySelector('#keys').open") {
		t.Errorf("letters that are off went from %s to %s", path, got)
	}
	b.clean()
}

// TestReducedMotion: nothing moves for who asked for that, and little for
// everybody else.
func TestReducedMotion(t *testing.T) {
	t.Parallel()
	f := busyFake(t)
	b := newTab(t)
	b.signIn(f)
	const slowest = `Math.max(...[...document.querySelectorAll('*')].flatMap((n) => ['', '::before', '::after'].flatMap((p) => { const s = getComputedStyle(n, p || undefined); return [s.transitionDuration, s.animationName === 'none' ? '0s' : s.animationDuration].flatMap((d) => d.split(',')).map((d) => parseFloat(d) * (d.trim().endsWith('ms') ? 1 : 1000)); })))`
	for _, p := range places()[:4] {
		b.open(f.url(p.path))
		for value, most := range map[string]float64{"reduce": 0, "no-preference": 120} {
			_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-reduced-motion", Value: value}}})
			b.must(err)
			b.wait(p.ready)
			if got := js[float64](b, slowest); got > most {
				t.Errorf("%s, %s: something moves for %v ms", p.path, value, got)
			}
			if smooth := js[string](b, "getComputedStyle(document.documentElement).scrollBehavior"); smooth != "auto" {
				t.Errorf("%s: scrolling is %s", p.path, smooth)
			}
		}
	}
	b.clean()
}

// TestNewApprovalIsAnnounced: politely, without taking the focus.
func TestNewApprovalIsAnnounced(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	b := newTab(t)
	b.signIn(f)
	b.open(f.url("/ui/chat"))
	b.wait("document.documentElement.dataset.conn === 'live'")
	b.click("#c-text")
	f.ask(plainView("ap-1", "git"))
	b.wait("document.querySelector('#say').textContent.includes('An approval waits: main wants to run git.')")
	b.wait("document.title.startsWith('(1) ') && document.activeElement.id === 'c-text'")
	b.has("1 waits")
	b.clean()
}
