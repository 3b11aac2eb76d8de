package chain_test

import (
	"bytes"
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// The form of a journal never changes under version 1: files written years ago
// must verify.
func TestGolden(t *testing.T) {
	w := write(t, 5, 2, 5)
	for name, got := range map[string][]byte{"testdata/golden.log": join(w.lines), "testdata/golden.checkpoints": w.notes, "testdata/golden.pub": []byte(w.root + "\n")} {
		if *update {
			if err := os.WriteFile(name, got, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(name)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: the form changed: %v", name, err)
		}
	}
}
