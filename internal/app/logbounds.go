package app

import (
	"context"
	"fmt"
	"log/slog"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/openclaw-go/openclaw/internal/filter"
)

// Bounds of one line of the log.
const (
	maxLogText  = 8 << 10
	maxLogAttrs = 32
	maxLogDepth = 4
)

// bounded keeps a line short, whoever wrote what is in it: what is too long is
// cut before anything else looks at it.
type bounded struct{ slog.Handler }

// Handle implements slog.Handler.
func (h bounded) Handle(ctx context.Context, r slog.Record) error {
	out := slog.NewRecord(r.Time, r.Level, cutText(r.Message), r.PC)
	n := 0
	r.Attrs(func(a slog.Attr) bool {
		if n++; n > maxLogAttrs {
			return false
		}
		out.AddAttrs(cutAttr(a, 0))
		return true
	})
	return h.Handler.Handle(ctx, out)
}

// WithAttrs implements slog.Handler.
func (h bounded) WithAttrs(attrs []slog.Attr) slog.Handler {
	out := make([]slog.Attr, 0, len(attrs))
	for _, a := range attrs[:min(len(attrs), maxLogAttrs)] {
		out = append(out, cutAttr(a, 0))
	}
	return bounded{h.Handler.WithAttrs(out)}
}

// WithGroup implements slog.Handler.
func (h bounded) WithGroup(name string) slog.Handler {
	return bounded{h.Handler.WithGroup(cutText(name))}
}

// cutAttr makes a value a text or number of bounded length. Values that print
// themselves are printed, so that a secret stays what it prints as.
func cutAttr(a slog.Attr, depth int) slog.Attr {
	a.Key = cutText(a.Key)
	v := a.Value.Resolve()
	switch v.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(cutText(v.String()))
	case slog.KindGroup:
		group := v.Group()
		if depth >= maxLogDepth {
			group = nil
		}
		out := make([]slog.Attr, 0, len(group))
		for _, x := range group[:min(len(group), maxLogAttrs)] {
			out = append(out, cutAttr(x, depth+1))
		}
		a.Value = slog.GroupValue(out...)
	case slog.KindAny, slog.KindLogValuer:
		a.Value = slog.StringValue(cutText(anyText(v.Any())))
	case slog.KindBool, slog.KindDuration, slog.KindFloat64, slog.KindInt64, slog.KindTime, slog.KindUint64:
		a.Value = v
	}
	return a
}

func anyText(v any) string {
	switch x := v.(type) {
	case error:
		return x.Error()
	case []byte:
		return string(x[:min(len(x), maxLogText+1)])
	}
	return fmt.Sprint(v)
}

func cutText(s string) string {
	if len(s) <= maxLogText {
		return s
	}
	return fmt.Sprintf("%s…[%d bytes cut]", s[:maxLogText], len(s)-maxLogText)
}

// visibleJSON writes as JSON escapes what steers a terminal or reorders text.
// The other controls JSON escapes by itself, and none of these stands outside
// a string, so the value stays the same.
func visibleJSON(b []byte) []byte {
	var out []byte
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		odd := r == 0x7f || r > 0x7f && (r == utf8.RuneError && n == 1 || filter.LogLine(string(r)) != string(r))
		if odd && out == nil {
			out = append(make([]byte, 0, len(b)+64), b[:i]...)
		}
		switch {
		case !odd && out == nil:
		case !odd:
			out = append(out, b[i:i+n]...)
		case r > 0xffff:
			hi, lo := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, hi, lo)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		i += n
	}
	if out == nil {
		return b
	}
	return out
}
