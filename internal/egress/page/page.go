// Package page turns what a web server sent into text that a model can read.
// It refuses what a visitor would not see: scripts, comments, hidden elements,
// images, links that are not http, https or mailto.
package page

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/charset"
)

// Form of the text. The zero Form is Markdown.
type Form uint8

// Forms.
const (
	Markdown Form = iota
	Text
)

// Source is an answer as it came.
type Source struct {
	URL         string // after redirects; relative links are resolved against it
	ContentType string // media type, without parameters
	Charset     string // parameter of the content type; "" when there was none
	Body        []byte
}

// Options of Read. Zero limits mean the defaults.
type Options struct {
	Form     Form
	MaxChars int
}

// Limits. A page beyond MaxBytes is refused; one with more than maxNodes nodes
// is given as plain text, since finding its article would take too long.
const (
	MaxBytes        = 8 << 20
	DefaultMaxChars = 50_000
	maxNodes        = 40_000
	maxDepth        = 400
)

// Page is readable text. It came from a stranger, like every part of it.
type Page struct {
	Title, Text string
	Cut         bool // the text was longer than MaxChars
}

// ErrTooLarge: the body is larger than MaxBytes.
var ErrTooLarge = errors.New("page: too large")

// ErrNotText: the body is no text.
var ErrNotText = errors.New("page: not text")

// Read gives the readable text of s.
func Read(ctx context.Context, s Source, o Options) (Page, error) {
	if len(s.Body) > MaxBytes {
		return Page{}, fmt.Errorf("page: %q: %d bytes, at most %d: %w", s.URL, len(s.Body), MaxBytes, ErrTooLarge)
	}
	if o.MaxChars <= 0 {
		o.MaxChars = DefaultMaxChars
	}
	if err := ctx.Err(); err != nil {
		return Page{}, err
	}
	text, err := decode(s)
	if err != nil {
		return Page{}, err
	}
	var p Page
	if isHTML(s.ContentType, text) {
		if p, err = readHTML(ctx, s.URL, text, o.Form); err != nil {
			return Page{}, err
		}
	} else {
		if bytes.IndexByte(text, 0) >= 0 {
			return Page{}, fmt.Errorf("page: %q: %w", s.URL, ErrNotText)
		}
		p.Text = strings.ToValidUTF8(string(text), "\uFFFD")
	}
	p.Title = oneLine(p.Title)
	p.Text, p.Cut = cut(p.Text, o.MaxChars)
	return p, nil
}

// decode brings the body to UTF-8: by byte order mark, content type, or the
// page's own declaration.
func decode(s Source) ([]byte, error) {
	ct := s.ContentType
	if s.Charset != "" {
		ct += "; charset=" + s.Charset
	}
	r, err := charset.NewReader(bytes.NewReader(s.Body), ct)
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("page: %q: %w", s.URL, err)
	}
	text, err := io.ReadAll(io.LimitReader(r, 4*MaxBytes))
	if err != nil {
		return nil, fmt.Errorf("page: %q: %w", s.URL, err)
	}
	return text, nil
}

func isHTML(media string, text []byte) bool {
	switch media {
	case "text/html", "application/xhtml+xml":
		return true
	case "":
		start := bytes.ToLower(bytes.TrimSpace(text[:min(len(text), 512)]))
		return bytes.HasPrefix(start, []byte("<!doctype html")) || bytes.HasPrefix(start, []byte("<html"))
	}
	return false
}

func readHTML(ctx context.Context, where string, text []byte, form Form) (Page, error) {
	doc, err := html.Parse(bytes.NewReader(text))
	if err != nil {
		return Page{}, fmt.Errorf("page: %q: %w", where, err)
	}
	base, err := url.Parse(where)
	if err != nil {
		base = &url.URL{}
	}
	title := titleOf(doc)
	size := strip(doc, base)
	if err := ctx.Err(); err != nil {
		return Page{}, err
	}
	if size.nodes > maxNodes || size.depth > maxDepth {
		return Page{Title: title, Text: plain(doc)}, nil
	}
	return convert(doc, base, title, form)
}

// cut shortens text to at most n characters, at the end of a word where one is
// near.
func cut(text string, n int) (string, bool) {
	if len(text) <= n || utf8.RuneCountInString(text) <= n {
		return text, false
	}
	end, runes := len(text), 0
	for i := range text {
		if runes == n {
			end = i
			break
		}
		runes++
	}
	if sp := strings.LastIndexFunc(text[:end], unicode.IsSpace); sp > end-80 && sp > 0 {
		end = sp
	}
	return text[:end], true
}

// oneLine is text in one line of at most 300 characters.
func oneLine(text string) string {
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	text, _ = cut(text, 300)
	return text
}
