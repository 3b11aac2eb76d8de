package inject

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"
	"unicode/utf8"
)

// phraseRules are fixed wordings, found at their first word.
var phraseRules = [...]struct {
	id     string
	weight int
	words  string
}{
	{"role.now", 3, "you are now"}, {"role.now", 3, "you're now"}, {"role.mode", 5, "developer mode"}, {"role.mode", 5, "dan mode"}, {"role.mode", 5, "god mode"},
	{"role.obey", 4, "you obey"}, {"role.obey", 4, "do anything now"}, {"role.free", 4, "sin restricciones"}, {"role.free", 3, "without restrictions"}, {"role.free", 4, "no restrictions"},
	{"role.opposite", 4, "do the opposite"},
	{"authority.owner", 4, "this is the owner"}, {"authority.owner", 4, "this is your owner"}, {"authority.owner", 4, "this is your operator"},
	{"authority.rank", 4, "as instructions"}, {"authority.rank", 4, "as coming from the owner"}, {"authority.rank", 4, "as commands"},
	{"authority.test", 3, "you are being evaluated"}, {"authority.agent", 4, "supervisor agent"}, {"authority.real", 5, "user's real request"},
	{"fence", 5, "end external untrusted content"}, {"fence", 5, "end_external_untrusted_content"}, {"trusted", 3, "trusted operator"},
	{"prompt.words", 4, "the text above"}, {"prompt.words", 5, "the system message"}, {"prompt.words", 5, "your system prompt"}, {"prompt.words", 4, "hidden prompt"}, {"prompt.words", 4, "what were you told"}, {"prompt.words", 4, "your instructions above"},
	{"control.openclaw", 3, "openclaw json"}, {"control.openclaw", 3, "openclaw pairing"}, {"control.openclaw", 2, "openclaw agents"}, {"control.pairing", 4, "pairing code"}, {"control.pairing", 5, "skip pairing"}, {"control.pairing", 5, "skip the pairing"},
	{"control.memory", 5, "long-term memory"}, {"control.memory", 3, "heartbeat md"}, {"control.memory", 3, "memory md"}, {"control.memory", 3, "soul md"}, {"control.memory", 3, "agents md"}, {"control.memory", 3, "future sessions"},
	{"control.cron", 4, "cron job"}, {"control.skill", 4, "install the skill"}, {"control.agent", 5, "sub-agent"}, {"control.agent", 4, "full permissions"}, {"control.model", 5, "your model to"}, {"control.sender", 5, "trusted senders"},
	{"control.node", 4, "node tool"}, {"control.node", 5, "camera snap"}, {"control.config", 4, "gateway bind"}, {"control.config", 3, "0 0 0 0"}, {"control.approve", 4, "auto-approve"}, {"control.approve", 4, "approvals off"}, {"control.never", 4, "never ask"},
	{"secret.code", 5, "gift cards"}, {"secret.manager", 4, "password manager"},
	{"secret.path", 3, "etc passwd"}, {"secret.path", 3, "etc shadow"}, {"secret.path", 4, "ssh id_rsa"}, {"secret.path", 4, "document cookie"},
	{"then.do", 3, "carry it out"}, {"then.do", 3, "carry out"}, {"then.do", 3, "and act on it"}, {"then.do", 3, "do what it says"}, {"then.do", 3, "then do it"}, {"then.do", 3, "and obey"}, {"then.do", 3, "and do it"},
	{"review", 5, "positive review only"}, {"review", 4, "say lgtm"}, {"summary", 4, "the summary must"}, {"summary", 3, "reply only"}, {"summary", 3, "instead of the"}, {"while", 3, "while you are here"}, {"before", 4, "before using any other tool"}, {"before", 4, "before calling any other tool"},
	{"reply", 4, "in your answer"}, {"reply", 4, "in your reply"}, {"reply", 4, "in your response"}, {"reply", 4, "in your summary"}, {"reply", 4, "your next answer"}, {"reply", 4, "on your reply"}, {"reply", 4, "your final answer"},
	{"reply", 4, "when you reply"}, {"reply", 4, "when you answer"}, {"reply", 4, "when you respond"}, {"reply", 4, "when you summarise"}, {"reply", 4, "when you summarize"}, {"reply", 4, "before you answer"}, {"reply", 4, "before you summarise"}, {"reply", 4, "before you summarize"},
	{"reply", 4, "before answering"}, {"reply", 4, "before you continue"}, {"reply", 4, "end your answer"}, {"role.orders", 3, "orders from"},
	{"role.pretend", 3, "pretend you"}, {"role.pretend", 3, "pretend you're"}, {"role.pretend", 3, "pretend to be"}, {"role.pretend", 3, "imagine you are"}, {"role.pretend", 3, "act as if"}, {"role.reset", 4, "you have been reset"}, {"from", 2, "from now on"}, {"instead", 2, "instead"}, {"pipe", 2, "curl http"}, {"pipe", 2, "force-push"},
}

// phrases looks for the fixed wordings that begin at word i.
func (l *looker) phrases(t tokens, i int) {
	for _, n := range lookup().phrases[t.word(i)] {
		r := &phraseRules[n]
		if !joined(&t, i, r.words, " ") {
			continue
		}
		last := i + strings.Count(r.words, " ")
		weight := r.weight
		if t.negated(i) || t.negated(i-1) {
			weight /= 4
		} else if weight >= strong && r.id != "reply" && t.sentenceOrders(i) {
			weight++
		}
		l.add(r.id, t.discount(i, last, weight), t.words[i].start, t.words[last].end, i)
	}
}

// tokensOf chat templates and quotations, as plain text.
var templateMarkers = [...]string{"<|im_start|>", "<|im_end|>", "<|eot_id|>", "<|start_header_id|>", "<|system|>", "<|user|>", "<|assistant|>", "<|channel|>", "<|message|>", "<|call|>", "<|end|>",
	"<|start|>", "<|endoftext|>", "<|begin_of_text|>", "<|tool|>", "<system_prompt>", "</system_prompt>", "</user_input>", "<invoke name=", "<assistant>", "</assistant>", "###System:", "### System:", "### Instruction:", "\"role\":\"assistant\"", "\"role\":\"tool\"",
	"<start_of_turn>", "<end_of_turn>", "[INST]", "[/INST]", "<<SYS>>", "<<<END", "</untrusted", "[SYSTEM]", "</tool_result>", "<function_results>", "</function_results>", "<tool_result>", "<tool_call>", "<function_calls>", "</system>", `"role":"system"`, `"role": "system"`, "<<<END_EXTERNAL"}

// roleLines begin the turns of a written conversation.
var roleLines = [...]string{"human:", "assistant:", "user:", "system:"}

// concealing are inline styles that hide what follows from a reader.
var concealing = [...]string{"display:none", "display: none", "visibility:hidden", "visibility:collapse", "visibility: hidden", "font-size:0", "font-size: 0", "color:#fff", "color:white", "opacity:0"}

// shape looks for the signs that do not consist of words.
func (l *looker) shape(text string, t tokens) {
	seen := 0
	for _, m := range templateMarkers {
		if i := strings.Index(text, m); i >= 0 {
			at := t.wordAt(i)
			weight := 4
			if quotedMarker(text, i, i+len(m)) {
				weight = 1
			} else if seen++; seen == 2 {
				l.add("template.more", 3, i, i+len(m), at)
			}
			l.add("template", weight, i, i+len(m), at)
			if weight == 4 && t.imperative(at, 14) {
				l.add("template.order", 3, i, i+len(m), at)
			}
		}
	}
	roles := 0
	for i := 0; i < len(text); i = nextLine(text, i) {
		for _, r := range roleLines {
			if len(text)-i >= len(r) && strings.EqualFold(text[i:i+len(r)], r) {
				if roles++; roles == 3 {
					l.add("roles", 6, i, i+len(r), t.wordAt(i))
				}
			}
		}
		if strings.HasPrefix(text[i:], "/system ") {
			l.add("template", 5, i, i+8, t.wordAt(i))
		}
	}
	low := ""
	if strings.Contains(text, "style=") {
		low = lowered(text)
		for _, c := range concealing {
			if i := strings.Index(low, c); i >= 0 {
				l.add("hidden.style", 3, i, i+len(c), t.wordAt(i))
			}
		}
	}
	l.places(text, t)
	l.destinations(text, t)
	l.links(text, t)
	l.invisible(text, t)
}

// hiddenPlaces are where a program reads and a visitor does not.
var hiddenPlaces = [...]string{"<!--", "/*", "alt=\"", "alt='", "title=\"", "content=\"", "aria-hidden=\"true", " hidden>", "<noscript", "<template", "<desc>", "[text layer]", "(white text)", "[hidden]", "<IMPORTANT>"}

// placeEnds close what hiddenPlaces open.
var placeEnds = [...]string{"-->", "*/", "\">", "\" ", "'>", "</"}

// places looks for strong signs that stand in a hidden place.
func (l *looker) places(text string, t tokens) {
	for _, m := range hiddenPlaces {
		i := strings.Index(text, m)
		if i < 0 {
			continue
		}
		end := min(len(text), i+800)
		for _, e := range placeEnds {
			if n := strings.Index(text[i+len(m):end], e); n >= 0 {
				end = i + len(m) + n
			}
		}
		for _, f := range l.found {
			if f.Weight >= strong && f.Start >= i && f.Start < end {
				l.add("place", 2, i, i+len(m), t.wordAt(i))
				break
			}
		}
	}
}

// destinations looks for where an order sends something: an address or a
// number after a verb of sending, in the same sentence.
func (l *looker) destinations(text string, t tokens) {
	if t.classes&(cSend|cReveal|cVerb) == 0 {
		return
	}
	for i := 0; i < len(text); i++ {
		begin := i
		switch {
		case text[i] == '@' && i+1 < len(text) && isLetter(rune(text[i+1])):
		case text[i] == ':' && strings.HasPrefix(text[i:], "://"):
		case text[i] == '+' && i+6 < len(text) && text[i+1] >= '0' && text[i+1] <= '9' && text[i+5] >= '0' && text[i+5] <= '9':
		default:
			continue
		}
		at := t.wordAt(i)
		for j := max(0, at-14); j < min(at, len(t.words)); j++ {
			if t.words[j].class&(cSend|cPut) != 0 && t.words[j].sentence == t.words[min(at, len(t.words)-1)].sentence && t.words[j].end <= begin {
				if !t.carries(at, j) || t.negated(j) {
					l.add("destination", 3, begin, i+1, at)
				} else {
					weight := 5
					if t.begins(j) {
						weight++
					}
					l.add("exfiltration", t.discount(j, min(at, len(t.words)-1), weight), t.words[j].start, i+1, j)
				}
				break
			}
		}
		i += 8
	}
}

// carries reports whether the sentence around word i names what belongs to a
// user and to nobody else.
func (t tokens) carries(i, verb int) bool {
	s := t.words[verb].sentence
	for j := max(0, i-16); j < min(len(t.words), i+16); j++ {
		if c := t.words[j].class; t.words[j].sentence == s && (c&(cSecret|cPrompt|cTheirs) != 0 || c&cUser != 0 && (j > 0 && t.words[j-1].class&(cThe|cYour) != 0 || t.classNear(j, 1, cData))) {
			return true
		}
	}
	return false
}

// lowered folds the case of ASCII letters alone, so that offsets stay.
func lowered(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

func nextLine(s string, i int) int {
	n := strings.IndexByte(s[i:], '\n')
	if n < 0 {
		return len(s)
	}
	return i + n + 1
}

// quotedMarker: a template token as code or documentation writes it, in quotes
// or as a variable of a template.
func quotedMarker(s string, i, end int) bool {
	before := strings.TrimRight(s[max(0, i-24):i], " ")
	after := s[end:min(len(s), end+80)]
	if head, ok := strings.CutSuffix(before, "{"); ok {
		// An object of a program's, unless it follows the end of a sentence.
		head = strings.TrimRight(head, " \n")
		return head == "" || strings.ContainsAny(head[len(head)-1:], "[,=(:{")
	}
	return strings.HasSuffix(before, "\"") || strings.HasSuffix(before, "`") || strings.HasSuffix(before, "'") || strings.Contains(after, "{{") ||
		strings.HasPrefix(after, " and ") || strings.HasPrefix(after, " are ") || strings.HasPrefix(after, "\\n") || strings.HasPrefix(strings.TrimSpace(after), "<") && !strings.HasPrefix(strings.TrimSpace(after), "<|")
}

// links looks for addresses that a reader is told to fill with data.
func (l *looker) links(text string, t tokens) {
	for i := 0; ; {
		n := strings.Index(text[i:], "://")
		if n < 0 {
			return
		}
		i += n + 3
		end := i
		for open := false; end < len(text) && end-i < 512 && text[end] > ' ' && text[end] != '"' && text[end] != ')' && (text[end] != ']' || open); end++ {
			open = open || text[end] == '['
		}
		link := text[i:end]
		if q := strings.IndexByte(link, '?'); q >= 0 && (strings.ContainsAny(link[q:], "<{[") || strings.Contains(link[q:], "'+") || strings.Contains(link[q:], "$(")) {
			at, weight := t.wordAt(i), 4
			if head := text[:max(0, i-3)]; strings.HasSuffix(strings.TrimRight(head, "htps"), "](") && strings.LastIndex(head, "![") > strings.LastIndexByte(head, '\n') {
				weight = 6 // an image is loaded without a click
			}
			for j := max(0, at-6); j < min(at, len(t.words)); j++ {
				if t.words[j].class&cCall != 0 {
					weight = 6
				}
			}
			l.add("link.filled", weight, i, end, at)
		}
		if strings.HasPrefix(link, "127.0.0.1") || strings.HasPrefix(link, "localhost") || strings.HasPrefix(link, "169.254.") {
			l.add("link.inside", 2, i, end, t.wordAt(i))
		}
		if rest := text[end:min(len(text), end+24)]; pipesToShell(rest) || pipesToShell(link) {
			weight := 2
			if at := min(t.wordAt(i), len(t.words)-1); at >= 0 {
				for j := max(0, at-20); j < at; j++ {
					if t.words[j].class&(cModel|cAI) != 0 && t.words[j].sentence == t.words[at].sentence {
						weight = 4
					}
				}
			}
			l.add("pipe.shell", weight, i, end, t.wordAt(i))
		}
		i = end
	}
}

func pipesToShell(s string) bool {
	_, after, ok := strings.Cut(s, "|")
	after = strings.TrimLeft(after, " ")
	return ok && (strings.HasPrefix(after, "sh") || strings.HasPrefix(after, "bash"))
}

// invisible looks for text in characters that nobody sees: tags beyond a flag,
// runs of variation selectors, overridden direction.
func (l *looker) invisible(text string, t tokens) {
	tags, selectors, first := 0, 0, 0
	flag := false
	for i := 0; i < len(text); {
		if text[i] < utf8.RuneSelf {
			i++
			continue
		}
		c, n := utf8.DecodeRuneInString(text[i:])
		switch {
		case c == 0x1F3F4:
			flag = true
		case c >= 0xE0020 && c <= 0xE007F && !flag:
			if tags++; tags == 4 {
				l.add("invisible.tags", plain, first, i+n, t.wordAt(i))
			}
		case c >= 0xE0100 && c <= 0xE01EF || c >= 0xFE00 && c <= 0xFE0F && selectors > 0:
			if selectors == 0 {
				first = i
			}
			if selectors++; selectors == 4 {
				l.add("invisible.selectors", plain, first, i+n, t.wordAt(i))
			}
		case c == 0x202E || c == 0x202D:
			l.add("invisible.direction", 3, i, i+n, t.wordAt(i))
		case c == 0xE007F:
			flag = false
		}
		if tags == 0 {
			first = i
		}
		i += n
	}
}

// wordAt is the first word at or after byte i.
func (t tokens) wordAt(i int) int {
	lo, hi := 0, len(t.words)
	for lo < hi {
		m := (lo + hi) / 2
		if t.words[m].start < i {
			lo = m + 1
		} else {
			hi = m
		}
	}
	return lo
}

// hidden looks again at what a text says when it is decoded, a piece at a time.
func (l *looker) hidden(text string, t tokens, depth int) {
	l.spelledOut(t)
	l.leet(text, t)
	if strings.Contains(t.folded, "rot13") || strings.Contains(t.folded, "caesar") {
		l.decoded(strings.Map(rot13, text), 0, len(text), 0, maxDepth)
	}
	if i := strings.IndexRune(text, 0x202E); i >= 0 {
		end := min(len(text), i+512)
		l.decoded(reversed(strings.ToValidUTF8(text[i:end], "")), i, end, t.wordAt(i), maxDepth)
	}
	for _, plus := range [...]string{"'+'", "' + '", `"+"`, `" + "`} {
		if i := strings.Index(text, plus); i >= 0 {
			begin, end := max(0, i-80), min(len(text), i+400)
			l.decoded(strings.ReplaceAll(strings.ToValidUTF8(text[begin:end], ""), plus, ""), begin, end, t.wordAt(begin), maxDepth)
		}
	}
	if v, ok := unescape(text); ok {
		l.decoded(v, 0, len(text), 0, maxDepth)
	}
	l.bytesSpelled(text, t, depth)
	l.pieces(text, t)
	budget := 64 << 10
	for i := 0; i < len(text) && budget > 0; {
		end, percents := i, 0
		for end < len(text) && (isBase64(text[end]) || text[end] == '%') {
			if text[end] == '%' {
				percents++
			}
			end++
		}
		if end-i >= 20 {
			piece := text[i:min(end, i+budget)]
			if v, err := url.PathUnescape(piece); percents >= 6 && err == nil {
				l.decoded(v, i, end, t.wordAt(i), depth+1)
			} else if v, ok := decode(piece); ok {
				l.decoded(v, i, end, t.wordAt(i), depth+1)
			}
			budget -= end - i
		}
		i = max(end, i) + 1
	}
}

func isBase64(c byte) bool {
	return isLetter(rune(c)) || c == '+' || c == '/' || c == '-' || c == '_' || c == '='
}

// decode reads hex or base64 that holds text.
func decode(s string) (string, bool) {
	if b, err := hex.DecodeString(s); err == nil && readable(b) {
		return string(b), true
	}
	s = strings.TrimRight(s, "=")
	s = s[:len(s)-len(s)%4+map[int]int{0: 0, 1: 0, 2: 2, 3: 3}[len(s)%4]]
	for _, enc := range [...]*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		if b, err := enc.DecodeString(s); err == nil && readable(b) {
			return string(b), true
		}
	}
	return "", false
}

// readable: text, not bytes.
func readable(b []byte) bool {
	if len(b) < 8 || !utf8.Valid(b) {
		return false
	}
	good := 0
	for _, c := range b {
		if c >= 0x20 && c < 0x7f || c == '\n' || c >= 0x80 {
			good++
		}
	}
	return good*20 >= len(b)*19
}

// spelledOut looks at words that are spelled letter by letter; wider gaps part
// the words.
func (l *looker) spelledOut(t tokens) {
	for i := 0; i < len(t.words); i++ {
		var b strings.Builder
		n, first := 0, ""
		j := i
		for ; j < len(t.words) && n < 400; j++ {
			w := t.words[j]
			text := t.word(j)
			if w.hi-w.lo != 1 && (strings.Count(text, "-")+1)*2-1 != len(text) {
				break
			}
			if text[0] < 'a' || text[0] > 'z' {
				break
			}
			if j > i {
				gap := t.between(j - 1)
				if j == i+1 {
					first = gap
				}
				if len(gap) > 1 || w.hi-w.lo > 1 || gap != first {
					b.WriteByte(' ')
				}
			}
			letters := strings.ReplaceAll(text, "-", "")
			n += len(letters)
			b.WriteString(letters)
		}
		if n >= 12 {
			// What follows the letters belongs to the order.
			rest := t.words[min(j+8, len(t.words)-1)].end
			l.decoded(b.String()+t.raw[t.words[j-1].end:rest], t.words[i].start, t.words[j-1].end, i, maxDepth)
		}
		i = max(i, j-1)
	}
}

var leet = strings.NewReplacer("0", "o", "1", "i", "3", "e", "4", "a", "5", "s", "7", "t", "$", "s", "@", "a", "8", "b")

// leet looks at stretches with many words that mix letters with the digits that
// stand for some.
func (l *looker) leet(s string, t tokens) {
	first, last, n := -1, 0, 0
	flush := func() {
		if n >= 4 && first >= 0 {
			begin, end := max(0, first-20), min(len(s), last+40)
			l.decoded(leet.Replace(strings.ToValidUTF8(s[begin:end], "")), first, last, t.wordAt(first), maxDepth)
		}
		first, n = -1, 0
	}
	letters, digits, start := 0, 0, 0
	for i := 0; i <= len(s); i++ {
		c := byte(' ')
		if i < len(s) {
			c = s[i]
		}
		switch {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			letters++
		case strings.IndexByte("013457$@", c) >= 0:
			digits++
		case c <= ' ':
			if digits > 0 && letters+digits == i-start && letters+digits > 1 && letters+digits <= 16 {
				if first < 0 {
					first = start
				}
				last = i
				n++
			} else if first >= 0 && i-last > 24 {
				flush()
			}
			letters, digits, start = 0, 0, i+1
		}
	}
	flush()
}

func rot13(c rune) rune {
	switch {
	case c >= 'a' && c <= 'z':
		return 'a' + (c-'a'+13)%26
	case c >= 'A' && c <= 'Z':
		return 'A' + (c-'A'+13)%26
	}
	return c
}

func reversed(s string) string {
	r := []rune(s)
	for i, j := 0, len(r)-1; i < j; i, j = i+1, j-1 {
		r[i], r[j] = r[j], r[i]
	}
	return string(r)
}
