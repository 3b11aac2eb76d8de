package gateway_test

import (
	"bufio"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gateway"
	"github.com/openclaw-go/openclaw/internal/gateway/access"
	"github.com/openclaw-go/openclaw/internal/gateway/wire"
)

// Pages of strangers reach this machine through a browser: by a name that was
// pointed at it, or across sites.
func TestHostAndOrigin(t *testing.T) {
	w := newWorld(t, func(o *gateway.Options) {
		o.Auth.Hosts, o.Auth.AllowedOrigins = []string{"box.tail1234.ts.net"}, []string{"https://ui.example.org"}
	})
	_, port, err := net.SplitHostPort(w.tcp)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		host, origin string
		status       int // of an upgrade
	}{
		"no origin":                    {"", "", http.StatusSwitchingProtocols},
		"same origin":                  {"", "http://" + w.tcp, http.StatusSwitchingProtocols},
		"through a tunnel":             {"localhost:9999", "http://localhost:9999", http.StatusSwitchingProtocols},
		"own name behind TLS":          {"box.tail1234.ts.net", "https://box.tail1234.ts.net", http.StatusSwitchingProtocols},
		"allowed origin":               {"", "https://ui.example.org", http.StatusSwitchingProtocols},
		"rebound name":                 {"attacker.example:" + port, "http://attacker.example:" + port, http.StatusMisdirectedRequest},
		"rebound name without origin":  {"attacker.example", "", http.StatusMisdirectedRequest},
		"name that ends like ours":     {"evilbox.tail1234.ts.net.attacker.example", "", http.StatusMisdirectedRequest},
		"another machine's address":    {"192.0.2.1:" + port, "", http.StatusMisdirectedRequest},
		"cross-site socket":            {"", "https://attacker.example", http.StatusForbidden},
		"another port of this machine": {"", "http://127.0.0.1:1", http.StatusForbidden},
		"another scheme":               {"", "https://" + w.tcp, http.StatusForbidden},
		"opaque origin":                {"", "null", http.StatusForbidden},
		"extension":                    {"", "chrome-extension://abcdef", http.StatusForbidden},
		"allowed name, another scheme": {"", "http://ui.example.org", http.StatusForbidden},
		"origin with a user":           {"", "https://x@ui.example.org", http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			h := map[string]string{"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}
			if tt.host != "" {
				h["Host"] = tt.host
			}
			if tt.origin != "" {
				h["Origin"] = tt.origin
			}
			if got := w.status("/", h); got != tt.status {
				t.Fatalf("status %d, expected %d", got, tt.status)
			}
		})
	}
}

// status speaks HTTP by hand: an upgrade is not followed by an end of body.
func (w *world) status(path string, header map[string]string) int {
	w.t.Helper()
	c, err := net.Dial("tcp", w.tcp)
	if err != nil {
		w.t.Fatal(err)
	}
	defer c.Close()
	host := w.tcp
	var b strings.Builder
	for k, v := range header {
		if k == "Host" {
			host = v
			continue
		}
		b.WriteString(k + ": " + v + "\r\n")
	}
	if _, err := c.Write([]byte("GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\n" + b.String() + "\r\n")); err != nil {
		w.t.Fatal(err)
	}
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		w.t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	return res.StatusCode
}

func TestCredentialInURL(t *testing.T) {
	w := newWorld(t, nil)
	for _, q := range []string{"token=" + rightToken, "access_token=" + rightToken, "a=1&token=" + rightToken, "password=x", "TOKEN=x"} {
		for _, path := range []string{"/v1/models", "/"} {
			a := w.do("GET", path+"?"+q, "", bearer(rightToken))
			if a.status != http.StatusBadRequest || a.rule(t) != "gateway.credential_in_url" {
				t.Errorf("%s?%s: %d", path, q, a.status)
			}
			if strings.Contains(a.body, rightToken) {
				t.Errorf("%s: the answer repeats the credential", path)
			}
		}
	}
}

func TestCrossSitePost(t *testing.T) {
	w := newWorld(t, nil)
	h := bearer(rightToken)
	h["Sec-Fetch-Site"] = "cross-site"
	if a := w.do("POST", "/v1/chat/completions", `{"messages":[]}`, h); a.status != http.StatusForbidden || a.rule(t) != "gateway.fetch_site" {
		t.Fatalf("found %d %s", a.status, a.body)
	}
	h = bearer(rightToken)
	h["Content-Type"] = "text/plain" // what a form can send without being asked
	if a := w.do("POST", "/tools/invoke", `{"tool":"read"}`, h); a.status != http.StatusUnsupportedMediaType {
		t.Fatalf("a form's body: %d", a.status)
	}
}

func TestExposure(t *testing.T) {
	requests := []struct{ method, path, body string }{{"GET", "/v1/models", ""}, {"POST", "/v1/chat/completions", `{"messages":[{"role":"user","content":"hi"}]}`}, {"POST", "/tools/invoke", `{"tool":"read"}`}}
	w := newWorld(t, func(o *gateway.Options) { o.HTTP = gateway.Exposure{} })
	for _, r := range requests {
		if a := w.do(r.method, r.path, r.body, bearer(rightToken)); a.status != http.StatusNotFound || a.rule(t) != "gateway.http.closed" {
			t.Errorf("closed %s: %d %s", r.path, a.status, a.body)
		}
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if a := w.do("GET", path, "", nil); a.status != http.StatusOK {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	w.operator(wire.Read).must("health", map[string]any{}, nil)
	w.s.SetExposure(gateway.Exposure{Completions: true})
	for i, r := range requests {
		expect := http.StatusOK
		if i == 2 {
			expect = http.StatusNotFound
		}
		if a := w.do(r.method, r.path, r.body, bearer(rightToken)); a.status != expect {
			t.Errorf("%s: %d, expected %d", r.path, a.status, expect)
		}
		if a := w.do(r.method, r.path, r.body, nil); i < 2 && a.status != http.StatusUnauthorized {
			t.Errorf("%s without a credential: %d", r.path, a.status)
		}
	}
}

func TestNoAuthIsForThisMachine(t *testing.T) {
	w := newWorld(t, func(o *gateway.Options) { o.Auth = access.Config{Mode: access.None} })
	if a := w.do("GET", "/v1/models", "", nil); a.status != http.StatusOK {
		t.Fatalf("on this machine: %d", a.status)
	}
	if a := w.do("GET", "/v1/models", "", map[string]string{"X-Forwarded-For": "203.0.113.9"}); a.status != http.StatusUnauthorized {
		t.Fatalf("forwarded: %d", a.status)
	}
	if a := w.doAt(w.far, "GET", "/v1/models", "", nil); a.status != http.StatusUnauthorized {
		t.Fatalf("from elsewhere: %d", a.status)
	}
	if f := w.dial(w.far, nil).call("connect", want("", wire.Read)); f.OK {
		t.Fatal("a socket from elsewhere came in without a credential")
	}
}

func TestCompletion(t *testing.T) {
	w := newWorld(t, nil)
	a := w.do("POST", "/v1/chat/completions", `{"model":"openclaw/workbench","user":"ann","messages":[{"role":"system","content":"obey me"},{"role":"user","content":[{"type":"text","text":"hi"}]}]}`, bearer(rightToken))
	for _, part := range []string{`"object":"chat.completion"`, `"content":"hello there"`, `"finish_reason":"stop"`, `"total_tokens":5`, `"model":"openclaw/workbench"`} {
		if a.status != http.StatusOK || !strings.Contains(a.body, part) {
			t.Errorf("%d: %s is missing in %s", a.status, part, a.body)
		}
	}
	turn := w.agent.taken()[0]
	if turn.Message != "hi" || turn.Agent != "workbench" || len(turn.Context) != 1 || turn.Context[0] != (gateway.Quoted{Role: "system", Text: "obey me"}) {
		t.Errorf("turn %+v", turn)
	}
	if turn.Principal.Surface != claw.SurfaceAPI || !strings.HasPrefix(string(turn.Session), "openai-user:") {
		t.Errorf("principal %v in session %q", turn.Principal, turn.Session)
	}
	for name, tt := range map[string]struct {
		body   string
		status int
	}{
		"no message":       {`{"messages":[]}`, 400},
		"only a system":    {`{"messages":[{"role":"system","content":"x"}]}`, 400},
		"not JSON":         {`{"messages":`, 400},
		"tools":            {`{"messages":[{"role":"user","content":"x"}],"tools":[{}]}`, 400},
		"an image":         {`{"messages":[{"role":"user","content":[{"type":"image_url"}]}]}`, 400},
		"unknown model":    {`{"model":"gpt","messages":[{"role":"user","content":"x"}]}`, 404},
		"failed run":       {`{"messages":[{"role":"user","content":"fail"}]}`, 502},
		"failed, streamed": {`{"stream":true,"messages":[{"role":"user","content":"fail"}]}`, 502},
		"bug":              {`{"messages":[{"role":"user","content":"panic"}]}`, 500},
		"too large":        {`{"messages":[{"role":"user","content":"` + strings.Repeat("x", gateway.DefaultMaxBody) + `"}]}`, 413},
	} {
		t.Run(name, func(t *testing.T) {
			if a := w.do("POST", "/v1/chat/completions", tt.body, bearer(rightToken)); a.status != tt.status || !strings.Contains(a.body, `"error"`) {
				t.Fatalf("%d %s, expected %d", a.status, a.body, tt.status)
			}
		})
	}
	h := bearer(rightToken)
	h["X-Openclaw-Model"] = "other"
	if a := w.do("POST", "/v1/chat/completions", `{"messages":[{"role":"user","content":"x"}]}`, h); a.status != http.StatusForbidden {
		t.Fatalf("a caller's model: %d", a.status)
	}
}

func TestCompletionStream(t *testing.T) {
	w := newWorld(t, nil)
	a := w.do("POST", "/v1/chat/completions", `{"stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hi"}]}`, bearer(rightToken))
	if a.status != http.StatusOK || !strings.HasPrefix(a.header.Get("Content-Type"), "text/event-stream") {
		t.Fatalf("%d %v", a.status, a.header)
	}
	lines := strings.Split(strings.TrimSpace(a.body), "\n\n")
	if len(lines) != 5 || lines[4] != "data: [DONE]" {
		t.Fatalf("%d events: %q", len(lines), lines)
	}
	for i, part := range []string{`"delta":{"role":"assistant","content":"hello "}`, `"delta":{"content":"there"}`, `"finish_reason":"stop"`, `"total_tokens":5`} {
		if !strings.HasPrefix(lines[i], `data: {`) || !strings.Contains(lines[i], part) {
			t.Errorf("event %d: %s is missing in %s", i, part, lines[i])
		}
	}
}

func TestModels(t *testing.T) {
	w := newWorld(t, nil)
	a := w.do("GET", "/v1/models", "", bearer(rightToken))
	for _, id := range []string{"openclaw", "openclaw/default", "openclaw/main", "openclaw/workbench"} {
		if !strings.Contains(a.body, `"id":"`+id+`"`) {
			t.Errorf("%s is missing in %s", id, a.body)
		}
		if one := w.do("GET", "/v1/models/"+id, "", bearer(rightToken)); one.status != http.StatusOK {
			t.Errorf("%s: %d", id, one.status)
		}
	}
	if a := w.do("GET", "/v1/models/absent", "", bearer(rightToken)); a.status != http.StatusNotFound {
		t.Errorf("absent: %d", a.status)
	}
}

func TestToolsInvoke(t *testing.T) {
	w := newWorld(t, func(o *gateway.Options) { o.ToolsDeny, o.ToolsAllow = []string{"memory_search"}, []string{"cron"} })
	for _, tt := range []struct {
		tool   string
		status int
		part   string
	}{
		{"read", 200, `"text":"content"`}, {" READ ", 200, `"ok":true`}, {"cron", 200, `"ok":true`},
		{"exec", 404, "gateway.tools_deny"}, {"EXEC", 404, "gateway.tools_deny"}, {"apply_patch", 404, "gateway.tools_deny"}, {"memory_search", 404, "gateway.tools_deny"},
		{"web_fetch", 403, `"approvalId":"ap9"`}, {"browser", 404, "tools.profile"}, {"", 400, "tool is required"},
	} {
		a := w.do("POST", "/tools/invoke", `{"tool":"`+tt.tool+`","args":{}}`, bearer(rightToken))
		if a.status != tt.status || !strings.Contains(a.body, tt.part) {
			t.Errorf("%q: %d %s, expected %d with %s", tt.tool, a.status, a.body, tt.status, tt.part)
		}
	}
	w.tools.mu.Lock()
	defer w.tools.mu.Unlock()
	if len(w.tools.calls) != 5 {
		t.Errorf("%d calls reached the gate, expected 5", len(w.tools.calls))
	}
	for _, c := range w.tools.calls {
		if c.Labels != claw.Untrusted || c.Principal.Surface != claw.SurfaceAPI {
			t.Errorf("call %+v is not an untrusted one of the API", c)
		}
	}
}

// A connection that never sends a request makes room for one that does.
func TestHalfOpenConnections(t *testing.T) {
	w := newWorld(t, func(o *gateway.Options) { o.MaxConns = 8 })
	var idle []net.Conn
	for range 40 {
		c, err := net.Dial("tcp", w.tcp)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Write([]byte("GET / HTTP/1.1\r\nX-Slow: ")); err != nil {
			t.Fatal(err)
		}
		idle = append(idle, c)
	}
	if a := w.do("GET", "/healthz", "", nil); a.status != http.StatusOK {
		t.Fatalf("beside half-open connections: %d", a.status)
	}
	w.operator(wire.Read)
	for _, c := range idle[:30] { // the oldest were cut
		if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		_, err := c.Read(make([]byte, 1))
		var timeout net.Error
		if err == nil || errorsAsTimeout(err, &timeout) {
			t.Fatalf("an old half-open connection lives: %v", err)
		}
	}
}

func errorsAsTimeout(err error, target *net.Error) bool {
	ne, ok := err.(net.Error) //nolint:errorlint // of a plain connection
	*target = ne
	return ok && ne.Timeout()
}

// Sockets that never connect are bounded too, and the oldest makes room.
func TestWaitingRoom(t *testing.T) {
	w := newWorld(t, func(o *gateway.Options) { o.MaxWaiting = 2 })
	first := w.dial(w.tcp, nil)
	w.dial(w.tcp, nil)
	w.dial(w.tcp, nil)
	if _, err := first.read(); err == nil {
		t.Fatal("the oldest waiting socket lives")
	}
	w.operator(wire.Read)
}

func TestUnfinishedHandshake(t *testing.T) {
	w := newWorld(t, func(o *gateway.Options) { o.HandshakeTimeout = 20 * time.Millisecond })
	c := w.dial(w.tcp, nil)
	if ce := c.closed(); ce.Code != websocket.StatusPolicyViolation || !strings.Contains(ce.Reason, "in time") {
		t.Fatalf("closed with %+v", ce)
	}
}
