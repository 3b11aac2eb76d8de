package skillscan

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestReadFront(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"one line": "---\nname: weather\ndescription: \"Says: rain\"\nversion: 1.2.0\nmetadata: {\"openclaw\":{\"os\":[\"linux\"],\"requires\":{\"bins\":[\"curl\"],\"env\":[\"API_KEY\"]}}}\n---\nText\n",
		"json":     "---\nname: weather\ndescription: 'Says: rain'\nversion: 1.2.0\nmetadata:\n  {\n    \"openclaw\":\n      { \"os\": [\"linux\"], \"requires\": { \"bins\": [\"curl\",], \"env\": [\"API_KEY\"], }, },\n  }\n---\n",
		"maps":     "---\nname: weather\ndescription: >\n  Says:\n  rain\nversion: 1.2.0 # the newest\nmetadata:\n  clawdbot:\n    os: [linux]\n    requires:\n      bins:\n        - curl\n      env:\n      - API_KEY\n---\n",
	} {
		f, err := ReadFront(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if f.Name != "weather" || f.Description != "Says: rain" || f.Version != "1.2.0" || !slices.Equal(f.OS, []string{"linux"}) ||
			!slices.Equal(f.Bins, []string{"curl"}) || !slices.Equal(f.Env, []string{"API_KEY"}) {
			t.Errorf("%s: %+v", name, f)
		}
	}
	for name, text := range map[string]string{
		"none":       "# Title\n",
		"no end":     "---\nname: x\n",
		"bomb":       "---\na: &a [x,x]\nb: [*a,*a,*a]\n---\n",
		"tag":        "---\nname: !!python/object x\n---\n",
		"twice":      "---\nname: a\nname: b\n---\n",
		"deep":       "---\n" + deepMap(40) + "---\n",
		"large":      "---\nname: " + strings.Repeat("x", 100_000) + "\n---\n",
		"no map":     "---\njust text\n---\n",
		"unbalanced": "---\nmetadata: {\"openclaw\": {\n---\n",
	} {
		if f, err := ReadFront(text); err == nil || !errors.Is(err, ErrBadFront) && !errors.Is(err, ErrNoFront) {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
	}
}

func deepMap(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "k:\n")
	}
	return b.String()
}

// FuzzFront: whatever the text, it ends, and what is read is no longer than
// what was given.
func FuzzFront(f *testing.F) {
	f.Add("---\nname: x\nmetadata:\n  a:\n    - b: c\n      d: [1, 2]\n---\n")
	f.Add("---\nx: |\n  a\n b\n---\n")
	f.Add("---\nmetadata: {\"openclaw\":{\"requires\":{\"bins\":[\"a\",]}}}\n---\n")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ReadFront(text)
		if err == nil && len(got.Name)+len(got.Description) > 2*len(text) {
			t.Errorf("%d bytes of %d", len(got.Name)+len(got.Description), len(text))
		}
	})
}
