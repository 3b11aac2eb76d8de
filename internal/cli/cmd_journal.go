package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/openclaw-go/openclaw/internal/app"
	"github.com/openclaw-go/openclaw/internal/chain"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/journal"
)

func (e *env) cmdJournal() *cobra.Command {
	c := &cobra.Command{Use: "journal", Short: "Read and verify the record of every decision and effect"}
	c.AddCommand(e.cmdJournalTail(), e.cmdJournalSearch(), e.cmdJournalShow(), e.cmdJournalStats(), e.cmdJournalVerify(),
		e.cmdJournalProve(), e.cmdJournalVerifyProof(), e.cmdJournalExport(), e.cmdJournalWitness())
	return c
}

// journalOptions names the journal of the home in use; it is read without
// its lock, so the gateway may be running or not.
func (e *env) journalOptions() (journal.Options, error) {
	p, err := e.paths()
	if err != nil {
		return journal.Options{}, usage("%w", err)
	}
	return app.JournalFiles(p, e.lookup), nil
}

// reader of the home's journal, which must have begun.
func (e *env) reader() (journal.Reader, error) {
	opt, err := e.journalOptions()
	if err != nil {
		return journal.Reader{}, err
	}
	if _, err := journal.Locate(opt); err != nil {
		return journal.Reader{}, noJournal(err)
	}
	return journal.OpenReader(opt), nil
}

func noJournal(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return cannot(errors.New("there is no journal yet"), "it begins with the first start: openclaw up")
	}
	return cannot(err, "")
}

type filterFlags struct {
	event, agent, session, run, rule, text, since, until string
	limit                                                int
}

func (f *filterFlags) add(c *cobra.Command, limit int) {
	c.Flags().StringVar(&f.event, "event", "", "only these events, comma-separated")
	c.Flags().StringVar(&f.agent, "agent", "", "only this agent's")
	c.Flags().StringVar(&f.session, "session", "", "only this session's")
	c.Flags().StringVar(&f.run, "run", "", "only this run's")
	c.Flags().StringVar(&f.rule, "rule", "", "only what this `RULE` decided")
	c.Flags().StringVar(&f.text, "text", "", "only lines that hold this `TEXT`")
	c.Flags().StringVar(&f.since, "since", "", "only from then on: 24h, 2026-04-01 or 2026-04-01T15:04:05Z")
	c.Flags().StringVar(&f.until, "until", "", "only before then, in the same forms")
	c.Flags().IntVarP(&f.limit, "limit", "n", limit, "at most this many, 0 for all")
}

func (f *filterFlags) filter() (out journal.Filter, err error) {
	out = journal.Filter{Agent: claw.AgentID(f.agent), Session: claw.SessionKey(f.session), Run: claw.RunID(f.run), Rule: f.rule, Text: f.text, Limit: f.limit}
	if f.limit < 0 {
		return out, usage("journal: --limit %d is below 0", f.limit)
	}
	for _, ev := range strings.Split(f.event, ",") {
		if ev = strings.TrimSpace(ev); ev != "" {
			out.Events = append(out.Events, journal.Event(ev))
		}
	}
	now := time.Now()
	if out.From, err = moment("--since", f.since, now); err != nil {
		return out, err
	}
	out.To, err = moment("--until", f.until, now)
	return out, err
}

// moment reads a time: how long ago, a date of this place, or a full time.
func moment(flag, s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(s); err == nil {
		return now.Add(-d), nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	t, err := time.ParseInLocation(time.DateOnly, s, time.Local)
	if err != nil {
		return t, usage("journal: %s %q is neither a duration (24h), a date (2026-04-01) nor a time (2026-04-01T15:04:05Z)", flag, s)
	}
	return t, nil
}

func (e *env) cmdJournalTail() *cobra.Command {
	var ff filterFlags
	var follow bool
	c := &cobra.Command{Use: "tail", Short: "Show the newest entries", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
		f, err := ff.filter()
		if err != nil {
			return err
		}
		r, err := e.reader()
		if err != nil {
			return err
		}
		newest, err := r.Last(e.ctx, 1)
		if err != nil {
			return noJournal(err)
		}
		next := uint64(0)
		if len(newest) > 0 {
			next = newest[0].Seq + 1
		}
		f.BeforeSeq = next
		if err := e.printFound(r, f); err != nil || !follow {
			return err
		}
		f.BeforeSeq = 0
		for rec, err := range r.Follow(e.ctx, next) {
			if err != nil {
				return noJournal(err)
			}
			if f.Match(rec) {
				e.printRecord(rec)
			}
		}
		return nil
	}}
	ff.add(c, 20)
	c.Flags().BoolVarP(&follow, "follow", "f", false, "go on with every new entry until interrupted")
	return c
}

// printFound prints what matches, oldest first.
func (e *env) printFound(r journal.Reader, f journal.Filter) error {
	recs, err := r.Search(e.ctx, f)
	if err != nil {
		return noJournal(err)
	}
	for _, rec := range slices.Backward(recs) {
		e.printRecord(rec)
	}
	return nil
}

func (e *env) cmdJournalSearch() *cobra.Command {
	var ff filterFlags
	c := &cobra.Command{
		Use:   "search [TEXT]",
		Short: "Find entries by time, agent, event, rule, session or text",
		Long: `Find entries by time, agent, event, rule, session or text, the newest ones up to
--limit, printed oldest first. TEXT is looked for in the line as it is stored.`,
		Example: "  openclaw journal search --since 24h --event decision --rule exec.not_on_allowlist",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				ff.text = args[0]
			}
			f, err := ff.filter()
			if err != nil {
				return err
			}
			r, err := e.reader()
			if err != nil {
				return err
			}
			return e.printFound(r, f)
		}}
	ff.add(c, 100)
	return c
}

func (e *env) cmdJournalStats() *cobra.Command {
	var ff filterFlags
	c := &cobra.Command{Use: "stats", Short: "Count entries by event, agent, verdict, rule and day", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
		f, err := ff.filter()
		if err != nil {
			return err
		}
		r, err := e.reader()
		if err != nil {
			return err
		}
		opt, err := e.journalOptions()
		if err != nil {
			return err
		}
		s, err := r.Stats(e.ctx, opt, f)
		if err != nil {
			return noJournal(err)
		}
		if e.print.json {
			return e.print.value(s)
		}
		e.printStats(s)
		return nil
	}}
	ff.add(c, 0)
	return c
}

const statsListed = 10

func (e *env) printStats(s journal.Stats) {
	if s.Entries == 0 {
		e.print.line("no entries; %d segments, %d bytes", s.Segments, s.Stored)
		return
	}
	e.print.line("%d entries, %d bytes, from %s to %s", s.Entries, s.Bytes, s.First.Local().Format(time.DateTime), s.Last.Local().Format(time.DateTime))
	e.print.line("%d segments of %d bytes; %d entries signed; %d begun without an outcome", s.Segments, s.Stored, s.Signed, s.Unresolved)
	for _, l := range []struct {
		name string
		list []journal.Count
	}{{"event", s.Events}, {"agent", s.Agents}, {"verdict", s.Verdicts}, {"rule", s.Rules}, {"day", s.Days[max(0, len(s.Days)-statsListed):]}} {
		for i, c := range l.list {
			if i == statsListed {
				e.print.line("%-8s %8s  and %d more", l.name, "", len(l.list)-i)
				break
			}
			e.print.row("%-8s %8d  %s", l.name, c.Count, c.Name)
		}
	}
}

func (e *env) printRecord(r journal.Record) {
	if e.print.json {
		line, _, err := chain.Encode(nil, &r)
		if err == nil {
			e.print.raw(line)
		}
		return
	}
	e.print.line("%6d %s %-16s %-10s %s", r.Seq, r.Time.Local().Format("01-02 15:04:05"), r.Event, r.Agent, recordText(r))
}

func short(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

func (e *env) cmdJournalShow() *cobra.Command {
	return &cobra.Command{Use: "show SEQ", Short: "Show one entry in full", Args: cobra.ExactArgs(1), RunE: func(_ *cobra.Command, args []string) error {
		var seq uint64
		if _, err := fmt.Sscan(args[0], &seq); err != nil {
			return usage("journal show: %q is no entry number", args[0])
		}
		j, err := e.reader()
		if err != nil {
			return err
		}
		r, err := j.Get(seq)
		if errors.Is(err, journal.ErrNotFound) {
			return usage("journal show: there is no entry %d", seq)
		}
		if err != nil {
			return noJournal(err)
		}
		line, _, err := chain.Encode(nil, &r)
		if err != nil {
			return err
		}
		var v any
		if err := json.Unmarshal(line, &v); err != nil {
			return err
		}
		return e.print.value(v)
	}}
}

func (e *env) cmdJournalExport() *cobra.Command {
	var ff filterFlags
	var format string
	c := &cobra.Command{Use: "export", Short: "Write entries to standard output, as JSON lines, CSV or OCSF", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
		f, err := ff.filter()
		if err != nil {
			return err
		}
		kind := journal.FormatJSONL
		switch format {
		case "jsonl":
		case "csv":
			kind = journal.FormatCSV
		case "ocsf":
			kind = journal.FormatOCSF
		default:
			return usage("journal export: --format %q is not one of jsonl, csv, ocsf", format)
		}
		r, err := e.reader()
		if err != nil {
			return err
		}
		if err := r.Export(e.ctx, e.print.out, kind, f); err != nil {
			return noJournal(err)
		}
		return nil
	}}
	ff.add(c, 0)
	c.Flags().StringVar(&format, "format", "jsonl", "jsonl, csv or ocsf")
	return c
}
