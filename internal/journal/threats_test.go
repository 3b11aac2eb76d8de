package journal

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openclaw-go/openclaw/internal/chain"
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
