package survey

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/openclaw-go/openclaw/internal/audit"
)

// composeNames are the file names that Compose looks for.
var composeNames = []string{"compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"}

// compose reads the files given, else those in the usual places.
func (s *survey) compose() {
	given := len(s.where.Compose) > 0
	paths := s.where.Compose
	if !given {
		for _, dir := range []string{s.where.Home.State, filepath.Dir(s.where.Home.State)} {
			for _, n := range composeNames {
				paths = append(paths, filepath.Join(dir, n))
			}
		}
	}
	for _, p := range paths {
		b, err := read(p, maxText)
		if errors.Is(err, fs.ErrNotExist) && !given {
			continue
		}
		c := audit.Compose{Path: p}
		if err != nil {
			c.Err = cause(err)
		} else if c.Services, err = services(b, given); err != nil {
			c.Err = err.Error()
		}
		s.out.Compose = append(s.out.Compose, c)
	}
}

// services reads a Compose file. Of a found file only those count that run a
// gateway; of a given one all.
func services(b []byte, all bool) (out []audit.Service, err error) {
	root, err := readYAML(b)
	if err != nil {
		return nil, err
	}
	list := root.get("services")
	if list == nil || list.kind != yamlMap {
		return nil, errors.New("it has no services")
	}
	internal := map[string]bool{}
	root.get("networks").each(func(name, n *yamlNode) {
		internal[name.value] = n.get("internal").text() == "true"
	})
	list.each(func(name, n *yamlNode) {
		x := service(name, n, internal)
		if all || strings.Contains(x.Image, "openclaw") || strings.Contains(x.Name, "openclaw") {
			out = append(out, x)
		}
	})
	return out, nil
}

func service(name, n *yamlNode, internal map[string]bool) audit.Service {
	x := audit.Service{Name: name.value, Line: name.line, Lines: map[string]int{}}
	n.each(func(k, _ *yamlNode) { x.Lines[k.value] = k.line })
	x.Image, x.User = n.get("image").text(), n.get("user").text()
	x.ReadOnly, x.Privileged = n.get("read_only").text() == "true", n.get("privileged").text() == "true"
	x.CapDrop, x.CapAdd, x.SecurityOpt = n.get("cap_drop").texts(), n.get("cap_add").texts(), n.get("security_opt").texts()
	x.NetworkMode, x.PID, x.IPC = n.get("network_mode").text(), n.get("pid").text(), n.get("ipc").text()
	limits := n.get("deploy").get("resources").get("limits")
	x.CPUs, x.Memory = first(limits.get("cpus").text(), n.get("cpus").text()), first(limits.get("memory").text(), n.get("mem_limit").text())
	if p := n.get("ports"); p != nil {
		for _, c := range p.values {
			x.Ports = append(x.Ports, port(c))
		}
	}
	if v := n.get("volumes"); v != nil {
		for _, c := range v.values {
			x.Mounts = append(x.Mounts, mount(c))
		}
	}
	x.Internal = networks(n.get("networks"), internal)
	environmentOf(n.get("environment"), &x)
	return x
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// port is a published port as "host:published:target".
func port(n *yamlNode) string {
	if n.kind == yamlScalar {
		return n.value
	}
	host := n.get("host_ip").text()
	if host != "" {
		host += ":"
	}
	return host + n.get("published").text() + ":" + n.get("target").text()
}

func mount(n *yamlNode) audit.Mount {
	if n.kind != yamlScalar {
		return audit.Mount{Source: n.get("source").text(), Target: n.get("target").text(), ReadOnly: n.get("read_only").text() == "true", Line: n.line}
	}
	parts := strings.Split(n.value, ":")
	m := audit.Mount{Source: parts[0], Line: n.line}
	if len(parts) > 1 {
		m.Target = parts[1]
	}
	if len(parts) > 2 {
		for _, o := range strings.Split(parts[2], ",") {
			m.ReadOnly = m.ReadOnly || o == "ro"
		}
	}
	return m
}

// networks reports whether every network is internal; without any it is the
// default one, which is not.
func networks(n *yamlNode, internal map[string]bool) bool {
	if n == nil || len(n.values) == 0 {
		return internal["default"]
	}
	names := n.texts()
	if n.kind == yamlMap {
		names = nil
		n.each(func(k, _ *yamlNode) { names = append(names, k.value) })
	}
	for _, name := range names {
		if !internal[name] {
			return false
		}
	}
	return true
}

// environmentOf notes variables whose name says credential and whose value is
// written out.
func environmentOf(n *yamlNode, x *audit.Service) {
	note := func(name, value string) {
		if audit.SecretVariables(name) && value != "" && !strings.HasPrefix(value, "${") && !strings.HasPrefix(value, "$") && !strings.HasSuffix(name, "_FILE") {
			x.Secrets = append(x.Secrets, name)
		}
	}
	if n == nil {
		return
	}
	if n.kind == yamlMap {
		n.each(func(k, v *yamlNode) { note(k.value, v.text()) })
		return
	}
	for _, kv := range n.texts() {
		name, value, _ := strings.Cut(kv, "=")
		note(name, value)
	}
}
