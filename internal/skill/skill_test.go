package skill

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/openclaw-go/openclaw/internal/skillscan"
)

func write(t *testing.T, p, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func rules(r skillscan.Report) []string {
	var out []string
	for _, f := range r.Findings {
		out = append(out, f.Rule+" "+f.File)
	}
	return out
}

// TestReadStaysInside: no byte of what a link leads to is read (R16).
func TestReadStaysInside(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "outside", "key"), "SECRET-OF-OTHERS")
	s := filepath.Join(dir, "skill")
	write(t, filepath.Join(s, "SKILL.md"), "---\nname: x\ndescription: y\n---\nText.\n")
	for name, to := range map[string]string{"a": "../outside/key", "b": filepath.Join(dir, "outside"), "c": "c", "d": "SKILL.md"} {
		if err := os.Symlink(to, filepath.Join(s, name)); err != nil {
			t.Fatal(err)
		}
	}
	files, err := Read(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.Type == skillscan.Link && len(f.Data) > 0 {
			t.Errorf("%s: %q", f.Path, f.Data)
		}
	}
	got := rules(skillscan.Scan(files))
	for _, want := range []string{"link.outside a", "link.outside b"} {
		if !slices.Contains(got, want) {
			t.Errorf("findings %q, want %q", got, want)
		}
	}
	if slices.Contains(got, "link.outside d") || slices.Contains(got, "link.broken d") {
		t.Errorf("findings %q: a link inside is fine", got)
	}
}

// TestDigestR16: one more file, another mode, another byte is another skill.
func TestDigestR16(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "SKILL.md"), "a")
	seen := map[string]string{}
	look := func(what string) {
		t.Helper()
		files, err := Read(dir)
		if err != nil {
			t.Fatal(err)
		}
		d := skillscan.Digest(files)
		if old, ok := seen[d]; ok {
			t.Errorf("%s has the digest of %s", what, old)
		}
		seen[d] = what
	}
	look("the skill")
	write(t, filepath.Join(dir, "SKILL.md"), "b")
	look("another byte")
	write(t, filepath.Join(dir, "x"), "")
	look("an empty file more")
	if err := os.Chmod(filepath.Join(dir, "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	look("another mode")
	if err := os.Remove(filepath.Join(dir, "x")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("SKILL.md", filepath.Join(dir, "x")); err != nil {
		t.Fatal(err)
	}
	look("a link instead")
}

func TestReadLimits(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "SKILL.md"), "---\nname: x\ndescription: y\n---\n")
	big := filepath.Join(dir, "big")
	f, err := os.Create(big)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(1 << 30); err != nil {
		t.Fatal(err)
	}
	f.Close()
	files, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := rules(skillscan.Scan(files)); !slices.Contains(got, "file.not-analysable big") {
		t.Errorf("findings %q", got)
	}
	many := t.TempDir()
	for i := range skillscan.MaxFiles + 10 {
		write(t, filepath.Join(many, fmt.Sprintf("f%d", i)), "")
	}
	if files, err = Read(many); err != nil {
		t.Fatal(err)
	}
	if r := skillscan.Scan(files); r.Verdict != skillscan.Block {
		t.Errorf("verdict %s of a folder with too many files", r.Verdict)
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a", "SKILL.md"), "")
	write(t, filepath.Join(dir, "group", "b", "SKILL.md"), "")
	write(t, filepath.Join(dir, "a", "inner", "SKILL.md"), "")
	write(t, filepath.Join(dir, "c", "README.md"), "")
	got, complete := Find(dir)
	if !slices.Equal(got, []string{"a", filepath.Join("group", "b")}) || !complete {
		t.Errorf("%q, complete %v", got, complete)
	}
	if got, complete := Find(filepath.Join(dir, "none")); len(got) != 0 || !complete {
		t.Errorf("%q, complete %v", got, complete)
	}
}
