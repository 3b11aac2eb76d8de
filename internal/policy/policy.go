// Package policy decides whether a call may happen: Decide(Rules, Request) is
// total, pure and refuses by its zero values. It touches no disk, clock or
// network and never runs anything; what it is asked about arrives as facts.
package policy

import (
	"encoding/json"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/cmdline"
	"github.com/openclaw-go/openclaw/internal/standing"
)

// Verdict is the outcome of a decision or of one of its layers. The zero value
// is Deny, so a decision that was never made refuses.
type Verdict uint8

// Verdicts, strictest first: the smallest of several wins.
const (
	Deny Verdict = iota
	Ask
	Allow
)

func (v Verdict) String() string {
	switch v {
	case Allow:
		return "allow"
	case Ask:
		return "ask"
	case Deny:
		return "deny"
	}
	return "deny"
}

// MarshalText prints deny, ask or allow.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads a verdict; anything unknown is Deny.
func (v *Verdict) UnmarshalText(b []byte) error {
	switch string(b) {
	case "allow":
		*v = Allow
	case "ask":
		*v = Ask
	default:
		*v = Deny
	}
	return nil
}

// RuleID names the rule that decided, for example "exec.not_on_allowlist".
type RuleID string

// Layer is a stage of the decision, in the order of the trace (DESIGN §4).
type Layer string

// Layers in trace order.
const (
	LayerSurface  Layer = "surface"
	LayerProfile  Layer = "profile"
	LayerProvider Layer = "provider"
	LayerTools    Layer = "tools"
	LayerAgent    Layer = "agent"
	LayerSender   Layer = "sender"
	LayerSandbox  Layer = "sandbox"
	LayerSubagent Layer = "subagent"
	LayerFiles    Layer = "files"
	LayerExec     Layer = "exec"
	LayerEgress   Layer = "egress"
	LayerFlow     Layer = "flow"
	LayerBudget   Layer = "budget"
)

// Step is what one layer said.
type Step struct {
	Layer   Layer   `json:"layer"`
	Verdict Verdict `json:"verdict"`
	Rule    RuleID  `json:"rule"`
	// Reason is neutral text that a model may read.
	Reason string `json:"reason"`
	// Hint is what a person can do about it; operator surfaces only.
	Hint string `json:"hint,omitempty"`
	// Where is the configuration that decided.
	Where claw.ConfigRef `json:"where,omitzero"`
}

// Decision is the answer to a Request: the strictest Step, with all of them as
// the trace. The zero Decision denies.
type Decision struct {
	Verdict Verdict        `json:"verdict"`
	Rule    RuleID         `json:"rule"`
	Reason  string         `json:"reason"`
	Hint    string         `json:"hint,omitempty"`
	Where   claw.ConfigRef `json:"where,omitzero"`
	Trace   []Step         `json:"trace,omitempty"`
	// Digest binds the decision to the whole request it was made about.
	Digest Digest `json:"digest"`

	// Confinement is the profile a run under this decision gets.
	Confinement Confinement `json:"-"`
}

// Request is one call with everything a decision may depend on. All of it but
// Budget is covered by the digest.
type Request struct {
	Agent     claw.AgentID    `json:"agent"`
	Session   claw.SessionKey `json:"session"`
	Run       claw.RunID      `json:"run,omitempty"`
	Call      claw.CallID     `json:"call,omitempty"`
	Tool      claw.ToolName   `json:"tool"`
	Arguments json.RawMessage `json:"arguments"` // canonical JSON
	Principal claw.Principal  `json:"principal"`
	Labels    claw.Labels     `json:"labels"`
	Facts     Facts           `json:"facts"`
	// Unattended: cron, hook or heartbeat; nobody is there to be asked.
	Unattended bool `json:"unattended,omitempty"`
	// Generation is the hash of the posture under which it was decided.
	Generation string `json:"generation"`
	// Profile is the hash of the confinement that a run of this call gets.
	Profile string `json:"profile,omitempty"`
	// Nonce makes every request its own question.
	Nonce string `json:"nonce"`
	// Budget is what was used until now.
	Budget BudgetFacts `json:"budget,omitzero"`
}

// Facts is what a call would do, worked out by its tool before anything
// happens. Paths are absolute and resolved. The zero value does nothing.
type Facts struct {
	// Understood is false when the tool could not work out every effect; then
	// nothing is allowed without a person.
	Understood bool   `json:"understood"`
	Why        string `json:"why,omitempty"` // why it is not understood
	Reads      []Path `json:"reads,omitempty"`
	Writes     []Path `json:"writes,omitempty"`
	// Exec is set when the call runs a command line.
	Exec     *cmdline.Facts `json:"exec,omitempty"`
	Programs []Program      `json:"programs,omitempty"`
	// Scripts are the files whose text the programs would run.
	Scripts []Program         `json:"scripts,omitempty"`
	Cwd     string            `json:"cwd,omitempty"`
	Env     map[string]string `json:"env,omitempty"` // delta asked for by the call
	// LaunchConfig is the configuration that an allowed program executes from
	// (package.json scripts, .git/config …) with provenance (R01).
	LaunchConfig []LaunchConfig    `json:"launchConfig,omitempty"`
	Hosts        []Host            `json:"hosts,omitempty"`
	Sends        []Send            `json:"sends,omitempty"`
	Secrets      []string          `json:"secrets,omitempty"`
	Spawns       []claw.AgentID    `json:"spawns,omitempty"`
	Jobs         []string          `json:"jobs,omitempty"`
	Sessions     []claw.SessionKey `json:"sessions,omitempty"` // other sessions read
	Stdin        bool              `json:"stdin,omitempty"`    // writes to a running process
}

// Path is one file that a call reads or writes.
type Path struct {
	// Abs is absolute, with symbolic links resolved as the kernel would.
	Abs string `json:"abs"`
	// Text is what the call said, for people.
	Text string `json:"text,omitempty"`
	// Labels of the content as recorded; meaningful for reads.
	Labels claw.Labels `json:"labels,omitempty"`
	// Digest is the content hash of an existing file when it matters.
	Digest string `json:"digest,omitempty"`
}

// Program is an executable that a call starts, at the content it was judged.
type Program = standing.Content

// LaunchConfig is a file that a program executes from.
type LaunchConfig struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
	// ByAgent: an agent wrote it at this hash.
	ByAgent bool `json:"byAgent,omitempty"`
	// Seen: a person has seen it at this hash.
	Seen bool `json:"seen,omitempty"`
}

// Host is a network destination by name; it is decided before any look-up.
type Host struct {
	Name   string `json:"name"` // lower case, punycode
	Port   int    `json:"port"`
	Scheme string `json:"scheme,omitempty"`
	Method string `json:"method,omitempty"`
	// Path of the URL as it is sent, without the query; "" when it cannot be
	// seen (a tunnel) or is not known yet (a command line).
	Path string `json:"path,omitempty"`
	// CarriesData: a method other than GET/HEAD, a body, or a URL that the
	// operator did not give verbatim.
	CarriesData bool `json:"carriesData,omitempty"`
	// Body: the request has one. URLBytes is the length of its URL as sent,
	// query included; 0 where that cannot be seen.
	Body     bool `json:"body,omitempty"`
	URLBytes int  `json:"urlBytes,omitempty"`
}

// Send is a message that would leave.
type Send struct {
	Channel claw.ChannelID `json:"channel"`
	To      string         `json:"to"`
	// OriginOnly: it goes back into the conversation that asked.
	OriginOnly bool `json:"originOnly,omitempty"`
	// OwnersOnly: every possible reader is an owner.
	OwnersOnly bool     `json:"ownersOnly,omitempty"`
	Files      []string `json:"files,omitempty"`
}
