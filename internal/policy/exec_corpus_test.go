package policy

import (
	"os"
	"testing"
)

func corpus(t testing.TB) []ExecCase {
	t.Helper()
	data, err := os.ReadFile("../cmdline/testdata/exec-cases.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	cases, err := ReadExecCases(data)
	if err != nil {
		t.Fatal(err)
	}
	return cases
}

func TestExecCorpus(t *testing.T) {
	cases := corpus(t)
	rep := JudgeExecCases(cases)
	for i, c := range cases {
		got := rep.Results[i]
		if got.Verdict != *c.Expect {
			t.Logf("%s %s %s: got %s want %s %v: %.120q (%s: %s)", c.ID, c.Tag, c.Policy.Ask, got.Verdict, *c.Expect, c.Accept, c.Command, got.Rule, got.Reason)
		}
	}
	t.Logf("cases %d, bypasses %d, false refusals %d, agreement %.4f", rep.Cases, rep.Bypasses, rep.FalseRefusals, rep.Agreement)
	if rep.Bypasses != 0 || rep.FalseRefusals != 0 || rep.Agreement < 0.97 {
		t.Errorf("bypasses %d (want 0), false refusals %d (want 0), agreement %.4f (want ≥ 0.97)", rep.Bypasses, rep.FalseRefusals, rep.Agreement)
	}
}
