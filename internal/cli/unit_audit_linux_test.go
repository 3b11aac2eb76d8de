package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openclaw-go/openclaw/internal/app"
	"github.com/openclaw-go/openclaw/internal/audit"
)

// TestInstalledUnitPasses: the service that gateway install writes has nothing
// that the audit would report.
func TestInstalledUnitPasses(t *testing.T) {
	home := t.TempDir()
	p, err := app.PathsOf(filepath.Join(home, ".openclaw"), func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	path := unitPath(p)
	for _, d := range []string{filepath.Dir(path), p.State} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(path, []byte(unitText("/usr/local/bin/openclaw", p)), 0o644); err != nil {
		t.Fatal(err)
	}
	in, err := app.LookForAudit(p, app.AuditOptions{Owner: audit.OurHome, Env: func(string) (string, bool) { return "", false }})
	if err != nil {
		t.Fatal(err)
	}
	seen := false
	for _, u := range in.Snapshot.Units {
		seen = seen || u.Path == path && u.User && u.Err == ""
	}
	if !seen {
		t.Fatalf("the service was not found: %+v", in.Snapshot.Units)
	}
	for _, f := range audit.Run(in.Input, audit.Options{Only: []string{"systemd.*", "fs.service_unit.*"}}).Findings {
		if strings.Contains(f.Where.File, ".config/systemd") {
			t.Errorf("%s: %s", f.CheckID, f.Title)
		}
	}
}
