package inbox_test

import (
	"slices"
	"testing"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/inbox"
)

// TestR36JobBringsItsLineage: a job's message begins with the labels of the
// session that made it and with the places that they came from, and with both
// its text is quoted.
func TestR36JobBringsItsLineage(t *testing.T) {
	h := newHouse()
	from := []claw.Lineage{{Label: claw.Untrusted, From: "web page a"}}
	_, _, err := h.Receive(t.Context(), inbox.Message{Principal: claw.Principal{Surface: claw.SurfaceCron, Standing: claw.Owner},
		Text: "the nightly summary", Labels: claw.Untrusted, Lineage: from, Unattended: true})
	if err != nil || len(h.turns) != 1 {
		t.Fatalf("%d turns, %v", len(h.turns), err)
	}
	turn := h.turns[0]
	if !turn.Labels.Has(claw.Untrusted) || !slices.Equal(turn.Lineage, from) || !turn.Unattended || turn.Said != "" || turn.Text[0] != '<' {
		t.Errorf("%+v", turn)
	}
}
