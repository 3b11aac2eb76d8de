package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/openclaw-go/openclaw/internal/app"
	"github.com/openclaw-go/openclaw/internal/configfile"
)

// logPath is where the gateway writes its log: what the configuration says, or
// the usual place while it cannot be read.
func (e *env) logPath(p configfile.Paths) string {
	l, err := configfile.Load(p, configfile.Options{Env: e.lookup})
	if err != nil {
		return filepath.Join(p.Logs, "gateway.log")
	}
	return app.LogFile(p, l.Config)
}

// tailer prints the end of a log and, when asked, what is added to it.
type tailer struct {
	path   string
	limit  int
	filter logFilter
	show   func(line []byte, object map[string]any)
}

// tailBytes bounds what is read to find the last lines, and at one look.
const tailBytes = 4 << 20

// pollLog is how often a followed log is looked at.
const pollLog = 200 * time.Millisecond

func (t tailer) run(ctx context.Context, follow bool) error {
	f, err := os.Open(t.path)
	if errors.Is(err, fs.ErrNotExist) && !follow {
		return cannot(fmt.Errorf("there is no log at %s yet", t.path), "it begins with the first start: openclaw up")
	}
	offset := int64(0)
	if err == nil {
		offset, err = t.last(f)
		_ = f.Close()
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return cannot(err, "")
	}
	if !follow {
		return nil
	}
	tick := time.NewTicker(pollLog)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if offset, err = t.more(offset); err != nil {
				return cannot(err, "")
			}
		}
	}
}

// line prints one line if it is asked for.
func (t tailer) line(l []byte) bool {
	l = bytes.TrimRight(l, "\n")
	if len(l) == 0 {
		return false
	}
	var m map[string]any
	if json.Unmarshal(l, &m) != nil {
		m = nil
	}
	if !t.filter.match(m) {
		return false
	}
	t.show(l, m)
	return true
}

// last prints the last lines and returns where it has read to.
func (t tailer) last(f *os.File) (int64, error) {
	st, err := f.Stat()
	if err != nil {
		return 0, err
	}
	from := max(st.Size()-tailBytes, 0)
	b := make([]byte, st.Size()-from)
	if _, err := f.ReadAt(b, from); err != nil && err != io.EOF {
		return 0, err
	}
	end := bytes.LastIndexByte(b, '\n') + 1 // the rest is being written
	lines := bytes.SplitAfter(b[:end], []byte("\n"))
	if from > 0 && len(lines) > 0 {
		lines = lines[1:] // its beginning was not read
	}
	var kept [][]byte
	for _, l := range lines {
		var m map[string]any
		if json.Unmarshal(l, &m) != nil {
			m = nil
		}
		if len(bytes.TrimSpace(l)) > 0 && t.filter.match(m) {
			kept = append(kept, l)
		}
	}
	for _, l := range kept[max(len(kept)-max(t.limit, 0), 0):] {
		t.line(l)
	}
	return from + int64(end), nil
}

// more prints what came after offset; a file that shrank was rotated, and its
// rest lies beside it.
func (t tailer) more(offset int64) (int64, error) {
	f, err := os.Open(t.path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return offset, err
	}
	defer func() { _ = f.Close() }()
	st, err := f.Stat()
	if err != nil {
		return offset, err
	}
	if st.Size() < offset {
		if old, err := os.Open(t.path + ".1"); err == nil {
			_, _ = t.from(old, offset) // what of it cannot be read was there before
			_ = old.Close()
		}
		offset = 0
	}
	return t.from(f, offset)
}

// from prints the whole lines from offset on and returns where they end. A
// line that is longer than one look is passed over.
func (t tailer) from(f *os.File, offset int64) (int64, error) {
	b, err := io.ReadAll(io.NewSectionReader(f, offset, tailBytes))
	if err != nil {
		return offset, err
	}
	end := bytes.LastIndexByte(b, '\n') + 1
	if end == 0 && len(b) == tailBytes {
		return offset + tailBytes, nil
	}
	for _, l := range bytes.SplitAfter(b[:end], []byte("\n")) {
		t.line(l)
	}
	return offset + int64(end), nil
}
