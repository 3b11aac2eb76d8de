package store

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
	"github.com/openclaw-go/openclaw/internal/claw"
)

// Session is one session as it stands, a copy.
type Session struct {
	Key         claw.SessionKey
	ID          claw.SessionID
	Agent       claw.AgentID
	Kind        string // direct, group, channel; "" unknown
	Channel     claw.ChannelID
	Label       string // name that the operator gave
	DisplayName string
	Title       string // beginning of its first message
	LastMessage string // beginning of its last one
	StartedBy   string
	SpawnedBy   string
	Thinking    string
	// ModelSet is what the operator chose for this session, Model what it
	// last ran on.
	ModelSet    claw.ModelRef
	Model       claw.ModelRef
	Labels      claw.Labels
	Lineage     []claw.Lineage
	Usage       Usage
	Calls       int // of a model
	Messages    int
	Compactions int
	Created     time.Time
	Updated     time.Time
}

// Usage is tokens and money, summed.
type Usage struct {
	Input, Output, CacheRead, CacheWrite int64
	// Context is the number of tokens of the last call's input.
	Context int64
	Cost    float64 // US dollars
	// Unpriced: at least one call had no known price, so Cost is too low.
	Unpriced bool
}

// Sum is the number of all tokens.
func (u Usage) Sum() int64 { return u.Input + u.Output + u.CacheRead + u.CacheWrite }

func (e *entry) session() Session {
	o := e.Ours
	return Session{Key: e.key, ID: e.SessionID, Agent: e.agent, Kind: e.ChatType, Channel: e.Channel, Label: e.Label, DisplayName: e.DisplayName,
		Title: o.Title, LastMessage: o.Preview, StartedBy: o.StartedBy, SpawnedBy: e.SpawnedBy, Thinking: e.Thinking,
		ModelSet: joinRef(e.ProviderSet, e.ModelSet), Model: joinRef(e.Provider, e.Model), Labels: o.Labels, Lineage: slices.Clone(o.Lineage),
		Usage: Usage{Input: e.Input, Output: e.Output, CacheRead: o.CacheRead, CacheWrite: o.CacheWrite, Context: o.Context, Cost: o.Cost, Unpriced: o.Unpriced},
		Calls: o.Calls, Messages: o.Messages, Compactions: e.Compactions, Created: time.UnixMilli(e.StartedAt), Updated: time.UnixMilli(e.UpdatedAt)}
}

func (e *entry) clone() *entry {
	c := *e
	o := *e.Ours
	o.Lineage = slices.Clone(o.Lineage)
	c.Ours = &o
	return &c
}

func joinRef(provider, model string) claw.ModelRef {
	if provider == "" || model == "" {
		return claw.ModelRef(model)
	}
	return claw.ModelRef(provider + "/" + model)
}

func splitRef(ref claw.ModelRef) (provider, model string) {
	provider, model, ok := strings.Cut(string(ref), "/")
	if !ok {
		return "", string(ref)
	}
	return provider, model
}

// New is a session to be made.
type New struct {
	Key         claw.SessionKey
	Agent       claw.AgentID
	Kind        string
	Channel     claw.ChannelID
	Label       string
	DisplayName string
	Model       claw.ModelRef
	StartedBy   string
	SpawnedBy   string
}

// Create makes a session; ErrExists when there is one under the key.
func (s *Store) Create(n New) (Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byKey[n.Key] != nil {
		return Session{}, fmt.Errorf("%w: %q", ErrExists, n.Key)
	}
	e, err := s.createLocked(n)
	if err != nil {
		return Session{}, err
	}
	return e.session(), nil
}

// Ensure returns the session under key, making it when there is none.
func (s *Store) Ensure(key claw.SessionKey, agent claw.AgentID) (Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.byKey[key]
	if e == nil {
		var err error
		if e, err = s.createLocked(New{Key: key, Agent: agent}); err != nil {
			return Session{}, err
		}
	}
	if e.agent != agent {
		return Session{}, fmt.Errorf("%w: %q belongs to %q, not to %q", ErrForeign, key, e.agent, agent)
	}
	return e.session(), nil
}

func (s *Store) createLocked(n New) (*entry, error) {
	if s.closed {
		return nil, ErrClosed
	}
	if err := checkKey(n.Key); err != nil {
		return nil, err
	}
	x, err := s.indexOf(n.Agent)
	if err != nil {
		return nil, err
	}
	id, err := s.newSessionID()
	if err != nil {
		return nil, err
	}
	now := s.opt.Now().UnixMilli()
	e := &entry{SessionID: id, UpdatedAt: now, StartedAt: now, ChatType: n.Kind, Channel: n.Channel, Label: n.Label, DisplayName: n.DisplayName, SpawnedBy: n.SpawnedBy,
		Ours: &ours{StartedBy: n.StartedBy}, key: n.Key, agent: n.Agent}
	e.ProviderSet, e.ModelSet = splitRef(n.Model)
	return e, x.put(n.Key, e, keepWritten)
}

// Get returns the session under key, or ErrNoSession.
func (s *Store) Get(key claw.SessionKey) (Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.entryLocked(key)
	if err != nil {
		return Session{}, err
	}
	return e.session(), nil
}

func (s *Store) entryLocked(key claw.SessionKey) (*entry, error) {
	if s.closed {
		return nil, ErrClosed
	}
	e := s.byKey[key]
	if e == nil {
		return nil, fmt.Errorf("%w: %q", ErrNoSession, key)
	}
	return e, nil
}

// Query narrows a list; empty fields select all.
type Query struct {
	Agent  claw.AgentID
	ID     claw.SessionID
	Label  string
	Search string // occurs in key, label, name or title, in any case
	Since  time.Time
	Limit  int // 0: all
}

// List returns sessions, the last used first. It reads no transcript.
func (s *Store) List(q Query) []Session {
	s.mu.Lock()
	var hits []*entry
	needle := strings.ToLower(q.Search)
	for _, e := range s.byKey {
		if q.match(e, needle) {
			hits = append(hits, e)
		}
	}
	slices.SortFunc(hits, func(a, b *entry) int {
		if c := cmp.Compare(b.UpdatedAt, a.UpdatedAt); c != 0 {
			return c
		}
		return cmp.Compare(a.key, b.key)
	})
	if q.Limit > 0 && len(hits) > q.Limit {
		hits = hits[:q.Limit]
	}
	out := make([]Session, len(hits))
	for i, e := range hits {
		out[i] = e.session()
	}
	s.mu.Unlock()
	return out
}

func (q Query) match(e *entry, needle string) bool {
	switch {
	case q.Agent != "" && e.agent != q.Agent, q.ID != "" && e.SessionID != q.ID, q.Label != "" && e.Label != q.Label,
		!q.Since.IsZero() && e.UpdatedAt < q.Since.UnixMilli():
		return false
	case needle == "":
		return true
	}
	for _, f := range []string{string(e.key), e.Label, e.DisplayName, e.Ours.Title} {
		if strings.Contains(strings.ToLower(f), needle) {
			return true
		}
	}
	return false
}

// Patch changes what is set; a pointer to "" clears.
type Patch struct {
	Label       *string
	DisplayName *string
	Thinking    *string
	Model       *claw.ModelRef
	Kind        *string
	Channel     *claw.ChannelID
}

// Patch changes a session.
func (s *Store) Patch(key claw.SessionKey, p Patch) (Session, error) {
	return s.change(key, keepWritten, func(e *entry) {
		set(&e.Label, p.Label)
		set(&e.DisplayName, p.DisplayName)
		set(&e.Thinking, p.Thinking)
		set(&e.ChatType, p.Kind)
		set(&e.Channel, p.Channel)
		if p.Model != nil {
			e.ProviderSet, e.ModelSet = splitRef(*p.Model)
		}
	})
}

func set[T any](dst, v *T) {
	if v != nil {
		*dst = *v
	}
}

func (s *Store) change(key claw.SessionKey, k keep, f func(*entry)) (Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.entryLocked(key)
	if err != nil {
		return Session{}, err
	}
	e = e.clone()
	f(e)
	e.UpdatedAt = s.opt.Now().UnixMilli()
	if err := s.agents[e.agent].put(key, e, k); err != nil {
		return Session{}, err
	}
	return e.session(), nil
}

// AddUsage adds what one call of a model took.
func (s *Store) AddUsage(key claw.SessionKey, ref claw.ModelRef, u Usage) error {
	_, err := s.change(key, keepWritten, func(e *entry) {
		if ref != "" {
			e.Provider, e.Model = splitRef(ref)
		}
		e.Input += u.Input
		e.Output += u.Output
		e.Total += u.Sum()
		e.Ours.CacheRead += u.CacheRead
		e.Ours.CacheWrite += u.CacheWrite
		e.Ours.Context = u.Context
		if u.Context == 0 {
			e.Ours.Context = u.Input + u.CacheRead + u.CacheWrite
		}
		e.Ours.Cost += u.Cost
		e.Ours.Unpriced = e.Ours.Unpriced || u.Unpriced
		e.Ours.Calls++
	})
	return err
}

// Reset begins a session anew under its key: a new transcript without labels.
// The old transcript stays beside it with ".reset.<time>" behind its name.
func (s *Store) Reset(key claw.SessionKey) (Session, error) {
	id, err := s.newSessionID()
	if err != nil {
		return Session{}, err
	}
	var out Session
	err = s.retire(key, "reset", func(e *entry) *entry {
		now := s.opt.Now().UnixMilli()
		n := &entry{SessionID: id, UpdatedAt: now, StartedAt: now, ChatType: e.ChatType, Channel: e.Channel, Label: e.Label, DisplayName: e.DisplayName,
			Thinking: e.Thinking, ProviderSet: e.ProviderSet, ModelSet: e.ModelSet, SpawnedBy: e.SpawnedBy, Ours: &ours{StartedBy: e.Ours.StartedBy},
			key: e.key, agent: e.agent, rest: e.rest}
		out = n.session()
		return n
	})
	return out, err
}

// Delete forgets a session. Its transcript stays with ".deleted.<time>" behind
// its name.
func (s *Store) Delete(key claw.SessionKey) error {
	return s.retire(key, "deleted", func(*entry) *entry { return nil })
}

// retire replaces the entry of a session durably and sets its transcript
// aside. The index goes first: a crash in between leaves a transcript that
// nothing names, never an entry whose transcript is gone.
func (s *Store) retire(key claw.SessionKey, why string, next func(*entry) *entry) error {
	l, err := s.acquire(key)
	if err != nil {
		return err
	}
	defer s.release(l)
	s.mu.Lock()
	e, err := s.entryLocked(key)
	if err == nil {
		err = s.agents[e.agent].put(key, next(e), keepDurable)
	}
	if err == nil {
		delete(s.live, l.id)
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	l.gone = true
	if err := l.close(); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	aside := l.path + "." + why + "." + s.opt.Now().UTC().Format(asideForm)
	if err := os.Rename(l.path, aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("store: %w", err)
	}
	return atomicfile.SyncDir(filepath.Dir(l.path))
}
