package witness_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/openclaw-go/openclaw/internal/chain"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/journal/witness"
)

// outside keeps what is posted, as somebody else's server would.
type outside struct {
	mu   sync.Mutex
	kept bytes.Buffer
	mute bool // gives nothing back
	down bool
}

func (o *outside) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.down:
		http.Error(w, "no room", http.StatusInsufficientStorage)
	case r.Method == http.MethodPost:
		_, _ = io.Copy(&o.kept, r.Body)
	case o.mute || o.kept.Len() == 0:
		http.NotFound(w, r)
	default:
		_, _ = w.Write(o.kept.Bytes())
	}
}

func (o *outside) set(mute, down bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.mute, o.down = mute, down
}

type bench struct {
	opt    journal.Options
	server *httptest.Server
	out    *outside
	now    time.Time
	alarms []witness.Alarm
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{out: &outside{}, now: time.Unix(1_790_000_000, 0).UTC()}
	b.opt = journal.Options{Dir: t.TempDir(), Now: func() time.Time { return b.now }, Redact: func(s string) string { return s }, CheckpointEvery: 7}
	b.server = httptest.NewServer(b.out)
	t.Cleanup(b.server.Close)
	return b
}

// write appends entries and closes, so that all of them are signed.
func (b *bench) write(t *testing.T, dir, text string, n int) {
	t.Helper()
	opt := b.opt
	opt.Dir = dir
	j, err := journal.Open(opt)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if _, err := j.Append(context.Background(), journal.Entry{Event: journal.Decision, Data: map[string]string{"text": fmt.Sprint(text, i)}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// worker is one start of the gateway on a state directory.
func (b *bench) worker(t *testing.T, dir string) (*witness.Worker, func() witness.Status) {
	t.Helper()
	opt := b.opt
	opt.Dir = dir
	path := filepath.Join(dir, "witness.json")
	name, err := witness.Name(b.server.URL + "/secret-path?token=hunter2")
	if err != nil {
		t.Fatal(err)
	}
	w, err := witness.New(witness.Options{Path: path, Now: func() time.Time { return b.now },
		After: func(time.Duration) <-chan time.Time { return nil },
		Target: func() (witness.Target, string, error) {
			return witness.URL{Client: b.server.Client(), Address: b.server.URL + "/secret-path?token=hunter2"}, name, nil
		},
		Newest: func() ([]byte, chain.Checkpoint, error) { return journal.LastCheckpoint(opt) },
		RootAt: func(size uint64) (tlog.Hash, bool, error) { return journal.RootAt(opt, size) },
		Alarm:  func(a witness.Alarm) { b.alarms = append(b.alarms, a) }})
	if err != nil {
		t.Fatal(err)
	}
	return w, func() witness.Status {
		s, err := witness.ReadStatus(path)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}

func copyOf(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

func (b *bench) round(t *testing.T, w *witness.Worker) {
	t.Helper()
	if err := w.Round(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// TestR09WholeStateRollback: an older copy of everything verifies by itself;
// the witness knows better, at the next start and for whoever verifies.
func TestR09WholeStateRollback(t *testing.T) {
	b := newBench(t)
	dir := b.opt.Dir
	b.write(t, dir, "before", 20)
	w, status := b.worker(t, dir)
	b.round(t, w)
	old := copyOf(t, dir)
	b.write(t, dir, "what must not have happened", 20)
	b.round(t, w)
	if s := status(); s.Failing != "" || s.Contradiction != "" || s.Size == 0 || len(b.alarms) > 0 {
		t.Fatalf("%+v %v", s, b.alarms)
	}
	// The newest one goes on, and so does the next start.
	w, status = b.worker(t, dir)
	b.round(t, w)
	if s := status(); s.Contradiction != "" {
		t.Fatalf("a restart: %+v", s)
	}
	heads, err := journal.ReadHeads(bytes.NewReader(b.out.kept.Bytes()))
	if err != nil || len(heads) < 2 {
		t.Fatalf("%v %v", heads, err)
	}
	verify := func(dir string) chain.Report {
		opt := b.opt
		opt.Dir = dir
		r, err := journal.Verify(opt, chain.Expect{Heads: heads})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := verify(dir); !r.OK() || !r.Measured {
		t.Fatalf("%v", r)
	}
	if r := verify(old); r.OK() || r.Damage.Kind != chain.RolledBack {
		t.Fatalf("the older copy: %v", r)
	}
	w, status = b.worker(t, old)
	b.round(t, w)
	if s := status(); !strings.Contains(s.Contradiction, "older copy") || len(b.alarms) != 1 || b.alarms[0].Kind != witness.Contradicts {
		t.Fatalf("the older copy at a start: %+v %v", s, b.alarms)
	}
	// It goes on and becomes longer: another future.
	b.write(t, old, "another future", 80)
	w, status = b.worker(t, old)
	size := b.out.kept.Len()
	b.round(t, w)
	if s := status(); !strings.Contains(s.Contradiction, "another future") || len(b.alarms) != 2 {
		t.Fatalf("another future: %+v %v", s, b.alarms)
	}
	if b.out.kept.Len() != size {
		t.Error("the other future was sent over what contradicts it")
	}
	if r := verify(old); r.OK() || r.Damage.Kind != chain.RolledBack {
		t.Fatalf("another future: %v", r)
	}
}

// A witness that is down is tried again, later and later; what it missed is in
// the next one; a long silence is an alarm, once; nothing shows its address.
func TestWitnessThatIsDown(t *testing.T) {
	b := newBench(t)
	b.write(t, b.opt.Dir, "x", 10)
	b.out.set(true, true)
	w, status := b.worker(t, b.opt.Dir)
	for range 30 {
		if err := w.Round(context.Background()); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Fatalf("down: %v", err)
		}
		b.now = b.now.Add(10 * time.Minute)
	}
	s := status()
	if s.Size != 0 || !strings.Contains(s.Failing, "507") || len(b.alarms) != 1 || b.alarms[0].Kind != witness.Unreachable {
		t.Fatalf("%+v %v", s, b.alarms)
	}
	raw, err := os.ReadFile(filepath.Join(b.opt.Dir, "witness.json"))
	if err != nil || bytes.Contains(raw, []byte("hunter2")) || bytes.Contains(raw, []byte("secret-path")) {
		t.Fatalf("%s %v", raw, err)
	}
	b.out.set(true, false)
	b.round(t, w)
	b.round(t, w)
	if s := status(); s.Failing != "" || s.Size == 0 || strings.Count(b.out.kept.String(), "\nepoch ") != 1 {
		t.Fatalf("up again: %+v, it has %s", s, b.out.kept.String())
	}
}

// A worker ends with its context, also in the middle of a wait.
func TestRunEnds(t *testing.T) {
	b := newBench(t)
	b.write(t, b.opt.Dir, "x", 3)
	w, _ := b.worker(t, b.opt.Dir)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { w.Run(ctx); close(done) }()
	cancel()
	<-done
}

func TestStatusOfAnotherForm(t *testing.T) {
	path := filepath.Join(t.TempDir(), "witness.json")
	if s, err := witness.ReadStatus(path); err != nil || s != (witness.Status{}) {
		t.Fatalf("%+v %v", s, err)
	}
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := witness.ReadStatus(path); err == nil {
		t.Fatal("half a file is a status")
	}
	for _, bad := range []string{"", "x", "ftp://h/", "https://", "//h"} {
		if _, err := witness.Name(bad); err == nil {
			t.Errorf("%q is an address", bad)
		}
	}
}
