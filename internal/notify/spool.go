package notify

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/openclaw-go/openclaw/internal/atomicfile"
	"github.com/openclaw-go/openclaw/internal/claw"
)

// Bounds of the spool. Tries are counted, not days: a clock that is set
// forward drops nothing (R51).
const (
	maxWaiting  = 200
	maxTries    = 90 // with the longest pause of an hour, more than three days
	firstPause  = 30 * time.Second
	longPause   = time.Hour
	maxSpool    = 4 << 20
	spoolFile   = "spool.json"
	spoolFormat = 1
)

// waiting is an alert that somebody does not have yet.
type waiting struct {
	Alert Alert `json:"alert"`
	// Times it was raised while it waited.
	Times int   `json:"times"`
	To    []leg `json:"to"`
}

// leg is the way of an alert to one target.
type leg struct {
	Key   string    `json:"key"`
	Name  string    `json:"name"`
	Tries int       `json:"tries,omitempty"`
	Next  time.Time `json:"next,omitzero"`
	Why   string    `json:"why,omitempty"`
}

// spool is what waits, as the disk has it.
type spool struct {
	Version int       `json:"version"`
	Waiting []waiting `json:"waiting"`
	// Dropped counts alerts that were given up or had to make room.
	Dropped int `json:"dropped,omitempty"`
}

// readSpool reads what waits. A spool that cannot be understood is set aside,
// not thrown away.
func readSpool(dir string) (s spool, problem error) {
	path := filepath.Join(dir, spoolFile)
	b, err := atomicfile.Read(path, maxSpool)
	if errors.Is(err, fs.ErrNotExist) {
		return spool{Version: spoolFormat}, nil
	}
	if err == nil {
		if err = json.Unmarshal(b, &s); err == nil && s.Version != spoolFormat {
			err = fmt.Errorf("version is %d, expected %d", s.Version, spoolFormat)
		}
	}
	if err == nil {
		return s, nil
	}
	return spool{Version: spoolFormat}, errors.Join(fmt.Errorf("notify: %s cannot be read, it is now %s.bad: %w", path, spoolFile, err), os.Rename(path, path+".bad"))
}

func (s *spool) write(dir string) error {
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if err := atomicfile.MkdirAll(dir); err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(dir, spoolFile), append(b, '\n'))
}

// add puts an alert in, or counts one that waits already.
func (s *spool) add(a Alert, legs []leg) {
	for i := range s.Waiting {
		w := &s.Waiting[i]
		if w.Alert.ID != a.ID {
			continue
		}
		w.Times++
		if a.Severity < w.Alert.Severity {
			a.Severity = w.Alert.Severity
		}
		w.Alert = a
		for _, l := range legs {
			if !slices.ContainsFunc(w.To, func(x leg) bool { return x.Key == l.Key }) {
				w.To = append(w.To, l)
			}
		}
		return
	}
	for len(s.Waiting) >= maxWaiting {
		s.evict(a.Severity)
		if len(s.Waiting) >= maxWaiting {
			s.Dropped++ // all that wait weigh more
			return
		}
	}
	s.Waiting = append(s.Waiting, waiting{Alert: a, Times: 1, To: legs})
}

// evict drops the oldest of the least severe, if it weighs no more than what
// comes.
func (s *spool) evict(coming claw.Severity) {
	at := -1
	for i, w := range s.Waiting {
		if w.Alert.Severity <= coming && (at < 0 || w.Alert.Severity < s.Waiting[at].Alert.Severity) {
			at = i
		}
	}
	if at >= 0 {
		s.Waiting = slices.Delete(s.Waiting, at, at+1)
		s.Dropped++
	}
}

// pause before the next try: it doubles, and a target may ask for more.
func pause(tries int, err *failure) time.Duration {
	d := longPause
	if !err.final && tries < 8 {
		d = min(firstPause<<tries, longPause)
	}
	return max(d, err.after)
}

// due reports whether a leg's time has come. A time further off than any pause
// is a clock that was set back.
func (l leg) due(now time.Time) bool {
	return !now.Before(l.Next) || l.Next.Sub(now) > max(longPause, maxWait)
}
