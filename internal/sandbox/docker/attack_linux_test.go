package docker

import (
	_ "embed"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox"
	"github.com/openclaw-go/openclaw/internal/sandbox/attack"
	"github.com/openclaw-go/openclaw/internal/sandbox/linux"
	"github.com/openclaw-go/openclaw/internal/sandbox/sandboxtest"
)

//go:embed testdata/attacks.tsv
var attacks string

var updateAttacks = flag.Bool("update-attacks", false, "write the outcomes of attacks in containers")

// contained is a runner whose best level is the container's.
type contained struct {
	sandbox.Runner
	support sandbox.Support
}

func (c contained) Support() sandbox.Support { return c.support }

// TestAttacksInContainers makes every attempt of the attack suite in containers
// and holds the outcomes to the published list: what must be stopped at every
// level is, and nothing changes unseen.
func TestAttacksInContainers(t *testing.T) {
	w := newWorld(t)
	if program := mustRead(t, "/proc/self/exe"); static(program) != nil {
		t.Fatal("a container has no loader for this test: build it with CGO_ENABLED=0")
	}
	host, err := linux.New(linux.Options{SkeletonDir: filepath.Join(w.dir, "skeleton"), UID: testUID, GID: testGID})
	must(t, err)
	both := sandbox.Split(host, w.Runner)
	t.Cleanup(func() { _ = both.Close() })
	s := w.Support()
	s.UID, s.GID = testUID, testGID
	dir := filepath.Join(w.dir, "field")
	must(t, os.Mkdir(dir, 0o755))
	permit := func(c policy.Confinement) (policy.Permit, error) {
		if c.Level == policy.LevelContainer {
			in := *w.conf.Container
			c.Container = &in
		}
		return sandboxtest.Permit(t, c), nil
	}
	var lines strings.Builder
	for _, o := range attack.Run(t.Context(), attack.Options{Runner: contained{both, s}, Permit: permit, Dir: dir, Name: "container"}, policy.LevelContainer) {
		if !o.Held() && o.Class != attack.Unmeasured {
			t.Errorf("%s: %v %s", o.Attempt, o.Class, o.Detail)
		}
		t.Logf("%s: %s %s", o.Attempt, o.Cell(), o.Detail)
		lines.WriteString(o.Attempt + "\t" + o.Cell() + "\n")
	}
	if *updateAttacks {
		must(t, os.WriteFile("testdata/attacks.tsv", []byte(lines.String()), 0o644))
		return
	}
	if lines.String() != attacks {
		t.Errorf("outcomes differ from testdata/attacks.tsv (-update-attacks writes it):\n%s", lines.String())
	}
}
