package audit

import (
	"regexp"
	"strings"
	"sync"
)

var (
	// setAdvice is advice to set one key to one value: the key from the top,
	// the value a text, a number, a word, or a list or object of such.
	setAdvice = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^[Ss]et ([a-zA-Z]+(?:\.[a-zA-Z0-9-]+)+): ("[A-Za-z0-9 _./:@-]*"|true|false|[0-9]+|[\[{][A-Za-z0-9 _./:@,*~"-]*[\]}])(?:$|[ ,;])`)
	})
	// plainCommand holds no character that a shell would take for more than a
	// part of a word.
	plainCommand = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(?:openclaw|chmod|chown|setfacl|tailscale|systemctl)(?: [A-Za-z0-9~./:@%+=,_-]+)+$`)
	})
	plainWord   = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9~./:@%+=,_-]+$`) })
	placeholder = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?:^| )[A-Z][A-Z]+(?:$| )`) })
)

// CommandOf is the command in a finding's advice that can be run as it stands,
// "" when there is none: advice in words, or with a name in it that a shell
// would read otherwise.
func CommandOf(advice string) string {
	if m := setAdvice().FindStringSubmatch(advice); m != nil {
		value := strings.Trim(m[2], `"`)
		if strings.ContainsAny(m[2], ` [{*~`) {
			value = "'" + m[2] + "'"
		}
		return "openclaw config set " + m[1] + " " + value
	}
	for _, end := range []string{", or ", ", and ", "; ", " says "} {
		advice, _, _ = strings.Cut(advice, end)
	}
	if !plainCommand().MatchString(advice) || placeholder().MatchString(advice) {
		return ""
	}
	return advice
}

// shellWord is a path as a person may paste it into a shell: one word, with
// the home's ~ left to be expanded.
func shellWord(path string) string {
	if plainWord().MatchString(path) {
		return path
	}
	home := ""
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		home, path = "~/", rest
	}
	return home + "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
