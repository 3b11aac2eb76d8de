package app

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/survey"
)

// withTailscale makes a starter whose Tailscale is a program of the test.
func withTailscale(t *testing.T, text string) (starter, string) {
	t.Helper()
	dir := t.TempDir()
	p := filepath.Join(dir, "tailscale")
	if err := os.WriteFile(p, []byte("#!/bin/sh\n"+text), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(p, 0o755); err != nil {
		t.Fatal(err)
	}
	list := helpers()
	list[0].Paths = []string{"/nonexistent/tailscale", p}
	return starter{list: list}, p
}

// TestHelperOfTheDeepAudit: the program runs as the list says, and what goes
// wrong is said.
func TestHelperOfTheDeepAudit(t *testing.T) {
	ask := func(s starter) (string, error) {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		b, err := s.Output(ctx, survey.TailscaleHelper, "status", "--json")
		return string(b), err
	}
	t.Setenv("SECRET_OF_THE_CALLER", "x")
	s, path := withTailscale(t, "echo \"$*\"; env; grep -E '^(CapEff|NoNewPrivs)' /proc/self/status\n")
	got, err := ask(s)
	if os.Getuid() != 0 {
		if err == nil || !strings.Contains(err.Error(), "others than root") {
			t.Errorf("a program of somebody else was started: %q %v", got, err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(got, "status --json\n") || strings.Contains(got, "SECRET_OF_THE_CALLER") || !strings.Contains(got, "CapEff:\t0000000000000000") || !strings.Contains(got, "NoNewPrivs:\t1") {
		t.Errorf("%s", got)
	}
	if s, _ := withTailscale(t, "echo no such thing >&2; exit 3\n"); true {
		if got, err := ask(s); err == nil || !strings.Contains(err.Error(), "no such thing") {
			t.Errorf("%q %v", got, err)
		}
	}
	// A program that others can change is not started.
	if err := os.Chmod(path, 0o777); err != nil {
		t.Fatal(err)
	}
	if got, err := ask(s); err == nil || !strings.Contains(err.Error(), "can be changed by others") {
		t.Errorf("%q %v", got, err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := ask(s); !errors.Is(err, survey.ErrAbsent) {
		t.Errorf("%v", err)
	}
	if _, err := s.Output(context.Background(), "git"); err == nil {
		t.Error("a program that is not on the list was started")
	}
}

// TestHelpersAreFixed: none is a shell, found by PATH, or less than a process
// of its own.
func TestHelpersAreFixed(t *testing.T) {
	for _, h := range helpers() {
		for _, p := range h.Paths {
			if !filepath.IsAbs(p) {
				t.Errorf("%s: %s", h.Name, p)
			}
		}
		if h.Level < policy.LevelProcess || h.Timeout == 0 || h.OutputBytes == 0 || len(h.Env) == 0 {
			t.Errorf("%+v", h)
		}
	}
}
