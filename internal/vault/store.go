package vault

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
)

// credentialName is a file name that cannot leave its directory.
var credentialName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`) })

// errMode: others may read or write a file that holds a secret.
var errMode = errors.New("others may touch it")

// TokenBytes is the entropy of a token that this package makes.
const TokenBytes = 32

// NewToken makes a fresh token of TokenBytes random bytes as URL-safe text.
func NewToken() Secret {
	raw := make([]byte, TokenBytes)
	_, _ = rand.Read(raw) // never fails: the runtime ends the program instead
	text := make([]byte, base64.RawURLEncoding.EncodedLen(len(raw)))
	base64.RawURLEncoding.Encode(text, raw)
	clear(raw)
	s := NewSecret(text)
	clear(text)
	return s
}

// Credentials is <state>/credentials: one secret a file, mode 0600, directory
// 0700. The zero Credentials refuses everything.
type Credentials struct{ Dir string }

// Credential tells of one without its value.
type Credential struct {
	Name    string
	Changed time.Time
}

func (c Credentials) path(name string) (string, error) {
	if !filepath.IsAbs(c.Dir) {
		return "", fmt.Errorf("vault: credentials directory %q is not absolute", c.Dir)
	}
	if !credentialName().MatchString(name) {
		return "", fmt.Errorf("vault: %q is not the name of a credential", name)
	}
	return filepath.Join(c.Dir, name), nil
}

// Get reads one. os.ErrNotExist is wrapped when there is none.
func (c Credentials) Get(name string) (Secret, error) {
	path, err := c.path(name)
	if err != nil {
		return Secret{}, err
	}
	data, err := readPrivate(path, DefaultMaxBytes)
	if err != nil {
		return Secret{}, fmt.Errorf("vault: %w", err)
	}
	defer clear(data)
	s := NewSecret(bytes.TrimRight(data, "\r\n"))
	if s.Empty() {
		return Secret{}, fmt.Errorf("vault: credential %q: %w", name, ErrEmpty)
	}
	return s, nil
}

// Set writes one in one step.
func (c Credentials) Set(name string, s Secret) error {
	path, err := c.path(name)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return fmt.Errorf("vault: %w", err)
	}
	if err := checkDir(c.Dir); err != nil {
		return fmt.Errorf("vault: %w", err)
	}
	return s.Use(func(b []byte) error {
		line := append(append(make([]byte, 0, len(b)+1), b...), '\n')
		defer clear(line)
		if err := atomicfile.Write(path, line); err != nil {
			return fmt.Errorf("vault: credential %q: %w", name, err)
		}
		return nil
	})
}

// Rotate replaces a credential by a fresh token and returns it.
func (c Credentials) Rotate(name string) (Secret, error) {
	s := NewToken()
	return s, c.Set(name, s)
}

// Ensure returns the credential, made as a fresh token when there is none. An
// existing one that cannot be read is an error and stays as it is.
func (c Credentials) Ensure(name string) (Secret, error) {
	s, err := c.Get(name)
	if errors.Is(err, os.ErrNotExist) {
		return c.Rotate(name)
	}
	return s, err
}

// Remove removes one.
func (c Credentials) Remove(name string) error {
	path, err := c.path(name)
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("vault: credential %q: %w", name, err)
	}
	return nil
}

// List names what there is. What is no regular file is left out.
func (c Credentials) List() ([]Credential, error) {
	entries, err := os.ReadDir(c.Dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	var out []Credential
	for _, e := range entries {
		fi, err := e.Info()
		if err != nil || !fi.Mode().IsRegular() || !credentialName().MatchString(e.Name()) {
			continue
		}
		out = append(out, Credential{e.Name(), fi.ModTime()})
	}
	slices.SortFunc(out, func(a, b Credential) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
	return out, nil
}
