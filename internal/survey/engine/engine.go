// Package engine asks container engines what they run, over their sockets. It
// sends GET alone, follows nothing, and bounds time and size of every answer.
package engine

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/audit"
)

// Limits of what an engine is asked.
const (
	timeLimit     = 5 * time.Second
	maxAnswer     = 4 << 20
	maxContainers = 64
)

// Ask says whom to ask about what.
type Ask struct {
	// Port of the gateway: a container that publishes it counts.
	Port int
	// Sockets are those of Sockets.
	Sockets []string
	// Progress is told what is being looked at; nil is silent.
	Progress func(string)
}

// Sockets are where container engines listen: the system's, the user's
// own, and the one that DOCKER_HOST names.
func Sockets(environ []string, uid int) []string {
	var out []string
	for _, kv := range environ {
		if p, ok := strings.CutPrefix(kv, "DOCKER_HOST=unix://"); ok && filepath.IsAbs(p) {
			out = append(out, filepath.Clean(p))
		}
	}
	run := filepath.Join("/run/user", strconv.Itoa(uid))
	return append(out, "/run/docker.sock", "/run/podman/podman.sock", filepath.Join(run, "docker.sock"), filepath.Join(run, "podman/podman.sock"))
}

// All asks every engine that has a socket.
func (a Ask) All(ctx context.Context) []audit.Engine {
	var out []audit.Engine
	var seen []os.FileInfo
	for _, p := range a.Sockets {
		info, err := os.Stat(p)
		if errors.Is(err, os.ErrNotExist) || err == nil && info.Mode()&os.ModeSocket == 0 {
			continue
		}
		if err == nil {
			if slices.ContainsFunc(seen, func(o os.FileInfo) bool { return os.SameFile(o, info) }) {
				continue
			}
			seen = append(seen, info)
		}
		if a.Progress != nil {
			a.Progress("the container engine at " + p)
		}
		out = append(out, a.one(ctx, p))
	}
	return out
}

// one asks a single engine.
func (a Ask) one(ctx context.Context, path string) audit.Engine {
	ctx, cancel := context.WithTimeout(ctx, timeLimit)
	defer cancel()
	e := audit.Engine{Socket: path}
	var version struct {
		Version  string
		Platform struct{ Name string }
	}
	if err := get(ctx, path, "/version", &version); err != nil {
		e.Err = err.Error()
		return e
	}
	e.Name, e.Version = version.Platform.Name, version.Version
	var list []listedContainer
	if err := get(ctx, path, "/containers/json", &list); err != nil {
		e.Err = err.Error()
		return e
	}
	e.Running = len(list)
	for _, c := range list {
		if !a.concerns(c) {
			continue
		}
		if len(e.Containers) == maxContainers {
			e.Err = fmt.Sprintf("only the first %d containers were looked at", maxContainers)
			break
		}
		e.Containers = append(e.Containers, inspect(ctx, path, c))
	}
	return e
}

// listedContainer is one of GET /containers/json.
type listedContainer struct {
	ID     string `json:"Id"`
	Names  []string
	Image  string
	Labels map[string]string
	Ports  []struct{ PrivatePort, PublicPort int }
}

func (c listedContainer) name() string {
	if len(c.Names) == 0 {
		return c.short()
	}
	return strings.TrimPrefix(c.Names[0], "/")
}

func (c listedContainer) short() string { return c.ID[:min(12, len(c.ID))] }

// concerns reports a container that runs a gateway or what belongs to one, or
// that publishes the gateway's port.
func (a Ask) concerns(c listedContainer) bool {
	ours := func(s string) bool {
		return strings.Contains(s, "openclaw") || strings.Contains(s, "clawdbot") || strings.Contains(s, "moltbot")
	}
	if ours(c.Image) || slices.ContainsFunc(c.Names, ours) {
		return true
	}
	for k := range c.Labels {
		if strings.HasPrefix(k, "openclaw.") {
			return true
		}
	}
	for _, p := range c.Ports {
		if p.PublicPort != 0 && (p.PublicPort == a.Port || p.PrivatePort == a.Port) {
			return true
		}
	}
	return false
}

// inspected is what is read of GET /containers/{id}/json.
type inspected struct {
	Image  string
	Config struct {
		User, Image string
		Env         []string
	}
	HostConfig struct {
		Privileged, ReadonlyRootfs     bool
		CapAdd, CapDrop                []string
		SecurityOpt                    []string
		NetworkMode                    string
		PidMode, IpcMode               string
		Memory, NanoCpus               int64 //nolint:staticcheck // the engine's spelling
		CpuQuota, CpuPeriod, PidsLimit int64
		RestartPolicy                  struct{ Name string }
		PortBindings                   map[string][]struct{ HostIp, HostPort string }
	}
	Mounts []struct {
		Type, Source, Destination string
		RW                        bool
	}
	NetworkSettings struct {
		Ports    map[string][]struct{ HostIp, HostPort string }
		Networks map[string]struct{ NetworkID string }
	}
}

// inspect looks at one container, its image and its networks.
func inspect(ctx context.Context, path string, c listedContainer) audit.Container {
	out := audit.Container{ID: c.short(), Service: audit.Service{Name: c.name(), Image: c.Image}}
	var x inspected
	if err := get(ctx, path, "/containers/"+url.PathEscape(c.ID)+"/json", &x); err != nil {
		out.Err = err.Error()
		return out
	}
	h := &x.HostConfig
	out.Service = audit.Service{Name: out.Name, Image: x.Config.Image, User: x.Config.User, ReadOnly: h.ReadonlyRootfs, Privileged: h.Privileged, CapDrop: h.CapDrop, CapAdd: h.CapAdd,
		SecurityOpt: h.SecurityOpt, NetworkMode: h.NetworkMode, PID: h.PidMode, IPC: h.IpcMode}
	out.PIDs, out.Restart = max(0, h.PidsLimit), h.RestartPolicy.Name
	if h.Memory > 0 {
		out.Memory = strconv.FormatInt(h.Memory, 10)
	}
	switch {
	case h.NanoCpus > 0:
		out.CPUs = strconv.FormatFloat(float64(h.NanoCpus)/1e9, 'f', -1, 64)
	case h.CpuQuota > 0:
		out.CPUs = strconv.FormatFloat(float64(h.CpuQuota)/float64(max(1, h.CpuPeriod)), 'f', -1, 64)
	}
	for _, m := range x.Mounts {
		src := m.Source
		if m.Type == "volume" {
			src = "" // the engine's own directory
		}
		out.Mounts = append(out.Mounts, audit.Mount{Source: src, Target: m.Destination, ReadOnly: !m.RW})
	}
	out.Ports = x.published()
	for _, kv := range x.Config.Env {
		if name, value, _ := strings.Cut(kv, "="); audit.SecretVariables(name) && value != "" && !strings.HasSuffix(name, "_FILE") {
			out.Secrets = append(out.Secrets, name)
		}
	}
	slices.Sort(out.Secrets)
	if err := x.internal(ctx, path, &out); err != nil {
		out.Err = "its networks: " + err.Error()
		return out
	}
	var image struct {
		RepoDigests []string
		Created     time.Time
	}
	if err := get(ctx, path, "/images/"+url.PathEscape(x.Image)+"/json", &image); err != nil {
		out.Err = "its image: " + err.Error()
		return out
	}
	out.Made = image.Created
	if len(image.RepoDigests) > 0 {
		out.Digest = image.RepoDigests[0]
	}
	return out
}

// published lists ports as "host:published:target", sorted.
func (x *inspected) published() []string {
	var out []string
	for target, list := range x.NetworkSettings.Ports {
		for _, b := range list {
			host := b.HostIp
			if strings.Contains(host, ":") {
				host = "[" + host + "]"
			}
			if host == "" {
				host = "0.0.0.0"
			}
			out = append(out, host+":"+b.HostPort+":"+target)
		}
	}
	slices.Sort(out)
	return out
}

// internal asks whether every network of the container is internal.
func (x *inspected) internal(ctx context.Context, path string, out *audit.Container) error {
	if m := x.HostConfig.NetworkMode; m == "none" || m == "host" || strings.HasPrefix(m, "container:") || len(x.NetworkSettings.Networks) == 0 {
		return nil
	}
	out.Internal = true
	for _, n := range x.NetworkSettings.Networks {
		if n.NetworkID == "" {
			out.Internal = false
			continue
		}
		var net struct{ Internal bool }
		if err := get(ctx, path, "/networks/"+url.PathEscape(n.NetworkID), &net); err != nil {
			return err
		}
		out.Internal = out.Internal && net.Internal
	}
	return nil
}

// get sends one GET over the socket and decodes the answer. It follows
// nothing, keeps nothing open and reads at most maxAnswer.
func get(ctx context.Context, socket, path string, into any) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil {
		return errors.New(short(err))
	}
	defer func() { _ = conn.Close() }()
	if t, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(t)
	}
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: engine\r\nConnection: close\r\n\r\n", path); err != nil {
		return errors.New(short(err))
	}
	res, err := http.ReadResponse(bufio.NewReader(io.LimitReader(conn, maxAnswer)), nil)
	if err != nil {
		return fmt.Errorf("GET %s: %s", path, short(err))
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s was answered %d", path, res.StatusCode)
	}
	if err := json.NewDecoder(res.Body).Decode(into); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			return fmt.Errorf("GET %s: the answer ends early or exceeds %d bytes", path, maxAnswer)
		}
		return fmt.Errorf("GET %s: %s", path, short(err))
	}
	return nil
}

// short is what went wrong, without how it was tried.
func short(err error) string {
	s := err.Error()
	if i := strings.LastIndex(s, ": "); i >= 0 {
		return s[i+2:]
	}
	return s
}
