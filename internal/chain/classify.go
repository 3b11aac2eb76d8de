package chain

import (
	"errors"
	"fmt"
	"io"
)

// ahead is a line behind the first bad one.
type ahead struct {
	ok   bool
	head Head
}

const lookAhead = 64

// classify names what happened at the current line, which is not the entry
// that is expected here. It may read the rest of the input, since verification
// ends with it.
func (v *verifier) classify(line []byte, h Head, parseErr error) Damage {
	want := v.tree.Size()
	d := Damage{Kind: Changed, Seq: want, Through: want, File: v.name(), Line: v.line, Offset: v.offset}
	h.Event, h.Time = nil, nil // parts of a buffer that moves on
	file := v.file
	rest := v.readAhead(want)
	switch {
	case parseErr != nil:
		d.Detail = parseErr.Error()
		if continues(rest.near, want, v.prev) {
			d.Kind, d.Detail = Inserted, "a line stands before entry "+fmt.Sprint(want)+" that is no entry: "+parseErr.Error()
		}
	case h.Seq > want && rest.found && !v.fits(rest.near, want, h.Seq):
		d.Kind, d.Detail = Reordered, fmt.Sprintf("entry %d stands here, entry %d comes later", h.Seq, want)
	case h.Seq > want && rest.found:
		d.Kind, d.Detail = Inserted, fmt.Sprintf("a line numbered %d stands before entry %d", h.Seq, want)
	case h.Seq > want:
		d.Kind, d.Through = Removed, h.Seq-1
		d.Detail = fmt.Sprintf("entry %d stands here", h.Seq)
	case h.Seq < want:
		v.classifyOld(h, rest.near, &d)
	default:
		d.Detail = fmt.Sprintf("prev is %.8s…, the entry before has hash %.8s…", h.Prev, v.prev)
		if want > v.report.Signed && (len(rest.near) == 0 || continues(rest.near, want+1, h.Hash)) {
			// Everything behind agrees with this line, so it is the one before
			// that is not what was written.
			if p := v.recent[(want-1)%uint64(len(v.recent))]; p.ok == 1 && p.seq == want-1 {
				d.Seq, d.Through, d.File, d.Line, d.Offset = p.seq, p.seq, v.log[p.file].Name, p.line, p.offset
				d.Detail = fmt.Sprintf("its hash is %.8s…, the next entry was linked to %.8s…", p.hash, h.Prev)
			}
		}
	}
	v.file = file
	return d
}

// classifyOld: a number that was already there. Either this line was put in
// again, or the one accepted under its number was put in before it.
func (v *verifier) classifyOld(h Head, near []ahead, d *Damage) {
	d.Kind, d.Seq, d.Through = Inserted, h.Seq, h.Seq
	d.Detail = fmt.Sprintf("a second line numbered %d", h.Seq)
	old := v.recent[h.Seq%uint64(len(v.recent))]
	if old.ok == 1 && old.seq == h.Seq && old.hash != h.Hash && old.prev == h.Prev && h.Seq >= v.report.Signed &&
		(len(near) == 0 || continues(near, h.Seq+1, h.Hash)) {
		d.File, d.Line, d.Offset = v.log[old.file].Name, old.line, old.offset
		d.Detail = fmt.Sprintf("what follows is linked to another entry %d", h.Seq)
	}
}

// continues: the next lines are the entry seq that follows prev.
func continues(near []ahead, seq uint64, prev Hash) bool {
	return len(near) > 0 && near[0].ok && near[0].head.Seq == seq && near[0].head.Prev == prev
}

// fits reports whether the lines behind run on from want without a gap where
// the misplaced line's number belongs, so that the line is one too many.
func (v *verifier) fits(near []ahead, want, number uint64) bool {
	if !continues(near, want, v.prev) {
		return false
	}
	for i, a := range near {
		if !a.ok || a.head.Seq != want+uint64(i) {
			return false
		}
		if a.head.Seq == number {
			return true
		}
	}
	return true
}

type rest struct {
	near  []ahead
	found bool // the wanted number stands somewhere behind
}

func (v *verifier) readAhead(want uint64) rest {
	var r rest
	for {
		line, _, err := v.in.next()
		if err != nil && len(line) == 0 {
			if !errors.Is(err, io.EOF) || v.file+1 >= len(v.log) {
				return r
			}
			v.file++
			v.in = newLineReader(v.log[v.file].R)
			continue
		}
		h, perr := ParseHead(line)
		h.Event, h.Time = nil, nil
		if len(r.near) < lookAhead {
			r.near = append(r.near, ahead{ok: perr == nil, head: h})
		}
		r.found = r.found || perr == nil && h.Seq == want
	}
}
