package agent

import (
	"context"
	"fmt"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gate"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// NoReply is the reply that is not sent.
const NoReply = "NO_REPLY"

// outlet is what the gate said about the reply, and what waits for it.
type outlet struct {
	asked  bool
	sent   bool        // the gate has let a part of it go, and counted it
	under  claw.Labels // of the session when it was asked
	opens  bool
	waits  string // the beginning of a text that may become NoReply
	passed bool   // this text is not NoReply
}

// say hands on a piece of the reply as it comes. Under labels with which the
// gate does not let the reply go, nothing is handed on before the end (R03).
func (t *turnState) say(ctx context.Context, piece string) {
	if !t.out.passed {
		piece, t.out.waits = t.out.waits+piece, ""
		if strings.HasPrefix(NoReply, strings.TrimSpace(piece)) {
			t.out.waits = piece
			return
		}
		t.out.passed = true
	}
	if d, err := t.judge(ctx, 0); err == nil && d.Verdict == policy.Allow {
		t.emit(t.run, Event{Kind: KindDelta, Text: piece})
	}
}

// said ends one text of the model's.
func (t *turnState) said(ctx context.Context) {
	if w := t.out.waits; strings.TrimSpace(w) != NoReply && strings.TrimSpace(w) != "" {
		t.out.waits, t.out.passed = "", true
		t.say(ctx, w)
	}
	t.out.waits, t.out.passed = "", false
}

// judge asks the gate whether the reply may go where it would go: once for the
// labels that the session carries, since each question is a record on disk.
// Only an answer that lets it go is kept.
func (t *turnState) judge(ctx context.Context, size int) (policy.Decision, error) {
	if t.out.asked && t.out.under == t.labels && (t.out.opens || size == 0) {
		if t.out.opens {
			return policy.Decision{Verdict: policy.Allow}, nil
		}
		return policy.Decision{}, nil
	}
	d, err := t.opt.Gate.Reply(ctx, gate.Reply{Agent: t.turn.Agent, Session: t.turn.Session, Run: t.id, Principal: t.turn.Principal, Labels: t.labels, Audience: t.turn.Audience, Bytes: size, First: !t.out.sent})
	t.out.sent = t.out.sent || err == nil && d.Verdict == policy.Allow
	t.out.asked, t.out.under, t.out.opens = true, t.labels, err == nil && d.Verdict == policy.Allow
	return d, err
}

// release gives the reply as far as it may leave.
func (t *turnState) release(ctx context.Context) (string, error) {
	if t.reply == "" || strings.TrimSpace(t.reply) == NoReply {
		return "", nil
	}
	d, err := t.judge(ctx, len(t.reply))
	if err != nil {
		return "", err
	}
	if d.Verdict != policy.Allow {
		return "", fmt.Errorf("the reply was kept back: %s: %s", d.Rule, d.Reason)
	}
	return t.reply, nil
}
