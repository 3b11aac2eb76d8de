package app

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/audit"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// TestR44NothingLeaksByAReport: credentials of a home are in no report, no
// snapshot and no file that an audit leaves.
func TestR44NothingLeaksByAReport(t *testing.T) {
	home, values := secretsEverywhere(t)
	p, err := PathsOf(filepath.Join(home, ".openclaw"), func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	unit := filepath.Join(home, ".config/systemd/user/openclaw.service")
	if err := os.MkdirAll(filepath.Dir(unit), 0o700); err != nil {
		t.Fatal(err)
	}
	values = append(values, "ghp_UnitZq7Lw2Xv9BZq7Lw2Xv9BZq7Lw2XvKp", "a-token-that-has-no-known-form-1234")
	if err := os.WriteFile(unit, []byte("[Service]\nExecStart=/usr/bin/openclaw gateway run --token "+values[len(values)-1]+"\nEnvironment=OPENCLAW_GATEWAY_TOKEN="+values[len(values)-2]+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	in, err := LookForAudit(p, AuditOptions{Env: func(string) (string, bool) { return "", false }, Version: "0.0.0", Now: time.UnixMilli(1)})
	if err != nil {
		t.Fatal(err)
	}
	r := audit.Run(in.Input, audit.Options{})
	seen := false
	for _, f := range r.Findings {
		seen = seen || f.CheckID == "systemd.env_secret"
	}
	if !seen {
		t.Error("the credentials of the service are not reported")
	}
	shot := filepath.Join(t.TempDir(), "snapshot.json")
	if err := WriteSnapshot(shot, in); err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(shot); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the snapshot has mode %v: %v", st.Mode(), err)
	}
	report, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(shot)
	if err != nil {
		t.Fatal(err)
	}
	for what, b := range map[string][]byte{"report": report, "snapshot": written} {
		for _, v := range values {
			if strings.Contains(string(b), v) {
				t.Errorf("the %s shows %s", what, v)
			}
		}
	}
}

// TestR45HostileHomes: looking at a home runs none of its programs, reads no
// device that it names, and finds no helper by PATH.
func TestR45HostileHomes(t *testing.T) {
	home := t.TempDir()
	bait := filepath.Join(home, "ran")
	bin := filepath.Join(home, "bin")
	put := func(name, text string) string {
		p := filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
		return p
	}
	trap := "#!/bin/sh\necho \"$0 $*\" >> " + bait + "\n"
	for _, name := range []string{"tailscale", "ufw", "nft", "iptables", "docker", "podman", "systemctl", "ss", "op", "git"} {
		put("bin/"+name, trap)
	}
	t.Setenv("PATH", bin)
	exec := put("exec-secret", trap)
	put(".openclaw/openclaw.json", `{
  $include: ["/dev/zero", "/dev/stdin", "./more.json"],
  secrets: { providers: { x: { source: "exec", command: "`+exec+`", args: ["a"] } } },
  gateway: { auth: { mode: "token", token: { source: "exec", provider: "x", id: "/a" } } },
  hooks: { enabled: true, token: { source: "exec", provider: "x", id: "/b" } },
  channels: { telegram: { tokenFile: "/dev/zero" } },
  logging: { file: { path: "/dev/full" } },
  mcp: { servers: { m: { command: "`+exec+`" } } },
}`)
	put(".openclaw/more.json", `{ $include: "./openclaw.json" }`)
	p, err := PathsOf(filepath.Join(home, ".openclaw"), func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	for _, owner := range []audit.HomeOwner{audit.UpstreamHome, audit.OurHome} {
		start := time.Now()
		in, err := LookForAudit(p, AuditOptions{Owner: owner, Env: os.LookupEnv, Environ: []string{"PATH=" + bin}, Version: "0.0.0", Now: time.UnixMilli(1), Deep: true,
			Sandbox: func(context.Context, []policy.Level) (SandboxTest, error) { return SandboxTest{}, nil }})
		if err != nil {
			t.Fatal(err)
		}
		r := audit.Run(in.Input, audit.Options{})
		if r.Summary.Critical == 0 {
			t.Errorf("%s: such a home has no critical finding", owner)
		}
		if took := time.Since(start); took > time.Minute {
			t.Errorf("%s: it took %s", owner, took)
		}
	}
	if b, err := os.ReadFile(bait); !os.IsNotExist(err) {
		t.Errorf("a program of the home ran: %s", b)
	}
}
