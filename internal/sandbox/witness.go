package sandbox

import (
	"fmt"
	"strings"

	"github.com/openclaw-go/openclaw/internal/policy"
)

// Witness is what was read back after restriction and before exec: the
// kernel's facts as the restricted task sees them, the outcome of forbidden
// things it tried, and the launcher's own reading from outside.
type Witness struct {
	Nonce       string       `json:"nonce"`
	Level       policy.Level `json:"level"`
	Inside      Facts        `json:"inside"`
	Outside     Facts        `json:"outside"`
	Mounts      int          `json:"mounts"`
	MountsHash  string       `json:"mountsHash,omitempty"` // SHA-256 of the mount list
	EnvHash     string       `json:"envHash"`              // SHA-256 of argv and environment
	OpenFDs     []int        `json:"openFds"`
	LandlockABI int          `json:"landlockABI"`
	FilterHash  string       `json:"filterHash,omitempty"` // of the seccomp program
	Probes      []Probe      `json:"probes"`
	// Limits are what bounds the run as a whole: memory, processes, cpu.
	Limits []Limit `json:"limits"`
}

// Limit is one thing that a run can use up. By names what holds it: "nothing"
// when only the time of the run bounds it.
type Limit struct {
	Name  string `json:"name"`
	Value string `json:"value,omitempty"`
	By    string `json:"by"`
}

// Facts are the kernel's facts about one task.
type Facts struct {
	UIDs           []int             `json:"uids"` // real, effective, saved, file system
	GIDs           []int             `json:"gids"`
	Groups         []int             `json:"groups"`
	CapInheritable string            `json:"capInh"`
	CapPermitted   string            `json:"capPrm"`
	CapEffective   string            `json:"capEff"`
	CapBounding    string            `json:"capBnd"`
	CapAmbient     string            `json:"capAmb"`
	NoNewPrivs     int               `json:"noNewPrivs"`
	Seccomp        int               `json:"seccomp"`
	SeccompFilters int               `json:"seccompFilters"`
	Namespaces     map[string]string `json:"namespaces"`
	Cgroup         string            `json:"cgroup,omitempty"`
}

// Probe is a forbidden thing that the restricted task tried, or a fact that it
// had to see first. Got equal to Want is the only good outcome.
type Probe struct {
	Name string `json:"name"`
	Got  string `json:"got"`
	Want string `json:"want"`
}

// Held reports whether the probe came out as it must.
func (p Probe) Held() bool { return p.Want != "" && p.Got == p.Want }

// Summary is one line for people.
func (w Witness) Summary() string {
	if w.Nonce == "" {
		return "no witness"
	}
	held := 0
	for _, p := range w.Probes {
		if p.Held() {
			held++
		}
	}
	private := 0
	for name, id := range w.Inside.Namespaces {
		if id != "" && strings.HasPrefix(id, name+":") {
			private++
		}
	}
	uid := -1
	if len(w.Outside.UIDs) > 0 {
		uid = w.Outside.UIDs[0]
	}
	unlimited := []string{}
	for _, l := range w.Limits {
		if l.By == "nothing" {
			unlimited = append(unlimited, l.Name)
		}
	}
	more := ""
	if len(unlimited) > 0 {
		more = ", without a limit as a whole: " + strings.Join(unlimited, " and ")
	}
	return fmt.Sprintf("%s: uid %d, capabilities %s, no_new_privs %d, seccomp filters %d, %d namespaces, %d mounts, %d of %d probes held%s",
		w.Level, uid, strings.TrimLeft(w.Outside.CapEffective, "0")+"0", w.Outside.NoNewPrivs, w.Outside.SeccompFilters,
		private, w.Mounts, held, len(w.Probes), more)
}
