package chain

import (
	"bufio"
	"errors"
	"io"
)

// lineReader hands out lines one by one without keeping more than one.
type lineReader struct {
	r    *bufio.Reader
	long []byte
}

// lineBuffer is what is read at once; more than most inputs hold is no use.
const lineBuffer = 256 << 10

func newLineReader(r io.Reader) *lineReader {
	size := lineBuffer
	if l, ok := r.(interface{ Len() int }); ok {
		size = min(size, max(l.Len(), 512))
	}
	return &lineReader{r: bufio.NewReaderSize(r, size)}
}

// next returns a line without its newline, valid until the next call. whole is
// false for bytes at the end of the input without a newline. Of a line longer
// than MaxLine only the first MaxLine+1 bytes are kept, so it stays too long
// for its reader while memory stays bounded.
func (l *lineReader) next() (line []byte, whole bool, err error) {
	line, err = l.r.ReadSlice('\n')
	if err == nil {
		return line[:len(line)-1], true, nil
	}
	if !errors.Is(err, bufio.ErrBufferFull) {
		return line, false, err
	}
	l.long = append(l.long[:0], line...)
	for errors.Is(err, bufio.ErrBufferFull) {
		line, err = l.r.ReadSlice('\n')
		if room := MaxLine + 2 - len(l.long); room > 0 {
			l.long = append(l.long, line[:min(room, len(line))]...)
		}
	}
	if err != nil {
		return l.long, false, err
	}
	if len(l.long) <= MaxLine+1 {
		return l.long[:len(l.long)-1], true, nil
	}
	return l.long[:MaxLine+1], true, nil
}
