package app_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openclaw-go/openclaw/internal/app"
)

// TestR09OlderStateStopsTheStart: with the answers that a person took back put
// in force again by an older copy of their file, the gateway does not start but
// on the operator's word.
func TestR09OlderStateStopsTheStart(t *testing.T) {
	h := newHome(t)
	path := filepath.Join(h.paths.State, "exec-approvals.json")
	write := func(content string) {
		t.Helper()
		a := h.open()
		if err := app.WriteApprovals(a, []byte(content)); err != nil {
			t.Fatal(err)
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
	}
	const given, taken = `{"version":1,"agents":{"workbench":{"allowlist":[{"pattern":"/usr/bin/rm"}]}}}`, `{"version":1,"agents":{}}`
	write(given)
	write(taken)
	if err := h.open().Close(); err != nil {
		t.Fatalf("the newest one: %v", err)
	}
	if err := os.WriteFile(path, []byte(given), 0o600); err != nil {
		t.Fatal(err)
	}
	open := func(accept app.Acceptance) error {
		a, err := app.Open(t.Context(), app.Options{Paths: h.paths, Version: "0.0.0-test", Getenv: h.getenv, By: owner, Accept: app.AcceptLooser, AcceptState: accept})
		if a != nil && err == nil {
			err = a.Close()
		}
		return err
	}
	for range 2 {
		if err := open(app.HoldLooser); err == nil || !strings.Contains(err.Error(), "exec-approvals.json is an older copy") {
			t.Fatalf("an older copy: %v", err)
		}
	}
	if err := open(app.AcceptLooser); err != nil {
		t.Fatalf("with the operator's word: %v", err)
	}
	if err := open(app.HoldLooser); err != nil {
		t.Fatalf("after it: %v", err)
	}
}
