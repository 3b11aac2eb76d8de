package gate

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"github.com/openclaw-go/openclaw/internal/approval"
	"github.com/openclaw-go/openclaw/internal/chain"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/cmdline"
	"github.com/openclaw-go/openclaw/internal/filter"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/standing"
	"github.com/openclaw-go/openclaw/internal/tool"
)

// contentFields are arguments whose text belongs to transcripts, not to the
// journal.
var contentFields = []string{"content", "oldText", "newText", "old_string", "new_string", "input", "message", "data", "text"}

// recordDecision keeps the request and what was decided. p is what the tool
// worked out of the call; without a run it worked out nothing.
func (g *Gate) recordDecision(ctx context.Context, c Call, q policy.Request, d policy.Decision, p tool.Prepared) (uint64, error) {
	r := g.opt.Redact()
	data := policy.Record(q, d)
	data.Unprepared = p.Run == nil
	data.Reason = r.String(data.Reason)
	args := withoutContent(q.Arguments)
	data.Arguments = r.JSON(args)
	data.Facts, data.Masked = maskFacts(q.Facts, r)
	data.Masked = data.Masked || data.Unprepared && string(args) != string(data.Arguments)
	return g.append(ctx, c, journal.Decision, journal.Single, 0, d.Digest, data)
}

func (g *Gate) recordConsent(ctx context.Context, w waiting, id claw.ApprovalID, a approval.Answer) (uint64, error) {
	stores := rulesOf(w, id, a)
	var until *time.Time
	if !a.Until.IsZero() {
		until = &a.Until
	}
	return g.append(ctx, w.call, journal.Consent, journal.Single, 0, policy.DigestOf(w.request), struct {
		Approval claw.ApprovalID `json:"approval"`
		State    approval.State  `json:"state"`
		Scope    string          `json:"scope,omitempty"`
		By       claw.Principal  `json:"by"`
		Reason   string          `json:"reason,omitempty"`
		// Decision is the entry of the question.
		Decision uint64     `json:"decision,omitempty"`
		Until    *time.Time `json:"until,omitempty"`
		// Stores are the rules that the answer makes.
		Stores []standing.Rule `json:"stores,omitempty"`
	}{id, a.State, a.Scope, a.By, g.opt.Redact().String(a.Reason), w.asked, until, stores})
}

func (g *Gate) recordIntent(ctx context.Context, c Call, q policy.Request, decided uint64) (uint64, error) {
	return g.append(ctx, c, effectEvent(q), journal.Intent, 0, policy.DigestOf(q), struct {
		Tool     claw.ToolName `json:"tool"`
		Decision uint64        `json:"decision"`
		Command  [][]string    `json:"command,omitempty"`
	}{q.Tool, decided, g.maskedCommand(q)})
}

func (g *Gate) recordOutcome(ctx context.Context, c Call, q policy.Request, intent uint64, o Outcome) error {
	var rule policy.RuleID // of a run that was refused when it began
	if o.Status == Refused {
		rule = o.Decision.Rule
	}
	_, err := g.append(ctx, c, effectEvent(q), journal.Outcome, intent, policy.DigestOf(q), struct {
		Tool     claw.ToolName `json:"tool"`
		Status   Status        `json:"status"`
		Rule     policy.RuleID `json:"rule,omitempty"`
		IsError  bool          `json:"isError,omitempty"`
		Run      any           `json:"run,omitempty"`
		Labels   claw.Labels   `json:"labels"`
		TookMs   int64         `json:"tookMs"`
		TextSize int           `json:"textBytes"`
	}{q.Tool, o.Status, rule, o.IsError, o.runOrNil(), o.Labels, o.Took.Milliseconds(), len(o.Text)})
	return err
}

func (o Outcome) runOrNil() any {
	if o.Run == nil {
		return nil
	}
	return o.Run
}

func effectEvent(q policy.Request) journal.Event {
	switch {
	case q.Facts.Exec != nil || q.Facts.Stdin:
		return journal.ExecCommand
	case len(q.Facts.Sends) > 0:
		return journal.ChannelMessage
	}
	return journal.ToolInvoke
}

func (g *Gate) append(ctx context.Context, c Call, event journal.Event, phase chain.Phase, ref uint64, digest policy.Digest, data any) (uint64, error) {
	pos, err := g.opt.Journal.Append(ctx, journal.Entry{Event: event, Agent: c.Agent, Session: c.Session, Principal: c.Principal, Run: c.Run, Call: c.ID,
		Phase: phase, Ref: journal.Pos(ref), Digest: digest[:], Data: data})
	return uint64(pos), err
}

// maskedCommand is the argv of every command, masked by its structure.
func (g *Gate) maskedCommand(q policy.Request) [][]string {
	if q.Facts.Exec == nil {
		return nil
	}
	r := g.opt.Redact()
	out := q.Facts.Exec.Display()
	for i := range out {
		out[i] = r.Argv(out[i])
	}
	return out
}

// withoutContent replaces texts that belong to transcripts by their length.
func withoutContent(args json.RawMessage) json.RawMessage {
	var m map[string]json.RawMessage
	if json.Unmarshal(args, &m) != nil {
		return args
	}
	for _, f := range contentFields {
		if v, ok := m[f]; ok && len(v) > 0 && v[0] == '"' {
			m[f], _ = json.Marshal(struct {
				Bytes int `json:"bytes"`
			}{len(v) - 2})
		}
	}
	b, err := json.Marshal(m)
	if err != nil {
		return nil
	}
	return b
}

// notText is how JSON writes a byte that is no text: it cannot be read back.
var notText = []byte(`\ufffd`)

// maskFacts keeps the structure of facts and masks the secrets in them. masked
// reports whether the record is not what was decided on. Nothing is changed in the request's own
// slices.
func maskFacts(f policy.Facts, r *filter.Redactor) (out policy.Facts, masked bool) {
	raw, err := json.Marshal(f)
	if err != nil || json.Unmarshal(r.JSON(raw), &out) != nil {
		return policy.Facts{Why: "the facts of this call could not be written down"}, true
	}
	if out.Exec != nil {
		for i := range out.Exec.Commands {
			maskArgv(out.Exec.Commands[i].Argv, r)
		}
	}
	now, err := json.Marshal(out)
	return out, err != nil || string(now) != string(raw) || bytes.Contains(raw, notText)
}

// maskArgv masks by structure: what follows an option that takes a secret is
// one, in its own word (R64).
func maskArgv(words []cmdline.Word, r *filter.Redactor) {
	argv := make([]string, len(words))
	for i, w := range words {
		argv[i] = w.Text
	}
	for i, m := range r.Argv(argv) {
		if m != argv[i] {
			words[i] = cmdline.Word{Text: m, Known: words[i].Known, Raw: m}
		}
	}
}
