package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// Message is one message to be added to a transcript.
type Message struct {
	// Raw is the message as upstream's transcripts have it, one JSON object.
	Raw json.RawMessage
	// Said is what the operator wrote, word for word, when this is a message
	// of theirs; "" for everything else. Said answers from it, so quoted text
	// and what strangers wrote must not be in it.
	Said string
	// Meta is kept beside the message and given back with it; models never
	// see it. Upstream ignores it.
	Meta json.RawMessage
}

// Stored is a message or compaction read back.
type Stored struct {
	ID   EntryID
	Kind Kind
	Time time.Time
	Raw  json.RawMessage // of a message
	Meta json.RawMessage
	// Said as it was given.
	Said    string
	Summary string // of a compaction
	// Labels that an entry brought (KindLabels), and from where.
	Lineage []claw.Lineage
}

// Append adds a message. It survives the end of the process at once, the end
// of the power once the system has written it; a label never depends on that.
func (s *Store) Append(key claw.SessionKey, m Message) (EntryID, error) {
	raw := bytes.TrimSpace(m.Raw)
	if len(raw) == 0 || raw[0] != '{' {
		return "", fmt.Errorf("store: session %q: the message is no JSON object", key)
	}
	l, err := s.acquire(key)
	if err != nil {
		return "", err
	}
	defer s.release(l)
	n := line{Type: typeMessage, Message: raw}
	if m.Said != "" || len(m.Meta) > 0 {
		n.Ours = &lineExtra{Said: m.Said, Meta: m.Meta}
	}
	if err := l.write(&n, keepWritten); err != nil {
		return "", err
	}
	if l.windowed {
		l.window = append(l.window, stored(&n))
	}
	role, text := glance(raw)
	_, err = s.change(key, keepWritten, func(e *entry) {
		e.Ours.Messages++
		e.LastMessageAt = s.opt.Now().UnixMilli()
		if text == "" {
			return
		}
		if e.Ours.Title == "" && role == "user" {
			e.Ours.Title = text
		}
		if role != "toolResult" {
			e.Ours.Preview = text
		}
	})
	return n.ID, err
}

func stored(n *line) Stored {
	out := Stored{ID: n.ID, Kind: n.kind(), Time: parseStamp(n.Timestamp), Raw: n.Message, Summary: n.Summary}
	if n.Ours != nil {
		out.Meta, out.Said = n.Ours.Meta, n.Ours.Said
	}
	if out.Kind == KindLabels {
		var d labelData
		if json.Unmarshal(n.Data, &d) == nil {
			out.Lineage = d.Add
		}
	}
	return out
}

const (
	maxGlance  = 64 << 10
	maxPreview = 120
)

// glance reads a message's role and the beginning of its first text.
func glance(raw []byte) (role, text string) {
	if len(raw) > maxGlance {
		return "", ""
	}
	var m struct {
		Role    string          `json:"role"`
		Content json.RawMessage `json:"content"`
	}
	if json.Unmarshal(raw, &m) != nil {
		return "", ""
	}
	if json.Unmarshal(m.Content, &text) != nil {
		var parts []struct {
			Type string `json:"type"`
			Text string `json:"text"`
		}
		_ = json.Unmarshal(m.Content, &parts)
		for _, p := range parts {
			if p.Type == "text" && p.Text != "" {
				text = p.Text
				break
			}
		}
	}
	return m.Role, preview(text)
}

// preview is the beginning of text on one line.
func preview(text string) string {
	if len(text) > 8*maxPreview {
		text = strings.ToValidUTF8(text[:8*maxPreview], "")
	}
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f && r < 0xa0 }), " ")
	if utf8.RuneCountInString(text) > maxPreview {
		text = string([]rune(text)[:maxPreview-1]) + "…"
	}
	return text
}

// Context is what a model reads of a session.
type Context struct {
	// Summary of everything before Messages; "" when nothing was compacted.
	Summary  string
	Messages []Stored
}

// Context returns the messages since the last compaction. The slice is the
// caller's, the bytes behind it are not.
func (s *Store) Context(key claw.SessionKey) (Context, error) {
	l, err := s.acquire(key)
	if err != nil {
		return Context{}, err
	}
	defer s.release(l)
	if err := l.fill(); err != nil {
		return Context{}, err
	}
	return Context{Summary: l.summary, Messages: slices.Clone(l.window)}, nil
}

// fill reads the window when it was not read yet.
func (l *live) fill() error {
	if l.windowed {
		return nil
	}
	summary, entries := l.tree.window()
	var window []Stored
	for _, i := range entries {
		n := l.tree.nodes[i]
		if n.kind != KindMessage {
			continue
		}
		got, err := l.read(n)
		if err != nil {
			return err
		}
		window = append(window, stored(&got))
	}
	l.summary, l.window, l.windowed = summary, window, true
	return nil
}

// Compact replaces everything before the last keep messages of the context by
// a summary. Nothing leaves the transcript.
func (s *Store) Compact(key claw.SessionKey, summary string, keep, tokensBefore int) error {
	l, err := s.acquire(key)
	if err != nil {
		return err
	}
	defer s.release(l)
	if err := l.fill(); err != nil {
		return err
	}
	if summary == "" || keep < 0 || keep > len(l.window) {
		return fmt.Errorf("store: session %q: compaction to a summary of %d bytes and %d of %d messages", key, len(summary), keep, len(l.window))
	}
	n := line{Type: typeCompaction, Summary: summary, TokensBefore: tokensBefore}
	window := slices.Clone(l.window[len(l.window)-keep:])
	if keep > 0 {
		n.FirstKept = window[0].ID
	}
	if err := l.write(&n, keepWritten); err != nil {
		return err
	}
	l.summary, l.window = summary, window
	_, err = s.change(key, keepWritten, func(e *entry) { e.Compactions++ })
	return err
}

// Said reports whether the operator wrote text verbatim in this session, as a
// whole word: a part of a longer address is another address. A session that
// cannot be read has said nothing.
func (s *Store) Said(key claw.SessionKey, text string) bool {
	if text == "" {
		return false
	}
	l, err := s.acquire(key)
	if err != nil {
		return false
	}
	defer s.release(l)
	for _, t := range l.tree.said.texts {
		if verbatim(t, text) {
			return true
		}
	}
	return false
}

// Labels that a session carries, with their lineage. On an error the caller
// must take all labels for set.
func (s *Store) Labels(key claw.SessionKey) (claw.Labels, []claw.Lineage, error) {
	l, err := s.acquire(key)
	if err != nil {
		return 0, nil, err
	}
	defer s.release(l)
	got, err := s.Get(key)
	return got.Labels, got.Lineage, err
}

// AddLabels adds labels with where they came from. They are on disk when it
// returns, so what brought them may enter the session.
func (s *Store) AddLabels(key claw.SessionKey, add []claw.Lineage) error {
	if len(add) == 0 {
		return nil
	}
	return s.label(key, labelData{Add: add}, func(o *ours) {
		for _, a := range add {
			o.Labels |= a.Label
		}
		o.Lineage = append(o.Lineage, add...)
	})
}

// Clearing is an operator's act of taking labels off a session. The caller
// has recorded it in the journal.
type Clearing struct {
	Labels claw.Labels
	By     claw.Principal
	Why    string
}

// ClearLabels takes labels off.
func (s *Store) ClearLabels(key claw.SessionKey, c Clearing) error {
	return s.label(key, labelData{Clear: c.Labels, By: c.By.String(), Why: c.Why}, func(o *ours) {
		o.Labels &^= c.Labels
		o.Lineage = without(o.Lineage, c.Labels)
	})
}

// label writes to the transcript first and to the index second; reconcile
// takes the stricter one when a crash comes in between.
func (s *Store) label(key claw.SessionKey, d labelData, f func(*ours)) error {
	data, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("store: session %q: labels: %w", key, err)
	}
	l, err := s.acquire(key)
	if err != nil {
		return err
	}
	defer s.release(l)
	if err := l.write(&line{Type: typeCustom, CustomType: customLabels, Data: data}, keepDurable); err != nil {
		return err
	}
	_, err = s.change(key, keepDurable, func(e *entry) { f(e.Ours) })
	return err
}

// Page asks for a part of a transcript.
type Page struct {
	// Before is the entry in front of which the page ends; "" the end.
	Before EntryID
	Limit  int // 0: DefaultPage
	// Kinds that are wanted; none means messages alone.
	Kinds []Kind
}

// DefaultPage is the number of entries of a Page without a limit.
const DefaultPage = 100

// History is a part of a transcript, oldest first.
type History struct {
	Session Session
	Entries []Stored
	More    bool // there are older ones
	// Unreadable counts lines of the transcript that say nothing.
	Unreadable int
}

// History returns entries, also those that a compaction replaced. Reading
// costs the same however long the transcript is, once it is open.
func (s *Store) History(key claw.SessionKey, p Page) (History, error) {
	l, err := s.acquire(key)
	if err != nil {
		return History{}, err
	}
	defer s.release(l)
	out := History{Unreadable: l.tree.bad}
	if out.Session, err = s.Get(key); err != nil {
		return History{}, err
	}
	limit := p.Limit
	if limit <= 0 {
		limit = DefaultPage
	}
	if len(p.Kinds) == 0 {
		p.Kinds = []Kind{KindMessage}
	}
	at := len(l.tree.nodes) - 1
	if p.Before != "" {
		i, ok := l.tree.at[p.Before]
		if !ok {
			return History{}, fmt.Errorf("store: session %q: no entry %q", key, p.Before)
		}
		at = l.tree.nodes[i].parent
	}
	for ; at >= 0; at = l.tree.nodes[at].parent {
		n := l.tree.nodes[at]
		if !slices.Contains(p.Kinds, n.kind) {
			continue
		}
		if len(out.Entries) == limit {
			out.More = true
			break
		}
		got, err := l.read(n)
		if err != nil {
			return History{}, err
		}
		out.Entries = append(out.Entries, stored(&got))
	}
	slices.Reverse(out.Entries)
	return out, nil
}
