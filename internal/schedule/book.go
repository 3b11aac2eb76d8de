package schedule

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
)

const (
	document    = "jobs.json"
	fileVersion = 1
)

// Options of a Book. All are required.
type Options struct {
	Disk  Disk
	Now   func() time.Time
	NewID func() JobID
}

// Book is the jobs of a state directory. It is safe for concurrent use; every
// change is on disk before it counts.
type Book struct {
	opt Options

	mu   sync.Mutex
	jobs map[JobID]Job
	rest map[string]json.RawMessage // of the document
}

var _ Schedule = (*Book)(nil)

// Open reads the jobs. A document that cannot be read, or one job in it that
// is none, is an error and nothing is written over it.
func Open(opt Options) (*Book, error) {
	if opt.Disk == nil || opt.Now == nil || opt.NewID == nil {
		return nil, errors.New("schedule: an option is missing")
	}
	b := &Book{opt: opt, jobs: map[JobID]Job{}}
	raw, err := opt.Disk.Read(document)
	if err != nil {
		return nil, fmt.Errorf("schedule: %s: %w", document, err)
	}
	if len(raw) == 0 {
		return b, nil
	}
	var file struct {
		Version int   `json:"version"`
		Jobs    []Job `json:"jobs"`
	}
	if err := errors.Join(json.Unmarshal(raw, &file), json.Unmarshal(raw, &b.rest)); err != nil {
		return nil, fmt.Errorf("schedule: %s: %w", document, err)
	}
	delete(b.rest, "version")
	delete(b.rest, "jobs")
	if file.Version != fileVersion {
		return nil, fmt.Errorf("schedule: %s: version is %d, expected %d", document, file.Version, fileVersion)
	}
	for _, j := range file.Jobs {
		if err := j.check(); err != nil {
			return nil, fmt.Errorf("%s: %w", document, err)
		}
		if _, twice := b.jobs[j.ID]; twice {
			return nil, fmt.Errorf("%s: %w: id %q stands there twice", document, ErrJob, j.ID)
		}
		b.jobs[j.ID] = j
	}
	return b, nil
}

type plainJob Job

// jobFields are the JSON names of a job's own fields.
var jobFields = [...]string{"id", "agentId", "sessionKey", "name", "description", "enabled", "deleteAfterRun", "createdAtMs", "updatedAtMs", "schedule", "sessionTarget",
	"wakeMode", "payload", "delivery", "state", "openclawLabels", "openclawLineage"}

// UnmarshalJSON keeps unknown fields for the next writing.
func (j *Job) UnmarshalJSON(b []byte) error {
	if err := json.Unmarshal(b, (*plainJob)(j)); err != nil {
		return err
	}
	j.rest = nil
	if err := json.Unmarshal(b, &j.rest); err != nil {
		return err
	}
	for _, k := range jobFields {
		delete(j.rest, k)
	}
	return nil
}

// MarshalJSON writes own and unknown fields.
func (j Job) MarshalJSON() ([]byte, error) {
	b, err := json.Marshal(plainJob(j))
	if err != nil || len(j.rest) == 0 {
		return b, err
	}
	rest, err := json.Marshal(j.rest)
	if err != nil {
		return nil, err
	}
	return append(append(b[:len(b)-1], ','), rest[1:]...), nil
}

var (
	jobID     = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$`) })
	agentName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`) })
)

func (j Job) check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: %q: %s", ErrJob, j.ID, fmt.Sprintf(format, args...))
	}
	switch {
	case !jobID().MatchString(string(j.ID)):
		return bad("id is not letters, digits, - and _")
	case !agentName().MatchString(string(j.Agent)):
		return bad("agentId %q is no agent", j.Agent)
	case len(j.Name) > 200 || len(j.Description) > maxText || len(j.Payload.Text) > maxText || len(j.Payload.Message) > maxText:
		return bad("a text is too long")
	case j.Target != "main" && j.Target != "isolated" && j.Target != "current" && !strings.HasPrefix(j.Target, "session:"):
		return bad("sessionTarget %q is not one of main, isolated, current, session:<id>", j.Target)
	}
	switch w := j.Schedule; w.Kind {
	case "at":
		if _, err := w.Time(); err != nil {
			return bad("%v", err)
		}
	case "every":
		if w.EveryMs < MinEvery.Milliseconds() {
			return bad("everyMs is %d, expected at least %d", w.EveryMs, MinEvery.Milliseconds())
		}
	case "cron":
		if n := len(strings.Fields(w.Expr)); n != 5 && n != 6 {
			return bad("expr %q has %d fields, expected 5 or 6", w.Expr, n)
		}
		if _, err := time.LoadLocation(w.Zone); err != nil {
			return bad("tz %q is no time zone", w.Zone)
		}
	default:
		return bad("schedule.kind %q is not one of at, every, cron", w.Kind)
	}
	switch j.Payload.Kind {
	case "systemEvent":
		if j.Payload.Text == "" {
			return bad("payload.text is empty")
		}
	case "agentTurn":
		if j.Payload.Message == "" {
			return bad("payload.message is empty")
		}
	default:
		return bad("payload.kind %q is not one of systemEvent, agentTurn", j.Payload.Kind)
	}
	if d := j.Delivery; d != nil && d.Mode != "none" && d.Mode != "announce" && d.Mode != "webhook" {
		return bad("delivery.mode %q is not one of none, announce, webhook", d.Mode)
	}
	return nil
}

// Time of an "at" schedule; without a zone it is UTC.
func (w When) Time() (time.Time, error) {
	for _, form := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04"} {
		if t, err := time.Parse(form, w.At); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("at %q is no time, expected 2006-01-02T15:04:05Z", w.At)
}

// List returns all jobs, oldest first.
func (b *Book) List() []Job {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.sortedLocked()
}

func (b *Book) sortedLocked() []Job {
	out := make([]Job, 0, len(b.jobs))
	for _, j := range b.jobs {
		out = append(out, j.clone())
	}
	slices.SortFunc(out, func(x, y Job) int {
		return cmp.Or(cmp.Compare(x.CreatedAtMs, y.CreatedAtMs), cmp.Compare(x.ID, y.ID))
	})
	return out
}

func (j Job) clone() Job {
	j.Lineage = slices.Clone(j.Lineage)
	j.Payload.ToolsAllow = slices.Clone(j.Payload.ToolsAllow)
	if j.Delivery != nil {
		d := *j.Delivery
		j.Delivery = &d
	}
	if j.Labels != nil {
		l := *j.Labels
		j.Labels = &l
	}
	return j
}

// Get returns a job.
func (b *Book) Get(id JobID) (Job, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	j, ok := b.jobs[id]
	if !ok {
		return Job{}, fmt.Errorf("%w: %q", ErrNoJob, id)
	}
	return j.clone(), nil
}

// Add keeps a new job under a fresh id. A job without labels is refused: who
// adds one knows the session that it comes from.
func (b *Book) Add(j Job) (Job, error) {
	if j.Labels == nil {
		return Job{}, fmt.Errorf("%w: %q: the labels of its session are missing", ErrJob, j.Name)
	}
	now := b.opt.Now().UnixMilli()
	j = j.clone()
	j.ID, j.CreatedAtMs, j.UpdatedAtMs, j.State = b.opt.NewID(), now, now, State{}
	if err := j.check(); err != nil {
		return Job{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.jobs) >= MaxJobs {
		return Job{}, fmt.Errorf("%w: %d", ErrFull, MaxJobs)
	}
	if _, taken := b.jobs[j.ID]; taken {
		return Job{}, fmt.Errorf("%w: id %q is taken", ErrJob, j.ID)
	}
	return j.clone(), b.putLocked(j)
}

// Update replaces a job. Its labels only grow.
func (b *Book) Update(j Job) (Job, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	old, ok := b.jobs[j.ID]
	if !ok {
		return Job{}, fmt.Errorf("%w: %q", ErrNoJob, j.ID)
	}
	j = j.clone()
	labels := old.Flow()
	if j.Labels != nil {
		labels |= *j.Labels
	}
	j.Labels, j.Lineage = &labels, mergeLineage(old.Lineage, j.Lineage)
	j.CreatedAtMs, j.UpdatedAtMs, j.rest = old.CreatedAtMs, b.opt.Now().UnixMilli(), old.rest
	if err := j.check(); err != nil {
		return Job{}, err
	}
	return j.clone(), b.putLocked(j)
}

func mergeLineage(old, add []claw.Lineage) []claw.Lineage {
	out := slices.Clone(old)
	for _, l := range add {
		if !slices.Contains(out, l) {
			out = append(out, l)
		}
	}
	return out
}

// Remove forgets a job.
func (b *Book) Remove(id JobID) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	old, ok := b.jobs[id]
	if !ok {
		return fmt.Errorf("%w: %q", ErrNoJob, id)
	}
	delete(b.jobs, id)
	if err := b.saveLocked(); err != nil {
		b.jobs[id] = old
		return err
	}
	return nil
}

func (b *Book) putLocked(j Job) error {
	old, had := b.jobs[j.ID]
	b.jobs[j.ID] = j
	if err := b.saveLocked(); err != nil {
		if had {
			b.jobs[j.ID] = old
		} else {
			delete(b.jobs, j.ID)
		}
		return err
	}
	return nil
}

func (b *Book) saveLocked() error {
	doc := map[string]any{"version": fileVersion, "jobs": b.sortedLocked()}
	for k, v := range b.rest {
		doc[k] = v
	}
	raw, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return fmt.Errorf("schedule: %s: %w", document, err)
	}
	if err := b.opt.Disk.Write(document, append(raw, '\n')); err != nil {
		return fmt.Errorf("schedule: %s: %w", document, err)
	}
	return nil
}
