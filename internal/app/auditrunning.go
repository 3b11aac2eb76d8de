package app

import (
	"encoding/json"
	"errors"
	"io/fs"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
	"github.com/openclaw-go/openclaw/internal/audit"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/posture"
	"github.com/openclaw-go/openclaw/internal/store"
	"github.com/openclaw-go/openclaw/internal/survey"
)

// lookRunning compares the gateway that holds the home with the file: by the
// posture that it put down as accepted, which is what it holds, and by its
// process. It reads files alone, so that the plain audit can do it.
func lookRunning(p configfile.Paths, c *config.Config, s *audit.Snapshot) {
	pid, held := store.Holder(p.State)
	if !held || s.Home.Owner != audit.OurHome {
		return
	}
	r := &audit.Running{PID: pid}
	s.Running = r
	r.Self = lookRestriction(p, pid)
	if x, ok := survey.ProcessOf(pid); ok {
		r.Replaced = x.Replaced
		if len(s.Gateways) == 0 {
			s.Gateways = append(s.Gateways, x.Process)
		}
	}
	data, err := atomicfile.Read(acceptedPath(p), maxAccepted)
	var inForce posture.Posture
	if err == nil {
		err = json.Unmarshal(data, &inForce)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.Unknown = "the gateway put no posture down"
	case err != nil:
		r.Unknown = err.Error()
	default:
		r.Differs, r.Looser = differs(p, c, inForce)
	}
}

// differs names the rules in which what is in force and what the file says
// part, and whether the file loosens one. A port that the environment of the
// gateway chose is none of them.
func differs(p configfile.Paths, c *config.Config, inForce posture.Posture) (rules []string, looser bool) {
	w := World(p)
	if w.Port == 0 || inForce.Gateway.Port != 0 {
		w.Port = inForce.Gateway.Port
	}
	file := posture.Of(c, w)
	if file.Generation == inForce.Generation {
		return nil, false
	}
	for _, x := range posture.Loosens(inForce, file) {
		rules, looser = append(rules, "the file loosens "+x.String()), true
	}
	for _, x := range posture.Loosens(file, inForce) {
		rules = append(rules, "the file tightens "+x.String())
	}
	if len(rules) == 0 {
		rules = []string{"rules that neither loosen nor tighten"}
	}
	return rules, looser
}
