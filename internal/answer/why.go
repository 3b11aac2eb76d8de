package answer

import (
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// Moment is what the journal says of a session at one entry. Only the fields
// of its kind are set.
type Moment struct {
	Seq  uint64
	Time time.Time
	Run  claw.RunID
	Call claw.CallID
	// Message from somebody, or the end of a call to Tool.
	Message claw.Principal
	Tool    claw.ToolName
	Labels  claw.Labels // that the message or result brought
	// Added or Cleared labels; Begun is a session that starts anew.
	Added   []claw.Lineage
	Cleared claw.Labels
	By      string
	Why     string
	Begun   bool
}

// Origin is one place that a label came from.
type Origin struct {
	Label claw.Labels `json:"label"`
	From  string      `json:"from"`
	Note  string      `json:"note,omitempty"`
	Time  time.Time   `json:"time"`
	Run   claw.RunID  `json:"run,omitempty"`
	// Seq is the journal's entry about the label, Cause the one about the
	// message or call that brought it.
	Seq   uint64        `json:"seq"`
	Cause uint64        `json:"causeSeq,omitempty"`
	Tool  claw.ToolName `json:"tool,omitempty"`
	Call  claw.CallID   `json:"call,omitempty"`
	// Cleared: an operator took the label off since.
	Cleared   bool   `json:"cleared,omitempty"`
	ClearedBy string `json:"clearedBy,omitempty"`
	ClearedAt uint64 `json:"clearedSeq,omitempty"`
	Why       string `json:"clearedBecause,omitempty"`
}

// Story is where the labels of a session came from, oldest first.
type Story struct {
	Labels  claw.Labels `json:"labels"`
	Origins []Origin    `json:"origins"`
}

// Why follows the labels of one session through its moments, oldest first.
func Why(moments []Moment) Story {
	out := Story{Origins: []Origin{}}
	causes := map[claw.RunID]Moment{}
	for _, m := range moments {
		switch {
		case m.Begun:
			out = Story{Origins: []Origin{}}
		case m.Cleared != 0:
			out.clear(m)
		case len(m.Added) > 0:
			out.add(m, causes)
		default:
			causes[m.Run] = m
		}
	}
	return out
}

func (s *Story) add(m Moment, causes map[claw.RunID]Moment) {
	for _, l := range m.Added {
		s.Labels |= l.Label
		o := Origin{Label: l.Label, From: l.From, Note: l.Note, Time: l.Time, Run: claw.RunID(l.Entry), Seq: m.Seq}
		if o.Time.IsZero() {
			o.Time = m.Time
		}
		if c, ok := causes[o.Run]; ok && o.Run != "" {
			o.Cause, o.Tool, o.Call = c.Seq, c.Tool, c.Call
		}
		s.Origins = append(s.Origins, o)
	}
}

func (s *Story) clear(m Moment) {
	s.Labels &^= m.Cleared
	for i := range s.Origins {
		if o := &s.Origins[i]; !o.Cleared && m.Cleared.Has(o.Label) {
			o.Cleared, o.ClearedBy, o.ClearedAt, o.Why = true, m.By, m.Seq, m.Why
		}
	}
}
