package store

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// EntryID names one entry of a transcript: 8 hex digits.
type EntryID string

// Kind says what an entry of a transcript is. The zero value is one that this
// program does not know.
type Kind uint8

// Kinds of entries.
const (
	KindOther Kind = iota
	KindMessage
	KindCompaction
	KindLabels
)

// MaxLine bounds one line of a transcript; a longer one is unreadable.
const MaxLine = 32 << 20

// transcriptVersion is upstream's version of the format.
const transcriptVersion = 3

const (
	typeSession    = "session"
	typeMessage    = "message"
	typeCompaction = "compaction"
	typeCustom     = "custom"
	customLabels   = "openclaw.labels"
	stampForm      = "2006-01-02T15:04:05.000Z"
)

// header is the first line.
type header struct {
	Type      string         `json:"type"`
	Version   int            `json:"version"`
	ID        claw.SessionID `json:"id"`
	Timestamp string         `json:"timestamp"`
	Cwd       string         `json:"cwd"`
}

// line is every other line, in upstream's names.
type line struct {
	Type      string          `json:"type"`
	ID        EntryID         `json:"id"`
	ParentID  *EntryID        `json:"parentId"`
	Timestamp string          `json:"timestamp"`
	Message   json.RawMessage `json:"message,omitempty"`
	// Of a compaction.
	Summary      string  `json:"summary,omitempty"`
	FirstKept    EntryID `json:"firstKeptEntryId,omitempty"`
	TokensBefore int     `json:"tokensBefore,omitempty"`
	// Of a custom entry.
	CustomType string          `json:"customType,omitempty"`
	Data       json.RawMessage `json:"data,omitempty"`
	// Beside a message.
	Ours *lineExtra `json:"openclaw,omitempty"`
}

type lineExtra struct {
	Said string          `json:"said,omitempty"`
	Meta json.RawMessage `json:"meta,omitempty"`
}

// labelData is the data of an openclaw.labels entry.
type labelData struct {
	Add   []claw.Lineage `json:"add,omitempty"`
	Clear claw.Labels    `json:"clear,omitempty"`
	By    string         `json:"by,omitempty"`
	Why   string         `json:"why,omitempty"`
}

func (l *line) kind() Kind {
	switch {
	case l.Type == typeMessage && len(l.Message) > 0 && l.Message[0] == '{':
		return KindMessage
	case l.Type == typeCompaction:
		return KindCompaction
	case l.Type == typeCustom && l.CustomType == customLabels:
		return KindLabels
	}
	return KindOther
}

func encodeLine(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// node is one entry of a transcript in memory: where it is, not what it says.
type node struct {
	id     EntryID
	parent int // -1: none
	kind   Kind
	off    int64
	n      int
}

// tree is what reading a transcript from beginning to end gives.
type tree struct {
	nodes []node
	at    map[EntryID]int
	size  int64 // bytes of whole lines
	torn  int64 // bytes behind them, of a write that did not end
	lines int
	bad   int // lines that say nothing

	labels  claw.Labels
	lineage []claw.Lineage
	said    saidList
	comps   map[int]compaction // by node
}

type compaction struct {
	summary string
	kept    EntryID
}

func newTree() *tree { return &tree{at: map[EntryID]int{}, comps: map[int]compaction{}} }

// readTranscript reads every line. It fails only when r does: what a line
// holds is counted and labelled, never trusted.
func readTranscript(r io.Reader) (*tree, error) {
	t := newTree()
	in := bufio.NewReaderSize(r, 128<<10)
	var buf []byte
	for {
		buf = buf[:0]
		n := 0
		for whole := false; !whole; {
			part, err := in.ReadSlice('\n')
			n += len(part)
			if len(buf) <= MaxLine {
				buf = append(buf, part...)
			}
			whole = err == nil
			if errors.Is(err, io.EOF) {
				t.torn = int64(n)
				return t, nil
			}
			if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
				return t, err
			}
		}
		t.lines++
		t.take(buf[:len(buf)-1], n)
	}
}

// take adds one whole line of n bytes, newline included.
func (t *tree) take(b []byte, n int) {
	off := t.size
	t.size += int64(n)
	var l line
	switch {
	case n > MaxLine+1 || json.Unmarshal(b, &l) != nil:
		t.unreadable()
	case l.Type == typeSession && t.lines == 1:
	case l.ID != "":
		t.add(&l, off, n)
	case l.kind() != KindOther:
		t.unreadable()
	}
}

// unreadable: a line that could have been a label counts as the worst one.
func (t *tree) unreadable() {
	t.bad++
	t.labels |= claw.Untrusted | claw.Private
	if t.bad == 1 {
		t.lineage = append(t.lineage, claw.Lineage{Label: claw.Untrusted | claw.Private, From: "unreadable line " + strconv.Itoa(t.lines) + " of the transcript"})
	}
}

func (t *tree) add(l *line, off int64, n int) {
	parent := -1
	if l.ParentID != nil {
		if p, ok := t.at[*l.ParentID]; ok {
			parent = p
		}
	}
	i := len(t.nodes)
	t.nodes = append(t.nodes, node{id: l.ID, parent: parent, kind: l.kind(), off: off, n: n})
	t.at[l.ID] = i
	switch l.kind() {
	case KindMessage:
		if l.Ours != nil && l.Ours.Said != "" {
			t.said.add(l.Ours.Said)
		}
	case KindCompaction:
		t.comps[i] = compaction{summary: l.Summary, kept: l.FirstKept}
	case KindLabels:
		var d labelData
		if json.Unmarshal(l.Data, &d) != nil {
			t.unreadable()
			return
		}
		t.applyLabels(d)
	case KindOther:
	}
}

func (t *tree) applyLabels(d labelData) {
	for _, a := range d.Add {
		t.labels |= a.Label
		t.lineage = append(t.lineage, a)
	}
	if d.Clear != 0 {
		t.labels &^= d.Clear
		t.lineage = without(t.lineage, d.Clear)
	}
}

func without(in []claw.Lineage, gone claw.Labels) []claw.Lineage {
	var out []claw.Lineage
	for _, a := range in {
		if a.Label &^= gone; a.Label != 0 {
			out = append(out, a)
		}
	}
	return out
}

// path is the way from the first entry to the last one, as positions. Entries
// of other branches are not on it.
func (t *tree) path() []int {
	var out []int
	for i := len(t.nodes) - 1; i >= 0; i = t.nodes[i].parent {
		out = append(out, i)
	}
	slices.Reverse(out)
	return out
}

// window is what a model reads: the summary of the last compaction on the way
// and the entries from the first one that it kept.
func (t *tree) window() (summary string, entries []int) {
	path := t.path()
	for j := len(path) - 1; j >= 0; j-- {
		c, ok := t.comps[path[j]]
		if !ok {
			continue
		}
		from := j
		if kept, ok := t.at[c.kept]; ok {
			if i, found := slices.BinarySearch(path, kept); found && i < j {
				from = i
			}
		}
		return c.summary, path[from:]
	}
	return "", path
}

// leaf is the last entry's id.
func (t *tree) leaf() *EntryID {
	if len(t.nodes) == 0 {
		return nil
	}
	id := t.nodes[len(t.nodes)-1].id
	return &id
}

// saidList keeps what the operator wrote, newest last, up to a bound.
type saidList struct {
	texts []string
	bytes int
}

// maxSaid bounds the texts of one session that Said looks through; older ones
// no longer count as said.
const maxSaid = 1 << 20

func (s *saidList) add(text string) {
	s.texts = append(s.texts, text)
	s.bytes += len(text)
	for s.bytes > maxSaid && len(s.texts) > 1 {
		s.bytes -= len(s.texts[0])
		s.texts = s.texts[1:]
	}
}

func stamp(t time.Time) string { return t.UTC().Format(stampForm) }

func parseStamp(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}
	}
	return t
}
