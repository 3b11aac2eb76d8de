//go:build linux && (amd64 || arm64)

package linux

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox"
)

// bwrap is measured beside, where it is installed: it has fewer layers and no
// witness, but pays the same kernel.
const bwrap = "/usr/bin/bwrap"

// BenchmarkIsolated measures a bare exec and an isolated one in turn and
// reports the medians, since only their difference means anything.
func BenchmarkIsolated(b *testing.B) {
	for _, heap := range []struct {
		name  string
		bytes int
	}{{"small-heap", 0}, {"256MB-heap", 256 << 20}} {
		b.Run(heap.name, func(b *testing.B) {
			r, p, cmd := benchRunner(b)
			ballast := make([]byte, heap.bytes)
			for i := 0; i < len(ballast); i += 4096 {
				ballast[i] = 1
			}
			var bare, isolated, other []time.Duration
			_, err := os.Stat(bwrap)
			compare := err == nil
			for b.Loop() {
				at := time.Now()
				if err := exec.Command(cmd.Path).Run(); err != nil {
					b.Fatal(err)
				}
				bare = append(bare, time.Since(at))
				at = time.Now()
				if res, err := r.Run(context.Background(), p, cmd); err != nil || res.ExitCode != 0 || res.Enforced != policy.LevelIsolated {
					b.Fatalf("%+v, %v", res, err)
				}
				isolated = append(isolated, time.Since(at))
				if compare {
					at = time.Now()
					if err := exec.Command(bwrap, "--unshare-all", "--die-with-parent", "--ro-bind", "/usr", "/usr", "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64",
						"--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", cmd.Path).Run(); err != nil {
						b.Fatal(err)
					}
					other = append(other, time.Since(at))
				}
			}
			slices.Sort(bare)
			slices.Sort(isolated)
			slices.Sort(other)
			mid := func(d []time.Duration) float64 { return float64(d[len(d)/2].Microseconds()) / 1000 }
			b.ReportMetric(mid(bare), "bare-ms")
			b.ReportMetric(mid(isolated), "isolated-ms")
			b.ReportMetric(mid(isolated)-mid(bare), "over-ms")
			if compare {
				b.ReportMetric(mid(other), "bwrap-ms")
			}
			b.ReportMetric(float64(isolated[len(isolated)*95/100].Microseconds())/1000, "p95-ms")
			runtime.KeepAlive(ballast)
		})
	}
}

// BenchmarkInFlight keeps 32 isolated runs in flight.
func BenchmarkInFlight(b *testing.B) {
	r, p, cmd := benchRunner(b)
	var wg sync.WaitGroup
	work := make(chan struct{})
	for range 32 {
		wg.Go(func() {
			for range work {
				if res, err := r.Run(context.Background(), p, cmd); err != nil || res.ExitCode != 0 {
					b.Errorf("%+v, %v", res, err)
				}
			}
		})
	}
	at := time.Now()
	n := 0
	for b.Loop() {
		work <- struct{}{}
		n++
	}
	close(work)
	wg.Wait()
	b.ReportMetric(float64(n)/time.Since(at).Seconds(), "runs/s")
}

func benchRunner(b *testing.B) (*Runner, policy.Permit, sandbox.Cmd) {
	b.Helper()
	base := b.TempDir()
	ws := filepath.Join(base, "ws")
	if err := os.Mkdir(ws, 0o755); err != nil {
		b.Fatal(err)
	}
	r, err := New(Options{SkeletonDir: filepath.Join(base, "skeleton"), UID: 65534, GID: 65534})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = r.Close() })
	q := policy.Request{Tool: "exec", Agent: "main"}
	p, err := policy.Decision{Verdict: policy.Allow, Digest: policy.DigestOf(q),
		Confinement: policy.Confinement{Level: policy.LevelIsolated, Workspace: ws}}.Permit(q)
	if err != nil {
		b.Fatal(err)
	}
	r.Support()
	return r, p, sandbox.Cmd{Path: "/usr/bin/true", Args: []string{"true"}, Env: []string{"PATH=/usr/bin"}}
}
