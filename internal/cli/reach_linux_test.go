//go:build linux && (amd64 || arm64) && !cgo

package cli_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/openclaw-go/openclaw/internal/model/modeltest"
)

// reaching is one system call of a trace that reaches out.
type reaching struct{ who, call string }

// reached reads a trace of strace -f: which process made which call. Threads
// belong to their process; "gateway" is the one that was started, "launcher" a
// child that it made itself, "run" everything else.
func reached(t *testing.T, trace string) []reaching {
	t.Helper()
	type origin struct {
		by     string
		thread bool
	}
	line := regexp.MustCompile(`^(\d+) +(?:<\.\.\. )?(\w+)(.*)$`)
	made := regexp.MustCompile(`= (\d+)$`)
	from, began := map[string]origin{}, map[string]string{}
	root := ""
	var calls []reaching // by number of the thread
	for l := range strings.Lines(trace) {
		m := line.FindStringSubmatch(strings.TrimSpace(l))
		if m == nil {
			t.Fatalf("a line that is none of strace: %q", l)
		}
		pid, call, rest := m[1], m[2], m[3]
		if root == "" {
			root = pid
		}
		switch call {
		case "clone", "clone3", "fork", "vfork":
			if strings.Contains(rest, "<unfinished") {
				began[pid] = rest
			} else if strings.Contains(rest, "resumed") {
				rest = began[pid] + rest
			}
			// In a namespace of its own a child has a number that means nothing
			// here: a known one is not taken from its maker.
			if n := made.FindStringSubmatch(rest); n != nil && from[n[1]].by == "" {
				from[n[1]] = origin{pid, strings.Contains(rest, "CLONE_THREAD")}
			}
		default:
			if !strings.Contains(rest, "resumed") {
				calls = append(calls, reaching{pid, call + rest})
			}
		}
	}
	var who func(pid string) string
	who = func(pid string) string {
		o, known := from[pid]
		switch {
		case pid == root:
			return "gateway"
		case known && o.thread:
			return who(o.by)
		case known && who(o.by) == "gateway":
			return "launcher"
		}
		return "run"
	}
	for i := range calls {
		calls[i].who = who(calls[i].who)
	}
	return calls
}

// TestR33TraceOfTheGateway runs the real program through a conversation under
// strace: each connect, datagram and exec of the gateway, of the launcher and
// of runs is on the list below with its reason, and what a run may not reach
// is never tried from outside of it.
func TestR33TraceOfTheGateway(t *testing.T) {
	dir := t.TempDir()
	bin := filepath.Join(dir, "openclaw")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, bin); err != nil { // by this name it is the program
		t.Fatal(err)
	}
	private, err := net.Listen("tcp", "127.0.0.1:0") // a service of this machine
	if err != nil {
		t.Fatal(err)
	}
	defer private.Close()
	model := modeltest.NewOpenAI(t, modeltest.Ask("c1", "exec", `{"command":"ls"}`), modeltest.Ask("c2", "write", `{"path":"a.txt","content":"x"}`),
		modeltest.Ask("c3", "web_fetch", fmt.Sprintf(`{"url":"http://%s/"}`, private.Addr())), modeltest.Say("it was refused"), modeltest.Say("done"))
	home := filepath.Join(dir, "home")
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	env := []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "OPENCLAW_GATEWAY_PORT=" + freePort(t)}
	openclaw := func(args ...string) string {
		t.Helper()
		cmd := exec.Command(bin, args...)
		cmd.Env = env
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%q: %v\n%s", args, err, out)
		}
		return string(out)
	}
	openclaw("onboard", "--non-interactive")
	conf := fmt.Sprintf(`{ gateway: { auth: { mode: "token", token: { source: "file", provider: "default", id: "/gateway/token" } } },
		models: { providers: { near: { baseUrl: %q, api: "openai-completions", apiKey: %q } } },
		tools: { allow: ["read", "write", "exec", "process", "web_fetch"], exec: { security: "allowlist", ask: "on-miss", allowlist: ["ls"] }, flow: { mode: "observe" } },
		agents: { list: [ { id: "main", default: true, model: "near/m1" } ] } }`, model.URL, modeltest.Key)
	if err := os.WriteFile(filepath.Join(home, ".openclaw", "openclaw.json"), []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	trace := filepath.Join(dir, "trace")
	up := exec.Command("strace", "-f", "-qq", "-s", "300", "-e", "trace=execve,execveat,connect,sendto,sendmmsg,clone,clone3,fork,vfork", "-e", "signal=none", "-o", trace, bin, "up", "--allow-root")
	up.Env = env
	said := &buffer{more: make(chan struct{}, 1)}
	up.Stdout, up.Stderr = said, said
	if err := up.Start(); err != nil {
		t.Fatalf("strace (scripts/test-deps installs it): %v", err)
	}
	said.until(t, regexp.MustCompile(`talk to it`))
	asked := regexp.MustCompile(`"approvalId": "(\w+)"`).FindStringSubmatch(openclaw("agent", "--message", "look around", "--json"))
	if asked == nil {
		t.Fatal("nothing was asked")
	}
	// A person says yes, and the address is refused all the same.
	openclaw("approvals", "approve", asked[1])
	reply := openclaw("agent", "--message", "and now?")
	record := openclaw("journal", "export")
	openclaw("gateway", "stop")
	if err := up.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, said.b.String())
	}
	if !strings.Contains(reply, "done") || len(model.Requests()) != 5 || !strings.Contains(record, "egress.address_not_public") {
		t.Fatalf("the conversation was another one, with %d requests: %s\n%s", len(model.Requests()), reply, record)
	}
	b, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(model.Host)
	list := []struct {
		who, call, why string
		seen           bool
	}{
		{"gateway", `^execve\("` + regexp.QuoteMeta(bin) + `"`, "the program itself, by strace", false},
		{"gateway", `^connect\(\d+, \{sa_family=AF_INET, sin_port=htons\(` + port + `\), sin_addr=inet_addr\("127\.0\.0\.1"\)`, "the model that the operator configured", false},
		{"launcher", `^execve\("/proc/self/fd/\d+", \["openclaw-stage", "launcher"\]`, "the launcher, from a sealed memory file", false},
		{"run", `^connect\(\d+, \{sa_family=AF_INET, sin_port=htons\(9\), .*= -1 E`, "a witness tries what must fail, and it does", false},
		{"run", `^execve\("/usr/bin/ls", \["/usr/bin/ls"\]`, "the one command that was allowed", false},
	}
	for _, r := range reached(t, string(b)) {
		known := false
		for i := range list {
			if l := &list[i]; l.who == r.who && regexp.MustCompile(l.call).MatchString(r.call) {
				known, l.seen = true, true
			}
		}
		if !known {
			t.Errorf("%s: %s is on no list", r.who, r.call)
		}
	}
	for _, l := range list {
		if !l.seen {
			t.Errorf("the trace has no %s of %s (%s): it proves nothing", l.call, l.who, l.why)
		}
	}
	if bytes.Contains(b, []byte("htons("+strings.Split(private.Addr().String(), ":")[1]+")")) {
		t.Error("the service of this machine was connected to")
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
