package filter

import "strings"

// classOf maps a byte to its charset class; 0 for what no token holds.
func classOf(c byte) charset { return classTable[c] }

var classTable = func() (t [256]charset) {
	for c := range 256 {
		t[c] = classify(byte(c))
	}
	return t
}()

func classify(c byte) charset {
	switch {
	case c >= 'a' && c <= 'f':
		return lower | hexLower
	case c >= 'g' && c <= 'z':
		return lower
	case c >= 'A' && c <= 'F':
		return upper | hexUpper
	case c >= 'A' && c <= 'Z':
		return upper
	case c >= '0' && c <= '9':
		return digit
	case c == '-' || c == '_':
		return dash
	case c == '.':
		return dot
	case c == '+' || c == '/' || c == '=':
		return base64ish
	}
	return 0
}

// run is the end of the longest run of set in s from i.
func run(s string, i int, set charset) int {
	for i < len(s) && classOf(s[i])&set != 0 {
		i++
	}
	return i
}

func isAlnum(c byte) bool { return classOf(c)&alnum != 0 }

// isName reports whether c can be part of a name.
func isName(c byte) bool { return classOf(c)&(word|dot) != 0 || c >= 0x80 }

// makeup counts what a value consists of.
type makeup struct {
	lower, upper, digit, other, space int
}

func makeupOf(v string) (m makeup) {
	for i := 0; i < len(v); i++ {
		switch c := classOf(v[i]); {
		case c&digit != 0:
			m.digit++
		case c&lower != 0:
			m.lower++
		case c&upper != 0:
			m.upper++
		case v[i] == ' ' || v[i] == '\t':
			m.space++
		default:
			m.other++
		}
	}
	return m
}

// mixed: more than words of one case.
func (m makeup) mixed() bool {
	return m.digit > 0 && m.lower+m.upper > 0 || m.lower > 2 && m.upper > 1
}

// statusWords are said about credentials where a value would stand.
var statusWords = [...]string{"none", "null", "nil", "true", "false", "undefined", "unset", "missing", "empty", "required", "optional",
	"string", "str", "text", "bool", "boolean", "bytes", "any", "invalid", "expired", "ok", "yes", "no", "on", "off", "enabled", "disabled",
	"pass", "passwd", "redacted", "hidden", "masked", "omitted", "removed", "secret", "token", "password", "basic", "bearer", "pairing", "env", "file", "exec",
	"default", "placeholder", "example", "changed", "updated", "rotated", "revoked", "valid", "unknown", "todo", "tbd", "n/a", "na", "int",
	"number", "object", "secretstr", "prompt", "ask", "input", "stdin", "keyring", "keychain", "vault", "self", "failed", "denied", "accepted",
	"rejected", "refused", "wrong", "correct", "incorrect", "found", "set", "not", "is", "has", "was", "must", "for", "the", "and", "or"}

// spared reports whether v is a placeholder, a reference, code, an address or
// a digest rather than a credential.
func spared(v string) bool {
	if v == "" || isMasked(v) {
		return true
	}
	switch v[0] {
	case '$':
		if len(v) == 1 || v[1] == '{' || v[1] == '(' || referenceName(v[1:]) {
			return true
		}
	case '!':
		if run(v, 1, lower) == len(v) {
			return true // a YAML tag
		}
	case '{':
		return v[len(v)-1] != '}' || !random(strings.Trim(v, "{}"), 20)
	case '<', '(', '[', '`':
		return true
	case '#':
		if run(v, 1, anyHex) == len(v) && len(v) <= 9 {
			return true // a colour
		}
	case '%', '*':
		if len(v) > 1 && strings.IndexByte("svdq", v[1]) >= 0 && v[0] == '%' && (len(v) == 2 || !isAlnum(v[2])) {
			return true
		}
		if strings.Trim(v, "*") == "" || v[len(v)-1] == '%' {
			return true
		}
	}
	if len(v) <= 12 && in(statusWords[:], strings.ToLower(strings.TrimRight(v, ".!?:"))) {
		return true
	}
	if len(v) >= 10 && v[4] == '-' && v[7] == '-' && run(v, 0, digit) == 4 && run(v, 5, digit) == 7 && run(v, 8, digit) == 10 {
		return true // a date
	}
	return placeholder(v) || digest(v) || address(v) || codeLike(v)
}

// referenceName: the rest of $NAME.
func referenceName(v string) bool {
	for i := 0; i < len(v); i++ {
		if c := v[i]; !(c == '_' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || i > 0 && c >= '0' && c <= '9' || c == '.' || c == ':') {
			return false
		}
	}
	return v != "" && (v[0] == '_' || isAlnum(v[0]) && (v[0] < '0' || v[0] > '9')) && !makeupOf(v).mixed()
}

var placeholderStarts = [...]string{"your-", "your_", "<your", "my-", "my_", "example-", "example_", "placeholder", "replace-", "replace_", "insert-", "insert_",
	"change-me", "changeme", "change_me", "dummy-", "dummy_", "fake-", "fake_", "redacted", "[redacted", "xxx", "…", "..."}

func placeholder(v string) bool {
	l := v
	if len(l) > 40 {
		l = l[:40]
	}
	l = strings.ToLower(l)
	for _, p := range placeholderStarts {
		if strings.HasPrefix(l, p) {
			return true
		}
	}
	return strings.Contains(l, "xxxx") || strings.Contains(l, "****") || strings.Contains(l, "...") || strings.Contains(v, "…") && isMasked(v) ||
		strings.HasSuffix(l, "-here") || strings.HasSuffix(l, "_here") || uniform(v)
}

// uniform: one character over and over.
func uniform(v string) bool { return len(v) > 2 && strings.Trim(v, v[:1]) == "" }

func digest(v string) bool {
	for _, p := range [...]string{"sha256:", "sha512:", "sha1:", "md5:", "SHA256:", "sha256-", "sha384-", "sha512-", "hmac-sha256:", "ssh-", "ecdsa-", "data:"} {
		if strings.HasPrefix(v, p) {
			return true
		}
	}
	return false
}

// address: a URL (its password is another rule's), a path, a host or an
// e-mail address.
func address(v string) bool {
	if strings.Contains(v, "://") {
		return true
	}
	if v[0] != '/' && v[0] != '~' && !strings.HasPrefix(v, "./") && !strings.HasPrefix(v, "../") {
		return false
	}
	return strings.Count(v, "/") > 0 && wordy(v)
}

// wordy: made of words, as paths and identifiers are, not of random bytes.
func wordy(v string) bool {
	changes, letters := 0, 0
	for i := 1; i < len(v); i++ {
		a, b := classOf(v[i-1]), classOf(v[i])
		if a&alnum != 0 && b&alnum != 0 {
			letters++
			if a&(lower|upper|digit) != b&(lower|upper|digit) && !(a&upper != 0 && b&lower != 0) {
				changes++
			}
		}
	}
	return changes*5 <= letters
}

// codeLike: an expression such as os.environ["X"], req.body.token or f().
func codeLike(v string) bool {
	if i := strings.IndexAny(v, "(["); i > 0 && run(v, 0, word|dot) == i && wordy(v[:i]) {
		return true
	}
	if !strings.Contains(v, ".") || run(v, 0, word|dot) != len(v) || v[0] >= '0' && v[0] <= '9' {
		return false
	}
	for part := range strings.SplitSeq(v, ".") {
		if part == "" || len(part) > 24 || makeupOf(part).digit > 1 || !wordy(part) {
			return false
		}
	}
	return true
}

func isUUID(v string) bool {
	if len(v) != 36 || v[8] != '-' || v[13] != '-' || v[18] != '-' || v[23] != '-' {
		return false
	}
	for i := 0; i < len(v); i++ {
		if classOf(v[i])&(anyHex|dash) == 0 {
			return false
		}
	}
	return true
}

// camel: words written together, each with a capital.
func camel(v string) bool {
	capitals, good := 0, 0
	for i := 0; i < len(v); i++ {
		if classOf(v[i])&upper == 0 {
			continue
		}
		capitals++
		if i+2 < len(v) && classOf(v[i+1])&lower != 0 && classOf(v[i+2])&lower != 0 {
			good++
		}
	}
	return good*10 >= capitals*7
}

// scrambled: letters and digits, or capitals where no word has them.
func scrambled(v string) bool {
	m := makeupOf(v)
	return m.digit > 0 && m.lower+m.upper > 0 || m.upper >= 2 && m.lower >= 2 && !camel(v)
}

// random: what a generator prints rather than what a person writes.
func random(v string, least int) bool {
	m := makeupOf(v)
	if len(v) < least || m.space > 0 || m.digit == 0 || m.lower+m.upper == 0 || isUUID(v) {
		return false
	}
	if m.digit+m.lower+m.upper < len(v)*3/4 || Bits(v) < 2.8*float64(len(v)) {
		return false
	}
	if !wordy(v) || run(v, 0, hexSet) == len(v) || run(v, 0, digit|hexUpper) == len(v) {
		return true
	}
	return len(v) >= 20 && m.digit >= 3 && (run(v, 0, upper|digit) == len(v) || run(v, 0, lower|digit) == len(v))
}

// prose: a sentence stands where a value would.
func prose(v string) bool {
	m := makeupOf(v)
	return m.space >= 2 && m.digit < 2 && strings.Count(v, " ") >= 2
}

// place says how a value stands beside its name.
type place struct {
	sep    byte // '=' ':' '-' (option) ' ' (prose) '<' (element)
	quoted quoting
	query  bool // within a URL query or form
}

type quoting uint8

const (
	bare quoting = iota
	inQuotes
)

// plausible reports whether v is a credential, given its name and place.
func plausible(c nameClass, v string, p place) bool {
	if spared(v) {
		return false
	}
	m := makeupOf(v)
	switch c {
	case namePassword:
		return plausiblePassword(v, m, p)
	case nameToken:
		if m.space > 0 && (prose(v) || m.digit == 0) {
			return false
		}
		if len(v) >= 24 {
			return !wordy(v) || m.digit > 0 || p.sep == '=' || p.quoted == inQuotes
		}
		return len(v) >= 8 && m.mixed() || p.quoted == inQuotes && len(v) >= 6 && m.digit > 0 || p.sep == '=' && len(v) >= 6 && m.digit > 0 && m.lower+m.upper > 0
	case namePin:
		return len(v) >= 4 && (m.digit == len(v) && len(v) <= 8 || random(v, 12))
	case nameWeak:
		return random(v, 20) && (p.sep == '=' || p.quoted == inQuotes || len(v) >= 32) || len(v) >= 12 && m.mixed() && basicPair(v)
	case nameQuery:
		return p.query && random(v, 16) || p.sep == '=' && random(v, 32) && run(v, 0, hexSet) != len(v)
	case nameAuthorization, nameCookie, namePhrase, nameNone:
		return false // their values have a form of their own
	}
	return false
}

func plausiblePassword(v string, m makeup, p place) bool {
	switch {
	case p.quoted == inQuotes:
		return len(v) >= 2 && !(m.space >= 2 && prose(v) && startsSentence(v))
	case p.sep == '=' || p.sep == '<':
		return len(v) >= 3
	case p.sep == '-':
		return len(v) >= 3 && (m.digit+m.upper+m.other > 0 || len(v) >= 12)
	case p.sep == ' ':
		return len(v) >= 8 && m.mixed() && (m.other > 0 || m.upper > 0 && m.lower > 0 || len(v) >= 12) && !wordyAlgorithm(v)
	}
	return len(v) >= 4 && (m.digit > 0 || m.other > 0 || m.upper > 1 && m.lower > 0 || len(v) >= 14)
}

// startsSentence: words that people write about passwords, not in them.
func startsSentence(v string) bool {
	first, _, _ := strings.Cut(strings.ToLower(v), " ")
	return in(statusWords[:], first) || in([]string{"please", "enter", "your", "a", "an", "at", "this", "use", "choose", "password", "passwords", "minimum", "only", "keep", "leave"}, first)
}

func wordyAlgorithm(v string) bool {
	l := strings.ToLower(v)
	for _, a := range [...]string{"argon2", "pbkdf2", "bcrypt", "scrypt", "sha", "md5", "base64", "utf", "oauth", "rfc"} {
		if strings.HasPrefix(l, a) {
			return true
		}
	}
	return false
}
