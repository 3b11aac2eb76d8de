package survey

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/openclaw-go/openclaw/internal/audit"
)

// envRules makes the test's own process set rules and tell what it sees of
// them, in a network namespace of its own.
const envRules = "SURVEY_TEST_RULES"

func TestMain(m *testing.M) {
	if rules, ok := os.LookupEnv(envRules); ok {
		os.Exit(tellRules(rules))
	}
	os.Exit(m.Run())
}

func tellRules(rules string) int {
	for line := range strings.Lines(rules) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		if out, err := exec.Command(f[0], f[1:]...).CombinedOutput(); err != nil {
			os.Stderr.WriteString(line + ": " + string(out))
			return 1
		}
	}
	if rules == "" && os.Getuid() == 0 && os.Getenv(envRules+"_NOBODY") != "" {
		if syscall.Setgid(65534) != nil || syscall.Setuid(65534) != nil {
			return 1
		}
	}
	var w audit.Firewall
	kernelRules(&w)
	if json.NewEncoder(os.Stdout).Encode(w) != nil {
		return 1
	}
	return 0
}

// rulesIn asks the kernel about rules that iptables set in a namespace.
func rulesIn(t *testing.T, rules string) audit.Firewall {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), envRules+"="+rules)
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}, GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}}
	c.Stderr = os.Stderr
	b, err := c.Output()
	if err != nil {
		t.Fatalf("%v (needs iptables-nft and user namespaces)", err)
	}
	var w audit.Firewall
	if err := json.Unmarshal(b, &w); err != nil {
		t.Fatal(err)
	}
	return w
}

// TestKernelRules: what the kernel says of real rules.
func TestKernelRules(t *testing.T) {
	for name, x := range map[string]struct {
		rules string
		drops map[string]bool // by family
	}{
		"none":      {"", map[string]bool{}},
		"accept":    {"iptables-nft -A INPUT -p tcp --dport 22 -j ACCEPT", map[string]bool{"ip": false}},
		"policy":    {"iptables-nft -P INPUT DROP\nip6tables-nft -P INPUT DROP", map[string]bool{"ip": true, "ip6": true}},
		"last rule": {"iptables-nft -A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT\niptables-nft -A INPUT -j DROP", map[string]bool{"ip": true}},
		"rejects":   {"iptables-nft -A INPUT -j REJECT", map[string]bool{"ip": true}},
		"one port":  {"iptables-nft -A INPUT -p tcp --dport 8765 -j DROP", map[string]bool{"ip": false}},
		"not last":  {"iptables-nft -A INPUT -j DROP\niptables-nft -A INPUT -p tcp --dport 22 -j DROP", map[string]bool{"ip": true}},
		"output":    {"iptables-nft -P OUTPUT DROP", map[string]bool{}},
	} {
		w := rulesIn(t, x.rules)
		got := map[string]bool{}
		for _, c := range w.Chains {
			got[c.Family] = got[c.Family] || c.Drops
		}
		delete(got, "ip6") // made along with the other by some versions
		want := x.drops
		if want["ip6"] {
			delete(want, "ip6")
		}
		for f, drops := range want {
			if got[f] != drops {
				t.Errorf("%s: %+v", name, w)
			}
		}
		if !w.Asked || w.Err != "" || len(want) == 0 && got["ip"] {
			t.Errorf("%s: %+v", name, w)
		}
	}
}

// TestKernelRulesNeedRoot: who may not ask is told so, and nothing is taken
// for an open or closed door.
func TestKernelRulesNeedRoot(t *testing.T) {
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), envRules+"=", envRules+"_NOBODY=1")
	b, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	var w audit.Firewall
	if err := json.Unmarshal(b, &w); err != nil {
		t.Fatal(err)
	}
	if w.Err == "" || len(w.Chains) > 0 {
		t.Errorf("%+v", w)
	}
}

// Bytes that are no attributes end the reading.
func FuzzAttributes(f *testing.F) {
	f.Add([]byte{8, 0, 1, 0, 'a', 'b', 0, 0})
	f.Fuzz(func(_ *testing.T, b []byte) {
		_ = dropsAll(b)
		_ = inputChains([]syscall.NetlinkMessage{{Data: b}}, []syscall.NetlinkMessage{{Data: b}})
	})
}
