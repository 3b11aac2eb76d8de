package policy

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// owns reads testdata/own.txt; the format is described there.
func owns(t testing.TB) []ExecCase {
	t.Helper()
	data, err := os.ReadFile("testdata/own.txt")
	if err != nil {
		t.Fatal(err)
	}
	rows := policies(t)
	var out []ExecCase
	var c ExecCase
	for i, line := range strings.Split(string(data), "\n") {
		head, isHead := strings.CutPrefix(line, "== ")
		switch {
		case isHead:
			f := strings.Fields(head)
			row, ok := rows[f[0]]
			if !ok {
				t.Fatalf("line %d: no policy %q", i+1, f[0])
			}
			c = row
			c.Tag, c.Accept = f[1], nil
			c.Fixture.Symlinks = nil
			for _, w := range f[2:] {
				if link, target, ok := strings.Cut(w, "="); ok {
					if c.Fixture.Symlinks == nil {
						c.Fixture.Symlinks = map[string]string{}
					}
					c.Fixture.Symlinks[link] = target
					continue
				}
				var v Verdict
				if err := v.UnmarshalText([]byte(w)); err != nil || v.String() != w {
					t.Fatalf("line %d: %q is no verdict", i+1, w)
				}
				c.Accept = append(c.Accept, v)
			}
			c.Expect = &c.Accept[0]
		case line == "" || c.Tag == "":
		default:
			own := c
			own.Command = decoded(t, line)
			out = append(out, own)
		}
	}
	return out
}

func TestOwnCorpus(t *testing.T) {
	cases := owns(t)
	rep := JudgeExecCases(cases)
	for i, c := range cases {
		if got := rep.Results[i]; got.Verdict != *c.Expect {
			t.Logf("%s %s: %s, want %v: %q (%s: %s)", c.PolicyName, c.Tag, got.Verdict, c.Accept, c.Command, got.Rule, got.Reason)
		}
	}
	t.Logf("cases %d, bypasses %d, false refusals %d, agreement %.4f", rep.Cases, rep.Bypasses, rep.FalseRefusals, rep.Agreement)
	if rep.Cases < 5000 || rep.Bypasses != 0 || rep.FalseRefusals != 0 || rep.Agreement < 0.99 {
		t.Errorf("cases %d, bypasses %d (want 0), false refusals %d (want 0), agreement %.4f (want ≥ 0.99)", rep.Cases, rep.Bypasses, rep.FalseRefusals, rep.Agreement)
	}
}

// carriers are the ways of testdata/carriers.txt to run a command.
func carriers(t testing.TB) []string {
	t.Helper()
	data, err := os.ReadFile("testdata/carriers.txt")
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(strings.Split(string(data), "\n"), func(s string) bool { return s == "" || s[0] == '#' })
}

// Whatever carries a command that the denylist means is denied, listed or not.
func TestCarriersOfDenials(t *testing.T) {
	denials := []string{"rm -rf build", "rm -fr .", "rm -r -f x", "rm --recursive --force x", "chmod 777 x", "chmod -R a+rwx x", "dd if=a of=b",
		"dd of=/dev/sda", "tee /dev/sda", "mkfs.ext4 /dev/sda", "mkdir -m 777 d", "find . -delete", "/bin/rm -rf x", "install -m 0777 a b"}
	rows := policies(t)
	n := 0
	for _, name := range []string{"guide", "broad"} {
		c := rows[name]
		for _, carrier := range carriers(t) {
			for _, denial := range denials {
				c.Command = strings.ReplaceAll(carrier, "%", denial)
				n++
				if d := c.Judge(); d.Verdict != Deny {
					t.Errorf("%s: %q is %s (%s: %s)", name, c.Command, d.Verdict, d.Rule, d.Reason)
				}
			}
		}
	}
	t.Logf("%d lines", n)
}
