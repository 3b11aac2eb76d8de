package app_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/vault"
)

// TestExecProviders asks real programs of the system for a secret: one that
// answers, and ones that hang, say nothing, print too much, fail, or answer
// for another id. None of them holds anything up, and no error repeats what
// was printed.
func TestExecProviders(t *testing.T) {
	h := newHome(t)
	const value = "vL4-q8Xn2-Tz7Rk-91Wd"
	answers := func(id string) string {
		return fmt.Sprintf(`["{\"protocolVersion\":1,\"values\":{\"%s\":\"%s\"}}"]`, id, value)
	}
	h.configure(`{ secrets: { providers: {
		good: { source: "exec", command: "/usr/bin/printf", args: ` + answers("a/key") + ` },
		other: { source: "exec", command: "/usr/bin/printf", args: ` + answers("another") + ` },
		hangs: { source: "exec", command: "/usr/bin/sleep", args: ["600"], timeoutMs: 300 },
		silent: { source: "exec", command: "/usr/bin/sleep", args: ["600"], timeoutMs: 60000, noOutputTimeoutMs: 300 },
		much: { source: "exec", command: "/usr/bin/yes", args: ["` + value + `"], maxOutputBytes: 1000 },
		fails: { source: "exec", command: "/usr/bin/false" },
		absent: { source: "exec", command: "/usr/bin/no-such-program" },
		mine: { source: "exec", command: "` + h.paths.Secrets + `" },
	} } }`)
	a := h.open()
	t.Cleanup(func() { _ = a.Close() })
	for _, row := range []struct{ provider, why string }{
		{"good", ""}, {"good", ""}, {"other", "no text"}, {"hangs", "failed"}, {"silent", "failed"}, {"much", "more than 1000"}, {"fails", "failed"}, {"absent", "not there"}, {"mine", "lets others"},
	} {
		began := time.Now()
		v, err := a.ResolveSecret(t.Context(), "models.default.apiKey", config.SecretRef{Kind: config.SecretExec, Provider: row.provider, ID: "a/key"})
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("%s took %s", row.provider, took)
		}
		if row.why == "" {
			if err != nil || !v.Equal([]byte(value)) {
				t.Errorf("%s: %v", row.provider, err)
			}
			continue
		}
		var u *vault.UnresolvedError
		if !errors.As(err, &u) || u.Key != "models.default.apiKey" || strings.Contains(err.Error(), value) {
			t.Errorf("%s: %v", row.provider, err)
		}
		if row.provider != "mine" && !strings.Contains(err.Error(), row.why) {
			t.Errorf("%s: %v, expected %q", row.provider, err, row.why)
		}
	}
}
