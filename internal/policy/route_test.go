package policy_test

import (
	"testing"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// TestRoute: the way out lets through what is written down, as far as it can
// be seen, and nothing that would be asked about.
func TestRoute(t *testing.T) {
	listed := policy.EgressRules{Mode: policy.EgressAsk, Hosts: []policy.HostRule{{Host: "docs.example"}, {Host: "*.pkg.example"}, {Host: "one.example", Paths: []string{"/a"}}}}
	r := policy.Route{Origins: []policy.RouteOrigin{{Scheme: "https", Name: "api.model.example", Port: 443, For: "model x"}, {Scheme: "http", Name: "local.model.example", Port: 8080, For: "model y"}},
		Agents: []policy.EgressRules{listed, {Mode: policy.EgressDeny, Hosts: []policy.HostRule{{Host: "api.example", Class: policy.HostWrite}}}}}
	tunnel := func(name string) policy.Host {
		return policy.Host{Name: name, Port: 443, Scheme: "https", CarriesData: true}
	}
	plain := func(method, name, path string) policy.Host {
		return policy.Host{Name: name, Port: 80, Scheme: "http", Method: method, Path: path, CarriesData: true}
	}
	for _, c := range []struct {
		name string
		h    policy.Host
		want policy.Verdict
		rule policy.RuleID
	}{
		{"a model", tunnel("api.model.example"), policy.Allow, "egress.fixed_client"},
		{"a model on its port", policy.Host{Name: "local.model.example", Port: 8080, Scheme: "http", Method: "POST", CarriesData: true}, policy.Allow, "egress.fixed_client"},
		{"a model on another port", policy.Host{Name: "local.model.example", Port: 22, Scheme: "http", Method: "POST"}, policy.Deny, "egress.not_listed"},
		{"a model by another scheme", plain("POST", "api.model.example", "/"), policy.Deny, "egress.not_listed"},
		{"a listed host", tunnel("docs.example"), policy.Allow, "egress.host_allowed"},
		{"a host below a listed domain", tunnel("a.pkg.example"), policy.Allow, "egress.host_allowed"},
		{"the domain itself", tunnel("pkg.example"), policy.Deny, "egress.not_listed"},
		{"another agent's host", tunnel("api.example"), policy.Allow, "egress.host_allowed"},
		{"a path that a tunnel hides", tunnel("one.example"), policy.Allow, "egress.host_allowed"},
		{"a path in the open", plain("GET", "one.example", "/a"), policy.Allow, "egress.host_allowed"},
		{"another path in the open", plain("GET", "one.example", "/b"), policy.Deny, "egress.path"},
		{"writing to a host for reading", plain("POST", "docs.example", "/"), policy.Deny, "egress.method"},
		{"what an agent would be asked about", tunnel("unknown.example"), policy.Deny, "egress.not_listed"},
		{"no name", policy.Host{Scheme: "https", Port: 443}, policy.Deny, "egress.bad_host"},
	} {
		if s := r.Judge(c.h); s.Verdict != c.want || s.Rule != c.rule {
			t.Errorf("%s: %v by %s, want %v by %s", c.name, s.Verdict, s.Rule, c.want, c.rule)
		}
	}
	if s := (policy.Route{}).Judge(tunnel("docs.example")); s.Verdict != policy.Deny {
		t.Errorf("a route of nothing: %+v", s)
	}
	r.Agents = append(r.Agents, policy.EgressRules{Mode: policy.EgressAllow})
	if s := r.Judge(tunnel("unknown.example")); s.Verdict != policy.Allow || s.Rule != "egress.any_host" {
		t.Errorf("an agent that may reach any public host: %+v", s)
	}
}

// TestContainerFor: only the sessions that are named run in a container, and
// there without a network.
func TestContainerFor(t *testing.T) {
	host := policy.Confinement{Level: policy.LevelNone, Unconfined: true, Workspace: "/w", WorkspaceWrite: true, Network: policy.NetworkProxy}
	with := func(s policy.ContainerSessions, a policy.WorkspaceAccess) policy.Confinement {
		c := host
		c.Container = &policy.Container{Sessions: s, Access: a, Level: policy.LevelContainer}
		return c
	}
	other := policy.MainSession("main") + ":thread"
	for _, c := range []struct {
		c         policy.Confinement
		session   string
		contained bool
		write     bool
	}{
		{host, "agent:main:main", false, true}, {with(policy.ContainerOff, policy.AccessWrite), "agent:main:main", false, true},
		{with(policy.ContainerNonMain, policy.AccessWrite), "agent:main:main", false, true}, {with(policy.ContainerNonMain, policy.AccessWrite), string(other), true, true},
		{with(policy.ContainerAll, policy.AccessRead), "agent:main:main", true, false}, {with(policy.ContainerAll, policy.AccessNone), "", true, false},
	} {
		got := c.c.For("main", claw.SessionKey(c.session))
		if (got.Container != nil) != c.contained || got.WorkspaceWrite != c.write {
			t.Errorf("%+v in %q: %+v", c.c.Container, c.session, got)
		}
		if c.contained && (got.Level != policy.LevelContainer || got.Unconfined || got.Network != policy.NetworkNone) {
			t.Errorf("in a container: %+v", got)
		}
	}
}
