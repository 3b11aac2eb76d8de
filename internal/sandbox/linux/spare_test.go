//go:build linux && (amd64 || arm64)

package linux

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox"
	"github.com/openclaw-go/openclaw/internal/sandbox/linux/confine"
	"github.com/openclaw-go/openclaw/internal/sandbox/sandboxtest"
)

// waiting waits until as many spares are there and gives their pids.
func waiting(t *testing.T, r *Runner, want int) []int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		r.spares.mu.Lock()
		pids := []int{}
		for _, x := range r.spares.wait {
			pids = append(pids, x.pid)
		}
		busy := r.spares.making
		r.spares.mu.Unlock()
		if !busy && len(pids) == want {
			return pids
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%d spares wait, want %d", len(pids), want)
		}
	}
}

// startPid starts a program and gives the pid of its supervisor.
func startPid(t *testing.T, r *Runner, conf policy.Confinement, c sandbox.Cmd) (int, sandbox.Result) {
	t.Helper()
	p, err := r.Start(t.Context(), sandboxtest.Permit(t, conf), c)
	if err != nil {
		t.Fatal(err)
	}
	res, err := p.Wait()
	if err != nil {
		t.Fatal(err)
	}
	return p.Pid(), res
}

// TestSpare: the second run is handed to a spare, has a witness of its own and
// nothing of another run's; a spare is never used twice.
func TestSpare(t *testing.T) {
	dir := openDir(t)
	r := newRunner(t, filepath.Join(dir, "skeleton"), nil)
	if len(r.stage) == 0 {
		if _, res := startPid(t, r, policy.Confinement{Level: policy.LevelIsolated}, shell("exit 0")); res.ExitCode != 0 || len(r.spares.wait) != 0 {
			t.Errorf("without the embedded stage: %+v, %d spares", res, len(r.spares.wait))
		}
		return
	}
	ws := workspace(t, dir)
	conf := policy.Confinement{Level: policy.LevelIsolated, Workspace: ws, WorkspaceWrite: true, ReadOnly: []string{ws + "/AGENTS.md", ws + "/.envrc"}}
	used := []int{}
	nonces := []string{}
	for i, again := 0, 0; i < 4; i++ {
		var ready []int
		if i > 0 {
			ready = waiting(t, r, 1)
		}
		// What is protected is looked up for each run, not when its spare was made.
		if err := os.WriteFile(ws+"/AGENTS.md", []byte(strconv.Itoa(i)), 0o644); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		c := shell(`cat AGENTS.md; echo x > AGENTS.md; echo x > .envrc; ls -A ~ /tmp/mine; touch /tmp/mine ~/mine; ulimit -n; echo "$N"; cat /proc/self/oom_score_adj`)
		c.Stdout = &out
		c.Env = append(c.Env, "N="+strconv.Itoa(i))
		conf.Limits.OpenFiles = 100 + i
		pid, res := startPid(t, r, conf, c)
		want := fmt.Sprintf("%d/home/agent:\n%d\n%d\n1000\n", i, 100+i, i)
		if got := out.String(); got != want || res.ExitCode != 0 {
			t.Errorf("run %d: %q, exit %d, want %q", i, got, res.ExitCode, want)
		}
		if i > 0 && pid != ready[0] {
			// Somebody else's mount ends all spares, as it must; not every time.
			if again++; again < 5 {
				i--
				continue
			}
			t.Errorf("run %d: supervisor %d is not the spare %d", i, pid, ready[0])
		}
		if slices.Contains(used, pid) || slices.Contains(nonces, res.Witness.Nonce) || res.Enforced != policy.LevelIsolated {
			t.Errorf("run %d: pid %d of %v, witness %q of %v, enforced %v", i, pid, used, res.Witness.Nonce, nonces, res.Enforced)
		}
		used, nonces = append(used, pid), append(nonces, res.Witness.Nonce)
	}
}

// TestSpareKey: another root or another size is no run for a spare, and only
// so many wait.
func TestSpareKey(t *testing.T) {
	r := newRunner(t, filepath.Join(openDir(t), "skeleton"), nil)
	if len(r.stage) == 0 {
		return // nothing is made ahead
	}
	conf := policy.Confinement{Level: policy.LevelIsolated}
	startPid(t, r, conf, shell("exit 0"))
	first := waiting(t, r, 1)
	conf.Limits.TmpBytes = 1 << 20
	if pid, _ := startPid(t, r, conf, shell("exit 0")); pid == first[0] {
		t.Error("a spare with another size of /tmp was used")
	}
	waiting(t, r, 2)
	conf.Limits.TmpBytes = 2 << 20
	startPid(t, r, conf, shell("exit 0"))
	if two := waiting(t, r, mostSpares); slices.Contains(two, first[0]) {
		t.Errorf("spares %v, want the oldest %d gone", two, first[0])
	}
}

// TestSpareLost: a spare that is dead, or too old, is replaced by a new start.
func TestSpareLost(t *testing.T) {
	r := newRunner(t, filepath.Join(openDir(t), "skeleton"), nil)
	if len(r.stage) == 0 {
		return // nothing is made ahead
	}
	conf := policy.Confinement{Level: policy.LevelIsolated}
	startPid(t, r, conf, shell("exit 0"))
	dead := waiting(t, r, 1)[0]
	if err := unix.Kill(dead, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := unix.Waitid(unix.P_PID, dead, nil, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	if pid, res := startPid(t, r, conf, shell("exit 7")); res.ExitCode != 7 || pid == dead {
		t.Errorf("after a dead spare: pid %d, %+v", pid, res)
	}
	old := waiting(t, r, 1)[0]
	r.spares.mu.Lock()
	r.spares.wait[0].born = time.Now().Add(-spareLives)
	r.spares.mu.Unlock()
	if pid, _ := startPid(t, r, conf, shell("exit 0")); pid == old {
		t.Error("a spare was used after its time")
	}
	r.spares.expire()
	r.spares.mu.Lock()
	defer r.spares.mu.Unlock()
	for _, x := range r.spares.wait {
		if x.pid == old {
			t.Error("a spare outlives its time")
		}
	}
}

// TestSpareMounts: what was made before the mount table changed is not used.
func TestSpareMounts(t *testing.T) {
	if os.Geteuid() != 0 {
		return // an ordinary user cannot change the table
	}
	if os.Getenv("OPENCLAW_MOUNTS") == "" {
		cmd := exec.Command("/proc/self/exe", "-test.v", "-test.run", "^TestSpareMounts$")
		cmd.Env = append(os.Environ(), "OPENCLAW_MOUNTS=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		t.Fatal(err)
	}
	r := newRunner(t, filepath.Join(openDir(t), "skeleton"), nil)
	if len(r.stage) == 0 {
		return // nothing is made ahead
	}
	conf := policy.Confinement{Level: policy.LevelIsolated}
	startPid(t, r, conf, shell("exit 0"))
	stale := waiting(t, r, 1)[0]
	if err := syscall.Mount("none", "/usr/games", "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	c := shell("grep -c /usr/games /proc/self/mountinfo")
	c.Stdout = &out
	if pid, _ := startPid(t, r, conf, c); pid == stale || out.String() != "1\n" {
		t.Errorf("supervisor %d, spare %d, the run sees %q mounts at /usr/games", pid, stale, out.String())
	}
}

// TestSpareEnds: nothing waits longer than the gateway lives, killed or closed.
func TestSpareEnds(t *testing.T) {
	if dir := os.Getenv("OPENCLAW_SPARES"); dir != "" {
		r := newRunner(t, dir, nil)
		startPid(t, r, policy.Confinement{Level: policy.LevelIsolated}, shell("exit 0"))
		fmt.Println(waiting(t, r, 1)[0])
		select {} // until it is killed
	}
	dir := openDir(t)
	r := newRunner(t, filepath.Join(dir, "skeleton"), nil)
	if len(r.stage) == 0 {
		return // nothing is made ahead
	}
	startPid(t, r, policy.Confinement{Level: policy.LevelIsolated}, shell("exit 0"))
	spare := waiting(t, r, 1)[0]
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(spare, 0); err != unix.ESRCH {
		t.Errorf("spare %d after Close: %v", spare, err)
	}
	cmd := exec.Command("/proc/self/exe", "-test.run", "^TestSpareEnds$")
	cmd.Env = append(os.Environ(), "OPENCLAW_SPARES="+filepath.Join(dir, "other"))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscan(out, &pid); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 30_000); n != 1 {
		t.Errorf("spare %d outlives its gateway: %v", pid, err)
	}
}

// TestSpareUsable: what an ordinary user's spare cannot open is not handed to it.
func TestSpareUsable(t *testing.T) {
	p := &plan{spec: confine.Spec{Level: confine.LevelIsolated, Root: "/r", Early: 1, Mounts: []confine.Mount{{Kind: confine.MountBind, Source: "/usr", Target: "/usr"}}}}
	if _, ok := p.key(false); !ok {
		t.Error("a plain run has no key")
	}
	for name, change := range map[string]func(*plan){
		"beneath /usr": func(p *plan) { p.spec.Mounts = append(p.spec.Mounts, confine.Mount{Source: "/usr/local/x"}) },
		"too many": func(p *plan) {
			p.spec.Mounts = append(p.spec.Mounts, slices.Repeat([]confine.Mount{{Source: "/x"}}, mostLate+1)...)
		},
		"dry":       func(p *plan) { p.spec.Dry = true },
		"confined":  func(p *plan) { p.spec.Level = confine.LevelConfined },
		"not ahead": func(p *plan) { p.spec.Early = 0 },
	} {
		q := *p
		q.spec.Mounts = slices.Clone(p.spec.Mounts)
		change(&q)
		if _, ok := q.key(false); ok {
			t.Errorf("%s: has a key", name)
		}
	}
}
