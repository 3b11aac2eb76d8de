package skillscan

import (
	"regexp"
	"strings"
	"sync"
)

var address = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`https?://[^\s"'<>)\]]*(?:[<{(][^\s>})]*[^>})]*[>})])?[^\s"')\]]*`)
})

// links finds addresses that are to be filled with what is private.
func (s *scan) links(file string, ls []line) {
	for _, l := range ls {
		if !strings.Contains(l.text, "://") {
			continue
		}
		for _, m := range address().FindAllString(l.text, 16) {
			low := strings.ToLower(m)
			i := strings.IndexAny(low, "<{")
			q := strings.IndexByte(low, '?')
			if q >= 0 && i < 0 && blank(m[q:]) && strings.Contains(l.text, "![") {
				s.found("order.link", file, l.n, l.text)
			}
			if i < 0 || q < 0 {
				continue
			}
			for _, w := range [...]string{"message", "conversation", "context", "history", "secret", "token", "prompt", "memory", "password", "transcript", "api_key", "env"} {
				if strings.Contains(low[min(i, q):], w) && !strings.Contains(low[min(i, q):], "=<your") {
					s.found("order.link", file, l.n, l.text)
					break
				}
			}
		}
	}
}

// blank reports a query with a word in capitals that stands for what was said.
func blank(query string) bool {
	for v := range strings.SplitSeq(query, "=") {
		v, _, _ = strings.Cut(v, "&")
		v = strings.TrimRight(v, "`)*_.")
		if len(v) < 4 || v != strings.ToUpper(v) {
			continue
		}
		for _, w := range [...]string{"CONTEXT", "MESSAGE", "HISTORY", "CONVERSATION", "MEMORY", "PROMPT", "TRANSCRIPT", "SECRET", "CHAT", "SESSION"} {
			if strings.Contains(v, w) {
				return true
			}
		}
	}
	return false
}

// keystrokes are keys that open nothing.
var keystrokes = sync.OnceValue(func() *strings.Replacer {
	return strings.NewReplacer("send keys", "type text", "Send keys", "Type text", "send-keys", "type-text", "send_keys", "type_text", "sending keys", "typing texts")
})
