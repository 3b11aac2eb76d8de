package app

import (
	"strings"
	"testing"

	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/configfile"
)

// TestR68NoToolAnswersAboutPolicy: a model is told a rule when it is refused,
// and has no tool to look for holes.
func TestR68NoToolAnswersAboutPolicy(t *testing.T) {
	w := Answers(configfile.Paths{Home: "/home/u", State: "/home/u/.openclaw", Config: "/home/u/.openclaw/openclaw.json"}, config.Default())
	if len(w.Built) == 0 {
		t.Fatal("no tools")
	}
	for _, name := range w.Built {
		for _, word := range []string{"policy", "explain", "audit", "sandbox", "security", "config"} {
			if strings.Contains(string(name), word) {
				t.Errorf("tool %q answers about %s", name, word)
			}
		}
	}
}
