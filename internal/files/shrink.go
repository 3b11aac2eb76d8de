package files

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// shrinkFrom is the number of lines from which a store is written anew when
// most of its lines say nothing more.
const shrinkFrom = 4096

// compact writes the store anew with one line for each thing that is known. A
// damaged one stays as it is, for a person to look at.
func (l *Labels) compact() error {
	if l.damaged > 0 || l.lines < shrinkFrom || l.lines < 3*(len(l.at)+len(l.trees)+len(l.lost)) {
		return nil
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	lines := 0
	put := func(n line) error { lines++; return enc.Encode(n) }
	for key, k := range l.at {
		for _, r := range k.records(key[0], key[1], l.content[key[1]].labels) {
			if err := put(line{Time: l.now(), Record: &r}); err != nil {
				return err
			}
		}
	}
	for path, state := range l.trees {
		if err := put(line{Time: l.now(), Record: &Record{Path: path, Tree: state}}); err != nil {
			return err
		}
	}
	for i, w := range l.lost {
		if err := put(line{Time: w.end, Lost: fmt.Sprintf("lost-%d", i), Root: w.root, Begin: w.begin}); err != nil {
			return err
		}
	}
	if err := l.swapFile(buf.Bytes()); err != nil {
		return err
	}
	l.lines = lines
	return nil
}

// records are lines that, read again, say the same of a content. What a person
// vouched for comes last, since it takes labels away.
func (k known) records(path, sum string, moved claw.Labels) []Record {
	var out []Record
	add := func(r Record) {
		r.Path, r.SHA256, r.Size = path, sum, k.size
		out = append(out, r)
	}
	if k.agent || k.operator {
		labels := k.labels
		if k.agent {
			labels |= moved
		}
		add(Record{Labels: labels, Agent: k.agent, Operator: k.operator})
	}
	if k.trusted {
		add(Record{Labels: k.labels, Trusted: true})
	}
	if k.seen || len(out) == 0 {
		add(Record{Labels: k.labels & claw.Private, Seen: true})
	}
	return out
}

// swapFile replaces the store's file and goes on in the new one.
func (l *Labels) swapFile(data []byte) error {
	temp := l.name + tempSuffix
	if err := os.Remove(temp); err != nil && !isNotExist(err) {
		return err
	}
	f, err := os.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = os.Rename(temp, l.name)
	}
	if err != nil {
		_ = f.Close()
		_ = os.Remove(temp)
		return err
	}
	_ = l.f.Close()
	l.f = f
	dir, err := os.Open(filepath.Dir(l.name))
	if err != nil {
		return err
	}
	defer dir.Close()
	_ = dir.Sync() // where folders cannot be synced the next start does this again
	return nil
}
