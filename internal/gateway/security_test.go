package gateway_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gateway"
	"github.com/openclaw-go/openclaw/internal/gateway/wire"
)

// auditing is a Posture that remembers which repairs it was asked for.
type auditing struct {
	vouching
	did []string
}

func (a *auditing) Audit(_ context.Context, progress func(string), by claw.Principal) (gateway.Audited, error) {
	progress("the files")
	a.did = append(a.did, "audit "+by.Standing.String())
	return gateway.Audited{AtMs: 5, Counts: gateway.Counts{Checks: 3, Fine: 1, Unmeasured: 1, NotApply: 1}}, nil
}

func (a *auditing) Checks(context.Context) (gateway.Checks, error) {
	return gateway.Checks{AtMs: 5, Rows: []gateway.CheckRow{{ID: "fs.x", Level: gateway.Unmeasured, Text: "may not look"}}}, nil
}

func (a *auditing) FixPlan(_ context.Context, finding string) (gateway.FixPlan, error) {
	return gateway.FixPlan{Finding: finding, Digest: "d1", Diff: []gateway.DiffLine{{Op: "-", Text: "0644 /x"}}, Left: []gateway.FixLeft{}}, nil
}

func (a *auditing) FixApply(_ context.Context, q gateway.FixQuery, by claw.Principal) (gateway.Fixed, error) {
	if q.Digest != "d1" {
		return gateway.Fixed{}, &gateway.Fault{Kind: gateway.Conflict, Message: "the home changed"}
	}
	a.did = append(a.did, "apply "+q.Finding+" "+by.Standing.String())
	return gateway.Fixed{OK: true}, nil
}

func (a *auditing) Fixes(context.Context) ([]gateway.FixRow, error) {
	return []gateway.FixRow{{ID: "f1", Digest: "d2"}}, nil
}

func (a *auditing) FixUndo(_ context.Context, q gateway.UndoQuery, by claw.Principal) (gateway.Fixed, error) {
	a.did = append(a.did, "undo "+q.ID+" "+by.Standing.String())
	return gateway.Fixed{OK: true}, nil
}

func (a *auditing) FixTold(_ context.Context, t gateway.FixTold, _ claw.Principal) error {
	a.did = append(a.did, "told "+t.What)
	return nil
}

// TestFixesNeedTheirScope: who may read sees plans and has the home checked
// again; a fix needs admin, taking one back needs a fresh sign-in besides.
func TestFixesNeedTheirScope(t *testing.T) {
	a := &auditing{}
	w := newWorld(t, func(o *gateway.Options) { o.Posture = a })
	reader := w.operator(wire.Read)
	var sum gateway.Audited
	reader.must("security.audit", nil, &sum)
	if sum.AtMs != 5 || sum.Counts.NotApply != 1 {
		t.Errorf("%+v", sum)
	}
	var steps []string
	for range 2 {
		steps = append(steps, string(reader.event(gateway.EventSecurityAudit).Payload))
	}
	if !strings.Contains(steps[0], `"the files"`) || !strings.Contains(steps[1], `"what":""`) {
		t.Errorf("progress was %q", steps)
	}
	var checks gateway.Checks
	reader.must("security.checks", nil, &checks)
	if len(checks.Rows) != 1 || checks.Rows[0].Level != gateway.Unmeasured {
		t.Errorf("%+v", checks)
	}
	reader.must("security.fix.plan", map[string]any{"finding": "x"}, nil)
	reader.must("security.fix.list", nil, nil)
	for method, params := range map[string]map[string]any{"security.fix.apply": {"finding": "x", "digest": "d1"}, "security.fix.undo": {"id": "f1", "digest": "d2"}, "security.fix.told": {"what": "fix"}} {
		for _, c := range []*client{reader, w.operator(wire.Read, wire.Write, wire.Approvals, wire.Pairing)} {
			if f := c.call(method, params); f.OK || f.Error.Code != wire.Forbidden {
				t.Errorf("%s without admin: %+v", method, f)
			}
		}
	}
	c := w.browser(7)
	for _, f := range []frame{c.call("security.fix.apply", map[string]any{"finding": "x"}), c.call("security.fix.undo", map[string]any{"id": "f1"})} {
		if f.OK || f.Error.Code != wire.InvalidRequest {
			t.Errorf("without a digest: %+v", f)
		}
	}
	if f := c.call("security.fix.apply", map[string]any{"finding": "x", "digest": "d0"}); f.OK || f.Error.Code != "CONFLICT" {
		t.Errorf("another plan: %+v", f)
	}
	c.must("security.fix.undo", map[string]any{"id": "f1", "digest": "d2"}, nil)
	w.clock.advance(16 * time.Minute)
	if f := c.call("security.fix.undo", map[string]any{"id": "f1", "digest": "d2"}); f.OK || f.Error.Details == nil || f.Error.Details.Rule != "gateway.not_confirmed" {
		t.Errorf("taken back without a fresh sign-in: %+v", f)
	}
	c.must("security.fix.apply", map[string]any{"finding": "x", "digest": "d1"}, nil) // it only tightens
	w.owner().must("security.fix.told", map[string]any{"what": "fix", "changes": []string{"chmod"}}, nil)
	if want := []string{"audit owner", "undo f1 owner", "apply x owner", "told fix"}; !slices.Equal(a.did, want) {
		t.Errorf("%q, expected %q", a.did, want)
	}
}
