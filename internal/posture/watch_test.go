package posture

import (
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
)

func watchOf(t *testing.T, text string) (Watch, config.Problems) {
	t.Helper()
	c, ps := config.ParseBytes("openclaw.json", []byte(text), nil)
	return WatchOf(c), ps
}

func TestWatchDefaults(t *testing.T) {
	w, ps := watchOf(t, `{}`)
	want := Nightly{Enabled: true, At: "03:00", Deep: true, KeepDays: 30, Alert: true, Least: claw.Critical}
	if len(ps) > 0 || w.Nightly != want || len(w.Targets) != 0 || w.Export.URL != "" {
		t.Errorf("%v %+v", ps, w)
	}
	if m := w.Monitor; m != (Monitor{Enabled: true, AuthNormal: 5, AuthInvestigate: 10, ModelCalls: 2, NewSessions: 10, LearnDays: 3, Drift: 10 * time.Minute}) {
		t.Errorf("%+v", m)
	}
}

func TestWatchIsRead(t *testing.T) {
	w, ps := watchOf(t, `{
		security: { nightly: { enabled: true, at: "04:30", deep: false, keepDays: 7, alertOn: "warn" } },
		notify: { targets: [ { type: "telegram", to: 7, token: { $env: "BOT" } }, { type: "smtp", url: "smtp://mx.test:587", to: "a@b.test", from: "c@d.test", severity: "warn" },
			{ type: "telegram", to: "8", token: "x", severity: "info" }, { name: "phone", type: "pushover" } ] },
		monitor: { authFailures: { normal: 3, investigate: 6 }, modelCalls: 3, quietHours: { from: "22:00", to: "07:00" } },
		diagnostics: { enabled: true, otel: { enabled: true, endpoint: "http://127.0.0.1:4318/", headers: { authorization: { $env: "OTLP" } }, flushIntervalMs: 5000 } } }`)
	if len(ps) != 1 { // smtp is an older word for mail
		t.Errorf("%v", ps)
	}
	if w.Nightly != (Nightly{Enabled: true, At: "04:30", KeepDays: 7, Alert: true, Least: claw.Warn}) {
		t.Errorf("%+v", w.Nightly)
	}
	names := []string{}
	for _, x := range w.Targets {
		names = append(names, x.Name+" "+x.Kind+" "+x.To+" "+x.Least.String())
	}
	want := []string{"telegram telegram 7 critical", "mail mail a@b.test warn", "telegram-2 telegram 8 info", "phone pushover  critical"}
	for i := range want {
		if i >= len(names) || names[i] != want[i] {
			t.Errorf("%q, expected %q", names, want)
			break
		}
	}
	if w.Monitor.AuthInvestigate != 6 || w.Monitor.QuietFrom != "22:00" || w.Monitor.ModelCalls != 3 {
		t.Errorf("%+v", w.Monitor)
	}
	if e := w.Export; e.URL != "http://127.0.0.1:4318/v1/metrics" || e.Every != 5*time.Second || len(e.Headers) != 1 || e.Headers[0].Value.Kind != config.SecretEnv {
		t.Errorf("%+v", e)
	}
}

// What was not understood never tells less.
func TestWatchNotUnderstood(t *testing.T) {
	w, ps := watchOf(t, `{ security: { nightly: { enabled: "perhaps", alertOn: "sometimes" } }, notify: { targets: [ { type: "telegram", severity: "loud" } ] }, monitor: { enabled: 7, quietHours: { from: "late", to: "07:00" } } }`)
	if len(ps) < 4 || !w.Nightly.Enabled || !w.Nightly.Alert || w.Nightly.Least != claw.Info || !w.Monitor.Enabled || w.Monitor.QuietFrom != "" || w.Targets[0].Least != claw.Info {
		t.Errorf("%v %+v", ps, w)
	}
}
