package audit

import (
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// hardenedContainer is one that nothing is wrong with, with changes.
func hardenedContainer(edits ...func(*Container)) func(*Input) {
	c := Container{ID: "0123456789ab", PIDs: 200, Restart: "unless-stopped", Made: time.Date(2026, 11, 10, 0, 0, 0, 0, time.UTC),
		Service: Service{Name: "claw", Image: "openclaw/openclaw@sha256:aa", User: "1000:1000", ReadOnly: true, CapDrop: []string{"ALL"}, SecurityOpt: []string{"no-new-privileges"}, NetworkMode: "inside", IPC: "private",
			Internal: true, CPUs: "2", Memory: "4294967296", Mounts: []Mount{{Source: "/srv/claw/config", Target: "/app/config", ReadOnly: true}}}}
	for _, e := range edits {
		e(&c)
	}
	return live(Live{Engines: []Engine{{Socket: "/run/docker.sock", Name: "Docker", Running: 1, Containers: []Container{c}}}})
}

func containerRows() []row {
	good := ours(`{}`, hardenedContainer())
	bad := func(e func(*Container)) home { return ours(`{}`, hardenedContainer(e)) }
	port := func(p string) func(*Container) { return func(c *Container) { c.Ports = []string{p} } }
	mount := func(src, dst string) func(*Container) {
		return func(c *Container) { c.Mounts = append(c.Mounts, Mount{Source: src, Target: dst}) }
	}
	deaf := ours(`{}`, live(Live{Engines: []Engine{{Socket: "/run/docker.sock", Err: "permission denied"}}}))
	out := []row{
		{id: "container.root_user", want: claw.Critical, bad: bad(func(c *Container) { c.User = "" }), good: good},
		{id: "container.root_user", want: claw.Critical, bad: bad(func(c *Container) { c.User = "root" }), good: good},
		{id: "container.writable_root", want: claw.Warn, bad: bad(func(c *Container) { c.ReadOnly = false }), good: good},
		{id: "container.caps_kept", want: claw.Warn, bad: bad(func(c *Container) { c.CapDrop = nil }), good: good},
		{id: "container.caps_added", want: claw.Critical, bad: bad(func(c *Container) { c.CapAdd = []string{"CAP_SYS_ADMIN"} }), good: good},
		{id: "container.net_bind_unused", want: claw.Info, bad: bad(func(c *Container) { c.CapAdd = []string{"NET_BIND_SERVICE"} }), good: good},
		{id: "container.new_privileges", want: claw.Warn, bad: bad(func(c *Container) { c.SecurityOpt = nil }), good: ours(`{}`, hardenedContainer(func(c *Container) { c.SecurityOpt = []string{"no-new-privileges=true"} }))},
		{id: "container.unconfined", want: claw.Critical, bad: bad(func(c *Container) { c.SecurityOpt = []string{"no-new-privileges", "seccomp=unconfined"} }), good: good},
		{id: "container.privileged", want: claw.Critical, bad: bad(func(c *Container) { c.Privileged = true }), good: good},
		{id: "container.no_limits", want: claw.Warn, bad: bad(func(c *Container) { c.Memory = "" }), good: good},
		{id: "container.no_limits", want: claw.Warn, bad: bad(func(c *Container) { c.CPUs = "" }), good: good},
		{id: "container.no_pids_limit", want: claw.Info, bad: bad(func(c *Container) { c.PIDs = 0 }), good: good},
		{id: "container.no_restart", want: claw.Info, bad: bad(func(c *Container) { c.Restart = "no" }), good: good},
		{id: "container.config_writable", want: claw.Warn, bad: bad(mount("/srv/claw/config", "/app/config")), good: good},
		{id: "container.docker_sock", want: claw.Critical, bad: bad(mount("/var/run/docker.sock", "/var/run/docker.sock")), good: good},
		{id: "container.host_mount", want: claw.Critical, bad: bad(mount("/", "/host")), good: good},
		{id: "container.host_mount", want: claw.Critical, bad: bad(mount("/etc", "/host/etc")), good: good},
		{id: "container.host_namespace", want: claw.Critical, bad: bad(func(c *Container) { c.NetworkMode = "host" }), good: good},
		{id: "container.host_namespace", want: claw.Critical, bad: bad(func(c *Container) { c.PID = "host" }), good: good},
		{id: "container.network_open", want: claw.Warn, bad: bad(func(c *Container) { c.Internal = false }), good: ours(`{}`, hardenedContainer(func(c *Container) { c.Internal, c.NetworkMode = false, "none" }))},
		{id: "container.ports_published", want: claw.Critical, bad: bad(port("0.0.0.0:8765:8765/tcp")), good: ours(`{}`, hardenedContainer(port("127.0.0.1:8765:8765/tcp")))},
		{id: "container.ports_published", want: claw.Critical, bad: bad(port("[::]:80:8765/tcp")), good: ours(`{}`, hardenedContainer(port("[::1]:8765:8765/tcp")))},
		{id: "container.image_unpinned", want: claw.Warn, bad: bad(func(c *Container) { c.Image = "openclaw/openclaw:latest" }), good: good},
		{id: "container.env_secret", want: claw.Info, bad: bad(func(c *Container) { c.Secrets = []string{"OPENCLAW_GATEWAY_TOKEN"} }), good: good},
		{id: "container.image_old", want: claw.Warn, bad: bad(func(c *Container) { c.Made = time.Date(2026, 10, 20, 0, 0, 0, 0, time.UTC) }), good: good},
		{id: "container.image_old", unmeasured: true, bad: bad(func(c *Container) { c.Made = time.Date(1980, 1, 1, 0, 0, 1, 0, time.UTC) }), good: good},
		{id: "container.privileged", unmeasured: true, bad: bad(func(c *Container) { c.Err = "GET /containers was answered 500" }), good: good},
	}
	// An engine that does not answer leaves every one of them unmeasured.
	for _, c := range containerChecks() {
		out = append(out, row{id: c.ID, unmeasured: true, bad: deaf, good: good})
	}
	return out
}

// hardenedUnit is a service of the system that nothing is wrong with.
func hardenedUnit(edits ...func(*Unit)) func(*Input) {
	u := Unit{Name: "openclaw.service", Path: "/etc/systemd/system/openclaw.service", Settings: map[string]UnitSetting{}}
	for i, kv := range []string{"User=claw", "NoNewPrivileges=yes", "ProtectSystem=strict", "ProtectHome=tmpfs", "PrivateTmp=true", "Restart=on-failure"} {
		k, v, _ := strings.Cut(kv, "=")
		u.Settings[k] = UnitSetting{Value: v, File: u.Path, Line: i + 3}
	}
	for _, e := range edits {
		e(&u)
	}
	return snapshot(func(s *Snapshot) { s.Units = append(s.Units, u) })
}

func unitRows() []row {
	set := func(key, value string) func(*Unit) {
		return func(u *Unit) {
			v := u.Settings[key]
			if v.Value = value; value == "" {
				delete(u.Settings, key)
				return
			}
			v.File = u.Path
			u.Settings[key] = v
		}
	}
	good := ours(`{}`, hardenedUnit())
	bad := func(key, value string) home { return ours(`{}`, hardenedUnit(set(key, value))) }
	// What a user's manager starts needs less.
	user := ours(`{}`, hardenedUnit(func(u *Unit) {
		u.User = true
		for _, k := range []string{"User", "ProtectSystem", "ProtectHome", "PrivateTmp"} {
			delete(u.Settings, k)
		}
	}))
	secret := func(u *Unit) {
		u.Secrets = []UnitSetting{{Value: "OPENCLAW_GATEWAY_TOKEN", File: u.Path, Line: 9}}
	}
	return []row{
		{id: "systemd.root_user", want: claw.Warn, bad: bad("User", "root"), good: user},
		{id: "systemd.root_user", want: claw.Critical, bad: theirs(`{}`, hardenedUnit(set("User", ""))), good: ours(`{}`, hardenedUnit(set("User", ""), func(u *Unit) { u.Settings["DynamicUser"] = UnitSetting{Value: "yes"} }))},
		{id: "systemd.new_privileges", want: claw.Warn, bad: bad("NoNewPrivileges", "no"), good: user},
		{id: "systemd.new_privileges", want: claw.Warn, bad: bad("NoNewPrivileges", ""), good: good},
		{id: "systemd.system_writable", want: claw.Warn, bad: bad("ProtectSystem", ""), good: user},
		{id: "systemd.system_writable", want: claw.Warn, bad: bad("ProtectSystem", "true"), good: good},
		{id: "systemd.home_open", want: claw.Info, bad: bad("ProtectHome", "no"), good: user},
		{id: "systemd.shared_tmp", want: claw.Info, bad: bad("PrivateTmp", ""), good: user},
		{id: "systemd.ambient_capabilities", want: claw.Warn, bad: bad("AmbientCapabilities", "CAP_NET_ADMIN"), good: good},
		{id: "systemd.env_secret", want: claw.Critical, bad: ours(`{}`, hardenedUnit(secret)), good: good},
		{id: "systemd.env_secret", want: claw.Warn, bad: ours(`{}`, hardenedUnit(secret, func(u *Unit) { u.User = true })), good: user},
		{id: "systemd.no_restart", want: claw.Info, bad: bad("Restart", "no"), good: good},
		{id: "systemd.no_restart", unmeasured: true, bad: ours(`{}`, hardenedUnit(func(u *Unit) { u.Err = "permission denied" })), good: good},
	}
}

func networkRows() []row {
	wall := func(w Firewall) func(*Input) { return snapshot(func(s *Snapshot) { s.Firewall = &w }) }
	deep := live(Live{})
	drop := func(family string) Chain { return Chain{Family: family, Table: "filter", Name: "INPUT", Drops: true} }
	ufw := func(u UFW) func(*Input) { return wall(Firewall{UFW: &u}) }
	tail := func(t Tailscale) func(*Input) { return live(Live{Tailscale: &t}) }
	door := func(funnel bool) TailscaleDoor {
		return TailscaleDoor{At: "box.ts.net:443", To: "http://127.0.0.1:8765", Gateway: true, Funnel: funnel}
	}
	served := ours(`{ gateway: { tailscale: { mode: "serve" } } }`, tail(Tailscale{State: "Running", Doors: []TailscaleDoor{door(false)}}))
	wg := snapshot(func(s *Snapshot) {
		s.Interfaces = []Interface{{Name: "wg0", WireGuard: true, Addrs: []string{"10.8.0.2"}}}
	})
	eth := snapshot(func(s *Snapshot) { s.Interfaces = []Interface{{Name: "eth0", Addrs: []string{"10.8.0.2"}}} })
	bound := `{ gateway: { bind: ^^"custom", customBindHost: "10.8.0.2" } }`
	plain := strings.Replace(bound, caret, "", 1)
	closed := ours(`{}`, wall(Firewall{Asked: true, Chains: []Chain{drop("inet")}}), deep)
	opens := func(r UFWRule) home {
		return ours(`{}`, ufw(UFW{Enabled: true, Input: "DROP", Opens: []UFWRule{r}}))
	}
	return []row{
		{id: "network.wireguard_bind", want: claw.Info, bad: ours(bound, wg), good: ours(plain, eth)},
		{id: "gateway.bind_beyond_loopback", want: claw.Warn, bad: ours(bound, eth), good: ours(plain, wg)},
		{id: "network.firewall", want: claw.Info, bad: ours(`{}`, ufw(UFW{Enabled: true, Input: "ACCEPT"})), good: ours(`{}`, ufw(UFW{Enabled: true, Input: "DROP"}))},
		{id: "network.firewall", want: claw.Warn, bad: ours(`{ gateway: { bind: "lan" } }`, wall(Firewall{Asked: true}), deep), good: closed},
		{id: "network.firewall", want: claw.Info, bad: ours(`{}`, wall(Firewall{Asked: true, Chains: []Chain{drop("ip")}}), deep), good: ours(`{}`, wall(Firewall{Asked: true, Chains: []Chain{drop("ip"), drop("ip6")}}), deep)},
		{id: "network.firewall", want: claw.Info, bad: ours(`{}`, wall(Firewall{Asked: true, UFW: &UFW{Enabled: true, Input: "DROP"}}), deep), good: closed},
		{id: "network.firewall", unmeasured: true, bad: ours(`{}`, wall(Firewall{Asked: true, Err: "only root may read the kernel's rules"}), deep), good: closed},
		{id: "network.firewall", unmeasured: true, bad: ours(`{}`, wall(Firewall{Asked: true, Legacy: true}), deep), good: closed},
		{id: "network.firewall", unmeasured: true, bad: ours(`{}`), good: closed},
		{id: "network.firewall_port_open", want: claw.Warn, bad: opens(UFWRule{File: "/etc/ufw/user.rules", Line: 3, Proto: "tcp", Ports: "8765", From: "0.0.0.0/0"}), good: opens(UFWRule{Proto: "tcp", Ports: "22", From: "0.0.0.0/0"})},
		{id: "network.firewall_port_open", want: claw.Warn, bad: opens(UFWRule{Proto: "any", Ports: "80,8000:9000", From: "::/0"}), good: opens(UFWRule{Proto: "tcp", Ports: "8765", From: "10.0.0.0/8"})},
		{id: "network.firewall_port_open", want: claw.Warn, bad: opens(UFWRule{Proto: "any", Ports: "any", From: "0.0.0.0/0"}), good: opens(UFWRule{Proto: "any", Ports: "any", From: "0.0.0.0/0", Interface: "tailscale0"})},
		{id: "network.firewall_port_open", unmeasured: true, bad: ours(`{}`, ufw(UFW{Enabled: true, Input: "DROP", RulesErr: "permission denied"})), good: ours(`{}`, ufw(UFW{Enabled: true, Input: "DROP"}))},
		{id: "tailscale.funnel_active", want: claw.Critical, bad: ours(`{}`, tail(Tailscale{State: "Running", Doors: []TailscaleDoor{door(true)}})), good: served},
		{id: "tailscale.funnel_active", unmeasured: true, bad: ours(`{}`, tail(Tailscale{Err: "tailscale status did not answer in time"})), good: served},
		{id: "tailscale.mode_differs", want: claw.Warn, bad: ours(`{ gateway: { tailscale: { mode: ^^"serve" } } }`, tail(Tailscale{State: "Running"})), good: served},
		{id: "tailscale.mode_differs", want: claw.Warn, bad: ours(`{}`, tail(Tailscale{State: "Running", Doors: []TailscaleDoor{door(false)}})), good: ours(`{}`, tail(Tailscale{State: "Running", Doors: []TailscaleDoor{{At: "a:443", To: "http://127.0.0.1:3000", Funnel: true}}}))},
		{id: "tailscale.mode_differs", unmeasured: true, bad: ours(`{}`, live(Live{})), good: served},
	}
}

func runningRows() []row {
	of := func(r Running) home { return ours(`{}`, snapshot(func(s *Snapshot) { s.Running = &r })) }
	same := of(Running{PID: 7})
	return []row{
		{id: "gateway.other_rules", want: claw.Critical, bad: of(Running{PID: 7, Differs: []string{"the file loosens tools of main"}, Looser: true}), good: same},
		{id: "gateway.other_rules", unmeasured: true, bad: of(Running{PID: 7, Unknown: "the gateway put no posture down"}), good: same},
		{id: "gateway.program_replaced", want: claw.Warn, bad: of(Running{PID: 7, Replaced: true}), good: same},
	}
}
