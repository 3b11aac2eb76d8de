package crash

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// changing are the calls by which files change.
const changing = "write,pwrite64,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,ftruncate,fchmod"

const rounds = 3

// point is one call of a run: the nth of its name. The zero point is none.
type point struct {
	name string
	n    int
}

// points lists the calls of a log, in order.
func points(log []byte) []point {
	var out []point
	count := map[string]int{}
	for line := range strings.Lines(string(log)) {
		_, call, ok := strings.Cut(strings.TrimSpace(line), " ")
		name, _, is := strings.Cut(strings.TrimSpace(call), "(")
		if !ok || !is || strings.ContainsAny(name, "<+- ") {
			continue
		}
		count[name]++
		out = append(out, point{name, count[name]})
	}
	return out
}

// traced runs the child under strace, which kills it with SIGKILL at a call;
// the zero point lets it end.
func traced(t *testing.T, dir, log string, from int, kill point, more ...string) (said string, killed bool) {
	t.Helper()
	args := []string{"-f", "-qq", "-o", log, "-e", "trace=" + changing}
	if kill.n > 0 {
		args = append(args, "-e", fmt.Sprintf("inject=%s:signal=KILL:when=%d", kill.name, kill.n))
	}
	args = append(append(args, more...), os.Args[0])
	c := exec.Command("strace", args...)
	c.Env = []string{fmt.Sprintf("%s=%s %d %d", childVar, dir, from, rounds), "HOME=" + dir, "GOMAXPROCS=1", "PATH=/usr/bin:/bin"}
	var out, failed bytes.Buffer
	c.Stdout, c.Stderr = &out, &failed
	err := c.Run()
	if err == nil {
		return out.String(), false
	}
	if kill.n == 0 || failed.Len() > 0 {
		t.Fatalf("the child: %v: %s", err, failed.String())
	}
	return out.String(), true
}

// TestKilledAtEveryWrite kills a program with SIGKILL at a call that changes a
// file, again and again on the same home: of every file there is what was said
// to be done, or what was being done, and the next start goes on from there.
// It needs strace.
func TestKilledAtEveryWrite(t *testing.T) {
	dir, log := t.TempDir(), filepath.Join(t.TempDir(), "calls")
	if err := prepare(dir); err != nil {
		t.Fatal(err)
	}
	traced(t, dir, log, 1, point{})
	b, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	calls := points(b)
	if len(calls) < 40 {
		t.Fatalf("only %d calls in %d rounds", len(calls), rounds)
	}
	times, next := 15, func(i int) point { return calls[i%len(calls)] }
	if *soak {
		times = 500
	} else {
		r := rand.New(rand.NewPCG(20261124, 1))
		next = func(int) point { return calls[r.IntN(len(calls))] }
	}
	killed, at := 0, map[string]int{}
	for i := range times {
		now, err := read(dir)
		if err != nil {
			t.Fatalf("before kill %d: %v", i, err)
		}
		from := 1 + max(now["vault"], now["config"], now["pairing"], now["store"])
		level(t, dir, now, from-1)
		where := next(i)
		said, dead := traced(t, dir, log, from, where)
		if dead {
			killed++
			at[where.name]++
		}
		if now, err = read(dir); err == nil {
			err = now.holds(saidIn(said, from), func(string) bool { return true })
		}
		if err != nil {
			t.Fatalf("kill %d: %v\nsaid:\n%s", i, err, said)
		}
	}
	t.Logf("%d kills of %d at %v", killed, times, at)
	if killed < times*8/10 {
		t.Errorf("only %d of %d were killed", killed, times)
	}
	for _, call := range []string{"write", "fsync"} {
		if at[call] == 0 {
			t.Errorf("nothing was killed at %s", call)
		}
	}
}

// level brings files that a kill left a step behind up to the others, so that
// the next rounds count alike.
func level(t *testing.T, dir string, now state, to int) {
	t.Helper()
	st := openStore(t, dir)
	for _, k := range kinds {
		for i := now[k] + 1; i <= to; i++ {
			for _, s := range steps(dir, st, i) {
				if s.kind == k {
					if err := s.do(); err != nil {
						t.Fatalf("%s %d after a kill: %v", k, i, err)
					}
				}
			}
		}
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
}
