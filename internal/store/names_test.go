package store

import (
	"regexp"
	"testing"

	"pgregory.net/rapid"
)

// The names are those of the patterns that the layout documents.
func TestNamesFollowTheirPatterns(t *testing.T) {
	for _, row := range []struct {
		name string
		got  func(string) bool
		want *regexp.Regexp
	}{
		{"agent", agentName, regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)},
		{"session", sessionName, regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,127}$`)},
		{"document", documentName, regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$`)},
		{"transcript", transcriptName, regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,200}\.jsonl$`)},
	} {
		t.Run(row.name, rapid.MakeCheck(func(t *rapid.T) {
			s := rapid.OneOf(rapid.StringMatching(`[A-Za-z0-9._ /\n-]{0,6}(\.jsonl)?`), rapid.StringMatching(`[a-z0-9]{60,210}(\.jsonl)?`), rapid.String()).Draw(t, "s")
			if got := row.got(s); got != row.want.MatchString(s) {
				t.Fatalf("%q: %v", s, got)
			}
		}))
	}
}
