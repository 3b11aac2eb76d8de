package files

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// Origin says how the labels of a content are known. The zero Origin is
// unknown: untrusted and private.
type Origin uint8

// Origins.
const (
	// Unknown: no record, and not in a workspace or changed while a run that
	// was not accounted for could write it.
	Unknown Origin = iota
	// Recorded: an agent wrote this content, or a person vouched for it.
	Recorded
	// Operator: it stands in the workspace, and nothing of ours wrote it.
	Operator
)

func (o Origin) String() string { return [...]string{"unknown", "recorded", "operator"}[o] }

// Record is one line of the label store.
type Record struct {
	Path   string      `json:"path"`
	SHA256 string      `json:"sha256,omitempty"` // "" for a file too large to hash
	Size   int64       `json:"size,omitempty"`
	Labels claw.Labels `json:"labels"`
	// By is the session or person it came from.
	By string `json:"by,omitempty"`
	// Agent: an agent or its run wrote it. Trusted: a person vouched for it.
	// Seen: a person has seen it as launch configuration. Operator: it changed
	// while nothing of ours could write it.
	Agent    bool `json:"agent,omitempty"`
	Trusted  bool `json:"trusted,omitempty"`
	Seen     bool `json:"seen,omitempty"`
	Operator bool `json:"operator,omitempty"`
	// Tree is the state of a whole folder that a person vouched for.
	Tree string `json:"tree,omitempty"`
}

// line is what stands in the file: a record, or the begin, end or loss of a
// run.
type line struct {
	Time time.Time `json:"time"`
	*Record
	Run  string `json:"run,omitempty"`
	Root string `json:"root,omitempty"`
	End  string `json:"end,omitempty"`
	// Lost is a run that nobody accounted for; Time ends it.
	Lost  string    `json:"lost,omitempty"`
	Begin time.Time `json:"begin,omitzero"`
}

// Subject is a content whose labels are asked for.
type Subject struct {
	Path, SHA256 string
	Workspace    bool
	Vouched      bool
	Changed      time.Time // ctime
}

// known is what the records say of one content.
type known struct {
	labels                         claw.Labels
	agent, trusted, seen, operator bool
	size                           int64
}

// window is a time in which a run could write beneath root without an account
// of what it changed.
type window struct {
	root       string
	begin, end time.Time // end zero: still open
	// carries are the labels of a run that is still going on; nil when nobody
	// knows them.
	carries func() claw.Labels
}

// Labels is the store of what is known of contents: <state>/labels.jsonl, one
// process at a time, safe for concurrent use. A nil *Labels knows nothing.
type Labels struct {
	mu      sync.Mutex
	f       *os.File
	name    string
	now     func() time.Time
	at      map[[2]string]known // by path and hash
	content map[string]known    // by hash, for files that were moved or copied
	path    map[string]known    // by path, whatever the content; only grows
	sizes   map[int64]int       // of contents that carry more than private
	trees   map[string]string   // vouched folders and their state
	runs    map[string]window   // open
	lost    []window            // never accounted for
	hashes  map[string]hashed   // of files that were looked into
	lines   int
	damaged int
	// changed is told of a file that the operator changed, before it counts
	// as theirs.
	changed func(Subject) error
}

// emptySHA256 is the hash of nothing, which says nothing about who wrote it.
const emptySHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// MaxLabels bounds the store's file.
const MaxLabels = 256 << 20

// ErrStore is wrapped by every failure to read or to extend the label store.
var ErrStore = errors.New("files: label store")

// OpenLabels reads the store at path and makes it when it is not there. A run
// that was begun and never ended left files that nobody accounted for.
func OpenLabels(path string, now func() time.Time) (*Labels, error) {
	if fi, err := os.Lstat(path); err == nil && !fi.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %q is not a regular file", ErrStore, path)
	} else if err == nil && fi.Size() > MaxLabels {
		return nil, fmt.Errorf("%w: %q has %d bytes, at most %d", ErrStore, path, fi.Size(), MaxLabels)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND|openNonblock, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrStore, err)
	}
	l := &Labels{f: f, name: path, now: now, at: map[[2]string]known{}, content: map[string]known{}, path: map[string]known{},
		sizes: map[int64]int{}, trees: map[string]string{}, runs: map[string]window{}, hashes: map[string]hashed{}}
	err = l.load()
	if err == nil {
		err = l.lose()
	}
	if err == nil {
		err = l.compact()
	}
	if err != nil {
		_ = l.f.Close()
		return nil, fmt.Errorf("%w: %q: %w", ErrStore, path, err)
	}
	return l, nil
}

// OnOperatorChange names who is told when a file that an agent once wrote was
// changed while nothing of ours could write it. An error keeps the file
// unknown. It is called before the store is in use, at most once.
func (l *Labels) OnOperatorChange(f func(Subject) error) { l.changed = f }

// lose closes the runs that were begun and never ended: until now they could
// have written, afterwards no more.
func (l *Labels) lose() error {
	var lines []line
	for id, w := range l.runs {
		lines = append(lines, line{Lost: id, Root: w.root, Begin: w.begin})
	}
	return l.append(lines...)
}

// load reads every line. A line that cannot be read makes the store damaged;
// one without an end was cut by a crash and is closed off.
func (l *Labels) load() error {
	r := bufio.NewReader(l.f)
	for {
		b, err := r.ReadBytes('\n')
		if len(b) > 0 {
			var n line
			if e := json.Unmarshal(b, &n); e != nil || !l.apply(n) {
				l.damaged++
			}
		}
		if errors.Is(err, io.EOF) {
			if len(b) > 0 {
				_, err := l.f.Write([]byte{'\n'})
				return err
			}
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// apply takes a line into account; false when it says nothing.
func (l *Labels) apply(n line) bool {
	switch {
	case n.Record != nil && n.Path != "":
		l.put(*n.Record)
	case n.Run != "" && n.Root != "":
		l.runs[n.Run] = window{root: n.Root, begin: n.Time}
	case n.End != "":
		delete(l.runs, n.End)
	case n.Lost != "" && n.Root != "":
		delete(l.runs, n.Lost)
		l.lost = append(l.lost, window{root: n.Root, begin: n.Begin, end: n.Time})
	default:
		return false
	}
	l.lines++
	return true
}

// put joins a record with what is known: labels only grow, except by a person.
func (l *Labels) put(r Record) {
	if r.Tree != "" {
		l.trees[r.Path] = r.Tree
		return
	}
	key := [2]string{r.Path, r.SHA256}
	l.at[key] = l.at[key].join(r)
	if r.Agent || r.Trusted {
		k := l.path[r.Path]
		l.path[r.Path] = known{labels: k.labels | r.Labels, agent: k.agent || r.Agent}
	}
	if r.Agent && r.SHA256 != "" && r.SHA256 != emptySHA256 {
		was := l.content[r.SHA256]
		l.content[r.SHA256] = was.join(r)
		if was.labels&^claw.Private == 0 && r.Labels&^claw.Private != 0 {
			l.sizes[r.Size]++
		}
	}
}

func (k known) join(r Record) known {
	switch {
	case r.Trusted:
		return known{labels: r.Labels, agent: k.agent, trusted: true, seen: k.seen || r.Seen, size: r.Size}
	case r.Seen && !r.Agent:
		k.seen = true
		return k
	}
	return known{labels: k.labels | r.Labels, agent: k.agent || r.Agent, trusted: k.trusted, seen: k.seen || r.Seen,
		operator: k.operator || r.Operator, size: max(k.size, r.Size)}
}

// Record extends the store. When it returns nil the records are on disk.
func (l *Labels) Record(records ...Record) error {
	lines := make([]line, len(records))
	for i := range records {
		lines[i] = line{Record: &records[i]}
	}
	return l.append(lines...)
}

// See records that a person has seen a file as launch configuration.
func (l *Labels) See(path, sha256, by string) error {
	if sha256 == "" {
		return fmt.Errorf("%w: %q: only a content with a hash can be seen", ErrStore, path)
	}
	return l.Record(Record{Path: path, SHA256: sha256, By: by, Seen: true})
}

func (l *Labels) append(lines ...line) error {
	if l == nil {
		return fmt.Errorf("%w: there is none", ErrStore)
	}
	if len(lines) == 0 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.write(lines)
}

// write extends the file and then what is known. The caller holds mu.
func (l *Labels) write(lines []line) error {
	var buf bytes.Buffer
	for i := range lines {
		lines[i].Time = l.now()
		b, err := json.Marshal(lines[i])
		if err != nil {
			return fmt.Errorf("%w: %w", ErrStore, err)
		}
		buf.Write(b)
		buf.WriteByte('\n')
	}
	if _, err := l.f.Write(buf.Bytes()); err != nil {
		return fmt.Errorf("%w: %w", ErrStore, err)
	}
	if err := l.f.Sync(); err != nil {
		return fmt.Errorf("%w: %w", ErrStore, err)
	}
	for _, n := range lines {
		l.apply(n)
	}
	return nil
}

// strict are the labels of what nobody knows.
const strict = claw.Untrusted | claw.Private

// Of tells the labels of a content. What is not known is untrusted and private.
func (l *Labels) Of(s Subject) (claw.Labels, Origin) {
	if s.Vouched {
		return 0, Recorded
	}
	if l == nil {
		return strict, Unknown
	}
	l.mu.Lock()
	labels, origin := l.of(s, "")
	changed := origin == Operator && s.SHA256 != "" && l.path[s.Path].agent && !l.at[[2]string{s.Path, s.SHA256}].operator
	l.mu.Unlock()
	if changed {
		if err := l.adopt(s); err != nil {
			return strict, Unknown
		}
	}
	return labels, origin
}

// adopt records that the operator changed a file which an agent had written.
func (l *Labels) adopt(s Subject) error {
	if l.changed != nil {
		if err := l.changed(s); err != nil {
			return err
		}
	}
	return l.Record(Record{Path: s.Path, SHA256: s.SHA256, Labels: claw.Private, By: "operator", Operator: true})
}

// of is Of with mu held; the run that is named does not count as a writer.
func (l *Labels) of(s Subject, but string) (claw.Labels, Origin) {
	if s.SHA256 != "" {
		k := l.at[[2]string{s.Path, s.SHA256}]
		moved, known := l.content[s.SHA256]
		switch {
		case k.trusted:
			return k.labels, Recorded
		case k.agent:
			return k.labels | moved.labels, Recorded
		case k.operator:
			return k.labels, Operator
		case known:
			return moved.labels | claw.Private, Recorded
		}
	} else if k, ok := l.path[s.Path]; ok {
		return k.labels | claw.Private, Recorded
	}
	if !s.Workspace || l.damaged > 0 {
		return strict, Unknown
	}
	if labels, could := l.couldWrite(s.Path, s.Changed, but); could {
		return labels | claw.Private, Unknown
	}
	return claw.Private, Operator
}

// clockSlack covers the difference between the file system's clock, which
// moves in ticks, and ours.
const clockSlack = 20 * time.Millisecond

// couldWrite reports whether a run other than the one named, not accounted
// for, could have changed path when it was last changed, and what it carries.
func (l *Labels) couldWrite(path string, changed time.Time, but string) (labels claw.Labels, could bool) {
	in := func(w window) bool {
		return beneath(path, w.root) && !changed.Before(w.begin.Add(-clockSlack)) &&
			(w.end.IsZero() || !changed.After(w.end.Add(clockSlack)))
	}
	for id, w := range l.runs {
		if id == but || !in(w) {
			continue
		}
		could = true
		if w.carries == nil {
			labels |= strict
		} else {
			labels |= w.carries()
		}
	}
	for _, w := range l.lost {
		if in(w) {
			return strict, true
		}
	}
	return labels, could
}

// Provenance tells whether an agent wrote this content, and whether a person
// has seen it at path.
func (l *Labels) Provenance(path, sha256 string) (byAgent, seen bool) {
	if l == nil {
		return true, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.at[[2]string{path, sha256}]
	_, moved := l.content[sha256]
	return k.agent || moved, k.seen && sha256 != ""
}

// Damaged counts lines that could not be read. While there is one, nothing
// without a record counts as the operator's.
func (l *Labels) Damaged() int {
	if l == nil {
		return 0
	}
	return l.damaged
}

// Close closes the store.
func (l *Labels) Close() error { return l.f.Close() }

// expected are the labels of a path before its content is known.
func (t *Tree) expected(abs string) claw.Labels {
	root, _, err := t.rootOf(abs)
	fi, err2 := os.Lstat(abs)
	if err != nil || err2 != nil || t.labels == nil {
		return claw.Untrusted | claw.Private
	}
	st, err := statInfo(fi)
	if err != nil {
		return claw.Untrusted | claw.Private
	}
	labels, _ := t.labels.Of(Subject{Path: abs, Workspace: root.Workspace, Vouched: root.Vouched, Changed: st.ctime})
	return labels
}
