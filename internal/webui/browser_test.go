package webui_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// chromium starts one browser for all tests of the package.
var chromium = sync.OnceValues(func() (context.Context, error) {
	dir, err := os.MkdirTemp("", "webui-chromium-")
	if err != nil {
		return nil, err
	}
	closers = append(closers, func() { _ = os.RemoveAll(dir) })
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.UserDataDir(dir),
		chromedp.Flag("disable-gpu", true), chromedp.Flag("enable-precise-memory-info", true), chromedp.Flag("js-flags", "--expose-gc"))
	if path := os.Getenv("CHROMIUM"); path != "" {
		opts = append(opts, chromedp.ExecPath(path))
	} else if _, err := os.Stat("/usr/bin/chromium"); err == nil {
		opts = append(opts, chromedp.ExecPath("/usr/bin/chromium"))
	}
	alloc, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	ctx, cancel := chromedp.NewContext(alloc)
	closers = append(closers, cancel, stop)
	return ctx, chromedp.Do(ctx, chromedp.Navigate("about:blank"))
})

var closers []func()

func TestMain(m *testing.M) {
	code := m.Run()
	for i := len(closers) - 1; i >= 0; i-- {
		closers[i]()
	}
	os.Exit(code)
}

// watch records what must never happen on our pages.
const watch = `window.__bad = [];
addEventListener('securitypolicyviolation', (e) => __bad.push('csp ' + e.violatedDirective + ' ' + e.blockedURI));
addEventListener('error', (e) => __bad.push('error ' + e.message));
addEventListener('unhandledrejection', (e) => __bad.push('rejection ' + (e.reason && e.reason.stack || e.reason)));`

// tab is one page in a browser profile of its own.
type tab struct {
	t   testing.TB
	ctx context.Context
}

func newTab(t testing.TB) *tab {
	t.Helper()
	base, err := chromium()
	if err != nil {
		t.Fatalf("chromium did not start: %v (Debian: apt-get install chromium)", err)
	}
	ctx, cancel := chromedp.NewContext(base, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	ctx, stop := context.WithTimeout(ctx, 4*time.Minute)
	t.Cleanup(stop)
	b := &tab{t: t, ctx: ctx}
	b.prepare()
	return b
}

// second opens another tab of the same profile.
func (b *tab) second() *tab {
	b.t.Helper()
	id := chromedp.FromContext(b.ctx).BrowserContextID
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithExistingBrowserContext(id))
	b.t.Cleanup(cancel)
	c := &tab{t: b.t, ctx: ctx}
	c.prepare()
	return c
}

func (b *tab) prepare() {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: watch})
	b.must(err)
	b.size(1400, 900)
}

func (b *tab) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	b.must(chromedp.Do(b.ctx, steps...))
}
func (b *tab) open(url string) { b.t.Helper(); b.do(chromedp.Navigate(url)) }

// js evaluates an expression in the page; a promise is awaited.
func js[T any](b *tab, expr string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expr, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", expr, err)
	}
	return v
}

// between are the errors of a page that is being replaced by another.
var between = regexp.MustCompile(`navigated|context|detached|destroyed`)

// wait returns when the condition holds in the page.
func (b *tab) wait(cond string) {
	b.t.Helper()
	expr := fmt.Sprintf(`new Promise((done) => { const end = performance.now() + 30000; const look = () => { let ok = false; try { ok = Boolean(%s); } catch {} if (ok) done(true); else if (performance.now() > end) done(false); else setTimeout(look, 10); }; look(); })`, cond)
	ok := false
	for deadline := time.Now().Add(30 * time.Second); !ok && time.Now().Before(deadline); {
		var err error
		ok, err = chromedp.Run(b.ctx, chromedp.Evaluate[bool](expr, chromedp.EvalAwaitPromise))
		if err != nil && !between.MatchString(err.Error()) {
			b.t.Fatalf("%s: %v", cond, err)
		}
	}
	if !ok {
		b.t.Fatalf("never came true: %s\nbad: %v\npage:\n%s", cond, js[[]string](b, "window.__bad"), js[string](b, "document.body.innerText.slice(0, 3000)"))
	}
}

func (b *tab) text(sel string) string {
	b.t.Helper()
	return js[string](b, fmt.Sprintf("document.querySelector(%s).innerText", quote(sel)))
}

func (b *tab) click(sel string) {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.CSS(sel), chromedp.NodeVisible))
}

// keys types like a keyboard: a key that the page takes leaves no letter.
func (b *tab) keys(s string) {
	b.t.Helper()
	for _, r := range s {
		events := kb.Encode(r)
		down, up := *events[0], *events[len(events)-1]
		if len(events) == 3 {
			down.Text, down.UnmodifiedText = events[1].Text, events[1].UnmodifiedText
		}
		for _, e := range []input.DispatchKeyEventParams{down, up} {
			_, err := chromedp.Call(b.ctx, input.DispatchKeyEvent, e)
			b.must(err)
		}
	}
}

func (b *tab) has(text string) {
	b.t.Helper()
	b.wait("document.body.innerText.includes(" + quote(text) + ")")
}
func (b *tab) lacks(text string) {
	b.t.Helper()
	b.wait("!document.body.innerText.includes(" + quote(text) + ")")
}

func quote(s string) string { q, _ := json.Marshal(s); return string(q) }

// clean fails when anything of ours was blocked or threw.
func (b *tab) clean() {
	b.t.Helper()
	if bad := js[[]string](b, "window.__bad"); len(bad) > 0 {
		b.t.Errorf("the page reports: %v", bad)
	}
}

func (b *tab) size(w, h int64) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: w, Height: h, DeviceScaleFactor: 1, Mobile: w < 640})
	b.must(err)
	_, err = chromedp.Call(b.ctx, emulation.SetTouchEmulationEnabled, emulation.SetTouchEmulationEnabledParams{Enabled: w < 640, MaxTouchPoints: 1})
	b.must(err)
}

func (b *tab) scheme(value string) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: value}}})
	b.must(err)
}

// shot writes a screen to the artefacts, for people to look at.
func (b *tab) shot(name string) {
	b.t.Helper()
	img, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	b.must(err)
	dir := filepath.Join("..", "..", "test", "artefacts")
	b.must(os.MkdirAll(dir, 0o755))
	b.must(os.WriteFile(filepath.Join(dir, "webui-"+name+".png"), img, 0o644))
}

// signIn goes through a login link and waits for live data.
func (b *tab) signIn(f *fake) {
	b.t.Helper()
	b.open(f.link())
	b.click("[data-do=sign-in]")
	b.wait("document.documentElement.dataset.conn === 'live' && location.pathname !== '/ui/login' && sessionStorage.getItem('been')") // the start page is chosen
}
