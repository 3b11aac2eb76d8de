package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/openclaw-go/openclaw/internal/filter"
)

// Exit codes (DESIGN §9).
const (
	exitOK       = 0
	exitFindings = 1
	exitUsage    = 2
	exitRefused  = 3
	exitCannot   = 4
	exitBug      = 70
)

// printer is the only way to the terminal: results on stdout, words for people
// on stderr, everything that came from outside escaped (R49).
type printer struct {
	out, err io.Writer
	json     bool
}

// line prints one line of a result.
func (p *printer) line(format string, args ...any) {
	fmt.Fprintln(p.out, filter.Terminal(fmt.Sprintf(format, args...)))
}

// row prints one line of a result, whatever its values hold: a line break in a
// file's name makes no second one.
func (p *printer) row(format string, args ...any) {
	fmt.Fprintln(p.out, filter.LogLine(fmt.Sprintf(format, args...)))
}

// text prints a result of several lines, as it is but for escapes.
func (p *printer) text(s string) {
	fmt.Fprint(p.out, filter.Terminal(s))
	if !strings.HasSuffix(s, "\n") {
		fmt.Fprintln(p.out)
	}
}

// aside prints what a command of an agent or person said on its standard
// error, on ours.
func (p *printer) aside(s string) { fmt.Fprint(p.err, filter.Terminal(s)) }

// note tells people something; it is no result.
func (p *printer) note(format string, args ...any) {
	fmt.Fprintln(p.err, "openclaw: "+filter.Terminal(fmt.Sprintf(format, args...)))
}

// value prints a result as indented JSON, which a terminal shows without
// obeying it.
func (p *printer) value(v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := p.out.Write(plainJSON(b.Bytes()))
	return err
}

// raw prints one stored line: as it is into a file or pipe, where its bytes
// can still be proven, and escaped on a terminal.
func (p *printer) raw(line []byte) {
	if isTerminal(p.out) {
		line = plainJSON(line)
	}
	_, _ = p.out.Write(append(line, '\n'))
}

// plainJSON writes what steers a terminal or reorders text as JSON escapes.
// JSON escapes the other controls by itself, and none of these can stand
// outside a string, so the value stays the same.
func plainJSON(b []byte) []byte {
	var out []byte
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r >= 0x7f && r != utf8.RuneError && filter.Terminal(string(r)) != string(r) {
			if out == nil {
				out = append(make([]byte, 0, len(b)+64), b[:i]...)
			}
			if r > 0xffff {
				hi, lo := utf16.EncodeRune(r)
				out = fmt.Appendf(out, `\u%04x\u%04x`, hi, lo)
			} else {
				out = fmt.Appendf(out, `\u%04x`, r)
			}
		} else if out != nil {
			out = append(out, b[i:i+n]...)
		}
		i += n
	}
	if out == nil {
		return b
	}
	return out
}

// failure is an error with its exit code and what a person can do.
type failure struct {
	code int
	err  error
	hint string
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

func usage(format string, args ...any) error {
	return &failure{code: exitUsage, err: fmt.Errorf(format, args...)}
}

func refused(err error, hint string) error {
	return &failure{code: exitRefused, err: err, hint: hint}
}

func cannot(err error, hint string) error {
	return &failure{code: exitCannot, err: err, hint: hint}
}

// silent ends with a code after the command has said everything itself.
type silent int

func (s silent) Error() string { return fmt.Sprintf("exit %d", int(s)) }

// fail prints an error the one way errors are printed and gives its code.
func (p *printer) fail(err error) int {
	var s silent
	if errors.As(err, &s) {
		return int(s)
	}
	code, hint := exitCannot, ""
	var f *failure
	if errors.As(err, &f) {
		code, hint = f.code, f.hint
	} else if h := hintOf(err); h != "" {
		hint = h
	}
	for i, l := range strings.Split(strings.TrimRight(err.Error(), "\n"), "\n") {
		prefix := "openclaw: error: "
		if i > 0 {
			prefix = "openclaw:        "
		}
		fmt.Fprintln(p.err, prefix+filter.Terminal(l))
	}
	if hint != "" {
		fmt.Fprintln(p.err, "openclaw: hint: "+filter.Terminal(hint))
	}
	return code
}

// hinted is an error that says what a person can do.
type hinted interface{ Hint() string }

func hintOf(err error) string {
	var h hinted
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}

// isTerminal reports whether a person can answer there; /dev/null is none.
func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	return term.IsTerminal(int(f.Fd()))
}
