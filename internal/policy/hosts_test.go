package policy

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestR10ListedHosts: a listed host lets through what its rule can see to be
// its kind, and a host that strangers share needs a path of one's own.
func TestR10ListedHosts(t *testing.T) {
	rules := EgressRules{Mode: EgressDeny, Hosts: []HostRule{
		{Host: "read.example"}, {Host: "write.example", Class: HostWrite}, {Host: "get.example", Class: HostWrite, Methods: []string{"GET"}},
		{Host: "api.github.com", Class: HostWrite, Paths: []string{"/repos/me"}}, {Host: "registry.npmjs.org"}, {Host: "gist.github.com", Class: HostWrite}, {Host: "bucket.s3.amazonaws.com", Class: HostAccount},
	}}
	seen := func(name, method, path string) Host {
		return Host{Name: name, Port: 443, Scheme: "https", Method: method, Path: path, CarriesData: true, URLBytes: 40}
	}
	tunnel := func(name string) Host { return Host{Name: name, Port: 443, Scheme: "https", CarriesData: true} }
	body, long := seen("read.example", "GET", "/"), seen("read.example", "GET", "/")
	body.Body, long.URLBytes = true, MaxReadURL+1
	for _, c := range []struct {
		h    Host
		want Verdict
		rule RuleID
	}{
		{seen("read.example", "GET", "/x"), Allow, "egress.host_allowed"}, {seen("read.example", "HEAD", "/x"), Allow, "egress.host_allowed"},
		{seen("read.example", "POST", "/x"), Deny, "egress.method"}, {seen("read.example", "DELETE", "/x"), Deny, "egress.method"}, {seen("read.example", "get", "/x"), Deny, "egress.method"},
		{body, Deny, "egress.method"}, {long, Deny, "egress.url_too_long"}, {tunnel("read.example"), Allow, "egress.host_allowed"},
		{seen("write.example", "PUT", "/x"), Allow, "egress.host_allowed"}, {tunnel("write.example"), Allow, "egress.host_allowed"},
		{seen("get.example", "GET", "/x"), Allow, "egress.host_allowed"}, {seen("get.example", "POST", "/x"), Deny, "egress.method"}, {tunnel("get.example"), Deny, "egress.method_unknown"},
		{seen("api.github.com", "POST", "/repos/me/x/issues"), Allow, "egress.host_allowed"}, {seen("api.github.com", "POST", "/gists"), Deny, "egress.path"},
		{seen("api.github.com", "POST", "/repos/me/../other"), Deny, "egress.path"}, {tunnel("api.github.com"), Deny, "egress.path_unknown"},
		{seen("registry.npmjs.org", "GET", "/left-pad"), Allow, "egress.host_allowed"}, {seen("registry.npmjs.org", "PUT", "/mine"), Deny, "egress.method"}, {tunnel("registry.npmjs.org"), Deny, "egress.tunnel_unseen"},
		{seen("gist.github.com", "POST", "/"), Deny, "egress.path_needed"}, {seen("gist.github.com", "GET", "/x"), Allow, "egress.host_allowed"}, {tunnel("gist.github.com"), Allow, RuleAnythingAnywhere},
		{tunnel("bucket.s3.amazonaws.com"), Allow, RuleAnythingAnywhere}, {tunnel("elsewhere.example"), Deny, "egress.not_listed"},
	} {
		if s := JudgeHost(rules, "exec", 0, c.h); s.Verdict != c.want || s.Rule != c.rule || s.Reason == "" || s.Verdict == Deny && s.Rule != "egress.url_too_long" && s.Hint == "" {
			t.Errorf("%+v: %v %s %q %q, expected %v %s", c.h, s.Verdict, s.Rule, s.Reason, s.Hint, c.want, c.rule)
		}
	}
	// An unknown page by web_fetch has the same bound on what its address tells.
	ask := EgressRules{Mode: EgressAsk}
	page := seen("any.example", "GET", "/")
	if s := JudgeHost(ask, "web_fetch", 0, page); s.Verdict != Allow {
		t.Errorf("%+v", s)
	}
	page.URLBytes = MaxReadURL + 1
	if s := JudgeHost(ask, "web_fetch", 0, page); s.Verdict != Ask {
		t.Errorf("%+v", s)
	}
}

func TestSharedHosts(t *testing.T) {
	for name, want := range map[string]bool{
		"github.com": true, "gist.github.com": true, "api.telegram.org": true, "x.s3.eu-west-1.amazonaws.com": true, "me.github.io": true, "registry.npmjs.org": true, "api.anthropic.com": true,
		"*.github.com": true, "*.com": true, "*.org": true, "*.io": true, "notgithub.com": false, "github.com.evil.example": false, "pypi.org": false, "upload.pypi.org": true, "*.pypi.org": true, "example.com": false, "*.example.com": false, "": false,
	} {
		if SharedHost(name) != want {
			t.Errorf("%q: %t", name, !want)
		}
	}
	if n := len(sharedHosts); n != len(slices.Compact(slices.Sorted(slices.Values(sharedHosts[:])))) {
		t.Error("a host stands twice")
	}
	for _, h := range sharedHosts {
		if h != strings.ToLower(h) || strings.ContainsAny(h, "*/: ") || !strings.Contains(h, ".") {
			t.Errorf("%q is no host", h)
		}
	}
}

// TestSharingOnlyRestricts: that strangers share a host never lets more through
// than the same rule does elsewhere.
func TestSharingOnlyRestricts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		method := rapid.SampledFrom([]string{"", "GET", "HEAD", "POST", "PUT", "DELETE"}).Draw(t, "method")
		h := Host{Port: 443, Scheme: rapid.SampledFrom([]string{"", "http", "https"}).Draw(t, "scheme"), Method: method, CarriesData: rapid.Bool().Draw(t, "data"), Body: rapid.Bool().Draw(t, "body"), URLBytes: rapid.SampledFrom([]int{0, 10, MaxReadURL, MaxReadURL + 1}).Draw(t, "url")}
		if method != "" {
			h.Path = rapid.SampledFrom([]string{"/", "/a", "/a/b", "/b", "/a/../b", "/a%2f..", "/ab"}).Draw(t, "path")
		}
		r := HostRule{Class: HostClass(rapid.IntRange(0, 2).Draw(t, "class"))}
		if rapid.Bool().Draw(t, "paths") {
			r.Paths = []string{"/a"}
		}
		if rapid.Bool().Draw(t, "methods") {
			r.Methods = []string{"GET", "POST"}
		}
		judge := func(name string) Verdict {
			one, q := r, h
			one.Host, q.Name = name, name
			return JudgeHost(EgressRules{Hosts: []HostRule{one}}, "exec", 0, q).Verdict
		}
		own, shared := judge("own.example"), judge("api.github.com")
		if shared > own {
			t.Fatalf("%+v %+v: shared %v, own %v", r, h, shared, own)
		}
		if r.Class == HostRead && own == Allow && (h.Body || method != "" && method != "GET" && method != "HEAD") {
			t.Fatalf("%+v %+v is let through as reading", r, h)
		}
		if shared == Allow && h.Tunnel() && !(&HostRule{Host: "api.github.com", Class: r.Class, Paths: r.Paths, Methods: r.Methods}).AnythingAnywhere() {
			t.Fatalf("%+v: a tunnel that nobody reports", r)
		}
	})
}

func TestBindings(t *testing.T) {
	b := Binding{Name: "github", Host: "api.github.com", Header: "Authorization", Path: "/repos/me", Agents: nil}
	at := func(edit func(*Host)) Host {
		h := Host{Name: "api.github.com", Port: 443, Scheme: "https", Method: "GET", Path: "/repos/me/x"}
		edit(&h)
		return h
	}
	if s := b.Judge(at(func(*Host) {})); s.Verdict != Allow {
		t.Errorf("%+v", s)
	}
	for name, edit := range map[string]func(*Host){
		"host": func(h *Host) { h.Name = "evil.example" }, "port": func(h *Host) { h.Port = 8443 }, "scheme": func(h *Host) { h.Scheme = "http" }, "method": func(h *Host) { h.Method = "POST" },
		"path": func(h *Host) { h.Path = "/repos/other" }, "no path": func(h *Host) { h.Path = "" }, "prefix of a name": func(h *Host) { h.Path = "/repos/me2" }, "climbs": func(h *Host) { h.Path = "/repos/me/../you" },
		"climbs escaped": func(h *Host) { h.Path = "/repos/me/%2e%2e/you" }, "separator escaped": func(h *Host) { h.Path = "/repos/me%2f..%2fyou" },
	} {
		if s := b.Judge(at(edit)); s.Verdict != Deny || s.Reason == "" || s.Hint == "" {
			t.Errorf("%s: %+v", name, s)
		}
	}
	if s := (&Binding{}).Judge(at(func(*Host) {})); s.Verdict != Deny {
		t.Error("the zero binding covers something")
	}
	for name, want := range map[string]string{"github_token": "GITHUB_TOKEN", "openai-api-key": "OPENAI_API_KEY", "github": "GITHUB_TOKEN", "path": "PATH_TOKEN", "ld.preload": "LD_PRELOAD_TOKEN", "my-pat": "MY_PAT"} {
		if got := (&Binding{Name: name}).Variable(); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
}
