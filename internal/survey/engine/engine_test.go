package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/audit"
	"github.com/openclaw-go/openclaw/internal/config"
)

// fakeEngine answers the four questions as Docker does.
type fakeEngine struct {
	list                       string
	container, image, networks string
	asked                      []string
}

const (
	fakeList      = `[{"Id":"0123456789abcdef","Names":["/claw"],"Image":"openclaw/openclaw","Ports":[{"IP":"0.0.0.0","PrivatePort":8765,"PublicPort":8765,"Type":"tcp"}]},{"Id":"ffff","Names":["/db"],"Image":"postgres","Ports":[{"PrivatePort":5432}]}]`
	fakeContainer = `{"Id":"0123456789abcdef","Image":"sha256:aa","Config":{"User":"1000:1000","Image":"openclaw/openclaw@sha256:aa","Env":["PATH=/bin"]},"HostConfig":{"Privileged":false,"ReadonlyRootfs":true,"CapAdd":null,"CapDrop":["ALL"],"SecurityOpt":["no-new-privileges:true"],"NetworkMode":"inside","PidMode":"","IpcMode":"private","Memory":4294967296,"NanoCpus":2000000000,"PidsLimit":256,"RestartPolicy":{"Name":"always","MaximumRetryCount":0}},"Mounts":[{"Type":"bind","Source":"/srv/claw/config","Destination":"/app/config","RW":false},{"Type":"volume","Name":"data","Source":"/var/lib/docker/volumes/data/_data","Destination":"/data","RW":true}],"NetworkSettings":{"Ports":{"8765/tcp":null},"Networks":{"inside":{"NetworkID":"n1"}}}}`
	fakeImage     = `{"Id":"sha256:aa","RepoDigests":["openclaw/openclaw@sha256:bb"],"Created":"2026-11-10T00:00:00Z"}`
	fakeNetwork   = `{"Id":"n1","Internal":true}`
)

func (f *fakeEngine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.asked = append(f.asked, r.Method+" "+r.URL.Path)
	answer := map[string]string{"/version": `{"Version":"28.2.2","Platform":{"Name":"Docker Engine"}}`, "/containers/json": f.list, "/containers/0123456789abcdef/json": f.container, "/images/sha256:aa/json": f.image, "/networks/n1": f.networks}[r.URL.Path]
	if answer == "" {
		http.Error(w, `{"message":"no such thing"}`, http.StatusNotFound)
		return
	}
	fmt.Fprint(w, answer)
}

// serveEngine listens as an engine does.
func serveEngine(t *testing.T, h http.Handler) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "e") // names of sockets are short
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: h}
	go srv.Serve(l)
	t.Cleanup(func() { srv.Close(); os.RemoveAll(dir) })
	return path
}

// containersOf asks a fake engine and judges the answer.
func containersOf(t *testing.T, f *fakeEngine) (e audit.Engine, failed map[string]string) {
	t.Helper()
	f.list, f.image, f.networks = orElse(f.list, fakeList), orElse(f.image, fakeImage), orElse(f.networks, fakeNetwork)
	path := serveEngine(t, f)
	list := Ask{Port: 8765, Sockets: []string{path, "/nonexistent/s", path}}.All(context.Background())
	if len(list) != 1 {
		t.Fatalf("%d engines", len(list))
	}
	return list[0], failedContainers(list)
}

func failedContainers(list []audit.Engine) map[string]string {
	out := map[string]string{}
	in := audit.Input{Config: config.Default(), Snapshot: audit.Snapshot{TakenAt: time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC), Live: &audit.Live{Engines: list}}}
	for _, f := range audit.Run(in, audit.Options{Only: []string{"container.*"}}).Findings {
		out[strings.TrimPrefix(f.CheckID, "container.")] = f.Observed
	}
	return out
}

func orElse(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

// TestContainersThroughTheEngine: what an engine says of a container is judged
// by the rows of the guide.
func TestContainersThroughTheEngine(t *testing.T) {
	f := &fakeEngine{container: fakeContainer}
	e, failed := containersOf(t, f)
	if len(failed) != 0 || e.Err != "" || e.Version != "28.2.2" || e.Running != 2 || len(e.Containers) != 1 {
		t.Fatalf("%v %+v", failed, e)
	}
	if c := e.Containers[0]; c.Name != "claw" || c.ID != "0123456789ab" || c.Digest != "openclaw/openclaw@sha256:bb" || c.CPUs != "2" || c.PIDs != 256 || len(c.Ports) != 0 {
		t.Errorf("%+v", c)
	}
	for _, a := range f.asked {
		if !strings.HasPrefix(a, "GET ") {
			t.Errorf("the engine was asked %s", a)
		}
	}
	for _, x := range []struct{ id, old, new string }{
		{"root_user", `"User":"1000:1000"`, `"User":""`},
		{"writable_root", `"ReadonlyRootfs":true`, `"ReadonlyRootfs":false`},
		{"privileged", `"Privileged":false`, `"Privileged":true`},
		{"caps_kept", `["ALL"]`, `null`},
		{"caps_added", `"CapAdd":null`, `"CapAdd":["CAP_SYS_ADMIN"]`},
		{"net_bind_unused", `"CapAdd":null`, `"CapAdd":["CAP_NET_BIND_SERVICE"]`},
		{"new_privileges", `"no-new-privileges:true"`, `"no-new-privileges=false"`},
		{"unconfined", `["no-new-privileges:true"]`, `["no-new-privileges","apparmor=unconfined"]`},
		{"host_namespace", `"NetworkMode":"inside"`, `"NetworkMode":"host"`},
		{"host_namespace", `"PidMode":""`, `"PidMode":"host"`},
		{"no_limits", `"Memory":4294967296`, `"Memory":0`},
		{"no_limits", `"NanoCpus":2000000000`, `"NanoCpus":0`},
		{"no_pids_limit", `"PidsLimit":256`, `"PidsLimit":-1`},
		{"no_restart", `"Name":"always"`, `"Name":"no"`},
		{"image_unpinned", `openclaw/openclaw@sha256:aa`, `openclaw/openclaw:latest`},
		{"env_secret", `["PATH=/bin"]`, `["OPENCLAW_GATEWAY_TOKEN=x","A_TOKEN_FILE=/run/x"]`},
		{"docker_sock", `"/srv/claw/config","Destination":"/app/config"`, `"/run/docker.sock","Destination":"/x"`},
		{"host_mount", `"/srv/claw/config","Destination":"/app/config"`, `"/root/.ssh","Destination":"/x"`},
		{"config_writable", `"/app/config","RW":false`, `"/app/config","RW":true`},
		{"ports_published", `"8765/tcp":null`, `"8765/tcp":[{"HostIp":"0.0.0.0","HostPort":"8765"},{"HostIp":"::","HostPort":"8765"}]`},
		{"ports_published", `"8765/tcp":null`, `"8765/tcp":[{"HostIp":"","HostPort":"80"}]`},
	} {
		if strings.Count(fakeContainer, x.old) != 1 {
			t.Fatalf("%q is not once in the description", x.old)
		}
		_, failed := containersOf(t, &fakeEngine{container: strings.Replace(fakeContainer, x.old, x.new, 1)})
		if _, ok := failed[x.id]; !ok || len(failed) > 2 {
			t.Errorf("%s with %s: %v", x.id, x.new, failed)
		}
		if strings.Contains(fmt.Sprint(failed), "=x") {
			t.Errorf("a value is told: %v", failed)
		}
	}
	if _, failed := containersOf(t, &fakeEngine{container: strings.Replace(fakeContainer, `"8765/tcp":null`, `"8765/tcp":[{"HostIp":"127.0.0.1","HostPort":"8765"}]`, 1)}); len(failed) != 0 {
		t.Errorf("a loopback port fails %v", failed)
	}
	if _, failed := containersOf(t, &fakeEngine{container: fakeContainer, networks: `{"Internal":false}`}); failed["network_open"] != "" || len(failed) != 1 {
		t.Errorf("an open network fails %v", failed)
	}
	if _, failed := containersOf(t, &fakeEngine{container: fakeContainer, image: `{"Created":"2026-09-01T00:00:00Z"}`}); failed["image_old"] != "84 days" {
		t.Errorf("an old image fails %v", failed)
	}
	// Whatever publishes the gateway's port counts, whatever its name is.
	e, _ = containersOf(t, &fakeEngine{container: fakeContainer, list: `[{"Id":"0123456789abcdef","Names":["/x"],"Image":"x","Ports":[{"PrivatePort":80,"PublicPort":8765}]}]`})
	if len(e.Containers) != 1 {
		t.Errorf("a container on the port was passed over: %+v", e)
	}
}

// TestBadEngines: one that refuses, lies, never answers or never ends leaves
// the checks unmeasured, and soon.
func TestBadEngines(t *testing.T) {
	long := json.RawMessage(`"` + strings.Repeat("x", 1<<16) + `"`)
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	for name, h := range map[string]http.HandlerFunc{
		"refuses": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) },
		"no json": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") },
		"other":   func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `[[[]]]`) },
		"endless": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, "[")
			for {
				if _, err := w.Write(append(slices.Clone(long), ',')); err != nil {
					return
				}
			}
		},
		"cut": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, `{"Version":"1"`)
		},
		"no container": func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/containers/json" {
				fmt.Fprint(w, fakeList)
				return
			}
			if r.URL.Path == "/version" {
				fmt.Fprint(w, "{}")
				return
			}
			w.WriteHeader(http.StatusInternalServerError)
		},
	} {
		list := Ask{Port: 8765, Sockets: []string{serveEngine(t, h)}}.All(context.Background())
		in := audit.Input{Config: config.Default(), Snapshot: audit.Snapshot{Live: &audit.Live{Engines: list}}}
		for _, c := range audit.Run(in, audit.Options{Only: []string{"container.*"}}).Checks {
			if c.Verdict != audit.Unmeasured || c.Reason == "" {
				t.Errorf("%s: %s is %s %q", name, c.ID, c.Verdict, c.Reason)
			}
		}
	}
	// One that takes the connection and says nothing.
	path := serveEngine(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-stop }))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if e := (Ask{}).one(ctx, path); e.Err == "" {
		t.Errorf("%+v", e)
	}
}

func TestSockets(t *testing.T) {
	got := Sockets([]string{"A=b", "DOCKER_HOST=unix:///home/me/d.sock"}, 1000)
	if got[0] != "/home/me/d.sock" || !slices.Contains(got, "/run/docker.sock") || !slices.Contains(got, "/run/user/1000/podman/podman.sock") {
		t.Error(got)
	}
	for _, kv := range []string{"DOCKER_HOST=tcp://10.0.0.1:2375", "DOCKER_HOST=unix://relative"} {
		if got := Sockets([]string{kv}, 0); len(got) != 4 {
			t.Errorf("%s: %v", kv, got)
		}
	}
}

func FuzzEngineAnswer(f *testing.F) {
	f.Add([]byte(fakeContainer))
	f.Add([]byte(`{"HostConfig":{"Memory":-1},"NetworkSettings":{"Ports":{"":[{}]}}}`))
	f.Fuzz(func(_ *testing.T, b []byte) {
		var x inspected
		if json.Unmarshal(b, &x) == nil {
			_ = x.published()
		}
	})
}
