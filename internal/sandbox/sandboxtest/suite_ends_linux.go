package sandboxtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox"
)

// tree is a script that leaves children in every way, says so, and blocks.
func tree(mark string) sandbox.Cmd {
	return sh(`sleep "$1" & (setsid sh -c 'sleep "$1" & sleep "$1"' x "$1" &) ; (trap "" TERM HUP INT; sleep "$1") & echo ready; exec sleep "$1"`, mark)
}

// mark is an argument of sleep that nothing else has.
func mark() string { return "1000." + strconv.FormatInt(time.Now().UnixNano(), 10) }

// left counts the processes with an argument.
func left(t *testing.T, mark string) int {
	t.Helper()
	n := 0
	dirs, err := filepath.Glob("/proc/[0-9]*/cmdline")
	must(t, err)
	for _, d := range dirs {
		if b, err := os.ReadFile(d); err == nil && slices.Contains(strings.Split(string(b), "\x00"), mark) {
			n++
		}
	}
	return n
}

// started starts the tree and waits until it says that it is there.
func (s *suite) started(t *testing.T, ctx context.Context, conf policy.Confinement, c sandbox.Cmd) sandbox.Process {
	t.Helper()
	r, w := io.Pipe()
	c.Stdout = w
	p, err := s.runner.Start(ctx, Permit(t, conf), c)
	must(t, err)
	t.Cleanup(func() { _ = p.Kill() })
	b := make([]byte, 16)
	n, err := r.Read(b)
	if err != nil || string(b[:n]) != "ready\n" {
		t.Fatalf("program said %q, %v", b[:n], err)
	}
	return p
}

func wait(t *testing.T, p sandbox.Process) sandbox.Result {
	t.Helper()
	type outcome struct {
		res sandbox.Result
		err error
	}
	c := make(chan outcome, 1)
	go func() {
		res, err := p.Wait()
		c <- outcome{res, err}
	}()
	select {
	case o := <-c:
		must(t, o.err)
		return o.res
	case <-time.After(waitAtMost):
		t.Fatal("the run does not end")
		return sandbox.Result{}
	}
}

func (s *suite) timeout(t *testing.T) {
	conf, m := s.profile(), mark()
	conf.Limits.TimeoutMs = 300
	res, _, _ := s.run(t, conf, tree(m))
	if !res.TimedOut || res.Killed || res.ExitCode != -1 {
		t.Errorf("result %+v, want timed out", res)
	}
	if n := left(t, m); n != 0 {
		t.Errorf("%d processes left", n)
	}
	// How much it says before its time is up is the machine's affair.
	conf.Limits.OutputBytes = 1000
	res, out, _ := s.run(t, conf, sh("yes"))
	if !res.TimedOut || len(out) > 1000 {
		t.Errorf("endless output: %d bytes, %+v", len(out), res)
	}
}

func (s *suite) deadline(t *testing.T) {
	m := mark()
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	res, err := s.runner.Run(ctx, Permit(t, s.profile()), tree(m))
	if err != nil || !res.TimedOut {
		t.Errorf("result %+v, %v, want timed out", res, err)
	}
	if n := left(t, m); n != 0 {
		t.Errorf("%d processes left", n)
	}
}

func (s *suite) cancel(t *testing.T) {
	m := mark()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	p := s.started(t, ctx, s.profile(), tree(m))
	if n := left(t, m); n < 1 { // one that is just executing has no arguments
		t.Errorf("%d processes before, want some", n)
	}
	cancel()
	if res := wait(t, p); !res.Killed || res.TimedOut {
		t.Errorf("result %+v, want killed", res)
	}
	if n := left(t, m); n != 0 {
		t.Errorf("%d processes left", n)
	}
}

func (s *suite) kill(t *testing.T) {
	m := mark()
	p := s.started(t, context.Background(), s.profile(), tree(m))
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() { _ = p.Kill() })
	}
	all.Wait()
	first := wait(t, p)
	if !first.Killed || left(t, m) != 0 {
		t.Errorf("result %+v, %d left", first, left(t, m))
	}
	if again := wait(t, p); again.Duration != first.Duration {
		t.Errorf("second Wait differs: %+v", again)
	}
	must(t, p.Kill())
}

// orphans: what a program leaves behind ends with it.
func (s *suite) orphans(t *testing.T) {
	m := mark()
	res, _, _ := s.run(t, s.profile(), sh(`sleep "$1" & (setsid sleep "$1" &) ; exit 5`, m))
	if res.ExitCode != 5 || res.Killed {
		t.Errorf("result %+v, want exit 5", res)
	}
	if n := left(t, m); n != 0 {
		t.Errorf("%d processes left", n)
	}
}

// stopped: a tree that stops itself, and its supervisor where it can, ends too.
func (s *suite) stopped(t *testing.T) {
	m := mark()
	p := s.started(t, context.Background(), s.profile(), sh(`sleep "$1" & kill -STOP $!; (echo ready; sleep "$1") & kill -STOP $PPID 2>/dev/null; kill -STOP $$`, m))
	must(t, p.Kill())
	if res := wait(t, p); !res.Killed || left(t, m) != 0 {
		t.Errorf("result %+v, %d left", res, left(t, m))
	}
}

func (s *suite) fileSize(t *testing.T) {
	conf := s.profile()
	conf.Limits.FileBytes = 1 << 20
	cmd := s.probing("grow", s.ws+"/src/big")
	if _, out, errs := s.run(t, conf, cmd); strings.TrimSpace(out) != strconv.Itoa(1<<20) {
		t.Errorf("file grew to %q, want 1 MiB (%s)", out, errs)
	}
	if s.Level != policy.LevelIsolated {
		return
	}
	conf.Limits = policy.Limits{TmpBytes: 1 << 20}
	_, out, errs := s.run(t, conf, s.probing("grow", "/tmp/big"))
	if n, err := strconv.Atoi(strings.TrimSpace(out)); err != nil || n == 0 || n > 1<<20 {
		t.Errorf("temporary file grew to %q, want at most 1 MiB (%s)", out, errs)
	}
}

func (s *suite) memory(t *testing.T) {
	conf := s.profile()
	hog := sh("head -c 200000000 /dev/zero | tail -c 150000000 | wc -c")
	if _, out, errs := s.run(t, conf, hog); strings.TrimSpace(out) != "150000000" {
		t.Errorf("150 MB without a limit: %q %q", out, errs)
	}
	conf.Limits.MemoryBytes = 64 << 20
	if _, out, _ := s.run(t, conf, hog); strings.TrimSpace(out) == "150000000" {
		t.Error("150 MB with a limit of 64 MiB: got them")
	}
}

// processes: only a user namespace counts a run's own processes.
func (s *suite) processes(t *testing.T) {
	if s.Level != policy.LevelIsolated {
		return
	}
	conf := s.profile()
	conf.Limits.Processes = 40
	res, out, errs := s.run(t, conf, s.probing("fork", "/usr/bin/sleep"))
	n, err := strconv.Atoi(strings.TrimSpace(out))
	if err != nil || n == 0 || n > 60 {
		t.Errorf("%q processes with a limit of 40: %s %+v", out, errs, res)
	}
	if res.Guarantees&policy.PidsLimit == 0 {
		t.Errorf("guarantees %v lack the process limit", res.Guarantees.Names())
	}
}

// serveProxy answers every connection with what it was told.
func serveProxy(ln net.Listener, p policy.Permit) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			b := make([]byte, 64)
			n, _ := c.Read(b)
			fmt.Fprintf(c, "proxy for %s heard %s", p.Agent(), b[:n])
		}()
	}
}

func (s *suite) network(t *testing.T) {
	conf := s.profile()
	if res, _, _ := s.run(t, conf, s.probing("get", sandbox.ProxyAddress)); res.ExitCode == 0 && s.ruled() {
		t.Error("without a network the proxy's address answers")
	}
	conf.Network = policy.NetworkProxy
	if s.Level != policy.LevelIsolated {
		var level *sandbox.LevelError
		_, err := s.runner.Run(context.Background(), Permit(t, conf), sh("exit 0"))
		if !errors.As(err, &level) || level.Want != policy.LevelIsolated {
			t.Errorf("proxy at %v: %v, want a refusal that names isolated", s.Level, err)
		}
		return
	}
	if _, out, errs := s.run(t, conf, s.probing("get", sandbox.ProxyAddress)); out != "proxy for main heard hello\n" {
		t.Errorf("proxy said %q %q", out, errs)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer ln.Close()
	for _, address := range []string{ln.Addr().String(), "192.0.2.1:443", "127.0.0.1:3129"} {
		if res, out, _ := s.run(t, conf, s.probing("get", address)); res.ExitCode == 0 {
			t.Errorf("%s answered %q", address, out)
		}
	}
	if _, out, _ := s.run(t, conf, sh(`echo "$https_proxy"`)); out != "http://"+sandbox.ProxyAddress+"\n" {
		t.Errorf("https_proxy is %q", out)
	}
}

// many: runs at once do not disturb each other and leave nothing behind.
func (s *suite) many(t *testing.T) {
	descriptors := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		must(t, err)
		return len(list)
	}
	s.run(t, s.profile(), sh("exit 0"))
	before := descriptors()
	var all sync.WaitGroup
	for i := range 24 {
		all.Go(func() {
			var out bytes.Buffer
			cmd := sh(`echo "$1"; exit "$1"`, strconv.Itoa(i))
			cmd.Stdout = &out
			res, err := s.runner.Run(context.Background(), Permit(t, s.profile()), cmd)
			if err != nil || res.ExitCode != i || out.String() != strconv.Itoa(i)+"\n" {
				t.Errorf("run %d: %q, %+v, %v", i, out.String(), res, err)
			}
		})
	}
	all.Wait()
	if after := descriptors(); after > before {
		t.Errorf("%d descriptors, had %d", after, before)
	}
	if s.ruled() {
		s.untouched(t)
	}
}

func (s *suite) close(t *testing.T) {
	m := mark()
	p := s.started(t, context.Background(), s.profile(), tree(m))
	must(t, s.runner.Close())
	if res := wait(t, p); !res.Killed || left(t, m) != 0 {
		t.Errorf("result %+v, %d left", res, left(t, m))
	}
	if _, err := s.runner.Run(context.Background(), Permit(t, s.profile()), sh("exit 0")); !errors.Is(err, sandbox.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	must(t, s.runner.Close())
}
