package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

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

// text prints a result of several lines, as it is but for escapes.
func (p *printer) text(s string) {
	fmt.Fprint(p.out, filter.Terminal(s))
	if !strings.HasSuffix(s, "\n") {
		fmt.Fprintln(p.out)
	}
}

// note tells people something; it is no result.
func (p *printer) note(format string, args ...any) {
	fmt.Fprintln(p.err, "openclaw: "+filter.Terminal(fmt.Sprintf(format, args...)))
}

// value prints a result as indented JSON.
func (p *printer) value(v any) error {
	enc := json.NewEncoder(p.out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// raw prints one stored line as it is.
func (p *printer) raw(line []byte) {
	_, _ = p.out.Write(append(line, '\n'))
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
