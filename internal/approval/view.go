// Package approval keeps the questions that wait for a person: each is single
// use, expires, is bound to the digest of one request, and the first answer
// wins. It never decides by itself and never widens a Deny.
package approval

import (
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// View is everything a person is shown about one question. CLI, Control UI and
// channels render this one value, and its canonical JSON is covered by the
// question's digest, so that what was shown is what is consented to (R23).
type View struct {
	ID claw.ApprovalID `json:"id"`
	// Seq is the journal position of the request.
	Seq     uint64          `json:"seq"`
	Agent   claw.AgentID    `json:"agent"`
	Session claw.SessionKey `json:"session"`
	Tool    claw.ToolName   `json:"tool"`
	// Headline is one sentence made from facts: "main wants to run 2 programs: curl → sh."
	Headline string `json:"headline"`
	// Command is argv per simple command, one argument per entry, exactly as
	// it would run; Text is the whole call when it is no command.
	Command [][]string `json:"command,omitempty"`
	Text    string     `json:"text,omitempty"`
	// Content is a unified diff for writes.
	Content string `json:"content,omitempty"`
	// Warnings are the gateway's: "runs what it downloads", "not fully understood: $X".
	Warnings []string `json:"warnings,omitempty"`
	Facts    []Fact   `json:"facts"` // fixed order: Programs, Reads, Writes, Hosts, Sends, Secrets, Starts agents, Jobs, Runs in, Environment
	// Why it was asked.
	Rule   string         `json:"rule"`
	Reason string         `json:"reason"`
	Hint   string         `json:"hint,omitempty"`
	Where  claw.ConfigRef `json:"where,omitzero"`
	Labels []claw.Lineage `json:"labels,omitempty"`
	// AskedBy is the principal behind the turn, with stable ids.
	AskedBy string `json:"askedBy"`
	// LastHuman quotes the last human message of the session.
	LastHuman string `json:"lastHuman,omitempty"`
	// AgentSays is the model's own words; shown quoted, never as a fact.
	AgentSays string `json:"agentSays,omitempty"`
	// IfAllowed says what confinement would hold and what it does not stop.
	IfAllowed []string  `json:"ifAllowed,omitempty"`
	Created   time.Time `json:"created"`
	Expires   time.Time `json:"expires"`
	// Digest of the request, hex.
	Digest string `json:"digest"`
	// Scopes that an answer may carry: "once" always, "session" when offered;
	// NoMore says why nothing more than once is offered.
	Scopes []string `json:"scopes"`
	NoMore string   `json:"noMore,omitempty"`
}

// Fact is one row of the card: a name and values, "–" shown for none.
type Fact struct {
	Name   string   `json:"name"`
	Values []string `json:"values"`
}

// State of a question.
type State string

// States. Everything but Waiting is final.
const (
	Waiting State = "waiting"
	Allowed State = "allowed"
	Denied  State = "denied"
	Expired State = "expired"
	Voided  State = "voided" // the facts changed before the answer
)

// Answer is what became of a question.
type Answer struct {
	State  State          `json:"state"`
	Scope  string         `json:"scope,omitempty"` // once | session
	By     claw.Principal `json:"by,omitzero"`
	At     time.Time      `json:"at,omitzero"`
	Reason string         `json:"reason,omitempty"`
}
