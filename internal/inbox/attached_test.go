package inbox_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/inbox"
)

const png = "\x89PNG\r\n\x1a\n and the picture"

// TestAttached: pictures go along as they are, text is quoted, everything else
// is refused by name before anything is recorded.
func TestAttached(t *testing.T) {
	file := func(name, data string) inbox.Attached {
		return inbox.Attached{Name: name, MIME: "image/png", Data: []byte(data)}
	}
	for name, c := range map[string]struct {
		files    []inbox.Attached
		pictures int
		text     string // that the model reads
		wrong    string // of the refusal
	}{
		"a picture":          {[]inbox.Attached{file("a.png", png)}, 1, "", ""},
		"by its content":     {[]inbox.Attached{{Name: "a.txt", MIME: "text/plain", Data: []byte("\xff\xd8\xff\xe0jpeg")}}, 1, "", ""},
		"text":               {[]inbox.Attached{file("notes.md", "my notes")}, 0, "my notes", ""},
		"text that lies":     {[]inbox.Attached{file("a.png", "<svg onload=x>")}, 0, "<svg onload=x>", ""},
		"both":               {[]inbox.Attached{file("a.png", png), file("b", "words")}, 1, "words", ""},
		"a program":          {[]inbox.Attached{file("run", "\x7fELF\x00\x01")}, 0, "", `"run": its content is application/octet-stream`},
		"empty":              {[]inbox.Attached{file("e", "")}, 0, "", "it is empty"},
		"a picture too big":  {[]inbox.Attached{file("a.png", png+strings.Repeat("x", inbox.MaxPicture))}, 0, "", "at most"},
		"too much text":      {[]inbox.Attached{file("t", strings.Repeat("x", inbox.MaxAttachedText+1))}, 0, "", "at most"},
		"too many":           {make([]inbox.Attached, inbox.MaxAttached+1), 0, "", "at most 8"},
		"a name over lines":  {[]inbox.Attached{file("a\nb\x1b[2J", "words")}, 0, "attached file ab[2J", ""},
		"together too large": {[]inbox.Attached{file("1", png+strings.Repeat("x", 5<<20)), file("2", png+strings.Repeat("x", 5<<20)), file("3", png+strings.Repeat("x", 5<<20))}, 0, "", "for all"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse()
			_, _, err := h.Receive(t.Context(), inbox.Message{Principal: cli, Text: "look", Attached: c.files})
			if c.wrong != "" {
				if !errors.Is(err, inbox.ErrAttachment) || !strings.Contains(err.Error(), c.wrong) || len(h.log) != 0 {
					t.Errorf("%v, %v", err, h.log)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			turn := h.turns[0]
			if len(turn.Pictures) != c.pictures || !strings.Contains(turn.Text, c.text) || !strings.HasPrefix(turn.Text, "look") || turn.Said != "look" {
				t.Errorf("%d pictures, text %q, said %q", len(turn.Pictures), turn.Text, turn.Said)
			}
			if !turn.Labels.Has(claw.Private) || turn.Labels.Has(claw.Untrusted) {
				t.Errorf("labels %v", turn.Labels)
			}
			if got := fmt.Sprintf("%+v", h.entries[0].Data); strings.Contains(got, "words") || strings.Contains(got, "notes\n") || !strings.Contains(got, "SHA256:") {
				t.Errorf("the record has %s", got)
			}
		})
	}
}

// TestAttachedAlone: a file without words is a message; nothing at all is none.
func TestAttachedAlone(t *testing.T) {
	h := newHouse()
	if _, _, err := h.Receive(t.Context(), inbox.Message{Principal: paired, Attached: []inbox.Attached{{Data: []byte(png)}}}); err != nil || !h.turns[0].Labels.Has(claw.Untrusted) {
		t.Errorf("%v, %+v", err, h.turns)
	}
}
