package filter

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestKnown(t *testing.T) {
	const v = "Qz8-vT2xLm9-Rk4Wd71"
	r := New(Options{Values: []string{v}})
	for _, s := range []string{v, "a " + v + " b", hex.EncodeToString([]byte(v)), base64.StdEncoding.EncodeToString([]byte("k=" + v)), v + v} {
		if got := r.Known(s); strings.Contains(got, v) || strings.Contains(got, s) {
			t.Errorf("%q stays", got)
		}
		if again := r.Known(r.Known(s)); again != r.Known(s) {
			t.Errorf("%q: masked twice it is another", s)
		}
	}
	for _, s := range []string{"", "api_key=AAAAbbbbCCCC1234", "Authorization: Bearer abcdefghij1234567890", v[:10]} {
		if got := r.Known(s); got != s {
			t.Errorf("%q became %q", s, got)
		}
	}
	raw := json.RawMessage(`{"a":"x ` + v + `","n":1}`)
	if got := r.KnownJSON(raw); !json.Valid(got) || strings.Contains(string(got), v) {
		t.Errorf("%s", got)
	}
	if got := (*Redactor)(nil).Known(v); got != v {
		t.Errorf("%q", got)
	}
}

// However a text is cut, its stream is the whole text with the value masked.
func TestKnownStream(t *testing.T) {
	const v = "Qz8-vT2xLm9-Rk4Wd71"
	r := New(Options{Values: []string{v}})
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOf(rapid.SampledFrom([]string{v, "word", " ", "\n", "(" + v + ")", hex.EncodeToString([]byte(v)), "x"})).Draw(t, "words")
		whole := strings.Join(words, "")
		k := NewKnownStream(func() *Redactor { return r })
		got := ""
		for rest := whole; rest != ""; {
			n := rapid.IntRange(1, min(len(rest), 9)).Draw(t, "n")
			got += k.Next(rest[:n])
			rest = rest[n:]
		}
		got += k.End()
		if strings.Contains(got, v) || strings.Contains(got, hex.EncodeToString([]byte(v))) {
			t.Fatalf("%q: %q", whole, got)
		}
		if !strings.Contains(whole, "Qz8") && !strings.Contains(whole, "517a") && got != whole {
			t.Fatalf("%q became %q", whole, got)
		}
	})
}
