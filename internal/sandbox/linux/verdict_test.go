//go:build linux && (amd64 || arm64)

package linux

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox"
	"github.com/openclaw-go/openclaw/internal/sandbox/linux/confine"
)

const goodStatus = `Name:	openclaw
Uid:	7	7	7	7
Gid:	8	8	8	8
Groups:	
NoNewPrivs:	1
CapInh:	0000000000000000
CapPrm:	0000000000000000
CapEff:	0000000000000000
CapBnd:	0000000000000000
CapAmb:	0000000000000000
Seccomp:	2
Seccomp_filters:	1
`

const goodLimits = `Limit                     Soft Limit           Hard Limit           Units
Max core file size        0                    0                    bytes
Max file size             1000                 1000                 bytes
Max processes             60                   60                   processes
Max open files            64                   64                   files
`

// goodMounts has the workspace, a steering file in it and a mount that came
// along with /usr.
const goodMounts = `1 0 254:0 /skel / ro,nosuid,nodev - ext4 /dev/x rw
2 1 254:0 /usr /usr ro,nosuid,nodev - ext4 /dev/x rw
3 2 254:1 / /usr/local ro,nosuid,nodev - ext4 /dev/y rw
4 1 254:0 /ws /ws rw,nosuid,nodev - ext4 /dev/x rw
5 4 254:0 /ws/A /ws/A\040B ro,nosuid,nodev - ext4 /dev/x rw
6 1 0:5 /null /dev/null rw,nosuid - devtmpfs dev rw
7 1 0:6 / /tmp rw,nosuid,nodev - tmpfs tmpfs rw
8 1 0:7 / /proc rw,nosuid,nodev,noexec - proc proc rw
`

// scene is a run whose witness is right; tests spoil one thing.
type scene struct {
	v       verdict
	status  string // inside
	outside string
	limits  string
	ns      map[string]string // outside
}

func newScene() *scene {
	s := &scene{status: goodStatus, outside: goodStatus, limits: goodLimits, ns: map[string]string{}}
	s.v = verdict{root: true, host: map[string]string{}, report: &confine.Report{Nonce: "n", FDs: []int{0, 1, 2, 3}, Mounts: goodMounts}}
	s.v.plan = &plan{level: policy.LevelIsolated, spec: confine.Spec{Level: confine.LevelIsolated, Nonce: "n", Path: "/bin/x", Args: []string{"x"},
		Env: []string{"A=1"}, UID: 7, GID: 8, ABI: 7, Limits: confine.Limits{FileBytes: 1000, Processes: 60, OpenFiles: 64},
		Mounts: []confine.Mount{{Kind: confine.MountBind, Source: "/usr", Target: "/usr"}, {Kind: confine.MountBind, Source: "/ws", Target: "/ws", Write: true},
			{Kind: confine.MountReadOnly, Target: "/ws/A B"}, {Kind: confine.MountBind, Source: "/dev/null", Target: "/dev/null", Write: true, Device: true},
			{Kind: confine.MountTmpfs, Target: "/tmp"}, {Kind: confine.MountProc, Target: "/proc"}, {Kind: confine.MountMask, Target: "/ws/absent"}}}}
	s.v.report.CmdSum = confine.CmdSum("/bin/x", []string{"x"}, []string{"A=1"})
	f, err := newFilter(confine.LevelIsolated)
	if err != nil {
		panic(err)
	}
	s.v.plan.filterSum = f.sum
	s.v.report.Filter = s.v.plan.filterSum
	s.v.report.Probes = s.v.plan.wantedProbes()
	for _, ns := range namespaceNames() {
		s.v.host[ns], s.ns[ns] = ns+":[1]", ns+":[2]"
		s.v.report.Namespaces = append(s.v.report.Namespaces, ns+" "+ns+":[2]")
	}
	return s
}

func (s *scene) judge() (sandbox.Witness, policy.Guarantees) {
	s.v.report.Status = s.status
	text := s.outside + s.limits
	for _, ns := range namespaceNames() {
		if s.ns[ns] != "" {
			text += "ns " + ns + " " + s.ns[ns] + "\n"
		}
	}
	return s.v.judge(text)
}

func both(s *scene, old, fresh string) {
	s.status, s.outside = strings.Replace(s.status, old, fresh, 1), strings.Replace(s.outside, old, fresh, 1)
}

func TestVerdictGood(t *testing.T) {
	s := newScene()
	w, held := s.judge()
	if len(s.v.misses) != 0 || bestLevel(held) != policy.LevelIsolated || held&policy.MemoryLimit != 0 || held&policy.PidsLimit == 0 {
		t.Errorf("misses %q, held %v", s.v.misses, held.Names())
	}
	if w.Mounts != 8 || len(w.MountsHash) != 64 || len(w.EnvHash) != 64 || w.FilterHash == "" {
		t.Errorf("witness %+v", w)
	}
}

func TestVerdictSpoiled(t *testing.T) {
	line := func(old, fresh string) func(*scene) {
		return func(s *scene) { s.v.report.Mounts = strings.Replace(s.v.report.Mounts, old, fresh, 1) }
	}
	rows := map[string]func(*scene){
		"nonce":               func(s *scene) { s.v.report.Nonce = "m" },
		"environment":         func(s *scene) { s.v.report.CmdSum++ },
		"filter":              func(s *scene) { s.v.report.Filter++ },
		"uid":                 func(s *scene) { both(s, "Uid:\t7\t7\t7\t7", "Uid:\t7\t7\t0\t7") },
		"gid":                 func(s *scene) { both(s, "Gid:\t8\t8\t8\t8", "Gid:\t8\t8\t8\t0") },
		"group":               func(s *scene) { both(s, "Groups:\t", "Groups:\t4") },
		"effective":           func(s *scene) { both(s, "CapEff:\t0", "CapEff:\t1") },
		"permitted":           func(s *scene) { both(s, "CapPrm:\t0", "CapPrm:\t1") },
		"inheritable":         func(s *scene) { both(s, "CapInh:\t0", "CapInh:\t1") },
		"ambient":             func(s *scene) { both(s, "CapAmb:\t0", "CapAmb:\t1") },
		"bounding":            func(s *scene) { both(s, "CapBnd:\t0", "CapBnd:\t1") },
		"no_new_privs":        func(s *scene) { both(s, "NoNewPrivs:\t1", "NoNewPrivs:\t0") },
		"seccomp":             func(s *scene) { both(s, "Seccomp:\t2", "Seccomp:\t0") },
		"filters":             func(s *scene) { both(s, "Seccomp_filters:\t1", "Seccomp_filters:\t0") },
		"only inside":         func(s *scene) { s.outside = strings.Replace(s.outside, "NoNewPrivs:\t1", "NoNewPrivs:\t0", 1) },
		"only outside":        func(s *scene) { s.status = strings.Replace(s.status, "Seccomp:\t2", "Seccomp:\t0", 1) },
		"empty inside":        func(s *scene) { s.status = "" },
		"empty outside":       func(s *scene) { s.outside = "" },
		"no limits":           func(s *scene) { s.limits = "" },
		"file size":           func(s *scene) { s.limits = strings.ReplaceAll(s.limits, "1000", "2000") },
		"unlimited processes": func(s *scene) { s.limits = strings.ReplaceAll(s.limits, "60", "unlimited") },
		"core":                func(s *scene) { s.limits = strings.ReplaceAll(s.limits, " 0 ", " 9 ") },
		"descriptor":          func(s *scene) { s.v.report.FDs = append(s.v.report.FDs, 9) },
		"no descriptors":      func(s *scene) { s.v.report.FDs = nil },
		"unplanned mount":     func(s *scene) { s.v.report.Mounts += "9 1 0:9 / /host rw,nosuid,nodev - ext4 x rw\n" },
		"mount in skeleton":   func(s *scene) { s.v.report.Mounts += "9 1 0:9 / /etc ro,nosuid,nodev - ext4 x rw\n" },
		"mount in tmp":        func(s *scene) { s.v.report.Mounts += "9 1 0:9 / /tmp/x ro,nosuid,nodev - ext4 x rw\n" },
		"broken mount line":   func(s *scene) { s.v.report.Mounts += "9 1\n" },
		"writable root":       line("/skel / ro", "/skel / rw"),
		"writable usr":        line("/usr /usr ro", "/usr /usr rw"),
		"writable beneath":    line("/usr/local ro", "/usr/local rw"),
		"writable steering":   line(`/ws/A\040B ro`, `/ws/A\040B rw`),
		"steering absent":     line(`/ws/A\040B`, `/ws/other`),
		"suid":                line("/usr /usr ro,nosuid,nodev", "/usr /usr ro,nodev"),
		"dev":                 line("/ws /ws rw,nosuid,nodev", "/ws /ws rw,nosuid"),
		"not tmpfs":           line("- tmpfs tmpfs", "- ext4 tmpfs"),
		"not proc":            line("- proc proc", "- ext4 proc"),
		"masked but writable": func(s *scene) { s.v.report.Mounts += "9 4 0:9 / /ws/absent rw,nosuid,nodev - ext4 x rw\n" },
		"shadowing mount":     func(s *scene) { s.v.report.Mounts += "9 4 0:9 / /usr rw,nosuid,nodev - ext4 x rw\n" },
	}
	for _, ns := range namespaceNames() {
		rows["host's "+ns] = func(s *scene) { s.v.host[ns] = ns + ":[2]" }
		rows["other "+ns] = func(s *scene) { s.ns[ns] = ns + ":[3]" }
		rows["no "+ns] = func(s *scene) { s.ns[ns] = "" }
	}
	for i, p := range newScene().v.report.Probes {
		rows["probe "+p.Name] = func(s *scene) { s.v.report.Probes[i].Errno = int(unix.E2BIG) }
		rows["no probe "+p.Name] = func(s *scene) { s.v.report.Probes = slices.Delete(s.v.report.Probes, i, i+1) }
	}
	for name, spoil := range rows {
		t.Run(name, func(t *testing.T) {
			s := newScene()
			spoil(s)
			if s.judge(); len(s.v.misses) == 0 {
				t.Error("accepted")
			}
		})
	}
}

// TestVerdictNever: whatever the stage reports, a run whose outside reading is
// not confined is never accepted.
func TestVerdictNever(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newScene()
		s.outside = rapid.String().Draw(t, "outside")
		s.limits = ""
		s.status = rapid.SampledFrom([]string{goodStatus, "", s.outside}).Draw(t, "inside")
		if _, held := s.judge(); len(s.v.misses) == 0 || bestLevel(held) != policy.LevelNone {
			t.Fatalf("held %v", held.Names())
		}
	})
}

func FuzzMounts(f *testing.F) {
	f.Add(goodMounts)
	f.Add("1 2 3:4 / /a\\04 ro - x\n")
	f.Fuzz(func(t *testing.T, text string) {
		s := newScene()
		s.v.report.Mounts = text
		list := parseMounts(text)
		if s.v.mounts(list) && !slices.ContainsFunc(list, func(m mounted) bool { return m.target == "/" && m.has("ro") }) {
			t.Errorf("accepted %q", text)
		}
	})
}

// evaluate runs a filter as the kernel does.
func evaluate(t *testing.T, prog []unix.SockFilter, arch, nr uint32, args ...uint64) uint32 {
	t.Helper()
	data := make([]byte, 64)
	binary.LittleEndian.PutUint32(data[0:], nr)
	binary.LittleEndian.PutUint32(data[4:], arch)
	for i, a := range args {
		binary.LittleEndian.PutUint64(data[16+8*i:], a)
	}
	var acc uint32
	for pc := 0; pc < len(prog); pc++ {
		in := prog[pc]
		jump := func(yes bool) {
			if yes {
				pc += int(in.Jt)
			} else {
				pc += int(in.Jf)
			}
		}
		switch in.Code {
		case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			acc = binary.LittleEndian.Uint32(data[in.K:])
		case unix.BPF_ALU | unix.BPF_AND | unix.BPF_K:
			acc &= in.K
		case unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K:
			jump(acc == in.K)
		case unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K:
			jump(acc >= in.K)
		case unix.BPF_JMP | unix.BPF_JGT | unix.BPF_K:
			jump(acc > in.K)
		case unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K:
			jump(acc&in.K != 0)
		case unix.BPF_RET | unix.BPF_K:
			return in.K
		default: // the assembler makes no other instruction
			t.Fatalf("instruction %d: code %#x", pc, in.Code)
		}
	}
	t.Fatal("the filter ends without an answer")
	return 0
}

func TestFilter(t *testing.T) {
	const kill, allow, errno = 0x80000000, 0x7fff0000, 0x00050000
	isolated := confine.FilterParams{Inet: true, Route: true, SysVIPC: true}
	confined := confine.FilterParams{Guard: true}
	for _, row := range []struct {
		name string
		nr   uint32
		args []uint64
		iso  uint32
		conf uint32
	}{
		{"read", unix.SYS_READ, nil, allow, allow},
		{"execve", unix.SYS_EXECVE, nil, allow, allow},
		{"mount", unix.SYS_MOUNT, nil, errno | uint32(unix.EPERM), errno | uint32(unix.EPERM)},
		{"unshare", unix.SYS_UNSHARE, nil, errno | uint32(unix.EPERM), errno | uint32(unix.EPERM)},
		{"bpf", unix.SYS_BPF, nil, errno | uint32(unix.EPERM), errno | uint32(unix.EPERM)},
		{"clone3", unix.SYS_CLONE3, nil, errno | uint32(unix.ENOSYS), errno | uint32(unix.ENOSYS)},
		{"io_uring", unix.SYS_IO_URING_SETUP, nil, errno | uint32(unix.ENOSYS), errno | uint32(unix.ENOSYS)},
		{"thread", unix.SYS_CLONE, []uint64{unix.CLONE_VM | unix.CLONE_THREAD}, allow, allow},
		{"clone user", unix.SYS_CLONE, []uint64{unix.CLONE_NEWUSER}, errno | uint32(unix.EPERM), errno | uint32(unix.EPERM)},
		{"tcp", unix.SYS_SOCKET, []uint64{unix.AF_INET, unix.SOCK_STREAM | unix.SOCK_CLOEXEC, 0}, allow, errno | uint32(unix.EAFNOSUPPORT)},
		{"tcp6", unix.SYS_SOCKET, []uint64{unix.AF_INET6, unix.SOCK_STREAM, unix.IPPROTO_TCP}, allow, errno | uint32(unix.EAFNOSUPPORT)},
		{"udp", unix.SYS_SOCKET, []uint64{unix.AF_INET, unix.SOCK_DGRAM, 0}, errno | uint32(unix.EPROTONOSUPPORT), errno | uint32(unix.EAFNOSUPPORT)},
		{"unix", unix.SYS_SOCKET, []uint64{unix.AF_UNIX, unix.SOCK_STREAM, 0}, errno | uint32(unix.EAFNOSUPPORT), errno | uint32(unix.EAFNOSUPPORT)},
		{"route", unix.SYS_SOCKET, []uint64{unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE}, allow, errno | uint32(unix.EAFNOSUPPORT)},
		{"audit", unix.SYS_SOCKET, []uint64{unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_AUDIT}, errno | uint32(unix.EPROTONOSUPPORT), errno | uint32(unix.EAFNOSUPPORT)},
		{"socketpair", unix.SYS_SOCKETPAIR, []uint64{unix.AF_UNIX}, allow, allow},
		{"fast open", unix.SYS_SENDTO, []uint64{3, 0, 0, unix.MSG_FASTOPEN}, errno | uint32(unix.EPERM), errno | uint32(unix.EPERM)},
		{"send", unix.SYS_SENDTO, []uint64{3, 0, 0, unix.MSG_NOSIGNAL}, allow, allow},
		{"kill guard", unix.SYS_KILL, []uint64{77, 9}, allow, errno | uint32(unix.EPERM)},
		{"kill guard's group", unix.SYS_KILL, []uint64{1<<64 - 77, 9}, allow, errno | uint32(unix.EPERM)},
		{"kill all", unix.SYS_KILL, []uint64{1<<64 - 1, 9}, allow, errno | uint32(unix.EPERM)},
		{"kill other", unix.SYS_KILL, []uint64{78, 9}, allow, allow},
		{"tgkill guard", unix.SYS_TGKILL, []uint64{77, 77, 9}, allow, errno | uint32(unix.EPERM)},
		{"shmget", unix.SYS_SHMGET, nil, allow, errno | uint32(unix.EPERM)},
		{"own limits", unix.SYS_PRLIMIT64, []uint64{0}, allow, allow},
		{"others' limits", unix.SYS_PRLIMIT64, []uint64{5}, errno | uint32(unix.EPERM), errno | uint32(unix.EPERM)},
		{"sticky input", unix.SYS_IOCTL, []uint64{0, unix.TIOCSTI}, errno | uint32(unix.EPERM), errno | uint32(unix.EPERM)},
		{"window size", unix.SYS_IOCTL, []uint64{0, unix.TIOCGWINSZ}, allow, allow},
		{"future", 900, nil, errno | uint32(unix.ENOSYS), errno | uint32(unix.ENOSYS)},
	} {
		for _, c := range []struct {
			params confine.FilterParams
			want   uint32
		}{{isolated, row.iso}, {confined, row.conf}} {
			prog, err := confine.Filter(c.params)
			if err != nil {
				t.Fatal(err)
			}
			if got := evaluate(t, guarded(prog, 77), nativeArch(), row.nr, row.args...); got != c.want {
				t.Errorf("%s under %+v: %#x, want %#x", row.name, c.params, got, c.want)
			}
		}
	}
	prog, err := confine.Filter(isolated)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		nr, arch := rapid.Uint32().Draw(rt, "nr"), rapid.Uint32().Draw(rt, "arch")
		if got := evaluate(t, prog, arch, nr); arch != nativeArch() && got != kill {
			rt.Fatalf("foreign %#x: %#x", arch, got)
		}
		if got := evaluate(t, prog, nativeArch(), nr|0x40000000); got != kill {
			rt.Fatalf("x32 %d: %#x", nr, got)
		}
	})
}

// guarded is a filter with the supervisor's pid in it, as the kernel gets it.
func guarded(f []unix.SockFilter, pid uint32) []unix.SockFilter {
	b := confine.FilterBytes(f)
	confine.Guard(b, pid)
	out := make([]unix.SockFilter, len(b)/8)
	for i := range out {
		x := b[8*i:]
		out[i] = unix.SockFilter{Code: binary.NativeEndian.Uint16(x), Jt: x[2], Jf: x[3], K: binary.NativeEndian.Uint32(x[4:])}
	}
	return out
}

func nativeArch() uint32 {
	if len(confine.ForeignKinds()) > 0 {
		return unix.AUDIT_ARCH_X86_64
	}
	return unix.AUDIT_ARCH_AARCH64
}

func TestSetEnv(t *testing.T) {
	got := setEnv([]string{"A=1", "HOME=/root", "B=2"}, "HOME=/h", "C=3")
	if !slices.Equal(got, []string{"A=1", "B=2", "HOME=/h", "C=3"}) {
		t.Errorf("%q", got)
	}
}
