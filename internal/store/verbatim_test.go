package store

import (
	"strings"
	"testing"
)

// R27: what the operator wrote is an address as a whole; a part of it, or a
// longer one, was not given.
func TestR27VerbatimIsTheWholeWord(t *testing.T) {
	const said = "Please read https://docs.example.org/guide/install, (also https://example.com/a?b=c) and \"http://x.example:8080/\"!\nThen <https://last.example/z>."
	for text, want := range map[string]bool{
		"https://docs.example.org/guide/install":  true,
		"https://docs.example.org/guide/install,": true,
		"https://docs.example.org/guide/instal":   false,
		"https://docs.example.org/guide":          false,
		"https://docs.example.org":                false,
		"docs.example.org/guide/install":          false,
		"https://docs.example.org/guide/install/": false,
		"https://example.com/a?b=c":               true,
		"https://example.com/a?b=":                false,
		"https://example.com/a?b=c&d=e":           false,
		"https://example.com/a":                   false,
		"http://x.example:8080/":                  true,
		"http://x.example:80":                     false,
		"https://last.example/z":                  true,
		"https://last.example/":                   false,
		"read":                                    true,
		"rea":                                     false,
	} {
		if got := verbatim(said, text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func FuzzVerbatim(f *testing.F) {
	f.Add("read https://a.example/b.", "https://a.example/b")
	f.Add("“x”", "x")
	f.Fuzz(func(t *testing.T, said, text string) {
		if text == "" {
			return
		}
		if verbatim(said, text) && !strings.Contains(said, text) {
			t.Fatal("said what nobody said")
		}
		if !strings.ContainsAny(text, " \t\n") && verbatim("before "+text+" after", text) == false && strings.TrimSpace(text) == text {
			t.Fatalf("%q between blanks was not said", text)
		}
	})
}
