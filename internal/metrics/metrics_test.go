package metrics

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openclaw-go/openclaw/internal/monitor"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func set() *Set {
	s := New(func() time.Time { return noon })
	s.Know("tool", []string{"exec", "read"})
	s.Know("provider", []string{"anthropic"})
	return s
}

func TestTextIsWhatPrometheusReads(t *testing.T) {
	s := set()
	s.Observe(monitor.Happening{Kind: monitor.AuthFailure, Count: 12})
	s.Observe(monitor.Happening{Kind: monitor.Decided, Seq: 5, At: noon, Verdict: "ask", Rule: "exec.not_on_allowlist"})
	s.Observe(monitor.Happening{Kind: monitor.Answer, At: noon.Add(42 * time.Second), Asked: 5, Status: "denied"})
	s.Observe(monitor.Happening{Kind: monitor.Effect, Tool: "exec", Status: "done", Level: "isolated", Took: 30 * time.Millisecond})
	s.Model("anthropic", "ok", 2*time.Second)
	got := string(Text(append(s.Families(), Family{"openclaw_sessions", `A "quoted"` + "\nline", Gauge, []Point{{Value: 3, Labels: []Label{{"a", "b\"c\\d\ne"}}}}})))
	for _, want := range []string{
		"# TYPE openclaw_auth_failures_total counter\nopenclaw_auth_failures_total 12\n",
		"openclaw_auth_successes_total 0\n",
		`openclaw_decisions_total{verdict="ask",rule="exec.not_on_allowlist"} 1` + "\n",
		`openclaw_approvals_total{state="denied"} 1` + "\n",
		"openclaw_approval_wait_seconds_bucket{le=\"15\"} 0\nopenclaw_approval_wait_seconds_bucket{le=\"60\"} 1\n", "openclaw_approval_wait_seconds_sum 42\nopenclaw_approval_wait_seconds_count 1\n",
		`openclaw_exec_runs_total{level="isolated",status="done"} 1` + "\n",
		`openclaw_tool_execution_duration_seconds_bucket{tool="exec",le="0.1"} 1` + "\n", `openclaw_tool_execution_duration_seconds_bucket{tool="exec",le="+Inf"} 1` + "\n",
		`openclaw_model_call_total{provider="anthropic",status="ok"} 1` + "\n",
		`# HELP openclaw_sessions A "quoted"\nline` + "\n", `openclaw_sessions{a="b\"c\\d\ne"} 3` + "\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
	if n := read(t, []byte(got)); n < 30 {
		t.Errorf("%d samples", n)
	}
}

var sample = regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{([a-z]+="(\\[\\"n]|[^\\"\n])*"(,|\}))+)? (\S+)$`)

// read is a strict reader of the text format.
func read(t interface{ Errorf(string, ...any) }, b []byte) int {
	n := 0
	typed := map[string]bool{}
	in := bufio.NewScanner(bytes.NewReader(b))
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		l := in.Text()
		if f := strings.Fields(l); len(f) > 2 && f[0] == "#" {
			if f[1] == "TYPE" {
				if typed[f[2]] {
					t.Errorf("%s is there twice", f[2])
				}
				typed[f[2]] = true
			}
			continue
		}
		m := sample.FindStringSubmatch(l)
		if m == nil {
			t.Errorf("no sample: %q", l)
			continue
		}
		if _, err := strconv.ParseFloat(m[len(m)-1], 64); err != nil {
			t.Errorf("%q: %v", l, err)
		}
		n++
	}
	return n
}

// A stranger cannot create series: whatever the record says, their number has
// one bound, no label holds what a stranger wrote, and nothing goes uncounted.
func TestStrangersCreateNoSeries(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := set()
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z]{1,12}\.[a-z_]{1,12}`), rapid.SampledFrom([]string{"allow", "exec", "done", "isolated", "info"}))
		n := rapid.IntRange(1, 400).Draw(t, "n")
		for range n {
			h := monitor.Happening{Kind: monitor.Kind(rapid.IntRange(0, int(monitor.Alerted)).Draw(t, "kind")), Tool: text.Draw(t, "tool"), Verdict: text.Draw(t, "verdict"),
				Rule: text.Draw(t, "rule"), Status: text.Draw(t, "status"), Level: text.Draw(t, "level"), What: text.Draw(t, "what"), Count: 1, Took: time.Duration(rapid.Int64().Draw(t, "took"))}
			s.Observe(h)
			s.Model(text.Draw(t, "provider"), text.Draw(t, "ended"), h.Took)
		}
		total := 0.0
		for _, f := range s.Families() {
			if len(f.Points) > maxSeries+1 {
				t.Fatalf("%s has %d series", f.Name, len(f.Points))
			}
			for _, p := range f.Points {
				if f.Name == "openclaw_model_call_total" {
					total += p.Value
				}
				for _, l := range p.Labels {
					if l.Name != "rule" && l.Value != other && !strings.Contains(" anthropic exec read "+strings.Join(vocabularies[l.Name], " ")+" ", l.Value) {
						t.Fatalf("%s: label %s is %q", f.Name, l.Name, l.Value)
					}
					if l.Name == "rule" && l.Value != other && !isRule(l.Value) {
						t.Fatalf("rule %q", l.Value)
					}
				}
			}
		}
		if total != float64(n) {
			t.Fatalf("%v of %d model calls were counted", total, n)
		}
		read(t, Text(s.Families()))
	})
}

func TestRulesAreBounded(t *testing.T) {
	s := set()
	for i := range 10_000 {
		r := []byte("a.aaaa")
		for j, n := 2, i; n > 0; j, n = j+1, n/26 {
			r[j] = byte('a' + n%26)
		}
		s.Observe(monitor.Happening{Kind: monitor.Decided, Verdict: "deny", Rule: string(r)})
	}
	for _, f := range s.Families() {
		sum := 0.0
		for _, p := range f.Points {
			sum += p.Value
		}
		if f.Name == "openclaw_decisions_total" && (len(f.Points) > maxSeries+1 || sum != 10_000) {
			t.Errorf("%d series, %v decisions", len(f.Points), sum)
		}
		if f.Name == "openclaw_prometheus_series_dropped_total" && sum < 9_000 {
			t.Errorf("%v were said to be dropped", sum)
		}
	}
	if n := len(s.asked); n > maxAsked {
		t.Errorf("%d questions", n)
	}
}

func TestOTLP(t *testing.T) {
	s := set()
	s.Observe(monitor.Happening{Kind: monitor.Effect, Tool: "exec", Status: "done", Level: "isolated", Took: 30 * time.Millisecond})
	var got []byte
	var header http.Header
	answer := func(w http.ResponseWriter) { _, _ = io.WriteString(w, `{"partialSuccess":{}}`) }
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, _ = io.ReadAll(r.Body)
		header = r.Header.Clone()
		answer(w)
	}))
	defer srv.Close()
	body, err := OTLP(s.Families(), Source{Service: "claw", Version: "0.1", Start: noon, Now: noon.Add(time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	auth := func(h http.Header) error { h.Set("Authorization", "Bearer x"); return nil }
	if err := Push(t.Context(), srv.Client(), srv.URL+"/v1/metrics", body, auth); err != nil {
		t.Fatal(err)
	}
	if header.Get("Content-Type") != "application/json" || header.Get("Authorization") != "Bearer x" {
		t.Errorf("%v", header)
	}
	var r otlpRequest
	if err := json.Unmarshal(got, &r); err != nil {
		t.Fatal(err)
	}
	names := map[string]otlpMetric{}
	for _, m := range r.ResourceMetrics[0].ScopeMetrics[0].Metrics {
		names[m.Name] = m
	}
	h := names["openclaw_tool_execution_duration_seconds"].Histogram
	if h == nil || h.Temporality != 2 || h.Points[0].Count != "1" || len(h.Points[0].Counts) != len(h.Points[0].Bounds)+1 || h.Points[0].Start != "1795521600000000000" {
		t.Errorf("%+v", h)
	}
	c := names["openclaw_exec_runs"].Sum
	if c == nil || !c.Monotonic || *c.Points[0].Double != 1 || c.Points[0].Attributes[0].Key != "level" || c.Points[0].Attributes[0].Value.String != "isolated" {
		t.Errorf("%+v", c)
	}
	if a := r.ResourceMetrics[0].Resource.Attributes[0]; a.Key != "service.name" || a.Value.String != "claw" {
		t.Errorf("%+v", a)
	}
	for says, a := range map[string]func(w http.ResponseWriter){
		"answered 503": func(w http.ResponseWriter) { w.WriteHeader(503) },
		"all but 3": func(w http.ResponseWriter) {
			_, _ = io.WriteString(w, `{"partialSuccess":{"rejectedDataPoints":"3","errorMessage":"too old"}}`)
		},
	} {
		answer = a
		if err := Push(t.Context(), srv.Client(), srv.URL, body, auth); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
	if err := Push(context.Background(), srv.Client(), srv.URL, body, func(http.Header) error { return errors.New("no key") }); err == nil {
		t.Error("sent without its key")
	}
}

func TestNumbers(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 1.5: "1.5", 1e21: "1e+21", math.Inf(1): "+Inf", math.Inf(-1): "-Inf"} {
		if got := number(v); got != want {
			t.Errorf("%v: %s", v, got)
		}
	}
}

func BenchmarkText(b *testing.B) {
	s := set()
	for i := range 500 {
		s.Observe(monitor.Happening{Kind: monitor.Decided, Verdict: "deny", Rule: "a." + strings.Repeat("b", i%40+1)})
	}
	b.ReportAllocs()
	for b.Loop() {
		Text(s.Families())
	}
}

func BenchmarkObserve(b *testing.B) {
	s := set()
	b.ReportAllocs()
	for b.Loop() {
		s.Observe(monitor.Happening{Kind: monitor.Decided, Verdict: "deny", Rule: "exec.not_on_allowlist"})
	}
}
