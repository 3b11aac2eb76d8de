package app

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestNextNight(t *testing.T) {
	zone := time.FixedZone("z", 3600)
	for _, c := range []struct{ now, at, want string }{
		{"2027-01-01 02:59", "03:00", "2027-01-01 03:00"},
		{"2027-01-01 03:00", "03:00", "2027-01-02 03:00"},
		{"2027-12-31 23:30", "00:15", "2028-01-01 00:15"},
	} {
		now, err := time.ParseInLocation("2006-01-02 15:04", c.now, zone)
		if err != nil {
			t.Fatal(err)
		}
		got, err := nextNight(now, c.at)
		if err != nil || got.Format("2006-01-02 15:04") != c.want {
			t.Errorf("%s at %s: %v, %v", c.now, c.at, got, err)
		}
	}
	if _, err := nextNight(time.Now(), "late"); err == nil {
		t.Error("a time that is none")
	}
}

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
