package app

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/budget"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/egress"
	"github.com/openclaw-go/openclaw/internal/metrics"
	"github.com/openclaw-go/openclaw/internal/model"
	"github.com/openclaw-go/openclaw/internal/posture"
)

// timed measures each request to a provider.
type timed struct {
	model.Provider
	app *App
}

// Stream asks the provider, and counts how it ended.
func (t timed) Stream(ctx context.Context, req model.Request) model.Stream {
	return func(yield func(model.Event, error) bool) {
		began, status := time.Now(), "ok"
		t.Provider.Stream(ctx, req)(func(e model.Event, err error) bool {
			if err != nil {
				status = "error"
			}
			return yield(e, err)
		})
		t.app.counters.Model(providerName(t.Provider), status, time.Since(began))
	}
}

func providerName(p model.Provider) string {
	if to := p.Destinations(); len(to) > 0 {
		return to[0].Provider
	}
	return "operator"
}

// serveMetrics answers Prometheus; the gateway has checked who asks.
func (s *alerts) serveMetrics(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", metrics.ContentType)
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(metrics.Text(s.families())) // the client went away: nothing to do
}

// families are all counters and what is measured at this moment.
func (s *alerts) families() []metrics.Family {
	set := s.app.counters
	set.Know("tool", toolNames())
	set.Know("provider", s.app.models.names())
	if m := s.watcher(); m != nil {
		m.Poll(s.app.life) // what is on record now counts now
	}
	return slices.Concat(set.Families(), s.gauges(), s.usage())
}

func toolNames() []string {
	var out []string
	for _, t := range builtTools() {
		out = append(out, string(t.Name()))
	}
	return out
}

// names of the providers that agents are configured for.
func (m *models) names() []string {
	out := []string{"operator"}
	for _, r := range m.List() {
		if !slices.Contains(out, r.Provider) {
			out = append(out, r.Provider)
		}
	}
	return out
}

func gauge(name, help string, v float64) metrics.Family {
	return metrics.Family{Name: name, Help: help, Kind: metrics.Gauge, Points: []metrics.Point{{Value: v}}}
}

func (s *alerts) gauges() []metrics.Family {
	a := s.app
	head := a.journal.Head()
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	running, waiting := a.sessions.states()
	out := []metrics.Family{
		gauge("openclaw_journal_entries", "Durable entries of the journal.", float64(head.Size)),
		gauge("openclaw_journal_signed_entries", "Entries that a checkpoint covers.", float64(head.Signed)),
		gauge("openclaw_sessions_running", "Sessions in which a turn goes on.", float64(len(running))),
		gauge("openclaw_approvals_waiting", "Questions that wait for a person.", float64(len(waiting))),
		gauge("openclaw_file_labels_damaged", "Lines of the record of where files come from that cannot be read.", float64(a.labels.Damaged())),
		gauge("openclaw_memory_heap_bytes", "Heap in use.", float64(mem.HeapInuse)),
		gauge("openclaw_goroutines", "Goroutines.", float64(runtime.NumGoroutine())),
		gauge("openclaw_start_time_seconds", "When the gateway started, in seconds since 1970.", float64(a.started.Unix())),
	}
	alertsOut := s.out.List()
	n := 0
	for _, t := range alertsOut.Targets {
		n += t.Waiting
	}
	in := 1.0
	if a.posture.notInForce() != "" {
		in = 0
	}
	return append(out, gauge("openclaw_alerts_waiting", "Alerts that did not reach their target yet.", float64(n)),
		gauge("openclaw_config_in_force", "1 when the configuration on disk is what is in force.", in))
}

// usage is what configured agents have used today.
func (s *alerts) usage() []metrics.Family {
	a := s.app
	tokens := metrics.Family{Name: "openclaw_model_tokens_today", Help: "Tokens that an agent has used today.", Kind: metrics.Gauge}
	cost := metrics.Family{Name: "openclaw_model_cost_usd_today", Help: "US dollars that an agent has used today.", Kind: metrics.Gauge}
	calls := metrics.Family{Name: "openclaw_tool_calls_today", Help: "Tool calls of an agent today.", Kind: metrics.Gauge}
	messages := metrics.Family{Name: "openclaw_messages_today", Help: "Messages of an agent today.", Kind: metrics.Gauge}
	for _, ag := range a.posture.now().Agents {
		own, _, _, err := a.ledger.Used(ag.ID)
		if err != nil {
			continue
		}
		add := func(f *metrics.Family, v float64) {
			f.Points = append(f.Points, metrics.Point{Value: v, Labels: []metrics.Label{{Name: "agent", Value: string(ag.ID)}}})
		}
		add(&tokens, float64(own.Tokens))
		add(&cost, dollars(own))
		add(&calls, float64(own.Calls))
		add(&messages, float64(own.Messages))
	}
	return []metrics.Family{tokens, cost, calls, messages}
}

func dollars(u budget.Use) float64 { return budget.Dollars(u.Nanos) }

// export sends metrics to a collector while the configuration names one.
func (s *alerts) export() {
	failed := ""
	timer := time.NewTimer(time.Minute)
	defer timer.Stop()
	for {
		x := posture.WatchOf(s.app.posture.config()).Export
		wait := time.Minute
		if x.URL != "" {
			wait = x.Every
		}
		timer.Reset(wait)
		select {
		case <-s.app.life.Done():
			return
		case <-timer.C:
		}
		if x.URL == "" {
			continue
		}
		err := s.push(s.app.life, x)
		switch now := errText(err); {
		case now == failed:
		case err != nil && s.app.life.Err() == nil:
			s.app.log.Warn("metrics were not exported", "error", err)
			failed = now
		default:
			failed = now
		}
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// push makes one export.
func (s *alerts) push(ctx context.Context, x posture.MetricsExport) error {
	u, err := url.Parse(x.URL)
	if err != nil || u.Host == "" {
		return errors.New("diagnostics.otel: the endpoint is no address")
	}
	client, err := s.app.rim.client(egress.Fixed{Name: "metrics", Origins: []string{u.Scheme + "://" + u.Host}, Timeout: time.Minute})
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	set := s.app.counters
	body, err := metrics.OTLP(s.families(), metrics.Source{Service: x.Service, Version: s.app.version, Start: set.Start(), Now: time.Now()})
	if err != nil {
		return err
	}
	return metrics.Push(ctx, client, x.URL, body, func(h http.Header) error {
		for _, e := range x.Headers {
			if err := s.header(ctx, h, e.Name, e.Value); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *alerts) header(ctx context.Context, h http.Header, name string, ref config.SecretRef) error {
	v, err := s.app.secrets.resolve(ctx, "diagnostics.otel.headers."+name, ref)
	if err != nil {
		return err
	}
	return v.Use(func(b []byte) error {
		if strings.ContainsAny(string(b), "\r\n") {
			return errors.New("a line break in its value")
		}
		h.Set(name, string(b))
		return nil
	})
}
