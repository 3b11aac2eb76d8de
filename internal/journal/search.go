package journal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/openclaw-go/openclaw/internal/chain"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/journal/index"
)

// Filter selects entries; empty fields select all.
type Filter struct {
	From, To  time.Time // From inclusive, To exclusive
	Events    []Event
	Agent     claw.AgentID
	Session   claw.SessionKey
	Run       claw.RunID
	Rule      string // value of data.rule
	Text      string // occurs in the line as it is written
	BeforeSeq uint64 // 0: from the newest
	Limit     int    // 0: all
}

// keys are fields with values of which every line that matches holds all.
func (f Filter) keys() []index.Key {
	var out []index.Key
	add := func(key, value string) {
		if value == "" {
			return
		}
		raw, err := json.Marshal(value)
		if err == nil {
			raw, err = chain.Rewrite(nil, raw, nil)
		}
		if err == nil {
			out = append(out, index.Key(`"`+key+`":`+string(raw)))
		}
	}
	add("session", string(f.Session))
	add("run", string(f.Run))
	add("rule", f.Rule)
	if len(f.Events) == 1 {
		add("event", string(f.Events[0]))
	}
	add("agent", string(f.Agent))
	return out
}

// Match reports whether an entry is one of those asked for; Limit does not bear
// on a single entry.
func (f Filter) Match(e Record) bool {
	if f.Text == "" {
		return f.match(&e)
	}
	line, _, err := chain.Encode(nil, &e)
	return err == nil && f.match(&e) && bytes.Contains(line, []byte(f.Text))
}

func (f Filter) match(e *Record) bool {
	switch {
	case !f.From.IsZero() && e.Time.Before(f.From), !f.To.IsZero() && !e.Time.Before(f.To),
		len(f.Events) > 0 && !slices.Contains(f.Events, Event(e.Event)),
		f.Agent != "" && e.Agent != f.Agent, f.Session != "" && e.Session != f.Session, f.Run != "" && e.Run != f.Run,
		f.BeforeSeq > 0 && e.Seq >= f.BeforeSeq:
		return false
	}
	if f.Rule != "" {
		var d struct {
			Rule string `json:"rule"`
		}
		return json.Unmarshal(e.Data, &d) == nil && d.Rule == f.Rule
	}
	return true
}

const searchChunk = 1 << 20

// Search returns matching entries, newest first. It reads backwards and stops
// at Limit, and reads of finished segments only the parts that their index does
// not rule out, so its cost does not grow with history that has nothing to do
// with it.
func (r Reader) Search(ctx context.Context, f Filter) ([]Record, error) {
	var out []Record
	err := r.scan(ctx, f, func(e *Record, _ []byte) {
		e.Data = slices.Clone(e.Data)
		out = append(out, *e)
	})
	return out, err
}

// scan visits the entries that Search returns, newest first. What visit gets is
// valid until it returns.
func (r Reader) scan(ctx context.Context, f Filter, visit func(e *Record, line []byte)) error {
	segs, err := segments(r.path)
	if err != nil {
		return err
	}
	s := search{f: f, keys: f.keys(), end: r.bound(), visit: visit}
	for _, k := range s.keys {
		s.needles = append(s.needles, []byte(k))
	}
	if f.Text != "" {
		s.needles = append(s.needles, []byte(f.Text))
	}
	for i := len(segs) - 1; i >= 0 && !s.full(); i-- {
		if err := s.file(ctx, segs[i]); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

type search struct {
	f       Filter
	keys    []index.Key
	needles [][]byte
	end     uint64
	hits    []hit
	found   int
	visit   func(*Record, []byte)
}

type hit struct {
	e    Record
	line []byte
}

func (s *search) full() bool { return s.f.Limit > 0 && s.found >= s.f.Limit }

func (s *search) file(ctx context.Context, seg segment) error {
	if s.f.BeforeSeq > 0 && seg.first >= s.f.BeforeSeq {
		return nil
	}
	f, err := os.Open(seg.path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if x, ok := readIndex(seg); ok {
		return s.blocks(ctx, f, seg, x)
	}
	end := seg.size
	if b := s.f.BeforeSeq; b > 0 {
		if end, err = seek(f, seg.size, b); err != nil {
			return err
		}
	}
	var rest []byte // the beginning of a line whose end was seen
	for end > 0 && !s.full() {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(end, searchChunk)
		buf := make([]byte, n, int(n)+len(rest))
		if _, err := f.ReadAt(buf, end-n); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		buf = append(buf, rest...)
		end -= n
		whole := buf
		if end > 0 {
			i := bytes.IndexByte(buf, '\n')
			if i < 0 {
				rest, whole = buf, nil
			} else {
				rest, whole = slices.Clone(buf[:i+1]), buf[i+1:]
			}
			if len(rest) > searchChunk+chain.MaxLine {
				return fmt.Errorf("journal: %q: the line at byte %d is longer than an entry can be", seg.path, end)
			}
		}
		if err := s.chunk(whole); err != nil {
			return fmt.Errorf("journal: %q: %w", seg.path, err)
		}
	}
	return nil
}

// blocks searches a segment by its index. The next block is read while one is
// searched.
func (s *search) blocks(ctx context.Context, f io.ReaderAt, seg segment, x index.Index) error {
	ctx, cancel := context.WithCancel(ctx)
	free, read := make(chan []byte, 2), make(chan piece)
	free <- nil
	free <- nil
	go func() {
		defer close(read)
		for i := len(x.Blocks) - 1; i >= 0; i-- {
			if !s.may(&x.Blocks[i]) {
				continue
			}
			select {
			case buf := <-free:
				buf = slices.Grow(buf[:0], int(x.Blocks[i].Size))[:x.Blocks[i].Size]
				_, err := f.ReadAt(buf, x.Blocks[i].Offset)
				select {
				case read <- piece{buf, err}:
				case <-ctx.Done():
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	defer func() {
		cancel()
		for range read { // until the reader is done with the file
		}
	}()
	for p := range read {
		if s.full() {
			return nil
		}
		if p.err != nil && !errors.Is(p.err, io.EOF) {
			return p.err
		}
		if err := s.chunk(p.b); err != nil {
			return fmt.Errorf("journal: %q: %w", seg.path, err)
		}
		free <- p.b
	}
	return ctx.Err()
}

type piece struct {
	b   []byte
	err error
}

func (s *search) may(b *index.Block) bool {
	if s.f.BeforeSeq > 0 && b.First >= s.f.BeforeSeq ||
		!s.f.From.IsZero() && b.To < s.f.From.UnixNano() || !s.f.To.IsZero() && b.From >= s.f.To.UnixNano() {
		return false
	}
	for _, k := range s.keys {
		if !b.May(k) {
			return false
		}
	}
	if len(s.f.Events) < 2 {
		return true
	}
	for _, e := range s.f.Events {
		if b.May(index.Key(`"event":"` + string(e) + `"`)) {
			return true
		}
	}
	return false
}

// chunk searches whole lines. With a needle it jumps from hit to hit.
func (s *search) chunk(b []byte) error {
	s.hits = s.hits[:0]
	for len(b) > 0 {
		start := 0
		if len(s.needles) > 0 {
			i := bytes.Index(b, s.needles[0])
			if i < 0 {
				break
			}
			start = bytes.LastIndexByte(b[:i], '\n') + 1
		}
		n := bytes.IndexByte(b[start:], '\n')
		if n < 0 {
			break // being written
		}
		line := b[start : start+n]
		b = b[start+n+1:]
		if !s.worth(line) {
			continue
		}
		e, err := chain.Skim(line)
		if err != nil {
			return err
		}
		if e.Seq < s.end && s.f.match(&e) {
			s.hits = append(s.hits, hit{e, line})
		}
	}
	for i := len(s.hits) - 1; i >= 0 && !s.full(); i-- {
		s.found++
		s.visit(&s.hits[i].e, s.hits[i].line)
	}
	return nil
}

// worth looks at a line before it is decoded.
func (s *search) worth(line []byte) bool {
	for _, n := range s.needles[min(1, len(s.needles)):] {
		if !bytes.Contains(line, n) {
			return false
		}
	}
	if len(s.f.Events) < 2 && s.f.From.IsZero() && s.f.To.IsZero() {
		return true
	}
	h, err := chain.Glance(line)
	if err != nil {
		return true // decoding says what is wrong
	}
	t, err := time.Parse(time.RFC3339Nano, string(h.Time))
	return err != nil || (s.f.From.IsZero() || !t.Before(s.f.From)) && (s.f.To.IsZero() || t.Before(s.f.To)) &&
		(len(s.f.Events) == 0 || slices.Contains(s.f.Events, Event(h.Event)))
}

// indexSuffix is behind the name of a segment.
const indexSuffix = ".index"

// readIndex is the index of a finished segment, if there is one that fits.
func readIndex(seg segment) (index.Index, bool) {
	raw, err := os.ReadFile(seg.path + indexSuffix)
	if err != nil {
		return index.Index{}, false
	}
	x, err := index.Decode(raw)
	if err != nil || x.Size != seg.size || len(x.Blocks) == 0 || x.Blocks[0].First != seg.first {
		return index.Index{}, false
	}
	return x, true
}
