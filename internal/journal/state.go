package journal

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/openclaw-go/openclaw/internal/chain"
	"github.com/openclaw-go/openclaw/internal/claw"
)

// StateData is the data of a state.write entry: a file that must not go back
// to an older state unseen gets a new content. The entry's digest is that of
// the content.
type StateData struct {
	File       string `json:"file"`
	Generation uint64 `json:"generation"`
	Status     string `json:"status,omitempty"` // of an outcome: done, failed, unknown
	Why        string `json:"why,omitempty"`
}

// Why a generation is written down that nothing was written for.
const (
	stateFound    = "found"    // it lay there when the journal first heard of the file, or after a crash
	stateAgain    = "again"    // copied into a new segment
	stateAccepted = "accepted" // an operator took what lay there
)

// stateAt is what the journal knows of one file.
type stateAt struct {
	newest  chain.Entry // the newest content that is known to be on disk
	next    chain.Entry // one that may be there too; zero Event for none
	highest uint64      // generation
}

// StateKind is how a file relates to the journal. The zero value is none of
// them.
type StateKind uint8

// Kinds.
const (
	StateUnmeasured StateKind = iota
	StateNew                  // the journal has not heard of it
	StateCurrent              // the newest one
	StateOlder                // an older one was put back
	StateForeign              // somebody else wrote it
	StateGone                 // it was removed
)

func (k StateKind) String() string {
	switch k {
	case StateNew:
		return "new"
	case StateCurrent:
		return "current"
	case StateOlder:
		return "an older copy"
	case StateForeign:
		return "changed by somebody else"
	case StateGone:
		return "removed"
	case StateUnmeasured:
		return "unmeasured"
	}
	return "unmeasured"
}

// StateFound is what CheckState found.
type StateFound struct {
	Kind StateKind
	// Generation of what lies there, 0 when unknown; Newest is the journal's.
	Generation, Newest uint64
}

// KeepState records that the file name gets a new content, lets write put it
// there, and records that it is. Without the first record write is not called.
// Who is told of a change only after KeepState returned can rely on it: an
// older content that is put back later is seen by CheckState (R09).
func (j *Journal) KeepState(ctx context.Context, name string, content []byte, write func() error) error {
	j.stateMu.Lock()
	defer j.stateMu.Unlock()
	gen := j.generation(name) + 1
	sum := sha256.Sum256(content)
	at, err := j.appendState(ctx, Entry{Event: StateWrite, Phase: Intent, Data: StateData{File: name, Generation: gen}, Digest: sum[:]})
	if err != nil {
		return err
	}
	status := "done"
	werr := write()
	if werr != nil {
		status = "failed"
	}
	_, err = j.appendState(context.WithoutCancel(ctx), Entry{Event: StateWrite, Phase: Outcome, Ref: at, Data: StateData{File: name, Generation: gen, Status: status}})
	return errors.Join(werr, err)
}

// AcceptState takes what lies there as the newest content: an operator's act.
func (j *Journal) AcceptState(ctx context.Context, by claw.Principal, name string, content []byte) error {
	j.stateMu.Lock()
	defer j.stateMu.Unlock()
	return j.settle(ctx, by, name, content, j.generation(name)+1, stateAccepted)
}

// CheckState compares the content of a file, nil when there is none, with what
// the journal last heard. It is for the start, before the content is used: a
// new file is taken up, and what a crash left open is settled.
func (j *Journal) CheckState(ctx context.Context, name string, content []byte) (StateFound, error) {
	j.stateMu.Lock()
	defer j.stateMu.Unlock()
	j.mu.Lock()
	at, known := j.states[name]
	j.mu.Unlock()
	sum := sha256.Sum256(content)
	switch {
	case !known && content == nil:
		return StateFound{Kind: StateNew}, nil
	case !known:
		return StateFound{Kind: StateNew, Generation: 1, Newest: 1}, j.settle(ctx, claw.Principal{}, name, content, 1, stateFound)
	case content == nil:
		return StateFound{Kind: StateGone, Newest: at.highest}, nil
	}
	for _, e := range []chain.Entry{at.next, at.newest} {
		if e.Event == "" || !j.DigestMatches(e, sum[:]) {
			continue
		}
		gen := stateOf(e).Generation
		if at.next.Event != "" { // which of both is there was open
			if err := j.settle(ctx, claw.Principal{}, name, content, gen, stateFound); err != nil {
				return StateFound{}, err
			}
		}
		return StateFound{Kind: StateCurrent, Generation: gen, Newest: gen}, nil
	}
	found := StateFound{Kind: StateForeign, Newest: at.highest}
	err := j.scan(ctx, Filter{Events: []Event{StateWrite}}, func(e *Record, _ []byte) {
		if d := stateOf(*e); found.Kind == StateForeign && d.File == name && j.DigestMatches(*e, sum[:]) {
			found.Kind, found.Generation = StateOlder, d.Generation
		}
	})
	if err != nil {
		return StateFound{}, err
	}
	return found, nil
}

// StateFiles names the files that the journal has heard of, sorted.
func (j *Journal) StateFiles() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Sorted(maps.Keys(j.states))
}

// settle writes down what lies there, as one entry.
func (j *Journal) settle(ctx context.Context, by claw.Principal, name string, content []byte, gen uint64, why string) error {
	sum := sha256.Sum256(content)
	_, err := j.appendState(ctx, Entry{Event: StateWrite, Principal: by, Data: StateData{File: name, Generation: gen, Why: why}, Digest: sum[:]})
	return err
}

func (j *Journal) generation(name string) uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.states[name].highest
}

func (j *Journal) appendState(ctx context.Context, e Entry) (Pos, error) {
	pos, err := j.append(ctx, e)
	if err != nil {
		return 0, err
	}
	rec, err := j.Get(uint64(pos))
	if err != nil {
		return 0, err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.learnState(rec)
	return pos, nil
}

func stateOf(e chain.Entry) StateData {
	var d StateData
	_ = json.Unmarshal(e.Data, &d) // an entry of another shape names no file
	return d
}

// learnState takes an entry into what is known. j.mu is held, or nobody else is
// there yet.
func (j *Journal) learnState(e chain.Entry) {
	d := stateOf(e)
	if d.File == "" {
		return
	}
	if j.states == nil {
		j.states = map[string]stateAt{}
	}
	at := j.states[d.File]
	at.highest = max(at.highest, d.Generation)
	switch e.Phase {
	case chain.Single:
		at.newest, at.next = e, chain.Entry{}
	case chain.Intent:
		at.next = e
	case chain.Outcome:
		if at.next.Event == "" || at.next.Seq != e.Ref {
			break
		}
		switch d.Status {
		case "done":
			at.newest, at.next = at.next, chain.Entry{}
		case "failed":
			at.next = chain.Entry{}
		}
	}
	if at.newest.Event == "" && at.next.Event == "" {
		delete(j.states, d.File)
		return
	}
	j.states[d.File] = at
}

// stateMark lists the entries that tell of files. j.mu is held.
func (j *Journal) stateMark() (chain.Mark, bool) {
	m := chain.Mark{Name: markState}
	for _, at := range j.states {
		for _, e := range []chain.Entry{at.newest, at.next} {
			if e.Event != "" && e.Seq < j.tree.Size() {
				m.Seqs = append(m.Seqs, e.Seq)
			}
		}
	}
	slices.Sort(m.Seqs)
	return m, len(m.Seqs) > 0
}

// loadStates reads the entries that the last checkpoint names, and then those
// behind it.
func (j *Journal) loadStates() error {
	for _, seq := range j.last.Marked(markState) {
		e, err := j.Get(seq)
		if errors.Is(err, ErrNotFound) {
			continue // it went with its segment; what was known is in a later one
		}
		if err != nil {
			return fmt.Errorf("journal: state of a file: %w", err)
		}
		j.learnState(e)
	}
	for _, e := range j.replayed {
		j.learnState(e)
	}
	j.replayed = nil
	return nil
}

// statesAgainLocked copies what is known into a new segment.
func (j *Journal) statesAgainLocked(b *batch) error {
	for _, name := range slices.Sorted(maps.Keys(j.states)) {
		at := j.states[name]
		if at.newest.Event == "" {
			continue
		}
		rec, err := j.prepareOwn(StateWrite, StateData{File: name, Generation: stateOf(at.newest).Generation, Why: stateAgain})
		if err != nil {
			return err
		}
		rec.Digest, rec.Salt = at.newest.Digest, at.newest.Salt
		_, seq, err := j.linkLocked(&rec, false)
		if err != nil {
			return err
		}
		rec.Seq = seq
		b.then = append(b.then, func() {
			// A later write may have come between.
			if now := j.states[name]; now.newest.Seq == at.newest.Seq {
				now.newest = rec
				j.states[name] = now
			}
		})
	}
	return nil
}
