package budget_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openclaw-go/openclaw/internal/budget"
	"github.com/openclaw-go/openclaw/internal/claw"
)

func TestNanos(t *testing.T) {
	t.Parallel()
	for dollars, want := range map[float64]int64{0: 0, -1: 0, 1: 1e9, 0.1: 1e8, 1e-10: 1, 1e300: math.MaxInt64,
		math.Inf(1): math.MaxInt64, math.NaN(): math.MaxInt64, math.Inf(-1): 0} {
		if got := budget.Nanos(dollars); got != want {
			t.Errorf("%v dollars are %d, want %d", dollars, got, want)
		}
	}
}

func TestDays(t *testing.T) {
	t.Parallel()
	berlin := time.FixedZone("CET", 3600)
	late := time.Date(2026, 11, 24, 23, 30, 0, 0, time.UTC)
	if d := budget.DayOf(late.In(berlin)); d != "2026-11-25" {
		t.Errorf("half past midnight in Berlin is on %s", d)
	}
	at, ok := budget.Day("2026-12-31").Ends(berlin)
	if want := time.Date(2027, 1, 1, 0, 0, 0, 0, berlin); !ok || !at.Equal(want) {
		t.Errorf("the year ends at %v", at)
	}
	for _, d := range []budget.Day{"", "2026-02-30", "today"} {
		if _, ok := d.Ends(time.UTC); ok {
			t.Errorf("%q is a day", d)
		}
	}
}

// TestClockSetBack: R50. Yesterday does not come back.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	l := budget.New()
	caps := budget.Caps{Calls: budget.Cap{Set: true, Max: 1}}
	l.Begin("2026-11-24")
	c := l.Reserve("main", one, caps, budget.Caps{})
	l.Settle(c.Ticket, c.Held)
	l.Begin("2026-11-25")
	if c = l.Reserve("main", one, caps, budget.Caps{}); c.Ticket == 0 {
		t.Fatal("a new day gives nothing")
	}
	if d := l.Begin("2026-11-24"); d != "2026-11-25" {
		t.Errorf("the clock was set back and %s counts", d)
	}
	if c := l.Reserve("main", one, caps, budget.Caps{}); c.Ticket != 0 {
		t.Error("a clock that was set back gave more")
	}
}

var one = budget.Spend{In: budget.Use{Calls: 1}}

// TestCapOfNothing: a cap of zero allows nothing of its kind and all of others.
func TestCapOfNothing(t *testing.T) {
	t.Parallel()
	l := budget.New()
	l.Begin("2026-11-24")
	caps := budget.Caps{Nanos: budget.Cap{Set: true}}
	if c := l.Reserve("main", budget.Spend{In: budget.Use{Tokens: 5000}}, caps, budget.Caps{}); c.Ticket == 0 {
		t.Error("a model that costs nothing is refused for its price")
	}
	if c := l.Reserve("main", budget.Spend{In: budget.Use{Tokens: 1, Nanos: 1}}, caps, budget.Caps{}); c.Ticket != 0 {
		t.Error("a cap of zero let something through")
	}
}

// TestReplyFits: as much of a reply as is left, and nothing when that is too
// little.
func TestReplyFits(t *testing.T) {
	t.Parallel()
	s := budget.Spend{In: budget.Use{Tokens: 1000, Nanos: 5000}, Each: budget.Use{Tokens: 1, Nanos: 25}, Least: 100, Most: 8192}
	for _, tc := range []struct {
		name  string
		caps  budget.Caps
		units int64
		ok    bool
	}{
		{"no cap", budget.Caps{}, 8192, true},
		{"wide", budget.Caps{Tokens: budget.Cap{Set: true, Max: 1 << 40}}, 8192, true},
		{"tokens", budget.Caps{Tokens: budget.Cap{Set: true, Max: 1500}}, 500, true},
		{"money", budget.Caps{Nanos: budget.Cap{Set: true, Max: 10000}}, 200, true},
		{"both", budget.Caps{Tokens: budget.Cap{Set: true, Max: 1150}, Nanos: budget.Cap{Set: true, Max: 10000}}, 150, true},
		{"just the least", budget.Caps{Tokens: budget.Cap{Set: true, Max: 1100}}, 100, true},
		{"too little", budget.Caps{Tokens: budget.Cap{Set: true, Max: 1099}}, 0, false},
	} {
		l := budget.New()
		l.Begin("2026-11-24")
		c := l.Reserve("main", s, tc.caps, budget.Caps{})
		if (c.Ticket != 0) != tc.ok || c.Units != tc.units {
			t.Errorf("%s: %d units, ticket %d; want %d, %v", tc.name, c.Units, c.Ticket, tc.units, tc.ok)
		}
		l = budget.New()
		l.Begin("2026-11-24")
		if c := l.Reserve("main", s, budget.Caps{}, tc.caps); c.Units != tc.units {
			t.Errorf("%s, of all agents together: %d units", tc.name, c.Units)
		}
	}
}

func uses(limit int64) *rapid.Generator[budget.Use] {
	return rapid.Custom(func(t *rapid.T) budget.Use {
		n := rapid.Int64Range(0, limit)
		return budget.Use{Tokens: n.Draw(t, "tokens"), Nanos: n.Draw(t, "nanos"), Calls: n.Draw(t, "calls"), Messages: n.Draw(t, "messages")}
	})
}

func caps(limit int64) *rapid.Generator[budget.Caps] {
	return rapid.Custom(func(t *rapid.T) budget.Caps {
		c := func(name string) budget.Cap {
			return budget.Cap{Set: rapid.Bool().Draw(t, name+" set"), Max: rapid.Int64Range(0, limit).Draw(t, name)}
		}
		return budget.Caps{Tokens: c("tokens"), Nanos: c("nanos"), Calls: c("calls"), Messages: c("messages")}
	})
}

func within(c budget.Caps, u budget.Use) error {
	for _, k := range []struct {
		name string
		cap  budget.Cap
		used int64
	}{{"tokens", c.Tokens, u.Tokens}, {"nanos", c.Nanos, u.Nanos}, {"calls", c.Calls, u.Calls}, {"messages", c.Messages, u.Messages}} {
		if k.cap.Set && k.used > k.cap.Max {
			return fmt.Errorf("%d %s with a cap of %d", k.used, k.name, k.cap.Max)
		}
	}
	return nil
}

// part is at most u.
func part(t *rapid.T, u budget.Use) budget.Use {
	n := func(name string, most int64) int64 { return rapid.Int64Range(0, most).Draw(t, name) }
	return budget.Use{Tokens: n("used tokens", u.Tokens), Nanos: n("used nanos", u.Nanos), Calls: n("used calls", u.Calls), Messages: n("used messages", u.Messages)}
}

// disk is a ledger at rest, line by line.
type disk struct{ bytes.Buffer }

func (d *disk) write(e budget.Entry) {
	b, err := json.Marshal(e)
	if err != nil {
		panic(err)
	}
	d.Write(append(b, '\n'))
}

// TestNeverMoreThanTheCap: whatever is set aside, settled and released in
// whatever order by whatever agents, with crashes between and at any byte of
// what was written, nobody uses more than the caps, and nothing that was used
// is forgotten.
func TestNeverMoreThanTheCap(t *testing.T) {
	t.Parallel()
	agents := []claw.AgentID{"main", "workbench", "third"}
	rapid.Check(t, func(t *rapid.T) {
		own := map[claw.AgentID]budget.Caps{}
		for _, a := range agents {
			own[a] = caps(50).Draw(t, string(a))
		}
		all := caps(100).Draw(t, "all")
		l := budget.New()
		l.Begin("2026-11-24")
		var at disk
		at.write(l.Whole()[0])
		open := map[budget.Ticket]budget.Claim{}
		order := []budget.Ticket{}
		used := map[claw.AgentID]budget.Use{} // what effects took, as an outsider saw it
		whose := map[budget.Ticket]claw.AgentID{}
		t.Repeat(map[string]func(*rapid.T){
			"reserve": func(t *rapid.T) {
				a := rapid.SampledFrom(agents).Draw(t, "agent")
				s := budget.Spend{In: uses(20).Draw(t, "in"), Each: uses(3).Draw(t, "each"), Least: rapid.Int64Range(0, 3).Draw(t, "least"), Most: rapid.Int64Range(0, 9).Draw(t, "most")}
				c := l.Reserve(a, s, own[a], all)
				if c.Ticket == 0 {
					_, over1 := own[a].Exceeds(c.Own, s.In.Plus(s.Each.Times(s.Least)))
					_, over2 := all.Exceeds(c.All, s.In.Plus(s.Each.Times(s.Least)))
					if !over1 && !over2 {
						t.Fatal("refused although it fits")
					}
					return
				}
				e, _ := l.Held(c.Ticket)
				at.write(e)
				open[c.Ticket], whose[c.Ticket] = c, a
				order = append(order, c.Ticket)
			},
			"settle": func(t *rapid.T) {
				if len(order) == 0 {
					return
				}
				i := rapid.IntRange(0, len(order)-1).Draw(t, "which")
				ticket := order[i]
				order = append(order[:i], order[i+1:]...)
				u := part(t, open[ticket].Held)
				agent, day, ok := l.Settle(ticket, u)
				if !ok || agent != whose[ticket] {
					t.Fatal("an open ticket cannot be settled")
				}
				if _, _, again := l.Settle(ticket, u); again {
					t.Fatal("a ticket was settled twice")
				}
				at.write(budget.Spent(ticket, agent, day, u))
				used[agent] = used[agent].Plus(u)
			},
			"crash": func(t *rapid.T) {
				// What is under way may have had its whole effect. What was
				// being written last may be there in part only.
				for _, ticket := range order {
					used[whose[ticket]] = used[whose[ticket]].Plus(open[ticket].Held)
				}
				order = nil
				torn := rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "torn")
				l = replay(t, append(bytes.Clone(at.Bytes()), bytes.ReplaceAll(torn, []byte("\n"), nil)...))
				l.Recover()
				at.Reset()
				for _, e := range l.Whole() {
					at.write(e)
				}
			},
			"": func(t *rapid.T) {
				var sum budget.Use
				for _, a := range agents {
					mine, together := l.Used(a)
					if err := within(own[a], mine); err != nil {
						t.Fatalf("agent %s: %v", a, err)
					}
					if err := within(all, together); err != nil {
						t.Fatalf("together: %v", err)
					}
					u := used[a]
					sum = sum.Plus(u)
					if err := within(budget.Caps{Tokens: budget.Cap{Set: true, Max: mine.Tokens}, Nanos: budget.Cap{Set: true, Max: mine.Nanos},
						Calls: budget.Cap{Set: true, Max: mine.Calls}, Messages: budget.Cap{Set: true, Max: mine.Messages}}, u); err != nil {
						t.Fatalf("agent %s used more than is known: %v", a, err)
					}
				}
				if err := within(all, sum); err != nil {
					t.Fatalf("together, as an outsider counts: %v", err)
				}
			},
		})
	})
}

// fataler is what replay needs of a test.
type fataler interface{ Fatalf(string, ...any) }

// replay reads whole lines; what stands behind the last of them is torn.
func replay(t fataler, data []byte) *budget.Ledger {
	l := budget.New()
	whole := data[:bytes.LastIndexByte(data, '\n')+1]
	for line := range bytes.Lines(whole) {
		var e budget.Entry
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if err := l.Apply(e); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	return l
}

// TestMoreThanSetAside: what was used is counted, also when it is more than
// anybody thought it could be; then nothing more is let through.
func TestMoreThanSetAside(t *testing.T) {
	t.Parallel()
	l := budget.New()
	l.Begin("2026-11-24")
	limit := budget.Caps{Tokens: budget.Cap{Set: true, Max: 100}}
	c := l.Reserve("main", budget.Spend{In: budget.Use{Tokens: 60}}, limit, budget.Caps{})
	l.Settle(c.Ticket, budget.Use{Tokens: 400})
	if own, _ := l.Used("main"); own.Tokens != 400 {
		t.Errorf("%d tokens are counted", own.Tokens)
	}
	if c := l.Reserve("main", budget.Spend{In: budget.Use{Tokens: 1}}, limit, budget.Caps{}); c.Ticket != 0 {
		t.Error("more was let through")
	}
}

// TestOverflow: sums that do not fit are the most there is, never less.
func TestOverflow(t *testing.T) {
	t.Parallel()
	l := budget.New()
	l.Begin("2026-11-24")
	huge := budget.Spend{In: budget.Use{Tokens: math.MaxInt64 - 1}}
	a := l.Reserve("main", huge, budget.Caps{}, budget.Caps{})
	b := l.Reserve("main", huge, budget.Caps{}, budget.Caps{})
	limit := budget.Caps{Tokens: budget.Cap{Set: true, Max: math.MaxInt64 - 1}}
	if c := l.Reserve("main", budget.Spend{In: budget.Use{Tokens: 1}}, limit, budget.Caps{}); c.Ticket != 0 {
		t.Error("a sum that does not fit let something through")
	}
	l.Settle(a.Ticket, budget.Use{})
	if own, _ := l.Used("main"); own.Tokens != math.MaxInt64-1 {
		t.Errorf("after one of two was released, %d are set aside", own.Tokens)
	}
	l.Settle(b.Ticket, budget.Use{})
	if c := l.Reserve("main", budget.Spend{In: budget.Use{Tokens: 3}, Each: budget.Use{Tokens: math.MaxInt64}, Least: 2, Most: 9}, limit, budget.Caps{}); c.Ticket != 0 {
		t.Error("a product that does not fit let something through")
	}
	if c := l.Reserve("main", budget.Spend{In: budget.Use{Calls: -1}}, budget.Caps{}, budget.Caps{}); c.Ticket != 0 {
		t.Error("an amount below zero was set aside")
	}
	c := l.Reserve("main", budget.Spend{}, budget.Caps{}, budget.Caps{})
	if _, _, ok := l.Settle(c.Ticket, budget.Use{Nanos: -5}); ok {
		t.Error("an amount below zero was settled")
	}
}

func TestOldDaysGo(t *testing.T) {
	t.Parallel()
	l := budget.New()
	for i := range 60 {
		l.Begin(budget.DayOf(time.Date(2026, 1, 1+i, 12, 0, 0, 0, time.UTC)))
		c := l.Reserve("main", one, budget.Caps{}, budget.Caps{})
		l.Settle(c.Ticket, c.Held)
	}
	if n := len(l.Days()); n != budget.KeepDays+1 {
		t.Errorf("%d days are kept", n)
	}
}

// FuzzApply: no ledger at rest makes it stop working, gives an amount below
// zero, or lets through more than a cap.
func FuzzApply(f *testing.F) {
	for _, s := range []string{
		`{"v":1,"op":"days","day":"2026-11-24","days":{"2026-11-24":{"main":{"tokens":5}}}}` + "\n" + `{"v":1,"op":"hold","id":1,"day":"2026-11-24","agent":"main","use":{"calls":1}}`,
		`{"v":1,"op":"spend","id":3,"day":"2026-11-24","agent":"main","use":{"nanos":9223372036854775807}}`,
		`{"v":2,"op":"days"}`, `{"v":1,"op":"hold","day":"x"}`, "null",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		l := budget.New()
		for line := range bytes.Lines(data) {
			var e budget.Entry
			if json.Unmarshal(line, &e) != nil || l.Apply(e) != nil {
				return
			}
		}
		if rest := l.Whole(); len(rest) > 0 && rest[0].Day != "" {
			again := budget.New()
			for _, e := range rest {
				if err := again.Apply(e); err != nil {
					t.Fatalf("what was written cannot be read: %v", err)
				}
			}
		}
		l.Recover()
		limit := budget.Caps{Calls: budget.Cap{Set: true, Max: 10}}
		c := l.Reserve("main", one, limit, limit)
		if own, all := l.Used("main"); own.Calls < 0 || all.Calls < own.Calls || c.Ticket != 0 && all.Calls > 10 {
			t.Fatalf("%d calls of %d", own.Calls, all.Calls)
		}
	})
}
