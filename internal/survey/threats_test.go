package survey

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/audit"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/filter"
)

// TestR42TheLookEnds: a home too large for the time, a file system that never
// answers and a fault of the look itself end in a snapshot that says so, and
// that is a critical finding.
func TestR42TheLookEnds(t *testing.T) {
	critical := func(s audit.Snapshot) bool {
		for _, f := range audit.Run(audit.Input{Config: config.Default(), Snapshot: s}, audit.Options{Only: []string{"audit.incomplete"}}).Findings {
			return f.CheckID == "audit.incomplete"
		}
		return false
	}
	state := filepath.Join(t.TempDir(), ".openclaw")
	for i := range 200 {
		if err := os.MkdirAll(filepath.Join(state, "skills", fmt.Sprint(i)), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	where := Where{Root: t.TempDir(), Home: audit.Home{Dir: filepath.Dir(state), State: state, Owner: audit.OurHome}, Redactor: filter.New(filter.Options{})}
	if s := Take(where); len(s.Incomplete) != 0 || critical(s) || len(s.Files) < 200 {
		t.Errorf("%d files, %v", len(s.Files), s.Incomplete)
	}
	where.Limit = time.Nanosecond
	if s := Take(where); !critical(s) {
		t.Errorf("%d files, %v", len(s.Files), s.Incomplete)
	}
	broken := func(why string) audit.Snapshot { return audit.Snapshot{Incomplete: []string{why}} }
	never := make(chan struct{})
	defer close(never)
	if s := within(time.Millisecond, func() audit.Snapshot { <-never; return audit.Snapshot{} }, broken); !critical(s) {
		t.Errorf("%+v", s)
	}
	if s := within(time.Hour, func() audit.Snapshot { panic("a fault") }, broken); !critical(s) || !strings.Contains(s.Incomplete[0], "a fault") {
		t.Errorf("%+v", s)
	}
}
