package audit

import (
	"cmp"
	"fmt"
	"path"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/answer"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/posture"
)

// Verdict is how a check ended. The zero value is unmeasured.
type Verdict string

// Verdicts.
const (
	Unmeasured    Verdict = ""
	Pass          Verdict = "pass"
	Fail          Verdict = "fail"
	NotApplicable Verdict = "not-applicable"
)

func (v Verdict) String() string {
	if v == Unmeasured {
		return "unmeasured"
	}
	return string(v)
}

// MarshalText prints the verdict's word.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads it; an unknown word is unmeasured.
func (v *Verdict) UnmarshalText(b []byte) error {
	switch Verdict(b) {
	case Pass, Fail, NotApplicable:
		*v = Verdict(b)
	default:
		*v = Unmeasured
	}
	return nil
}

// Area groups checks, in the order of the guide's six categories and further.
type Area string

// Areas.
const (
	AreaInbound Area = "inbound"
	AreaBlast   Area = "blast-radius"
	AreaExec    Area = "exec"
	AreaNetwork Area = "network"
	AreaFiles   Area = "files"
	AreaPlugins Area = "plugins"
	AreaSecrets Area = "credentials"
	AreaLogging Area = "monitoring"
	AreaConfig  Area = "config"
	AreaModels  Area = "models"
	AreaSandbox Area = "sandbox"
)

// Check is one row of the catalogue.
type Check struct {
	// ID is the guide's, else upstream's, else ours. A "*" stands for one
	// element that depends on the home (channels.*.dm.open).
	ID string
	// Aliases are other ids of the same thing.
	Aliases []string
	Area    Area
	// Severity is the highest that its findings have.
	Severity claw.Severity
	// Why says in a sentence or two what goes wrong otherwise.
	Why string
	// Fix says what to do.
	Fix string
	// Source is a section of the guide, an advisory, or a fact about systems.
	Source string
	// Good: a finding of it reports something that is right (the guide's
	// dmPolicy_pairing).
	Good bool
	// Run judges.
	Run func(*Subject) Outcome
}

// Outcome is what a check said. The zero value is unmeasured.
type Outcome struct {
	Verdict Verdict
	// Reason of not-applicable and unmeasured, evidence of pass.
	Reason   string
	Findings []Finding
}

// Finding is one thing to say.
type Finding struct {
	CheckID     string        `json:"checkId"`
	Severity    claw.Severity `json:"severity"`
	Title       string        `json:"title"`
	Detail      string        `json:"detail"`
	Remediation string        `json:"remediation,omitempty"`
	Aliases     []string      `json:"aliases,omitempty"`
	// Where is the place in the configuration, or a file.
	Where    Where  `json:"where,omitzero"`
	Observed string `json:"observed,omitempty"`
	Expected string `json:"expected,omitempty"`
	// Evidence are facts that the finding rests on.
	Evidence []string `json:"evidence,omitempty"`
}

// Where is a place.
type Where struct {
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Pointer string `json:"pointer,omitempty"`
}

// Result is how one check ended.
type Result struct {
	ID       string        `json:"id"`
	Aliases  []string      `json:"aliases,omitempty"`
	Area     Area          `json:"area"`
	Severity claw.Severity `json:"severity"`
	Verdict  Verdict       `json:"verdict"`
	Reason   string        `json:"reason,omitempty"`
}

// Summary counts findings.
type Summary struct {
	Critical int `json:"critical"`
	Warn     int `json:"warn"`
	Info     int `json:"info"`
}

// Suppressed is a finding that the configuration silences, with its reason.
type Suppressed struct {
	Finding
	Suppression struct {
		Reason string `json:"reason,omitempty"`
	} `json:"suppression"`
}

// Report is the whole answer, in upstream's shape with additions.
type Report struct {
	TS       int64     `json:"ts"` // milliseconds
	Version  string    `json:"version"`
	Home     Home      `json:"home"`
	Summary  Summary   `json:"summary"`
	Findings []Finding `json:"findings"`
	// Silenced are findings with an accepted suppression; criticals are never
	// among them.
	Silenced []Suppressed `json:"suppressedFindings,omitempty"`
	Checks   []Result     `json:"checks"`
	Deep     bool         `json:"deep,omitempty"`
	// SecretDiagnostics are references that could not be resolved.
	SecretDiagnostics []string `json:"secretDiagnostics"`
}

// Input is what Run judges.
type Input struct {
	Snapshot Snapshot
	// Config is never nil; Problems are what was wrong with it.
	Config   *config.Config
	Problems config.Problems
	// Unreadable says why the configuration could not be read at all.
	Unreadable string
	// Redact masks credentials in text that findings quote; nil leaves it.
	Redact func(string) string
}

// Options narrow a run.
type Options struct {
	// Only and Skip are id patterns as of path.Match, "." counted as part of
	// an element.
	Only, Skip []string
}

// Subject is what checks look at.
type Subject struct {
	Input
	Posture posture.Posture
	// Inbound is who may write to the agents through channels.
	Inbound []posture.Inbound
	// World answers who can cause what, as policy matrix does.
	World  answer.World
	byRole map[Role][]*File
	byPath map[string]*File
	// crashed are checks that ended by a fault of their own.
	crashed []string
}

// NewSubject works out what the checks share.
func NewSubject(in Input) *Subject {
	s := &Subject{Input: in, byRole: map[Role][]*File{}, byPath: map[string]*File{}}
	h := in.Snapshot.Home
	w := posture.World{Home: h.Dir, State: h.State, Config: h.Config}
	if h.Owner == UpstreamHome {
		w.Owner = posture.Upstream
	}
	s.Posture = posture.Of(in.Config, w)
	s.Inbound = posture.InboundOf(in.Config)
	s.World = worldOf(in.Config, s.Posture, h)
	for i := range s.Snapshot.Files {
		f := &s.Snapshot.Files[i]
		s.byRole[f.Role] = append(s.byRole[f.Role], f)
		s.byPath[f.Path] = f
	}
	return s
}

// Run judges every check of the catalogue.
func Run(in Input, o Options) Report {
	s := NewSubject(in)
	r := Report{TS: in.Snapshot.TakenAt.UnixMilli(), Version: in.Snapshot.By, Home: in.Snapshot.Home, SecretDiagnostics: []string{}, Findings: []Finding{}}
	for _, c := range Catalogue() {
		if !o.wants(c.ID) {
			continue
		}
		out := s.judge(c)
		r.Checks = append(r.Checks, Result{ID: c.ID, Aliases: c.Aliases, Area: c.Area, Severity: c.Severity, Verdict: out.Verdict, Reason: out.Reason})
		r.add(s, out.Findings)
	}
	r.crashes(s)
	for _, x := range in.Snapshot.Secrets {
		if x.Source == "unresolved" {
			r.SecretDiagnostics = append(r.SecretDiagnostics, x.Pointer+": "+x.Why)
		}
	}
	r.sort()
	return r
}

// judge is run for a check that may be at fault itself: then nobody knows what
// it would have said, and that is worse than most things it could.
func (s *Subject) judge(c Check) (out Outcome) {
	defer func() {
		if fault := recover(); fault != nil {
			s.crashed = append(s.crashed, c.ID)
			why := fmt.Sprintf("%T", fault) // its words may quote the home
			if e, ok := fault.(runtime.Error); ok {
				why = e.Error()
			}
			out = unmeasured("the check crashed: %s", why)
		}
	}()
	return s.run(c)
}

// crashes files what incomplete could not: it was not asked for, or whatever
// is at fault stopped it as well.
func (r *Report) crashes(s *Subject) {
	if slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.CheckID == incomplete().ID }) {
		return
	}
	for _, id := range s.crashed {
		r.Findings = append(r.Findings, Finding{CheckID: incomplete().ID, Severity: claw.Critical, Title: "A check crashed: " + id, Detail: "It said nothing about this home.", Remediation: incomplete().Fix, Observed: id})
		r.Summary.count(claw.Critical)
	}
}

// run judges one check and completes what it said.
func (s *Subject) run(c Check) Outcome {
	if why := s.skipped(c.ID); why != "" {
		return Outcome{Reason: why}
	}
	out := c.Run(s)
	for i := range out.Findings {
		f := &out.Findings[i]
		if f.CheckID == "" {
			f.CheckID = c.ID
		}
		if f.Remediation == "" && !c.Good {
			f.Remediation = c.Fix
		}
		if f.Detail == "" {
			f.Detail = c.Why
		}
		f.Aliases = c.Aliases
	}
	if s.Redact != nil {
		out.redact(s.Redact)
	}
	return out
}

// redact masks whatever a check quotes from the home.
func (o *Outcome) redact(mask func(string) string) {
	o.Reason = mask(o.Reason)
	for i := range o.Findings {
		f := &o.Findings[i]
		for _, p := range []*string{&f.Title, &f.Detail, &f.Remediation, &f.Observed, &f.Expected, &f.Where.Pointer, &f.Where.File} {
			*p = mask(*p)
		}
		for k := range f.Evidence {
			f.Evidence[k] = mask(f.Evidence[k])
		}
	}
}

func (s *Subject) skipped(id string) string {
	for _, k := range s.Snapshot.Skipped {
		if k.Check != "" && (id == k.Check || strings.HasPrefix(id, k.Check+".")) {
			return k.What + ": " + k.Why
		}
	}
	return ""
}

// add files findings, apart from those that are silenced.
func (r *Report) add(s *Subject, fs []Finding) {
	for _, f := range fs {
		if why, ok := s.silenced(f); ok {
			x := Suppressed{Finding: f}
			x.Suppression.Reason = why
			r.Silenced = append(r.Silenced, x)
			continue
		}
		r.Findings = append(r.Findings, f)
		r.Summary.count(f.Severity)
	}
}

// sort: severity, id, place.
func (r *Report) sort() {
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), strings.Compare(a.CheckID, b.CheckID), strings.Compare(a.Where.File, b.Where.File), cmp.Compare(a.Where.Line, b.Where.Line), cmp.Compare(a.Where.Column, b.Where.Column), strings.Compare(a.Where.Pointer, b.Where.Pointer),
			strings.Compare(a.Title, b.Title), strings.Compare(a.Detail, b.Detail), strings.Compare(a.Observed, b.Observed), slices.Compare(a.Evidence, b.Evidence))
	})
	slices.SortStableFunc(r.Checks, func(a, b Result) int { return strings.Compare(a.ID, b.ID) })
}

func (o Options) wants(id string) bool {
	match := func(pattern string) bool {
		ok, err := path.Match(pattern, id)
		return err == nil && ok
	}
	return (len(o.Only) == 0 || slices.ContainsFunc(o.Only, match)) && !slices.ContainsFunc(o.Skip, match)
}

// Reaches reports whether something at or above the severity was found, or
// not measured.
func (r Report) Reaches(least claw.Severity) (found, unmeasured bool) {
	for _, f := range r.Findings {
		found = found || f.Severity >= least
	}
	for _, c := range r.Checks {
		unmeasured = unmeasured || c.Verdict == Unmeasured && c.Severity >= least
	}
	return found, unmeasured
}

// fingerprint names a finding across reports: not by line, which moves.
func (f Finding) fingerprint() string {
	return strings.Join([]string{f.CheckID, f.Where.File, f.Where.Pointer, f.Title, f.Observed}, "\x00")
}

// Since leaves the findings that an earlier report does not have.
func (r *Report) Since(old Report) {
	known := map[string]bool{}
	for _, f := range old.Findings {
		known[f.fingerprint()] = true
	}
	r.Findings = slices.DeleteFunc(r.Findings, func(f Finding) bool { return known[f.fingerprint()] })
	r.Summary = Summary{}
	for _, f := range r.Findings {
		r.Summary.count(f.Severity)
	}
}

func (s *Summary) count(v claw.Severity) {
	switch v {
	case claw.Critical:
		s.Critical++
	case claw.Warn:
		s.Warn++
	case claw.Info:
		s.Info++
	}
}

// Time is when the snapshot was taken.
func (r Report) Time() time.Time { return time.UnixMilli(r.TS) }
