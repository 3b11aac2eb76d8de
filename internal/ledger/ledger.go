// Package ledger keeps on disk what agents have used of a day. It refuses to
// count on from a file that it cannot read, to let a limited request go ahead
// that is not on disk, to forget what was under way when it crashed.
package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
	"github.com/openclaw-go/openclaw/internal/budget"
	"github.com/openclaw-go/openclaw/internal/claw"
)

// FileName is the ledger in a state directory: one JSON object a line.
const FileName = "usage.jsonl"

const (
	// compactAfter is how many lines are written before the file is made anew.
	compactAfter = 4096
	maxFile      = 64 << 20
)

// Options of a Book. All but Report are required.
type Options struct {
	// Path of the file; its folder must be there.
	Path string
	// Now tells the time where the gateway is: its zone says when a day ends.
	Now func() time.Time
	// Report hears of what could not be written for a request without limit.
	Report func(error)
}

// Book is the one writer of a ledger. It is safe for concurrent use.
type Book struct {
	opt Options

	mu     sync.Mutex
	ledger *budget.Ledger
	file   *os.File
	size   int64 // of whole lines
	lines  int
	wrote  uint64 // lines since the start, for sync
	// broken: the file does not hold what the ledger does; it is made anew
	// before anything else is written.
	broken bool
	// problem says why nothing can be counted; stamp is of the file that it is
	// about.
	problem error
	stamp   string
	closed  bool
	open    map[budget.Ticket]ticket

	syncing sync.Mutex
	synced  uint64
}

// ticket is what the book knows of something that is set aside.
type ticket struct{ limited, kept bool }

// ErrClosed: the book was closed.
var ErrClosed = errors.New("ledger: closed")

// UnreadableError says that the file cannot be counted on from.
type UnreadableError struct {
	Path string
	Line int // from 1; 0 when it is about the file as a whole
	Err  error
}

func (e *UnreadableError) Error() string {
	at := e.Path
	if e.Line > 0 {
		at = fmt.Sprintf("%s, line %d", at, e.Line)
	}
	return fmt.Sprintf("%s: %v; what agents have used is not known. Look at the file, then move it away: what was used today counts from zero then", at, e.Err)
}

func (e *UnreadableError) Unwrap() error { return e.Err }

// Open reads the ledger. A file that cannot be read is no error here: it is one
// of every request that has a limit, until somebody moves it away.
func Open(o Options) (*Book, error) {
	if o.Path == "" || o.Now == nil {
		return nil, errors.New("ledger: options Path and Now are required")
	}
	if o.Report == nil {
		o.Report = func(error) {}
	}
	b := &Book{opt: o, open: map[budget.Ticket]ticket{}}
	b.load()
	return b, nil
}

// load reads the file into a new ledger. The caller holds mu, or is alone.
func (b *Book) load() {
	b.stamp = stampOf(b.opt.Path)
	l, size, lines, err := read(b.opt.Path)
	if b.problem = err; err != nil {
		return
	}
	l.Recover()
	b.ledger, b.size, b.lines = l, size, lines
	b.open = map[budget.Ticket]ticket{}
	if b.file != nil {
		_ = b.file.Close()
		b.file = nil
	}
	b.broken = lines > compactAfter
}

func stampOf(path string) string {
	fi, err := os.Lstat(path)
	if err != nil {
		return "none"
	}
	return fmt.Sprint(fi.Size(), fi.ModTime().UnixNano(), fi.Mode())
}

// read replays a file. A last line without its end was being written when the
// gateway died: nothing had happened for it yet.
func read(path string) (l *budget.Ledger, size int64, lines int, err error) {
	l = budget.New()
	data, err := atomicfile.Read(path, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return l, 0, 0, nil
	}
	if err != nil {
		return nil, 0, 0, &UnreadableError{Path: path, Err: err}
	}
	whole := data[:bytes.LastIndexByte(data, '\n')+1]
	for line := range bytes.Lines(whole) {
		lines++
		var e budget.Entry
		err := json.Unmarshal(line, &e)
		if err == nil {
			err = l.Apply(e)
		}
		if err != nil {
			return nil, 0, 0, &UnreadableError{Path: path, Line: lines, Err: err}
		}
	}
	return l, int64(len(whole)), lines, nil
}

// ready gets the book to count on the present day. The caller holds mu.
func (b *Book) ready() error {
	if b.closed {
		return ErrClosed
	}
	if b.problem != nil && stampOf(b.opt.Path) != b.stamp {
		b.load()
	}
	if b.problem != nil {
		return b.problem
	}
	b.ledger.Begin(budget.DayOf(b.opt.Now()))
	return nil
}

// Reserve sets aside what a request can come to, as far as the caps leave it.
// An error means that nobody knows what was used.
func (b *Book) Reserve(agent claw.AgentID, s budget.Spend, own, all budget.Caps) (budget.Claim, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.ready(); err != nil {
		return budget.Claim{}, err
	}
	c := b.ledger.Reserve(agent, s, own, all)
	if c.Ticket != 0 {
		b.open[c.Ticket] = ticket{limited: own.Limited() || all.Limited()}
	}
	return c, nil
}

// Keep puts what is set aside on disk, so that a crash counts it as used. It
// must have returned nil before a limited request is made whose end tells what
// it came to.
func (b *Book) Keep(t budget.Ticket) error {
	b.mu.Lock()
	e, ok := b.held(t)
	if !ok || !b.open[t].limited {
		b.mu.Unlock()
		return nil
	}
	at, err := b.write(e)
	if err == nil {
		b.open[t] = ticket{limited: true, kept: true}
	}
	b.mu.Unlock()
	if err != nil {
		return err
	}
	return b.sync(at)
}

func (b *Book) held(t budget.Ticket) (budget.Entry, bool) {
	if b.ledger == nil {
		return budget.Entry{}, false
	}
	return b.ledger.Held(t)
}

// Settle records what came of something set aside. For a limited request it is
// on disk when Settle returns nil; with any error the request must not go on.
func (b *Book) Settle(t budget.Ticket, used budget.Use) error {
	b.mu.Lock()
	was := b.open[t]
	if b.closed || b.ledger == nil {
		b.mu.Unlock()
		return ErrClosed
	}
	agent, day, ok := b.ledger.Settle(t, used)
	delete(b.open, t)
	if !ok || used == (budget.Use{}) && !was.kept {
		b.mu.Unlock()
		return nil
	}
	at, err := b.write(budget.Spent(t, agent, day, used))
	b.mu.Unlock()
	switch {
	case err == nil && was.limited:
		err = b.sync(at)
	case err != nil && !was.limited:
		b.opt.Report(err)
		err = nil
	}
	return err
}

// Release frees what was set aside for something that did not happen.
func (b *Book) Release(t budget.Ticket) {
	if t == 0 {
		return
	}
	if err := b.Settle(t, budget.Use{}); err != nil && !errors.Is(err, ErrClosed) {
		b.opt.Report(err)
	}
}

// write adds a line. The caller holds mu. After an error the ledger is right
// and the file is not: it is made anew with the next line.
func (b *Book) write(e budget.Entry) (at uint64, err error) {
	if b.closed {
		return 0, ErrClosed
	}
	if b.broken || b.lines >= compactAfter {
		if err := b.rewrite(); err != nil {
			return 0, err
		}
		// The whole ledger is on disk, this entry with it.
		return b.wrote, nil
	}
	line, err := json.Marshal(e)
	if err != nil {
		return 0, err
	}
	if b.file == nil {
		if b.file, err = b.append(); err != nil {
			b.broken = true
			return 0, err
		}
	}
	line = append(line, '\n')
	if _, err := b.file.Write(line); err != nil {
		b.broken = true
		return 0, fmt.Errorf("ledger: %w", err)
	}
	b.size += int64(len(line))
	b.lines++
	b.wrote++
	b.stamp = ""
	return b.wrote, nil
}

// append opens the file behind its last whole line.
func (b *Book) append() (*os.File, error) {
	f, err := atomicfile.Open(b.opt.Path, os.O_CREATE|os.O_WRONLY|os.O_APPEND)
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	fi, err := f.Stat()
	if err == nil && fi.Size() > b.size {
		err = f.Truncate(b.size)
	}
	if err == nil && b.size == 0 {
		err = atomicfile.SyncDir(filepath.Dir(b.opt.Path))
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("ledger: %w", err)
	}
	return f, nil
}

// rewrite makes the file anew from the ledger. The caller holds mu.
func (b *Book) rewrite() error {
	b.broken = true
	var out bytes.Buffer
	entries := b.ledger.Whole()
	for _, e := range entries {
		line, err := json.Marshal(e)
		if err != nil {
			return err
		}
		out.Write(append(line, '\n'))
	}
	if err := atomicfile.Write(b.opt.Path, out.Bytes()); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	if b.file != nil {
		_ = b.file.Close()
		b.file = nil
	}
	b.size, b.lines, b.broken = int64(out.Len()), len(entries), false
	b.wrote++
	for t := range b.open {
		b.open[t] = ticket{limited: b.open[t].limited, kept: true}
	}
	b.stamp = stampOf(b.opt.Path)
	return nil
}

// sync returns when line at is on disk. One call serves all that wait.
func (b *Book) sync(at uint64) error {
	b.syncing.Lock()
	defer b.syncing.Unlock()
	if b.synced >= at {
		return nil
	}
	b.mu.Lock()
	f, end := b.file, b.wrote
	b.mu.Unlock()
	if f != nil {
		if err := f.Sync(); err != nil {
			b.mu.Lock()
			defer b.mu.Unlock()
			if b.file != f {
				return nil // made anew meanwhile, with everything in it
			}
			b.broken = true
			return fmt.Errorf("ledger: %w", err)
		}
	}
	b.synced = end
	return nil
}

// Used is what an agent, and all agents together, have used and set aside
// today, and when the day ends. An error says why nobody knows.
func (b *Book) Used(agent claw.AgentID) (own, all budget.Use, resets time.Time, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.opt.Now()
	if err := b.ready(); err != nil {
		resets, _ = budget.DayOf(now).Ends(now.Location())
		return own, all, resets, err
	}
	own, all = b.ledger.Used(agent)
	resets, _ = b.ledger.Begin(budget.DayOf(now)).Ends(now.Location())
	return own, all, resets, nil
}

// Days is all that is known, by day and agent.
func (b *Book) Days() (map[budget.Day]map[claw.AgentID]budget.Use, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.ready(); err != nil {
		return nil, err
	}
	return b.ledger.Days(), nil
}

// Close puts the ledger on disk in as few lines as can be.
func (b *Book) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil
	}
	var err error
	if b.problem == nil && (b.broken || b.lines > 1) {
		err = b.rewrite()
	}
	b.closed = true
	if b.file != nil {
		err = errors.Join(err, b.file.Close())
		b.file = nil
	}
	return err
}

// Peek reads a ledger that another process may be writing. What is set aside
// counts as used.
func Peek(path string) (map[budget.Day]map[claw.AgentID]budget.Use, error) {
	l, _, _, err := read(path)
	if err != nil {
		return nil, err
	}
	return l.Days(), nil
}
