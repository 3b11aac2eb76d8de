package app

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestFirewallRules: the commands are those of the guide, in its order, with a
// line for each private network that is there and none for the gateway.
func TestFirewallRules(t *testing.T) {
	lines := func(ssh string, interfaces ...string) []string {
		var out []string
		for _, r := range firewallRules(ssh, interfaces, func(n string) bool { return n == "wg0" || n == "wg; rm" }) {
			out = append(out, r.Command())
		}
		return out
	}
	guide := []string{"sudo ufw default deny incoming", "sudo ufw default allow outgoing", "sudo ufw allow 22/tcp", "sudo ufw allow in on tailscale0", "sudo ufw --force enable", "sudo ufw status verbose"}
	if got := lines("", "lo", "eth0", "tailscale0"); !slices.Equal(got, guide) {
		t.Errorf("%q", got)
	}
	if text, err := os.ReadFile("../../../shared/guide.txt"); err == nil {
		for _, g := range guide {
			if !strings.Contains(string(text), strings.Replace(g, "--force ", "", 1)) {
				t.Errorf("the guide has no %q", g)
			}
		}
	}
	got := lines("203.0.113.5 4000 203.0.113.9 2222", "wg0", "wg; rm", "tailscale$(x)")
	for want, has := range map[string]bool{"sudo ufw allow 2222/tcp": true, "sudo ufw allow in on wg0": true, "sudo ufw allow in on wg; rm": false, "sudo ufw allow in on tailscale$(x)": false} {
		if slices.Contains(got, want) != has {
			t.Errorf("%q: %t in %q", want, !has, got)
		}
	}
	for _, bad := range []string{"a b c", "a b c 22", "a b c $(x)", "a b c 1 2"} {
		if got := lines(bad); len(got) != 5 {
			t.Errorf("SSH_CONNECTION %q: %q", bad, got)
		}
	}
	for _, l := range lines("", "wg0", "tailscale0") {
		if strings.Contains(l, "8765") {
			t.Errorf("a rule for the gateway: %s", l)
		}
	}
}

func TestOpenInFirewall(t *testing.T) {
	dir := t.TempDir()
	text := "*filter\n### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in\n### tuple ### deny tcp 8765 0.0.0.0/0 any 0.0.0.0/0 in\n### tuple ### allow any 8765 0.0.0.0/0 any 10.0.0.0/8 in\n"
	if err := os.WriteFile(filepath.Join(dir, "user.rules"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	// The fields are: ### tuple ### action protocol port …
	if got := OpenInFirewall(dir, 8765); len(got) != 1 || got[0] != "allow any 8765 0.0.0.0/0 any 10.0.0.0/8 in" {
		t.Errorf("%q", got)
	}
	if got := OpenInFirewall(filepath.Join(dir, "none"), 8765); len(got) != 0 {
		t.Errorf("%q", got)
	}
}

func TestWireGuardInterfaces(t *testing.T) {
	root := t.TempDir()
	for name, files := range map[string]map[string]string{
		"wan7": {"uevent": "INTERFACE=wan7\nDEVTYPE=wireguard\nIFINDEX=3\n"}, "wg0": {"uevent": "INTERFACE=wg0\n", "tun_flags": "0x1001\n"},
		"tun0": {"uevent": "INTERFACE=tun0\n", "tun_flags": "0x1001\n"}, "wg1": {"uevent": "INTERFACE=wg1\nDEVTYPE=vlan\n"}, "x": {"uevent": "A=DEVTYPE=wireguard\n"},
	} {
		if err := os.MkdirAll(filepath.Join(root, name), 0o755); err != nil {
			t.Fatal(err)
		}
		for f, text := range files {
			if err := os.WriteFile(filepath.Join(root, name, f), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, want := range map[string]bool{"wan7": true, "wg0": true, "tun0": false, "wg1": false, "x": false, "none": false} {
		if wireGuard(root, name) != want {
			t.Errorf("%s: %t", name, !want)
		}
	}
}
