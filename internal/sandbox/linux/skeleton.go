//go:build linux && (amd64 || arm64)

package linux

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/openclaw-go/openclaw/internal/sandbox/linux/confine"
)

// home is where a program finds its private home.
const home = "/home/agent"

// systemDirs are shown read-only when they are directories of their own and
// as the same symbolic link when they are one.
func systemDirs() []string {
	return []string{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"}
}

func deviceNodes() []string {
	return []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"}
}

// etcFiles are copied when the host has them. None holds a secret.
func etcFiles() []string {
	return []string{"/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/localtime", "/etc/timezone", "/etc/ssl/certs/ca-certificates.crt",
		"/etc/ssl/openssl.cnf", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/services", "/etc/protocols", "/etc/mime.types", "/etc/os-release"}
}

// mountPoint is a place that the skeleton has to have.
type mountPoint struct {
	path string
	file bool
}

// skeleton gives the root directory for a set of mount points, built at the
// first use of the set. Names of other workspaces never appear in it.
func (r *Runner) skeleton(points []mountPoint) (string, error) {
	h := sha256.New()
	fmt.Fprintf(h, "1 %d %d\n", r.uid, r.gid)
	for _, p := range points {
		fmt.Fprintf(h, "%q %t\n", p.path, p.file)
	}
	dir := filepath.Join(r.opts.SkeletonDir, "root-"+hex.EncodeToString(h.Sum(nil)[:12]))
	r.skeletonMu.Lock()
	defer r.skeletonMu.Unlock()
	if r.skeletons[dir] {
		return dir, nil
	}
	// Built afresh once per start, so that a changed system file is seen and a
	// half-built directory is never used.
	if err := os.RemoveAll(dir); err != nil {
		return "", fmt.Errorf("sandbox: skeleton: %w", err)
	}
	if err := r.buildSkeleton(dir, points); err != nil {
		return "", fmt.Errorf("sandbox: skeleton: %w", err)
	}
	r.skeletons[dir] = true
	return dir, nil
}

func (r *Runner) buildSkeleton(dir string, points []mountPoint) error {
	b := &skeletonBuilder{dir: dir}
	for _, d := range []string{"/etc", "/dev", "/proc", "/tmp", home, confine.EmptyDir, "/run", "/var"} {
		b.mkdir(d)
	}
	for _, s := range systemDirs() {
		b.system(s)
	}
	for _, n := range deviceNodes() {
		b.write(n, "", 0o644)
	}
	for link, to := range map[string]string{"/dev/fd": "/proc/self/fd", "/dev/stdin": "/proc/self/fd/0", "/dev/stdout": "/proc/self/fd/1",
		"/dev/stderr": "/proc/self/fd/2", "/dev/shm": "/tmp", "/var/tmp": "/tmp"} {
		b.link(link, to)
	}
	for _, f := range etcFiles() {
		b.copy(f)
	}
	b.write("/etc/passwd", fmt.Sprintf("root:x:0:0:root:/:/bin/false\nagent:x:%d:%d:agent:%s:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n", r.uid, r.gid, home), 0o644)
	b.write("/etc/group", fmt.Sprintf("root:x:0:\nagent:x:%d:\nnogroup:x:65534:\n", r.gid), 0o644)
	b.write("/etc/hosts", "127.0.0.1 localhost openclaw\n::1 localhost\n", 0o644)
	b.write("/etc/hostname", "openclaw\n", 0o644)
	b.write("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n", 0o644)
	b.write("/etc/resolv.conf", "# no resolver: names are looked up by the proxy\n", 0o644)
	b.write(confine.MaskFile, "", 0)
	b.write(confine.EmptyFile, "", 0o444)
	b.write(confine.CanaryFile, "canary\n", 0o644)
	b.mkdir(confine.MaskDir)
	for _, p := range points {
		if p.file {
			b.write(p.path, "", 0o644)
		} else {
			b.mkdir(p.path)
		}
	}
	b.chmod(confine.MaskDir, 0)
	b.chmod(confine.EmptyDir, 0o555)
	return b.err
}

// skeletonBuilder keeps the first error.
type skeletonBuilder struct {
	dir string
	err error
}

func (b *skeletonBuilder) do(f func(path string) error, path string) {
	if b.err == nil {
		b.err = f(filepath.Join(b.dir, path))
	}
}

// mkdir makes every component passable for the uid of runs, whatever the umask.
func (b *skeletonBuilder) mkdir(path string) {
	at := b.dir
	for _, name := range strings.Split("/"+strings.Trim(path, "/"), "/") {
		at = filepath.Join(at, name)
		if b.err != nil {
			return
		}
		err := os.Mkdir(at, 0o755)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err == nil {
			err = os.Chmod(at, 0o755)
		}
		b.err = err
	}
}

func (b *skeletonBuilder) chmod(path string, mode os.FileMode) {
	b.do(func(p string) error { return os.Chmod(p, mode) }, path)
}

func (b *skeletonBuilder) link(path, to string) {
	b.mkdir(filepath.Dir(path))
	b.do(func(p string) error { return os.Symlink(to, p) }, path)
}

func (b *skeletonBuilder) write(path, content string, mode os.FileMode) {
	b.mkdir(filepath.Dir(path))
	b.do(func(p string) error {
		if err := os.WriteFile(p, []byte(content), 0o600); err != nil {
			return err
		}
		return os.Chmod(p, mode)
	}, path)
}

func (b *skeletonBuilder) copy(path string) {
	content, err := os.ReadFile(path)
	if err == nil {
		b.write(path, string(content), 0o644)
	}
}

func (b *skeletonBuilder) system(path string) {
	to, err := os.Readlink(path)
	switch {
	case err == nil && !strings.HasPrefix(to, ".."):
		b.link(path, to)
	case isDir(path):
		b.mkdir(path)
	}
}

func isDir(path string) bool {
	fi, err := os.Lstat(path)
	return err == nil && fi.IsDir()
}
