package posture

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// Defaults of a container.
const (
	// ContainerImage is what openclaw sandbox build makes.
	ContainerImage   = "openclaw-sandbox:local"
	containerPrefix  = "openclaw-sbx-"
	containerWorkdir = "/workspace"
	containerPids    = 256
	containerMemory  = 1 << 30
	containerCPUs    = 1.0
)

// container of an agent's runs: its own block over the defaults', key by key.
// nil means that none of its sessions runs in one.
func (b *builder) container(own *config.Agent, workspace string, level config.Value[string]) *policy.Container {
	m := mergeSandbox(&b.c.Agents.Defaults.Sandbox, &own.Sandbox)
	mode := m.Mode
	out := &policy.Container{Where: mode.Ref, Level: policy.LevelContainer}
	switch {
	case mode.Invalid:
		out.Sessions, out.Refused = policy.ContainerAll, "sandbox.mode was not understood"
	case mode.V == "all":
		out.Sessions = policy.ContainerAll
	case mode.V == "non-main":
		out.Sessions = policy.ContainerNonMain
	default:
		return nil
	}
	if l, ok := policy.ParseLevel(level.V); level.Set && ok {
		out.Level = l // what is written is held, in a container too
	}
	switch m.Scope.Or("agent") {
	case "agent":
		out.Scope = policy.ScopeAgent
	case "shared":
		out.Scope = policy.ScopeShared
	}
	switch m.WorkspaceAccess.Or("none") {
	case "ro":
		out.Access = policy.AccessRead
	case "rw":
		out.Access = policy.AccessWrite
	}
	b.docker(out, &m.Docker, workspace)
	if v := m.Backend; v.Invalid || v.Set && v.V != "docker" && v.V != "podman" {
		if out.Refused == "" {
			out.Refused, out.Where = fmt.Sprintf("sandbox.backend %q is not built; docker and podman are", v.V), v.Ref
		}
	}
	if out.Refused != "" && b.w.Owner == Ours {
		b.note(claw.Warn, "sandbox.container_refused", "commands that are to run in a container are refused: "+out.Refused, out.Where)
	}
	return out
}

// docker reads sandbox.docker. A setting that would take a guarantee away makes
// the container refused, never weaker.
func (b *builder) docker(out *policy.Container, d *config.Docker, workspace string) {
	refuse := func(o config.Origin, format string, args ...any) {
		if out.Refused == "" {
			out.Refused, out.Where = fmt.Sprintf(format, args...), o.Ref
		}
	}
	out.Image, out.Prefix = d.Image.Or(ContainerImage), d.ContainerPrefix.Or(containerPrefix)
	out.Workdir = d.Workdir.Or(containerWorkdir)
	if !path.IsAbs(out.Workdir) || path.Clean(out.Workdir) != out.Workdir || out.Workdir == "/" {
		refuse(d.Workdir.Origin, "docker.workdir %q is not an absolute path", out.Workdir)
	}
	if v := d.Network; v.Invalid || v.Or("none") != "none" {
		refuse(v.Origin, "docker.network %q goes past the egress proxy; only none is allowed", v.V)
	}
	if v := d.SeccompProfile; v.Invalid || v.Set {
		refuse(v.Origin, "docker.seccompProfile %q: the engine's own filter and this program's are in force", v.V)
	}
	if v := d.ApparmorProfile; v.Invalid || v.V == "unconfined" {
		refuse(v.Origin, "docker.apparmorProfile %q takes the host's access control away", v.V)
	}
	out.AppArmor = d.ApparmorProfile.V
	prune := &b.c.Agents.Defaults.Sandbox.Prune
	out.IdleHours, out.AgeHours = prune.IdleHours.Or(24), 24*prune.MaxAgeDays.Or(7)
	if v := d.SetupCommand; v.Invalid || v.Set && v.V != "" {
		refuse(v.Origin, "docker.setupCommand needs root, network and a writable root; put what it does into the image (openclaw sandbox build --from)")
	}
	if v := d.AllowJoin; v.Or(false) {
		refuse(v.Origin, "a namespace of another container is never joined")
	}
	if len(d.DNS.V) > 0 || len(d.ExtraHosts.V) > 0 {
		refuse(d.DNS.Origin, "docker.dns and docker.extraHosts have no use without a network")
	}
	out.WritableRoot = !d.ReadOnlyRoot.Or(true) && !d.ReadOnlyRoot.Invalid
	b.dockerLimits(out, d, refuse)
	b.dockerBinds(out, d, workspace, refuse)
	for _, e := range d.Env {
		ref := &e.V.V
		switch {
		case ref.Kind != config.SecretLiteral:
			refuse(e.V.Origin, "docker.env %s: a secret does not enter a container; bind it to a host (secrets.bindings)", e.Key)
		case strings.ContainsAny(e.Key, "=\x00") || e.Key == "":
			refuse(e.V.Origin, "docker.env %q is no name of a variable", e.Key)
		default:
			ref.Use(func(v []byte) { out.Env = append(out.Env, e.Key+"="+string(v)) })
		}
	}
}

func (b *builder) dockerLimits(out *policy.Container, d *config.Docker, refuse func(config.Origin, string, ...any)) {
	if v := d.User; v.Invalid || v.Set {
		uid, gid, ok := ids(v.V)
		if !ok || uid == 0 || gid == 0 {
			refuse(v.Origin, "docker.user %q is not uid:gid of an ordinary user", v.V)
		}
		out.UID, out.GID = uid, gid
	}
	out.Tmpfs = []string{"/tmp", "/var/tmp", "/run"}
	if d.Tmpfs.Set {
		out.Tmpfs = config.Strings(d.Tmpfs)
	}
	for _, t := range out.Tmpfs {
		if !path.IsAbs(t) || path.Clean(t) != t || t == "/" || strings.ContainsAny(t, ":,") {
			refuse(d.Tmpfs.Origin, "docker.tmpfs %q is not an absolute path", t)
		}
	}
	out.Pids = int64(d.PidsLimit.Or(containerPids))
	out.Memory = int64(d.Memory.Or(containerMemory))
	out.MemorySwap = int64(d.MemorySwap.Or(config.Size(out.Memory)))
	out.MilliCPUs = int64(d.CPUs.Or(containerCPUs) * 1000)
	for _, o := range []struct {
		origin config.Origin
		low    bool
	}{{d.PidsLimit.Origin, out.Pids < 8}, {d.Memory.Origin, out.Memory < 16<<20}, {d.MemorySwap.Origin, out.MemorySwap < out.Memory}, {d.CPUs.Origin, out.MilliCPUs < 10}} {
		if o.low || o.origin.Invalid {
			refuse(o.origin, "a limit of the container is not one: at least 8 processes, 16 MiB, swap not below memory, 0.01 processors")
		}
	}
}

// dockerBinds reads "source:target[:ro|rw]"; rw when neither is written, as
// upstream has it.
func (b *builder) dockerBinds(out *policy.Container, d *config.Docker, workspace string, refuse func(config.Origin, string, ...any)) {
	out.External = d.AllowExternal.Or(false)
	for _, v := range d.Binds.V {
		parts := strings.Split(v.V, ":")
		bind := policy.Bind{Write: true}
		if n := len(parts); n == 3 && (parts[2] == "ro" || parts[2] == "rw") {
			bind.Write, parts = parts[2] == "rw", parts[:2]
		}
		if !v.Set || len(parts) != 2 {
			refuse(v.Origin, "docker.binds %q is not source:target, source:target:ro or source:target:rw", v.V)
			continue
		}
		bind.Source, bind.Target = b.expand(parts[0]), parts[1]
		if !path.IsAbs(bind.Source) || !path.IsAbs(bind.Target) || path.Clean(bind.Target) != bind.Target {
			refuse(v.Origin, "docker.binds %q: both sides must be absolute paths", v.V)
			continue
		}
		bind.Source = path.Clean(bind.Source)
		if !out.External && (workspace == "" || !covers(workspace, bind.Source)) {
			refuse(v.Origin, "docker.binds %q comes from outside the workspace (docker.dangerouslyAllowExternalBindSources)", v.V)
		}
		if !d.AllowReserved.Or(false) && (covers(bind.Target, out.Workdir) || covers(out.Workdir, bind.Target) || bind.Target == "/") {
			refuse(v.Origin, "docker.binds %q shadows %s", v.V, out.Workdir)
		}
		out.Binds = append(out.Binds, bind)
	}
}

func ids(s string) (uid, gid int, ok bool) {
	u, g, two := strings.Cut(s, ":")
	uid, uerr := strconv.Atoi(u)
	if !two {
		g = u
	}
	gid, gerr := strconv.Atoi(g)
	return uid, gid, uerr == nil && gerr == nil && uid >= 0 && gid >= 0
}

// mergeSandbox lays an agent's block over the defaults'. Binds and variables
// add up, but for a container that agents share.
func mergeSandbox(def, own *config.Sandbox) config.Sandbox {
	out := *def
	pick(&out.Mode, own.Mode)
	pick(&out.Scope, own.Scope)
	pick(&out.Backend, own.Backend)
	pick(&out.WorkspaceAccess, own.WorkspaceAccess)
	d, o := &out.Docker, &own.Docker
	if out.Scope.V == "shared" {
		return out
	}
	pick(&d.Image, o.Image)
	pick(&d.ContainerPrefix, o.ContainerPrefix)
	pick(&d.Workdir, o.Workdir)
	pick(&d.Network, o.Network)
	pick(&d.ReadOnlyRoot, o.ReadOnlyRoot)
	pick(&d.User, o.User)
	pick(&d.PidsLimit, o.PidsLimit)
	pick(&d.Memory, o.Memory)
	pick(&d.MemorySwap, o.MemorySwap)
	pick(&d.CPUs, o.CPUs)
	pick(&d.SeccompProfile, o.SeccompProfile)
	pick(&d.ApparmorProfile, o.ApparmorProfile)
	pick(&d.SetupCommand, o.SetupCommand)
	pick(&d.AllowReserved, o.AllowReserved)
	pick(&d.AllowExternal, o.AllowExternal)
	pick(&d.AllowJoin, o.AllowJoin)
	if o.Tmpfs.Set || o.Tmpfs.Invalid {
		d.Tmpfs = o.Tmpfs
	}
	d.DNS.V = append(append(d.DNS.V[:0:0], d.DNS.V...), o.DNS.V...)
	d.ExtraHosts.V = append(append(d.ExtraHosts.V[:0:0], d.ExtraHosts.V...), o.ExtraHosts.V...)
	d.Binds.V = append(append(d.Binds.V[:0:0], d.Binds.V...), o.Binds.V...)
	d.Env = append(append(d.Env[:0:0], d.Env...), o.Env...)
	return out
}

func pick[T any](to *config.Value[T], own config.Value[T]) {
	if own.Set || own.Invalid {
		*to = own
	}
}

// container compares what runs in containers: other binds, more of the
// workspace, another image, a level that holds less.
func (d *diff) container(a, b policy.Confinement, agent claw.AgentID) {
	for _, s := range []struct {
		name    string
		session claw.SessionKey
	}{{"confinement of commands in the main session", policy.MainSession(agent)}, {"confinement of commands in other sessions", ""}} {
		x, y := a.For(agent, s.session), b.For(agent, s.session)
		if y.Container == nil && x.Container == nil {
			continue // the level of the host is compared already
		}
		d.add(x.Level.Guarantees()&^y.Level.Guarantees() != 0, s.name, x.Level, y.Level, whereOf(y))
		if y.Container == nil { // back to the host
			d.add(y.Network > x.Network, s.name+": network", "none", "through the proxy", whereOf(x))
			d.add(x.Container.Access != policy.AccessWrite, s.name+": workspace", x.Container.Access, "as on the host", whereOf(x))
		}
	}
	y := b.Container
	if y == nil {
		return
	}
	x := a.Container
	if x == nil {
		x = &policy.Container{Image: y.Image, Access: y.Access, Memory: y.Memory, MilliCPUs: y.MilliCPUs, Pids: y.Pids}
	}
	d.add(y.Access > x.Access, "workspace in containers", x.Access, y.Access, y.Where)
	d.add(y.Scope > x.Scope && a.Container != nil, "private folder of containers", x.Scope, y.Scope, y.Where)
	d.add(y.Image != x.Image, "image of containers", x.Image, y.Image, y.Where)
	d.add(y.External && !x.External, "binds from outside the workspace", "refused", "allowed", y.Where)
	d.add(y.WritableRoot && !x.WritableRoot, "root of containers", "read-only", "writable", y.Where)
	d.add(y.Memory > x.Memory || y.MilliCPUs > x.MilliCPUs || y.Pids > x.Pids, "limits of containers", "lower", "higher", y.Where)
	d.add(x.AppArmor != "" && y.AppArmor != x.AppArmor, "AppArmor profile of containers", x.AppArmor, y.AppArmor, y.Where)
	for _, bind := range gained(x.Binds, y.Binds) {
		d.add(true, "container sees "+bind.Source, "no", "yes", y.Where)
	}
	d.each(gained(x.Env, y.Env), "variable of containers", y.Where)
}

func whereOf(c policy.Confinement) claw.ConfigRef {
	if c.Container == nil {
		return claw.ConfigRef{}
	}
	return c.Container.Where
}

// containerLines say how a container is made; no lines without one.
func containerLines(c *policy.Container) []ProfileLine {
	if c == nil {
		return nil
	}
	from := orDefault(c.Where, "agents.defaults.sandbox")
	out := []ProfileLine{{"sessions in a container", c.Sessions.String(), from}, {"level in a container", c.Level.String(), from}, {"image", c.Image, from},
		{"workspace in a container", c.Access.String(), from}, {"private folder", c.Scope.String() + ", at " + c.Workdir, from},
		{"memory of a container", strconv.FormatInt(c.Memory>>20, 10) + " MiB", from}, {"processes of a container", strconv.FormatInt(c.Pids, 10), from},
		{"network of a container", "none", "built in: it would go past the egress proxy"}}
	for _, b := range c.Binds {
		mode := "read-only"
		if b.Write {
			mode = "writable"
		}
		out = append(out, ProfileLine{"bind", b.Source + " at " + b.Target + ", " + mode, from})
	}
	if c.Refused != "" {
		out = append(out, ProfileLine{"refused", c.Refused, from})
	}
	return out
}
