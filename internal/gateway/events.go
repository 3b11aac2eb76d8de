package gateway

import (
	"encoding/json"

	"github.com/openclaw-go/openclaw/internal/approval"
	"github.com/openclaw-go/openclaw/internal/claw"
)

// Event is something that happened in a session: one of RunEvent, ChatEvent,
// ToolEvent, LabelsEvent, RowEvent, CompactionEvent, SessionsEvent. The
// program emits each fact once; the gateway derives upstream's parallel
// "agent" stream from it.
type Event interface{ sessionOf() claw.SessionKey }

// Names of events on the wire.
const (
	EventChallenge         = "connect.challenge"
	EventChat              = "chat"
	EventAgent             = "agent"
	EventSessionMessage    = "session.message"
	EventSessionLabels     = "session.labels"
	EventSessionsChanged   = "sessions.changed"
	EventTick              = "tick"
	EventShutdown          = "shutdown"
	EventApprovalRequested = "exec.approval.requested"
	EventApprovalResolved  = "exec.approval.resolved"
	EventPairRequested     = "device.pair.requested"
	EventPairResolved      = "device.pair.resolved"
	EventDropped           = "events.dropped"
	EventSecurityAudit     = "security.audit"
	EventLockdown          = "lockdown"
)

// ChatState is the state of a ChatEvent.
type ChatState string

// States; all but Delta end the run.
const (
	Delta   ChatState = "delta"
	Final   ChatState = "final"
	Aborted ChatState = "aborted"
	Failed  ChatState = "error"
)

// Usage counts a run.
type Usage struct {
	Input      int64   `json:"input"`
	Output     int64   `json:"output"`
	CacheRead  int64   `json:"cacheRead,omitempty"`
	CacheWrite int64   `json:"cacheWrite,omitempty"`
	Total      int64   `json:"totalTokens"`
	Cost       float64 `json:"cost,omitempty"`
}

// Message is one row of a transcript as clients see it.
type Message struct {
	ID        string `json:"id,omitempty"`
	Role      string `json:"role"` // user | assistant | toolResult | system
	Content   []Part `json:"content"`
	Timestamp int64  `json:"timestamp"` // ms
	// From names the sender of a user message with stable ids.
	From  string        `json:"from,omitempty"`
	Run   claw.RunID    `json:"runId,omitempty"`
	Model claw.ModelRef `json:"model,omitempty"`
	// Tree is rich text made by the Control UI's renderer (assistant only).
	Tree json.RawMessage `json:"tree,omitempty"`
	// Call is set on a tool result: the decision and what was enforced.
	Call       *ToolFacts `json:"call,omitempty"`
	StopReason string     `json:"stopReason,omitempty"`
}

// Part is a piece of content: text, or a tool call.
type Part struct {
	Type      string          `json:"type"` // text | toolCall
	Text      string          `json:"text,omitempty"`
	ID        claw.CallID     `json:"id,omitempty"`
	Name      claw.ToolName   `json:"name,omitempty"`
	Arguments json.RawMessage `json:"arguments,omitempty"`
}

// TextMessage is a message of one text part.
func TextMessage(role, text string, timestampMs int64) *Message {
	return &Message{Role: role, Content: []Part{{Type: "text", Text: text}}, Timestamp: timestampMs}
}

// RunEvent says that a run left the queue. Its end is a ChatEvent.
type RunEvent struct {
	Run     claw.RunID
	Session claw.SessionKey
	Agent   claw.AgentID
	AtMs    int64
}

// ChatEvent is the payload of "chat". The emitter of a Delta sets DeltaText
// only; Seq, and all text so far for clients of protocol 3, are added here.
type ChatEvent struct {
	Run          claw.RunID      `json:"runId"`
	Session      claw.SessionKey `json:"sessionKey"`
	Seq          uint64          `json:"seq"` // per run
	State        ChatState       `json:"state"`
	Message      *Message        `json:"message,omitempty"`
	DeltaText    string          `json:"deltaText,omitempty"`
	Replace      bool            `json:"replace,omitempty"`
	Usage        *Usage          `json:"usage,omitempty"`
	StopReason   string          `json:"stopReason,omitempty"`
	ErrorMessage string          `json:"errorMessage,omitempty"`
	ErrorKind    string          `json:"errorKind,omitempty"` // refusal | timeout | rate_limit | context_length | unknown
}

// ToolPhase is how far a tool call got.
type ToolPhase string

// Phases in order. A refused call has Start, Decided and Result.
const (
	ToolStart   ToolPhase = "start"
	ToolDecided ToolPhase = "decision"
	ToolUpdate  ToolPhase = "update"
	ToolResult  ToolPhase = "result"
)

// ToolFacts is everything a tool row shows. Texts are redacted.
type ToolFacts struct {
	Call claw.CallID     `json:"toolCallId"`
	Tool claw.ToolName   `json:"name"`
	Args json.RawMessage `json:"args,omitempty"`
	// Status is refused, approval-pending, done, failed or stopped; "" before Result.
	Status   string         `json:"status,omitempty"`
	Verdict  string         `json:"verdict,omitempty"` // allow | ask | deny
	Rule     string         `json:"rule,omitempty"`
	Reason   string         `json:"reason,omitempty"`
	Hint     string         `json:"hint,omitempty"`
	Where    claw.ConfigRef `json:"where,omitzero"`
	Enforced string         `json:"enforced,omitempty"`
	// Witness is one line on what the run was measured to be confined by.
	Witness    string          `json:"witness,omitempty"`
	Approval   claw.ApprovalID `json:"approvalId,omitempty"`
	ExpiresMs  int64           `json:"approvalExpiresAtMs,omitempty"`
	Seq        uint64          `json:"journalSeq,omitempty"`
	Result     string          `json:"result,omitempty"`
	IsError    bool            `json:"isError,omitempty"`
	DurationMs int64           `json:"durationMs,omitempty"`
	// NewLabels that the result brought into the session.
	NewLabels claw.Labels `json:"newLabels,omitempty"`
	// LabelsFrom says where those come from; Finding what was found in the
	// text: that it reads like orders to a model.
	LabelsFrom string `json:"labelsFrom,omitempty"`
	Finding    string `json:"finding,omitempty"`
}

// ToolEvent is a phase of a tool call.
type ToolEvent struct {
	Run     claw.RunID
	Session claw.SessionKey
	Agent   claw.AgentID
	AtMs    int64
	Phase   ToolPhase
	ToolFacts
}

// LabelsEvent is the payload of "session.labels": the set grew.
type LabelsEvent struct {
	Session claw.SessionKey `json:"sessionKey"`
	Run     claw.RunID      `json:"runId,omitempty"`
	Labels  claw.Labels     `json:"labels"`
	Added   claw.Lineage    `json:"added"`
	// Effect says what changes for the session, for people.
	Effect string `json:"effect,omitempty"`
}

// RowEvent says that a row was stored. Row makes what clients are told, and is
// called only when somebody follows the session.
type RowEvent struct {
	Session claw.SessionKey
	Row     func() Message
}

// MessageEvent is the payload of "session.message": a row was stored.
type MessageEvent struct {
	Session claw.SessionKey `json:"sessionKey"`
	Message Message         `json:"message"`
}

// CompactionEvent says that a session is being, or was, shortened.
type CompactionEvent struct {
	Run     claw.RunID
	Session claw.SessionKey
	AtMs    int64
	Phase   string // start | end
	Before  int64  // tokens
	After   int64
}

// SessionsEvent is the payload of "sessions.changed".
type SessionsEvent struct {
	Session claw.SessionKey `json:"sessionKey,omitempty"`
	// Reason is created, updated, reset, deleted, compacted, started or ended.
	Reason string `json:"reason"`
	TS     int64  `json:"ts"`
}

func (e RunEvent) sessionOf() claw.SessionKey        { return e.Session }
func (e ChatEvent) sessionOf() claw.SessionKey       { return e.Session }
func (e ToolEvent) sessionOf() claw.SessionKey       { return e.Session }
func (e LabelsEvent) sessionOf() claw.SessionKey     { return e.Session }
func (e RowEvent) sessionOf() claw.SessionKey        { return e.Session }
func (e CompactionEvent) sessionOf() claw.SessionKey { return e.Session }
func (e SessionsEvent) sessionOf() claw.SessionKey   { return e.Session }

// AgentPayload is the payload of "agent", upstream's stream per run.
type AgentPayload struct {
	Run     claw.RunID      `json:"runId"`
	Session claw.SessionKey `json:"sessionKey"`
	Seq     uint64          `json:"seq"`
	Stream  string          `json:"stream"` // lifecycle | assistant | tool | compaction
	TS      int64           `json:"ts"`
	Data    json.RawMessage `json:"data"`
}

type lifecycleData struct {
	Phase     string `json:"phase"` // start | end | error
	StartedAt int64  `json:"startedAt,omitempty"`
	EndedAt   int64  `json:"endedAt,omitempty"`
	Error     string `json:"error,omitempty"`
	Aborted   bool   `json:"aborted,omitempty"`
}

type assistantData struct {
	Text  string `json:"text,omitempty"`
	Delta string `json:"delta"`
}

type toolData struct {
	Phase ToolPhase `json:"phase"`
	ToolFacts
}

type compactionData struct {
	Phase  string `json:"phase"`
	Before int64  `json:"tokensBefore,omitempty"`
	After  int64  `json:"tokensAfter,omitempty"`
}

// ApprovalRequested is the payload of "exec.approval.requested". Request is
// upstream's shape; View is the whole card.
type ApprovalRequested struct {
	ID        claw.ApprovalID `json:"id"`
	Request   ApprovalCall    `json:"request"`
	CreatedMs int64           `json:"createdAtMs"`
	ExpiresMs int64           `json:"expiresAtMs"`
	View      approval.View   `json:"view"`
}

// ApprovalCall is what upstream's clients show of a question.
type ApprovalCall struct {
	Command     string          `json:"command"`
	CommandArgv []string        `json:"commandArgv,omitempty"`
	Host        string          `json:"host"`
	Ask         string          `json:"ask"`
	Agent       claw.AgentID    `json:"agentId"`
	Session     claw.SessionKey `json:"sessionKey"`
}

// ApprovalResolved is the payload of "exec.approval.resolved".
type ApprovalResolved struct {
	ID       claw.ApprovalID `json:"id"`
	Decision string          `json:"decision"` // allow-once | allow-always | deny | expired | voided
	By       string          `json:"resolvedBy,omitempty"`
	TS       int64           `json:"ts"`
	State    approval.State  `json:"state"`
	Scope    string          `json:"scope,omitempty"`
	Reason   string          `json:"reason,omitempty"`
	Session  claw.SessionKey `json:"sessionKey"`
	Agent    claw.AgentID    `json:"agentId"`
}

type tickPayload struct {
	TS int64 `json:"ts"`
}

type shutdownPayload struct {
	Reason            string `json:"reason"`
	RestartExpectedMs int64  `json:"restartExpectedMs,omitempty"`
}

// droppedPayload marks a gap: these sequence numbers were not sent because the
// client did not read. It must fetch a new snapshot.
type droppedPayload struct {
	Count uint64 `json:"count"`
	From  uint64 `json:"fromSeq"`
	To    uint64 `json:"toSeq"`
}

type pairRequested struct {
	RequestID   string        `json:"requestId"`
	Device      claw.DeviceID `json:"deviceId"`
	DisplayName string        `json:"displayName,omitempty"`
	Platform    string        `json:"platform,omitempty"`
	RemoteIP    string        `json:"remoteIp,omitempty"`
	Role        string        `json:"role"`
	Scopes      []string      `json:"scopes"`
	TS          int64         `json:"ts"`
}

type pairResolved struct {
	RequestID string        `json:"requestId"`
	Device    claw.DeviceID `json:"deviceId"`
	Decision  string        `json:"decision"` // approved | rejected | superseded | expired
	TS        int64         `json:"ts"`
}
