package app

import (
	"errors"
	"strings"
	"testing"
)

func TestMappedUIDs(t *testing.T) {
	for name, c := range map[string]struct {
		table string
		uid   int
		ok    bool
	}{
		"the host":      {"         0          0 4294967295\n", 60200, true},
		"one uid":       {"         0       1000          1\n", 60200, false},
		"a range":       {"0 1000 1\n1 100000 65536\n", 60200, true},
		"a short range": {"0 1000 1\n1 100000 1000\n", 60200, false},
		"nothing":       {"", 1, false},
		"the last one":  {"0 1000 1\n1 100000 10\n", 10, true},
		"one too far":   {"0 1000 1\n1 100000 10\n", 11, false},
	} {
		err := mappedIn(c.table, c.uid)
		var hint *HintError
		if (err == nil) != c.ok || err != nil && (!errors.As(err, &hint) || !strings.Contains(hint.Advice, "ordinary user")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
