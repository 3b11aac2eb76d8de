package inbox

import (
	"context"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/channel"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/inbox/admission"
)

// Command is a word of an owner's to the gateway itself.
type Command struct {
	Name string // approve, deny, status, stop, new, reset, compact, why, audit
	Args []string
	By   claw.Principal
	// Agent and Session are those of the conversation.
	Agent   claw.AgentID
	Session claw.SessionKey
	// To is where its answer goes.
	To string
}

// reach says where a command may be given.
type reach uint8

const (
	alone    reach = iota // to the bot alone: its answer is for the owner
	anywhere              // it tells nothing
)

// commands of owners. All of them narrow, answer or ask; none loosens a rule.
func commands(name string) (reach, bool) {
	switch name {
	case "approve", "deny", "status", "why", "audit", "help":
		return alone, true
	case "stop", "new", "reset", "compact", "lockdown":
		return anywhere, true
	}
	return alone, false
}

// CommandAge is how old a message may be whose command is carried out.
const CommandAge = 5 * time.Minute

// readCommand reads a whole message as a command: "/name args". A command
// within a text is text.
func readCommand(text string) (Command, bool) {
	text = strings.TrimSpace(text)
	if !strings.HasPrefix(text, "/") || len(text) > 300 || strings.ContainsAny(text, "\n\r") {
		return Command{}, false
	}
	words := strings.Fields(text[1:])
	if len(words) == 0 {
		return Command{}, false
	}
	name := strings.ToLower(strings.TrimSuffix(words[0], ":"))
	if _, ok := commands(name); !ok {
		return Command{}, false
	}
	return Command{Name: name, Args: words[1:]}, true
}

// typedNow reports whether a message is what its sender typed just now, and
// nothing else (R06).
func typedNow(m *channel.Message, now time.Time) bool {
	age := now.Sub(m.At)
	return !m.Edited && !m.Forwarded && !m.ByProgram && !m.Own && m.Quoted == nil && len(m.Files) == 0 && age <= CommandAge && age >= -time.Minute
}

// command carries an owner's command out. One that is not typed just now does
// nothing, and goes to no model either.
func (r *Reception) command(ctx context.Context, v visit, c Command) (bool, error) {
	m := &v.message
	where, _ := commands(c.Name)
	r.count(func(n *Counts) { n.Commands++ })
	switch {
	case !typedNow(m, r.opt.Now()):
		r.opt.Say(*m, "Commands count only in a fresh message of their own: not forwarded, edited, quoted, with a file, or older than five minutes.")
		return true, r.refused(ctx, *m, "command.not_typed_now")
	case where == alone && v.facts.Kind != admission.Direct:
		r.opt.Say(*m, "Write /"+c.Name+" to me directly: others read along here.")
		return true, nil
	}
	id, key, err := r.opt.Inbox.Route(v.agent, v.key())
	if err != nil {
		return false, r.refused(ctx, *m, "admission.no_route")
	}
	c.By, c.Agent, c.Session, c.To = v.principal(), id, key, string(m.Chat.To)
	if answer := r.opt.Obey(ctx, c); answer != "" {
		r.opt.Say(*m, answer)
	}
	return true, nil
}
