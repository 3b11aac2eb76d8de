package posture

import (
	"fmt"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
)

// Watch is how a home is watched and whom it tells. It bears on no decision,
// so it is no part of a Posture and of its seal.
type Watch struct {
	Nightly Nightly
	Monitor Monitor
	Targets []AlertTarget
	Export  MetricsExport
}

// Nightly is the audit of every night.
type Nightly struct {
	Enabled bool
	// At is a time of day, "03:00".
	At       string
	Deep     bool
	KeepDays int
	Alert    bool
	Least    claw.Severity // of a new finding that alerts
}

// Monitor holds the thresholds.
type Monitor struct {
	Enabled bool
	// AuthNormal failures in an hour are normal, above AuthInvestigate there
	// is an alert.
	AuthNormal, AuthInvestigate int
	ModelCalls                  float64 // times the usual
	NewSessions                 int
	LearnDays                   int
	Drift                       time.Duration
	// QuietFrom and QuietTo are times of day; empty is no quiet hours.
	QuietFrom, QuietTo string
}

// AlertTarget is one place that alerts go to.
type AlertTarget struct {
	Name, Kind, URL, To, From string
	// User and Token are of kind NoSecret when there is none.
	User, Token config.SecretRef
	Least       claw.Severity
	Where       claw.ConfigRef
}

// MetricsExport is where metrics are sent; no URL is nowhere.
type MetricsExport struct {
	URL     string
	Headers []ExportHeader
	Service string
	Every   time.Duration
}

// ExportHeader is a header of each request.
type ExportHeader struct {
	Name  string
	Value config.SecretRef
}

// Defaults of a Watch (guide, Monitoring; its own where the guide names none).
const (
	defaultAt          = "03:00"
	defaultKeepDays    = 30
	defaultAuthNormal  = 5
	defaultAuthLook    = 10
	defaultModelFactor = 2
	defaultSessions    = 10
	defaultLearnDays   = 3
	defaultDrift       = 10 * time.Minute
	defaultExport      = time.Minute
	leastExport        = time.Second
)

// WatchOf says how the home of a configuration is watched. It is total: what
// was not understood becomes the default, or what tells more.
func WatchOf(c *config.Config) Watch {
	n := c.Security.Nightly
	w := Watch{Nightly: Nightly{Enabled: n.Enabled.Or(true), At: n.At.Or(defaultAt), Deep: n.Deep.Or(true), KeepDays: n.KeepDays.Or(defaultKeepDays), Alert: true, Least: claw.Critical}}
	if n.AlertOn.Invalid {
		w.Nightly.Least = claw.Info
	}
	switch n.AlertOn.V {
	case "never":
		w.Nightly.Alert = false
	case "warn":
		w.Nightly.Least = claw.Warn
	case "info":
		w.Nightly.Least = claw.Info
	}
	m := c.Monitor
	w.Monitor = Monitor{Enabled: m.Enabled.Or(true), AuthNormal: m.AuthFailures.Normal.Or(defaultAuthNormal), AuthInvestigate: m.AuthFailures.Investigate.Or(defaultAuthLook),
		ModelCalls: m.ModelCalls.Or(defaultModelFactor), NewSessions: m.NewSessions.Or(defaultSessions), LearnDays: m.LearnDays.Or(defaultLearnDays), Drift: time.Duration(m.Drift.Or(config.Duration(defaultDrift)))}
	if q := m.QuietHours; q.From.Set && q.To.Set {
		w.Monitor.QuietFrom, w.Monitor.QuietTo = q.From.V, q.To.V
	}
	w.Targets = alertTargets(c.Notify.Targets)
	w.Export = export(&c.Diagnostics)
	return w
}

// alertTargets keeps what is broken too: its sender says what is wrong with it.
func alertTargets(list []config.NotifyTarget) []AlertTarget {
	taken := map[string]bool{}
	var out []AlertTarget
	for i := range list {
		t := &list[i]
		a := AlertTarget{Name: t.Name.V, Kind: t.Type.V, URL: t.URL.V, To: t.To.V, From: t.From.V, User: t.User.V, Token: t.Token.V, Least: claw.Critical, Where: t.Origin.Ref}
		if a.Name == "" {
			a.Name = a.Kind
		}
		for base, n := a.Name, 2; taken[a.Name]; n++ {
			a.Name = fmt.Sprintf("%s-%d", base, n)
		}
		taken[a.Name] = true
		switch {
		case t.Severity.V == "info" || t.Severity.Invalid:
			a.Least = claw.Info
		case t.Severity.V == "warn":
			a.Least = claw.Warn
		}
		out = append(out, a)
	}
	return out
}

func export(d *config.Diagnostics) MetricsExport {
	o := &d.OTel
	if !d.Enabled.Or(true) || !o.Enabled.Or(false) || !o.Metrics.Or(true) {
		return MetricsExport{}
	}
	e := MetricsExport{URL: o.MetricsE.V, Service: o.Service.Or("openclaw"), Every: max(time.Duration(o.Flush.Or(config.Duration(defaultExport))), leastExport)}
	if base := o.Endpoint.V; e.URL == "" && base != "" {
		for base[len(base)-1] == '/' && len(base) > 1 {
			base = base[:len(base)-1]
		}
		e.URL = base + "/v1/metrics"
	}
	for _, h := range o.Headers {
		e.Headers = append(e.Headers, ExportHeader{h.Key, h.V.V})
	}
	return e
}
