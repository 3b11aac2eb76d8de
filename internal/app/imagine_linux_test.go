//go:build amd64 || arm64

package app

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openclaw-go/openclaw/internal/answer"
	"github.com/openclaw-go/openclaw/internal/cmdline"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// TestAnswersSeeWhatRunsSee: an answer that a file is out of the reach of runs
// is true of the real sandbox, for reading and for writing.
func TestAnswersSeeWhatRunsSee(t *testing.T) {
	l := newLab(t)
	rng := rand.New(rand.NewPCG(7, 11))
	patterns := []string{"~/beside", "**/secret", "*.key", "~/tools/private", "notes", "~/state/workspace/a/*/c", "/etc"}
	seen := 0
	for range 6 {
		l.clear()
		var deny []string
		for _, p := range patterns {
			if rng.IntN(2) == 0 {
				deny = append(deny, p)
			}
		}
		files := []string{l.ws + "/x", l.ws + "/a/b/c", l.ws + "/secret/y", l.ws + "/k.key", l.ws + "/notes/n", l.ws + "/AGENTS.md", l.ws + "/sub/.npmrc", l.ws + "/sub/.git/config",
			l.tools + "/t", l.tools + "/private/p", l.tools + "/secret", l.beside + "/z", l.dir + "/.ssh/id", l.dir + "/state/openclaw.json"}
		var script strings.Builder
		for i, f := range files {
			l.put(f)
			fmt.Fprintf(&script, "grep -q content %s 2>/dev/null && echo read %d\n", quoteSh(f), i)
			fmt.Fprintf(&script, "{ echo content >> %s; } 2>/dev/null\n", quoteSh(f))
		}
		r := l.rules(deny, rng.IntN(2) == 0)
		out, err := l.run(r, script.String()+"exit 0")
		need(t, err)
		w := answer.World{}
		for i, f := range files {
			real, err := filepath.EvalSymlinks(f)
			need(t, err)
			for _, access := range []policy.Access{cmdline.Read, cmdline.Write} {
				did := strings.Contains(out, fmt.Sprintf("read %d\n", i))
				if access == cmdline.Write {
					b, err := os.ReadFile(f) // a run may write where nobody reads
					need(t, err)
					did = strings.Count(string(b), "content") > 1
				}
				if did {
					seen++
				}
				if did && !w.Shows(&r, real, access) {
					t.Errorf("with %q denied, a run could %s %s and the answer says that it is not shown", deny, []string{"read", "write"}[access], f)
				}
			}
		}
		if !strings.Contains(out, "read 0\n") {
			t.Fatalf("a run could not read its own workspace: %q", out)
		}
	}
	if seen < 30 {
		t.Errorf("only %d files were reached: nothing was proven", seen)
	}
}
