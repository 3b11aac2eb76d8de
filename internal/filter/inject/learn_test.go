package inject

import (
	"bytes"
	"flag"
	"fmt"
	"go/format"
	"hash/fnv"
	"math"
	"math/bits"
	"math/rand"
	"os"
	"slices"
	"sort"
	"strings"
	"testing"
)

var updateWeights = flag.Bool("update-weights", false, "learn the weights again and write weights.go")

// vector are features by number with their values.
type vector map[int]float64

const (
	openAt  = kinds * kinds
	scoreAt = openAt + kinds
	biasAt  = scoreAt + 1
	signAt  = biasAt + 1
)

// lesson is a text with what is seen in each of its stretches.
type lesson struct {
	attack    bool
	stretches []vector
}

// learning turns texts into lessons; rules numbers the signs.
type learning struct {
	rules   map[string]int
	lessons []lesson
}

func (l *learning) add(text string, attack bool) {
	k := looker{}
	t := k.look(text)
	out := lesson{attack: attack}
	k.stretches(t, func(s *stretch) {
		v := vector{biasAt: 1}
		if s.score > 0 {
			v[scoreAt] = float64(s.score)
		}
		for c := s.opens; c != 0; c &= c - 1 {
			v[openAt+bits.TrailingZeros64(c)] = 1
		}
		for a := range s.pairs {
			for c := s.pairs[a]; c != 0; c &= c - 1 {
				v[a*kinds+bits.TrailingZeros64(c)] = 1
			}
		}
		for _, g := range s.signs {
			n, ok := l.rules[g.Rule]
			if !ok {
				n = len(l.rules)
				l.rules[g.Rule] = n
			}
			v[signAt+n] = float64(min(g.Weight, 8))
		}
		out.stretches = append(out.stretches, v)
	})
	l.lessons = append(l.lessons, out)
}

// scale brings the features that are no bits to the size of those that are.
func scale(f int) float64 {
	switch {
	case f == scoreAt:
		return 1.0 / 4
	case f >= signAt:
		return 1.0 / 4
	}
	return 1
}

func (v vector) dot(w map[int]float64) (z float64) {
	for _, f := range sorted(v) {
		z += w[f] * v[f] * scale(f)
	}
	return z
}

func sorted(v vector) []int {
	keys := make([]int, 0, len(v))
	for k := range v {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func (l lesson) worst(w map[int]float64) (vector, float64) {
	best, z := vector(nil), math.Inf(-1)
	for _, v := range l.stretches {
		if s := v.dot(w); s > z {
			best, z = v, s
		}
	}
	return best, z
}

// learn fits a logistic regression by stochastic steps of falling size. Each
// text teaches by its most suspicious stretch. The same lessons always give
// the same weights.
func learn(lessons []lesson, rounds int, l2 float64) map[int]float64 {
	const rare = 4
	count := map[int]int{}
	for _, l := range lessons {
		seen := map[int]bool{}
		for _, v := range l.stretches {
			for f := range v {
				if !seen[f] {
					seen[f] = true
					count[f]++
				}
			}
		}
	}
	w, grads := map[int]float64{scoreAt: 0.5}, map[int]float64{}
	order := rand.New(rand.NewSource(1)).Perm(len(lessons))
	for round := range rounds {
		rand.New(rand.NewSource(int64(round))).Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for _, i := range order {
			v, z := lessons[i].worst(w)
			if v == nil {
				continue // nothing to learn from
			}
			err := 1 / (1 + math.Exp(-z))
			if lessons[i].attack {
				err--
			}
			for _, f := range sorted(v) {
				if count[f] < rare {
					continue
				}
				g := err*v[f]*scale(f) + l2*w[f]
				grads[f] += g * g
				w[f] -= 0.1 * g / math.Sqrt(1e-6+grads[f])
			}
		}
	}
	return w
}

// bar is the score above which a share of the harmless lessons lies.
func bar(lessons []lesson, zs []float64, share float64) float64 {
	var harmless []float64
	for i, l := range lessons {
		if !l.attack {
			harmless = append(harmless, zs[i])
		}
	}
	sort.Sort(sort.Reverse(sort.Float64Slice(harmless)))
	return harmless[int(share*float64(len(harmless)))]
}

func corpora(t testing.TB) (out []sample) {
	for _, name := range []string{"cases", "own", "later", "more"} {
		out = append(out, rows(t, name)...)
	}
	return append(out, fresh(t)...)
}

// acrossFolds judges each lesson by weights that never saw it.
func acrossFolds(lessons []lesson, folds int) []float64 {
	zs := make([]float64, len(lessons))
	perm := rand.New(rand.NewSource(7)).Perm(len(lessons))
	for fold := range folds {
		var train []lesson
		for n, i := range perm {
			if n%folds != fold {
				train = append(train, lessons[i])
			}
		}
		w := learn(train, rounds, decay)
		for n, i := range perm {
			if n%folds == fold {
				_, zs[i] = lessons[i].worst(w)
			}
		}
	}
	return zs
}

const (
	rounds = 20
	decay  = 0.002
	// harmlessShare is the share of harmless texts of the corpora that may be
	// marked by weights that never saw them; it sets the bias.
	harmlessShare = 0.045
)

// TestWeights: weights.go is what is learned from the corpora as they are now.
func TestWeights(t *testing.T) {
	l := &learning{rules: map[string]int{}}
	for _, s := range corpora(t) {
		l.add(s.Text, s.Label == "attack")
	}
	mark := l.mark()
	if !*updateWeights {
		if mark != weightsOf {
			t.Fatalf("the weights were learned from %s, the corpora and the lexicon give %s now: go test -run TestWeights -update-weights ./internal/filter/inject", weightsOf, mark)
		}
		return
	}
	zs := acrossFolds(l.lessons, 5)
	at := bar(l.lessons, zs, harmlessShare)
	hit, attacks := 0, 0
	for i, x := range l.lessons {
		if x.attack {
			attacks++
			if zs[i] > at {
				hit++
			}
		}
	}
	t.Logf("five folds: %d of %d orders marked at %.1f%% of the harmless texts", hit, attacks, harmlessShare*100)
	w := learn(l.lessons, rounds, decay)
	w[biasAt] -= at
	b, err := format.Source(l.source(mark, w))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("weights.go", b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// mark names the lessons.
func (l *learning) mark() string {
	h := fnv.New64a()
	for _, x := range l.lessons {
		for _, v := range x.stretches {
			fmt.Fprint(h, x.attack)
			for _, f := range sorted(v) {
				fmt.Fprint(h, f, v[f])
			}
		}
	}
	return fmt.Sprintf("%016x", h.Sum64())
}

// unit is the size of one step of a weight.
const unit = 1.0 / 64

func (l *learning) source(mark string, w map[int]float64) []byte {
	var b bytes.Buffer
	whole := func(f int, least, most float64) int {
		return int(math.Round(max(least, min(most, w[f]*scale(f)/unit))))
	}
	fmt.Fprintf(&b, "// Code generated by TestWeights -update-weights; DO NOT EDIT.\n\npackage inject\n\n// weightsOf names the lessons that these weights were learned from.\nconst weightsOf = %q\n\n", mark)
	fmt.Fprintf(&b, "const (\nweightBias = %d\nweightScore = %d\n)\n\n", whole(biasAt, -1e6, 1e6), whole(scoreAt, -1e6, 1e6))
	fmt.Fprintf(&b, "var weightOpens = [kinds]int16{")
	for k := range kinds {
		fmt.Fprintf(&b, "%d,", whole(openAt+k, -3e4, 3e4))
	}
	b.WriteString("}\n\nvar weightSigns = [...]signWeight{\n")
	names := make([]string, 0, len(l.rules))
	for name := range l.rules {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(&b, "{%q, %d},\n", name, whole(signAt+l.rules[name], -3e4, 3e4))
	}
	b.WriteString("}\n\nvar weightPairs = [kinds][kinds]int16{\n")
	for a := range kinds {
		var row []string
		for c := range kinds {
			row = append(row, fmt.Sprint(whole(a*kinds+c, -3e4, 3e4)))
		}
		fmt.Fprintf(&b, "{%s},\n", strings.Join(row, ","))
	}
	b.WriteString("}\n")
	return b.Bytes()
}
