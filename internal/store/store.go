// Package store keeps the state directory: sessions with their transcripts,
// the gateway's own key, the small documents of other parts. It refuses a
// second gateway on the same state, to write over what it cannot read, and to
// forget a flow label.
//
// Layout below the state directory, folders 0700 and files 0600:
//
//	run/gateway.lock                        held while a Store is open
//	agents/<agent>/sessions/sessions.json   snapshot of the index, upstream's form
//	agents/<agent>/sessions/sessions.log    changes since the snapshot
//	agents/<agent>/sessions/<uuid>.jsonl    transcript, upstream's form, version 3
//	identity/device.json                    the gateway's own key
//	devices, cron, credentials, approvals   Documents
package store

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
	"github.com/openclaw-go/openclaw/internal/claw"
)

// Defaults of Options.
const (
	DefaultSnapshotAfter = time.Second
	// MaxOpen bounds the transcripts that are kept open and in memory.
	MaxOpen = 128
)

// Options of a Store. Dir and Now are required.
type Options struct {
	// Dir is the state directory; it is made when missing.
	Dir string
	Now func() time.Time
	// Rand makes ids and keys; crypto/rand when nil.
	Rand io.Reader
	// Workspace of an agent, noted in the first line of a transcript.
	Workspace func(claw.AgentID) string
	// After runs f once d has passed, unless stop is called; a timer when nil.
	After func(d time.Duration, f func()) (stop func())
	// Report hears of a snapshot that failed while nobody waited; the log
	// beside it still holds everything. It must not call back.
	Report func(error)
	// Keep records that a file of the state, named by its path below Dir, gets
	// a new content, and has write put it there; nil writes without a record.
	Keep func(file string, content []byte, write func() error) error
	// SnapshotAfter is how long the index must be idle, and the least time
	// between two snapshots.
	SnapshotAfter time.Duration
}

func (o *Options) validate() error {
	switch {
	case o.Dir == "":
		return errors.New("store: option Dir is empty")
	case o.Now == nil:
		return errors.New("store: option Now is missing")
	case o.SnapshotAfter < 0:
		return errors.New("store: option SnapshotAfter is negative")
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Workspace == nil {
		o.Workspace = func(claw.AgentID) string { return "" }
	}
	if o.After == nil {
		o.After = func(d time.Duration, f func()) func() {
			t := time.AfterFunc(d, f)
			return func() { t.Stop() }
		}
	}
	if o.Report == nil {
		o.Report = func(error) {}
	}
	if o.SnapshotAfter == 0 {
		o.SnapshotAfter = DefaultSnapshotAfter
	}
	return nil
}

// Errors of a Store; each means that nothing changed.
var (
	ErrClosed    = errors.New("store: closed")
	ErrNoSession = errors.New("store: no such session")
	ErrExists    = errors.New("store: the session exists already")
	// ErrName: an agent id, session key or document name that cannot be kept.
	ErrName = errors.New("store: not a usable name")
	// ErrForeign: the session belongs to another agent.
	ErrForeign = errors.New("store: the session belongs to another agent")
)

// CorruptError says that a file is not what was written. Nothing is written
// over it: whoever starts the gateway moves it aside or repairs it.
type CorruptError struct {
	File   string
	Line   int // from 1; 0 when it is about the file as a whole
	Detail string
}

func (e *CorruptError) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("store: %q, line %d: %s", e.File, e.Line, e.Detail)
	}
	return fmt.Sprintf("store: %q: %s", e.File, e.Detail)
}

// Store is the one writer of a state directory. It is safe for concurrent use.
type Store struct {
	opt  Options
	lock *atomicfile.Lock

	mu     sync.Mutex
	closed bool
	agents map[claw.AgentID]*index
	byKey  map[claw.SessionKey]*entry
	live   map[claw.SessionID]*live
	ticks  uint64
	device *Device
}

// LockPath is the lock file of a state directory.
func LockPath(dir string) string { return filepath.Join(dir, "run", "gateway.lock") }

// Holder tells which process has a state directory open, if one does.
func Holder(dir string) (pid int, held bool) {
	h, live := atomicfile.Holder(LockPath(dir))
	return h.PID, live
}

// Open takes the state directory. Another gateway on it gives an
// *atomicfile.HeldError with its process id, an index that cannot be read a
// *CorruptError.
func Open(opt Options) (_ *Store, err error) {
	if err := opt.validate(); err != nil {
		return nil, err
	}
	s := &Store{opt: opt, agents: map[claw.AgentID]*index{}, byKey: map[claw.SessionKey]*entry{}, live: map[claw.SessionID]*live{}}
	for _, dir := range []string{opt.Dir, filepath.Dir(LockPath(opt.Dir))} {
		if err := atomicfile.MkdirAll(dir); err != nil {
			return nil, fmt.Errorf("store: %w", err)
		}
	}
	if s.lock, err = atomicfile.TryLock(LockPath(opt.Dir)); err != nil {
		return nil, fmt.Errorf("store: a second gateway on this state: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.closeFiles(), s.lock.Unlock())
		}
	}()
	agents, err := os.ReadDir(filepath.Join(opt.Dir, "agents"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("store: %w", err)
	}
	for _, a := range agents {
		if !a.IsDir() || !agentName(a.Name()) {
			continue
		}
		if err := s.load(claw.AgentID(a.Name())); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Close writes the snapshots and gives the state directory up. A second call
// does nothing.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	open := make([]*live, 0, len(s.live))
	for _, l := range s.live {
		open = append(open, l)
	}
	s.live = map[claw.SessionID]*live{}
	s.mu.Unlock()
	var errs []error
	for _, l := range open {
		l.mu.Lock()
		l.gone = true
		errs = append(errs, l.close())
		l.mu.Unlock()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range s.agents {
		x.disarm()
		errs = append(errs, x.snapshot())
	}
	return errors.Join(append(errs, s.closeFiles(), s.lock.Unlock())...)
}

func (s *Store) closeFiles() error {
	var errs []error
	for _, x := range s.agents {
		if x.log != nil {
			errs = append(errs, x.log.Close())
			x.log = nil
		}
	}
	return errors.Join(errs...)
}

// Names of files are checked letter by letter: a regular expression with a
// bound of two hundred takes a millisecond of every start to compile.

// agentName reports a name of at most 64 small letters, digits, "_" and "-".
func agentName(s string) bool {
	return named(s, 64, func(c byte) bool { return c == '_' || c == '-' }) && strings.ToLower(s) == s
}

// sessionName reports an id that names a file; upstream's may carry a topic
// behind the UUID.
func sessionName(s string) bool { return named(s, 128, func(c byte) bool { return c == '-' }) }

// named reports a letter or digit, then letters, digits and what more allows,
// limit bytes at most.
func named(s string, limit int, more func(c byte) bool) bool {
	if s == "" || len(s) > limit {
		return false
	}
	for i := range len(s) {
		c := s[i]
		plain := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !plain && (i == 0 || !more(c)) {
			return false
		}
	}
	return true
}

func checkKey(key claw.SessionKey) error {
	if key == "" || len(key) > 1024 {
		return fmt.Errorf("%w: session key of %d bytes, expected 1 to 1024", ErrName, len(key))
	}
	for _, r := range key {
		if r < ' ' || r == 0x7f || r == 0xfffd {
			return fmt.Errorf("%w: session key %q holds what is no text", ErrName, key)
		}
	}
	return nil
}

func (s *Store) random(n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(s.opt.Rand, b); err != nil {
		return nil, fmt.Errorf("store: random: %w", err)
	}
	return b, nil
}

// newSessionID makes a random UUID.
func (s *Store) newSessionID() (claw.SessionID, error) {
	b, err := s.random(16)
	if err != nil {
		return "", err
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	x := hex.EncodeToString(b)
	return claw.SessionID(x[:8] + "-" + x[8:12] + "-" + x[12:16] + "-" + x[16:20] + "-" + x[20:]), nil
}
