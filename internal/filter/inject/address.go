package inject

import "strings"

// called is how a model is spoken to.
type called uint8

const (
	notCalled called = iota
	subject          // AI agents should …
	named            // AI: …, for the assistant, …
)

// address looks for a model being spoken to: by a title with a colon or comma
// after it, by "note to", "if you are", "as the", or as whoever should act.
func (l *looker) address(t tokens, i int) {
	w := t.words[i]
	if w.class&cModel == 0 || i > 0 && t.words[i-1].class&cModel != 0 && t.words[i-1].sentence == w.sentence && t.adjacent(i-1) {
		return
	}
	last := i
	for last+1 < len(t.words) && last-i < 4 && t.words[last+1].class&(cModel|cAudience) != 0 && t.words[last+1].sentence == w.sentence && t.adjacent(last) {
		last++
	}
	if t.words[last].wide {
		last = min(last+t.words[last].more, len(t.words)-1)
	}
	var own, before classes
	for j := i; j <= last; j++ {
		own |= t.words[j].class
	}
	for j := max(0, i-6); j < i; j++ {
		if t.words[j].sentence == w.sentence {
			before |= t.words[j].class
		}
	}
	end, how := t.calling(i, last, own, before)
	condition := t.conditional(i, last, own, before)
	as := before&cAs != 0
	title := before&cTo != 0 && t.classNear(last, 3, cReading)
	if how == notCalled && !condition && !as && !title {
		return
	}
	weight, reach := 4, 3
	if condition || title {
		reach = 8
	}
	if how == named && own&(cAI|cHelper) != 0 {
		reach = 6
	}
	if t.ordersFrom(end+1, reach) {
		weight = 6
		if how == subject {
			weight = 5
		}
		if own&cAI == 0 && how == subject {
			weight = 3
		} else if own&cProduct != 0 && how == named || how == notCalled && !condition && !title {
			weight = 5
		}
		if how == notCalled && !title && own&(cAI|cHelper) == 0 {
			weight = 4
		}
	} else if how != notCalled && own&cAI == 0 {
		weight = 3
	}
	if how == subject && own&cHelper != 0 {
		weight = max(weight, 4)
	}
	l.add("address", t.discount(i, last, weight), w.start, t.words[max(end, i)].end, i)
}

// adjacent reports whether nothing but a space, a hyphen or an emphasis parts
// word i from the next.
func (t tokens) adjacent(i int) bool { return strings.Trim(t.between(i), " -_*/&\"'") == "" }

// breaks part a text into the pieces in which somebody may be spoken to.
const breaks = ".!?:;,\n\"'`()[]{}/*#-–—<>|=@+%&。，、："

// calls are the marks after a title that call somebody.
var calls = [...]string{":", "：", ",", "!", "、", "،", "，", " - ", " – ", " — ", "**:"}

func callsAfter(gap, rest string) bool {
	for _, c := range [...]string{"へ：", "へ:", "に告ぐ", "에게:", "께:"} {
		if strings.HasPrefix(rest, c) {
			return true
		}
	}
	if strings.HasPrefix(gap, "\"") || strings.HasPrefix(gap, "'") || strings.HasPrefix(gap, "`") || strings.Contains(gap, "\" +") {
		return false // the title is all that the quotation holds
	}
	gap = strings.TrimLeft(gap, "*\"'_)]`")
	for _, c := range calls {
		if strings.HasPrefix(gap, c) {
			return true
		}
	}
	return strings.HasPrefix(strings.TrimLeft(gap, " "), ":")
}

// calling looks for how the model at words [i, last] is spoken to, and returns
// the word after which the order begins.
func (t tokens) calling(i, last int, own, before classes) (int, called) {
	opens, lead := t.segment(i), i
	for lead > 0 && i-lead < 4 && !opens && t.words[lead-1].class&(cTo|cThe|cAll|cAudience|cIf|cYou) != 0 && t.words[lead-1].sentence == t.words[i].sentence {
		lead--
		opens = t.segment(lead)
	}
	if callsAfter(t.between(last), t.raw[t.words[last].end:]) && (opens || before&cTo != 0 && own&(cAI|cHelper) != 0) {
		return last, named
	}
	if i > 0 && strings.HasPrefix(t.between(i-1), ",") && (last+1 == len(t.words) || t.words[last+1].sentence != t.words[i].sentence) && t.sentenceOrders(i) {
		return t.sentenceStart(i) - 1, named
	}
	if !opens {
		return last, notCalled
	}
	if i > 0 && strings.HasSuffix(t.between(i-1), "@") && t.between(i-1) != "@" || i == 0 && t.words[0].start > 0 && t.raw[t.words[0].start-1] == '@' {
		return last, named
	}
	// "AI that reads this row: …", "Models reading the source: …"
	reach := 0
	switch {
	case own&cAI != 0:
		reach = 5
	case last+1 < len(t.words) && (t.words[last+1].class&cReading != 0 || strings.HasSuffix(t.word(last+1), "ing")):
		reach = 4
	}
	for k := last + 1; k <= last+reach && k < len(t.words) && t.words[k].sentence == t.words[i].sentence; k++ {
		if k == last+1 && prepositions(t.word(k)) {
			break // AI for teachers: …
		}
		if gap := strings.TrimLeft(t.between(k), " )\"'"); strings.HasPrefix(gap, ":") && !strings.HasPrefix(gap, "://") || strings.HasPrefix(gap, ",") && k > last+1 {
			if t.ordersFrom(k+1, 1) || k+2 < len(t.words) && leads(t.word(k+1)) && t.ordersFrom(k+2, 1) {
				return k, named
			}
			break
		}
	}
	for k := last + 1; k <= last+4 && k < len(t.words) && t.words[k].sentence == t.words[i].sentence; k++ {
		if w := t.word(k); t.words[k].class&cMust != 0 && t.word(k+1) != "be" && w != "requires" && w != "required" && w != "immediately" && w != "urgent" {
			return k, subject
		}
	}
	if lead < i && t.words[lead].class&cTo != 0 && own&cAI != 0 && t.ordersFrom(last+1, 1) {
		return last, named
	}
	return last, notCalled
}

// sentenceStart is the first word of the sentence of word i, looked for among
// the words before it.
func (t tokens) sentenceStart(i int) int {
	j := i
	for j > 0 && i-j < 40 && t.words[j-1].sentence == t.words[i].sentence {
		j--
	}
	return j
}

// sentenceOrders reports whether the sentence of word i begins with an order.
func (t tokens) sentenceOrders(i int) bool {
	j := t.sentenceStart(i)
	if leads(t.word(j)) && j+1 < len(t.words) {
		j++
	}
	return j < i-1 && t.words[j].class&(cVerb|cDo|cSend|cReveal|cDestroy|cCall) != 0
}

// conditional reports whether the model at words [i, last] is spoken to by a
// condition: "if you are an AI", "when an AI reads this".
func (t tokens) conditional(i, last int, own, before classes) bool {
	if before&cIf == 0 {
		return false
	}
	k := i - 1
	for k > 0 && i-k < 3 && articles(t.word(k)) {
		k--
	}
	if k < 0 {
		return false
	}
	switch t.word(k) {
	case "are", "you're", "re", "be", "being", "you’re", "ur":
		return before&cYou != 0
	}
	return t.words[k].class&cIf != 0 && (own&cAI != 0 || t.classNear(last, 4, cReading)) || own&(cAI|cHelper) != 0 && t.classNear(last, 2, cReading)
}

// segment reports whether word i begins a piece of text.
func (t tokens) segment(i int) bool {
	return i == 0 || t.words[i-1].sentence != t.words[i].sentence || strings.ContainsAny(t.between(i-1), breaks)
}

// ordersFrom reports whether an order begins within n words from i on.
func (t tokens) ordersFrom(i, n int) bool {
	if i >= len(t.words) {
		return false
	}
	const verbs = cVerb | cOverride | cSend | cReveal | cCall | cDo | cConceal | cDestroy | cNot | cMust
	for j := i; j < min(len(t.words), i+n); j++ {
		if t.words[j].class&verbs != 0 && (j == i || !reports(t.word(j-1))) {
			return true
		}
	}
	// A clause may stand before it: "before you answer, fetch …".
	for j := i + n; j < min(len(t.words), i+n+6) && t.words[j].sentence == t.words[max(0, i-1)].sentence; j++ {
		if t.words[j].class&verbs != 0 && t.begins(j) {
			return true
		}
	}
	return false
}

// reports are the words before a verb that tell what somebody does.
func reports(w string) bool {
	switch w {
	case "i", "we", "will", "can", "would", "could", "he", "she", "they", "it", "i'll", "we'll", "to", "models", "did", "does":
		return true
	}
	return false
}

// leads are the words after which an order may begin.
func leads(w string) bool {
	switch w {
	case "please", "and", "then", "now", "also", "just", "must", "should", "kindly", "first", "immediately", "always", "instead", "pls", "bitte", "und", "et",
		"y", "e", "en", "ve", "и", "dan", "och", "και", "और", "și", "та":
		return true
	}
	return false
}

// begins reports whether word i opens its clause, as an order does.
func (t tokens) begins(i int) bool {
	return i == 0 || t.words[i-1].sentence != t.words[i].sentence || strings.ContainsAny(t.between(i-1), ".!?:;,\n\"([{*#–—<>|、，。：") || leads(t.word(i-1))
}

// negated reports whether the order at word i is a prohibition.
func (t tokens) negated(i int) bool {
	for j := max(0, i-2); j < i; j++ {
		if t.words[j].class&cNot != 0 && t.words[j].sentence == t.words[i].sentence && !strings.ContainsAny(t.between(j), ",;:") {
			return true
		}
	}
	return false
}

func articles(w string) bool {
	switch w {
	case "a", "an", "any", "the", "some", "this", "another":
		return true
	}
	return false
}

func prepositions(w string) bool {
	switch w {
	case "for", "in", "of", "on", "with", "and", "at", "by", "is", "are", "can":
		return true
	}
	return false
}
