package budget

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// KeepDays is how many days before the present one stay in a ledger.
const KeepDays = 40

// Ticket names what is set aside. The zero value is nothing.
type Ticket uint64

// Claim is what a reservation came to.
type Claim struct {
	// Ticket is zero when nothing is set aside, since a cap forbids it.
	Ticket Ticket
	// Own and All are what the agent, and all agents together, had used and set
	// aside before.
	Own, All Use
	// Units that may come back (Spend.Each).
	Units int64
	// Held is what is set aside.
	Held Use
	Day  Day
}

// Ledger counts a day after the other. It is not safe for concurrent use. The
// zero value is not ready; see New.
type Ledger struct {
	day  Day
	days map[Day]map[claw.AgentID]Use // spent
	held map[Ticket]hold
	last Ticket
}

type hold struct {
	agent claw.AgentID
	day   Day
	use   Use
}

// New is an empty ledger.
func New() *Ledger {
	return &Ledger{days: map[Day]map[claw.AgentID]Use{}, held: map[Ticket]hold{}}
}

// Begin moves on to a day and gives the one that counts: time never runs back,
// so that a clock that was set back does not give a day's means again.
func (l *Ledger) Begin(d Day) Day {
	if d > l.day {
		l.day = d
		l.forget()
	}
	return l.day
}

// forget drops the days that are too old.
func (l *Ledger) forget() {
	t, err := time.Parse(time.DateOnly, string(l.day))
	if err != nil {
		return
	}
	oldest := DayOf(t.AddDate(0, 0, -KeepDays))
	for d := range l.days {
		if d < oldest {
			delete(l.days, d)
		}
	}
}

func (l *Ledger) spend(d Day, agent claw.AgentID, u Use) {
	if l.days[d] == nil {
		l.days[d] = map[claw.AgentID]Use{}
	}
	l.days[d][agent] = l.days[d][agent].Plus(u)
}

// Used is what an agent, and all agents together, have used and set aside on
// the present day.
func (l *Ledger) Used(agent claw.AgentID) (own, all Use) {
	add := func(id claw.AgentID, u Use) {
		if id == agent {
			own = own.Plus(u)
		}
		all = all.Plus(u)
	}
	for id, u := range l.days[l.day] {
		add(id, u)
	}
	for _, h := range l.held {
		if h.day == l.day {
			add(h.agent, h.use)
		}
	}
	return own, all
}

// Reserve sets aside what a request can come to at most, as far as the caps of
// the agent and those of all agents together leave it. Without a ticket the
// request must not be made.
func (l *Ledger) Reserve(agent claw.AgentID, s Spend, own, all Caps) Claim {
	c := Claim{Day: l.day}
	c.Own, c.All = l.Used(agent)
	if !s.In.valid() || !s.Each.valid() {
		return c
	}
	mine, ok := s.fit(own, c.Own)
	ours, ok2 := s.fit(all, c.All)
	if !ok || !ok2 {
		return c
	}
	c.Units = min(mine, ours)
	c.Held = s.In.Plus(s.Each.Times(c.Units))
	l.last++
	c.Ticket = l.last
	l.held[c.Ticket] = hold{agent: agent, day: l.day, use: c.Held}
	return c
}

// Settle replaces what was set aside by what was used, on the day on which it
// was set aside. It reports whose it was; ok is false for a ticket that is not
// open, and then nothing changes.
func (l *Ledger) Settle(t Ticket, used Use) (agent claw.AgentID, day Day, ok bool) {
	h, ok := l.held[t]
	if !ok || !used.valid() {
		return "", "", false
	}
	delete(l.held, t)
	l.spend(h.day, h.agent, used)
	return h.agent, h.day, true
}

// Days lists what agents have used, what is set aside included, by day.
func (l *Ledger) Days() map[Day]map[claw.AgentID]Use {
	out := map[Day]map[claw.AgentID]Use{}
	add := func(d Day, id claw.AgentID, u Use) {
		if u == (Use{}) {
			return
		}
		if out[d] == nil {
			out[d] = map[claw.AgentID]Use{}
		}
		out[d][id] = out[d][id].Plus(u)
	}
	for d, agents := range l.days {
		for id, u := range agents {
			add(d, id, u)
		}
	}
	for _, h := range l.held {
		add(h.day, h.agent, h.use)
	}
	return out
}

// Op of an entry.
type Op string

// Ops.
const (
	OpDays  Op = "days"  // Days and Day as they stand, first of a file
	OpHold  Op = "hold"  // Use is set aside
	OpSpend Op = "spend" // Use was spent; what was set aside under ID is free
)

// Entry is one line of a ledger at rest.
type Entry struct {
	Version int                          `json:"v"`
	Op      Op                           `json:"op"`
	ID      Ticket                       `json:"id,omitempty"`
	Day     Day                          `json:"day"`
	Agent   claw.AgentID                 `json:"agent,omitempty"`
	Use     Use                          `json:"use,omitzero"`
	Days    map[Day]map[claw.AgentID]Use `json:"days,omitempty"`
}

// Version of the entries.
const Version = 1

// Held is the entry for what a ticket has set aside.
func (l *Ledger) Held(t Ticket) (Entry, bool) {
	h, ok := l.held[t]
	return Entry{Version: Version, Op: OpHold, ID: t, Day: h.day, Agent: h.agent, Use: h.use}, ok
}

// Spent is the entry for what a ticket came to.
func Spent(t Ticket, agent claw.AgentID, day Day, used Use) Entry {
	return Entry{Version: Version, Op: OpSpend, ID: t, Day: day, Agent: agent, Use: used}
}

// Whole is the ledger in as few entries as can be: the days, then what is set
// aside.
func (l *Ledger) Whole() []Entry {
	first := Entry{Version: Version, Op: OpDays, ID: l.last, Day: l.day, Days: map[Day]map[claw.AgentID]Use{}}
	for d, agents := range l.days {
		first.Days[d] = maps.Clone(agents)
	}
	out := []Entry{first}
	for _, t := range slices.Sorted(maps.Keys(l.held)) {
		e, _ := l.Held(t)
		out = append(out, e)
	}
	return out
}

// Apply takes the next entry of a ledger at rest. After an error the ledger
// says nothing that may be relied on.
func (l *Ledger) Apply(e Entry) error {
	switch {
	case e.Version != Version:
		return fmt.Errorf("version is %d, expected %d", e.Version, Version)
	case !e.Use.valid():
		return errors.New("an amount is below zero")
	}
	if _, ok := e.Day.Ends(time.UTC); !ok {
		return fmt.Errorf("%q is no day", e.Day)
	}
	switch e.Op {
	case OpDays:
		return l.begin(e)
	case OpHold:
		if _, open := l.held[e.ID]; open || e.ID == 0 {
			return fmt.Errorf("ticket %d is set aside twice", e.ID)
		}
	case OpSpend:
	default: // what a later version may write cannot be counted
		return fmt.Errorf("op %q is not one of days, hold, spend", e.Op)
	}
	if e.Agent == "" {
		return errors.New("no agent is named")
	}
	l.Begin(e.Day)
	l.last = max(l.last, e.ID)
	if e.Op == OpHold {
		l.held[e.ID] = hold{agent: e.Agent, day: e.Day, use: e.Use}
		return nil
	}
	if h, open := l.held[e.ID]; open {
		if h.agent != e.Agent {
			return fmt.Errorf("ticket %d is of agent %q, not %q", e.ID, h.agent, e.Agent)
		}
		l.Settle(e.ID, e.Use)
		return nil
	}
	l.spend(e.Day, e.Agent, e.Use)
	return nil
}

// begin takes the days of a file's first entry.
func (l *Ledger) begin(e Entry) error {
	if len(l.days) > 0 || len(l.held) > 0 || l.last > 0 {
		return errors.New("the days stand behind other entries")
	}
	for d, agents := range e.Days {
		if _, ok := d.Ends(time.UTC); !ok {
			return fmt.Errorf("%q is no day", d)
		}
		for id, u := range agents {
			if !u.valid() || id == "" {
				return fmt.Errorf("the amount of agent %q on %s is not usable", id, d)
			}
			l.spend(d, id, u)
		}
	}
	l.last = e.ID
	l.Begin(e.Day)
	return nil
}

// Recover counts everything that is still set aside as spent: nobody knows what
// became of it.
func (l *Ledger) Recover() {
	for t, h := range l.held {
		l.Settle(t, h.use)
	}
}
