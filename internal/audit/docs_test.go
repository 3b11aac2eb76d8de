package audit

import (
	cmdline "flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = cmdline.Bool("update", false, "write docs/checks.md")

// TestDocs: docs/checks.md is what the catalogue says.
func TestDocs(t *testing.T) {
	var b strings.Builder
	all := Catalogue()
	fmt.Fprintf(&b, "# The %d checks of the audit\n\nGenerated from the catalogue: `go test ./internal/audit -run TestDocs -update`. A `*` stands\nfor one element that depends on the home. The severity is the highest that a\nfinding of the check has. docs/checks/divergence.md says where upstream differs.\n", len(all))
	area := Area("")
	seen := map[Area]bool{}
	for _, c := range all {
		if c.Why == "" || c.Source == "" || c.Fix == "" && !c.Good {
			t.Errorf("%s lacks a reason, a repair or a source", c.ID)
		}
		if seen[c.Area] {
			continue
		}
		area, seen[c.Area] = c.Area, true
		fmt.Fprintf(&b, "\n## %s\n", area)
		for _, c := range all {
			if c.Area != area {
				continue
			}
			kind := "up to " + c.Severity.String()
			if c.Good {
				kind = "reports what is right"
			}
			fmt.Fprintf(&b, "\n### `%s`\n\n%s (%s). Source: %s.\n", c.ID, strings.TrimSuffix(c.Why, "."), kind, strings.TrimSuffix(c.Source, "."))
			if c.Fix != "" {
				fmt.Fprintf(&b, "Fix: %s.\n", strings.TrimSuffix(c.Fix, "."))
			}
			if len(c.Aliases) > 0 {
				fmt.Fprintf(&b, "Also: `%s`.\n", strings.Join(c.Aliases, "`, `"))
			}
		}
	}
	p := filepath.Join("..", "..", "docs", "checks.md")
	if *update {
		if err := os.WriteFile(p, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != b.String() {
		t.Error("docs/checks.md is stale: go test ./internal/audit -run TestDocs -update")
	}
}
