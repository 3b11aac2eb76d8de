// Package config types OpenClaw's configuration: every key of the guide with
// the forms of upstream, each with its place and whether it was set. It
// refuses typos where a guard is configured, but interprets nothing.
package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/json5"
)

// Defaults that are written nowhere in a file. Posture decides when they hold.
const (
	// DefaultPort is the guide's gateway port.
	DefaultPort = 8765
	// UpstreamPort is what an upstream home without gateway.port listens on.
	UpstreamPort = 18789
	// DevPort is the port of --dev.
	DevPort = 19001
	// MinTokenLength is the least length of a gateway token (guide).
	MinTokenLength = 32
	// MaxFileBytes is the size above which a config file is refused.
	MaxFileBytes = 2 << 20
)

// Origin is where a value or block came from. Ref.Pointer is always filled;
// file and line only when something stands in a file.
type Origin struct {
	// Set: present and understood.
	Set bool
	// Invalid: present and not understood (a problem was reported). A
	// decision must treat it as the strictest value, never as absent.
	Invalid bool
	Ref     claw.ConfigRef
}

// Value is one scalar or list of the configuration.
type Value[T any] struct {
	Origin
	V T
}

// Or returns the value when it is set and otherwise.
func (v Value[T]) Or(otherwise T) T {
	if v.Set {
		return v.V
	}
	return otherwise
}

// List is a list of strings, each with its own place. A list that is set and
// empty differs from one that is not set.
type List = Value[[]Value[string]]

// Strings are the valid entries of a list.
func Strings(l List) []string {
	out := make([]string, 0, len(l.V))
	for _, e := range l.V {
		if e.Set {
			out = append(out, e.V)
		}
	}
	return out
}

// Entry is one key of a map with its block or value.
type Entry[T any] struct {
	Key string
	// Ref is the place of the key.
	Ref claw.ConfigRef
	V   T
}

// Map keeps the order of the file.
type Map[T any] []Entry[T]

// Get returns the entry of a key, nil when there is none.
func (m Map[T]) Get(key string) *T {
	for i := range m {
		if m[i].Key == key {
			return &m[i].V
		}
	}
	return nil
}

// Raw is a block that is kept as it is and not typed.
type Raw struct {
	Origin
	Node *json5.Node
}

// Duration is written "30m", "24h", "1d" or as a number of the key's unit.
type Duration time.Duration

// Size is a number of bytes, written "50M", "10mb" or as a number.
type Size int64

// Severity of a problem. The zero value is an error.
type Severity uint8

// Severities.
const (
	// Error: the configuration must not be put in force.
	Error Severity = iota
	// Warning: loads; a person should know.
	Warning
)

func (s Severity) String() string {
	if s == Warning {
		return "warning"
	}
	return "error"
}

// MarshalText prints error or warning.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads it; an unknown word is an error's.
func (s *Severity) UnmarshalText(b []byte) error {
	*s = Error
	if string(b) == Warning.String() {
		*s = Warning
	}
	return nil
}

// Code is the kind of a problem.
type Code string

// Codes.
const (
	CodeSyntax      Code = "syntax"
	CodeDuplicate   Code = "duplicate_key"
	CodeUnknown     Code = "unknown_key"
	CodeType        Code = "wrong_type"
	CodeValue       Code = "bad_value"
	CodeConflict    Code = "conflict"
	CodeNotBuilt    Code = "not_implemented" // a known upstream key
	CodeAlias       Code = "alias"           // an older spelling, read as the new one
	CodeUnresolved  Code = "unresolved_env"
	CodeNoRefs      Code = "refs_disabled" // exec and file references of a foreign home
	CodeUnreachable Code = "names_nothing" // names an agent or provider that does not exist
	CodeInclude     Code = "include"       // an $include that is not followed
)

// Problem is one thing to say about a configuration.
type Problem struct {
	Severity Severity       `json:"severity"`
	Code     Code           `json:"code"`
	Where    claw.ConfigRef `json:"where"`
	// Found never holds the value of a secret.
	Found    string `json:"found,omitempty"`
	Expected string `json:"expected,omitempty"`
	// Nearest is the known key or value that was probably meant.
	Nearest string `json:"nearest,omitempty"`
	// First is the earlier place of a duplicate.
	First claw.ConfigRef `json:"first,omitzero"`
}

// Input is what Parse reads.
type Input struct {
	// Root is the whole configuration, includes merged in; nil for none.
	Root *json5.Node
	// Syntax are the errors found while reading the files.
	Syntax json5.Errors
	// Extra are problems found while reading the files, for example an
	// include that was refused.
	Extra Problems
	// Env looks an environment variable up; nil means that none is set.
	Env func(name string) (string, bool)
	// Foreign: the configuration belongs to somebody else's home. Its exec
	// and file secret references are disabled (R45).
	Foreign bool
}

// Problems are everything to say about a configuration, in file order.
type Problems []Problem

// HasErrors reports whether the configuration must not be put in force.
func (ps Problems) HasErrors() bool {
	for i := range ps {
		if ps[i].Severity == Error {
			return true
		}
	}
	return false
}

// Only returns the problems of one severity.
func (ps Problems) Only(s Severity) Problems {
	var out Problems
	for i := range ps {
		if ps[i].Severity == s {
			out = append(out, ps[i])
		}
	}
	return out
}

// sort brings problems into the order of their files, the files into the order
// in which they were met; what has no place comes last.
func (ps Problems) sort() {
	files := map[string]int{}
	for i := range ps {
		if f := ps[i].Where.File; f != "" && files[f] == 0 {
			files[f] = len(files) + 1
		}
	}
	files[""] = len(files) + 1
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(files[a.Where.File]-files[b.Where.File], a.Where.Line-b.Where.Line, a.Where.Column-b.Where.Column)
	})
}

// Err joins the errors, nil when there are none.
func (ps Problems) Err() error {
	if !ps.HasErrors() {
		return nil
	}
	return ps.Only(Error)
}

// Error prints one problem per line; with Err, Problems are an error.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i := range ps {
		lines[i] = ps[i].String()
	}
	return strings.Join(lines, "\n")
}

// String prints `openclaw.json:3:5 tools.exec.ask: found "never", expected one
// of "always", "on-miss", "off"`.
func (p Problem) String() string {
	var b strings.Builder
	if p.Where.Pointer == "" && p.Where.File == "" {
		b.WriteString("config")
	} else {
		b.WriteString(p.Where.String())
	}
	b.WriteString(": ")
	switch {
	case p.Found != "" && p.Expected != "":
		b.WriteString("found " + p.Found + ", expected " + p.Expected)
	case p.Found != "":
		b.WriteString(p.Found)
	default:
		b.WriteString("expected " + p.Expected)
	}
	if p.First.Line > 0 {
		fmt.Fprintf(&b, " (first at %s:%d:%d)", p.First.File, p.First.Line, p.First.Column)
	}
	if p.Nearest != "" {
		fmt.Fprintf(&b, "; did you mean %q?", p.Nearest)
	}
	return b.String()
}
