package journal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
	"github.com/openclaw-go/openclaw/internal/chain"
	"github.com/openclaw-go/openclaw/internal/claw"
)

// clock moves only when told.
type clock struct {
	mu sync.Mutex
	at time.Time
	el time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) elapsed() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.el
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at, c.el = c.at.Add(d), c.el+d
}

func newClock() *clock {
	return &clock{at: time.Date(2026, 4, 1, 10, 0, 0, 0, time.UTC)}
}

func options(dir string, c *clock) Options {
	return Options{Dir: dir, Now: c.now, Elapsed: c.elapsed, Redact: func(s string) string { return strings.ReplaceAll(s, "hunter2", "[redacted]") },
		After: func(time.Duration, func()) func() { return func() {} }}
}

func mustOpen(t testing.TB, opt Options) *Journal {
	t.Helper()
	j, err := Open(opt)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func add(t testing.TB, j *Journal, e Entry) Pos {
	t.Helper()
	p, err := j.Append(context.Background(), e)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func intact(t testing.TB, opt Options) chain.Report {
	t.Helper()
	r, err := Verify(opt, chain.Expect{})
	if err != nil || !r.OK() {
		t.Fatalf("verify: %v %v", r, err)
	}
	return r
}

// crash leaves the files as the end of the process would.
func crash(t testing.TB, j *Journal) {
	t.Helper()
	j.idle.Wait()
	if err := errors.Join(j.f.Close(), j.keys.close(), j.lock.Unlock()); err != nil {
		t.Fatal(err)
	}
}

type fact struct {
	Text string `json:"text"`
}

func TestWrittenClosedReadVerified(t *testing.T) {
	c, dir := newClock(), t.TempDir()
	opt := options(dir, c)
	j := mustOpen(t, opt)
	p := add(t, j, Entry{Event: ToolInvoke, Agent: "main", Principal: claw.Principal{Surface: claw.SurfaceCLI, Name: "hunter2"}, Data: fact{"pw hunter2"}, Digest: []byte("d")})
	if j.Head().Size != uint64(p)+1 {
		t.Fatalf("head %v after entry %d", j.Head(), p)
	}
	r, err := j.Get(uint64(p))
	if err != nil || strings.Contains(string(r.Data)+r.Principal.Name, "hunter2") || !j.DigestMatches(r, []byte("d")) || j.DigestMatches(r, []byte("e")) {
		t.Fatalf("%s %v", r.Data, err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Append(context.Background(), Entry{Event: ToolInvoke}); !errors.Is(err, ErrClosed) {
		t.Fatalf("append after close: %v", err)
	}
	rep := intact(t, opt)
	if rep.Signed != rep.Size || !rep.Measured {
		t.Fatalf("%v", rep)
	}
	last, err := OpenReader(opt).Last(context.Background(), 1)
	if err != nil || len(last) != 1 || Event(last[0].Event) != EventClose {
		t.Fatalf("last %v %v", last, err)
	}
	for _, name := range []string{"logs/audit.log", "logs/audit.log.checkpoints", "identity/journal-key"} {
		if fi, err := os.Stat(filepath.Join(dir, name)); err != nil || fi.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, fi, err)
		}
	}
	j = mustOpen(t, opt)
	add(t, j, Entry{Event: Decision})
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if again := intact(t, opt); again.Size <= rep.Size {
		t.Fatalf("%v after %v", again, rep)
	}
}

func TestSecondWriterIsRefused(t *testing.T) {
	c, dir := newClock(), t.TempDir()
	j := mustOpen(t, options(dir, c))
	_, err := Open(options(dir, c))
	var held *atomicfile.HeldError
	if !errors.As(err, &held) || held.PID != os.Getpid() {
		t.Fatalf("second writer: %v", err)
	}
	add(t, j, Entry{Event: Decision})
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestTornTailIsCutAndTold(t *testing.T) {
	for _, tail := range []string{`{"v":1,"seq":`, "\x00\x00\x00\x00", "\x00\x00\n"} {
		c, dir := newClock(), t.TempDir()
		opt := options(dir, c)
		j := mustOpen(t, opt)
		p := add(t, j, Entry{Event: Decision, Data: fact{"kept"}})
		crash(t, j)
		log := filepath.Join(dir, "logs", "audit.log")
		b, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(log, append(b, tail...), 0o600); err != nil {
			t.Fatal(err)
		}
		j = mustOpen(t, opt)
		if got, err := j.Get(uint64(p)); err != nil || !strings.Contains(string(got.Data), "kept") {
			t.Fatalf("tail %q: %v %v", tail, got, err)
		}
		found, err := j.Search(context.Background(), Filter{Events: []Event{EventRepair}})
		if err != nil || len(found) != 1 {
			t.Fatalf("tail %q: repairs %v %v", tail, found, err)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		intact(t, opt)
	}
}

func TestOpenRefusesATamperedJournal(t *testing.T) {
	for _, c := range []struct {
		name string
		harm func(b []byte) []byte
	}{
		{"changed behind the checkpoint", func(b []byte) []byte { return bytes.Replace(b, []byte("unsigned"), []byte("UNSIGNED"), 1) }},
		{"the last signed entry changed", func(b []byte) []byte { return bytes.Replace(b, []byte("signed last"), []byte("Signed last"), 1) }},
		{"cut before the checkpoint", func(b []byte) []byte { return b[:bytes.IndexByte(b, '\n')+1] }},
		{"emptied", func([]byte) []byte { return nil }},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, dir := newClock(), t.TempDir()
			opt := options(dir, k)
			j := mustOpen(t, opt)
			add(t, j, Entry{Event: Decision, Data: fact{"signed last"}})
			if err := j.Checkpoint(context.Background()); err != nil {
				t.Fatal(err)
			}
			add(t, j, Entry{Event: Decision, Data: fact{"unsigned"}})
			add(t, j, Entry{Event: Decision, Data: fact{"end"}})
			crash(t, j)
			log := filepath.Join(dir, "logs", "audit.log")
			b, err := os.ReadFile(log)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(log, c.harm(b), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err = Open(opt)
			var damage *DamageError
			if !errors.As(err, &damage) {
				t.Fatalf("opened: %v", err)
			}
			if after, _ := os.ReadFile(log); !bytes.Equal(after, c.harm(b)) {
				t.Fatal("the damaged file was changed")
			}
			suffix, err := Retire(opt)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(log + suffix); err != nil {
				t.Fatal(err)
			}
			if err := mustOpen(t, opt).Close(); err != nil {
				t.Fatal(err)
			}
			intact(t, opt)
		})
	}
}

// An intent whose outcome never came is closed as unknown at the next start.
func TestR41UnresolvedIntentBecomesUnknown(t *testing.T) {
	c, dir := newClock(), t.TempDir()
	opt := options(dir, c)
	j := mustOpen(t, opt)
	done := add(t, j, Entry{Event: ExecCommand, Phase: Intent})
	add(t, j, Entry{Event: ExecCommand, Phase: Outcome, Ref: done})
	open := add(t, j, Entry{Event: ExecCommand, Agent: "main", Phase: Intent})
	if err := j.Checkpoint(context.Background()); err != nil {
		t.Fatal(err)
	}
	crash(t, j)
	j = mustOpen(t, opt)
	defer func() { _ = j.Close() }()
	var outcomes []Record
	recs, err := j.Tail(context.Background(), uint64(open)+1, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range recs {
		if r.Phase == Outcome {
			outcomes = append(outcomes, r)
		}
	}
	var d UnknownData
	if len(outcomes) != 1 || outcomes[0].Ref != uint64(open) || json.Unmarshal(outcomes[0].Data, &d) != nil || d.Status != "unknown" {
		t.Fatalf("%v", outcomes)
	}
}

// failing is a disk that fails when told.
type failing struct {
	realDisk
	mu    sync.Mutex
	write error
	sync  error
}

func (d *failing) set(write, sync error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.write, d.sync = write, sync
}

func (d *failing) errs() (write, sync error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.write, d.sync
}

func (d *failing) open(path string) (file, error) {
	f, err := d.realDisk.open(path)
	if err != nil || !strings.HasSuffix(path, "audit.log") {
		return f, err
	}
	return failingFile{f, d}, nil
}

func (d *failing) remove(path string) error {
	if strings.HasSuffix(path, ".reserve") {
		d.set(nil, nil) // there is room again
	}
	return d.realDisk.remove(path)
}

type failingFile struct {
	file
	d *failing
}

func (f failingFile) WriteAt(b []byte, off int64) (int, error) {
	if err, _ := f.d.errs(); err != nil {
		n, _ := f.file.WriteAt(b[:len(b)/2], off) // half of it gets there
		return n, err
	}
	return f.file.WriteAt(b, off)
}

func (f failingFile) Sync() error {
	if _, err := f.d.errs(); err != nil {
		return err
	}
	return f.file.Sync()
}

// A full disk refuses the entry, so its effect must not happen; when there is
// room again the journal goes on as if nothing had been.
func TestFullDiskRefusesAndRecovers(t *testing.T) {
	c, dir, d := newClock(), t.TempDir(), &failing{}
	opt := options(dir, c)
	opt.disk = d
	j := mustOpen(t, opt)
	before := add(t, j, Entry{Event: Decision})
	d.set(syscall.ENOSPC, nil)
	for range 3 {
		if _, err := j.Append(context.Background(), Entry{Event: ExecCommand, Phase: Intent}); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("append on a full disk: %v", err)
		}
	}
	d.set(nil, nil)
	if p := add(t, j, Entry{Event: Decision}); p != before+1 {
		t.Fatalf("entry %d follows %d", p, before)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	intact(t, opt)
}

// Lockdown gets through on a full disk: it uses the space that was kept back.
func TestLockdownUsesTheReserve(t *testing.T) {
	c, dir, d := newClock(), t.TempDir(), &failing{}
	opt := options(dir, c)
	opt.disk = d
	j := mustOpen(t, opt)
	d.set(syscall.ENOSPC, nil)
	if _, err := j.Append(context.Background(), Entry{Event: Decision}); err == nil {
		t.Fatal("an ordinary entry used the reserve")
	}
	add(t, j, Entry{Event: Lockdown})
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	intact(t, opt)
}

// After a failed sync nothing is recorded until the next start.
func TestFailedSyncPoisons(t *testing.T) {
	c, dir, d := newClock(), t.TempDir(), &failing{}
	opt := options(dir, c)
	opt.disk = d
	j := mustOpen(t, opt)
	add(t, j, Entry{Event: Decision})
	d.set(nil, syscall.EIO)
	if _, err := j.Append(context.Background(), Entry{Event: Decision}); !errors.Is(err, ErrPoisoned) {
		t.Fatalf("%v", err)
	}
	d.set(nil, nil)
	if _, err := j.Append(context.Background(), Entry{Event: Decision}); !errors.Is(err, ErrPoisoned) {
		t.Fatalf("after a failed sync: %v", err)
	}
	if err := j.Close(); err == nil {
		t.Fatal("a poisoned journal closed well")
	}
	j = mustOpen(t, options(dir, c))
	add(t, j, Entry{Event: Decision})
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	intact(t, opt)
}

func TestRotationRetentionAndSeal(t *testing.T) {
	c, dir := newClock(), t.TempDir()
	opt := options(dir, c)
	opt.SegmentBytes, opt.KeepBytes, opt.KeepAtLeast = 20<<10, 60<<10, time.Hour
	opt.Report = func(err error) { t.Error(err) }
	j := mustOpen(t, opt)
	if _, err := j.SealPosture(context.Background(), claw.Principal{Surface: claw.SurfaceCLI}, "hash1", json.RawMessage(`{"a":1}`)); err != nil {
		t.Fatal(err)
	}
	for range 400 {
		c.pass(2 * time.Minute)
		add(t, j, Entry{Event: Decision, Data: fact{strings.Repeat("x", 300)}})
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	fs, err := Locate(opt)
	if err != nil || len(fs.Segments) < 2 || len(fs.Segments) > 5 {
		t.Fatalf("%v %v", fs.Segments, err)
	}
	rep := intact(t, opt)
	if rep.First == 0 || rep.Signed != rep.Size {
		t.Fatalf("%v", rep)
	}
	j = mustOpen(t, opt)
	defer func() { _ = j.Close() }()
	if seal, ok := j.LastSealed(); !ok || seal.Hash != "hash1" || string(seal.Summary) != `{"a":1}` {
		t.Fatalf("seal %v %v", seal, ok)
	}
	// A segment that goes without a signed word is missed.
	if err := os.Remove(fs.Segments[0]); err != nil {
		t.Fatal(err)
	}
	if r, err := Verify(opt, chain.Expect{}); err != nil || r.OK() || r.Damage.Kind != chain.Removed {
		t.Fatalf("%v %v", r, err)
	}
}

// A clock that is set forward empties nothing, and the jump is recorded (R51).
func TestClockJumpIsRecordedAndDropsNothing(t *testing.T) {
	c, dir := newClock(), t.TempDir()
	opt := options(dir, c)
	opt.SegmentBytes, opt.KeepFor = 8<<10, time.Hour
	j := mustOpen(t, opt)
	add(t, j, Entry{Event: Decision})
	c.mu.Lock()
	c.at = c.at.Add(10 * 365 * 24 * time.Hour)
	c.mu.Unlock()
	for range 100 {
		add(t, j, Entry{Event: Decision, Data: fact{strings.Repeat("x", 300)}})
	}
	found, err := j.Search(context.Background(), Filter{Events: []Event{EventClock}})
	if err != nil || len(found) != 1 {
		t.Fatalf("jumps: %v %v", found, err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if rep := intact(t, opt); rep.First != 0 {
		t.Fatalf("dropped: %v", rep)
	}
}

// Failures of strangers are counted and never displace each other (R40).
func TestFailuresAreCounted(t *testing.T) {
	c, dir := newClock(), t.TempDir()
	j := mustOpen(t, options(dir, c))
	size := j.Head().Size
	for range 500 {
		if err := j.Failure(context.Background(), "198.51.100.7", Entry{Event: AuthFailure}); err != nil {
			t.Fatal(err)
		}
	}
	if got := j.Head().Size - size; got != 1 {
		t.Fatalf("%d entries of one source in a minute", got)
	}
	c.pass(2 * time.Minute)
	if err := j.Failure(context.Background(), "198.51.100.8", Entry{Event: AuthFailure}); err != nil {
		t.Fatal(err)
	}
	found, err := j.Search(context.Background(), Filter{Events: []Event{Summary}})
	var d SummaryData
	if err != nil || len(found) != 1 || json.Unmarshal(found[0].Data, &d) != nil || d.Total != 499 {
		t.Fatalf("%v %v %+v", found, err, d)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestManyWritersOneChain(t *testing.T) {
	c, dir := newClock(), t.TempDir()
	opt := options(dir, c)
	opt.CheckpointEvery, opt.SegmentBytes = 50, 30<<10
	j := mustOpen(t, opt)
	var wg sync.WaitGroup
	seen := make(chan Pos, 16*40)
	for range 16 {
		wg.Go(func() {
			for range 40 {
				p, err := j.Append(context.Background(), Entry{Event: Decision, Data: fact{"x"}})
				if err != nil {
					t.Error(err)
				}
				seen <- p
			}
		})
	}
	wg.Wait()
	close(seen)
	at := map[Pos]bool{}
	for p := range seen {
		if at[p] {
			t.Fatalf("position %d twice", p)
		}
		at[p] = true
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	intact(t, opt)
}

// Erased keys are gone: the file holds at most the key of the coming epoch.
func TestUsedKeysAreErased(t *testing.T) {
	c, dir := newClock(), t.TempDir()
	j := mustOpen(t, options(dir, c))
	old := append([]byte(nil), j.keys.key.Public()...)
	add(t, j, Entry{Event: Decision})
	if err := j.Checkpoint(context.Background()); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "identity", "journal-key"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, slot := range []int{0, slotSize} {
		if epoch, seed, ok := decodeSlot(b[slot:]); ok {
			n++
			k, err := chain.NewKey(j.keys.origin, seed)
			if err != nil || k.Public() == string(old) || epoch != j.keys.epoch {
				t.Fatalf("slot %d holds epoch %d: %v", slot, epoch, err)
			}
		}
	}
	if n != 1 {
		t.Fatalf("%d keys in the file", n)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestExport(t *testing.T) {
	c, dir := newClock(), t.TempDir()
	opt := options(dir, c)
	j := mustOpen(t, opt)
	add(t, j, Entry{Event: Decision, Agent: "=cmd", Data: fact{"x"}})
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	var raw, csv bytes.Buffer
	if err := OpenReader(opt).Export(context.Background(), &raw, FormatJSONL, Filter{}); err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(filepath.Join(dir, "logs", "audit.log"))
	if err != nil || !bytes.Equal(raw.Bytes(), log) {
		t.Fatalf("the export is not the log: %v", err)
	}
	if err := OpenReader(opt).Export(context.Background(), &csv, FormatCSV, Filter{Events: []Event{Decision}}); err != nil || !strings.Contains(csv.String(), "'=cmd") {
		t.Fatalf("%s %v", csv.String(), err)
	}
	if err := OpenReader(opt).Export(context.Background(), &csv, FormatNone, Filter{}); err == nil {
		t.Fatal("no format was exported")
	}
}

func BenchmarkAppend64Writers(b *testing.B) {
	c := newClock()
	j := mustOpen(b, options(b.TempDir(), c))
	e := Entry{Event: Decision, Agent: "main", Session: "agent:main:main", Data: fact{"git status"}}
	b.SetParallelism(32) // times two processors
	from := cpuTime()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := j.Append(context.Background(), e); err != nil {
				b.Error(err)
			}
		}
	})
	onCPU(b, from)
	b.StopTimer()
	if err := j.Close(); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkOpen(b *testing.B) {
	c, dir := newClock(), b.TempDir()
	opt := options(dir, c)
	j := mustOpen(b, opt)
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for range 1500 {
				_, _ = j.Append(context.Background(), Entry{Event: Decision, Data: fact{"x"}})
			}
		})
	}
	wg.Wait()
	if err := j.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		j, err := Open(opt)
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := j.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
