package agent

import (
	"slices"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gate"
)

// keepLineage bounds the places that a session remembers for its labels; those
// that brought a label first are always kept.
const keepLineage = 100

// brought are labels on their way into a session.
type brought struct {
	labels claw.Labels
	from   string
	note   string // what was found in the text
	// passed on with the labels: where they came from before.
	passed []claw.Lineage
}

func broughtBy(out gate.Outcome) brought {
	return brought{labels: out.Labels, from: out.From, note: out.Note}
}

// taint adds labels to the session; they only grow. What brings a label that is
// there already is remembered too, so that a person sees every place it came
// from.
func (t *turnState) taint(b brought) error {
	fresh := b.labels &^ t.labels
	var add []claw.Lineage
	for _, bit := range []claw.Labels{claw.Untrusted, claw.Private, claw.Secret} {
		if !b.labels.Has(bit) {
			continue
		}
		n := len(add)
		for _, p := range b.passed {
			if p.Label.Has(bit) {
				add = append(add, claw.Lineage{Label: bit, From: p.From, Entry: p.Entry, Time: p.Time, Note: p.Note})
			}
		}
		if len(add) > n {
			continue
		}
		l := claw.Lineage{Label: bit, From: b.from, Entry: string(t.id), Time: t.opt.Now().UTC()}
		if bit == claw.Untrusted {
			l.Note = b.note
		}
		add = append(add, l)
	}
	add = slices.DeleteFunc(add, func(l claw.Lineage) bool { return !fresh.Has(l.Label) && t.remembers(l) })
	if len(add) == 0 {
		return nil
	}
	if err := t.opt.Sessions.AddLabels(t.turn.Session, add); err != nil {
		return err
	}
	t.labels |= fresh
	t.lineage = append(t.lineage, add...)
	if fresh != 0 || b.note != "" {
		t.emit(t.run, Event{Kind: KindLabel, Labels: t.labels, Lineage: add})
	}
	return nil
}

// remembers reports whether a place is known already, or no more can be kept.
func (t *turnState) remembers(l claw.Lineage) bool {
	return len(t.lineage) >= keepLineage || slices.ContainsFunc(t.lineage, func(o claw.Lineage) bool {
		return o.Label.Has(l.Label) && o.From == l.From && (l.Note == "" || o.Note == l.Note)
	})
}
