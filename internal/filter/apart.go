package filter

import (
	"encoding/base64"
	"strings"
)

// Names and values that do not stand side by side: an attribute names what
// another one holds, a column what a row holds, a program what its input is.

// holders are names that say nothing about what they hold.
var holders = [...]string{"value", "val", "default", "data", "content", "string", "literal", "text"}

// attributes name what a holder beside them holds.
var attributes = [...]string{"name", "key", "id", "field", "variable", "parameter", "type", "option", "label"}

// nearby is how far before a holder its name may stand.
const nearby = 160

func equalsAny(list []string, w string) bool {
	for _, x := range list {
		if len(x) == len(w) && strings.EqualFold(x, w) {
			return true
		}
	}
	return false
}

// lastWord is the last word of a name.
func lastWord(name string) string {
	i := len(name)
	for i > 0 && isAlnum(name[i-1]) {
		i--
	}
	return name[i:]
}

// unnamed judges the separator at i whose name means nothing by itself.
func (sc *scanner) unnamed(i, next int, name string) int {
	s, w := sc.s, lastWord(name)
	switch {
	case equalsAny(holders[:], w):
		if c := sc.namedNearby(i-len(w), w); c != nameNone {
			return sc.value(c, next, place{sep: s[i]})
		}
	case w == "P" && i >= 2 && s[i-2] == ';' && strings.Contains(s[max(0, i-nearby):i], "WIFI:"):
		end := next
		for end < len(s) && end-next < 128 && s[end] != ';' && s[end] > ' ' {
			end++
		}
		if end > next && !spared(s[next:end]) {
			return sc.mask(next, end, "named.wifi")
		}
	case (w == "p" || w == "user") && s[i] == ':' && i > len(w) && s[i-len(w)-1] == '/':
		return sc.slashOption(i, next, w)
	case w == "user" && s[i] == '=':
		return sc.userPair(next)
	case w == "Lines" && strings.HasSuffix(name, "Private-Lines"):
		return sc.putty(next)
	case w == "MAC" && strings.HasSuffix(name, "Private-MAC"):
		return sc.value(nameToken, next, place{sep: ':'})
	case s[i] == ':' && next < len(s) && s[next] == ' ' && sc.prompted(i):
		return sc.value(namePassword, next, place{sep: ':'})
	case s[i] == ':' && next < len(s) && isAlnum(s[next]):
		return sc.userinfo(next)
	case s[i] == ':' && next+20 < len(s) && s[next] == ' ':
		if end := endOfBare(s, next+1); random(s[next+1:end], 20) && !spared(s[next+1:end]) && sc.announced(i) {
			return sc.mask(next+1, end, "named.clause")
		}
	}
	return next
}

// namedNearby is the class of the name that the holder at i has: that of an
// attribute beside it, or of the object that it is in.
func (sc *scanner) namedNearby(i int, holder string) nameClass {
	s := sc.s
	from := max(0, i-nearby)
	if n := strings.LastIndexAny(s[from:i], "}>"); n >= 0 {
		from += n + 1
	}
	if n := strings.LastIndex(s[from:i], "\n\n"); n >= 0 {
		from += n + 2
	}
	var last [3]string
	for at := from; at < i; {
		begin := at
		for at < i && (isName(s[at])) {
			at++
		}
		if at == begin {
			at++
			continue
		}
		if !equalsAny(attributes[:], s[begin:at]) {
			continue
		}
		v := skipAny(s, at, i, "\"'\\:= ")
		end := v
		for end < i && isName(s[end]) {
			end++
		}
		if v > at && end > v {
			last[0], last[1], last[2] = last[1], last[2], s[v:end]
		}
	}
	for _, name := range last {
		if c := nameOf(name); c == namePassword || c == nameToken {
			return nameToken
		} else if c == nameWeak || c == nameQuery && strings.Contains(name, "sess") {
			return nameWeak
		}
	}
	if n := strings.LastIndexByte(s[from:i], '{'); n >= 0 {
		end := from + n
		for end > from && strings.IndexByte("\"'\\:= ", s[end-1]) >= 0 {
			end--
		}
		begin := end
		for begin > 0 && end-begin < maxName && isName(s[begin-1]) {
			begin--
		}
		if c := nameOf(s[begin:end]); c == namePassword || c == nameToken || s[begin:end] == "private" && holder == "data" {
			return nameToken
		}
	}
	return nameNone
}

func skipAny(s string, i, end int, set string) int {
	for i < end && strings.IndexByte(set, s[i]) >= 0 {
		i++
	}
	return i
}

// prompted reports whether the line asks for a password before the colon at i:
// "password for jane@host:".
func (sc *scanner) prompted(i int) bool {
	line := sc.s[max(0, i-80):i]
	n := strings.LastIndex(line, "assword for ")
	return n >= 0 && strings.IndexByte(line[n:], '\n') < 0 && strings.IndexByte(line[n:], ':') < 0
}

// slashOption masks /p:value of a remote desktop, and the word that follows
// /user:name in "net use".
func (sc *scanner) slashOption(i, next int, w string) int {
	s := sc.s
	end := endOfBare(s, next)
	if w == "p" && (sc.program(i, "xfreerdp") || sc.program(i, "freerdp") || sc.program(i, "rdesktop") || sc.program(i, "xfreerdp3")) {
		if end > next && !spared(s[next:end]) {
			return sc.mask(next, end, "option.slash")
		}
	}
	if w == "user" && sc.program(i, "net") && end < len(s) && s[end] == ' ' {
		begin := end + 1
		stop := endOfBare(s, begin)
		if v := s[begin:stop]; len(v) >= 4 && v[0] != '/' && v[0] != '*' && !spared(v) {
			sc.mask(begin, stop, "option.slash")
		}
	}
	return next
}

// userPair masks the password of user = "name:password", as a curl file has it.
func (sc *scanner) userPair(next int) int {
	at := skipToValue(sc.s, next)
	if at >= len(sc.s) || sc.s[at] != '"' {
		return next
	}
	begin, end, q := sc.extent(at, place{sep: '='})
	v := sc.s[begin:end]
	_, password, ok := strings.Cut(v, ":")
	if m := makeupOf(password); !ok || q != inQuotes || len(password) < 6 || !scrambled(password) || m.space > 0 || m.digit == len(password) || spared(password) {
		return next
	}
	return sc.mask(end-len(password), end, "named.pair")
}

// putty masks the lines of a private key after "Private-Lines: n".
func (sc *scanner) putty(next int) int {
	s := sc.s
	n := strings.IndexByte(s[next:min(len(s), next+8)], '\n')
	if n < 0 {
		return next
	}
	begin := next + n + 1
	end := begin
	for end < len(s) && end-begin < maxPEM && (classOf(s[end])&(alnum|base64ish) != 0 || (s[end] == '\n' || s[end] == '\r') && end+1 < len(s) && !strings.HasPrefix(s[end+1:], "Private-")) {
		end++
	}
	if end-begin < 40 {
		return next
	}
	return sc.mask(begin, end, "putty.private")
}

// secondOf masks the second of two quoted strings in the parentheses that open
// at i: auth=("jane", "…").
func (sc *scanner) secondOf(i int) int {
	s := sc.s
	at := skipAny(s, i+1, len(s), " ")
	_, end, q := sc.extent(at, place{sep: ','})
	if q != inQuotes {
		return 0
	}
	at = skipAny(s, end+1, len(s), " ")
	if at >= len(s) || s[at] != ',' {
		return 0
	}
	at = skipAny(s, at+1, len(s), " ")
	begin, stop, q := sc.extent(at, place{sep: ','})
	if v := s[begin:stop]; q != inQuotes || len(v) < 6 || !scrambled(v) || spared(v) {
		return 0
	}
	sc.mask(begin, stop, "named.second")
	return 0 // the first is looked at too
}

// clauseNames and clauseOthers decide what the clause before a colon is about.
var (
	clauseNames  = [...]string{"token", "secret", "password", "passwort", "api key", "access key", "credential"}
	clauseOthers = [...]string{"hash", "digest", "sha", "fingerprint", "checksum", "commit", "etag", "public", " id", "uuid", "version", "path", "file", "named"}
)

// announced reports whether the clause before the colon at i is about a
// credential: "the token you asked for: …".
func (sc *scanner) announced(i int) bool {
	clause := sc.s[max(0, i-56):i]
	if n := strings.LastIndexAny(clause, ".,;:\n(){}[]\"="); n >= 0 {
		clause = clause[n+1:]
	}
	if strings.IndexByte(strings.TrimSpace(clause), ' ') < 0 {
		return false
	}
	for _, w := range clauseOthers {
		if strings.Contains(clause, w) {
			return false
		}
	}
	for _, w := range clauseNames {
		if strings.Contains(clause, w) {
			return true
		}
	}
	return false
}

// consumers read a credential from standard input.
var consumers = [...]string{"--password-stdin", "--with-token", "--passphrase-fd", "sudo -S", "chpasswd", "passwd --stdin", "pass:stdin", "-pass stdin", "vault login -", "kinit"}

// echoed masks what echo or printf at [i, end) gives to a program that reads a
// credential.
func (sc *scanner) echoed(i, end int) int {
	s := sc.s
	line := s[end:min(len(s), end+512)]
	if n := strings.IndexByte(line, '\n'); n >= 0 {
		line = line[:n]
	}
	pipe := strings.IndexByte(line, '|')
	if pipe < 0 {
		return 0
	}
	found := false
	for _, c := range consumers {
		found = found || strings.Contains(line[pipe:], c)
	}
	if !found {
		return 0
	}
	at := end
	for at < end+pipe {
		at = skipAny(s, at, end+pipe, " ")
		begin, stop, _ := sc.extent(at, place{sep: '-'})
		v := s[begin:stop]
		if v == "" || at >= end+pipe {
			return 0
		}
		if v[0] == '-' || strings.ContainsRune(v, '%') && strings.Contains(line[:pipe], "'"+v+"' ") {
			at = max(stop+1, at+1)
			continue
		}
		if _, after, ok := strings.Cut(v, ":"); ok && strings.Contains(line[pipe:], "chpasswd") {
			begin, v = stop-len(after), after
		}
		if spared(v) {
			return 0
		}
		return sc.mask(begin, stop, "piped")
	}
	return 0
}

// positional masks the last argument of programs that take a password there.
func (sc *scanner) positional(i, end int) int {
	s := sc.s
	stop := end
	for stop < len(s) && stop-end < 256 && strings.IndexByte("\n;|&", s[stop]) < 0 {
		stop++
	}
	args := strings.Fields(s[end:stop])
	w := s[i:end]
	least := 1
	if w != "obscure" {
		least = 4
		if len(args) < least || args[0][0] != '-' || !strings.Contains(args[0], "b") {
			return 0
		}
	} else if !strings.HasSuffix(s[:i], "rclone ") {
		return 0
	}
	if len(args) < least {
		return 0
	}
	v := args[len(args)-1]
	at := end + strings.LastIndex(s[end:stop], v)
	v = strings.Trim(v, `"'`)
	at += strings.Index(s[at:], v)
	if len(v) < 4 || spared(v) {
		return 0
	}
	sc.mask(at, at+len(v), "option.positional")
	return 0 // what stands before it is looked at too
}

// crypted masks a password's hash in crypt's form, whose method is the word
// at [i, end) between two dollar signs.
func (sc *scanner) crypted(i, end int) int {
	s := sc.s
	if end-i > 12 || end >= len(s) || s[end] != '$' {
		return 0
	}
	switch s[i:end] {
	case "1", "5", "6", "7", "y", "2a", "2b", "2y", "apr1", "argon2i", "argon2d", "argon2id", "scrypt", "pbkdf2":
	default:
		return 0
	}
	stop := end
	for stop < len(s) && (classOf(s[stop])&full != 0 || s[stop] == '$' || s[stop] == ',') {
		stop++
	}
	if stop-end < 20 || strings.Count(s[end:stop], "$") < 2 {
		return 0
	}
	return sc.mask(i-1, stop, "crypt")
}

// encodedKey masks base64 of a private key in PEM that begins at i.
func (sc *scanner) encodedKey(i int) int {
	s := sc.s
	end := run(s, i, alnum|base64ish)
	if end-i < 60 {
		return 0
	}
	head := s[i : i+56]
	if b, err := base64.StdEncoding.DecodeString(head); err != nil || !strings.Contains(string(b), "PRIVATE KEY") {
		return 0
	}
	return sc.mask(i, end, "pem.encoded")
}

// companion masks the secret that stands near an AWS key's id, which ends at i:
// forty characters of base64.
func (sc *scanner) companion(i int) {
	s := sc.s
	limit := min(len(s), i+120)
	for at := i; at < limit; {
		end := run(s, at, alnum|base64ish)
		if m := makeupOf(s[at:end]); end-at == 40 && m.upper > 2 && m.lower > 2 && m.digit > 0 {
			sc.spans = append(sc.spans, span{start: at, end: end, rule: "aws.secret"})
			return
		}
		at = end + 1
	}
}

// userinfo masks the password of user:password@host without a scheme. The
// colon is before next.
func (sc *scanner) userinfo(next int) int {
	s := sc.s
	end := next
	for end < len(s) && end-next < 64 && s[end] > ' ' && s[end] != '@' && s[end] != ':' && s[end] != '/' {
		end++
	}
	m := makeupOf(s[next:end])
	if end-next < 8 || end+1 >= len(s) || s[end] != '@' || !isAlnum(s[end+1]) || m.digit == 0 || m.upper == 0 || m.lower == 0 || strings.HasPrefix(s[end:], "@sha256") || spared(s[next:end]) {
		return next
	}
	return sc.mask(next, end, "userinfo")
}

// credentialParts make a word with a random end a credential wherever it
// stands.
var credentialParts = [...]string{"sk", "pat", "secret", "token", "tok", "apikey", "api", "live", "oat", "pvt", "priv", "sat", "rk"}

// selfNamed masks a token that says by its own beginning what it is, for
// vendors that no row knows: acme_sk_live_…, x-token-…. The word begins at i.
func (sc *scanner) selfNamed(i int) int {
	s := sc.s
	known, at := false, i
	for n := 0; n < 4; n++ {
		end := at
		for end < len(s) && end-at < 12 && classOf(s[end])&(lower|digit) != 0 {
			end++
		}
		if end == at || end >= len(s) || s[end] != '_' && s[end] != '-' {
			break
		}
		w := s[at:end]
		if n == 0 && (w == "pk" || w == "pub" || w == "public") {
			return 0
		}
		known = known || in(credentialParts[:], w)
		at = end + 1
	}
	if !known || at == i {
		return 0
	}
	end := run(s, at, alnum)
	m := makeupOf(s[at:end])
	if end-at < 20 || m.digit < 2 || m.lower == 0 || m.upper < 2 || !random(s[at:end], 20) || end < len(s) && s[end] == '(' {
		return 0
	}
	return sc.mask(i, end, "prefix.self")
}
