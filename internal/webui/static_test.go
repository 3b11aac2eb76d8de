package webui_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"io/fs"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/openclaw-go/openclaw/internal/webui"
)

func get(t *testing.T, h http.Handler, method, path string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func ui() http.Handler {
	return webui.Handler(webui.Options{Host: "home-server", User: "ana", Version: "0.1.0"})
}

func TestFramesCarryTheStrictHeaders(t *testing.T) {
	want := map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'none'; connect-src 'self'; " +
			"form-action 'none'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
		"X-Content-Type-Options":       "nosniff",
		"Referrer-Policy":              "no-referrer",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Permissions-Policy":           "camera=(), microphone=(), geolocation=()",
	}
	h := ui()
	for _, path := range []string{"/ui/", "/ui/approvals", "/ui/approvals/x", "/ui/chat/agent%3Amain%3Amain", "/ui/sessions", "/ui/login", "/ui/build", "/ui/nothing", "/ui/assets/x/main.js"} {
		r := get(t, h, "GET", path)
		for name, value := range want {
			if got := r.Header.Get(name); got != value {
				t.Errorf("%s: %s is %q, expected %q", path, name, got, value)
			}
		}
		if c := r.Header.Get("Set-Cookie"); c != "" {
			t.Errorf("%s sets a cookie: %q", path, c)
		}
	}
}

func TestRoutes(t *testing.T) {
	h := ui()
	for _, c := range []struct {
		method, path string
		code         int
	}{
		{"GET", "/ui/", 200}, {"HEAD", "/ui/", 200}, {"GET", "/ui", 308}, {"GET", "/ui/approvals/abc", 200}, {"GET", "/ui/chat", 200},
		{"GET", "/ui/sessions/abc", 404}, {"GET", "/ui/login/abc", 404}, {"GET", "/ui/journal", 404}, {"GET", "/ui/assets/0000/main.js", 404},
		{"POST", "/ui/", 405}, {"PUT", "/ui/login", 405}, {"GET", "/ui/../etc/passwd", 404}, {"GET", "/ui/static/main.js", 404}, {"GET", "/elsewhere", 404},
	} {
		if got := get(t, h, c.method, c.path).StatusCode; got != c.code {
			t.Errorf("%s %s is %d, expected %d", c.method, c.path, got, c.code)
		}
	}
}

func TestAssetsAreNamedByTheirContent(t *testing.T) {
	h := ui()
	page := body(t, get(t, h, "GET", "/ui/"))
	paths := regexp.MustCompile(`(?:src|href)="(/ui/assets/[^"]+)"`).FindAllStringSubmatch(page, -1)
	if len(paths) != 6 {
		t.Errorf("the frame names %d assets, expected 6", len(paths))
	}
	for _, m := range paths {
		r := get(t, h, "GET", m[1])
		if r.StatusCode != 200 || !strings.Contains(r.Header.Get("Cache-Control"), "immutable") {
			t.Errorf("%s is %d with Cache-Control %q", m[1], r.StatusCode, r.Header.Get("Cache-Control"))
		}
		if kind := r.Header.Get("Content-Type"); strings.HasSuffix(m[1], ".js") && kind != "text/javascript; charset=utf-8" {
			t.Errorf("%s is served as %q", m[1], kind)
		}
		packed := get(t, h, "GET", m[1], "Accept-Encoding", "br, gzip")
		z, err := gzip.NewReader(packed.Body)
		if err != nil {
			t.Fatalf("%s: %v", m[1], err)
		}
		plain, err := io.ReadAll(z)
		if err != nil || string(plain) != body(t, r) {
			t.Errorf("%s: the packed form is another text (%v)", m[1], err)
		}
		if get(t, h, "GET", m[1], "Accept-Encoding", "gzip;q=0").Header.Get("Content-Encoding") != "" {
			t.Errorf("%s is packed for a client that refuses it", m[1])
		}
	}
	r := get(t, h, "GET", "/ui/")
	if again := get(t, h, "GET", "/ui/", "If-None-Match", r.Header.Get("ETag")); again.StatusCode != http.StatusNotModified {
		t.Errorf("an unchanged frame is sent again: %d", again.StatusCode)
	}
	other := body(t, get(t, webui.Handler(webui.Options{Host: "h", User: "ana", Version: "0.2.0"}), "GET", "/ui/build"))
	if mine := body(t, get(t, h, "GET", "/ui/build")); other == mine {
		t.Error("another version has the same build id")
	}
}

func TestFrameEscapesWhatItIsTold(t *testing.T) {
	h := webui.Handler(webui.Options{Host: `"><script>alert(1)</script>`, User: "<img src=x onerror=alert(1)>"})
	page := body(t, get(t, h, "GET", "/ui/login"))
	if strings.Contains(page, "<script>alert") || strings.Contains(page, "<img") {
		t.Error("host or user name became markup")
	}
}

func sources(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, dir := range []string{"static", "templates"} {
		err := fs.WalkDir(os.DirFS("."), dir, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := os.ReadFile(name)
			out[name] = string(b)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func TestScriptsMakeNoMarkup(t *testing.T) {
	everywhere := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacent|document\.write|DOMParser|setHTML|\beval\b|new Function|createContextualFragment|srcdoc|javascript:|\.cookie|https?://[a-z]|postMessage\(.*\*`)
	outsideDom := regexp.MustCompile(`createElement|setAttribute\(['"](on|style|href|src)|createTextNode|\.href\s*=[^=]|\.src\s*=[^=]|\.style\b|cssText`)
	markup := regexp.MustCompile(`<script(?: type="module" src="\{\{\.Assets\}\}/main\.js")?>|\son[a-z]+=|\sstyle=|<style|<iframe|<form[^>]*action|<base|<link[^>]*href="http|<img`)
	for name, text := range sources(t) {
		if strings.HasSuffix(name, ".js") {
			text = regexp.MustCompile(`(?m)^\s*//.*$`).ReplaceAllString(text, "")
			text = strings.Replace(text, "'http://www.w3.org/2000/svg'", "", 1) // a name, never loaded
			for _, hit := range everywhere.FindAllString(text, -1) {
				t.Errorf("%s contains %q", name, hit)
			}
			if name != "static/dom.js" {
				for _, hit := range outsideDom.FindAllString(text, -1) {
					t.Errorf("%s contains %q, which only dom.js may", name, hit)
				}
			}
		}
		if strings.HasSuffix(name, ".html") {
			for _, hit := range markup.FindAllString(text, -1) {
				if hit != `<script type="module" src="{{.Assets}}/main.js">` {
					t.Errorf("%s contains %q", name, hit)
				}
			}
		}
		if strings.HasSuffix(name, ".css") && regexp.MustCompile(`url\(|@import|expression`).MatchString(text) {
			t.Errorf("%s loads something", name)
		}
		for _, r := range text {
			if r >= 0x2600 && r <= 0x27BF || r >= 0x1F000 && r <= 0x1FAFF {
				t.Errorf("%s uses the dingbat %q, which may come out as a box", name, r)
			}
		}
	}
}

func TestEveryPageHasItsParts(t *testing.T) {
	src := sources(t)
	keys := map[string]string{}
	for _, p := range webui.Pages() {
		if !strings.Contains(src["templates/"+p.ID+".html"], fmt.Sprintf(`{{define "page-%s"}}`, p.ID)) {
			t.Errorf("page %q has no template", p.ID)
		}
		if !strings.Contains(src["static/"+p.ID+".js"], "export function mount(") {
			t.Errorf("page %q has no module with mount", p.ID)
		}
		if strings.Count(src["templates/"+p.ID+".html"], "<h1") != 1 {
			t.Errorf("page %q must have one h1", p.ID)
		}
		if p.Key != "" && keys[p.Key] != "" {
			t.Errorf("pages %q and %q share the key %q", p.ID, keys[p.Key], p.Key)
		}
		keys[p.Key] = p.ID
	}
}

// TestBudgets holds UI.md §12: raw size, bytes and requests of the first load.
func TestBudgets(t *testing.T) {
	raw := 0
	for _, text := range sources(t) {
		raw += len(text)
	}
	h := ui()
	worst, requests := 0, 0
	for _, path := range []string{"/ui/", "/ui/approvals", "/ui/chat", "/ui/sessions", "/ui/login"} {
		packed := func(p string) string { return body(t, get(t, h, "GET", p, "Accept-Encoding", "gzip")) }
		frame := body(t, get(t, h, "GET", path))
		sum, n := len(packed(path)), 2 // the frame and the socket
		for _, m := range regexp.MustCompile(`(?:src|href)="(/ui/assets/[^"]+)"`).FindAllStringSubmatch(frame, -1) {
			sum += len(packed(m[1]))
			n++
		}
		worst, requests = max(worst, sum), max(requests, n)
	}
	t.Logf("embedded %d bytes raw; first load at most %d bytes packed in %d requests", raw, worst, requests)
	if raw > 250_000 || worst > 60_000 || requests > 8 {
		t.Errorf("embedded %d (≤ 250000), first load %d bytes (≤ 60000), %d requests (≤ 8)", raw, worst, requests)
	}
}

// luminance of "#RRGGBB" after WCAG 2.
func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	n, err := strconv.ParseUint(strings.TrimPrefix(hex, "#"), 16, 32)
	if err != nil {
		t.Fatal(err)
	}
	channel := func(v uint64) float64 {
		c := float64(v&255) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*channel(n>>16) + 0.7152*channel(n>>8) + 0.0722*channel(n)
}

func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	x, y := luminance(t, a), luminance(t, b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// TestContrast computes §4 from the properties that the pages use.
func TestContrast(t *testing.T) {
	css := sources(t)["static/app.css"]
	blocks := regexp.MustCompile(`(?s):root[^{]*\{[^}]*--bg[^}]*\}`).FindAllString(css, -1)
	if len(blocks) != 3 {
		t.Fatalf("%d blocks define colours, expected light, dark by system, dark by choice", len(blocks))
	}
	props := make([]map[string]string, 3)
	for i, block := range blocks {
		props[i] = map[string]string{}
		for _, m := range regexp.MustCompile(`--([a-z0-9]+): (#[0-9A-F]{6})`).FindAllStringSubmatch(block, -1) {
			props[i][m[1]] = m[2]
		}
	}
	if fmt.Sprint(props[1]) != fmt.Sprint(props[2]) {
		t.Error("dark by system and dark by choice differ")
	}
	for i, scheme := range []string{"light", "dark"} {
		c, least := props[i], []float64{6.2, 7}[i]
		surfaces := []string{"bg", "surface", "sunken"}
		check := func(fore, back string, want float64) {
			if got := contrast(t, c[fore], c[back]); got < want {
				t.Errorf("%s: %s on %s is %.2f:1, expected %.1f", scheme, fore, back, got, want)
			}
		}
		for _, s := range surfaces {
			for _, f := range []string{"text", "text2", "accent", "ok", "warn", "crit", "unm"} {
				check(f, s, least)
			}
			check("edge", s, 3.7)
		}
		for _, f := range []string{"ok", "warn", "crit", "unm"} {
			check(f, f+"bg", least)
			check("text", f+"bg", least)
		}
		check("onaccent", "accent", least)
	}
}

func BenchmarkFirstRequest(b *testing.B) {
	for b.Loop() {
		w := httptest.NewRecorder()
		ui().ServeHTTP(w, httptest.NewRequest("GET", "/ui/", nil))
	}
}

func BenchmarkAsset(b *testing.B) {
	h := ui()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/ui/", nil))
	path := regexp.MustCompile(`/ui/assets/[^"]+/main\.js`).FindString(w.Body.String())
	r := httptest.NewRequest("GET", path, nil)
	r.Header.Set("Accept-Encoding", "gzip")
	for b.Loop() {
		h.ServeHTTP(&sink{h: http.Header{}}, r)
	}
}

type sink struct {
	h http.Header
	bytes.Buffer
}

func (s *sink) Header() http.Header { return s.h }
func (s *sink) WriteHeader(int)     {}
