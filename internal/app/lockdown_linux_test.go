package app_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/app"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/inbox"
)

// running counts the processes of this machine that run a program with one
// argument.
func running(t *testing.T, program, arg string) (n int) {
	t.Helper()
	want := program + "\x00" + arg + "\x00"
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		if b, err := os.ReadFile(p); err == nil && strings.HasSuffix(string(b), want) {
			n++
		}
	}
	return n
}

// TestLockdownEndsFiftyTools: fifty commands in fifty sessions are gone when
// the lockdown has answered, and nothing new begins, also after a restart.
func TestLockdownEndsFiftyTools(t *testing.T) {
	const tools = 50
	h := newHome(t)
	h.configure(`{ gateway: { auth: { mode: "token", token: { source: "file", provider: "default", id: "/gateway/token" } } },
		tools: { profile: "automation", exec: { security: "allowlist", ask: "off", allowlist: ["sleep"] } },
		agents: { list: [ { id: "main", default: true } ] } }`)
	a := h.open()
	seconds := fmt.Sprint(86_400 + os.Getpid())
	var turns sync.WaitGroup
	for i := range tools {
		turns.Go(func() {
			_, _ = a.Turn(t.Context(), inbox.Message{Principal: owner, Session: claw.SessionKey(fmt.Sprintf("agent:main:s%d", i)), Text: "run sleep " + seconds})
		})
	}
	look, late := time.NewTicker(20*time.Millisecond), time.After(2*time.Minute)
	defer look.Stop()
	for running(t, "sleep", seconds) < tools {
		select {
		case <-look.C:
		case <-late:
			t.Fatalf("%d of %d commands run", running(t, "sleep", seconds), tools)
		}
	}
	begin := time.Now()
	s := app.Lock(a, "a test", owner)
	took := time.Since(begin)
	if n := running(t, "sleep", seconds); n != 0 {
		t.Errorf("%d of %d commands still run", n, tools)
	}
	t.Logf("%d running tools: all gone after %s", tools, took.Round(time.Millisecond))
	for _, i := range s.Items {
		if !i.Done {
			t.Errorf("not confirmed: %+v", i)
		}
	}
	turns.Wait()
	if _, err := a.Turn(t.Context(), inbox.Message{Principal: owner, Text: "help"}); err == nil || !strings.Contains(err.Error(), "everything is stopped") {
		t.Errorf("a turn while everything is stopped: %v", err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	again := h.open()
	if _, err := again.Turn(t.Context(), inbox.Message{Principal: owner, Text: "help"}); err == nil {
		t.Error("a restart opened again")
	}
}

// TestLockdownWithADamagedNote: a note that cannot be read stops everything.
func TestLockdownWithADamagedNote(t *testing.T) {
	h := newHome(t)
	if err := os.WriteFile(filepath.Join(h.paths.State, "lockdown.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	a := h.open()
	if _, err := a.Turn(t.Context(), inbox.Message{Principal: owner, Text: "help"}); err == nil {
		t.Error("a turn was taken")
	}
}
