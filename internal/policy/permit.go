package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// Digest binds a decision, a consent and a permit to one request. The zero
// digest belongs to no request.
type Digest [sha256.Size]byte

func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// MarshalText prints hex.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads hex.
func (d *Digest) UnmarshalText(b []byte) error {
	raw, err := hex.DecodeString(string(b))
	if err != nil || len(raw) != len(d) {
		return errors.New("policy: digest is not 64 hex digits")
	}
	copy(d[:], raw)
	return nil
}

// Consent is a person's answer to a question about one request. Only package
// approval makes one (the architecture test holds this). The zero value
// consents to nothing.
type Consent struct {
	digest   Digest
	approval claw.ApprovalID
	by       claw.Principal
	at       time.Time
}

// Consented records that by answered the question id about digest with yes,
// having been shown the view whose hash is part of the question.
func Consented(digest Digest, id claw.ApprovalID, by claw.Principal, at time.Time) Consent {
	return Consent{digest: digest, approval: id, by: by, at: at}
}

// By tells who consented.
func (c Consent) By() claw.Principal { return c.by }

// Permit lets one effect happen. Every effect-bearing package asks for one and
// checks that it covers what it is about to do. The zero value covers nothing.
type Permit struct {
	digest      Digest
	rule        RuleID
	tool        claw.ToolName
	agent       claw.AgentID
	confinement Confinement
	ok          bool
}

// ErrNoPermit is returned when a decision does not allow the effect.
var ErrNoPermit = errors.New("policy: not permitted")

// Permit turns an Allow into a permit; anything else is ErrNoPermit.
func (d Decision) Permit(q Request) (Permit, error) {
	if d.Verdict != Allow || d.Digest == (Digest{}) || d.Digest != DigestOf(q) {
		return Permit{}, ErrNoPermit
	}
	return Permit{digest: d.Digest, rule: d.Rule, tool: q.Tool, agent: q.Agent, confinement: d.Confinement, ok: true}, nil
}

// PermitWith turns an Ask into a permit by a consent to the same digest. A
// Deny can never be consented to.
func (d Decision) PermitWith(q Request, c Consent) (Permit, error) {
	if d.Verdict == Deny || d.Digest == (Digest{}) || d.Digest != DigestOf(q) || c.digest != d.Digest || c.approval == "" {
		return Permit{}, ErrNoPermit
	}
	return Permit{digest: d.Digest, rule: d.Rule, tool: q.Tool, agent: q.Agent, confinement: d.Confinement, ok: true}, nil
}

// Valid reports whether the permit came from a decision.
func (p Permit) Valid() bool { return p.ok }

// Covers reports whether the permit was given for the request with digest d.
func (p Permit) Covers(d Digest) bool { return p.ok && d != (Digest{}) && p.digest == d }

// Digest of the request that was permitted.
func (p Permit) Digest() Digest { return p.digest }

// Tool that was permitted.
func (p Permit) Tool() claw.ToolName { return p.tool }

// Agent for which it was permitted.
func (p Permit) Agent() claw.AgentID { return p.agent }

// Confinement that the decision was made under; a run gets exactly this.
func (p Permit) Confinement() Confinement { return p.confinement }
