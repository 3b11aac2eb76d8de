package survey

import (
	"encoding/hex"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/audit"
)

// maxInterfaces bounds what is noted: a host of containers has thousands.
const maxInterfaces = 64

// interfaces notes interfaces and their addresses from files of the kernel, so
// that no socket is opened.
func (s *survey) interfaces() {
	list, err := os.ReadDir(s.root("/sys/class/net"))
	if err != nil {
		return
	}
	addrs := s.addresses()
	for _, e := range list {
		name := e.Name()
		if len(addrs[name]) == 0 || name == "lo" {
			continue
		}
		uevent, _ := read(s.root("/sys/class/net/"+name+"/uevent"), maxText) //nolint:errcheck // what cannot be read is no WireGuard
		tun := present(s.root("/sys/class/net/" + name + "/tun_flags"))
		s.out.Interfaces = append(s.out.Interfaces, audit.Interface{Name: name, Addrs: addrs[name],
			WireGuard: strings.Contains("\n"+string(uevent), "\nDEVTYPE=wireguard\n") || tun && strings.HasPrefix(name, "wg")})
		if len(s.out.Interfaces) == maxInterfaces {
			return
		}
	}
}

// addresses of this machine by interface.
func (s *survey) addresses() map[string][]string {
	out := map[string][]string{}
	six, err := read(s.root("/proc/net/if_inet6"), maxText)
	if err == nil {
		for line := range strings.Lines(string(six)) {
			if f := strings.Fields(line); len(f) == 6 {
				if b, err := hex.DecodeString(f[0]); err == nil && len(b) == 16 {
					out[f[5]] = append(out[f[5]], netip.AddrFrom16([16]byte(b)).String())
				}
			}
		}
	}
	routes := s.routes()
	for _, a := range s.localFour() {
		// The narrowest route to one's own address names the interface.
		best, bits := "", -1
		for _, r := range routes {
			if r.to.Contains(a) && r.to.Bits() > bits {
				best, bits = r.by, r.to.Bits()
			}
		}
		if best != "" {
			out[best] = append(out[best], a.String())
		}
	}
	for _, l := range out {
		slices.Sort(l)
	}
	return out
}

// localFour reads the local IPv4 addresses of /proc/net/fib_trie.
func (s *survey) localFour() []netip.Addr {
	b, err := read(s.root("/proc/net/fib_trie"), 4*maxText)
	if err != nil {
		return nil
	}
	var out []netip.Addr
	var last netip.Addr
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) >= 2 && f[len(f)-2] == "|--" {
			last, err = netip.ParseAddr(f[len(f)-1])
			if err != nil {
				last = netip.Addr{}
			}
			continue
		}
		if len(f) == 3 && f[0] == "/32" && f[1] == "host" && f[2] == "LOCAL" && last.IsValid() && !last.IsLoopback() && !slices.Contains(out, last) {
			out = append(out, last)
		}
	}
	return out
}

// route is one line of /proc/net/route.
type route struct {
	to netip.Prefix
	by string
}

func (s *survey) routes() []route {
	b, err := read(s.root("/proc/net/route"), 4*maxText)
	if err != nil {
		return nil
	}
	var out []route
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) < 8 {
			continue
		}
		to, ok1 := four(f[1])
		mask, ok2 := four(f[7])
		if !ok1 || !ok2 {
			continue
		}
		bits := 0
		for _, m := range mask.As4() {
			for ; m&0x80 != 0; m <<= 1 {
				bits++
			}
		}
		if bits > 0 { // the default route owns nothing
			out = append(out, route{netip.PrefixFrom(to, bits), f[0]})
		}
	}
	return out
}

// four reads a word of /proc/net/route: "0100007F".
func four(s string) (netip.Addr, bool) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 4 {
		return netip.Addr{}, false
	}
	slices.Reverse(b)
	return netip.AddrFrom4([4]byte(b)), true
}

// firewall reads what UFW is set to.
func (s *survey) firewall() {
	if runtime.GOOS != "linux" {
		return
	}
	s.out.Firewall = &audit.Firewall{}
	conf, err := read(s.root("/etc/ufw/ufw.conf"), maxText)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	u := &audit.UFW{}
	s.out.Firewall.UFW = u
	if err != nil {
		u.RulesErr = cause(err)
		return
	}
	u.Enabled = strings.EqualFold(assigned(string(conf), "ENABLED"), "yes")
	if def, err := read(s.root("/etc/default/ufw"), maxText); err == nil {
		u.Input = strings.ToUpper(assigned(string(def), "DEFAULT_INPUT_POLICY"))
	}
	for _, p := range []string{"/etc/ufw/user.rules", "/etc/ufw/user6.rules"} {
		b, err := read(s.root(p), maxText)
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				u.RulesErr = cause(err)
			}
			continue
		}
		u.Opens = append(u.Opens, ufwRules(p, string(b))...)
	}
}

// assigned is the value of the last NAME=value of a file of a shell.
func assigned(text, name string) (out string) {
	for line := range strings.Lines(text) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), name+"="); ok {
			out = strings.Trim(v, `"'`)
		}
	}
	return out
}

// ufwRules reads the comments in which UFW keeps its own words: "### tuple ###
// allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in_eth0".
func ufwRules(file, text string) (out []audit.UFWRule) {
	n := 0
	for line := range strings.Lines(text) {
		n++
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), "### tuple ### ")
		f := strings.Fields(rest)
		if !ok || len(f) < 6 || f[0] != "allow" && !strings.HasPrefix(f[0], "allow_") && f[0] != "limit" && !strings.HasPrefix(f[0], "limit_") {
			continue
		}
		r := audit.UFWRule{File: file, Line: n, Proto: f[1], Ports: f[2], From: f[5]}
		direction := f[len(f)-1]
		if len(f) > 6 && (direction == "out" || strings.HasPrefix(direction, "out_")) {
			continue
		}
		if i, ok := strings.CutPrefix(direction, "in_"); ok {
			r.Interface = i
		}
		out = append(out, r)
	}
	return out
}
