package policy

import (
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/standing"
)

// Rules is what takes effect for one agent. posture.Of makes it; nothing else
// interprets configuration. The zero value denies every tool.
type Rules struct {
	Agent      claw.AgentID `json:"agent"`
	Generation string       `json:"generation"`
	// Surfaces the agent may be reached from; nil means all.
	Surfaces    []claw.Surface `json:"surfaces"`
	SurfacesRef claw.ConfigRef `json:"surfacesRef,omitzero"`
	// SendElsewhere lets the message tool leave the conversation that asked.
	SendElsewhere    bool           `json:"sendElsewhere"`
	SendElsewhereRef claw.ConfigRef `json:"sendElsewhereRef,omitzero"`
	// Tools are layers in trace order; each can only remove.
	Tools  []ToolLayer `json:"tools"`
	Files  FileRules   `json:"files"`
	Exec   ExecRules   `json:"exec"`
	Egress EgressRules `json:"egress"`
	Flow   FlowRules   `json:"flow"`
	Budget BudgetRules `json:"budget,omitzero"`
	// Confinement is the profile that a run of this agent gets.
	Confinement Confinement `json:"confinement"`
	// SoulOff takes the four behaviours of commands away (soul.go). Only the
	// posture of an upstream home and a caller that brings a whole policy of
	// its own to judge set it.
	SoulOff bool `json:"soulOff,omitempty"`
	// Halted is what a lockdown leaves of everything. It is no part of a
	// posture.
	Halted Halt `json:"-"`
	// Skills are those that are loaded for this agent now. They are no part of
	// a posture.
	Skills []SkillGrant `json:"-"`
}

// Halt is how far a lockdown stops an agent.
type Halt uint8

// Halts.
const (
	HaltNone  Halt = iota // no lockdown
	HaltTools             // it may answer, and do nothing else
	HaltAll
)

// ToolLayer is one restricting layer over tool names. Names are lower case
// and groups are already expanded.
type ToolLayer struct {
	Layer Layer `json:"layer"`
	// Allow: nil lets every tool through this layer; a set blocks the rest.
	Allow map[claw.ToolName]bool `json:"allow"`
	Deny  map[claw.ToolName]bool `json:"deny,omitempty"`
	// From are the places that let single tools in, beside what Where names.
	From map[claw.ToolName]claw.ConfigRef `json:"from,omitempty"`
	// Name is for people: "messaging" of a profile, or the key.
	Name  string         `json:"name,omitempty"`
	Where claw.ConfigRef `json:"where,omitzero"`
	// DenyWhere is the place of the deny list when it is another key.
	DenyWhere claw.ConfigRef `json:"denyWhere,omitzero"`
}

// Gives names the place that lets a tool through this layer.
func (l *ToolLayer) Gives(t claw.ToolName) claw.ConfigRef {
	if r, ok := l.From[t]; ok {
		return r
	}
	return l.Where
}

// FileRules judges files read and written.
type FileRules struct {
	// Workspace is absolute and resolved; "" denies every file.
	Workspace     string         `json:"workspace"`
	WorkspaceOnly bool           `json:"workspaceOnly"`
	WorkspaceRef  claw.ConfigRef `json:"workspaceRef,omitzero"`
	// Home replaces "~" in patterns.
	Home string        `json:"home"`
	Deny []PathPattern `json:"deny,omitempty"`
	// Always are paths no agent may touch whatever is configured: the state
	// directory but for the workspace, secrets, the config itself.
	Always []PathPattern `json:"always,omitempty"`
	// Steering are names beneath the workspace that agents may read but never
	// write (R02); an absent one may not be created.
	Steering []PathPattern `json:"steering,omitempty"`
	// ReadRoots may be read besides the workspace when WorkspaceOnly is unset.
	ReadRoots []string `json:"readRoots,omitempty"`
	// Skills are the gateway's copies of the skills that are loaded now; they
	// may be read, whatever lies around them. They are no part of a posture.
	Skills []string `json:"-"`
}

// PathPattern covers a path and all below it. "*" is one path element, "**"
// any number, a leading "~" the home. Steering patterns are relative to the
// workspace, and one without a slash matches at any depth.
type PathPattern struct {
	Pattern string `json:"pattern"`
	// Except is an absolute path whose subtree the pattern does not cover.
	Except string         `json:"except,omitempty"`
	Where  claw.ConfigRef `json:"where,omitzero"`
}

// ExecSecurity is tools.exec.security. The zero value denies.
type ExecSecurity uint8

// Values of tools.exec.security.
const (
	ExecDeny ExecSecurity = iota
	ExecAllowlist
	ExecFull
)

func (s ExecSecurity) String() string { return [...]string{"deny", "allowlist", "full"}[s] }

// ExecAsk is tools.exec.ask. The zero value always asks.
type ExecAsk uint8

// Values of tools.exec.ask.
const (
	AskAlways ExecAsk = iota
	AskOnMiss
	AskOff
)

func (a ExecAsk) String() string { return [...]string{"always", "on-miss", "off"}[a] }

// ExecRules judges command lines (guide, "Tool Policy"; exec-cases semantics).
type ExecRules struct {
	Security    ExecSecurity   `json:"security"`
	SecurityRef claw.ConfigRef `json:"securityRef,omitzero"`
	Ask         ExecAsk        `json:"ask"`
	AskRef      claw.ConfigRef `json:"askRef,omitzero"`
	Allowlist   []ExecEntry    `json:"allowlist,omitempty"`
	// AllowlistRef is where what is missing would be added.
	AllowlistRef claw.ConfigRef `json:"allowlistRef,omitzero"`
	Denylist     []ExecEntry    `json:"denylist,omitempty"`
	Elevated     bool           `json:"elevated"`
	// Standing are the answers that are in force for this agent now. They are
	// no part of a posture.
	Standing []standing.Rule `json:"-"`
}

// ExecEntry is one allowlist entry (a sequence of argv words) or one denylist
// entry (a pattern over the parsed command).
type ExecEntry struct {
	Text  string         `json:"text"`
	Where claw.ConfigRef `json:"where,omitzero"`
}

// EgressMode is tools.egress.mode. The zero value denies.
type EgressMode uint8

// Values of tools.egress.mode.
const (
	EgressDeny EgressMode = iota
	EgressAsk
	EgressAllow
)

// EgressRules judges network destinations by name.
type EgressRules struct {
	Mode  EgressMode     `json:"mode"`
	Where claw.ConfigRef `json:"where,omitzero"`
	Hosts []HostRule     `json:"hosts,omitempty"`
}

// HostClass is what a host rule lets through. The zero value is read-only.
type HostClass uint8

// Host classes (DESIGN §6, R10).
const (
	HostRead HostClass = iota // GET and HEAD, no body
	HostAccount
	HostWrite
)

// HostRule allows one host. "*.example.org" covers subdomains; a wildcard
// over a public suffix is refused when the rule is made (R28).
type HostRule struct {
	Host    string         `json:"host"`
	Class   HostClass      `json:"class"`
	Paths   []string       `json:"paths,omitempty"`
	Methods []string       `json:"methods,omitempty"`
	Where   claw.ConfigRef `json:"where,omitzero"`
}

// FlowMode is tools.flow.mode. The zero value enforces.
type FlowMode uint8

// Values of tools.flow.mode.
const (
	FlowEnforce FlowMode = iota
	FlowObserve
	FlowOff
)

// FlowRules judges calls by the labels of the session (DESIGN §4).
type FlowRules struct {
	Mode  FlowMode       `json:"mode"`
	Where claw.ConfigRef `json:"where,omitzero"`
	// Providers are the model providers that may have private text beside
	// those on this machine; OnlyListed: no other, the agent's first included.
	Providers  []string `json:"providers,omitempty"`
	OnlyListed bool     `json:"onlyListed,omitempty"`
}
