package inject

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// word is one word of a text, folded.
type word struct {
	start, end int // in the text
	lo, hi     int // in the folded text
	class      classes
	sentence   int
	quoted     bool
	wide       bool // of a script without spaces
	more       int  // words after it that belong to it
}

// tokens is a text cut into words.
type tokens struct {
	raw, folded string
	words       []word
	classes     classes // of all words
	// alike are the words that mix scripts, with their look-alikes in Latin.
	alike map[int]string
}

// word is the folded text of word i.
func (t tokens) word(i int) string {
	if i < 0 || i >= len(t.words) {
		return ""
	}
	if t.alike != nil {
		if w, ok := t.alike[i]; ok {
			return w
		}
	}
	return t.folded[t.words[i].lo:t.words[i].hi]
}

// between is what stands between word i and the next.
func (t tokens) between(i int) string {
	if i+1 >= len(t.words) {
		return t.raw[t.words[i].end:]
	}
	return t.raw[t.words[i].end:t.words[i+1].start]
}

// splitter builds tokens.
type splitter struct {
	t        tokens
	folded   strings.Builder
	open     int // start of the current word in raw, -1 outside
	lo       int
	sentence int
	quote    rune
	quotedAt int
}

// split folds and cuts a text: full-width forms and case folded, what is not
// seen left out, scripts without spaces cut by the lexicon.
func split(text string) tokens {
	s := &splitter{open: -1, t: tokens{raw: text}}
	s.folded.Grow(len(text))
	s.t.words = make([]word, 0, len(text)/5+4)
	for i := 0; i < len(text); {
		c, n := rune(text[i]), 1
		if c >= utf8.RuneSelf {
			c, n = utf8.DecodeRuneInString(text[i:])
		}
		s.rune(c, i, n)
		i += n
	}
	s.close(len(text))
	s.t.folded = s.folded.String()
	s.classify()
	return s.t
}

// maxQuote is how long a quotation may be before its sign is taken for
// something else.
const maxQuote = 240

func (s *splitter) rune(c rune, i, n int) {
	if c >= 0x2460 {
		c = plainForm(c)
	}
	switch {
	case unseen(c):
		return
	case isIdeograph(c):
		// Each stands alone; classify joins those that the lexicon knows.
		s.close(i)
		s.begin(i)
		s.folded.WriteRune(c)
		s.close(i + n)
		s.t.words[len(s.t.words)-1].wide = true
		return
	case c >= 0x0300 && c <= 0x036F && s.open >= 0 && n == 2 && s.t.raw[i-1] < utf8.RuneSelf && c >= 0x0334 && c <= 0x0338:
		return // struck through
	case c == '\'' || c == '’':
		if s.open >= 0 && i+n < len(s.t.raw) && isLetter(rune(s.t.raw[i+n])) {
			s.folded.WriteByte('\'')
			return
		}
	case c == '_' || c == '-':
		if s.open >= 0 && i+n < len(s.t.raw) && isLetter(rune(s.t.raw[i+n])) {
			s.folded.WriteRune(c)
			return
		}
	case c < utf8.RuneSelf && isLetter(c), c >= utf8.RuneSelf && (unicode.IsLetter(c) || unicode.IsMark(c) || unicode.IsDigit(c)):
		s.begin(i)
		if c < utf8.RuneSelf {
			if c >= 'A' && c <= 'Z' {
				c += 'a' - 'A'
			}
			s.folded.WriteByte(byte(c))
			return
		}
		s.folded.WriteRune(unicode.ToLower(c))
		return
	}
	s.close(i)
	s.punctuation(c, i, n)
}

func (s *splitter) begin(i int) {
	if s.open < 0 {
		s.open, s.lo = i, s.folded.Len()
	}
}

func (s *splitter) close(i int) {
	if s.open < 0 {
		return
	}
	s.t.words = append(s.t.words, word{start: s.open, end: i, lo: s.lo, hi: s.folded.Len(), sentence: s.sentence, quoted: s.quote != 0 && s.open-s.quotedAt < maxQuote})
	s.open = -1
}

// closers of quotations.
var closers = map[rune]rune{'"': '"', '`': '`', '“': '”', '„': '“', '«': '»', '\'': '\''}

func (s *splitter) punctuation(c rune, i, n int) {
	switch {
	case c == '.' || c == '?' || c == '!' || c == ';':
		// "openclaw.json", "!!": a sentence ends at a space.
		end := i + n
		for end < len(s.t.raw) && end-i < 4 && strings.IndexByte("*\"')_", s.t.raw[end]) >= 0 {
			end++
		}
		if end >= len(s.t.raw) || s.t.raw[end] <= ' ' {
			s.sentence++
		}
	case c == '\n' && i+1 < len(s.t.raw) && s.t.raw[i+1] == '\n', c == '。' || c == '！' || c == '？' || c == '।' || c == '\x00':
		s.sentence++
	}
	switch {
	case s.quote != 0 && c == s.quote:
		s.quote = 0
	case s.quote == 0 && closers[c] != 0 && (c != '\'' || i == 0 || !isLetter(rune(s.t.raw[i-1]))):
		s.quote, s.quotedAt = closers[c], i
	case c == '\n' && s.quote != 0:
		s.quote = 0
	}
}

// classify looks every word up, with the compounds it begins, and joins
// ideographs that the lexicon knows.
func (s *splitter) classify() {
	t, known := &s.t, lookup()
	for i := range t.words {
		w := &t.words[i]
		text := t.word(i)
		if plain, ok := latin(text); ok {
			if t.alike == nil {
				t.alike = map[int]string{}
			}
			t.alike[i], text = plain, plain
		}
		w.class |= known.index[text]
		for _, c := range known.compounds[text] {
			if joined(t, i, c, " ") {
				w.class |= known.index[c]
				w.more = max(w.more, strings.Count(c, " "))
			}
		}
		if i+1 < len(t.words) && len(text) == 3 && t.words[i+1].start == w.end {
			for n := 2; n <= 9 && i+n <= len(t.words); n++ {
				if t.words[i+n-1].start != t.words[i+n-2].end {
					break
				}
				if c := known.index[t.folded[w.lo:t.words[i+n-1].hi]]; c != 0 {
					w.class |= c
					w.more = n - 1
				}
			}
		}
		for _, p := range prefixes {
			if rest, ok := strings.CutPrefix(text, p); ok && len(rest) > 2 && w.class == 0 {
				w.class = known.index[rest]
			}
		}
		if strings.IndexByte(text, '_') > 0 {
			w.class = w.class&cSecret | cTool // an identifier where a tool would be named
			switch text[strings.LastIndexByte(text, '_')+1:] {
			case "token", "key", "keys", "secret", "secrets", "password", "tokens":
				w.class |= cSecret
			}
		}
		if text == "env" && w.start > 0 && t.raw[w.start-1] == '.' {
			w.class |= cSecret
		}
		t.classes |= w.class
	}
}

// prefixes are the particles that Arabic and Hebrew write together with the
// word.
var prefixes = [...]string{"و", "ف", "وال", "בו", "ו", "ב", "ה"}

func joined(t *tokens, i int, compound, sep string) bool {
	for rest, ok := compound, true; ok; i++ {
		var part string
		if part, rest, ok = strings.Cut(rest, sep); t.word(i) != part {
			return false
		}
	}
	return true
}

func isLetter(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

func isIdeograph(c rune) bool {
	return c >= 0x3040 && c <= 0x30FF || c >= 0x3400 && c <= 0x9FFF || c >= 0xAC00 && c <= 0xD7A3
}

// unseen are characters that a reader does not see and a model skips.
func unseen(c rune) bool {
	return c == 0xAD || c == 0x034F || c == 0x061C || c >= 0x200B && c <= 0x200F || c >= 0x202A && c <= 0x202E || c >= 0x2060 && c <= 0x206F ||
		c >= 0xFE00 && c <= 0xFE0F || c == 0xFEFF || c >= 0xE0000 && c <= 0xE0FFF
}

// plainForm maps the letters that fonts and symbols borrow to the letters.
func plainForm(c rune) rune {
	switch {
	case c >= 0xFF01 && c <= 0xFF5E:
		return c - 0xFEE0
	case c >= 0x24B6 && c <= 0x24CF:
		return 'a' + c - 0x24B6
	case c >= 0x24D0 && c <= 0x24E9:
		return 'a' + c - 0x24D0
	case c >= 0x1D400 && c <= 0x1D6A3:
		return 'a' + (c-0x1D400)%26
	case c >= 0x1F130 && c <= 0x1F149:
		return 'a' + c - 0x1F130
	case c >= 0x1F170 && c <= 0x1F189:
		return 'a' + c - 0x1F170
	}
	return c
}

// lookAlikes are letters of other scripts and the Latin ones they look like.
const (
	lookAlikes = "аеорсухіјѕһԁԛԝαορνικτυ"
	lookLatin  = "aeopcyxijshdqwaopviktu"
)

// latin is a word that mixes Latin letters with look-alikes, in Latin.
func latin(w string) (string, bool) {
	ascii, other := false, false
	for i := 0; i < len(w); i++ {
		if w[i] >= utf8.RuneSelf {
			other = true
		} else if w[i] >= 'a' && w[i] <= 'z' {
			ascii = true
		}
	}
	if !ascii || !other {
		return "", false
	}
	out, changed := make([]byte, 0, len(w)), false
	for _, c := range w {
		if c < utf8.RuneSelf {
			out = append(out, byte(c))
			continue
		}
		n, at := 0, -1
		for _, l := range lookAlikes {
			if l == c {
				at = n
			}
			n++
		}
		if at < 0 {
			return "", false
		}
		out, changed = append(out, lookLatin[at]), true
	}
	return string(out), changed
}
