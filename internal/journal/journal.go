// Package journal writes down what is decided and done before it happens, in
// the form of package chain. It refuses to let an effect go ahead that is not
// on disk, to have two writers, and to write on after the disk has lied.
package journal

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"time"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
	"github.com/openclaw-go/openclaw/internal/chain"
	"github.com/openclaw-go/openclaw/internal/claw"
)

// Defaults of Options.
const (
	DefaultCheckpointEvery = 1024
	DefaultCheckpointAfter = time.Minute
	DefaultSegmentBytes    = 50 << 20
	DefaultKeepFor         = 365 * 24 * time.Hour
	DefaultKeepBytes       = 5 << 30
	// DefaultKeepAtLeast is how long entries stay however many there are.
	DefaultKeepAtLeast = 30 * 24 * time.Hour
	// MaxData bounds the JSON of one entry's data, MaxString one string in it.
	MaxData   = 256 << 10
	MaxString = 16 << 10
	// reserveBytes are kept on disk for entries that must get through.
	reserveBytes = 256 << 10
)

// Options of a Journal. Dir, Now and Redact are required.
type Options struct {
	// Dir is the state directory; keys live in its folder identity.
	Dir string
	// Path of the log (logging.audit.path); <Dir>/logs/audit.log when empty.
	Path string
	Now  func() time.Time
	// Redact is applied to every string before it is hashed.
	Redact func(string) string
	// Elapsed is time since some fixed moment that no clock setting changes;
	// the process's monotonic clock when nil.
	Elapsed func() time.Duration
	// After runs f once d has passed, unless stop is called; a timer when nil.
	After func(d time.Duration, f func()) (stop func())
	// Rand makes keys and salts; crypto/rand when nil.
	Rand io.Reader
	// Synced hears how long each sync took; nil is nobody. It must not call
	// back.
	Synced func(time.Duration)
	// Report hears of what goes wrong while nobody waits: a checkpoint or a
	// removal that failed. It must not call back.
	Report func(error)

	CheckpointEvery int           // entries
	CheckpointAfter time.Duration // of the first entry not covered
	SegmentBytes    int64
	KeepFor         time.Duration
	KeepBytes       int64
	// KeepAtLeast comes before KeepBytes: who fills the journal does not push
	// out what happened before (R40).
	KeepAtLeast time.Duration

	disk disk // the files underneath; tests replace it
}

func (o *Options) validate() error {
	switch {
	case o.Dir == "":
		return errors.New("journal: option Dir is empty")
	case o.Now == nil:
		return errors.New("journal: option Now is missing")
	case o.Redact == nil:
		return errors.New("journal: option Redact is missing")
	case o.CheckpointEvery < 0 || o.CheckpointAfter < 0 || o.SegmentBytes < 0 || o.KeepFor < 0 || o.KeepBytes < 0 || o.KeepAtLeast < 0:
		return errors.New("journal: a limit is negative")
	}
	start := time.Now()
	if o.Elapsed == nil {
		o.Elapsed = func() time.Duration { return time.Since(start) }
	}
	if o.After == nil {
		o.After = func(d time.Duration, f func()) func() {
			t := time.AfterFunc(d, f)
			return func() { t.Stop() }
		}
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Report == nil {
		o.Report = func(error) {}
	}
	if o.disk == nil {
		o.disk = realDisk{}
	}
	o.CheckpointEvery = orDefault(o.CheckpointEvery, DefaultCheckpointEvery)
	o.CheckpointAfter = orDefault(o.CheckpointAfter, DefaultCheckpointAfter)
	o.SegmentBytes = orDefault(o.SegmentBytes, DefaultSegmentBytes)
	o.KeepFor = orDefault(o.KeepFor, DefaultKeepFor)
	o.KeepBytes = orDefault(o.KeepBytes, DefaultKeepBytes)
	o.KeepAtLeast = orDefault(o.KeepAtLeast, DefaultKeepAtLeast)
	o.Path = o.paths().log
	return nil
}

func orDefault[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

type paths struct{ log, notes, lock, reserve, key, pub, digest string }

func (o *Options) paths() paths {
	log := o.Path
	if log == "" {
		log = filepath.Join(o.Dir, "logs", "audit.log")
	}
	id := filepath.Join(o.Dir, "identity")
	return paths{log: log, notes: log + ".checkpoints", lock: log + ".lock", reserve: log + ".reserve",
		key: filepath.Join(id, "journal-key"), pub: filepath.Join(id, "journal.pub"), digest: filepath.Join(id, "journal-digest-key")}
}

// KeyFiles are the files that must enter no backup, snapshot or archive: with
// them a later thief could sign in the journal's name.
func KeyFiles(stateDir string) []string {
	p := (&Options{Dir: stateDir}).paths()
	return []string{p.key, p.digest}
}

// Errors of the journal. All of them mean: do not go ahead.
var (
	// ErrClosed: Append after Close.
	ErrClosed = errors.New("journal: closed")
	// ErrPoisoned: a sync failed, so what is on disk is not known. Every later
	// Append fails; a new start finds out what is there.
	ErrPoisoned = errors.New("journal: the disk failed, nothing more is recorded until the next start")
	// ErrTooLarge: the entry's data is larger than MaxData.
	ErrTooLarge = errors.New("journal: entry is too large")
)

// DamageError says that the journal on disk is not the one that was written.
// Open refuses it; `journal verify` tells more, Retire sets it aside.
type DamageError struct {
	File   string
	Seq    uint64
	Detail string
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("journal: %q is damaged at entry %d: %s", e.File, e.Seq, e.Detail)
}

// Pos is the number of a durable entry.
type Pos uint64

// Record is an entry as it is read back.
type Record = chain.Entry

// Phases of an effect; see chain.
const (
	Single  = chain.Single
	Intent  = chain.Intent
	Outcome = chain.Outcome
)

// Entry is what a caller records. Data is a struct of the caller's package
// that marshals to a JSON object, or nil; message bodies, file contents and
// results do not belong in it. Arguments must be redacted by structure before
// they come here; Redact sees one string at a time.
type Entry struct {
	Event     Event
	Agent     claw.AgentID
	Session   claw.SessionKey
	Principal claw.Principal
	Run       claw.RunID
	Call      claw.CallID
	Phase     chain.Phase
	// Ref is the position of the intent that an Outcome belongs to.
	Ref  Pos
	Data any
	// Digest binds the entry to bytes that are not in it. It is stored keyed
	// and salted, so that a short secret cannot be guessed from it.
	Digest []byte
}

// Journal is the one writer. It is safe for concurrent use.
type Journal struct {
	Reader
	opt   Options
	path  paths
	lock  *atomicfile.Lock
	pub   string
	hmac  []byte
	start time.Duration // Elapsed at Open

	stateMu sync.Mutex // one state file at a time

	mu       sync.Mutex
	resume   *sync.Cond // signalled when hold ends
	hold     bool       // a segment is being changed
	seq      uint64     // of the next entry
	prev     chain.Hash
	pending  *batch
	durable  Tip
	wake     chan struct{} // closed and replaced when durable moves
	asks     []chan error  // who waits for a checkpoint
	timer    func()
	lastAt   time.Time
	lastEl   time.Duration
	ticking  bool // lastEl belongs to this run
	skew     skew
	poison   error
	closed   bool
	sealed   Seal
	fails    failures
	indexing bool
	quotas   quotas
	states   map[string]stateAt
	due      bool          // the segment has no first entry yet
	dueIn    *batch        // that brings it
	replayed []chain.Entry // at the start

	kick chan struct{}
	done chan struct{}
	idle sync.WaitGroup // what indexes

	// Of the committer alone.
	f     file
	size  int64
	first uint64 // of the active segment
	tree  chain.Tree
	head  chain.Hash
	open  map[uint64]struct{} // intents without an outcome
	keys  *keyring
	last  chain.Checkpoint
	segNo uint64
	freed bool // the reserve is used up
}

// Tip is where the journal stands.
type Tip struct {
	Size   uint64 // durable entries
	Head   chain.Hash
	Signed uint64 // of them covered by a checkpoint; the number for --at-least
	Epoch  uint64
}

type batch struct {
	buf    []byte
	last   uint64
	prev   chain.Hash
	opened []uint64
	closed []uint64
	urgent bool
	then   []func() // called with mu held once it is durable
	done   chan struct{}
	err    error
}

// Head returns where the journal stands.
func (j *Journal) Head() Tip {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.durable
}

// RootKey is the first public key, all that is needed to verify the journal.
func (j *Journal) RootKey() string { return j.pub }

// Append records e and returns once it is on disk. On any error the caller
// must not go ahead: either nothing was recorded, or ctx ended first and the
// entry may stand there as an intent that nothing followed.
func (j *Journal) Append(ctx context.Context, e Entry) (Pos, error) {
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("journal: %w", err)
	}
	if err := j.admit(&e); err != nil {
		return 0, err
	}
	return j.append(ctx, e)
}

func (j *Journal) append(ctx context.Context, e Entry) (Pos, error) {
	rec, err := j.prepare(&e)
	if err != nil {
		return 0, err
	}
	j.mu.Lock()
	b, seq, err := j.enqueueLocked(&rec, e.Event.urgent())
	j.mu.Unlock()
	if err != nil {
		return 0, err
	}
	j.poke()
	select {
	case <-b.done:
	case <-ctx.Done():
		return 0, fmt.Errorf("journal: %w", ctx.Err())
	}
	if b.err != nil {
		return 0, b.err
	}
	return Pos(seq), nil
}

// prepare does all work on an entry that needs no lock.
func (j *Journal) prepare(e *Entry) (chain.Entry, error) {
	rec := chain.Entry{Event: e.Event.name(), Agent: e.Agent, Session: e.Session, Principal: e.Principal,
		Run: e.Run, Call: e.Call, Phase: e.Phase, Ref: uint64(e.Ref)}
	rec.Principal.Name = j.clean(rec.Principal.Name)
	rec.Principal.Sender = claw.SenderID(cut(string(rec.Principal.Sender), 512))
	rec.Session = claw.SessionKey(cut(string(rec.Session), 1024))
	if e.Data != nil {
		raw, err := json.Marshal(e.Data)
		if err != nil {
			return rec, fmt.Errorf("journal: data of %s: %w", e.Event, err)
		}
		if string(raw) != "null" {
			// Long strings are cut here, so the bound is on what is left.
			rec.Data, err = chain.Rewrite(make([]byte, 0, len(raw)+16), raw, j.clean)
			if err != nil {
				return rec, fmt.Errorf("journal: data of %s: %w", e.Event, err)
			}
		}
		if len(rec.Data) > MaxData {
			return rec, fmt.Errorf("%w: data of %s has %d bytes, at most %d fit", ErrTooLarge, e.Event, len(rec.Data), MaxData)
		}
	}
	if e.Digest != nil {
		var salt [16]byte
		if _, err := io.ReadFull(j.opt.Rand, salt[:]); err != nil {
			return rec, fmt.Errorf("journal: salt: %w", err)
		}
		rec.Salt = hex.EncodeToString(salt[:])
		rec.Digest = j.digest(rec.Salt, e.Digest)
	}
	return rec, nil
}

func (j *Journal) digest(salt string, value []byte) string {
	m := hmac.New(sha256.New, j.hmac)
	m.Write([]byte(salt))
	m.Write([]byte{0})
	m.Write(value)
	return hex.EncodeToString(m.Sum(nil))
}

// DigestMatches reports whether r was recorded with this digest value.
func (j *Journal) DigestMatches(r Record, value []byte) bool {
	return r.Digest != "" && hmac.Equal([]byte(r.Digest), []byte(j.digest(r.Salt, value)))
}

func (j *Journal) clean(s string) string { return cut(j.opt.Redact(s), MaxString) }

func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return fmt.Sprintf("%s…[%d bytes cut]", s[:limit], len(s)-limit)
}

// enqueueLocked gives rec its number and links it. It waits while a segment is
// being changed, since the next segment has its own first entry.
func (j *Journal) enqueueLocked(rec *chain.Entry, urgent bool) (*batch, uint64, error) {
	for j.hold {
		j.resume.Wait()
	}
	if err := j.usableLocked(); err != nil {
		return nil, 0, err
	}
	if err := j.beginLocked(); err != nil {
		return nil, 0, err
	}
	return j.linkLocked(rec, urgent)
}

func (j *Journal) usableLocked() error {
	if j.poison != nil {
		return j.poison
	}
	if j.closed {
		return ErrClosed
	}
	return nil
}

func (j *Journal) linkLocked(rec *chain.Entry, urgent bool) (*batch, uint64, error) {
	rec.Time = j.opt.Now().UTC()
	// A segment begins with its link, so a jump waits for the entry behind it.
	own := rec.Event == EventClock.name() || rec.Event == EventCheckpoint.name()
	if jump, ok := j.jumpLocked(rec.Time, own); ok {
		note, err := j.prepare(&Entry{Event: EventClock, Data: jump})
		if err == nil {
			_, _, err = j.linkLocked(&note, urgent)
		}
		if err != nil {
			return nil, 0, err
		}
	}
	b := j.pending
	if b == nil {
		b = &batch{done: make(chan struct{})}
	}
	rec.Seq, rec.Prev = j.seq, j.prev
	buf, hash, err := chain.Encode(b.buf, rec)
	if err != nil {
		return nil, 0, fmt.Errorf("journal: %w", err)
	}
	b.buf = append(buf, '\n')
	b.last, b.prev = rec.Seq, hash
	b.urgent = b.urgent || urgent
	if rec.Phase == chain.Intent {
		b.opened = append(b.opened, rec.Seq)
	}
	if rec.Phase == chain.Outcome {
		b.closed = append(b.closed, rec.Ref)
	}
	j.pending, j.prev = b, hash
	j.seq++
	return b, rec.Seq, nil
}

func (j *Journal) poke() {
	select {
	case j.kick <- struct{}{}:
	default:
	}
}
