package cli

import (
	"bytes"
	"context"
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

// tailer prints the end of a file and, when asked, what is added to it.
type tailer struct {
	path  string
	out   *printer
	limit int
}

// tailBytes bounds what is read to find the last lines.
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

// last prints the last lines and returns the file's size.
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
	lines := bytes.SplitAfter(b, []byte("\n"))
	if len(lines) > 0 && len(lines[len(lines)-1]) == 0 {
		lines = lines[:len(lines)-1]
	}
	if len(lines) > t.limit {
		lines = lines[len(lines)-t.limit:]
	}
	for _, l := range lines {
		t.out.text(string(l))
	}
	return st.Size(), nil
}

// more prints what came after offset; a file that shrank was rotated.
func (t tailer) more(offset int64) (int64, error) {
	f, err := os.Open(t.path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return offset, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return offset, err
	}
	if st.Size() < offset {
		offset = 0
	}
	b, err := io.ReadAll(io.LimitReader(io.NewSectionReader(f, offset, st.Size()-offset), tailBytes))
	if err != nil {
		return offset, err
	}
	if i := bytes.LastIndexByte(b, '\n'); i >= 0 {
		t.out.text(string(b[:i+1]))
		offset += int64(i) + 1
	}
	return offset, nil
}
