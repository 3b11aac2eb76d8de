package filter

import (
	"path"
	"strings"
)

// hyphen looks at the '-' at i: a private key, or an option that carries a
// credential. It returns where to go on.
func (sc *scanner) hyphen(i int) int {
	s := sc.s
	if strings.HasPrefix(s[i:], "-----BEGIN ") {
		return sc.pem(i)
	}
	if i > 0 && strings.IndexByte(" \t\n\"'`=(,[", s[i-1]) < 0 {
		return i + 1
	}
	if i+1 >= len(s) {
		return i + 1
	}
	if s[i+1] == '>' {
		return sc.assignment(i, i+2)
	}
	if s[i+1] != '-' {
		if end := run(s, i+1, word); end > i+5 && end < len(s) && s[end] == ' ' {
			if c := nameOf(s[i+1 : end]); c == namePassword || c == nameToken {
				return sc.longFlag(s[i+1:end], end)
			}
		}
		return sc.shortFlag(i)
	}
	end := run(s, i+2, word)
	if end == i+2 || end >= len(s) || s[end] != ' ' {
		return max(end, i+2) // --token=x is an assignment
	}
	return sc.longFlag(s[i+2:end], end)
}

// longFlag masks the value after --name.
func (sc *scanner) longFlag(name string, end int) int {
	s := sc.s
	c := nameOf(name)
	at := skipToValue(s, end)
	if c == nameNone && (name == "user" || name == "proxy-user") && sc.program(end, "curl") {
		return sc.pair(at, afterColon)
	}
	if (name == "password-stdin" || name == "with-token") && strings.HasPrefix(s[at:], "<<<") {
		begin, stop, _ := sc.extent(skipToValue(s, at+3), place{sep: '-'})
		if v := s[begin:stop]; len(v) >= 6 && !spared(v) {
			return sc.mask(begin, stop, "option.here")
		}
	}
	if c == nameNone && (name == "body" || name == "value") && sc.program(end, "secret") {
		c = nameToken
	}
	if c != namePassword && c != nameToken && c != namePin || at >= len(s) || s[at] == '-' {
		return end
	}
	begin, stop, q := sc.extent(at, place{sep: '-'})
	v := s[begin:stop]
	if q == bare && !plausible(namePassword, v, place{sep: '-'}) || q == inQuotes && spared(v) || spared(v) {
		return end
	}
	return sc.mask(begin, stop, "option.long")
}

// shortFlag masks the value of -u, -p and the like for the programs that take
// a credential there.
func (sc *scanner) shortFlag(i int) int {
	s := sc.s
	flag := s[i+1]
	if !hasFlagRule[flag] || i == 0 {
		return i + 1
	}
	for _, r := range flagRules {
		if r.flag != flag || !sc.program(i, r.program) {
			continue
		}
		at := i + 2
		if at >= len(s) {
			return at
		}
		if s[at] == ' ' || s[at] == '=' {
			if r.form == joined {
				continue
			}
			at = skipToValue(s, at+1)
		} else if r.form == separate {
			continue
		}
		if at < len(s) && s[at] != '-' && s[at] > ' ' {
			return sc.pair(at, r.part)
		}
	}
	return i + 2
}

var hasFlagRule = func() (t [256]bool) {
	for _, r := range flagRules {
		t[r.flag] = true
	}
	return t
}()

// pair masks the value at i, or the part of it after the separator.
func (sc *scanner) pair(i int, part flagPart) int {
	s := sc.s
	if i >= len(s) {
		return i
	}
	begin, end, _ := sc.extent(i, place{sep: '-'})
	cut := secretPart(s[begin:end], part)
	begin += cut
	if v := s[begin:end]; v == "" || spared(v) {
		return i
	}
	return sc.mask(begin, end, "option.short")
}

// secretPart is where the credential of an option's value begins. A pair
// without its second half is a key that stands for the user.
func secretPart(v string, part flagPart) int {
	sep := byte(':')
	switch part {
	case wholeValue:
		return 0
	case afterPercent:
		sep = '%'
	case afterComma:
		sep = ','
	case afterColon:
	}
	n := strings.IndexByte(v, sep)
	switch {
	case n < 0 && random(v, 16):
		return 0
	case n < 0:
		return len(v)
	case n == len(v)-1:
		return 0
	}
	return n + 1
}

// program reports whether a command line names the program before offset i.
func (sc *scanner) program(i int, name string) bool {
	s := sc.s
	at := i
	for at > 0 && i-at < lineBack && s[at-1] != '\n' && s[at-1] != ';' && s[at-1] != '|' && s[at-1] != '&' {
		at--
	}
	line := s[at:i]
	for {
		n := strings.Index(line, name)
		if n < 0 {
			return false
		}
		after := n + len(name)
		if (n == 0 || !isAlnum(line[n-1]) && line[n-1] != '-' && line[n-1] != '_') && after < len(line) && (line[after] == ' ' || line[after] == '"' || line[after] == '\'') {
			return true
		}
		line = line[after:]
	}
}

// pem masks a private key from its BEGIN line on: up to END, or as far as it
// looks like a key when END is missing.
func (sc *scanner) pem(i int) int {
	s := sc.s
	head := s[i+len("-----BEGIN "):]
	head = head[:min(len(head), 48)]
	n := strings.Index(head, "-----")
	if n < 0 || !strings.Contains(head[:n], "PRIVATE KEY") {
		return i + len("-----BEGIN ")
	}
	label := head[:n]
	begin := i + len("-----BEGIN ") + n + 5
	foot := "-----END " + label + "-----"
	if e := strings.Index(s[begin:min(len(s), begin+maxPEM)], foot); e >= 0 {
		end := begin + e + len(foot)
		sc.spans = append(sc.spans, span{start: i, end: end, rule: "pem.private", as: "-----BEGIN " + label + "-----…redacted…" + foot})
		return end
	}
	end := begin
	for end < len(s) && end-begin < maxPEM && (classOf(s[end])&full != 0 || strings.IndexByte(" \r\n\t\\:,", s[end]) >= 0) {
		end++
	}
	if end == begin {
		return begin
	}
	sc.spans = append(sc.spans, span{start: i, end: end, rule: "pem.private", as: "-----BEGIN " + label + "-----…redacted…"})
	return end
}

// argv redacts by structure; see Redactor.Argv.
func (r *Redactor) argv(argv []string) []string {
	out := make([]string, len(argv))
	programs := make([]string, 0, 4)
	for i, arg := range argv {
		out[i] = r.arg(argv, i, programs)
		if base := path.Base(arg); i == 0 || !strings.HasPrefix(arg, "-") {
			programs = append(programs, base)
		}
	}
	return out
}

// arg redacts argv[i], which follows the given non-option words.
func (r *Redactor) arg(argv []string, i int, programs []string) string {
	arg := argv[i]
	if i > 0 {
		if part, ok := optionBefore(argv[i-1], programs); ok {
			return hide(arg, part)
		}
	}
	if len(arg) > 2 && arg[0] == '-' && arg[1] != '-' {
		for _, f := range flagRules {
			if f.flag == arg[1] && f.form != separate && in(programs, f.program) {
				return arg[:2] + hide(arg[2:], f.part)
			}
		}
	}
	if name, v, ok := strings.Cut(arg, "="); ok && v != "" {
		switch nameOf(strings.TrimLeft(name, "-")) {
		case namePassword, nameToken, namePin:
			if !reference(v) {
				return name + "=" + Mask(v)
			}
		case nameNone, nameQuery, nameWeak, nameAuthorization, nameCookie, namePhrase:
		}
	}
	return r.String(arg)
}

// optionBefore reports whether the argument after option is a credential.
func optionBefore(option string, programs []string) (flagPart, bool) {
	if strings.HasPrefix(option, "--") && !strings.Contains(option, "=") {
		switch nameOf(option[2:]) {
		case namePassword, nameToken, namePin:
			return wholeValue, true
		case nameNone, nameQuery, nameWeak, nameAuthorization, nameCookie, namePhrase:
		}
		if (option == "--user" || option == "--proxy-user") && in(programs, "curl") {
			return afterColon, true
		}
		return 0, false
	}
	if len(option) != 2 || option[0] != '-' {
		return 0, false
	}
	for _, f := range flagRules {
		if f.flag == option[1] && f.form != joined && in(programs, f.program) {
			return f.part, true
		}
	}
	return 0, false
}

// hide masks a value, or its secret part, whatever it looks like.
func hide(v string, part flagPart) string {
	if part != wholeValue {
		n := secretPart(v, part)
		if n == len(v) || reference(v[n:]) {
			return v
		}
		return v[:n] + Mask(v[n:])
	}
	if v == "" || reference(v) {
		return v
	}
	return Mask(v)
}

// reference: a variable, a file or a value that is masked already.
func reference(v string) bool {
	return isMasked(v) || v == "" || v == "-" || v[0] == '@' || v[0] == '$' && (len(v) > 1 && (v[1] == '{' || v[1] == '(' || referenceName(v[1:])))
}
