package cmdline

import (
	"encoding/json"
	"testing"
)

// FuzzAnalyze: no text makes the analysis fail, the same text always gives the
// same facts, and a line that is not understood says why.
func FuzzAnalyze(f *testing.F) {
	for _, line := range corpusLines(f) {
		f.Add(line)
	}
	f.Add("!()x")
	f.Add("ls # \\\nrm x")
	f.Add("cat <<E\n$(\nE")
	f.Fuzz(func(t *testing.T, text string) {
		env := place()
		env.Readlink = func(abs string) (string, bool) { return "../x", len(abs)%7 == 0 }
		env.List = func(string) ([]string, bool) { return []string{"a", ".b", "c*"}, true }
		a, b := Analyze(text, env), Analyze(text, env)
		one, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		if two, _ := json.Marshal(b); string(one) != string(two) {
			t.Fatalf("two readings:\n%s\n%s", one, two)
		}
		if a.Understood != (len(a.Problems) == 0) {
			t.Fatalf("understood %v with %v", a.Understood, a.Problems)
		}
		sameScript(t, text)
		_ = a.Display()
		_ = LaunchFiles(a)
	})
}

func BenchmarkAnalyze(b *testing.B) {
	for name, line := range map[string]string{
		"simple":   "git status --short",
		"typical":  "cd src && grep -rn 'useState' --include='*.ts' . | head -20",
		"quoted":   `git commit -m "fix: the parser; see #12" -- 'src/a b.ts'`,
		"wrapped":  "timeout 60 env LANG=C npm test -- --grep 'adds numbers' 2>&1 | tail -5",
		"expanded": "for f in src/{a,b,c}.ts; do cat \"$f\" | wc -l; done",
	} {
		b.Run(name, func(b *testing.B) {
			env := place()
			b.ReportAllocs()
			for b.Loop() {
				if f := Analyze(line, env); !f.Understood {
					b.Fatal(f.Problems)
				}
			}
		})
	}
}
