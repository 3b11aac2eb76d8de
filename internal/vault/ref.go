package vault

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"
)

// Source is where a reference points. The zero Source resolves to nothing.
type Source string

// Sources.
const (
	SourceLiteral Source = "literal" // the value stands in the configuration
	SourceEnv     Source = "env"
	SourceFile    Source = "file"
	SourceExec    Source = "exec"
	SourceStore   Source = "store" // the encrypted store
	// SourceTemplate is a text with ${NAME} in it, or $NAME alone.
	SourceTemplate Source = "template"
)

// Ref is one reference as the configuration gives it: {"$env":"X"} is
// {Source: SourceEnv, ID: "X"}, "a${X}" is {Source: SourceTemplate, Literal: …}.
type Ref struct {
	Source   Source
	Provider string // "" means "default"
	ID       string
	Literal  Secret // of SourceLiteral and SourceTemplate
	// Disabled: a reference of a home that is not ours. It is never resolved,
	// since resolving can open files and start programs.
	Disabled bool
}

// String names the reference without its value.
func (r Ref) String() string {
	switch r.Source {
	case SourceLiteral:
		return "literal"
	case SourceTemplate:
		names := []string{}
		_ = r.Literal.Use(func(b []byte) error { names = templateNames(string(b)); return nil })
		return "template " + strings.Join(names, ", ")
	case SourceEnv, SourceFile, SourceExec, SourceStore:
		return fmt.Sprintf("%s:%s:%s", r.Source, r.provider(), r.ID)
	}
	return fmt.Sprintf("unknown source %q", string(r.Source))
}

func (r Ref) provider() string {
	if r.Provider == "" {
		return DefaultProvider
	}
	return r.Provider
}

// Env makes a reference to an environment variable.
func Env(name string) Ref { return Ref{Source: SourceEnv, ID: name} }

// Literal makes a reference to a value that stands in the configuration.
func Literal(value string) Ref { return Ref{Source: SourceLiteral, Literal: NewSecret([]byte(value))} }

// Template makes a reference to text with ${NAME} in it.
func Template(text string) Ref {
	return Ref{Source: SourceTemplate, Literal: NewSecret([]byte(text))}
}

// DefaultProvider is the provider of a reference that names none.
const DefaultProvider = "default"

// FileMode is how a file provider reads its file.
type FileMode string

// File modes; the zero mode is json.
const (
	ModeJSON        FileMode = "json"
	ModeSingleValue FileMode = "singleValue"
)

// Provider is one entry of secrets.providers. Zero limits mean the defaults.
type Provider struct {
	Name   string
	Source Source

	Allowlist []string // env: the only names that may be read; nil means all

	Path     string // file
	Mode     FileMode
	MaxBytes int64
	Timeout  time.Duration

	Command             string // exec: absolute
	Args                []string
	PassEnv             []string
	Env                 map[string]string
	TrustedDirs         []string
	AllowSymlinkCommand bool
	PlainOutput         bool // jsonOnly: false
	NoOutputTimeout     time.Duration
	MaxOutputBytes      int64
}

// Default limits of providers.
const (
	DefaultTimeout         = 5 * time.Second
	DefaultMaxBytes        = 1 << 20
	DefaultMaxOutputBytes  = 1 << 20
	DefaultNoOutputTimeout = 5 * time.Second
)

// Helper is a program that must be started to resolve a secret. Argv[0] is
// absolute and was checked; Env is complete.
type Helper struct {
	Argv            []string
	Env             []string
	Stdin           io.Reader
	MaxOutput       int64
	Timeout         time.Duration
	NoOutputTimeout time.Duration
}

// Starter runs a helper to its end and returns what it printed; the sandbox
// package implements it. Without one every exec reference stays unresolved.
type Starter interface {
	Start(ctx context.Context, h Helper) (stdout []byte, err error)
}

// UnresolvedError says why a reference has no value. Its text names the key,
// the source and what a person can do, and never holds a value.
type UnresolvedError struct {
	Key  string // configuration key: "gateway.auth.token"
	Ref  string // Ref.String
	Why  string
	Hint string
}

func (e *UnresolvedError) Error() string {
	return fmt.Sprintf("vault: %s: %s is unresolved: %s", e.Key, e.Ref, e.Why)
}
