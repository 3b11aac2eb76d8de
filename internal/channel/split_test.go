package channel_test

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openclaw-go/openclaw/internal/channel"
)

// balanced reports whether every fence of a piece is closed in it.
func balanced(s string) bool {
	open := ""
	for _, line := range strings.Split(s, "\n") {
		t := strings.TrimLeft(line, " ")
		switch {
		case len(line)-len(t) > 3:
		case open == "" && (strings.HasPrefix(t, "```") || strings.HasPrefix(t, "~~~")):
			open = t[:len(t)-len(strings.TrimLeft(t, t[:1]))]
		case open != "" && strings.HasPrefix(t, open) && strings.Trim(t, open[:1]+" ") == "":
			open = ""
		}
	}
	return open == ""
}

// words are what a text holds besides blanks and fences.
func words(s string) string {
	var b strings.Builder
	for _, line := range strings.Split(s, "\n") {
		t := strings.TrimLeft(line, " ")
		if strings.HasPrefix(t, "```") || strings.HasPrefix(t, "~~~") {
			continue
		}
		b.WriteString(strings.Join(strings.Fields(line), ""))
	}
	return b.String()
}

func TestSplit(t *testing.T) {
	for name, units := range map[string]func(string) int{"runes": channel.Runes, "utf16": channel.UTF16} {
		t.Run(name, func(t *testing.T) {
			line := rapid.OneOf(rapid.StringMatching(`[a-zé😀 ]{0,90}`), rapid.SampledFrom([]string{"```", "```go", "~~~", "````", "", "    ```", "x ``` y", strings.Repeat("w", 300)}))
			rapid.Check(t, func(t *rapid.T) {
				text := strings.Join(rapid.SliceOfN(line, 0, 30).Draw(t, "lines"), "\n")
				limit := rapid.IntRange(64, 200).Draw(t, "limit")
				pieces := channel.Split(text, limit, units)
				var all []string
				for _, p := range pieces {
					if n := units(p); n > limit {
						t.Fatalf("a piece of %d units, at most %d: %q", n, limit, p)
					}
					if strings.TrimSpace(p) == "" {
						t.Fatalf("a blank piece of %q", text)
					}
					if !balanced(p) {
						t.Fatalf("a fence is open at the end of %q, cut from %q", p, text)
					}
					all = append(all, p)
				}
				if got, want := words(strings.Join(all, "\n")), words(text); got != want {
					t.Fatalf("%q became %q", want, got)
				}
			})
		})
	}
}

func TestSplitKeepsWhatFits(t *testing.T) {
	for _, s := range []string{"one", "one\ntwo", "```go\nx := 1\n```", "a\n\n\nb"} {
		if got := channel.Split(s, 100, channel.Runes); len(got) != 1 || got[0] != s {
			t.Errorf("%q became %q", s, got)
		}
	}
	if got := channel.Split(" \n ", 100, channel.Runes); len(got) != 0 {
		t.Errorf("a blank text became %q", got)
	}
}

func TestMaskTakesTokensOut(t *testing.T) {
	const token = "123456:ABCDEFGHIJKLMNOP"
	inner := &url.Error{Op: "Get", URL: "https://api.telegram.org/bot" + token + "/getMe", Err: channel.ErrRefused}
	for _, err := range []error{inner, fmt.Errorf("at %s", url.QueryEscape(token)), fmt.Errorf("secret ABCDEFGHIJKLMNOP alone"), &channel.Fatal{Problem: "bad " + token}} {
		got := channel.Mask(err, token)
		if strings.Contains(got.Error(), "ABCDEFGHIJKLMNOP") || strings.Contains(fmt.Sprintf("%+v %#v", got, errors.Unwrap(got)), "ABCDEFGHIJKLMNOP") {
			t.Errorf("%v", got)
		}
	}
	if !errors.Is(channel.Mask(inner, token), channel.ErrRefused) {
		t.Error("the sentinel is lost")
	}
	var f *channel.Fatal
	if !errors.As(channel.Mask(&channel.Fatal{Problem: token}, token), &f) {
		t.Error("a fatal error is no longer one")
	}
}

func TestBackoff(t *testing.T) {
	b := channel.Backoff{Least: time.Second, Most: 30 * time.Second}
	var got []time.Duration
	for range 7 {
		got = append(got, b.Next())
	}
	if fmt.Sprint(got) != "[1s 2s 4s 8s 16s 30s 30s]" {
		t.Error(got)
	}
	b.Reset()
	if b.Next() != time.Second {
		t.Error("it does not begin anew")
	}
}
