package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/openclaw-go/openclaw/internal/filter"
	"github.com/openclaw-go/openclaw/internal/vault"
)

// maxTyped bounds what is read as one secret.
const maxTyped = vault.MaxSecret + 2

var errNothingTyped = errors.New("nothing was given")

// secretFrom reads one secret: typed without echo on a terminal, else all of
// standard input without its line end. It never comes from an argument, which
// every process of the machine can read.
func (e *env) secretFrom(prompt string) (vault.Secret, error) {
	f, ok := e.stdin.(*os.File)
	if ok && term.IsTerminal(int(f.Fd())) {
		return e.typed(f, prompt)
	}
	b, err := io.ReadAll(io.LimitReader(e.stdin, maxTyped+1))
	defer clear(b)
	if err != nil {
		return vault.Secret{}, cannot(err, "")
	}
	if len(b) > maxTyped {
		return vault.Secret{}, usage("secrets: standard input has more than %d bytes", vault.MaxSecret)
	}
	s := vault.NewSecret([]byte(strings.TrimRight(string(b), "\r\n")))
	if s.Empty() {
		return s, usage("secrets: %w: expected the value on standard input, or a terminal", errNothingTyped)
	}
	return s, nil
}

// typed reads a line without showing it.
func (e *env) typed(f *os.File, prompt string) (vault.Secret, error) {
	fmt.Fprint(e.print.err, filter.Terminal(prompt))
	b, err := term.ReadPassword(int(f.Fd()))
	fmt.Fprintln(e.print.err)
	defer clear(b)
	if err != nil {
		return vault.Secret{}, cannot(err, "")
	}
	s := vault.NewSecret(b)
	if s.Empty() {
		return s, usage("secrets: %w", errNothingTyped)
	}
	return s, nil
}

// passphrase asks for the passphrase of the encrypted store on a terminal; nil
// where there is none.
func (e *env) passphrase() func() (vault.Secret, error) {
	f, ok := e.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return func() (vault.Secret, error) { return e.typed(f, "Passphrase of the encrypted store: ") }
}
