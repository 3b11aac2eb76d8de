package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
)

// Change is one repair. Mode changes only take rights away.
type Change struct {
	Check string `json:"check"`
	// Kind is chmod or set.
	Kind string `json:"kind"`
	// Path is the file, absolute.
	Path string `json:"path"`
	// Was and Mode are octal for chmod.
	Was  uint32 `json:"was,omitempty"`
	Mode uint32 `json:"mode,omitempty"`
	UID  int    `json:"uid,omitempty"`
	// Key, From and To are of a configuration edit; values are JSON5.
	Key  string `json:"key,omitempty"`
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
}

// Kinds of changes.
const (
	Chmod = "chmod"
	Set   = "set"
)

func (c Change) String() string {
	if c.Kind == Chmod {
		return fmt.Sprintf("chmod %04o → %04o  %s", c.Was, c.Mode, c.Path)
	}
	return fmt.Sprintf("set %s: %s → %s", c.Key, c.From, c.To)
}

// Left is a finding that no repair is made for, with the reason.
type Left struct {
	Check string `json:"check"`
	Title string `json:"title"`
	Why   string `json:"why"`
}

// Plan is what --fix does, and what it leaves to a person (guide, Quick
// Security Audit).
type Plan struct {
	Changes []Change `json:"changes"`
	Left    []Left   `json:"left"`
}

// Ref names a finding as long as it says the same.
func (f Finding) Ref() string {
	sum := sha256.Sum256([]byte(f.fingerprint()))
	return hex.EncodeToString(sum[:12])
}

// PlanFor works out the repairs for a report of the same input.
func PlanFor(in Input, r Report) Plan {
	s := NewSubject(in)
	p := Plan{Changes: []Change{}, Left: []Left{}}
	fixed := map[string]bool{}
	for _, f := range r.Findings {
		if f.Severity == claw.Info && !strings.Contains(f.CheckID, ".perms_") {
			continue
		}
		switch {
		case strings.Contains(f.CheckID, ".perms_"):
			c, why := s.tighten(f)
			if why != "" {
				p.Left = append(p.Left, Left{f.CheckID, f.Title, why})
			} else if !fixed[c.Path] {
				fixed[c.Path] = true
				p.Changes = append(p.Changes, c)
			}
		case f.CheckID == "logging.redact_off":
			p.Changes = append(p.Changes, Change{Check: f.CheckID, Kind: Set, Path: in.Snapshot.Home.Config, Key: "logging.redactSensitive", From: `"off"`, To: `"tools"`})
		case strings.HasSuffix(f.CheckID, ".groups.open"):
			p.Changes = append(p.Changes, s.closeGroups(f, p.Changes)...)
		default:
			p.Left = append(p.Left, Left{f.CheckID, f.Title, reasonLeft(f.CheckID)})
		}
	}
	return p
}

// tighten takes group's and others' rights from the file of a finding.
func (s *Subject) tighten(f Finding) (Change, string) {
	x := s.fileOf(f)
	switch {
	case x == nil:
		return Change{}, "the file is gone"
	case slices.Contains([]Role{RoleProgram, RoleUnit, RoleUserDir, RoleParent, RoleAllowed}, x.Role):
		return Change{}, "it is not part of the home: run the command yourself"
	case x.Type == Symlink:
		return Change{}, "it is a symbolic link: repair what it leads to"
	case s.Snapshot.System.UID > 0 && x.UID != s.Snapshot.System.UID:
		return Change{}, fmt.Sprintf("it belongs to uid %d", x.UID)
	}
	return Change{Check: f.CheckID, Kind: Chmod, Path: x.Path, Was: x.Mode, Mode: x.Mode &^ 0o077, UID: x.UID}, ""
}

// fileOf is the file of a finding, which may show its name masked.
func (s *Subject) fileOf(f Finding) *File {
	for i := range s.Snapshot.Files {
		if x := &s.Snapshot.Files[i]; s.Snapshot.Home.Short(x.Path) == f.Where.File {
			return x
		}
	}
	if s.Redact == nil {
		return nil
	}
	for i := range s.Snapshot.Files {
		if x := &s.Snapshot.Files[i]; fmt.Sprintf("%04o", x.Mode) == f.Observed && s.Redact(s.Snapshot.Home.Short(x.Path)) == f.Where.File {
			return x
		}
	}
	return nil
}

// closeGroups turns every open group policy of a channel into an allowlist.
func (s *Subject) closeGroups(f Finding, already []Change) []Change {
	var out []Change
	for _, i := range s.Inbound {
		if f.CheckID != "channels."+string(i.Channel)+".groups.open" {
			continue
		}
		for _, ref := range i.OpenGroup() {
			c := Change{Check: f.CheckID, Kind: Set, Path: s.Snapshot.Home.Config, Key: ref.Pointer, From: `"` + config.PolicyOpen + `"`, To: `"` + config.PolicyAllowlist + `"`}
			if !slices.ContainsFunc(slices.Concat(already, out), func(x Change) bool { return x.Kind == Set && x.Key == c.Key }) {
				out = append(out, c)
			}
		}
	}
	return out
}

// reasonLeft says why a person must decide (guide: what --fix does not do).
func reasonLeft(id string) string {
	for _, x := range []struct{ prefix, why string }{
		{"gateway.bind", "a bind address needs a person's review"},
		{"gateway.custom", "a bind address needs a person's review"},
		{"gateway.tailscale", "exposure is a matter of your network"},
		{"gateway.", "who may call the gateway is for you to decide"},
		{"channels.", "who may write to the agent is for you to decide"},
		{"security.exposure", "it follows from another finding"},
		{"tools.", "what agents may do depends on what you want of them"},
		{"models.", "the choice of a model is yours"},
		{"hooks.", "who may call webhooks is for you to decide"},
		{"sandbox.", "what a container gets depends on your work"},
		{"plugins.", "which code to trust is for you to decide"},
		{"skills.", "which skills to trust is for you to decide"},
		{"mcp.", "which servers to trust is for you to decide"},
		{"config.secrets", "moving a credential needs a place that you choose"},
		{"secrets.", "moving a credential needs a place that you choose"},
		{"config.", "only you know what was meant"},
		{"fs.", "it needs an owner's or an administrator's hand"},
		{"env.", "it is set where the program is started"},
	} {
		if strings.HasPrefix(id, x.prefix) {
			return x.why
		}
	}
	return "it needs a person's review"
}
