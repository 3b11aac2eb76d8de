//go:build linux && (amd64 || arm64)

package linux

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox"
	"github.com/openclaw-go/openclaw/internal/sandbox/sandboxtest"
)

// inMounts runs a test again as root of a mount namespace of its own; true
// tells that this is it.
func inMounts(t *testing.T) bool {
	t.Helper()
	const variable = "OPENCLAW_TEST_MOUNTS"
	if os.Getenv(variable) != "" {
		if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
			t.Fatal(err)
		}
		return true
	}
	cmd := exec.Command("/proc/self/exe", "-test.v", "-test.run", "^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), variable+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return false
}

// TestWorkspaceFileSystems: a workspace on a file system that cannot execute,
// write or take more is used as far as it goes, and says why not.
func TestWorkspaceFileSystems(t *testing.T) {
	if os.Geteuid() != 0 {
		return // only root mounts; TestOrdinaryUser's runs are no different
	}
	if !inMounts(t) {
		return
	}
	dir := openDir(t)
	r := newRunner(t, filepath.Join(dir, "skeleton"), nil)
	mount := func(name string, flags uintptr, options string) string {
		at := filepath.Join(dir, name)
		if err := errors.Join(os.Mkdir(at, 0o755), syscall.Mount("tmpfs", at, "tmpfs", 0, fmt.Sprintf("uid=%d,gid=%d,mode=755,%s", runUID, runGID, options))); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = syscall.Unmount(at, syscall.MNT_DETACH) })
		script := filepath.Join(at, "script")
		if err := errors.Join(os.WriteFile(script, []byte("#!/bin/sh\necho ran\n"), 0o755), os.Chmod(script, 0o755), os.Chown(script, runUID, runGID)); err != nil {
			t.Fatal(err)
		}
		if flags != 0 {
			if err := syscall.Mount("", at, "", syscall.MS_REMOUNT|flags, ""); err != nil {
				t.Fatal(err)
			}
		}
		return at
	}
	for _, level := range []policy.Level{policy.LevelConfined, policy.LevelIsolated} {
		noexec, readonly, full := mount("noexec"+level.String(), syscall.MS_NOEXEC, "size=1m"), mount("readonly"+level.String(), syscall.MS_RDONLY, "size=1m"), mount("full"+level.String(), 0, "size=64k")
		said := func(ws, script string) (string, error) {
			var out bytes.Buffer
			c := shell(script)
			c.Stdout, c.Stderr = &out, &out
			_, err := r.Run(t.Context(), sandboxtest.Permit(t, policy.Confinement{Level: level, Workspace: ws, WorkspaceWrite: ws != readonly}), c)
			return out.String(), err
		}
		if out, err := said(noexec, "./script || sh ./script; echo x > new && cat new"); err != nil || !strings.Contains(out, "Permission denied") || !strings.HasSuffix(out, "ran\nx\n") {
			t.Errorf("%v noexec: %q, %v", level, out, err)
		}
		if out, err := said(readonly, "cat script; echo x > new"); err != nil || !strings.Contains(out, "echo ran") || !strings.Contains(out, "new:") {
			t.Errorf("%v read-only: %q, %v", level, out, err)
		}
		if out, err := said(full, "head -c 200000 /dev/zero > big; ls"); err != nil || !strings.Contains(out, "No space left on device") {
			t.Errorf("%v full: %q, %v", level, out, err)
		}
		// A profile that asks for writing where nobody can is refused before.
		var access *sandbox.AccessError
		_, err := r.Run(t.Context(), sandboxtest.Permit(t, policy.Confinement{Level: level, Workspace: readonly, WorkspaceWrite: true}), shell("echo ran"))
		if err == nil || (errors.As(err, &access) && access.Path != readonly) {
			t.Errorf("%v read-only asked for writing: %v", level, err)
		}
		// A steering file that does not exist cannot be held where nothing can be
		// made: refused, and not run without the protection.
		if _, err := r.Run(t.Context(), sandboxtest.Permit(t, policy.Confinement{Level: policy.LevelIsolated, Workspace: readonly, WorkspaceWrite: true, ReadOnly: []string{readonly + "/.envrc"}}), shell("echo ran")); err == nil {
			t.Error("ran without the protection of a steering file")
		}
	}
}

// TestContradictions: a profile that takes back what it grants is held by its
// stricter half, and one that makes no sense is refused.
func TestContradictions(t *testing.T) {
	dir := openDir(t)
	r := newRunner(t, filepath.Join(dir, "skeleton"), nil)
	ws := workspace(t, dir)
	uid, gid := ids()
	for _, name := range []string{"hidden", "held"} {
		if err := errors.Join(os.WriteFile(filepath.Join(ws, name), []byte(name+"\n"), 0o644), os.Chown(filepath.Join(ws, name), uid, gid)); err != nil {
			t.Fatal(err)
		}
	}
	for _, level := range []policy.Level{policy.LevelConfined, policy.LevelIsolated} {
		for what, x := range map[string]struct {
			conf   policy.Confinement
			script string
			never  string
		}{
			"read root that is hidden":      {policy.Confinement{Workspace: ws, ReadRoots: []string{ws + "/hidden"}, Masked: []string{ws + "/hidden"}}, "cat hidden", "hidden\n"},
			"hidden and only to be read":    {policy.Confinement{Workspace: ws, WorkspaceWrite: true, Masked: []string{ws + "/hidden"}, ReadOnly: []string{ws + "/hidden"}}, "cat hidden; echo x > hidden; cat hidden", "hidden\n"},
			"the whole workspace read-only": {policy.Confinement{Workspace: ws, WorkspaceWrite: true, ReadOnly: []string{ws}}, "echo x > held; echo y > new; cat new", "y\n"},
			"the whole workspace hidden":    {policy.Confinement{Workspace: ws, Masked: []string{ws}}, "cat " + ws + "/held", "held\n"},
			"a read root over a held file":  {policy.Confinement{Workspace: ws, WorkspaceWrite: true, ReadRoots: []string{ws}, ReadOnly: []string{ws + "/held"}}, "echo x > held; cat held | grep x", "x\n"},
		} {
			var out bytes.Buffer
			c := shell(x.script)
			c.Stdout, c.Dir = &out, "/"
			if x.conf.Masked == nil || x.conf.Masked[0] != ws {
				c.Dir = ws
			}
			x.conf.Level = level
			_, err := r.Run(t.Context(), sandboxtest.Permit(t, x.conf), c)
			if strings.Contains(out.String(), x.never) {
				t.Errorf("%v, %s: it said %q, %v", level, what, out.String(), err)
			}
		}
	}
	for name, want := range map[string]string{"hidden": "hidden\n", "held": "held\n"} {
		if b, err := os.ReadFile(filepath.Join(ws, name)); err != nil || string(b) != want {
			t.Errorf("%s is %q, %v", name, b, err)
		}
	}
}

// TestLongOutput: a gigabyte of output is read to its end and not kept.
func TestLongOutput(t *testing.T) {
	r := newRunner(t, filepath.Join(openDir(t), "skeleton"), nil)
	var out bytes.Buffer
	c := shell("head -c 1073741824 /dev/zero; echo done >&2")
	c.Stdout, c.Stderr = &out, io.Discard
	res, err := r.Run(t.Context(), sandboxtest.Permit(t, policy.Confinement{Level: policy.LevelIsolated}), c)
	if err != nil || res.ExitCode != 0 || !res.OutputCut || out.Len() > DefaultOutputBytes || out.Cap() > 4*DefaultOutputBytes {
		t.Errorf("kept %d bytes in %d: %+v, %v", out.Len(), out.Cap(), res, err)
	}
}

// TestIgnoresTerm: a program that takes no signal ends with its time all the same.
func TestIgnoresTerm(t *testing.T) {
	r := newRunner(t, filepath.Join(openDir(t), "skeleton"), nil)
	for _, level := range matrixLevels() {
		conf := policy.Confinement{Level: level, Limits: policy.Limits{TimeoutMs: 300}}
		res, err := r.Run(t.Context(), sandboxtest.Permit(t, conf), shell(`trap "" TERM HUP INT QUIT PIPE USR1; while :; do sleep 1000; done`))
		if err != nil || !res.TimedOut {
			t.Errorf("%v: %+v, %v", level, res, err)
		}
	}
}

// TestGatewayKilled: when the gateway is killed in the middle, nothing that it
// started is left running.
func TestGatewayKilled(t *testing.T) {
	const variable = "OPENCLAW_TEST_KILLED"
	if at := os.Getenv(variable); at != "" {
		r := newRunner(t, filepath.Join(at, "skeleton"), nil)
		for i, level := range matrixLevels() {
			conf := policy.Confinement{Level: level}
			c := shell(fmt.Sprintf("sleep 77%d.%d & (setsid sleep 77%d.%d &); echo ready >&2; exec sleep 77%d.%d", i, os.Getppid(), i, os.Getppid(), i, os.Getppid()))
			c.Stderr = os.Stdout
			if _, err := r.Start(t.Context(), sandboxtest.Permit(t, conf), c); err != nil {
				t.Fatal(err)
			}
		}
		fmt.Println("started")
		select {}
	}
	cmd := exec.Command("/proc/self/exe", "-test.run", "^TestGatewayKilled$")
	cmd.Env = append(os.Environ(), variable+"="+openDir(t))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	text, chunk := "", make([]byte, 256)
	for strings.Count(text, "ready") < 3 || !strings.Contains(text, "started") {
		n, err := out.Read(chunk)
		if text += string(chunk[:n]); err != nil {
			t.Fatalf("it said %q, %v", text, err)
		}
	}
	running := func() (n int) {
		lists, err := filepath.Glob("/proc/[0-9]*/cmdline")
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range lists {
			argv, err := os.ReadFile(l)
			if err == nil && strings.HasPrefix(string(argv), "sleep\x0077") && strings.HasSuffix(string(argv), fmt.Sprintf(".%d\x00", os.Getpid())) {
				n++
			}
		}
		return n
	}
	if n := running(); n < 3 {
		t.Errorf("%d programs before, want some", n)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	for until := time.Now().Add(30 * time.Second); running() > 0; {
		if time.Now().After(until) {
			t.Fatalf("%d programs are left", running())
		}
		ts := unix.NsecToTimespec(int64(5 * time.Millisecond))
		_ = unix.Nanosleep(&ts, nil)
	}
}
