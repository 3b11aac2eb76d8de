// Package docker_test brings the deployment of this directory up with a real
// engine.
package docker_test

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// deployment is one that runs in an engine of its own.
type deployment struct {
	t       *testing.T
	dir     string // of the Compose file
	bin     string
	socket  string
	project string
}

const testImage = "openclaw:test"

// outward gives the outward network addresses that look public: the way out
// refuses private ones.
const outward = `version: '3.8'
networks:
  openclaw-outward:
    ipam:
      config:
        - subnet: 203.0.114.0/24
`

// answer is a model's, as a script of a web server.
const answer = `#!/bin/sh
echo "Content-Type: text/event-stream"
echo
echo 'data: {"id":"1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant","content":"hello from outside"}}]}'
echo
echo 'data: {"id":"1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}'
echo
echo 'data: [DONE]'
`

func start(t *testing.T) *deployment {
	t.Helper()
	if os.Getuid() != 0 {
		t.Fatal("starting an engine of its own needs root")
	}
	for _, need := range []string{"dockerd", "docker", "docker-compose", "busybox"} {
		if _, err := exec.LookPath(need); err != nil {
			t.Fatalf("%s is not installed; scripts/test-deps installs it", need)
		}
	}
	dir, err := os.MkdirTemp("", "claw")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	d := &deployment{t: t, dir: dir, bin: filepath.Join(dir, "openclaw"), project: "claw"}
	build := exec.Command("go", "build", "-tags", "openclaw_stage", "-o", d.bin, "./cmd/openclaw")
	build.Dir, build.Env = "../..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	probe := exec.Command("go", "build", "-o", filepath.Join(dir, "probe"), "./testdata/probe")
	probe.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := probe.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	d.engine()
	d.must("../../scripts/image", "--target", "tools", "--tag", testImage, "--binary", d.bin)
	d.copy("compose.yml")
	d.write("outward.yml", outward)
	return d
}

// engine starts a Docker that ends with the test.
func (d *deployment) engine() {
	d.t.Helper()
	c := exec.Command("../../scripts/with-dockerd")
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		d.t.Fatal(err)
	}
	hold, err := c.StdinPipe()
	if err != nil {
		d.t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() {
		_ = hold.Close()
		_, _ = io.Copy(io.Discard, out)
		_ = c.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		d.t.Fatal(err)
	}
	d.socket = strings.TrimSpace(line)
}

func (d *deployment) copy(name string) {
	d.t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		d.t.Fatal(err)
	}
	d.write(name, string(b))
}

func (d *deployment) write(name, text string) {
	d.t.Helper()
	if err := os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o644); err != nil {
		d.t.Fatal(err)
	}
}

// run runs a program against the engine and gives what it said.
func (d *deployment) run(name string, args ...string) (string, error) {
	c := exec.Command(name, args...)
	c.Env = append(os.Environ(), "DOCKER_HOST=unix://"+d.socket, "OPENCLAW_IMAGE="+testImage, "HOME="+d.dir, "COMPOSE_PROJECT_NAME="+d.project)
	out, err := c.CombinedOutput()
	return string(out), err
}

func (d *deployment) must(name string, args ...string) string {
	d.t.Helper()
	out, err := d.run(name, args...)
	if err != nil {
		d.t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return out
}

func (d *deployment) compose(args ...string) string {
	d.t.Helper()
	return d.must("docker-compose", append([]string{"-f", d.dir + "/compose.yml", "-f", d.dir + "/outward.yml"}, args...)...)
}

// inside runs a program in the gateway's container.
func (d *deployment) inside(args ...string) (string, error) {
	return d.run("docker", append([]string{"exec", d.project + "_openclaw_1"}, args...)...)
}

// ask asks for a page from the gateway's network, as a program would that got
// in: through a proxy, or by itself.
func (d *deployment) ask(words ...string) string {
	d.t.Helper()
	out, err := d.run("docker", append([]string{"run", "--rm", "--network", "container:" + d.project + "_openclaw_1", "-v", d.dir + "/probe:/probe:ro", "--entrypoint", "/probe", testImage}, words...)...)
	if err != nil && !strings.Contains(out, "no answer:") {
		d.t.Fatalf("probe: %v %s", err, out)
	}
	return out
}

// healthy waits until the engine says so.
func (d *deployment) healthy() {
	d.t.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	give := time.After(90 * time.Second)
	for {
		if out, err := d.run("docker", "inspect", "--format", "{{.State.Health.Status}}", d.project+"_openclaw_1"); err == nil && strings.TrimSpace(out) == "healthy" {
			return
		}
		select {
		case <-give:
			d.t.Fatalf("the gateway does not become healthy\n%s", d.compose("logs", "--tail", "50"))
		case <-tick.C:
		}
	}
}

// cli runs the image's program on the deployment's files, as setup does.
func (d *deployment) cli(args ...string) string {
	d.t.Helper()
	return d.must("docker", append([]string{"run", "--rm", "--network", "none", "--read-only", "-v", d.dir + "/config:/app/config", "-v", d.dir + "/data:/app/data", testImage}, args...)...)
}

// TestDeployment: the guide's deployment comes up with a real engine, answers,
// passes the audit from within and from the host, writes nothing but its state,
// and reaches nothing but what its way out lets through.
func TestDeployment(t *testing.T) {
	d := start(t)
	d.must("./setup", d.dir)
	d.cli("config", "set", "tools.egress.hosts", `[{host: "outside.example", class: "read"}]`)
	d.cli("config", "set", "models.providers.outside", `{api: "openai-completions", baseUrl: "http://outside.example:8080/cgi-bin", models: [{id: "small"}]}`)
	d.cli("config", "set", "agents.list.1.model", `{primary: "outside/small"}`)
	d.compose("up", "-d")
	d.healthy()
	d.chats()
	d.audited()
	d.keepsToItsVolumes()
	d.goesOutOneWay()
	d.labelled()
	d.sandboxes()
}

func (d *deployment) chats() {
	d.t.Helper()
	out, err := d.inside("openclaw", "agent", "--message", "help")
	if err != nil || !strings.Contains(out, "I understand") && !strings.Contains(out, "help") {
		d.t.Errorf("chat: %v %s", err, out)
	}
	out, err = d.inside("openclaw", "sandbox", "run", "--agent", "workbench", "--json", "--", "ls", "/app/data")
	var ran struct {
		ExitCode int    `json:"exitCode"`
		Enforced string `json:"enforced"`
	}
	if jerr := json.Unmarshal([]byte(out), &ran); err != nil || jerr != nil || ran.Enforced != "confined" {
		d.t.Errorf("a confined command: %v %v %s", err, jerr, out)
	}
	if out, err := d.inside("openclaw", "sandbox", "run", "--agent", "workbench", "--level", "isolated", "--", "true"); err == nil {
		d.t.Errorf("isolated in a container: %s", out)
	}
}

type audited struct {
	Findings []struct{ CheckID, Severity, Title string }
	Checks   []struct{ ID, Verdict, Reason string }
}

func (d *deployment) audited() {
	d.t.Helper()
	read := func(out string, err error) (a audited) {
		d.t.Helper()
		if i := strings.Index(out, "{"); i >= 0 {
			err = json.Unmarshal([]byte(out[i:]), &a)
		}
		if err != nil || len(a.Checks) == 0 {
			d.t.Errorf("audit: %v\n%s", err, out)
		}
		for _, f := range a.Findings {
			// The model outside speaks no TLS in this test, and is no part of it.
			if f.Severity == "critical" && f.CheckID != "models.base_url_plain" {
				d.t.Errorf("critical: %s %s", f.CheckID, f.Title)
			}
		}
		return a
	}
	read(d.inside("openclaw", "security", "audit", "--json"))
	// From the host: what runs, and the Compose file, by their rows alone.
	out, err := d.run(d.bin, "onboard", "--non-interactive")
	if err != nil {
		d.t.Fatalf("%v %s", err, out)
	}
	a := read(d.run(d.bin, "security", "audit", "--deep", "--json", "--compose", d.dir+"/compose.yml"))
	measured := 0
	for _, c := range a.Checks {
		ours := strings.HasPrefix(c.ID, "container.") || strings.HasPrefix(c.ID, "compose.")
		switch {
		case !ours:
		case c.Verdict == "pass":
			measured++
		case c.ID == "container.net_bind_unused" || c.ID == "compose.net_bind_unused": // the guide's line
		case c.ID == "container.network_open" || c.ID == "compose.network_open": // the way out has to go out
		case c.ID == "container.image_unpinned" || c.ID == "compose.image_unpinned": // built here, so it has no digest of a registry
		default:
			d.t.Errorf("%s is %s %s", c.ID, c.Verdict, c.Reason)
		}
	}
	if measured < 20 {
		d.t.Errorf("only %d rows about containers pass", measured)
	}
}

func (d *deployment) keepsToItsVolumes() {
	d.t.Helper()
	for _, at := range []string{"/x", "/usr/bin/x", "/etc/x", "/app/x", "/app/config/x", "/app/config/openclaw.json"} {
		if out, err := d.inside("touch", at); err == nil || !strings.Contains(out, "Read-only") && !strings.Contains(out, "denied") {
			d.t.Errorf("writing %s: %v %s", at, err, out)
		}
	}
	if out, err := d.inside("touch", "/app/data/x"); err != nil {
		d.t.Errorf("writing its state: %v %s", err, out)
	}
	if out, _ := d.inside("id"); !strings.HasPrefix(out, "uid=1000") {
		d.t.Errorf("it runs as %s", out)
	}
	out, err := d.inside("cat", "/proc/1/status")
	if err != nil || !regexp.MustCompile(`NoNewPrivs:\s1`).MatchString(out) || !regexp.MustCompile(`CapEff:\s0000000000000000`).MatchString(out) {
		d.t.Errorf("its first process: %v %s", err, out)
	}
	if out, err := d.inside("ls", "/run/docker.sock", "/var/run/docker.sock"); err == nil {
		d.t.Errorf("the engine's socket is there: %s", out)
	}
}

// goesOutOneWay has somebody outside serve a page and a model.
func (d *deployment) goesOutOneWay() {
	d.t.Helper()
	if err := os.MkdirAll(d.dir+"/www/cgi-bin/chat", 0o755); err != nil {
		d.t.Fatal(err)
	}
	d.write("www/page", "outside\n")
	d.write("www/cgi-bin/chat/completions", answer)
	if err := os.Chmod(d.dir+"/www/cgi-bin/chat/completions", 0o755); err != nil {
		d.t.Fatal(err)
	}
	if err := os.Chmod(d.dir, 0o755); err != nil {
		d.t.Fatal(err)
	}
	d.must("docker", "run", "-d", "--name", "outside", "--network", d.project+"_openclaw-outward", "--network-alias", "outside.example", "--network-alias", "other.example",
		"-v", d.dir+"/www:/www:ro", "--entrypoint", "/bin/busybox", testImage, "httpd", "-f", "-p", "8080", "-h", "/www")
	address := strings.TrimSpace(d.must("docker", "inspect", "--format", `{{(index .NetworkSettings.Networks "`+d.project+`_openclaw-outward").IPAddress}}`, "outside"))
	if !strings.HasPrefix(address, "203.0.114.") {
		d.t.Fatalf("outside has address %q", address)
	}
	for _, url := range []string{"http://outside.example:8080/page", "http://" + address + ":8080/page", "http://1.1.1.1/", "http://169.254.169.254/"} {
		if out := d.ask(url); !strings.HasPrefix(out, "no answer:") {
			d.t.Errorf("%s without the way out: %s", url, out)
		}
	}
	const proxy = "http://egress:3128"
	if out := d.ask("http://outside.example:8080/page", proxy); out != "200 outside\n" {
		d.t.Errorf("a listed host: %s", out)
	}
	for _, url := range []string{"http://other.example:8080/page", "http://" + address + ":8080/page", "http://169.254.169.254/", "http://openclaw:8765/", "http://10.0.0.1/", "https://other.example/"} {
		if out := d.ask(url, proxy); !strings.HasPrefix(out, "403 ") && !strings.Contains(out, "Forbidden") {
			d.t.Errorf("%s through the way out: %s", url, out)
		}
	}
	if out, err := d.inside("openclaw", "agent", "--agent", "workbench", "--message", "hello"); err != nil || !strings.Contains(out, "hello from outside") {
		d.t.Errorf("a model outside: %v %s", err, out)
	}
	d.recorded()
}

// recorded: each decision of the way out is a line of JSON.
func (d *deployment) recorded() {
	d.t.Helper()
	verdicts := map[string][]string{}
	for line := range strings.Lines(d.must("docker", "logs", d.project+"_egress_1")) {
		var e struct{ Event, Host, Verdict, Rule string }
		if json.Unmarshal([]byte(line), &e) != nil {
			continue
		}
		if e.Event != "egress" || e.Rule == "" {
			d.t.Errorf("a decision of the way out: %s", line)
		}
		verdicts[e.Host] = append(verdicts[e.Host], e.Verdict)
	}
	if !slices.Contains(verdicts["outside.example"], "allow") || !slices.Contains(verdicts["other.example"], "deny") || slices.Contains(verdicts["other.example"], "allow") || !slices.Contains(verdicts["169.254.169.254"], "deny") {
		d.t.Errorf("recorded: %v", verdicts)
	}
}

// labelled: the image says what it was made of.
func (d *deployment) labelled() {
	d.t.Helper()
	var labels map[string]string
	if err := json.Unmarshal([]byte(d.must("docker", "inspect", "--format", "{{json .Config.Labels}}", testImage)), &labels); err != nil {
		d.t.Fatal(err)
	}
	if !regexp.MustCompile(`^[0-9a-f]{40}$`).MatchString(labels["org.opencontainers.image.revision"]) || !regexp.MustCompile(`^sha256:[0-9a-f]{64}$`).MatchString(labels["openclaw.binary.digest"]) {
		d.t.Errorf("labels %v", labels)
	}
	out, err := d.inside("cat", labels["openclaw.sbom"])
	var bill struct {
		SpdxVersion string
		Packages    []struct{ Name, VersionInfo string }
	}
	if jerr := json.Unmarshal([]byte(out), &bill); err != nil || jerr != nil || bill.SpdxVersion != "SPDX-2.3" || len(bill.Packages) < 10 {
		d.t.Errorf("bill of materials: %v %v %.300s", err, jerr, out)
	}
	sum, err := d.inside("sha256sum", "/usr/bin/openclaw")
	if err != nil || !strings.HasPrefix("sha256:"+sum, labels["openclaw.binary.digest"]) {
		d.t.Errorf("the program is %s, its label %s", sum, labels["openclaw.binary.digest"])
	}
}

// sandboxes: a gateway on the host gives commands containers of their own.
func (d *deployment) sandboxes() {
	d.t.Helper()
	d.must(d.bin, "config", "set", "agents.defaults.sandbox.mode", "all")
	if out, err := d.run(d.bin, "sandbox", "run", "--allow-root", "--", "id"); err == nil || !strings.Contains(out, "not pinned") {
		d.t.Errorf("without an image: %v %s", err, out)
	}
	d.must(d.bin, "sandbox", "build")
	type ran struct {
		ExitCode         int
		Stdout, Enforced string
	}
	run := func(script string) (r ran) {
		out := d.must(d.bin, "sandbox", "run", "--allow-root", "--json", "--", "sh", "-c", script)
		if i := strings.Index(out, "{"); i < 0 || json.Unmarshal([]byte(out[i:]), &r) != nil {
			d.t.Errorf("sandbox run: %s", out)
		}
		return r
	}
	if r := run("id -u; pwd; echo kept > kept; ls /sys/class/net"); r.ExitCode != 0 || r.Enforced != "container" || !strings.HasSuffix(r.Stdout, "\n/workspace\nlo\n") || strings.HasPrefix(r.Stdout, "0\n") {
		d.t.Errorf("in a container: %+v", r)
	}
	if r := run("cat kept"); r.Stdout != "kept\n" {
		d.t.Errorf("the private folder: %+v", r)
	}
	if out := d.must(d.bin, "sandbox", "list"); !strings.Contains(out, "agent-main") {
		d.t.Errorf("list: %s", out)
	}
	if out := d.must(d.bin, "sandbox", "recreate", "--all"); !strings.Contains(out, "agent-main") {
		d.t.Errorf("recreate: %s", out)
	}
	if out, err := d.run(d.bin, "sandbox", "run", "--allow-root", "--level", "isolated", "--", "true"); err != nil {
		d.t.Errorf("the host's own sandbox beside it: %v %s", err, out)
	}
}
