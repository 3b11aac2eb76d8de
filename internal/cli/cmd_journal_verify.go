package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
	"github.com/openclaw-go/openclaw/internal/chain"
	"github.com/openclaw-go/openclaw/internal/journal"
)

// verifyReport is the result of "journal verify --json".
type verifyReport struct {
	OK       bool   `json:"ok"`
	Text     string `json:"text"`
	First    uint64 `json:"first"`
	Size     uint64 `json:"size"`
	Signed   uint64 `json:"signed"`
	Head     string `json:"head"`
	AtLeast  uint64 `json:"atLeast,omitempty"`
	Measured bool   `json:"measured"`
	Damage   string `json:"damage,omitempty"`
	// Bad is the first bad entry.
	Bad *badEntry `json:"bad,omitempty"`
	// Indexes that do not fit their segment; a search by them may miss entries.
	Indexes []string `json:"indexes,omitempty"`
}

type badEntry struct {
	Kind    chain.Kind `json:"kind"`
	Seq     uint64     `json:"seq"`
	Through uint64     `json:"through"`
	File    string     `json:"file"`
	Line    int        `json:"line,omitempty"`
	Offset  int64      `json:"offset"`
	Detail  string     `json:"detail"`
}

func reportOf(r chain.Report) verifyReport {
	out := verifyReport{OK: r.OK(), Text: r.String(), First: r.First, Size: r.Size, Signed: r.Signed, Head: r.Head.String(), AtLeast: r.AtLeast, Measured: r.Measured}
	if d := r.Damage; d != nil {
		out.Damage = d.String()
		out.Bad = &badEntry{d.Kind, d.Seq, d.Through, d.File, d.Line, d.Offset, d.Detail}
	}
	return out
}

type verifyFlags struct {
	atLeast                   uint64
	pub, checkpoints, witness string
}

func (e *env) cmdJournalVerify() *cobra.Command {
	var f verifyFlags
	c := &cobra.Command{
		Use:   "verify [FILE...]",
		Short: "Check that nothing in the journal was changed, added or taken away",
		Long: `Check that nothing in the journal was changed, added or taken away. The first bad
entry is named with what happened to it: changed, removed, inserted, reordered,
truncated, rolled back, forged or foreign.

Works with the gateway running or stopped. Without FILE the home's own journal
is checked, against the number of signed entries that the home knows of. With
FILE (segments in any order, or a directory that holds them) copies taken
elsewhere are checked, without a home: --pub is the journal's first public key,
--checkpoints names their signatures.

That the end was cut off, or that everything was put back to an older copy, can
be seen only by who knows more than the files: --at-least N, the number of
entries that an alert or a witness was told of, or --witness FILE, the
checkpoints that a witness received. Without either the tail is unmeasured.

Exit status 1 when damaged.`,
		Example: "  openclaw journal verify --pub openclaw-journal-1f…+a8…+AX… --at-least 4711 backup/audit.log*",
		RunE: func(_ *cobra.Command, files []string) error {
			rep, err := e.verifyJournal(files, f)
			if err != nil {
				return err
			}
			out := reportOf(rep)
			if len(files) == 0 {
				if out.Indexes, err = e.wrongIndexes(); err != nil {
					return err
				}
			}
			if err := e.printVerified(out); err != nil {
				return err
			}
			if !out.OK {
				return silent(exitFindings)
			}
			return nil
		},
	}
	c.Flags().Uint64Var(&f.atLeast, "at-least", 0, "fail when fewer than `N` entries are signed")
	c.Flags().StringVar(&f.pub, "pub", "", "the journal's first public `KEY`, or a file that holds it; default: the home's")
	c.Flags().StringVar(&f.pub, "root", "", "the same as --pub")
	_ = c.Flags().MarkHidden("root")
	c.Flags().StringVar(&f.checkpoints, "checkpoints", "", "`FILE` of signatures; default: beside the newest FILE")
	c.Flags().StringVar(&f.witness, "witness", "", "`FILE` of checkpoints that a witness received, - for standard input")
	return c
}

func (e *env) printVerified(out verifyReport) error {
	if e.print.json {
		return e.print.value(out)
	}
	e.print.line("%s", out.Text)
	if out.OK && !out.Measured {
		e.print.note("a cut tail, or an older copy of everything, is not seen without --at-least N or --witness FILE")
	}
	for _, name := range out.Indexes {
		e.print.note("the search index %q does not fit its segment; remove it, it is made anew at the next start", name)
	}
	return nil
}

func (e *env) wrongIndexes() ([]string, error) {
	opt, err := e.journalOptions()
	if err != nil {
		return nil, err
	}
	wrong, err := journal.CheckIndexes(opt)
	if err != nil {
		return nil, noJournal(err)
	}
	return wrong, nil
}

func (e *env) verifyJournal(files []string, f verifyFlags) (chain.Report, error) {
	want := chain.Expect{AtLeast: f.atLeast}
	var err error
	if want.Heads, err = witnessed(f.witness, e.stdin); err != nil {
		return chain.Report{}, err
	}
	if f.pub != "" {
		if want.Root, err = publicKey(f.pub); err != nil {
			return chain.Report{}, err
		}
	}
	if len(files) == 0 {
		opt, err := e.journalOptions()
		if err != nil {
			return chain.Report{}, err
		}
		rep, err := journal.Verify(opt, want)
		if err != nil {
			return rep, noJournal(err)
		}
		return rep, nil
	}
	log, notes, err := journal.Arrange(files)
	if err != nil {
		return chain.Report{}, cannot(err, "")
	}
	if f.checkpoints != "" {
		notes = f.checkpoints
	}
	if want.Root == "" {
		if want.Root, err = e.homeKey(); err != nil {
			return chain.Report{}, err
		}
	}
	rep, err := journal.VerifyFiles(log, notes, want)
	if err != nil {
		return rep, cannot(err, "the signatures are in a file of their own: --checkpoints FILE")
	}
	return rep, nil
}

// homeKey is the first public key of the home in use.
func (e *env) homeKey() (string, error) {
	opt, err := e.journalOptions()
	if err != nil {
		return "", err
	}
	fs, err := journal.Locate(opt)
	if err != nil {
		return "", usage("journal: no public key: this home has none, so give the journal's first one with --pub")
	}
	return fs.RootKey, nil
}

const maxKeyFile = 4096

// publicKey takes a key, or a file that holds one.
func publicKey(s string) (string, error) {
	if strings.Count(s, "+") >= 2 && !strings.ContainsAny(s, `/\`) {
		return s, nil
	}
	b, err := readUpTo(s, maxKeyFile)
	if err != nil {
		// The key's last part is base64 and may hold a slash.
		if strings.Count(s, "+") >= 2 {
			return s, nil
		}
		return "", usage("journal: --pub %q is neither a public key nor a file that holds one: %v", s, err)
	}
	return strings.TrimSpace(string(b)), nil
}

func readUpTo(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%q has more than %d bytes", name, limit)
	}
	return b, err
}

// witnessed reads the checkpoints that somebody else kept. What they say is
// taken from them: who keeps them is trusted, not the journal's files.
func witnessed(name string, stdin io.Reader) ([]chain.TreeHead, error) {
	if name == "" {
		return nil, nil
	}
	in := stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, cannot(err, "")
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	heads, err := journal.ReadHeads(in)
	if err != nil {
		return nil, usage("journal verify: --witness %q: %w", name, err)
	}
	return heads, nil
}

func (e *env) cmdJournalProve() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use:   "prove SEQ",
		Short: "Write a proof that an entry stands in the journal, for others to check",
		Long: `Write a proof that an entry stands in the journal: the entry as it is stored, its
place in the tree of all entries and the signed checkpoints up to the one that
covers it. Who has the journal's first public key can check it alone, with
openclaw journal verify-proof, and needs nothing else of this home.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			seq, err := strconv.ParseUint(args[0], 10, 63)
			if err != nil {
				return usage("journal prove: %q is no entry number", args[0])
			}
			opt, err := e.journalOptions()
			if err != nil {
				return err
			}
			b, err := journal.Prove(opt, seq)
			switch {
			case errors.Is(err, journal.ErrUnsigned):
				return cannot(err, "entries are signed within a minute, or when the gateway stops")
			case errors.Is(err, journal.ErrNotFound):
				return usage("journal prove: entry %d was dropped with its segment", seq)
			case err != nil:
				return noJournal(err)
			}
			raw, err := json.MarshalIndent(b, "", " ")
			if err != nil {
				return err
			}
			raw = append(raw, '\n')
			if out == "" {
				_, err = e.print.out.Write(raw)
				return err
			}
			if err := atomicfile.Write(out, raw); err != nil {
				return cannot(err, "")
			}
			e.print.note("entry %d is proven in %q; its reader needs this key from you, by another way: %s", seq, out, e.rootKey())
			return nil
		},
	}
	c.Flags().StringVarP(&out, "out", "o", "", "write it to `FILE` instead of standard output")
	return c
}

// rootKey is the home's first public key, for showing it.
func (e *env) rootKey() string {
	key, err := e.homeKey()
	if err != nil {
		return err.Error()
	}
	return key
}

// provenReport is the result of "journal verify-proof --json".
type provenReport struct {
	OK      bool            `json:"ok"`
	Seq     uint64          `json:"seq"`
	Journal string          `json:"journal,omitempty"`
	Epoch   uint64          `json:"epoch,omitempty"`
	Signed  string          `json:"signed,omitempty"`
	Entry   json.RawMessage `json:"entry,omitempty"`
	Why     string          `json:"why,omitempty"`
}

func (e *env) cmdJournalVerifyProof() *cobra.Command {
	var pub string
	c := &cobra.Command{
		Use:   "verify-proof FILE",
		Short: "Check a proof made by journal prove, with nothing but the first public key",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			key, err := "", error(nil)
			if pub != "" {
				key, err = publicKey(pub)
			} else {
				key, err = e.homeKey()
			}
			if err != nil {
				return err
			}
			f, err := os.Open(filepath.Clean(args[0]))
			if err != nil {
				return cannot(err, "")
			}
			defer func() { _ = f.Close() }()
			b, err := chain.ReadBundle(f)
			if err != nil {
				return usage("journal verify-proof: %q: %w", args[0], err)
			}
			rep := provenReport{Seq: b.Proof.Seq}
			entry, c, err := b.Verify(key)
			if err != nil {
				rep.Why = err.Error()
			} else {
				rep.OK, rep.Journal, rep.Epoch, rep.Signed = true, c.Origin, c.Epoch, c.Time.Format("2006-01-02T15:04:05Z07:00")
				rep.Entry = json.RawMessage(b.Proof.Line)
			}
			return e.printProven(rep, entry)
		},
	}
	c.Flags().StringVar(&pub, "pub", "", "the journal's first public `KEY`, or a file that holds it; default: the home's")
	return c
}

func (e *env) printProven(rep provenReport, entry chain.Entry) error {
	switch {
	case e.print.json:
		if err := e.print.value(rep); err != nil {
			return err
		}
	case rep.OK:
		e.print.line("PROVEN: entry %d of %s, signed in checkpoint %d at %s", rep.Seq, rep.Journal, rep.Epoch, rep.Signed)
		e.printRecord(entry)
	default:
		e.print.line("NOT PROVEN: entry %d: %s", rep.Seq, rep.Why)
	}
	if !rep.OK {
		return silent(exitFindings)
	}
	return nil
}
