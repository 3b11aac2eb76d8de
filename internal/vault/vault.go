package vault

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"

	"filippo.io/age"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
)

// StoreOptions of NewStore. Path and Now are required.
type StoreOptions struct {
	Path string // <state>/vault.age
	Keys Keys
	Now  func() time.Time
	// Floor is the lowest generation that is believed: a store that was put
	// back from an older copy would bring removed secrets back. Nil or 0 takes
	// every one.
	Floor func() uint64
}

// Store is the encrypted store. It reads nothing before it is asked, keeps no
// value and no document, and keeps a key only when a person typed it. Safe for
// concurrent use by processes too.
type Store struct {
	o StoreOptions

	mu    sync.Mutex
	typed held
}

// NewStore makes a Store without touching the disk.
func NewStore(o StoreOptions) *Store { return &Store{o: o} }

// Errors of a Store.
var (
	// ErrNoStore: there is no store yet.
	ErrNoStore = errors.New("there is no encrypted store")
	// ErrNoSecret: the store has no secret of that name.
	ErrNoSecret = errors.New("the store has no secret of that name")
	// ErrOld: the store is older than the record.
	ErrOld = errors.New("the store is older than the record of its changes")
)

// Info tells of one secret without its value.
type Info struct {
	Name    string
	Made    time.Time
	Changed time.Time
	Weak    bool
}

// Listing is what stands in a store, without values.
type Listing struct {
	Generation uint64
	Custody    Custody
	Secrets    []Info
	Undo       []UndoInfo
	// Skipped are the custodies that were asked before and had no key.
	Skipped []CustodyProblem
}

// Exists reports whether there is a store.
func (s *Store) Exists() bool {
	err := atomicfile.Check(s.o.Path)
	return err == nil || !errors.Is(err, fs.ErrNotExist)
}

// opened is a store that was read.
type opened struct {
	doc     document
	key     held
	skipped []CustodyProblem
}

// open reads the store with the first key that fits.
func (s *Store) open() (opened, error) {
	sealed, err := readPrivate(s.o.Path, maxStore*2)
	if errors.Is(err, fs.ErrNotExist) {
		if s.o.Floor != nil && s.o.Floor() > 0 {
			return opened{}, fmt.Errorf("vault: %q is gone: %w", s.o.Path, ErrOld)
		}
		return opened{}, fmt.Errorf("vault: %q: %w", s.o.Path, ErrNoStore)
	}
	if err != nil {
		return opened{}, fmt.Errorf("vault: %w", err)
	}
	var out opened
	var damage error
	fits := func(h held) error {
		d, err := openDocument(sealed, h)
		if errors.Is(err, errDamaged) {
			damage = err
		}
		out.doc = d
		return err
	}
	s.mu.Lock()
	typed := s.typed
	s.mu.Unlock()
	if !typed.empty() && fits(typed) == nil {
		out.key = typed
	} else {
		out.key, out.skipped = s.o.Keys.find(fits)
	}
	if out.key.empty() {
		if damage != nil {
			return opened{}, fmt.Errorf("vault: %q: %w", s.o.Path, damage)
		}
		return opened{}, &LockedError{s.o.Path, out.skipped}
	}
	if out.key.custody == CustodyPassphrase {
		s.mu.Lock()
		s.typed = out.key
		s.mu.Unlock()
	}
	if s.o.Floor != nil && out.doc.Generation < s.o.Floor() {
		return opened{}, fmt.Errorf("vault: %q has generation %d, the record has %d: %w", s.o.Path, out.doc.Generation, s.o.Floor(), ErrOld)
	}
	return out, nil
}

// Get reads one secret. The error wraps ErrNoStore, ErrNoSecret or ErrOld, or
// is a *LockedError.
func (s *Store) Get(name string) (Secret, error) {
	o, err := s.open()
	if err != nil {
		return Secret{}, err
	}
	return o.get(name)
}

func (o opened) get(name string) (Secret, error) {
	i := slices.IndexFunc(o.doc.Secrets, func(e sealedEntry) bool { return e.Name == name })
	if i < 0 {
		return Secret{}, fmt.Errorf("vault: %q: %w", name, ErrNoSecret)
	}
	e := o.doc.Secrets[i]
	value, err := unseal(o.doc.Store, o.key, e.Sealed, e.bound())
	if err != nil {
		return Secret{}, fmt.Errorf("vault: secret %q: %w", name, err)
	}
	defer clear(value)
	return NewSecret(value), nil
}

// List tells what there is. No value is opened.
func (s *Store) List() (Listing, error) {
	o, err := s.open()
	if err != nil {
		return Listing{}, err
	}
	return o.listing(), nil
}

func (o opened) listing() Listing {
	l := Listing{Generation: o.doc.Generation, Custody: o.key.custody, Skipped: o.skipped}
	for _, e := range o.doc.Secrets {
		l.Secrets = append(l.Secrets, Info{e.Name, e.Made, e.Changed, e.Weak})
	}
	slices.SortFunc(l.Secrets, func(a, b Info) int { return cmp.Compare(a.Name, b.Name) })
	for _, u := range o.doc.Undo {
		l.Undo = append(l.Undo, u.UndoInfo)
	}
	return l
}

// Check opens every value, to know that each can be.
func (s *Store) Check() (Listing, error) {
	o, err := s.open()
	if err != nil {
		return Listing{}, err
	}
	for _, e := range o.doc.Secrets {
		if _, err := o.get(e.Name); err != nil {
			return Listing{}, err
		}
	}
	for _, u := range o.doc.Undo {
		if _, err := o.undo(u.ID); err != nil {
			return Listing{}, err
		}
	}
	return o.listing(), nil
}

// lockWait is how long another writer is waited for.
const lockWait = 10 * time.Second

func (s *Store) lock() (*atomicfile.Lock, error) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.NewTimer(lockWait)
	defer limit.Stop()
	for {
		l, err := atomicfile.TryLock(s.o.Path + ".lock")
		var busy *atomicfile.HeldError
		if !errors.As(err, &busy) {
			return l, err
		}
		select {
		case <-tick.C:
		case <-limit.C:
			return nil, fmt.Errorf("vault: %w", err)
		}
	}
}

// Edit is a change of a store before it is written. Now is the time that the
// change has.
type Edit struct {
	Now    time.Time
	opened opened
	cipher func(value, bound []byte) ([]byte, error)
}

// Change makes one change in one step: what f does is written whole or not at
// all. Without a store it makes one, and a key file when no custody has a key.
// f returning an error changes nothing.
func (s *Store) Change(f func(*Edit) error) (Listing, error) {
	l, err := s.lock()
	if err != nil {
		return Listing{}, err
	}
	defer func() { _ = l.Unlock() }()
	o, err := s.open()
	if errors.Is(err, ErrNoStore) {
		o, err = s.fresh()
	}
	if err != nil {
		return Listing{}, err
	}
	e := &Edit{Now: s.o.Now().UTC().Round(0), opened: o}
	e.cipher = func(value, bound []byte) ([]byte, error) {
		c, err := valueCipher(o.doc.Store, o.key.identities()[0])
		if err != nil {
			return nil, err
		}
		return seal(c, value, bound), nil
	}
	if err := f(e); err != nil {
		return Listing{}, err
	}
	e.opened.doc.Undo = slices.DeleteFunc(e.opened.doc.Undo, func(u sealedUndo) bool { return !u.Expires.After(e.Now) })
	e.opened.doc.Generation++
	if err := s.write(e.opened); err != nil {
		return Listing{}, err
	}
	return e.opened.listing(), nil
}

// write replaces the file by what was seen to open again.
func (s *Store) write(o opened) error {
	sealed, err := sealDocument(o.doc, o.key)
	if err != nil {
		return err
	}
	if _, err := openDocument(sealed, o.key); err != nil {
		return fmt.Errorf("vault: what would be written does not open again: %w", err)
	}
	if err := atomicfile.Write(s.o.Path, sealed); err != nil {
		return fmt.Errorf("vault: %w", err)
	}
	return nil
}

// fresh is an empty store under a key that is already kept somewhere.
func (s *Store) fresh() (opened, error) {
	o := opened{doc: document{Version: documentVersion, Store: newStoreID(), Generation: 0}}
	key, why := s.o.Keys.find(nil)
	if !key.empty() {
		o.key, o.skipped = key, why
		return o, nil
	}
	if s.o.Keys.File == "" {
		return opened{}, &LockedError{s.o.Path, why}
	}
	// A key that is there and was not taken is never replaced.
	for _, path := range []string{s.o.Keys.File, s.o.Keys.Wrapped} {
		if path == "" {
			continue
		}
		if err := atomicfile.Check(path); !errors.Is(err, fs.ErrNotExist) {
			return opened{}, &LockedError{s.o.Path, why}
		}
	}
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return opened{}, fmt.Errorf("vault: %w", err)
	}
	ids := []*age.X25519Identity{id}
	if err := s.o.Keys.keep(CustodyFile, ids, Secret{}); err != nil {
		return opened{}, fmt.Errorf("vault: %w", err)
	}
	o.key = holdKey(CustodyFile, ids)
	return o, nil
}

// Has reports whether there is a secret of that name.
func (e *Edit) Has(name string) bool {
	return slices.ContainsFunc(e.opened.doc.Secrets, func(x sealedEntry) bool { return x.Name == name })
}

// Info tells of one without its value; ok is false when there is none.
func (e *Edit) Info(name string) (i Info, ok bool) {
	for _, x := range e.opened.doc.Secrets {
		if x.Name == name {
			return Info{x.Name, x.Made, x.Changed, x.Weak}, true
		}
	}
	return Info{}, false
}

// Get reads one as it is before the change.
func (e *Edit) Get(name string) (Secret, error) { return e.opened.get(name) }

// Set adds or replaces a secret. Weak says that its value cannot be masked.
func (e *Edit) Set(name string, value Secret, weak Weakness) error {
	if !IsName(name) {
		return fmt.Errorf("vault: %q is not a name: expected A-Z, then A-Z, 0-9 and _, at most 128", name)
	}
	x := sealedEntry{Name: name, Made: e.Now, Changed: e.Now, Weak: weak == Weak}
	i := slices.IndexFunc(e.opened.doc.Secrets, func(x sealedEntry) bool { return x.Name == name })
	if i >= 0 {
		x.Made = e.opened.doc.Secrets[i].Made
	}
	err := value.Use(func(b []byte) (err error) {
		if len(b) > MaxSecret {
			return fmt.Errorf("vault: %q has %d bytes, expected at most %d", name, len(b), MaxSecret)
		}
		x.Sealed, err = e.cipher(b, x.bound())
		return err
	})
	if err != nil {
		return err
	}
	if i >= 0 {
		e.opened.doc.Secrets[i] = x
	} else {
		e.opened.doc.Secrets = append(e.opened.doc.Secrets, x)
	}
	return nil
}

// Weakness says whether a value can be masked where it turns up in text.
type Weakness uint8

// Weaknesses.
const (
	Strong Weakness = iota
	Weak
)

// Remove removes a secret; ErrNoSecret is wrapped when there is none.
func (e *Edit) Remove(name string) error {
	if !e.Has(name) {
		return fmt.Errorf("vault: %q: %w", name, ErrNoSecret)
	}
	e.opened.doc.Secrets = slices.DeleteFunc(e.opened.doc.Secrets, func(x sealedEntry) bool { return x.Name == name })
	return nil
}
