package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/openclaw-go/openclaw/internal/chain"
)

// Marks of a checkpoint: what the next start needs to know without reading
// everything.
const (
	markOpen  = "open"    // intents without an outcome
	markSeal  = "posture" // the entry of the last accepted posture
	markSkew  = "clock"   // seconds that the clock was set forward, and back
	markState = "state"   // the entries that tell of files
)

// gatherBytes is the size of a batch from which it waits for nobody.
const gatherBytes = 256 << 10

// run is the committer: it alone writes. It ends when the journal is closed
// and nothing is left to write.
func (j *Journal) run() {
	defer close(j.done)
	for range j.kick {
		for j.step() {
		}
		j.mu.Lock()
		end := j.closed && j.pending == nil && len(j.asks) == 0
		j.mu.Unlock()
		if end {
			return
		}
	}
}

// step does one round of work and reports whether there may be more.
func (j *Journal) step() bool {
	j.gather()
	j.mu.Lock()
	b, asks := j.pending, j.asks
	j.pending, j.asks = nil, nil
	poison := j.poison
	j.mu.Unlock()
	if b != nil {
		j.commit(b, poison)
	}
	due := len(asks) > 0 || j.tree.Size()-j.last.Size >= uint64(j.opt.CheckpointEvery)
	if due {
		err := j.checkpoint()
		for _, a := range asks {
			a <- err
		}
		if err != nil && len(asks) == 0 {
			j.opt.Report(err)
		}
	}
	if j.size >= j.opt.SegmentBytes {
		if err := j.rotate(); err != nil {
			j.opt.Report(fmt.Errorf("journal: next segment: %w", err))
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.pending != nil || len(j.asks) > 0
}

// gather lets writers that are about to append do so before the batch is
// taken, as long as it grows: those that the last commit woke would else wait
// for a sync of their own.
func (j *Journal) gather() {
	for size := -1; ; {
		j.mu.Lock()
		n := 0
		if j.pending != nil {
			n = len(j.pending.buf)
		}
		j.mu.Unlock()
		if n == size || n == 0 || n >= gatherBytes {
			return
		}
		size = n
		runtime.Gosched()
	}
}

// commit makes a batch durable, or undoes it as if it had never been.
func (j *Journal) commit(b *batch, poison error) {
	err := poison
	if err == nil {
		err = j.write(b)
	}
	if err == nil {
		j.absorb(b)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	b.err = err
	if err == nil {
		for _, f := range b.then {
			f()
		}
		if j.dueIn == b {
			j.due, j.dueIn = false, nil
		}
		j.durable.Size, j.durable.Head = b.last+1, b.prev
		close(b.done)
		close(j.wake)
		j.wake = make(chan struct{})
		if j.timer == nil {
			j.timer = j.opt.After(j.opt.CheckpointAfter, j.checkpointSoon)
		}
		return
	}
	if errors.Is(err, ErrPoisoned) {
		j.poison = err
	}
	// Entries linked behind the failed ones go with them.
	j.dueIn = nil
	j.seq, j.prev = j.durable.Size, j.durable.Head
	close(b.done)
	if p := j.pending; p != nil {
		p.err = err
		close(p.done)
		j.pending = nil
	}
}

// write appends the batch to the segment. A write that fails is cut off again
// and may be tried later; a sync that fails poisons the journal, since the
// kernel may have dropped what it could not write.
func (j *Journal) write(b *batch) error {
	_, err := j.f.WriteAt(b.buf, j.size)
	if err != nil && b.urgent && j.opt.disk.remove(j.path.reserve) == nil {
		j.freed = true
		_, err = j.f.WriteAt(b.buf, j.size)
	}
	if err != nil {
		if terr := j.f.Truncate(j.size); terr != nil {
			return fmt.Errorf("%w: %w, and it could not be undone: %w", ErrPoisoned, err, terr)
		}
		return fmt.Errorf("journal: write: %w", err)
	}
	began := j.opt.Elapsed()
	if err := j.f.Sync(); err != nil {
		return fmt.Errorf("%w: sync: %w", ErrPoisoned, err)
	}
	if j.opt.Synced != nil {
		j.opt.Synced(j.opt.Elapsed() - began)
	}
	j.size += int64(len(b.buf))
	return nil
}

// absorb takes a durable batch into the tree and the list of open intents.
func (j *Journal) absorb(b *batch) {
	start := 0
	for i, c := range b.buf {
		if c == '\n' {
			j.tree.Add(b.buf[start:i])
			start = i + 1
		}
	}
	j.head = b.prev
	for _, s := range b.opened {
		j.open[s] = struct{}{}
	}
	for _, s := range b.closed {
		delete(j.open, s)
	}
}

// checkpointSoon is what the timer calls.
func (j *Journal) checkpointSoon() {
	j.mu.Lock()
	j.timer = nil
	idle := j.closed || j.poison != nil
	if !idle {
		c := make(chan error, 1)
		j.asks = append(j.asks, c)
		go func() {
			if err := <-c; err != nil {
				j.opt.Report(err)
			}
		}()
	}
	j.mu.Unlock()
	if !idle {
		j.poke()
	}
}

// Checkpoint signs everything that is durable now. It is done by itself every
// so many entries and seconds; ask for it where a tail must not stay unsigned.
func (j *Journal) Checkpoint(ctx context.Context) error {
	c := make(chan error, 1)
	j.mu.Lock()
	if err := j.usableLocked(); err != nil {
		j.mu.Unlock()
		return err
	}
	j.asks = append(j.asks, c)
	j.mu.Unlock()
	j.poke()
	select {
	case err := <-c:
		return err
	case <-ctx.Done():
		return fmt.Errorf("journal: %w", ctx.Err())
	}
}

// checkpoint runs in the committer. The order makes every crash harmless: the
// next key is on disk before a note names it, the note is on disk before its
// key is erased.
func (j *Journal) checkpoint() error {
	if j.tree.Size() == j.last.Size && j.last.Next != "" {
		return nil
	}
	next, err := j.keys.prepare(j.opt.Rand)
	if err != nil {
		return fmt.Errorf("journal: next key: %w", err)
	}
	c := chain.Checkpoint{Origin: j.keys.origin, Size: j.tree.Size(), Root: j.tree.Root(), Epoch: j.keys.epoch,
		Time: j.opt.Now().UTC(), Head: j.head, Edge: j.tree.Edge(), Next: next, Marks: j.marks()}
	msg, err := c.Sign(j.keys.key)
	if err != nil {
		return err
	}
	if err := appendNote(j.opt.disk, j.path.notes, msg); err != nil {
		return fmt.Errorf("journal: checkpoint %d: %w", c.Epoch, err)
	}
	j.last = c
	j.mu.Lock()
	j.durable.Signed, j.durable.Epoch = c.Size, c.Epoch
	if j.timer != nil {
		j.timer()
		j.timer = nil
	}
	j.mu.Unlock()
	if j.freed {
		j.freed = j.reserve() != nil // still no room
	}
	if err := errors.Join(j.keys.noteSigned(c.Size), j.keys.evolve()); err != nil {
		// The old key may still be on disk; nothing is recorded on top of that.
		j.mu.Lock()
		j.poison = fmt.Errorf("%w: a used key could not be erased: %w", ErrPoisoned, err)
		err = j.poison
		j.mu.Unlock()
		return err
	}
	return nil
}

func (j *Journal) marks() []chain.Mark {
	var out []chain.Mark
	if len(j.open) > 0 {
		m := chain.Mark{Name: markOpen}
		for s := range j.open {
			m.Seqs = append(m.Seqs, s)
		}
		slices.Sort(m.Seqs)
		out = append(out, m)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.sealed.Hash != "" && uint64(j.sealed.At) < j.tree.Size() {
		out = append(out, chain.Mark{Name: markSeal, Seqs: []uint64{uint64(j.sealed.At)}})
	}
	if j.skew != (skew{}) {
		out = append(out, j.skew.mark())
	}
	if m, ok := j.stateMark(); ok {
		out = append(out, m)
	}
	return out
}

// appendNote adds a note and its empty line, or leaves the file as it was.
func appendNote(d disk, path string, msg []byte) (err error) {
	f, err := d.open(path)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}()
	size, err := f.Size()
	if err != nil {
		return err
	}
	if _, err = f.WriteAt(append(slices.Clip(msg), '\n'), size); err != nil {
		return errors.Join(err, f.Truncate(size))
	}
	return f.Sync()
}

// rotate ends the segment with a checkpoint and begins the next one, whose
// first entry holds that checkpoint.
func (j *Journal) rotate() error {
	j.mu.Lock()
	if j.poison != nil {
		j.mu.Unlock()
		return nil
	}
	j.hold = true
	b := j.pending
	j.pending = nil
	j.mu.Unlock()
	defer func() {
		j.mu.Lock()
		j.hold = false
		j.resume.Broadcast()
		j.mu.Unlock()
		j.poke()
	}()
	if b != nil {
		j.commit(b, nil)
	}
	if err := j.checkpoint(); err != nil {
		return err
	}
	if err := j.f.Close(); err != nil {
		return err
	}
	j.f = nil
	err := j.opt.disk.rename(j.path.log, segmentName(j.path.log, j.first))
	if err == nil {
		err = j.openSegment()
	}
	if err != nil {
		j.mu.Lock()
		j.poison = fmt.Errorf("%w: next segment: %w", ErrPoisoned, err)
		j.mu.Unlock()
		return err
	}
	if err := j.beginSegment(); err != nil {
		return err
	}
	j.indexLater()
	return j.retain()
}

// openSegment makes the active file for entries from tree size on.
func (j *Journal) openSegment() error {
	f, err := j.opt.disk.open(j.path.log)
	if err != nil {
		return err
	}
	if err := j.opt.disk.syncDir(filepath.Dir(j.path.log)); err != nil {
		return errors.Join(err, f.Close())
	}
	j.f, j.size, j.first = f, 0, j.tree.Size()
	j.segNo++
	return nil
}

// beginSegment writes the first entries of a segment. When that fails the next
// writer's batch begins with them.
func (j *Journal) beginSegment() error {
	j.mu.Lock()
	j.due = true
	err := j.beginLocked()
	b := j.pending
	j.pending = nil
	j.mu.Unlock()
	if err != nil {
		return err
	}
	j.commit(b, nil)
	return b.err
}

// beginLocked links the first entries of a segment: the checkpoint that ended
// the one before, and again the accepted posture and what is known of files, so
// that dropping old segments loses neither.
func (j *Journal) beginLocked() error {
	if !j.due || j.dueIn != nil {
		return nil
	}
	msg, err := lastNote(j.opt.disk, j.path.notes)
	if err != nil {
		return err
	}
	c, err := chain.PeekCheckpoint(msg)
	if err != nil {
		return err
	}
	link, err := j.prepareOwn(EventCheckpoint, chain.Link{Segment: j.segNo, Epoch: c.Epoch, Size: c.Size, Note: string(msg)})
	if err != nil {
		return err
	}
	b, _, err := j.linkLocked(&link, false)
	if err != nil {
		return err
	}
	j.dueIn = b
	if err := j.statesAgainLocked(b); err != nil || j.sealed.Hash == "" {
		return err
	}
	seal, err := j.prepareOwn(PostureSeal, sealData{Hash: j.sealed.Hash, Summary: j.sealed.Summary, Again: true})
	if err != nil {
		return err
	}
	_, seq, err := j.linkLocked(&seal, false)
	b.then = append(b.then, func() { j.sealed.At = max(j.sealed.At, Pos(seq)) })
	return err
}

// prepareOwn is prepare for the journal's own structures, which must not pass
// through the redactor: they are read back.
func (j *Journal) prepareOwn(ev Event, data any) (chain.Entry, error) {
	raw, err := json.Marshal(data)
	if err != nil {
		return chain.Entry{}, fmt.Errorf("journal: data of %s: %w", ev, err)
	}
	return chain.Entry{Event: ev.name(), Data: raw}, nil
}

// Close writes a last entry, signs everything and gives the lock up. Entries
// still waiting are written first.
func (j *Journal) Close() error {
	j.flushFailures()
	_, err := j.Append(context.Background(), Entry{Event: EventClose})
	if errors.Is(err, ErrClosed) {
		return nil
	}
	c := make(chan error, 1)
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		<-j.done
		return nil
	}
	j.closed = true
	if j.timer != nil {
		j.timer()
		j.timer = nil
	}
	j.fails.stop()
	if err == nil {
		j.asks = append(j.asks, c)
	} else {
		c <- err
	}
	j.mu.Unlock()
	j.poke()
	<-j.done
	j.idle.Wait()
	err = <-c
	if j.f != nil {
		err = errors.Join(err, j.f.Close())
	}
	return errors.Join(err, j.keys.close(), j.lock.Unlock())
}
