// Package tool turns a model's arguments into facts, then, once permitted,
// into one effect through the handles that it is given. A tool never decides
// and never reaches the world by itself.
package tool

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/cmdline"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// Tool is one ability of an agent. Adding one is a file here, a line in app.
type Tool interface {
	Name() claw.ToolName
	// Spec is what the model reads.
	Spec() Spec
	// Prepare works out what a call would do. It has no effect: it may
	// resolve names, and never reads content. An error is the caller's
	// mistake (unknown field, missing argument) and goes to the model.
	Prepare(ctx context.Context, s Scope, args json.RawMessage) (Prepared, error)
}

// Spec describes a tool to a model: Text in prose, Schema as JSON Schema.
type Spec struct {
	Text   string
	Schema json.RawMessage
}

// Prepared is a call that is ready to be judged.
type Prepared struct {
	// Arguments in canonical form: what the digest covers.
	Arguments json.RawMessage
	Facts     policy.Facts
	// Text says the call in one line for people.
	Text string
	// Command is argv per simple command when the call runs one.
	Command [][]string
	// Warnings belong on the approval card.
	Warnings []string
	// Preview reads what a person needs to see (a diff). Called only when the
	// decision is to ask, never for a refused call.
	Preview func(ctx context.Context) (string, error)
	// Run has the effect. Called at most once, with the permit of this call.
	Run func(ctx context.Context, p policy.Permit) (Result, error)
}

// Result is what a call gave. Text is for the model and passes the filter.
type Result struct {
	Text    string
	IsError bool
	// Labels that the result brings into the session, and where from.
	Labels claw.Labels
	From   string
	// Content: Text holds what was read, not the tool's own words. The gate
	// looks at it and quotes what is untrusted.
	Content bool
	// Run tells of a confined run.
	Run *RunReport
	// Changed are files that the call wrote, for label records.
	Changed []string
}

// RunReport is what the kernel enforced for a run.
type RunReport struct {
	ExitCode int    `json:"exitCode"`
	Signal   string `json:"signal,omitempty"`
	TimedOut bool   `json:"timedOut,omitempty"`
	// Killed: it was ended before its time, with the turn or by a person.
	Killed   bool              `json:"killed,omitempty"`
	Cut      bool              `json:"outputCut,omitempty"`
	Enforced policy.Level      `json:"enforced"`
	Holds    policy.Guarantees `json:"-"`
	Witness  string            `json:"witness"`
	Took     time.Duration     `json:"tookNs"`
	// Replaced are programs and scripts whose names were given to other files
	// while it ran: what ran under them may not be what was judged.
	Replaced []string `json:"replaced,omitempty"`
}

// Scope is the world as one agent's call may see it.
type Scope struct {
	Agent     claw.AgentID
	Session   claw.SessionKey
	Run       claw.RunID
	Principal claw.Principal
	Labels    claw.Labels
	Workspace string
	Home      string
	User      string
	Files     Files
	Exec      Exec
	Web       Web
	Sessions  Sessions
	Outbox    Outbox
	// OperatorSaid reports whether a person gave this text verbatim in the
	// session; links found elsewhere count as chosen by somebody else.
	OperatorSaid func(text string) bool
	// Tools the agent has, for session_status.
	Model claw.ModelRef
}

// Files reaches the agent's files by handles beneath its roots.
type Files interface {
	// Resolve names the file that text means from the workspace: absolute,
	// links resolved as the kernel does, also for a file that is not there yet.
	Resolve(text string) (policy.Path, error)
	// Readlink serves command analysis; ok is false when abs is no link.
	Readlink(abs string) (target string, ok bool)
	// Launch tells of a file that programs execute from; ok false when absent.
	Launch(abs string) (c policy.LaunchConfig, ok bool)
	Read(p policy.Permit, abs string, max int64) (Content, error)
	// Write replaces or makes abs. A non-empty expect is the hash that the
	// present content must have.
	Write(p policy.Permit, abs string, data []byte, expect string) error
	Remove(p policy.Permit, abs string) error
	// Peek reads for a person's eyes (approval previews), not for an agent.
	Peek(abs string, max int64) ([]byte, error)
	List(p policy.Permit, abs string) ([]string, error)
	// Diff is the change from old to replacement as a unified diff.
	Diff(name string, old, replacement []byte) string
}

// Content of a file with what is known of where it came from.
type Content struct {
	Data   []byte
	Size   int64
	SHA256 string
	Labels claw.Labels
}

// Exec runs programs in confinement.
type Exec interface {
	// Find names the program that a command word means: absolute path and
	// content hash. ok is false when confined programs cannot find it.
	Find(name string) (p policy.Program, ok bool)
	Run(ctx context.Context, p policy.Permit, c Command) (Output, error)
	// Background starts a command and returns at once.
	Background(ctx context.Context, p policy.Permit, c Command) (id string, err error)
	Processes() Processes
}

// Processes are the agent's background commands.
type Processes interface {
	List() []Process
	Log(id string, offset, limit int) (Process, string, error)
	Wait(ctx context.Context, id string, max time.Duration) (Process, error)
	Input(p policy.Permit, id string, data []byte, eof bool) error
	Kill(id string) error
	Remove(id string) error
}

// Process is one background command.
type Process struct {
	ID      string
	Command string
	Started time.Time
	Running bool
	Report  *RunReport
	Bytes   int
	// Labels of what it has put out so far, as Output's.
	Labels claw.Labels
	From   string
}

// Command is what a run executes: exactly the argv that was judged.
type Command struct {
	Argv    []string // Argv[0] absolute
	Dir     string
	Env     map[string]string
	Stdin   io.Reader
	Timeout time.Duration
	Text    string // for lists of processes
	// Line is what was judged; without it the run may read whatever it can.
	Line *cmdline.Facts
	// Contents are the programs and scripts that it executes, as judged.
	Contents []policy.Program
}

// Output of a run.
type Output struct {
	Stdout, Stderr []byte
	Report         RunReport
	// Labels of what the run may have read or fetched.
	Labels claw.Labels
	From   string
	// Changed files of the workspace, absolute.
	Changed []string
}

// Web fetches pages through egress.
type Web interface {
	Fetch(ctx context.Context, p policy.Permit, r FetchRequest) (Page, error)
}

// FetchRequest asks for one page.
type FetchRequest struct {
	URL      string
	Text     bool // plain text instead of Markdown
	MaxChars int
}

// Page is a fetched page, reduced to readable text.
type Page struct {
	URL, Title, Text, ContentType string
	Status                        int
	Cut                           bool
}

// Sessions tells of sessions.
type Sessions interface {
	List(p policy.Permit, limit int) ([]SessionInfo, error)
	History(p policy.Permit, key claw.SessionKey, limit int) (HistoryText, error)
	Status(p policy.Permit, key claw.SessionKey) (SessionInfo, error)
}

// SessionInfo is one session in short.
type SessionInfo struct {
	Key     claw.SessionKey `json:"key"`
	Agent   claw.AgentID    `json:"agent"`
	Model   claw.ModelRef   `json:"model,omitempty"`
	Updated time.Time       `json:"updated"`
	Labels  claw.Labels     `json:"labels"`
	Tokens  int64           `json:"tokens"`
	Cost    float64         `json:"costUsd"`
	Time    time.Time       `json:"now,omitzero"`
	// Budget is what is left of the agent's limits.
	Budget []Limit `json:"budget,omitempty"`
}

// Limit is one limit of an agent; Left is nil when nobody knows, or when it
// counts within a turn.
type Limit struct {
	Name  string   `json:"name"`
	Whose string   `json:"whose"`
	Max   float64  `json:"max"`
	Left  *float64 `json:"left,omitempty"`
}

// HistoryText is a transcript as text with the labels it carries.
type HistoryText struct {
	Text   string
	Labels claw.Labels
}

// Outbox sends messages into conversations.
type Outbox interface {
	// Target works out where a message would go and who would read it.
	Target(channel claw.ChannelID, to string) (policy.Send, error)
	Send(ctx context.Context, p policy.Permit, to policy.Send, text string) error
}

// Decode reads args into the struct at v, refusing unknown fields and
// trailing bytes, and returns the canonical JSON of what was understood.
func Decode(args json.RawMessage, v any) (json.RawMessage, error) {
	if len(bytes.TrimSpace(args)) == 0 {
		args = json.RawMessage("{}")
	}
	dec := json.NewDecoder(bytes.NewReader(args))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return nil, fmt.Errorf("arguments: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("arguments: more than one JSON value")
	}
	return json.Marshal(v)
}

// need reports a missing argument.
func need(name, value string) error {
	if value == "" {
		return fmt.Errorf("arguments: %q is required", name)
	}
	return nil
}

// analyze is the one place where tools turn a command line into facts.
func analyze(s Scope, text, dir string) cmdline.Facts {
	return cmdline.Analyze(text, cmdline.Env{Home: s.Home, Cwd: dir, Workspace: s.Workspace, User: s.User, Readlink: s.Files.Readlink})
}
