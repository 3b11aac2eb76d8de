package store

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
	"github.com/openclaw-go/openclaw/internal/claw"
)

// maxHeard bounds what one look through the transcripts reads.
const maxHeard = 64 << 20

// Mention is a place in a transcript where something stands in words that are
// not the operator's.
type Mention struct {
	Agent   claw.AgentID   `json:"agent"`
	Session claw.SessionID `json:"session"`
	Role    string         `json:"role"`
	At      time.Time      `json:"at"`
	Text    string         `json:"text"`
}

func (m Mention) String() string {
	by := "the model wrote it"
	if m.Role != "assistant" {
		by = "the model read it"
	}
	return fmt.Sprintf("%q stands in agent %s's transcript %s, %s: %s", m.Text, m.Agent, m.Session, m.At.Local().Format("15:04"), by)
}

// Heard looks through the transcripts of a state directory, which somebody
// else may hold, for texts that a model wrote or read since a time, and gives
// the first place of each (R53). An error means that not all was looked at;
// what was found counts all the same.
func Heard(dir string, since time.Time, texts []string) ([]Mention, error) {
	texts = slices.DeleteFunc(slices.Clone(texts), func(t string) bool { return t == "" })
	names, err := filepath.Glob(filepath.Join(dir, "agents", "*", "sessions", "*.jsonl"))
	if err != nil || len(texts) == 0 {
		return nil, err
	}
	type file struct {
		name    string
		changed time.Time
	}
	var recent []file
	for _, name := range names {
		if fi, err := os.Lstat(name); err == nil && !fi.ModTime().Before(since) {
			recent = append(recent, file{name, fi.ModTime()})
		}
	}
	slices.SortFunc(recent, func(a, b file) int { return b.changed.Compare(a.changed) })
	var out []Mention
	left := int64(maxHeard)
	for _, f := range recent {
		found, n, ferr := heardIn(f.name, since, texts, left)
		out = append(out, found...)
		texts = slices.DeleteFunc(texts, func(t string) bool { return slices.ContainsFunc(found, func(m Mention) bool { return m.Text == t }) })
		if left -= n; ferr != nil {
			err = errors.Join(err, ferr)
		}
		if len(texts) == 0 {
			break
		}
	}
	return out, err
}

func heardIn(name string, since time.Time, texts []string, limit int64) (out []Mention, n int64, err error) {
	if limit <= 0 {
		return nil, 0, fmt.Errorf("%s: not looked at: more than %d MiB are new", filepath.Base(name), maxHeard>>20)
	}
	f, err := atomicfile.Open(name, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = f.Close() }()
	agent := claw.AgentID(filepath.Base(filepath.Dir(filepath.Dir(name))))
	session := claw.SessionID(strings.TrimSuffix(filepath.Base(name), ".jsonl"))
	in := bufio.NewReader(io.LimitReader(f, limit))
	for {
		row, rerr := in.ReadBytes('\n')
		n += int64(len(row))
		for _, t := range rowSays(row, since, texts) {
			if !slices.ContainsFunc(out, func(m Mention) bool { return m.Text == t.Text }) {
				t.Agent, t.Session = agent, session
				out = append(out, t)
			}
		}
		if rerr != nil {
			if !errors.Is(rerr, io.EOF) {
				err = fmt.Errorf("%s: %w", filepath.Base(name), rerr)
			} else if n >= limit {
				err = fmt.Errorf("%s: not looked at to its end: more than %d MiB are new", filepath.Base(name), maxHeard>>20)
			}
			return out, n, err
		}
	}
}

// rowSays gives the texts that one row of a transcript holds, unless they are
// the operator's own words.
func rowSays(row []byte, since time.Time, texts []string) (out []Mention) {
	var l line
	if json.Unmarshal(row, &l) != nil || l.Type != typeMessage && l.Type != typeCompaction {
		return nil
	}
	at, err := time.Parse(stampForm, l.Timestamp)
	if err != nil || at.Before(since) {
		return nil
	}
	var said string
	if l.Ours != nil {
		said = l.Ours.Said
	}
	var head struct {
		Role string `json:"role"`
	}
	_ = json.Unmarshal(l.Message, &head) // without a role it is not the model's
	words := append(stringsOf(l.Message), l.Summary)
	if l.Type == typeCompaction {
		head.Role = "assistant"
	}
	for _, t := range texts {
		if !verbatim(said, t) && slices.ContainsFunc(words, func(w string) bool { return verbatim(w, t) }) {
			out = append(out, Mention{Role: head.Role, At: at, Text: t})
		}
	}
	return out
}

// stringsOf are all strings of a JSON value, names included.
func stringsOf(raw []byte) (out []string) {
	d := json.NewDecoder(bytes.NewReader(raw))
	for {
		t, err := d.Token()
		if err != nil {
			return out
		}
		if s, ok := t.(string); ok {
			out = append(out, s)
		}
	}
}
