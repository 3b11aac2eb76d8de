package survey

import (
	"slices"
	"testing"

	"github.com/openclaw-go/openclaw/internal/audit"
)

const (
	trie = `Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 10.8.0.0/24 2 0 2
        |-- 10.8.0.0
           /24 link UNICAST
        |-- 10.8.0.2
           /32 host LOCAL
Local:
     |-- 127.0.0.1
        /32 host LOCAL
     |-- 192.168.1.7
        /32 host LOCAL
`
	routeTable = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n" +
		"eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n" +
		"eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n" +
		"eth0\t0000000A\t0101A8C0\t0003\t0\t0\t0\t000000FF\t0\t0\t0\n" +
		"wg0\t0000080A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
	six = "fd000000000000000000000000000002 05 40 00 80 wg0\n00000000000000000000000000000001 01 80 10 80 lo\n"
)

// TestInterfaces: addresses are read from files, and WireGuard is known by
// what the kernel calls it.
func TestInterfaces(t *testing.T) {
	s := machine(t, map[string]string{
		"/proc/net/fib_trie": trie, "/proc/net/route": routeTable, "/proc/net/if_inet6": six,
		"/sys/class/net/eth0/uevent": "INTERFACE=eth0\nIFINDEX=2\n", "/sys/class/net/lo/uevent": "INTERFACE=lo\n", "/sys/class/net/down0/uevent": "INTERFACE=down0\n",
		"/sys/class/net/wg0/uevent": "DEVTYPE=wireguard\nINTERFACE=wg0\nIFINDEX=9\n",
	})
	want := []audit.Interface{{Name: "eth0", Addrs: []string{"192.168.1.7"}}, {Name: "wg0", WireGuard: true, Addrs: []string{"10.8.0.2", "fd00::2"}}}
	if !slices.EqualFunc(s.Interfaces, want, func(a, b audit.Interface) bool {
		return a.Name == b.Name && a.WireGuard == b.WireGuard && slices.Equal(a.Addrs, b.Addrs)
	}) {
		t.Errorf("%+v", s.Interfaces)
	}
	// A WireGuard of user space is a tunnel by that name.
	s = machine(t, map[string]string{"/proc/net/if_inet6": "fd000000000000000000000000000002 05 40 00 80 wg1\nfd000000000000000000000000000003 05 40 00 80 wgx\n", "/sys/class/net/wg1/uevent": "INTERFACE=wg1\n", "/sys/class/net/wg1/tun_flags": "0x1001\n", "/sys/class/net/wgx/uevent": "INTERFACE=wgx\n"})
	if len(s.Interfaces) != 2 || !s.Interfaces[0].WireGuard || s.Interfaces[1].WireGuard {
		t.Errorf("%+v", s.Interfaces)
	}
}

// userRules is what UFW writes for: allow 22/tcp, limit 2222, allow in on
// tailscale0, allow from 10.0.0.0/8 to any port 8765, deny 8765, allow out.
const userRules = `*filter
:ufw-user-input - [0:0]
### RULES ###

### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in
-A ufw-user-input -p tcp --dport 22 -j ACCEPT

### tuple ### limit any 2222 0.0.0.0/0 any 0.0.0.0/0 in
### tuple ### allow any any 0.0.0.0/0 any 0.0.0.0/0 in_tailscale0
### tuple ### allow any 8765 0.0.0.0/0 any 10.0.0.0/8 in
### tuple ### deny tcp 8765 0.0.0.0/0 any 0.0.0.0/0 in
### tuple ### allow any any 0.0.0.0/0 any 0.0.0.0/0 out_eth0
### tuple ### allow_log tcp 80,443 0.0.0.0/0 any 0.0.0.0/0 Nginx%20Full - in
COMMIT
`

func TestUFW(t *testing.T) {
	if s := machine(t, nil); s.Firewall == nil || s.Firewall.UFW != nil {
		t.Errorf("%+v", s.Firewall)
	}
	w := machine(t, map[string]string{"/etc/ufw/ufw.conf": "# x\nENABLED=yes\nLOGLEVEL=low\n", "/etc/default/ufw": "IPV6=yes\nDEFAULT_INPUT_POLICY=\"DROP\"\n", "/etc/ufw/user.rules": userRules}).Firewall.UFW
	want := []audit.UFWRule{
		{File: "/etc/ufw/user.rules", Line: 5, Proto: "tcp", Ports: "22", From: "0.0.0.0/0"},
		{File: "/etc/ufw/user.rules", Line: 8, Proto: "any", Ports: "2222", From: "0.0.0.0/0"},
		{File: "/etc/ufw/user.rules", Line: 9, Proto: "any", Ports: "any", From: "0.0.0.0/0", Interface: "tailscale0"},
		{File: "/etc/ufw/user.rules", Line: 10, Proto: "any", Ports: "8765", From: "10.0.0.0/8"},
		{File: "/etc/ufw/user.rules", Line: 13, Proto: "tcp", Ports: "80,443", From: "0.0.0.0/0"},
	}
	if !w.Enabled || w.Input != "DROP" || !slices.Equal(w.Opens, want) {
		t.Errorf("%+v", w)
	}
	if w := machine(t, map[string]string{"/etc/ufw/ufw.conf": "ENABLED=no\n"}).Firewall.UFW; w.Enabled || w.Input != "" {
		t.Errorf("%+v", w)
	}
	// A directory in place of the rules is no empty list of rules.
	if w := machine(t, map[string]string{"/etc/ufw/ufw.conf": "ENABLED=yes\n", "/etc/ufw/user.rules/x": ""}).Firewall.UFW; w.RulesErr == "" {
		t.Errorf("%+v", w)
	}
}

func FuzzUFW(f *testing.F) {
	f.Add(userRules)
	f.Fuzz(func(t *testing.T, text string) {
		for _, r := range ufwRules("x", text) {
			if r.Line < 1 || r.Ports == "" {
				t.Fatalf("%+v", r)
			}
		}
	})
}
