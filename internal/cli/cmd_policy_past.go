package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"sync"

	"github.com/spf13/cobra"

	"github.com/openclaw-go/openclaw/internal/answer"
	"github.com/openclaw-go/openclaw/internal/app"
	"github.com/openclaw-go/openclaw/internal/chain"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/gateway"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/store"
)

func (e *env) cmdPolicySimulate() *cobra.Command {
	var f askFlags
	var files []string
	var since string
	var anew bool
	c := &cobra.Command{
		Use: "simulate --config NEW", Short: "Judge the recorded past under another configuration", Args: cobra.NoArgs,
		Long: `Judge the recorded past under another configuration.

Every call and reply of the journal is decided again, as it was recorded: its
facts, its sender, its labels. The answer counts prompts saved and added, calls
newly allowed and newly refused. A call whose deciding part was masked or never
worked out is not decidable, and counted apart.`,
		Example: `  openclaw policy simulate --config new.json --since 720h
  openclaw policy simulate --config new.json --journal audit.log --json`,
		RunE: func(*cobra.Command, []string) error {
			if f.config == "" {
				return usage("policy simulate: --config NEW names the configuration to try")
			}
			w, err := e.world(f)
			if err != nil {
				return err
			}
			parse := answer.ParseRecorded
			if anew {
				parse = answer.ParseAnew
			}
			s := answer.NewSimulator(w, parse)
			if err := e.replay(s, files, filterFlags{since: since, agent: f.agent}); err != nil {
				return err
			}
			r := s.Result()
			if e.print.json {
				return e.print.value(r)
			}
			e.printSimulation(r)
			return nil
		}}
	f.add(c)
	c.Flags().StringArrayVar(&files, "journal", nil, "`FILE` of entries instead of the home's journal; may be repeated")
	c.Flags().StringVar(&since, "since", "", "only from then on: 24h, or 2026-04-01")
	c.Flags().BoolVar(&anew, "parse-anew", false, "parse commands again instead of believing the recorded facts")
	return c
}

// replay gives every recorded request to a simulator, oldest first. Pieces of
// the journal are read, decoded and judged at the same time.
func (e *env) replay(s *answer.Simulator, files []string, ff filterFlags) error {
	f, err := ff.filter()
	if err != nil {
		return err
	}
	f.Events = []journal.Event{journal.Decision, journal.ChannelMessage}
	pieces, decoded := make(chan piece, 1), make(chan []*answer.Past, 1)
	go func() {
		defer close(pieces)
		if len(files) == 0 {
			e.journalPieces(pieces)
		}
		for _, file := range files {
			if err := filePieces(file, pieces); err != nil {
				pieces <- piece{err: &failure{code: exitUsage, err: err}}
				return
			}
		}
	}()
	var failed error
	go func() {
		defer close(decoded)
		d := newDecoder(f)
		for p := range pieces {
			if failed == nil {
				failed = p.err
			}
			if failed != nil {
				continue
			}
			var past []*answer.Past
			if past, failed = d.pasts(p); failed == nil {
				decoded <- past
			}
		}
	}()
	for past := range decoded {
		for _, p := range past {
			if p != nil {
				s.Add(p)
			}
		}
	}
	return failed
}

// replayPiece bounds the entries in memory.
const replayPiece = 4096

// piece is some lines of a journal, without their newlines.
type piece struct {
	from  string // for an error: what is read
	first int    // number of the first line in it, 0 when lines have no number
	lines [][]byte
	err   error
}

// journalPieces reads the home's journal.
func (e *env) journalPieces(out chan<- piece) {
	r, err := e.reader()
	if err != nil {
		out <- piece{err: err}
		return
	}
	for next := uint64(0); ; {
		lines, then, err := r.Raw(e.ctx, next, replayPiece)
		if err != nil {
			out <- piece{err: noJournal(err)}
			return
		}
		if len(lines) == 0 {
			return
		}
		next = then
		out <- piece{from: "journal", lines: lines}
	}
}

// filePieces reads the lines of a journal file or of an export.
func filePieces(file string, out chan<- piece) error {
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	b := bufio.NewReaderSize(in, 1<<16)
	p := piece{from: file, first: 1}
	for n := 1; ; n++ {
		line, err := b.ReadBytes('\n')
		p.lines = append(p.lines, bytes.TrimSuffix(line, []byte("\n")))
		if len(p.lines) == replayPiece || err != nil {
			out <- p
			p = piece{from: file, first: n + 1}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
}

// decoder makes requests of entries, on every core. Agents ask the same things
// again and again, so each worker knows the newest records by their bytes.
type decoder struct {
	filter journal.Filter
	known  []map[string]*policy.Recorded
}

const (
	maxKnown      = 20_000
	maxKnownBytes = 8 << 10
)

func newDecoder(f journal.Filter) *decoder {
	d := &decoder{filter: f}
	for range min(runtime.NumCPU(), 8) {
		d.known = append(d.known, map[string]*policy.Recorded{})
	}
	return d
}

// pasts decodes a piece; what is no request is nil. The first line that is no
// entry is an error.
func (d *decoder) pasts(p piece) ([]*answer.Past, error) {
	out := make([]*answer.Past, len(p.lines))
	errs := make([]error, len(d.known))
	var wg sync.WaitGroup
	for w, known := range d.known {
		if len(known) > maxKnown {
			clear(known)
		}
		wg.Go(func() {
			for i := w; i < len(p.lines) && errs[w] == nil; i += len(d.known) {
				if len(p.lines[i]) == 0 && p.first > 0 {
					continue
				}
				r, err := chain.Skim(p.lines[i])
				if err != nil && p.first > 0 {
					err = fmt.Errorf("line %d: %w", p.first+i, err)
				}
				if errs[w] = err; err == nil && d.filter.Match(r) {
					out[i] = pastOf(&r, known)
				}
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, &failure{code: exitUsage, err: fmt.Errorf("%s: %w", p.from, err)}
		}
	}
	return out, nil
}

func pastOf(r *journal.Record, known map[string]*policy.Recorded) *answer.Past {
	p := &answer.Past{Seq: r.Seq, Time: r.Time, Caller: policy.Caller{Agent: r.Agent, Session: r.Session, Run: r.Run, Call: r.Call, Principal: r.Principal}}
	if journal.Event(r.Event) != journal.Decision {
		p.Reply = &answer.PastReply{}
		if json.Unmarshal(r.Data, p.Reply) != nil || p.Reply.Direction != "out" || p.Reply.Rule == "" {
			return nil // a message that came in
		}
		return p
	}
	if c, ok := known[string(r.Data)]; ok {
		p.Call = c
		return p
	}
	p.Call = &policy.Recorded{}
	if json.Unmarshal(r.Data, p.Call) != nil {
		return nil
	}
	if len(r.Data) <= maxKnownBytes {
		known[string(r.Data)] = p.Call
	}
	return p
}

func (e *env) printSimulation(r answer.Simulation) {
	line := e.print.line
	line("%d requests of the past: %d decided alike", r.Requests, r.Unchanged)
	line("  prompts saved   %d", r.PromptsSaved)
	line("  prompts added   %d", r.PromptsAdded)
	line("  newly allowed   %d", r.NewlyAllowed)
	line("  newly refused   %d", r.NewlyRefused)
	line("  not decidable   %d", r.NotDecidable)
	for _, why := range sortedKeys(r.Reasons) {
		line("    %d: %s", r.Reasons[why], why)
	}
	if r.Reworked > 0 {
		line("  (%d had been refused unread and were worked out now, without following links)", r.Reworked)
	}
	const most = 40
	for i, c := range r.Changes {
		if i == most {
			line("… %d more; --json has them", len(r.Changes)-most+r.Left)
			break
		}
		line("%6d %s %s %s %s: %s (%s) → %s (%s%s)", c.Seq, c.Time.Local().Format("01-02 15:04"), c.Agent, c.Tool, short(c.Text, 60), c.From, c.WasRule, c.To, c.Rule, place(c.Where))
	}
}

func sortedKeys(m map[string]int) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// story is the answer of policy why.
type story struct {
	Session claw.SessionKey `json:"session"`
	answer.Story
}

func (e *env) cmdPolicyWhy() *cobra.Command {
	return &cobra.Command{
		Use: "why SESSION", Short: "Tell where each label of a session came from", Args: cobra.ExactArgs(1),
		Long: `Tell where each label of a session came from.

Names the message or the result of a call that brought it, with its entry in
the journal. SESSION is a key as "openclaw sessions" shows it, or an agent's
id for its main session.`,
		Example: "  openclaw policy why agent:main:main",
		RunE: func(_ *cobra.Command, args []string) error {
			key := sessionKey(args[0])
			s, err := e.why(key)
			if err != nil {
				return err
			}
			if e.print.json {
				return e.print.value(s)
			}
			e.printStory(s)
			return nil
		}}
}

// sessionKey reads a session as a person names it.
func sessionKey(text string) claw.SessionKey {
	if len(text) > 6 && text[:6] == "agent:" {
		return claw.SessionKey(text)
	}
	return claw.SessionKey("agent:" + text + ":main")
}

// why reads the journal of one session. The record is the same whether the
// gateway runs or not.
func (e *env) why(key claw.SessionKey) (story, error) {
	out := story{Session: key}
	r, err := e.reader()
	if err != nil {
		return out, err
	}
	recs, err := r.Search(e.ctx, journal.Filter{Session: key})
	if err != nil {
		return out, noJournal(err)
	}
	if len(recs) == 0 {
		return out, usage("policy why: the journal knows no session %q", key)
	}
	slices.Reverse(recs)
	var moments []answer.Moment
	for i := range recs {
		if m, ok := momentOf(&recs[i]); ok {
			moments = append(moments, m)
		}
	}
	out.Story = answer.Why(moments)
	return out, nil
}

// momentOf reads what an entry says of a session's labels.
func momentOf(r *journal.Record) (answer.Moment, bool) {
	m := answer.Moment{Seq: r.Seq, Time: r.Time, Run: r.Run, Call: r.Call, By: r.Principal.String()}
	var d struct {
		Direction string         `json:"direction"`
		Tool      claw.ToolName  `json:"tool"`
		Labels    claw.Labels    `json:"labels"`
		Added     []claw.Lineage `json:"added"`
		Cleared   claw.Labels    `json:"cleared"`
		Why       string         `json:"why"`
	}
	if json.Unmarshal(r.Data, &d) != nil && journal.Event(r.Event) != journal.SessionNew {
		return m, false
	}
	switch journal.Event(r.Event) { //nolint:exhaustive // what else happens brings no label
	case journal.SessionNew:
		m.Begun = true
	case journal.LabelChange:
		m.Added, m.Cleared, m.Why = d.Added, d.Cleared, d.Why
		return m, len(m.Added) > 0 || m.Cleared != 0
	case journal.ChannelMessage:
		m.Message, m.Labels = r.Principal, d.Labels
		return m, d.Direction == "in"
	case journal.ToolInvoke, journal.ExecCommand:
		m.Tool, m.Labels = d.Tool, d.Labels
		return m, r.Phase == chain.Outcome
	default:
		return m, false
	}
	return m, true
}

func (e *env) printStory(s story) {
	e.print.line("%s is %s", s.Session, answer.LabelText(s.Labels))
	for _, o := range s.Origins {
		by := ""
		if o.Cause > 0 {
			by = fmt.Sprintf(", journal %d", o.Cause)
			if o.Tool != "" {
				by = fmt.Sprintf(", call of %s, journal %d", o.Tool, o.Cause)
			}
		}
		e.print.line("  %-9s from %s (%s%s)", o.Label, o.From, o.Time.Local().Format("2006-01-02 15:04:05"), by)
		if o.Note != "" {
			e.print.line("            note: %s", o.Note)
		}
		if o.Cleared {
			e.print.line("            cleared by %s, journal %d: %s", o.ClearedBy, o.ClearedAt, orNone(o.Why))
		}
	}
	if len(s.Origins) == 0 {
		e.print.line("  nothing has brought a label yet")
	}
}

func (e *env) cmdPolicyClear() *cobra.Command {
	var why string
	c := &cobra.Command{
		Use: "clear SESSION LABEL…", Short: "Take labels off a session; recorded in the journal", Args: cobra.MinimumNArgs(2),
		Long: `Take labels off a session; recorded in the journal.

Say that what brought the label is not what it seemed: a page that you wrote
yourself, a file that holds nothing private. What is in the session stays in
it, so look first: openclaw policy why SESSION.`,
		Example: "  openclaw policy clear agent:main:main untrusted --reason 'my own page'",
		RunE: func(_ *cobra.Command, args []string) error {
			key := sessionKey(args[0])
			var labels claw.Labels
			for _, a := range args[1:] {
				l, _, err := labelsOf(a)
				if err != nil {
					return err
				}
				labels |= l
			}
			if labels == 0 {
				return usage("policy clear: name at least one of untrusted, private, secret")
			}
			left, err := e.clearLabels(key, labels, why)
			if err != nil {
				return err
			}
			if e.print.json {
				return e.print.value(struct {
					Session claw.SessionKey `json:"session"`
					Cleared claw.Labels     `json:"cleared"`
					Labels  claw.Labels     `json:"labels"`
				}{key, labels, left})
			}
			e.print.line("%s is %s", key, answer.LabelText(left))
			return nil
		}}
	c.Flags().StringVar(&why, "reason", "", "kept in the journal")
	return c
}

func (e *env) clearLabels(key claw.SessionKey, labels claw.Labels, why string) (claw.Labels, error) {
	p, err := e.paths()
	if err != nil {
		return 0, usage("%w", err)
	}
	if _, running := store.Holder(p.State); running {
		var out struct {
			Entry struct {
				Labels claw.Labels `json:"labels"`
			} `json:"entry"`
		}
		err := e.withGateway(func(ctx context.Context, c *client) error {
			return c.call(ctx, "sessions.labels.clear", struct {
				Key    claw.SessionKey `json:"key"`
				Labels claw.Labels     `json:"labels"`
				Why    string          `json:"why,omitempty"`
			}{key, labels, why}, &out)
		})
		return out.Entry.Labels, err
	}
	a, err := app.Open(e.ctx, app.Options{Paths: p, Version: version, Getenv: e.getenv})
	if err != nil {
		return 0, startError(err)
	}
	left, err := a.ClearLabels(e.ctx, key, labels, why)
	if closed := a.Close(); err == nil {
		err = closed
	}
	var f *gateway.Fault
	if errors.As(err, &f) {
		code := exitUsage
		if f.Kind == gateway.Refused {
			code = exitRefused
		}
		return 0, &failure{code: code, err: err, hint: f.Hint}
	}
	return left, err
}
