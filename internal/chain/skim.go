package chain

import (
	"bytes"
	"strconv"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// Number is the sequence number of a line. Nothing else of it is checked.
func Number(line []byte) (uint64, error) {
	var h Head
	err := h.parse(line)
	return h.Seq, err
}

// Skim is Decode for who reads much and proves nothing: the hash of the line
// is checked, that it is in its one form is not, and neither is its data,
// which shares memory with line.
func Skim(line []byte) (Entry, error) {
	h, err := ParseHead(line)
	if err != nil {
		return Entry{}, err
	}
	e := Entry{Seq: h.Seq, Event: Event(h.Event), Prev: h.Prev, Hash: h.Hash}
	if e.Time, err = time.Parse(timeForm, string(h.Time)); err != nil {
		return Decode(line)
	}
	start := bytes.Index(line, []byte(eventKey)) + len(eventKey) + len(h.Event) + 1
	s := skimmer{b: line[start : len(line)-hashTail-prevTail]}
	e.Agent, e.Session = claw.AgentID(s.field("agent")), claw.SessionKey(s.field("session"))
	if s.key("principal") {
		s.principal(&e.Principal)
	}
	e.Run, e.Call, e.Phase = claw.RunID(s.field("run")), claw.CallID(s.field("call")), Phase(s.field("phase"))
	if s.key("ref") {
		n := bytes.IndexByte(s.b, ',')
		if n < 0 {
			n = len(s.b)
		}
		e.Ref, err = strconv.ParseUint(string(s.b[:n]), 10, 64)
		s.bad = s.bad || err != nil
		s.b = s.b[n:]
	}
	e.Digest, e.Salt = s.field("digest"), s.field("salt")
	if s.key("data") {
		e.Data, s.b = s.b, nil
	}
	if s.bad || len(s.b) > 0 {
		return Decode(line) // escapes, or no entry
	}
	return e, nil
}

// skimmer reads fields that stand in order and need no decoding.
type skimmer struct {
	b   []byte
	bad bool
}

// key passes the name of a field if it is the next one.
func (s *skimmer) key(name string) bool {
	n := len(name) + 4 // ,"name":
	if len(s.b) < n || s.b[0] != ',' || s.b[1] != '"' || string(s.b[2:2+len(name)]) != name || s.b[n-2] != '"' || s.b[n-1] != ':' {
		return false
	}
	s.b = s.b[n:]
	return true
}

// field is the string of a field, "" when another one is next.
func (s *skimmer) field(name string) string {
	if !s.key(name) {
		return ""
	}
	return s.text()
}

func (s *skimmer) text() string {
	if len(s.b) == 0 || s.b[0] != '"' {
		s.bad = true
		return ""
	}
	n := bytes.IndexByte(s.b[1:], '"')
	if n < 0 || bytes.IndexByte(s.b[1:1+n], '\\') >= 0 {
		s.bad = true
		return ""
	}
	out := string(s.b[1 : 1+n])
	s.b = s.b[n+2:]
	return out
}

func (s *skimmer) principal(p *claw.Principal) {
	if len(s.b) == 0 || s.b[0] != '{' {
		s.bad = true
		return
	}
	s.b = s.b[1:]
	var w wirePrincipal
	if !bytes.HasPrefix(s.b, []byte(`"surface":`)) {
		s.bad = true
		return
	}
	s.b = s.b[len(`"surface":`):]
	w.Surface = claw.Surface(s.text())
	w.Standing = s.field("standing")
	w.Channel, w.Account = claw.ChannelID(s.field("channel")), claw.AccountID(s.field("account"))
	w.Sender, w.Device, w.Name = claw.SenderID(s.field("sender")), claw.DeviceID(s.field("device")), s.field("name")
	if len(s.b) == 0 || s.b[0] != '}' {
		s.bad = true
		return
	}
	s.b = s.b[1:]
	*p = w.principal()
}

// Glance reads the fixed parts of a line without its newline and checks
// nothing, not even its hash: for passing over lines that nobody asked for.
func Glance(line []byte) (Head, error) {
	var h Head
	err := h.parse(line)
	return h, err
}
