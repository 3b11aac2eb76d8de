package journal

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/openclaw-go/openclaw/internal/chain"
)

// soak makes the long suites run whole; scripts/soak sets it.
var soak = flag.Bool("soak", false, "run the tamper, restart and power suites whole")

// part is how much of a suite runs.
func part(whole, sample int) int {
	if *soak {
		return whole
	}
	return sample
}

// copied is a journal in memory: the lines of each segment with their newline,
// the checkpoints, what the owner knows of it.
type copied struct {
	segs  [][][]byte
	notes []byte
	root  string
	heads []chain.TreeHead // what a witness was sent
	size  uint64
}

func (c copied) clone() copied {
	segs := make([][][]byte, len(c.segs))
	for i, s := range c.segs {
		segs[i] = slices.Clone(s)
	}
	c.segs, c.notes = segs, bytes.Clone(c.notes)
	return c
}

func load(t testing.TB, opt Options) copied {
	t.Helper()
	fs, err := Locate(opt)
	if err != nil {
		t.Fatal(err)
	}
	c := copied{root: fs.RootKey}
	for _, name := range fs.Segments {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		lines := bytes.SplitAfter(b, []byte("\n"))
		c.segs = append(c.segs, lines[:len(lines)-1])
		c.size += uint64(len(lines) - 1)
	}
	if c.notes, err = os.ReadFile(fs.Checkpoints); err != nil {
		t.Fatal(err)
	}
	for r := chain.NewNotes(bytes.NewReader(c.notes)); ; {
		msg, err := r.Next()
		if err != nil {
			return c
		}
		p, err := chain.PeekCheckpoint(msg)
		if err != nil {
			t.Fatal(err)
		}
		c.heads = append(c.heads, chain.TreeHead{Size: p.Size, Root: p.Root})
	}
}

func (c copied) verify(want chain.Expect) chain.Report {
	want.Root = c.root
	var src []chain.Source
	for i, s := range c.segs {
		src = append(src, chain.Source{Name: fmt.Sprintf("segment %d", i), R: bytes.NewReader(bytes.Join(s, nil))})
	}
	return chain.Verify(src, bytes.NewReader(c.notes), want)
}

// at finds entry n.
func (c copied) at(n uint64) (seg, line int) {
	for seg = range c.segs {
		if n < uint64(len(c.segs[seg])) {
			return seg, int(n)
		}
		n -= uint64(len(c.segs[seg]))
	}
	return len(c.segs) - 1, len(c.segs[len(c.segs)-1])
}

func (c copied) line(n uint64) []byte {
	seg, i := c.at(n)
	return c.segs[seg][i]
}

func (c *copied) set(n uint64, b []byte) {
	seg, i := c.at(n)
	c.segs[seg][i] = b
}

func (c *copied) remove(from, through uint64) {
	for n := through; n+1 > from; n-- {
		seg, i := c.at(n)
		c.segs[seg] = slices.Delete(c.segs[seg], i, i+1)
		if n == 0 {
			return
		}
	}
}

func (c *copied) insert(n uint64, b []byte) {
	seg, i := c.at(n)
	c.segs[seg] = slices.Insert(c.segs[seg], i, b)
}

// finding is what a verifier must say of a damage: one of the kinds, the first
// bad entry between from and through.
type finding struct {
	what          string
	kinds         []chain.Kind
	from, through uint64
}

func (f finding) met(d *chain.Damage) bool {
	return d != nil && slices.Contains(f.kinds, d.Kind) && d.Seq <= f.from && f.through <= d.Through && (d.Seq == f.from || d.Through > d.Seq)
}

// ownEntry is a line that an intruder wrote in the place of entry n, rightly
// linked and hashed.
func ownEntry(c copied, n uint64) []byte {
	e, err := chain.Decode(bytes.TrimSuffix(c.line(n), []byte("\n")))
	if err != nil {
		panic(err)
	}
	e.Data = []byte(`{"text":"nothing happened"}`)
	line, _, err := chain.Encode(nil, &e)
	if err != nil {
		panic(err)
	}
	return append(line, '\n')
}

// harm does one random damage to c and says what has to be found.
func harm(r *rand.Rand, c *copied) finding {
	n := r.Uint64N(c.size)
	line := bytes.Clone(c.line(n))
	seg, i := c.at(n)
	ends := seg == len(c.segs)-1 && i == len(c.segs[seg])-1 // nothing stands behind it
	changed := finding{kinds: []chain.Kind{chain.Changed}, from: n, through: n}
	switch r.IntN(9) {
	case 0:
		p := r.IntN(len(line))
		line[p] ^= 1 << r.IntN(8)
		c.set(n, line)
		changed.what = fmt.Sprintf("byte %d of entry %d flipped", p, n)
		if ends && p == len(line)-1 {
			changed.kinds = append(changed.kinds, chain.Truncated)
		}
		return changed
	case 1:
		p := r.IntN(len(line))
		c.set(n, slices.Delete(line, p, p+1))
		changed.what = fmt.Sprintf("byte %d of entry %d deleted", p, n)
		if ends && p == len(line)-1 {
			changed.kinds = append(changed.kinds, chain.Truncated)
		}
		return changed
	case 2:
		p := r.IntN(len(line))
		c.set(n, slices.Insert(line, p, byte(r.IntN(256))))
		changed.what = fmt.Sprintf("a byte at %d of entry %d inserted", p, n)
		changed.kinds = append(changed.kinds, chain.Inserted) // a newline before it is a line of its own
		return changed
	case 3:
		c.set(n, ownEntry(*c, n))
		changed.what = fmt.Sprintf("entry %d written anew with its hash", n)
		return changed
	case 4:
		return removal(r, c, n)
	case 5:
		return insertion(r, c, n)
	case 6:
		m := r.Uint64N(c.size - 1)
		if m >= n {
			m++
		}
		a, b := c.line(n), c.line(m)
		c.set(n, b)
		c.set(m, a)
		return finding{fmt.Sprintf("entries %d and %d swapped", n, m), []chain.Kind{chain.Reordered}, min(n, m), min(n, m)}
	case 7:
		return truncation(r, c, n)
	}
	return notesHarm(r, c)
}

func removal(r *rand.Rand, c *copied, n uint64) finding {
	through := min(n+r.Uint64N(20), c.size-1)
	if r.IntN(3) == 0 {
		seg, _ := c.at(n)
		n = 0
		for i := range seg {
			n += uint64(len(c.segs[i]))
		}
		through = n + uint64(len(c.segs[seg])) - 1
		c.segs = slices.Delete(c.segs, seg, seg+1)
	} else {
		c.remove(n, through)
	}
	f := finding{fmt.Sprintf("entries %d to %d removed", n, through), []chain.Kind{chain.Removed}, n, through}
	if through == c.size-1 {
		f.kinds, f.through = []chain.Kind{chain.Truncated}, n
	}
	return f
}

func insertion(r *rand.Rand, c *copied, n uint64) finding {
	f := finding{kinds: []chain.Kind{chain.Inserted}, from: n, through: n}
	switch r.IntN(3) {
	case 0:
		m := r.Uint64N(c.size)
		f.what = fmt.Sprintf("a copy of entry %d before entry %d", m, n)
		f.from, f.through = min(n, m), min(n, m)
		c.insert(n, c.line(m))
	case 1:
		f.what = fmt.Sprintf("noise before entry %d", n)
		noise := make([]byte, 1+r.IntN(200))
		for i := range noise {
			noise[i] = byte(1 + r.IntN(255))
		}
		c.insert(n, append(bytes.ReplaceAll(noise, []byte("\n"), []byte(" ")), '\n'))
	case 2:
		f.what = fmt.Sprintf("an entry of one's own before entry %d", n)
		f.kinds = append(f.kinds, chain.Changed) // when a checkpoint stands right behind it
		c.insert(n, ownEntry(*c, n))
	}
	return f
}

func truncation(r *rand.Rand, c *copied, n uint64) finding {
	seg, i := c.at(n)
	keep := r.IntN(len(c.segs[seg][i]))
	c.segs = c.segs[:seg+1]
	c.segs[seg] = append(c.segs[seg][:i:i], c.segs[seg][i][:keep])
	return finding{fmt.Sprintf("cut off %d bytes into entry %d", keep, n), []chain.Kind{chain.Truncated}, n, n}
}

// notesHarm damages the checkpoints.
func notesHarm(r *rand.Rand, c *copied) finding {
	k := r.IntN(len(c.heads))
	notes := bytes.SplitAfter(c.notes, []byte("\n\n"))
	var whole [][]byte // text and signature are two pieces
	for i := 0; i+1 < len(notes); i += 2 {
		whole = append(whole, append(bytes.Clone(notes[i]), notes[i+1]...))
	}
	f := finding{kinds: []chain.Kind{chain.Forged, chain.Foreign, chain.Truncated}}
	if k > 0 {
		f.from, f.through = c.heads[k-1].Size, c.heads[k-1].Size
	}
	switch r.IntN(4) {
	case 0:
		p := r.IntN(len(whole[k]))
		whole[k][p] ^= 1 << r.IntN(8)
		f.what = fmt.Sprintf("byte %d of checkpoint %d flipped", p, k)
	case 1:
		whole = slices.Delete(whole, k, k+1)
		f.what = fmt.Sprintf("checkpoint %d removed", k)
	case 2:
		whole = whole[:k]
		f.what = fmt.Sprintf("checkpoints cut off before %d", k)
	case 3:
		m := (k + 1) % len(whole)
		whole[k], whole[m] = whole[m], whole[k]
		if m < k {
			f.from, f.through = 0, 0
		}
		f.what = fmt.Sprintf("checkpoints %d and %d swapped", k, m)
	}
	c.notes = bytes.Join(whole, nil)
	return f
}

// realJournal is one with several segments, restarts and checkpoints, and
// copies of the whole state from earlier times.
func realJournal(t *testing.T) (opt Options, older []string) {
	t.Helper()
	opt = options(t.TempDir(), newClock())
	opt.SegmentBytes, opt.CheckpointEvery = 16<<10, 13
	for run := range 6 {
		j := mustOpen(t, opt)
		for i := range 40 {
			e := Entry{Event: Decision, Agent: "main", Session: "agent:main:main", Data: fact{strings.Repeat("x", (run*40+i)*7%200)}}
			if i%3 == 0 {
				e.Phase = Intent
			}
			p := add(t, j, e)
			if i%3 == 0 && i%2 == 0 {
				add(t, j, Entry{Event: Decision, Phase: Outcome, Ref: p})
			}
		}
		if run < 5 {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(opt.Dir)); err != nil {
				t.Fatal(err)
			}
			older = append(older, dir)
		}
		if run%2 == 0 {
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := j.Checkpoint(context.Background()); err != nil {
			t.Fatal(err)
		}
		crash(t, j)
	}
	return opt, older
}

// Every damage to a signed journal is found, and named: what kind, from which
// entry on. Two thousand of them in the long suite.
func TestTamperSuite(t *testing.T) {
	opt, _ := realJournal(t)
	whole := load(t, opt)
	if len(whole.segs) < 4 || len(whole.heads) < 20 {
		t.Fatalf("%d segments, %d checkpoints", len(whole.segs), len(whole.heads))
	}
	want := chain.Expect{AtLeast: whole.heads[len(whole.heads)-1].Size}
	if r := whole.verify(want); !r.OK() || r.Size != whole.size {
		t.Fatalf("the journal itself: %v", r)
	}
	for seed := range uint64(part(2000, 400)) {
		c := whole.clone()
		f := harm(rand.New(rand.NewPCG(seed, 7)), &c)
		if same(c, whole) {
			continue // the byte that was put in is the one that stood there
		}
		if r := c.verify(want); r.OK() || !f.met(r.Damage) {
			t.Errorf("seed %d: %s: expected %v from entry %d: %v", seed, f.what, f.kinds, f.from, r)
		}
	}
}

func same(a, b copied) bool {
	var x, y [][]byte
	for _, s := range a.segs {
		x = append(x, s...)
	}
	for _, s := range b.segs {
		y = append(y, s...)
	}
	return bytes.Equal(bytes.Join(x, nil), bytes.Join(y, nil)) && bytes.Equal(a.notes, b.notes)
}

// An older copy of the whole state, put back, and one that then went on, are
// found by what a witness was sent and by nothing less; verify says so.
func TestTamperSuiteRollback(t *testing.T) {
	opt, older := realJournal(t)
	now := load(t, opt)
	for i, dir := range older {
		old := opt
		old.Dir, old.Path = dir, ""
		c := load(t, old)
		if r := c.verify(chain.Expect{}); !r.OK() || r.Measured || !strings.Contains(r.String(), "tail unmeasured") {
			t.Errorf("copy %d without a witness: %v", i, r)
		}
		for name, want := range map[string]chain.Expect{
			"number": {AtLeast: now.heads[len(now.heads)-1].Size}, "heads": {Heads: now.heads}, "last head": {Heads: now.heads[len(now.heads)-1:]},
		} {
			if r := c.verify(want); r.OK() || r.Damage.Kind != chain.RolledBack && r.Damage.Kind != chain.Truncated {
				t.Errorf("copy %d, a witness with its %s: %v", i, name, r)
			}
		}
		j := mustOpen(t, old)
		for range 400 {
			add(t, j, Entry{Event: Decision, Data: fact{"another future"}})
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		if r := intact(t, old); r.Size <= now.size {
			t.Fatalf("the other future is no longer than what happened: %v", r)
		}
		r := load(t, old).verify(chain.Expect{AtLeast: now.size, Heads: now.heads})
		if r.OK() || r.Damage.Kind != chain.RolledBack || r.Damage.Seq > c.size || r.Damage.Seq == 0 {
			t.Errorf("copy %d that went on: %v", i, r)
		}
	}
}

// A journal of another installation is no journal of this one, whole or spliced.
func TestJournalOfAnotherInstallation(t *testing.T) {
	opt, _ := realJournal(t)
	mine := load(t, opt)
	opt2, _ := realJournal(t)
	theirs := load(t, opt2)
	mixed := mine
	mixed.segs = theirs.segs
	for name, c := range map[string]struct {
		c    copied
		kind chain.Kind
	}{
		"all of it":       {copied{segs: theirs.segs, notes: theirs.notes, root: mine.root}, chain.Foreign},
		"its entries":     {mixed, chain.Changed},
		"its checkpoints": {copied{segs: mine.segs, notes: theirs.notes, root: mine.root}, chain.Foreign},
	} {
		if r := c.c.verify(chain.Expect{}); r.OK() || r.Damage.Kind != c.kind {
			t.Errorf("%s: %v", name, r)
		}
	}
	// A gateway does not go on writing it.
	for _, name := range []string{"logs", "identity"} {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(opt.Dir)); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(filepath.Join(dir, name), os.DirFS(filepath.Join(opt2.Dir, name))); err != nil {
			t.Fatal(err)
		}
		mixed := opt
		mixed.Dir, mixed.Path = dir, ""
		if j, err := Open(mixed); err == nil {
			t.Errorf("%s of another installation: opened, %v", name, j.Close())
		}
	}
}
