package app

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/configfile"
)

// TestMigrateHomes takes over every home of the corpus: it is refused with its
// place untouched, or becomes ours with a backup of what was there, and nothing
// is allowed afterwards that was not before.
func TestMigrateHomes(t *testing.T) {
	taken, refused := 0, 0
	for name, c := range corpusHomes(t) {
		if len(c.config) == 0 {
			continue
		}
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			getenv := func(k string) string { return map[string]string{"HOME": home}[k] }
			p, err := configfile.ResolvePaths(configfile.Env{Getenv: getenv})
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(os.MkdirAll(p.State, 0o700), os.WriteFile(p.Config, c.config, 0o600)); err != nil {
				t.Fatal(err)
			}
			m, err := PlanMigration(p, getenv)
			if now, rerr := os.ReadFile(p.Config); rerr != nil || !bytes.Equal(now, c.config) {
				t.Fatalf("looking changed the file: %v", rerr)
			}
			if err != nil {
				var problems config.Problems
				if !errors.As(err, &problems) {
					t.Errorf("%v", err)
				}
				refused++
				return
			}
			m, err = m.Migrate(t.Context(), p, claw.Principal{Surface: claw.SurfaceCLI, Standing: claw.Owner})
			if err != nil {
				t.Fatal(err)
			}
			taken++
			if s, err := LookHome(p); err != nil || s != HomeOurs {
				t.Errorf("home state %v, %v", s, err)
			}
			st, err := os.Stat(m.Done.Backup)
			if err != nil || st.Mode().Perm() != 0o600 || filepath.Dir(filepath.Dir(m.Done.Backup)) != p.State {
				t.Errorf("backup %v, %v", st, err)
			}
			l, err := configfile.Load(p, configfile.Options{Foreign: true})
			if err != nil || l.Problems.HasErrors() {
				t.Errorf("%v, %v", err, l.Problems)
			}
			for _, more := range m.More {
				t.Errorf("looser than before: %s", fmt.Sprint(more))
			}
		})
	}
	if taken < 20 || refused < 1 {
		t.Errorf("%d homes taken over, %d refused", taken, refused)
	}
}
