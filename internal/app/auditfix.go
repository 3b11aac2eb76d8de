package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/openclaw-go/openclaw/internal/audit"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/remedy"
)

// FixPlan is what a fix would do, as people are shown it.
type FixPlan struct {
	audit.Plan
	// Digest names the changes and the files that they start from.
	Digest string
	// Diff is safe of credentials; whoever shows it escapes it.
	Diff []remedy.Line
	// Texts are the changes in words, safe in the same way.
	Texts []string
}

// PlanFix works out what a fix does about the findings of a report.
func PlanFix(in Looked, r audit.Report) FixPlan {
	p := FixPlan{Plan: audit.PlanFor(in.Input, r)}
	p.Diff = remedy.Lines(p.Changes, in.Redact)
	base := ""
	for _, c := range p.Changes {
		p.Texts = append(p.Texts, in.masked(c.String()))
		if c.Kind == audit.Set && in.Loaded != nil {
			base = in.Loaded.Hash
		}
	}
	p.Digest = digestOf(base, p.Changes)
	return p
}

func (in Looked) masked(text string) string {
	if in.Redact == nil {
		return text
	}
	return in.Redact(text)
}

// digestOf names changes and what they start from.
func digestOf(base string, changes []audit.Change) string {
	b, err := json.Marshal(struct {
		Base    string
		Changes []audit.Change
	}{base, changes})
	if err != nil {
		panic("BUG(openclaw): changes of a fix: " + err.Error())
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// FixNote is what the journal is told of a fix.
type FixNote struct {
	// What is fix and undo before the act, fixed and undone after it.
	What    string   `json:"what"`
	Changes []string `json:"changes,omitempty"`
	Failed  []string `json:"failed,omitempty"`
}

// Fixer makes fixes in one home.
type Fixer struct {
	Paths   configfile.Paths
	Options configfile.Options
	// Mask hides credentials in what is told; nil leaves it.
	Mask func(string) string
	// Tell has the journal know. An error before the act stops it.
	Tell func(FixNote) error
}

// Apply makes the changes of a plan.
func (f Fixer) Apply(p FixPlan, now time.Time) ([]remedy.Done, error) {
	if len(p.Changes) == 0 {
		return nil, nil
	}
	if err := f.Tell(FixNote{What: "fix", Changes: few(p.Texts)}); err != nil {
		return nil, fmt.Errorf("the journal could not be written, so nothing was changed: %w", err)
	}
	done, err := remedy.Apply(f.Paths, f.Options, p.Changes, now)
	if err != nil {
		return nil, err
	}
	return done, f.Tell(f.outcome("fixed", done))
}

// Undo takes a fix back. base is the hash of the configuration that it starts
// from, "" for whatever is there.
func (f Fixer) Undo(fix remedy.Fix, base string) (remedy.Undone, error) {
	n := FixNote{What: "undo"}
	for _, c := range remedy.Reversed(fix.Changes) {
		n.Changes = append(n.Changes, f.mask(c.String()))
	}
	n.Changes = few(n.Changes)
	if err := f.Tell(n); err != nil {
		return remedy.Undone{}, fmt.Errorf("the journal could not be written, so nothing was changed: %w", err)
	}
	out, err := remedy.Undo(f.Paths, f.Options, fix.ID, base)
	if err != nil {
		return out, err
	}
	return out, f.Tell(f.outcome("undone", out.Done))
}

func (f Fixer) outcome(what string, done []remedy.Done) FixNote {
	n := FixNote{What: what}
	for _, d := range done {
		if d.OK {
			n.Changes = append(n.Changes, f.mask(d.String()))
		} else {
			n.Failed = append(n.Failed, f.mask(d.String()+": "+d.Err))
		}
	}
	n.Changes, n.Failed = few(n.Changes), few(n.Failed)
	return n
}

// maxNoted bounds what an entry of the journal lists; the fix's own record has
// all of it.
const maxNoted = 200

func few(texts []string) []string {
	if len(texts) <= maxNoted {
		return texts
	}
	return append(slices.Clone(texts[:maxNoted]), fmt.Sprintf("and %d more", len(texts)-maxNoted))
}

func (f Fixer) mask(text string) string {
	if f.Mask == nil {
		return text
	}
	return f.Mask(text)
}

// NoteFix writes what became of a fix into the record of a home whose gateway
// does not run.
func NoteFix(ctx context.Context, p configfile.Paths, env func(string) (string, bool), n FixNote) error {
	l, err := configfile.Load(p, configfile.Options{Env: env})
	if err != nil {
		return err
	}
	return note(ctx, p, l.Config, journal.Entry{Event: journal.Security, Principal: operatorAct, Data: n})
}
