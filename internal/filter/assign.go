package filter

import (
	"bytes"
	"encoding/base64"
	"strings"
)

// assignment looks at the '=' or ':' at i: a name before it may make a value
// after next a credential. It returns where to go on.
func (sc *scanner) assignment(i, next int) int {
	s := sc.s
	if s[i] == ':' && next < len(s) {
		if strings.HasPrefix(s[i:], "://") {
			return sc.url(i)
		}
		if end := sc.telegram(i); end > 0 {
			return end
		}
		if s[next] >= '0' && s[next] <= '9' || s[next] == '*' {
			if end := sc.pgpass(i); end > 0 {
				return end
			}
		}
	}
	if next < len(s) && (s[next] == '=' || s[next] == '>') {
		next++ // := == =>
	} else if next < len(s) && s[i] == ':' && s[next] == ':' {
		return next + 1
	}
	name := sc.nameBefore(i)
	if name == "" {
		return next
	}
	if run(name, 0, digit) == len(name) {
		return next // a time, a port
	}
	c := nameOf(name)
	if c == nameNone {
		return sc.unnamed(i, next, name)
	}
	if s[i] == ':' && strings.HasSuffix(name, "PASS") && strings.TrimSpace(name) == "PASS" {
		return next // a test's verdict
	}
	if s[i] == ':' && next < len(s) && s[next] != ' ' && sc.inName(i-len(name)) {
		return next
	}
	return sc.value(c, next, place{sep: s[i], query: s[i] == '=' && sc.inQuery(i, name)})
}

// inName reports whether what begins at i is a part of an arn: or urn: name.
func (sc *scanner) inName(i int) bool {
	if i < 1 || sc.s[i-1] != ':' {
		return false
	}
	from := i
	for from > 0 && i-from < lineBack && sc.s[from-1] > ' ' {
		from--
	}
	head := strings.TrimLeft(sc.s[from:i], "\"'(")
	return strings.HasPrefix(head, "arn:") || strings.HasPrefix(head, "urn:")
}

// nameBefore is the name that stands before the separator at i, quoted or not.
func (sc *scanner) nameBefore(i int) string {
	s, end := sc.s, i
	for n := 0; n < 3 && end > 0 && s[end-1] == ' '; n++ {
		end--
	}
	end = backANSI(s, end)
	for n := 0; n < 4 && end > 0 && strings.IndexByte("\"'`*]?\\", s[end-1]) >= 0; n++ {
		end--
	}
	if end >= 6 && s[end-6:end] == "&quot;" {
		end -= 6
	} else if end >= 3 && s[end-3:end] == "%22" {
		end -= 3
	}
	if end == 0 || !isName(s[end-1]) {
		return ""
	}
	return sc.nameBack(end)
}

// inQuery reports whether the name before i follows '?', '&' or '#'.
func (sc *scanner) inQuery(i int, name string) bool {
	at := i - len(name)
	return at > 0 && strings.IndexByte("?&#;", sc.s[at-1]) >= 0
}

// value judges what follows a credential's name from i on.
func (sc *scanner) value(c nameClass, i int, p place) int {
	s := sc.s
	at := skipToValue(s, i)
	if at >= len(s) {
		return at
	}
	switch c {
	case nameAuthorization:
		return sc.authorization(at)
	case nameCookie:
		return sc.cookies(at)
	case namePhrase:
		return sc.phrase(at)
	case nameNone, nameQuery, nameWeak, nameToken, namePin, namePassword:
	}
	if c == nameWeak && s[at] == '(' {
		return max(i, sc.secondOf(at))
	}
	begin, end, quoted := sc.extent(at, p)
	if c == namePin && quoted == bare && sc.codes(at) {
		return at
	}
	p.quoted = quoted
	v := s[begin:end]
	if c == nameToken {
		// "token: Bearer x": the scheme is no part of the value.
		if scheme, rest, ok := strings.Cut(v, " "); ok && isScheme(scheme) && rest != "" {
			begin += len(scheme) + 1
			v = s[begin:end]
		}
	}
	if !plausible(c, v, p) {
		return i
	}
	return sc.mask(begin, end, "named."+c.rule())
}

// codes masks one-time codes that stand one after the other from i on, and
// reports whether there was more than one.
func (sc *scanner) codes(i int) bool {
	s := sc.s
	var found [16]span
	n := 0
	for at := i; at < len(s) && n < len(found); {
		end := run(s, at, alnum|dash)
		if v := s[at:end]; len(v) < 6 || len(v) > 14 || makeupOf(v).digit == 0 && (n == 0 || len(v) != found[0].end-found[0].start) {
			break
		}
		found[n] = span{start: at, end: end, rule: "named.codes"}
		n++
		at = skipAny(s, end, len(s), " ,;")
	}
	if n < 2 {
		return false
	}
	sc.spans = append(sc.spans, found[:n]...)
	return true
}

func (c nameClass) rule() string {
	return [...]string{"none", "query", "weak", "token", "pin", "password", "authorization", "cookie", "phrase"}[c]
}

// skipToValue passes spaces, colours and a line continuation.
func skipToValue(s string, i int) int {
	for n := 0; i < len(s) && n < 64; n++ {
		switch {
		case s[i] == ' ' || s[i] == '\t' || s[i] == '*' && n < 3 && !strings.HasPrefix(s[i:], masked):
			i++
		case s[i] == 0x1b:
			i = skipANSI(s, i)
		case s[i] == '\\' && i+1 < len(s) && s[i+1] == '\n':
			i += 2
		case strings.HasPrefix(s[i:], "!!str ") || strings.HasPrefix(s[i:], "!!binary "):
			i += strings.IndexByte(s[i:], ' ')
		default:
			return blockScalar(s, i)
		}
	}
	return i
}

// blockScalar is where the text of a YAML block begins whose sign is at i, or
// i when there is none.
func blockScalar(s string, i int) int {
	if i >= len(s) || s[i] != '|' && s[i] != '>' {
		return i
	}
	at := skipAny(s, i+1, min(len(s), i+4), "+-0123456789 ")
	if at >= len(s) || s[at] != '\n' {
		return i
	}
	at++
	if end := skipAny(s, at, min(len(s), at+64), " "); end > at {
		return end
	}
	return i
}

// quotes that enclose a value, longest first.
var quotes = [...]string{`\\\"`, `\"`, "&quot;", "&#34;", "%22", `"`, "'", "`"}

// extent is the stretch of the value that begins at i.
func (sc *scanner) extent(i int, p place) (begin, end int, q quoting) {
	s := sc.s
	for kind, quote := range quotes {
		if !strings.HasPrefix(s[i:], quote) {
			continue
		}
		begin = i + len(quote)
		if end := sc.closing(begin, quote, kind); end >= begin {
			if quote == "`" && strings.IndexByte(s[begin:end], ' ') >= 0 && p.sep == '=' {
				return begin, begin, inQuotes // a command to run
			}
			return begin, end, inQuotes
		}
		i = begin // never closed: up to the next space
		break
	}
	if p.sep == '=' && !p.query && sc.lineStart(i) {
		return i, endOfLineValue(s, i), bare
	}
	end = endOfBare(s, i)
	if p.sep == '%' {
		for _, stop := range [...]string{"%26", "%2C", "%0A", "%0D", "%7D", "%3B"} {
			if n := strings.Index(s[i:end], stop); n >= 0 {
				end = i + n
			}
		}
	}
	return i, end, bare
}

// closing is the offset of the quote that closes a value, or -1 when there is
// none on the line.
func (sc *scanner) closing(begin int, quote string, kind int) int {
	s := sc.s
	memo := -1
	if kind >= 5 {
		memo = kind - 5
		if begin < sc.noQuote[memo] {
			return -1
		}
	}
	limit := min(len(s), begin+maxValue)
	for i := begin; i < limit; i++ {
		switch {
		case s[i] == '\n':
			limit = i
		case strings.HasPrefix(s[i:], quote):
			return i
		case s[i] == '\\' && quote == `"`:
			i++
		}
	}
	if memo >= 0 {
		sc.noQuote[memo] = limit
	}
	return -1
}

// lineStart reports whether the assignment whose value begins at i begins its
// line, as in an environment file.
func (sc *scanner) lineStart(i int) bool {
	s := sc.s
	at := i
	for at > 0 && i-at < lineBack && s[at-1] != '\n' {
		at--
	}
	head := strings.TrimLeft(s[at:i], " \t")
	head = strings.TrimPrefix(strings.TrimPrefix(head, "export "), "set ")
	name, _, ok := strings.Cut(head, "=")
	return ok && run(name, 0, word) == len(strings.TrimRight(name, " "))
}

// endOfLineValue: up to white space, without a separator at its end.
func endOfLineValue(s string, i int) int {
	end := i
	for end < len(s) && end-i < maxValue && s[end] > ' ' && s[end] != '"' {
		if s[end] == '\\' && end+2 < len(s) && s[end+1] == '\n' && isAlnum(s[end+2]) && end-i >= 8 {
			end += 2 // the line goes on
		}
		end++
	}
	for end > i && strings.IndexByte(";,&|", s[end-1]) >= 0 {
		end--
	}
	return phraseEnd(s, i, end)
}

// phraseEnd extends a value that ends at end over a pass phrase: nothing but
// words of small letters, three and more, up to the end of the line.
func phraseEnd(s string, i, end int) int {
	if end >= len(s) || s[end] != ' ' {
		return end
	}
	stop, words := i, 1
	for stop < len(s) && stop-i < 128 && (s[stop] >= 'a' && s[stop] <= 'z' || s[stop] == ' ' && s[stop-1] != ' ') {
		if s[stop] == ' ' {
			words++
		}
		stop++
	}
	if words < 3 || stop < len(s) && s[stop] != '\n' {
		return end
	}
	return stop
}

// endOfBare: up to what ends an unquoted value.
func endOfBare(s string, i int) int {
	end := i
	for end < len(s) && end-i < maxValue {
		c := s[end]
		if c == '\\' && end+2 < len(s) && s[end+1] == '\n' && isAlnum(s[end+2]) && end-i >= 8 {
			end += 2 // the line goes on
			continue
		}
		if c <= ' ' || strings.IndexByte("\"'`<>;,&|)}]\\", c) >= 0 {
			break
		}
		end++
	}
	for end > i && strings.IndexByte(".:", s[end-1]) >= 0 {
		end--
	}
	return end
}

var schemes = [...]string{"bearer", "basic", "token", "bot", "digest", "apikey", "negotiate", "ntlm", "hmac", "key", "oauth", "api-key", "aws4-hmac-sha256", "sharedkey", "hawk", "sso-key", "genie", "genie-key", "token-v2", "tok", "jwt", "github-bearer"}

func isScheme(v string) bool { return len(v) <= 16 && in(schemes[:], strings.ToLower(v)) }

// authorization masks the credentials of an Authorization header at i.
func (sc *scanner) authorization(i int) int {
	s := sc.s
	begin, end := i, min(len(s), i+lineAhead)
	stops := "\n\r\"'`"
	for _, q := range quotes {
		if strings.HasPrefix(s[i:], q) {
			begin = i + len(q)
			if q[0] == '\\' {
				stops += `\`
			}
			break
		}
	}
	if n := strings.IndexAny(s[begin:end], stops); n >= 0 {
		end = begin + n
	}
	v := strings.TrimRight(s[begin:end], " \t,;)}]")
	scheme, _, ok := strings.Cut(v, " ")
	if !ok || !isScheme(scheme) {
		if random(scheme, 16) && !spared(scheme) {
			return sc.mask(begin, begin+len(scheme), "auth.header")
		}
		return begin
	}
	at := begin + len(scheme) + 1
	for at < begin+len(v) && s[at] == ' ' {
		at++
	}
	rest := s[at : begin+len(v)]
	if strings.EqualFold(scheme, "aws4-hmac-sha256") {
		return at // its fields have names
	}
	if strings.EqualFold(scheme, "digest") || strings.EqualFold(scheme, "hawk") || strings.EqualFold(scheme, "oauth") && strings.Contains(rest, "=\"") {
		sc.authFields(at)
		return begin
	}
	if first, after, more := strings.Cut(rest, " "); more && !strings.Contains(first, "=\"") && strings.TrimSpace(after) != "" {
		rest = first
	}
	if len(rest) < 6 || spared(rest) || !makeupOf(rest).mixed() && len(rest) < 20 {
		return begin
	}
	return sc.mask(at, at+len(rest), "auth.header")
}

// authFields masks the fields of an Authorization header at i that prove
// something.
func (sc *scanner) authFields(i int) {
	s := sc.s
	end := min(len(s), i+lineAhead)
	if n := strings.IndexByte(s[i:end], '\n'); n >= 0 {
		end = i + n
	}
	at := i
	for at < end {
		eq := strings.IndexByte(s[at:end], '=')
		if eq < 0 {
			break
		}
		eq += at
		begin := eq
		for begin > at && isName(s[begin-1]) {
			begin--
		}
		field := s[begin:eq]
		at = skipAny(s, eq+1, end, "\"\\")
		stop := at
		for stop < end && strings.IndexByte("\",; \\", s[stop]) < 0 {
			stop++
		}
		switch field {
		case "response", "mac", "oauth_signature", "oauth_token", "cnonce":
			if stop-at >= 8 && !spared(s[at:stop]) {
				sc.mask(at, stop, "auth.field")
			}
		}
		at = stop
	}
}

// cookieAttributes are no credentials.
var cookieAttributes = [...]string{"path", "domain", "expires", "max-age", "samesite", "secure", "httponly", "priority", "version", "partitioned"}

// cookies masks the values of a Cookie or Set-Cookie header at i.
func (sc *scanner) cookies(i int) int {
	s := sc.s
	for n := 0; n < 64 && i < len(s); n++ {
		for i < len(s) && (s[i] == ' ' || s[i] == ';' || s[i] == '"' || s[i] == '\'') {
			i++
		}
		eq := i
		for eq < len(s) && eq-i < 128 && (isName(s[eq]) || strings.IndexByte("!#$%*+~^|", s[eq]) >= 0) {
			eq++
		}
		if eq == i || eq >= len(s) || s[eq] != '=' {
			return i
		}
		name, at := s[i:eq], eq+1
		end := at
		for end < len(s) && end-at < maxValue && s[end] > ' ' && strings.IndexByte(";\"'`\\<>", s[end]) < 0 {
			end++
		}
		v := s[at:end]
		if !in(cookieAttributes[:], strings.ToLower(name)) && !spared(v) && secretCookie(name, v) {
			sc.mask(at, end, "cookie")
		}
		i = end
	}
	return i
}

func secretCookie(name, v string) bool {
	m := makeupOf(v)
	l := strings.ToLower(name)
	for _, w := range [...]string{"sess", "sid", "auth", "token", "jwt", "csrf", "xsrf", "remember", "login", "user", "secret", "key", "ident", "d"} {
		if strings.Contains(l, w) && (len(w) > 1 || l == w) && len(v) >= 8 && m.digit > 0 {
			return true
		}
	}
	return len(v) >= 16 && m.mixed()
}

// phrase masks the words of a recovery phrase.
func (sc *scanner) phrase(i int) int {
	s := sc.s
	end, words := i, 0
	for end < len(s) && end-i < 512 && (s[end] >= 'a' && s[end] <= 'z' || s[end] == ' ' || s[end] == '"') {
		if s[end] == ' ' && end > i && s[end-1] != ' ' {
			words++
		}
		end++
	}
	if words < 11 {
		return i
	}
	return sc.mask(i, end, "named.phrase")
}

// telegram masks a bot token whose colon is at i.
func (sc *scanner) telegram(i int) int {
	s, begin := sc.s, i
	for begin > 0 && i-begin < 13 && s[begin-1] >= '0' && s[begin-1] <= '9' {
		begin--
	}
	if n := i - begin; n < 6 || n > 12 || begin > 0 && isAlnum(s[begin-1]) && !strings.HasSuffix(s[:begin], "bot") && backANSI(s, begin) == begin {
		return 0
	}
	end := run(s, i+1, word)
	if n := end - i - 1; n < 30 || n > 50 || makeupOf(s[i+1:end]).digit == 0 && wordy(s[i+1:end]) {
		return 0
	}
	return sc.mask(begin, end, "telegram.bot")
}

// element masks the text of an element with a credential's name: the '>' at i
// ends its opening tag.
func (sc *scanner) element(i int) int {
	s, at := sc.s, i
	for at > 0 && i-at < maxName && isName(s[at-1]) {
		at--
	}
	if at == 0 || s[at-1] != '<' || at == i {
		return i + 1
	}
	c := nameOf(s[at:i])
	if c != namePassword && c != nameToken {
		return i + 1
	}
	end := i + 1
	for end < len(s) && end-i < maxValue && s[end] != '<' && s[end] != '\n' {
		end++
	}
	if end < len(s) && s[end] == '<' && plausible(c, s[i+1:end], place{sep: '<'}) {
		return sc.mask(i+1, end, "named.element")
	}
	return i + 1
}

// namedValue judges a whole value that stands under a name, as in JSON.
func namedValue(name, v string) (span, bool) {
	c := nameOf(name)
	switch c {
	case nameAuthorization:
		sc := scanner{s: v}
		sc.authorization(0)
		return first(sc.spans)
	case nameCookie:
		sc := scanner{s: v}
		sc.cookies(0)
		return first(sc.spans)
	case namePassword, nameToken, nameWeak, namePin:
		if plausible(c, v, place{sep: ':', quoted: inQuotes}) {
			return span{start: 0, end: len(v), rule: "named." + c.rule()}, true
		}
	case nameNone, nameQuery, namePhrase:
	}
	return span{}, false
}

func first(spans []span) (span, bool) {
	if len(spans) == 0 {
		return span{}, false
	}
	return spans[0], true
}

// basicPair reports whether v is base64 of user:password.
func basicPair(v string) bool {
	b, err := base64.StdEncoding.DecodeString(v)
	return err == nil && bytes.IndexByte(b, ':') > 0
}
