package cli

import (
	"encoding/json"
	"reflect"
	"regexp"
	"runtime/debug"
	"strings"
	"testing"
)

// TestBillOfMaterials: every linked module is in the bill, with its version and
// hash, by an id that SPDX takes; the same program gives the same bill.
func TestBillOfMaterials(t *testing.T) {
	info := &debug.BuildInfo{GoVersion: "go1.26.8", Main: debug.Module{Path: "example.org/claw"},
		Deps:     []*debug.Module{{Path: "z.example/late", Version: "v1.0.0", Sum: "h1:z"}, {Path: "a.example/under_score/v3", Version: "v3.1.0", Replace: &debug.Module{Path: "a.example/fork", Version: "v0.1.0", Sum: "h1:f"}}},
		Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.time", Value: "2026-11-24T10:00:00Z"}}}
	b := billOf(info, "1.2.3")
	if !reflect.DeepEqual(b, billOf(info, "1.2.3")) {
		t.Error("two bills of one program differ")
	}
	if b.Version != "SPDX-2.3" || b.DataLicense != "CC0-1.0" || b.Creation.Created != "2026-11-24T10:00:00Z" || !strings.HasPrefix(b.Namespace, "https://example.org/claw/sbom/") {
		t.Errorf("%+v", b)
	}
	id := regexp.MustCompile(`^SPDXRef-[0-9A-Za-z.-]+$`)
	seen := map[string]bool{"SPDXRef-DOCUMENT": true}
	for _, p := range b.Packages {
		if !id.MatchString(p.ID) || seen[p.ID] || p.Version == "" || len(p.Refs) != 1 {
			t.Errorf("package %+v", p)
		}
		seen[p.ID] = true
	}
	if len(b.Packages) != 4 || b.Packages[2].Name != "a.example/fork" || b.Packages[2].Comment != "go.sum h1:f" || b.Packages[0].Comment != "revision abc" {
		t.Errorf("%+v", b.Packages)
	}
	for _, r := range b.Relationships {
		if !seen[r.From] || !seen[r.To] {
			t.Errorf("relation %+v names what is not there", r)
		}
	}
	info.Settings = nil
	if b := billOf(info, "1"); b.Creation.Created != "1970-01-01T00:00:00Z" {
		t.Errorf("without a commit: %+v", b.Creation)
	}
	if _, err := json.Marshal(b); err != nil {
		t.Error(err)
	}
}
