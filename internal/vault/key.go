package vault

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"filippo.io/age"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
)

// Custody names where the key of a store lies. The zero Custody is nowhere.
type Custody string

// Custodies, in the order in which they are asked.
const (
	CustodyKeyring    Custody = "keyring"
	CustodyCredential Custody = "systemd credential"
	CustodyPassphrase Custody = "passphrase"
	CustodyFile       Custody = "key file"
)

// Keyring is the operating system's place for a key. Get wraps ErrNoKey when
// it works and holds none; every other error means that it cannot be used here.
type Keyring interface {
	Get() ([]byte, error)
	// Put keeps the key; a positive limit has the system forget it then.
	Put(key []byte, limit time.Duration) error
	Remove() error
}

// ErrNoKey: nothing is kept there.
var ErrNoKey = errors.New("no key is kept there")

// Keys says where the key of a store may lie. What is empty is not asked.
type Keys struct {
	Keyring    Keyring
	Credential string // a file that systemd unsealed
	Wrapped    string // the key under a passphrase
	// Passphrase asks a person. Nil: nobody is there to type it.
	Passphrase func() (Secret, error)
	File       string // the key itself, mode 0600
	// Work is the cost of a passphrase as a power of two; 0 is DefaultWork.
	Work int
}

// Limits of keys.
const (
	// DefaultWork takes about a second and 256 MiB.
	DefaultWork = 18
	// maxWork is the most that a file may ask of this machine.
	maxWork = 20
	// MinPassphrase in bytes.
	MinPassphrase = 12
	maxKeyFile    = 16 << 10
)

// LockedError: there is a store, and no custody gave its key. Each says why.
type LockedError struct {
	Path string
	Why  []CustodyProblem
}

// CustodyProblem is why one custody gave no key.
type CustodyProblem struct {
	Custody Custody
	Why     string
}

func (e *LockedError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "vault: %q is locked", e.Path)
	for i, w := range e.Why {
		fmt.Fprintf(&b, "%s %s: %s", []string{":", ";"}[min(i, 1)], w.Custody, w.Why)
	}
	return b.String()
}

// Hint says what a person can do.
func (*LockedError) Hint() string {
	return "openclaw secrets doctor says where the key is looked for; openclaw secrets unlock asks for the passphrase"
}

// held is a key behind a function, so that no printer reaches it.
type held struct {
	identities func() []*age.X25519Identity
	custody    Custody
}

func (h held) empty() bool { return h.identities == nil }

func holdKey(c Custody, ids []*age.X25519Identity) held {
	return held{func() []*age.X25519Identity { return ids }, c}
}

// parseKey reads age's form of a key: lines of AGE-SECRET-KEY-1…, comments
// with #. The first one is the key to write with. While a key is being
// replaced there are two.
func parseKey(text []byte) ([]*age.X25519Identity, error) {
	var out []*age.X25519Identity
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		id, err := age.ParseX25519Identity(string(line))
		if err != nil {
			return nil, errors.New("what is kept there is not a key of age") // the cause may quote it
		}
		if out = append(out, id); len(out) > 2 {
			return nil, errors.New("more than two keys are kept there")
		}
	}
	if len(out) == 0 {
		return nil, ErrNoKey
	}
	return out, nil
}

func keyText(ids []*age.X25519Identity) []byte {
	var b bytes.Buffer
	for _, id := range ids {
		b.WriteString(id.String())
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// find asks the custodies in order for a key that fits; fits nil takes the
// first one. With passphrase false nobody is asked to type anything.
func (k Keys) find(fits func(held) error) (held, []CustodyProblem) {
	var why []CustodyProblem
	for _, c := range []struct {
		custody Custody
		read    func() ([]*age.X25519Identity, error)
	}{{CustodyKeyring, k.fromKeyring}, {CustodyCredential, k.fromCredential}, {CustodyPassphrase, k.fromPassphrase}, {CustodyFile, k.fromFile}} {
		ids, err := c.read()
		if err == nil {
			h := holdKey(c.custody, ids)
			if fits == nil {
				return h, why
			}
			if err = fits(h); err == nil {
				return h, why
			}
		}
		why = append(why, CustodyProblem{c.custody, err.Error()})
	}
	return held{}, why
}

func (k Keys) fromKeyring() ([]*age.X25519Identity, error) {
	if k.Keyring == nil {
		return nil, errors.New("this system's keyring is not used here")
	}
	text, err := k.Keyring.Get()
	if err != nil {
		return nil, err
	}
	defer clear(text)
	return parseKey(text)
}

func (k Keys) fromCredential() ([]*age.X25519Identity, error) {
	if k.Credential == "" {
		return nil, errors.New("not started by systemd with a credential")
	}
	text, err := readCredential(k.Credential, maxKeyFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no %q", k.Credential)
	}
	if err != nil {
		return nil, err
	}
	defer clear(text)
	return parseKey(text)
}

func (k Keys) fromFile() ([]*age.X25519Identity, error) {
	if k.File == "" {
		return nil, errors.New("no key file is used here")
	}
	text, err := readPrivate(k.File, maxKeyFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no %q", k.File)
	}
	if err != nil {
		return nil, err
	}
	defer clear(text)
	return parseKey(text)
}

func (k Keys) fromPassphrase() ([]*age.X25519Identity, error) {
	if k.Wrapped == "" {
		return nil, errors.New("no passphrase is used here")
	}
	sealed, err := readPrivate(k.Wrapped, maxKeyFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("none was chosen")
	}
	if err != nil {
		return nil, err
	}
	if k.Passphrase == nil {
		return nil, errors.New("nobody is here to type it")
	}
	pass, err := k.Passphrase()
	if err != nil {
		return nil, err
	}
	var ids []*age.X25519Identity
	err = pass.Use(func(b []byte) error {
		id, err := age.NewScryptIdentity(string(b))
		if err != nil {
			return errors.New("it is empty")
		}
		id.SetMaxWorkFactor(maxWork)
		r, err := age.Decrypt(bytes.NewReader(sealed), id)
		var none *age.NoIdentityMatchError
		switch {
		case errors.As(err, &none):
			return errors.New("it is not the passphrase of this key")
		case err != nil:
			return fmt.Errorf("%q is damaged: %w", k.Wrapped, err)
		}
		text, err := io.ReadAll(io.LimitReader(r, maxKeyFile))
		defer clear(text)
		if err != nil {
			return fmt.Errorf("%q is damaged: %w", k.Wrapped, err)
		}
		ids, err = parseKey(text)
		return err
	})
	return ids, err
}

// keep writes a key into a custody that lasts.
func (k Keys) keep(c Custody, ids []*age.X25519Identity, pass Secret) error {
	text := keyText(ids)
	defer clear(text)
	switch c {
	case CustodyFile:
		return atomicfile.Write(k.File, text)
	case CustodyPassphrase:
		return pass.Use(func(b []byte) error {
			if len(b) < MinPassphrase {
				return fmt.Errorf("vault: the passphrase has %d bytes, expected at least %d", len(b), MinPassphrase)
			}
			to, err := age.NewScryptRecipient(string(b))
			if err != nil {
				return fmt.Errorf("vault: %w", err)
			}
			if k.Work > 0 {
				to.SetWorkFactor(k.Work)
			}
			sealed, err := encrypt(to, text)
			if err != nil {
				return err
			}
			return atomicfile.Write(k.Wrapped, sealed)
		})
	case CustodyKeyring, CustodyCredential:
	}
	return fmt.Errorf("vault: a key is not kept in a %s by this program", c)
}

func encrypt(to age.Recipient, text []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := age.Encrypt(&out, to)
	if err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	if _, err := w.Write(text); err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	return out.Bytes(), nil
}
