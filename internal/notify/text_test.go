package notify

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/openclaw-go/openclaw/internal/claw"
)

func itoa(n int) string { return strconv.Itoa(n) }

// clickable are forms that phones and mail programs make links, calls, mentions
// or commands of.
var clickable = []*regexp.Regexp{
	regexp.MustCompile(`(?i)[a-z][a-z0-9+.-]*://`),
	regexp.MustCompile(`[\p{L}\p{N}_-][.。．｡][\p{L}\p{N}]`),
	regexp.MustCompile(`[@＠]`),
	regexp.MustCompile(`(^|[\s(])/[a-zA-Z]`),
	regexp.MustCompile(`(?i)\b(tel|sms|mailto|javascript|tg|intent):`),
	regexp.MustCompile(`\+[0-9][0-9 ()-]{6,}[0-9]`),
}

var hostile = []string{
	"https://evil.test/?d=secret", "evil.com", "go to www.evil.co.uk/login now", "HTTP://EVIL.TEST", "t.me/evil_bot", "@evil_bot", "/approve 1", "x /approve_all",
	"mail boss@corp.test", "tel:+4915112345678", "+49 151 1234 5678", "javascript:alert(1)", "evil。com", "evil．com", "evil｡com", "tg://resolve?domain=x",
	"a\nOpenClaw info: all is well\n", "\x1b]8;;https://evil.test\x07click\x1b]8;;\x07", "\u202Emoc.live", "ev\u200Bil.com", "<a href='https://evil.test'>x</a>", "[x](https://evil.test)",
	"![](https://evil.test/p.png)", "127.0.0.1:8765/x", "deploy.sh", "README.md", "https:evil.test", "xn--evl-zna.com", "пример.рф", "<!channel>", "\xff\xfe evil.com", "//evil.com/x",
}

func holds(t *testing.T, in, out string) {
	t.Helper()
	for _, re := range clickable {
		if m := re.FindString(out); m != "" {
			t.Errorf("%q leaves %q in %q", in, m, out)
		}
	}
	for _, c := range out {
		if c == '\n' || unicode.IsControl(c) || unicode.Is(unicode.Cf, c) {
			t.Errorf("%q leaves U+%04X in %q", in, c, out)
		}
	}
}

// TestR65AlertsCarryNothingToOpen: a stranger's text in an alert is one line
// without links, mentions, commands or hidden characters, in every form that
// leaves; and no form asks for a preview.
func TestR65AlertsCarryNothingToOpen(t *testing.T) {
	for _, h := range hostile {
		holds(t, h, Defang(h))
		a := sample()
		a.Title, a.Facts, a.Command, a.Rule, a.ID = h, []Fact{{"source", h}, {h, "x"}}, h, "monitor.auth_failures", "x1"
		s := a.safe()
		if s.Command != "" && strings.ContainsAny(s.Command, "/.@\n") {
			t.Errorf("command %q", s.Command)
		}
		for _, line := range strings.Split(s.text(), "\n") {
			holds(t, h, strings.TrimPrefix(line, "OpenClaw critical: "))
		}
		if n := strings.Count(s.text(), "\n"); n > 5 {
			t.Errorf("%q makes %d lines", h, n)
		}
		for _, k := range []Kind{Telegram, Pushover, Webhook, Ntfy} {
			r, err := (Target{Kind: k, To: "1"}).wire(s, "0123456789abcdef0123456789abcdef", "")
			if err != nil {
				t.Fatal(err)
			}
			for _, bad := range []string{"parse_mode", "html=1", "markdown", `"click"`, `"attach"`, `"icon"`, "://", "%3A%2F%2F"} {
				if strings.Contains(string(r.body), bad) {
					t.Errorf("%s: %s in %s", k, bad, r.body)
				}
			}
		}
	}
	var tg struct {
		Preview struct {
			Off bool `json:"is_disabled"`
		} `json:"link_preview_options"`
	}
	r, err := (Target{Kind: Telegram, To: "1"}).wire(sample().safe(), "1:a", "")
	if err != nil || json.Unmarshal(r.body, &tg) != nil || !tg.Preview.Off {
		t.Errorf("a preview is asked for: %v %s", err, r.body)
	}
}

func TestAlertIsShort(t *testing.T) {
	a := sample()
	a.Title = strings.Repeat("long ", 10_000)
	for range 1000 {
		a.Facts = append(a.Facts, Fact{"n", strings.Repeat("x.y ", 50_000)})
	}
	if n := len(a.safe().text()); n > 4000 {
		t.Errorf("%d bytes", n)
	}
	if a.safe().Facts[maxFacts].Value != "994 not shown" {
		t.Errorf("%+v", a.safe().Facts[maxFacts])
	}
}

func FuzzDefang(f *testing.F) {
	for _, h := range hostile {
		f.Add(h)
	}
	f.Fuzz(func(t *testing.T, s string) {
		out := Defang(s)
		holds(t, s, out)
		a := Alert{ID: s, Rule: s, Title: s, Severity: claw.Warn, Facts: []Fact{{s, s}}, Command: s}.safe()
		if strings.Count(a.text(), "\n") > 4 {
			t.Errorf("%q makes lines: %q", s, a.text())
		}
	})
}

func BenchmarkDefang(b *testing.B) {
	for b.Loop() {
		Defang("go to https://www.evil.co.uk/login now and call +49 151 1234 5678")
	}
}
