// Package channel is what every chat channel has in common. It refuses to let a
// text leave in pieces that break its code fences, or an error leave with a
// token.
package channel

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// Channel is one account of a chat service. Receive may be called once; Send
// and what the optional interfaces have are safe for concurrent use.
type Channel interface {
	// Receive hands every message and press to s, in order, until ctx is done.
	// It connects again by itself, and returns early only when it can never
	// succeed: *Fatal.
	Receive(ctx context.Context, s Sink) error
	// Send sends a text, in as many messages as it takes, and gives them in
	// order. On an error it gives those that were sent.
	Send(ctx context.Context, to Target, o Outgoing) ([]Ref, error)
	Limits() Limits
	// Status is what the account is doing now.
	Status() Status
}

// Editor can change a message that it sent.
type Editor interface {
	Edit(ctx context.Context, r Ref, text string) error
}

// Asker can show buttons. What is pressed comes to Sink.Press.
type Asker interface {
	Ask(ctx context.Context, to Target, text string, buttons []Button) (Ref, error)
	// Settle takes the buttons away and says what became of the question.
	Settle(ctx context.Context, r Ref, text string) error
}

// Typist can show that an answer is on its way.
type Typist interface {
	Typing(ctx context.Context, to Target) error
}

// Sink takes what a channel receives.
type Sink interface {
	// Receive takes a message. Once it returned nil the message is never
	// handed over again; after an error it is, later. Lasting reports that
	// something came of it, so that the position is saved at once.
	Receive(ctx context.Context, m Message) (lasting bool, err error)
	// Press takes a press of a button and gives what the presser is told.
	Press(ctx context.Context, p Press) string
}

// Target is a conversation, in the form that the channel sends to
// ("-1001:topic:42"). It is a route and no authorization.
type Target string

// Kind of a conversation; the zero value is unknown.
type Kind string

// Kinds.
const (
	Direct Kind = "direct"
	Group  Kind = "group"
)

// Chat is where a message was written.
type Chat struct {
	Kind Kind
	ID   string
	// Server is the id of what the chat lies in, on channels that have that.
	Server string
	Thread string
	Team   string
	// Title is for people to read.
	Title string
	To    Target
}

// Sender is who wrote, by stable id. Name and Username are for people to read.
type Sender struct {
	ID             claw.SenderID
	Name, Username string
	Roles          []string
	// Program: a bot or an automatic sender.
	Program bool
}

// Message is what came in. All of it is written by others, but for the ids and
// flags, which the channel's service vouches for.
type Message struct {
	Channel claw.ChannelID
	Account claw.AccountID
	// ID is the service's, unique within the chat.
	ID     string
	At     time.Time
	Chat   Chat
	Sender Sender
	Text   string
	// Mentioned: the message addresses the bot in the service's own form.
	Mentioned bool
	// What the text is not: typed just now by its sender.
	Edited, Forwarded, ByProgram bool
	// Own: the account itself sent it.
	Own bool
	// Quoted is the message that this one answers.
	Quoted *Quoted
	Files  []File
}

// Quoted is an earlier message that a new one answers.
type Quoted struct {
	ID     string
	Sender Sender
	Text   string
	Own    bool
}

// File comes along with a message; its content is fetched when it is wanted.
type File struct {
	Name, MIME string
	// Size as the service says it; 0 unknown.
	Size int64
	// Open gives the content, at most limit bytes; a larger one is ErrTooLarge.
	Open func(ctx context.Context, limit int64) ([]byte, error)
}

// Press is a button that somebody pressed.
type Press struct {
	Channel claw.ChannelID
	Account claw.AccountID
	By      Sender
	// On is the message that has the button.
	On   Ref
	Data string
}

// Button is one choice. Data is at most MaxData bytes.
type Button struct{ Text, Data string }

// MaxData bounds the data of a button on every channel.
const MaxData = 64

// Outgoing is one text on its way out.
type Outgoing struct {
	Text string
	// Answers is the id of the message that is answered, shown as a quote.
	Answers string
	Files   []Outfile
}

// Outfile is a file on its way out.
type Outfile struct {
	Name, MIME string
	Data       []byte
}

// Ref names a message that was sent.
type Ref struct {
	To Target
	// Chat is the service's id of the conversation.
	Chat string
	ID   string
}

// Limits of a channel.
type Limits struct {
	// Text is the longest message, in the service's own units; Units counts
	// them.
	Text  int
	Units func(string) int
	// File is the largest file that is sent or fetched.
	File int64
}

// State of an account.
type State string

// States.
const (
	Starting  State = "starting"
	Connected State = "connected"
	Waiting   State = "reconnecting"
	Down      State = "down"
)

// Status is what an account is doing.
type Status struct {
	State   State     `json:"state"`
	Problem string    `json:"problem,omitempty"`
	Since   time.Time `json:"since,omitzero"`
	// Name is the account's own on the service.
	Name string `json:"name,omitempty"`
}

// Errors that a caller may branch on.
var (
	// ErrTooLarge: a file is larger than may be.
	ErrTooLarge = errors.New("channel: file too large")
	// ErrTarget: the text names no conversation.
	ErrTarget = errors.New("channel: not a target")
	// ErrRefused: the service will not do this, now or later.
	ErrRefused = errors.New("channel: refused by the service")
)

// Fatal ends an account: trying again cannot help.
type Fatal struct {
	Problem string
	Hint    string
}

func (f *Fatal) Error() string { return "channel: " + f.Problem }

// Secret lends a token for the time of one call.
type Secret func(use func(token string) error) error

// Mask takes a token out of an error's text, whichever form it has there. The
// error keeps nothing else of what it wrapped but the sentinels of this
// package and those of context.
func Mask(err error, token string) error {
	if err == nil || token == "" {
		return err
	}
	text := MaskText(err.Error(), token)
	for _, known := range []error{context.Canceled, context.DeadlineExceeded, ErrTooLarge, ErrTarget, ErrRefused} {
		if errors.Is(err, known) {
			return &masked{text, known}
		}
	}
	var fatal *Fatal
	if errors.As(err, &fatal) {
		return &Fatal{Problem: strings.TrimPrefix(text, "channel: "), Hint: fatal.Hint}
	}
	return errors.New(text)
}

// MaskText takes a token out of a text.
func MaskText(text, token string) string {
	if token == "" {
		return text
	}
	for _, form := range forms(token) {
		text = strings.ReplaceAll(text, form, "[redacted]")
	}
	return text
}

type masked struct {
	text string
	is   error
}

func (m *masked) Error() string { return m.text }
func (m *masked) Unwrap() error { return m.is }

// forms are the ways in which a token may stand in a text: as it is, its
// secret part alone, and as a URL spells it.
func forms(token string) []string {
	out := []string{token, strings.ReplaceAll(token, ":", "%3A"), strings.ReplaceAll(token, ":", "%3a"), fmt.Sprintf("%+q", token)}
	if _, secret, ok := strings.Cut(token, ":"); ok && len(secret) >= 8 {
		out = append(out, secret)
	}
	return out
}
