package policy

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

type heldout struct {
	at      int
	policy  string
	want    []Verdict
	command string
}

// heldouts reads testdata/heldout.txt; the format is described there.
func heldouts(t testing.TB) []heldout {
	t.Helper()
	data, err := os.ReadFile("testdata/heldout.txt")
	if err != nil {
		t.Fatal(err)
	}
	var out []heldout
	policy, want := "", []Verdict(nil)
	for i, line := range strings.Split(string(data), "\n") {
		switch {
		case line == "" || strings.HasPrefix(line, "# "):
		case strings.HasPrefix(line, "== "):
			f := strings.Fields(line)
			policy, want = f[1], nil
			for _, v := range f[2:] {
				var verdict Verdict
				if err := verdict.UnmarshalText([]byte(v)); err != nil || verdict.String() != v {
					t.Fatalf("line %d: %q is no verdict", i+1, v)
				}
				want = append(want, verdict)
			}
		default:
			out = append(out, heldout{i + 1, policy, want, decoded(t, line)})
		}
	}
	return out
}

func decoded(t testing.TB, line string) string {
	t.Helper()
	line = strings.ReplaceAll(line, "␊", "\n")
	for {
		before, rest, ok := strings.Cut(line, "⟨")
		if !ok {
			return line
		}
		hex, after, _ := strings.Cut(rest, "⟩")
		n, err := strconv.ParseInt(hex, 16, 32)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		line = before + string(rune(n)) + after
	}
}

// policies takes one row of every policy of the corpus, to be judged with
// other commands.
func policies(t testing.TB) map[string]ExecCase {
	t.Helper()
	out := map[string]ExecCase{}
	for _, c := range corpus(t) {
		c.Fixture.Symlinks, c.Fixture.Files = nil, nil
		out[c.PolicyName] = c
	}
	return out
}

func TestHeldout(t *testing.T) {
	rows := policies(t)
	wrong := 0
	cases := heldouts(t)
	for _, h := range cases {
		c, ok := rows[h.policy]
		if !ok {
			t.Fatalf("line %d: no policy %q", h.at, h.policy)
		}
		c.Command = h.command
		if d := c.Judge(); !slices.Contains(h.want, d.Verdict) {
			wrong++
			t.Errorf("line %d: %s, want %v: %q (%s: %s)", h.at, d.Verdict, h.want, h.command, d.Rule, d.Reason)
		}
	}
	t.Logf("%d lines, %d wrong", len(cases), wrong)
}
