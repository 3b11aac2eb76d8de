package vault

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"filippo.io/age"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
)

// Unlock puts the key into the system's keyring for a time, so that processes
// of this user open the store without a passphrase. A limit of 0 lasts until
// the machine restarts.
func (s *Store) Unlock(limit time.Duration) error {
	if s.o.Keys.Keyring == nil {
		return errors.New("vault: this system's keyring is not used here")
	}
	o, err := s.open()
	if err != nil {
		return err
	}
	text := keyText(o.key.identities())
	defer clear(text)
	return s.o.Keys.Keyring.Put(text, limit)
}

// Lock takes the key out of the system's keyring and forgets a typed one.
func (s *Store) Lock() error {
	s.mu.Lock()
	s.typed = held{}
	s.mu.Unlock()
	if s.o.Keys.Keyring == nil {
		return nil
	}
	return s.o.Keys.Keyring.Remove()
}

// Entrust moves the key to another custody that lasts: first it is written
// there and read back, then the old one goes.
func (s *Store) Entrust(to Custody, pass Secret) error {
	l, err := s.lock()
	if err != nil {
		return err
	}
	defer func() { _ = l.Unlock() }()
	o, err := s.open()
	if err != nil {
		return err
	}
	k := s.o.Keys
	if err := k.keep(to, o.key.identities(), pass); err != nil {
		return err
	}
	var back []*age.X25519Identity
	gone := k.File
	switch to {
	case CustodyPassphrase:
		k.Passphrase = func() (Secret, error) { return pass, nil }
		back, err = k.fromPassphrase()
	case CustodyFile:
		gone = k.Wrapped
		back, err = k.fromFile()
	case CustodyKeyring, CustodyCredential:
	}
	if err == nil && (len(back) == 0 || back[0].String() != o.key.identities()[0].String()) {
		err = errors.New("another key was read back")
	}
	if err != nil {
		return fmt.Errorf("vault: the key was not moved: %w", err)
	}
	if err := os.Remove(gone); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("vault: the key is in its new place, and still in the old one: %w", err)
	}
	return nil
}

// Key hands the key in age's text form to f, for whoever seals it elsewhere.
func (s *Store) Key(f func(text []byte) error) error {
	o, err := s.open()
	if err != nil {
		return err
	}
	text := keyText(o.key.identities())
	defer clear(text)
	return f(text)
}

// Rekey gives the store a new key. The custody holds both keys while the store
// changes over, so that a crash at any moment leaves a store that opens.
func (s *Store) Rekey(pass Secret) error {
	l, err := s.lock()
	if err != nil {
		return err
	}
	defer func() { _ = l.Unlock() }()
	o, err := s.open()
	if err != nil {
		return err
	}
	to := CustodyFile
	if atomicfile.Check(s.o.Keys.Wrapped) == nil {
		to = CustodyPassphrase
	}
	if o.key.custody == CustodyCredential {
		return errors.New("vault: the key is a systemd credential, which only its administrator replaces")
	}
	if err := s.settle(to, &o, pass); err != nil {
		return err
	}
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return fmt.Errorf("vault: %w", err)
	}
	both := holdKey(to, []*age.X25519Identity{id, o.key.identities()[0]})
	fresh := opened{doc: o.doc, key: both}
	if err := s.o.Keys.keep(to, both.identities(), pass); err != nil {
		return err
	}
	if err := s.settle(to, &fresh, pass); err != nil {
		return err
	}
	return s.Lock()
}

// settle writes a store under the first of two keys and forgets the other.
func (s *Store) settle(to Custody, o *opened, pass Secret) error {
	ids := o.key.identities()
	if len(ids) == 1 {
		return nil
	}
	fresh, err := o.resealed(o.key)
	if err != nil {
		return err
	}
	if err := s.write(fresh); err != nil {
		return err
	}
	if err := s.o.Keys.keep(to, ids[:1], pass); err != nil {
		return err
	}
	fresh.key = holdKey(to, ids[:1])
	*o = fresh
	return nil
}

// resealed is the store with every value sealed under the first key of both.
func (o opened) resealed(both held) (opened, error) {
	out := opened{doc: o.doc, key: both}
	c, err := valueCipher(o.doc.Store, both.identities()[0])
	if err != nil {
		return opened{}, err
	}
	again := func(sealed, bound []byte) ([]byte, error) {
		value, err := unseal(o.doc.Store, o.key, sealed, bound)
		if err != nil {
			return nil, fmt.Errorf("vault: %w", err)
		}
		defer clear(value)
		return seal(c, value, bound), nil
	}
	out.doc.Secrets = append([]sealedEntry(nil), o.doc.Secrets...)
	for i := range out.doc.Secrets {
		if out.doc.Secrets[i].Sealed, err = again(o.doc.Secrets[i].Sealed, o.doc.Secrets[i].bound()); err != nil {
			return opened{}, err
		}
	}
	out.doc.Undo = append([]sealedUndo(nil), o.doc.Undo...)
	for i := range out.doc.Undo {
		if out.doc.Undo[i].Sealed, err = again(o.doc.Undo[i].Sealed, o.doc.Undo[i].bound()); err != nil {
			return opened{}, err
		}
	}
	out.doc.Generation++
	return out, nil
}
