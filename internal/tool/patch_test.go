package tool

import (
	"strings"
	"testing"
)

func TestPatchApply(t *testing.T) {
	for name, c := range map[string]struct{ patch, old, want, err string }{
		"replace":    {"@@\n a\n-b\n+B\n c", "a\nb\nc\n", "a\nB\nc\n", ""},
		"anchor":     {"@@ two\n-x\n+y", "one\nx\ntwo\nx\n", "one\nx\ntwo\ny\n", ""},
		"two hunks":  {"@@\n-a\n+A\n@@\n-c\n+C", "a\nb\nc\n", "A\nb\nC\n", ""},
		"append":     {"@@\n+z", "a\n", "a\nz\n", ""},
		"no match":   {"@@\n-q\n+r", "a\n", "", "not found"},
		"no anchor":  {"@@ nope\n-a\n+r", "a\n", "", "not found"},
		"empty line": {"@@\n a\n\n-b\n+B", "a\n\nb\n", "a\n\nB\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			changes, err := parsePatch(beginPatch + "\n*** Update File: f\n" + c.patch + "\n" + endPatch)
			if err != nil {
				t.Fatal(err)
			}
			got, err := changes[0].apply(c.old)
			if (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Fatal(err)
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestPatchRefusesWhatItDoesNotUnderstand(t *testing.T) {
	for _, p := range []string{"", "x", beginPatch, beginPatch + "\n" + endPatch, beginPatch + "\nfree text\n" + endPatch,
		beginPatch + "\n*** Add File: a\nno plus\n" + endPatch, beginPatch + "\n*** Delete File: a\n-x\n" + endPatch,
		beginPatch + "\n*** Update File: a\n@@\n?x\n" + endPatch, beginPatch + "\n*** Add File: \n+x\n" + endPatch} {
		if _, err := parsePatch(p); err == nil {
			t.Errorf("%q was understood", p)
		}
	}
}

func FuzzPatch(f *testing.F) {
	f.Add(beginPatch+"\n*** Update File: f\n@@\n a\n-b\n+B\n"+endPatch, "a\nb\n")
	f.Fuzz(func(t *testing.T, patch, text string) {
		changes, err := parsePatch(patch)
		if err != nil {
			return
		}
		for _, c := range changes {
			_, _ = c.apply(text)
		}
	})
}
