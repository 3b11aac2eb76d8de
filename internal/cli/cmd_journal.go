package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
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
	c.AddCommand(e.cmdJournalTail(), e.cmdJournalVerify(), e.cmdJournalExport(), e.cmdJournalShow())
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
	event, agent, session, text, since string
	limit                              int
}

func (f *filterFlags) add(c *cobra.Command, limit int) {
	c.Flags().StringVar(&f.event, "event", "", "only these events, comma-separated")
	c.Flags().StringVar(&f.agent, "agent", "", "only this agent's")
	c.Flags().StringVar(&f.session, "session", "", "only this session's")
	c.Flags().StringVar(&f.text, "text", "", "only lines that hold this `TEXT`")
	c.Flags().StringVar(&f.since, "since", "", "only from then on: 24h, or 2026-04-01")
	c.Flags().IntVarP(&f.limit, "limit", "n", limit, "at most this many")
}

func (f *filterFlags) filter() (journal.Filter, error) {
	out := journal.Filter{Agent: claw.AgentID(f.agent), Session: claw.SessionKey(f.session), Text: f.text, Limit: f.limit}
	for _, ev := range strings.Split(f.event, ",") {
		if ev = strings.TrimSpace(ev); ev != "" {
			out.Events = append(out.Events, journal.Event(ev))
		}
	}
	if f.since == "" {
		return out, nil
	}
	if d, err := time.ParseDuration(f.since); err == nil {
		out.From = time.Now().Add(-d)
		return out, nil
	}
	t, err := time.ParseInLocation("2006-01-02", f.since, time.Local)
	if err != nil {
		return out, usage("journal: --since %q is neither a duration (24h) nor a date (2026-04-01)", f.since)
	}
	out.From = t
	return out, nil
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
		recs, err := r.Search(e.ctx, f)
		if err != nil {
			return noJournal(err)
		}
		next := uint64(0)
		for i := len(recs) - 1; i >= 0; i-- {
			e.printRecord(recs[i])
			next = max(next, recs[i].Seq+1)
		}
		if !follow {
			return nil
		}
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

// verifyReport is the result of "journal verify --json".
type verifyReport struct {
	OK      bool   `json:"ok"`
	Text    string `json:"text"`
	First   uint64 `json:"first"`
	Size    uint64 `json:"size"`
	Signed  uint64 `json:"signed"`
	AtLeast uint64 `json:"atLeast,omitempty"`
	Damage  string `json:"damage,omitempty"`
}

func (e *env) cmdJournalVerify() *cobra.Command {
	var atLeast uint64
	var root, notes string
	c := &cobra.Command{
		Use:   "verify [FILE...]",
		Short: "Check that nothing in the journal was changed, added or taken away",
		Long: `Check that nothing in the journal was changed, added or taken away.

Works with the gateway running or stopped. Without FILE the home's own journal
is checked, against the number of signed entries that the home knows of. With
FILE (oldest first) copies taken elsewhere are checked; --checkpoints names
their signatures and --root their first public key. Exit status 1 when damaged.`,
		RunE: func(_ *cobra.Command, files []string) error {
			rep, err := e.verifyJournal(files, notes, chain.Expect{Root: root, AtLeast: atLeast})
			if err != nil {
				return noJournal(err)
			}
			out := verifyReport{OK: rep.OK(), Text: rep.String(), First: rep.First, Size: rep.Size, Signed: rep.Signed, AtLeast: rep.AtLeast}
			if rep.Damage != nil {
				out.Damage = rep.Damage.String()
			}
			if e.print.json {
				if err := e.print.value(out); err != nil {
					return err
				}
			} else {
				e.print.line("%s", out.Text)
			}
			if !out.OK {
				return silent(exitFindings)
			}
			return nil
		},
	}
	c.Flags().Uint64Var(&atLeast, "at-least", 0, "fail when fewer than `N` entries are signed")
	c.Flags().StringVar(&root, "root", "", "first public `KEY`; default: the home's, or FILE's neighbour journal.pub")
	c.Flags().StringVar(&notes, "checkpoints", "", "`FILE` of signatures; default: beside the newest FILE")
	return c
}

func (e *env) verifyJournal(files []string, notes string, want chain.Expect) (chain.Report, error) {
	opt, err := e.journalOptions()
	if err != nil {
		return chain.Report{}, err
	}
	if len(files) == 0 {
		return journal.Verify(opt, want)
	}
	if want.Root == "" {
		fs, err := journal.Locate(opt)
		if err != nil {
			return chain.Report{}, fmt.Errorf("no root key: give --root: %w", err)
		}
		want.Root = fs.RootKey
	}
	if notes == "" {
		notes = filepath.Join(filepath.Dir(files[len(files)-1]), "audit.log.checkpoints")
	}
	return journal.VerifyFiles(files, notes, want)
}

func (e *env) cmdJournalExport() *cobra.Command {
	var ff filterFlags
	var format string
	c := &cobra.Command{Use: "export", Short: "Write entries to standard output, as JSON lines or CSV", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
		f, err := ff.filter()
		if err != nil {
			return err
		}
		kind := journal.FormatJSONL
		switch format {
		case "jsonl":
		case "csv":
			kind = journal.FormatCSV
		default:
			return usage("journal export: --format %q is not one of jsonl, csv", format)
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
	c.Flags().StringVar(&format, "format", "jsonl", "jsonl or csv")
	return c
}
