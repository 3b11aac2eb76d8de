package inject

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestTmp(t *testing.T) {
	f, _ := os.Open("/work/shared/cases/injection.jsonl")
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<20)
	tp, a, fp, b := 0, 0, 0, 0
	for sc.Scan() {
		var c struct{ ID, Label, Text string }
		json.Unmarshal(sc.Bytes(), &c)
		r := Look(c.Text)
		var s []string
		for _, x := range r.Signals {
			s = append(s, fmt.Sprintf("%s:%d", x.Rule, x.Weight))
		}
		txt := strings.ReplaceAll(c.Text, "\n", "⏎")
		if len(txt) > 200 {
			txt = txt[:200]
		}
		if c.Label == "attack" {
			a++
			if r.Marked() {
				tp++
			} else {
				fmt.Println("MISS", r.Score, c.ID, txt, s)
			}
		} else {
			b++
			if r.Marked() {
				fp++
				fmt.Println("FP", r.Score, c.ID, txt, s)
			}
		}
	}
	fmt.Println(tp, a, fp, b)
}
