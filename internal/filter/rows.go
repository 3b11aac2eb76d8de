package filter

import "strings"

// sqlValues masks the values of an INSERT under columns with a credential's
// name. The word VALUES is at [i, end); what else the values hold is looked at
// by whoever goes on from there.
func (sc *scanner) sqlValues(i, end int) {
	s := sc.s
	open := skipAny(s, end, len(s), " \n")
	shut := i
	for shut > 0 && (s[shut-1] == ' ' || s[shut-1] == '\n') {
		shut--
	}
	if open >= len(s) || s[open] != '(' || shut == 0 || s[shut-1] != ')' {
		return
	}
	from := max(0, shut-512)
	lo := strings.LastIndexByte(s[from:shut], '(')
	if lo < 0 {
		return
	}
	var secret [64]nameClass
	any := false
	n := 0
	for col := range strings.SplitSeq(s[from+lo+1:shut-1], ",") {
		if n == len(secret) {
			break
		}
		if c := nameOf(strings.Trim(col, " `\"[]\n")); c == namePassword || c == nameToken {
			secret[n], any = c, true
		}
		n++
	}
	if !any {
		return
	}
	limit := min(len(s), open+maxValue)
	for at, col := open+1, 0; at < limit; {
		switch s[at] {
		case '\'', '"':
			stop := sc.closing(at+1, s[at:at+1], quoteKind(s[at]))
			if stop < 0 {
				return
			}
			if v := s[at+1 : stop]; col < n && secret[col] != nameNone && plausible(secret[col], v, place{sep: '=', quoted: inQuotes}) {
				sc.mask(at+1, stop, "named.column")
			}
			at = stop + 1
			continue
		case ',':
			col++
		case '(':
			col = 0
		case ')':
			if next := skipAny(s, at+1, limit, " \n"); next >= limit || s[next] != ',' {
				return
			}
		}
		at++
	}
}

func quoteKind(q byte) int {
	for n, x := range quotes {
		if x[0] == q && len(x) == 1 {
			return n
		}
	}
	return 0
}

// listed masks the second of two quoted strings when the first is a
// credential's name: define('DB_PASSWORD', '…'). The comma is at i.
func (sc *scanner) listed(i int) int {
	s := sc.s
	if i < 4 || s[i-1] != '"' && s[i-1] != '\'' {
		return i + 1
	}
	end := i - 1
	for end > 0 && s[end-1] == '\\' {
		end--
	}
	begin := end
	for begin > 0 && end-begin < maxName && isName(s[begin-1]) {
		begin--
	}
	if begin == 0 || begin == end || s[begin-1] != s[i-1] {
		return i + 1
	}
	c := nameOf(s[begin:end])
	at := skipToValue(s, i+1)
	if c != namePassword && c != nameToken && c != nameAuthorization || at >= len(s) {
		return i + 1
	}
	if c == nameAuthorization {
		return max(i+1, sc.authorization(at))
	}
	from, to, q := sc.extent(at, place{sep: ','})
	v := s[from:to]
	m := makeupOf(v)
	if q != inQuotes || !scrambled(v) || m.digit == len(v) || nameOf(v) != nameNone || len(v) < 6 || !plausible(c, v, place{sep: ',', quoted: q}) {
		return i + 1
	}
	return sc.mask(from, to, "named.listed")
}

// cell masks the value of a table's row whose first cell is a credential's
// name. The separator between the two is at i.
func (sc *scanner) cell(i int) int {
	s := sc.s
	sep := s[i]
	if i == 0 || i+1 >= len(s) || sep == '|' && (s[i-1] != ' ' || s[i+1] != ' ') {
		return i + 1
	}
	end := i
	for end > 0 && strings.IndexByte(" `*", s[end-1]) >= 0 {
		end--
	}
	name := sc.nameBack(end)
	begin := end - len(name)
	for sep == '|' && begin > 0 && strings.IndexByte(" `*", s[begin-1]) >= 0 {
		begin--
	}
	if name == "" || begin > 0 && s[begin-1] != '\n' && s[begin-1] != sep || sep == '|' && begin == 0 {
		return i + 1
	}
	at := skipAny(s, i+1, len(s), " `*")
	stop := endOfBare(s, at)
	after := skipAny(s, stop, len(s), " `*")
	if sep == '|' && (after >= len(s) || s[after] != '|') {
		return i + 1
	}
	v := s[at:stop]
	m := makeupOf(v)
	if c := nameOf(strings.TrimSpace(name)); c != namePassword && c != nameToken || len(v) < 8 || m.digit == 0 || spared(v) || !random(v, 16) && (m.upper == 0 || m.lower == 0) {
		return i + 1
	}
	return sc.mask(at, stop, "named.cell")
}

// pgpass masks the password of host:port:database:user:password, whose first
// colon is at i.
func (sc *scanner) pgpass(i int) int {
	s := sc.s
	begin, letters := i, false
	for begin > 0 && i-begin < 64 && (isAlnum(s[begin-1]) || strings.IndexByte(".-*", s[begin-1]) >= 0) {
		begin--
		letters = letters || s[begin] > '9' || s[begin] == '*'
	}
	if begin == i || !letters || begin > 0 && s[begin-1] != '\n' {
		return 0
	}
	at := i + 1
	for field := range 3 {
		from := at
		for at < len(s) && at-from < 64 && s[at] > ' ' && s[at] != ':' {
			if field == 0 && s[at] != '*' && (s[at] < '0' || s[at] > '9') {
				return 0
			}
			at++
		}
		if field == 0 && at-from < 3 && s[from] != '*' {
			return 0 // a line and a column
		}
		if at == from || at >= len(s) || s[at] != ':' {
			return 0
		}
		at++
	}
	end := at
	for end < len(s) && end-at < 256 && s[end] > ' ' && s[end] != ':' {
		end++
	}
	if v := s[at:end]; end < len(s) && s[end] > ' ' || len(v) < 6 || !makeupOf(v).mixed() || spared(v) {
		return 0
	}
	return sc.mask(at, end, "pgpass")
}
