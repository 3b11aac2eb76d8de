package filter

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"net/url"
	"strings"
)

// Maskable reports whether a live secret is long and varied enough to be
// masked by its value.
func Maskable(v string) bool { return len(v) >= MinLength && Bits(v) >= MinBits }

// Bits estimates the information in v: its length times the entropy of its
// characters. It is an upper bound for text that a person made up.
func Bits(v string) float64 {
	if v == "" {
		return 0
	}
	var count [256]int
	for i := 0; i < len(v); i++ {
		count[v[i]]++
	}
	n, h := float64(len(v)), 0.0
	for _, c := range count {
		if c > 0 {
			p := float64(c) / n
			h -= p * math.Log2(p)
		}
	}
	return h * n
}

// matcher finds any of a set of strings. Every pattern is indexed by its last
// eight bytes, so a text is read once, whatever the number of patterns.
type matcher struct {
	bloom    []uint64
	patterns map[uint64][]string
}

// tail is the number of bytes that index a pattern; none is shorter.
const tail = 8

func newMatcher(values []string) matcher {
	m := matcher{}
	seen := map[string]bool{}
	for _, v := range values {
		for _, p := range forms(v) {
			if len(p) < tail || seen[p] {
				continue
			}
			seen[p] = true
			if m.patterns == nil {
				m.patterns, m.bloom = map[uint64][]string{}, make([]uint64, 1<<10)
			}
			k := key64(p[len(p)-tail:])
			m.patterns[k] = append(m.patterns[k], p)
			h := bucket(k)
			m.bloom[h>>6] |= 1 << (h & 63)
		}
	}
	return m
}

// forms are the ways in which a value is written.
func forms(v string) []string {
	b := []byte(v)
	out := []string{v, hex.EncodeToString(b), strings.ToUpper(hex.EncodeToString(b)), url.QueryEscape(v), url.PathEscape(v)}
	if j, err := json.Marshal(v); err == nil {
		out = append(out, string(j[1:len(j)-1]))
	}
	for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for offset := range 3 {
			out = append(out, base64Core(enc, b, offset))
		}
	}
	return out
}

// base64Core is the part of the encoding of a longer text that depends on v
// alone when v begins offset bytes into a group of three.
func base64Core(enc *base64.Encoding, v []byte, offset int) string {
	e := enc.EncodeToString(append(make([]byte, offset), v...))
	first := (offset*8 + 5) / 6
	last := (offset + len(v)) * 8 / 6
	return e[first:last]
}

func key64(s string) uint64 { return binary.LittleEndian.Uint64([]byte(s)) }

// bucket spreads a key over the 65,536 bits of the first filter.
func bucket(k uint64) uint64 { return (k * 0x9E3779B97F4A7C15) >> 48 }

// find lists the stretches of s that are a pattern.
func (m matcher) find(s string) []span {
	if m.patterns == nil || len(s) < tail {
		return nil
	}
	var out []span
	k := key64(s)
	for end := tail; ; end++ {
		if h := bucket(k); m.bloom[h>>6]&(1<<(h&63)) != 0 {
			for _, p := range m.patterns[k] {
				if len(p) <= end && s[end-len(p):end] == p {
					out = append(out, span{start: end - len(p), end: end, rule: "live.value"})
				}
			}
		}
		if end == len(s) {
			return out
		}
		k = k>>8 | uint64(s[end])<<56
	}
}
