package schedule

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"
)

// Task is something that the gateway itself does at its time: the nightly
// audit, a backup.
type Task struct {
	Name string
	// Next is the first time after a time at which it is due; the zero time is
	// never.
	Next func(after time.Time) time.Time
	// Timeout bounds a run. One that goes on past it counts as failed, and no
	// other begins before it has ended.
	Timeout time.Duration
	Run     func(ctx context.Context, due time.Time) error
	// Failed hears of a run that did not work, of one that was cut off by the
	// end of the gateway, and of one that does not end.
	Failed func(due time.Time, err error)
}

// Row is what became of a task's runs.
type Row struct {
	// After is the time from which on the next run is counted.
	After time.Time `json:"after"`
	// Running since; not zero after the gateway was killed meanwhile.
	Running time.Time `json:"running,omitzero"`
	Last    time.Time `json:"last,omitzero"`
	LastOK  time.Time `json:"lastOk,omitzero"`
	Error   string    `json:"error,omitempty"`
	// Cut counts runs in a row that the end of the gateway cut off.
	Cut int `json:"cut,omitempty"`
}

// Errors of a run.
var (
	// ErrTimeout: it did not end in time.
	ErrTimeout = errors.New("schedule: it did not end in time")
	// ErrCut: the gateway ended while it ran.
	ErrCut = errors.New("schedule: the gateway ended while it ran")
)

const (
	taskDocument = "system.json"
	// maxCut runs in a row are begun anew after they were cut off; then the
	// task waits for its next time, since it may be what ends the gateway.
	maxCut = 2
	// setBack is how far in the future a past run may lie before it is a clock
	// that was set back.
	setBack = time.Hour
	// idle is the longest pause between two looks.
	idle = 10 * time.Minute
)

// Tasks runs tasks and keeps what became of them on disk, so that a run that
// was missed is made up for, once. It is safe for concurrent use.
type Tasks struct {
	disk Disk
	now  func() time.Time

	mu   sync.Mutex
	rows map[string]Row
	busy map[string]bool
}

// OpenTasks reads what became of earlier runs. A document that cannot be read
// is reported, and begins anew: a task must not be lost to it.
func OpenTasks(disk Disk, now func() time.Time, report func(error)) *Tasks {
	t := &Tasks{disk: disk, now: now, rows: map[string]Row{}, busy: map[string]bool{}}
	raw, err := disk.Read(taskDocument)
	if err == nil && len(raw) > 0 {
		var doc struct {
			Version int            `json:"version"`
			Tasks   map[string]Row `json:"tasks"`
		}
		if err = json.Unmarshal(raw, &doc); err == nil && doc.Version != fileVersion {
			err = fmt.Errorf("version is %d, expected %d", doc.Version, fileVersion)
		}
		if err == nil && doc.Tasks != nil {
			t.rows = doc.Tasks
		}
	}
	if err != nil {
		report(fmt.Errorf("schedule: %s: %w", taskDocument, err))
	}
	return t
}

// Rows are the tasks' states by name.
func (t *Tasks) Rows() map[string]Row {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.rows)
}

// put keeps a row. A disk that does not take it stops nothing: the run may be
// made twice, which is better than never.
func (t *Tasks) put(name string, r Row) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows[name] = r
	raw, err := json.MarshalIndent(struct {
		Version int            `json:"version"`
		Tasks   map[string]Row `json:"tasks"`
	}{fileVersion, t.rows}, "", "  ")
	if err != nil {
		return err
	}
	return t.disk.Write(taskDocument, append(raw, '\n'))
}

// due gives a task's time, and whether it has come. A clock that was set back
// makes nothing run twice, one that was set forward makes it run once.
func (t *Tasks) due(k Task, now time.Time) (time.Time, bool, error) {
	t.mu.Lock()
	r, known := t.rows[k.Name]
	busy := t.busy[k.Name]
	t.mu.Unlock()
	if busy {
		return time.Time{}, false, nil
	}
	if !known || r.After.After(now.Add(setBack)) {
		r.After = now
		return k.Next(now), false, t.put(k.Name, r)
	}
	if !r.Running.IsZero() {
		r.Running, r.Error = time.Time{}, ErrCut.Error()
		if r.Cut++; r.Cut <= maxCut {
			err := t.put(k.Name, r)
			return now, true, err
		}
		r.After, r.Cut = now, 0
		err := t.put(k.Name, r)
		k.Failed(now, ErrCut)
		return k.Next(now), false, err
	}
	at := k.Next(r.After)
	return at, !at.IsZero() && !at.After(now), nil
}

// Tick runs what is due, one after another, and returns when to look again.
func (t *Tasks) Tick(ctx context.Context, tasks []Task) (time.Duration, error) {
	wait := idle
	var errs []error
	for _, k := range tasks {
		if ctx.Err() != nil {
			break
		}
		at, now, err := t.due(k, t.now())
		errs = append(errs, err)
		if now {
			errs = append(errs, t.run(ctx, k, at))
			at = k.Next(t.now())
		}
		if !at.IsZero() {
			wait = min(wait, max(at.Sub(t.now()), time.Second))
		}
	}
	return wait, errors.Join(errs...)
}

func (t *Tasks) run(ctx context.Context, k Task, at time.Time) error {
	t.mu.Lock()
	t.busy[k.Name] = true
	r := t.rows[k.Name]
	t.mu.Unlock()
	begun := t.now()
	r.Running = begun
	kept := t.put(k.Name, r)
	limited, cancel := context.WithTimeout(ctx, k.Timeout)
	done := make(chan error, 1)
	go func() {
		defer cancel()
		err := call(limited, k, at)
		t.mu.Lock()
		t.busy[k.Name] = false
		t.mu.Unlock()
		done <- err
	}()
	var err error
	select {
	case err = <-done:
	case <-limited.Done():
		select {
		case err = <-done: // it ended as asked
		default:
			err = ErrTimeout
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = ErrTimeout
	}
	if ctx.Err() != nil && err != nil {
		return kept // the gateway ends: the row says that it ran
	}
	r.After, r.Last, r.Running, r.Error, r.Cut = begun, begun, time.Time{}, "", 0
	if err != nil {
		r.Error = err.Error()
		k.Failed(at, err)
	} else {
		r.LastOK = begun
	}
	return errors.Join(kept, t.put(k.Name, r))
}

// call keeps a panic of a task from ending the gateway.
func call(ctx context.Context, k Task, at time.Time) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("schedule: %s: %v", k.Name, r)
		}
	}()
	return k.Run(ctx, at)
}

// Daily is the next time after now that a clock in its zone shows at.
func Daily(at string) (func(after time.Time) time.Time, error) {
	t, err := time.Parse("15:04", at)
	if err != nil {
		return nil, fmt.Errorf("schedule: %q is no time of day, expected HH:MM", at)
	}
	return func(after time.Time) time.Time {
		next := time.Date(after.Year(), after.Month(), after.Day(), t.Hour(), t.Minute(), 0, 0, after.Location())
		if !next.After(after) {
			next = time.Date(after.Year(), after.Month(), after.Day()+1, t.Hour(), t.Minute(), 0, 0, after.Location())
		}
		return next
	}, nil
}
