package cli

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/openclaw-go/openclaw/internal/app"
	"github.com/openclaw-go/openclaw/internal/chain"
	"github.com/openclaw-go/openclaw/internal/journal"
)

// witnessReport is the result of "journal witness status --json".
type witnessReport struct {
	State   string     `json:"state"` // none, unmeasured, kept, behind, failing, contradicts
	Witness string     `json:"witness,omitempty"`
	Kept    uint64     `json:"kept"`   // entries that the witness knows of
	Signed  uint64     `json:"signed"` // entries signed here
	KeptAt  *time.Time `json:"keptAt,omitempty"`
	Since   *time.Time `json:"failingSince,omitempty"`
	Why     string     `json:"why,omitempty"`
}

func (e *env) cmdJournalWitness() *cobra.Command {
	c := &cobra.Command{Use: "witness", Short: "Where the journal's position is kept outside this machine"}
	c.AddCommand(&cobra.Command{
		Use:   "status",
		Short: "Say what the witness has, and whether it agrees",
		Long: `Say what the witness of security.witness.url has, and whether it agrees with this
journal. Exit status 1 when it does not answer or remembers something else.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			p, err := e.paths()
			if err != nil {
				return usage("%w", err)
			}
			w, err := app.WitnessOf(p, e.lookup)
			if err != nil {
				return cannot(err, "")
			}
			opt, err := e.journalOptions()
			if err != nil {
				return err
			}
			_, last, err := journal.LastCheckpoint(opt)
			if err != nil {
				return noJournal(err)
			}
			return e.printWitness(witnessStateOf(w, last))
		}})
	return c
}

func witnessStateOf(w app.WitnessState, last chain.Checkpoint) witnessReport {
	out := witnessReport{Witness: w.Name, Signed: last.Size, Kept: w.Status.Size, Why: w.Problem}
	if !w.Status.KeptAt.IsZero() {
		out.KeptAt = &w.Status.KeptAt
	}
	if !w.Status.Since.IsZero() {
		out.Since = &w.Status.Since
	}
	switch {
	case w.Name == "":
		out.State, out.Why = "none", "security.witness.url is not set: that the end of the journal was cut off is seen only with --at-least"
	case w.Status.Contradiction != "":
		out.State, out.Why = "contradicts", w.Status.Contradiction
	case w.Problem != "":
		out.State = "failing"
	case w.Status.Failing != "":
		out.State, out.Why = "failing", w.Status.Failing
	case w.Status.KeptAt.IsZero():
		out.State, out.Why = "unmeasured", "no checkpoint was sent yet; the gateway sends one a minute"
	case w.Status.Size < last.Size:
		out.State = "behind"
	default:
		out.State = "kept"
	}
	return out
}

func (e *env) printWitness(r witnessReport) error {
	bad := r.State == "failing" || r.State == "contradicts"
	if e.print.json {
		if err := e.print.value(r); err != nil {
			return err
		}
	} else {
		e.print.line("witness  %s", orDash(r.Witness))
		e.print.line("state    %s", r.State)
		e.print.line("kept     %d of %d signed entries", r.Kept, r.Signed)
		if r.KeptAt != nil {
			e.print.line("at       %s", r.KeptAt.Local().Format(time.DateTime))
		}
		if r.Since != nil {
			e.print.line("failing  since %s", r.Since.Local().Format(time.DateTime))
		}
		if r.Why != "" {
			e.print.line("why      %s", r.Why)
		}
	}
	if bad {
		return silent(exitFindings)
	}
	return nil
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
