package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/openclaw-go/openclaw/internal/chain"
)

// minUptime is how long a run must have lasted before it removes anything.
const minUptime = time.Hour

// retain removes the oldest segments that are too old or too much. The entry
// that says so is signed before the file goes; Verify accepts exactly that.
// What is younger than KeepAtLeast stays, whatever there is.
func (j *Journal) retain() error {
	segs, err := segments(j.path.log)
	if err != nil || len(segs) < 2 || j.opt.Elapsed()-j.start < minUptime {
		return err
	}
	var total int64
	for _, s := range segs {
		total += s.size
	}
	drop, reason, bytes := 0, "", int64(0)
	for i, s := range segs[:len(segs)-1] {
		age, ok := j.age(segs[i+1])
		switch {
		case !ok || age < j.opt.KeepAtLeast:
		case age > j.opt.KeepFor:
			drop, reason = i+1, "age"
		case total > j.opt.KeepBytes:
			drop, reason = i+1, "size"
		}
		if drop != i+1 {
			break
		}
		total, bytes = total-s.size, bytes+s.size
	}
	if drop == 0 {
		return nil
	}
	rec, err := j.prepareOwn(EventDrop, chain.Drop{Through: segs[drop].first - 1, Reason: reason, Bytes: bytes})
	if err != nil {
		return err
	}
	j.mu.Lock()
	b, _, err := j.linkLocked(&rec, false)
	if err == nil {
		j.pending = nil
	}
	j.mu.Unlock()
	if err != nil {
		return err
	}
	if j.commit(b, nil); b.err != nil {
		return b.err
	}
	if err := j.checkpoint(); err != nil {
		return err
	}
	for _, s := range segs[:drop] {
		if err := j.opt.disk.remove(s.path + indexSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := j.opt.disk.remove(s.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return j.opt.disk.syncDir(filepath.Dir(j.path.log))
}

// age is how long ago a segment began, as time passed and not as the clock was
// set. Everything before the segment is older.
func (j *Journal) age(s segment) (time.Duration, bool) {
	line, err := readLineAt(s, s.first)
	if err != nil {
		return 0, false
	}
	e, c, err := linkOf(line)
	if err != nil {
		return 0, false
	}
	j.mu.Lock()
	now := j.skew.lived(j.opt.Now())
	j.mu.Unlock()
	return now.Sub(skewOf(c).lived(e.Time)), true
}

// linkOf reads the first entry of a segment and the checkpoint that it holds.
func linkOf(line []byte) (chain.Entry, chain.Checkpoint, error) {
	e, err := chain.Decode(line)
	if err != nil {
		return e, chain.Checkpoint{}, err
	}
	var l chain.Link
	if err := json.Unmarshal(e.Data, &l); err != nil {
		return e, chain.Checkpoint{}, fmt.Errorf("journal: first entry: %w", err)
	}
	c, err := chain.PeekCheckpoint([]byte(l.Note))
	return e, c, err
}
