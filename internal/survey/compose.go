package survey

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

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
	var doc yaml.Node
	if err := yaml.Unmarshal(b, &doc); err != nil {
		return nil, err
	}
	if len(doc.Content) == 0 {
		return nil, errors.New("the file is empty")
	}
	root := doc.Content[0]
	list := get(root, "services")
	if list == nil || list.Kind != yaml.MappingNode {
		return nil, errors.New("it has no services")
	}
	internal := map[string]bool{}
	each(get(root, "networks"), func(name *yaml.Node, n *yaml.Node) {
		internal[name.Value] = text(get(n, "internal")) == "true"
	})
	each(list, func(name, n *yaml.Node) {
		x := service(name, n, internal)
		if all || strings.Contains(x.Image, "openclaw") || strings.Contains(x.Name, "openclaw") {
			out = append(out, x)
		}
	})
	return out, nil
}

// get is the value of a key of a mapping, aliases and merge keys followed.
func get(n *yaml.Node, key string) *yaml.Node {
	var found *yaml.Node
	each(n, func(k, v *yaml.Node) {
		if k.Value == key && found == nil {
			found = v
		}
	})
	return found
}

// maxMerges bounds merge keys that name each other.
const maxMerges = 8

func each(n *yaml.Node, f func(k, v *yaml.Node)) { eachOf(n, f, 0) }

func eachOf(n *yaml.Node, f func(k, v *yaml.Node), depth int) {
	n = follow(n)
	if n == nil || n.Kind != yaml.MappingNode || depth > maxMerges {
		return
	}
	var merged []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if k.Value == "<<" {
			merged = append(merged, v)
			continue
		}
		f(k, follow(v))
	}
	for _, m := range merged {
		if m = follow(m); m.Kind == yaml.SequenceNode {
			for _, x := range m.Content {
				eachOf(x, f, depth+1)
			}
			continue
		}
		eachOf(m, f, depth+1)
	}
}

func follow(n *yaml.Node) *yaml.Node {
	for i := 0; n != nil && n.Kind == yaml.AliasNode && i < maxMerges; i++ {
		n = n.Alias
	}
	return n
}

func text(n *yaml.Node) string {
	if n == nil || n.Kind != yaml.ScalarNode {
		return ""
	}
	return n.Value
}

func texts(n *yaml.Node) (out []string) {
	n = follow(n)
	if n == nil {
		return nil
	}
	if n.Kind == yaml.ScalarNode {
		return []string{n.Value}
	}
	for _, c := range n.Content {
		if c = follow(c); c.Kind == yaml.ScalarNode {
			out = append(out, c.Value)
		}
	}
	return out
}

func service(name, n *yaml.Node, internal map[string]bool) audit.Service {
	x := audit.Service{Name: name.Value, Line: name.Line, Lines: map[string]int{}}
	each(n, func(k, _ *yaml.Node) { x.Lines[k.Value] = k.Line })
	x.Image, x.User = text(get(n, "image")), text(get(n, "user"))
	x.ReadOnly, x.Privileged = text(get(n, "read_only")) == "true", text(get(n, "privileged")) == "true"
	x.CapDrop, x.CapAdd, x.SecurityOpt = texts(get(n, "cap_drop")), texts(get(n, "cap_add")), texts(get(n, "security_opt"))
	x.NetworkMode, x.PID, x.IPC = text(get(n, "network_mode")), text(get(n, "pid")), text(get(n, "ipc"))
	limits := get(get(get(n, "deploy"), "resources"), "limits")
	x.CPUs, x.Memory = first(text(get(limits, "cpus")), text(get(n, "cpus"))), first(text(get(limits, "memory")), text(get(n, "mem_limit")))
	if p := follow(get(n, "ports")); p != nil {
		for _, c := range p.Content {
			x.Ports = append(x.Ports, port(follow(c)))
		}
	}
	if v := follow(get(n, "volumes")); v != nil {
		for _, c := range v.Content {
			x.Mounts = append(x.Mounts, mount(follow(c)))
		}
	}
	x.Internal = networks(get(n, "networks"), internal)
	environmentOf(get(n, "environment"), &x)
	return x
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// port is a published port as "host:published:target".
func port(n *yaml.Node) string {
	if n.Kind == yaml.ScalarNode {
		return n.Value
	}
	host := text(get(n, "host_ip"))
	if host != "" {
		host += ":"
	}
	return host + text(get(n, "published")) + ":" + text(get(n, "target"))
}

func mount(n *yaml.Node) audit.Mount {
	if n.Kind != yaml.ScalarNode {
		return audit.Mount{Source: text(get(n, "source")), Target: text(get(n, "target")), ReadOnly: text(get(n, "read_only")) == "true", Line: n.Line}
	}
	parts := strings.Split(n.Value, ":")
	m := audit.Mount{Source: parts[0], Line: n.Line}
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
func networks(n *yaml.Node, internal map[string]bool) bool {
	n = follow(n)
	if n == nil || len(n.Content) == 0 {
		return internal["default"]
	}
	names := texts(n)
	if n.Kind == yaml.MappingNode {
		names = nil
		each(n, func(k, _ *yaml.Node) { names = append(names, k.Value) })
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
func environmentOf(n *yaml.Node, x *audit.Service) {
	note := func(name, value string) {
		if audit.SecretVariables(name) && value != "" && !strings.HasPrefix(value, "${") && !strings.HasPrefix(value, "$") && !strings.HasSuffix(name, "_FILE") {
			x.Secrets = append(x.Secrets, name)
		}
	}
	n = follow(n)
	if n == nil {
		return
	}
	if n.Kind == yaml.MappingNode {
		each(n, func(k, v *yaml.Node) { note(k.Value, text(v)) })
		return
	}
	for _, kv := range texts(n) {
		name, value, _ := strings.Cut(kv, "=")
		note(name, value)
	}
}
