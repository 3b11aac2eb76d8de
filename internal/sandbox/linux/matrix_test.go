//go:build linux && (amd64 || arm64)

package linux

import (
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox/attack"
	"github.com/openclaw-go/openclaw/internal/sandbox/sandboxtest"
)

const matrixFile = "../../../docs/attack-matrix.md"

// attackMatrix is the published one, for comparing.
//
//go:embed testdata/attack-matrix.tsv
var attackMatrix string

var updateMatrix = flag.Bool("update-matrix", false, "write the attack matrix from this machine's outcomes")

// gateways are the ways a gateway is started that the matrix tells apart.
const (
	byRoot = iota
	byUser // with groups of its own
	byUserBare
	startedBy
)

func startNames() []string { return []string{"root-started", "user", "user without cgroup"} }

func matrixLevels() []policy.Level {
	return []policy.Level{policy.LevelProcess, policy.LevelConfined, policy.LevelIsolated}
}

// TestAttackMatrix makes every attempt at every level in every way that a
// gateway is started and holds the outcomes to the published matrix.
func TestAttackMatrix(t *testing.T) {
	if out := os.Getenv(matrixOut); out != "" {
		b, err := json.Marshal(attacked(t))
		if err == nil {
			err = os.WriteFile(out, b, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	if os.Geteuid() != 0 {
		for _, o := range attacked(t) {
			t.Logf("%v %s: %s", o.Level, o.Attempt, o.Cell())
		}
		return // the columns of root are made by root only
	}
	columns := [startedBy][]attack.Outcome{byRoot: attacked(t), byUser: asUser(t, userGroups(t)), byUserBare: asUser(t, nil)}
	m := matrix{}
	for started, list := range columns {
		for _, o := range list {
			m.add(started, o)
		}
	}
	if t.Failed() {
		return
	}
	if *updateMatrix {
		m.write(t)
		return
	}
	m.check(t)
}

// attacked makes every attempt at every level.
func attacked(t *testing.T) (out []attack.Outcome) {
	t.Helper()
	base := openDir(t)
	r := newRunner(t, filepath.Join(base, "skeleton"), nil)
	for _, level := range matrixLevels() {
		dir := filepath.Join(base, level.String())
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		permit := func(c policy.Confinement) (policy.Permit, error) { return sandboxtest.Permit(t, c), nil }
		for _, o := range attack.Run(t.Context(), attack.Options{Runner: r, Permit: permit, Dir: dir}, level) {
			if !o.Held() {
				t.Errorf("%v: %s: %v %s", level, o.Attempt, o.Class, o.Detail)
			}
			out = append(out, o)
		}
	}
	return out
}

const (
	matrixOut = "OPENCLAW_MATRIX_OUT"
	joinFirst = "OPENCLAW_MATRIX_JOIN"
)

// joinGroups moves this process into groups and starts it over as an ordinary
// user, which could not do so itself.
func joinGroups() {
	dirs := os.Getenv(joinFirst)
	if dirs == "" {
		return
	}
	err := os.Unsetenv(joinFirst)
	for _, dir := range strings.Split(dirs, ":") {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte("0"), 0))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	cmd := exec.Command(os.Args[0], os.Args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: userUID, Gid: userGID}, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// asUser runs the attempts in a process of an ordinary user, in the groups
// given.
func asUser(t *testing.T, groups []string) (out []attack.Outcome) {
	t.Helper()
	dir := openDir(t)
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	bin, home, result := filepath.Join(dir, "linux.test"), filepath.Join(dir, "home"), filepath.Join(dir, "home", "matrix.json")
	err = errors.Join(os.WriteFile(bin, self, 0o755), os.Mkdir(home, 0o700), os.Chown(home, userUID, userGID))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin, "-test.run", "^TestAttackMatrix$")
	cmd.Dir, cmd.Env = home, []string{"HOME=" + home, "TMPDIR=" + home, "PATH=/usr/bin:/bin", matrixOut + "=" + result}
	if groups == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: userUID, Gid: userGID}}
	} else {
		cmd.Env = append(cmd.Env, joinFirst+"="+strings.Join(groups, ":"))
	}
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	b, err := os.ReadFile(result)
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// userGroups makes groups that an ordinary user may divide, as a service
// manager delegates them.
func userGroups(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	dirs := []string{}
	for _, h := range hierarchies(string(text), string(own)) {
		dir := filepath.Join(h.dir, fmt.Sprintf("openclaw-matrix-%d", os.Getpid()))
		if err := errors.Join(os.Mkdir(dir, 0o755), os.Chown(dir, userUID, userGID)); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := os.Remove(dir); err != nil {
				t.Errorf("group left behind: %v", err)
			}
		})
		for _, name := range []string{"cgroup.procs", "tasks"} {
			if err := os.Chown(filepath.Join(dir, name), userUID, userGID); err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
		}
		dirs = append(dirs, dir)
	}
	if len(dirs) == 0 {
		t.Fatal("this kernel has no memory and pids cgroup hierarchy to give to a user")
	}
	return dirs
}

// matrix has the outcomes of each attempt, in the order of the attempts.
type matrix []*attackRow

type attackRow struct {
	name  string
	cells [3 * startedBy]string // by level, then by how the gateway was started
}

func (m *matrix) add(started int, o attack.Outcome) {
	i := slices.IndexFunc(*m, func(r *attackRow) bool { return r.name == o.Attempt })
	if i < 0 {
		i = len(*m)
		*m = append(*m, &attackRow{name: o.Attempt})
	}
	(*m)[i].cells[slices.Index(matrixLevels(), o.Level)*startedBy+started] = o.Cell()
}

// kind tells cells apart that mean something else: which errno stops an
// attempt may differ between kernels, that it is stopped may not.
func kind(cell string) string {
	switch cell {
	case "works", "limited", "unmeasured", "":
		return cell
	}
	return "blocked"
}

// check requires that every outcome is of the published kind.
func (m *matrix) check(t *testing.T) {
	published := map[string][]string{}
	for line := range strings.Lines(attackMatrix) {
		cells := strings.Split(strings.TrimSpace(line), "\t")
		published[cells[0]] = cells[1:]
	}
	for _, r := range *m {
		want := published[r.name]
		delete(published, r.name)
		if len(want) != len(r.cells) {
			t.Errorf("attempt %q is not in the published matrix", r.name)
			continue
		}
		for i, got := range r.cells {
			if kind(got) != kind(want[i]) || got == "" {
				t.Errorf("attempt %q at %v, %s: %q, published as %q", r.name, matrixLevels()[i/startedBy], startNames()[i%startedBy], got, want[i])
			}
		}
	}
	for name := range published {
		t.Errorf("attempt %q is published and no longer tried", name)
	}
}

const matrixHead = `# Attack matrix

What a program tries inside a run, and what the kernel answers: at each level, for a gateway that root started, for an ordinary user's with cgroups of its own, and for an ordinary user's without. Written by

    go test -tags openclaw_stage ./internal/sandbox/linux -run TestAttackMatrix -update-matrix

from the attempts of ` + "`internal/sandbox/attack`" + `. The test makes them all, in all nine columns, and fails when one works that was stopped, is stopped that worked, or is limited otherwise than here. ` + "`openclaw sandbox test`" + ` makes the same attempts on your machine and ` + "`openclaw security audit --deep`" + ` judges them. The cgroups of the middle column are version 1 hierarchies given to that user; limits by version 2 are tested against a tree of files, since no machine with delegated controllers was at hand, and nothing here was run on arm64.

Attempts that must work come first: without them the others would prove nothing.

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
| EINVAL, EIDRM | the id is not known in the run's own namespace, or there is no way back |
| EEXIST | the placeholder of an absent steering file |
| blocked | looked at from outside afterwards: it has not happened |
| limited | it went on up to a limit of the run |
| works | not stopped at this level |
`

// leftOpen says why the last level leaves something, for the reader.
const leftOpen = `
What ` + "`isolated`" + ` leaves, and where it shows:

- *Memory in many processes* and *the processor* need a cgroup; without one each process is limited for itself, and the witness of a run, ` + "`openclaw sandbox test`" + ` and the audit say so.
- *The workspace* has no quota: no file of a run is longer than its limit, and how many there are is limited by the disk alone.
`

func (m *matrix) write(t *testing.T) {
	var b, lines strings.Builder
	b.WriteString(matrixHead)
	for i, level := range matrixLevels() {
		fmt.Fprintf(&b, "\n## Level %s\n\n| attempt | %s |\n| --- | --- | --- | --- |\n", level, strings.Join(startNames(), " | "))
		for _, r := range *m {
			fmt.Fprintf(&b, "| %s | %s |\n", r.name, strings.Join(r.cells[i*startedBy:(i+1)*startedBy], " | "))
		}
	}
	b.WriteString(leftOpen)
	for _, r := range *m {
		lines.WriteString(r.name + "\t" + strings.Join(r.cells[:], "\t") + "\n")
	}
	for path, text := range map[string]string{matrixFile: b.String(), "testdata/attack-matrix.tsv": lines.String()} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
