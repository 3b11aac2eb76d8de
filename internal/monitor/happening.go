package monitor

import (
	"bytes"
	"encoding/json"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/chain"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/journal"
)

// Kind sorts entries by what they mean here.
type Kind uint8

// Kinds.
const (
	Other Kind = iota
	AuthFailure
	AuthSuccess
	Exec   // a command of an agent is about to run
	Effect // a tool has run, commands included
	ModelCall
	SessionNew
	ConfigChange
	Sealed  // a posture was accepted
	Audited // the nightly audit was made
	Decided
	Answer // to a question
	WentOut
	Labelled
	Alerted
)

// Alert and Sent are the events of alerts.
const (
	EventAlert journal.Event = "alert.raised"
	EventAck   journal.Event = "alert.ack"
	EventSent  journal.Event = "alert.sent"
)

// Happening is one entry of the record as far as it bears on habits and
// counters. Texts in it come from outside.
type Happening struct {
	Seq     uint64
	At      time.Time
	Kind    Kind
	Agent   claw.AgentID
	Session claw.SessionKey
	// Owner: an operator of this home did it.
	Owner bool
	By    string
	// Count of failures.
	Count    int
	Sources  []Source
	Programs []string
	Tool     string
	Verdict  string
	Rule     string
	Status   string
	Level    string
	Took     time.Duration
	// Asked is the entry of the question that an answer belongs to.
	Asked uint64
	// Hash of a configuration's content.
	Hash string
	// What of a configuration, or of a session, changed.
	What       string
	Changes    []string
	Generation string
	Origin     string
}

// Source is where failures came from.
type Source struct {
	Name  string
	Count int
}

// Read sorts a line of the journal. An error is a line that is none.
func Read(line []byte) (Happening, error) {
	e, err := chain.Skim(line)
	if err != nil {
		return Happening{}, err
	}
	h := Happening{Seq: e.Seq, At: e.Time, Agent: e.Agent, Session: e.Session, Owner: e.Principal.Standing == claw.Owner, By: byOf(e.Principal)}
	h.read(&e)
	return h, nil
}

func byOf(p claw.Principal) string {
	if p == (claw.Principal{}) {
		return ""
	}
	return p.String()
}

// read fills in what the event's data says.
func (h *Happening) read(e *chain.Entry) {
	switch string(e.Event) { // others are of no kind here
	case string(journal.AuthFailure):
		h.Kind, h.Count = AuthFailure, max(1, count(e.Data))
		h.Sources = []Source{{text(e.Data, "source"), h.Count}}
	case string(journal.Summary):
		h.summary(e.Data)
	case string(journal.AuthSuccess):
		h.Kind, h.Sources = AuthSuccess, []Source{{text(e.Data, "from"), 1}}
	case string(journal.ExecCommand):
		h.effect(e)
		if e.Phase == journal.Intent {
			h.Kind = Exec
			h.Programs = programs(e.Data)
		}
	case string(journal.ToolInvoke), string(journal.ChannelMessage):
		h.effect(e)
	case string(journal.SecretUse):
		if who := text(e.Data, "for"); strings.HasPrefix(who, "model ") {
			h.Kind, h.Origin = ModelCall, strings.TrimPrefix(who, "model ")
		}
	case string(journal.SessionNew):
		if h.What = text(e.Data, "reason"); h.What == "" {
			h.Kind = SessionNew
		}
	case string(journal.ConfigChange):
		h.Kind, h.What, h.Origin = ConfigChange, text(e.Data, "what"), text(e.Data, "file")
		h.Changes = append(list(e.Data, "keys"), list(e.Data, "changes")...)
		h.Hash = text(e.Data, "hash")
	case string(journal.PostureSeal):
		h.Kind, h.Generation = Sealed, text(value(e.Data, "summary"), "generation")
	case string(journal.Security):
		if text(e.Data, "report") != "" {
			h.Kind, h.Generation = Audited, text(e.Data, "generation")
		}
	case string(journal.Decision):
		h.Kind, h.Verdict, h.Rule, h.Tool = Decided, text(e.Data, "verdict"), text(e.Data, "rule"), text(e.Data, "tool")
	case string(journal.Consent):
		h.Kind, h.Asked, h.Status = Answer, uint64(max(0, number(e.Data, "decision"))), text(e.Data, "state")
	case string(journal.Egress):
		h.Kind, h.Verdict, h.Rule, h.What = WentOut, text(e.Data, "verdict"), text(e.Data, "rule"), text(e.Data, "kind")
		h.Origin = text(value(e.Data, "host"), "name")
	case string(journal.LabelChange):
		h.Kind = Labelled
	case string(EventAlert):
		h.Kind, h.Rule, h.Status = Alerted, text(e.Data, "rule"), text(e.Data, "severity")
	}
}

// effect is the end of a tool's run; its beginning counts only for commands.
func (h *Happening) effect(e *chain.Entry) {
	h.Tool = text(e.Data, "tool")
	if e.Phase != journal.Outcome {
		return
	}
	h.Kind, h.Status = Effect, text(e.Data, "status")
	h.Took = time.Duration(number(e.Data, "tookMs")) * time.Millisecond
	h.Level = text(value(e.Data, "run"), "enforced")
}

// summary counts what was not written one by one. Those of unknown sources are
// taken for failed sign-ins when any of the known ones is.
func (h *Happening) summary(data json.RawMessage) {
	var s journal.SummaryData
	if json.Unmarshal(data, &s) != nil {
		return
	}
	for _, x := range s.Sources {
		if x.Event == journal.AuthFailure {
			h.Kind = AuthFailure
			h.Count += x.Count
			h.Sources = append(h.Sources, Source{x.Source, x.Count})
		}
	}
	if h.Kind == AuthFailure {
		h.Count += s.Others
	}
}

// programs are the names of what a command starts.
func programs(data json.RawMessage) []string {
	var argv [][]string
	if json.Unmarshal(value(data, "command"), &argv) != nil {
		return nil
	}
	var out []string
	for _, a := range argv {
		if len(a) > 0 {
			out = append(out, path.Base(a[0]))
		}
	}
	return out
}

// value is a field of an object, without reading what stands in the others: a
// field of the same name deeper inside is another one. nil when it is absent.
func value(object []byte, key string) json.RawMessage {
	b := object
	if len(b) < 2 || b[0] != '{' {
		return nil
	}
	b = b[1:]
	for len(b) > 0 && b[0] == '"' {
		n := stringEnd(b)
		if n < 0 || n >= len(b) || b[n] != ':' {
			return nil
		}
		name := b[1 : n-1]
		b = b[n+1:]
		end := valueEnd(b)
		if end < 0 {
			return nil
		}
		if string(name) == key {
			return json.RawMessage(b[:end])
		}
		b = b[end:]
		if len(b) == 0 || b[0] != ',' {
			return nil
		}
		b = b[1:]
	}
	return nil
}

// stringEnd is behind the closing quote of a string; -1 when there is none.
func stringEnd(b []byte) int {
	for i := 1; i < len(b); {
		n := bytes.IndexAny(b[i:], `"\`)
		if n < 0 {
			return -1
		}
		i += n
		if b[i] == '"' {
			return i + 1
		}
		i += 2
	}
	return -1
}

// valueEnd is behind a value.
func valueEnd(b []byte) int {
	depth := 0
	for i := 0; i < len(b); {
		switch b[i] {
		case '"':
			n := stringEnd(b[i:])
			if n < 0 {
				return -1
			}
			i += n
			if depth == 0 {
				return i
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',':
			if depth == 0 {
				return i
			}
		}
		i++
	}
	return -1
}

func text(object []byte, key string) string {
	v := value(object, key)
	if len(v) < 2 || v[0] != '"' {
		return ""
	}
	if raw := v[1 : len(v)-1]; bytes.IndexByte(raw, '\\') < 0 {
		return string(raw)
	}
	var s string
	if json.Unmarshal(v, &s) != nil {
		return ""
	}
	return s
}

// count of failures that stand in one entry, written as text.
func count(object []byte) int {
	n, err := strconv.Atoi(text(object, "count"))
	if err != nil {
		return 0
	}
	return min(n, 1_000_000)
}

func number(object []byte, key string) int64 {
	var n int64
	if json.Unmarshal(value(object, key), &n) != nil {
		return 0
	}
	return n
}

func list(object []byte, key string) []string {
	var out []string
	if v := value(object, key); v == nil || json.Unmarshal(v, &out) != nil {
		return nil
	}
	return out
}
