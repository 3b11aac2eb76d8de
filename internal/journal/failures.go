package journal

import (
	"context"
	"slices"
	"strings"
	"time"
)

// Bounds of what strangers can make the journal write (R40): with all of them
// used up without pause a year stays below a quarter of DefaultKeepBytes.
const (
	failuresPerMinute = 10
	failuresPerHour   = 120
	failureSources    = 1024
	failureListed     = 16
)

// failures counts what strangers cause. The first of a source in a minute is
// recorded at once while there is quota; the rest is one entry a minute.
type failures struct {
	minute  time.Time
	hour    time.Time
	now     int // recorded at once in this minute
	inHour  int
	count   map[failureKey]int
	others  int // of sources beyond failureSources
	stopped bool
	cancel  func()
}

type failureKey struct {
	event  Event
	source string
}

// SummaryData is the data of a failure.summary entry.
type SummaryData struct {
	From    time.Time     `json:"from"`
	To      time.Time     `json:"to"`
	Total   int           `json:"total"`
	Sources []SourceCount `json:"sources"`
	// Others is what was caused by sources that are not listed.
	Others int `json:"others,omitempty"`
}

// SourceCount is one source of failures.
type SourceCount struct {
	Event  Event  `json:"event"`
	Source string `json:"source"`
	Count  int    `json:"count"`
}

// Failure records something that a stranger can cause at will: a wrong token,
// a refused sender. The first of a source in a minute is an entry of its own,
// durable when Failure returns; later ones are counted and written as one
// failure.summary at the minute's end. What one source does never displaces
// what others did.
func (j *Journal) Failure(ctx context.Context, source string, e Entry) error {
	source = cut(source, 128)
	j.mu.Lock()
	if err := j.usableLocked(); err != nil {
		j.mu.Unlock()
		return err
	}
	due := j.countFailureLocked(failureKey{e.Event, source})
	if due.summary != nil {
		rec, err := j.prepare(&Entry{Event: Summary, Data: *due.summary})
		if err == nil {
			_, _, err = j.enqueueLocked(&rec, false)
		}
		if err != nil {
			j.mu.Unlock()
			return err
		}
		defer j.poke()
	}
	j.mu.Unlock()
	if !due.record {
		return nil
	}
	_, err := j.append(ctx, e)
	return err
}

type failureDue struct {
	record  bool
	summary *SummaryData
}

func (j *Journal) countFailureLocked(k failureKey) failureDue {
	f := &j.fails
	now := j.opt.Now().UTC()
	var due failureDue
	if m := now.Truncate(time.Minute); !m.Equal(f.minute) {
		due.summary = f.take(now)
		f.minute, f.now = m, 0
	}
	if h := now.Truncate(time.Hour); !h.Equal(f.hour) {
		f.hour, f.inHour = h, 0
	}
	if f.count == nil {
		f.count = map[failureKey]int{}
	}
	n, known := f.count[k]
	if !known && len(f.count) >= failureSources {
		f.others++
		return due
	}
	if !known && f.now < failuresPerMinute && f.inHour < failuresPerHour {
		f.now++
		f.inHour++
		f.count[k] = 0 // it has its own entry
		due.record = true
	} else {
		f.count[k] = n + 1
	}
	j.summarizeLaterLocked()
	return due
}

func (j *Journal) summarizeLaterLocked() {
	if f := &j.fails; f.cancel == nil && !f.stopped {
		f.cancel = j.opt.After(time.Minute, j.flushFailures)
	}
}

// add counts what has no entry of its own.
func (f *failures) add(now time.Time, k failureKey) {
	if f.minute.IsZero() {
		f.minute = now.Truncate(time.Minute)
	}
	if f.count == nil {
		f.count = map[failureKey]int{}
	}
	if _, known := f.count[k]; !known && len(f.count) >= failureSources {
		f.others++
		return
	}
	f.count[k]++
}

// take empties the counters into a summary; nil when nothing was left out.
func (f *failures) take(now time.Time) *SummaryData {
	s := &SummaryData{From: f.minute, To: now, Others: f.others, Total: f.others}
	for k, n := range f.count {
		if n > 0 {
			s.Sources = append(s.Sources, SourceCount{Event: k.event, Source: k.source, Count: n})
			s.Total += n
		}
	}
	f.count, f.others = nil, 0
	if s.Total == 0 {
		return nil
	}
	slices.SortFunc(s.Sources, func(a, b SourceCount) int {
		if a.Count != b.Count {
			return b.Count - a.Count
		}
		return strings.Compare(a.Source, b.Source)
	})
	if len(s.Sources) > failureListed {
		for _, c := range s.Sources[failureListed:] {
			s.Others += c.Count
		}
		s.Sources = s.Sources[:failureListed]
	}
	return s
}

func (f *failures) stop() {
	f.stopped = true
	if f.cancel != nil {
		f.cancel()
		f.cancel = nil
	}
}

// flushFailures writes what was counted when the minute is over and nobody
// came since, or at the end.
func (j *Journal) flushFailures() {
	j.mu.Lock()
	j.fails.cancel = nil
	s := j.fails.take(j.opt.Now().UTC())
	j.fails.minute = time.Time{}
	j.mu.Unlock()
	if s == nil {
		return
	}
	if _, err := j.Append(context.Background(), Entry{Event: Summary, Data: *s}); err != nil {
		j.opt.Report(err)
	}
}
