package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

const units = "../../deploy/systemd/"

// TestUnitRatings holds what systemd-analyze thinks of the units that are
// shipped: the lower the better protected.
func TestUnitRatings(t *testing.T) {
	for unit, most := range map[string]float64{"openclaw.service": 2.2, "openclaw-noexec.service": 1.5} {
		out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--no-pager", units+unit).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", unit, err, out)
		}
		m := regexp.MustCompile(`Overall exposure level for \S+: ([0-9.]+)`).FindSubmatch(out)
		if m == nil {
			t.Fatalf("%s: no rating in\n%s", unit, out)
		}
		if got, err := strconv.ParseFloat(string(m[1]), 64); err != nil || got > most {
			t.Errorf("%s is rated %s, at most %.1f is promised\n%s", unit, m[1], most, out)
		}
	}
}

// boot is the first process of a system of its own: namespaces, an empty
// /run and /var/lib, our program in /usr/local/bin, one unit.
const boot = `#!/bin/sh
set -e
mount --make-rprivate /
mount -t proc proc /proc
umount -R /sys/fs/cgroup 2>/dev/null || true
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/lib
mount -t tmpfs -o mode=755 tmpfs /usr/local/bin
cp "$DIR/program" /usr/local/bin/openclaw
mkdir -p /run/systemd/system
cp -r "$DIR/units/." /run/systemd/system/
mount --bind "$DIR/passwd" /etc/passwd
mount --bind "$DIR/group" /etc/group
ip link set lo up
mount --make-rshared / # credentials are mounted for a unit by a child of systemd's
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin container=other /lib/systemd/systemd --system --unit=test.target --log-level=notice --log-target=console --show-status=0
`

// within is what the unit's own sandbox lets a program of the service do.
const within = `/usr/local/bin/openclaw up &
i=0; while [ $i -lt 150 ] && ! /usr/local/bin/openclaw health >/dev/null 2>&1; do i=$((i+1)); sleep 0.1; done
/usr/local/bin/openclaw sandbox run --level isolated -- sh -c "id -u; cat /proc/1/comm" && echo ran isolated
grep -E "^(CapEff|NoNewPrivs|Seccomp):" /proc/self/status
cat "$CREDENTIALS_DIRECTORY/openclaw-vault-key" 2>&1
ls /run/openclaw-proc /proc/1 /root 2>&1; head -c1 /proc/kmsg 2>&1; echo x > /proc/sys/kernel/hostname; touch /etc/x /usr/x /home/x
/usr/local/bin/openclaw gateway stop`

// TestUnitsRun starts both units, as they are shipped, under a systemd of its
// own: the first one's agents run commands isolated, the second one's run none.
func TestUnitsRun(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("a systemd of its own needs root: mount(2) of cgroup2 outside a user namespace")
	}
	cgroup := ownCgroup(t)
	for _, c := range []struct {
		unit     string
		isolated bool
	}{{unit: "openclaw", isolated: true}, {unit: "openclaw-noexec"}} {
		t.Run(c.unit, func(t *testing.T) {
			out := startUnit(t, cgroup, c.unit)
			if got := strings.Contains(out, "ran isolated\n"); got != c.isolated {
				t.Errorf("a command ran isolated: %t\n%s", got, out)
			}
			if !c.isolated && !strings.Contains(out, `level "isolated" is not available`) {
				t.Errorf("the command was not refused for its level:\n%s", out)
			}
			for _, want := range []string{"CapEff:\t0000000000000000\n", "NoNewPrivs:\t1\n", "Seccomp:\t2\n", "the store's key\n", "/proc/1': No such file", "'/root': Permission denied"} {
				if !strings.Contains(out, want) {
					t.Errorf("%q is missing in\n%s", want, out)
				}
			}
			for _, refused := range []string{"/run/openclaw-proc", "/proc/kmsg", "/proc/sys/kernel/hostname", "/etc/x", "/usr/x", "/home/x"} {
				if !regexp.MustCompile(regexp.QuoteMeta(refused) + `\b.*: (Permission denied|Read-only file system|No such file or directory|Directory nonexistent)`).MatchString(out) {
					t.Errorf("%s was not refused:\n%s", refused, out)
				}
			}
		})
	}
}

// ownCgroup makes a version 2 group for a system of its own.
func ownCgroup(t *testing.T) string {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^\S+ \S+ \S+ \S+ (\S+) .* - cgroup2 `).FindSubmatch(mounts)
	if m == nil {
		t.Skip("no cgroup2 hierarchy is mounted, and systemd does not start without one")
	}
	dir := filepath.Join(string(m[1]), fmt.Sprintf("openclaw-test-%d", os.Getpid()))
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = exec.Command("find", dir, "-depth", "-type", "d", "-exec", "rmdir", "{}", ";").Run() })
	return dir
}

func startUnit(t *testing.T, cgroup, unit string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, text string, mode os.FileMode) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	read := func(path string) string {
		t.Helper()
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if out, err := exec.Command("cp", self, filepath.Join(dir, "program")).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	write("boot", boot, 0o755)
	write("passwd", strings.TrimSpace(read("/etc/passwd"))+"\nopenclaw:x:990:990::/var/lib/openclaw:/usr/sbin/nologin\n", 0o644)
	write("group", strings.TrimSpace(read("/etc/group"))+"\nopenclaw:x:990:\n", 0o644)
	write("key", "the store's key\n", 0o600)
	write("within", within, 0o755)
	write("units/"+unit+".service", read(units+unit+".service"), 0o644)
	// The system has no other unit to wait for. The gateway is started by the
	// script that looks around.
	write("units/"+unit+".service.d/test.conf", fmt.Sprintf(`[Unit]
DefaultDependencies=no
[Service]
Type=oneshot
Restart=no
LoadCredential=openclaw-vault-key:%[1]s/key
BindReadOnlyPaths=%[1]s/within:/run/within
ExecStart=
ExecStart=/bin/sh /run/within
StandardOutput=append:%[1]s/out
StandardError=append:%[1]s/out
`, dir), 0o644)
	write("units/end.service", "[Unit]\nDefaultDependencies=no\nAfter="+unit+".service\nSuccessAction=exit-force\nFailureAction=exit-force\n[Service]\nType=oneshot\nExecStart=/bin/true\n", 0o644)
	write("units/test.target", "[Unit]\nDefaultDependencies=no\nWants="+unit+".service end.service\n", 0o644)
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", `echo $$ > "$CGROUP/cgroup.procs" && exec unshare --pid --fork --kill-child --mount --cgroup --net --ipc --uts "$DIR/boot"`)
	cmd.Env = append(os.Environ(), "DIR="+dir, "CGROUP="+cgroup)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	err = cmd.Run()
	out, rerr := os.ReadFile(filepath.Join(dir, "out"))
	if rerr != nil {
		t.Fatalf("the unit did not start: %v, %v\n%s", err, rerr, said.String())
	}
	return string(out)
}
