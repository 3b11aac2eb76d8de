package config

import (
	"fmt"
	"io"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// SecretKind says where a secret's value is. The zero value is nowhere.
type SecretKind uint8

// Secret kinds.
const (
	NoSecret       SecretKind = iota
	SecretLiteral             // the value stands in the file
	SecretEnv                 // an environment variable
	SecretFile                // a file provider; ID is a JSON pointer or "value"
	SecretExec                // an exec provider
	SecretStore               // the encrypted store
	SecretTemplate            // text with ${NAME} inside, for example "Bearer ${X}"
)

var secretKindNames = [...]string{"none", "literal", "env", "file", "exec", "store", "template"}

func (k SecretKind) String() string {
	if int(k) < len(secretKindNames) {
		return secretKindNames[k]
	}
	return secretKindNames[NoSecret]
}

// SecretRef says where the value of a secret is. It prints the reference and
// never a literal value; Use is the only way to one.
type SecretRef struct {
	Kind     SecretKind
	Provider string
	// ID is the variable, JSON pointer, exec id or store name.
	ID string
	// Env are the variables of a template.
	Env []string
	// Disabled: an exec or file reference of a foreign home; must not be
	// resolved (R45).
	Disabled bool
	// value hides behind a pointer: fmt cannot reach it even where this type
	// stands in an unexported field.
	value *secretText
}

type secretText struct{ text string }

// Literal makes a reference to a value that is given as it is.
func Literal(value string) SecretRef {
	return SecretRef{Kind: SecretLiteral, value: &secretText{value}}
}

// Use hands the text of a literal or template to f and reports whether there
// is one. f must not keep the bytes.
func (s SecretRef) Use(f func([]byte)) bool {
	if s.value == nil {
		return false
	}
	b := []byte(s.value.text)
	f(b)
	clear(b)
	return true
}

// Len is the length of a literal in bytes, 0 for a reference.
func (s SecretRef) Len() int {
	if s.value == nil {
		return 0
	}
	return len(s.value.text)
}

// String prints the reference, "[redacted]" for a literal.
func (s SecretRef) String() string {
	switch s.Kind {
	case NoSecret:
		return ""
	case SecretLiteral, SecretTemplate:
		return redacted
	case SecretEnv:
		return "env:" + s.ID
	case SecretFile, SecretExec, SecretStore:
		return s.Kind.String() + ":" + s.Provider + ":" + s.ID
	}
	return redacted
}

// Format prints String for every verb.
func (s SecretRef) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// MarshalText prints String; encoding/json and log handlers use it.
func (s SecretRef) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Reference is one credential that the configuration refers to.
type Reference struct {
	At     claw.ConfigRef
	Secret SecretRef
}

// References lists every credential that stands elsewhere, in the order of the
// file. Credentials in plain text are Literals.
func (c *Config) References() []Reference { return c.references }

const redacted = "[redacted]"
