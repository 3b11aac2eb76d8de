package chain

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/mod/sumdb/tlog"
)

// Proof shows that one line is entry Seq of the journal whose first Size
// entries have the root of a checkpoint. It needs nothing else of the journal.
type Proof struct {
	Seq  uint64      `json:"seq"`
	Line string      `json:"line"`
	Size uint64      `json:"size"`
	Path []tlog.Hash `json:"path"`
}

// ErrProof is wrapped when a proof does not prove.
var ErrProof = errors.New("the proof does not hold")

// Prove makes the proof for entry seq against the first size entries, which
// log must hold but for those before start (the tree at the first entry that
// is present; zero when that is entry 0). One pass, constant memory.
func Prove(log []Source, start Tree, seq, size uint64) (Proof, error) {
	if seq >= size || seq < start.size {
		return Proof{}, fmt.Errorf("chain: entry %d is not among %d to %d", seq, start.size, int64(size)-1)
	}
	ranges := provePath(0, size, seq, nil)
	roots := make([]Tree, len(ranges))
	p := Proof{Seq: seq, Size: size}
	at, cur := uint64(0), 0
	into := func(h tlog.Hash, level int) {
		for cur < len(ranges) && at >= ranges[cur].hi {
			cur++
		}
		if cur < len(ranges) && at >= ranges[cur].lo {
			roots[cur].push(h, level)
		}
		at += 1 << level
	}
	for i, bit := 0, 63; bit >= 0; bit-- {
		if start.size>>bit&1 == 1 {
			into(start.edge[i], bit)
			i++
		}
	}
	for _, s := range log {
		in := newLineReader(s.R)
		for at < size {
			line, whole, err := in.next()
			if errors.Is(err, io.EOF) && len(line) == 0 {
				break
			}
			if err != nil && !errors.Is(err, io.EOF) {
				return Proof{}, fmt.Errorf("chain: prove: %q: %w", s.Name, err)
			}
			h, err := ParseHead(line)
			if err != nil || !whole || h.Seq != at {
				return Proof{}, fmt.Errorf("chain: prove: %q: entry %d is damaged", s.Name, at)
			}
			if at == seq {
				p.Line = string(line)
			}
			into(tlog.RecordHash(line), 0)
		}
	}
	if at < size {
		return Proof{}, fmt.Errorf("chain: prove: the journal ends after %d entries, expected %d", at, size)
	}
	p.Path = pathOf(0, size, seq, ranges, roots)
	return p, nil
}

type span struct{ lo, hi uint64 }

// provePath lists, left to right, the complete ranges beside the way from the
// root of [lo,hi) to seq.
func provePath(lo, hi, seq uint64, out []span) []span {
	if hi-lo == 1 {
		return out
	}
	mid := lo + split(hi-lo)
	if seq < mid {
		return append(provePath(lo, mid, seq, out), span{mid, hi})
	}
	return provePath(mid, hi, seq, append(out, span{lo, mid}))
}

// pathOf orders the roots of the ranges from the leaf up, as RFC 6962 does.
func pathOf(lo, hi, seq uint64, ranges []span, roots []Tree) []tlog.Hash {
	if hi-lo == 1 {
		return nil
	}
	mid := lo + split(hi-lo)
	var sibling span
	var path []tlog.Hash
	if seq < mid {
		path, sibling = pathOf(lo, mid, seq, ranges, roots), span{mid, hi}
	} else {
		path, sibling = pathOf(mid, hi, seq, ranges, roots), span{lo, mid}
	}
	for i, r := range ranges {
		if r == sibling {
			path = append(path, roots[i].Root())
		}
	}
	return path
}

// split is the largest power of two below n, n > 1.
func split(n uint64) uint64 {
	k := uint64(1)
	for k<<1 < n {
		k <<= 1
	}
	return k
}

// VerifyProof checks p offline: checkpoints is the file of signed notes, root
// the first public key. It returns the entry that is proven.
func VerifyProof(p Proof, checkpoints io.Reader, root string) (Entry, error) {
	e, _, err := verifyProof(p, checkpoints, root)
	return e, err
}

func verifyProof(p Proof, checkpoints io.Reader, root string) (Entry, Checkpoint, error) {
	e, err := Decode([]byte(p.Line))
	if err != nil {
		return Entry{}, Checkpoint{}, err
	}
	if e.Seq != p.Seq || p.Seq >= p.Size || p.Size > 1<<62 {
		return Entry{}, Checkpoint{}, fmt.Errorf("chain: %w: the line is entry %d, the proof is for %d of %d", ErrProof, e.Seq, p.Seq, p.Size)
	}
	c, err := findCheckpoint(checkpoints, root, p.Size)
	if err != nil {
		return Entry{}, Checkpoint{}, err
	}
	if err := tlog.CheckRecord(tlog.RecordProof(p.Path), int64(p.Size), c.Root, int64(p.Seq), tlog.RecordHash([]byte(p.Line))); err != nil {
		return Entry{}, Checkpoint{}, fmt.Errorf("chain: %w: %w", ErrProof, err)
	}
	return e, c, nil
}

// findCheckpoint follows the keys from root to the checkpoint at size.
func findCheckpoint(checkpoints io.Reader, root string, size uint64) (Checkpoint, error) {
	notes, key := NewNotes(checkpoints), root
	for epoch := uint64(0); ; epoch++ {
		msg, err := notes.Next()
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return Checkpoint{}, fmt.Errorf("chain: %w: no checkpoint over %d entries", ErrProof, size)
		}
		if err != nil {
			return Checkpoint{}, err
		}
		c, err := OpenCheckpoint(msg, key)
		if err != nil {
			return Checkpoint{}, err
		}
		if c.Epoch != epoch {
			return Checkpoint{}, fmt.Errorf("chain: %w: epoch %d, expected %d", ErrCheckpoint, c.Epoch, epoch)
		}
		if c.Size == size {
			return c, nil
		}
		key = c.Next
	}
}
