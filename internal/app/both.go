package app

import (
	"context"
	"errors"
	"log/slog"
)

// both hands a record to two handlers, each with its own level.
type both struct{ a, b slog.Handler }

func (h both) Enabled(ctx context.Context, l slog.Level) bool {
	return h.a.Enabled(ctx, l) || h.b.Enabled(ctx, l)
}

func (h both) Handle(ctx context.Context, r slog.Record) error {
	var errs []error
	for _, to := range []slog.Handler{h.a, h.b} {
		if to.Enabled(ctx, r.Level) {
			errs = append(errs, to.Handle(ctx, r.Clone()))
		}
	}
	return errors.Join(errs...)
}

func (h both) WithAttrs(as []slog.Attr) slog.Handler {
	return both{h.a.WithAttrs(as), h.b.WithAttrs(as)}
}
func (h both) WithGroup(name string) slog.Handler {
	return both{h.a.WithGroup(name), h.b.WithGroup(name)}
}
