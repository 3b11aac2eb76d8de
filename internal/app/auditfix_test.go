package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/audit"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/journal"
)

// looseFiles makes a home with many files that others can read.
func looseFiles(t *testing.T, n int) (Fixer, FixPlan) {
	t.Helper()
	dir := t.TempDir()
	p, err := configfile.ResolvePaths(configfile.Env{Getenv: func(name string) string { return map[string]string{configfile.EnvHome: dir}[name] }})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(p.State, 0o700); err != nil {
		t.Fatal(err)
	}
	var plan FixPlan
	for i := range n {
		name := filepath.Join(p.State, fmt.Sprintf("%04d-%s", i, strings.Repeat("x", 180)))
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, 0o644); err != nil {
			t.Fatal(err)
		}
		c := audit.Change{Check: "x", Kind: audit.Chmod, Path: name, Was: 0o644, Mode: 0o600, UID: os.Getuid()}
		plan.Changes, plan.Texts = append(plan.Changes, c), append(plan.Texts, c.String())
	}
	return Fixer{Paths: p}, plan
}

// TestManyChangesFitTheJournal: an entry lists some of them and says how many
// more there are.
func TestManyChangesFitTheJournal(t *testing.T) {
	f, plan := looseFiles(t, 1500)
	var told []FixNote
	f.Tell = func(n FixNote) error {
		b, err := json.Marshal(n)
		if err != nil || len(b) > journal.MaxData {
			t.Errorf("%d bytes, %v", len(b), err)
		}
		told = append(told, n)
		return nil
	}
	done, err := f.Apply(plan, time.Now())
	if err != nil || len(done) != 1500 || !done[1499].OK {
		t.Fatalf("%d changes, %v", len(done), err)
	}
	if len(told) != 2 || told[0].What != "fix" || told[1].What != "fixed" || told[1].Changes[maxNoted] != "and 1300 more" {
		t.Errorf("%d notes: %+v", len(told), told)
	}
}

// TestNoJournalNoFix: what cannot be recorded is not done.
func TestNoJournalNoFix(t *testing.T) {
	f, plan := looseFiles(t, 1)
	full := errors.New("no space left")
	f.Tell = func(FixNote) error { return full }
	if _, err := f.Apply(plan, time.Now()); !errors.Is(err, full) {
		t.Error(err)
	}
	if info, err := os.Stat(plan.Changes[0].Path); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}
