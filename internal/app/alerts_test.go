package app_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// phone is a webhook that alerts go to.
type phone struct {
	url   string
	heard chan map[string]any
}

func newPhone(t *testing.T) *phone {
	t.Helper()
	p := &phone{heard: make(chan map[string]any, 64)}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		var m map[string]any
		if err != nil || json.Unmarshal(b, &m) != nil || !strings.HasPrefix(r.Header.Get("Webhook-Signature"), "v1,") {
			t.Errorf("%s %v", b, r.Header)
		}
		p.heard <- m
	}))
	t.Cleanup(s.Close)
	p.url = s.URL
	return p
}

// rings waits for an alert of a rule.
func (p *phone) rings(t *testing.T, rule string) string {
	t.Helper()
	for {
		select {
		case m := <-p.heard:
			if m["rule"] == rule {
				b, err := json.Marshal(m)
				if err != nil {
					t.Fatal(err)
				}
				return string(b)
			}
		case <-t.Context().Done():
			t.Fatalf("no alert %s", rule)
		case <-time.After(time.Minute):
			t.Fatalf("no alert %s within a minute", rule)
		}
	}
}

// TestR42NightIsTold: what is new since the night before reaches a person, a
// night that did not work does too, and one that found nothing is told to who
// wants to hear it, so that silence is noticed. Counters are a bearer's.
func TestR42NightIsTold(t *testing.T) {
	h := newHome(t)
	p := newPhone(t)
	h.secret("alertKey", strings.Repeat("k", 40))
	text, err := os.ReadFile(h.paths.Config)
	if err != nil {
		t.Fatal(err)
	}
	more := `notify: { targets: [ { type: "webhook", url: "` + p.url + `", token: { source: "file", provider: "default", id: "/alertKey" }, severity: "info" } ] },
  security: {`
	changed := strings.Replace(strings.Replace(string(text), "security: {\n    nightly: {", strings.Replace(more, "security: {", "security: {\n    nightly: { deep: false,", 1), 1), "http: { enabled: false }", "http: { enabled: true }", 1)
	if changed == string(text) {
		t.Fatal("the generated home has another form")
	}
	h.configure(changed)
	a := h.open()
	base, stop := h.serve(a)
	defer stop()
	night := time.Now()
	if _, err := a.AuditNight(night); err != nil {
		t.Fatal(err)
	}
	if got := p.rings(t, "audit.nightly"); !strings.Contains(got, "Nightly audit: ") {
		t.Error(got)
	}
	if err := os.Chmod(h.paths.Credentials, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := a.AuditNight(night.AddDate(0, 0, 1)); err != nil {
		t.Fatal(err)
	}
	if got := p.rings(t, "audit.new_findings"); !strings.Contains(got, "critical fs") {
		t.Error(got)
	}
	if _, err := a.AuditNight(night.AddDate(0, 0, 2)); err != nil {
		t.Fatal(err)
	}
	p.rings(t, "audit.nightly")
	a.FailNight(errors.New("it did not end in time"))
	if got := p.rings(t, "audit.failed"); !strings.Contains(got, "did not end in time") || !strings.Contains(got, `"severity":"critical"`) {
		t.Error(got)
	}
	if n := len(holding(t, h.paths.Logs, `"event":"alert.raised"`)); n == 0 {
		t.Error("alerts are not on record")
	}
	for _, path := range []string{"/metrics", "/api/diagnostics/prometheus"} {
		for token, want := range map[string]int{"": 401, "wrong": 401, h.token(): 200} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if token != "" {
				req.Header.Set("Authorization", "Bearer "+token)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if err != nil || resp.StatusCode != want || want == 200 && !strings.Contains(string(b), `openclaw_alerts_total{rule="audit.failed",severity="critical"} 1`) {
				t.Errorf("%s with %.5q: %d %s", path, token, resp.StatusCode, b)
			}
		}
	}
}

// token of the gateway of this home.
func (h *home) token() string {
	h.t.Helper()
	b, err := os.ReadFile(h.paths.Secrets)
	if err != nil {
		h.t.Fatal(err)
	}
	var doc struct{ Gateway struct{ Token string } }
	if err := json.Unmarshal(b, &doc); err != nil || doc.Gateway.Token == "" {
		h.t.Fatalf("%v: no token", err)
	}
	return doc.Gateway.Token
}
