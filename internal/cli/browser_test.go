package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/openclaw-go/openclaw/internal/cli"
)

// buffer is what a command prints, readable while it runs.
type buffer struct {
	mu   sync.Mutex
	b    bytes.Buffer
	more chan struct{}
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case b.more <- struct{}{}:
	default:
	}
	return b.b.Write(p)
}

// until waits for a match in what was printed.
func (b *buffer) until(t *testing.T, re *regexp.Regexp) []string {
	t.Helper()
	limit := time.NewTimer(30 * time.Second)
	defer limit.Stop()
	for {
		b.mu.Lock()
		m := re.FindStringSubmatch(b.b.String())
		text := b.b.String()
		b.mu.Unlock()
		if m != nil {
			return m
		}
		select {
		case <-b.more:
		case <-limit.C:
			t.Fatalf("never printed %s; printed:\n%s", re, text)
		}
	}
}

// TestFirstMinuteInChromium is the newcomer's first minute in a real browser
// against the real gateway: sign in with the link that up prints, ask the
// workbench to run a command, see the question appear, allow it, see what the
// confined command printed.
func TestFirstMinuteInChromium(t *testing.T) {
	home := t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", home)
	t.Setenv("OPENCLAW_STATE_DIR", "")
	t.Setenv("OPENCLAW_CONFIG_PATH", "")
	t.Setenv("OPENCLAW_GATEWAY_PORT", fmt.Sprint(port))
	out, errs := &buffer{more: make(chan struct{}, 1)}, &buffer{more: make(chan struct{}, 1)}
	code := make(chan int, 1)
	go func() {
		code <- cli.Main([]string{"openclaw", "up", "--allow-root", "--print", "--no-self-restriction"}, strings.NewReader(""), out, errs)
	}()
	link := out.until(t, regexp.MustCompile(`http://127\.0\.0\.1:\d+/ui/login#c=[0-9a-f]+`))[0]

	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.UserDataDir(t.TempDir()), chromedp.Flag("disable-gpu", true))
	if _, err := os.Stat("/usr/bin/chromium"); err == nil {
		opts = append(opts, chromedp.ExecPath("/usr/bin/chromium"))
	}
	alloc, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	defer stop()
	ctx, cancel := chromedp.NewContext(alloc)
	defer cancel()
	ctx, timeout := context.WithTimeout(ctx, 90*time.Second)
	defer timeout()
	b := browser{t: t, ctx: ctx}
	b.open(link)
	b.click("[data-do=sign-in]")
	b.wait("document.documentElement.dataset.conn === 'live' && location.pathname !== '/ui/login'")
	b.open(fmt.Sprintf("http://127.0.0.1:%d/ui/chat/agent%%3Aworkbench%%3Amain", port))
	b.wait("document.documentElement.dataset.conn === 'live' && document.querySelector('#c-text')")
	b.wait("document.body.innerText.includes('Nothing has been said here yet')") // a click aims at a place on the screen
	b.click("#c-text")
	b.keys("run id -u")
	b.wait("document.querySelector('#c-text').value === 'run id -u'")
	b.click("[data-slot=send]")
	b.wait("document.body.innerText.includes('exec.not_on_allowlist')")
	b.shot("real-chat-asks")
	b.open(fmt.Sprintf("http://127.0.0.1:%d/ui/approvals", port))
	b.wait("document.body.innerText.includes('workbench wants to run 1 program: id.')")
	b.wait("document.querySelector('.card')?.dataset.armed === 'true'")
	b.shot("real-approval")
	b.click("[data-do=allow]")
	b.open(fmt.Sprintf("http://127.0.0.1:%d/ui/chat/agent%%3Aworkbench%%3Amain", port))
	b.wait("document.body.innerText.includes('Approved, and done.')")
	b.shot("real-chat-done")
	b.open(fmt.Sprintf("http://127.0.0.1:%d/ui/", port))
	b.wait("document.querySelector('[data-slot=title]')?.textContent.length > 0")
	b.shot("real-overview")
	repairInChromium(t, b, filepath.Join(home, ".openclaw", "openclaw.json"))

	var status bytes.Buffer
	if c := cli.Main([]string{"openclaw", "approvals", "list", "--json"}, strings.NewReader(""), &status, &status); c != 0 {
		t.Errorf("approvals list: exit %d: %s", c, status.String())
	}
	var waiting struct{ Pending []json.RawMessage }
	if err := json.Unmarshal(status.Bytes(), &waiting); err != nil || len(waiting.Pending) != 0 {
		t.Errorf("still waiting: %s (%v)", status.String(), err)
	}
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Signal(syscall.SIGTERM) // up listens for it, as in a service
	}
	if err != nil {
		t.Fatal(err)
	}
	if c := <-code; c != 0 {
		errs.mu.Lock()
		defer errs.mu.Unlock()
		t.Errorf("up ended with %d: %s", c, errs.b.String())
	}
	var verified bytes.Buffer
	if c := cli.Main([]string{"openclaw", "journal", "verify"}, strings.NewReader(""), &verified, &verified); c != 0 || !strings.Contains(verified.String(), "intact") {
		t.Errorf("journal verify: exit %d: %s", c, verified.String())
	}
}

// repairInChromium has the Overview of a running gateway find a file that
// others can read, repair it, take the repair back, and find it again.
func repairInChromium(t *testing.T, b browser, file string) {
	t.Helper()
	const (
		row   = "[...document.querySelectorAll('[data-do=see]')].find((n) => n.closest('li').innerText.includes('fs.config.perms_'))"
		armed = "document.querySelector('.change [data-acts]:not([data-off]):not([aria-disabled])')"
	)
	mode := func(want os.FileMode) {
		t.Helper()
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != want {
			t.Errorf("%v, %v, expected %04o", info.Mode(), err, want)
		}
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, undo := range []bool{true, false} {
		b.click("[data-slot=again]")
		b.wait(row)
		b.wait("(" + row + ".click(), true)")
		b.wait("document.querySelector('.diff')?.innerText.includes('0600 ') && " + armed)
		b.shot("real-change")
		b.click(".change [data-do=apply]")
		b.wait("document.activeElement?.dataset.do === 'see-undo'")
		mode(0o600)
		if undo {
			b.click("[data-do=see-undo]")
			b.wait(armed)
			b.click(".change [data-do=undo]")
			b.wait("document.querySelector('[data-slot=fixed-box]').hidden")
			mode(0o644)
		}
	}
	b.wait("document.querySelector('[data-slot=checks] [data-count]').textContent.length > 2")
}

// browser is one page.
type browser struct {
	t   *testing.T
	ctx context.Context
}

func (b browser) do(a ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, a...); err != nil {
		b.t.Fatal(err)
	}
}

func (b browser) open(url string) { b.t.Helper(); b.do(chromedp.Navigate(url)) }
func (b browser) click(sel string) {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.CSS(sel), chromedp.NodeVisible))
}
func (b browser) keys(s string) { b.t.Helper(); b.do(chromedp.KeyEvent(s)) }

// wait returns when the condition holds in the page.
func (b browser) wait(cond string) {
	b.t.Helper()
	expr := fmt.Sprintf(`new Promise((done) => { const end = performance.now() + 15000; const look = () => { let ok = false; try { ok = Boolean(%s); } catch {} if (ok) done(true); else if (performance.now() > end) done(false); else setTimeout(look, 20); }; look(); })`, cond)
	deadline := time.Now().Add(20 * time.Second)
	for {
		ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](expr, chromedp.EvalAwaitPromise))
		if ok {
			return
		}
		if time.Now().After(deadline) {
			text, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string]("document.body.innerText.slice(0, 3000)"))
			b.t.Fatalf("never came true: %s (%v)\npage:\n%s", cond, err, text)
		}
	}
}

// shot writes a screen to the artefacts, for people to look at.
func (b browser) shot(name string) {
	b.t.Helper()
	img, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.MkdirAll("../../test/artefacts", 0o755)
	}
	if err == nil {
		err = os.WriteFile("../../test/artefacts/"+name+".png", img, 0o644)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}
