package model

// EventKind says what a piece of a reply is. The zero value is none and is
// never sent.
type EventKind uint8

// Event kinds. Tool events of one call share an Index; ToolEnd carries the
// whole call, so a reader may ignore ToolStart and ToolDelta.
const (
	EventNone     EventKind = iota
	TextDelta               // Text
	ThinkingDelta           // Text; Signature or Redacted close the block
	ToolStart               // Index, Call.ID, Call.Name
	ToolDelta               // Index, Text: a piece of the arguments
	ToolEnd                 // Index, Call, Signature
	UsageReport             // Usage so far; a later one replaces it
	Stopped                 // Stop, Source; last event
)

func (k EventKind) String() string {
	switch k {
	case TextDelta:
		return "text"
	case ThinkingDelta:
		return "thinking"
	case ToolStart:
		return "tool-start"
	case ToolDelta:
		return "tool-delta"
	case ToolEnd:
		return "tool-end"
	case UsageReport:
		return "usage"
	case Stopped:
		return "stopped"
	case EventNone:
		return "none"
	}
	return "none"
}

// Output reports whether the event is something that the model wrote. After
// one, nothing is retried.
func (k EventKind) Output() bool {
	switch k {
	case TextDelta, ThinkingDelta, ToolStart, ToolDelta, ToolEnd, Stopped:
		return true
	case EventNone, UsageReport:
		return false
	}
	return true
}

// Event is one piece of a reply.
type Event struct {
	Kind      EventKind
	Index     int
	Text      string
	Signature string
	Redacted  bool
	Call      ToolCall
	Usage     Usage
	Stop      StopReason
	Source    Source
}

// Source says who answered, which matters after a fallback.
type Source struct {
	API      string // wire format, for example "anthropic-messages"
	Provider string
	Model    string
}

// StopReason says why a reply ended, spelt as in transcripts.
type StopReason string

// Stop reasons.
const (
	StopEnd     StopReason = "stop"
	StopToolUse StopReason = "toolUse"
	StopLength  StopReason = "length"
	StopRefusal StopReason = "refusal"
	StopError   StopReason = "error"
	StopAborted StopReason = "aborted"
)

// Usage counts tokens. Input excludes what came from a cache. Estimated marks
// a count that is ours because the provider reported none.
type Usage struct {
	Input      int     `json:"input"`
	Output     int     `json:"output"`
	CacheRead  int     `json:"cacheRead"`
	CacheWrite int     `json:"cacheWrite"`
	Total      int     `json:"totalTokens"`
	Cost       *Amount `json:"cost,omitempty"`
	Estimated  bool    `json:"estimated,omitempty"`
}

// Sum is the number of all tokens.
func (u Usage) Sum() int { return u.Input + u.Output + u.CacheRead + u.CacheWrite }

// Add returns the sum of two usages, costs included.
func (u Usage) Add(v Usage) Usage {
	sum := Usage{
		Input: u.Input + v.Input, Output: u.Output + v.Output,
		CacheRead: u.CacheRead + v.CacheRead, CacheWrite: u.CacheWrite + v.CacheWrite,
		Total: u.Sum() + v.Sum(), Estimated: u.Estimated || v.Estimated,
	}
	if u.Cost != nil || v.Cost != nil {
		c := Amount{}
		for _, a := range []*Amount{u.Cost, v.Cost} {
			if a != nil {
				c = c.add(*a)
			}
		}
		sum.Cost = &c
	}
	return sum
}

// AtLeast raises each count to that of floor: a provider that under-reports is
// charged by our own count.
func (u Usage) AtLeast(floor Usage) Usage {
	v := u
	if in := u.Input + u.CacheRead + u.CacheWrite; in < floor.Input {
		v.Input += floor.Input - in
		v.Estimated = true
	}
	if u.Output < floor.Output {
		v.Output = floor.Output
		v.Estimated = true
	}
	v.Total = v.Sum()
	return v
}
