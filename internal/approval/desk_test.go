package approval

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/policy"
)

type fixture struct {
	*Desk
	now time.Time
	n   int
}

func newFixture() *fixture {
	f := &fixture{now: time.Date(2026, 4, 8, 14, 0, 0, 0, time.UTC)}
	f.Desk = NewDesk(Options{Now: func() time.Time { return f.now }, NewID: func() claw.ApprovalID { f.n++; return claw.ApprovalID(fmt.Sprint("a", f.n)) }})
	return f
}

func (f *fixture) ask(t *testing.T, session, pattern string) (View, policy.Digest) {
	t.Helper()
	d := policy.DigestOf(policy.Request{Nonce: pattern + fmt.Sprint(f.n)})
	v, err := f.Ask(Question{View: View{Session: claw.SessionKey(session), Scopes: []string{"once", "session"}}, Digest: d, Pattern: pattern, Labels: claw.Private})
	if err != nil {
		t.Fatal(err)
	}
	return v, d
}

var ana = claw.Principal{Surface: claw.SurfaceWebchat, Standing: claw.Owner, Sender: "ana"}

func TestConsentIsSingleUseAndBoundToTheDigest(t *testing.T) {
	f := newFixture()
	v, digest := f.ask(t, "s", "p")
	if _, err := f.Take(v.ID, digest); err == nil {
		t.Fatal("an open question gave a consent")
	}
	if _, err := f.Answer(Reply{ID: v.ID, Decision: AllowOnce, Digest: v.Digest, By: ana}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Take(v.ID, policy.DigestOf(policy.Request{Nonce: "other"})); !errors.Is(err, ErrChanged) {
		t.Fatalf("another digest: %v", err)
	}
	if _, err := f.Take(v.ID, digest); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Take(v.ID, digest); !errors.Is(err, ErrNotAllowed) {
		t.Fatalf("second take: %v", err)
	}
}

func TestAnswerForAnotherCardLeavesTheQuestionOpen(t *testing.T) {
	f := newFixture()
	v, _ := f.ask(t, "s", "p")
	if _, err := f.Answer(Reply{ID: v.ID, Decision: AllowOnce, Digest: "00", By: ana}); !errors.Is(err, ErrChanged) {
		t.Fatal(err)
	}
	if len(f.Waiting()) != 1 {
		t.Fatal("the question is gone")
	}
}

func TestFirstAnswerWinsUnderRace(t *testing.T) {
	f := newFixture()
	v, digest := f.ask(t, "s", "p")
	var wg sync.WaitGroup
	var mu sync.Mutex
	won := []string{}
	for _, dec := range []string{DenyIt, AllowOnce, DenyIt, AllowOnce} {
		wg.Add(1)
		go func() {
			defer wg.Done()
			_, err := f.Answer(Reply{ID: v.ID, Decision: dec, By: ana})
			var late *LateError
			switch {
			case err == nil:
				mu.Lock()
				won = append(won, dec)
				mu.Unlock()
			case !errors.As(err, &late):
				t.Error(err)
			}
		}()
	}
	wg.Wait()
	if len(won) != 1 {
		t.Fatalf("winners: %v", won)
	}
	_, err := f.Take(v.ID, digest)
	if (won[0] == AllowOnce) != (err == nil) {
		t.Fatalf("winner %s, take: %v", won[0], err)
	}
}

func TestExpiryIsDenialAndExtensionIsBounded(t *testing.T) {
	f := newFixture()
	v, digest := f.ask(t, "s", "p")
	var events []Event
	f.Subscribe(func(e Event) { events = append(events, e) })
	for range MaxExtensions {
		if _, err := f.Extend(v.ID); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.Extend(v.ID); !errors.Is(err, ErrNoExtension) {
		t.Fatal(err)
	}
	f.now = f.now.Add(59 * time.Minute)
	if next := f.Expire(); next.IsZero() || len(events) != 0 {
		t.Fatalf("expired too early: %v", events)
	}
	f.now = f.now.Add(2 * time.Minute)
	if next := f.Expire(); !next.IsZero() || len(events) != 1 || events[0].Answer.State != Expired {
		t.Fatalf("events %v", events)
	}
	var late *LateError
	if _, err := f.Answer(Reply{ID: v.ID, Decision: AllowOnce, By: ana}); !errors.As(err, &late) {
		t.Fatal(err)
	}
	if _, err := f.Take(v.ID, digest); err == nil {
		t.Fatal("an expired question gave a consent")
	}
}

func TestSessionGrantHoldsOnlyForShownLabels(t *testing.T) {
	f := newFixture()
	v, digest := f.ask(t, "s", "p")
	if _, ok := f.Granted("s", "p", claw.Private, digest); ok {
		t.Fatal("granted before the answer")
	}
	if _, err := f.Answer(Reply{ID: v.ID, Decision: AllowAlways, Scope: "session", By: ana}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		session, pattern string
		labels           claw.Labels
		want             bool
	}{{"s", "p", 0, true}, {"s", "p", claw.Private, true}, {"s", "p", claw.Private | claw.Untrusted, false}, {"s", "q", 0, false}, {"t", "p", 0, false}} {
		if _, ok := f.Granted(claw.SessionKey(c.session), c.pattern, c.labels, digest); ok != c.want {
			t.Errorf("%+v: %v", c, ok)
		}
	}
	f.Forget("s")
	if _, ok := f.Granted("s", "p", 0, digest); ok {
		t.Fatal("a reset session kept its grant")
	}
}

// R24: nobody is worn down, by many questions at once, by one after the other,
// by the same again, by much the same, or by whatever else may come after
// several denials.
func TestR24FloodIsBoundedAndDeniedCallsStayDenied(t *testing.T) {
	f := newFixture()
	for i := range DefaultPerSession {
		f.ask(t, "s", fmt.Sprint(i))
	}
	if _, err := f.Ask(Question{View: View{Session: "s"}}); !errors.Is(err, ErrTooMany) {
		t.Fatal(err)
	}
	deny := func(session claw.SessionKey, pattern, near, reason string) {
		t.Helper()
		v, err := f.Ask(Question{View: View{Session: session}, Pattern: pattern, Near: near})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Answer(Reply{ID: v.ID, Decision: DenyIt, By: ana, Reason: reason}); err != nil {
			t.Fatal(err)
		}
	}
	may := func(session claw.SessionKey, pattern, near string, want error) {
		t.Helper()
		if err := f.May(session, pattern, near); !errors.Is(err, want) {
			t.Errorf("%s %s %s: %v, want %v", session, pattern, near, err, want)
		}
	}
	deny("other", "p", "n", "")
	may("other", "p", "", ErrDenied)
	may("other", "q", "n", ErrNear)
	may("other", "q", "m", nil)
	may("other", "q", "", nil)
	may("third", "p", "n", nil)
	// A reason is an instruction: what follows it may be alike.
	deny("other", "r", "m", "rather in the other folder")
	may("other", "q", "m", nil)
	may("other", "r", "m", ErrDenied)
	for i := 2; i < PauseAfter; i++ {
		deny("other", fmt.Sprint("x", i), "", "")
	}
	may("other", "anything", "", ErrPaused)
	f.Spoke("other")
	may("other", "anything", "n", nil)
	may("other", "p", "", ErrDenied)
	f.Forget("other")
	may("other", "p", "n", nil)
}

// An answer that lets something through shows that somebody is content.
func TestAnAllowedCallEndsTheCount(t *testing.T) {
	f := newFixture()
	for i := range 3 * PauseAfter {
		v, _ := f.ask(t, "s", fmt.Sprint(i))
		word := DenyIt
		if i%PauseAfter == PauseAfter-2 {
			word = AllowOnce
		}
		if _, err := f.Answer(Reply{ID: v.ID, Decision: word, By: ana}); err != nil {
			t.Fatal(err)
		}
	}
}

// At most so many questions in an hour, however they were answered.
func TestQuestionsOfAnHour(t *testing.T) {
	f := newFixture()
	for i := range DefaultPerHour {
		v, _ := f.ask(t, "s", fmt.Sprint(i))
		if _, err := f.Answer(Reply{ID: v.ID, Decision: AllowOnce, By: ana}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.Ask(Question{View: View{Session: "s"}, Pattern: "one more"}); !errors.Is(err, ErrTooOften) {
		t.Fatal(err)
	}
	if _, err := f.Ask(Question{View: View{Session: "another"}, Pattern: "one more"}); err != nil {
		t.Fatal(err)
	}
	f.now = f.now.Add(time.Hour + time.Second)
	if _, err := f.Ask(Question{View: View{Session: "s"}, Pattern: "one more"}); err != nil {
		t.Fatal(err)
	}
}

func TestScopeMustBeOffered(t *testing.T) {
	f := newFixture()
	v, err := f.Ask(Question{View: View{Session: "s", Scopes: []string{"once"}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, scope := range []string{ScopeSession, ScopeAgent, ScopeAlways, "x"} {
		if _, err := f.Answer(Reply{ID: v.ID, Decision: AllowAlways, Scope: scope, By: ana}); !errors.Is(err, ErrScope) {
			t.Fatal(scope, err)
		}
	}
	if _, err := f.Answer(Reply{ID: v.ID, Decision: "yes", By: ana}); err == nil {
		t.Fatal("an unknown word was taken for an answer")
	}
	// Upstream's clients name no scope: they get the widest that is offered.
	if a, err := f.Answer(Reply{ID: v.ID, Decision: AllowAlways, By: ana}); err != nil || a.Scope != ScopeOnce {
		t.Fatal(a, err)
	}
}

func TestScopeOfAnAgentEnds(t *testing.T) {
	f := newFixture()
	all := []string{ScopeOnce, ScopeSession, ScopeAgent, ScopeAlways}
	for _, c := range []struct {
		scope string
		d     time.Duration
		ok    bool
	}{{ScopeAgent, 4 * time.Hour, true}, {ScopeAgent, 0, true}, {ScopeAgent, time.Second, false}, {ScopeAgent, -time.Hour, false},
		{ScopeAgent, MaxFor + 1, false}, {ScopeAlways, time.Hour, false}, {ScopeSession, time.Hour, false}, {"", time.Hour, false}} {
		v, err := f.Ask(Question{View: View{Session: claw.SessionKey(fmt.Sprint(c)), Scopes: all}})
		if err != nil {
			t.Fatal(err)
		}
		a, err := f.Answer(Reply{ID: v.ID, Decision: AllowAlways, Scope: c.scope, For: c.d, By: ana})
		if c.ok != (err == nil) || err != nil && !errors.Is(err, ErrScope) {
			t.Errorf("%q for %s: %v", c.scope, c.d, err)
		}
		want := c.d
		if want == 0 {
			want = DefaultFor
		}
		if c.ok && !a.Until.Equal(f.now.Add(want)) {
			t.Errorf("%q for %s ends at %s", c.scope, c.d, a.Until)
		}
	}
}
