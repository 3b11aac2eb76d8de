package filter

import (
	"bytes"
	"io"
	"strings"
)

// Writer redacts a stream: what it passes on is what String would have made
// of the whole, as long as no secret is longer than StreamWindow. It holds
// back the last line until the line ends or Close is called.
type Writer struct {
	r   *Redactor
	w   io.Writer
	buf []byte
	err error
}

// StreamWindow bounds what a Writer holds back.
const StreamWindow = 64 << 10

// overlap is kept when a line outgrows the window, so that a secret across
// the cut is still seen whole.
const overlap = 8 << 10

// Writer makes a redacting stream onto w. It is not safe for concurrent use.
func (r *Redactor) Writer(w io.Writer) *Writer { return &Writer{r: r, w: w} }

// Write takes p; it may pass on nothing yet.
func (w *Writer) Write(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	for taken := 0; taken < len(p); {
		n := min(len(p)-taken, StreamWindow)
		w.buf = append(w.buf, p[taken:taken+n]...)
		taken += n
		if len(w.buf) <= StreamWindow && bytes.IndexByte(p[taken-n:taken], '\n') < 0 {
			continue
		}
		if err := w.pass(w.safeCut()); err != nil {
			return taken, err
		}
	}
	return len(p), nil
}

// Close passes on the rest. It does not close the underlying writer.
func (w *Writer) Close() error {
	if w.err != nil {
		return w.err
	}
	return w.pass(len(w.buf))
}

// safeCut is how much of the buffer may go: whole lines that hold no open
// private key, or, when the window is full, all but an overlap.
func (w *Writer) safeCut() int {
	s := string(w.buf)
	cut := strings.LastIndexByte(s, '\n') + 1
	if open := openPEM(s); open >= 0 {
		cut = min(cut, open)
	}
	if len(s)-cut <= StreamWindow {
		return cut
	}
	limit := len(s) - overlap
	for _, sp := range w.r.spans(s) {
		if sp.start < limit && limit < sp.end {
			limit = sp.start
			if sp.start <= cut {
				limit = sp.end // a key longer than the window: mask what is here
			}
			break
		}
	}
	return limit
}

// openPEM is where a private key begins that has no end yet, or -1.
func openPEM(s string) int {
	open := strings.LastIndex(s, "-----BEGIN ")
	if open < 0 || strings.Contains(s[open:], "-----END ") {
		return -1
	}
	if head := s[open:min(len(s), open+64)]; strings.Contains(head, "PRIVATE KEY") || len(head) < 64 && !strings.Contains(head[11:], "-----") {
		return open
	}
	return -1
}

func (w *Writer) pass(n int) error {
	if n == 0 {
		return nil
	}
	if _, w.err = io.WriteString(w.w, w.r.String(string(w.buf[:n]))); w.err != nil {
		return w.err
	}
	w.buf = append(w.buf[:0], w.buf[n:]...)
	return nil
}
