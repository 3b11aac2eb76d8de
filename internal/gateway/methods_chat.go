package gateway

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gateway/wire"
)

// attachmentParams is a file as upstream's clients send it.
type attachmentParams struct {
	Type     string `json:"type"`
	MimeType string `json:"mimeType"`
	FileName string `json:"fileName"`
	Content  string `json:"content"` // base64
}

// sendParams is chat.send, sessions.send and agent: their fields differ in
// names only. What is not built is read and has no effect.
type sendParams struct {
	SessionKey     claw.SessionKey    `json:"sessionKey"`
	Key            claw.SessionKey    `json:"key"`
	SessionID      claw.SessionID     `json:"sessionId"`
	AgentID        claw.AgentID       `json:"agentId"`
	Message        string             `json:"message"`
	IdempotencyKey string             `json:"idempotencyKey"`
	Thinking       string             `json:"thinking"`
	Deliver        bool               `json:"deliver"`
	Attachments    []attachmentParams `json:"attachments"`
	TimeoutMs      int64              `json:"timeoutMs"`
	Timeout        int64              `json:"timeout"` // seconds

	To                json.RawMessage `json:"to"`
	Channel           json.RawMessage `json:"channel"`
	ReplyTo           json.RawMessage `json:"replyTo"`
	ReplyChannel      json.RawMessage `json:"replyChannel"`
	AccountID         json.RawMessage `json:"accountId"`
	ReplyAccountID    json.RawMessage `json:"replyAccountId"`
	ThreadID          json.RawMessage `json:"threadId"`
	GroupID           json.RawMessage `json:"groupId"`
	Lane              json.RawMessage `json:"lane"`
	Label             json.RawMessage `json:"label"`
	SpawnedBy         json.RawMessage `json:"spawnedBy"`
	FastMode          json.RawMessage `json:"fastMode"`
	QueueMode         json.RawMessage `json:"queueMode"`
	ExtraSystemPrompt string          `json:"extraSystemPrompt"`
	Model             string          `json:"model"`
	Provider          string          `json:"provider"`
}

func (c *conn) chatSend(p sendParams) (any, error) { return c.send(p, "started") }

// maxFollowing bounds the runs that one connection waits for.
const maxFollowing = 64

// agentSend is answered twice: when the turn is accepted and when it ended.
func (c *conn) agentSend(p sendParams) (any, error) {
	if c.following.Add(1) > maxFollowing {
		c.following.Add(-1)
		return nil, &Fault{Kind: Unavailable, Message: fmt.Sprintf("%d runs of this connection have not ended", maxFollowing)}
	}
	first, err := c.send(p, "accepted")
	if err != nil || first.Status != "accepted" {
		c.following.Add(-1)
		return first, err
	}
	return &twofold{first: first, last: func() (any, error) { return c.outcome(first.Run) }}, nil
}

// outcome waits for the end of a run and tells it as upstream's clients read
// it.
func (c *conn) outcome(run claw.RunID) (any, error) {
	r, err := c.s.opt.Agent.Wait(c.ctx, run)
	if err != nil {
		return nil, err
	}
	if r.State != Final {
		return nil, &Fault{Kind: Unavailable, Message: endText(r)}
	}
	return struct {
		runSnapshot
		Result runResult `json:"result"`
	}{snapshotOf(r), runResult{Payloads: []replyPayload{{Text: r.Text}}}}, nil
}

type runResult struct {
	Payloads []replyPayload `json:"payloads"`
}

type replyPayload struct {
	Text string `json:"text"`
}

// sent is the answer to a message.
type sent struct {
	Run        claw.RunID      `json:"runId"`
	Session    claw.SessionKey `json:"sessionKey,omitempty"`
	Status     string          `json:"status"` // started | accepted | in_flight | ok
	AcceptedAt int64           `json:"acceptedAt,omitempty"`
}

// send queues a turn; the same idempotency key is the same turn.
func (c *conn) send(p sendParams, accepted string) (sent, error) {
	if c.s.draining.Load() {
		return sent{}, &Fault{Kind: Unavailable, Message: "the gateway is stopping"}
	}
	if p.Message == "" && len(p.Attachments) == 0 {
		return sent{}, invalid("message is required")
	}
	if p.Model != "" || p.Provider != "" {
		return sent{}, &Fault{Kind: Refused, Rule: "gateway.caller_model", Message: "the backend model is the configuration's to choose", Hint: "sessions.patch sets the model of a session among those configured"}
	}
	if p.ExtraSystemPrompt != "" {
		return sent{}, &Fault{Kind: Refused, Rule: "gateway.system_prompt", Message: "extraSystemPrompt is not accepted: a caller's text is never a system prompt"}
	}
	if p.SessionKey == "" {
		p.SessionKey = p.Key
	}
	if p.IdempotencyKey == "" {
		p.IdempotencyKey = c.s.random(16)
	}
	run := runOf(p.IdempotencyKey)
	claimed, session := c.s.runs.claim(run, c.owner())
	switch claimed {
	case runTaken:
		return sent{}, &Fault{Kind: Conflict, Message: "another client used this idempotencyKey"}
	case runInFlight:
		return sent{Run: run, Session: session, Status: "in_flight"}, nil
	case runDone:
		return sent{Run: run, Session: session, Status: "ok"}, nil
	case runNew:
	}
	t := Turn{Run: run, Agent: p.AgentID, Session: p.SessionKey, Message: p.Message, Principal: c.by(), Thinking: p.Thinking,
		Timeout: time.Duration(p.TimeoutMs)*time.Millisecond + time.Duration(p.Timeout)*time.Second}
	if p.Deliver {
		t.Delivery = DeliverReply
	}
	var err error
	if t.Attachments, err = attachments(p.Attachments); err == nil {
		var st Started
		if st, err = c.s.opt.Agent.Send(c.ctx, t); err == nil {
			c.s.runs.started(run, st.Session)
			return sent{Run: run, Session: st.Session, Status: accepted, AcceptedAt: c.s.opt.Now().UnixMilli()}, nil
		}
	}
	c.s.runs.release(run)
	return sent{}, err
}

// owner names who an idempotency key belongs to.
func (c *conn) owner() string {
	if c.device != "" {
		return string(c.device)
	}
	return c.by().String()
}

func attachments(in []attachmentParams) ([]Attachment, error) {
	var out []Attachment
	for i, a := range in {
		data, err := base64.StdEncoding.DecodeString(a.Content)
		if err != nil {
			return nil, invalid("attachments[%d].content is not base64", i)
		}
		if len(data) > wire.AttachmentMaxBytes {
			return nil, invalid("attachments[%d] has %d bytes, at most %d", i, len(data), wire.AttachmentMaxBytes)
		}
		kind := a.MimeType
		if kind == "" {
			kind = a.Type
		}
		out = append(out, Attachment{Name: a.FileName, Kind: kind, Data: data})
	}
	return out, nil
}

type abortParams struct {
	SessionKey claw.SessionKey `json:"sessionKey"`
	Key        claw.SessionKey `json:"key"`
	RunID      claw.RunID      `json:"runId"`
}

func (c *conn) chatAbort(p abortParams) (any, error) {
	if p.SessionKey == "" {
		p.SessionKey = p.Key
	}
	runs, err := c.s.opt.Agent.Abort(c.ctx, c.canonical(p.SessionKey), p.RunID, c.by())
	if err != nil {
		return nil, err
	}
	return map[string]any{"ok": true, "aborted": len(runs) > 0, "runIds": append([]claw.RunID{}, runs...)}, nil
}

func (c *conn) chatInject(p struct {
	SessionKey claw.SessionKey `json:"sessionKey"`
	Message    string          `json:"message"`
	Label      string          `json:"label"`
}) (any, error) {
	if p.SessionKey == "" || p.Message == "" {
		return nil, invalid("sessionKey and message are required")
	}
	return nil, c.s.opt.Agent.Inject(c.ctx, p.SessionKey, p.Message, p.Label, c.by())
}
