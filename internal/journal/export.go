package journal

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
	"github.com/openclaw-go/openclaw/internal/chain"
	"github.com/openclaw-go/openclaw/internal/journal/ocsf"
)

// Format of an export. The zero value is none.
type Format uint8

// Formats.
const (
	FormatNone Format = iota
	FormatJSONL
	FormatCSV
	FormatOCSF
)

// Export writes the matching entries, oldest first. JSONL gives each line as
// it is stored, so that it can still be proven; CSV keeps spreadsheets from
// taking a cell for a formula; OCSF is for collectors of security events.
func (r Reader) Export(ctx context.Context, w io.Writer, format Format, f Filter) error {
	put, flush, err := exporter(w, format)
	if err != nil {
		return err
	}
	n := 0
	for line, err := range r.lines(0) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		if f.Limit > 0 && n >= f.Limit {
			break
		}
		if f.Text != "" && !bytes.Contains(line, []byte(f.Text)) {
			continue
		}
		rec, err := chain.Decode(line)
		if err != nil {
			return fmt.Errorf("journal: %q: %w", r.path, err)
		}
		if !f.match(&rec) {
			continue
		}
		n++
		if err := put(&rec); err != nil {
			return fmt.Errorf("journal: export: %w", err)
		}
	}
	return flush()
}

func exporter(w io.Writer, format Format) (put func(*Record) error, flush func() error, err error) {
	switch format {
	case FormatJSONL:
		var buf []byte
		return func(rec *Record) error {
			line, _, err := chain.Encode(buf[:0], rec)
			if err != nil {
				return err
			}
			buf = append(line, '\n')
			_, err = w.Write(buf)
			return err
		}, func() error { return nil }, nil
	case FormatCSV:
		c := csv.NewWriter(w)
		err := c.Write([]string{"seq", "time", "event", "agent", "session", "surface", "standing", "channel", "sender", "device", "run", "call", "phase", "ref", "data", "hash"})
		return func(rec *Record) error { return c.Write(csvRow(rec)) },
			func() error { c.Flush(); return c.Error() }, err
	case FormatOCSF:
		return func(rec *Record) error {
			line, err := ocsf.Event(rec)
			if err == nil {
				_, err = w.Write(append(line, '\n'))
			}
			return err
		}, func() error { return nil }, nil
	case FormatNone:
	}
	return nil, nil, fmt.Errorf("journal: export format %d is not one of jsonl, csv, ocsf", format)
}

func csvRow(e *Record) []string {
	ref := ""
	if e.Phase == chain.Outcome {
		ref = strconv.FormatUint(e.Ref, 10)
	}
	p := e.Principal
	standing := ""
	if p.Surface != "" {
		standing = p.Standing.String()
	}
	row := []string{strconv.FormatUint(e.Seq, 10), e.Time.Format(time.RFC3339Nano), string(e.Event), string(e.Agent), string(e.Session),
		string(p.Surface), standing, string(p.Channel), string(p.Sender), string(p.Device), string(e.Run), string(e.Call), string(e.Phase), ref, string(e.Data), e.Hash.String()}
	for i, cell := range row {
		row[i] = plainCell(cell)
	}
	return row
}

// plainCell keeps a spreadsheet from running a cell.
func plainCell(s string) string {
	if s != "" {
		switch s[0] {
		case '=', '+', '-', '@', '\t', '\r':
			return "'" + s
		}
	}
	return s
}

// Files of a journal, for whoever verifies, copies or shows it.
type Files struct {
	Segments    []string // oldest first, the active one last
	Checkpoints string
	RootKey     string // the key itself, not a file name
	// AtLeast is the number of signed entries that the state directory knows
	// of by itself, from the signing key's epoch. It is 0 when unknown.
	AtLeast uint64
}

// Locate finds a journal's files without taking its lock.
func Locate(opt Options) (Files, error) {
	p := opt.paths()
	pub, err := atomicfile.Read(p.pub, 4096)
	if err != nil {
		return Files{}, fmt.Errorf("journal: %w", err)
	}
	segs, err := segments(p.log)
	if err != nil {
		return Files{}, err
	}
	out := Files{Checkpoints: p.notes, RootKey: trimLine(pub), AtLeast: readSigned(p.key)}
	for _, s := range segs {
		out.Segments = append(out.Segments, s.path)
	}
	return out, nil
}

func trimLine(b []byte) string {
	for len(b) > 0 && b[len(b)-1] == '\n' {
		b = b[:len(b)-1]
	}
	return string(b)
}

// Verify checks the journal of a state directory from its root key on, with
// the number of signed entries that the state knows of.
func Verify(opt Options, want chain.Expect) (chain.Report, error) {
	fs, err := Locate(opt)
	if err != nil {
		return chain.Report{}, err
	}
	if want.Root == "" {
		want.Root = fs.RootKey
	}
	want.AtLeast = max(want.AtLeast, fs.AtLeast)
	return VerifyFiles(fs.Segments, fs.Checkpoints, want)
}

// VerifyFiles is chain.Verify over files. It needs no state directory.
func VerifyFiles(log []string, checkpoints string, want chain.Expect) (chain.Report, error) {
	// A live journal grows: checkpoints are opened first and entries later, so
	// that no checkpoint is read over entries that were not there yet.
	notes, err := os.Open(checkpoints)
	if err != nil {
		return chain.Report{}, fmt.Errorf("journal: %w", err)
	}
	defer func() { _ = notes.Close() }()
	fi, err := notes.Stat()
	if err != nil {
		return chain.Report{}, fmt.Errorf("journal: %w", err)
	}
	var src []chain.Source
	for _, name := range log {
		f, err := os.Open(name)
		if err != nil {
			return chain.Report{}, fmt.Errorf("journal: %w", err)
		}
		defer func() { _ = f.Close() }()
		src = append(src, chain.Source{Name: name, R: f})
	}
	return chain.Verify(src, io.NewSectionReader(notes, 0, fi.Size()), want), nil
}

// Arrange puts the files of a copied journal in order, oldest first; a
// directory stands for the files of one journal in it. checkpoints is where
// their signatures lie when nobody says otherwise.
func Arrange(names []string) (log []string, checkpoints string, err error) {
	type numbered struct {
		name  string
		first uint64
	}
	var all []numbered
	for _, name := range names {
		list := []string{name}
		if fi, err := os.Stat(name); err != nil {
			return nil, "", fmt.Errorf("journal: %w", err)
		} else if fi.IsDir() {
			segs, err := segments(filepath.Join(name, "audit.log"))
			if err != nil {
				return nil, "", err
			}
			if list = nil; len(segs) == 0 {
				return nil, "", fmt.Errorf("journal: there is no audit.log in %q", name)
			}
			for _, s := range segs {
				list = append(list, s.path)
			}
		}
		for _, n := range list {
			first, ok := firstSeq(n)
			if !ok {
				first = 1 << 62 // empty, or damaged: where it was named
			}
			all = append(all, numbered{n, first})
		}
	}
	if !slices.ContainsFunc(all, func(n numbered) bool { return n.first == 1<<62 }) {
		slices.SortStableFunc(all, func(a, b numbered) int { return cmp.Compare(a.first, b.first) })
	}
	for _, n := range all {
		log = append(log, n.name)
	}
	if len(log) == 0 {
		return nil, "", errors.New("journal: no file is named")
	}
	newest := log[len(log)-1]
	if i := len(newest) - seqDigits - 1; i > 0 && newest[i] == '.' && strings.Trim(newest[i+1:], "0123456789") == "" {
		newest = newest[:i]
	}
	return log, newest + ".checkpoints", nil
}

// LastCheckpoint is the newest signed checkpoint of a journal, without taking
// its lock. Who signed it is not checked.
func LastCheckpoint(opt Options) ([]byte, chain.Checkpoint, error) {
	msg, err := lastNote(realDisk{}, opt.paths().notes)
	if err != nil {
		return nil, chain.Checkpoint{}, err
	}
	c, err := chain.PeekCheckpoint(msg)
	return msg, c, err
}

// RootAt is the root that the journal's checkpoint over size entries has; false
// when there is no such checkpoint.
func RootAt(opt Options, size uint64) (tlog.Hash, bool, error) {
	f, err := os.Open(opt.paths().notes)
	if err != nil {
		return tlog.Hash{}, false, fmt.Errorf("journal: %w", err)
	}
	defer func() { _ = f.Close() }()
	for in := chain.NewNotes(f); ; {
		msg, err := in.Next()
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return tlog.Hash{}, false, nil
		}
		if err != nil {
			return tlog.Hash{}, false, err
		}
		c, err := chain.PeekCheckpoint(msg)
		if err != nil || c.Size >= size {
			return c.Root, err == nil && c.Size == size, err
		}
	}
}
