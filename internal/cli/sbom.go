package cli

import (
	"crypto/sha256"
	"encoding/hex"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// spdx is a bill of materials in SPDX 2.3: the program and every module that
// was linked into it, as the program itself knows them.
type spdx struct {
	Version       string         `json:"spdxVersion"`
	DataLicense   string         `json:"dataLicense"`
	ID            string         `json:"SPDXID"`
	Name          string         `json:"name"`
	Namespace     string         `json:"documentNamespace"`
	Creation      spdxCreation   `json:"creationInfo"`
	Packages      []spdxPackage  `json:"packages"`
	Relationships []spdxRelation `json:"relationships"`
}

type spdxCreation struct {
	Created  string   `json:"created"`
	Creators []string `json:"creators"`
}

type spdxPackage struct {
	Name     string    `json:"name"`
	ID       string    `json:"SPDXID"`
	Version  string    `json:"versionInfo"`
	Location string    `json:"downloadLocation"`
	Analyzed bool      `json:"filesAnalyzed"`
	Comment  string    `json:"comment,omitempty"`
	Refs     []spdxRef `json:"externalRefs,omitempty"`
}

type spdxRef struct {
	Category string `json:"referenceCategory"`
	Type     string `json:"referenceType"`
	Locator  string `json:"referenceLocator"`
}

type spdxRelation struct {
	From string `json:"spdxElementId"`
	Type string `json:"relationshipType"`
	To   string `json:"relatedSpdxElement"`
}

// billOf makes the document. The same program gives the same text: its time is
// that of the commit it was built from.
func billOf(info *debug.BuildInfo, version string) spdx {
	setting := func(key string) string {
		for _, s := range info.Settings {
			if s.Key == key {
				return s.Value
			}
		}
		return ""
	}
	sum := sha256.Sum256([]byte(info.String()))
	created := setting("vcs.time")
	if _, err := time.Parse(time.RFC3339, created); err != nil {
		created = "1970-01-01T00:00:00Z"
	}
	const root = "SPDXRef-openclaw"
	out := spdx{Version: "SPDX-2.3", DataLicense: "CC0-1.0", ID: "SPDXRef-DOCUMENT", Name: "openclaw-" + version,
		Namespace: "https://" + info.Main.Path + "/sbom/" + hex.EncodeToString(sum[:]),
		Creation:  spdxCreation{created, []string{"Tool: openclaw version --sbom"}},
		Packages: []spdxPackage{goPackage(root, &info.Main, version, setting("vcs.revision")),
			goPackage("SPDXRef-go-stdlib", &debug.Module{Path: "stdlib"}, strings.TrimPrefix(info.GoVersion, "go"), "")},
		Relationships: []spdxRelation{{"SPDXRef-DOCUMENT", "DESCRIBES", root}, {root, "DEPENDS_ON", "SPDXRef-go-stdlib"}}}
	deps := slices.Clone(info.Deps)
	slices.SortFunc(deps, func(a, b *debug.Module) int { return strings.Compare(a.Path, b.Path) })
	for _, d := range deps {
		if d.Replace != nil {
			d = d.Replace
		}
		id := "SPDXRef-" + strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '.' || r == '-' {
				return r
			}
			return '-'
		}, d.Path)
		out.Packages = append(out.Packages, goPackage(id, d, d.Version, ""))
		out.Relationships = append(out.Relationships, spdxRelation{root, "DEPENDS_ON", id})
	}
	return out
}

func goPackage(id string, m *debug.Module, version, revision string) spdxPackage {
	p := spdxPackage{Name: m.Path, ID: id, Version: version, Location: "NOASSERTION",
		Refs: []spdxRef{{"PACKAGE-MANAGER", "purl", "pkg:golang/" + m.Path + "@" + version}}}
	if m.Sum != "" {
		p.Comment = "go.sum " + m.Sum
	}
	if revision != "" {
		p.Comment = "revision " + revision
	}
	return p
}
