//go:build linux && (amd64 || arm64)

package docker

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox"
)

// inspected is what an engine says of a container that runs.
type inspected struct {
	ID    string `json:"Id"`
	Image string
	State struct {
		Running bool
		Pid     int
	}
	Config     struct{ User string }
	HostConfig struct {
		Privileged, ReadonlyRootfs bool
		CapAdd, CapDrop            []string
		SecurityOpt                []string
		NetworkMode, PidMode       string
		IpcMode, UTSMode           string
		UsernsMode                 string
		Devices, DeviceRequests    []struct{}
		Memory, NanoCpus           int64 //nolint:staticcheck // the engine's spelling
		PidsLimit                  int64
		VolumesFrom, Links         []string
	}
	Mounts []struct {
		Type, Source, Destination string
		RW                        bool
	}
}

// verdict compares a container that runs with what was asked for: the engine's
// words, the kernel's words inside and outside. What is absent counts against
// the run.
type verdict struct {
	want    created
	list    mounts
	order   order
	misses  []string
	uid     int
	gid     int
	witness sandbox.Witness
}

func (v *verdict) miss(format string, args ...any) {
	v.misses = append(v.misses, fmt.Sprintf(format, args...))
}

func (v *verdict) same(what string, got, want any) bool {
	if got != want {
		v.miss("%s %v, want %v", what, got, want)
		return false
	}
	return true
}

// engine judges what the engine says of the container that runs (R62).
func (v *verdict) engine(x *inspected) {
	h, w := &x.HostConfig, &v.want.HostConfig
	v.same("running", x.State.Running && x.State.Pid > 0, true)
	v.same("image", x.Image, v.want.Image)
	v.same("user", x.Config.User, v.want.User)
	v.same("privileged", h.Privileged, false)
	v.same("read-only root", h.ReadonlyRootfs, w.ReadonlyRootfs)
	v.same("capabilities added", len(h.CapAdd), 0)
	v.same("capabilities dropped", strings.Join(h.CapDrop, " "), "ALL")
	v.same("devices", len(h.Devices)+len(h.DeviceRequests), 0)
	v.same("volumes of others", len(h.VolumesFrom)+len(h.Links), 0)
	v.same("network", h.NetworkMode, "none")
	v.same("memory", h.Memory, w.Memory)
	v.same("processors", h.NanoCpus, w.NanoCpus)
	v.same("process limit", h.PidsLimit, w.PidsLimit)
	for _, o := range h.SecurityOpt {
		if strings.HasSuffix(o, "unconfined") || strings.HasPrefix(o, "label") && strings.HasSuffix(o, "disable") {
			v.miss("security option %q", o)
		}
	}
	v.same("no-new-privileges", slices.ContainsFunc(h.SecurityOpt, func(o string) bool {
		return strings.HasPrefix(o, "no-new-privileges") && !strings.HasSuffix(o, "false")
	}), true)
	for _, ns := range []struct{ name, mode string }{{"pid", h.PidMode}, {"uts", h.UTSMode}, {"ipc", h.IpcMode}, {"user", h.UsernsMode}} {
		if ns.mode == "host" && ns.name != "user" || strings.HasPrefix(ns.mode, "container:") {
			v.miss("%s namespace %q", ns.name, ns.mode)
		}
	}
	var got, want []string
	for _, m := range x.Mounts {
		if m.Type == "tmpfs" {
			continue
		}
		got = append(got, fmt.Sprintf("%s %s at %s, writable %t", m.Type, m.Source, m.Destination, m.RW))
	}
	for _, m := range v.list {
		want = append(want, fmt.Sprintf("bind %s at %s, writable %t", m.source, m.target, m.write))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		v.miss("mounts %q, want %q", got, want)
	}
}

// inside judges what the restricted task found, and gives what it proves.
// outside is the kernel's text about the first process; host are the gateway's
// own namespaces.
func (v *verdict) inside(r *report, outside string, host map[string]string) policy.Guarantees {
	in, out := factsOf(r.Status, r.NS), factsOf(outside, nil)
	v.witness = sandbox.Witness{Nonce: r.Nonce, Level: policy.LevelContainer, Inside: in, Outside: out, EnvHash: r.EnvHash, OpenFDs: r.FDs,
		Mounts: strings.Count(r.Mounts, "\n") + 1, MountsHash: sum(r.Mounts), FilterHash: sum(string(v.order.Filter))}
	v.same("nonce", r.Nonce, v.order.Nonce)
	if r.Write != "" {
		v.miss("the workspace cannot be written: %s", r.Write)
	}
	v.same("other processes", r.Others, 0)
	var held policy.Guarantees
	hold := func(g policy.Guarantees, ok ...bool) {
		if !slices.Contains(ok, false) {
			held |= g
		}
	}
	hold(policy.CleanEnv, v.same("command line and environment", r.EnvHash, envHash(v.order)), v.same("open descriptors", fmt.Sprint(r.FDs), "[0 1 2]"))
	hold(policy.Rlimits, v.rlimits(r.Limits))
	hold(policy.NoNewPrivs, v.same("no_new_privs inside", in.NoNewPrivs, 1), v.same("no_new_privs outside", out.NoNewPrivs, 1))
	hold(policy.NoCaps, v.capabilities("inside", in), v.capabilities("outside", out))
	hold(policy.UnprivilegedUID, v.identity("inside", in), v.identity("outside", out))
	probed := v.probes(r)
	hold(policy.Syscalls, v.same("seccomp", in.Seccomp, 2), v.same("seccomp filters beside the engine's", in.SeccompFilters > out.SeccompFilters, true),
		probed("udp", "vsock", "unshare", "mount", "keyctl", "io_uring", "ptrace"))
	hold(policy.NoUnixSocket, probed("unix", "engine"))
	hold(policy.PrivateFS, v.own(r, host, "mnt"), v.shown(r), probed("root"))
	hold(policy.PrivatePID, v.own(r, host, "pid"))
	hold(policy.PrivateNet, v.own(r, host, "net"), probed("network"))
	hold(policy.PrivateIPC, v.own(r, host, "ipc"))
	hold(policy.PrivateUTS, v.own(r, host, "uts"))
	if r.NS["user"] != "" && host["user"] != "" && r.NS["user"] != host["user"] {
		held |= policy.PrivateUser // an engine that maps uids; no miss when it does not
	}
	h := &v.want.HostConfig
	hold(policy.MemoryLimit, limitIs(r.Memory, h.Memory))
	hold(policy.PidsLimit, limitIs(r.Pids, h.PidsLimit))
	return held
}

func limitIs(text string, want int64) bool {
	n, err := strconv.ParseInt(text, 10, 64)
	return err == nil && n > 0 && n <= want
}

func (v *verdict) own(r *report, host map[string]string, ns string) bool {
	if got := r.NS[ns]; got == "" || host[ns] == "" || got == host[ns] {
		v.miss("%s namespace %q, want one of its own", ns, got)
		return false
	}
	return true
}

func (v *verdict) capabilities(where string, f sandbox.Facts) bool {
	ok := true
	for _, s := range []struct{ name, value string }{{"inheritable", f.CapInheritable}, {"permitted", f.CapPermitted}, {"effective", f.CapEffective}, {"bounding", f.CapBounding}, {"ambient", f.CapAmbient}} {
		if s.value == "" || strings.Trim(s.value, "0") != "" {
			v.miss("%s capabilities %s %q, want none", s.name, where, s.value)
			ok = false
		}
	}
	return ok
}

// identity: the four ids are those asked for. Outside they are others when the
// engine maps them, and then never root's.
func (v *verdict) identity(where string, f sandbox.Facts) bool {
	want := v.uid
	if where == "outside" && len(f.UIDs) == 4 && f.UIDs[0] != v.uid {
		want = f.UIDs[0]
	}
	all := len(f.UIDs) == 4 && !slices.ContainsFunc(f.UIDs, func(id int) bool { return id != want || id == 0 })
	groups := len(f.GIDs) == 4 && !slices.Contains(f.GIDs, 0) && !slices.Contains(f.Groups, 0)
	if !all || !groups {
		v.miss("ids %s: uids %v gids %v groups %v, want %d and %d", where, f.UIDs, f.GIDs, f.Groups, v.uid, v.gid)
		return false
	}
	return true
}

func (v *verdict) rlimits(text string) bool {
	ok := true
	for _, u := range v.want.HostConfig.Ulimits {
		name := map[string]string{"core": "Max core file size", "nofile": "Max open files", "fsize": "Max file size"}[u.Name]
		got := int64(-1)
		for line := range strings.Lines(text) {
			if rest, is := strings.CutPrefix(line, name); is {
				if f := strings.Fields(rest); len(f) >= 2 {
					if n, err := strconv.ParseInt(f[1], 10, 64); err == nil {
						got = n
					}
				}
			}
		}
		if got < 0 || got > u.Hard {
			v.miss("%s %d, want at most %d", strings.ToLower(name), got, u.Hard)
			ok = false
		}
	}
	return ok
}

// probes notes every probe in the witness and gives a look at some of them.
func (v *verdict) probes(r *report) func(names ...string) bool {
	want := map[string]string{"root": "EROFS", "engine": "ENOENT", "network": "lo", "unix": "EAFNOSUPPORT", "udp": "EPROTONOSUPPORT", "vsock": "EAFNOSUPPORT", "unshare": "EPERM", "mount": "EPERM",
		"keyctl": "EPERM", "io_uring": "ENOSYS", "setuid": "EPERM", "ptrace": "EPERM"}
	if !v.want.HostConfig.ReadonlyRootfs {
		delete(want, "root")
	}
	names := make([]string, 0, len(want))
	for name := range want {
		names = append(names, name)
	}
	slices.Sort(names)
	held := map[string]bool{"root": want["root"] == ""}
	for _, name := range names {
		p := sandbox.Probe{Name: name, Got: r.Probes[name], Want: want[name]}
		v.witness.Probes = append(v.witness.Probes, p)
		if held[name] = p.Held(); !held[name] {
			v.miss("probe %s: %q, want %q", name, p.Got, p.Want)
		}
	}
	return func(names ...string) bool {
		return !slices.ContainsFunc(names, func(n string) bool { return !held[n] })
	}
}

// shown judges what is really mounted: at each target the very object that was
// judged, and nothing anywhere that nobody asked for (R62).
func (v *verdict) shown(r *report) bool {
	before := len(v.misses)
	expected := map[string]bool{"/": true, "/etc/hosts": true, "/etc/hostname": true, "/etc/resolv.conf": true}
	for t := range v.want.HostConfig.Tmpfs {
		expected[t] = true
	}
	for _, m := range v.list {
		expected[m.target] = true
		f, there := r.Found[m.target]
		if !there || f.Err != "" || f.Dev != m.dev || f.Ino != m.ino {
			v.miss("at %q is another object than the one that was judged (%+v, want device %d inode %d)", m.target, f, m.dev, m.ino)
		} else if f.ReadOnly == m.write {
			v.miss("%q is mounted writable %t, want %t", m.target, !f.ReadOnly, m.write)
		}
	}
	n := 0
	for line := range strings.Lines(r.Mounts) {
		f := strings.Fields(line)
		if len(f) < 6 {
			continue
		}
		n++
		at := unescape(f[4])
		if !expected[at] && !within(at, "/proc") && !within(at, "/sys") && !within(at, "/dev") {
			v.miss("something is mounted at %q that nobody asked for", at)
		}
	}
	if n == 0 {
		v.miss("no list of mounts")
	}
	return len(v.misses) == before
}

// unescape reads the octal escapes of a list of mounts.
func unescape(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				out.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		out.WriteByte(s[i])
	}
	return out.String()
}

// factsOf reads /proc/PID/status.
func factsOf(status string, ns map[string]string) sandbox.Facts {
	f := sandbox.Facts{Namespaces: ns}
	for line := range strings.Lines(status) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		value = strings.TrimSpace(value)
		switch name {
		case "Uid":
			f.UIDs = numbers(value)
		case "Gid":
			f.GIDs = numbers(value)
		case "Groups":
			f.Groups = numbers(value)
		case "CapInh":
			f.CapInheritable = value
		case "CapPrm":
			f.CapPermitted = value
		case "CapEff":
			f.CapEffective = value
		case "CapBnd":
			f.CapBounding = value
		case "CapAmb":
			f.CapAmbient = value
		case "NoNewPrivs":
			f.NoNewPrivs, _ = strconv.Atoi(value)
		case "Seccomp":
			f.Seccomp, _ = strconv.Atoi(value)
		case "Seccomp_filters":
			f.SeccompFilters, _ = strconv.Atoi(value)
		}
	}
	return f
}

func numbers(text string) []int {
	out := []int{}
	for _, s := range strings.Fields(text) {
		if n, err := strconv.Atoi(s); err == nil {
			out = append(out, n)
		}
	}
	return out
}

func sum(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:])
}

func ownNamespaces() map[string]string {
	out := map[string]string{}
	for _, n := range namespaceNames() {
		out[n], _ = os.Readlink("/proc/self/ns/" + n)
	}
	return out
}
