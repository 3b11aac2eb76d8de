package skillscan

import (
	"regexp"
	"strings"
	"sync"

	"github.com/openclaw-go/openclaw/internal/filter"
)

// secrets finds credentials that a skill carries in its files.
func (s *scan) secrets(name, t string) {
	if len(t) > 1<<20 {
		t = t[:1<<20]
	}
	n := 0
	for l := range strings.SplitSeq(t, "\n") {
		n++
		if len(l) > 1<<13 || !likelyCredential(l) {
			continue
		}
		if m := webhook().FindString(l); m != "" && !strings.Contains(strings.ToLower(m), "xxx") && !strings.Contains(m, "000/000") {
			s.found("secret.literal", name, n, l)
			continue
		}
		var r *filter.Redactor
		for _, f := range r.Find(l) {
			if v := l[f.Start:f.End]; genuine(v, l) {
				s.found("secret.literal", name, n, l)
				break
			}
		}
	}
}

// webhook is an address that is a credential by itself.
var webhook = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`/api/webhooks/\d{10,}/[A-Za-z0-9_-]{10,}|hooks\.slack\.com/services/T[A-Z0-9]{6,}/B[A-Z0-9]{6,}/[A-Za-z0-9]{16,}|/bot\d{8,}:[A-Za-z0-9_-]{30,}`)
})

// likelyCredential is a cheap look before the thorough one.
func likelyCredential(l string) bool {
	for _, p := range [...]string{"ghp_", "gho_", "ghs_", "github_pat_", "sk-", "sk_live_", "rk_live_", "AKIA", "ASIA", "AIza", "xoxb-", "xoxp-", "xapp-", "glpat-", "npm_", "PRIVATE KEY", "SG.", "hf_", "pypi-", "dop_v1_", "ya29.", "bot", ":AA", "AGE-SECRET-KEY", "/api/webhooks/", "hooks.slack.com/services/"} {
		if strings.Contains(l, p) {
			return true
		}
	}
	return false
}

// genuine tells a credential from what documents and tests write.
func genuine(v, l string) bool {
	low := strings.ToLower(v)
	for _, w := range [...]string{"example", "xxxx", "0000000", "placeholder", "your", "fake", "dummy", "test_", "_test", "sample", "redacted", "changeme", "...", "…", "1234567890", "abcdefghij", "<", "$", "{"} {
		if strings.Contains(low, w) {
			return false
		}
	}
	ll := strings.ToLower(l)
	if strings.Contains(ll, "[a-z") || strings.Contains(ll, "\\w") || strings.Contains(ll, "example") {
		return false
	}
	return len(v) >= 16 && filter.Bits(v) > 60
}

// pools finds miners and where they report.
func (s *scan) pools(file string, n int, t string) {
	for _, w := range [...]string{"stratum+tcp://", "stratum+ssl://", "stratum2+", "xmrig", "cryptonight", "--donate-level", "minerd ", "randomx"} {
		if i := strings.Index(t, w); i >= 0 && (i+len(w) < len(t)-3 || w == "xmrig") {
			if w[0] == 's' && !strings.ContainsAny(t[i+len(w):i+len(w)+1], "abcdefghijklmnopqrstuvwxyz0123456789$\x00") {
				continue
			}
			s.found("mine.pool", file, n, t)
			return
		}
	}
}
