package vault

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// envName is what may stand between ${ and }: upstream's rule, upper case.
var envName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Z_][A-Z0-9_]*$`) })

// template is a text cut at its variables.
type template struct {
	parts []string // len(names)+1
	names []string
}

// parseTemplate reads ${NAME} anywhere, $${NAME} as the text "${NAME}", and
// $NAME only where it is the whole text. What looks like a variable and is
// none is an error: a secret with a hole in it must not be used.
func parseTemplate(text string) (template, error) {
	if name, ok := strings.CutPrefix(text, "$"); ok && envName().MatchString(name) {
		return template{parts: []string{"", ""}, names: []string{name}}, nil
	}
	var t template
	var part strings.Builder
	for {
		i := strings.Index(text, "${")
		if i < 0 {
			part.WriteString(text)
			t.parts = append(t.parts, part.String())
			return t, nil
		}
		end := strings.IndexByte(text[i:], '}')
		if end < 0 {
			return template{}, fmt.Errorf("a %q without its %q at byte %d", "${", "}", i)
		}
		if i > 0 && text[i-1] == '$' {
			part.WriteString(text[:i-1])
			part.WriteString(text[i : i+end+1])
			text = text[i+end+1:]
			continue
		}
		name := text[i+2 : i+end]
		if !envName().MatchString(name) {
			return template{}, fmt.Errorf("a variable name at byte %d that is not of the form A-Z, 0-9 and _", i)
		}
		part.WriteString(text[:i])
		t.parts = append(t.parts, part.String())
		part.Reset()
		t.names = append(t.names, name)
		text = text[i+end+1:]
	}
}

// templateNames are the variables of a text, each once, in order.
func templateNames(text string) []string {
	t, err := parseTemplate(text)
	if err != nil {
		return nil
	}
	var out []string
	for _, n := range t.names {
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// IsTemplate reports whether a configured text refers to variables, or tries
// to: such a text is never a secret by itself.
func IsTemplate(text string) bool {
	t, err := parseTemplate(text)
	return err != nil || len(t.names) > 0
}
