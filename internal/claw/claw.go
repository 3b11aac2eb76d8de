// Package claw is the shared vocabulary: distinct identifier types and the
// small values that cross every package boundary. It holds types only; it
// refuses to know how anything is decided, stored or sent.
package claw

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Identifiers. Each is its own type so that two strings never stand side by
// side in a signature.
type (
	// AgentID is a lower-case slug, for example "main".
	AgentID string
	// SessionKey is a route, never an authorization ("agent:main:main").
	SessionKey string
	// SessionID is the UUID that names a transcript file.
	SessionID string
	// ToolName is the lower-case name of a tool, for example "exec".
	ToolName string
	// ChannelID names a channel kind, for example "telegram".
	ChannelID string
	// AccountID names one account of a channel; "default" when there is one.
	AccountID string
	// SenderID is the stable platform id of a sender, never a display name.
	SenderID string
	// RunID names one agent turn.
	RunID string
	// CallID names one tool call within a turn, as the model numbered it.
	CallID string
	// ApprovalID names one pending question.
	ApprovalID string
	// DeviceID is the hex SHA-256 of a device's raw Ed25519 public key.
	DeviceID string
	// ModelRef is "provider/model".
	ModelRef string
)

// Severity orders findings. The zero value is Info.
type Severity uint8

// Severities, least first.
const (
	Info Severity = iota
	Warn
	Critical
)

func (s Severity) String() string {
	switch s {
	case Critical:
		return "critical"
	case Warn:
		return "warn"
	case Info:
		return "info"
	}
	return "info"
}

// MarshalText prints the upstream spelling: info, warn, critical.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads that spelling; anything else is critical.
func (s *Severity) UnmarshalText(b []byte) error {
	switch string(b) {
	case "info":
		*s = Info
	case "warn":
		*s = Warn
	default:
		*s = Critical
	}
	return nil
}

// Surface is where a message or call entered. The zero value is unknown and is
// treated as the least trusted one.
type Surface string

// Surfaces an agent may be reached from (config key agents.list[].surfaces).
const (
	SurfaceUnknown Surface = ""
	SurfaceCLI     Surface = "cli"
	SurfaceWebchat Surface = "webchat"
	SurfaceChannel Surface = "channels"
	SurfaceHook    Surface = "hooks"
	SurfaceCron    Surface = "cron"
	SurfaceAPI     Surface = "api"
	SurfaceAgent   Surface = "agent" // another agent's session
)

// Standing is how far the operator trusts a sender. It comes from the inbox or
// the gateway's authentication, never from the text of a message.
type Standing uint8

// Standings, least first; the zero value is a stranger.
const (
	Stranger Standing = iota
	Member            // somebody in an allowed group
	Paired            // approved sender
	Owner             // the operator
)

func (s Standing) String() string {
	switch s {
	case Owner:
		return "owner"
	case Paired:
		return "paired"
	case Member:
		return "member"
	case Stranger:
		return "stranger"
	}
	return "stranger"
}

// MarshalText prints the standing's word.
func (s Standing) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a standing's word; an unknown word is an error, never a
// standing.
func (s *Standing) UnmarshalText(b []byte) error {
	for _, k := range []Standing{Stranger, Member, Paired, Owner} {
		if string(b) == k.String() {
			*s = k
			return nil
		}
	}
	return fmt.Errorf("standing %q is not one of stranger, member, paired, owner", b)
}

// Principal is who stands behind a message or call.
type Principal struct {
	Surface  Surface   `json:"surface"`
	Standing Standing  `json:"standing"`
	Channel  ChannelID `json:"channel,omitempty"`
	Account  AccountID `json:"account,omitempty"`
	Sender   SenderID  `json:"sender,omitempty"`
	Device   DeviceID  `json:"device,omitempty"`
	// Name is a display name: for people to read, never for a decision.
	Name string `json:"name,omitempty"`
}

// String names the principal by its stable ids ("telegram:123", "cli").
func (p Principal) String() string {
	parts := []string{}
	if p.Channel != "" {
		parts = append(parts, string(p.Channel))
	} else {
		parts = append(parts, string(p.Surface))
	}
	if p.Sender != "" {
		parts = append(parts, string(p.Sender))
	}
	return strings.Join(parts, ":")
}

// Labels is the set of flow labels that data or a session carries.
type Labels uint8

// The three flow labels (DESIGN §4). A session's set only grows.
const (
	Untrusted Labels = 1 << iota // came from outside the operator
	Private                      // the operator's files, memory, history
	Secret                       // a credential's value
)

var labelNames = [...]struct {
	bit  Labels
	name string
}{{Untrusted, "untrusted"}, {Private, "private"}, {Secret, "secret"}}

// Has reports whether every label of m is in l.
func (l Labels) Has(m Labels) bool { return l&m == m }

// Names lists the labels in a fixed order.
func (l Labels) Names() []string {
	out := make([]string, 0, len(labelNames))
	for _, n := range labelNames {
		if l.Has(n.bit) {
			out = append(out, n.name)
		}
	}
	return out
}

func (l Labels) String() string { return strings.Join(l.Names(), "+") }

// MarshalJSON prints a list of names.
func (l Labels) MarshalJSON() ([]byte, error) { return json.Marshal(l.Names()) }

// UnmarshalJSON reads a list of names; an unknown name counts as untrusted,
// since a label that is not understood must not widen anything.
func (l *Labels) UnmarshalJSON(b []byte) error {
	var names []string
	if err := json.Unmarshal(b, &names); err != nil {
		return err
	}
	*l = 0
	for _, n := range names {
		bit := Untrusted
		for _, known := range labelNames {
			if known.name == n {
				bit = known.bit
			}
		}
		*l |= bit
	}
	return nil
}

// Lineage says which message or result brought a label into a session.
type Lineage struct {
	Label Labels    `json:"label"`
	From  string    `json:"from"` // for people: "web page docs.example.org"
	Entry string    `json:"entry,omitempty"`
	Time  time.Time `json:"time"`
	// Note is what was found in the text, for people.
	Note string `json:"note,omitempty"`
}

// ToolCall is what a model asks for. Arguments is one JSON object.
type ToolCall struct {
	ID        CallID          `json:"id"`
	Tool      ToolName        `json:"tool"`
	Arguments json.RawMessage `json:"arguments"`
}

// ConfigRef is the place in a configuration that decided something.
type ConfigRef struct {
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Pointer string `json:"pointer,omitempty"` // "tools.exec.allowlist"
}

// String prints "openclaw.json:31:9 tools.exec.allowlist", or the pointer with
// "(default)" when no file sets it.
func (r ConfigRef) String() string {
	if r.File == "" {
		if r.Pointer == "" {
			return ""
		}
		return r.Pointer + " (default)"
	}
	var b strings.Builder
	b.WriteString(r.File)
	if r.Line > 0 {
		b.WriteString(":" + itoa(r.Line) + ":" + itoa(r.Column))
	}
	if r.Pointer != "" {
		b.WriteString(" " + r.Pointer)
	}
	return b.String()
}

func itoa(n int) string {
	b, _ := json.Marshal(n)
	return string(b)
}
