// Package witness tells somebody outside where the journal stands, so that an
// older copy of everything can be told from the newest. It refuses to call a
// checkpoint kept before the other side has taken it.
package witness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
	"github.com/openclaw-go/openclaw/internal/chain"
)

// Target keeps checkpoints outside of this machine.
type Target interface {
	// Send hands one over; nil means that it is kept.
	Send(ctx context.Context, note []byte) error
	// Last returns the newest one that is kept; ErrCannotTell when the target
	// does not answer questions.
	Last(ctx context.Context) ([]byte, error)
}

// ErrCannotTell: the target takes checkpoints and gives none back.
var ErrCannotTell = errors.New("witness: it does not say what it keeps")

// Defaults of Options.
const (
	DefaultEvery = time.Minute
	// DefaultSilent is how long a witness may fail before Silent hears of it.
	DefaultSilent = time.Hour
	firstRetry    = 5 * time.Second
	lastRetry     = 30 * time.Minute
	sendLimit     = 20 * time.Second
)

// Options of a Worker. All but Every and Silent are required.
type Options struct {
	// Path of the file that holds the Status.
	Path string
	Now  func() time.Time
	// After sends once d has passed.
	After func(d time.Duration) <-chan time.Time
	// Target is asked for before each round, so that a changed configuration
	// takes effect; nil when none is configured. Its name is shown to people.
	Target func() (t Target, name string, err error)
	// Newest is the last checkpoint of the journal.
	Newest func() ([]byte, chain.Checkpoint, error)
	// RootAt is the root of the journal's checkpoint at a size.
	RootAt func(size uint64) (tlog.Hash, bool, error)
	// Alarm hears once that the witness remembers another journal than this
	// one, and once of each time that it does not answer for long.
	Alarm func(Alarm)

	Every  time.Duration
	Silent time.Duration
}

// Alarm is what a person has to look at.
type Alarm struct {
	Kind Kind   `json:"kind"`
	Name string `json:"witness"`
	Why  string `json:"why"`
}

// Kind of an alarm. The zero value is none.
type Kind string

// Kinds of alarm.
const (
	None        Kind = ""
	Contradicts Kind = "contradicts" // it has seen more than there is, or something else
	Unreachable Kind = "unreachable"
)

// Status is what the file holds for whoever asks.
type Status struct {
	Name string `json:"witness"`
	// Size is the number of entries that the last kept checkpoint covers, Root
	// its root.
	Size   uint64    `json:"size"`
	Root   string    `json:"root,omitempty"`
	KeptAt time.Time `json:"keptAt"`
	// Failing says why the last attempt failed, Since when that began.
	Failing string    `json:"failing,omitempty"`
	Since   time.Time `json:"since"`
	// Contradiction says what the witness remembers that is not so here.
	Contradiction string `json:"contradiction,omitempty"`
}

// maxStatus bounds the file.
const maxStatus = 64 << 10

// ReadStatus reads a worker's file; the zero Status when there is none yet.
func ReadStatus(path string) (Status, error) {
	b, err := atomicfile.Read(path, maxStatus)
	if errors.Is(err, fs.ErrNotExist) {
		return Status{}, nil
	}
	if err != nil {
		return Status{}, fmt.Errorf("witness: %w", err)
	}
	var s Status
	if err := json.Unmarshal(b, &s); err != nil {
		return Status{}, fmt.Errorf("witness: %q: %w", path, err)
	}
	return s, nil
}

// Worker sends checkpoints. Run it once.
type Worker struct {
	opt     Options
	status  Status
	asked   bool // what the witness remembers was compared
	alarmed bool // of this silence
	retry   time.Duration
}

// New makes a worker that goes on where the last one stopped.
func New(opt Options) (*Worker, error) {
	if opt.Every == 0 {
		opt.Every = DefaultEvery
	}
	if opt.Silent == 0 {
		opt.Silent = DefaultSilent
	}
	s, err := ReadStatus(opt.Path)
	if err != nil {
		// A file that cannot be read is no reason not to tell the witness.
		s = Status{Failing: err.Error(), Since: opt.Now()}
	}
	return &Worker{opt: opt, status: s}, nil
}

// Run sends the newest checkpoint when there is one that the witness does not
// have, until ctx ends.
func (w *Worker) Run(ctx context.Context) {
	for {
		wait := w.opt.Every
		if err := w.Round(ctx); err != nil {
			w.retry = min(max(2*w.retry, firstRetry), lastRetry)
			wait = w.retry
		} else {
			w.retry = 0
		}
		select {
		case <-ctx.Done():
			return
		case <-w.opt.After(wait):
		}
	}
}

// Round compares once and sends once, if there is anything to send. Its error
// is in the Status too.
func (w *Worker) Round(ctx context.Context) error {
	t, name, err := w.opt.Target()
	if err == nil && t == nil {
		return nil
	}
	if name != w.status.Name {
		w.status, w.asked, w.alarmed = Status{Name: name}, false, false
	}
	before := w.status
	if err == nil {
		err = w.exchange(ctx, t)
	}
	if ctx.Err() != nil {
		return nil // stopping says nothing about the witness
	}
	w.note(err)
	if w.status == before {
		return err
	}
	raw, merr := json.MarshalIndent(w.status, "", "  ")
	if merr != nil {
		return errors.Join(err, merr)
	}
	return errors.Join(err, atomicfile.Write(w.opt.Path, append(raw, '\n')))
}

func (w *Worker) exchange(ctx context.Context, t Target) error {
	ctx, cancel := context.WithTimeout(ctx, sendLimit)
	defer cancel()
	note, c, err := w.opt.Newest()
	if err != nil {
		return err
	}
	if !w.asked {
		if err := w.compare(ctx, t, c); err != nil {
			return err
		}
		w.asked = true
	}
	if w.status.Contradiction != "" || c.Size == w.status.Size && c.Root.String() == w.status.Root {
		return nil // nothing new; nothing is sent over what contradicts
	}
	if err := t.Send(ctx, note); err != nil {
		return err
	}
	w.status.Size, w.status.Root, w.status.KeptAt = c.Size, c.Root.String(), w.opt.Now().UTC()
	return nil
}

// compare asks the witness what it remembers, once a start: an older copy of
// the whole state cannot know that it is one.
func (w *Worker) compare(ctx context.Context, t Target, newest chain.Checkpoint) error {
	note, err := t.Last(ctx)
	if errors.Is(err, ErrCannotTell) {
		return nil
	}
	if err != nil {
		return err
	}
	kept, err := chain.PeekCheckpoint(note)
	if err != nil {
		return fmt.Errorf("witness: what it keeps: %w", err)
	}
	why := ""
	root, found := newest.Root, kept.Size == newest.Size
	if !found && kept.Size < newest.Size {
		if root, found, err = w.opt.RootAt(kept.Size); err != nil {
			return err
		}
	}
	switch {
	case kept.Origin != newest.Origin:
		why = fmt.Sprintf("it keeps checkpoints of %s, this journal is %s", kept.Origin, newest.Origin)
	case kept.Size > newest.Size:
		why = fmt.Sprintf("it has seen %d entries, here are %d: this is an older copy, or the end was cut off", kept.Size, newest.Size)
	case !found || root != kept.Root:
		why = fmt.Sprintf("it has seen other entries among the first %d: this is another future of an older copy", kept.Size)
	}
	if why != "" && why != w.status.Contradiction {
		w.opt.Alarm(Alarm{Contradicts, w.status.Name, why})
	}
	w.status.Contradiction = why
	return nil
}

// note keeps how the round went.
func (w *Worker) note(err error) {
	if err == nil {
		w.status.Failing, w.status.Since, w.alarmed = "", time.Time{}, false
		return
	}
	now := w.opt.Now().UTC()
	if w.status.Failing == "" {
		w.status.Since = now
	}
	w.status.Failing = err.Error()
	if !w.alarmed && now.Sub(w.status.Since) >= w.opt.Silent {
		w.alarmed = true
		w.opt.Alarm(Alarm{Unreachable, w.status.Name, err.Error()})
	}
}
