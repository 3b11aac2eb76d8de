package channel

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Runes counts characters.
func Runes(s string) int { return utf8.RuneCountInString(s) }

// UTF16 counts as UTF-16 does, which some services use.
func UTF16(s string) int {
	n := 0
	for _, r := range s {
		n += utf16.RuneLen(max(r, 0))
	}
	return n
}

// fence is an open code fence: its line, and what closes it.
type fence struct{ open, close string }

// fenceAfter is the fence that is open after a line.
func fenceAfter(f fence, line string) fence {
	trimmed := strings.TrimLeft(line, " ")
	if len(line)-len(trimmed) > 3 {
		return f
	}
	mark := ""
	for _, c := range []string{"`", "~"} {
		if n := len(trimmed) - len(strings.TrimLeft(trimmed, c)); n >= 3 {
			mark = strings.Repeat(c, n)
		}
	}
	switch {
	case mark == "":
		return f
	case f.open == "":
		return fence{open: line, close: mark}
	case mark[0] == f.close[0] && len(mark) >= len(f.close) && strings.Trim(trimmed, mark[:1]+" \t\r") == "":
		return fence{}
	}
	return f
}

// Split cuts a text into pieces of at most limit units. It cuts at line ends,
// else at blanks, else between characters; a code fence that is open at a cut
// is closed there and opened again in the next piece. Nothing of the text is
// lost but blanks at the cuts. A blank text has no pieces.
func Split(text string, limit int, units func(string) int) []string {
	if limit < minLimit {
		limit = minLimit
	}
	var out []string
	s := splitter{limit: limit, units: units}
	for line := range strings.Lines(text) {
		out = s.line(out, strings.TrimRight(line, "\n"))
	}
	return s.flush(out)
}

// minLimit leaves room for a fence around a piece.
const minLimit = 64

type splitter struct {
	limit int
	units func(string) int
	piece []string
	used  int   // units of piece, with a line end after each line
	fence fence // open now
	begun bool  // piece holds more than a fence that was opened
	again bool  // piece began with a fence that was opened again
}

// room is what a line may take in the piece that is being made.
func (s *splitter) room() int {
	n := s.limit - s.used
	if s.fence.open != "" {
		n -= s.units(s.fence.close) + 1
	}
	return n
}

func (s *splitter) line(out []string, line string) []string {
	after := fenceAfter(s.fence, line)
	switch {
	case s.fence.open != "" && after.open == "":
		return s.closing(out, line)
	case s.fence.open == "" && after.open != "":
		return s.opening(out, line, after)
	}
	if s.units(line) > s.room() && s.begun {
		out = s.flush(out)
	}
	for s.units(line) > s.room() {
		head := s.cut(line, s.room())
		s.add(head)
		line = strings.TrimLeft(line[len(head):], " ")
		out = s.flush(out)
		if line == "" {
			return out
		}
	}
	s.add(line)
	return out
}

// closing adds the line that ends a fence; there is always room for it.
func (s *splitter) closing(out []string, line string) []string {
	if s.units(line) > s.limit-s.used {
		line = s.fence.close // blanks after it are nothing
	}
	s.fence = fence{}
	if s.again && len(s.piece) == 1 { // nothing is left of the block
		s.piece, s.used, s.again = nil, 0, false
		return out
	}
	s.add(line)
	return out
}

// opening adds the line that begins a fence, with room for one character and
// its end in the same piece.
func (s *splitter) opening(out []string, line string, after fence) []string {
	rest := ""
	if s.units(line) > s.limit/4 {
		line, rest = after.close, strings.TrimLeft(strings.TrimLeft(line, " "), after.close[:1])
	}
	after.open = line
	if len(s.piece) > 0 && s.units(line)+s.units(after.close)+8 > s.room() {
		out = s.flush(out)
	}
	s.piece = append(s.piece, line)
	s.used += s.units(line) + 1
	s.fence = after
	if rest != "" {
		out = s.line(out, rest)
	}
	return out
}

func (s *splitter) add(line string) {
	s.piece = append(s.piece, line)
	s.used += s.units(line) + 1
	s.begun = true
}

// cut gives the longest beginning of a line that takes at most room units,
// up to a blank when there is one in its second half.
func (s *splitter) cut(line string, room int) string {
	end, used := 0, 0
	for i, r := range line {
		n := s.units(string(r))
		if used+n > room && i > 0 {
			break
		}
		used += n
		end = i + utf8.RuneLen(max(r, 0))
		if r == utf8.RuneError {
			_, w := utf8.DecodeRuneInString(line[i:])
			end = i + w
		}
	}
	if blank := strings.LastIndexByte(line[:end], ' '); end < len(line) && blank > end/2 {
		return line[:blank]
	}
	return line[:end]
}

// flush ends the piece; a fence that is open goes on in the next one.
func (s *splitter) flush(out []string) []string {
	lines := s.piece
	if s.fence.open != "" {
		lines = append(lines, s.fence.close)
	}
	text := strings.TrimRight(strings.Join(lines, "\n"), " \n")
	if s.begun && strings.TrimSpace(text) != "" {
		out = append(out, text)
	}
	s.piece, s.used, s.begun, s.again = nil, 0, false, s.fence.open != ""
	if s.fence.open != "" {
		s.piece = []string{s.fence.open}
		s.used = s.units(s.fence.open) + 1
	}
	return out
}
