package monitor

import (
	"time"
)

// hour counts what happened in the last sixty minutes, to five minutes.
type hour struct {
	Slots [12]int `json:"slots"`
	At    int64   `json:"at"` // number of the newest slot since 1970
}

const slot = 5 * time.Minute

func (h *hour) to(t time.Time) {
	at := t.Unix() / int64(slot/time.Second)
	if at-h.At >= int64(len(h.Slots)) || at < h.At {
		*h = hour{At: at}
		return
	}
	for ; h.At < at; h.At++ {
		h.Slots[(h.At+1)%int64(len(h.Slots))] = 0
	}
}

func (h *hour) add(t time.Time, n int) int {
	h.to(t)
	h.Slots[h.At%int64(len(h.Slots))] += n
	return h.sum(t)
}

func (h *hour) sum(t time.Time) int {
	h.to(t)
	n := 0
	for _, s := range h.Slots {
		n += s
	}
	return n
}

// keepDays is how many days a habit rests on; older ones weigh less and less.
const keepDays = 28

// load is how much of something there is in a busy hour.
type load struct {
	Hour hour `json:"hour"`
	// Day that is going on, and its busiest hour so far.
	Day  string `json:"day"`
	Peak int    `json:"peak"`
	// Days with any, and what their busiest hours had on average.
	Days  int     `json:"days"`
	Usual float64 `json:"usual"`
}

// add counts one. A day is learned when the next one begins, if learn says so.
func (l *load) add(t time.Time, learn bool) int {
	if day := t.Format(time.DateOnly); day != l.Day {
		if l.Day != "" && l.Peak > 0 {
			l.close(learn)
		}
		l.Day, l.Peak = day, 0
	}
	n := l.Hour.add(t, 1)
	l.Peak = max(l.Peak, n)
	return n
}

func (l *load) close(learn bool) {
	if !learn {
		return
	}
	l.Days++
	l.Usual += (float64(l.Peak) - l.Usual) / float64(min(l.Days, keepDays))
}

// habits of an agent's commands.
type habits struct {
	Load load `json:"load"`
	// Hours of the day in which there was work, in days.
	Hours [24]float64 `json:"hours"`
	Today [24]bool    `json:"today"`
	// Programs and on how many days they ran.
	Programs map[string]float64 `json:"programs"`
	New      map[string]int     `json:"new"` // of this day
	Days     float64            `json:"days"`
	Day      string             `json:"day"`
	// Odd are unusual commands in the last hour, Both those that are so by
	// hour and by program.
	Odd  hour `json:"odd"`
	Both hour `json:"both"`
}

// begin closes the day that went on, when another has begun.
func (h *habits) begin(t time.Time, learn bool) {
	day := t.Format(time.DateOnly)
	if day == h.Day {
		return
	}
	if h.Day != "" && learn {
		h.learn()
	}
	h.Day, h.Today, h.New = day, [24]bool{}, map[string]int{}
}

// learn makes a day a part of what is usual.
func (h *habits) learn() {
	if h.Days >= keepDays {
		fade := float64(keepDays-1) / keepDays
		h.Days *= fade
		for i := range h.Hours {
			h.Hours[i] *= fade
		}
		for p := range h.Programs {
			if h.Programs[p] *= fade; h.Programs[p] < 0.5 {
				delete(h.Programs, p)
			}
		}
	}
	h.Days++
	for i, did := range h.Today {
		if did {
			h.Hours[i]++
		}
	}
	for p := range h.New {
		if _, known := h.Programs[p]; known || len(h.Programs) < maxPrograms {
			h.Programs[p]++
		}
	}
}

// quiet reports that the agent does not usually work at this hour.
func (h *habits) quiet(at int) bool {
	most := max(h.Hours[at], h.Hours[(at+23)%24], h.Hours[(at+1)%24])
	return most < 0.1*h.Days
}

// sessions that were begun.
type sessions struct {
	Hour hour `json:"hour"`
	// Families are kinds of session keys and on how many days they were seen.
	Families map[string]int `json:"families"`
	Days     int            `json:"days"`
	Day      string         `json:"day"`
}
