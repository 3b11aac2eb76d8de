package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"slices"
	"time"

	"github.com/openclaw-go/openclaw/internal/chain"
)

// Reader reads a log, also while somebody else writes it. It does not verify
// the links; Verify does. The zero Reader reads nothing.
type Reader struct {
	path string
	// tip is set when the writer is in this process: how many entries are
	// durable, and a channel that closes when there are more.
	tip func() (uint64, <-chan struct{})
}

// OpenReader reads the log of a state directory without being its writer.
func OpenReader(opt Options) Reader { return Reader{path: opt.paths().log} }

// ErrNotFound: no such entry, or it was dropped with its segment.
var ErrNotFound = errors.New("journal: no such entry")

// Get returns one entry.
func (r Reader) Get(seq uint64) (Record, error) {
	for rec, err := range r.from(seq) {
		if err != nil {
			return Record{}, err
		}
		if rec.Seq == seq {
			return rec, nil
		}
		break
	}
	return Record{}, fmt.Errorf("%w: %d", ErrNotFound, seq)
}

// Tail returns up to limit entries from fromSeq on, oldest first. Reading
// starts at the place, not at the beginning.
func (r Reader) Tail(ctx context.Context, fromSeq uint64, limit int) ([]Record, error) {
	var out []Record
	for rec, err := range r.from(fromSeq) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil || len(out) >= limit {
			return out, err
		}
		out = append(out, rec)
	}
	return out, nil
}

// Last returns up to limit newest entries, oldest first.
func (r Reader) Last(ctx context.Context, limit int) ([]Record, error) {
	out, err := r.Search(ctx, Filter{Limit: limit})
	slices.Reverse(out)
	return out, err
}

// pollEvery is how often Follow looks when the writer is another process.
const pollEvery = 250 * time.Millisecond

// Follow yields entries from fromSeq on and then every new one until ctx ends
// or the caller stops. A slow caller reads later; nothing is kept for it.
func (r Reader) Follow(ctx context.Context, fromSeq uint64) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		next := fromSeq
		for ctx.Err() == nil {
			var wake <-chan struct{}
			if r.tip != nil {
				_, wake = r.tip()
			}
			for rec, err := range r.from(next) {
				if ctx.Err() != nil || !yield(rec, err) || err != nil {
					return
				}
				next = rec.Seq + 1
			}
			if !wait(ctx, wake) {
				return
			}
		}
	}
}

func wait(ctx context.Context, wake <-chan struct{}) bool {
	var poll <-chan time.Time
	if wake == nil {
		t := time.NewTimer(pollEvery)
		defer t.Stop()
		poll = t.C
	}
	select {
	case <-ctx.Done():
		return false
	case <-wake:
	case <-poll:
	}
	return true
}

func (r Reader) bound() uint64 {
	if r.tip == nil {
		return 1 << 62
	}
	n, _ := r.tip()
	return n
}

// from yields the entries that are there now, from the first with at least seq.
func (r Reader) from(seq uint64) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		last := int64(seq) - 1
		for line, err := range r.lines(seq) {
			var rec Record
			if err == nil {
				if rec, err = chain.Decode(line); err != nil {
					err = fmt.Errorf("journal: %q behind entry %d: %w", r.path, last, err)
				}
			}
			if !yield(rec, err) || err != nil {
				return
			}
			last = int64(rec.Seq)
		}
	}
}

// Raw returns the lines of the entries from fromSeq on, up to limit of them,
// and the number of the next. What they hold is not checked: that is for who
// decodes them.
func (r Reader) Raw(ctx context.Context, fromSeq uint64, limit int) (lines [][]byte, next uint64, err error) {
	next = fromSeq
	for line, err := range r.lines(fromSeq) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil || len(lines) >= limit {
			return lines, next, err
		}
		if next, err = chain.Number(line); err != nil {
			return lines, next, fmt.Errorf("journal: an entry of %q: %w", r.path, err)
		}
		next++
		lines = append(lines, line)
	}
	return lines, next, nil
}

// lines yields the lines that are there now, without their newline, from the
// first entry with at least seq.
func (r Reader) lines(seq uint64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		end := r.bound()
		for try := 0; seq < end; try++ {
			segs, err := segments(r.path)
			if err != nil {
				yield(nil, err)
				return
			}
			moved := false
			for i, s := range segs {
				if i+1 < len(segs) && segs[i+1].first <= seq || s.first > 1<<61 {
					continue
				}
				var more bool
				seq, more, err = r.segment(s, seq, end, yield)
				// Renamed or removed between listing and opening: list again.
				if moved = errors.Is(err, fs.ErrNotExist) || errors.Is(err, errMoved); moved {
					break
				}
				if err != nil {
					yield(nil, err)
				}
				if err != nil || !more {
					return
				}
			}
			if !moved || try > 3 {
				return
			}
		}
	}
}

var errMoved = errors.New("journal: the segment was renamed")

// segment yields the lines of one file and returns the next number. more is
// false when the caller has had enough.
func (r Reader) segment(s segment, seq, end uint64, yield func([]byte, error) bool) (next uint64, more bool, err error) {
	f, err := os.Open(s.path)
	if err != nil {
		return seq, true, err
	}
	defer func() { _ = f.Close() }()
	if n, err := numberAt(f, 0); err != nil || n != s.first {
		return seq, true, errMoved
	}
	off, err := seek(f, s.size, seq)
	if err != nil {
		return seq, true, err
	}
	in := newLines(f, off, s.size)
	for seq < end {
		line, whole, err := in.next()
		if errors.Is(err, io.EOF) || err == nil && !whole {
			return seq, true, nil // an unfinished line is being written
		}
		if err != nil {
			return seq, true, err
		}
		n, err := chain.Number(line)
		if err != nil {
			return seq, true, fmt.Errorf("journal: %q behind entry %d: %w", s.path, int64(seq)-1, err)
		}
		seq = n + 1
		if !yield(bytes.Clone(line), nil) {
			return seq, false, nil
		}
	}
	return seq, true, nil
}
