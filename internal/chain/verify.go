package chain

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Source is one segment of a journal, oldest first.
type Source struct {
	Name string
	R    io.Reader
}

// TreeHead is what somebody else keeps of a journal: its root at a size.
type TreeHead struct {
	Size uint64
	Root tlog.Hash
}

// Expect is what the one who verifies knows from elsewhere.
type Expect struct {
	// Root is the first public key, the only thing that has to be trusted.
	Root string
	// AtLeast is a number of entries known to have been signed. 0 leaves the
	// tail unmeasured: a cut tail or an older copy cannot be seen.
	AtLeast uint64
	// Heads are tree heads from witnesses; each must be met.
	Heads []TreeHead
}

// Kind is the kind of a damage. The zero value is none.
type Kind string

// Kinds of damage.
const (
	None       Kind = ""
	Changed    Kind = "changed"     // an entry's bytes are not what was written
	Removed    Kind = "removed"     // entries are missing in the middle or at the front
	Inserted   Kind = "inserted"    // a line that does not belong here
	Reordered  Kind = "reordered"   // entries stand in another order
	Truncated  Kind = "truncated"   // the tail that was signed or promised is missing
	RolledBack Kind = "rolled back" // an older copy of the whole, or another future of it
	Forged     Kind = "forged"      // a checkpoint is not what its key signed
	Foreign    Kind = "foreign"     // signed under another root: another journal
	Unreadable Kind = "unreadable"  // the input failed; nothing is said beyond it
)

// Damage is the first thing that is wrong.
type Damage struct {
	Kind Kind
	// Seq is the first bad or missing entry; Through the last that may be
	// concerned when it cannot be told more exactly, else equal to Seq.
	Seq, Through uint64
	File         string
	Line         int // from 1; 0 when it is about the file as a whole
	Offset       int64
	Detail       string
}

func (d Damage) String() string {
	where := d.File
	if d.Line > 0 {
		where = fmt.Sprintf("%s:%d (byte %d)", d.File, d.Line, d.Offset)
	}
	seq := fmt.Sprintf("entry %d", d.Seq)
	if d.Through > d.Seq {
		seq = fmt.Sprintf("entries %d to %d", d.Seq, d.Through)
	}
	return fmt.Sprintf("%s: %s: %s: %s", where, seq, d.Kind, d.Detail)
}

// Torn is an unfinished write at the very end, as a crash leaves it. It was
// never acknowledged, so it is no damage.
type Torn struct {
	File   string
	Line   int
	Offset int64
}

// Report is the result of Verify. Its zero value has measured nothing.
type Report struct {
	// First is the number of the first entry present; above 0 when older
	// segments were dropped under a signed entry.
	First uint64
	// Size is the number of entries from 0 to the last intact one.
	Size uint64
	// Signed is how many of them a checkpoint covers. What is behind it is
	// chained, but a holder of the files could have written it.
	Signed uint64
	Head   Hash
	Epoch  uint64 // of the last checkpoint
	// Measured: the end was compared with a number or head from elsewhere.
	Measured bool
	AtLeast  uint64
	Torn     *Torn
	Damage   *Damage
	done     bool
}

// OK reports whether everything was read and nothing is damaged.
func (r Report) OK() bool { return r.done && r.Damage == nil }

func (r Report) String() string {
	if !r.done {
		return "nothing verified"
	}
	s := fmt.Sprintf("intact up to seq %d", int64(r.Size)-1)
	if r.Size == r.First {
		s = "no entries"
	}
	if r.Damage != nil {
		return "DAMAGED: " + r.Damage.String() + "; " + s
	}
	if r.First > 0 {
		s += fmt.Sprintf(" from %d (older ones were dropped under a signed entry)", r.First)
	}
	if r.Signed < r.Size {
		s += fmt.Sprintf(", %d not signed yet", r.Size-r.Signed)
	}
	if r.Torn != nil {
		s += fmt.Sprintf(", tail torn at %s:%d", r.Torn.File, r.Torn.Line)
	}
	if !r.Measured {
		return s + ", tail unmeasured"
	}
	if r.AtLeast == 0 {
		return s + ", tail measured by a witness"
	}
	return s + fmt.Sprintf(", tail measured (at least %d)", r.AtLeast)
}

// Verify reads a whole journal, segments in order and its checkpoints, and
// says whether it is what was written. It stops at the first damage. It
// streams: memory does not depend on the journal's length.
func Verify(log []Source, checkpoints io.Reader, want Expect) Report {
	v := &verifier{want: want, log: log, notes: NewNotes(checkpoints), key: want.Root, heads: sortedHeads(want.Heads)}
	v.report.AtLeast = want.AtLeast
	v.run()
	v.report.done = true
	return v.report
}

type verifier struct {
	want   Expect
	log    []Source
	notes  *Notes
	key    string // public key of the next checkpoint
	heads  []TreeHead
	seen   uint64 // size of the last head that was met
	report Report

	tree Tree
	prev Hash

	next     Checkpoint // the next checkpoint to meet
	have     bool       // next is set
	opened   bool       // at least one checkpoint was opened
	linked   uint64     // highest epoch that an entry tells of, plus one
	dropped  uint64     // entries before this number may be missing
	dropSeq  uint64     // where that is said
	tornNote bool

	in     *lineReader
	file   int // index of the segment being read
	line   int
	offset int64
	recent [64]seen
}

// seen remembers an accepted entry, to tell an inserted line from the one that
// belongs there.
type seen struct {
	seq, ok uint64
	hash    Hash
	prev    Hash
	file    int
	line    int
	offset  int64
}

func (v *verifier) run() {
	if _, err := note.NewVerifier(v.want.Root); err != nil {
		v.fail(Damage{Kind: Unreadable, File: "root key", Detail: err.Error()})
		return
	}
	if !v.advance() || !v.begin() {
		return
	}
	for v.file = range v.log {
		v.in, v.line, v.offset = newLineReader(v.log[v.file].R), 0, 0
		for {
			line, whole, err := v.in.next()
			if errors.Is(err, io.EOF) && len(line) == 0 {
				break
			}
			if err != nil && !errors.Is(err, io.EOF) {
				v.fail(Damage{Kind: Unreadable, Seq: v.tree.Size(), File: v.name(), Line: v.line + 1, Offset: v.offset, Detail: err.Error()})
				return
			}
			v.line++
			if !v.entry(line, whole) {
				return
			}
			v.offset += int64(len(line)) + 1
		}
	}
	v.end()
}

func (v *verifier) name() string {
	if v.file < len(v.log) {
		return v.log[v.file].Name
	}
	return "journal"
}

func (v *verifier) fail(d Damage) bool {
	if d.Through < d.Seq {
		d.Through = d.Seq
	}
	v.report.Damage = &d
	v.note()
	return false
}

// note copies what is known to be intact into the report.
func (v *verifier) note() {
	v.report.Size, v.report.Head = v.tree.Size(), v.prev
}

// advance opens the next checkpoint with the key that the last one named.
func (v *verifier) advance() bool {
	v.have = false
	msg, err := v.notes.Next()
	switch {
	case errors.Is(err, io.EOF):
		return true
	case errors.Is(err, io.ErrUnexpectedEOF):
		v.tornNote = true
		return true
	case err != nil:
		return v.fail(Damage{Kind: Unreadable, Seq: v.report.Signed, File: "checkpoints", Offset: v.notes.Offset(), Detail: err.Error()})
	}
	c, err := OpenCheckpoint(msg, v.key)
	if err != nil {
		kind := Forged
		var other *note.UnverifiedNoteError
		if !v.opened && errors.As(err, &other) {
			kind = Foreign
		}
		return v.fail(Damage{Kind: kind, Seq: v.next.Size, File: "checkpoints", Offset: v.notes.Offset(), Detail: err.Error()})
	}
	if v.opened && (c.Epoch != v.next.Epoch+1 || c.Size < v.next.Size) || !v.opened && (c.Epoch != 0 || c.Size != 0) {
		return v.fail(Damage{Kind: Forged, Seq: v.next.Size, File: "checkpoints", Offset: v.notes.Offset(),
			Detail: fmt.Sprintf("epoch %d at size %d follows epoch %d at size %d", c.Epoch, c.Size, v.next.Epoch, v.next.Size)})
	}
	v.next, v.key, v.have, v.opened = c, c.Next, true, true
	return true
}

// begin finds where the journal starts: at entry 0, or at a signed boundary
// when older segments are gone.
func (v *verifier) begin() bool {
	if !v.opened {
		return v.fail(Damage{Kind: Truncated, File: "checkpoints", Detail: "there is no checkpoint, though the journal begins with one"})
	}
	first, ok := v.peekFirst()
	if !ok || first == 0 {
		return v.meet()
	}
	for v.have && v.next.Size < first {
		if !v.advance() {
			return false
		}
	}
	if !v.have || v.next.Size != first {
		// No checkpoint ends there, so this is not where a segment began.
		v.in, v.line = newLineReader(v.log[v.file].R), 1
		line, whole, _ := v.in.next()
		h, err := ParseHead(line)
		return v.fail(v.classify(h, err, whole))
	}
	v.tree, _ = TreeAt(v.next.Size, v.next.Edge)
	v.prev, v.report.First = v.next.Head, first
	for len(v.heads) > 0 && v.heads[0].Size < first {
		v.heads = v.heads[1:] // those entries are gone; nothing can be said
	}
	return v.meet()
}

// peekFirst reads the number of the first entry, in v.file, and puts its bytes
// back.
func (v *verifier) peekFirst() (uint64, bool) {
	for i := range v.log {
		r := newLineReader(v.log[i].R)
		b, _ := r.r.Peek(r.r.Size())
		v.log[i].R = r.r
		if len(b) == 0 {
			continue
		}
		v.file = i
		var h Head
		for j, c := range b {
			if c == '\n' {
				b = b[:j]
				break
			}
		}
		if h.parse(b) != nil {
			return 0, false
		}
		return h.Seq, true
	}
	return 0, false
}

// meet compares the tree with every checkpoint and witnessed head at its size.
func (v *verifier) meet() bool {
	for v.have && v.next.Size == v.tree.Size() {
		if v.next.Root != v.tree.Root() || v.next.Head != v.prev {
			return v.fail(Damage{Kind: Changed, Seq: v.report.Signed, Through: max(v.next.Size, 1) - 1, File: v.name(),
				Detail: fmt.Sprintf("the chain was made anew: checkpoint %d was signed over other entries", v.next.Epoch)})
		}
		v.report.Signed, v.report.Epoch = v.next.Size, v.next.Epoch
		if !v.advance() {
			return false
		}
	}
	for len(v.heads) > 0 && v.heads[0].Size == v.tree.Size() {
		if v.heads[0].Root != v.tree.Root() {
			return v.fail(Damage{Kind: RolledBack, Seq: v.seen, Through: v.heads[0].Size - 1, File: v.name(),
				Detail: fmt.Sprintf("a witness saw another root at size %d: this is another future of an older copy", v.heads[0].Size)})
		}
		v.report.Measured = true
		v.seen = v.heads[0].Size
		v.heads = v.heads[1:]
	}
	return true
}

func (v *verifier) entry(line []byte, whole bool) bool {
	h, err := ParseHead(line)
	if err != nil && v.isTorn(line, whole) {
		v.report.Torn = &Torn{File: v.name(), Line: v.line, Offset: v.offset}
		v.file = len(v.log) - 1
		return v.end()
	}
	if err != nil || !whole || h.Seq != v.tree.Size() || h.Prev != v.prev {
		return v.fail(v.classify(h, err, whole))
	}
	v.tree.Add(line)
	v.prev = h.Hash
	v.recent[h.Seq%uint64(len(v.recent))] = seen{seq: h.Seq, ok: 1, hash: h.Hash, prev: h.Prev, file: v.file, line: v.line, offset: v.offset}
	switch Event(h.Event) {
	case EventCheckpoint, EventDrop:
		v.structure(h, line)
	}
	if v.have && v.next.Size == v.tree.Size() || len(v.heads) > 0 && v.heads[0].Size == v.tree.Size() {
		return v.meet()
	}
	return true
}

// structure remembers what entries tell about the journal itself.
func (v *verifier) structure(h Head, line []byte) {
	e, err := Decode(line)
	if err != nil {
		return
	}
	var link Link
	var drop Drop
	if e.Event == EventCheckpoint && json.Unmarshal(e.Data, &link) == nil {
		v.linked = max(v.linked, link.Epoch+1)
	}
	if e.Event == EventDrop && json.Unmarshal(e.Data, &drop) == nil && drop.Through < h.Seq {
		v.dropped, v.dropSeq = max(v.dropped, drop.Through+1), h.Seq
	}
}

// isTorn: an unfinished last write. Only the last segment can have one: a line
// without an end, or a hole of zero bytes where blocks never reached the disk.
// What a checkpoint was signed over had reached it.
func (v *verifier) isTorn(line []byte, whole bool) bool {
	if v.file != len(v.log)-1 && !v.restEmpty() {
		return false
	}
	if !whole {
		return true
	}
	return !v.have && bytes.IndexByte(line, 0) >= 0
}

func (v *verifier) restEmpty() bool {
	for _, s := range v.log[v.file+1:] {
		var b [1]byte
		if n, _ := io.ReadFull(s.R, b[:]); n > 0 {
			return false
		}
	}
	return true
}

// end judges the tail. Its return value is false: nothing more is to be read.
func (v *verifier) end() bool {
	v.note()
	size := v.tree.Size()
	switch {
	case v.have && v.next.Size > size:
		return v.fail(Damage{Kind: Truncated, Seq: size, Through: v.next.Size - 1, File: v.name(),
			Detail: fmt.Sprintf("checkpoint %d was signed over %d entries", v.next.Epoch, v.next.Size)})
	case v.linked > v.next.Epoch+1:
		return v.fail(Damage{Kind: Truncated, Seq: v.report.Signed, Through: max(size, 1) - 1, File: "checkpoints",
			Detail: fmt.Sprintf("an entry tells of checkpoint %d, the last one here is %d", v.linked-1, v.next.Epoch)})
	case v.report.First > 0 && (v.dropped < v.report.First || v.dropSeq >= v.report.Signed):
		return v.fail(Damage{Kind: Removed, Seq: v.dropped, Through: v.report.First - 1, File: v.log[0].Name, Line: 1,
			Detail: fmt.Sprintf("the journal begins with entry %d and no signed entry says that older ones were dropped", v.report.First)})
	case v.want.AtLeast > size || len(v.heads) > 0:
		return v.fail(v.shortOf(size))
	case v.want.AtLeast > v.report.Signed:
		return v.fail(Damage{Kind: Truncated, Seq: v.report.Signed, Through: size - 1, File: "checkpoints",
			Detail: fmt.Sprintf("%d entries were signed, the checkpoints here cover %d", v.want.AtLeast, v.report.Signed)})
	}
	v.report.Measured = v.report.Measured || v.want.AtLeast > 0
	return false
}

// shortOf tells a cut tail from an older copy: an older copy ends where its
// checkpoints end.
func (v *verifier) shortOf(size uint64) Damage {
	need := v.want.AtLeast
	for _, h := range v.heads {
		need = max(need, h.Size)
	}
	d := Damage{Kind: Truncated, Seq: size, Through: need - 1, File: v.name(),
		Detail: fmt.Sprintf("ends after %d entries, at least %d are known to exist", size, need)}
	if v.report.Signed == size && v.report.Torn == nil && !v.tornNote {
		d.Kind = RolledBack
		d.Detail += "; entries and checkpoints end together, as in an older copy of both"
	}
	return d
}

func sortedHeads(in []TreeHead) []TreeHead {
	out := append([]TreeHead(nil), in...)
	for i := range out {
		for j := i; j > 0 && out[j].Size < out[j-1].Size; j-- {
			out[j], out[j-1] = out[j-1], out[j]
		}
	}
	return out
}
