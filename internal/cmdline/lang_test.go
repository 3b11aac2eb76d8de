package cmdline

import (
	"testing"

	"pgregory.net/rapid"
)

// awkExpr draws an expression of awk, with slashes and brackets wherever they
// may stand.
func awkExpr(t *rapid.T, depth int) string {
	pick := func(ss ...string) string { return rapid.SampledFrom(ss).Draw(t, "piece") }
	if depth <= 0 {
		return pick("1", "x", "$1", "NR", `"a"`, `"(("`, `"\""`, "/a/", "/(/", "/[/(]/", `/\//`, "/[)]/", `/\(/`, "a[1]", "$NF", `"/"`, "/[]/(]/", `/[\]/(]/`)
	}
	sub := func() string { return awkExpr(t, depth-1) }
	switch rapid.IntRange(0, 7).Draw(t, "kind") {
	case 0:
		return "(" + sub() + ")"
	case 1:
		return sub() + pick(" + ", "*", " / ", "/", "-", " % ", "^", " \\\n/ ") + sub()
	case 2:
		return pick("-", "!", "+", "- ", "! ") + sub()
	case 3:
		return sub() + "?" + sub() + ":" + sub()
	case 4:
		return sub() + pick("~", " ~ ", "!~", "==", "<", "&&", "||") + sub()
	case 5:
		return pick("length", "substr", "index", "toupper") + "(" + sub() + ")"
	case 6:
		return "x" + pick("=", "+=", "/=", "-=") + sub()
	default:
		return pick("x++", "x--", "++x", "i++", "$1++") + pick("", " / 2", "/2")
	}
}

// However the expression is written, a print that goes to a file is seen.
func TestAwkWritesAreSeen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pick := func(ss ...string) string { return rapid.SampledFrom(ss).Draw(t, "piece") }
		before := pick("", "", "if ("+awkExpr(t, 1)+") ", "x = "+awkExpr(t, 1)+"; ", awkExpr(t, 1)+"; ", "while (0) /(/; ", "if (1) /)/; else ")
		program := pick("BEGIN{", "{", "END{", "/a/{", "NR>1{") + before + pick("print ", "printf ") + awkExpr(t, rapid.IntRange(0, 3).Draw(t, "depth")) + pick(" > ", ">", " >> ") + pick(`"f"`, `("f")`, "x") + "}"
		if awkRuns(program) == "" {
			t.Fatalf("%q is let through", program)
		}
	})
}

func TestProgramTextInOtherLanguages(t *testing.T) {
	for _, c := range []struct {
		read    func(string) string
		text    string
		harmful bool
	}{
		{sedRuns, `s/[/] /echo hi;#/e`, true},
		{sedRuns, `s/[]/] /;#/e`, true},
		{sedRuns, `s/[[:alpha:]/] /;#/e`, true},
		{sedRuns, `/[/];#/e`, true},
		{sedRuns, `:as/a/b/ e`, true},
		{sedRuns, `bx e`, true},
		{sedRuns, `t;e`, true},
		{sedRuns, `:a;e`, true},
		{sedRuns, `s/[/]/_/`, false},
		{sedRuns, `s/[^/]*$//`, false},
		{sedRuns, `:a;N;$!ba;s/\n/ /g`, false},
		{sedRuns, `s/[]/]/x/g`, false},
		{awkRuns, `{x = - /\(/; print "a" > "f"}`, true},
		{awkRuns, `{print -/(/ > "f"}`, true},
		{awkRuns, `{printf /(/ > "f"}`, true},
		{awkRuns, `{x = length /\(/; print 1 > "f"}`, true},
		{awkRuns, "{x = a \\\n/ (1) ; print \"a\" > \"f\"}", true},
		{awkRuns, `{if (1) /(/; print > "f"}`, true},
		{awkRuns, `{print ($1 > 3 ? "a" : "b")}`, false},
		{awkRuns, `{printf("%d\n", ($1 > 3))}`, false},
		{awkRuns, `{if ($1 / 2 > 3) print}`, false},
		{awkRuns, `$1 > 3 || /a>b|c/ {print; n++} n > 10 {exit}`, false},
	} {
		if got := c.read(c.text); (got != "") != c.harmful {
			t.Errorf("%q: %q, harmful: %v", c.text, got, c.harmful)
		}
	}
}
