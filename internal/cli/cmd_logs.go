package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// logFilter says which lines of the log are shown. The zero value shows all.
type logFilter struct {
	level   string
	session string
	run     string
}

var logLevels = []string{"debug", "info", "warn", "error"}

func (f logFilter) check() error {
	if f.level != "" && !slices.Contains(logLevels, f.level) {
		return usage("logs: --level %q is not one of %s", f.level, strings.Join(logLevels, ", "))
	}
	return nil
}

// match judges a line. One that is no object has no level and no session.
func (f logFilter) match(m map[string]any) bool {
	if f == (logFilter{}) {
		return true
	}
	level, _ := m["level"].(string)
	return m != nil && (f.level == "" || slices.Index(logLevels, level) >= slices.Index(logLevels, f.level)) &&
		(f.session == "" || m["session"] == f.session) && (f.run == "" || m["run"] == f.run)
}

func (e *env) cmdLogs() *cobra.Command {
	var follow bool
	var limit int
	var f logFilter
	c := &cobra.Command{
		Use: "logs", Short: "Show the gateway's log", Args: cobra.NoArgs,
		Long: `Show the gateway's log.

The ids in it are those of the journal: openclaw journal tail --session KEY
shows what was decided in a session that the log names.`,
		RunE: func(*cobra.Command, []string) error {
			if err := f.check(); err != nil {
				return err
			}
			p, err := e.paths()
			if err != nil {
				return usage("%w", err)
			}
			t := tailer{path: e.logPath(p), limit: limit, filter: f, show: e.showLog}
			return t.run(e.ctx, follow)
		},
	}
	c.Flags().BoolVarP(&follow, "follow", "f", false, "go on with every new line until interrupted")
	c.Flags().IntVarP(&limit, "limit", "n", 200, "at most this many lines at first")
	c.Flags().StringVar(&f.level, "level", "", "only lines of this level or above: debug, info, warn, error")
	c.Flags().StringVar(&f.session, "session", "", "only lines of the session with this `KEY`")
	c.Flags().StringVar(&f.run, "run", "", "only lines of the run with this `ID`")
	return c
}

// showLog prints a line: as it stands with --json, else for people.
func (e *env) showLog(line []byte, m map[string]any) {
	switch {
	case e.print.json && m != nil:
		e.print.raw(bytes.Clone(line))
	case e.print.json: // a line of another form is no object
	case m == nil:
		e.print.row("%s", line)
	default:
		e.print.row("%s", logText(m))
	}
}

// logText is a line for people: time, level, message, then the rest.
func logText(m map[string]any) string {
	at, _ := m["time"].(string)
	if t, err := time.Parse(time.RFC3339Nano, at); err == nil {
		at = t.Local().Format("01-02 15:04:05.000")
	}
	level, _ := m["level"].(string)
	var b strings.Builder
	fmt.Fprintf(&b, "%s %-5s %v", at, level, m["message"])
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if k == "time" || k == "level" || k == "message" {
			continue
		}
		v, isText := m[k].(string)
		if !isText {
			raw, err := json.Marshal(m[k])
			if err != nil {
				continue
			}
			v = string(raw)
		} else if v == "" || strings.ContainsAny(v, " \"=\n\t") {
			v = strconv.Quote(v)
		}
		b.WriteString(" " + k + "=" + v)
	}
	return b.String()
}
