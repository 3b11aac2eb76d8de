package inbox

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/openclaw-go/openclaw/internal/agent"
	"github.com/openclaw-go/openclaw/internal/claw"
)

// Bounds of what comes along with one message.
const (
	MaxAttached     = 8
	MaxPicture      = 6 << 20
	MaxPictures     = 12 << 20 // together
	MaxAttachedText = 256 << 10
)

// ErrAttachment is wrapped when what comes along cannot be given to a model.
var ErrAttachment = errors.New("attachment")

// Attached is a file that comes along with a message.
type Attached struct {
	Name, MIME string
	Data       []byte
}

// Picture reports whether a is a picture, by its content: what a sender says of
// it decides nothing.
func (a Attached) Picture() bool { return strings.HasPrefix(a.kind(), "image/") }

// kind is what models look at, text, or anything else.
func (a Attached) kind() string {
	s := string(a.Data[:min(len(a.Data), 16)])
	switch {
	case strings.HasPrefix(s, "\x89PNG\r\n\x1a\n"):
		return "image/png"
	case strings.HasPrefix(s, "\xff\xd8\xff"):
		return "image/jpeg"
	case strings.HasPrefix(s, "GIF87a"), strings.HasPrefix(s, "GIF89a"):
		return "image/gif"
	case strings.HasPrefix(s, "RIFF") && len(s) >= 12 && s[8:12] == "WEBP":
		return "image/webp"
	case utf8.Valid(a.Data) && !bytes.ContainsRune(a.Data, 0):
		return "text/plain"
	}
	return "application/octet-stream"
}

// opened are the attachments of a message as a model gets them.
type opened struct {
	pictures []agent.Picture
	text     string // quoted, to follow the message
	notes    []attachedNote
}

// attachedNote is what the record has of an attachment: never its content.
type attachedNote struct {
	Name   string `json:"name,omitempty"`
	MIME   string `json:"mime"`
	Bytes  int    `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// open reads what comes along, pictures as they are and text quoted. Anything
// else is refused by name.
func (in *Inbox) open(m Message) (o opened, err error) {
	if len(m.Attached) > MaxAttached {
		return o, fmt.Errorf("%w: %d files, at most %d", ErrAttachment, len(m.Attached), MaxAttached)
	}
	total := 0
	for i, a := range m.Attached {
		name := nameOf(a.Name, i)
		switch kind := a.kind(); {
		case len(a.Data) == 0:
			return o, fmt.Errorf("%w %q: it is empty", ErrAttachment, name)
		case a.Picture():
			if total += len(a.Data); len(a.Data) > MaxPicture || total > MaxPictures {
				return o, fmt.Errorf("%w %q: %d bytes, at most %d for one picture and %d for all", ErrAttachment, name, len(a.Data), MaxPicture, MaxPictures)
			}
			o.pictures = append(o.pictures, agent.Picture{MIME: kind, Data: a.Data})
		case kind == "text/plain":
			if len(a.Data) > MaxAttachedText {
				return o, fmt.Errorf("%w %q: %d bytes of text, at most %d", ErrAttachment, name, len(a.Data), MaxAttachedText)
			}
			o.text += "\n\n" + in.opt.Wrap(string(a.Data), "attached file "+name)
		default:
			return o, fmt.Errorf("%w %q: its content is %s; text and png, jpeg, gif and webp pictures are read", ErrAttachment, name, kind)
		}
		sum := sha256.Sum256(a.Data)
		o.notes = append(o.notes, attachedNote{name, a.kind(), len(a.Data), hex.EncodeToString(sum[:])})
	}
	return o, nil
}

// nameOf is a file's name on one line.
func nameOf(name string, i int) string {
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(name, ""))
	if len(name) > 200 {
		name = name[:200]
		for !utf8.ValidString(name) {
			name = name[:len(name)-1]
		}
	}
	if name == "" {
		return fmt.Sprintf("file %d", i+1)
	}
	return name
}

// attachedLabels: what the operator hands over is theirs.
func attachedLabels(m Message) claw.Labels {
	if len(m.Attached) > 0 && m.Principal.Standing == claw.Owner {
		return claw.Private
	}
	return 0
}
