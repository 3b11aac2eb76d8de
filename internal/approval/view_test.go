package approval

import (
	"reflect"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// TestR25DigestCoversTheView changes each field of a card by itself, found by
// reflection: what a person was shown is part of what is answered.
func TestR25DigestCoversTheView(t *testing.T) {
	full := func() View {
		return View{ID: "a", Seq: 1, Agent: "main", Session: "s", Tool: "exec", Headline: "h", Command: [][]string{{"x"}}, Text: "t", Content: "c",
			Warnings: []string{"w"}, Facts: []Fact{{Name: "n", Values: []string{"v"}}}, Rule: "r", Reason: "because", Hint: "hint", Where: claw.ConfigRef{Line: 1},
			Labels: []claw.Lineage{{From: "f"}}, AskedBy: "ana", LastHuman: "l", AgentSays: "says", IfAllowed: []string{"i"}, Created: time.Unix(1, 0), Expires: time.Unix(2, 0),
			Digest: "d", Request: "q", Scopes: []string{"once"}, NoMore: "no", Standing: &Standing{Looked: 1}, NoStanding: "none"}
	}
	request := policy.DigestOf(policy.Request{Nonce: "n"})
	seen := map[string]string{full().digest(request): "nothing"}
	add := func(d, what string) {
		if other, ok := seen[d]; ok {
			t.Errorf("changing %s gives the digest of changing %s", what, other)
		}
		seen[d] = what
	}
	add(full().digest(policy.DigestOf(policy.Request{Nonce: "m"})), "the request")
	for i := range reflect.TypeFor[View]().NumField() {
		v, name := full(), reflect.TypeFor[View]().Field(i).Name
		f := reflect.ValueOf(&v).Elem().Field(i)
		if f.IsZero() {
			t.Fatalf("%s is empty here", name)
		}
		f.SetZero()
		switch d := v.digest(request); {
		case name != "Digest" && name != "Expires":
			add(d, name)
		case seen[d] != "nothing":
			t.Errorf("%s is in its own digest", name)
		}
	}
}

// TestR25OnlyAnOwnersYesCounts: anybody may refuse, nobody else may allow, and
// a yes is no older than a question may become.
func TestR25OnlyAnOwnersYesCounts(t *testing.T) {
	f := newFixture()
	v, digest := f.ask(t, "s", "p")
	for _, standing := range []claw.Standing{0, claw.Stranger, claw.Paired} {
		if a, err := f.Answer(Reply{ID: v.ID, Decision: AllowOnce, By: claw.Principal{Standing: standing}}); err == nil {
			t.Errorf("%s: %+v", standing, a)
		}
	}
	if _, err := f.Answer(Reply{ID: v.ID, Decision: AllowOnce, By: ana}); err != nil {
		t.Fatal(err)
	}
	f.now = f.now.Add(DefaultExpiry + time.Second)
	if c, err := f.Take(v.ID, digest); err == nil {
		t.Errorf("an old answer gives %+v", c)
	}
	v, _ = f.ask(t, "s", "q")
	if a, err := f.Answer(Reply{ID: v.ID, Decision: DenyIt, By: claw.Principal{Standing: claw.Paired}}); err != nil || a.State != Denied {
		t.Errorf("%+v, %v", a, err)
	}
}
