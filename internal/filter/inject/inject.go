// Package inject looks for text that tries to give orders to a model. It
// refuses to be a boundary: what it finds is a mark for the model and for a
// person, and what it does not find is no permission.
package inject

import (
	"math"
	"slices"
)

// Threshold is the score from which a text counts as an attempt.
const Threshold = 6

// Signal is one sign at the bytes [Start, End) of the text that was looked at.
// What was found by decoding spans the encoded piece.
type Signal struct {
	Rule   string `json:"rule"`
	Start  int    `json:"start"`
	End    int    `json:"end"`
	Weight int    `json:"weight"`
}

// strong is the weight from which a sign says something by itself. The weaker
// ones are ordinary words: near a strong one they add up to weakSum at most,
// alone they are nothing.
const (
	strong  = 4
	weakSum = 4
)

// Report is what a text shows. Score grows with how much its worst stretch is
// like those that give orders.
type Report struct {
	Score   int      `json:"score"`
	Signals []Signal `json:"signals"`
}

// Marked reports whether the text counts as an attempt.
func (r Report) Marked() bool { return r.Score >= Threshold }

// Likeness is the rule of the sign that a marked text has: its worst stretch, as
// a whole, is like those that give orders.
const Likeness = "likeness"

// plain is the sum of signs from which a stretch is not compared with others.
const plain = 8

// Limits. What is encoded is decoded to maxDepth; of one text maxSignals are
// kept.
const (
	maxDepth   = 2
	maxSignals = 256
)

// Look reads a text once for each way in which it may be written.
func Look(text string) Report {
	l := &looker{}
	t := l.look(text)
	return l.report(t)
}

// found is a signal with the word at which it stands.
type found struct {
	Signal
	at int
}

type looker struct {
	found []found
	// seen: how many times each rule was kept.
	seen map[string]int
}

// add keeps a signal. A rule that stands everywhere is kept a few times only.
func (l *looker) add(rule string, weight, start, end, at int) {
	if weight <= 0 || len(l.found) >= maxSignals || l.seen[rule] >= 16 {
		return
	}
	if l.seen == nil {
		l.seen = map[string]int{}
	}
	l.seen[rule]++
	l.found = append(l.found, found{Signal{Rule: rule, Start: start, End: end, Weight: weight}, at})
}

// report judges each stretch; the worst one makes the score. A text without
// any sign has no score, whatever kinds of words stand together in it.
func (l *looker) report(t tokens) Report {
	r := Report{}
	for _, f := range l.found {
		r.Signals = append(r.Signals, f.Signal)
	}
	worst, lo, hi := math.MinInt, 0, 0 // over the stretches
	l.stretches(t, func(s *stretch) {
		z := s.judge()
		if s.score >= plain {
			z = max(z, (s.score-plain)*weightPoint)
		}
		if z > worst {
			worst, lo, hi = z, s.lo, s.hi
		}
	})
	r.Score = max(0, Threshold+worst/weightPoint)
	switch {
	case worst == math.MinInt:
		return Report{}
	case worst < 0:
		r.Score = min(r.Score, Threshold-1)
	case lo < hi:
		r.Signals = append(r.Signals, Signal{Likeness, t.words[lo].start, t.words[hi-1].end, min(1+worst/weightPoint, 4)})
	}
	return r
}

// look reads a text and sorts what was found by its place.
func (l *looker) look(text string) tokens {
	t := l.view(text, 0)
	slices.SortStableFunc(l.found, func(a, b found) int { return a.at - b.at })
	return t
}

// view looks at the text itself.
func (l *looker) view(text string, depth int) tokens {
	t := split(text)
	l.rules(t)
	l.shape(text, t)
	if depth < maxDepth {
		l.hidden(text, t, depth)
	}
	return t
}

// decoded looks at another reading of text[start:end], whose first word is the
// at-th of the original. Only a reading that says something by itself counts;
// then its having been hidden weighs too.
func (l *looker) decoded(text string, start, end, at, depth int) {
	sub := &looker{}
	_ = sub.view(text, depth)
	score := 0
	best := map[string]int{}
	for _, f := range sub.found {
		best[f.Rule] = max(best[f.Rule], f.Weight)
	}
	for _, w := range best {
		if w >= strong || w == 3 && len(text) < 400 {
			score = max(score, w)
		}
	}
	if score == 0 {
		return
	}
	l.add("encoded", 3, start, end, at)
	for _, f := range sub.found {
		if f.Weight >= 3 {
			l.add(f.Rule, max(f.Weight, strong), start, end, at)
		}
	}
}

// rules looks for the signs that words give.
func (l *looker) rules(t tokens) {
	if t.classes == 0 {
		return
	}
	for i, w := range t.words {
		if w.class == 0 {
			continue
		}
		best := 0
		for n := range wordRules {
			r := &wordRules[n]
			if w.class&r.first == 0 || t.classes&r.needs() != r.needs() {
				continue
			}
			if j, ok := r.match(t, i); ok {
				lo, hi := min(i, j), max(i, j)
				weight := t.discount(lo, hi, t.weigh(r, i))
				// What one verb says counts once.
				if weight >= 3 {
					if best >= weight {
						weight = 1
					}
					best = max(best, weight)
				}
				l.add(r.id, weight, t.words[lo].start, t.words[hi].end, lo)
			}
		}
		l.address(t, i)
		l.phrases(t, i)
	}
}

// declares are the words before a "not" that tells and does not forbid.
func declares(w string) bool {
	switch w {
	case "does", "did", "has", "was", "will", "can", "is", "are", "were", "have", "had", "could", "would":
		return true
	}
	return false
}

// tells are the words before "do not" that make it a statement.
func tells(w string) bool {
	switch w {
	case "we", "i", "they", "you", "it", "that", "which", "who", "people", "users":
		return true
	}
	return false
}

// orders are the classes of words that command something.
const orders = cSend | cReveal | cOff | cDestroy | cOverride | cDo | cCall | cVerb

// weigh is the weight of a rule that begins at word i: a prohibition weighs
// nothing, and what opens its clause as an order does weighs more.
func (t tokens) weigh(r *wordRule, i int) int {
	switch {
	case r.first&cNot != 0:
		if declares(t.word(i-1)) || tells(t.word(i-1)) || t.word(i-1) == "do" && tells(t.word(i-2)) {
			return r.weight / 4
		}
		if w := t.word(i); r.id == "conceal.user" && (w == "not" || w == "no" || w == "cannot") {
			return r.weight - 1
		}
		if t.sentenceOrders(i) {
			return r.weight + 1
		}
	case t.words[i].class&orders == 0:
	case t.negated(i):
		return 0
	case r.weight >= strong && t.begins(i):
		return r.weight + 1
	}
	return r.weight
}

// discount lowers the weight of what stands in quotes within talk about such
// texts: a mention, not a use.
func (t tokens) discount(lo, hi, weight int) int {
	if !t.mentions(lo) {
		return weight
	}
	if t.words[lo].quoted && t.words[hi].quoted {
		return weight / 4
	}
	return weight * 3 / 4
}

// mentions reports whether near word i somebody talks about such texts.
func (t tokens) mentions(i int) bool {
	if t.classes&cMention == 0 {
		return false
	}
	for j := max(0, i-25); j < min(len(t.words), i+25); j++ {
		if t.words[j].class&cMention != 0 {
			return true
		}
	}
	return false
}

// imperative reports whether an order begins within n words after i.
func (t tokens) imperative(i, n int) bool { return t.ordersFrom(i, n) }

// classNear reports whether a word of class c follows within n words.
func (t tokens) classNear(i, n int, c classes) bool {
	for j := i + 1; j < min(len(t.words), i+1+n); j++ {
		if t.words[j].class&c != 0 {
			return true
		}
	}
	return false
}
