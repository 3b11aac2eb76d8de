package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/openclaw-go/openclaw/internal/chain"
	"github.com/openclaw-go/openclaw/internal/claw"
)

// power is a disk whose power fails: what was not synced may be lost, sector by
// sector and in any order; names that were not synced, from some point on.
// Files that are not opened through it are taken as they lie there.
type power struct {
	realDisk
	mu      sync.Mutex
	left    int // operations until the power fails
	ops     int
	now     map[string]*inode // names as the process sees them
	durable map[string]*inode
	names   []func(map[string]*inode) // changes of names that were not synced
}

type inode struct {
	durable []byte
	pending []func([]byte) []byte
}

var errPower = errors.New("the power is off")

func newPower(left int) *power {
	return &power{left: left, now: map[string]*inode{}, durable: map[string]*inode{}}
}

// tick counts an operation; false when the power is off.
func (p *power) tick() bool {
	p.ops++
	p.left--
	return p.left >= 0
}

func (p *power) open(path string) (file, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.tick() {
		return nil, errPower
	}
	n := p.now[path]
	if n == nil {
		n = &inode{}
		b, err := os.ReadFile(path)
		if err == nil {
			n.durable = b
			p.durable[path] = n
		} else {
			p.names = append(p.names, func(m map[string]*inode) { m[path] = n })
		}
		p.now[path] = n
	}
	f, err := p.realDisk.open(path)
	return powerFile{f, p, n}, err
}

func (p *power) rename(from, to string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.tick() {
		return errPower
	}
	move := func(m map[string]*inode) { m[to] = m[from]; delete(m, from) }
	move(p.now)
	p.names = append(p.names, move)
	return p.realDisk.rename(from, to)
}

func (p *power) remove(path string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.tick() {
		return errPower
	}
	if p.now[path] == nil {
		// A segment that this run never opened: removing it is what may be lost.
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		p.durable[path] = &inode{durable: b}
	}
	delete(p.now, path)
	p.names = append(p.names, func(m map[string]*inode) { delete(m, path) })
	return p.realDisk.remove(path)
}

func (p *power) syncDir(string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.tick() {
		return errPower
	}
	for _, f := range p.names {
		f(p.durable)
	}
	p.names = nil
	return nil
}

type powerFile struct {
	file
	p *power
	n *inode
}

func (f powerFile) WriteAt(b []byte, off int64) (int, error) {
	f.p.mu.Lock()
	defer f.p.mu.Unlock()
	if !f.p.tick() {
		return 0, errPower
	}
	b = bytes.Clone(b)
	f.n.pending = append(f.n.pending, func(c []byte) []byte {
		if need := int(off) + len(b); len(c) < need {
			c = append(c, make([]byte, need-len(c))...)
		}
		copy(c[off:], b)
		return c
	})
	return f.file.WriteAt(b, off)
}

func (f powerFile) Truncate(size int64) error {
	f.p.mu.Lock()
	defer f.p.mu.Unlock()
	if !f.p.tick() {
		return errPower
	}
	f.n.pending = append(f.n.pending, func(c []byte) []byte {
		if int64(len(c)) < size {
			return append(c, make([]byte, int(size)-len(c))...)
		}
		return c[:size]
	})
	return f.file.Truncate(size)
}

func (f powerFile) Sync() error {
	f.p.mu.Lock()
	defer f.p.mu.Unlock()
	if !f.p.tick() {
		return errPower
	}
	for _, op := range f.n.pending {
		f.n.durable = op(f.n.durable)
	}
	f.n.pending = nil
	return nil
}

const sector = 512

// survives is one content that the file may have after the power came back:
// for each sector the newest or any older state since the last sync.
func (n *inode) survives(r *rand.Rand) []byte {
	versions := [][]byte{n.durable}
	for _, op := range n.pending {
		versions = append(versions, op(bytes.Clone(versions[len(versions)-1])))
	}
	size := len(versions[r.IntN(len(versions))])
	out := make([]byte, size)
	lose := r.IntN(3) // none, some, most
	for at := 0; at < size; at += sector {
		v := versions[len(versions)-1]
		if r.IntN(3) < lose {
			v = versions[r.IntN(len(versions))]
		}
		if at < len(v) {
			copy(out[at:min(at+sector, size)], v[at:min(at+sector, len(v))])
		}
	}
	return out
}

// after writes what is left into a new directory.
func (p *power) after(t testing.TB, r *rand.Rand, from string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	names := maps.Clone(p.durable)
	for _, f := range p.names[:r.IntN(len(p.names)+1)] {
		f(names)
	}
	all := append(slices.Collect(maps.Keys(p.now)), slices.Collect(maps.Keys(p.durable))...)
	for _, path := range all {
		rel, err := filepath.Rel(from, path)
		if err != nil {
			t.Fatal(err)
		}
		n, at := names[path], filepath.Join(dir, rel)
		if n == nil {
			if err := os.Remove(at); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			continue
		}
		if err := os.WriteFile(at, n.survives(r), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"logs", "identity"} {
		if err := os.Chmod(filepath.Join(dir, name), 0o700); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	return dir
}

// acknowledged are the entries whose Append returned, by number.
type acknowledged map[Pos]string

// work appends until the disk fails; only what was acknowledged counts.
func work(t *testing.T, j *Journal, round int, acked acknowledged) {
	t.Helper()
	for i := range 30 {
		text := fmt.Sprintf("%d.%d %s", round, i, strings.Repeat("x", (round+i)*37%900))
		e := Entry{Event: Decision, Data: fact{text}}
		if i%4 == 0 {
			e.Phase = Intent
		}
		p, err := j.Append(context.Background(), e)
		if err != nil {
			return
		}
		acked[p] = text
		switch i {
		case 7:
			if j.Checkpoint(context.Background()) != nil {
				return
			}
		case 11:
			if _, err := j.SealPosture(context.Background(), claw.Principal{Surface: claw.SurfaceCLI}, "h", []byte(`{"a":1}`)); err != nil {
				return
			}
		}
	}
}

// losing runs a journal in dir until the power fails after some operations. It
// returns what is left, and how many operations there would have been.
func losing(t *testing.T, dir string, c *clock, round, left int, acked acknowledged, r *rand.Rand) (string, int) {
	t.Helper()
	opt := options(dir, c)
	opt.SegmentBytes, opt.CheckpointEvery = 6<<10, 5
	p := newPower(left)
	opt.disk = p
	j, err := Open(opt)
	var damage *DamageError
	switch {
	case errors.As(err, &damage):
		t.Fatalf("round %d: a false alarm: %v", round, err)
	case err == nil:
		work(t, j, round, acked)
		_ = j.Close()
	case !errors.Is(err, errPower):
		t.Fatalf("round %d: %v", round, err)
	}
	return p.after(t, r, dir), p.ops
}

// allThere opens what is left, with power that stays.
func allThere(t *testing.T, dir string, c *clock, what string, acked acknowledged) {
	t.Helper()
	opt := options(dir, c)
	if _, err := Locate(opt); err == nil { // before it is repaired
		if r, err := Verify(opt, chain.Expect{}); err != nil || !r.OK() {
			t.Fatalf("%s: verify before the start: %v %v", what, r, err)
		}
	}
	j, err := Open(opt)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	for p, text := range acked {
		if e, err := j.Get(uint64(p)); err != nil || !strings.Contains(string(e.Data), text) {
			t.Fatalf("%s: acknowledged entry %d is lost: %v", what, p, err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	intact(t, opt)
}

// The power fails after each operation in turn, in the making of a journal and
// in its work: no acknowledged entry is lost, and nothing is taken for damage.
func TestPowerLossAtEveryOperation(t *testing.T) {
	t.Parallel()
	_, total := losing(t, t.TempDir(), newClock(), 0, 1<<30, acknowledged{}, rand.New(rand.NewPCG(1, 1)))
	if total < 150 {
		t.Fatalf("only %d operations", total)
	}
	step := 1
	if !*soak {
		step = 7
	}
	for left := 0; left <= total; left += step {
		for draw := range uint64(part(12, 1)) {
			acked, r := acknowledged{}, rand.New(rand.NewPCG(uint64(left), draw))
			dir, _ := losing(t, t.TempDir(), newClock(), 0, left, acked, r)
			allThere(t, dir, newClock(), fmt.Sprintf("power off after %d operations, draw %d", left, draw), acked)
		}
	}
}

// One journal through many failures, also in the middle of its repairs.
func TestPowerLossAgainAndAgain(t *testing.T) {
	t.Parallel()
	for seed := range uint64(part(60, 3)) {
		dir, c, acked, r := t.TempDir(), newClock(), acknowledged{}, rand.New(rand.NewPCG(seed, 3))
		for round := range 12 {
			left := r.IntN(260)
			if r.IntN(3) == 0 {
				left = r.IntN(25) // while it starts
			}
			dir, _ = losing(t, dir, c, round, left, acked, r)
		}
		allThere(t, dir, c, fmt.Sprintf("seed %d", seed), acked)
		if len(acked) == 0 {
			t.Errorf("seed %d: nothing was acknowledged", seed)
		}
	}
}
