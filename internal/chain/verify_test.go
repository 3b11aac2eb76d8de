package chain_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openclaw-go/openclaw/internal/chain"
	"github.com/openclaw-go/openclaw/internal/claw"
)

// written is a small journal: its lines without newlines, its notes, its root.
type written struct {
	lines [][]byte
	notes []byte
	root  string
	size  uint64 // signed
}

func key(t testing.TB, n uint64) *chain.Key {
	t.Helper()
	seed := make([]byte, chain.SeedSize)
	binary.BigEndian.PutUint64(seed, n+1)
	k, err := chain.NewKey("openclaw-journal-test", seed)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func sample(i int, prev chain.Hash) chain.Entry {
	e := chain.Entry{Seq: uint64(i), Time: time.Unix(1_790_000_000, int64(i)).UTC(), Event: "tool.invoke", Agent: "main", Session: "agent:main:main",
		Principal: claw.Principal{Surface: claw.SurfaceCLI, Standing: claw.Owner, Name: "Ünï\u202e\"q\\"}, Run: "r1", Call: "c1", Prev: prev,
		Data: json.RawMessage(fmt.Sprintf(`{"n":%d,"argv":["git","status"],"text":"a<b>&\u2028\u001b[0m"}`, i))}
	switch i % 3 {
	case 1:
		e.Phase = chain.Intent
		e.Digest, e.Salt = "00ff", "aa"
	case 2:
		e.Phase, e.Ref = chain.Outcome, uint64(i-1)
	}
	return e
}

// write makes n entries with a checkpoint after each of at.
func write(t testing.TB, n int, at ...int) written {
	t.Helper()
	var w written
	var tree chain.Tree
	var head chain.Hash
	epoch := uint64(0)
	k := key(t, 0)
	w.root = k.Public()
	sign := func() {
		next := key(t, epoch+1)
		msg, err := chain.Checkpoint{Origin: "openclaw-journal-test", Size: tree.Size(), Root: tree.Root(), Epoch: epoch, Time: time.Unix(1_790_000_000, 0), Head: head,
			Edge: tree.Edge(), Next: next.Public(), Marks: []chain.Mark{{Name: "open", Seqs: []uint64{1, 2}}}}.Sign(k)
		if err != nil {
			t.Fatal(err)
		}
		w.notes = append(append(w.notes, msg...), '\n')
		w.size = tree.Size()
		k.Erase()
		k, epoch = next, epoch+1
	}
	sign()
	for i := range n {
		e := sample(i, head)
		b, h, err := chain.Encode(nil, &e)
		if err != nil {
			t.Fatal(err)
		}
		w.lines = append(w.lines, b)
		tree.Add(b)
		head = h
		if slices.Contains(at, i+1) {
			sign()
		}
	}
	return w
}

func join(lines [][]byte) []byte {
	var b bytes.Buffer
	for _, l := range lines {
		b.Write(l)
		b.WriteByte('\n')
	}
	return b.Bytes()
}

func (w written) verify(log []byte, want chain.Expect) chain.Report {
	want.Root = w.root
	return chain.Verify([]chain.Source{{Name: "audit.log", R: bytes.NewReader(log)}}, bytes.NewReader(w.notes), want)
}

func TestVerifyIntact(t *testing.T) {
	w := write(t, 20, 7, 20)
	r := w.verify(join(w.lines), chain.Expect{AtLeast: 20})
	if !r.OK() || r.Size != 20 || r.Signed != 20 || !r.Measured {
		t.Fatalf("%v", r)
	}
	if r := w.verify(join(w.lines), chain.Expect{}); !r.OK() || r.Measured || !strings.Contains(r.String(), "tail unmeasured") {
		t.Fatalf("%v", r)
	}
	var zero chain.Report
	if zero.OK() {
		t.Fatal("a report that measured nothing is fine")
	}
}

// Each kind of damage is found, at the entry that it concerns.
func TestVerifyNamesTheFirstBadEntry(t *testing.T) {
	w := write(t, 30, 10, 20, 30)
	cut := func(i int) [][]byte { return slices.Delete(slices.Clone(w.lines), i, i+1) }
	changed := slices.Clone(w.lines)
	changed[13] = bytes.Replace(changed[13], []byte("main"), []byte("evil"), 1)
	swapped := slices.Clone(w.lines)
	swapped[4], swapped[5] = swapped[5], swapped[4]
	twice := slices.Insert(slices.Clone(w.lines), 9, w.lines[3])
	for _, c := range []struct {
		name string
		log  []byte
		want chain.Kind
		seq  uint64
	}{
		{"changed", join(changed), chain.Changed, 13},
		{"removed", join(cut(11)), chain.Removed, 11},
		{"removed first", join(cut(0)), chain.Removed, 0},
		{"swapped", join(swapped), chain.Reordered, 4},
		{"again", join(twice), chain.Inserted, 3},
		{"noise", append([]byte("hello\n"), join(w.lines)...), chain.Inserted, 0},
		{"cut", join(w.lines[:25]), chain.Truncated, 25},
		{"empty", nil, chain.Truncated, 0},
		{"half a line", join(w.lines)[:len(join(w.lines))-9], chain.Truncated, 29},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := w.verify(c.log, chain.Expect{})
			if r.OK() || r.Damage.Kind != c.want || r.Damage.Seq != c.seq {
				t.Fatalf("got %v, expected %s at %d", r, c.want, c.seq)
			}
		})
	}
}

func TestVerifyCheckpoints(t *testing.T) {
	w := write(t, 12, 6)
	notes := chain.NewNotes(bytes.NewReader(w.notes))
	first, err := notes.Next()
	if err != nil {
		t.Fatal(err)
	}
	older := w
	older.notes = append(slices.Clone(first), '\n')
	if r := older.verify(join(w.lines), chain.Expect{AtLeast: 6}); r.OK() || r.Damage.Kind != chain.Truncated {
		t.Errorf("a removed checkpoint: %v", r)
	}
	older.lines = w.lines[:0]
	if r := older.verify(nil, chain.Expect{AtLeast: 6}); r.OK() || r.Damage.Kind != chain.RolledBack {
		t.Errorf("an older copy of both: %v", r)
	}
	foreign := w
	foreign.root = key(t, 77).Public()
	if r := foreign.verify(join(w.lines), chain.Expect{}); r.OK() || r.Damage.Kind != chain.Foreign {
		t.Errorf("another root: %v", r)
	}
	forged := w
	forged.notes = bytes.Replace(w.notes, []byte("epoch 1"), []byte("epoch 2"), 1)
	if r := forged.verify(join(w.lines), chain.Expect{}); r.OK() || r.Damage.Kind != chain.Forged {
		t.Errorf("a changed checkpoint: %v", r)
	}
	// A journal made anew behind the signature: hashes agree, the root does not.
	other := write(t, 12, 6)
	var head chain.Hash
	for i := range other.lines {
		e := sample(i, head)
		e.Agent = "other"
		other.lines[i], head, err = chain.Encode(nil, &e)
		if err != nil {
			t.Fatal(err)
		}
	}
	if r := other.verify(join(other.lines), chain.Expect{}); r.OK() || r.Damage.Kind != chain.Changed {
		t.Errorf("a chain made anew: %v", r)
	}
}

func TestVerifyTornTail(t *testing.T) {
	w := write(t, 10, 6)
	log := join(w.lines)
	torn := log[:len(log)-len(w.lines[9])/2]
	r := w.verify(torn, chain.Expect{AtLeast: 6})
	if !r.OK() || r.Torn == nil || r.Size != 9 {
		t.Fatalf("%v", r)
	}
}

// Any change to a fully signed journal is found: a flipped bit, a removed,
// swapped, repeated or missing line, a cut at any byte.
func TestAnyChangeIsFound(t *testing.T) {
	w := write(t, 24, 5, 11, 24)
	whole := join(w.lines)
	rapid.Check(t, func(t *rapid.T) {
		log := slices.Clone(whole)
		lines := slices.Clone(w.lines)
		i := rapid.IntRange(0, len(lines)-1).Draw(t, "i")
		j := rapid.IntRange(0, len(lines)-1).Draw(t, "j")
		switch rapid.IntRange(0, 4).Draw(t, "how") {
		case 0:
			at := rapid.IntRange(0, len(log)-1).Draw(t, "at")
			log[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		case 1:
			log = join(slices.Delete(lines, min(i, j), max(i, j)+1))
		case 2:
			if i == j {
				t.Skip("no change")
			}
			lines[i], lines[j] = lines[j], lines[i]
			log = join(lines)
		case 3:
			log = join(slices.Insert(lines, j, lines[i]))
		case 4:
			log = log[:rapid.IntRange(0, len(log)-1).Draw(t, "cut")]
		}
		if r := w.verify(log, chain.Expect{AtLeast: w.size}); r.OK() {
			t.Fatalf("not found: %v", r)
		}
	})
}

// Every single byte of a line and of a checkpoint counts.
func TestEveryByteCounts(t *testing.T) {
	w := write(t, 4, 4)
	whole := join(w.lines)
	for i := range whole {
		log := slices.Clone(whole)
		log[i] ^= 0x01
		if r := w.verify(log, chain.Expect{AtLeast: 4}); r.OK() {
			t.Errorf("log byte %d (%q) changed, not found", i, whole[i])
		}
	}
	for i := range w.notes {
		c := w
		c.notes = slices.Clone(w.notes)
		c.notes[i] ^= 0x01
		if r := c.verify(whole, chain.Expect{AtLeast: 4}); r.OK() {
			t.Errorf("checkpoint byte %d (%q) changed, not found", i, w.notes[i])
		}
	}
}

func TestProof(t *testing.T) {
	w := write(t, 19, 8, 19)
	for seq := range uint64(19) {
		p, err := chain.Prove([]chain.Source{{Name: "l", R: bytes.NewReader(join(w.lines))}}, chain.Tree{}, seq, 19)
		if err != nil {
			t.Fatal(err)
		}
		e, err := chain.VerifyProof(p, bytes.NewReader(w.notes), w.root)
		if err != nil || e.Seq != seq {
			t.Fatalf("entry %d: %v", seq, err)
		}
		p.Line = string(w.lines[(seq+1)%19])
		p.Seq = (seq + 1) % 19
		if _, err := chain.VerifyProof(p, bytes.NewReader(w.notes), w.root); err == nil {
			t.Fatalf("the proof of %d proves %d", seq, p.Seq)
		}
	}
}

func TestEncodeDecodeAreOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String()
		data, err := json.Marshal(map[string]string{text.Draw(t, "k"): text.Draw(t, "v")})
		if err != nil {
			t.Fatal(err)
		}
		e := chain.Entry{Seq: rapid.Uint64Range(0, 1<<60).Draw(t, "seq"), Time: time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "s"), rapid.Int64Range(0, 999999999).Draw(t, "n")).UTC(),
			Event: "decision", Session: claw.SessionKey(text.Draw(t, "session")), Principal: claw.Principal{Name: text.Draw(t, "name")}, Data: data}
		line, h, err := chain.Encode(nil, &e)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.ContainsAny(line, "\n\r\x00\x1b") {
			t.Fatalf("raw control bytes in %q", line)
		}
		got, err := chain.Decode(line)
		if err != nil || got.Hash != h || got.Seq != e.Seq || !got.Time.Equal(e.Time) {
			t.Fatalf("%v\n%s", err, line)
		}
	})
}

func FuzzDecode(f *testing.F) {
	for _, l := range write(f, 3).lines {
		f.Add(l)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := chain.Decode(b)
		if err != nil {
			return
		}
		again, _, err := chain.Encode(nil, &e)
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%v: %q became %q", err, b, again)
		}
	})
}

// Whatever stands in the files, Verify ends, and says OK only of what the
// signed journal begins with.
func FuzzVerify(f *testing.F) {
	w := write(f, 6, 3, 6)
	whole := join(w.lines)
	f.Add(whole, w.notes)
	f.Add(whole[:40], w.notes)
	f.Add([]byte{}, []byte{})
	f.Fuzz(func(t *testing.T, log, notes []byte) {
		r := chain.Verify([]chain.Source{{Name: "l", R: bytes.NewReader(log)}}, bytes.NewReader(notes), chain.Expect{Root: w.root, AtLeast: 6})
		if r.OK() && !bytes.HasPrefix(log, whole) {
			t.Fatalf("accepted: %v", r)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	const n = 100_000
	w := write(b, n, n)
	log := join(w.lines)
	b.SetBytes(int64(len(log)))
	b.ReportAllocs()
	for b.Loop() {
		if r := w.verify(log, chain.Expect{AtLeast: n}); !r.OK() {
			b.Fatal(r)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
}

func BenchmarkEncode(b *testing.B) {
	e := sample(0, chain.Hash{})
	buf := make([]byte, 0, 1024)
	for b.Loop() {
		if _, _, err := chain.Encode(buf[:0], &e); err != nil {
			b.Fatal(err)
		}
	}
}
