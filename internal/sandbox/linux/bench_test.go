//go:build linux && (amd64 || arm64)

package linux

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox"
)

// bwrap is measured beside, where it is installed: it has fewer layers and no
// witness, but pays the same kernel.
const bwrap = "/usr/bin/bwrap"

// BenchmarkIsolated measures in turn a bare exec, an isolated one that finds a
// spare, one that does not, one with the proxy and bwrap, and reports the
// medians, since only their differences mean anything.
func BenchmarkIsolated(b *testing.B) {
	for _, heap := range []struct {
		name  string
		bytes int
	}{{"small-heap", 0}, {"256MB-heap", 256 << 20}} {
		b.Run(heap.name, func(b *testing.B) {
			r, conf, cmd := benchRunner(b)
			alone, _, _ := benchRunner(b)
			alone.spares.close()
			proxied := conf
			proxied.Network = policy.NetworkProxy
			ballast := make([]byte, heap.bytes)
			for i := 0; i < len(ballast); i += 4096 {
				ballast[i] = 1
			}
			isolated := func(r *Runner, conf policy.Confinement) func() error {
				return func() error {
					res, err := r.Run(context.Background(), benchPermit(b, conf), cmd)
					if err == nil && (res.ExitCode != 0 || res.Enforced != policy.LevelIsolated) {
						err = fmt.Errorf("result %+v", res)
					}
					return err
				}
			}
			rows := []benchRow{{name: "bare", run: exec1(cmd.Path)}, {name: "isolated", run: isolated(r, conf)}, {name: "proxy", run: isolated(r, proxied)},
				{name: "cold", run: isolated(alone, conf)}}
			if _, err := os.Stat(bwrap); err == nil {
				rows = append(rows, benchRow{name: "bwrap", run: exec1(bwrap, "--unshare-all", "--die-with-parent", "--ro-bind", "/usr", "/usr",
					"--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", cmd.Path)})
			}
			for b.Loop() {
				for i := range rows {
					at := time.Now()
					if err := rows[i].run(); err != nil {
						b.Fatal(err)
					}
					rows[i].took = append(rows[i].took, time.Since(at))
					// What the last row left to do is not the next one's.
					r.tails.Wait()
					alone.tails.Wait()
				}
			}
			for _, x := range rows {
				b.ReportMetric(x.at(50), x.name+"-ms")
				if x.name != "bare" {
					b.ReportMetric(x.at(50)-rows[0].at(50), x.name+"-over-ms")
				}
			}
			b.ReportMetric(rows[1].at(95), "isolated-p95-ms")
			b.ReportMetric(float64(pss(b, r.launcher.pid)), "launcher-KiB")
			for _, x := range r.spares.wait {
				b.ReportMetric(float64(pss(b, x.pid)), "spare-KiB")
			}
			runtime.KeepAlive(ballast)
		})
	}
}

// pss gives the memory that is a process's own share, in KiB.
func pss(b *testing.B, pid int) (n int) {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "Pss:"); ok {
			_, err = fmt.Sscan(rest, &n)
		}
	}
	if err != nil || n == 0 {
		b.Fatalf("smaps_rollup of %d: %d, %v", pid, n, err)
	}
	return n
}

type benchRow struct {
	name string
	run  func() error
	took []time.Duration
}

// at gives a percentile in milliseconds.
func (r benchRow) at(percent int) float64 {
	sorted := slices.Sorted(slices.Values(r.took))
	return float64(sorted[len(sorted)*percent/100].Microseconds()) / 1000
}

func exec1(argv ...string) func() error {
	return func() error { return exec.Command(argv[0], argv[1:]...).Run() }
}

// BenchmarkInFlight keeps 32 runs in flight: bare ones, and isolated ones.
func BenchmarkInFlight(b *testing.B) {
	r, conf, cmd := benchRunner(b)
	for _, x := range []benchRow{{name: "bare", run: exec1(cmd.Path)}, {name: "isolated", run: func() error {
		res, err := r.Run(context.Background(), benchPermit(b, conf), cmd)
		if err == nil && res.ExitCode != 0 {
			err = fmt.Errorf("result %+v", res)
		}
		return err
	}}} {
		b.Run(x.name, func(b *testing.B) {
			var wg sync.WaitGroup
			work := make(chan struct{})
			for range 32 {
				wg.Go(func() {
					for range work {
						if err := x.run(); err != nil {
							b.Error(err)
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
		})
	}
}

func benchRunner(b *testing.B) (*Runner, policy.Confinement, sandbox.Cmd) {
	b.Helper()
	base := b.TempDir()
	ws := filepath.Join(base, "ws")
	if err := os.Mkdir(ws, 0o755); err != nil {
		b.Fatal(err)
	}
	r, err := New(Options{SkeletonDir: filepath.Join(base, "skeleton"), UID: 65534, GID: 65534,
		Proxy: func(ln net.Listener, _ policy.Permit) { _, _ = ln.Accept() }})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = r.Close() })
	r.Support()
	return r, policy.Confinement{Level: policy.LevelIsolated, Workspace: ws},
		sandbox.Cmd{Path: "/usr/bin/true", Args: []string{"true"}, Env: []string{"PATH=/usr/bin"}}
}

func benchPermit(b *testing.B, conf policy.Confinement) policy.Permit {
	b.Helper()
	q := policy.Request{Tool: "exec", Agent: "main"}
	p, err := policy.Decision{Verdict: policy.Allow, Digest: policy.DigestOf(q), Confinement: conf}.Permit(q)
	if err != nil {
		b.Fatal(err)
	}
	return p
}
