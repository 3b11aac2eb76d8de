package engine

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// realEngine starts a Docker of its own: data, socket and network belong to
// the test, and it ends with it.
func realEngine(t *testing.T) (socket string) {
	t.Helper()
	if _, err := exec.LookPath("dockerd"); err != nil {
		t.Fatal("dockerd is not installed; scripts/test-deps installs it")
	}
	dir, err := os.MkdirTemp("", "dk")
	if err != nil {
		t.Fatal(err)
	}
	socket = filepath.Join(dir, "s")
	var log bytes.Buffer
	c := exec.Command("dockerd", "--data-root", dir+"/data", "--exec-root", dir+"/exec", "--pidfile", dir+"/pid", "--host", "unix://"+socket, "--storage-driver", "vfs")
	c.Stdout, c.Stderr = &log, &log
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(30 * time.Second):
			_ = c.Process.Kill()
		}
		_ = os.RemoveAll(dir)
	})
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	give := time.After(60 * time.Second)
	for {
		var v struct{ Version string }
		if get(context.Background(), socket, "/version", &v) == nil && v.Version != "" {
			return socket
		}
		select {
		case err := <-ended:
			t.Fatalf("dockerd ended: %v\n%s", err, log.String())
		case <-give:
			t.Fatal("dockerd does not answer")
		case <-tick.C:
		}
	}
}

// order sends a POST to the engine: the audit never does.
func order(t *testing.T, socket, path string, body io.Reader, into any) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}}
	defer client.CloseIdleConnections()
	kind := "application/json"
	if strings.HasPrefix(path, "/images") {
		kind = "application/x-tar"
	}
	res, err := client.Post("http://engine"+path, kind, body)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode >= 300 {
		t.Fatalf("%s: %d %s %v", path, res.StatusCode, b, err)
	}
	if into != nil {
		if err := json.Unmarshal(b, into); err != nil {
			t.Fatalf("%s: %s", path, b)
		}
	}
}

// imageWithWait makes an image of one static program that waits to be killed.
func imageWithWait(t *testing.T, socket, name string) {
	t.Helper()
	dir := t.TempDir()
	src := "package main\n\nfunc main() { select {} }\n"
	src = strings.Replace(src, "select {}", "c := make(chan os.Signal, 1); signal.Notify(c, syscall.SIGTERM); <-c", 1)
	src = strings.Replace(src, "package main\n", "package main\n\nimport (\n\t\"os\"\n\t\"os/signal\"\n\t\"syscall\"\n)\n", 1)
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(src), 0o600); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-o", "wait", "main.go")
	build.Dir, build.Env = dir, append(os.Environ(), "CGO_ENABLED=0", "GO111MODULE=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	b, err := os.ReadFile(filepath.Join(dir, "wait"))
	if err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	if err := w.WriteHeader(&tar.Header{Name: "wait", Mode: 0o755, Size: int64(len(b))}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	order(t, socket, "/images/create?fromSrc=-&repo="+name+"&tag=1", &archive, nil)
}

func run(t *testing.T, socket, name, image, more string) {
	t.Helper()
	var made struct {
		ID string `json:"Id"`
	}
	order(t, socket, "/containers/create?name="+name, strings.NewReader(fmt.Sprintf(`{"Image":%q,"Cmd":["/wait"],%s}`, image, more)), &made)
	order(t, socket, "/containers/"+made.ID+"/start", nil, nil)
}

// TestRealEngine: what a real Docker runs is judged as the guide says. It
// needs root and dockerd. (Sharing the host's processes takes the labels of
// SELinux away, so that container is unconfined as well.)
func TestRealEngine(t *testing.T) {
	if os.Getuid() != 0 {
		t.Fatal("starting an engine of its own needs root")
	}
	t.Parallel()
	socket := realEngine(t)
	imageWithWait(t, socket, "openclaw/openclaw")
	order(t, socket, "/networks/create", strings.NewReader(`{"Name":"inside","Internal":true}`), nil)
	run(t, socket, "good", "openclaw/openclaw:1", `"User":"1000:1000","HostConfig":{"ReadonlyRootfs":true,"CapDrop":["ALL"],"SecurityOpt":["no-new-privileges:true"],"NetworkMode":"inside","Memory":67108864,"NanoCpus":500000000,"PidsLimit":64,"RestartPolicy":{"Name":"unless-stopped"}}`)
	run(t, socket, "bad", "openclaw/openclaw:1", `"Env":["OPENCLAW_GATEWAY_TOKEN=abc"],"ExposedPorts":{"8765/tcp":{}},"HostConfig":{"CapAdd":["SYS_ADMIN"],"PidMode":"host","PortBindings":{"8765/tcp":[{"HostPort":"8765"}]},"Binds":["/etc:/host/etc"]}`)
	run(t, socket, "other", "openclaw/openclaw:1", `"Labels":{"a":"b"}`)
	list := Ask{Port: 8765, Sockets: []string{socket}}.All(context.Background())
	if len(list) != 1 || list[0].Err != "" || list[0].Running != 3 || len(list[0].Containers) != 3 {
		t.Fatalf("%+v", list)
	}
	for i := range list[0].Containers {
		c := list[0].Containers[i]
		if c.Err != "" {
			t.Errorf("%s: %s", c.Name, c.Err)
		}
		one := list[0]
		one.Containers = one.Containers[i : i+1]
		got := failedContainers(append(list[:0:0], one))
		want := map[string][]string{
			"good":  {"image_unpinned"},
			"bad":   {"root_user", "writable_root", "caps_kept", "caps_added", "host_namespace", "host_mount", "no_limits", "no_pids_limit", "no_restart", "network_open", "new_privileges", "ports_published", "image_unpinned", "env_secret", "unconfined"},
			"other": {"root_user", "writable_root", "caps_kept", "no_limits", "no_pids_limit", "no_restart", "network_open", "new_privileges", "image_unpinned"},
		}[c.Name]
		if c.Made.IsZero() || time.Since(c.Made) > time.Hour {
			t.Errorf("%s: the image was made %v", c.Name, c.Made)
		}
		for _, id := range want {
			if _, ok := got[id]; !ok {
				t.Errorf("%s: %s is not reported", c.Name, id)
			}
			delete(got, id)
		}
		if len(got) > 0 {
			t.Errorf("%s: %v is too much", c.Name, got)
		}
	}
}
