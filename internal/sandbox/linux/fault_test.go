//go:build linux && (amd64 || arm64)

package linux

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox"
	"github.com/openclaw-go/openclaw/internal/sandbox/linux/confine"
)

func buildStage(t *testing.T, out, ldflags string, flags ...string) []byte {
	t.Helper()
	args := slices.Concat([]string{"build", "-trimpath", "-buildvcs=false", "-ldflags", "-E " + confine.EntrySymbol + " " + ldflags}, flags,
		[]string{"-o", out, "./stage"})
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestFault leaves out one layer at a time: the witness has to notice, and the
// program must not run.
func TestFault(t *testing.T) {
	dir := openDir(t)
	for _, x := range []struct {
		layer string
		level policy.Level
		tells string // what the witness says of it
	}{
		{"rlimits", policy.LevelProcess, "max file size"},
		{"caps", policy.LevelProcess, "capabilities"},
		{"nnp", policy.LevelProcess, "no_new_privs"},
		{"rlimits", policy.LevelIsolated, "max open files"},
		{"caps", policy.LevelIsolated, "capabilities"},
		{"landlock", policy.LevelConfined, `probe "canary": worked`},
		{"landlock", policy.LevelIsolated, `probe "canary": worked`},
		{"seccomp", policy.LevelConfined, "seccomp filters 0"},
		{"seccomp", policy.LevelIsolated, "seccomp filters 0"},
		{"filter rules", policy.LevelConfined, `probe "unix": worked`},
		{"filter rules", policy.LevelIsolated, `probe "unshare"`},
	} {
		t.Run(x.layer+"/"+x.level.String(), func(t *testing.T) {
			stage := buildStage(t, filepath.Join(dir, "stage"),
				"-X 'github.com/openclaw-go/openclaw/internal/sandbox/linux/confine.faultLayer="+x.layer+"'", "-tags", "openclaw_fault")
			r, err := newWith(Options{SkeletonDir: filepath.Join(openDir(t), "skeleton"), UID: runUID, GID: runGID}, stage)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			mark := filepath.Join(dir, "ran")
			p, err := r.start(context.Background(), job{conf: policy.Confinement{Level: x.level},
				cmd: sandbox.Cmd{Path: "/usr/bin/touch", Args: []string{"touch", mark}}})
			if err == nil {
				_, _ = p.Wait()
				t.Fatal("ran")
			}
			var w *sandbox.WitnessError
			if !errors.As(err, &w) || !strings.Contains(strings.Join(w.Misses, "\n"), x.tells) {
				t.Errorf("error %v, want a witness that tells %q", err, x.tells)
			}
			if r.Support().Supports(x.level) {
				t.Errorf("level %v counts as supported", x.level)
			}
		})
	}
}

// TestEmbedded holds the embedded program to what the sources build.
func TestEmbedded(t *testing.T) {
	dir := t.TempDir()
	const flags = "-s -w -buildid="
	one, two := buildStage(t, filepath.Join(dir, "one"), flags), buildStage(t, filepath.Join(dir, "two"), flags)
	if !bytes.Equal(one, two) {
		t.Error("two builds differ")
	}
	if len(embedded) > 0 && sha256.Sum256(embedded) != sha256.Sum256(one) {
		t.Error("the embedded stage is not what the sources build: run scripts/build-stage")
	}
	if len(one) > 2<<20 {
		t.Errorf("stage has %d bytes, want at most 2 MiB", len(one))
	}
}

// TestNoRuntime: what the kernel starts at entry must never need the Go
// runtime, which is not set up there. A failed bounds check calls it, and dies.
func TestNoRuntime(t *testing.T) {
	stage := filepath.Join(t.TempDir(), "stage")
	buildStage(t, stage, "")
	out, err := exec.Command("go", "tool", "objdump", "-s", `/linux/confine\.`, stage).Output()
	if err != nil {
		t.Fatal(err)
	}
	call := regexp.MustCompile(`(?:CALL|JMP|B|BL)\s+([A-Za-z_][\w./*()-]*\.[\w.()*-]+)\(SB\)`)
	allowed := regexp.MustCompile(`/linux/confine\.|^syscall\.RawSyscall6$|^runtime\.(mem(move|equal|clrNoHeapPointers)|duff(zero|copy)|morestack_noctxt(\.abi0)?|panic\w+|gcWriteBarrier\d|wb(Move|Zero))$`)
	seen := 0
	for _, m := range call.FindAllStringSubmatch(string(out), -1) {
		seen++
		if !allowed.MatchString(m[1]) {
			t.Errorf("the stage calls %s", m[1])
		}
	}
	if seen < 100 {
		t.Errorf("%d calls found, want hundreds", seen)
	}
}
