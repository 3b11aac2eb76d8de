// Package inbox admits messages: it gives each sender a standing, finds the
// session that a message belongs to, and has it recorded before an agent reads
// a word of it. What a message says never decides who its sender is.
package inbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/openclaw-go/openclaw/internal/agent"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/journal"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// Bounds of a message.
const (
	MaxText = 1 << 20
	MaxKey  = 512
)

// Errors that name what was wrong with a message. Nothing was queued.
var (
	ErrNoAgent = errors.New("inbox: no such agent")
	ErrClosed  = errors.New("inbox: the agent may not be reached this way")
	ErrKey     = errors.New("inbox: not a session key")
	ErrText    = errors.New("inbox: not a message")
	ErrSender  = errors.New("inbox: not a sender")
)

// Message is what came in, with the sender as the surface authenticated it.
type Message struct {
	Run       claw.RunID
	Principal claw.Principal
	// Agent "" is the session's, or the default one.
	Agent claw.AgentID
	// Session "" is the agent's main session.
	Session claw.SessionKey
	// Place is the conversation of a channel; nil is the sender's own.
	Place *Place
	Text  string
	// Quoted is what the caller put around its message. It is data from
	// outside whoever sent it (R61).
	Quoted []Quote
	// Attached comes along with the text; with it the text may be empty.
	Attached []Attached
	// Labels that the message brings besides those of its sender, and where
	// they came from before: a job brings those of the session that made it, a
	// sub-agent those of its parent (R36).
	Labels     claw.Labels
	Lineage    []claw.Lineage
	Unattended bool
}

// Place is the conversation of a channel that a message was written in.
type Place struct {
	// Key of its session, without an agent.
	Key claw.SessionKey
	// To is where the channel sends a reply.
	To string
	// Readers says who reads what is sent there.
	Readers Readers
}

// Readers of a conversation. The zero value is anybody.
type Readers uint8

// Readers.
const (
	AnyReader  Readers = iota
	SenderOnly         // nobody but who wrote
)

// Quote is one line that a caller says was said.
type Quote struct{ Role, Text string }

// Options of an Inbox. All are required.
type Options struct {
	Rules   func(claw.AgentID) (policy.Rules, bool)
	Default func() claw.AgentID
	Journal Journal
	Engine  Engine
	// Wrap quotes text from outside for a model.
	Wrap func(text, source string) string
}

// Journal has every message before an agent does.
type Journal interface {
	Append(ctx context.Context, e journal.Entry) (journal.Pos, error)
}

// Engine runs turns.
type Engine interface {
	Send(t agent.Turn) (claw.RunID, error)
}

// Inbox admits messages. It is safe for concurrent use.
type Inbox struct{ opt Options }

// New makes an inbox.
func New(opt Options) *Inbox { return &Inbox{opt: opt} }

// Receive admits a message and queues its turn. It returns the run and the
// session it went to.
func (in *Inbox) Receive(ctx context.Context, m Message) (claw.RunID, claw.SessionKey, error) {
	id, key, err := in.route(m)
	if err != nil {
		return "", "", err
	}
	if err := in.reachable(id, m.Principal.Surface); err != nil {
		return "", "", err
	}
	if strings.TrimSpace(m.Text) == "" && len(m.Attached) > 0 {
		m.Text = "(see what is attached)"
	}
	if strings.TrimSpace(m.Text) == "" {
		return "", "", fmt.Errorf("%w: it is empty", ErrText)
	}
	if len(m.Text) > MaxText {
		return "", "", fmt.Errorf("%w: %d bytes, at most %d", ErrText, len(m.Text), MaxText)
	}
	if !utf8.ValidString(m.Text) {
		return "", "", fmt.Errorf("%w: it is not UTF-8", ErrText)
	}
	labels, from := in.labels(m)
	files, err := in.open(m)
	if err != nil {
		return "", "", err
	}
	text := in.text(m, labels) + files.text
	if err := in.record(ctx, m, id, key, labels, files.notes); err != nil {
		return "", "", err
	}
	said := ""
	if typed(m.Principal) {
		said = m.Text
	}
	run, err := in.opt.Engine.Send(agent.Turn{Said: said, Run: m.Run, Agent: id, Session: key, Principal: m.Principal, Text: text, Pictures: files.pictures, Labels: labels, From: from, Lineage: m.Lineage,
		Unattended: m.Unattended, Audience: audience(m, key)})
	return run, key, err
}

// typed reports whether the operator wrote a message with their own hands:
// what a program, a job or another agent sends is nobody's word.
func typed(p claw.Principal) bool {
	if p.Standing != claw.Owner {
		return false
	}
	switch p.Surface {
	case claw.SurfaceCLI, claw.SurfaceWebchat, claw.SurfaceChannel:
		return true
	case claw.SurfaceUnknown, claw.SurfaceHook, claw.SurfaceCron, claw.SurfaceAPI, claw.SurfaceAgent:
		return false
	}
	return false
}

// route gives a message its agent and session. Whoever is not the owner has a
// conversation of their own, and no key that they name opens another one.
func (in *Inbox) route(m Message) (claw.AgentID, claw.SessionKey, error) {
	p := m.Principal
	if m.Place != nil {
		if p.Channel == "" || p.Sender == "" {
			return "", "", fmt.Errorf("%w: a message of a channel needs its sender's id", ErrSender)
		}
		return in.Route(m.Agent, m.Place.Key)
	}
	if p.Standing == claw.Owner {
		return in.Route(m.Agent, m.Session)
	}
	if p.Channel == "" || p.Sender == "" {
		return "", "", fmt.Errorf("%w: a sender who is not the owner needs a channel and an id", ErrSender)
	}
	id, key, err := in.Route(m.Agent, Direct(p.Channel, p.Sender))
	if err == nil && m.Session != "" && m.Session != key {
		err = fmt.Errorf("%w: %q is not the conversation with %s", ErrKey, m.Session, p)
	}
	return id, key, err
}

// Direct is the key, without its agent, of the conversation with one sender of
// a channel. Ids are written so that none can stand for another's key (R57).
func Direct(c claw.ChannelID, s claw.SenderID) claw.SessionKey {
	return claw.SessionKey(component(string(c)) + ":direct:" + component(string(s)))
}

// maxComponent bounds one part of a key; a longer one is named by its hash.
const maxComponent = 64

func component(s string) string {
	if s == "" || len(s) > maxComponent {
		sum := sha256.Sum256([]byte(s))
		return "%" + hex.EncodeToString(sum[:16])
	}
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("._-+@", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02x", c)
		}
	}
	return b.String()
}

// Route finds the agent and session that a message means. A session key is a
// route and never an authorization; what it names must exist and be its own.
func (in *Inbox) Route(id claw.AgentID, key claw.SessionKey) (claw.AgentID, claw.SessionKey, error) {
	owner, err := AgentOf(key)
	if err != nil {
		return "", "", err
	}
	switch {
	case id == "" && owner != "":
		id = owner
	case id == "":
		id = in.opt.Default()
	case owner != "" && owner != id:
		return "", "", fmt.Errorf("%w: %q belongs to agent %q, not to %q", ErrKey, key, owner, id)
	}
	if _, ok := in.opt.Rules(id); !ok {
		return "", "", fmt.Errorf("%w: %q", ErrNoAgent, id)
	}
	switch {
	case key == "" || key == "main":
		key = Main(id)
	case owner == "":
		key = claw.SessionKey("agent:" + string(id) + ":" + string(key))
	}
	if len(key) > MaxKey {
		return "", "", fmt.Errorf("%w: %d bytes with its agent, at most %d", ErrKey, len(key), MaxKey)
	}
	return id, key, nil
}

// Main is the key of an agent's main session.
func Main(id claw.AgentID) claw.SessionKey { return claw.SessionKey("agent:" + string(id) + ":main") }

// AgentOf reads the agent out of a session key; "" when the key names none.
func AgentOf(key claw.SessionKey) (claw.AgentID, error) {
	s := string(key)
	if len(s) > MaxKey {
		return "", fmt.Errorf("%w: %d bytes, at most %d", ErrKey, len(s), MaxKey)
	}
	for _, r := range s {
		if !unicode.IsGraphic(r) || unicode.IsSpace(r) || r == utf8.RuneError {
			return "", fmt.Errorf("%w: %q has a blank, control or invisible character", ErrKey, s)
		}
	}
	rest, ok := strings.CutPrefix(s, "agent:")
	if !ok {
		return "", nil
	}
	id, tail, ok := strings.Cut(rest, ":")
	if !ok || id == "" || tail == "" {
		return "", fmt.Errorf("%w: %q is not agent:ID:NAME", ErrKey, s)
	}
	return claw.AgentID(id), nil
}

func (in *Inbox) reachable(id claw.AgentID, s claw.Surface) error {
	rules, _ := in.opt.Rules(id)
	if rules.Surfaces != nil && !slices.Contains(rules.Surfaces, s) {
		return fmt.Errorf("%w: agent %q is not open to %q (agents.list[].surfaces)", ErrClosed, id, s)
	}
	return nil
}

// labels of a message: those of its sender, and those of what it quotes.
func (in *Inbox) labels(m Message) (claw.Labels, string) {
	l := m.Labels | policy.Arrives(m.Principal) | attachedLabels(m)
	if len(m.Quoted) > 0 {
		l |= claw.Untrusted
	}
	return l, "message from " + m.Principal.String()
}

// ordered reports whether the text of a message stands as the agent's order;
// any other text is quoted. Callers of the API order under the label of what
// is outside.
func ordered(m Message, l claw.Labels) bool {
	if m.Principal.Standing != claw.Owner {
		return false
	}
	return m.Principal.Surface == claw.SurfaceAPI || !policy.Outside(m.Principal.Surface) && (typed(m.Principal) || !l.Has(claw.Untrusted))
}

func (in *Inbox) text(m Message, l claw.Labels) string {
	var b strings.Builder
	for _, q := range m.Quoted {
		b.WriteString(in.opt.Wrap(q.Role+": "+q.Text, "context given by "+m.Principal.String()))
		b.WriteString("\n")
	}
	if ordered(m, l) {
		return b.String() + m.Text
	}
	return b.String() + in.opt.Wrap(m.Text, m.Principal.String())
}

// audience of a message's reply. In a conversation that the owner has with the
// bot alone nobody else reads it.
func audience(m Message, key claw.SessionKey) policy.Send {
	s := Audience(m.Principal, key)
	if m.Place != nil {
		s.To = m.Place.To
		s.OwnersOnly = m.Principal.Standing == claw.Owner && m.Place.Readers == SenderOnly
	}
	return s
}

// Audience says who reads the reply to a message.
func Audience(p claw.Principal, key claw.SessionKey) policy.Send {
	channel := p.Channel
	if channel == "" {
		channel = claw.ChannelID(p.Surface)
	}
	return policy.Send{Channel: channel, To: string(key), OriginOnly: true, OwnersOnly: policy.OwnersRead(p)}
}

func (in *Inbox) record(ctx context.Context, m Message, id claw.AgentID, key claw.SessionKey, l claw.Labels, files []attachedNote) error {
	_, err := in.opt.Journal.Append(ctx, journal.Entry{Event: journal.ChannelMessage, Agent: id, Session: key, Principal: m.Principal, Run: m.Run, Data: struct {
		Direction string         `json:"direction"`
		Labels    claw.Labels    `json:"labels"`
		Bytes     int            `json:"bytes"`
		Quoted    int            `json:"quoted,omitempty"`
		Attached  []attachedNote `json:"attached,omitempty"`
	}{"in", l, len(m.Text), len(m.Quoted), files}})
	return err
}
