// Package inject looks for text that tries to give orders to a model. It
// refuses to be a boundary: what it finds is a mark for the model and for a
// person, and what it does not find is no permission.
package inject

import (
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

// Report is what a text shows. Score is the sum over the different signs that
// stand near each other, at its highest.
type Report struct {
	Score   int      `json:"score"`
	Signals []Signal `json:"signals"`
}

// Marked reports whether the text counts as an attempt.
func (r Report) Marked() bool { return r.Score >= Threshold }

// Limits. Signs add up within window words; what is encoded is decoded to
// maxDepth; of one text maxSignals are kept.
const (
	window     = 60
	maxDepth   = 2
	maxSignals = 256
)

// Look reads a text once for each way in which it may be written.
func Look(text string) Report {
	l := &looker{}
	l.view(text, 0)
	return l.report()
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

// report adds up: within each window every rule counts once, at its highest.
func (l *looker) report() Report {
	slices.SortStableFunc(l.found, func(a, b found) int { return a.at - b.at })
	r := Report{}
	for i := range l.found {
		best := map[string]int{}
		for j := i; j < len(l.found) && l.found[j].at-l.found[i].at <= window; j++ {
			f := l.found[j]
			best[f.Rule] = max(best[f.Rule], f.Weight)
		}
		sum, weak := 0, 0
		for _, w := range best {
			if w >= strong {
				sum += w
			} else {
				weak += w
			}
		}
		if sum > 0 {
			r.Score = max(r.Score, sum+min(weak, weakSum))
		}
		r.Signals = append(r.Signals, l.found[i].Signal)
	}
	return r
}

// view looks at the text itself.
func (l *looker) view(text string, depth int) {
	t := split(text)
	l.rules(t)
	l.shape(text, t)
	if depth < maxDepth {
		l.hidden(text, t, depth)
	}
}

// decoded looks at another reading of text[start:end], whose first word is the
// at-th of the original. Only a reading that says something by itself counts;
// then its having been hidden weighs too.
func (l *looker) decoded(text string, start, end, at, depth int) {
	sub := &looker{}
	sub.view(text, depth)
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
