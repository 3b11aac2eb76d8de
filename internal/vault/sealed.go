package vault

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sync"
	"time"

	"filippo.io/age"
)

// document is what stands in a store: names in the clear of the outer seal,
// every value sealed once more with its name, so that listing opens no value
// and no value can be put under another name.
type document struct {
	Version    int           `json:"version"`
	Store      string        `json:"store"`      // random, of this store alone
	Generation uint64        `json:"generation"` // grows with every write
	Secrets    []sealedEntry `json:"secrets"`
	Undo       []sealedUndo  `json:"undo,omitempty"`
}

type sealedEntry struct {
	Name    string    `json:"name"`
	Made    time.Time `json:"made"`
	Changed time.Time `json:"changed"`
	// Weak values cannot be masked in text without masking other text too.
	Weak   bool   `json:"weak,omitempty"`
	Sealed []byte `json:"sealed"`
}

const (
	documentVersion = 1
	maxStore        = 8 << 20
	// MaxSecret is the longest value of a store.
	MaxSecret = 64 << 10
)

// errDamaged is wrapped when a store was read and is not what was written.
var errDamaged = errors.New("it is damaged, or was not written by this program")

// storeName is upstream's rule for a name in a store.
var storeName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,127}$`) })

// IsName reports whether a secret of a store may have this name.
func IsName(name string) bool { return storeName().MatchString(name) }

// openDocument reads a store with a key.
func openDocument(sealed []byte, key held) (document, error) {
	ids := []age.Identity{}
	for _, id := range key.identities() {
		ids = append(ids, id)
	}
	r, err := age.Decrypt(bytes.NewReader(sealed), ids...)
	var none *age.NoIdentityMatchError
	switch {
	case errors.As(err, &none):
		return document{}, errors.New("its key is not the key of this store")
	case err != nil:
		return document{}, fmt.Errorf("%w: %w", errDamaged, err)
	}
	text, err := io.ReadAll(io.LimitReader(r, maxStore+1))
	if err != nil {
		return document{}, fmt.Errorf("%w: %w", errDamaged, err)
	}
	return parseDocument(text)
}

func parseDocument(text []byte) (document, error) {
	var d document
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil || len(text) > maxStore {
		return document{}, errDamaged
	}
	if d.Version != documentVersion {
		return document{}, fmt.Errorf("found version %d, expected %d; a newer openclaw wrote it", d.Version, documentVersion)
	}
	seen := map[string]bool{}
	for i := range d.Secrets {
		if n := d.Secrets[i].Name; !IsName(n) || seen[n] {
			return document{}, errDamaged
		}
		seen[d.Secrets[i].Name] = true
	}
	if len(d.Store) != 32 || d.Generation == 0 {
		return document{}, errDamaged
	}
	return d, nil
}

// sealDocument writes a store for a key.
func sealDocument(d document, key held) ([]byte, error) {
	text, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	if len(text) > maxStore {
		return nil, fmt.Errorf("vault: the store would have %d bytes, expected at most %d", len(text), maxStore)
	}
	return encrypt(key.identities()[0].Recipient(), text)
}

func newStoreID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: the runtime ends the program instead
	return hex.EncodeToString(b[:])
}

// valueCipher seals values of one store under one key.
func valueCipher(store string, id *age.X25519Identity) (cipher.AEAD, error) {
	root := []byte(id.String())
	defer clear(root)
	key, err := hkdf.Key(sha256.New, root, []byte(store), "openclaw vault value 1", 32)
	if err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	defer clear(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	return cipher.NewGCM(block)
}

// bind is the data that a sealed value is authentic for.
func bind(kind string, fields ...string) []byte {
	var out []byte
	for _, f := range append([]string{kind}, fields...) {
		out = binary.BigEndian.AppendUint32(out, uint32(len(f)))
		out = append(out, f...)
	}
	return out
}

func (e sealedEntry) bound() []byte {
	weak := ""
	if e.Weak {
		weak = "weak"
	}
	return bind("secret", e.Name, e.Made.UTC().Format(time.RFC3339Nano), e.Changed.UTC().Format(time.RFC3339Nano), weak)
}

func seal(c cipher.AEAD, value, bound []byte) []byte {
	nonce := make([]byte, c.NonceSize(), c.NonceSize()+len(value)+c.Overhead())
	_, _ = rand.Read(nonce) // never fails: the runtime ends the program instead
	return c.Seal(nonce, nonce, value, bound)
}

// unseal opens a sealed value with whichever key of the custody sealed it.
func unseal(store string, key held, sealed, bound []byte) ([]byte, error) {
	for _, id := range key.identities() {
		c, err := valueCipher(store, id)
		if err != nil {
			return nil, err
		}
		if len(sealed) < c.NonceSize() {
			break
		}
		if value, err := c.Open(nil, sealed[:c.NonceSize()], sealed[c.NonceSize():], bound); err == nil {
			return value, nil
		}
	}
	return nil, errDamaged
}
