package egress

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// minScrub is the shortest value that is looked for in answers: a shorter one
// would stand in ordinary text.
const minScrub = 8

// scrubber finds secret values in what comes back, as they are and in the
// forms in which servers give text back (R30). Each is overwritten by as many
// bytes, so that lengths and ranges stay true.
type scrubber struct {
	// first has a bit for the hash of each four bytes that a pattern begins
	// with.
	first    [1 << 16 / 64]uint64
	patterns map[uint32][][]byte
	longest  int
}

func newScrubber(each func(func(value []byte))) *scrubber {
	s := &scrubber{patterns: map[uint32][][]byte{}}
	if each == nil {
		return s
	}
	each(s.add)
	return s
}

// add looks for one more value.
func (s *scrubber) add(v []byte) {
	if len(v) < minScrub {
		return
	}
	for _, f := range formsOf(string(v)) {
		if len(f) < minScrub {
			continue
		}
		k := binary.LittleEndian.Uint32([]byte(f))
		if slices.ContainsFunc(s.patterns[k], func(p []byte) bool { return string(p) == f }) {
			continue
		}
		h := bucket(k)
		s.first[h>>6] |= 1 << (h & 63)
		s.patterns[k] = append(s.patterns[k], []byte(f))
		s.longest = max(s.longest, len(f))
	}
}

// formsOf a value: as it is, hex, URL, JSON and HTML escapes, and the part of
// its base64 that does not depend on what stands around it.
func formsOf(v string) []string {
	b := []byte(v)
	low := hex.EncodeToString(b)
	out := []string{v, low, strings.ToUpper(low), url.QueryEscape(v), url.PathEscape(v), html.EscapeString(v), strings.ReplaceAll(v, "/", `\/`)}
	var all, all2 strings.Builder
	for _, c := range b {
		fmt.Fprintf(&all, "%%%02x", c)
		fmt.Fprintf(&all2, "%%%02X", c)
	}
	out = append(out, all.String(), all2.String())
	if j, err := json.Marshal(v); err == nil {
		out = append(out, string(j[1:len(j)-1]))
	}
	for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for offset := range 3 {
			e := enc.EncodeToString(append(make([]byte, offset), v...))
			out = append(out, e[(offset*8+5)/6:(offset+len(v))*8/6])
		}
	}
	return out
}

// bucket spreads four bytes over the bits of first.
func bucket(k uint32) uint32 { return k * 0x9E3779B1 >> 16 }

func (s *scrubber) empty() bool { return s.longest == 0 }

// clean overwrites in b every value that begins before limit and reports how
// far b is clean: a value may begin behind that.
func (s *scrubber) clean(b []byte, end bool) int {
	for i := 0; i+4 <= len(b); i++ {
		k := binary.LittleEndian.Uint32(b[i:])
		if h := bucket(k); s.first[h>>6]&(1<<(h&63)) == 0 {
			continue
		}
		longest := 0
		for _, p := range s.patterns[k] {
			if len(p) > longest && len(b)-i >= len(p) && string(b[i:i+len(p)]) == string(p) {
				longest = len(p)
			}
		}
		if longest > 0 {
			blot(b[i : i+longest])
			i += longest - 1
		}
	}
	if end {
		return len(b)
	}
	return max(0, len(b)-s.longest+1)
}

const blotted = "[redacted]"

func blot(b []byte) {
	for i := range b {
		b[i] = '*'
	}
	copy(b, blotted)
}

func (s *scrubber) text(v string) string {
	if s.empty() {
		return v
	}
	b := []byte(v)
	s.clean(b, true)
	return string(b)
}

// header cleans every value of a header.
func (s *scrubber) header(h http.Header) {
	for _, values := range h {
		for i := range values {
			values[i] = s.text(values[i])
		}
	}
}

// reader cleans a stream; a value that comes in pieces is found all the same.
func (s *scrubber) reader(r io.Reader) io.Reader {
	if s.empty() {
		return r
	}
	return &scrubbed{s: s, r: r}
}

type scrubbed struct {
	s     *scrubber
	r     io.Reader
	buf   []byte
	ready int
	err   error
}

func (c *scrubbed) Read(b []byte) (int, error) {
	for c.ready == 0 && c.err == nil {
		chunk := make([]byte, 32<<10)
		n, err := c.r.Read(chunk)
		c.buf, c.err = append(c.buf, chunk[:n]...), err
		c.ready = c.s.clean(c.buf, err != nil)
	}
	if c.ready == 0 {
		return 0, c.err
	}
	n := copy(b, c.buf[:c.ready])
	c.buf, c.ready = c.buf[n:], c.ready-n
	return n, nil
}
