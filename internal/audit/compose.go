package audit

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// Compose is a container deployment that was found or given.
type Compose struct {
	Path     string    `json:"path"`
	Services []Service `json:"services,omitempty"`
	Err      string    `json:"err,omitempty"`
}

// Service is one service of a Compose file that runs a gateway.
type Service struct {
	Name  string `json:"name"`
	Line  int    `json:"line"`
	Image string `json:"image,omitempty"`
	User  string `json:"user,omitempty"`
	// ReadOnly, Privileged and Init as written; nil when unset.
	ReadOnly    bool     `json:"readOnly,omitempty"`
	Privileged  bool     `json:"privileged,omitempty"`
	CapDrop     []string `json:"capDrop,omitempty"`
	CapAdd      []string `json:"capAdd,omitempty"`
	SecurityOpt []string `json:"securityOpt,omitempty"`
	NetworkMode string   `json:"networkMode,omitempty"`
	PID         string   `json:"pid,omitempty"`
	IPC         string   `json:"ipc,omitempty"`
	Ports       []string `json:"ports,omitempty"`
	Mounts      []Mount  `json:"mounts,omitempty"`
	// Internal: every network of the service is internal.
	Internal bool   `json:"internal,omitempty"`
	CPUs     string `json:"cpus,omitempty"`
	Memory   string `json:"memory,omitempty"`
	// Secrets are environment variables with a credential written out.
	Secrets []string `json:"secrets,omitempty"`
	// Lines are where keys stand.
	Lines map[string]int `json:"lines,omitempty"`
}

// Mount is one volume.
type Mount struct {
	Source   string `json:"source"`
	Target   string `json:"target"`
	ReadOnly bool   `json:"readOnly,omitempty"`
	Line     int    `json:"line,omitempty"`
}

// hardening is one rule of the guide about a container, whether a Compose file
// describes it or an engine runs it.
type hardening struct {
	id       string // beneath "compose." and "container."
	severity claw.Severity
	why, fix string
	// bad gives a title, the key of a Compose file that it is about, and what
	// was seen.
	bad func(Service) (title, key, observed string)
}

// composed judges every service of every Compose file.
func (h hardening) composed() Check {
	return Check{ID: "compose." + h.id, Area: AreaSandbox, Severity: h.severity, Why: h.why, Fix: h.fix, Source: "guide, Docker Security Hardening", Run: func(s *Subject) Outcome {
		if len(s.Snapshot.Compose) == 0 {
			return notApplicable("no Compose file")
		}
		var found []Finding
		n, broken := 0, ""
		for _, c := range s.Snapshot.Compose {
			if c.Err != "" {
				broken = s.Snapshot.Home.Short(c.Path) + ": " + c.Err
			}
			for _, x := range c.Services {
				n++
				if title, key, observed := h.bad(x); title != "" {
					line := x.Lines[key]
					if line == 0 {
						line = x.Line
					}
					found = append(found, Finding{Severity: h.severity, Title: fmt.Sprintf("Service %s %s", x.Name, title), Where: Where{File: s.Snapshot.Home.Short(c.Path), Line: line, Column: 1, Pointer: "services." + x.Name}, Observed: observed})
				}
			}
		}
		return ofServices(found, broken, n, "no service of it runs a gateway")
	}}
}

// ofServices is the outcome of looking at n services, when broken ones could
// not be read.
func ofServices(found []Finding, broken string, n int, none string) Outcome {
	switch {
	case len(found) > 0:
		return fail(found...)
	case broken != "":
		return unmeasured("%s", broken)
	case n == 0:
		return notApplicable("%s", none)
	}
	return pass("%d services", n)
}

func composeChecks() []Check {
	var out []Check
	for _, h := range append(hardenings(), envSecret()) {
		out = append(out, h.composed())
	}
	return out
}

// envSecret is about the file alone: what an engine runs has its environment
// written out in any case.
func envSecret() hardening {
	return hardening{"env_secret", claw.Critical, "Everybody who may inspect the container, or reads the file, has the credential.", "Use secrets: or an env_file outside the repository", func(x Service) (string, string, string) {
		if len(x.Secrets) > 0 {
			return "has a credential written out", "environment", quoted(x.Secrets)
		}
		return "", "", ""
	}}
}

// hardenings hold for files and for what runs.
func hardenings() []hardening {
	return []hardening{
		{"root_user", claw.Critical, "A way out of the container is then a way to root.", `user: "1000:1000"`, func(x Service) (string, string, string) {
			if u, _, _ := strings.Cut(x.User, ":"); u == "" || u == "0" || u == "root" {
				return "runs as root", "user", x.User
			}
			return "", "", ""
		}},
		{"writable_root", claw.Warn, "What is written into the root survives, programs too.", "read_only: true", func(x Service) (string, string, string) {
			if !x.ReadOnly {
				return "has a writable root", "read_only", "false"
			}
			return "", "", ""
		}},
		{"caps_kept", claw.Warn, "The container keeps privileges that it does not need.", "cap_drop: [ALL]", func(x Service) (string, string, string) {
			if !slices.ContainsFunc(x.CapDrop, func(c string) bool { return strings.EqualFold(c, "ALL") }) {
				return "keeps capabilities", "cap_drop", quoted(x.CapDrop)
			}
			return "", "", ""
		}},
		{"caps_added", claw.Critical, "The capability is a step towards the host.", "Remove it from cap_add", func(x Service) (string, string, string) {
			bad := slices.DeleteFunc(slices.Clone(x.CapAdd), func(c string) bool { return capability(c) == "NET_BIND_SERVICE" })
			if len(bad) > 0 {
				return "adds capabilities", "cap_add", quoted(bad)
			}
			return "", "", ""
		}},
		{"net_bind_unused", claw.Info, "The port is above 1023, so the capability does nothing.", "Remove NET_BIND_SERVICE", func(x Service) (string, string, string) {
			if slices.ContainsFunc(x.CapAdd, func(c string) bool { return capability(c) == "NET_BIND_SERVICE" }) {
				return "has NET_BIND_SERVICE and does not need it", "cap_add", "NET_BIND_SERVICE"
			}
			return "", "", ""
		}},
		{"new_privileges", claw.Warn, "A setuid program in the container gains its owner's rights.", "security_opt: [no-new-privileges:true]", func(x Service) (string, string, string) {
			if !slices.ContainsFunc(x.SecurityOpt, func(o string) bool {
				return strings.HasPrefix(strings.ReplaceAll(o, "=", ":"), "no-new-privileges") && !strings.HasSuffix(o, "false")
			}) {
				return "may gain privileges", "security_opt", quoted(x.SecurityOpt)
			}
			return "", "", ""
		}},
		{"unconfined", claw.Critical, "The kernel's filters are off for the container.", "Remove seccomp:unconfined and apparmor:unconfined", func(x Service) (string, string, string) {
			for _, o := range x.SecurityOpt {
				if strings.HasSuffix(o, "unconfined") || o == "label:disable" || o == "label=disable" {
					return "is unconfined", "security_opt", o
				}
			}
			return "", "", ""
		}},
		{"privileged", claw.Critical, "A privileged container is the host.", "Remove privileged: true", func(x Service) (string, string, string) {
			if x.Privileged {
				return "is privileged", "privileged", "true"
			}
			return "", "", ""
		}},
		{"no_limits", claw.Warn, "One command can use all memory and every processor of the machine.", "deploy.resources.limits: { cpus: '2', memory: 4G }", func(x Service) (string, string, string) {
			if x.CPUs == "" || x.Memory == "" {
				return "has no limits", "deploy", strings.TrimSpace(x.CPUs + " " + x.Memory)
			}
			return "", "", ""
		}},
		{"config_writable", claw.Warn, "The agent's process can rewrite its own rules.", "Mount the configuration with :ro", func(x Service) (string, string, string) {
			for _, m := range x.Mounts {
				if !m.ReadOnly && (strings.HasSuffix(m.Target, "/config") || strings.HasSuffix(m.Target, "openclaw.json")) {
					return "can write its configuration", "volumes", m.Source + ":" + m.Target
				}
			}
			return "", "", ""
		}},
		{"docker_sock", claw.Critical, "Who has the engine's socket is root on the host.", "Remove the mount", func(x Service) (string, string, string) {
			for _, m := range x.Mounts {
				if strings.HasSuffix(m.Source, ".sock") && (strings.Contains(m.Source, "docker") || strings.Contains(m.Source, "podman") || strings.Contains(m.Source, "containerd")) {
					return "has the engine's socket", "volumes", m.Source
				}
			}
			return "", "", ""
		}},
		{"host_mount", claw.Critical, "Files of the host are in the agent's reach.", "Mount directories of its own", func(x Service) (string, string, string) {
			for _, m := range x.Mounts {
				src := path.Clean(m.Source)
				if src == "/" || secretDir().MatchString(src) || slices.ContainsFunc([]string{"/etc", "/root", "/home", "/proc", "/sys", "/dev", "/boot", "/run", "/var/run", "/var/lib/docker"}, func(d string) bool { return src == d }) || strings.HasPrefix(m.Source, "~/.ssh") || m.Source == "~" {
					return "has " + m.Source + " of the host", "volumes", m.Source
				}
			}
			return "", "", ""
		}},
		{"host_namespace", claw.Critical, "The container sees the host's network, processes or memory.", "Remove network_mode, pid and ipc: host", func(x Service) (string, string, string) {
			for _, e := range [][2]string{{"network_mode", x.NetworkMode}, {"pid", x.PID}, {"ipc", x.IPC}} {
				key, v := e[0], e[1]
				if v == "host" || strings.HasPrefix(v, "container:") || strings.HasPrefix(v, "service:") && key != "network_mode" {
					return "shares a namespace", key, v
				}
			}
			return "", "", ""
		}},
		{"network_open", claw.Warn, "The container reaches every host and every host on its network reaches it.", "networks: { openclaw-internal: { internal: true } }", func(x Service) (string, string, string) {
			if !x.Internal && x.NetworkMode != "none" {
				return "is on a network that is not internal", "networks", ""
			}
			return "", "", ""
		}},
		{"ports_published", claw.Critical, "The engine opens the port past the host's firewall.", "Remove ports, and reach it by Tailscale or a reverse proxy", func(x Service) (string, string, string) {
			for _, p := range x.Ports {
				if !strings.HasPrefix(p, "127.0.0.1:") && !strings.HasPrefix(p, "[::1]:") && !strings.HasPrefix(p, "localhost:") {
					return "publishes a port", "ports", p
				}
			}
			return "", "", ""
		}},
		{"image_unpinned", claw.Warn, "The image changes under its name.", "Name the image by digest (@sha256:…)", func(x Service) (string, string, string) {
			if x.Image != "" && !strings.Contains(x.Image, "@sha256:") {
				return "runs an image that is not pinned", "image", x.Image
			}
			return "", "", ""
		}},
	}
}

func capability(c string) string { return strings.TrimPrefix(strings.ToUpper(c), "CAP_") }
