package store

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
	"github.com/openclaw-go/openclaw/internal/claw"
)

// live is a session whose transcript is open. Its mutex guards all but refs
// and used, which are the store's. The store's mutex may be taken under it,
// never the other way round.
type live struct {
	s     *Store
	id    claw.SessionID
	agent claw.AgentID
	path  string
	refs  int
	used  uint64

	mu   sync.Mutex
	gone bool // reset, deleted or closed: take the session anew
	tree *tree
	f    *os.File
	// window is what a model reads, filled when first asked for.
	summary  string
	window   []Stored
	windowed bool
}

// transcript is the file of a session. A sessionFile from elsewhere counts
// only when it lies in the same folder.
func (x *index) transcript(e *entry) string {
	if base := filepath.Base(e.SessionFile); e.SessionFile != "" && filepath.Join(x.dir, base) == filepath.Clean(e.SessionFile) && transcriptName(base) {
		return filepath.Join(x.dir, base)
	}
	return filepath.Join(x.dir, string(e.SessionID)+".jsonl")
}

// acquire opens and locks the transcript of a session.
func (s *Store) acquire(key claw.SessionKey) (*live, error) {
	for {
		s.mu.Lock()
		e, err := s.entryLocked(key)
		if err != nil {
			s.mu.Unlock()
			return nil, err
		}
		l := s.live[e.SessionID]
		if l == nil {
			l = &live{s: s, id: e.SessionID, agent: e.agent, path: s.agents[e.agent].transcript(e)}
			s.live[e.SessionID] = l
		}
		s.ticks++
		l.refs, l.used = l.refs+1, s.ticks
		s.mu.Unlock()
		l.mu.Lock()
		if l.gone {
			s.release(l)
			continue
		}
		if l.tree == nil {
			err = l.open()
			if err == nil {
				err = s.reconcile(key, l)
			}
			if err != nil {
				err = errors.Join(err, l.close())
				s.release(l)
				return nil, err
			}
		}
		return l, nil
	}
}

// release ends what acquire began and closes the transcripts that were not
// used for longest when too many are open.
func (s *Store) release(l *live) {
	l.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	l.refs--
	for len(s.live) > MaxOpen {
		var oldest *live
		for _, o := range s.live {
			if o.refs == 0 && (oldest == nil || o.used < oldest.used) {
				oldest = o
			}
		}
		if oldest == nil {
			return
		}
		delete(s.live, oldest.id)
		if err := oldest.close(); err != nil {
			s.opt.Report(fmt.Errorf("store: %w", err))
		}
	}
}

// reconcile makes index and transcript agree on the labels: a crash can leave
// a label in one of them only, and then it holds.
func (s *Store) reconcile(key claw.SessionKey, l *live) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.entryLocked(key)
	if err != nil {
		return err
	}
	both := e.Ours.Labels | l.tree.labels
	if both == e.Ours.Labels {
		return nil
	}
	e = e.clone()
	e.Ours.Lineage = append(e.Ours.Lineage, without(l.tree.lineage, e.Ours.Labels)...)
	e.Ours.Labels = both
	return s.agents[e.agent].put(key, e, keepDurable)
}

// open reads the transcript. A write that did not end is kept beside it and
// cut off.
func (l *live) open() error {
	f, err := atomicfile.Open(l.path, os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) {
		l.tree = newTree()
		return nil
	}
	if err != nil {
		return fmt.Errorf("store: transcript: %w", err)
	}
	l.f = f
	t, err := readTranscript(f)
	if err != nil {
		return fmt.Errorf("store: transcript %q: %w", l.path, err)
	}
	if t.torn > 0 {
		if err := l.mend(t); err != nil {
			return fmt.Errorf("store: transcript %q: torn end: %w", l.path, err)
		}
	}
	l.tree = t
	return nil
}

// mend deals with bytes behind the last whole line: a whole line without its
// newline gets it, anything else moves to a file of its own.
func (l *live) mend(t *tree) error {
	b := make([]byte, min(t.torn, MaxLine))
	if _, err := l.f.ReadAt(b, t.size); err != nil {
		return err
	}
	if int64(len(b)) == t.torn && json.Valid(b) {
		if _, err := l.f.WriteAt([]byte{'\n'}, t.size+t.torn); err != nil {
			return err
		}
		t.lines++
		t.take(b, len(b)+1)
		t.torn = 0
		return nil
	}
	aside := l.path + ".torn." + l.s.opt.Now().UTC().Format(asideForm)
	if err := atomicfile.Write(aside, b); err != nil {
		return err
	}
	t.torn = 0
	return l.f.Truncate(t.size)
}

func (l *live) close() error {
	l.tree, l.summary, l.window, l.windowed = nil, "", nil, false
	if l.f == nil {
		return nil
	}
	f := l.f
	l.f = nil
	return f.Close()
}

// write appends one entry behind the last one. On an error the file is as it
// was before.
func (l *live) write(n *line, k keep) error {
	id, err := l.newID()
	if err != nil {
		return err
	}
	n.ID, n.ParentID, n.Timestamp = id, l.tree.leaf(), stamp(l.s.opt.Now())
	b, err := encodeLine(n)
	if err != nil {
		return fmt.Errorf("store: transcript %q: %w", l.path, err)
	}
	if len(b) > MaxLine {
		return fmt.Errorf("store: transcript %q: an entry of %d bytes, at most %d fit", l.path, len(b), MaxLine)
	}
	created := l.f == nil
	if created {
		if err := l.create(); err != nil {
			return fmt.Errorf("store: transcript: %w", err)
		}
	}
	if _, err = l.f.WriteAt(b, l.tree.size); err == nil && k == keepDurable {
		err = l.f.Sync()
		if err == nil && created {
			err = atomicfile.SyncDir(filepath.Dir(l.path))
		}
	}
	if err != nil {
		return fmt.Errorf("store: transcript %q: %w", l.path, errors.Join(err, l.f.Truncate(l.tree.size)))
	}
	l.tree.lines++
	off := l.tree.size
	l.tree.size += int64(len(b))
	l.tree.add(n, off, len(b))
	return nil
}

func (l *live) create() error {
	f, err := atomicfile.Open(l.path, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return err
	}
	b, err := encodeLine(header{Type: typeSession, Version: transcriptVersion, ID: l.id, Timestamp: stamp(l.s.opt.Now()), Cwd: l.s.opt.Workspace(l.agent)})
	if err == nil {
		_, err = f.WriteAt(b, 0)
	}
	if err != nil {
		return errors.Join(err, f.Close(), os.Remove(l.path))
	}
	l.f = f
	l.tree.size, l.tree.lines = int64(len(b)), 1
	return nil
}

func (l *live) newID() (EntryID, error) {
	for {
		b, err := l.s.random(4)
		if err != nil {
			return "", err
		}
		id := EntryID(hex.EncodeToString(b))
		if _, taken := l.tree.at[id]; !taken {
			return id, nil
		}
	}
}

// read gets the line of an entry back from the file.
func (l *live) read(n node) (line, error) {
	var out line
	b := make([]byte, n.n)
	if _, err := l.f.ReadAt(b, n.off); err != nil {
		return out, fmt.Errorf("store: transcript %q: %w", l.path, err)
	}
	if err := json.Unmarshal(b, &out); err != nil {
		return out, &CorruptError{File: l.path, Detail: fmt.Sprintf("entry %q changed while it was open: %v", n.id, err)}
	}
	return out, nil
}
