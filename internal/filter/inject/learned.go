package inject

import (
	"math/bits"
	"slices"
)

// What one sign is worth beside another was learned from the corpora: a text is
// judged by its most suspicious stretch, from the signs in it and from which
// kinds of words stand together in its sentences. No word and no name counts by
// itself. TestWeights learns again and writes weights.go.
const (
	stretchWords = 60
	stretchStep  = 25
	together     = 10 // words within which two words stand together
	kinds        = 64
	scoreCap     = 16
	weightPoint  = 64 // of the units of a weight in a point of Report.Score
)

// stretch is a piece of a text with what was seen in it: words [lo, hi).
type stretch struct {
	lo, hi int
	// opens are the kinds of words that open a clause; pairs[a] those that
	// follow a word of kind a soon.
	opens uint64
	pairs [kinds]uint64
	signs []Signal // the highest of each rule
	score int
}

// stretches cuts a text at its sentences. f gets each piece that has a sign in
// turn and must not keep it.
func (l *looker) stretches(t tokens, f func(*stretch)) {
	var s stretch
	for lo := 0; ; {
		s = stretch{lo: lo, hi: min(len(t.words), lo+stretchWords), signs: s.signs[:0]}
		end := s.hi
		if end == len(t.words) {
			end++ // signs after the last word
		}
		if s.gather(l.found, end); len(s.signs) > 0 {
			s.words(t)
			f(&s)
		}
		next := lo + stretchStep
		for next < len(t.words) && next < s.hi && t.words[next].sentence == t.words[next-1].sentence {
			next++
		}
		if s.hi == len(t.words) || next >= len(t.words) {
			return
		}
		lo = next
	}
}

func (s *stretch) words(t tokens) {
	for i := s.lo; i < s.hi; i++ {
		w := &t.words[i]
		if w.class == 0 {
			continue
		}
		if t.begins(i) {
			s.opens |= uint64(w.class)
		}
		var after classes
		for j := i + 1; j < min(s.hi, i+1+together) && t.words[j].sentence == w.sentence; j++ {
			after |= t.words[j].class
		}
		for c := uint64(w.class); after != 0 && c != 0; c &= c - 1 {
			s.pairs[bits.TrailingZeros64(c)] |= uint64(after)
		}
	}
}

// gather takes the signs from the stretch's first word to end; all are sorted
// by word.
func (s *stretch) gather(all []found, end int) {
	i, _ := slices.BinarySearchFunc(all, s.lo, func(f found, at int) int { return f.at - at })
	sum, weak := 0, 0
	for ; i < len(all) && all[i].at < end; i++ {
		n := slices.IndexFunc(s.signs, func(g Signal) bool { return g.Rule == all[i].Rule })
		if n < 0 {
			s.signs = append(s.signs, all[i].Signal)
		} else if all[i].Weight > s.signs[n].Weight {
			s.signs[n] = all[i].Signal
		}
	}
	for _, g := range s.signs {
		if g.Weight >= strong {
			sum += g.Weight
		} else {
			weak += g.Weight
		}
	}
	if sum > 0 {
		s.score = min(sum+min(weak, weakSum), scoreCap)
	}
}

// judge is how much a stretch is like those that give orders, in units of the
// weights; from 0 on it counts as an attempt.
func (s *stretch) judge() int {
	z := weightBias + s.score*weightScore
	for c := s.opens; c != 0; c &= c - 1 {
		z += int(weightOpens[bits.TrailingZeros64(c)])
	}
	for a := range s.pairs {
		for c := s.pairs[a]; c != 0; c &= c - 1 {
			z += int(weightPairs[a][bits.TrailingZeros64(c)])
		}
	}
	for _, g := range s.signs {
		if i, ok := slices.BinarySearchFunc(weightSigns[:], g.Rule, func(w signWeight, rule string) int {
			if w.rule < rule {
				return -1
			} else if w.rule > rule {
				return 1
			}
			return 0
		}); ok {
			z += int(weightSigns[i].each) * min(g.Weight, 8)
		}
	}
	return z
}

// signWeight is what each point of a rule's sign is worth.
type signWeight struct {
	rule string
	each int16
}
