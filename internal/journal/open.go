package journal

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
	"github.com/openclaw-go/openclaw/internal/chain"
)

// OpenData is the data of a journal.open entry.
type OpenData struct {
	Signed     uint64 `json:"signed"`
	Unresolved int    `json:"unresolved,omitempty"`
}

// RepairData is the data of a journal.repair entry: an unfinished last write
// was cut off. It had never been acknowledged.
type RepairData struct {
	File   string `json:"file"`
	Offset int64  `json:"offset"`
	Bytes  int64  `json:"bytes"`
}

// UnknownData is the data of the outcome that a start writes for an intent
// whose outcome never came (R41): whether the effect took place is not known.
type UnknownData struct {
	Status string `json:"status"` // "unknown"
	Reason string `json:"reason"`
}

// Open takes the journal of a state directory for writing, makes it when there
// is none, and checks it from the last checkpoint on. Another writer gives an
// *atomicfile.HeldError, a journal that was tampered with a *DamageError.
func Open(opt Options) (_ *Journal, err error) {
	if err := opt.validate(); err != nil {
		return nil, err
	}
	j := &Journal{opt: opt, path: opt.paths(), open: map[uint64]struct{}{}, wake: make(chan struct{}),
		kick: make(chan struct{}, 1), done: make(chan struct{}), start: opt.Elapsed()}
	j.resume = sync.NewCond(&j.mu)
	j.Reader = Reader{path: j.path.log, tip: func() (uint64, <-chan struct{}) {
		j.mu.Lock()
		defer j.mu.Unlock()
		return j.durable.Size, j.wake
	}}
	for _, dir := range []string{filepath.Dir(j.path.key), filepath.Dir(j.path.log)} {
		if err := atomicfile.MkdirAll(dir); err != nil {
			return nil, fmt.Errorf("journal: %w", err)
		}
	}
	if j.lock, err = atomicfile.TryLock(j.path.lock); err != nil {
		return nil, fmt.Errorf("journal: a second writer: %w", err)
	}
	defer func() {
		if err != nil {
			if j.f != nil {
				err = errors.Join(err, j.f.Close())
			}
			if j.keys != nil {
				err = errors.Join(err, j.keys.close())
			}
			err = errors.Join(err, j.lock.Unlock())
		}
	}()
	if err := j.identity(); err != nil {
		return nil, err
	}
	boot, err := j.recover()
	if err != nil {
		return nil, err
	}
	if err := j.reserve(); err != nil {
		j.freed = true
		j.opt.Report(err) // the journal works without it
	}
	go j.run()
	if err := j.boot(boot); err != nil {
		return nil, errors.Join(err, j.Close())
	}
	j.indexLater()
	return j, nil
}

// identity loads the public root, the last checkpoint and the key that it
// names, or makes all of them for a new journal.
func (j *Journal) identity() error {
	pub, err := atomicfile.Read(j.path.pub, 4096)
	if errors.Is(err, fs.ErrNotExist) {
		if err := j.create(); err != nil {
			return fmt.Errorf("journal: new journal: %w", err)
		}
		pub, err = atomicfile.Read(j.path.pub, 4096)
	}
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	j.pub = strings.TrimSpace(string(pub))
	secret, err := atomicfile.Read(j.path.digest, 4096)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if j.hmac, err = hex.DecodeString(strings.TrimSpace(string(secret))); err != nil || len(j.hmac) < 32 {
		return fmt.Errorf("journal: %q is not 64 hex digits", j.path.digest)
	}
	last, err := lastCheckpoint(j.opt.disk, j.path.notes, j.pub)
	if err != nil {
		return err
	}
	j.last, j.tree, j.head = last, chain.Tree{}, last.Head
	j.tree, _ = chain.TreeAt(last.Size, last.Edge)
	f, err := j.opt.disk.open(j.path.key)
	if err != nil {
		return fmt.Errorf("journal: signing key: %w", err)
	}
	if j.keys, err = loadKeys(f, last.Origin, last.Epoch+1, last.Next); err != nil {
		return errors.Join(err, f.Close())
	}
	return nil
}

// create makes a journal that holds nothing yet: root key, the checkpoint over
// nothing that names the next key, and last the public root, which is what
// makes the rest count.
func (j *Journal) create() error {
	if segs, err := segments(j.path.log); err != nil {
		return err
	} else if len(segs) > 0 && segs[0].size > 0 {
		return &DamageError{File: j.path.pub, Detail: "there is a log but no public root key"}
	}
	id := make([]byte, 8)
	secret := make([]byte, 32)
	seed := make([]byte, chain.SeedSize)
	defer clear(seed)
	for _, b := range [][]byte{id, secret, seed} {
		if _, err := io.ReadFull(j.opt.Rand, b); err != nil {
			return err
		}
	}
	origin := "openclaw-journal-" + hex.EncodeToString(id)
	root, err := chain.NewKey(origin, seed)
	if err != nil {
		return err
	}
	f, err := j.opt.disk.open(j.path.key)
	if err != nil {
		return err
	}
	k := &keyring{f: f, origin: origin, key: root}
	defer func() { _ = k.close() }()
	if err := f.Truncate(2 * slotSize); err != nil {
		return err
	}
	if err := k.store(0, seed); err != nil {
		return err
	}
	next, err := k.prepare(j.opt.Rand)
	if err != nil {
		return err
	}
	var empty chain.Tree
	msg, err := chain.Checkpoint{Origin: origin, Root: empty.Root(), Time: j.opt.Now().UTC(), Next: next}.Sign(root)
	if err != nil {
		return err
	}
	if err := atomicfile.Write(j.path.notes, append(msg, '\n')); err != nil {
		return err
	}
	if err := k.evolve(); err != nil {
		return err
	}
	if err := j.opt.disk.syncDir(filepath.Dir(j.path.key)); err != nil {
		return err
	}
	if err := atomicfile.Write(j.path.digest, []byte(hex.EncodeToString(secret)+"\n")); err != nil {
		return err
	}
	return atomicfile.Write(j.path.pub, []byte(root.Public()+"\n"))
}

// tailOfNotes reads the last whole notes of a checkpoint file and says where
// the last of them ends.
func tailOfNotes(d disk, path string) (f file, notes [][]byte, end int64, err error) {
	if _, err := os.Lstat(path); err != nil {
		return nil, nil, 0, &DamageError{File: path, Detail: err.Error()}
	}
	if f, err = d.open(path); err != nil {
		return nil, nil, 0, err
	}
	size, err := f.Size()
	if err != nil {
		return f, nil, 0, err
	}
	for window := int64(8 << 10); ; window *= 4 {
		from := max(0, size-window)
		buf := make([]byte, size-from)
		if _, err := f.ReadAt(buf, from); err != nil && !errors.Is(err, io.EOF) {
			return f, nil, 0, err
		}
		skip := 0
		if from > 0 {
			// A note ends with a signature line and an empty line.
			i := bytes.Index(buf, []byte("\n— "))
			k := -1
			if i >= 0 {
				k = bytes.Index(buf[i+1:], []byte("\n\n"))
			}
			if k < 0 {
				continue
			}
			skip = i + 1 + k + 2
		}
		in := chain.NewNotes(bytes.NewReader(buf[skip:]))
		notes = nil
		for {
			msg, err := in.Next()
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				break
			}
			if err != nil {
				return f, nil, 0, &DamageError{File: path, Detail: err.Error()}
			}
			notes = append(notes, msg)
		}
		if len(notes) >= 2 || from == 0 {
			return f, notes, from + int64(skip) + in.Offset(), nil
		}
	}
}

func lastNote(d disk, path string) ([]byte, error) {
	f, notes, _, err := tailOfNotes(d, path)
	if f != nil {
		defer func() { _ = f.Close() }()
	}
	if err != nil {
		return nil, err
	}
	if len(notes) == 0 {
		return nil, &DamageError{File: path, Detail: "there is no checkpoint"}
	}
	return notes[len(notes)-1], nil
}

// lastCheckpoint opens the last checkpoint with the key that the one before it
// names, and cuts off one that a crash left unfinished.
func lastCheckpoint(d disk, path, root string) (chain.Checkpoint, error) {
	f, notes, end, err := tailOfNotes(d, path)
	if f != nil {
		defer func() { _ = f.Close() }()
	}
	if err != nil {
		return chain.Checkpoint{}, err
	}
	if len(notes) == 0 {
		return chain.Checkpoint{}, &DamageError{File: path, Detail: "there is no checkpoint"}
	}
	key := root
	if len(notes) > 1 {
		prev, err := chain.PeekCheckpoint(notes[len(notes)-2])
		if err != nil {
			return chain.Checkpoint{}, &DamageError{File: path, Detail: err.Error()}
		}
		key = prev.Next
	}
	c, err := chain.OpenCheckpoint(notes[len(notes)-1], key)
	if err != nil {
		return chain.Checkpoint{}, &DamageError{File: path, Seq: c.Size, Detail: err.Error()}
	}
	if size, err := f.Size(); err != nil {
		return c, err
	} else if size > end {
		if err := errors.Join(f.Truncate(end), f.Sync()); err != nil {
			return c, err
		}
	}
	return c, nil
}

// bootInfo is what recover found and boot writes down.
type bootInfo struct {
	fresh  bool // the active segment has no entry yet
	repair *RepairData
}

// boot writes the first entries of this run.
func (j *Journal) boot(b bootInfo) error {
	j.mu.Lock()
	j.due = b.fresh
	var list []Entry
	if b.repair != nil {
		list = append(list, Entry{Event: EventRepair, Data: *b.repair})
	}
	list = append(list, Entry{Event: EventOpen, Data: OpenData{Signed: j.durable.Signed, Unresolved: len(j.open)}})
	var last *batch
	open := make([]uint64, 0, len(j.open))
	for s := range j.open {
		open = append(open, s)
	}
	j.mu.Unlock()
	for _, seq := range slices.Sorted(slices.Values(open)) {
		e := Entry{Event: ToolInvoke, Phase: Outcome, Ref: Pos(seq), Data: UnknownData{Status: "unknown", Reason: "the gateway ended before the outcome was recorded"}}
		if r, err := j.Get(seq); err == nil {
			e.Event, e.Agent, e.Session, e.Principal, e.Run, e.Call = Event(r.Event), r.Agent, r.Session, r.Principal, r.Run, r.Call
		}
		list = append(list, e)
	}
	for i := range list {
		rec, err := j.prepare(&list[i])
		if err != nil {
			return err
		}
		j.mu.Lock()
		last, _, err = j.enqueueLocked(&rec, false)
		j.mu.Unlock()
		if err != nil {
			return err
		}
	}
	j.poke()
	<-last.done
	return last.err
}

// reserve keeps space back for entries that must get through a full disk.
func (j *Journal) reserve() error {
	if _, err := os.Lstat(j.path.reserve); err == nil {
		return nil
	}
	if err := atomicfile.Write(j.path.reserve, bytes.Repeat([]byte("reserved\n"), reserveBytes/9)); err != nil {
		return fmt.Errorf("journal: reserve: %w", err)
	}
	return nil
}

// Seal is the last accepted posture.
type Seal struct {
	Hash    string
	Summary json.RawMessage
	At      Pos
}

type sealData struct {
	Hash    string          `json:"hash"`
	Summary json.RawMessage `json:"summary,omitempty"`
	Again   bool            `json:"again,omitempty"` // copied into a new segment
}

// Retire erases a journal's signing key and renames its files with a suffix, so
// that the next Open begins a new one. It is an operator's act after a DamageError;
// the old files stay readable and verifiable with their own root key.
func Retire(opt Options) (suffix string, err error) {
	if err := opt.validate(); err != nil {
		return "", err
	}
	p := opt.paths()
	lock, err := atomicfile.TryLock(p.lock)
	if err != nil {
		return "", fmt.Errorf("journal: retire: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	suffix = ".retired-" + opt.Now().UTC().Format("20060102T150405Z")
	segs, err := segments(p.log)
	if err != nil {
		return "", err
	}
	if err := eraseKeys(opt.disk, p.key); err != nil {
		return "", fmt.Errorf("journal: retire: %w", err)
	}
	names := []string{p.notes, p.digest}
	for _, s := range segs {
		names = append(names, s.path)
	}
	// The public root goes last: without it the rest counts for nothing.
	for _, n := range append(names, p.pub) {
		if err := os.Rename(n, n+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("journal: retire: %w", err)
		}
	}
	return suffix, errors.Join(atomicfile.SyncDir(filepath.Dir(p.log)), atomicfile.SyncDir(filepath.Dir(p.pub)))
}
