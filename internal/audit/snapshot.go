// Package audit judges a home from a snapshot of it: every check ends as pass,
// fail, not applicable or unmeasured. It looks at nothing itself and changes
// nothing.
package audit

import (
	"encoding/json"
	"path"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/config"
)

// SnapshotFormat is the version of the snapshot's JSON.
const SnapshotFormat = 1

// Snapshot is what was seen of a home and its machine. It holds no credential:
// what was seen of one is in Secrets.
type Snapshot struct {
	Format  int       `json:"format"`
	TakenAt time.Time `json:"takenAt"`
	// By is the version of the program that looked.
	By     string `json:"by"`
	Home   Home   `json:"home"`
	System System `json:"system"`
	Files  []File `json:"files"`
	// Secrets are credentials that stand in plain text, and the gateway's.
	Secrets []Secret `json:"secrets,omitempty"`
	Env     []EnvVar `json:"env,omitempty"`
	// Documents are small JSON files that hold no credential, by path.
	Documents map[string]json.RawMessage `json:"documents,omitempty"`
	// Incomplete says where the look itself broke off: it crashed, or its time
	// was over.
	Incomplete []string `json:"incomplete,omitempty"`
	// Skipped is what nobody could look at.
	Skipped []Skip `json:"skipped,omitempty"`
	// Compose are container deployments.
	Compose []Compose `json:"compose,omitempty"`
	// Units are services of systemd that start a gateway.
	Units []Unit `json:"units,omitempty"`
	// Interfaces are this machine's network interfaces with an address;
	// Firewall is nil where it is not looked at.
	Interfaces []Interface `json:"interfaces,omitempty"`
	Firewall   *Firewall   `json:"firewall,omitempty"`
	// Gateways are those that run, of any user: looked for when there is no
	// home, and with --deep.
	Gateways []Process `json:"gateways,omitempty"`
	// Running is the gateway that holds this home; nil when none does.
	Running *Running `json:"running,omitempty"`
	// Sources, Problems and Unreadable are the configuration, for an audit
	// elsewhere (--snapshot); credentials in the text are overwritten.
	Sources    []Source        `json:"sources,omitempty"`
	Problems   config.Problems `json:"problems,omitempty"`
	Unreadable string          `json:"unreadable,omitempty"`
	// Scanned are the skills and plugins, with --deep.
	Scanned []Scanned `json:"scanned,omitempty"`
	// Skills are the skills of the home as they stand against their pins.
	Skills []SkillState `json:"skills,omitempty"`
	// Live is nil without --deep.
	Live *Live `json:"live,omitempty"`
}

// Source is one file of the configuration.
type Source struct {
	Path string `json:"path"`
	Text string `json:"text"`
}

// Home says where things are. All paths are absolute.
type Home struct {
	Dir    string `json:"dir"` // the user's directory, what ~ stands for
	State  string `json:"state"`
	Config string `json:"config"`
	// Owner is ours, upstream or none.
	Owner HomeOwner `json:"owner"`
	// Version of upstream that wrote the home last, when it says so.
	Version string `json:"version,omitempty"`
}

// HomeOwner says whose home it is (DESIGN §8). The zero value is none.
type HomeOwner string

// Owners of a home.
const (
	NoHome       HomeOwner = ""
	OurHome      HomeOwner = "ours"
	UpstreamHome HomeOwner = "upstream"
)

// System is the machine.
type System struct {
	OS     string `json:"os"`
	Arch   string `json:"arch"`
	Kernel string `json:"kernel,omitempty"`
	// UID and GID of whoever looked; -1 where the system has none.
	UID int `json:"uid"`
	GID int `json:"gid"`
	// Container: the program runs in one.
	Container bool `json:"container,omitempty"`
	// RunUID is the uid that commands of a root-started gateway get, -1 for
	// none.
	RunUID int `json:"runUid"`
}

// FileType is what a directory entry is.
type FileType string

// Types of files.
const (
	Regular   FileType = "file"
	Dir       FileType = "dir"
	Symlink   FileType = "link"
	Irregular FileType = "irregular" // a pipe, socket or device
	Absent    FileType = "absent"
)

// File is one entry that was looked at, by the rule of its role.
type File struct {
	Path string   `json:"path"`
	Role Role     `json:"role"`
	Type FileType `json:"type"`
	// Mode are the permission bits with setuid, setgid and sticky, as chmod
	// takes them. For a link it is what the link leads to.
	Mode  uint32 `json:"mode"`
	UID   int    `json:"uid"`
	GID   int    `json:"gid"`
	Links int    `json:"links"`
	Size  int64  `json:"size"`
	// Modified is the time of the last write.
	Modified time.Time `json:"modified,omitzero"`
	// Target is where a link leads, resolved; "" when it leads nowhere.
	Target string `json:"target,omitempty"`
	// ACL are entries of a POSIX access list that let others in beyond Mode.
	ACL []string `json:"acl,omitempty"`
	// Hits are credentials seen in its text.
	Hits []Hit `json:"hits,omitempty"`
	// Closed: whoever looked may not read it.
	Closed bool `json:"closed,omitempty"`
	// Partly: only its start was read.
	Partly bool `json:"partly,omitempty"`
	// Err says why it could not be looked at.
	Err string `json:"err,omitempty"`
}

// Hit is a credential seen in a file, never its value.
type Hit struct {
	Rule string `json:"rule"`
	Line int    `json:"line"`
}

// Secret is what was seen of one credential, never its value.
type Secret struct {
	// Pointer is the key of the configuration, or a name of ours:
	// "gateway.auth.token" holds the credential in force whatever its source.
	Pointer string `json:"pointer"`
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	// Source is plain, env, file, exec, store or unresolved.
	Source string `json:"source"`
	// Length in bytes, Bits an upper bound of the entropy of the whole.
	Length int     `json:"length"`
	Bits   float64 `json:"bits"`
	// Placeholder: an example value, or one that was published.
	Placeholder bool `json:"placeholder,omitempty"`
	// Shaped: it has the form of a known kind of credential.
	Shaped bool `json:"shaped,omitempty"`
	// Group is the same for two credentials with the same value, without
	// telling anything of it.
	Group int `json:"group,omitempty"`
	// Why it is not resolved.
	Why string `json:"why,omitempty"`
	// Changed says when it was last replaced, where the encrypted store knows.
	Changed time.Time `json:"changed,omitzero"`
}

// EnvVar is an environment variable that changes how programs behave or holds
// a credential, without its value.
type EnvVar struct {
	Name string `json:"name"`
	// Of is the process it was seen in: "this" or a pid of the gateway.
	Of string `json:"of"`
}

// Skip is something that could not be looked at.
type Skip struct {
	What string `json:"what"`
	Why  string `json:"why"`
	// Check is the id or id prefix that is unmeasured by this.
	Check string `json:"check"`
}

// Short writes a path with ~ for the home.
func (h Home) Short(p string) string {
	if h.Dir != "" && (p == h.Dir || strings.HasPrefix(p, h.Dir+"/")) {
		return "~" + p[len(h.Dir):]
	}
	return p
}

// In reports whether p is the state directory or lies in it.
func (h Home) In(p string) bool {
	return p == h.State || strings.HasPrefix(path.Clean(p), h.State+"/")
}
