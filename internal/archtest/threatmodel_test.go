package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// testsOf lists the test functions below internal, by the last element of their
// packages: "gate.TestX".
func testsOf(t *testing.T) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		dir := filepath.Base(filepath.Dir(path))
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && (strings.HasPrefix(fn.Name.Name, "Test") || strings.HasPrefix(fn.Name.Name, "Fuzz")) {
				out[dir+"."+fn.Name.Name] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// requirements are the threats that the parts built so far must close.
var requirements = []string{"R01", "R02", "R03", "R04", "R05", "R06", "R07", "R08", "R09", "R10", "R11", "R12", "R13", "R14", "R15", "R16", "R17", "R18", "R19", "R20", "R21", "R22", "R23", "R24", "R25", "R26", "R27", "R30", "R31", "R32", "R33", "R34",
	"R36", "R37", "R39", "R40", "R41", "R42", "R43", "R44", "R45", "R46", "R47", "R48", "R49", "R50", "R51", "R52", "R53", "R54", "R55", "R56", "R57", "R58", "R59", "R60", "R61", "R62", "R64", "R65", "R66", "R67", "R68", "R70", "R72", "R73", "R74"}

// TestThreatModelNamesTestsThatExist: THREATMODEL.md promises nothing that no
// test holds. Each threat has a row with a test named after it, and every test
// or script that the page names is there.
func TestThreatModelNamesTestsThatExist(t *testing.T) {
	b, err := os.ReadFile("../../THREATMODEL.md")
	if err != nil {
		t.Fatal(err)
	}
	text, tests := string(b), testsOf(t)
	if len(tests) < 300 {
		t.Fatalf("only %d tests were found", len(tests))
	}
	named := regexp.MustCompile("`([a-z0-9/]+)\\.((?:Test|Fuzz)\\w+)`")
	found := named.FindAllStringSubmatch(text, -1)
	if len(found) < len(requirements) {
		t.Errorf("only %d tests are named", len(found))
	}
	for _, m := range found {
		if !tests[m[1]+"."+m[2]] {
			t.Errorf("THREATMODEL.md names %s.%s, which does not exist", m[1], m[2])
		}
	}
	for _, m := range regexp.MustCompile("`(internal/[^` ]+|test/[^` ]+|scripts/[^` ]+)`").FindAllStringSubmatch(text, -1) {
		if _, err := os.Stat("../../" + m[1]); err != nil {
			t.Errorf("THREATMODEL.md names %s: %v", m[1], err)
		}
	}
	for _, m := range regexp.MustCompile(`(?:Test|Fuzz)[A-Z]\w+`).FindAllString(text, -1) {
		if !slices.ContainsFunc(found, func(f []string) bool { return f[2] == m }) {
			t.Errorf("THREATMODEL.md names %s without its package", m)
		}
	}
	for _, r := range requirements {
		row := regexp.MustCompile(`(?m)^\| ` + r + ` .*$`).FindString(text)
		if row == "" {
			t.Errorf("THREATMODEL.md has no row for %s", r)
		} else if !strings.Contains(row, ".Test"+r) {
			t.Errorf("the row of %s names no test called after it", r)
		}
	}
}
