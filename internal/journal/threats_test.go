package journal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/chain"
	"github.com/openclaw-go/openclaw/internal/claw"
)

// intruder holds a copy of everything in a state directory: the record, its
// checkpoints, the signing key of the moment.
type intruder struct {
	t     *testing.T
	opt   Options
	key   *chain.Key
	epoch uint64
	lines [][]byte
	notes []chain.Checkpoint
}

func breakIn(t *testing.T, opt Options) *intruder {
	t.Helper()
	in := &intruder{t: t, opt: opt}
	b, err := os.ReadFile(opt.paths().key)
	if err != nil {
		t.Fatal(err)
	}
	for _, slot := range []int{0, slotSize} {
		if epoch, seed, ok := decodeSlot(b[slot:]); ok {
			in.epoch = epoch
			if in.key, err = chain.NewKey(in.origin(), seed); err != nil {
				t.Fatal(err)
			}
		}
	}
	log, err := os.ReadFile(opt.paths().log)
	if err != nil || in.key == nil {
		t.Fatal("no key or no journal to steal", err)
	}
	in.lines = bytes.Split(bytes.TrimSuffix(log, []byte("\n")), []byte("\n"))
	raw, err := os.ReadFile(opt.paths().notes)
	if err != nil {
		t.Fatal(err)
	}
	for r := chain.NewNotes(bytes.NewReader(raw)); ; {
		msg, err := r.Next()
		if err != nil {
			return in
		}
		c, err := chain.PeekCheckpoint(msg)
		if err != nil {
			t.Fatal(err)
		}
		in.notes = append(in.notes, c)
	}
}

func (in *intruder) origin() string {
	in.t.Helper()
	raw, err := os.ReadFile(in.opt.paths().notes)
	if err != nil {
		in.t.Fatal(err)
	}
	name, _, _ := strings.Cut(string(raw), "\n")
	return name
}

// rewrite changes what entry seq says and makes the chain anew behind it.
func (in *intruder) rewrite(seq int) {
	in.t.Helper()
	var prev chain.Hash
	for i, l := range in.lines {
		e, err := chain.Decode(l)
		if err != nil {
			in.t.Fatal(err)
		}
		if i == seq {
			e.Data = []byte(`{"text":"nothing happened"}`)
		}
		e.Prev = prev
		if in.lines[i], prev, err = chain.Encode(nil, &e); err != nil {
			in.t.Fatal(err)
		}
	}
	if err := os.WriteFile(in.opt.paths().log, append(bytes.Join(in.lines, []byte("\n")), '\n'), 0o600); err != nil {
		in.t.Fatal(err)
	}
}

// sign makes the checkpoints from number n on anew over the rewritten lines,
// each with the only key there is.
func (in *intruder) sign(n int) {
	in.t.Helper()
	raw, err := os.ReadFile(in.opt.paths().notes)
	if err != nil {
		in.t.Fatal(err)
	}
	var out []byte
	r := chain.NewNotes(bytes.NewReader(raw))
	for i, c := range in.notes {
		msg, err := r.Next()
		if err != nil {
			in.t.Fatal(err)
		}
		if i >= n {
			var tree chain.Tree
			for _, l := range in.lines[:c.Size] {
				tree.Add(l)
			}
			c.Root, c.Edge = tree.Root(), tree.Edge()
			if c.Size > 0 {
				e, err := chain.Decode(in.lines[c.Size-1])
				if err != nil {
					in.t.Fatal(err)
				}
				c.Head = e.Hash
			}
			c.Next = in.key.Public()
			if msg, err = c.Sign(in.key); err != nil {
				in.t.Fatal(err)
			}
		}
		out = append(append(out, msg...), '\n')
	}
	if err := os.WriteFile(in.opt.paths().notes, out, 0o600); err != nil {
		in.t.Fatal(err)
	}
}

// TestR08LiveKeyCannotRewriteThePast: with the key of the moment and every
// file, what a checkpoint covers cannot be changed without the verifier, which
// has the first public key alone, telling so. What no checkpoint covers yet
// can: the last case says that the attack itself works.
func TestR08LiveKeyCannotRewriteThePast(t *testing.T) {
	for name, c := range map[string]struct {
		seq    int
		resign int // from this checkpoint on; beyond the last means none
		intact bool
	}{
		"hashes alone":                 {2, 99, false},
		"every checkpoint anew":        {2, 0, false},
		"all but the first":            {2, 1, false},
		"the last one anew":            {8, 2, false},
		"what no checkpoint covers":    {-1, 99, true},
		"the last, of a signed middle": {2, 2, false},
	} {
		t.Run(name, func(t *testing.T) {
			opt := options(t.TempDir(), newClock())
			j := mustOpen(t, opt)
			for range 2 {
				for range 5 {
					add(t, j, Entry{Event: Decision, Data: fact{"it happened"}})
				}
				if err := j.Checkpoint(context.Background()); err != nil {
					t.Fatal(err)
				}
			}
			add(t, j, Entry{Event: Decision, Data: fact{"the break-in"}})
			crash(t, j)
			in := breakIn(t, opt)
			if c.seq < 0 {
				c.seq = len(in.lines) - 1
			}
			in.rewrite(c.seq)
			in.sign(c.resign)
			rep, err := Verify(opt, chain.Expect{})
			if err != nil {
				t.Fatal(err)
			}
			if rep.OK() != c.intact {
				t.Errorf("the verifier says: %v", rep)
			}
		})
	}
}

// TestR08UsedKeysAreNowhere: after a checkpoint no file of the state holds the
// key that signed it.
func TestR08UsedKeysAreNowhere(t *testing.T) {
	dir := t.TempDir()
	j := mustOpen(t, options(dir, newClock()))
	seed := bytes.Clone(seedOf(t, dir, j.keys.epoch))
	add(t, j, Entry{Event: Decision})
	if err := j.Checkpoint(context.Background()); err != nil {
		t.Fatal(err)
	}
	// Closing makes a checkpoint of its own, which would write over the place.
	err := filepath.Walk(dir, func(path string, fi os.FileInfo, err error) error {
		if err != nil || !fi.Mode().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, seed) {
			t.Errorf("%s holds the used key", path)
		}
		return err
	})
	if err := errors.Join(err, j.Close()); err != nil {
		t.Fatal(err)
	}
}

func seedOf(t *testing.T, dir string, epoch uint64) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "identity", "journal-key"))
	if err != nil {
		t.Fatal(err)
	}
	at, seed, ok := decodeSlot(b[slotOf(epoch):])
	if !ok || at != epoch {
		t.Fatalf("no key of epoch %d", epoch)
	}
	return seed
}

// TestR40StrangersEvictNobody: what strangers cause is bounded, one by one and
// together, and counted; the operator and approved senders are not held up; what
// is young is never removed for its size.
func TestR40StrangersEvictNobody(t *testing.T) {
	c, ctx := newClock(), context.Background()
	opt := options(t.TempDir(), c)
	j := mustOpen(t, opt)
	stranger := func(id string) claw.Principal {
		return claw.Principal{Surface: claw.SurfaceChannel, Channel: "telegram", Sender: claw.SenderID(id)}
	}
	before := j.Head().Size
	refused := 0
	for i := range 5000 {
		_, err := j.Append(ctx, Entry{Event: ChannelMessage, Principal: stranger(fmt.Sprint(i % 40)), Data: fact{"hello"}})
		if errors.Is(err, ErrQuota) {
			refused++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if n := j.Head().Size - before; n != strangersPerMinute || refused != 5000-strangersPerMinute {
		t.Errorf("forty strangers wrote %d entries in a minute, %d were refused", n, refused)
	}
	for name, p := range map[string]claw.Principal{
		"the operator": {Surface: claw.SurfaceCLI, Standing: claw.Owner}, "the gateway": {},
		"an approved sender": {Surface: claw.SurfaceChannel, Standing: claw.Paired, Channel: "telegram", Sender: "7"},
	} {
		if _, err := j.Append(ctx, Entry{Event: ChannelMessage, Principal: p}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := j.Append(ctx, Entry{Event: Lockdown, Principal: stranger("0")}); err != nil {
		t.Errorf("lockdown: %v", err)
	}
	for range memberPerMinute + 10 {
		_, err := j.Append(ctx, Entry{Event: ChannelMessage, Principal: claw.Principal{Surface: claw.SurfaceChannel, Standing: claw.Paired, Channel: "telegram", Sender: "loop"}})
		if err != nil && !errors.Is(err, ErrQuota) {
			t.Fatal(err)
		}
		if err != nil {
			refused++
		}
	}
	c.pass(2 * time.Minute)
	if _, err := j.Append(ctx, Entry{Event: ChannelMessage, Principal: stranger("0")}); err != nil {
		t.Errorf("a minute later: %v", err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	var sum SummaryData
	found, err := OpenReader(opt).Search(ctx, Filter{Events: []Event{Summary}})
	if err != nil || len(found) != 1 || json.Unmarshal(found[0].Data, &sum) != nil || sum.Total != refused {
		t.Errorf("%d refused, counted: %+v %v", refused, sum, err)
	}
	intact(t, opt)
}

// TestR40YoungEntriesStay: whoever fills the journal does not push out what
// happened before, however small the space for it; when it is old enough, the
// removal is an entry that a checkpoint covers.
func TestR40YoungEntriesStay(t *testing.T) {
	c := newClock()
	opt := options(t.TempDir(), c)
	opt.SegmentBytes, opt.KeepBytes = 8<<10, 16<<10
	j := mustOpen(t, opt)
	evidence := add(t, j, Entry{Event: ExecCommand, Data: fact{"the evidence"}})
	fill := func() {
		for range 100 {
			c.pass(time.Minute)
			add(t, j, Entry{Event: Decision, Data: fact{strings.Repeat("x", 300)}})
		}
	}
	fill()
	if _, err := j.Get(uint64(evidence)); err != nil {
		t.Fatalf("after a flood: %v", err)
	}
	c.pass(DefaultKeepAtLeast + time.Hour)
	fill()
	if _, err := j.Get(uint64(evidence)); !errors.Is(err, ErrNotFound) {
		t.Fatalf("after its time: %v", err)
	}
	drops, err := j.Search(context.Background(), Filter{Events: []Event{EventDrop}})
	if err != nil || len(drops) == 0 {
		t.Fatalf("%v %v", drops, err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if r := intact(t, opt); r.First == 0 {
		t.Fatalf("%v", r)
	}
}

// TestR51ClockEmptiesNothing: a clock that is set forward, in one step, over
// restarts or at a start, makes nothing old; each step is an entry; time that
// really passed still counts.
func TestR51ClockEmptiesNothing(t *testing.T) {
	c, ctx := newClock(), context.Background()
	opt := options(t.TempDir(), c)
	opt.SegmentBytes, opt.KeepFor = 8<<10, 365*24*time.Hour
	set := func(d time.Duration) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.at = c.at.Add(d)
	}
	j := mustOpen(t, opt)
	first := add(t, j, Entry{Event: Decision, Data: fact{"first"}})
	run := func() {
		t.Helper()
		for range 60 {
			c.pass(2 * time.Minute)
			add(t, j, Entry{Event: Decision, Data: fact{strings.Repeat("x", 300)}})
		}
		if _, err := j.Get(uint64(first)); err != nil {
			t.Fatalf("the first entry is gone: %v", err)
		}
	}
	restart := func() {
		t.Helper()
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		j = mustOpen(t, opt)
	}
	run()
	set(10 * 365 * 24 * time.Hour) // while it runs
	run()
	restart()
	run()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	set(10 * 365 * 24 * time.Hour) // while it does not
	j = mustOpen(t, opt)
	run()
	restart()
	set(-20 * 365 * 24 * time.Hour) // and back
	run()
	restart()
	run()
	jumps, err := j.Search(ctx, Filter{Events: []Event{EventClock}})
	if err != nil || len(jumps) != 3 {
		t.Fatalf("%d jumps: %v", len(jumps), err)
	}
	for range 60 { // a year and more, as time passes
		c.pass(7 * 24 * time.Hour)
		add(t, j, Entry{Event: Decision, Data: fact{strings.Repeat("x", 300)}})
	}
	if _, err := j.Get(uint64(first)); !errors.Is(err, ErrNotFound) {
		t.Fatalf("after a year: %v", err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	intact(t, opt)
}
