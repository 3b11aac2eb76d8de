//go:build linux && (amd64 || arm64)

package linux

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox"
	"github.com/openclaw-go/openclaw/internal/sandbox/linux/confine"
)

// verdict compares what the kernel reported with the plan. Whatever is absent
// or malformed counts against the run.
type verdict struct {
	plan   *plan
	report *confine.Report
	root   bool              // the gateway is uid 0
	host   map[string]string // the gateway's own namespaces
	group  *cgroup
	misses []string
}

func (v *verdict) miss(format string, args ...any) {
	v.misses = append(v.misses, fmt.Sprintf(format, args...))
}

// judge gives the witness and what it proves. outside is the launcher's text.
func (v *verdict) judge(outside string) (sandbox.Witness, policy.Guarantees) {
	s := &v.plan.spec
	w := sandbox.Witness{Nonce: v.report.Nonce, Level: v.plan.level, OpenFDs: v.report.FDs, LandlockABI: s.ABI, EnvHash: envHash(s),
		Inside: readFacts(v.report.Status, v.report.Namespaces), Outside: readFacts(outside, nsLines(outside))}
	w.Inside.Cgroup = strings.TrimSpace(v.report.Cgroup)
	if v.report.Nonce != s.Nonce {
		v.miss("nonce %q, want %q", v.report.Nonce, s.Nonce)
	}
	v.agree(w)
	var held policy.Guarantees
	hold := func(g policy.Guarantees, ok bool) {
		if ok {
			held |= g
		}
	}
	hold(policy.CleanEnv, v.environment())
	hold(policy.Rlimits, v.rlimits(outside))
	hold(policy.NoNewPrivs, v.want("no_new_privs", w.Outside.NoNewPrivs, 1))
	hold(policy.NoCaps, v.capabilities(w.Outside))
	hold(policy.UnprivilegedUID, v.identity(w.Outside))
	v.descriptors(w.OpenFDs)
	if s.Level >= confine.LevelConfined {
		w.FilterHash = fmt.Sprintf("%016x", uint64(v.report.Filter))
		w.Probes = v.probes()
		hold(policy.FSRules, v.proven(w.Probes, "canary before", "canary"))
		hold(policy.Syscalls, v.filter(w.Outside) && v.proven(w.Probes, "udp", "mptcp", "vsock", "unshare", "io_uring", "keyctl"))
		hold(policy.NoUnixSocket, v.proven(w.Probes, "unix"))
	}
	if s.Level == confine.LevelIsolated {
		mounts := parseMounts(v.report.Mounts)
		sum := sha256.Sum256([]byte(v.report.Mounts))
		w.Mounts, w.MountsHash = len(mounts), hex.EncodeToString(sum[:])
		hold(policy.PrivateFS, v.private(w.Outside, "mnt") && v.mounts(mounts))
		hold(policy.PrivatePID, v.private(w.Outside, "pid"))
		hold(policy.PrivateNet, v.private(w.Outside, "net"))
		hold(policy.PrivateIPC, v.private(w.Outside, "ipc"))
		hold(policy.PrivateUser, v.private(w.Outside, "user"))
		hold(policy.PrivateUTS, v.private(w.Outside, "uts"))
		v.private(w.Outside, "cgroup")
		// Processes are counted per uid in each user namespace.
		hold(policy.PidsLimit, held&(policy.Rlimits|policy.UnprivilegedUID|policy.PrivateUser) == policy.Rlimits|policy.UnprivilegedUID|policy.PrivateUser)
	}
	if v.group != nil {
		for controller, g := range map[string]policy.Guarantees{"pids": policy.PidsLimit, "memory": policy.MemoryLimit, "cpu": policy.CPULimit} {
			hold(g, v.grouped(controller, outside))
		}
	}
	w.Limits = v.limits(held)
	return w, held
}

// grouped reports whether a controller of the run's group limits it, as the
// launcher and the kernel's own files say. A run that should be in the group of
// a controller and is not is refused.
func (v *verdict) grouped(controller, outside string) bool {
	g := v.group
	if !g.of.controls(controller) {
		return false
	}
	if !g.within(controller, outside) {
		v.miss("not in the %s group of the run", controller)
		return false
	}
	switch controller {
	case "cpu":
		return v.plan.limits.CPUPercent > 0
	case "memory":
		return v.plan.limits.MemoryBytes > 0 || g.of.memory > 0
	}
	return true
}

// limits says what bounds a run as a whole, and by what.
func (v *verdict) limits(held policy.Guarantees) []sandbox.Limit {
	l := v.plan.limits
	by := func(g policy.Guarantees) string {
		if held&g != 0 {
			return "cgroup " + v.group.of.String()
		}
		return ""
	}
	memory := sandbox.Limit{Name: "memory", By: "nothing"}
	processes := sandbox.Limit{Name: "processes", Value: strconv.Itoa(l.Processes), By: "nothing"}
	cpu := sandbox.Limit{Name: "cpu", By: "nothing"}
	if v.group == nil {
		if l.MemoryBytes > 0 {
			memory.Value, memory.By = strconv.FormatInt(l.MemoryBytes, 10), "each process by itself"
		}
		if held&policy.PidsLimit != 0 {
			processes.By = "user namespace"
		}
		return []sandbox.Limit{memory, processes, cpu}
	}
	if x := by(policy.MemoryLimit); x != "" {
		memory.Value, memory.By = v.group.read("memory", "memory.max", "memory.limit_in_bytes"), x
	}
	if x := by(policy.PidsLimit); x != "" {
		processes.Value, processes.By = v.group.read("pids", "pids.max"), x
	}
	if x := by(policy.CPULimit); x != "" {
		cpu.Value, cpu.By = strconv.Itoa(l.CPUPercent)+"%", x
	}
	return []sandbox.Limit{memory, processes, cpu}
}

// bestLevel is the most confined level whose guarantees are all held.
func bestLevel(held policy.Guarantees) policy.Level {
	for _, l := range []policy.Level{policy.LevelIsolated, policy.LevelConfined, policy.LevelProcess} {
		if l.Guarantees()&^held == 0 {
			return l
		}
	}
	return policy.LevelNone
}

func (v *verdict) want(what string, got, want int) bool {
	if got != want {
		v.miss("%s %d, want %d", what, got, want)
	}
	return got == want
}

// agree requires that the task told of itself what the launcher saw of it.
func (v *verdict) agree(w sandbox.Witness) {
	in, out := w.Inside, w.Outside
	type pair struct{ what, in, out string }
	pairs := []pair{{"uids", fmt.Sprint(in.UIDs), fmt.Sprint(out.UIDs)}, {"gids", fmt.Sprint(in.GIDs), fmt.Sprint(out.GIDs)},
		{"effective capabilities", in.CapEffective, out.CapEffective}, {"permitted capabilities", in.CapPermitted, out.CapPermitted},
		{"bounding capabilities", in.CapBounding, out.CapBounding},
		{"no_new_privs", strconv.Itoa(in.NoNewPrivs), strconv.Itoa(out.NoNewPrivs)},
		{"seccomp", strconv.Itoa(in.Seccomp), strconv.Itoa(out.Seccomp)},
		{"seccomp filters", strconv.Itoa(in.SeccompFilters), strconv.Itoa(out.SeccompFilters)}}
	for _, ns := range namespaceNames() {
		pairs = append(pairs, pair{ns + " namespace", in.Namespaces[ns], out.Namespaces[ns]})
	}
	for _, p := range pairs {
		if p.in != p.out || p.in == "" {
			v.miss("%s: inside %q, outside %q", p.what, p.in, p.out)
		}
	}
}

func (v *verdict) environment() bool {
	s := &v.plan.spec
	if v.report.CmdSum != confine.CmdSum(s.Path, s.Args, s.Env) {
		v.miss("command line or environment differs")
		return false
	}
	return true
}

func (v *verdict) rlimits(outside string) bool {
	l := v.plan.spec.Limits
	ok := true
	type limit struct {
		name string
		want int64
	}
	limits := []limit{{"Max core file size", 0}, {"Max file size", l.FileBytes}, {"Max processes", l.Processes}, {"Max open files", l.OpenFiles}}
	if l.DataBytes > 0 {
		limits = append(limits, limit{"Max data size", l.DataBytes})
	}
	for _, x := range limits {
		got := limitOf(outside, x.name)
		// A hard limit below the wanted one cannot be raised by an ordinary user.
		if got < 0 || got > x.want {
			v.miss("%s %d, want at most %d", strings.ToLower(x.name), got, x.want)
			ok = false
		}
	}
	return ok
}

// limitOf gives the hard limit, -1 when it is unlimited or not there.
func limitOf(text, name string) int64 {
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(line, name)
		if !ok {
			continue
		}
		if fields := strings.Fields(rest); len(fields) >= 2 {
			if n, err := strconv.ParseInt(fields[1], 10, 64); err == nil {
				return n
			}
		}
	}
	return -1
}

func (v *verdict) capabilities(f sandbox.Facts) bool {
	sets := []struct{ name, value string }{{"inheritable", f.CapInheritable}, {"permitted", f.CapPermitted}, {"effective", f.CapEffective}, {"ambient", f.CapAmbient}}
	// Only who has a capability can empty the bounding set; with no_new_privs
	// and the others empty it gives nothing.
	if v.plan.spec.Level == confine.LevelIsolated || (v.root && v.plan.identity == sandbox.IdentityRun) {
		sets = append(sets, struct{ name, value string }{"bounding", f.CapBounding})
	}
	ok := true
	for _, s := range sets {
		if s.value == "" || strings.Trim(s.value, "0") != "" {
			v.miss("%s capabilities %q, want none", s.name, s.value)
			ok = false
		}
	}
	return ok
}

func (v *verdict) identity(f sandbox.Facts) bool {
	all := func(ids []int, want int) bool {
		return len(ids) == 4 && !slices.ContainsFunc(ids, func(id int) bool { return id != want })
	}
	s := &v.plan.spec
	if !all(f.UIDs, s.UID) || !all(f.GIDs, s.GID) {
		v.miss("uids %v gids %v, want %d and %d", f.UIDs, f.GIDs, s.UID, s.GID)
		return false
	}
	if v.root && v.plan.identity == sandbox.IdentityRun && len(f.Groups) != 0 {
		v.miss("supplementary groups %v, want none", f.Groups)
		return false
	}
	return s.UID != 0
}

// descriptors allows the three streams, the stage's socket and, until it is
// passed on, the proxy's listener.
func (v *verdict) descriptors(fds []int) {
	extra := 0
	for _, fd := range fds {
		if fd > 3 {
			extra++
		}
	}
	most := 0
	if v.plan.spec.Proxy {
		most = 1
	}
	if extra > most || len(fds) == 0 {
		v.miss("open descriptors %v, want 0 to 3", fds)
	}
}

func (v *verdict) private(f sandbox.Facts, ns string) bool {
	got := f.Namespaces[ns]
	if got == "" || got == v.host[ns] || v.host[ns] == "" {
		v.miss("%s namespace %q, want one of its own", ns, got)
		return false
	}
	return true
}

// filter is what the stages of a level install.
type filter struct {
	program []byte
	sum     int64
}

func newFilter(level confine.Level) (filter, error) {
	if level < confine.LevelConfined {
		return filter{sum: confine.FilterSum(nil)}, nil
	}
	isolated := level == confine.LevelIsolated
	f, err := confine.Filter(confine.FilterParams{Inet: isolated, Route: isolated, SysVIPC: isolated, Guard: !isolated})
	if err != nil {
		return filter{}, err
	}
	b := confine.FilterBytes(f)
	return filter{b, confine.FilterSum(b)}, nil
}

func (v *verdict) filter(f sandbox.Facts) bool {
	if v.report.Filter != v.plan.filterSum || v.plan.filterSum == 0 {
		v.miss("filter %x, want %x", v.report.Filter, v.plan.filterSum)
		return false
	}
	if f.SeccompFilters < 1 {
		v.miss("seccomp filters %d, want at least 1", f.SeccompFilters)
		return false
	}
	return v.want("seccomp mode", f.Seccomp, 2)
}

// wantedProbes gives the errno that each act must meet; foreign calls must be
// killed.
func (p *plan) wantedProbes() []confine.Probe {
	inet := int(unix.EPROTONOSUPPORT)
	if p.spec.NoInet {
		inet = int(unix.EAFNOSUPPORT)
	}
	out := []confine.Probe{{Name: "canary before", Errno: 0}, {Name: "canary", Errno: int(unix.EACCES)}}
	if p.spec.ABI >= 4 {
		out = append(out, confine.Probe{Name: "tcp", Errno: int(unix.EACCES)})
	}
	out = append(out, confine.Probe{Name: "udp", Errno: inet}, confine.Probe{Name: "mptcp", Errno: inet},
		confine.Probe{Name: "unix", Errno: int(unix.EAFNOSUPPORT)}, confine.Probe{Name: "vsock", Errno: int(unix.EAFNOSUPPORT)},
		confine.Probe{Name: "unshare", Errno: int(unix.EPERM)}, confine.Probe{Name: "io_uring", Errno: int(unix.ENOSYS)},
		confine.Probe{Name: "keyctl", Errno: int(unix.EPERM)})
	if p.spec.ProveArch {
		for _, kind := range confine.ForeignKinds() {
			out = append(out, confine.Probe{Name: kind, Errno: int(unix.SIGSYS)})
		}
	}
	return out
}

func (v *verdict) probes() []sandbox.Probe {
	out := []sandbox.Probe{}
	wanted := v.plan.wantedProbes()
	if len(v.report.Probes) != len(wanted) {
		v.miss("%d probes, want %d", len(v.report.Probes), len(wanted))
	}
	for _, want := range wanted {
		p := sandbox.Probe{Name: want.Name, Want: outcome(want), Got: "not tried"}
		for _, got := range v.report.Probes {
			if got.Name == want.Name {
				p.Got = outcome(got)
			}
		}
		if p.Got == noInterface {
			p.Want = noInterface
		}
		if !p.Held() {
			v.miss("probe %q: %s, want %s", p.Name, p.Got, p.Want)
		}
		out = append(out, p)
	}
	return out
}

// noInterface is the outcome of a foreign call on a kernel built without it.
const noInterface = "no such interface"

func outcome(p confine.Probe) string {
	switch {
	case p.Errno == 0:
		return "worked"
	case p.Name == "i386" && p.Errno == int(unix.SIGSEGV):
		return noInterface
	case slices.Contains(confine.ForeignKinds(), p.Name):
		return unix.SignalName(unix.Signal(p.Errno))
	}
	return unix.ErrnoName(unix.Errno(p.Errno))
}

func (v *verdict) proven(probes []sandbox.Probe, names ...string) bool {
	for _, name := range names {
		if !slices.ContainsFunc(probes, func(p sandbox.Probe) bool { return p.Name == name && p.Held() }) {
			return false
		}
	}
	return true
}

func envHash(s *confine.Spec) string {
	h := sha256.New()
	for _, part := range slices.Concat([]string{s.Path}, s.Args, []string{"\x00"}, s.Env) {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func namespaceNames() []string {
	return []string{"cgroup", "ipc", "mnt", "net", "pid", "user", "uts"}
}

func ownNamespaces() map[string]string {
	out := map[string]string{}
	for _, ns := range namespaceNames() {
		if link, err := os.Readlink("/proc/self/ns/" + ns); err == nil {
			out[ns] = link
		}
	}
	return out
}

// nsLines gives the "ns NAME LINK" lines of an outside reading.
func nsLines(text string) []string {
	out := []string{}
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "ns "); ok {
			out = append(out, strings.TrimSpace(rest))
		}
	}
	return out
}

// readFacts reads a /proc status text; what is not there stays at a value that
// no check accepts.
func readFacts(status string, namespaces []string) sandbox.Facts {
	f := sandbox.Facts{NoNewPrivs: -1, Seccomp: -1, SeccompFilters: -1, Namespaces: map[string]string{}}
	for _, line := range namespaces {
		if name, link, ok := strings.Cut(line, " "); ok {
			f.Namespaces[name] = link
		}
	}
	texts := map[string]*string{"CapInh": &f.CapInheritable, "CapPrm": &f.CapPermitted, "CapEff": &f.CapEffective, "CapBnd": &f.CapBounding, "CapAmb": &f.CapAmbient}
	lists := map[string]*[]int{"Uid": &f.UIDs, "Gid": &f.GIDs, "Groups": &f.Groups}
	numbers := map[string]*int{"NoNewPrivs": &f.NoNewPrivs, "Seccomp": &f.Seccomp, "Seccomp_filters": &f.SeccompFilters}
	for line := range strings.Lines(status) {
		key, value, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		value = strings.TrimSpace(value)
		if p := texts[key]; p != nil {
			*p = value
		}
		if p := lists[key]; p != nil {
			*p = ints(value)
		}
		if p := numbers[key]; p != nil {
			if n, err := strconv.Atoi(value); err == nil {
				*p = n
			}
		}
	}
	return f
}

func ints(text string) []int {
	out := []int{}
	for _, field := range strings.Fields(text) {
		n, err := strconv.Atoi(field)
		if err != nil {
			return nil
		}
		out = append(out, n)
	}
	return out
}
