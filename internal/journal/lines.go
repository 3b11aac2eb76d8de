package journal

import (
	"bufio"
	"errors"
	"io"

	"github.com/openclaw-go/openclaw/internal/chain"
)

// lines reads a piece of a file line by line. Of a line that is longer than an
// entry can be only the first bytes are kept, so that it is none.
type lines struct {
	r     *bufio.Reader
	start int64 // of the line that next returned
	end   int64
	buf   []byte
}

const lineBuffer = 64 << 10

func newLines(f io.ReaderAt, from, to int64) *lines {
	n := int(min(lineBuffer, max(512, to-from)))
	return &lines{r: bufio.NewReaderSize(io.NewSectionReader(f, from, to-from), n), start: from, end: from}
}

// next returns a line without its newline, valid until the next call; whole is
// false for bytes at the end without one.
func (l *lines) next() (line []byte, whole bool, err error) {
	l.start = l.end
	line, err = l.r.ReadSlice('\n')
	l.end += int64(len(line))
	if errors.Is(err, bufio.ErrBufferFull) {
		l.buf = append(l.buf[:0], line...)
		for errors.Is(err, bufio.ErrBufferFull) {
			line, err = l.r.ReadSlice('\n')
			l.end += int64(len(line))
			if room := chain.MaxLine + 2 - len(l.buf); room > 0 {
				l.buf = append(l.buf, line[:min(room, len(line))]...)
			}
		}
		line = l.buf
	}
	switch {
	case err == nil && line[len(line)-1] == '\n':
		return line[:len(line)-1], true, nil
	case err == nil:
		return line, true, nil // cut
	case errors.Is(err, io.EOF) && len(line) > 0:
		return line, false, nil
	}
	return nil, false, err
}
