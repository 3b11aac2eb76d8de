package posture_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/posture"
)

// containerOf is how agent a's runs are contained under a configuration.
func containerOf(t *testing.T, text string) (policy.Confinement, posture.Posture) {
	t.Helper()
	c, problems := config.ParseBytes("openclaw.json", []byte(text), nil)
	if err := problems.Err(); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	p := posture.Of(c, posture.World{Home: "/home/me", State: "/home/me/.openclaw", Config: "/home/me/.openclaw/openclaw.json", Resolve: func(s string) string { return s }, Port: 8765})
	a, ok := p.Agent("a")
	if !ok {
		t.Fatal("no agent a")
	}
	return a.Rules.Confinement, p
}

func sandboxed(block string) string {
	return `{agents: {defaults: {sandbox: {` + block + `}}, list: [{id: "a"}]}}`
}

// TestContainerDefaults: what upstream's keys leave open is as hard as can be.
func TestContainerDefaults(t *testing.T) {
	for _, none := range []string{`{agents: {list: [{id: "a"}]}}`, sandboxed(`mode: "off"`), sandboxed(`docker: {memory: "1g"}`)} {
		if c, _ := containerOf(t, none); c.Container != nil {
			t.Errorf("%s: %+v", none, c.Container)
		}
	}
	c, _ := containerOf(t, sandboxed(`mode: "all"`))
	got := *c.Container
	got.Where = claw.ConfigRef{}
	want := policy.Container{Sessions: policy.ContainerAll, Scope: policy.ScopeAgent, Level: policy.LevelContainer, Image: posture.ContainerImage, Workdir: "/workspace", Prefix: "openclaw-sbx-",
		Tmpfs: []string{"/tmp", "/var/tmp", "/run"}, Memory: 1 << 30, MemorySwap: 1 << 30, MilliCPUs: 1000, Pids: 256, IdleHours: 24, AgeHours: 168}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	c, _ = containerOf(t, `{tools: {exec: {level: "isolated"}}, agents: {defaults: {sandbox: {mode: "all", docker: {binds: ["/srv/a:/a:ro"], memory: "2g", dangerouslyAllowExternalBindSources: true}}},
		list: [{id: "a", sandbox: {mode: "non-main", scope: "session", workspaceAccess: "rw", docker: {binds: ["/srv/b:/b"], user: "1234:5678"}}}]}}`)
	b := c.Container
	if b.Sessions != policy.ContainerNonMain || b.Scope != policy.ScopeSession || b.Access != policy.AccessWrite || b.Level != policy.LevelIsolated || b.Memory != 2<<30 || b.UID != 1234 || b.GID != 5678 ||
		!reflect.DeepEqual(b.Binds, []policy.Bind{{Source: "/srv/a", Target: "/a"}, {Source: "/srv/b", Target: "/b", Write: true}}) || b.Refused != "" {
		t.Errorf("%+v", b)
	}
}

// TestContainerRefused: a setting that takes a guarantee away, or was not
// understood, leaves no container instead of a weaker one.
func TestContainerRefused(t *testing.T) {
	for _, block := range []string{`docker: {network: "host"}`, `docker: {network: "bridge"}`, `docker: {network: "container:x"}`, `docker: {seccompProfile: "unconfined"}`, `docker: {apparmorProfile: "unconfined"}`,
		`docker: {user: "0:0"}`, `docker: {user: "root"}`, `docker: {user: "1000:0"}`, `docker: {setupCommand: "apt-get install x"}`, `docker: {dangerouslyAllowContainerNamespaceJoin: true}`, `docker: {env: {TOKEN: {"$env": "TOKEN"}}}`,
		`docker: {binds: ["/srv"]}`, `docker: {binds: ["relative:/x"]}`, `docker: {binds: ["/srv:/workspace"]}`, `docker: {binds: ["/srv:/workspace/x:ro"]}`, `docker: {binds: ["/srv:/"]}`, `docker: {binds: ["/srv:/x:exec"]}`, `docker: {binds: ["/srv:/x:ro"]}`,
		`docker: {workdir: "x"}`, `docker: {workdir: "/"}`, `docker: {tmpfs: ["/"]}`, `docker: {tmpfs: ["/tmp:exec"]}`, `docker: {dns: ["1.1.1.1"]}`, `docker: {memory: "1m"}`, `docker: {pidsLimit: 1}`, `backend: "ssh"`} {
		c, _ := containerOf(t, sandboxed(`mode: "all", `+block))
		if c.Container == nil || c.Container.Refused == "" || c.Container.Where.Pointer == "" || !strings.Contains(c.Container.Where.Pointer, "sandbox") {
			t.Errorf("%s: %+v", block, c.Container)
		}
	}
}

// TestContainerLoosens: what opens a container waits for an operator.
func TestContainerLoosens(t *testing.T) {
	base := sandboxed(`mode: "all"`)
	for _, c := range []struct {
		name, before, after string
		looser              bool
	}{
		{"the same", base, base, false},
		{"from the host into a container", `{agents: {list: [{id: "a"}]}}`, base, true},
		{"from a container back", base, `{agents: {list: [{id: "a"}]}}`, true},
		{"from an unconfined host into a container", `{tools: {exec: {level: "process"}}, agents: {list: [{id: "a"}]}}`, base, false},
		{"a bind", base, sandboxed(`mode: "all", docker: {binds: ["/srv/a:/a:ro"], dangerouslyAllowExternalBindSources: true}`), true},
		{"a bind less", sandboxed(`mode: "all", docker: {binds: ["/srv/a:/a:ro"], dangerouslyAllowExternalBindSources: true}`), base, false},
		{"the workspace", base, sandboxed(`mode: "all", workspaceAccess: "ro"`), true},
		{"another image", base, sandboxed(`mode: "all", docker: {image: "other:1"}`), true},
		{"a writable root", base, sandboxed(`mode: "all", docker: {readOnlyRoot: false}`), true},
		{"more memory", base, sandboxed(`mode: "all", docker: {memory: "8g"}`), true},
		{"less memory", base, sandboxed(`mode: "all", docker: {memory: "64m"}`), false},
		{"a variable", base, sandboxed(`mode: "all", docker: {env: {A: "b"}}`), true},
	} {
		_, before := containerOf(t, c.before)
		_, after := containerOf(t, c.after)
		if got := posture.Loosens(before, after); len(got) > 0 != c.looser {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
