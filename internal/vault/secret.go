// Package vault holds secrets: it turns references into values that cannot be
// printed. It never returns an empty value for a reference that it could not
// resolve, and never starts a program by itself.
package vault

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
)

// Secret is a value that prints as [redacted] through fmt, encoding/json and
// log/slog. Use is the only way in. The zero Secret is empty and equals
// nothing.
type Secret struct {
	// reveal is a function so that printers that walk unexported fields by
	// reflection meet an address instead of the value.
	reveal func() []byte
}

const redacted = "[redacted]"

// ErrEmpty is returned by Use of an empty Secret.
var ErrEmpty = errors.New("vault: the secret is empty")

// NewSecret makes a Secret of a copy of value.
func NewSecret(value []byte) Secret {
	if len(value) == 0 {
		return Secret{}
	}
	kept := append([]byte(nil), value...)
	return Secret{reveal: func() []byte { return kept }}
}

// Use calls f with a copy of the value, which is erased when f returns.
func (s Secret) Use(f func(value []byte) error) error {
	if s.reveal == nil {
		return ErrEmpty
	}
	b := append([]byte(nil), s.reveal()...)
	defer clear(b)
	return f(b)
}

// Empty reports whether there is no value.
func (s Secret) Empty() bool { return s.reveal == nil }

// Equal compares with a candidate in constant time, whatever the lengths. An
// empty Secret equals nothing.
func (s Secret) Equal(candidate []byte) bool {
	var want [sha256.Size]byte
	if s.reveal != nil {
		want = sha256.Sum256(s.reveal())
	}
	got := sha256.Sum256(candidate)
	return subtle.ConstantTimeCompare(want[:], got[:]) == 1 && s.reveal != nil
}

// String prints [redacted].
func (Secret) String() string { return redacted }

// GoString prints [redacted] for %#v.
func (Secret) GoString() string { return redacted }

// Format prints [redacted] for every verb.
func (Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// MarshalText prints [redacted].
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON prints "[redacted]".
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// LogValue prints [redacted] in log/slog.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }
