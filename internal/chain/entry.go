// Package chain is the form of a tamper-evident journal: the encoding of its
// entries, the links between them, the signed checkpoints over them. It
// refuses to open a file, to read a clock, or to call anything intact that it
// has not measured.
//
// An entry is one line of JSON with its fields in a fixed order. Its hash is
// the last field, SHA-256 over the bytes of the line before `,"hash":`; prev is
// the hash of the entry before it. The leaf of an entry in the Merkle tree
// (RFC 6962) is the exact bytes of its line without the newline.
package chain

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// Version is the value of an entry's field v.
const Version = 1

// MaxLine bounds the bytes of one entry's line. A longer line is no entry.
const MaxLine = 1 << 20

// Hash links entries. The zero Hash stands before the first entry.
type Hash [sha256.Size]byte

func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// Event names what an entry tells of: lower-case words joined by dots.
type Event string

// Events that carry the journal's own structure; Verify reads their data.
const (
	// EventCheckpoint opens every segment: data is a Link.
	EventCheckpoint Event = "checkpoint"
	// EventDrop announces that the oldest segments go: data is a Drop.
	EventDrop Event = "journal.drop"
)

// Phase tells the two entries of one effect apart. The zero value is an entry
// that stands alone.
type Phase string

// Phases. An intent is durable before its effect begins; its outcome names it
// by Ref.
const (
	Single  Phase = ""
	Intent  Phase = "intent"
	Outcome Phase = "outcome"
)

// Entry is one decoded line. Only Encode and Decode make lines and entries of
// each other; Hash is what the line says and has been checked.
type Entry struct {
	Seq       uint64
	Time      time.Time // UTC, nanoseconds
	Event     Event
	Agent     claw.AgentID
	Session   claw.SessionKey
	Principal claw.Principal // zero: nobody stands behind it but the gateway
	Run       claw.RunID
	Call      claw.CallID
	Phase     Phase
	Ref       uint64 // of an outcome: the Seq of its intent
	Digest    string // keyed, salted digest in hex; "" for none
	Salt      string // hex
	Data      json.RawMessage
	Prev      Hash
	Hash      Hash
}

// Link is the data of an EventCheckpoint entry: which segment begins here and
// the signed checkpoint over everything before it.
type Link struct {
	Segment uint64 `json:"segment"`
	Epoch   uint64 `json:"epoch"`
	Size    uint64 `json:"size"`
	Note    string `json:"note"`
}

// Drop is the data of an EventDrop entry: everything through Through may be
// missing from now on.
type Drop struct {
	Through uint64 `json:"through"`
	Reason  string `json:"reason"`
	Bytes   int64  `json:"bytes"`
}

const (
	timeForm  = "2006-01-02T15:04:05.000000000Z"
	headStart = `{"v":1,"seq":`
	timeKey   = `,"time":"`
	eventKey  = `","event":"`
	prevKey   = `,"prev":"`
	hashKey   = `,"hash":"`
	hexLen    = 2 * sha256.Size
	// hashTail is `,"hash":"<64 hex>"}`; prevTail is what stands before it.
	hashTail = len(hashKey) + hexLen + 2
	prevTail = len(prevKey) + hexLen + 1
)

// ErrEntry is wrapped by every error about bytes that are no entry.
var ErrEntry = errors.New("not a journal entry")

func malformed(format string, args ...any) error {
	return fmt.Errorf("chain: %w: %s", ErrEntry, fmt.Sprintf(format, args...))
}

// Encode appends the line of e, without a newline, to dst and returns it with
// the entry's hash. e.Hash is ignored. It fails when a field cannot stand in a
// line: an event that is no event name, data that is no JSON object, a line
// longer than MaxLine.
func Encode(dst []byte, e *Entry) ([]byte, Hash, error) {
	if err := e.check(); err != nil {
		return dst, Hash{}, err
	}
	start := len(dst)
	dst = append(dst, headStart...)
	dst = strconv.AppendUint(dst, e.Seq, 10)
	dst = append(dst, timeKey...)
	dst = e.Time.UTC().AppendFormat(dst, timeForm)
	dst = append(dst, eventKey...)
	dst = append(dst, e.Event...)
	dst = append(dst, '"')
	dst = appendField(dst, "agent", string(e.Agent))
	dst = appendField(dst, "session", string(e.Session))
	if e.Principal != (claw.Principal{}) {
		dst = appendPrincipal(append(dst, `,"principal":`...), e.Principal)
	}
	dst = appendField(dst, "run", string(e.Run))
	dst = appendField(dst, "call", string(e.Call))
	dst = appendField(dst, "phase", string(e.Phase))
	if e.Phase == Outcome {
		dst = strconv.AppendUint(append(dst, `,"ref":`...), e.Ref, 10)
	}
	dst = appendField(dst, "digest", e.Digest)
	dst = appendField(dst, "salt", e.Salt)
	if len(e.Data) > 0 {
		var err error
		if dst, err = Rewrite(append(dst, `,"data":`...), e.Data, nil); err != nil {
			return dst[:start], Hash{}, err
		}
	}
	dst = hex.AppendEncode(append(dst, prevKey...), e.Prev[:])
	dst = append(dst, '"')
	h := Hash(sha256.Sum256(dst[start:]))
	dst = hex.AppendEncode(append(dst, hashKey...), h[:])
	dst = append(dst, `"}`...)
	if n := len(dst) - start; n > MaxLine {
		return dst[:start], Hash{}, malformed("line has %d bytes, at most %d fit", n, MaxLine)
	}
	return dst, h, nil
}

func (e *Entry) check() error {
	if !validEvent([]byte(e.Event)) {
		return malformed("event %q is not lower-case words joined by dots", e.Event)
	}
	if y := e.Time.UTC().Year(); y < 0 || y > 9999 {
		return malformed("year %d has no four digits", y)
	}
	if e.Phase != Single && e.Phase != Intent && e.Phase != Outcome {
		return malformed("phase %q is not one of intent, outcome", e.Phase)
	}
	if e.Phase != Outcome && e.Ref != 0 {
		return malformed("phase %q with ref %d: only an outcome refers to an intent", e.Phase, e.Ref)
	}
	if e.Phase == Outcome && e.Ref >= e.Seq {
		return malformed("outcome %d refers to %d, which does not stand before it", e.Seq, e.Ref)
	}
	if !isHex(e.Digest) || !isHex(e.Salt) {
		return malformed("digest %q or salt %q is not lower-case hex", e.Digest, e.Salt)
	}
	if d := bytes.TrimLeft(e.Data, " \t\r\n"); len(e.Data) > 0 && (len(d) == 0 || d[0] != '{') {
		return malformed("data is not a JSON object")
	}
	return nil
}

func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return len(s)%2 == 0
}

func validEvent(b []byte) bool {
	if len(b) == 0 || len(b) > 64 || b[0] == '.' || b[len(b)-1] == '.' {
		return false
	}
	for _, c := range b {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '_' {
			return false
		}
	}
	return true
}

func appendField(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	dst = append(append(append(dst, `,"`...), name...), `":`...)
	return appendString(dst, value)
}

func appendPrincipal(dst []byte, p claw.Principal) []byte {
	dst = appendString(append(dst, `{"surface":`...), string(p.Surface))
	dst = appendString(append(dst, `,"standing":`...), p.Standing.String())
	dst = appendField(dst, "channel", string(p.Channel))
	dst = appendField(dst, "account", string(p.Account))
	dst = appendField(dst, "sender", string(p.Sender))
	dst = appendField(dst, "device", string(p.Device))
	dst = appendField(dst, "name", p.Name)
	return append(dst, '}')
}

// Head is what the links of a line are made of.
type Head struct {
	Seq   uint64
	Event []byte // part of the line
	Time  []byte // part of the line
	Prev  Hash
	Hash  Hash
}

// ParseHead reads the fixed parts of a line without its newline and checks
// that its hash is the hash of its bytes. It does not look at what lies
// between event and prev.
func ParseHead(line []byte) (Head, error) {
	var h Head
	if err := h.parse(line); err != nil {
		return Head{}, err
	}
	if Hash(sha256.Sum256(line[:len(line)-hashTail])) != h.Hash {
		return Head{}, malformed("hash is not the hash of the line")
	}
	return h, nil
}

func (h *Head) parse(line []byte) error {
	if len(line) > MaxLine {
		return malformed("line has %d bytes, at most %d fit", len(line), MaxLine)
	}
	if len(line) < len(headStart)+hashTail+prevTail || string(line[:len(headStart)]) != headStart {
		return malformed("line does not begin with %s", headStart)
	}
	tail := line[len(line)-hashTail-prevTail:]
	if string(tail[:len(prevKey)]) != prevKey || tail[prevTail-1] != '"' ||
		string(tail[prevTail:prevTail+len(hashKey)]) != hashKey || string(tail[len(tail)-2:]) != `"}` ||
		!unhex(&h.Prev, tail[len(prevKey):]) || !unhex(&h.Hash, tail[prevTail+len(hashKey):]) {
		return malformed("line does not end with prev and hash")
	}
	rest := line[len(headStart) : len(line)-hashTail-prevTail]
	i := 0
	for i < len(rest) && rest[i] >= '0' && rest[i] <= '9' {
		if i > 18 {
			return malformed("seq is too large")
		}
		h.Seq = h.Seq*10 + uint64(rest[i]-'0')
		i++
	}
	if i == 0 || rest[0] == '0' && i > 1 {
		return malformed("seq is not a number")
	}
	rest = rest[i:]
	if len(rest) < len(timeKey)+len(timeForm)+len(eventKey) || string(rest[:len(timeKey)]) != timeKey {
		return malformed("time does not follow seq")
	}
	h.Time = rest[len(timeKey) : len(timeKey)+len(timeForm)]
	rest = rest[len(timeKey)+len(timeForm):]
	if string(rest[:len(eventKey)]) != eventKey {
		return malformed("event does not follow time")
	}
	rest = rest[len(eventKey):]
	end := bytes.IndexByte(rest, '"')
	if end < 0 || !validEvent(rest[:end]) {
		return malformed("event is not a name")
	}
	h.Event = rest[:end]
	return nil
}

func unhex(dst *Hash, src []byte) bool {
	for i := range dst {
		a, b := nibble(src[2*i]), nibble(src[2*i+1])
		if a|b > 15 {
			return false
		}
		dst[i] = a<<4 | b
	}
	return true
}

func nibble(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	}
	return 0xff
}

type wireEntry struct {
	V         int             `json:"v"`
	Seq       uint64          `json:"seq"`
	Time      time.Time       `json:"time"`
	Event     Event           `json:"event"`
	Agent     claw.AgentID    `json:"agent"`
	Session   claw.SessionKey `json:"session"`
	Principal wirePrincipal   `json:"principal"`
	Run       claw.RunID      `json:"run"`
	Call      claw.CallID     `json:"call"`
	Phase     Phase           `json:"phase"`
	Ref       uint64          `json:"ref"`
	Digest    string          `json:"digest"`
	Salt      string          `json:"salt"`
	Data      json.RawMessage `json:"data"`
}

// wirePrincipal reads a standing by its word; an unknown word is a stranger.
type wirePrincipal struct {
	Surface  claw.Surface   `json:"surface"`
	Standing string         `json:"standing"`
	Channel  claw.ChannelID `json:"channel"`
	Account  claw.AccountID `json:"account"`
	Sender   claw.SenderID  `json:"sender"`
	Device   claw.DeviceID  `json:"device"`
	Name     string         `json:"name"`
}

func (w wirePrincipal) principal() claw.Principal {
	p := claw.Principal{Surface: w.Surface, Channel: w.Channel, Account: w.Account, Sender: w.Sender, Device: w.Device, Name: w.Name}
	for _, s := range []claw.Standing{claw.Member, claw.Paired, claw.Owner} {
		if s.String() == w.Standing {
			p.Standing = s
		}
	}
	return p
}

// Decode reads one line without its newline. It accepts exactly the lines that
// Encode writes: fields in order, no unknown or repeated ones, the hash right.
func Decode(line []byte) (Entry, error) {
	h, err := ParseHead(line)
	if err != nil {
		return Entry{}, err
	}
	var w wireEntry
	if err := json.Unmarshal(line, &w); err != nil {
		return Entry{}, malformed("%v", err)
	}
	e := Entry{Seq: h.Seq, Time: w.Time, Event: w.Event, Agent: w.Agent, Session: w.Session, Principal: w.Principal.principal(),
		Run: w.Run, Call: w.Call, Phase: w.Phase, Ref: w.Ref, Digest: w.Digest, Salt: w.Salt, Data: w.Data, Prev: h.Prev, Hash: h.Hash}
	again, _, err := Encode(make([]byte, 0, len(line)), &e)
	if err != nil {
		return Entry{}, err
	}
	if !bytes.Equal(again, line) {
		return Entry{}, malformed("line is not in its one form")
	}
	return e, nil
}
