package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// Level names a set of guarantees (DESIGN §5). The zero value is not confined.
// Compare levels by Guarantees, never by rank (R13).
type Level uint8

// Levels.
const (
	LevelNone      Level = iota
	LevelProcess         // clean environment, rlimits, no_new_privs, no capabilities
	LevelConfined        // process + Landlock + seccomp
	LevelIsolated        // confined + all namespaces + pivot_root
	LevelContainer       // Docker
)

var levelNames = [...]string{"none", "process", "confined", "isolated", "container"}

func (l Level) String() string {
	if int(l) < len(levelNames) {
		return levelNames[l]
	}
	return "none"
}

// ParseLevel reads a level's name; ok is false for any other text.
func ParseLevel(s string) (l Level, ok bool) {
	for i, n := range levelNames {
		if n == s {
			return Level(i), true
		}
	}
	return LevelNone, false
}

// MarshalText prints the level's name.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads a level's name.
func (l *Level) UnmarshalText(b []byte) error {
	v, ok := ParseLevel(string(b))
	if !ok {
		return fmt.Errorf("policy: level %q is not one of none, process, confined, isolated, container", b)
	}
	*l = v
	return nil
}

// Guarantees is a set of things that the kernel holds for a run.
type Guarantees uint32

// Single guarantees.
const (
	CleanEnv        Guarantees = 1 << iota // environment rebuilt from an allowlist
	Rlimits                                // rlimits in force
	NoNewPrivs                             // no_new_privs set
	NoCaps                                 // all capability sets empty
	FSRules                                // file access by Landlock
	Syscalls                               // seccomp filter
	NoUnixSocket                           // no pathname or abstract unix sockets of the host
	PrivateFS                              // own mount namespace, pivoted root
	PrivatePID                             // own pid namespace
	PrivateNet                             // own network namespace
	PrivateIPC                             // own ipc namespace
	PrivateUser                            // own user namespace
	PrivateUTS                             // own uts namespace
	MemoryLimit                            // memory cgroup
	PidsLimit                              // pids cgroup or effective RLIMIT_NPROC
	UnprivilegedUID                        // not uid 0 on the host
	CPULimit                               // cpu cgroup
)

// Guarantees of a level; what a run must have to count as that level.
func (l Level) Guarantees() Guarantees {
	const process = CleanEnv | Rlimits | NoNewPrivs | NoCaps | UnprivilegedUID
	const confined = process | FSRules | Syscalls | NoUnixSocket
	switch l {
	case LevelProcess:
		return process
	case LevelConfined:
		return confined
	case LevelIsolated:
		return confined | PrivateFS | PrivatePID | PrivateNet | PrivateIPC | PrivateUser | PrivateUTS
	case LevelContainer:
		return process | Syscalls | PrivateFS | PrivatePID | PrivateNet | PrivateIPC | PrivateUTS
	case LevelNone:
		return 0
	}
	return ^Guarantees(0) // an unknown level can never be satisfied
}

var guaranteeNames = [...]string{"clean-env", "rlimits", "no-new-privs", "no-caps", "fs-rules", "syscalls", "no-unix-socket",
	"private-fs", "private-pid", "private-net", "private-ipc", "private-user", "private-uts", "memory-limit", "pids-limit", "unprivileged-uid", "cpu-limit"}

// Names lists the guarantees in a fixed order.
func (g Guarantees) Names() []string {
	out := []string{}
	for i, n := range guaranteeNames {
		if g&(1<<i) != 0 {
			out = append(out, n)
		}
	}
	return out
}

// NetworkMode is what a run may reach. The zero value is nothing.
type NetworkMode uint8

// Network modes.
const (
	NetworkNone  NetworkMode = iota
	NetworkProxy             // only the gateway's egress proxy
)

// Confinement is the profile of a run, computed by posture from the same rules
// as the decision. All paths are absolute and resolved. The zero value gives
// no file, no network and asks for the level "none", which no runner grants
// without Unconfined.
type Confinement struct {
	Level Level `json:"level"`
	// Unconfined is dangerouslyUnconfined; required for LevelNone.
	Unconfined bool `json:"unconfined,omitempty"`
	// Workspace is seen at its own path; Write tells whether writable.
	Workspace      string   `json:"workspace"`
	WorkspaceWrite bool     `json:"workspaceWrite"`
	ReadRoots      []string `json:"readRoots,omitempty"`
	// Masked are paths beneath the roots that must not be reachable at all.
	Masked []string `json:"masked,omitempty"`
	// ReadOnly are paths beneath the workspace that may be read, not written
	// (steering files); absent ones must not come into being.
	ReadOnly []string    `json:"readOnly,omitempty"`
	Network  NetworkMode `json:"network"`
	Limits   Limits      `json:"limits"`
	// Container is how runs in a container are made; nil means that there are
	// none. For applies it to a session.
	Container *Container `json:"container,omitempty"`
}

// Hash names the profile: two that differ in anything have different ones.
func (c Confinement) Hash() string {
	b, err := json.Marshal(c)
	if err != nil {
		return "" // a level without a name cannot be asked for
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Limits bound a run. Zero means the documented default of the runner.
type Limits struct {
	TimeoutMs   int64 `json:"timeoutMs,omitempty"`
	OutputBytes int64 `json:"outputBytes,omitempty"`
	FileBytes   int64 `json:"fileBytes,omitempty"` // RLIMIT_FSIZE
	MemoryBytes int64 `json:"memoryBytes,omitempty"`
	Processes   int   `json:"processes,omitempty"`
	// CPUPercent of one processor, 100 is one whole; it needs a cpu cgroup.
	CPUPercent int   `json:"cpuPercent,omitempty"`
	OpenFiles  int   `json:"openFiles,omitempty"`
	TmpBytes   int64 `json:"tmpBytes,omitempty"`
}
