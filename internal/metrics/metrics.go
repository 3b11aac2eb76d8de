// Package metrics counts what the record tells, for machines that draw it. It
// refuses to let what strangers write become the name of a series, or their
// number grow with what they send.
package metrics

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/openclaw-go/openclaw/internal/monitor"
)

// Kind of a family.
type Kind uint8

// Kinds.
const (
	Counter Kind = iota
	Gauge
	Histogram
)

// Family is one measure with its series.
type Family struct {
	Name, Help string
	Kind       Kind
	Points     []Point
}

// Point is one series.
type Point struct {
	Labels []Label
	Value  float64
	// Of a histogram.
	Counts []uint64 // one more than Bounds
	Bounds []float64
	Sum    float64
}

// Label is a name with its value.
type Label struct{ Name, Value string }

const (
	// maxSeries of one family; what comes after is counted as "other".
	maxSeries = 128
	other     = "other"
)

// seconds are the bounds of durations, waits those of people, syncs of disks.
var (
	seconds = []float64{0.005, 0.02, 0.1, 0.5, 1, 5, 20, 60, 300}
	syncs   = []float64{0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.25, 1}
	waits   = []float64{1, 5, 15, 60, 300, 1800, 7200}
)

// spec is a family that is counted here.
type spec struct {
	name, help string
	kind       Kind
	labels     []string
	bounds     []float64
}

type name uint8

const (
	authFailures name = iota
	authSuccesses
	decisions
	answers
	answerWait
	execRuns
	tools
	toolTime
	egress
	models
	modelTime
	sessions
	labelChanges
	configChanges
	alerts
	syncTime
	dropped
	nameCount
)

// specs has a row for every name.
var specs = [nameCount]spec{
	authFailures:  {"openclaw_auth_failures_total", "Failed sign-ins.", Counter, nil, nil},
	authSuccesses: {"openclaw_auth_successes_total", "Sign-ins.", Counter, nil, nil},
	decisions:     {"openclaw_decisions_total", "Decisions about calls, by verdict and rule.", Counter, []string{"verdict", "rule"}, nil},
	answers:       {"openclaw_approvals_total", "Questions that ended, by how.", Counter, []string{"state"}, nil},
	answerWait:    {"openclaw_approval_wait_seconds", "How long questions waited for an answer.", Histogram, nil, waits},
	execRuns:      {"openclaw_exec_runs_total", "Commands that ran, by the confinement that the kernel enforced.", Counter, []string{"level", "status"}, nil},
	tools:         {"openclaw_tool_execution_total", "Tools that ran, by how it ended.", Counter, []string{"tool", "status"}, nil},
	toolTime:      {"openclaw_tool_execution_duration_seconds", "How long tools ran.", Histogram, []string{"tool"}, seconds},
	egress:        {"openclaw_egress_requests_total", "Destinations that were decided about.", Counter, []string{"kind", "verdict"}, nil},
	models:        {"openclaw_model_call_total", "Requests to model providers.", Counter, []string{"provider", "status"}, nil},
	modelTime:     {"openclaw_model_call_duration_seconds", "How long requests to model providers took.", Histogram, []string{"provider"}, seconds},
	sessions:      {"openclaw_sessions_new_total", "Sessions that began.", Counter, nil, nil},
	labelChanges:  {"openclaw_label_changes_total", "Changes of what is known of where data comes from.", Counter, nil, nil},
	configChanges: {"openclaw_config_changes_total", "Changes of the configuration, by what became of them.", Counter, []string{"what"}, nil},
	alerts:        {"openclaw_alerts_total", "Alerts that were raised.", Counter, []string{"rule", "severity"}, nil},
	syncTime:      {"openclaw_journal_sync_duration_seconds", "How long the disk took to keep entries of the journal.", Histogram, nil, syncs},
	dropped:       {"openclaw_prometheus_series_dropped_total", "Observations that were counted as other.", Counter, nil, nil},
}

// vocabularies are all values that some labels have.
var vocabularies = map[string][]string{
	"verdict":  {"allow", "ask", "deny"},
	"state":    {"allowed", "denied", "expired", "voided"},
	"status":   {"done", "failed", "refused", "stopped", "approval-pending", "ok", "error"},
	"level":    {"process", "confined", "isolated", "container"},
	"kind":     {"fetch", "proxy", "connect", "client"},
	"what":     {"applied", "held", "broken", "stopped", "written", "standing"},
	"severity": {"info", "warn", "critical"},
}

type series struct {
	labels []string
	value  float64
	counts []uint64
	sum    float64
}

// Set counts. It is safe for concurrent use.
type Set struct {
	start time.Time

	mu sync.Mutex
	// known values of the labels tool and provider.
	known    map[string][]string
	families [nameCount]map[string]*series
	asked    map[uint64]time.Time // questions by entry
}

// New begins at zero.
func New(now func() time.Time) *Set {
	s := &Set{start: now(), known: map[string][]string{}, asked: map[uint64]time.Time{}}
	for i := range s.families {
		s.families[i] = map[string]*series{}
		if specs[i].labels == nil && specs[i].kind == Counter {
			s.at(name(i))
		}
	}
	return s
}

// Know says which values a label has; all others are "other".
func (s *Set) Know(label string, values []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(values) > maxSeries/4 {
		values = values[:maxSeries/4]
	}
	s.known[label] = slices.Clone(values)
}

// allowed is the value that a label takes for a text.
func (s *Set) allowed(label, text string) string {
	if v, ok := vocabularies[label]; ok {
		if slices.Contains(v, text) {
			return text
		}
		return other
	}
	if label == "rule" {
		if isRule(text) {
			return text
		}
		return other
	}
	if slices.Contains(s.known[label], text) {
		return text
	}
	return other
}

// isRule reports that a text has the form of a rule's name: two or three short
// words in lower case.
func isRule(s string) bool {
	if s == "" || len(s) > 48 || strings.Count(s, ".") > 2 || strings.Count(s, ".") == 0 {
		return false
	}
	for _, c := range s {
		if (c < 'a' || c > 'z') && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

// at is the series of a family with these label values.
func (s *Set) at(n name, values ...string) *series {
	sp, f := &specs[n], s.families[n]
	folded := false
	for i := range values {
		got := s.allowed(sp.labels[i], values[i])
		folded = folded || got != values[i]
		values[i] = got
	}
	key := strings.Join(values, "\x00")
	x := f[key]
	if x == nil && len(f) >= maxSeries {
		for i := range values {
			values[i] = other
		}
		folded = true
		key = strings.Join(values, "\x00")
		x = f[key]
	}
	if x == nil {
		x = &series{labels: values}
		if sp.kind == Histogram {
			x.counts = make([]uint64, len(sp.bounds)+1)
		}
		f[key] = x
	}
	if folded {
		s.families[dropped][""].value++
	}
	return x
}

func (s *Set) count(n name, by int, values ...string) { s.at(n, values...).value += float64(by) }

func (s *Set) took(n name, d time.Duration, values ...string) {
	x := s.at(n, values...)
	v := max(d.Seconds(), 0)
	i, _ := slices.BinarySearch(specs[n].bounds, v)
	x.counts[i]++
	x.sum += v
}

// maxAsked bounds the questions whose waiting is measured.
const maxAsked = 1000

// Observe counts one entry of the record.
func (s *Set) Observe(h monitor.Happening) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch h.Kind {
	case monitor.AuthFailure:
		s.count(authFailures, h.Count)
	case monitor.AuthSuccess:
		s.count(authSuccesses, 1)
	case monitor.Decided:
		s.count(decisions, 1, h.Verdict, h.Rule)
		if h.Verdict == "ask" && len(s.asked) < maxAsked {
			s.asked[h.Seq] = h.At
		}
	case monitor.Answer:
		s.count(answers, 1, h.Status)
		if at, ok := s.asked[h.Asked]; ok && h.Asked > 0 {
			delete(s.asked, h.Asked)
			s.took(answerWait, h.At.Sub(at))
		} else if len(s.asked) >= maxAsked {
			clear(s.asked)
		}
	case monitor.Effect:
		if h.Level != "" {
			s.count(execRuns, 1, h.Level, h.Status)
		}
		s.count(tools, 1, h.Tool, h.Status)
		s.took(toolTime, h.Took, h.Tool)
	case monitor.WentOut:
		s.count(egress, 1, h.What, h.Verdict)
	case monitor.SessionNew:
		s.count(sessions, 1)
	case monitor.Labelled:
		s.count(labelChanges, 1)
	case monitor.ConfigChange:
		s.count(configChanges, 1, h.What)
	case monitor.Alerted:
		s.count(alerts, 1, h.Rule, h.Status)
	case monitor.Other, monitor.Exec, monitor.ModelCall, monitor.Sealed, monitor.Audited:
	}
}

// Model counts a request to a model provider.
func (s *Set) Model(provider, status string, d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count(models, 1, provider, status)
	s.took(modelTime, d, provider)
}

// Synced counts a sync of the journal.
func (s *Set) Synced(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.took(syncTime, d)
}

// Families are all series as they are now, in order.
func (s *Set) Families() []Family {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Family, 0, nameCount)
	for i := range s.families {
		sp := specs[i]
		f := Family{Name: sp.name, Help: sp.help, Kind: sp.kind}
		for _, x := range s.families[i] {
			p := Point{Value: x.value, Counts: slices.Clone(x.counts), Sum: x.sum}
			if sp.kind == Histogram {
				p.Bounds = sp.bounds
			}
			for j, v := range x.labels {
				p.Labels = append(p.Labels, Label{sp.labels[j], v})
			}
			f.Points = append(f.Points, p)
		}
		slices.SortFunc(f.Points, func(a, b Point) int {
			return slices.CompareFunc(a.Labels, b.Labels, func(x, y Label) int { return strings.Compare(x.Value, y.Value) })
		})
		out = append(out, f)
	}
	return out
}

// Start is when counting began.
func (s *Set) Start() time.Time { return s.start }
