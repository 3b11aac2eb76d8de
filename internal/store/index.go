package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
	"github.com/openclaw-go/openclaw/internal/claw"
)

// maxIndex bounds a snapshot and its log.
const maxIndex = 256 << 20

// compactAt is the size of a log from which a snapshot is due even when the
// index is never idle; it grows with the snapshot.
const compactAt = 1 << 20

// index is the sessions of one agent. The store's mutex guards it.
type index struct {
	s       *Store
	agent   claw.AgentID
	dir     string
	entries map[claw.SessionKey]*entry
	log     *os.File
	logSize int64
	dirty   bool
	touched time.Time
	lastLen int // bytes of the last snapshot
	stop    func()
	busy    bool // a timer is armed
}

// entry is one session of the index in upstream's names. What is not known is
// kept in rest and written back.
type entry struct {
	SessionID     claw.SessionID `json:"sessionId"`
	UpdatedAt     int64          `json:"updatedAt"`
	SessionFile   string         `json:"sessionFile,omitempty"`
	ChatType      string         `json:"chatType,omitempty"`
	Channel       claw.ChannelID `json:"channel,omitempty"`
	Label         string         `json:"label,omitempty"`
	DisplayName   string         `json:"displayName,omitempty"`
	Thinking      string         `json:"thinkingLevel,omitempty"`
	ProviderSet   string         `json:"providerOverride,omitempty"`
	ModelSet      string         `json:"modelOverride,omitempty"`
	Provider      string         `json:"modelProvider,omitempty"`
	Model         string         `json:"model,omitempty"`
	Input         int64          `json:"inputTokens,omitempty"`
	Output        int64          `json:"outputTokens,omitempty"`
	Total         int64          `json:"totalTokens,omitempty"`
	Compactions   int            `json:"compactionCount,omitempty"`
	SpawnedBy     string         `json:"spawnedBy,omitempty"`
	StartedAt     int64          `json:"sessionStartedAt,omitempty"`
	LastMessageAt int64          `json:"lastInteractionAt,omitempty"`
	Ours          *ours          `json:"openclaw,omitempty"`

	key   claw.SessionKey
	agent claw.AgentID
	rest  map[string]json.RawMessage
}

// ours is what only this program keeps of a session.
type ours struct {
	Labels     claw.Labels    `json:"labels"`
	Lineage    []claw.Lineage `json:"lineage,omitempty"`
	Calls      int            `json:"calls,omitempty"`
	Messages   int            `json:"messages,omitempty"`
	CacheRead  int64          `json:"cacheReadTokens,omitempty"`
	CacheWrite int64          `json:"cacheWriteTokens,omitempty"`
	Context    int64          `json:"contextTokens,omitempty"`
	Cost       float64        `json:"costUsd,omitempty"`
	Unpriced   bool           `json:"unpriced,omitempty"`
	Title      string         `json:"title,omitempty"`
	Preview    string         `json:"lastMessage,omitempty"`
	StartedBy  string         `json:"startedBy,omitempty"`
}

type plainEntry entry

// known are the JSON names of an entry's own fields.
var known = [...]string{"sessionId", "updatedAt", "sessionFile", "chatType", "channel", "label", "displayName", "thinkingLevel", "providerOverride", "modelOverride",
	"modelProvider", "model", "inputTokens", "outputTokens", "totalTokens", "compactionCount", "spawnedBy", "sessionStartedAt", "lastInteractionAt", "openclaw"}

// UnmarshalJSON keeps unknown fields for the next writing.
func (e *entry) UnmarshalJSON(b []byte) error {
	if err := json.Unmarshal(b, (*plainEntry)(e)); err != nil {
		return err
	}
	e.rest = nil
	if err := json.Unmarshal(b, &e.rest); err != nil {
		return err
	}
	for _, k := range known {
		delete(e.rest, k)
	}
	if e.Ours == nil {
		// Written by somebody else: what came into it is not known.
		e.Ours = &ours{Labels: claw.Untrusted | claw.Private, Lineage: []claw.Lineage{{Label: claw.Untrusted | claw.Private,
			From: "a session that another program kept", Time: time.UnixMilli(e.UpdatedAt).UTC()}}}
	}
	return nil
}

// MarshalJSON writes own and unknown fields.
func (e *entry) MarshalJSON() ([]byte, error) {
	b, err := json.Marshal((*plainEntry)(e))
	if err != nil || len(e.rest) == 0 {
		return b, err
	}
	rest, err := json.Marshal(e.rest)
	if err != nil {
		return nil, err
	}
	return append(append(b[:len(b)-1], ','), rest[1:]...), nil
}

// record is one line of the log: the whole entry, or its end.
type record struct {
	Key   claw.SessionKey `json:"key"`
	Entry *entry          `json:"entry"`
}

func (x *index) snapshotPath() string { return filepath.Join(x.dir, "sessions.json") }
func (x *index) logPath() string      { return filepath.Join(x.dir, "sessions.log") }

// load reads the index of an agent, if it has one.
func (s *Store) load(agent claw.AgentID) error {
	x := &index{s: s, agent: agent, dir: filepath.Join(s.opt.Dir, "agents", string(agent), "sessions"), entries: map[claw.SessionKey]*entry{}}
	if _, err := os.Lstat(x.dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := x.read(); err != nil {
		return err
	}
	for key, e := range x.entries {
		if old := s.byKey[key]; old != nil {
			return &CorruptError{File: x.snapshotPath(), Detail: fmt.Sprintf("session %q stands under agent %q too", key, old.agent)}
		}
		s.byKey[key] = e
	}
	s.agents[agent] = x
	if x.dirty {
		return x.snapshot()
	}
	return nil
}

func (x *index) read() error {
	b, err := atomicfile.Read(x.snapshotPath(), maxIndex)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("store: %w", err)
	}
	if err == nil {
		if err := json.Unmarshal(b, &x.entries); err != nil || x.entries == nil {
			return &CorruptError{File: x.snapshotPath(), Detail: fmt.Sprintf("expected an object of sessions: %v", err)}
		}
		x.lastLen = len(b)
	}
	for key, e := range x.entries {
		if err := x.adopt(key, e); err != nil {
			return &CorruptError{File: x.snapshotPath(), Detail: err.Error()}
		}
	}
	return x.replay()
}

// adopt checks what names files and routes.
func (x *index) adopt(key claw.SessionKey, e *entry) error {
	if e == nil {
		return fmt.Errorf("session %q is null", key)
	}
	if err := checkKey(key); err != nil {
		return err
	}
	if !sessionName(string(e.SessionID)) {
		return fmt.Errorf("session %q: sessionId %q names no file", key, e.SessionID)
	}
	e.key, e.agent = key, x.agent
	return nil
}

// replay takes up the changes behind the snapshot. Each line holds a whole
// entry, so a log that the snapshot already contains changes nothing. An
// unfinished last line was never acknowledged.
func (x *index) replay() error {
	b, err := atomicfile.Read(x.logPath(), maxIndex)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	x.dirty = len(b) > 0
	for n := 1; len(b) > 0; n++ {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			return nil
		}
		var r record
		if err := json.Unmarshal(b[:i], &r); err != nil {
			if zeroTail(b) {
				return nil
			}
			return &CorruptError{File: x.logPath(), Line: n, Detail: err.Error()}
		}
		b = b[i+1:]
		if r.Entry == nil {
			delete(x.entries, r.Key)
			continue
		}
		if err := x.adopt(r.Key, r.Entry); err != nil {
			return &CorruptError{File: x.logPath(), Line: n, Detail: err.Error()}
		}
		x.entries[r.Key] = r.Entry
	}
	return nil
}

// zeroTail: blocks that never reached the disk.
func zeroTail(b []byte) bool { return b[0] == 0 && len(bytes.Trim(b, "\x00\n")) == 0 }

// indexOf returns the index of an agent, making its folder when missing.
func (s *Store) indexOf(agent claw.AgentID) (*index, error) {
	if x := s.agents[agent]; x != nil {
		return x, nil
	}
	if !agentName(string(agent)) {
		return nil, fmt.Errorf("%w: agent %q, expected lower-case letters, digits, - and _", ErrName, agent)
	}
	x := &index{s: s, agent: agent, dir: filepath.Join(s.opt.Dir, "agents", string(agent), "sessions"), entries: map[claw.SessionKey]*entry{}}
	if err := atomicfile.MkdirAll(x.dir); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	s.agents[agent] = x
	return x, nil
}

// keep says how far a change must have come when it counts.
type keep uint8

const (
	keepWritten keep = iota // survives the end of the process
	keepDurable             // survives the end of the power
)

// put logs the entry as it is to be and then makes it so. e may be a changed
// copy; nil forgets the session.
func (x *index) put(key claw.SessionKey, e *entry, k keep) error {
	if x.log == nil {
		if err := x.openLog(); err != nil {
			return err
		}
	}
	line, err := json.Marshal(record{Key: key, Entry: e})
	if err != nil {
		return fmt.Errorf("store: session %q: %w", key, err)
	}
	line = append(line, '\n')
	if _, err := x.log.WriteAt(line, x.logSize); err != nil {
		return fmt.Errorf("store: session %q: %w", key, errors.Join(err, x.log.Truncate(x.logSize)))
	}
	if k == keepDurable {
		if err := x.log.Sync(); err != nil {
			return fmt.Errorf("store: session %q: %w", key, errors.Join(err, x.log.Truncate(x.logSize)))
		}
	}
	x.logSize += int64(len(line))
	if e == nil {
		delete(x.entries, key)
		delete(x.s.byKey, key)
	} else {
		x.entries[key], x.s.byKey[key] = e, e
	}
	x.dirty, x.touched = true, x.s.opt.Now()
	x.arm()
	return nil
}

func (x *index) openLog() error {
	f, err := atomicfile.Open(x.logPath(), os.O_RDWR|os.O_CREATE)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err == nil {
		err = atomicfile.SyncDir(x.dir)
	}
	if err != nil {
		return fmt.Errorf("store: %w", errors.Join(err, f.Close()))
	}
	x.log, x.logSize = f, size
	return nil
}

func (x *index) arm() {
	if x.busy || x.s.closed {
		return
	}
	x.busy = true
	x.stop = x.s.opt.After(x.s.opt.SnapshotAfter, x.due)
}

func (x *index) disarm() {
	if x.stop != nil {
		x.stop()
	}
	x.stop, x.busy = nil, false
}

// due is what the timer calls: a snapshot when the index is idle or the log
// has grown long, else the timer again.
func (x *index) due() {
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	x.busy, x.stop = false, nil
	if x.s.closed || !x.dirty {
		return
	}
	idle := x.s.opt.Now().Sub(x.touched) >= x.s.opt.SnapshotAfter
	if !idle && x.logSize < int64(max(compactAt, 2*x.lastLen)) {
		x.arm()
		return
	}
	if err := x.snapshot(); err != nil {
		x.s.opt.Report(err)
		x.arm()
	}
}

// snapshot replaces sessions.json and empties the log.
func (x *index) snapshot() error {
	if !x.dirty {
		return nil
	}
	b, err := json.MarshalIndent(x.entries, "", "  ")
	if err != nil {
		return fmt.Errorf("store: %q: %w", x.snapshotPath(), err)
	}
	if err := atomicfile.Write(x.snapshotPath(), append(b, '\n')); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	x.lastLen = len(b)
	if x.log == nil {
		if err := x.openLog(); err != nil {
			return err
		}
	}
	if err := x.log.Truncate(0); err != nil {
		return fmt.Errorf("store: %q: %w", x.logPath(), err)
	}
	x.logSize, x.dirty = 0, false
	return nil
}
