package index

import (
	"bufio"
	"errors"
	"io"

	"github.com/openclaw-go/openclaw/internal/chain"
)

type lines struct{ r *bufio.Reader }

func newLines(r io.Reader) lines { return lines{bufio.NewReaderSize(r, chain.MaxLine+2)} }

// next returns a line without its newline; one that is too long, or without an
// end, is an error.
func (l lines) next() ([]byte, error) {
	line, err := l.r.ReadSlice('\n')
	if errors.Is(err, io.EOF) {
		return nil, io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, err
	}
	return line[:len(line)-1], nil
}
