package cli_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// alone runs a script as root on a machine of its own as far as networks and
// mounts go: an empty /usr/local/bin with our program, an empty /run, a copy of
// UFW's files. What it does to the firewall ends with it.
func alone(t *testing.T, files map[string]string, script string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: a network namespace with a firewall, and mount(2)")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	const before = `set -e
mount --make-rprivate /
mkdir "$DIR/etc" "$DIR/home"
for d in ufw default; do cp -r /etc/$d "$DIR/etc/$d"; mount --bind "$DIR/etc/$d" /etc/$d; done
mount -t tmpfs -o mode=755 tmpfs /run
mount -t sysfs sysfs /sys # shows the interfaces of the namespace that it is mounted in
mount -t tmpfs -o mode=755 tmpfs /usr/local/bin
ln -s "$SELF" /usr/local/bin/openclaw
export HOME="$DIR/home" PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ip link set lo up
openclaw onboard --non-interactive >/dev/null 2>&1
set +e
`
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", "-c", before+script)
	cmd.Env = []string{"DIR=" + dir, "SELF=" + self, "PATH=" + os.Getenv("PATH"), "LANG=C"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// TestHardenFirewall puts the rules in force with the real ufw and knocks from
// another machine: SSH and the tailnet come in, the gateway's port does not.
func TestHardenFirewall(t *testing.T) {
	out := alone(t, nil, `
unshare --net sleep 1000 & peer=$!
while ! [ "$(readlink /proc/$peer/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do :; done
ip link add eth7 type veth peer name there netns $peer
ip addr add 20.1.1.1/24 dev eth7; ip link set eth7 up
nsenter -t $peer -n sh -c 'ip addr add 20.1.1.2/24 dev there; ip link set there up'
ip tuntap add dev tailscale0 mode tun; ip addr add 100.100.1.1/32 dev tailscale0; ip link set tailscale0 up
/usr/bin/python3 -c '
import socket, select
l=[socket.create_server(("0.0.0.0",p)) for p in (22,2222,8765)]
print("listening", flush=True)
while True:
    for s in select.select(l,[],[])[0]: s.accept()[0].close()
' > "$DIR/listening" & 
while ! grep -q listening "$DIR/listening"; do sleep 0.05; done
knock() { nsenter -t $peer -n timeout 2 bash -c "exec 3<>/dev/tcp/20.1.1.1/$1" 2>/dev/null && echo "$2: $1 open" || echo "$2: $1 closed"; }
for p in 22 2222 8765; do knock $p before; done
echo "== printed"; SSH_CONNECTION="20.1.1.2 5 20.1.1.1 2222" openclaw harden firewall
echo "== nobody to ask"; openclaw harden firewall --apply < /dev/null; echo "exit $?"
ufw status | head -1
echo "== applied"; SSH_CONNECTION="20.1.1.2 5 20.1.1.1 2222" openclaw harden firewall --apply --yes; echo "exit $?"
for p in 22 2222 8765; do knock $p after; done
ufw allow 8765/tcp >/dev/null
echo "== opened"; openclaw harden firewall --json
echo "== record"; openclaw journal export | grep machine.change
kill $peer
`)
	for _, want := range []string{
		"before: 22 open\nbefore: 2222 open\nbefore: 8765 open\n",
		"sudo ufw default deny incoming ", "sudo ufw default allow outgoing ", "sudo ufw allow 22/tcp ", "sudo ufw allow 2222/tcp ", "sudo ufw allow in on tailscale0 ", "sudo ufw --force enable ", "sudo ufw status verbose ",
		"nobody is there to be asked", "exit 3\nStatus: inactive\n",
		"Default: deny (incoming), allow (outgoing)", "exit 0\n",
		"after: 22 open\nafter: 2222 open\nafter: 8765 closed\n",
		`"applied": false`, `"open": [` + "\n" + `    "allow tcp 8765`,
		"ufw default deny incoming",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing", want)
		}
	}
	if record := out[strings.Index(out, "== record"):]; !strings.Contains(record, "ufw --force enable") || strings.Count(record, "machine.change") != 1 {
		t.Errorf("the record: %s", record)
	}
	if strings.Contains(out, "allow 8765") && !strings.Contains(out, "allow tcp 8765") {
		t.Error("a rule for the gateway's port was made")
	}
	if t.Failed() {
		t.Log(out)
	}
}

// fakeTailscale answers as the real one does, from a file of its own.
const fakeTailscale = `#!/bin/sh
s=/run/tailscale.test
case "$*" in
"status --json") cat $s/status ;;
"serve status --json") cat $s/serve ;;
"serve --bg --https="*" http://127.0.0.1:"*)
	p=${3#--https=}
	echo "{\"TCP\":{\"$p\":{\"HTTPS\":true}},\"Web\":{\"box.tail1234.ts.net:$p\":{\"Handlers\":{\"/\":{\"Proxy\":\"$4\"}}}}}" > $s/serve
	echo "Available within your tailnet:" ;;
"serve --https="*" off"|"funnel --https="*" off") echo '{}' > $s/serve ;;
*) echo "unknown: $*" >&2; exit 2 ;;
esac
echo "$*" >> $s/ran
`

func TestGatewayTailscale(t *testing.T) {
	out := alone(t, map[string]string{"tailscale": fakeTailscale}, `
s=/run/tailscale.test; mkdir $s
echo '{}' > $s/serve; : > $s/ran
run() { echo "== $*"; openclaw gateway tailscale "$@" 2>&1; echo "exit $?"; }
run serve
cp "$DIR/tailscale" /usr/local/bin/tailscale
echo '{"Version":"1.94.1","BackendState":"NeedsLogin","Self":{"DNSName":""}}' > $s/status
run status
echo '{"Version":"1.94.1","BackendState":"Running","Self":{"DNSName":"box.tail1234.ts.net."}}' > $s/status
run status
run serve
run serve
run status --json
run off
run funnel 443
echo '{"TCP":{"443":{"HTTPS":true}},"Web":{"box.tail1234.ts.net:443":{"Handlers":{"/":{"Proxy":"http://127.0.0.1:3000"}}}}}' > $s/serve
run serve
run serve --https-port 8443
echo '{"TCP":{"443":{"HTTPS":true}},"Web":{"box.tail1234.ts.net:443":{"Handlers":{"/":{"Proxy":"http://127.0.0.1:8765"}}}},"AllowFunnel":{"box.tail1234.ts.net:443":true}}' > $s/serve
run serve --https-port 8443
run status
run off
echo '{"gateway":{"auth":{"mode":"none"}}}' > "$DIR/none.json"
OPENCLAW_CONFIG_PATH="$DIR/none.json" run serve
chmod 777 /usr/local/bin/tailscale
run status
echo "== ran"; cat $s/ran
echo "== record"; openclaw journal export | grep -o 'tailscale serve --bg[^"]*\|tailscale [a-z]* --https=[0-9]* off'
`)
	want := `== serve
openclaw: error: tailscale is not installed
openclaw: hint: https://tailscale.com/download, then: tailscale up
exit 4
== status
openclaw: error: tailscale does not run (NeedsLogin)
openclaw: hint: tailscale up
exit 4
== status
Tailscale leads nothing to the gateway
exit 0
== serve
your tailnet         https://box.tail1234.ts.net
openclaw: say so in the configuration, so that the audit knows that it is meant: openclaw config set gateway.tailscale.mode serve
exit 0
== serve
your tailnet         https://box.tail1234.ts.net
openclaw: say so in the configuration, so that the audit knows that it is meant: openclaw config set gateway.tailscale.mode serve
exit 0
`
	if !strings.HasPrefix(out, want) {
		t.Errorf("found\n%s\nexpected at its beginning\n%s", out, want)
	}
	for _, want := range []string{
		`"at": "box.tail1234.ts.net:443"`, "== off\nTailscale leads nothing to the gateway\nexit 0\n",
		"== funnel 443\nopenclaw: error: Funnel publishes the gateway to the whole internet",
		"== serve\nopenclaw: error: box.tail1234.ts.net:443 leads to http://127.0.0.1:3000 already\n",
		"== serve --https-port 8443\nyour tailnet         https://box.tail1234.ts.net:8443\n",
		"== serve --https-port 8443\nopenclaw: error: Tailscale Funnel leads the whole internet to the gateway (box.tail1234.ts.net:443)\nopenclaw: hint: tailscale funnel reset\nexit 3\n",
		"the whole internet   https://box.tail1234.ts.net:443\n", "gateway.auth.mode is none", "can be changed by others than root",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	_, ran, _ := strings.Cut(out, "== ran\n")
	ran, record, _ := strings.Cut(ran, "== record\n")
	var changes []string
	for line := range strings.Lines(ran) {
		if !strings.Contains(line, "status") {
			changes = append(changes, "tailscale "+line)
		}
	}
	if got := strings.Join(changes, ""); got != record || strings.Count(got, "\n") != 4 {
		t.Errorf("run\n%son record\n%s", got, record)
	}
}

// TestBindToWireGuard: a public address is listened on only on a WireGuard
// interface.
func TestBindToWireGuard(t *testing.T) {
	out := alone(t, nil, `
ip tuntap add dev wg0 mode tun; ip addr add 20.30.40.1/24 dev wg0; ip link set wg0 up
ip link add eth7 type veth peer name there7; ip addr add 20.30.50.1/24 dev eth7; ip addr add 10.9.9.9/24 dev eth7; ip link set eth7 up; ip link set there7 up
openclaw config set gateway.controlUi.enabled false >/dev/null 2>&1
for a in 20.30.50.1 20.30.60.1 20.30.40.1 10.9.9.9; do
	openclaw config set gateway.customBindHost $a >/dev/null 2>&1
	openclaw config set gateway.bind custom >/dev/null 2>&1
	echo "== $a"
	openclaw up --accept --allow-root > "$DIR/log" 2>&1 & up=$!
	i=0; while kill -0 $up 2>/dev/null && ! openclaw health >/dev/null 2>&1 && [ $i -lt 200 ]; do i=$((i+1)); sleep 0.05; done
	ss -Hltn | grep -o '[0-9.]*:8765' | sort
	openclaw gateway stop >/dev/null 2>&1; wait $up; echo "exit $?"; grep 'error\|hint' "$DIR/log"
done
exit 0
`)
	for _, want := range []string{
		"== 20.30.50.1\nexit 3\n", "20.30.50.1 is a public address on interface eth7, which is not WireGuard\n",
		"== 20.30.60.1\nexit 3\n", "20.30.60.1 is a public address on no interface of this machine\n",
		"== 20.30.40.1\n127.0.0.1:8765\n20.30.40.1:8765\nexit 0\n", "== 10.9.9.9\n10.9.9.9:8765\n127.0.0.1:8765\nexit 0\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
}

// TestR32SameUser: another process of the gateway's own user reads neither its
// memory nor its environment, and a crash leaves no copy; it still starts
// confined commands.
func TestR32SameUser(t *testing.T) {
	out := alone(t, nil, `
mkdir "$DIR/user"; chown 61234:61234 "$DIR/user"; chmod 755 "$DIR" "$(dirname "$DIR")"
as() { setpriv --reuid 61234 --regid 61234 --clear-groups env HOME="$DIR/user" "$@"; }
cp "$SELF" /usr/local/bin/own; rm /usr/local/bin/openclaw; mv /usr/local/bin/own /usr/local/bin/openclaw
THE_KEY=a-value-in-the-environment as openclaw up > "$DIR/log" 2>&1 & up=$!
i=0; while ! as openclaw health >/dev/null 2>&1 && [ $i -lt 200 ]; do i=$((i+1)); sleep 0.05; done
pid=$(as openclaw gateway status | grep -o 'process [0-9]*' | grep -o '[0-9]*')
echo "uid $(stat -c %u /proc/$pid) $(grep -c . /proc/$pid/comm)"
tr '\0' '\n' < /proc/$pid/environ | grep -c a-value-in-the-environment
for f in environ mem maps auxv stack syscall; do as cat /proc/$pid/$f >/dev/null 2>&1 && echo "$f: read" || echo "$f: refused"; done
as ls /proc/$pid/fd >/dev/null 2>&1 && echo "fd: read" || echo "fd: refused"
as /usr/bin/python3 -c '
import ctypes, sys
l = ctypes.CDLL(None, use_errno=True)
print("attach:", "done" if l.ptrace(16, int(sys.argv[1]), 0, 0) == 0 else "refused")' $pid
grep 'Max core' /proc/$pid/limits
as openclaw sandbox run --level isolated -- echo ran inside
as openclaw gateway stop; exit 0
`)
	for _, want := range []string{"\n1\n", "environ: refused\n", "mem: refused\n", "maps: refused\n", "auxv: refused\n", "fd: refused\n", "attach: refused\n", "ran inside\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	if !strings.Contains(strings.Join(strings.Fields(out), " "), "Max core file size 0 0") {
		t.Errorf("a crash leaves a copy:\n%s", out)
	}
}
