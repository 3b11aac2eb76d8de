package journal

import (
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/chain"
	"github.com/openclaw-go/openclaw/internal/claw"
)

// TestR09StateFilesDoNotGoBack: a file that was put back to an older content is
// named with its generation, over restarts, segments and their removal; one
// that a crash left between two contents is not.
func TestR09StateFilesDoNotGoBack(t *testing.T) {
	c, ctx := newClock(), context.Background()
	opt := options(t.TempDir(), c)
	opt.SegmentBytes, opt.KeepBytes = 8<<10, 24<<10
	const name = "devices/paired.json"
	path := filepath.Join(t.TempDir(), "paired.json")
	j := mustOpen(t, opt)
	keep := func(content string, fail error) error {
		return j.KeepState(ctx, name, []byte(content), func() error {
			if fail != nil {
				return fail
			}
			return os.WriteFile(path, []byte(content), 0o600)
		})
	}
	check := func(what string, kind StateKind, gen uint64) {
		t.Helper()
		b, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			b = nil
		} else if err != nil {
			t.Fatal(err)
		}
		got, err := j.CheckState(ctx, name, b)
		if err != nil || got.Kind != kind || got.Generation != gen {
			t.Errorf("%s: %s, generation %d of %d: %v", what, got.Kind, got.Generation, got.Newest, err)
		}
	}
	put := func(s string) {
		if err := os.WriteFile(path, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	restart := func() {
		t.Helper()
		crash(t, j)
		j = mustOpen(t, opt)
	}
	check("nothing yet", StateNew, 0)
	put("one")
	check("a file of before", StateNew, 1)
	check("again", StateCurrent, 1)
	for i, s := range []string{"two", "three: the thief's device is revoked"} {
		if err := keep(s, nil); err != nil {
			t.Fatal(err)
		}
		check(s, StateCurrent, uint64(i+2))
	}
	if err := keep("four", errors.New("no room")); err == nil {
		t.Fatal("a failed write is none")
	}
	check("a write that failed", StateCurrent, 3)
	restart()
	check("a restart", StateCurrent, 3)
	put("two")
	check("put back", StateOlder, 2)
	restart()
	check("put back, a restart later", StateOlder, 2)
	put("mine")
	check("somebody else's", StateForeign, 0)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	check("removed", StateGone, 0)

	// Power fails between the record and the file, and behind the file.
	for _, there := range []string{"three: the thief's device is revoked", "five"} {
		put(there)
		if _, err := j.appendState(ctx, Entry{Event: StateWrite, Phase: Intent, Data: StateData{File: name, Generation: 5}, Digest: sum("five")}); err != nil {
			t.Fatal(err)
		}
		restart()
		gen := uint64(3)
		if there == "five" {
			gen = 5
		}
		check("a crash, there is "+there, StateCurrent, gen)
	}
	put("three: the thief's device is revoked")
	check("put back behind the crash", StateOlder, 3)
	if err := j.AcceptState(ctx, claw.Principal{Surface: claw.SurfaceCLI, Standing: claw.Owner}, name, []byte("three: the thief's device is revoked")); err != nil {
		t.Fatal(err)
	}
	check("accepted", StateCurrent, 6)

	// Segments come and go.
	for range 400 {
		c.pass(4 * time.Hour)
		add(t, j, Entry{Event: Decision, Data: fact{strings.Repeat("x", 300)}})
	}
	restart()
	check("many segments later", StateCurrent, 6)
	put("two")
	check("an older one whose record was dropped", StateForeign, 0)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if r := intact(t, opt); r.First == 0 {
		t.Errorf("nothing was dropped: %v", r)
	}
}

func sum(s string) []byte {
	h := sha256.Sum256([]byte(s))
	return h[:]
}

// fullAtTurn is a disk that is full when a new segment begins.
type fullAtTurn struct {
	failing
	segments int
}

func (d *fullAtTurn) open(path string) (file, error) {
	f, err := d.failing.open(path)
	if strings.HasSuffix(path, "audit.log") {
		if d.segments++; d.segments == 2 {
			d.set(syscall.ENOSPC, nil)
		}
	}
	return f, err
}

// A disk that is full just when a segment begins costs nothing that stands at
// its beginning: the first entry that fits brings it.
func TestFullDiskAtANewSegment(t *testing.T) {
	c, ctx, d := newClock(), context.Background(), &fullAtTurn{}
	opt := options(t.TempDir(), c)
	opt.disk, opt.SegmentBytes = d, 8<<10
	opt.Report = func(error) {}
	j := mustOpen(t, opt)
	if _, err := j.SealPosture(ctx, claw.Principal{Surface: claw.SurfaceCLI}, "hash1", []byte(`{"a":1}`)); err != nil {
		t.Fatal(err)
	}
	if err := j.KeepState(ctx, "f", []byte("one"), func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	var failed error
	for range 60 {
		if _, failed = j.Append(ctx, Entry{Event: Decision, Data: fact{strings.Repeat("x", 300)}}); failed != nil {
			break
		}
	}
	if !errors.Is(failed, syscall.ENOSPC) {
		t.Fatalf("the disk never was full: %v", failed)
	}
	d.set(nil, nil)
	at := add(t, j, Entry{Event: Decision, Data: fact{"room again"}})
	add(t, j, Entry{Event: Decision})
	fs, err := Locate(opt)
	if err != nil || len(fs.Segments) != 2 {
		t.Fatalf("%v %v", fs.Segments, err)
	}
	first, err := readLineAt(segment{path: opt.paths().log, size: 1 << 20}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if e, _, err := linkOf(first); err != nil || e.Event != chain.EventCheckpoint || e.Seq >= uint64(at) {
		t.Errorf("the segment begins with %v: %v", e.Event, err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = mustOpen(t, opt)
	if s, ok := j.LastSealed(); !ok || s.Hash != "hash1" {
		t.Errorf("the accepted posture is %v", s)
	}
	if found, err := j.CheckState(ctx, "f", []byte("one")); err != nil || found.Kind != StateCurrent {
		t.Errorf("%v %v", found, err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	intact(t, opt)
}
