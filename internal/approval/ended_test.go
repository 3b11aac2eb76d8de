package approval

import (
	"errors"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// TestEndedGrantsNothing: what ended elsewhere can be looked at, and neither
// answered nor turned into a consent; what claims to have been allowed is not
// entered.
func TestEndedGrantsNothing(t *testing.T) {
	d := NewDesk(Options{Now: time.Now, NewID: func() claw.ApprovalID { return "x" }})
	told := 0
	d.Subscribe(func(Event) { told++ })
	d.Ended(View{ID: "old"}, Answer{State: Expired, Reason: "the gateway restarted"})
	d.Ended(View{ID: "forged"}, Answer{State: Allowed})
	d.Ended(View{ID: "open"}, Answer{State: Waiting})
	if _, a, err := d.Get("old"); err != nil || a.State != Expired || a.Reason != "the gateway restarted" {
		t.Errorf("%+v, %v", a, err)
	}
	for _, id := range []claw.ApprovalID{"forged", "open"} {
		if _, _, err := d.Get(id); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s: %v", id, err)
		}
	}
	var late *LateError
	if _, err := d.Answer(Reply{ID: "old", Decision: AllowOnce}); !errors.As(err, &late) {
		t.Errorf("answered: %v", err)
	}
	if _, err := d.Take("old", policy.Digest{}); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("taken: %v", err)
	}
	if told != 0 || len(d.Waiting()) != 0 {
		t.Errorf("told %d, waiting %v", told, d.Waiting())
	}
}
