package survey

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/openclaw-go/openclaw/internal/audit"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/filter"
)

// machine lays files of a machine beneath a directory and looks at it. Names
// that begin with "~/" lie in the user's home.
func machine(t *testing.T, files map[string]string) audit.Snapshot {
	t.Helper()
	root := t.TempDir()
	home := filepath.Join(root, "home/u")
	for name, text := range files {
		p := filepath.Join(root, strings.Replace(name, "~", "home/u", 1))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if target, ok := strings.CutPrefix(text, "-> "); ok {
			if err := os.Symlink(target, p); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return Take(Where{Root: root, Home: audit.Home{Dir: home, State: filepath.Join(home, ".openclaw"), Config: filepath.Join(home, ".openclaw/openclaw.json"), Owner: audit.OurHome}, Redactor: filter.New(filter.Options{})})
}

func unitsFail(s audit.Snapshot) map[string]int {
	out := map[string]int{}
	for _, f := range audit.Run(audit.Input{Config: config.Default(), Snapshot: s}, audit.Options{Only: []string{"systemd.*", "fs.env_file.*"}}).Findings {
		out[strings.TrimPrefix(f.CheckID, "systemd.")] = f.Where.Line
	}
	return out
}

const hardUnit = `# a gateway
[Unit]
Description=x
[Service]
ExecStart=/usr/bin/openclaw gateway run
User=claw
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=tmpfs
PrivateTmp=yes
Restart=on-failure
LoadCredential=token:/etc/claw/token
Environment=OPENCLAW_GATEWAY_TOKEN_FILE=%d/token "LANG=C"
[Install]
WantedBy=multi-user.target
`

// TestUnits: a service is judged by what takes effect of its file and its
// drop-ins, with the line that decides.
func TestUnits(t *testing.T) {
	const at = "/etc/systemd/system/openclaw.service"
	if s := machine(t, map[string]string{at: hardUnit}); len(unitsFail(s)) != 0 || len(s.Units) != 1 || s.Units[0].User || !slices.Equal(s.Units[0].Credentials, []string{"token"}) {
		t.Fatalf("%v %+v", unitsFail(s), s.Units)
	}
	for _, x := range []struct {
		id, old, new string
		line         int
	}{
		{"root_user", "User=claw", "User=root", 6},
		{"root_user", "User=claw\n", "", 0},
		{"new_privileges", "NoNewPrivileges=yes", "NoNewPrivileges=off", 7},
		{"system_writable", "ProtectSystem=strict", "ProtectSystem=true", 8},
		{"home_open", "ProtectHome=tmpfs", "ProtectHome=no", 9},
		{"shared_tmp", "PrivateTmp=yes", "#PrivateTmp=yes", 0},
		{"no_restart", "Restart=on-failure", "Restart=no", 11},
		{"ambient_capabilities", "User=claw", "User=claw\nAmbientCapabilities=CAP_NET_BIND_SERVICE", 7},
		{"env_secret", `"LANG=C"`, `"OPENCLAW_GATEWAY_TOKEN=a b"`, 13},
		{"env_secret", `"LANG=C"`, "\\\n  # not the end\n  API_KEY=x", 13},
		{"env_secret", "gateway run", "gateway run --token=x", 5},
	} {
		if !strings.Contains(hardUnit, x.old) {
			t.Fatalf("%q is not in the unit", x.old)
		}
		got := unitsFail(machine(t, map[string]string{at: strings.Replace(hardUnit, x.old, x.new, 1)}))
		if line, ok := got[x.id]; !ok || line != x.line || len(got) != 1 {
			t.Errorf("%s with %q: %v, want line %d", x.id, x.new, got, x.line)
		}
	}
}

func TestUnitDropIns(t *testing.T) {
	const at = "/etc/systemd/system/openclaw.service"
	soft := "[Service]\nExecStart=/usr/bin/openclaw gateway run\nEnvironment=TOKEN=x\nUser=root\n"
	hard := "[Service]\nEnvironment=\nUser=claw\nNoNewPrivileges=1\nProtectSystem=full\nProtectHome=read-only\nPrivateTmp=on\nRestart=always\n"
	if got := unitsFail(machine(t, map[string]string{at: soft, at + ".d/10-hard.conf": hard})); len(got) != 0 {
		t.Errorf("the drop-in does not count: %v", got)
	}
	got := unitsFail(machine(t, map[string]string{at: hardUnit, at + ".d/10-x.conf": "[Service]\nNoNewPrivileges=no\n", "/run/systemd/system/openclaw.service.d/20-y.conf": "[Service]\nNoNewPrivileges=\n"}))
	if line, ok := got["new_privileges"]; !ok || line != 0 {
		t.Errorf("drop-ins of several directories: %v", got)
	}
	// What wins is the file of /etc; a masked one, a job and somebody else's
	// do not count; a script does.
	s := machine(t, map[string]string{at: hardUnit, "/usr/lib/systemd/system/openclaw.service": soft,
		"/usr/lib/systemd/system/openclaw-b.service": soft, "/etc/systemd/system/openclaw-b.service": "-> /dev/null",
		"/etc/systemd/system/openclaw-audit.service": "[Service]\nType=oneshot\nExecStart=/usr/bin/openclaw security audit\n", "/etc/systemd/system/other.service": soft,
		"~/.config/systemd/user/openclaw-gateway.service": "[Service]\nExecStart=/usr/bin/node /usr/lib/node_modules/openclaw/dist/index.js gateway --port 18789\nRestart=always\nEnvironment=OPENCLAW_GATEWAY_TOKEN=abc\nNoNewPrivileges=yes\n",
		"/etc/systemd/system/moltbot-x.service":           "[Service]\nExecStart=/opt/start.sh\nUser=x\n"})
	var names []string
	for _, u := range s.Units {
		names = append(names, u.Name)
		for _, v := range u.Secrets {
			if strings.Contains(v.Value, "abc") {
				t.Error("a value is told")
			}
		}
	}
	if slices.Sort(names); !slices.Equal(names, []string{"moltbot-x.service", "openclaw-gateway.service", "openclaw.service"}) {
		t.Errorf("%v", names)
	}
	// Files of variables are judged as such.
	got = unitsFail(machine(t, map[string]string{at: strings.Replace(hardUnit, "User=claw", "User=claw\nEnvironmentFile=-%h/claw.env", 1), "~/claw.env": "A=1\n"}))
	if _, ok := got["fs.env_file.perms_readable"]; !ok {
		t.Errorf("the variables' file is not looked at: %v", got)
	}
}

func FuzzUnit(f *testing.F) {
	f.Add(hardUnit)
	f.Add("[Service]\nEnvironment=\\\n\\\n\"A=")
	f.Fuzz(func(t *testing.T, text string) {
		u := unitText{Unit: audit.Unit{Settings: map[string]audit.UnitSetting{}}}
		u.add("x", text)
		lines := 1 + strings.Count(text, "\n")
		for _, v := range u.Settings {
			if v.Line < 1 || v.Line > lines {
				t.Fatalf("line %d of %d", v.Line, lines)
			}
		}
		_ = u.gateway()
	})
}
