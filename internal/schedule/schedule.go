// Package schedule keeps the jobs that are to run later. It refuses a job that
// it does not understand as a whole, to run twice what is due once, and to let
// a run that was missed or did not end pass in silence.
package schedule

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// JobID names a job.
type JobID string

// Job is one job in upstream's form.
type Job struct {
	ID             JobID           `json:"id"`
	Agent          claw.AgentID    `json:"agentId"`
	Session        claw.SessionKey `json:"sessionKey,omitempty"`
	Name           string          `json:"name"`
	Description    string          `json:"description,omitempty"`
	Enabled        bool            `json:"enabled"`
	DeleteAfterRun bool            `json:"deleteAfterRun,omitempty"`
	CreatedAtMs    int64           `json:"createdAtMs"`
	UpdatedAtMs    int64           `json:"updatedAtMs"`
	Schedule       When            `json:"schedule"`
	Target         string          `json:"sessionTarget"` // main | isolated | current | session:<id>
	Wake           string          `json:"wakeMode,omitempty"`
	Payload        Payload         `json:"payload"`
	Delivery       *Delivery       `json:"delivery,omitempty"`
	State          State           `json:"state"`
	// Labels of the session that made the job: its runs begin with them. A job
	// without this field came from elsewhere and counts as untrusted and
	// private.
	Labels  *claw.Labels   `json:"openclawLabels,omitempty"`
	Lineage []claw.Lineage `json:"openclawLineage,omitempty"`

	rest map[string]json.RawMessage
}

// Flow returns the labels that a run begins with.
func (j Job) Flow() claw.Labels {
	if j.Labels == nil {
		return claw.Untrusted | claw.Private
	}
	return *j.Labels
}

// When says when a job is due: "at" a time, "every" so often, or by a "cron"
// expression.
type When struct {
	Kind      string `json:"kind"`
	At        string `json:"at,omitempty"`
	EveryMs   int64  `json:"everyMs,omitempty"`
	AnchorMs  int64  `json:"anchorMs,omitempty"`
	Expr      string `json:"expr,omitempty"`
	Zone      string `json:"tz,omitempty"`
	StaggerMs int64  `json:"staggerMs,omitempty"`
}

// Payload is what a job does.
type Payload struct {
	Kind           string          `json:"kind"` // systemEvent | agentTurn
	Text           string          `json:"text,omitempty"`
	Message        string          `json:"message,omitempty"`
	Model          claw.ModelRef   `json:"model,omitempty"`
	Thinking       string          `json:"thinking,omitempty"`
	TimeoutSeconds int             `json:"timeoutSeconds,omitempty"`
	LightContext   bool            `json:"lightContext,omitempty"`
	ToolsAllow     []claw.ToolName `json:"toolsAllow,omitempty"`
}

// Delivery says where the outcome goes.
type Delivery struct {
	Mode       string         `json:"mode"` // none | announce | webhook
	Channel    claw.ChannelID `json:"channel,omitempty"`
	To         string         `json:"to,omitempty"`
	Account    claw.AccountID `json:"accountId,omitempty"`
	BestEffort bool           `json:"bestEffort,omitempty"`
}

// State is what became of a job's runs.
type State struct {
	NextRunAtMs        int64  `json:"nextRunAtMs,omitempty"`
	RunningAtMs        int64  `json:"runningAtMs,omitempty"`
	LastRunAtMs        int64  `json:"lastRunAtMs,omitempty"`
	LastRunStatus      string `json:"lastRunStatus,omitempty"`
	LastError          string `json:"lastError,omitempty"`
	LastDurationMs     int64  `json:"lastDurationMs,omitempty"`
	ConsecutiveErrors  int    `json:"consecutiveErrors,omitempty"`
	LastDeliveryStatus string `json:"lastDeliveryStatus,omitempty"`
}

// Disk keeps the document "jobs.json" at <state>/cron. Read returns nil, nil
// for an absent one; Write replaces atomically.
type Disk interface {
	Read(name string) ([]byte, error)
	Write(name string, b []byte) error
}

// Schedule is what others need of the jobs.
type Schedule interface {
	List() []Job
	Get(id JobID) (Job, error)
	Add(j Job) (Job, error)
	Update(j Job) (Job, error)
	Remove(id JobID) error
}

// Errors of a Book; each means that nothing changed.
var (
	ErrNoJob = errors.New("schedule: no such job")
	ErrJob   = errors.New("schedule: not a job")
	ErrFull  = errors.New("schedule: too many jobs")
)

// Limits of a Book.
const (
	MaxJobs = 1000
	maxText = 64 << 10
	// MinEvery bounds how often a job may repeat.
	MinEvery = time.Minute
)
