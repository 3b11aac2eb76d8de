//go:build linux && (amd64 || arm64)

package linux

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/openclaw-go/openclaw/internal/sandbox"
	"github.com/openclaw-go/openclaw/internal/sandbox/linux/confine"
)

var _ sandbox.SelfRestrictor = (*Runner)(nil)

// errFixed: the launcher has gone after this process gave up starting programs.
var errFixed = errors.New("sandbox: the launcher is gone, and this process may not start another: restart the gateway")

// RestrictSelf starts the launcher, which keeps all rights, and then restricts
// every thread of this process: by Landlock to the files of o, by a filter to
// calls that start no program.
func (r *Runner) RestrictSelf(o sandbox.Own) (sandbox.Restricted, error) {
	var out sandbox.Restricted
	// getpid fails in a program that C code is linked to: its threads cannot all
	// be reached, and one that is left out would hold every right.
	if _, _, e := syscall.AllThreadsSyscall(unix.SYS_GETPID, 0, 0, 0); e != 0 {
		return out, fmt.Errorf("sandbox: threads of the gateway: %w", e)
	}
	if _, err := r.current(); err != nil {
		return out, err
	}
	r.mu.Lock()
	r.fixed = true
	r.mu.Unlock()
	if _, _, e := syscall.AllThreadsSyscall(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0); e != 0 {
		return out, fmt.Errorf("sandbox: no_new_privs of the gateway: %w", e)
	}
	if r.abi > 0 {
		o.Write = append(slices.Clone(o.Write), r.opts.SkeletonDir)
		if r.opts.CacheDir != "" {
			o.Write = append(o.Write, r.opts.CacheDir)
		}
		if r.cgroup != nil {
			for _, t := range r.cgroup.trees {
				o.Write = append(o.Write, t.dir)
			}
		}
		writes, err := restrictFiles(r.abi, o)
		if err != nil {
			return out, err
		}
		out.LandlockABI, out.Writes = r.abi, writes
	}
	f, err := confine.SelfFilter()
	if err != nil {
		return out, fmt.Errorf("sandbox: filter of the gateway: %w", err)
	}
	prog := unix.SockFprog{Len: uint16(len(f)), Filter: &f[0]}
	n, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog)))
	runtime.KeepAlive(f)
	if e != 0 || n != 0 {
		return out, fmt.Errorf("sandbox: filter of the gateway: thread %d: %w", n, e)
	}
	out.Filter = true
	return out, nil
}

// restrictFiles puts every thread under file rules and gives the places that
// can be written.
func restrictFiles(abi int, o sandbox.Own) ([]string, error) {
	known := confine.FileRights(abi)
	attr := unix.LandlockRulesetAttr{Handled_access_fs: known}
	set, _, e := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), 8, 0)
	if e != 0 {
		return nil, fmt.Errorf("sandbox: rules of the gateway: %w", e)
	}
	defer unix.Close(int(set))
	const read = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	writes := []string{}
	grant := func(path string, rights uint64) (bool, error) {
		ok, err := allow(int(set), path, rights&known)
		if err != nil {
			return false, fmt.Errorf("sandbox: rule of the gateway for %q: %w", path, err)
		}
		return ok, nil
	}
	for _, p := range o.Write {
		ok, err := grant(p, known&^(unix.LANDLOCK_ACCESS_FS_EXECUTE|unix.LANDLOCK_ACCESS_FS_MAKE_CHAR|unix.LANDLOCK_ACCESS_FS_MAKE_BLOCK))
		if err != nil {
			return nil, err
		}
		if ok {
			writes = append(writes, p)
		}
	}
	for _, p := range slices.Concat(o.Read, around(o.Hidden)) {
		if _, err := grant(p, read); err != nil {
			return nil, err
		}
	}
	for _, p := range []string{"/dev/null", "/dev/zero", "/dev/tty", "/dev/random", "/dev/urandom"} {
		if _, err := grant(p, read|unix.LANDLOCK_ACCESS_FS_WRITE_FILE|unix.LANDLOCK_ACCESS_FS_IOCTL_DEV); err != nil {
			return nil, err
		}
	}
	if _, _, e := syscall.AllThreadsSyscall(unix.SYS_LANDLOCK_RESTRICT_SELF, set, 0, 0); e != 0 {
		return nil, fmt.Errorf("sandbox: rules of the gateway: %w", e)
	}
	return writes, nil
}

// allow adds a rule; false when there is nothing at the path, or nothing that
// may be looked at.
func allow(set int, path string, rights uint64) (bool, error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return false, nil
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return false, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		rights &= confine.PlainFileRights
	}
	rule := unix.LandlockPathBeneathAttr{Allowed_access: rights, Parent_fd: int32(fd)}
	if _, _, e := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(set), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0); e != 0 {
		return false, e
	}
	return true, nil
}

// around gives the entries of every directory on the way to hidden ones that
// lead to none of them: together all but what is hidden.
func around(hidden []string) []string {
	if len(hidden) == 0 {
		return []string{"/"}
	}
	onWay := func(path string) bool {
		return slices.ContainsFunc(hidden, func(h string) bool { return beneath(h, path) })
	}
	out := []string{}
	var walk func(dir string)
	walk = func(dir string) {
		list, err := os.ReadDir(dir)
		if err != nil {
			return
		}
		for _, e := range list {
			path := filepath.Join(dir, e.Name())
			switch {
			case slices.Contains(hidden, path):
			case onWay(path):
				walk(path)
			default:
				out = append(out, path)
			}
		}
	}
	walk("/")
	return out
}
