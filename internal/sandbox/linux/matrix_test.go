//go:build linux && (amd64 || arm64)

package linux

import (
	_ "embed"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/openclaw-go/openclaw/internal/policy"
)

const matrixFile = "../../../docs/attack-matrix.md"

// attackMatrix is the published one, for comparing.
//
//go:embed testdata/attack-matrix.tsv
var attackMatrix string

var updateMatrix = flag.Bool("update-matrix", false, "write the attack matrix from this machine's outcomes")

// matrix has the outcomes of each attempt by level, in the order of the attempts.
type matrix []*attackRow

type attackRow struct {
	name     string
	outcomes [policy.LevelIsolated + 1]string
}

func (m *matrix) seen(level policy.Level) func(attempt, outcome string) {
	return func(attempt, outcome string) {
		i := slices.IndexFunc(*m, func(r *attackRow) bool { return r.name == attempt })
		if i < 0 {
			i = len(*m)
			*m = append(*m, &attackRow{name: attempt})
		}
		(*m)[i].outcomes[level] = outcome
	}
}

func (r *attackRow) cells() []string {
	return []string{r.name, r.outcomes[policy.LevelProcess], r.outcomes[policy.LevelConfined], r.outcomes[policy.LevelIsolated]}
}

// check requires that each attempt is stopped where the published matrix says
// so, and at confined and isolated nowhere else. Which errno stops it, and what
// level process happens not to stop, differs between machines.
func (m *matrix) check(t *testing.T) {
	if t.Failed() || os.Geteuid() != 0 {
		return // the matrix is of a root-started gateway
	}
	if *updateMatrix {
		m.write(t)
		return
	}
	published := map[string][]string{}
	for line := range strings.Lines(attackMatrix) {
		cells := strings.Split(strings.TrimSpace(line), "\t")
		published[cells[0]] = cells
	}
	for _, r := range *m {
		want := published[r.name]
		delete(published, r.name)
		for i, got := range r.cells() {
			switch {
			case len(want) != len(r.cells()):
				t.Errorf("attempt %q is not in the published matrix", r.name)
			case i == 0 || got == "": // a level that was left out of this pass
			case got == "works" && want[i] != "works":
				t.Errorf("attempt %q, column %d: works, published as %s", r.name, i, want[i])
			case got != "works" && want[i] == "works" && i > 1:
				t.Errorf("attempt %q, column %d: %s, published as not stopped", r.name, i, got)
			}
		}
	}
	for name := range published {
		if len(*m) > 0 {
			t.Errorf("attempt %q is published and no longer tried", name)
		}
	}
}

func (m *matrix) write(t *testing.T) {
	var b, lines strings.Builder
	b.WriteString(`# Attack matrix

What a program tries inside a run, and what the kernel answers at each level. Written by

    go test -tags openclaw_stage ./internal/sandbox/linux -run TestConformance -update-matrix

from the attempts of ` + "`internal/sandbox/sandboxtest`" + `, which every level has to pass as a root-started gateway, which is shown here, and as an ordinary user, whose own files level ` + "`process`" + ` does not protect; the test fails when something works that was stopped, or when at ` + "`confined`" + ` or ` + "`isolated`" + ` something is stopped that was not. Attempts that must work come first: without them the others would prove nothing.

| answer | layer that gives it |
| --- | --- |
| EACCES | Landlock rules; file modes at level ` + "`process`" + ` |
| EPERM | seccomp filter, or the missing capability, or no_new_privs; a mask over a file |
| EROFS, EBUSY, EXDEV | mounts: read-only, mounted onto itself, another file system |
| ENOENT, ENXIO | the run's own root: it is not there |
| ESRCH | the run's own process list |
| ENOSYS, EAFNOSUPPORT, EPROTONOSUPPORT | seccomp filter |
| ECONNREFUSED, ENETUNREACH | the run's own network |
| EBADF | nothing was inherited |
| EINVAL | the id is not mapped in the run's user namespace, or there is no way back |
| EEXIST | the placeholder of an absent steering file |
| works | not stopped at this level |

| attempt | process | confined | isolated |
| --- | --- | --- | --- |
`)
	for _, r := range *m {
		b.WriteString("| " + strings.Join(r.cells(), " | ") + " |\n")
		lines.WriteString(strings.Join(r.cells(), "\t") + "\n")
	}
	for path, text := range map[string]string{matrixFile: b.String(), "testdata/attack-matrix.tsv": lines.String()} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
