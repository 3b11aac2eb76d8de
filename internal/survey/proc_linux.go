package survey

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/openclaw-go/openclaw/internal/audit"
)

// listening is the state of a listening socket in /proc/net/tcp (proc(5)).
const listening = "0A"

// listeners are the listening sockets on a port, and all of a gateway's.
func listeners(port int) []audit.Listener {
	type socket struct {
		audit.Listener
		inode string
	}
	var all []socket
	for _, file := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		b, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		for _, line := range strings.Split(string(b), "\n")[1:] {
			f := strings.Fields(line)
			if len(f) < 10 || f[3] != listening {
				continue
			}
			a, p, ok := address(f[1])
			if !ok {
				continue
			}
			uid, _ := strconv.Atoi(f[7]) //nolint:errcheck // the kernel wrote it
			all = append(all, socket{audit.Listener{Addr: a.String(), Port: p, UID: uid}, f[9]})
		}
	}
	owners := socketOwners()
	var out []audit.Listener
	for _, s := range all {
		if pid, ok := owners[s.inode]; ok {
			s.PID, s.Name = pid, comm(pid)
		}
		if s.Port == port || strings.HasPrefix(s.Name, "openclaw") {
			out = append(out, s.Listener)
		}
	}
	return out
}

// address reads "0100007F:223D": 32-bit words in the machine's order.
func address(s string) (netip.Addr, int, bool) {
	host, port, ok := strings.Cut(s, ":")
	b, err := hex.DecodeString(host)
	p, err2 := strconv.ParseUint(port, 16, 16)
	if !ok || err != nil || err2 != nil || len(b) != 4 && len(b) != 16 {
		return netip.Addr{}, 0, false
	}
	for i := 0; i < len(b); i += 4 {
		slices.Reverse(b[i : i+4]) // little-endian machines only are built for
	}
	a, ok := netip.AddrFromSlice(b)
	return a.Unmap(), int(p), ok
}

// socketOwners maps socket inodes to processes, as far as they may be seen.
func socketOwners() map[string]int {
	out := map[string]int{}
	for _, pid := range pids() {
		dir := fmt.Sprintf("/proc/%d/fd", pid)
		list, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, e := range list {
			target, err := os.Readlink(filepath.Join(dir, e.Name()))
			if err != nil {
				continue
			}
			if inode, ok := strings.CutPrefix(target, "socket:["); ok {
				inode = strings.TrimSuffix(inode, "]")
				if _, taken := out[inode]; !taken {
					out[inode] = pid
				}
			}
		}
	}
	return out
}

func pids() []int {
	list, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var out []int
	for _, e := range list {
		if n, err := strconv.Atoi(e.Name()); err == nil {
			out = append(out, n)
		}
	}
	return out
}

func comm(pid int) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// gateways are the gateways that run, of any user.
func gateways() []audit.Process {
	var out []audit.Process
	for _, pid := range pids() {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err != nil || len(b) == 0 || pid == os.Getpid() {
			continue
		}
		if argv := arguments(b); isGateway(argv) {
			out = append(out, processOf(pid, argv))
		}
	}
	return out
}

func arguments(b []byte) []string {
	return strings.Split(string(bytes.TrimRight(b, "\x00")), "\x00")
}

func processOf(pid int, argv []string) audit.Process {
	p := process(argv)
	p.PID = pid
	if info, err := os.Stat(fmt.Sprintf("/proc/%d", pid)); err == nil {
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			p.UID = int(st.Uid)
		}
	}
	p.Home, p.State = environ(pid)
	return p
}

// ProcessOf looks at one process; ok is false when it does not show.
func ProcessOf(pid int) (r Ran, ok bool) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil || len(b) == 0 {
		return r, false
	}
	r.Process = processOf(pid, arguments(b))
	exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	r.Replaced = err == nil && strings.HasSuffix(exe, " (deleted)")
	return r, true
}

// environ reads the home and state directory of a process, when it may.
func environ(pid int) (home, state string) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return "", ""
	}
	for _, kv := range strings.Split(string(b), "\x00") {
		if v, ok := strings.CutPrefix(kv, "HOME="); ok {
			home = v
		}
		if v, ok := strings.CutPrefix(kv, "OPENCLAW_STATE_DIR="); ok {
			state = v
		}
	}
	if state == "" && home != "" {
		state = filepath.Join(home, ".openclaw")
	}
	return home, state
}
