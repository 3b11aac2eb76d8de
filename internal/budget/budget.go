// Package budget tells when an agent has had enough of a day's means or of the
// same call. It refuses what would exceed a cap, what cannot be counted, an
// amount below zero, a way back to an earlier day.
package budget

import (
	"math"
	"time"
)

// Use is an amount of everything that is counted. The zero value is nothing.
type Use struct {
	// Tokens of models, read and written.
	Tokens int64 `json:"tokens,omitempty"`
	// Nanos is money in billionths of a US dollar.
	Nanos int64 `json:"nanos,omitempty"`
	// Calls of tools that were let through.
	Calls int64 `json:"calls,omitempty"`
	// Messages that left for a conversation.
	Messages int64 `json:"messages,omitempty"`
	// Unpriced are the tokens of models without a known price: with any, Nanos
	// is less than what was spent.
	Unpriced int64 `json:"unpriced,omitempty"`
}

// Plus is the sum; what does not fit is the largest number there is.
func (u Use) Plus(v Use) Use {
	return Use{Tokens: plus(u.Tokens, v.Tokens), Nanos: plus(u.Nanos, v.Nanos), Calls: plus(u.Calls, v.Calls),
		Messages: plus(u.Messages, v.Messages), Unpriced: plus(u.Unpriced, v.Unpriced)}
}

// Times is n of it.
func (u Use) Times(n int64) Use {
	return Use{Tokens: times(u.Tokens, n), Nanos: times(u.Nanos, n), Calls: times(u.Calls, n),
		Messages: times(u.Messages, n), Unpriced: times(u.Unpriced, n)}
}

// valid reports whether no amount is below zero.
func (u Use) valid() bool {
	return u.Tokens >= 0 && u.Nanos >= 0 && u.Calls >= 0 && u.Messages >= 0 && u.Unpriced >= 0
}

func plus(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

func times(a, n int64) int64 {
	if a <= 0 || n <= 0 {
		return 0
	}
	if a > math.MaxInt64/n {
		return math.MaxInt64
	}
	return a * n
}

// perDollar is how many Nanos a dollar has.
const perDollar = 1e9

// Nanos of an amount in dollars, rounded up: what cannot be told exactly costs
// more, never less. What is no number is the most there is.
func Nanos(dollars float64) int64 {
	switch n := math.Ceil(dollars * perDollar); {
	case n <= 0:
		return 0
	case n < math.MaxInt64:
		return int64(n)
	}
	return math.MaxInt64
}

// Dollars is the amount for people to read.
func Dollars(nanos int64) float64 { return float64(nanos) / perDollar }

// Kind of what is counted.
type Kind uint8

// Kinds. The zero value is none of them.
const (
	None Kind = iota
	Tokens
	Cost
	Calls
	Messages
)

// Of is the amount of one kind.
func (k Kind) Of(u Use) int64 {
	switch k {
	case Tokens:
		return u.Tokens
	case Cost:
		return u.Nanos
	case Calls:
		return u.Calls
	case Messages:
		return u.Messages
	case None:
	}
	return 0
}

// Cap is the most of something. Without Set there is none; a set cap of zero
// allows nothing.
type Cap struct {
	Set bool
	Max int64
}

// Caps of a day.
type Caps struct{ Tokens, Nanos, Calls, Messages Cap }

// Limited reports whether there is any cap.
func (c Caps) Limited() bool { return c.Tokens.Set || c.Nanos.Set || c.Calls.Set || c.Messages.Set }

// lets reports whether want may be added to before. A kind of which nothing is
// wanted is not asked about.
func (c Cap) lets(before, want int64) bool {
	return !c.Set || want <= 0 || plus(before, want) <= c.Max
}

// Exceeds names the first cap that want on top of before would exceed.
func (c Caps) Exceeds(before, want Use) (Kind, bool) {
	switch {
	case !c.Tokens.lets(before.Tokens, want.Tokens):
		return Tokens, true
	case !c.Nanos.lets(before.Nanos, want.Nanos):
		return Cost, true
	case !c.Calls.lets(before.Calls, want.Calls):
		return Calls, true
	case !c.Messages.lets(before.Messages, want.Messages):
		return Messages, true
	}
	return None, false
}

// Spend is what one request can come to: In in any case, and Each for every
// unit of what comes back, of which there are at least Least and at most Most.
type Spend struct {
	In, Each    Use
	Least, Most int64
}

// Floor is what must be affordable for the request to make sense.
func (s Spend) Floor() Use { return s.In.Plus(s.Each.Times(s.Least)) }

// fit is the largest number of units within what the caps leave, ok false when
// not even the least fits.
func (s Spend) fit(c Caps, before Use) (units int64, ok bool) {
	if _, over := c.Exceeds(before, s.Floor()); over {
		return 0, false
	}
	units = max(s.Least, s.Most)
	for _, k := range []struct {
		cap              Cap
		before, in, each int64
	}{
		{c.Tokens, before.Tokens, s.In.Tokens, s.Each.Tokens},
		{c.Nanos, before.Nanos, s.In.Nanos, s.Each.Nanos},
		{c.Calls, before.Calls, s.In.Calls, s.Each.Calls},
		{c.Messages, before.Messages, s.In.Messages, s.Each.Messages},
	} {
		if k.cap.Set && k.each > 0 {
			units = min(units, max(0, k.cap.Max-plus(k.before, k.in))/k.each)
		}
	}
	return units, true
}

// Day is a day of the calendar where the gateway is, "2026-11-24".
type Day string

// DayOf is the day of a moment in that moment's own time zone.
func DayOf(t time.Time) Day { return Day(t.Format(time.DateOnly)) }

// Ends is the first moment after the day, ok false for what is no day.
func (d Day) Ends(where *time.Location) (at time.Time, ok bool) {
	t, err := time.ParseInLocation(time.DateOnly, string(d), time.UTC)
	if err != nil {
		return time.Time{}, false
	}
	return time.Date(t.Year(), t.Month(), t.Day()+1, 0, 0, 0, 0, where), true
}
