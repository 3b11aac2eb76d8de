package skillscan

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/skill-rules.md")

// small is a skill of one file beside SKILL.md.
func small(text string) []File {
	name := "SKILL.md"
	if rest, ok := strings.CutPrefix(text, "@"); ok {
		name, text, _ = strings.Cut(rest, "\n")
	}
	head := "---\nname: small\ndescription: A small skill.\n---\n\n"
	if strings.HasPrefix(text, "---") {
		head = ""
	}
	if name == "SKILL.md" {
		return []File{{Path: name, Type: Regular, Mode: 0o644, Data: []byte(head + text)}}
	}
	return []File{{Path: "SKILL.md", Type: Regular, Mode: 0o644, Data: []byte(head + "Text.\n")}, {Path: name, Type: Regular, Mode: 0o644, Data: []byte(text)}}
}

func ruleIDs(r Report) []string {
	var out []string
	for _, f := range r.Findings {
		out = append(out, f.Rule)
	}
	return out
}

// TestRules: every rule finds its hit and not its near miss.
func TestRules(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, r := range Rules() {
		if seen[r.ID] || r.Title == "" || r.Why == "" || r.Clear == "" {
			t.Errorf("%s stands twice, or lacks words", r.ID)
		}
		seen[r.ID] = true
		if r.Hit == "" {
			continue // of files, in TestFiles
		}
		hit := small(r.Hit)
		if r.ID == "declare.none" {
			hit = hit[1:]
		}
		if got := Scan(hit); !slices.Contains(ruleIDs(got), r.ID) {
			t.Errorf("%s does not find %q: %s", r.ID, r.Hit, listed(got))
		}
		if got := Scan(small(r.Near)); slices.Contains(ruleIDs(got), r.ID) {
			t.Errorf("%s finds %q: %s", r.ID, r.Near, listed(got))
		}
	}
}

// TestFiles: what an entry is, and what stands inside of archives.
func TestFiles(t *testing.T) {
	t.Parallel()
	md := File{Path: "SKILL.md", Type: Regular, Data: []byte("---\nname: x\ndescription: y\n---\n")}
	with := func(f File) []File { return []File{md, f} }
	reg := func(name, data string) []File { return with(File{Path: name, Type: Regular, Data: []byte(data)}) }
	locked := []byte(packed(t, "\n>> a.txt\nsecret"))
	for i := 0; i+10 < len(locked); i++ {
		if string(locked[i:i+4]) == "PK\x01\x02" {
			locked[i+8] |= 1
		}
	}
	script := packed(t, "\n>> word/x.sh\n#!/bin/sh\nls")
	for _, c := range []struct {
		rule      string
		hit, near []File
	}{
		{"link.outside", with(File{Path: "a", Type: Link, Target: "../x"}), with(File{Path: "a", Type: Link, Target: "SKILL.md"})},
		{"link.outside", with(File{Path: "d/a", Type: Link, Target: "/etc/passwd"}), with(File{Path: "d/a", Type: Link, Target: "../SKILL.md"})},
		{"link.broken", with(File{Path: "a", Type: Link, Target: "gone"}), with(File{Path: "a", Type: Link, Target: "./SKILL.md"})},
		{"file.special", with(File{Path: "p", Type: Special}), with(File{Path: "p", Type: Folder})},
		{"file.not-analysable", with(File{Path: "b", Type: Regular, Unread: "permission denied"}), reg("b", "text")},
		{"file.not-analysable", reg("a.zip", "PK\x03\x04broken"), reg("a.zip", packed(t, "\n>> a.txt\ntext"))},
		{"file.binary", reg("tool", "\x7fELF\x02\x01"), reg("tool.txt", "ELF")},
		{"file.compiled-only", reg("m.pyc", "\xa7\r\r\n\x00\x00"), []File{md, {Path: "m.pyc", Type: Regular, Data: []byte("\xa7\r\r\n\x00")}, {Path: "m.py", Type: Regular, Data: []byte("x = 1\n")}}},
		{"file.compiled", []File{md, {Path: "__pycache__/m.cpython-311.pyc", Type: Regular, Data: []byte("\xa7\r\r\n\x00")}, {Path: "m.py", Type: Regular, Data: []byte("x = 1\n")}}, reg("m.py", "x = 1\n")},
		{"file.polyglot", reg("a.png", "\x89PNG\r\n\x1a\n....IEND\xaeB`\x82"+strings.Repeat("x", 40)), reg("a.png", "\x89PNG\r\n\x1a\n....IEND\xaeB`\x82")},
		{"archive.escape", reg("a.zip", packed(t, "\n>> ../x\ntext")), reg("a.zip", packed(t, "\n>> x\ntext"))},
		{"archive.encrypted", reg("a.zip", string(locked)), reg("a.zip", packed(t, "\n>> x\ntext"))},
		{"archive.code", reg("a.docx", script), reg("a.docx", packed(t, "\n>> word/document.xml\n<w/>"))},
		{"priv.setuid", with(File{Path: "x", Type: Regular, Mode: 0o4755, Data: []byte("text")}), with(File{Path: "x", Type: Regular, Mode: 0o755, Data: []byte("text")})},
	} {
		if got := Scan(c.hit); !slices.Contains(ruleIDs(got), c.rule) {
			t.Errorf("%s does not find %q: %s", c.rule, c.hit[1].Path, listed(got))
		}
		if got := Scan(c.near); slices.Contains(ruleIDs(got), c.rule) {
			t.Errorf("%s finds %q: %s", c.rule, c.near[1].Path, listed(got))
		}
	}
}

// TestRuleDocs: docs/skill-rules.md is what the table says.
func TestRuleDocs(t *testing.T) {
	var b strings.Builder
	fmt.Fprintf(&b, "# The %d rules of the skill scan\n\nGenerated from the table: `go test ./internal/skillscan -run TestRuleDocs -update`.\nA critical finding blocks, a warn asks for a person's review, an info is for who reads.\n", len(Rules()))
	b.WriteString(guideTable())
	area := ""
	for _, r := range Rules() {
		if a, _, _ := strings.Cut(r.ID, "."); a != area {
			area = a
			fmt.Fprintf(&b, "\n## %s\n", area)
		}
		fmt.Fprintf(&b, "\n### `%s`\n\n%s (%s). %s To clear it: %s\n", r.ID, r.Title, r.Severity, r.Why, r.Clear)
	}
	p := filepath.Join("..", "..", "docs", "skill-rules.md")
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
		t.Error("docs/skill-rules.md is stale: go test ./internal/skillscan -run TestRuleDocs -update")
	}
}
