//go:build linux && (amd64 || arm64)

package confine

import (
	"syscall"
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
	n, e := sys(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION, 0, 0)
	if e != 0 {
		return 0
	}
	return min(n, mostABI)
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

// PlainFileRights are those that a rule for a file can have.
const PlainFileRights = fileRights

// FileRights are all that an ABI knows of files, from the first on.
func FileRights(abi int) uint64 {
	switch {
	case abi >= 3:
		return handled(abi)
	case abi == 2:
		return 1<<14 - 1
	case abi == 1:
		return 1<<13 - 1
	}
	return 0
}

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
func (v *view) landlock() failure {
	attr := unix.LandlockRulesetAttr{Handled_access_fs: handled(v.abi)}
	size := uintptr(8)
	if v.abi >= 4 {
		attr.Handled_access_net = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
		size = 16
	}
	if v.abi >= 6 {
		attr.Scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
		size = 24
	}
	set, e := sysFirst(unix.SYS_LANDLOCK_CREATE_RULESET, unsafe.Pointer(&attr), size, 0, 0)
	if e != 0 {
		return failure{"landlock ruleset", "", e}
	}
	for l := v.rules; l.n > 0; l.n-- {
		r := l.from.rule()
		if e := addRule(set, r, attr.Handled_access_fs); e != 0 {
			return failure{"landlock rule", r.Path, e}
		}
	}
	if v.proxy && v.abi >= 4 {
		port := netPort{allowed: unix.LANDLOCK_ACCESS_NET_CONNECT_TCP, port: ProxyPort}
		if e := addTo(set, ruleNetPort, unsafe.Pointer(&port)); e != 0 {
			return failure{"landlock port", "", e}
		}
	}
	_, e = sys(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(set), 0, 0, 0, 0)
	closeFD(set)
	return failure{"landlock restrict", "", e}
}

//go:nosplit
func addTo(set int, kind uintptr, rule unsafe.Pointer) errno {
	_, _, e := syscall.RawSyscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(set), kind, uintptr(rule), 0, 0, 0)
	return e
}

func addRule(set int, r Rule, known uint64) errno {
	fd, mode, e := openPlain(r.Path)
	if e != 0 {
		return e
	}
	rights := r.Access.rights() & known
	if mode != unix.S_IFDIR {
		rights &= fileRights
	}
	beneath := unix.LandlockPathBeneathAttr{Allowed_access: rights, Parent_fd: int32(fd)}
	e = addTo(set, unix.LANDLOCK_RULE_PATH_BENEATH, unsafe.Pointer(&beneath))
	closeFD(fd)
	return e
}
