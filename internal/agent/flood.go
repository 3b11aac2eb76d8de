package agent

import (
	"fmt"
	"unicode/utf8"

	"github.com/openclaw-go/openclaw/internal/model"
)

// Bounds of one reply.
const (
	// MaxReplyBytes is more than any model writes at once: text, thinking and
	// calls together. Less room in the context is a lower bound.
	MaxReplyBytes = 512 << 10
	// KeptBytes, or a quarter of the bound, of a reply above its bound stay in
	// the transcript; the rest would only push the conversation out of the
	// context.
	KeptBytes = 16 << 10
)

const flooded = "[cut: the model did not stop writing]"

// flood counts what a reply has brought so far.
type flood struct {
	max, size int
}

func (t *turnState) flood() flood {
	return flood{max: min(MaxReplyBytes, max(KeptBytes, t.room()*bytesPerToken))}
}

// add is an error once the reply is longer than it may be.
func (f *flood) add(ev model.Event) error {
	switch ev.Kind {
	case model.TextDelta, model.ThinkingDelta:
		f.size += len(ev.Text) + len(ev.Signature)
	case model.ToolEnd:
		f.size += len(ev.Call.Name) + len(ev.Call.Arguments) + len(ev.Call.Raw)
	case model.EventNone, model.ToolStart, model.ToolDelta, model.UsageReport, model.Stopped:
	}
	if f.size <= f.max {
		return nil
	}
	return &model.Error{Kind: model.KindInvalid, Message: fmt.Sprintf("found a reply of more than %d bytes, expected it to end before; the rest was not read", f.max)}
}

// trim keeps the beginning of a message that was above the bound. Thinking
// goes: half of it is signed for no provider.
func (f *flood) trim(m *model.Message) {
	if f.size <= f.max {
		return
	}
	left, kept := min(KeptBytes, f.max/4), m.Content[:0]
	for _, b := range m.Content {
		if b.Kind == model.BlockText && left > 0 {
			b.Text = beginning(b.Text, min(left, len(b.Text)))
			left -= len(b.Text)
			kept = append(kept, b)
		}
	}
	m.Content = append(kept, model.Text(flooded))
}

// beginning is at most n bytes of text, whole characters.
func beginning(text string, n int) string {
	for n > 0 && n < len(text) && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}
