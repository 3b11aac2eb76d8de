package courier

import (
	"regexp"
	"strings"
	"sync"
)

// link is an address that a chat program makes a link of. Bare names of hosts
// become links as well, so they count from the first slash or question mark on.
var link = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)(?:[a-z][a-z0-9+.-]{1,15}:\\?/\\?/[^\s<>"'` + "`" + `]+|(?:[a-z0-9-]{1,63}\.)+[a-z]{2,24}(?:[/?#][^\s<>"'` + "`" + `]*))`)
})

// Defang writes addresses so that no program makes a link of them or fetches
// them: "https[:]//evil[.]test/". Those that given knows stay as they are.
func Defang(text string, given func(url string) bool) string {
	return link().ReplaceAllStringFunc(text, func(u string) string {
		plain := strings.TrimRight(u, ".,;:!?)]}*_")
		if given(plain) {
			return u
		}
		scheme, rest, ok := strings.Cut(u, "://")
		if !ok {
			scheme, rest = "", u
		}
		rest = strings.ReplaceAll(rest, "://", "[:]//")
		host, path := rest, ""
		if i := strings.IndexAny(rest, "/?#"); i >= 0 {
			host, path = rest[:i], rest[i:]
		}
		host = strings.ReplaceAll(host, ".", "[.]")
		if ok {
			return scheme + "[:]//" + host + path
		}
		return host + path
	})
}
