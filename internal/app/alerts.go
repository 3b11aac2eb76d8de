package app

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/egress"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/monitor"
	"github.com/openclaw-go/openclaw/internal/notify"
	"github.com/openclaw-go/openclaw/internal/posture"
	"github.com/openclaw-go/openclaw/internal/schedule"
	"github.com/openclaw-go/openclaw/internal/store"
)

// alerts watches the home and tells people. Without a listening gateway only
// its targets are there.
type alerts struct {
	app *App
	out *notify.Notifier
	of  *config.Config // whose targets and thresholds hold

	mu      sync.Mutex
	monitor *monitor.Monitor
	tasks   *schedule.Tasks
}

// lookEvery is how often the record is looked at.
const lookEvery = 2 * time.Second

// openAlerts takes up what waits to be told.
func (a *App) openAlerts() error {
	s := &alerts{app: a}
	out, err := notify.Open(notify.Options{Dir: filepath.Join(a.paths.State, "notify"), Now: time.Now, Report: a.report("alerts"), Record: s.sent,
		World: notify.World{HTTP: func(name, origin string) (*http.Client, error) {
			return a.rim.client(egress.Fixed{Name: name, Origins: []string{origin}, Timeout: time.Minute})
		}, Dial: a.egress.Line, Roots: a.egress.Roots}})
	if err != nil {
		return err
	}
	s.out = out
	s.configure(a.posture.config())
	a.alerts = s
	return nil
}

// configure takes the targets and thresholds of a configuration.
func (s *alerts) configure(c *config.Config) {
	w := posture.WatchOf(c)
	var targets []notify.Target
	for _, t := range w.Targets {
		targets = append(targets, notify.Target{Name: t.Name, Kind: notify.Kind(t.Kind), URL: t.URL, To: t.To, From: t.From, Least: t.Least,
			User: s.secret(t, t.User), Token: s.secret(t, t.Token)})
	}
	s.of = c
	s.out.Set(targets)
	if m := s.watcher(); m != nil {
		m.Set(w.Monitor)
	}
}

// alertSecret lends a credential of a target, each time anew and on record.
type alertSecret struct {
	app *App
	who string
	ref config.SecretRef
	url string
}

// Use implements notify.Secret.
func (s alertSecret) Use(f func([]byte) error) error {
	return s.app.secrets.key(s.ref, s.who, s.url).Use(f)
}

func (s *alerts) secret(t posture.AlertTarget, ref config.SecretRef) notify.Secret {
	if ref.Kind == config.NoSecret {
		return nil
	}
	return alertSecret{s.app, "notify " + t.Name, ref, t.URL}
}

// watcher is nil while nothing listens.
func (s *alerts) watcher() *monitor.Monitor {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.monitor
}

// start watches until the gateway ends.
func (s *alerts) start() error {
	a := s.app
	m, err := monitor.Open(monitor.Options{Dir: filepath.Join(a.paths.State, "monitor"), Record: a.journal, Look: s.look, Clock: time.Now,
		Elapsed: func() time.Duration { return time.Since(a.started) }, Raised: s.raised, Report: a.report("monitor"), Also: a.counters.Observe,
		Send: func(x notify.Alert) error { _, err := s.out.Raise(x); return err }}, posture.WatchOf(a.posture.config()).Monitor)
	if err != nil {
		return err
	}
	m.Started(a.posture.contentHash())
	s.mu.Lock()
	s.monitor = m
	s.tasks = schedule.OpenTasks(a.store.Documents(store.FolderCron), time.Now, a.report("schedule"))
	s.mu.Unlock()
	a.wg.Go(func() { s.out.Run(a.life) })
	a.wg.Go(s.watch)
	a.wg.Go(a.nights)
	a.wg.Go(s.export)
	return nil
}

func (s *alerts) watch() {
	m := s.watcher()
	defer m.Close()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-s.app.life.Done():
			return
		case <-tick.C:
			m.Poll(s.app.life)
			if c := s.app.posture.config(); c != s.of {
				m.Poll(s.app.life) // who was told until now hears of it
				s.configure(c)
			}
		}
	}
}

// look is what the monitor asks the gateway.
func (s *alerts) look() monitor.Now {
	n := monitor.Now{Size: s.app.journal.Head().Size, Live: s.app.posture.now().Generation, NotInForce: s.app.posture.notInForce()}
	if j := s.app.record.last(); j.State == "damaged" {
		n.Damage = j.Problem
	}
	return n
}

// raised has the journal keep an alert before anything leaves.
func (s *alerts) raised(ctx context.Context, c monitor.Condition) error {
	_, err := s.app.journal.Append(ctx, journal.Entry{Event: monitor.EventAlert, Data: struct {
		ID       string        `json:"id"`
		Rule     string        `json:"rule"`
		Severity string        `json:"severity"`
		Title    string        `json:"title"`
		Facts    []notify.Fact `json:"facts,omitempty"`
		First    uint64        `json:"firstEntry,omitempty"`
		Last     uint64        `json:"lastEntry,omitempty"`
	}{c.ID, c.Rule, c.Severity.String(), c.Title, c.Facts, c.FirstSeq, c.LastSeq}})
	if err == nil {
		s.app.log.Warn("alert", "id", c.ID, "rule", c.Rule, "severity", c.Severity.String(), "title", c.Title)
	}
	return err
}

// sent keeps what became of an alert at a target.
func (s *alerts) sent(t notify.Attempt) {
	if _, err := s.app.journal.Append(context.Background(), journal.Entry{Event: monitor.EventSent, Data: t}); err != nil && !errors.Is(err, journal.ErrClosed) {
		s.app.log.Error("what became of an alert is not on record", "error", err)
	}
	if t.Status != notify.Delivered {
		s.app.log.Warn("an alert did not arrive", "target", t.Target, "alert", t.Alert, "status", string(t.Status), "reason", t.Why)
	}
}

// tell reports something that another part of the gateway has found.
func (s *alerts) tell(ctx context.Context, id, rule string, sev claw.Severity, title string, facts []notify.Fact, command string) {
	if m := s.watcher(); m != nil {
		m.Report(ctx, id, rule, sev, title, facts, command)
	}
}

func (s *alerts) over(id string) {
	if m := s.watcher(); m != nil {
		m.Over(id)
	}
}

// contentHash names the configuration that was read last.
func (h *holder) contentHash() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.seen.loaded == nil {
		return ""
	}
	return h.seen.loaded.Hash
}
