package filter

import "strings"

// scanner walks a text once and collects what must be masked. Whatever looks
// back or ahead from a byte is bounded, so the walk is linear.
type scanner struct {
	s     string
	spans []span
	// noQuote[k]: no closing quote of kind k stands before this offset.
	noQuote [3]int
}

// Bounds of a look back or ahead.
const (
	maxValue  = 4096
	maxPEM    = 64 << 10
	lineAhead = 8192
	lineBack  = 160
)

// interesting marks the bytes at which a rule may begin.
var interesting = func() (t [256]bool) {
	for c := range 256 {
		t[c] = isAlnum(byte(c)) || strings.IndexByte("=:->\x1b_,|\t%\xef", byte(c)) >= 0
	}
	return t
}()

// scanRules finds what shape and place give away.
func scanRules(text string) []span {
	sc := scanner{s: text}
	s := text
	for i := 0; i < len(s); {
		c := s[i]
		if !interesting[c] {
			i++
			continue
		}
		switch c {
		case '=', ':':
			i = sc.assignment(i, i+1)
		case ',':
			i = sc.listed(i)
		case '|', '\t':
			i = sc.cell(i)
		case '%', 0xEF:
			i = sc.wideSeparator(i)
		case '-':
			i = sc.hyphen(i)
		case '>':
			i = sc.element(i)
		case 0x1b:
			i = skipANSI(s, i)
		default:
			i = sc.word(i)
		}
	}
	return sc.spans
}

// wideSeparator looks at a separator that is written otherwise: percent-encoded
// or in full width.
func (sc *scanner) wideSeparator(i int) int {
	s := sc.s
	if i+2 >= len(s) {
		return i + 1
	}
	switch s[i : i+3] {
	case "%3A", "%3a", "%3D", "%3d", "：", "＝":
		n := len(sc.spans)
		if end := sc.assignment(i, i+3); len(sc.spans) > n {
			return end
		}
	}
	return i + 1
}

// mask adds a stretch and returns its end.
func (sc *scanner) mask(start, end int, rule string) int {
	sc.spans = append(sc.spans, span{start: start, end: end, rule: rule})
	return end
}

// skipANSI returns the offset after a terminal colour sequence, or after the
// escape byte when there is none.
func skipANSI(s string, i int) int {
	j := i + 1
	if j >= len(s) || s[j] != '[' {
		return j
	}
	for j++; j < len(s) && j-i < 24 && (s[j] >= '0' && s[j] <= '9' || s[j] == ';'); j++ {
	}
	if j < len(s) && s[j] >= '@' && s[j] <= '~' {
		return j + 1
	}
	return i + 1
}

// backANSI returns the offset before a colour sequence that ends at i.
func backANSI(s string, i int) int {
	if i < 3 || s[i-1] != 'm' {
		return i
	}
	j := i - 2
	for j > 0 && i-j < 24 && (s[j] >= '0' && s[j] <= '9' || s[j] == ';') {
		j--
	}
	if j > 0 && s[j] == '[' && s[j-1] == 0x1b {
		return j - 1
	}
	return i
}

// word looks at the word that begins at i: a vendor's prefix, a JWT, or a
// random value after a credential's name. It returns where to go on.
func (sc *scanner) word(i int) int {
	s := sc.s
	if i > 0 && (isAlnum(s[i-1]) || s[i-1] == '_') && !sc.escapedBefore(i) {
		return run(s, i, word&^dash|dash)
	}
	starts := [2]int{i, i}
	if i > 0 && s[i-1] == '\\' && strings.IndexByte("ntr", s[i]) >= 0 {
		starts[1] = i + 1 // \nsk-…
	} else if i > 0 && s[i-1] == '%' && i+2 < len(s) && classOf(s[i])&anyHex != 0 && classOf(s[i+1])&anyHex != 0 {
		starts[1] = i + 2 // %3Dsk-…
	}
	for n, at := range starts {
		if n == 1 && at == i || at >= len(s) {
			break
		}
		if end := sc.prefixed(at); end > 0 {
			return end
		}
	}
	end := i
	for end < len(s) && (isAlnum(s[end]) || s[end] == '_') {
		end++
	}
	if end == i {
		return i + 1
	}
	if e := sc.special(i, end); e > 0 {
		return e
	}
	if e := sc.named(i, end); e > 0 {
		return e
	}
	return end
}

// special looks at the words that announce a credential, or are one by what
// stands beside them.
func (sc *scanner) special(i, end int) int {
	s, w := sc.s, sc.s[i:end]
	if i > 0 && s[i-1] == '$' {
		if e := sc.crypted(i, end); e > 0 {
			return e
		}
	}
	if end < len(s) && s[end] != ' ' {
		rest := s[end:]
		switch {
		case s[end] == '.' && strings.HasPrefix(rest, ".atlasv1."):
			if stop := run(s, end, word|dot); stop-end > 60 {
				return sc.mask(i, stop, "terraform.token")
			}
		case s[end] == '(' && w == "PASSWORD" && end+1 < len(s) && (s[end+1] == '\'' || s[end+1] == '"'):
			if begin, stop, q := sc.extent(end+1, place{sep: '('}); q == inQuotes && scrambled(s[begin:stop]) && !spared(s[begin:stop]) {
				return sc.mask(begin, stop, "named.call")
			}
		case s[end] == '(' && len(w) >= 9 && (strings.EqualFold(w[len(w)-9:], "basicauth") || w == "basic_auth"):
			return sc.secondOf(end)
		case s[end] == '.' && (w == "token" || w == "bearer" || w == "auth"):
			if stop := run(s, end+1, alnum|dash); random(s[end+1:stop], 32) {
				return sc.mask(end+1, stop, "auth.protocol")
			}
		case s[end] == '-' && len(w) == 32 && strings.HasPrefix(rest, "-us") && run(w, 0, hexSet) == 32:
			return sc.mask(i, run(s, end+3, digit), "mailchimp")
		}
	}
	switch len(w) {
	case 4:
		if w == "echo" {
			return sc.echoed(i, end)
		}
	case 5:
		if strings.EqualFold(w, "basic") {
			return sc.scheme(i, end)
		}
	case 6:
		if w == "printf" {
			return sc.echoed(i, end)
		}
		if strings.EqualFold(w, "bearer") {
			return sc.scheme(i, end)
		}
		if strings.EqualFold(w, "values") {
			sc.sqlValues(i, end)
		}
	case 7:
		if w == "obscure" {
			return sc.positional(i, end)
		}
	case 8:
		if w == "htpasswd" {
			return sc.positional(i, end)
		}
	case 16:
		if w == "mosquitto_passwd" {
			return sc.positional(i, end)
		}
	}
	return 0
}

// escapedBefore reports whether the alphanumeric byte before i belongs to a
// colour sequence and not to the word.
func (sc *scanner) escapedBefore(i int) bool { return backANSI(sc.s, i) != i }

// prefixed masks a token that begins at i by its vendor's prefix or its
// shape, and returns its end, or 0.
func (sc *scanner) prefixed(i int) int {
	s := sc.s
	for _, n := range prefixIndex[s[i]] {
		r := &prefixRules[n]
		if !strings.HasPrefix(s[i:], r.Prefix) {
			continue
		}
		begin := i + len(r.Prefix)
		end := run(s, begin, r.Set)
		for end > begin && (s[end-1] == '.' || s[end-1] == '-' && r.Set&dash == 0) {
			end-- // a full stop ends a sentence
		}
		if end-begin < r.Min || r.Max > 0 && (end-begin > r.Max || end < len(s) && isAlnum(s[end])) {
			continue
		}
		if r.Set&(upper|hexLower|hexUpper) != 0 && sc.dull(begin, end) {
			continue
		}
		for end < len(s) && s[end] == '$' {
			end = run(s, end+1, alnum)
		}
		if r.Set == capital && r.Max == 16 {
			sc.companion(end)
		}
		return sc.mask(i, end, "prefix."+r.ID)
	}
	switch {
	case strings.HasPrefix(s[i:], "eyJ"):
		return sc.jwt(i)
	case strings.HasPrefix(s[i:], "AAAA") && strings.HasPrefix(s[min(len(s), i+11):], ":APA91b"):
		return sc.mask(i, run(s, i+12, word), "google.fcm")
	case strings.HasPrefix(s[i:], "LS0tLS1CRUdJTi"):
		return sc.encodedKey(i)
	case classOf(s[i])&lower != 0:
		return sc.selfNamed(i)
	case s[i] == 'M' || s[i] == 'N' || s[i] == 'O':
		return sc.discord(i)
	}
	return 0
}

// dull reports whether what follows a prefix is words or one repeated
// character, as in documentation.
func (sc *scanner) dull(begin, end int) bool {
	v := sc.s[begin:end]
	if strings.Contains(strings.ToLower(v), "xxxx") || uniform(v) {
		return true
	}
	m := makeupOf(v)
	if m.lower == 0 && m.upper == len(v) {
		return strings.HasSuffix(v, "EXAMPLE")
	}
	return m.digit == 0 && (m.upper == 0 || m.lower == 0 || camel(v)) || strings.HasSuffix(v, "EXAMPLE")
}

// prefixIndex lists the rows of prefixRules by their first byte.
var prefixIndex = func() (t [256][]uint8) {
	for n := range prefixRules {
		c := prefixRules[n].Prefix[0]
		t[c] = append(t[c], uint8(n))
	}
	return t
}()

// jwt masks header.payload(.signature) in base64url, and JWE.
func (sc *scanner) jwt(i int) int {
	s, at, parts := sc.s, i, 0
	for at < len(s) {
		end := run(s, at, word)
		if end-at < 10 && !(parts >= 1 && end > at) {
			break
		}
		parts++
		at = end
		if parts == 5 || at >= len(s) || s[at] != '.' {
			break
		}
		at++
	}
	if at > i && at <= len(s) && s[at-1] == '.' {
		at--
	}
	if parts < 2 || at-i < 40 {
		return 0
	}
	return sc.mask(i, at, "jwt")
}

// discord masks a bot token: user id in base64, time, signature.
func (sc *scanner) discord(i int) int {
	s := sc.s
	a := run(s, i, word)
	if n := a - i; n < 23 || n > 30 || a >= len(s) || s[a] != '.' {
		return 0
	}
	b := run(s, a+1, word)
	if n := b - a - 1; n < 5 || n > 8 || b >= len(s) || s[b] != '.' {
		return 0
	}
	end := run(s, b+1, word)
	if n := end - b - 1; n < 25 || n > 45 {
		return 0
	}
	return sc.mask(i, end, "discord.bot")
}

// scheme masks what follows "Bearer" or "Basic" at [i, end).
func (sc *scanner) scheme(i, end int) int {
	s := sc.s
	if i > 0 && s[i-1] == '-' {
		return 0
	}
	at := end
	for at < len(s) && at-end < 3 && s[at] == ' ' {
		at++
	}
	if at == end {
		return 0
	}
	stop := run(s, at, full)
	v := s[at:stop]
	if end-i == len("basic") {
		if len(v) < 8 || !basicPair(v) {
			return 0
		}
		return sc.mask(at, stop, "auth.scheme")
	}
	if len(v) < 8 || spared(v) || makeupOf(v).digit == 0 && (len(v) < 24 || wordy(v)) {
		return 0
	}
	if !makeupOf(v).mixed() && len(v) < 16 {
		return 0
	}
	return sc.mask(at, stop, "auth.scheme")
}

// named masks the word at [i, end) when it is random and a credential's name
// stands right before it: "signing secret 5c51…", "token: …" has its own rule.
func (sc *scanner) named(i, end int) int {
	s := sc.s
	if i < 4 || end-i < 6 && (end >= len(s) || classOf(s[end])&(dash|base64ish) == 0) {
		return 0
	}
	at := backANSI(s, i)
	quote := byte(0)
	if at > 0 && (s[at-1] == '`' || s[at-1] == '\'' || s[at-1] == '"') {
		at--
		quote = s[at]
	}
	if at == 0 || s[at-1] != ' ' {
		return 0
	}
	stop := run(s, i, full)
	if quote == 0 && stop-i < 8 && makeupOf(s[i:stop]).digit < 4 || stop-i > maxValue {
		return 0
	}
	for stop > end && (s[stop-1] == '.' || s[stop-1] == '/' || s[stop-1] == '-') {
		stop--
	}
	v := s[i:stop]
	m := makeupOf(v)
	if m.digit == 0 && !(scrambled(v) && (strings.HasSuffix(s[:at], " is ") && len(v) >= 10 || quote == '\'' && len(v) >= 8)) {
		return 0
	}
	if m.digit == len(v) {
		return sc.oneTime(at, i, stop)
	}
	if m.lower+m.upper == 0 {
		return 0
	}
	if quote == 0 && stop < len(s) && strings.IndexByte("!@#$%^&*?", s[stop]) >= 0 {
		stop = endOfBare(s, i)
		v = s[i:stop]
	}
	name := sc.nameBack(backANSI(s, at-1))
	switch c := nameOf(name); {
	case len(v) == 40 && m.lower == 0 && run(v, 0, digit|hexUpper) == 40 && strings.HasSuffix(name, "key"):
		return 0 // a fingerprint
	case c == nameToken && !spared(v) && (random(v, 16) || quote != 0 && random(v, 12) || isUUID(v)):
		return sc.mask(i, stop, "named.token")
	case c == namePassword && (plausible(c, v, place{sep: ' '}) || quote == '\'' && len(v) >= 6 && plausible(c, v, place{sep: ' ', quoted: inQuotes})):
		return sc.mask(i, stop, "named.password")
	}
	return 0
}

// oneTime masks the digits at [i, stop) after "verification code is".
func (sc *scanner) oneTime(at, i, stop int) int {
	back := sc.s[max(0, at-maxName):at]
	if stop-i > 8 || !strings.HasSuffix(back, " is ") && !strings.HasSuffix(back, " was ") || nameOf(sc.nameBack(at-1)) != namePin {
		return 0
	}
	return sc.mask(i, stop, "named.pin")
}

// nameBack is the name that ends at end: up to three words.
func (sc *scanner) nameBack(end int) string {
	s, i, spaces := sc.s, end, 0
	for i > 0 && end-i < maxName {
		c := s[i-1]
		if c == ' ' && spaces < 2 && i < end {
			spaces++
		} else if !isName(c) || c == 'm' && backANSI(s, i) != i {
			break
		}
		i--
	}
	name := s[i:end]
	if spaces == 0 && (name == "" || name[len(name)-1] < 0x80) {
		return name
	}
	for _, filler := range fillers {
		if rest, ok := strings.CutSuffix(name, filler); ok && strings.TrimSpace(rest) != "" {
			name = rest
		}
	}
	return name
}

// fillers stand between a name and its value, in the order in which they are
// taken off the end.
var fillers = [...]string{" is", " was", " of", " value", " =", " to", " from", " lautet", " ist", " es", " est", " jest", " är", "是", "为", "は", "は、", "는", "은",
	" reset", " set", " changed", " issued", " geändert", " updated", " created", " generated", " received", " below", " follows"}
