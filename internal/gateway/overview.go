package gateway

import "github.com/openclaw-go/openclaw/internal/claw"

// Level is one of the five states of the Control UI. The zero value is
// "unmeasured": what nobody looked at is not fine.
type Level string

// Levels.
const (
	Fine       Level = "fine"
	Look       Level = "look"
	Act        Level = "act"
	Unmeasured Level = "unmeasured"
	NotApply   Level = "not-applicable"
)

// Overview is the answer of overview.get, "am I safe, and what needs me?".
type Overview struct {
	Verdict Level `json:"verdict"`
	// Sentence is the verdict in words, made from facts.
	Sentence  string       `json:"sentence"`
	Counts    Counts       `json:"counts"`
	CheckedAt int64        `json:"checkedAtMs"`
	NeedsYou  []Need       `json:"needsYou"`
	Reach     []Reach      `json:"reach"`
	InForce   []InForce    `json:"inForce"`
	Since     Since        `json:"since"`
	Journal   JournalState `json:"journal"`
	// Model says which model answers and whether it is one.
	Model  string     `json:"model"`
	Agents []AgentRow `json:"agents"`
	// Usage is what each agent used today, and of which limits.
	Usage []UsageRow `json:"usage"`
	// NotInForce is set when the file on disk is not the posture in force.
	NotInForce string `json:"configNotInForce,omitempty"`
}

// Used is an amount of what agents use.
type Used struct {
	Tokens   int64   `json:"tokens"`
	Cost     float64 `json:"costUsd"`
	Calls    int64   `json:"calls"`
	Messages int64   `json:"messages"`
	// Unpriced are tokens of models without a known price: with any, Cost is
	// less than what was spent.
	Unpriced int64 `json:"unpricedTokens,omitempty"`
}

// UsageRow is one agent's day.
type UsageRow struct {
	Agent    claw.AgentID `json:"agentId"`
	Today    Used         `json:"today"`
	Limits   []UsageLimit `json:"limits"`
	ResetsMs int64        `json:"resetsAtMs"`
	// Problem says why nothing is known; then limited calls are refused.
	Problem string `json:"problem,omitempty"`
}

// UsageLimit is one limit with what is left of it; nil when nobody knows.
type UsageLimit struct {
	Key   string         `json:"key"`
	Whose string         `json:"whose"` // agent | all
	Max   float64        `json:"max"`
	Used  *float64       `json:"used,omitempty"`
	Left  *float64       `json:"left,omitempty"`
	Where claw.ConfigRef `json:"where,omitzero"`
}

// Counts of checks by outcome.
type Counts struct {
	Checks     int `json:"checks"`
	Act        int `json:"act"`
	Look       int `json:"look"`
	Unmeasured int `json:"unmeasured"`
	Fine       int `json:"fine"`
	NotApply   int `json:"notApplicable"`
}

// Need is one row of "Needs you".
type Need struct {
	Level Level          `json:"level"`
	ID    string         `json:"id"`   // check id, or approval id
	Kind  string         `json:"kind"` // finding | approval | device | config
	Text  string         `json:"text"`
	Where claw.ConfigRef `json:"where,omitzero"`
	Fix   string         `json:"fix,omitempty"`
	// Finding names it for security.fix.plan; Repair says what can be done,
	// Command is one to run, Why is the reason that nothing is offered.
	Finding string `json:"finding,omitempty"`
	Repair  Repair `json:"repair,omitempty"`
	Command string `json:"command,omitempty"`
	Why     string `json:"why,omitempty"`
	Count   int    `json:"count,omitempty"`
	Since   int64  `json:"sinceMs,omitempty"`
}

// Reach is one sentence on who can make an agent do what.
type Reach struct {
	Who  string `json:"who"`
	Text string `json:"text"`
}

// InForce is one protection with its measured state.
type InForce struct {
	Name  string `json:"name"`
	Level Level  `json:"level"`
	Text  string `json:"text"`
	AtMs  int64  `json:"atMs,omitempty"`
}

// Since sums up what happened after a time.
type Since struct {
	FromMs        int64 `json:"fromMs"`
	Messages      int   `json:"messages"`
	Calls         int   `json:"calls"`
	Allowed       int   `json:"allowed"`
	Asked         int   `json:"asked"`
	Refused       int   `json:"refused"`
	Hosts         int   `json:"hosts"`
	ConfigChanges int   `json:"configChanges"`
}
