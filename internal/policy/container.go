package policy

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// ContainerSessions says which sessions of an agent run their commands in a
// container. The zero value is none.
type ContainerSessions uint8

// Values of ContainerSessions.
const (
	ContainerOff     ContainerSessions = iota
	ContainerNonMain                   // every session but the agent's main one
	ContainerAll
)

var containerSessionNames = [...]string{"off", "non-main", "all"}

func (s ContainerSessions) String() string {
	if int(s) < len(containerSessionNames) {
		return containerSessionNames[s]
	}
	return "off"
}

// ContainerScope says who shares the private folder of containers. The zero
// value shares it least.
type ContainerScope uint8

// Values of ContainerScope.
const (
	ScopeSession ContainerScope = iota
	ScopeAgent
	ScopeShared
)

var containerScopeNames = [...]string{"session", "agent", "shared"}

func (s ContainerScope) String() string {
	if int(s) < len(containerScopeNames) {
		return containerScopeNames[s]
	}
	return "session"
}

// WorkspaceAccess is how a container sees the agent's workspace. The zero
// value does not.
type WorkspaceAccess uint8

// Values of WorkspaceAccess.
const (
	AccessNone WorkspaceAccess = iota
	AccessRead
	AccessWrite
)

var workspaceAccessNames = [...]string{"none", "ro", "rw"}

func (a WorkspaceAccess) String() string {
	if int(a) < len(workspaceAccessNames) {
		return workspaceAccessNames[a]
	}
	return "none"
}

// Bind shows a path of the host in a container.
type Bind struct {
	Source string `json:"source"`
	Target string `json:"target"`
	Write  bool   `json:"write,omitempty"`
}

// Container is how the container of a run is made. What hardens it is not
// here, because nothing takes it away: no capability, no new privileges, no
// network, no root, no socket of the engine.
type Container struct {
	Sessions ContainerSessions `json:"sessions"`
	Scope    ContainerScope    `json:"scope"`
	Access   WorkspaceAccess   `json:"access"`
	// Level whose guarantees a run in the container must have.
	Level Level `json:"level"`
	// Image as written; ImageID is the content that an operator pinned, and the
	// only one that runs.
	Image   string `json:"image"`
	ImageID string `json:"imageId,omitempty"`
	// Key names the scope of a session's containers; For sets it. Private is
	// the scope's folder, at Workdir inside.
	Key     string `json:"key,omitempty"`
	Private string `json:"private,omitempty"`
	Workdir string `json:"workdir"`
	Prefix  string `json:"prefix"`
	// UID and GID inside; 0 means those of the host's runs.
	UID          int      `json:"uid,omitempty"`
	GID          int      `json:"gid,omitempty"`
	WritableRoot bool     `json:"writableRoot,omitempty"`
	Tmpfs        []string `json:"tmpfs,omitempty"`
	Env          []string `json:"env,omitempty"` // NAME=value
	Binds        []Bind   `json:"binds,omitempty"`
	// External lets binds come from outside the workspace.
	External   bool   `json:"external,omitempty"`
	Memory     int64  `json:"memory"`
	MemorySwap int64  `json:"memorySwap"`
	MilliCPUs  int64  `json:"milliCpus"`
	Pids       int64  `json:"pids"`
	AppArmor   string `json:"appArmor,omitempty"`
	// Private folders that were unused for IdleHours or are older than AgeHours
	// go; 0 is never.
	IdleHours int `json:"idleHours,omitempty"`
	AgeHours  int `json:"ageHours,omitempty"`
	// Refused is why no container is made of this configuration; Where is the
	// key at fault.
	Refused string         `json:"refused,omitempty"`
	Where   claw.ConfigRef `json:"where"`
}

// key names a scope; no two agents and no two sessions have the same.
func (s ContainerScope) key(agent claw.AgentID, session claw.SessionKey) string {
	switch s {
	case ScopeShared:
		return "shared"
	case ScopeAgent:
		return "agent-" + string(agent)
	case ScopeSession:
	}
	sum := sha256.Sum256([]byte(session))
	return "session-" + string(agent) + "-" + hex.EncodeToString(sum[:8])
}

// MainSession is the key of an agent's main session.
func MainSession(id claw.AgentID) claw.SessionKey {
	return claw.SessionKey("agent:" + string(id) + ":main")
}

// For gives the profile of a session's runs: in a container with its level and
// without network, or on the host.
func (c Confinement) For(agent claw.AgentID, session claw.SessionKey) Confinement {
	if c.Container == nil {
		return c
	}
	switch c.Container.Sessions {
	case ContainerAll:
	case ContainerNonMain:
		if session == MainSession(agent) {
			c.Container = nil
			return c
		}
	case ContainerOff:
		c.Container = nil
		return c
	}
	in := *c.Container
	in.Key = in.Scope.key(agent, session)
	c.Container = &in
	c.Level, c.Unconfined, c.Network = in.Level, false, NetworkNone
	if c.Container.Access != AccessWrite {
		c.WorkspaceWrite = false
	}
	return c
}
