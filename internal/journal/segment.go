package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/openclaw-go/openclaw/internal/chain"
)

// segment is one file of the log. The active one is named as configured; older
// ones carry the number of their first entry behind it.
type segment struct {
	path  string
	first uint64
	size  int64
}

const seqDigits = 15

func segmentName(log string, first uint64) string {
	return fmt.Sprintf("%s.%0*d", log, seqDigits, first)
}

// segments lists the files of a log, oldest first. An active file without a
// whole first line has the number that its predecessor ends before unknown and
// counts as beginning where it will.
func segments(log string) ([]segment, error) {
	entries, err := os.ReadDir(filepath.Dir(log))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	var out []segment
	prefix := filepath.Base(log) + "."
	for _, e := range entries {
		digits, ok := strings.CutPrefix(e.Name(), prefix)
		if !ok || len(digits) != seqDigits || !e.Type().IsRegular() {
			continue
		}
		first, err := strconv.ParseUint(digits, 10, 64)
		if err != nil {
			continue
		}
		fi, err := e.Info()
		if err != nil {
			return nil, fmt.Errorf("journal: %w", err)
		}
		out = append(out, segment{path: filepath.Join(filepath.Dir(log), e.Name()), first: first, size: fi.Size()})
	}
	fi, err := os.Lstat(log)
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil
	}
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	first := uint64(1) << 62
	if seq, ok := firstSeq(log); ok {
		first = seq
	}
	return append(out, segment{path: log, first: first, size: fi.Size()}), nil
}

func firstSeq(path string) (uint64, bool) {
	f, err := os.Open(path)
	if err != nil {
		return 0, false
	}
	defer func() { _ = f.Close() }()
	buf := make([]byte, 64)
	n, _ := io.ReadFull(f, buf)
	return seqOf(buf[:n])
}

// seqOf reads the number at the start of a line.
func seqOf(line []byte) (uint64, bool) {
	rest, ok := bytes.CutPrefix(line, []byte(`{"v":1,"seq":`))
	i := bytes.IndexByte(rest, ',')
	if !ok || i < 0 {
		return 0, false
	}
	seq, err := strconv.ParseUint(string(rest[:i]), 10, 63)
	return seq, err == nil
}

// seek finds the offset of the first line in f whose number is at least seq,
// by halving: lines grow in number. It is size when there is none. A line
// without a number, as a crash leaves it, counts as behind all others.
func seek(f io.ReaderAt, size int64, seq uint64) (int64, error) {
	const near = 8192
	lo, hi := int64(0), size // lo starts a line that is not behind the one looked for
	for hi-lo > near {
		mid := lo + (hi-lo)/2
		start, err := nextLine(f, mid, hi)
		if err != nil {
			return 0, err
		}
		if start < 0 {
			hi = mid
			continue
		}
		if n, err := numberAt(f, start); err == nil && n < seq {
			lo = start
		} else {
			hi = mid
		}
	}
	for lo >= 0 && lo < size {
		next, found, err := scan(f, lo, size, seq)
		if err != nil || found {
			return next, err
		}
		if next == lo { // a line longer than what is read at once
			if next, err = nextLine(f, lo, size); err != nil {
				return 0, err
			}
		}
		lo = next
	}
	return size, nil
}

// scan reads a piece of f from the line at lo on. It returns the first line
// whose number is not below seq, or else the last line start that it saw.
func scan(f io.ReaderAt, lo, size int64, seq uint64) (at int64, found bool, err error) {
	buf := make([]byte, min(size-lo, 8<<10))
	if _, err := f.ReadAt(buf, lo); err != nil && !errors.Is(err, io.EOF) {
		return 0, false, err
	}
	for i := 0; ; {
		n, ok := seqOf(buf[i:min(i+64, len(buf))])
		if !ok {
			if i > 0 && len(buf)-i < 64 && lo+int64(len(buf)) < size {
				return lo + int64(i), false, nil // its number is in the next piece
			}
			return lo + int64(i), true, nil
		}
		if n >= seq {
			return lo + int64(i), true, nil
		}
		end := bytes.IndexByte(buf[i:], '\n')
		if end < 0 || i+end+1 == len(buf) {
			if lo+int64(len(buf)) == size {
				return size, false, nil
			}
			return lo + int64(i), false, nil
		}
		i += end + 1
	}
}

// nextLine returns the first line start behind pos and before end, or -1.
func nextLine(f io.ReaderAt, pos, end int64) (int64, error) {
	buf := make([]byte, 4096)
	for pos < end {
		n, err := f.ReadAt(buf, pos)
		if i := bytes.IndexByte(buf[:n], '\n'); i >= 0 {
			if start := pos + int64(i) + 1; start < end {
				return start, nil
			}
			return -1, nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		if n == 0 {
			return -1, nil
		}
		pos += int64(n)
	}
	return -1, nil
}

func numberAt(f io.ReaderAt, off int64) (uint64, error) {
	head := make([]byte, 64)
	n, err := f.ReadAt(head, off)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	seq, ok := seqOf(head[:n])
	if !ok {
		return 0, fmt.Errorf("journal: the line at byte %d has no number", off)
	}
	return seq, nil
}

// recover finds the end of the log, from the last checkpoint on entry by
// entry, and cuts off an unfinished last write. It runs before the committer.
func (j *Journal) recover() (bootInfo, error) {
	var info bootInfo
	for _, s := range j.last.Marked(markOpen) {
		j.open[s] = struct{}{}
	}
	j.skew = skewOf(j.last)
	segs, err := segments(j.path.log)
	if err != nil {
		return info, err
	}
	j.segNo = uint64(max(len(segs)-1, 0))
	if n := len(segs); n == 0 || segs[n-1].path != j.path.log || segs[n-1].size == 0 {
		// A new journal, or a crash between two segments.
		info.fresh = true
		if n > 0 && segs[n-1].path == j.path.log {
			segs = segs[:n-1]
		}
		if len(segs) == 0 && j.last.Size > 0 {
			return info, j.short(j.path.log)
		}
		if err := j.openSegment(); err != nil {
			return info, fmt.Errorf("journal: %w", err)
		}
	} else if j.f, err = j.opt.disk.open(j.path.log); err != nil {
		return info, fmt.Errorf("journal: %w", err)
	} else if j.size, err = j.f.Size(); err != nil {
		return info, fmt.Errorf("journal: %w", err)
	}
	if err := j.checkHead(segs); err != nil {
		return info, err
	}
	if !info.fresh {
		j.first = segs[len(segs)-1].first
		if info.repair, err = j.replay(); err != nil {
			return info, err
		}
		info.fresh = j.size == 0
		if info.fresh {
			j.first = j.tree.Size()
		}
	}
	j.seq, j.prev = j.tree.Size(), j.head
	j.durable = Tip{Size: j.seq, Head: j.head, Signed: j.last.Size, Epoch: j.last.Epoch}
	return info, errors.Join(j.loadSeal(), j.loadStates())
}

func (j *Journal) short(file string) error {
	return &DamageError{File: file, Seq: j.last.Size - 1, Detail: fmt.Sprintf("checkpoint %d was signed over %d entries, the log ends before", j.last.Epoch, j.last.Size)}
}

// checkHead compares the last signed entry with the checkpoint.
func (j *Journal) checkHead(segs []segment) error {
	if j.last.Size == 0 {
		return nil
	}
	want := j.last.Size - 1
	for i := len(segs) - 1; i >= 0; i-- {
		if segs[i].first > want {
			continue
		}
		line, err := readLineAt(segs[i], want)
		if err != nil {
			return j.short(segs[i].path)
		}
		h, err := chain.ParseHead(line)
		if err != nil || h.Seq != want || h.Hash != j.last.Head {
			return &DamageError{File: segs[i].path, Seq: want, Detail: "it is not the entry that the last checkpoint was signed over"}
		}
		j.lastTime(h.Time)
		return nil
	}
	return j.short(j.path.log)
}

// replay takes up the entries behind the last checkpoint, line by line.
func (j *Journal) replay() (*RepairData, error) {
	off := int64(0)
	if j.first < j.last.Size {
		var err error
		if off, err = seek(j.f, j.size, j.last.Size); err != nil {
			return nil, &DamageError{File: j.path.log, Seq: j.last.Size, Detail: err.Error()}
		}
	}
	in := newLines(j.f, off, j.size)
	for {
		line, whole, err := in.next()
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("journal: %w", err)
		}
		h, err := chain.ParseHead(line)
		if !whole || err != nil && bytes.IndexByte(line, 0) >= 0 {
			return j.repair(in.start)
		}
		if err != nil || h.Seq != j.tree.Size() || h.Prev != j.head {
			detail := "it is not linked to the entry before it"
			if err != nil {
				detail = err.Error()
			}
			return nil, &DamageError{File: j.path.log, Seq: j.tree.Size(), Detail: detail}
		}
		if err := j.learn(h, line); err != nil {
			return nil, err
		}
		j.tree.Add(line)
		j.head = h.Hash
	}
}

// repair cuts off what a crash left behind off.
func (j *Journal) repair(off int64) (*RepairData, error) {
	r := &RepairData{File: filepath.Base(j.path.log), Offset: off, Bytes: j.size - off}
	if err := errors.Join(j.f.Truncate(off), j.f.Sync()); err != nil {
		return nil, fmt.Errorf("journal: repair: %w", err)
	}
	j.size = off
	return r, nil
}

// learn keeps what later entries and checkpoints need to know of this one.
func (j *Journal) learn(h chain.Head, line []byte) error {
	j.lastTime(h.Time)
	ev := Event(h.Event)
	own := ev == PostureSeal || ev == EventClock || ev == StateWrite
	if !own && !bytes.Contains(line, []byte(`"phase":"`)) {
		return nil
	}
	e, err := chain.Decode(line)
	if err != nil {
		return &DamageError{File: j.path.log, Seq: h.Seq, Detail: err.Error()}
	}
	switch e.Phase {
	case chain.Intent:
		j.open[e.Seq] = struct{}{}
	case chain.Outcome:
		delete(j.open, e.Ref)
	case chain.Single:
	}
	if ev == PostureSeal {
		j.sealed.At, j.sealed.Hash = Pos(e.Seq), "?"
	}
	if ev == StateWrite {
		j.replayed = append(j.replayed, e)
	}
	if ev == EventClock {
		var jump Jump
		if err := json.Unmarshal(e.Data, &jump); err == nil {
			j.skew.add(jump.by())
		}
	}
	return nil
}

// loadSeal reads the entry of the last accepted posture.
func (j *Journal) loadSeal() error {
	at := uint64(j.sealed.At)
	if j.sealed.Hash == "" {
		m := j.last.Marked(markSeal)
		if len(m) == 0 {
			return nil
		}
		at = m[0]
	}
	e, err := j.Get(at)
	if err != nil {
		return &DamageError{File: j.path.log, Seq: at, Detail: "the accepted posture cannot be read: " + err.Error()}
	}
	var d sealData
	if err := json.Unmarshal(e.Data, &d); err != nil || Event(e.Event) != PostureSeal || d.Hash == "" {
		return &DamageError{File: j.path.log, Seq: at, Detail: "it is not the accepted posture"}
	}
	j.sealed = Seal{Hash: d.Hash, Summary: d.Summary, At: Pos(at)}
	return nil
}

func readLineAt(s segment, seq uint64) ([]byte, error) {
	f, err := os.Open(s.path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	off, err := seek(f, s.size, seq)
	if err != nil {
		return nil, err
	}
	return readLine(f, off)
}

func readLine(f io.ReaderAt, off int64) ([]byte, error) {
	for n := 4096; n <= 2*chain.MaxLine; n *= 4 {
		buf := make([]byte, n)
		got, err := f.ReadAt(buf, off)
		if i := bytes.IndexByte(buf[:got], '\n'); i >= 0 {
			return buf[:i], nil
		}
		if err != nil {
			return nil, io.ErrUnexpectedEOF
		}
	}
	return nil, io.ErrUnexpectedEOF
}
