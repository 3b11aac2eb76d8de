package modeltest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/model"
)

// Format is one wire format under test.
type Format struct {
	// Serve starts a server of the format.
	Serve func(testing.TB, ...Turn) *Server
	// New makes the provider under test; the suite sets only model.Config.
	New func(model.Config) (model.Provider, error)
	// API is what Source must say.
	API string
	// Name is the default name of the provider.
	Name string
	// Signs says that thinking has signatures in this format.
	Signs bool
	// Free says that the format could carry arguments that are not JSON.
	Free bool
}

// Run checks everything that a caller may rely on.
func Run(t *testing.T, f Format) {
	t.Run("replies", func(t *testing.T) { f.replies(t) })
	t.Run("history", func(t *testing.T) { f.history(t) })
	t.Run("faults", func(t *testing.T) { f.faults(t) })
	t.Run("statuses", func(t *testing.T) { f.statuses(t) })
	t.Run("cut anywhere", func(t *testing.T) { f.cuts(t) })
	t.Run("waits", func(t *testing.T) { f.waits(t) })
	t.Run("leaving", func(t *testing.T) { f.leaving(t) })
	t.Run("secrets", func(t *testing.T) { f.secrets(t) })
	t.Run("construction", func(t *testing.T) { f.construction(t) })
}

// Basic is a request that every provider takes.
func Basic() model.Request {
	return model.Request{
		Model:    "test-model",
		System:   []model.SystemPart{{Text: "Be brief.", Cache: true}},
		Messages: []model.Message{model.User("Read notes.txt")},
		Tools: []model.ToolSpec{{Name: "read", Description: "Read a file.", Schema: json.RawMessage(
			`{"type":"object","properties":{"path":{"type":"string"}},"required":["path"],"additionalProperties":false}`)}},
		MaxTokens: 100,
	}
}

func (f Format) provider(t testing.TB, s *Server, change func(*model.Config)) model.Provider {
	t.Helper()
	c := s.Config()
	if change != nil {
		change(&c)
	}
	p, err := f.New(c)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return p
}

func (f Format) replies(t *testing.T) {
	long := strings.Repeat("tok ", 2000)
	signed := model.Block{Kind: model.BlockThinking, Text: "Let me see.", Signature: ""}
	if f.Signs {
		signed.Signature = "c2lnbmF0dXJl"
	}
	broken := model.Call(model.ToolCall{ID: "call_9", Name: "read", Raw: `{"path": "a`, Invalid: "x"})
	call := func(id, args string) model.Block {
		return model.Call(model.ToolCall{ID: asID(id), Name: "read", Arguments: json.RawMessage(args)})
	}
	for name, turn := range map[string]Turn{
		"text":       Say("Hello, wörld 👋🏽"),
		"long text":  Say(long),
		"call":       Ask("toolu_1", "read", `{"path":"notes.txt"}`),
		"two calls":  {Blocks: []model.Block{model.Text("Both."), call("t1", `{"path":"a"}`), call("t2", `{"path":"b"}`)}},
		"thinking":   {Blocks: []model.Block{signed, model.Text("Done.")}},
		"no text":    {Blocks: []model.Block{model.Text("")}},
		"length":     {Blocks: []model.Block{model.Text("Once upon")}, Stop: model.StopLength},
		"refusal":    {Blocks: []model.Block{model.Text("I")}, Stop: model.StopRefusal},
		"usage":      {Blocks: []model.Block{model.Text("x")}, Usage: model.Usage{Input: 100, Output: 20, CacheRead: 5000}},
		"whole":      {Blocks: []model.Block{model.Text("One piece."), call("t1", `{"path":"a"}`)}, Whole: true, Usage: model.Usage{Input: 3, Output: 4}},
		"broken":     {Blocks: []model.Block{broken}},
		"no object":  {Blocks: []model.Block{model.Call(model.ToolCall{ID: "c", Name: "read", Raw: `["path"]`, Invalid: "x"})}},
		"doubled":    {Blocks: []model.Block{model.Call(model.ToolCall{ID: "c", Name: "read", Raw: `{"path":"a","p\u0061th":"b"}`, Invalid: "x"})}},
		"half, long": {Blocks: []model.Block{call("t1", `{"path":"a"}`)}, Stop: model.StopLength},
	} {
		t.Run(name, func(t *testing.T) {
			s := f.Serve(t, turn)
			m, u, stop, err := model.Collect(f.provider(t, s, nil).Stream(t.Context(), Basic()))
			if err != nil {
				t.Fatalf("Collect: %v", err)
			}
			f.compare(t, turn, m)
			if stop != turn.stop() || m.Stop != stop {
				t.Errorf("stop is %q, want %q", stop, turn.stop())
			}
			if u.Input != turn.Usage.Input || u.CacheRead != turn.Usage.CacheRead || u.Output != turn.Usage.Output || u.Total != u.Sum() {
				t.Errorf("usage is %+v, want %+v", u, turn.Usage)
			}
			if m.API != f.API || m.Provider != f.Name || m.Model != "test-model" {
				t.Errorf("source is %q %q %q", m.API, m.Provider, m.Model)
			}
		})
	}
}

func (f Format) compare(t *testing.T, turn Turn, m model.Message) {
	t.Helper()
	var want []model.Block
	for _, b := range turn.Blocks {
		if b.Kind != model.BlockText || b.Text != "" {
			want = append(want, b)
		}
	}
	if len(m.Content) != len(want) {
		t.Fatalf("%d blocks, want %d: %+v", len(m.Content), len(want), m.Content)
	}
	for i, w := range want {
		got := m.Content[i]
		if got.Kind != w.Kind || got.Text != w.Text || got.Signature != w.Signature {
			t.Errorf("block %d is %+v, want %+v", i, got, w)
		}
		if w.Kind != model.BlockToolCall {
			continue
		}
		if got.Call.ID != w.Call.ID || got.Call.Name != w.Call.Name {
			t.Errorf("call is %q %q, want %q %q", got.Call.ID, got.Call.Name, w.Call.ID, w.Call.Name)
		}
		if turn.Stop == model.StopLength || w.Call.Invalid != "" {
			if got.Call.Invalid == "" || got.Call.Arguments != nil || got.Call.Raw == "" {
				t.Errorf("call is %+v, want it kept raw with a reason", got.Call)
			}
			if _, err := got.Call.Claw(); err == nil {
				t.Error("an invalid call turned into a call")
			}
			if f.Free && w.Call.Raw != "" && got.Call.Raw != w.Call.Raw {
				t.Errorf("raw is %q, want %q", got.Call.Raw, w.Call.Raw)
			}
			continue
		}
		if !bytes.Equal(got.Call.Arguments, w.Call.Arguments) || got.Call.Invalid != "" {
			t.Errorf("arguments are %s (%s), want %s", got.Call.Arguments, got.Call.Invalid, w.Call.Arguments)
		}
	}
}

// history sends back what came, twice, and looks at what went out.
func (f Format) history(t *testing.T) {
	first := Ask("toolu_1", "read", `{"path":"notes.txt"}`)
	s := f.Serve(t, first, Say("It says hi."))
	p := f.provider(t, s, nil)
	req := Basic()
	m, _, _, err := model.Collect(p.Stream(t.Context(), req))
	if err != nil {
		t.Fatal(err)
	}
	foreign := model.Assistant(
		model.Block{Kind: model.BlockThinking, Text: "FOREIGN-THOUGHT", Signature: "FOREIGN-SIGNATURE"},
		model.Call(model.ToolCall{ID: "weird id\n!", Name: "no such tool!", Raw: "{broken", Invalid: "arguments are not valid JSON"}))
	foreign.Provider = "somebody-else"
	png := []byte("\x89PNG\r\n\x1a\n")
	result := model.Result(m.Calls()[0], "hi from notes")
	result.Content = append(result.Content, model.Block{Kind: model.BlockImage, Image: model.Image{MIME: "image/png", Data: png}})
	orphan := model.Result(model.ToolCall{ID: "never-asked", Name: "read"}, "ORPHAN-RESULT")
	req.Messages = append(req.Messages, foreign, model.User("go on"), m, result, orphan)
	if _, _, _, err := model.Collect(p.Stream(t.Context(), req)); err != nil {
		t.Fatal(err)
	}
	body := string(s.Requests()[1].Body)
	for _, want := range []string{"hi from notes", "notes.txt", "Be brief.", "invalid_arguments", "No result was recorded", "iVBORw0KGgo="} {
		if !strings.Contains(body, want) {
			t.Errorf("second request has no %q: %s", want, body)
		}
	}
	for _, not := range []string{"FOREIGN", "ORPHAN", "weird id", "no such tool!"} {
		if strings.Contains(body, not) {
			t.Errorf("second request has %q: %s", not, body)
		}
	}
	if !json.Valid([]byte(body)) {
		t.Error("request is not JSON")
	}
}

func (f Format) faults(t *testing.T) {
	small := func(c *model.Config) { c.Limits.Response, c.Limits.Event = 1<<20, 1<<16 }
	for name, c := range map[string]struct {
		fault Fault
		kind  model.ErrorKind
	}{
		"malformed event": {FaultMalformed, model.KindInvalid},
		"error event":     {FaultErrorEvent, model.KindOverloaded},
		"no end":          {FaultNoEnd, model.KindNetwork},
		"huge":            {FaultHuge, model.KindInvalid},
		"long event":      {FaultLongEvent, model.KindInvalid},
		"wrong type":      {FaultWrongType, model.KindInvalid},
		"gzip bomb":       {FaultGzipBomb, model.KindInvalid},
		"redirect":        {FaultRedirect, model.KindInvalid},
		"deep":            {FaultDeep, model.KindInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			turn := Ask("t1", "read", `{"path":"a"}`)
			turn.Fault = c.fault
			s := f.Serve(t, turn)
			m, _, stop, err := model.Collect(f.provider(t, s, small).Stream(t.Context(), Basic()))
			_ = wantKind(t, err, c.kind)
			if len(m.Calls()) != 0 || stop != model.StopError || m.Failure == "" {
				t.Errorf("after %v: calls %v, stop %q, failure %q", err, m.Calls(), stop, m.Failure)
			}
			s.WaitCalm()
		})
	}
}

func wantKind(t *testing.T, err error, kind model.ErrorKind) *model.Error {
	t.Helper()
	var e *model.Error
	if !errors.As(err, &e) {
		t.Fatalf("error is %v (%T), want a *model.Error", err, err)
	}
	if e.Kind != kind {
		t.Fatalf("error is %v, want kind %s", err, kind)
	}
	if e.Provider == "" || len(e.Message) > 320 || strings.ContainsAny(e.Message, "\n\r\x00") {
		t.Errorf("error has provider %q, message %q", e.Provider, e.Message)
	}
	return e
}

func (f Format) statuses(t *testing.T) {
	for _, c := range []struct {
		turn  Turn
		kind  model.ErrorKind
		after time.Duration
	}{
		{Fail(400, ""), model.KindInvalid, 0},
		{Fail(401, ""), model.KindAuth, 0},
		{Fail(403, ""), model.KindAuth, 0},
		{Fail(429, "7"), model.KindRateLimit, 7 * time.Second},
		{Fail(500, ""), model.KindServer, 0},
		{Fail(502, ""), model.KindServer, 0},
		{Fail(503, ""), model.KindOverloaded, 0},
		{Fail(529, "0.5"), model.KindOverloaded, 500 * time.Millisecond},
		{Turn{Fault: FaultStatus, Status: 400, Body: `{"error":{"message":"prompt is too long: 300000 tokens > 200000 maximum"}}`}, model.KindContextLength, 0},
		{Turn{Fault: FaultStatus, Status: 500, Body: "<html>" + strings.Repeat("x", 1<<20)}, model.KindServer, 0},
		{Turn{Fault: FaultStatus, Status: 204}, model.KindInvalid, 0},
		{Turn{Fault: FaultStatus, Status: 404, Body: `{"error":"model \"x\" not found, try pulling it first"}`}, model.KindInvalid, 0},
	} {
		s := f.Serve(t, c.turn)
		_, _, _, err := model.Collect(f.provider(t, s, nil).Stream(t.Context(), Basic()))
		e := wantKind(t, err, c.kind)
		if e.Status != c.turn.Status || e.RetryAfter != c.after {
			t.Errorf("status %d, retry after %s; want %d, %s", e.Status, e.RetryAfter, c.turn.Status, c.after)
		}
	}
}

// cuts closes the connection after every so many bytes: the reply is complete
// or an error, never half of one taken for whole.
func (f Format) cuts(t *testing.T) {
	turn := Turn{Blocks: []model.Block{model.Text("Reading now."), model.Call(model.ToolCall{ID: "t1", Name: "read", Arguments: json.RawMessage(`{"path":"a"}`)})}}
	s := f.Serve(t)
	total := len(strings.Join(s.wire.events(turn), ""))
	p := f.provider(t, s, nil)
	for at := 0; at <= total; at += 41 {
		cut := turn
		cut.Fault, cut.At = FaultCut, at
		s.Add(cut)
		m, _, _, err := model.Collect(p.Stream(t.Context(), Basic()))
		if err == nil {
			f.compare(t, turn, m)
			continue
		}
		if k := wantKind(t, err, model.KindNetwork); len(m.Calls()) != 0 {
			t.Errorf("cut at %d: calls survived %v", at, k)
		}
	}
}

func (f Format) waits(t *testing.T) {
	quick := func(c *model.Config) { c.Limits.Idle, c.Limits.First = 20*time.Millisecond, 20*time.Millisecond }
	for name, turn := range map[string]Turn{
		"slow":   {Blocks: []model.Block{model.Text("half and half")}, Fault: FaultSlow, At: 60},
		"silent": {Fault: FaultSilent},
	} {
		t.Run(name, func(t *testing.T) {
			s := f.Serve(t, turn)
			_, _, _, err := model.Collect(f.provider(t, s, quick).Stream(t.Context(), Basic()))
			_ = wantKind(t, err, model.KindTimeout)
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Error("error is not DeadlineExceeded")
			}
			s.WaitCalm()
		})
		t.Run(name+", request timeout", func(t *testing.T) {
			s := f.Serve(t, turn)
			req := Basic()
			req.Timeout = 20 * time.Millisecond
			_, _, _, err := model.Collect(f.provider(t, s, nil).Stream(t.Context(), req))
			_ = wantKind(t, err, model.KindTimeout)
		})
	}
}

func (f Format) leaving(t *testing.T) {
	t.Run("break", func(t *testing.T) {
		s := f.Serve(t, Turn{Blocks: []model.Block{model.Text("some text")}, Fault: FaultHuge})
		for ev, err := range f.provider(t, s, nil).Stream(t.Context(), Basic()) {
			if err != nil {
				t.Fatal(err)
			}
			if ev.Kind == model.TextDelta {
				break
			}
		}
		s.WaitCalm()
	})
	t.Run("cancel", func(t *testing.T) {
		s := f.Serve(t, Turn{Blocks: []model.Block{model.Text("some longer text")}, Fault: FaultSlow, At: 1 << 20})
		ctx, cancel := context.WithCancel(t.Context())
		var last error
		n := 0
		for ev, err := range f.provider(t, s, nil).Stream(ctx, Basic()) {
			n++
			if err != nil {
				last = err
				continue
			}
			if ev.Kind == model.TextDelta {
				cancel()
			}
		}
		cancel()
		if last != nil {
			_ = wantKind(t, last, model.KindAborted)
			if !errors.Is(last, context.Canceled) {
				t.Error("error is not Canceled")
			}
		}
		s.WaitCalm()
	})
	t.Run("cancelled before", func(t *testing.T) {
		s := f.Serve(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, _, stop, err := model.Collect(f.provider(t, s, nil).Stream(ctx, Basic()))
		_ = wantKind(t, err, model.KindAborted)
		if stop != model.StopAborted {
			t.Errorf("stop is %q", stop)
		}
	})
}

// secrets has a server echo the key and looks for it everywhere.
func (f Format) secrets(t *testing.T) {
	const headerSecret = "header-secret-value-123"
	echo := fmt.Sprintf(`{"error":{"message":"Incorrect API key provided: %s (%s) sk-other****************wxyz"}}`, Key, headerSecret)
	s := f.Serve(t, Turn{Fault: FaultStatus, Status: 401, Body: echo})
	var cfg model.Config
	p := f.provider(t, s, func(c *model.Config) {
		c.Headers = map[string]string{"X-Tenant": headerSecret}
		cfg = *c
	})
	_, _, _, err := model.Collect(p.Stream(t.Context(), Basic()))
	_ = wantKind(t, err, model.KindAuth)
	if got := s.Requests()[0].Header.Get("X-Tenant"); got != headerSecret {
		t.Errorf("header is %q", got)
	}
	for _, v := range []any{err, p, cfg, cfg.Key} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
			if out := fmt.Sprintf(verb, v); strings.Contains(out, Key) || strings.Contains(out, headerSecret) || strings.Contains(out, "wxyz") {
				t.Errorf("%s of %T shows a secret: %s", verb, v, out)
			}
		}
	}
	broken := f.provider(t, s, func(c *model.Config) {
		c.Key.Use = func(func([]byte) error) error { return errors.New("vault is locked") }
	})
	_, _, _, err = model.Collect(broken.Stream(t.Context(), Basic()))
	if e := wantKind(t, err, model.KindAuth); !strings.Contains(e.Message, "vault is locked") {
		t.Errorf("error is %v", err)
	}
}

func (f Format) construction(t *testing.T) {
	s := f.Serve(t)
	for name, c := range map[string]struct {
		change func(*model.Config)
		want   string
	}{
		"no client":      {func(c *model.Config) { c.Client = nil }, "client"},
		"default client": {func(c *model.Config) { c.Client = &http.Client{} }, "client"},
		"foreign key":    {func(c *model.Config) { c.Key.Host = "api.example.org" }, "bound to host"},
		"unbound key":    {func(c *model.Config) { c.Key.Host = "" }, "bound to host"},
		"moved":          {func(c *model.Config) { c.BaseURL = "https://evil.example/v1" }, "bound to host"},
		"plain http":     {func(c *model.Config) { c.BaseURL, c.Key.Host = "http://example.org", "example.org" }, "https"},
		"no scheme":      {func(c *model.Config) { c.BaseURL = "example.org/v1" }, "scheme"},
		"user in URL":    {func(c *model.Config) { c.BaseURL = "https://u:p@example.org" }, "user information"},
		"query in URL":   {func(c *model.Config) { c.BaseURL = "https://example.org/?key=x" }, "query"},
		"dots in URL":    {func(c *model.Config) { c.BaseURL = "https://example.org/a/../b" }, ".."},
		"own header":     {func(c *model.Config) { c.Headers = map[string]string{"authorization": "x"} }, "Authorization"},
		"split header":   {func(c *model.Config) { c.Headers = map[string]string{"X-A": "x\r\nY: z"} }, "control"},
		"bad name":       {func(c *model.Config) { c.Name = "a b" }, "name"},
	} {
		cfg := s.Config()
		c.change(&cfg)
		if _, err := f.New(cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error is %v, want one about %q", name, err, c.want)
		}
	}
	p := f.provider(t, s, nil)
	for name, change := range map[string]func(*model.Request){
		"no model":    func(r *model.Request) { r.Model = "" },
		"model path":  func(r *model.Request) { r.Model = "../../admin?x" },
		"no message":  func(r *model.Request) { r.Messages = nil },
		"own message": func(r *model.Request) { r.Messages = []model.Message{model.Assistant(model.Text("hi"))} },
		"blank":       func(r *model.Request) { r.Messages = []model.Message{model.User("  \n")} },
		"twice":       func(r *model.Request) { r.Tools = append(r.Tools, r.Tools[0]) },
		"bad schema":  func(r *model.Request) { r.Tools[0].Schema = json.RawMessage(`[]`) },
		"bad role":    func(r *model.Request) { r.Messages[0].Role = "system" },
		"bad image": func(r *model.Request) {
			r.Messages[0].Content = []model.Block{{Kind: model.BlockImage, Image: model.Image{MIME: "text/html", Data: []byte("x")}}}
		},
	} {
		req := Basic()
		change(&req)
		if _, _, _, err := model.Collect(p.Stream(t.Context(), req)); err == nil {
			t.Errorf("%s: request was taken", name)
		} else {
			_ = wantKind(t, err, model.KindInvalid)
		}
	}
	if n := len(s.Requests()); n != 0 {
		t.Errorf("%d bad requests were sent", n)
	}
	if d := p.Destinations(); len(d) != 1 || d[0].Host != s.Host || d[0].Provider != f.Name {
		t.Errorf("destinations are %+v", d)
	}
}
