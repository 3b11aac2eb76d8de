//go:build linux && (amd64 || arm64)

package confine

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// LeastABI is the first Landlock version that covers truncation and renames
// between directories; below it file rules do not hold what they promise.
const LeastABI = 3

// mostABI is the newest version whose rights are known here.
const mostABI = 7

// LandlockABI gives the kernel's version as far as known, 0 without Landlock.
func LandlockABI() int {
	n, _, e := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if e != 0 {
		return 0
	}
	return min(int(n), mostABI)
}

const (
	fileRights = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_READ_FILE |
		unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	readRights  = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	writeRights = unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_REFER |
		unix.LANDLOCK_ACCESS_FS_REMOVE_DIR | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE | unix.LANDLOCK_ACCESS_FS_MAKE_DIR |
		unix.LANDLOCK_ACCESS_FS_MAKE_REG | unix.LANDLOCK_ACCESS_FS_MAKE_SOCK | unix.LANDLOCK_ACCESS_FS_MAKE_FIFO | unix.LANDLOCK_ACCESS_FS_MAKE_SYM
	deviceRights = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
)

// handled are all rights that an ABI knows.
func handled(abi int) uint64 {
	switch {
	case abi >= 5:
		return 1<<16 - 1
	case abi >= 3:
		return 1<<15 - 1
	}
	return 0
}

func (a Access) rights() uint64 {
	var out uint64
	for _, c := range [...]struct {
		bit    Access
		rights uint64
	}{{AccessList, unix.LANDLOCK_ACCESS_FS_READ_DIR}, {AccessRead, readRights}, {AccessExecute, unix.LANDLOCK_ACCESS_FS_EXECUTE},
		{AccessWrite, writeRights}, {AccessDevice, deviceRights}} {
		if a&c.bit != 0 {
			out |= c.rights
		}
	}
	return out
}

// netPort and ruleNetPort are the kernel's landlock_net_port_attr and its rule type.
type netPort struct{ allowed, port uint64 }

const ruleNetPort = 2

// ProxyPort is the one port that a run with a proxy may connect to.
const ProxyPort = 3128

// landlock restricts the calling thread for good.
func (s *Spec) landlock() *Failure {
	attr := unix.LandlockRulesetAttr{Handled_access_fs: handled(s.ABI)}
	size := uintptr(8)
	if s.ABI >= 4 {
		attr.Handled_access_net = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
		size = 16
	}
	if s.ABI >= 6 {
		attr.Scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
		size = 24
	}
	set, _, e := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), size, 0)
	if e != 0 {
		return &Failure{"landlock ruleset", "", int(e)}
	}
	defer unix.Close(int(set))
	for _, r := range s.Rules {
		if f := addRule(int(set), r, attr.Handled_access_fs); f != nil {
			return f
		}
	}
	if s.Proxy && s.ABI >= 4 {
		net := netPort{allowed: unix.LANDLOCK_ACCESS_NET_CONNECT_TCP, port: ProxyPort}
		if _, _, e := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, set, ruleNetPort, uintptr(unsafe.Pointer(&net)), 0, 0, 0); e != 0 {
			return &Failure{"landlock port", "", int(e)}
		}
	}
	if _, _, e := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, set, 0, 0); e != 0 {
		return &Failure{"landlock restrict", "", int(e)}
	}
	return nil
}

func addRule(set int, r Rule, known uint64) *Failure {
	fd, err := openPlain(r.Path)
	if err != nil {
		return &Failure{"landlock rule", r.Path, errno(err)}
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return &Failure{"landlock rule", r.Path, errno(err)}
	}
	rights := r.Access.rights() & known
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		rights &= fileRights
	}
	attr := unix.LandlockPathBeneathAttr{Allowed_access: rights, Parent_fd: int32(fd)}
	if _, _, e := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(set), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&attr)), 0, 0, 0); e != 0 {
		return &Failure{"landlock rule", r.Path, int(e)}
	}
	return nil
}
