package app

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/openclaw-go/openclaw/internal/gateway"
	"github.com/openclaw-go/openclaw/internal/standing"
)

// usesEvery is the least time between two writes of what was used.
const usesEvery = time.Second

// uses are uses of standing answers on their way to disk. They change nothing
// of what is in force; what a crash loses is at most a second of them.
type uses struct {
	mu     sync.Mutex
	last   map[string]standing.Use // by key, the newest
	count  map[string]int64
	timer  *time.Timer
	wrote  time.Time
	closed bool
}

// Used implements gate.Standing.
func (s *standingAnswers) Used(list []standing.Use) {
	u := &s.uses
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed {
		return
	}
	if u.last == nil {
		u.last, u.count = map[string]standing.Use{}, map[string]int64{}
	}
	for _, x := range list {
		u.last[x.Key()] = x
		u.count[x.Key()]++
	}
	if u.timer == nil {
		u.timer = time.AfterFunc(max(0, usesEvery-time.Since(u.wrote)), s.writeUses)
	}
}

// take empties the uses that wait.
func (u *uses) take() (last map[string]standing.Use, count map[string]int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	last, count, u.last, u.count = u.last, u.count, nil, nil
	if u.timer != nil {
		u.timer.Stop()
	}
	u.timer, u.wrote = nil, time.Now()
	return last, count
}

// waiting adds to a row what is not on disk yet.
func (u *uses) waiting(key string, row *gateway.StandingRow) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if x, ok := u.last[key]; ok {
		row.Uses += u.count[key]
		row.LastUsedMs, row.LastCommand = x.At.UnixMilli(), x.Command
	}
}

// writeUses writes what waits. The document is what it is on disk now.
func (s *standingAnswers) writeUses() {
	s.mu.Lock()
	defer s.mu.Unlock()
	last, count := s.uses.take()
	if len(last) == 0 {
		return
	}
	s.stamp = ""
	s.load()
	if s.problem != nil {
		return // nothing runs by an answer then, so there is nothing to tell
	}
	if err := s.countUses(last, count); err != nil {
		s.app.report("uses of stored approvals")(err)
	}
	s.stamp = ""
	s.load()
}

// countUses keeps the counts beside the answers, and the last uses in their
// entries. The caller holds mu.
func (s *standingAnswers) countUses(last map[string]standing.Use, count map[string]int64) error {
	there := map[string]bool{}
	for i := range s.rules {
		there[s.rules[i].Key()] = true
	}
	maps.DeleteFunc(s.counts, func(k string, _ int64) bool { return !there[k] })
	for k, n := range count {
		if there[k] {
			s.counts[k] += n
		}
	}
	if err := s.keep(); err != nil {
		return err
	}
	list := make([]standing.Use, 0, len(last))
	for _, k := range slices.Sorted(maps.Keys(last)) {
		list = append(list, last[k])
	}
	n, err := s.doc.Used(list)
	if err != nil || n == 0 {
		return err
	}
	b, err := s.doc.Bytes()
	if err != nil {
		return err
	}
	return s.file.Write(b)
}

// close writes what waits and takes nothing more.
func (s *standingAnswers) close() {
	s.uses.mu.Lock()
	s.uses.closed = true
	s.uses.mu.Unlock()
	s.writeUses()
}

// meaningHash names what a document allows and forbids, whatever was used of
// it.
func meaningHash(d *standing.Document) (string, error) {
	b, err := d.Meaning()
	if err != nil {
		return "", err
	}
	return hashOf(b), nil
}
