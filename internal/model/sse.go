package model

import (
	"bytes"
	"errors"
	"io"
)

// ServerEvent is one server-sent event. Data is valid until the next call of
// Next. Complete is false when the input ended before the empty line that
// closes an event.
type ServerEvent struct {
	Name     string
	Data     []byte
	Complete bool
}

// ErrEventTooLong is returned by Next for an event beyond the limit.
var ErrEventTooLong = errors.New("model: server-sent event is too long")

// SSE reads server-sent events: LF, CRLF and CR line ends, comments, data over
// several lines, a byte order mark. Fields other than event and data are
// skipped. It holds at most the limit in memory plus one read.
type SSE struct {
	r       io.Reader
	max     int
	buf     []byte // unread bytes are buf[start:end]
	start   int
	end     int
	err     error // of the reader, sticky
	started bool
	skipLF  bool // the last line ended in CR
	name    []byte
	data    []byte
	lines   int // data lines of the open event
}

const readSize = 16 << 10

// NewSSE reads from r and refuses events longer than max bytes.
func NewSSE(r io.Reader, max int) *SSE {
	if max <= 0 {
		max = DefaultEvent
	}
	return &SSE{r: r, max: max}
}

// Next returns the next event that has data. It ends with io.EOF, or with the
// reader's error after whatever was complete before it.
func (s *SSE) Next() (ServerEvent, error) {
	s.name, s.data, s.lines = s.name[:0], s.data[:0], 0
	for {
		line, err := s.line()
		if err != nil {
			if errors.Is(err, io.EOF) && s.lines > 0 {
				return ServerEvent{Name: string(s.name), Data: s.data}, nil
			}
			return ServerEvent{}, err
		}
		if len(line) == 0 {
			if s.lines > 0 {
				return ServerEvent{Name: string(s.name), Data: s.data, Complete: true}, nil
			}
			s.name = s.name[:0]
			continue
		}
		if err := s.field(line); err != nil {
			return ServerEvent{}, err
		}
	}
}

func (s *SSE) field(line []byte) error {
	key, value, _ := bytes.Cut(line, []byte{':'})
	value = bytes.TrimPrefix(value, []byte{' '})
	switch string(key) {
	case "data":
		if len(s.data)+len(value)+1 > s.max {
			return ErrEventTooLong
		}
		if s.lines > 0 {
			s.data = append(s.data, '\n')
		}
		s.data = append(s.data, value...)
		s.lines++
	case "event":
		s.name = append(s.name[:0], value[:min(len(value), 64)]...)
	}
	return nil
}

// line returns the next line without its end. At the end of input the bytes
// after the last line end count as a line; io.EOF comes after it.
func (s *SSE) line() ([]byte, error) {
	scanned := s.start
	for {
		for i := scanned; i < s.end; i++ {
			if c := s.buf[i]; c != '\n' && c != '\r' {
				continue
			}
			line := s.buf[s.start:i]
			skip := s.skipLF && i == s.start && s.buf[i] == '\n'
			s.skipLF = s.buf[i] == '\r'
			s.start = i + 1
			if skip {
				continue
			}
			if len(line) > s.max {
				return nil, ErrEventTooLong
			}
			return s.unmark(line), nil
		}
		scanned = s.end
		if s.end-s.start > s.max {
			return nil, ErrEventTooLong
		}
		if s.err != nil {
			return s.rest()
		}
		moved := s.fill()
		scanned -= moved
	}
}

// rest hands out an unterminated last line once, only when the input ended
// cleanly: after a cut connection half a line is worth nothing.
func (s *SSE) rest() ([]byte, error) {
	if errors.Is(s.err, io.EOF) && s.end > s.start {
		line := s.buf[s.start:s.end]
		s.start = s.end
		return s.unmark(line), nil
	}
	return nil, s.err
}

// unmark drops a byte order mark before the first line.
func (s *SSE) unmark(line []byte) []byte {
	if s.started {
		return line
	}
	s.started = true
	return bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
}

// fill reads once and returns by how much the unread bytes moved down.
func (s *SSE) fill() int {
	moved := 0
	if len(s.buf)-s.end < readSize {
		if s.start > 0 && s.end-s.start <= len(s.buf)/2 {
			moved = s.start
			copy(s.buf, s.buf[s.start:s.end])
			s.end -= moved
			s.start = 0
		}
		if len(s.buf)-s.end < readSize {
			grown := make([]byte, max(2*len(s.buf), 2*readSize))
			copy(grown, s.buf[:s.end])
			s.buf = grown
		}
	}
	n, err := s.r.Read(s.buf[s.end:])
	s.end += n
	s.err = err
	return moved
}
