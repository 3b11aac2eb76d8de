//go:build amd64 || arm64

package app_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/cgi"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/egress"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox"
	"github.com/openclaw-go/openclaw/internal/sandbox/linux"
)

const (
	inNamespace = "OPENCLAW_TEST_PRIVATE_NET"
	serverAddr  = "20.20.20.2" // public to everybody who looks, and nobody's but the test's
	allowedHost = "files.allowed.example"
	deniedHost  = "files.denied.example"
	boundSecret = "the-value-of-the-bound-secret"
)

// TestClientsThroughTheProxy: what people work with reaches an allowed host
// through the proxy, and nothing else reaches anything. The servers stand in
// another network namespace under addresses that look public, so that the
// guard is the one of every gateway.
func TestClientsThroughTheProxy(t *testing.T) {
	if os.Getenv(inNamespace) == "" {
		if os.Geteuid() != 0 {
			t.Skip("needs root: two network namespaces and a veth(4) between them")
		}
		cmd := exec.Command(os.Args[0], "-test.run=^TestClientsThroughTheProxy$", "-test.v")
		cmd.Env = append(os.Environ(), inNamespace+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
		out, err := cmd.CombinedOutput()
		if err != nil || !bytes.Contains(out, []byte("--- PASS: TestClientsThroughTheProxy/denied")) {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	n := newNet(t)
	for _, c := range []struct {
		name  string
		bound bool
	}{{"passed", false}, {"opened", true}} {
		t.Run(c.name, func(t *testing.T) { n.clients(t, c.bound) })
	}
	t.Run("denied", n.denied)
}

// privateNet is a machine with one neighbour that serves everything.
type privateNet struct {
	dir, ca string
	cert    tls.Certificate

	mu    sync.Mutex
	hits  map[string]int // by Host header
	auth  map[string]int // Authorization that came
	asked map[string]int // look-ups
	other []string       // what arrived on ports that nothing should reach
	logs  []egress.Event
}

func ip(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v %s", strings.Join(args, " "), err, out)
	}
}

func newNet(t *testing.T) *privateNet {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	n := &privateNet{dir: dir, ca: filepath.Join(dir, "ca.pem"), hits: map[string]int{}, auth: map[string]int{}, asked: map[string]int{}}
	n.cert = n.certificate(t)
	n.content(t)
	ip(t, "link", "set", "lo", "up")
	ip(t, "link", "add", "here0", "type", "veth", "peer", "name", "there0")
	ip(t, "addr", "add", "20.20.20.1/24", "dev", "here0")
	ip(t, "-6", "addr", "add", "2606:2800:21f::1/64", "dev", "here0", "nodad")
	ip(t, "link", "set", "here0", "up")
	tid, moved, ready := make(chan int), make(chan bool), make(chan error)
	go aside(func() { // this thread lives in the other namespace and ends with it
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			tid <- 0
			return
		}
		tid <- unix.Gettid()
		<-moved
		ready <- n.there(t)
	})
	at := <-tid
	if at == 0 {
		t.Fatal("unshare(CLONE_NEWNET) fails")
	}
	ip(t, "link", "set", "there0", "netns", fmt.Sprint(at))
	close(moved)
	if err := <-ready; err != nil {
		t.Fatal(err)
	}
	return n
}

// aside runs f on a thread of its own that is not the process's first, which
// speaks for the whole process.
func aside(f func()) {
	runtime.LockOSThread()
	if unix.Gettid() == os.Getpid() {
		done := make(chan bool)
		go func() { aside(f); close(done) }()
		<-done
		runtime.UnlockOSThread()
		return
	}
	f()
}

// there makes the neighbour: sockets belong to the namespace that they were
// made in, whoever serves them.
func (n *privateNet) there(t *testing.T) error {
	for _, cmd := range []*exec.Cmd{exec.Command("ip", "link", "set", "lo", "up"), exec.Command("ip", "addr", "add", serverAddr+"/24", "dev", "there0"),
		exec.Command("ip", "-6", "addr", "add", "2606:2800:21f::2/64", "dev", "there0", "nodad"), exec.Command("ip", "link", "set", "there0", "up")} {
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%v: %w %s", cmd.Args, err, out)
		}
	}
	handler := n.handler()
	for port, secure := range map[string]bool{"443": true, "80": false} {
		ln, err := net.Listen("tcp", net.JoinHostPort(serverAddr, port))
		if err != nil {
			return err
		}
		s := &http.Server{Handler: handler, ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: time.Minute}
		if secure {
			ln = tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{n.cert}, NextProtos: []string{"http/1.1"}})
		}
		go func() { _ = s.Serve(ln) }()
		t.Cleanup(func() { _ = s.Close() })
	}
	for _, at := range []string{net.JoinHostPort(serverAddr, "22"), net.JoinHostPort(serverAddr, "8443"), "[2606:2800:21f::2]:443"} {
		ln, err := net.Listen("tcp", at)
		if err != nil {
			return err
		}
		go func() {
			for {
				c, err := ln.Accept()
				if err != nil {
					return
				}
				n.note(&n.other, at)
				_ = c.Close()
			}
		}()
		t.Cleanup(func() { _ = ln.Close() })
	}
	pc, err := net.ListenPacket("udp", net.JoinHostPort(serverAddr, "53"))
	if err != nil {
		return err
	}
	go func() {
		for b := make([]byte, 2048); ; {
			if _, _, err := pc.ReadFrom(b); err != nil {
				return
			}
			n.note(&n.other, "udp 53")
		}
	}()
	t.Cleanup(func() { _ = pc.Close() })
	return nil
}

func (n *privateNet) note(list *[]string, s string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	*list = append(*list, s)
}

// LookupNetIP knows every name by the neighbour's address.
func (n *privateNet) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked[host]++
	if !strings.HasSuffix(host, ".example") {
		return nil, errors.New("no such host")
	}
	return []netip.Addr{netip.MustParseAddr(serverAddr)}, nil
}

func (n *privateNet) certificate(t *testing.T) tls.Certificate {
	t.Helper()
	make := func(c, parent *x509.Certificate, key, by *ecdsa.PrivateKey) *x509.Certificate {
		der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, by)
		if err != nil {
			t.Fatal(err)
		}
		out, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	from, to := time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: from, NotAfter: to, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	ca := make(root, root, caKey, caKey)
	leaf := make(&x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: allowedHost}, NotBefore: from, NotAfter: to, DNSNames: []string{allowedHost, deniedHost},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, KeyUsage: x509.KeyUsageDigitalSignature}, ca, key, caKey)
	if err := os.WriteFile(n.ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Raw}), 0o644); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key}
}

// content of the neighbour: a git repository, for its own protocol.
func (n *privateNet) content(t *testing.T) {
	t.Helper()
	work, bare := filepath.Join(n.dir, "work"), filepath.Join(n.dir, "git", "repo.git")
	for _, args := range [][]string{{"init", "-q", work}, {"-C", work, "-c", "user.name=t", "-c", "user.email=t@t.example", "commit", "-q", "--allow-empty", "-m", "the commit"}, {"clone", "-q", "--bare", work, bare}} {
		cmd := exec.Command("git", args...)
		cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "HOME="+n.dir)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v %s", args, err, out)
		}
	}
}

func (n *privateNet) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/hello", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "hello over %s, echo %q\n", map[bool]string{true: "TLS", false: "plain HTTP"}[r.TLS != nil], r.Header.Get("Authorization"))
	})
	mux.HandleFunc("/away", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://"+deniedHost+"/hello", http.StatusFound)
	})
	mux.Handle("/git/", &cgi.Handler{Path: "/usr/lib/git-core/git-http-backend", Root: "/git", InheritEnv: []string{"PATH"},
		Env: []string{"GIT_PROJECT_ROOT=" + filepath.Join(n.dir, "git"), "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"}})
	pkg := npmPackage()
	mux.HandleFunc("/npm/a-package", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"name":"a-package","dist-tags":{"latest":"1.0.0"},"versions":{"1.0.0":{"name":"a-package","version":"1.0.0","dist":{"shasum":"%x","tarball":"https://%s/npm/a-package.tgz"}}}}`, sha1.Sum(pkg), allowedHost)
	})
	mux.HandleFunc("/npm/a-package.tgz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(pkg) })
	const at = "/go/mod.allowed.example/m/@v/v1.0.0"
	mux.HandleFunc(at+".info", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"Version":"v1.0.0","Time":"2020-01-01T00:00:00Z"}`)
	})
	mux.HandleFunc(at+".mod", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "module mod.allowed.example/m\n") })
	mux.HandleFunc(at+".zip", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(goModule()) })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.mu.Lock()
		n.hits[r.Host]++
		n.auth[r.Header.Get("Authorization")]++
		n.mu.Unlock()
		mux.ServeHTTP(w, r)
	})
}

func npmPackage() []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for name, text := range map[string]string{"package/package.json": `{"name":"a-package","version":"1.0.0"}`, "package/index.js": "module.exports='from the package'\n"} {
		_ = w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))})
		_, _ = io.WriteString(w, text)
	}
	_ = w.Close()
	_ = z.Close()
	return b.Bytes()
}

func goModule() []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, text := range map[string]string{"go.mod": "module mod.allowed.example/m\n", "m.go": "package m\n"} {
		w, _ := z.Create("mod.allowed.example/m@v1.0.0/" + name)
		_, _ = io.WriteString(w, text)
	}
	_ = z.Close()
	return b.Bytes()
}

// run is one agent's sandbox with its proxy.
type netRun struct {
	n      *privateNet
	ws     string
	runner *linux.Runner
	out    *egress.Egress
	permit policy.Permit
	env    []string
}

const netSession = claw.SessionKey("agent:workbench:main")

func (n *privateNet) run(t *testing.T, bound bool) *netRun {
	t.Helper()
	const uid = 64124
	r := &netRun{n: n, ws: filepath.Join(n.dir, "ws-"+filepath.Base(t.Name()))}
	if err := errors.Join(os.Mkdir(r.ws, 0o755), os.Chown(r.ws, uid, uid), os.Chmod(n.dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	rules := policy.EgressRules{Mode: policy.EgressDeny, Hosts: []policy.HostRule{{Host: allowedHost, Class: policy.HostWrite}}}
	o := egress.Options{Resolver: n, CAFile: n.ca, Record: func(_ context.Context, e egress.Event) error {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.logs = append(n.logs, e)
		return nil
	}}
	if bound {
		o.Secrets = func(f func([]byte)) { f([]byte(boundSecret)) }
		o.Bindings = func() []egress.Bound {
			return []egress.Bound{{Binding: policy.Binding{Name: "files", Host: allowedHost, Header: "Authorization", Path: "/", Methods: []string{"GET", "POST"}},
				Use: func(_ context.Context, _ claw.SessionKey, _ policy.Host, f func([]byte) error) error {
					return f([]byte(boundSecret))
				}}}
		}
	}
	var err error
	if r.out, err = egress.New(o); err != nil {
		t.Fatal(err)
	}
	if r.runner, err = linux.New(linux.Options{SkeletonDir: filepath.Join(n.dir, "sk-"+filepath.Base(t.Name())), UID: uid, GID: uid, Proxy: func(ln net.Listener, p policy.Permit) {
		_ = r.out.Proxy(egress.ProxyOptions{Permit: p, Session: netSession, Decide: func(_ context.Context, h policy.Host) policy.Step {
			return policy.JudgeHost(rules, "exec", 0, h)
		}}).Serve(t.Context(), ln)
	}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.runner.Close() })
	q := policy.Request{Agent: "workbench", Session: netSession, Tool: "exec", Nonce: t.Name()}
	d := policy.Decision{Verdict: policy.Allow, Digest: policy.DigestOf(q), Confinement: policy.Confinement{Level: policy.LevelIsolated, Workspace: r.ws, WorkspaceWrite: true, Network: policy.NetworkProxy}}
	if r.permit, err = d.Permit(q); err != nil {
		t.Fatal(err)
	}
	trust := filepath.Join(r.ws, "trust.pem")
	bundle, err := os.ReadFile(n.ca)
	if bound {
		bundle, err = r.out.TrustBundle()
	}
	if err = errors.Join(err, os.WriteFile(trust, bundle, 0o644)); err != nil {
		t.Fatal(err)
	}
	r.env = []string{"PATH=/usr/local/go/bin:/usr/local/bin:/usr/bin:/bin", "SSL_CERT_FILE=" + trust, "CURL_CA_BUNDLE=" + trust, "GIT_SSL_CAINFO=" + trust, "NODE_EXTRA_CA_CERTS=" + trust, "npm_config_cafile=" + trust,
		"GIT_TERMINAL_PROMPT=0", "ALLOWED=" + allowedHost, "DENIED=" + deniedHost, "ADDRESS=" + serverAddr}
	if bound {
		r.env = append(r.env, "FILES_TOKEN="+r.out.Placeholder(netSession, "files"))
	}
	return r
}

func (r *netRun) sh(t *testing.T, script string) (int, string) {
	t.Helper()
	var out bytes.Buffer
	res, err := r.runner.Run(t.Context(), r.permit, sandbox.Cmd{Path: "/bin/bash", Args: []string{"bash", "-c", script}, Env: r.env, Stdout: &out, Stderr: &out})
	if err != nil {
		t.Fatal(err)
	}
	if res.Enforced != policy.LevelIsolated {
		t.Fatalf("enforced %v", res.Enforced)
	}
	return res.ExitCode, out.String()
}

// clients that must work, each with what it prints when it has reached the
// server over TLS.
func (n *privateNet) clients(t *testing.T, bound bool) {
	r := n.run(t, bound)
	for _, c := range []struct{ name, script, want string }{
		{"curl", `curl -sS https://$ALLOWED/hello`, "hello over TLS"},
		{"curl, plain", `curl -sS http://$ALLOWED/hello`, "hello over plain HTTP"},
		{"git", `git clone -q https://$ALLOWED/git/repo.git && git -C repo log --format=%s`, "the commit"},
		{"npm", `mkdir p && cd p && npm install --no-audit --no-fund --fetch-retries=0 --loglevel=error --registry https://$ALLOWED/npm/ a-package && node -p 'require("a-package")'`, "from the package"},
		{"python", `/usr/bin/python3 -c 'import os, urllib.request; print(urllib.request.urlopen("https://"+os.environ["ALLOWED"]+"/hello").read().decode())'`, "hello over TLS"},
		{"go", `mkdir m && cd m && printf 'module x\ngo 1.21\n' > go.mod && GOFLAGS=-modcacherw GOSUMDB=off GOTOOLCHAIN=local GOPROXY=https://$ALLOWED/go go mod download -json mod.allowed.example/m@v1.0.0`, `"Version": "v1.0.0"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if code, out := r.sh(t, c.script); code != 0 || !strings.Contains(out, c.want) {
				t.Errorf("exit %d: %s", code, out)
			}
		})
	}
	if !bound {
		return
	}
	for _, c := range []struct{ name, script string }{
		{"curl, with the secret", `curl -sS -H "Authorization: Bearer $FILES_TOKEN" https://$ALLOWED/hello`},
		{"python, with the secret", `/usr/bin/python3 -c 'import os, urllib.request as u; print(u.urlopen(u.Request("https://"+os.environ["ALLOWED"]+"/hello", headers={"Authorization": "Bearer "+os.environ["FILES_TOKEN"]})).read().decode())'`},
		{"node, with the secret", `node -e 'const h=require("http"),t=require("tls");const q=h.request({host:"127.0.0.1",port:3128,method:"CONNECT",path:process.env.ALLOWED+":443"});q.on("connect",(_,s)=>{const c=t.connect({socket:s,servername:process.env.ALLOWED},()=>c.write("GET /hello HTTP/1.1\r\nHost: "+process.env.ALLOWED+"\r\nAuthorization: Bearer "+process.env.FILES_TOKEN+"\r\n\r\n"));c.pipe(process.stdout)});q.end()'`},
		{"git, with the secret", `git -c http.extraHeader="Authorization: Bearer $FILES_TOKEN" clone -q https://$ALLOWED/git/repo.git again && echo 'hello over TLS [redacted]'`},
	} {
		t.Run(c.name, func(t *testing.T) {
			n.mu.Lock()
			before := n.auth["Bearer "+boundSecret]
			n.mu.Unlock()
			code, out := r.sh(t, c.script)
			n.mu.Lock()
			defer n.mu.Unlock()
			if code != 0 || !strings.Contains(out, "hello over TLS") || !strings.Contains(out, "[redacted]") || strings.Contains(out, boundSecret) || n.auth["Bearer "+boundSecret] == before {
				t.Errorf("exit %d, the server got it %d times: %s", code, n.auth["Bearer "+boundSecret]-before, out)
			}
		})
	}
}

// denied is everything that must lead nowhere, each tried by a program that
// does its best.
func (n *privateNet) denied(t *testing.T) {
	r := n.run(t, true)
	n.mu.Lock()
	n.hits, n.asked, n.other = map[string]int{}, map[string]int{}, nil
	first := len(n.logs)
	n.mu.Unlock()
	py := func(code string) string {
		return "/usr/bin/python3 - <<'END'\nimport socket, ssl, os\n" + code + "\nEND\n"
	}
	proxied := func(head string) string {
		return py("s=socket.create_connection(('127.0.0.1',3128)); s.sendall(" + head + "); d=s.recv(4096).decode(); print(d); raise SystemExit(0 if ' 200 ' in d.split('\\n')[0] else 1)")
	}
	for _, c := range []struct{ name, script string }{
		{"denied host", `curl -sSf https://$DENIED/hello`},
		{"denied host, plain", `curl -sSf http://$DENIED/hello`},
		{"redirect to a denied host", `curl -sSfL https://$ALLOWED/away`},
		{"raw address", `curl -sSfk https://$ADDRESS/hello`},
		{"raw address, plain", `curl -sSf http://$ADDRESS/hello`},
		{"address as a number", `curl -sSf http://336860162/hello`},
		{"metadata", `curl -sSf http://169.254.169.254/latest/meta-data/`},
		{"metadata by name", `curl -sSf http://metadata.google.internal/`},
		{"the machine itself", `curl -sSf http://20.20.20.1/`},
		{"localhost", `curl -sSf http://localhost:8765/`},
		{"IPv6", `curl -sSf -g 'http://[2606:2800:21f::2]:443/'`},
		{"mapped IPv6", `curl -sSf -g "http://[::ffff:$ADDRESS]/hello"`},
		{"without the proxy", `curl -sSf --noproxy '*' https://$ALLOWED/hello`},
		{"without the proxy, by address", `curl -sSfk --noproxy '*' --connect-timeout 3 https://$ADDRESS/hello`},
		{"without the proxy, IPv6", `curl -sSfk -g --noproxy '*' --connect-timeout 3 'https://[2606:2800:21f::2]/'`},
		{"SOCKS", `curl -sSf --max-time 2 --proxy socks5h://127.0.0.1:3128 https://$ALLOWED/hello`},
		{"another port", `curl -sSf -p --proxy http://127.0.0.1:3128 https://$ALLOWED:8443/`},
		{"SSH by CONNECT", proxied(`b'CONNECT files.allowed.example:22 HTTP/1.1\r\n\r\n'`)},
		{"CONNECT to an address", proxied(`b'CONNECT 20.20.20.2:443 HTTP/1.1\r\n\r\n'`)},
		{"a Host that is not the URL's", proxied(`b'GET http://files.denied.example/hello HTTP/1.1\r\nHost: files.allowed.example\r\n\r\n'`)},
		{"another name in the TLS", py("s=socket.create_connection(('127.0.0.1',3128)); s.sendall(b'CONNECT files.allowed.example:443 HTTP/1.1\\r\\n\\r\\n'); s.recv(4096)\nc=ssl._create_unverified_context(); print(c.wrap_socket(s, server_hostname='files.denied.example').version())")},
		{"no TLS in the tunnel", py("s=socket.create_connection(('127.0.0.1',3128)); s.sendall(b'CONNECT files.allowed.example:443 HTTP/1.1\\r\\n\\r\\n'); s.recv(4096); s.sendall(b'GET /hello HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n'); d=s.recv(4096); print(d); raise SystemExit(0 if b'hello' in d else 1)")},
		{"another site inside the connection", `curl -sSf -H "Host: $DENIED" https://$ALLOWED/hello`},
		{"a credential of one's own", `curl -sSf -H 'Authorization: Bearer theirs' https://$ALLOWED/hello`},
		{"the placeholder in a URL", `curl -sSf "https://$ALLOWED/hello?$FILES_TOKEN"`},
		{"the placeholder in a body", `curl -sSf -d "x=$FILES_TOKEN" https://$ALLOWED/hello`},
		{"names", py("print(socket.getaddrinfo(os.environ['ALLOWED'], 443))")},
		{"names, by UDP", py("s=socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.sendto(b'x'*30, (os.environ['ADDRESS'], 53)); s.settimeout(1); s.recv(100)")},
		{"UDP", py("s=socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect((os.environ['ADDRESS'], 443)); s.send(b'x')")},
		{"a raw socket", py("socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)")},
		{"a packet socket", py("socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3)")},
		{"a fast open", py("s=socket.socket(); s.sendto(b'x', socket.MSG_FASTOPEN, (os.environ['ADDRESS'], 443))")},
	} {
		t.Run(c.name, func(t *testing.T) {
			if code, out := r.sh(t, c.script); code == 0 || strings.Contains(out, "hello over") {
				t.Errorf("exit %d: %s", code, out)
			}
		})
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.hits[deniedHost] != 0 || n.hits[serverAddr] != 0 || len(n.other) != 0 {
		t.Errorf("the neighbour was reached: %v, %v", n.hits, n.other)
	}
	for name := range n.asked {
		if name != allowedHost {
			t.Errorf("%s was looked up", name)
		}
	}
	refused := map[policy.RuleID]bool{}
	for _, e := range n.logs[first:] {
		if e.Agent != "workbench" || e.Session != netSession || e.Digest != r.permit.Digest() {
			t.Fatalf("nobody knows who caused %+v", e)
		}
		if e.Verdict != policy.Allow {
			refused[e.Rule] = true
		}
	}
	for _, rule := range []policy.RuleID{"egress.not_listed", egress.RulePort, egress.RuleSNI, egress.RuleTLS, egress.RuleForeign, egress.RuleCredential, egress.RulePlaceholder, egress.RuleBadName} {
		if !refused[rule] {
			t.Errorf("no record of a refusal by %s", rule)
		}
	}
}
