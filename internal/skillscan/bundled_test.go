//go:build soak

package skillscan

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestBundled: of the skills that upstream ships nothing is blocked, and at
// most a tenth sent to review. They are fetched for the test and thrown away.
func TestBundled(t *testing.T) {
	dir := t.TempDir()
	npm := exec.CommandContext(t.Context(), "npm", "pack", "--silent", "openclaw@latest")
	npm.Dir = dir
	if out, err := npm.CombinedOutput(); err != nil {
		t.Fatalf("npm pack: %v: %s", err, out)
	}
	packs, err := filepath.Glob(filepath.Join(dir, "openclaw-*.tgz"))
	if err != nil || len(packs) != 1 {
		t.Fatalf("%q, %v", packs, err)
	}
	skills := packedSkills(t, packs[0])
	if len(skills) < 20 {
		t.Fatalf("only %d skills", len(skills))
	}
	blocked, reviewed := 0, 0
	for dir, files := range skills {
		switch r := Scan(files); r.Verdict {
		case Block:
			blocked++
			t.Errorf("%s is blocked: %s", dir, listed(r))
		case Review:
			reviewed++
			t.Logf("%s is sent to review: %s", dir, listed(r))
		case Pass:
		}
	}
	t.Logf("%d skills: %d blocked, %d sent to review", len(skills), blocked, reviewed)
	if reviewed*10 > len(skills) {
		t.Errorf("%d of %d are sent to review", reviewed, len(skills))
	}
}

// packedSkills gathers the folders of a package that hold a SKILL.md.
func packedSkills(t *testing.T, pack string) map[string][]File {
	f, err := os.Open(pack)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{}
	modes := map[string]uint32{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag != tar.TypeReg || !strings.Contains(h.Name, "skills/") || h.Size > MaxFile {
			continue
		}
		if all[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
		modes[h.Name] = uint32(h.Mode)
	}
	out := map[string][]File{}
	for name := range all {
		dir, ok := strings.CutSuffix(name, "/SKILL.md")
		if !ok {
			continue
		}
		for other, b := range all {
			if rest, ok := strings.CutPrefix(other, dir+"/"); ok {
				out[dir] = append(out[dir], File{Path: rest, Mode: modes[other], Type: Regular, Data: b})
			}
		}
		slices.SortFunc(out[dir], func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	}
	return out
}
