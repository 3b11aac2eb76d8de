package app

import (
	"bytes"
	"io"
	"log/slog"
	"path/filepath"
	"sync/atomic"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/filter"
)

// Log is the gateway's log: every line is redacted and escaped before it is
// written; files are 0600 and rotate.
type Log struct {
	*slog.Logger
	file   *logFile
	redact atomic.Pointer[func() *filter.Redactor]
}

// Defaults of logging.file (guide).
const (
	logMegabytes = 50
	logFiles     = 10
)

// NewLog opens the log that a configuration names. console, when set, gets
// errors too.
func NewLog(p configfile.Paths, c *config.Config, console io.Writer) (*Log, error) {
	l := &Log{}
	path := LogFile(p, c)
	if err := atomicfile.MkdirAll(filepath.Dir(path)); err != nil {
		return nil, err
	}
	var level slog.Level
	switch c.Logging.Level.Or("info") {
	case "debug", "trace":
		level = slog.LevelDebug
	case "warn":
		level = slog.LevelWarn
	case "error", "fatal", "silent":
		level = slog.LevelError
	}
	var out io.Writer = io.Discard
	if c.Logging.File.Enabled.Or(true) {
		size := int64(c.Logging.File.MaxSize.Or(logMegabytes << 20))
		l.file = &logFile{path: path, max: max(size, 1<<20), keep: max(c.Logging.File.MaxFiles.Or(logFiles)-1, 0)}
		out = l.file
	}
	base := filter.New(filter.Options{})
	first := func() *filter.Redactor { return base }
	l.redact.Store(&first)
	var h slog.Handler = slog.NewTextHandler(redacting{out, l}, &slog.HandlerOptions{Level: level})
	if console != nil {
		h = both{h, slog.NewTextHandler(redacting{console, l}, &slog.HandlerOptions{Level: slog.LevelError})}
	}
	l.Logger = slog.New(h)
	return l, nil
}

// Close closes the file.
func (l *Log) Close() error {
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}

// redacting masks secrets in each line and escapes what a terminal would obey.
type redacting struct {
	w io.Writer
	l *Log
}

func (r redacting) Write(b []byte) (int, error) {
	red := (*r.l.redact.Load())()
	line := filter.LogLine(red.String(string(bytes.TrimRight(b, "\n"))))
	if _, err := io.WriteString(r.w, line+"\n"); err != nil {
		return 0, err
	}
	return len(b), nil
}
