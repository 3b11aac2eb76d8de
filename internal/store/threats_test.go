package store

import (
	"io/fs"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// TestR57NoKeyNamesAFile: whatever a session is called by others, its files
// are named by our own id, inside the folder of its agent, and no two keys
// that differ share one.
func TestR57NoKeyNamesAFile(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, newClock())
	hostile := []claw.SessionKey{"../../../etc/passwd", "agent:main:../x", "/etc/passwd", "a/b", `a\b`, "CON", "a:b", "a%2fb", ".", "..", "Agent:Main:Main", "agent:main:main", "agent:main:MAIN", "é", "e\u0301"}
	ids := map[claw.SessionID]claw.SessionKey{}
	for _, key := range hostile {
		got, err := s.Ensure(key, mainAgent)
		if err != nil {
			continue // refused by name, which is as good
		}
		if other, ok := ids[got.ID]; ok {
			t.Errorf("%q and %q share a session", key, other)
		}
		ids[got.ID] = key
		if _, err := s.Append(key, Message{Raw: []byte(`{"role":"user","content":"x"}`)}); err != nil {
			t.Errorf("%q: %v", key, err)
		}
	}
	if len(ids) < 8 {
		t.Fatalf("only %d keys were taken", len(ids))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	ours := regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.jsonl$|^sessions\.(json|log)$`)
	n := 0
	err := filepath.WalkDir(filepath.Join(dir, "agents"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		n++
		if filepath.Dir(path) != filepath.Join(dir, "agents", string(mainAgent), "sessions") || !ours.MatchString(d.Name()) {
			t.Errorf("a key made the file %s", path)
		}
		return nil
	})
	if err != nil || n < len(ids) {
		t.Errorf("%d files, %v", n, err)
	}
}
