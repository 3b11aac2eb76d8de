// Package approval keeps the questions that wait for a person: each is single
// use, expires, is bound to the digest of one request, and the first answer
// wins. It never decides by itself and never widens a Deny.
package approval

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/policy"
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
	// Digest of the question, hex: the request and all that is shown here but
	// Expires, which an extension moves. An answer names it.
	Digest string `json:"digest"`
	// Request is the digest of the request, hex.
	Request string `json:"request"`
	// Scopes that an answer may carry: "once" always, the wider ones when
	// offered; NoMore says why nothing more than once is offered.
	Scopes []string `json:"scopes"`
	NoMore string   `json:"noMore,omitempty"`
	// Standing is what the scopes "agent" and "always" would store.
	Standing *Standing `json:"standing,omitempty"`
	// NoStanding says why these two are not offered, and what is instead.
	NoStanding string `json:"noStanding,omitempty"`
}

// digest binds what is shown to the request that it is shown of.
func (v View) digest(request policy.Digest) string {
	v.Digest, v.Expires = "", time.Time{}
	b, err := json.Marshal(v)
	if err != nil {
		return "" // no answer can name it
	}
	h := sha256.New()
	h.Write(request[:])
	h.Write(b)
	return hex.EncodeToString(h.Sum(nil))
}

// Standing shows a rule before it is stored.
type Standing struct {
	// Rules are the exact texts, one for each command that would be covered.
	Rules [][]string `json:"rules"`
	// Looked is how many of the newest decisions were judged again with the
	// rule, Unknown how many of them could not be. Covered of them would have
	// been allowed without a question; Also are the newest of these.
	Looked  int    `json:"looked"`
	Unknown int    `json:"unknown,omitempty"`
	Covered int    `json:"covered"`
	Also    []Past `json:"also"`
	// Near are commands like this one, and whether the rule lets them run.
	Near []Near `json:"near"`
}

// Past is an earlier call.
type Past struct {
	Seq     uint64       `json:"seq"`
	At      time.Time    `json:"at"`
	Agent   claw.AgentID `json:"agent"`
	Command string       `json:"command"`
	// Became is what happened: "asked", "allowed by you", "denied by you" …
	Became string `json:"became"`
}

// Near is a command that differs a little.
type Near struct {
	What    string `json:"what"` // in which way it differs
	Command string `json:"command"`
	// Verdict is "allow", "ask" or "deny" with the rule stored.
	Verdict string `json:"verdict"`
}

// Scopes of an answer. The zero value is no scope.
const (
	ScopeOnce    = "once"
	ScopeSession = "session" // the same call again in this session
	ScopeAgent   = "agent"   // a rule of this agent that ends
	ScopeAlways  = "always"  // a rule of this agent until it is taken back
)

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
	Scope  string         `json:"scope,omitempty"` // of an Allowed one
	Until  time.Time      `json:"until,omitzero"`  // when the scope "agent" ends
	By     claw.Principal `json:"by,omitzero"`
	At     time.Time      `json:"at,omitzero"`
	Reason string         `json:"reason,omitempty"`
}
