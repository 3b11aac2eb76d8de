package posture

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// bindings are the places where secrets may be put in. An entry that names no
// exact place binds nothing and is said.
func (b *builder) bindings() []policy.Binding {
	var out []policy.Binding
	for i := range b.c.Secrets.Bindings {
		e := &b.c.Secrets.Bindings[i]
		v := &e.V
		where := v.Host.Ref
		if !v.Host.Set {
			where = v.Secret.Ref
		}
		if why := bindingFault(e.Key, v); why != "" {
			b.note(claw.Warn, "secrets.binding_invalid", fmt.Sprintf("secrets.bindings.%s binds nothing: %s", e.Key, why), where)
			continue
		}
		one := policy.Binding{Name: e.Key, Host: strings.ToLower(v.Host.V), Header: v.Header.V, Path: v.Path.V, Where: where}
		if v.Methods.Set {
			one.Methods = config.Strings(v.Methods)
		}
		for _, a := range config.Strings(v.Agents) {
			one.Agents = append(one.Agents, claw.AgentID(a))
		}
		out = append(out, one)
	}
	return out
}

// headers that carry the request itself, not a credential.
var framing = []string{"host", "content-length", "transfer-encoding", "connection", "proxy-connection", "proxy-authorization", "te", "trailer", "upgrade", "expect", "cookie", "accept-encoding", "range"}

// Forms of the parts of a binding.
var (
	bindingName = pattern(`^[A-Za-z][A-Za-z0-9._-]{0,63}$`)
	headerName  = pattern(`^[A-Za-z][A-Za-z0-9-]{0,63}$`)
	exactHost   = pattern(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)
)

// pattern is built when it is first asked for.
func pattern(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

// bindingFault says why a binding names no exact place, or "".
func bindingFault(name string, v *config.SecretBinding) string {
	host := strings.ToLower(v.Host.V)
	_, notAddr := netip.ParseAddr(host)
	switch {
	case !bindingName().MatchString(name):
		return "its name is not made of letters, digits, dots and dashes"
	case !v.Secret.Set:
		return "it has no secret"
	case !v.Host.Set || notAddr == nil || !exactHost().MatchString(host):
		return fmt.Sprintf("host %q is not one exact host name", v.Host.V)
	case !v.Header.Set || !headerName().MatchString(v.Header.V) || slices.Contains(framing, strings.ToLower(v.Header.V)):
		return fmt.Sprintf("header %q is not one that carries a credential", v.Header.V)
	case !v.Path.Set || !strings.HasPrefix(v.Path.V, "/"):
		return "it names no path (\"/\" is every path)"
	case v.Methods.Invalid || v.Agents.Invalid || v.Agents.Set && len(config.Strings(v.Agents)) == 0 || v.Methods.Set && len(config.Strings(v.Methods)) == 0:
		return "its methods or agents were not understood"
	}
	return ""
}

// bindings that are new or reach further than before.
func (d *diff) bindings(a, b []policy.Binding) {
	for _, n := range b {
		had := slices.ContainsFunc(a, func(o policy.Binding) bool {
			return o.Name == n.Name && o.Host == n.Host && o.Header == n.Header && o.Path == n.Path && slices.Equal(o.Methods, n.Methods) && slices.Equal(o.Agents, n.Agents)
		})
		d.add(!had, "secret "+n.Name+" for programs", "not bound", "bound to "+n.Host+n.Path, n.Where)
	}
}
