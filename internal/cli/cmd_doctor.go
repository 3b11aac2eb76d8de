package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/openclaw-go/openclaw/internal/app"
	"github.com/openclaw-go/openclaw/internal/chain"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox"
	"github.com/openclaw-go/openclaw/internal/store"
)

// diagnosis is one thing that doctor looked at.
type diagnosis struct {
	What   string `json:"what"`
	State  string `json:"state"`
	Detail string `json:"detail,omitempty"`
	Fix    string `json:"fix,omitempty"`
}

// States of a diagnosis.
const (
	statePass       = "pass"
	stateLimited    = "limited" // it works, with less than this program can do
	stateFail       = "fail"
	stateUnmeasured = "unmeasured" // Detail says why
)

func (e *env) cmdDoctor() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Look for what keeps the gateway from working",
		Long: `Look for what keeps the gateway from working.

Each line is pass, fail, limited (it works, with less) or unmeasured, with the
reason. Changes nothing. Exit status 1 when something failed. Whether the home is
safe is the audit's question, not this command's.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			p, err := e.paths()
			if err != nil {
				return usage("%w", err)
			}
			found := e.diagnose(p)
			bad := false
			for _, d := range found {
				bad = bad || d.State == stateFail
			}
			if e.print.json {
				if err := e.print.value(map[string]any{"checks": found}); err != nil {
					return err
				}
			} else {
				for _, d := range found {
					e.print.line("%-10s %-14s %s", d.State, d.What, d.Detail)
					if d.Fix != "" && d.State != statePass {
						e.print.line("%-10s %-14s fix: %s", "", "", d.Fix)
					}
				}
			}
			if bad {
				return silent(exitFindings)
			}
			return nil
		},
	}
}

func (e *env) diagnose(p configfile.Paths) []diagnosis {
	out := []diagnosis{e.diagnoseHome(p), diagnoseModes(p), e.diagnoseConfig(p), e.diagnoseJournal(p)}
	d := diagnosis{What: "gateway", State: statePass, Detail: "does not run"}
	pid, held := store.Holder(p.State)
	if held {
		d.Detail = fmt.Sprintf("runs, process %d", pid)
	}
	out = append(out, d)
	if state, err := app.LookHome(p); err != nil || state != app.HomeOurs {
		for _, what := range []string{"labels", "redaction", "sandbox", "level", "launcher"} {
			out = append(out, diagnosis{What: what, State: stateUnmeasured, Detail: "there is no home yet"})
		}
		return out
	}
	m, why := e.measured(held)
	box, support := diagnoseSandbox(p)
	return append(out, diagnoseLabels(p, m, held, why), diagnoseSecrets(m, why), box, e.diagnoseLevel(p, m, support), diagnoseStage(support))
}

// diagnoseSandbox measures what this machine can hold.
func diagnoseSandbox(p configfile.Paths) (diagnosis, *sandbox.Support) {
	s, err := app.MeasureSandbox(p)
	if err != nil {
		return diagnosis{What: "sandbox", State: stateFail, Detail: err.Error()}, nil
	}
	d := diagnosis{What: "sandbox", State: statePass, Detail: fmt.Sprintf("levels %v", s.Levels)}
	for _, m := range s.Missing {
		d.State, d.Detail = stateLimited, m.Guarantee+": "+m.Why
	}
	if !s.Supports(policy.LevelIsolated) {
		d.State, d.Fix = stateFail, "openclaw sandbox test says more"
	}
	return d, &s
}

func (e *env) diagnoseHome(p configfile.Paths) diagnosis {
	d := diagnosis{What: "home", State: statePass, Detail: p.Short(p.State)}
	state, err := app.LookHome(p)
	switch {
	case err != nil:
		d.State, d.Detail = stateFail, err.Error()
	case state == app.HomeAbsent:
		d.State, d.Detail, d.Fix = stateFail, "there is none at "+p.Short(p.State), "openclaw up"
	case state == app.HomeUpstream:
		d.State, d.Detail, d.Fix = stateFail, p.Short(p.State)+" belongs to another OpenClaw", "openclaw --profile NAME up"
	case state == app.HomeOurs:
	}
	return d
}

// diagnoseModes looks at who may read the home.
func diagnoseModes(p configfile.Paths) diagnosis {
	d := diagnosis{What: "modes", State: statePass, Detail: "only you can read the home"}
	if runtime.GOOS == "windows" {
		return diagnosis{What: "modes", State: stateUnmeasured, Detail: "access lists are not read on Windows"}
	}
	for _, path := range []string{p.State, p.Config, p.Secrets, p.Credentials, p.Logs} {
		st, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return diagnosis{What: "modes", State: stateUnmeasured, Detail: err.Error()}
		}
		if st.Mode().Perm()&0o077 != 0 {
			want := "600"
			if st.IsDir() {
				want = "700"
			}
			d.State, d.Detail, d.Fix = stateFail, fmt.Sprintf("%s has mode %o", p.Short(path), st.Mode().Perm()), "chmod "+want+" "+p.Short(path)
		}
	}
	return d
}

func (e *env) diagnoseConfig(p configfile.Paths) diagnosis {
	l, err := configfile.Load(p, configfile.Options{Env: e.lookup})
	switch {
	case err != nil:
		return diagnosis{What: "config", State: stateFail, Detail: err.Error()}
	case l.Problems.HasErrors():
		return diagnosis{What: "config", State: stateFail, Detail: l.Problems.Only(0)[0].String(), Fix: "openclaw config validate"}
	case l.Absent:
		return diagnosis{What: "config", State: statePass, Detail: "no file; the hardened baseline holds"}
	}
	return diagnosis{What: "config", State: statePass, Detail: fmt.Sprintf("valid, %d warning(s)", len(l.Problems))}
}

func (e *env) diagnoseJournal(p configfile.Paths) diagnosis {
	rep, err := journal.Verify(app.JournalFiles(p, e.lookup), chain.Expect{})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return diagnosis{What: "journal", State: statePass, Detail: "none yet"}
	case err != nil:
		return diagnosis{What: "journal", State: stateUnmeasured, Detail: err.Error()}
	case !rep.OK():
		return diagnosis{What: "journal", State: stateFail, Detail: rep.String(), Fix: "openclaw journal verify; keep a copy of the files"}
	}
	return diagnosis{What: "journal", State: statePass, Detail: rep.String()}
}
