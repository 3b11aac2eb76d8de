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
	// seen are the last lines that were passed on: what names a value may stand
	// on the line before it.
	seen string
	err  error
}

// context bounds the lines that are kept for what follows them.
const context = 240

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
	for cut > 1 && s[cut-2] == '\\' {
		cut = strings.LastIndexByte(s[:cut-1], '\n') + 1 // the line goes on
	}
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
	if open < 0 {
		return -1
	}
	if _, foot, ok := strings.Cut(s[open:], "-----END "); ok && strings.Contains(foot, "-----") {
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
	text := w.seen + string(w.buf[:n])
	var b strings.Builder
	at := len(w.seen)
	for _, sp := range w.r.spans(text) {
		switch {
		case sp.end <= at:
			continue
		case sp.start < at:
			b.WriteString(masked)
		default:
			b.WriteString(text[at:sp.start])
			b.WriteString(sp.mask(text))
		}
		at = sp.end
	}
	b.WriteString(text[at:])
	if _, w.err = io.WriteString(w.w, b.String()); w.err != nil {
		return w.err
	}
	w.seen = lastLines(text)
	w.buf = append(w.buf[:0], w.buf[n:]...)
	return nil
}

// lastLines are the whole lines at the end of a text, context bytes of them at
// most; none when the text does not end with a line.
func lastLines(text string) string {
	if text == "" || text[len(text)-1] != '\n' {
		return ""
	}
	if len(text) <= context {
		return strings.Clone(text)
	}
	tail := text[len(text)-context:]
	return strings.Clone(tail[strings.IndexByte(tail, '\n')+1:])
}
