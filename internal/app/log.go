package app

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"path/filepath"
	"sync/atomic"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/filter"
)

// Log is the gateway's log: every line is redacted, bounded and escaped before
// it is written; files are 0600 and rotate. The file holds a JSON object a
// line, a console text.
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

// levelSilent is above every level.
const levelSilent = slog.LevelError + 100

// NewLog opens the log that a configuration names. console, when set, gets
// errors too.
func NewLog(p configfile.Paths, c *config.Config, console io.Writer) (*Log, error) {
	l := &Log{}
	path := LogFile(p, c)
	if err := atomicfile.MkdirAll(filepath.Dir(path)); err != nil {
		return nil, err
	}
	var out io.Writer = io.Discard
	if c.Logging.File.Enabled.Or(true) {
		size := int64(c.Logging.File.MaxSize.Or(c.Logging.MaxFileBytes.Or(logMegabytes << 20)))
		l.file = &logFile{path: path, max: max(size, 1<<20), keep: max(c.Logging.File.MaxFiles.Or(logFiles)-1, 0)}
		out = l.file
	}
	base := filter.New(filter.Options{})
	first := func() *filter.Redactor { return base }
	l.redact.Store(&first)
	var h slog.Handler = bounded{slog.NewJSONHandler(jsonLines{out, l}, &slog.HandlerOptions{Level: logLevel(c.Logging.Level.Or("info")), ReplaceAttr: logKeys})}
	if console != nil {
		h = both{h, bounded{slog.NewTextHandler(redacting{console, l}, &slog.HandlerOptions{Level: consoleLevel(c.Logging.ConsoleLevel.Or("error"))})}}
	}
	l.Logger = slog.New(h)
	return l, nil
}

// logLevel is what logging.level means. The log stays able to say that the
// gateway cannot do its work: silent and fatal are error.
func logLevel(s string) slog.Level {
	switch s {
	case "debug", "trace":
		return slog.LevelDebug
	case "warn":
		return slog.LevelWarn
	case "error", "fatal", "silent":
		return slog.LevelError
	}
	return slog.LevelInfo
}

// consoleLevel is what logging.consoleLevel means; a console may be silent.
func consoleLevel(s string) slog.Level {
	if s == "silent" {
		return levelSilent
	}
	return logLevel(s)
}

// logKeys gives the fields the names that readers of upstream's log know.
func logKeys(groups []string, a slog.Attr) slog.Attr {
	if len(groups) > 0 {
		return a
	}
	switch a.Key {
	case slog.MessageKey:
		a.Key = "message"
	case slog.LevelKey:
		if l, ok := a.Value.Any().(slog.Level); ok {
			a.Value = slog.StringValue(levelName(l))
		}
	}
	return a
}

func levelName(l slog.Level) string {
	switch {
	case l >= slog.LevelError:
		return "error"
	case l >= slog.LevelWarn:
		return "warn"
	case l >= slog.LevelInfo:
		return "info"
	}
	return "debug"
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

// jsonLines masks secrets in the texts of each object, and writes as JSON
// escapes what a terminal would obey. A line stays one line and one object.
type jsonLines struct {
	w io.Writer
	l *Log
}

func (j jsonLines) Write(b []byte) (int, error) {
	red := (*j.l.redact.Load())()
	line := red.JSON(json.RawMessage(bytes.TrimRight(b, "\n")))
	if _, err := j.w.Write(append(visibleJSON(line), '\n')); err != nil {
		return 0, err
	}
	return len(b), nil
}
