package app

import (
	"context"

	"github.com/openclaw-go/openclaw/internal/filter"
	"github.com/openclaw-go/openclaw/internal/model"
)

// scrubbed takes live secrets out of what a model says, before anybody reads
// it: a provider knows the key that it is called with, and whatever a person
// sent it. A call that repeats one is made without it.
type scrubbed struct {
	model.Provider
	redactor func() *filter.Redactor
}

// Stream masks each piece; a word waits until it has ended.
func (s scrubbed) Stream(ctx context.Context, req model.Request) model.Stream {
	return func(yield func(model.Event, error) bool) {
		var open model.Event // the kind and index of what is held back
		text := filter.NewKnownStream(s.redactor)
		flush := func() bool {
			rest := text.End()
			if rest == "" {
				return true
			}
			e := open
			e.Text = rest
			return yield(e, nil)
		}
		for e, err := range s.Provider.Stream(ctx, req) {
			if err != nil {
				if flush() {
					yield(e, err)
				}
				return
			}
			switch e.Kind {
			case model.TextDelta, model.ThinkingDelta:
				if e.Kind != open.Kind || e.Index != open.Index {
					if !flush() {
						return
					}
					open = model.Event{Kind: e.Kind, Index: e.Index}
				}
				e.Text = text.Next(e.Text)
				if e.Signature != "" || e.Redacted {
					e.Text += text.End()
				} else if e.Text == "" {
					continue
				}
			case model.ToolDelta:
				continue // the whole comes with its end
			case model.ToolEnd:
				if !flush() {
					return
				}
				r := s.redactor()
				e.Call.Arguments, e.Call.Raw = r.KnownJSON(e.Call.Arguments), r.Known(e.Call.Raw)
			case model.ToolStart, model.Stopped:
				if !flush() {
					return
				}
			case model.UsageReport, model.EventNone:
			}
			if !yield(e, nil) {
				return
			}
		}
		flush()
	}
}
