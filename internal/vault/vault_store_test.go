package vault

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
	"pgregory.net/rapid"
)

// hand is a clock that is moved by hand.
type hand struct{ t time.Time }

func (h *hand) now() time.Time { return h.t }

// fakeKeyring holds one key, or fails.
type fakeKeyring struct {
	key []byte
	err error
}

func (f *fakeKeyring) Get() ([]byte, error) {
	switch {
	case f.err != nil:
		return nil, f.err
	case f.key == nil:
		return nil, ErrNoKey
	}
	return bytes.Clone(f.key), nil
}
func (f *fakeKeyring) Put(k []byte, _ time.Duration) error { f.key = bytes.Clone(k); return f.err }
func (f *fakeKeyring) Remove() error                       { f.key = nil; return nil }

const testWork = 8 // passphrases are cheap here

func testStore(t testing.TB, f func(*StoreOptions)) (*Store, *hand) {
	t.Helper()
	dir := t.TempDir()
	h := &hand{time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	o := StoreOptions{Path: filepath.Join(dir, "vault.age"), Now: h.now, Keys: Keys{File: filepath.Join(dir, "vault.key"), Wrapped: filepath.Join(dir, "vault.key.age"), Work: testWork}}
	if f != nil {
		f(&o)
	}
	return NewStore(o), h
}

func put(t testing.TB, s *Store, name, v string) Listing {
	t.Helper()
	l, err := s.Change(func(e *Edit) error { return e.Set(name, NewSecret([]byte(v)), Strong) })
	must(t, err)
	return l
}

func TestStoreKeepsSecrets(t *testing.T) {
	s, h := testStore(t, nil)
	if _, err := s.Get("A"); !errors.Is(err, ErrNoStore) || s.Exists() {
		t.Fatalf("an absent store: %v", err)
	}
	put(t, s, "A_KEY", value)
	h.t = h.t.Add(time.Hour)
	l := put(t, s, "B_KEY", "another-value-77")
	if l.Generation != 2 || len(l.Secrets) != 2 || l.Custody != CustodyFile {
		t.Errorf("%+v", l)
	}
	h.t = h.t.Add(time.Hour)
	l = put(t, s, "A_KEY", "a-new-value-1234")
	if a := l.Secrets[0]; !a.Changed.After(a.Made) || !a.Changed.Equal(h.t) {
		t.Errorf("%+v", a)
	}
	other := NewStore(s.o) // another process
	got, err := other.Get("A_KEY")
	if err != nil || text(got) != "a-new-value-1234" {
		t.Errorf("%q, %v", text(got), err)
	}
	if _, err := s.Get("C_KEY"); !errors.Is(err, ErrNoSecret) {
		t.Errorf("%v", err)
	}
	if _, err := s.Change(func(e *Edit) error { return e.Remove("A_KEY") }); err != nil {
		t.Error(err)
	}
	if _, err := s.Get("A_KEY"); !errors.Is(err, ErrNoSecret) {
		t.Errorf("removed: %v", err)
	}
	if _, err := s.Change(func(e *Edit) error { return e.Remove("A_KEY") }); !errors.Is(err, ErrNoSecret) {
		t.Errorf("removed twice: %v", err)
	}
	for _, path := range []string{s.o.Path, s.o.Keys.File} {
		fi, err := os.Stat(path)
		must(t, err)
		if fi.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", path, fi.Mode())
		}
	}
}

// A change that fails changes nothing, whatever it did before.
func TestStoreChangeIsWhole(t *testing.T) {
	s, _ := testStore(t, nil)
	put(t, s, "A_KEY", value)
	before, err := os.ReadFile(s.o.Path)
	must(t, err)
	for _, f := range []func(*Edit) error{
		func(e *Edit) error { return errors.Join(e.Remove("A_KEY"), errors.New("no")) },
		func(e *Edit) error { return e.Set("lower", NewSecret([]byte("x")), Strong) },
		func(e *Edit) error { return e.Set("A", Secret{}, Strong) },
		func(e *Edit) error { return e.Set("A", NewSecret(make([]byte, MaxSecret+1)), Strong) },
	} {
		if _, err := s.Change(f); err == nil {
			t.Error("it was made")
		}
	}
	after, err := os.ReadFile(s.o.Path)
	if err != nil || !bytes.Equal(before, after) {
		t.Error("the file changed")
	}
}

func TestStoreWritersTakeTurns(t *testing.T) {
	s, _ := testStore(t, nil)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			one := NewStore(s.o)
			if _, err := one.Change(func(e *Edit) error { return e.Set(fmt.Sprintf("K_%d", i), NewSecret([]byte(value)), Strong) }); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	l, err := s.List()
	if err != nil || len(l.Secrets) != 8 || l.Generation != 8 {
		t.Errorf("%d secrets, generation %d, %v", len(l.Secrets), l.Generation, err)
	}
}

// A sealed value is good for its own name, store and times alone.
func TestValuesAreBoundToTheirNames(t *testing.T) {
	s, _ := testStore(t, nil)
	put(t, s, "A_KEY", value)
	put(t, s, "B_KEY", "another-value-77")
	for name, spoil := range map[string]func(*document){
		"swapped values": func(d *document) {
			d.Secrets[0].Sealed, d.Secrets[1].Sealed = d.Secrets[1].Sealed, d.Secrets[0].Sealed
		},
		"renamed":        func(d *document) { d.Secrets[0].Name = "C_KEY"; d.Secrets[1].Name = "A_KEY" },
		"made younger":   func(d *document) { d.Secrets[0].Changed = d.Secrets[0].Changed.Add(time.Hour) },
		"another store":  func(d *document) { d.Store = newStoreID() },
		"called strong":  func(d *document) { d.Secrets[0].Weak = !d.Secrets[0].Weak },
		"a bit":          func(d *document) { d.Secrets[0].Sealed[20] ^= 1 },
		"cut":            func(d *document) { d.Secrets[0].Sealed = d.Secrets[0].Sealed[:8] },
		"nothing sealed": func(d *document) { d.Secrets[0].Sealed = nil },
	} {
		o, err := s.open()
		must(t, err)
		o.doc.Secrets = slices.Clone(o.doc.Secrets)
		for i := range o.doc.Secrets {
			o.doc.Secrets[i].Sealed = bytes.Clone(o.doc.Secrets[i].Sealed)
		}
		spoil(&o.doc)
		if v, err := o.get("A_KEY"); err == nil {
			t.Errorf("%s: gave %q", name, text(v))
		}
	}
}

func TestStoreBadInput(t *testing.T) {
	s, _ := testStore(t, nil)
	put(t, s, "A_KEY", value)
	good, err := os.ReadFile(s.o.Path)
	must(t, err)
	key, err := os.ReadFile(s.o.Keys.File)
	must(t, err)
	write := func(path string, b []byte) { must(t, os.WriteFile(path, b, 0o600)) }
	for name, spoil := range map[string]func(){
		"empty":           func() { write(s.o.Path, nil) },
		"text":            func() { write(s.o.Path, []byte("hello")) },
		"half":            func() { write(s.o.Path, good[:len(good)/2]) },
		"one byte less":   func() { write(s.o.Path, good[:len(good)-1]) },
		"one byte more":   func() { write(s.o.Path, append(bytes.Clone(good), 0)) },
		"header only":     func() { write(s.o.Path, good[:bytes.Index(good, []byte("\n---"))]) },
		"others read it":  func() { must(t, os.Chmod(s.o.Path, 0o644)) },
		"a directory":     func() { must(t, os.Remove(s.o.Path)); must(t, os.Mkdir(s.o.Path, 0o700)) },
		"a link":          func() { must(t, os.Remove(s.o.Path)); must(t, os.Symlink(s.o.Keys.File, s.o.Path)) },
		"no key":          func() { must(t, os.Remove(s.o.Keys.File)) },
		"an empty key":    func() { write(s.o.Keys.File, nil) },
		"text for a key":  func() { write(s.o.Keys.File, []byte("hunter2\n")) },
		"half a key":      func() { write(s.o.Keys.File, key[:20]) },
		"another key":     func() { id, _ := age.GenerateX25519Identity(); write(s.o.Keys.File, []byte(id.String())) },
		"others read key": func() { must(t, os.Chmod(s.o.Keys.File, 0o640)) },
		"a key in a link": func() {
			must(t, os.Rename(s.o.Keys.File, s.o.Keys.File+".x"))
			must(t, os.Symlink(s.o.Keys.File+".x", s.o.Keys.File))
		},
		"the key is large": func() { write(s.o.Keys.File, make([]byte, maxKeyFile+1)) },
	} {
		must(t, os.RemoveAll(s.o.Path))
		must(t, os.RemoveAll(s.o.Keys.File))
		write(s.o.Path, good)
		write(s.o.Keys.File, key)
		must(t, os.Chmod(s.o.Path, 0o600))
		must(t, os.Chmod(s.o.Keys.File, 0o600))
		if v, err := NewStore(s.o).Get("A_KEY"); err != nil || text(v) != value {
			t.Fatalf("before %s: %v", name, err)
		}
		spoil()
		one := NewStore(s.o)
		v, err := one.Get("A_KEY")
		if err == nil {
			t.Errorf("%s: gave %q", name, text(v))
			continue
		}
		hides(t, name, fmt.Sprintf("%v %+v", err, err))
		if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), string(key[:20])) {
			t.Errorf("%s: the error quotes the key: %v", name, err)
		}
		// Nothing is written over what could not be read.
		was, rerr := os.ReadFile(s.o.Path)
		if _, err := one.Change(func(e *Edit) error { return e.Set("B", NewSecret([]byte("x")), Strong) }); err == nil {
			t.Errorf("%s: the store was written over", name)
		}
		if now, nerr := os.ReadFile(s.o.Path); (rerr == nil) != (nerr == nil) || !bytes.Equal(was, now) {
			t.Errorf("%s: the file changed", name)
		}
	}
}

// A bit that is turned anywhere leaves a store that says so.
func TestStoreBitFlips(t *testing.T) {
	s, _ := testStore(t, nil)
	put(t, s, "A_KEY", value)
	good, err := os.ReadFile(s.o.Path)
	must(t, err)
	key, _ := s.o.Keys.find(nil)
	rapid.Check(t, func(r *rapid.T) {
		b := bytes.Clone(good)
		b[rapid.IntRange(0, len(b)-1).Draw(r, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(r, "bit")
		d, err := openDocument(b, key)
		if err != nil {
			return
		}
		if v, err := (opened{doc: d, key: key}).get("A_KEY"); err == nil && text(v) != value {
			r.Fatalf("gave %q", text(v))
		}
	})
}

func FuzzStore(f *testing.F) {
	id, err := age.ParseX25519Identity("AGE-SECRET-KEY-1" + strings.Repeat("Q", 58))
	if err != nil {
		id, err = age.GenerateX25519Identity()
		must(f, err)
	}
	key := holdKey(CustodyFile, []*age.X25519Identity{id})
	d := document{Version: documentVersion, Store: newStoreID(), Generation: 1}
	sealed, err := sealDocument(d, key)
	must(f, err)
	f.Add(sealed, []byte(`{"version":1}`))
	f.Add([]byte("age-encryption.org/v1\n"), []byte(`{"version":1,"store":"00000000000000000000000000000000","generation":1,"secrets":[{"name":"A","sealed":"AA=="}]}`))
	f.Fuzz(func(t *testing.T, file, doc []byte) {
		if d, err := openDocument(file, key); err == nil && d.Version != documentVersion {
			t.Fatal("another version was taken")
		}
		d, err := parseDocument(doc)
		if err != nil {
			return
		}
		for _, e := range d.Secrets {
			if !IsName(e.Name) {
				t.Fatalf("name %q", e.Name)
			}
			if v, err := (opened{doc: d, key: key}).get(e.Name); err == nil {
				t.Fatalf("opened what nobody sealed: %q", text(v))
			}
		}
		again, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parseDocument(again); err != nil {
			t.Fatalf("what was read is not read again: %v", err)
		}
	})
}

func TestCustodies(t *testing.T) {
	s, _ := testStore(t, nil)
	put(t, s, "A_KEY", value)
	key, err := os.ReadFile(s.o.Keys.File)
	must(t, err)
	id, err := age.GenerateX25519Identity()
	must(t, err)
	dir := t.TempDir()
	cred := filepath.Join(dir, "openclaw-vault-key")
	absent := errors.New("the kernel has no keyring")
	for _, c := range []struct {
		name string
		f    func(*Keys)
		want Custody
		why  string // of a custody that was passed over
	}{
		{"no keyring here", func(k *Keys) { k.Keyring = nil }, CustodyFile, "not used here"},
		{"an absent keyring", func(k *Keys) { k.Keyring = &fakeKeyring{err: absent} }, CustodyFile, "has no keyring"},
		{"a locked keyring", func(k *Keys) { k.Keyring = &fakeKeyring{err: errors.New("the keyring is locked")} }, CustodyFile, "locked"},
		{"an empty keyring", func(k *Keys) { k.Keyring = &fakeKeyring{} }, CustodyFile, "no key is kept"},
		{"an old key in the keyring", func(k *Keys) { k.Keyring = &fakeKeyring{key: []byte(id.String())} }, CustodyFile, "not the key of this store"},
		{"text in the keyring", func(k *Keys) { k.Keyring = &fakeKeyring{key: []byte("hunter2")} }, CustodyFile, "not a key of age"},
		{"keyring", func(k *Keys) { k.Keyring = &fakeKeyring{key: key} }, CustodyKeyring, ""},
		{"credential", func(k *Keys) { k.Credential = cred }, CustodyCredential, ""},
		{"keyring before credential", func(k *Keys) { k.Credential, k.Keyring = cred, &fakeKeyring{key: key} }, CustodyKeyring, ""},
		{"an absent credential", func(k *Keys) { k.Credential = cred + "x" }, CustodyFile, "there is no"},
	} {
		must(t, os.WriteFile(cred, key, 0o600))
		o := s.o
		c.f(&o.Keys)
		l, err := NewStore(o).List()
		if err != nil || l.Custody != c.want {
			t.Errorf("%s: %v, %v", c.name, l.Custody, err)
			continue
		}
		if why := fmt.Sprint(l.Skipped); !strings.Contains(why, c.why) || strings.Contains(why, "hunter2") {
			t.Errorf("%s: %s, expected %q", c.name, why, c.why)
		}
	}
	if runtime.GOOS != "windows" {
		must(t, os.Chmod(cred, 0o644))
		o := s.o
		o.Keys.Credential = cred
		if l, err := NewStore(o).List(); err != nil || l.Custody != CustodyFile {
			t.Errorf("a credential that others read was taken: %v, %v", l.Custody, err)
		}
		must(t, os.Chmod(cred, 0o440)) // what systemd shows for a service's user
		if l, err := NewStore(o).List(); err != nil || l.Custody != CustodyCredential {
			t.Errorf("systemd's mode: %v, %v", l.Custody, err)
		}
	}
}

func TestPassphrase(t *testing.T) {
	ring := &fakeKeyring{}
	s, _ := testStore(t, func(o *StoreOptions) { o.Keys.Keyring = ring })
	put(t, s, "A_KEY", value)
	pass := NewSecret([]byte("correct horse battery"))
	if err := s.Entrust(CustodyPassphrase, NewSecret([]byte("short"))); err == nil {
		t.Error("a short passphrase was taken")
	}
	must(t, s.Entrust(CustodyPassphrase, pass))
	if _, err := os.Stat(s.o.Keys.File); !errors.Is(err, os.ErrNotExist) {
		t.Error("the key file is still there")
	}
	var locked *LockedError
	if _, err := NewStore(s.o).Get("A_KEY"); !errors.As(err, &locked) || !strings.Contains(err.Error(), "nobody is here to type it") || locked.Hint() == "" {
		t.Errorf("without anybody: %v", err)
	}
	o := s.o
	asked := 0
	o.Keys.Passphrase = func() (Secret, error) { asked++; return NewSecret([]byte("wrong horse battery")), nil }
	if _, err := NewStore(o).Get("A_KEY"); !errors.As(err, &locked) || !strings.Contains(err.Error(), "not the passphrase") || strings.Contains(err.Error(), "horse") {
		t.Errorf("a wrong one: %v", err)
	}
	asked = 0
	o.Keys.Passphrase = func() (Secret, error) { asked++; return pass, nil }
	one := NewStore(o)
	for range 3 {
		if v, err := one.Get("A_KEY"); err != nil || text(v) != value {
			t.Fatalf("the right one: %v", err)
		}
	}
	if asked != 1 {
		t.Errorf("it was asked for %d times", asked)
	}
	// Unlocked, others need none.
	must(t, one.Unlock(time.Hour))
	if l, err := NewStore(s.o).List(); err != nil || l.Custody != CustodyKeyring {
		t.Errorf("unlocked: %v, %v", l.Custody, err)
	}
	must(t, one.Lock())
	if _, err := NewStore(s.o).List(); !errors.As(err, &locked) {
		t.Errorf("locked again: %v", err)
	}
	b, err := os.ReadFile(s.o.Keys.Wrapped)
	must(t, err)
	for _, bad := range [][]byte{nil, b[:len(b)/2], []byte("x"), append(bytes.Clone(b), 1)} {
		must(t, os.WriteFile(s.o.Keys.Wrapped, bad, 0o600))
		if _, err := NewStore(o).Get("A_KEY"); !errors.As(err, &locked) {
			t.Errorf("%d bytes of a wrapped key: %v", len(bad), err)
		}
	}
	must(t, os.WriteFile(s.o.Keys.Wrapped, b, 0o600))
	must(t, one.Entrust(CustodyFile, Secret{}))
	if l, err := NewStore(s.o).List(); err != nil || l.Custody != CustodyFile {
		t.Errorf("back in a file: %v, %v", l.Custody, err)
	}
}

func TestRekey(t *testing.T) {
	s, _ := testStore(t, nil)
	put(t, s, "A_KEY", value)
	_, err := s.Change(func(e *Edit) error {
		_, err := e.KeepUndo([]Kept{{Path: "/x", Content: []byte(value)}}, nil)
		return err
	})
	must(t, err)
	oldFile, err := os.ReadFile(s.o.Path)
	must(t, err)
	oldKey, err := os.ReadFile(s.o.Keys.File)
	must(t, err)
	must(t, s.Rekey(Secret{}))
	newKey, err := os.ReadFile(s.o.Keys.File)
	if err != nil || bytes.Equal(oldKey, newKey) || bytes.Count(newKey, []byte("\n")) != 1 {
		t.Fatalf("the key file: %v", err)
	}
	if _, err := s.Check(); err != nil {
		t.Error(err)
	}
	if v, err := s.Get("A_KEY"); err != nil || text(v) != value {
		t.Errorf("%v", err)
	}
	// Every moment of it leaves a store that opens: both keys with the old
	// store, both keys with the new one.
	newFile, err := os.ReadFile(s.o.Path)
	must(t, err)
	both := append(bytes.Clone(newKey), oldKey...)
	for _, file := range [][]byte{oldFile, newFile} {
		must(t, os.WriteFile(s.o.Path, file, 0o600))
		must(t, os.WriteFile(s.o.Keys.File, both, 0o600))
		if _, err := NewStore(s.o).Check(); err != nil {
			t.Errorf("half-way: %v", err)
		}
		must(t, NewStore(s.o).Rekey(Secret{}))
		if v, err := NewStore(s.o).Get("A_KEY"); err != nil || text(v) != value {
			t.Errorf("after half-way: %v", err)
		}
	}
}

// A store that is older than the record is refused: what was removed since
// would come back.
func TestR09OldStoreIsRefused(t *testing.T) {
	floor := uint64(0)
	s, _ := testStore(t, func(o *StoreOptions) { o.Floor = func() uint64 { return floor } })
	put(t, s, "A_KEY", value)
	old, err := os.ReadFile(s.o.Path)
	must(t, err)
	l, err := s.Change(func(e *Edit) error { return e.Remove("A_KEY") })
	must(t, err)
	floor = l.Generation
	must(t, os.WriteFile(s.o.Path, old, 0o600))
	if _, err := s.Get("A_KEY"); !errors.Is(err, ErrOld) {
		t.Errorf("a removed secret came back: %v", err)
	}
	if _, err := s.Change(func(e *Edit) error { return e.Set("B", NewSecret([]byte("x")), Strong) }); !errors.Is(err, ErrOld) {
		t.Errorf("it was written to: %v", err)
	}
	must(t, os.Remove(s.o.Path))
	if _, err := s.Get("A_KEY"); !errors.Is(err, ErrOld) {
		t.Errorf("a store that is gone: %v", err)
	}
	floor = 1
	must(t, os.WriteFile(s.o.Path, old, 0o600))
	if _, err := s.Get("A_KEY"); err != nil {
		t.Errorf("accepted: %v", err)
	}
}

// What a move replaced lies sealed in the store alone, and goes by itself.
func TestR44UndoLiesInTheStoreAndExpires(t *testing.T) {
	s, h := testStore(t, nil)
	var u UndoInfo
	_, err := s.Change(func(e *Edit) (err error) {
		u, err = e.KeepUndo([]Kept{{Path: "/home/x/.env", Mode: 0o600, Content: []byte("K=" + value), Now: "h"}}, []string{"K"})
		return err
	})
	must(t, err)
	b, err := os.ReadFile(s.o.Path)
	must(t, err)
	hides(t, "the file", string(b))
	key, _ := s.o.Keys.find(nil)
	d, err := openDocument(b, key)
	must(t, err)
	inner, err := json.Marshal(d)
	must(t, err)
	hides(t, "the document", string(inner))
	open := func() (got Undo, err error) {
		_, err = s.Change(func(e *Edit) (err error) { got, err = e.Undo(u.ID); return err })
		return got, err
	}
	got, err := open()
	if err != nil || len(got.Kept) != 1 || string(got.Kept[0].Content) != "K="+value {
		t.Fatalf("%v", err)
	}
	h.t = h.t.Add(-48 * time.Hour) // a clock that jumps back loses nothing
	if _, err := open(); err != nil {
		t.Errorf("after the clock went back: %v", err)
	}
	h.t = h.t.Add(48*time.Hour + UndoLife)
	if _, err := open(); !errors.Is(err, ErrNoUndo) {
		t.Errorf("expired: %v", err)
	}
	l := put(t, s, "A_KEY", value)
	if len(l.Undo) != 0 {
		t.Errorf("it is still kept: %v", l.Undo)
	}
}

func TestSystemKeyring(t *testing.T) {
	k := SystemKeyring(filepath.Join(t.TempDir(), "vault.age"))
	if k == nil {
		if runtime.GOOS == "linux" {
			t.Fatal("Linux has one")
		}
		return
	}
	_, err := k.Get()
	if err == nil {
		t.Fatal("a fresh name has a key")
	}
	if !errors.Is(err, ErrNoKey) {
		t.Logf("not measured, the kernel refuses: %v", err)
		if err := k.Put([]byte("x"), time.Minute); err == nil {
			t.Error("Put works where Get does not")
		}
		return
	}
	must(t, k.Put([]byte("first"), time.Minute))
	must(t, k.Put([]byte("second"), 0))
	b, err := k.Get()
	if err != nil || string(b) != "second" {
		t.Errorf("%q, %v", b, err)
	}
	must(t, k.Remove())
	must(t, k.Remove())
	if _, err := k.Get(); !errors.Is(err, ErrNoKey) {
		t.Errorf("removed: %v", err)
	}
}

func BenchmarkStoreGet(b *testing.B) {
	s, _ := testStore(b, nil)
	for i := range 20 {
		put(b, s, fmt.Sprintf("K_%d", i), value)
	}
	for b.Loop() {
		if _, err := s.Get("K_7"); err != nil {
			b.Fatal(err)
		}
	}
}
