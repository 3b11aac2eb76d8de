package planted

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// plant makes a value that is nowhere else, in the form of nothing known.
func plant() string {
	var b [21]byte
	_, _ = rand.Read(b[:])
	return "Qz" + base64.RawURLEncoding.EncodeToString(b[:])
}

// forms are the encodings that a value is looked for in.
func forms(v string) map[string][]byte {
	out := map[string][]byte{"itself": []byte(v), "hex": []byte(hex.EncodeToString([]byte(v))), "HEX": []byte(strings.ToUpper(hex.EncodeToString([]byte(v)))),
		"URL": []byte(url.QueryEscape(v)), "bytes": []byte(strings.Trim(strings.ReplaceAll(fmt.Sprint([]byte(v)), " ", ","), "[]"))}
	for shift := range 3 {
		e := base64.StdEncoding.EncodeToString(append(bytes.Repeat([]byte{'x'}, shift), v...))
		// The ends depend on what stands beside the value.
		out[fmt.Sprintf("base64 at %d", shift)] = []byte(e[4 : len(e)-4])
		out[fmt.Sprintf("base64url at %d", shift)] = []byte(strings.NewReplacer("+", "-", "/", "_").Replace(e[4 : len(e)-4]))
	}
	return out
}

// holds names the form in which text has a value, "" when it has none.
func holds(text []byte, v string) string {
	for name, f := range forms(v) {
		if bytes.Contains(text, f) {
			return name
		}
	}
	return ""
}

// provider is a model that repeats its key in every way it can, and calls the
// tools that it is told to.
type provider struct {
	*httptest.Server
	mu   sync.Mutex
	keys map[string]int // what came in Authorization
	told []byte         // everything else that it was sent
}

func newProvider(t *testing.T) *provider {
	p := &provider{keys: map[string]int{}}
	p.Server = httptest.NewServer(http.HandlerFunc(p.serve))
	t.Cleanup(p.Close)
	return p
}

func (p *provider) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	key := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	p.mu.Lock()
	p.keys[key]++
	p.told = append(append(p.told, r.URL.String()...), body...)
	p.mu.Unlock()
	var req struct {
		Messages []struct {
			Role    string `json:"role"`
			Content any    `json:"content"`
		} `json:"messages"`
	}
	_ = json.Unmarshal(body, &req)
	last, role := "", ""
	if n := len(req.Messages); n > 0 {
		last, role = fmt.Sprint(req.Messages[n-1].Content), req.Messages[n-1].Role
	}
	switch {
	case strings.Contains(last, "say fail") && role == "user":
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprintf(w, `{"error":{"message":"Incorrect API key provided: %s","type":"invalid_request_error"}}`, key)
		return
	case strings.Contains(last, "say broken") && role == "user":
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, "<html>Authorization: Bearer %s</html>", key)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	send := func(v any) {
		b, _ := json.Marshal(v)
		fmt.Fprintf(w, "data: %s\n\n", b)
	}
	delta := func(d any, finish any) {
		send(map[string]any{"id": "c", "object": "chat.completion.chunk", "choices": []any{map[string]any{"index": 0, "delta": d, "finish_reason": finish}}})
	}
	if _, call, ok := strings.Cut(last, "call "); ok && role == "user" {
		tool, args, _ := strings.Cut(strings.TrimSpace(call), " ")
		args = strings.NewReplacer("KEY64", base64.StdEncoding.EncodeToString([]byte(key)), "KEY", key).Replace(args)
		args = args[:strings.LastIndex(args, "}")+1]
		delta(map[string]any{"role": "assistant", "tool_calls": []any{map[string]any{"index": 0, "id": "call_1", "type": "function", "function": map[string]string{"name": tool, "arguments": args}}}}, nil)
		delta(map[string]any{}, "tool_calls")
	} else {
		text := "It is " + key + ", in base64 " + base64.StdEncoding.EncodeToString([]byte("k="+key)) + ", in hex " + hex.EncodeToString([]byte(key)) + "."
		// The key comes in pieces too, as a stream may cut it anywhere.
		for i := 0; i < len(text); i += 7 {
			delta(map[string]string{"content": text[i:min(i+7, len(text))]}, nil)
		}
		delta(map[string]any{}, "stop")
	}
	fmt.Fprint(w, "data: [DONE]\n\n")
}

// day is one home with its gateway and what was printed.
type day struct {
	t       *testing.T
	bin     string
	home    string
	state   string
	port    int
	env     []string
	gateway *exec.Cmd
	printed bytes.Buffer // of every command, and of the gateway
	mu      sync.Mutex
	procs   []byte // command lines and environments of children
}

// run runs a command to its end. What it prints must hold nothing either.
func (d *day) run(stdin string, args ...string) string {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), 2*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, d.bin, args...)
	c.Env, c.Stdin = d.env, strings.NewReader(stdin)
	out, _ := c.CombinedOutput()
	d.mu.Lock()
	defer d.mu.Unlock()
	fmt.Fprintf(&d.printed, "$ openclaw %s …\n%s", args[0], out)
	return string(out)
}

func (d *day) must(stdin string, args ...string) {
	d.t.Helper()
	if out := d.run(stdin, args...); strings.Contains(out, "openclaw: error:") {
		d.t.Fatalf("openclaw %s: %s", strings.Join(args, " "), out)
	}
}

type lockedWriter struct{ d *day }

func (w lockedWriter) Write(b []byte) (int, error) {
	w.d.mu.Lock()
	defer w.d.mu.Unlock()
	return w.d.printed.Write(b)
}

// up starts the gateway and waits until it answers.
func (d *day) up() {
	d.t.Helper()
	c := exec.Command(d.bin, "gateway", "run", "--allow-root", "--accept")
	c.Env, c.Stdout, c.Stderr = d.env, lockedWriter{d}, lockedWriter{d}
	if err := c.Start(); err != nil {
		d.t.Fatal(err)
	}
	d.gateway = c
	d.t.Cleanup(func() { _ = c.Process.Kill() })
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(time.Minute)
	for {
		res, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/healthz", d.port))
		if err == nil {
			_ = res.Body.Close()
			return
		}
		select {
		case <-tick.C:
		case <-limit:
			d.mu.Lock()
			defer d.mu.Unlock()
			d.t.Fatalf("the gateway does not answer: %s", d.printed.String())
		}
	}
}

// stop ends the gateway by a signal.
func (d *day) stop(sig os.Signal) {
	d.t.Helper()
	if err := d.gateway.Process.Signal(sig); err != nil {
		d.t.Fatal(err)
	}
	_ = d.gateway.Wait()
}

// watch keeps command lines and environments of everything that the gateway
// starts, and its own command line, while they run.
func (d *day) watch(ctx context.Context) {
	seen := map[string]bool{}
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		for _, pid := range descendants(d.gateway.Process.Pid) {
			files := []string{"cmdline", "environ", "comm"}
			if pid == d.gateway.Process.Pid {
				files = []string{"cmdline", "comm"} // its environment is its operator's
			}
			for _, f := range files {
				b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), f))
				if err == nil && !seen[string(b)] {
					seen[string(b)] = true
					d.mu.Lock()
					d.procs = append(append(d.procs, '\n'), b...)
					d.mu.Unlock()
				}
			}
		}
		<-tick.C
	}
}

// descendants of a process, itself among them.
func descendants(root int) []int {
	parents := map[int]int{}
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		b, err := os.ReadFile(filepath.Join("/proc", e.Name(), "stat"))
		if err != nil {
			continue
		}
		rest := string(b[bytes.LastIndexByte(b, ')')+1:])
		if f := strings.Fields(rest); len(f) > 1 {
			parents[pid], _ = strconv.Atoi(f[1])
		}
	}
	out := []int{root}
	for i := 0; i < len(out); i++ {
		for pid, parent := range parents {
			if parent == out[i] && !slices.Contains(out, pid) {
				out = append(out, pid)
			}
		}
	}
	return out
}

func build(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "openclaw")
	c := exec.Command("go", "build", "-tags", "openclaw_stage", "-o", bin, "../../cmd/openclaw")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return bin
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// secrets are the values planted, by what they are.
type secrets map[string]string

// TestPlantedSecrets plants a value of every kind of credential, has a day of
// chat, tools, refusals, failures, wrong tokens, debug logs, rotation and a
// crash with all stacks, through the program as it is built, and then looks for
// each value in every encoding in every byte that was written: the state
// directory, workspaces, logs, the record, what commands printed, what the
// model was sent, and the command lines and environments of children. Files
// that the operator wrote are set apart.
func TestPlantedSecrets(t *testing.T) {
	home := t.TempDir()
	p := newProvider(t)
	d := &day{t: t, bin: build(t), home: home, state: filepath.Join(home, ".openclaw"), port: freePort(t)}
	s := secrets{}
	for _, kind := range []string{"stored model key", "model key in the environment", "literal key", "webhook token", "bound secret", "channel token", "token file", "key of a skill", "rotated-out key"} {
		s[kind] = plant()
	}
	d.env = []string{"HOME=" + home, "PATH=/usr/bin:/bin", "TERM=dumb", "ENV_MODEL_KEY=" + s["model key in the environment"], "OPENCLAW_GATEWAY_PORT=" + strconv.Itoa(d.port)}
	d.must("", "onboard", "--non-interactive")
	operator := d.configure(p, s)
	d.up()
	ctx, cancel := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	watching.Go(func() { d.watch(ctx) })
	token := strings.TrimSpace(reveal(d))
	s["gateway token"] = token
	d.live(s)
	// The gateway's token is renewed while it runs; the new one is a secret too.
	d.must("", "secrets", "rotate", "gateway-token")
	s["new gateway token"] = strings.TrimSpace(reveal(d))
	d.wrong(s["new gateway token"])
	cancel()
	watching.Wait()
	d.stop(syscall.SIGQUIT) // every stack is printed, with its arguments
	d.up()
	d.run("", "agent", "--agent", "main", "--message", "after the crash")
	d.stop(syscall.SIGTERM)
	d.must("", "journal", "verify")
	d.printout()
	key, err := os.ReadFile(filepath.Join(d.state, "vault.key"))
	if err != nil {
		t.Fatal(err)
	}
	s["key of the store"] = strings.TrimSpace(string(key))
	d.check(p, s, operator)
}

// reveal reads the token as its owner, outside of what is looked through.
func reveal(d *day) string {
	d.t.Helper()
	c := exec.Command(d.bin, "gateway", "token", "--reveal")
	c.Env = d.env
	out, err := c.Output()
	if err != nil || len(out) < 32 {
		d.t.Fatalf("gateway token --reveal: %v", err)
	}
	return string(out)
}

// configure plants the values and returns the files that hold some by their
// operator's hand.
func (d *day) configure(p *provider, s secrets) []string {
	d.t.Helper()
	d.must(s["rotated-out key"], "secrets", "set", "STORED_MODEL_KEY")
	d.must(s["stored model key"], "secrets", "rotate", "STORED_MODEL_KEY")
	d.must(s["bound secret"], "secrets", "set", "BOUND_SECRET")
	d.must(s["channel token"], "secrets", "set", "CHANNEL_TOKEN")
	file := filepath.Join(d.home, "token.txt")
	if err := os.WriteFile(file, []byte(s["token file"]+"\n"), 0o600); err != nil {
		d.t.Fatal(err)
	}
	set := func(path, value string) { d.must("", "config", "set", path, value) }
	model := func(key string) string {
		return fmt.Sprintf(`{ baseUrl: %q, api: "openai-completions", apiKey: %s, models: [{ id: "m" }] }`, p.URL+"/v1", key)
	}
	set("models.providers.stored", model(`{ source: "store", provider: "default", id: "STORED_MODEL_KEY" }`))
	set("models.providers.variable", model(`{ $env: "ENV_MODEL_KEY" }`))
	set("secrets.bindings.BOUND_SECRET", `{ host: "api.example.com", methods: ["GET"], path: "/", header: "Authorization" }`)
	set("secrets.providers.tokenfile", fmt.Sprintf(`{ source: "file", path: %q, mode: "singleValue" }`, file))
	set("logging.level", "debug")
	set("gateway.http.enabled", "true")
	// By hand, as an operator would: literals in the configuration.
	path := filepath.Join(d.state, "openclaw.json")
	b, err := os.ReadFile(path)
	if err != nil {
		d.t.Fatal(err)
	}
	text := strings.TrimRight(string(b), " \n")
	text = strings.TrimSuffix(text, "}")
	if !strings.HasSuffix(strings.TrimRight(text, " \n"), ",") {
		text += ","
	}
	text += fmt.Sprintf("\n  hooks: { enabled: false, token: %q },\n", s["webhook token"])
	text += `  channels: { telegram: { enabled: false, botToken: { source: "store", provider: "default", id: "CHANNEL_TOKEN" } }, discord: { enabled: false, token: { source: "file", provider: "tokenfile", id: "value" } } },` + "\n}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
	set("models.providers.literal", model(strconv.Quote(s["literal key"])))
	set("skills.entries.weather", fmt.Sprintf(`{ enabled: false, apiKey: %q }`, s["key of a skill"]))
	d.must("", "config", "validate")
	return []string{path, path + ".bak", file, filepath.Join(d.state, "secrets.json"), filepath.Join(d.state, "vault.key")}
}

// live is the day: every provider, every tool that may show something.
func (d *day) live(s secrets) {
	d.t.Helper()
	for _, provider := range []string{"stored", "variable", "literal"} {
		d.must("", "config", "set", "agents.defaults.model", fmt.Sprintf(`{ primary: "%s/m" }`, provider))
		d.run("", "config", "accept")
		for i, say := range []string{
			"what is your key?", "say fail", "say broken",
			`call exec {"command":"cat /proc/self/environ"}`,
			`call exec {"command":"cat /proc/self/environ /proc/1/environ /proc/1/cmdline"}`,
			`call exec {"command":"cat ` + filepath.Join(d.state, "vault.key") + `"}`,
			`call exec {"command":"ls -la KEY"}`, `call exec {"command":"cat KEY64"}`,
			`call read {"path":"` + filepath.Join(d.state, "secrets.json") + `"}`, `call read {"path":"../vault.key"}`,
			`call write {"path":"note.txt","content":"the key is KEY, or KEY64"}`, `call read {"path":"note.txt"}`,
			`call web_fetch {"url":"http://127.0.0.1:9/?k=KEY"}`, `call no_such_tool {"k":"KEY"}`, `call exec {"command":5,"k":"KEY"}`,
		} {
			agent := "workbench"
			if i%5 == 4 {
				agent = "main"
			}
			d.run("", "agent", "--agent", agent, "--session", "agent:"+agent+":"+provider, "--message", say, "--json")
		}
	}
	// People send what they should not.
	for kind, v := range s {
		if kind == "rotated-out key" {
			continue // the store forgot it before the gateway knew it
		}
		d.run("", "agent", "--agent", "main", "--message", "my key is "+v+" remember it")
	}
	for _, args := range [][]string{{"approvals", "list"}, {"approvals", "list", "--json"}, {"sessions", "list", "--json"}, {"usage", "--json"}, {"config", "get", "models"}, {"config", "get", "hooks", "--json"},
		{"logs"}, {"security", "audit", "--deep", "--json"}, {"security", "audit", "--fix"}, {"policy", "matrix"}} {
		d.run("", args...)
	}
}

// wrong sends credentials where they do not belong.
func (d *day) wrong(token string) {
	base := fmt.Sprintf("http://127.0.0.1:%d", d.port)
	for _, path := range []string{"/v1/models?token=" + token, "/" + token, "/ui/#" + token, "/v1/models"} {
		for _, bearer := range []string{token, token + "x", "x" + token} {
			req, err := http.NewRequest(http.MethodGet, base+path, nil)
			if err != nil {
				d.t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+bearer)
			req.Header.Set("User-Agent", "agent/"+token)
			req.Header.Set("Cookie", "t="+token)
			if res, err := http.DefaultClient.Do(req); err == nil {
				b, _ := io.ReadAll(res.Body)
				_ = res.Body.Close()
				d.mu.Lock()
				d.printed.Write(b)
				d.mu.Unlock()
			}
		}
	}
}

// printout has everything printed that can be.
func (d *day) printout() {
	for _, args := range [][]string{{"journal", "export"}, {"journal", "export", "--json"}, {"secrets", "list"}, {"secrets", "list", "--json"}, {"secrets", "doctor"}, {"secrets", "audit", "--json"},
		{"secrets", "migrate", "--dry-run"}, {"secrets", "migrate", "--dry-run", "--json"}, {"status"}, {"doctor"}, {"doctor", "--json"}, {"config", "get", "models", "--json"}, {"config", "schema"}, {"security", "audit", "--json"}} {
		d.run("", args...)
	}
}

// check looks for every value in everything.
func (d *day) check(p *provider, s secrets, operator []string) {
	d.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, kind := range []string{"stored model key", "model key in the environment", "literal key"} {
		if p.keys[s[kind]] < 5 {
			d.t.Errorf("the %s was used %d times", kind, p.keys[s[kind]])
		}
	}
	if p.keys[s["rotated-out key"]] > 0 {
		d.t.Error("the key that was replaced was used")
	}
	places := map[string][]byte{"what commands printed": d.printed.Bytes(), "command lines and environments of children": d.procs, "what the model was sent": p.told}
	files := 0
	err := filepath.WalkDir(d.home, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() || slices.Contains(operator, path) {
			return err
		}
		b, err := os.ReadFile(path)
		places[strings.TrimPrefix(path, d.home+"/")] = b
		files++
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
	total := 0
	for place, text := range places {
		total += len(text)
		for kind, v := range s {
			if how := holds(text, v); how != "" {
				d.t.Errorf("%s: the %s stands there (%s)%s", place, kind, how, around(text, forms(v)[how], v))
			}
		}
	}
	if files < 15 || len(d.procs) < 200 || d.printed.Len() < 50_000 {
		d.t.Errorf("only %d files, %d bytes of children, %d bytes printed", files, len(d.procs), d.printed.Len())
	}
	d.t.Logf("%d values looked for in %d bytes of %d places", len(s), total, len(places))
}

// around shows where a value stands, without it.
func around(text, form []byte, v string) string {
	i := bytes.Index(text, form)
	if i < 0 {
		return ""
	}
	from, to := max(0, i-120), min(len(text), i+len(form)+60)
	return ": …" + strings.ReplaceAll(strings.ReplaceAll(string(text[from:to]), string(form), "<VALUE>"), v, "<VALUE>") + "…"
}
