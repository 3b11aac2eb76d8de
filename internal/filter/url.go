package filter

import "strings"

// url masks the password of a URL whose "://" is at i, and a path that is a
// credential itself.
func (sc *scanner) url(i int) int {
	s, at := sc.s, i+3
	end := at
	lastAt := -1
	for end < len(s) && end-at < 1024 && s[end] > ' ' && strings.IndexByte("/?#\"'`<>,\\", s[end]) < 0 {
		if s[end] == '@' {
			lastAt = end
		}
		end++
	}
	if end < len(s) && (s[end] == '?' || s[end] == '#') && (lastAt < 0 || s[lastAt-1] == ':') {
		if e, a := sc.oddPassword(at, end); a > 0 {
			end, lastAt = e, a
		}
	}
	if lastAt > at {
		user := s[at:lastAt]
		if colon := strings.IndexByte(user, ':'); colon >= 0 {
			if v := user[colon+1:]; v != "" && !spared(v) {
				sc.mask(at+colon+1, lastAt, "url.password")
			}
			if v := user[:colon]; random(v, 20) {
				sc.spans = insertBefore(sc.spans, span{start: at, end: at + colon, rule: "url.user"})
			}
		} else if random(user, 20) && !spared(user) {
			sc.mask(at, lastAt, "url.user")
		}
		return lastAt + 1
	}
	return sc.webhook(at, end)
}

// oddPassword goes on from the '?' or '#' at end for a URL at at whose password
// holds one unencoded: what follows the colon is no port.
func (sc *scanner) oddPassword(at, end int) (int, int) {
	s := sc.s
	colon := strings.IndexByte(s[at:end], ':')
	if colon < 0 || run(s, at+colon+1, digit) == end {
		return end, -1
	}
	stop := end
	for stop < len(s) && stop-end < 64 && s[stop] > ' ' && strings.IndexByte("\"'`<>,\\", s[stop]) < 0 {
		if s[stop] == '@' {
			return stop, stop
		}
		stop++
	}
	return end, -1
}

// insertBefore keeps spans sorted when sp begins before the last of them.
func insertBefore(spans []span, sp span) []span {
	n := len(spans)
	if n == 0 || spans[n-1].start < sp.start {
		return append(spans, sp)
	}
	last := spans[n-1]
	return append(spans[:n-1], sp, last)
}

// webhook masks the path of a URL with the host [at, end) when the path is
// what authorises; otherwise it goes on at the host.
func (sc *scanner) webhook(at, end int) int {
	s := sc.s
	for _, r := range webhookRules {
		if !strings.HasPrefix(s[end:], r.path) || !hostIs(s[at:end], r.host) {
			continue
		}
		begin := end + len(r.path)
		stop := begin
		for stop < len(s) && (classOf(s[stop])&full != 0 || s[stop] == '@') {
			stop++
		}
		for range r.keep {
			n := strings.IndexByte(s[begin:stop], '/')
			if n < 0 {
				return at
			}
			begin += n + 1
		}
		if stop-begin >= r.least && !sc.dull(begin, stop) {
			return sc.mask(begin, stop, "url.webhook")
		}
	}
	return sc.capability(at, end)
}

func hostIs(host, want string) bool {
	if want[0] == '.' {
		return len(host) > len(want) && strings.EqualFold(host[len(host)-len(want):], want)
	}
	return strings.EqualFold(host, want)
}

// capability masks the random part of a URL's path after a segment that says
// that whoever knows the address may call it.
func (sc *scanner) capability(at, end int) int {
	s := sc.s
	stop := end
	for stop < len(s) && stop-end < 512 && (classOf(s[stop])&full != 0 || s[stop] == '@' || s[stop] == '%') {
		stop++
	}
	hooked := strings.HasPrefix(s[at:end], "hooks.") || strings.HasPrefix(s[at:end], "webhook")
	for i := end; i < stop; {
		next := i + 1
		for next < stop && s[next] != '/' {
			next++
		}
		seg := s[i+1 : next]
		if hooked && random(seg, 20) && run(seg, 0, hexSet) != 40 {
			return sc.mask(i+1, stop, "url.capability")
		}
		switch seg {
		case "webhook", "webhooks", "hooks", "incoming", "incoming-webhooks":
			hooked = true
		}
		i = next
	}
	return at
}
