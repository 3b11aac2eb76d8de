package app

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestForgetReports(t *testing.T) {
	dir := t.TempDir()
	for _, n := range []string{"audit-2026-11-01.json", "audit-2026-12-31.json", "fix-2026-01-01.json", "audit-x.json"} {
		if err := os.WriteFile(filepath.Join(dir, n), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := forgetReports(dir, time.Date(2026, 12, 1, 0, 0, 0, 0, time.Local)); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(left) != 3 {
		t.Errorf("%v, %v", left, err)
	}
}
