package model_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"github.com/openclaw-go/openclaw/internal/model"
)

func readAll(r io.Reader, max int) (out []string, err error) {
	s := model.NewSSE(r, max)
	for {
		ev, err := s.Next()
		if err != nil {
			return out, err
		}
		mark := "."
		if !ev.Complete {
			mark = "…"
		}
		out = append(out, ev.Name+":"+string(ev.Data)+mark)
	}
}

func TestSSE(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		want []string
	}{
		"plain":                {"data: a\n\n", []string{":a."}},
		"no space":             {"data:a\n\n", []string{":a."}},
		"one space taken":      {"data:  a\n\n", []string{": a."}},
		"named":                {"event: x\ndata: a\n\n", []string{"x:a."}},
		"name after data":      {"data: a\nevent: x\n\n", []string{"x:a."}},
		"crlf":                 {"event: x\r\ndata: a\r\n\r\ndata: b\r\n\r\n", []string{"x:a.", ":b."}},
		"cr":                   {"data: a\r\rdata: b\r\r", []string{":a.", ":b."}},
		"mixed ends":           {"data: a\n\r\ndata: b\r\n\n", []string{":a.", ":b."}},
		"several lines":        {"data: a\ndata\ndata: b\n\n", []string{":a\n\nb."}},
		"comment":              {": keep-alive\n\n: more\ndata: a\n\n", []string{":a."}},
		"other fields":         {"id: 1\nretry: 5\nfoo: bar\ndata: a\n\n", []string{":a."}},
		"bom":                  {"\xef\xbb\xbfdata: a\n\n", []string{":a."}},
		"bom later":            {"data: a\n\n\xef\xbb\xbfdata: b\n\n", []string{":a."}},
		"no end":               {"data: a\n\ndata: b", []string{":a.", ":b…"}},
		"no empty line":        {"data: a\n", []string{":a…"}},
		"name without data":    {"event: x\n\ndata: a\n\n", []string{":a."}},
		"empty data":           {"data:\n\n", []string{":."}},
		"empty":                {"", nil},
		"only ends":            {"\n\n\r\n\r\r", nil},
		"broken utf-8 kept":    {"data: \xc3\x28\n\n", []string{":\xc3\x28."}},
		"nul kept":             {"data: a\x00b\n\n", []string{":a\x00b."}},
		"field without colon":  {"data\n\n", []string{":."}},
		"colon in data":        {"data: {\"a\": 1}\n\n", []string{":{\"a\": 1}."}},
		"upper case is no key": {"Data: a\n\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			for how, r := range map[string]io.Reader{
				"at once": strings.NewReader(c.in), "by bytes": iotest.OneByteReader(strings.NewReader(c.in)), "with the end": iotest.DataErrReader(strings.NewReader(c.in)),
			} {
				got, err := readAll(r, 100)
				if !errors.Is(err, io.EOF) || fmt.Sprintf("%q", got) != fmt.Sprintf("%q", c.want) {
					t.Errorf("%s: %q, %v; want %q", how, got, err, c.want)
				}
			}
		})
	}
}

func TestSSELimits(t *testing.T) {
	for name, in := range map[string]string{
		"line":    "data: " + strings.Repeat("x", 200) + "\n\n",
		"lines":   strings.Repeat("data: 0123456789\n", 20),
		"comment": ":" + strings.Repeat("x", 100_000),
		"endless": "data: ok\n\nevent: " + strings.Repeat("x", 100_000),
	} {
		if _, err := readAll(iotest.HalfReader(strings.NewReader(in)), 100); !errors.Is(err, model.ErrEventTooLong) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
	cut := errors.New("cut")
	got, err := readAll(io.MultiReader(strings.NewReader("data: a\n\ndata: b\nda"), iotest.ErrReader(cut)), 100)
	if !errors.Is(err, cut) || len(got) != 1 {
		t.Errorf("after a cut: %q, %v; want the one complete event", got, err)
	}
}

// However the bytes are cut into reads, the events are the same.
func TestSSECuts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOf(rapid.SampledFrom([]string{"data: a", "data:", "data: ü{}", ": c", "event: e", "", "", "x"})).Draw(t, "lines")
		end := rapid.SampledFrom([]string{"\n", "\r\n", "\r"}).Draw(t, "end")
		text := strings.Join(lines, end)
		want, _ := readAll(strings.NewReader(text), 1000)
		var parts []io.Reader
		for rest := text; rest != ""; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "n")
			parts = append(parts, strings.NewReader(rest[:n]))
			rest = rest[n:]
		}
		got, err := readAll(io.MultiReader(parts...), 1000)
		if !errors.Is(err, io.EOF) || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%q: %q, %v; want %q", text, got, err, want)
		}
	})
}

func FuzzSSE(f *testing.F) {
	f.Add([]byte("event: x\r\ndata: a\r\n\r\n: c\ndata: b\rdata: c\r\r"), byte(3))
	f.Add([]byte("\xef\xbb\xbfdata: {}\n\ndata: [DONE]"), byte(1))
	f.Fuzz(func(t *testing.T, in []byte, step byte) {
		const limit = 64
		whole, werr := readAll(bytes.NewReader(in), limit)
		cut, cerr := readAll(&stepReader{in, int(step%7) + 1}, limit)
		if fmt.Sprint(whole, werr) != fmt.Sprint(cut, cerr) {
			t.Fatalf("%q %v at once, %q %v in steps", whole, werr, cut, cerr)
		}
		if !errors.Is(werr, io.EOF) && !errors.Is(werr, model.ErrEventTooLong) {
			t.Fatalf("error %v", werr)
		}
	})
}

type stepReader struct {
	rest []byte
	n    int
}

func (r *stepReader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), r.n)], r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func BenchmarkSSE(b *testing.B) {
	event := "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"some words \"}}\n\n"
	stream := []byte(strings.Repeat(event, 1000))
	b.SetBytes(int64(len(stream)))
	b.ReportAllocs()
	for b.Loop() {
		s := model.NewSSE(bytes.NewReader(stream), 1<<16)
		n := 0
		for {
			if _, err := s.Next(); err != nil {
				break
			}
			n++
		}
		if n != 1000 {
			b.Fatal(n)
		}
	}
}
