package posture

import (
	"slices"
	"testing"
)

// TestHeard: a list in the place of everybody lets nobody new in.
func TestHeard(t *testing.T) {
	for _, c := range []struct{ before, next, want []string }{
		{[]string{"*"}, []string{"7"}, nil},
		{[]string{"7"}, []string{"7", "8"}, []string{"8"}},
		{[]string{"7"}, []string{"*"}, []string{"*"}},
		{nil, []string{"7"}, []string{"7"}},
	} {
		if got := heard(c.before, c.next); !slices.Equal(got, c.want) {
			t.Errorf("%v → %v: %v, expected %v", c.before, c.next, got, c.want)
		}
	}
}
