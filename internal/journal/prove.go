package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/openclaw-go/openclaw/internal/chain"
)

// ErrUnsigned: no checkpoint covers the entry yet. It does within a minute, or
// at once when the journal is closed.
var ErrUnsigned = errors.New("journal: the entry is not signed yet")

// Prove makes a proof that entry seq stands in the journal, against the first
// checkpoint that covers it. It reads the checkpoints up to that one, which are
// part of the proof, and the entries between it and the one before.
func Prove(opt Options, seq uint64) (chain.Bundle, error) {
	fs, err := Locate(opt)
	if err != nil {
		return chain.Bundle{}, err
	}
	notes, start, size, err := notesUpTo(fs.Checkpoints, seq)
	if err != nil {
		return chain.Bundle{}, err
	}
	var src []chain.Source
	segs, err := segments(opt.paths().log)
	if err != nil {
		return chain.Bundle{}, err
	}
	if len(segs) > 0 && segs[0].first > seq {
		return chain.Bundle{}, fmt.Errorf("%w: %d", ErrNotFound, seq)
	}
	for i, s := range segs {
		if i+1 < len(segs) && segs[i+1].first <= start.Size() || s.first >= size {
			continue
		}
		f, err := os.Open(s.path)
		if err != nil {
			return chain.Bundle{}, fmt.Errorf("journal: %w", err)
		}
		defer func() { _ = f.Close() }()
		off, err := seek(f, s.size, start.Size())
		if err != nil {
			return chain.Bundle{}, err
		}
		src = append(src, chain.Source{Name: s.path, R: io.NewSectionReader(f, off, s.size-off)})
	}
	p, err := chain.Prove(src, start, seq, size)
	if err != nil {
		return chain.Bundle{}, err
	}
	return chain.Bundle{Form: chain.BundleForm, Proof: p, Checkpoints: notes}, nil
}

// notesUpTo reads the checkpoints through the first one that covers seq, and
// gives the tree at the one before it.
func notesUpTo(path string, seq uint64) (text string, start chain.Tree, size uint64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", start, 0, fmt.Errorf("journal: %w", err)
	}
	defer func() { _ = f.Close() }()
	var b strings.Builder
	for in := chain.NewNotes(f); ; {
		msg, err := in.Next()
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return "", start, 0, fmt.Errorf("%w: %d, the last checkpoint covers %d", ErrUnsigned, seq, start.Size())
		}
		if err != nil {
			return "", start, 0, err
		}
		b.Write(append(msg, '\n'))
		c, err := chain.PeekCheckpoint(msg)
		if err != nil {
			return "", start, 0, err
		}
		if c.Size > seq {
			return b.String(), start, c.Size, nil
		}
		start, _ = chain.TreeAt(c.Size, c.Edge)
	}
}

// ReadHeads reads checkpoints that somebody else kept of a journal, one after
// the other as they were sent. It checks their form and not their signatures:
// they count because of who kept them.
func ReadHeads(r io.Reader) ([]chain.TreeHead, error) {
	var out []chain.TreeHead
	for in := chain.NewNotes(r); ; {
		msg, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("journal: a witness's checkpoints: %w", err)
		}
		c, err := chain.PeekCheckpoint(msg)
		if err != nil {
			return nil, fmt.Errorf("journal: a witness's checkpoints: %w", err)
		}
		out = append(out, chain.TreeHead{Size: c.Size, Root: c.Root})
	}
	if len(out) == 0 {
		return nil, errors.New("journal: a witness's checkpoints: there is none")
	}
	return out, nil
}
