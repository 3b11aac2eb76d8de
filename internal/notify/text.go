package notify

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/filter"
)

// Bounds of what an alert carries.
const (
	maxTitle = 120
	maxFact  = 160
	maxFacts = 8
)

// schemes that a phone acts upon without two slashes.
var schemes = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)\b(https?|ftps?|tel|callto|sms|smsto|mailto|geo|intent|market|javascript|data|file|facetime|tg|whatsapp|sip|magnet|bitcoin|maps|itms|otpauth|shortcuts)(:)`)
})

// Defang makes a stranger's text safe to show on any phone: nothing in it is a
// link, an address, a mention or a command, nothing is hidden, and it is one
// short line (R65).
func Defang(s string) string { return clip(defang(filter.LogLine(s)), maxFact) }

func defang(s string) string {
	s = schemes().ReplaceAllString(s, "$1[:]")
	var b strings.Builder
	b.Grow(len(s) + 16)
	prev := rune(' ')
	for i, c := range s {
		next, _ := utf8.DecodeRuneInString(s[i+utf8.RuneLen(c):])
		switch {
		case isDot(c) && joins(prev) && joins(next):
			b.WriteString("[.]")
		case isAt(c):
			b.WriteString("[at]")
		case c == ':' && next == '/':
			b.WriteString("[:]")
		case c == '/' && !joins(prev) && prev != ']':
			b.WriteString("[/]") // a bot's command
		case c == '#' && joins(next), c == '$' && unicode.IsLetter(next):
			b.WriteRune(c)
			b.WriteByte(' ')
		default:
			b.WriteRune(c)
		}
		prev = c
	}
	return phones().ReplaceAllStringFunc(b.String(), breakNumber)
}

// breakNumber parts a number so that nobody can call it by a touch.
func breakNumber(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if i > 0 && i%4 == 0 {
			b.WriteByte('_')
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// phones are runs of digits that a phone offers to call.
var phones = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\+[0-9][0-9 ()-]{6,}[0-9]`) })

// isDot: what resolvers and link finders take for a dot.
func isDot(c rune) bool {
	return c == '.' || c == 0x3002 || c == 0xFF0E || c == 0xFF61 || c == 0x2024 || c == 0xFE52
}

func isAt(c rune) bool { return c == '@' || c == 0xFF20 || c == 0xFE6B }

func joins(c rune) bool {
	return unicode.IsLetter(c) || unicode.IsDigit(c) || unicode.IsMark(c) || c == '_' || c == '-' || c == '%'
}

// clip shortens to n characters.
func clip(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	r := []rune(s)
	return string(r[:n-1]) + "…"
}

// command is a command of ours, or nothing.
func command(s string) string {
	if !strings.HasPrefix(s, "openclaw ") {
		return ""
	}
	for _, c := range s {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune(" -_=:", c) {
			return ""
		}
	}
	return clip(s, 200)
}

// safe is the alert as it may leave: of everything that is not ours only what
// Defang leaves.
func (a Alert) safe() Alert {
	out := a
	out.ID, out.Rule = word(a.ID), rule(a.Rule)
	out.Title = clip(defang(filter.LogLine(a.Title)), maxTitle)
	out.Command = command(a.Command)
	out.Facts = nil
	for i, f := range a.Facts {
		if i == maxFacts {
			out.Facts = append(out.Facts, Fact{"more", fmt.Sprintf("%d not shown", len(a.Facts)-maxFacts)})
			break
		}
		out.Facts = append(out.Facts, Fact{word(f.Name), Defang(f.Value)})
	}
	return out
}

// rule is a rule's name, in whose parts nothing but letters stands.
func rule(s string) string {
	parts := strings.Split(s, ".")
	for i := range parts {
		parts[i] = word(parts[i])
	}
	return clip(strings.Join(parts, "."), 96)
}

// word keeps what stands in names of ours.
func word(s string) string {
	return clip(strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == ' ' {
			return c
		}
		return '_'
	}, s), 96)
}

// subject is the alert in one line.
func (a Alert) subject() string {
	return "OpenClaw " + a.Severity.String() + ": " + a.Title
}

// body is the rest of a safe alert, for people. The rule's dots are broken
// too: a rule ends in a word, and some words are domains.
func (a Alert) body() string {
	var b strings.Builder
	for _, f := range a.Facts {
		fmt.Fprintf(&b, "%s: %s\n", f.Name, f.Value)
	}
	if a.Command != "" {
		fmt.Fprintf(&b, "Look further: %s\n", a.Command)
	}
	fmt.Fprintf(&b, "%s %s, %s", strings.ReplaceAll(a.Rule, ".", " "), a.ID, a.At.UTC().Format("2006-01-02 15:04 UTC"))
	return b.String()
}

func (a Alert) text() string { return a.subject() + "\n" + a.body() }

// level orders severities for services that count.
func level(s claw.Severity, info, warn, critical int) int {
	switch s {
	case claw.Info:
		return info
	case claw.Warn:
		return warn
	case claw.Critical:
		return critical
	}
	return critical
}
