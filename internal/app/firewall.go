package app

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/openclaw-go/openclaw/internal/sandbox"
)

// FirewallRule is one command of the guide's firewall and what it is for.
type FirewallRule struct {
	Args []string `json:"args"` // after "ufw"
	Why  string   `json:"why"`
}

// Command is the rule as a person would type it.
func (r FirewallRule) Command() string { return "sudo ufw " + strings.Join(r.Args, " ") }

// FirewallFor is the firewall of the guide for this machine: nothing comes in
// but SSH and private networks that are there. The gateway's port has no rule.
// sshConnection is SSH_CONNECTION, so that nobody locks themselves out.
func FirewallFor(sshConnection string) []FirewallRule {
	var names []string
	if list, err := net.Interfaces(); err == nil {
		for _, i := range list {
			names = append(names, i.Name)
		}
	}
	return firewallRules(sshConnection, names, func(name string) bool { return wireGuard("/sys/class/net", name) })
}

func firewallRules(sshConnection string, interfaces []string, wg func(name string) bool) []FirewallRule {
	out := []FirewallRule{
		{[]string{"default", "deny", "incoming"}, "what no rule names does not come in"},
		{[]string{"default", "allow", "outgoing"}, "models and channels are reached"},
		{[]string{"allow", "22/tcp"}, "SSH, and through it ssh -L to the gateway"},
	}
	if f := strings.Fields(sshConnection); len(f) == 4 && f[3] != "22" && strings.Trim(f[3], "0123456789") == "" {
		out = append(out, FirewallRule{[]string{"allow", f[3] + "/tcp"}, "the port of the SSH connection that you are on"})
	}
	for _, name := range interfaces {
		switch {
		case strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "":
		case strings.HasPrefix(name, "tailscale"):
			out = append(out, FirewallRule{[]string{"allow", "in", "on", name}, "your tailnet"})
		case wg(name):
			out = append(out, FirewallRule{[]string{"allow", "in", "on", name}, "holders of a WireGuard key; its own UDP port needs a rule too if peers call this machine"})
		}
	}
	return append(out,
		FirewallRule{[]string{"--force", "enable"}, "in force now and after a restart"},
		FirewallRule{[]string{"status", "verbose"}, "what holds"})
}

// ufwHelper is the firewall's own program.
func ufwHelper() sandbox.Helper {
	return sandbox.Helper{Name: "ufw", Paths: []string{"/usr/sbin/ufw"}, Env: []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C"}}
}

// OpenInFirewall names the rules of UFW's files that let the gateway's port in;
// they are a person's to delete, since only a person knows why they are there.
func OpenInFirewall(dir string, port int) []string {
	var out []string
	for _, name := range []string{"user.rules", "user6.rules"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(b)) {
			f := strings.Fields(line)
			if len(f) > 5 && f[0] == "###" && f[1] == "tuple" && f[3] == "allow" && f[5] == fmt.Sprint(port) {
				out = append(out, strings.TrimSpace(strings.TrimPrefix(line, "### tuple ###")))
			}
		}
	}
	return out
}
