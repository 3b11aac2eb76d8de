package gateway

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"time"

	"github.com/openclaw-go/openclaw/internal/approval"
	"github.com/openclaw-go/openclaw/internal/claw"
)

// What the gateway needs from the rest of the program. Each interface is
// optional unless Options says otherwise: without it its methods are absent
// from features.methods and are refused.
//
// Errors: a *Fault is told to the client as it is; anything else is logged
// with a request id and told as UNAVAILABLE.

// Turn is one message for an agent.
type Turn struct {
	// Run is the id under which events are sent; it is the caller's
	// idempotency key, so that a client knows it before the answer.
	Run claw.RunID
	// Agent "" is the agent of the session, or else the default agent.
	Agent claw.AgentID
	// Session "" is the agent's main session.
	Session claw.SessionKey
	Message string
	// Context is what an API caller put around its message. It must reach the
	// model as quoted untrusted text, never as system or earlier turns (R61).
	Context   []Quoted
	Principal claw.Principal
	// Labels that the message itself brings into the session.
	Labels      claw.Labels
	Attachments []Attachment
	Model       claw.ModelRef // "" the agent's own
	Thinking    string
	Timeout     time.Duration // 0 the agent's own
	Delivery    Delivery
}

// Delivery says whether a reply is also sent to the session's channel.
type Delivery uint8

// Deliveries; the zero value keeps the reply in the session.
const (
	KeepReply Delivery = iota
	DeliverReply
)

// Quoted is one message that a caller claims was said.
type Quoted struct {
	Role string `json:"role"`
	Text string `json:"text"`
}

// Attachment is a file sent with a message, decoded.
type Attachment struct {
	Name string
	Kind string // media type as claimed
	Data []byte
}

// Started names the turn that Send accepted.
type Started struct {
	Run     claw.RunID
	Session claw.SessionKey
}

// RunResult is the end of a turn.
type RunResult struct {
	Run        claw.RunID
	Session    claw.SessionKey
	State      ChatState // Final, Aborted or Failed
	Text       string
	StopReason string
	Error      string
	ErrorKind  string
	Usage      Usage
	StartedAt  time.Time
	EndedAt    time.Time
}

// Agent runs turns.
type Agent interface {
	// Send accepts a turn and returns at once; what follows arrives through
	// Subscribe. It must not use ctx after it returns.
	Send(ctx context.Context, t Turn) (Started, error)
	// Complete runs a turn and returns its end; delta, when not nil, is called
	// with each new piece of text. Cancelling ctx aborts the turn.
	Complete(ctx context.Context, t Turn, delta func(text string)) (RunResult, error)
	// Abort stops one run, or all of the session when run is "". It returns
	// the runs that it stopped.
	Abort(ctx context.Context, session claw.SessionKey, run claw.RunID, by claw.Principal) ([]claw.RunID, error)
	// Wait returns when the run has ended, after its last event was given to
	// the subscribers, or when ctx is done (ctx.Err()). An unknown run is a
	// NotFound fault; an ended one is remembered for ten minutes.
	Wait(ctx context.Context, run claw.RunID) (RunResult, error)
	// Inject adds an assistant note to a transcript without a run.
	Inject(ctx context.Context, session claw.SessionKey, text, label string, by claw.Principal) error
	// Active lists the runs in flight.
	Active() []Started
	// Agents that exist now, the default one first.
	Agents() []AgentRow
	// Subscribe calls f for each event, in order per session, until cancel. f
	// returns at once.
	Subscribe(f func(Event)) (cancel func())
}

// AgentRow describes one agent.
type AgentRow struct {
	ID       claw.AgentID    `json:"id"`
	Name     string          `json:"name,omitempty"`
	Emoji    string          `json:"emoji,omitempty"`
	Avatar   string          `json:"avatar,omitempty"`
	Model    claw.ModelRef   `json:"model,omitempty"`
	Main     claw.SessionKey `json:"mainSessionKey,omitempty"`
	Surfaces []claw.Surface  `json:"surfaces,omitempty"`
}

// Sessions reads and changes sessions.
type Sessions interface {
	List(ctx context.Context, q SessionQuery) ([]SessionRow, error)
	// Find resolves exactly one of the fields of ref.
	Find(ctx context.Context, ref SessionRef) (SessionRow, error)
	// History of an unknown session is empty; its SessionKey is the full key.
	History(ctx context.Context, key claw.SessionKey, limit, maxChars int) (History, error)
	Create(ctx context.Context, n NewSession, by claw.Principal) (SessionRow, error)
	Patch(ctx context.Context, key claw.SessionKey, p SessionPatch, by claw.Principal) (SessionRow, error)
	Reset(ctx context.Context, key claw.SessionKey, reason string, by claw.Principal) (SessionRow, error)
	Delete(ctx context.Context, key claw.SessionKey, by claw.Principal) error
	Compact(ctx context.Context, key claw.SessionKey, by claw.Principal) (Compacted, error)
}

// SessionQuery narrows a list.
type SessionQuery struct {
	Limit  int
	Agent  claw.AgentID
	Search string
	Label  string
	Since  time.Time
}

// SessionRef names a session by one of its names.
type SessionRef struct {
	Key   claw.SessionKey
	ID    claw.SessionID
	Label string
	Agent claw.AgentID // narrows Label; alone it means the agent's main session
}

// NewSession is what sessions.create asks for.
type NewSession struct {
	Key   claw.SessionKey
	Agent claw.AgentID
	Label string
	Model claw.ModelRef
}

// SessionRow is one session in a list. Times are milliseconds since 1970.
type SessionRow struct {
	Key           claw.SessionKey `json:"key"`
	SessionID     claw.SessionID  `json:"sessionId"`
	Agent         claw.AgentID    `json:"agentId"`
	Kind          string          `json:"kind,omitempty"`
	Label         string          `json:"label,omitempty"`
	DisplayName   string          `json:"displayName,omitempty"`
	Title         string          `json:"derivedTitle,omitempty"`
	LastMessage   string          `json:"lastMessagePreview,omitempty"`
	StartedBy     string          `json:"startedBy,omitempty"`
	Channel       claw.ChannelID  `json:"channel,omitempty"`
	Labels        claw.Labels     `json:"labels"`
	Lineage       []claw.Lineage  `json:"lineage,omitempty"`
	State         string          `json:"state"` // idle | running | waiting
	RunningSince  int64           `json:"runningSinceMs,omitempty"`
	Run           claw.RunID      `json:"runId,omitempty"`
	Calls         int             `json:"calls"`
	Model         claw.ModelRef   `json:"model,omitempty"`
	Thinking      string          `json:"thinkingLevel,omitempty"`
	InputTokens   int64           `json:"inputTokens"`
	OutputTokens  int64           `json:"outputTokens"`
	TotalTokens   int64           `json:"totalTokens"`
	ContextTokens int64           `json:"contextTokens,omitempty"`
	Cost          float64         `json:"cost,omitempty"`
	UpdatedAt     int64           `json:"updatedAt"`
}

// SessionPatch changes what is set; a pointer to "" clears.
type SessionPatch struct {
	Label    *string
	Model    *string
	Thinking *string
}

// Compacted is the outcome of a compaction.
type Compacted struct {
	Key          claw.SessionKey `json:"key"`
	Compacted    bool            `json:"compacted"`
	TokensBefore int64           `json:"tokensBefore,omitempty"`
	TokensAfter  int64           `json:"tokensAfter,omitempty"`
	Reason       string          `json:"reason,omitempty"`
}

// History is the visible part of a transcript, oldest first.
type History struct {
	SessionKey claw.SessionKey `json:"sessionKey"`
	SessionID  claw.SessionID  `json:"sessionId"`
	Messages   []Message       `json:"messages"`
	Thinking   string          `json:"thinkingLevel,omitempty"`
	Labels     claw.Labels     `json:"labels"`
	Truncated  bool            `json:"truncated,omitempty"`
}

// Approvals are the questions that wait; *approval.Desk is one.
type Approvals interface {
	Waiting() []approval.View
	Settled() []approval.Event
	Get(id claw.ApprovalID) (approval.View, approval.Answer, error)
	Answer(r approval.Reply) (approval.Answer, error)
	Extend(id claw.ApprovalID) (approval.View, error)
	Subscribe(f func(approval.Event)) (cancel func())
}

// Tools lists tools and runs one for /tools/invoke, through the gate.
type Tools interface {
	Catalog() []ToolRow
	Effective(ctx context.Context, session claw.SessionKey) ([]ToolRow, error)
	Invoke(ctx context.Context, i Invocation) (Invoked, error)
}

// ToolRow is a tool as lists show it.
type ToolRow struct {
	Name        claw.ToolName `json:"name"`
	Description string        `json:"description,omitempty"`
	Group       string        `json:"group,omitempty"`
	Built       bool          `json:"built"`
	Verdict     string        `json:"verdict,omitempty"` // allow | ask | deny, for Effective
	Rule        string        `json:"rule,omitempty"`
}

// Invocation is one tool call from /tools/invoke.
type Invocation struct {
	Tool      claw.ToolName
	Args      json.RawMessage // an object
	Session   claw.SessionKey
	Principal claw.Principal
	Labels    claw.Labels
}

// Invoked is what became of an Invocation.
type Invoked struct {
	Verdict  string // allow | ask | deny
	Rule     string
	Reason   string
	Hint     string
	Approval claw.ApprovalID // set when a person was asked
	Text     string
	IsError  bool
}

// Models lists what agents may run on.
type Models interface {
	List() []ModelRow
}

// ModelRow is one model.
type ModelRow struct {
	ID            string `json:"id"`
	Provider      string `json:"provider"`
	Name          string `json:"name,omitempty"`
	ContextWindow int64  `json:"contextWindow,omitempty"`
	Default       bool   `json:"default,omitempty"`
}

// Journal is the record. An error of Append stops the act.
type Journal interface {
	Append(ctx context.Context, n Note) error
	// Tail answers with entries as they are stored, newest last.
	Tail(ctx context.Context, q JournalQuery) (JournalPage, error)
	Verify(ctx context.Context) (JournalState, error)
}

// Note is one event of the gateway. Fields hold no secret.
type Note struct {
	Event     string // auth.failure, auth.success, device.approve …
	Principal claw.Principal
	Fields    []Field
}

// Field is a named value of a Note.
type Field struct{ Name, Value string }

// JournalQuery bounds a Tail.
type JournalQuery struct {
	After  uint64 `json:"after,omitempty"` // entries with a greater seq; 0 = the newest
	Limit  int    `json:"limit,omitempty"`
	Event  string `json:"event,omitempty"`
	Agent  string `json:"agent,omitempty"`
	Action string `json:"verdict,omitempty"`
}

// JournalPage holds stored lines.
type JournalPage struct {
	Entries []json.RawMessage `json:"entries"`
	LastSeq uint64            `json:"lastSeq"`
}

// JournalState says how far the record was verified.
type JournalState struct {
	// State is verified, verifying, damaged or unmeasured.
	State      string `json:"state"`
	IntactUpTo uint64 `json:"intactUpTo"`
	LastSeq    uint64 `json:"lastSeq"`
	SignedAt   int64  `json:"signedAtMs,omitempty"`
	Bad        uint64 `json:"firstBadSeq,omitempty"`
	Problem    string `json:"problem,omitempty"`
	CheckedAt  int64  `json:"checkedAtMs,omitempty"`
}

// Posture answers for Overview, policy.explain and the configuration. Each
// answer is JSON made by the part that knows (docs/protocol.md has the
// shapes); none holds a secret.
type Posture interface {
	Overview(ctx context.Context) (Overview, error)
	Explain(ctx context.Context, q ExplainQuery) (json.RawMessage, error)
	Config(ctx context.Context) (ConfigView, error)
	Schema(ctx context.Context) (json.RawMessage, error)
	// ExecApprovals is the exec-approvals document as upstream shapes it.
	ExecApprovals(ctx context.Context) (ConfigView, error)
}

// Accepter is a Posture that can hold a looser configuration back until an
// operator accepts it (R07). Optional.
type Accepter interface {
	// Pending is the configuration that waits, null when none does.
	Pending(ctx context.Context) (json.RawMessage, error)
	// Accept puts it in force; hash names what was shown.
	Accept(ctx context.Context, hash string, by claw.Principal) (json.RawMessage, error)
}

// ExplainQuery asks for the trace of a decision, made or imagined.
type ExplainQuery struct {
	Agent   claw.AgentID    `json:"agentId,omitempty"`
	Session claw.SessionKey `json:"sessionKey,omitempty"`
	Tool    claw.ToolName   `json:"tool,omitempty"`
	Args    json.RawMessage `json:"args,omitempty"`
	Seq     uint64          `json:"seq,omitempty"` // a journalled decision
	// Principal is who would ask; nil is the operator. Labels nil are those of
	// the session.
	Principal *claw.Principal `json:"principal,omitempty"`
	Labels    *claw.Labels    `json:"labels,omitempty"`
}

// ConfigView is the configuration with secrets removed.
type ConfigView struct {
	Path   string          `json:"path"`
	Exists bool            `json:"exists"`
	Valid  bool            `json:"valid"`
	Hash   string          `json:"hash,omitempty"`
	Raw    string          `json:"raw,omitempty"`
	Config json.RawMessage `json:"config,omitempty"`
	File   json.RawMessage `json:"file,omitempty"`
	Issues []ConfigIssue   `json:"issues"`
}

// ConfigIssue is one problem of a configuration.
type ConfigIssue struct {
	Path    string `json:"path"`
	Message string `json:"message"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
}

// Logs reads the gateway's log.
type Logs interface {
	Tail(ctx context.Context, q LogQuery) (LogPage, error)
}

// LogQuery continues at Cursor (0 = the end of the file).
type LogQuery struct {
	Cursor   int64 `json:"cursor,omitempty"`
	Limit    int   `json:"limit,omitempty"`
	MaxBytes int   `json:"maxBytes,omitempty"`
}

// LogPage is a piece of the log.
type LogPage struct {
	File      string   `json:"file"`
	Cursor    int64    `json:"cursor"`
	Size      int64    `json:"size"`
	Lines     []string `json:"lines"`
	Truncated bool     `json:"truncated,omitempty"`
	Reset     bool     `json:"reset,omitempty"`
}

// Channels reports on chat channels.
type Channels interface {
	Status(ctx context.Context) ([]ChannelRow, error)
}

// ChannelRow is one channel account.
type ChannelRow struct {
	Channel    claw.ChannelID `json:"channel"`
	Account    claw.AccountID `json:"accountId"`
	Configured bool           `json:"configured"`
	Running    bool           `json:"running"`
	State      string         `json:"state,omitempty"` // starting, connected, reconnecting, down, off, stopped
	Name       string         `json:"name,omitempty"`  // the account's own on the service
	Problem    string         `json:"lastError,omitempty"`
}

// Readiness says whether the program can do its work; problems make /readyz
// answer 503.
type Readiness interface {
	Ready() (problems []string)
}

// Identity is the gateway's own key (identity/device.json).
type Identity interface {
	PublicKey() ed25519.PublicKey
	Sign(message []byte) []byte
}

// FaultKind classes an error for clients.
type FaultKind uint8

// Kinds of a Fault.
const (
	Unavailable FaultKind = iota // it could not be done now
	Invalid                      // the request makes no sense
	NotFound
	Refused // policy or scope says no
	Conflict
)

// Fault is an error that a client is told.
type Fault struct {
	Kind    FaultKind
	Message string
	Rule    string
	Hint    string
}

func (f *Fault) Error() string { return f.Message }
