package journal

import (
	"time"

	"github.com/openclaw-go/openclaw/internal/chain"
)

// Jump is the data of a clock.jump entry: how far the clock was set.
type Jump struct {
	By   string    `json:"by"`
	From time.Time `json:"from"`
	// Over is what cannot be told from time that passed: "stop" when nothing
	// of ours ran meanwhile.
	Over string `json:"over,omitempty"`
}

func (j Jump) by() time.Duration {
	d, err := time.ParseDuration(j.By)
	if err != nil {
		return 0
	}
	return d
}

const (
	jumpFrom = time.Minute
	// maxGap is what a stop counts for at most; what is beyond counts as set.
	maxGap = 7 * 24 * time.Hour
)

// skew is how far the clock was set since the journal began, in both
// directions. The clock less its skew passes as time does, so nothing is old
// before its time (R51).
type skew struct{ ahead, behind time.Duration }

func (s *skew) add(by time.Duration) {
	if by > 0 {
		s.ahead += by
	} else {
		s.behind -= by
	}
}

func (s skew) lived(t time.Time) time.Time { return t.Add(s.behind - s.ahead) }

func (s skew) mark() chain.Mark {
	return chain.Mark{Name: markSkew, Seqs: []uint64{uint64(s.ahead / time.Second), uint64(s.behind / time.Second)}}
}

// skewOf is the skew at a checkpoint.
func skewOf(c chain.Checkpoint) skew {
	const most = uint64(1<<62) / uint64(time.Second)
	m := c.Marked(markSkew)
	if len(m) != 2 || m[0] > most || m[1] > most {
		return skew{}
	}
	return skew{ahead: time.Duration(m[0]) * time.Second, behind: time.Duration(m[1]) * time.Second}
}

// jumpLocked compares the clock with time as it passes (R51). Over a stop only
// a step back shows, and one forward that is too far.
func (j *Journal) jumpLocked(now time.Time, own bool) (Jump, bool) {
	if own {
		return Jump{}, false
	}
	el := j.opt.Elapsed()
	by := now.Round(0).Sub(j.lastAt.Round(0))
	from, first, over := j.lastAt, j.lastAt.IsZero(), ""
	switch {
	case j.ticking:
		by -= el - j.lastEl
	case by > 0:
		by = max(0, by-maxGap)
		over = "stop"
	}
	j.lastAt, j.lastEl, j.ticking = now, el, true
	if first || by < jumpFrom && by > -jumpFrom {
		return Jump{}, false
	}
	by = by.Round(time.Second)
	j.skew.add(by)
	return Jump{By: by.String(), From: from, Over: over}, true
}

func (j *Journal) lastTime(t []byte) {
	if at, err := time.Parse(time.RFC3339Nano, string(t)); err == nil {
		j.lastAt = at
	}
}
