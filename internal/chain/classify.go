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
func (v *verifier) classify(h Head, parseErr error, whole bool) Damage {
	want := v.tree.Size()
	d := Damage{Kind: Changed, Seq: want, Through: want, File: v.name(), Line: v.line, Offset: v.offset}
	h.Event, h.Time = nil, nil // parts of a buffer that moves on
	file := v.file
	number := h.Seq
	// The line that the journal was taken to begin with may be the wrong one.
	second := v.report.First > 0 && want == v.report.First+1 && h.Seq < v.report.First
	if second {
		number = v.report.First
	}
	rest := v.readAhead(want, number)
	switch {
	case parseErr != nil:
		d.Detail = parseErr.Error()
		if continues(rest.near, want, v.prev) {
			d.Kind, d.Detail = Inserted, "a line stands before entry "+fmt.Sprint(want)+" that is no entry: "+parseErr.Error()
		}
	case !whole:
		d.Detail = "the line has no end"
	case h.Seq > want && rest.found && rest.again && continues(rest.near, want, v.prev):
		d.Kind, d.Detail = Inserted, fmt.Sprintf("a line numbered %d stands before entry %d", h.Seq, want)
	case h.Seq > want && rest.found:
		d.Kind, d.Detail = Reordered, fmt.Sprintf("entry %d stands here, entry %d comes later", h.Seq, want)
	case h.Seq > want:
		d.Kind, d.Through = Removed, h.Seq-1
		d.Detail = fmt.Sprintf("entry %d stands here", h.Seq)
	case second:
		d.Kind, d.Seq = Reordered, min(rest.least, h.Seq)
		if rest.again {
			d.Kind = Inserted
		}
		d.Through = d.Seq
		d.Detail = fmt.Sprintf("entry %d stands before entry %d", number, h.Seq)
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

type rest struct {
	near  []ahead
	found bool // the wanted number stands somewhere behind
	again bool // so does the number of the line itself
	least uint64
}

func (v *verifier) readAhead(want, number uint64) rest {
	r := rest{least: want}
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
		r.again = r.again || perr == nil && h.Seq == number
		if perr == nil {
			r.least = min(r.least, h.Seq)
		}
	}
}
