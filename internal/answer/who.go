package answer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/inbox/admission"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// Class is a class of senders: all of one class are treated alike.
type Class string

// Classes. On the surfaces without channel there is one each.
const (
	Owner       Class = "owner"
	Paired      Class = "paired"
	Allowlisted Class = "allowlisted"
	Stranger    Class = "stranger"
	Member      Class = "member"
	Cron        Class = "cron"
	Hook        Class = "hook"
	API         Class = "api"
)

// channelClasses in the order of a table.
var channelClasses = [...]Class{Owner, Paired, Allowlisted, Member, Stranger}

// Sender is one class of senders at one door.
type Sender struct {
	Class Class `json:"class"`
	// ID is a person's id when the question named one.
	ID   claw.SenderID `json:"id,omitempty"`
	Door *Door         `json:"-"`
}

// String names the sender as a question does: "telegram:stranger", "cli".
func (s Sender) String() string {
	if s.Door.Channel == "" {
		return string(s.Door.Surface)
	}
	if s.ID != "" {
		return s.Door.Name() + ":" + string(s.ID)
	}
	return s.Door.Name() + ":" + string(s.Class)
}

// MarshalText prints String.
func (s Sender) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Principal that stands behind such a sender's message.
func (s Sender) Principal() claw.Principal {
	p := claw.Principal{Surface: s.Door.Surface, Channel: s.Door.Channel, Account: s.Door.Account, Sender: s.ID}
	switch s.Class {
	case Owner, API, Cron:
		p.Standing = claw.Owner
	case Paired, Allowlisted:
		p.Standing = claw.Paired
	case Member:
		p.Standing = claw.Member
	case Stranger:
	case Hook:
		p.Channel = "hooks"
	}
	if p.Channel != "" && p.Sender == "" {
		p.Sender = claw.SenderID(s.Class)
	}
	return p
}

// unattended reports whether nobody is there to be asked.
func (s Sender) unattended() bool { return s.Class == Cron || s.Class == Hook }

// Senders lists every class at every door.
func (w *World) Senders() []Sender {
	var out []Sender
	for i := range w.Doors {
		d := &w.Doors[i]
		switch d.Surface {
		case claw.SurfaceChannel:
			for _, c := range channelClasses {
				out = append(out, Sender{Class: c, Door: d})
			}
		case claw.SurfaceCLI, claw.SurfaceWebchat:
			out = append(out, Sender{Class: Owner, Door: d})
		case claw.SurfaceAPI:
			out = append(out, Sender{Class: API, Door: d})
		case claw.SurfaceHook:
			out = append(out, Sender{Class: Hook, Door: d})
		case claw.SurfaceCron:
			out = append(out, Sender{Class: Cron, Door: d})
		case claw.SurfaceUnknown, claw.SurfaceAgent:
		}
	}
	return out
}

// WhoHelp says what a question may name.
const WhoHelp = `owner, cli, webchat, api, hook, cron, anyone (all but the owner),
CHANNEL:stranger, CHANNEL:paired, CHANNEL:allowlisted, CHANNEL:member (of a
group), CHANNEL:owner, CHANNEL:ID; CHANNEL/ACCOUNT: for one account; a class
alone means every channel`

// Who reads the senders that a question means.
func (w *World) Who(text string) ([]Sender, error) {
	word := strings.ToLower(strings.TrimSpace(text))
	if word == "" {
		return nil, fmt.Errorf("answer: nobody is named; expected one of %s", WhoHelp)
	}
	pick := func(keep func(Sender) bool) []Sender {
		return slices.DeleteFunc(w.Senders(), func(s Sender) bool { return !keep(s) })
	}
	door, id, onChannel := strings.Cut(word, ":")
	if onChannel {
		return w.onChannel(door, id, text)
	}
	switch word {
	case "owner":
		return pick(func(s Sender) bool { return s.Class == Owner }), nil
	case "anyone", "anybody":
		return pick(func(s Sender) bool { return s.Class != Owner && s.Class != API && s.Class != Cron }), nil
	case "cli", "webchat", "api", "cron":
		return pick(func(s Sender) bool { return s.Door.Channel == "" && string(s.Door.Surface) == word }), nil
	case "hook", "hooks":
		return pick(func(s Sender) bool { return s.Class == Hook }), nil
	}
	if c, ok := classOf(word); ok {
		out := pick(func(s Sender) bool { return s.Door.Channel != "" && s.Class == c })
		if len(out) == 0 {
			out = []Sender{{Class: c, Door: &Door{Surface: claw.SurfaceChannel, Channel: "any", Closed: "no channel is configured"}}}
		}
		return out, nil
	}
	return nil, fmt.Errorf("answer: %q is no sender; expected one of %s", text, WhoHelp)
}

func (w *World) onChannel(door, id, text string) ([]Sender, error) {
	var out []Sender
	for i := range w.Doors {
		d := &w.Doors[i]
		if d.Channel == "" || door != strings.ToLower(d.Name()) && door != strings.ToLower(string(d.Channel)) {
			continue
		}
		if id == "" {
			return nil, fmt.Errorf("answer: %q names nobody on %s; expected one of %s", text, d.Name(), WhoHelp)
		}
		if c, ok := classOf(id); ok {
			out = append(out, Sender{Class: c, Door: d})
			continue
		}
		out = append(out, d.person(claw.SenderID(id)))
	}
	if len(out) == 0 {
		c, ok := classOf(id)
		if !ok {
			c = Stranger
		}
		out = []Sender{{Class: c, Door: &Door{Surface: claw.SurfaceChannel, Channel: claw.ChannelID(door), Closed: fmt.Sprintf("channel %q is not configured", door)}}}
	}
	return out, nil
}

// person finds the class of one id, in whichever case it was written.
func (d *Door) person(id claw.SenderID) Sender {
	s := Sender{Class: Stranger, ID: id, Door: d}
	in := func(list []string) bool {
		return slices.ContainsFunc(list, func(o string) bool {
			return strings.EqualFold(o, string(id)) || admission.SameID(d.Channel, o, string(id))
		})
	}
	switch {
	case in(d.Owners):
		s.Class = Owner
	case d.Inbound != nil && in(d.Inbound.AllowFrom):
		s.Class = Allowlisted
	case in(d.Paired.IDs) || d.Paired.Problem != "":
		s.Class = Paired
	}
	return s
}

func classOf(word string) (Class, bool) {
	switch word {
	case "stranger", "unpaired", "unknown":
		return Stranger, true
	case "member", "group":
		return Member, true
	case "paired":
		return Paired, true
	case "allowlisted", "listed":
		return Allowlisted, true
	case "owner":
		return Owner, true
	}
	return "", false
}

// start is where a sender's message begins to act.
type start struct {
	agent     claw.AgentID
	principal claw.Principal
	labels    claw.Labels
	audience  policy.Send
	alone     bool // nobody is there to be asked
	admission Ruling
	routed    claw.ConfigRef
}

// starts are the agents that a sender reaches, or the ruling that keeps it
// out.
func (w *World) starts(s Sender, only claw.AgentID) ([]start, Ruling) {
	r := s.Door.admits(s.Class)
	if r.Verdict == policy.Deny {
		return nil, r
	}
	p := s.Principal()
	base := start{principal: p, labels: policy.Arrives(p), alone: s.unattended(), admission: r,
		audience: policy.Send{Channel: p.Channel, To: s.String(), OriginOnly: true, OwnersOnly: policy.OwnersRead(p)}}
	if base.audience.Channel == "" {
		base.audience.Channel = claw.ChannelID(p.Surface)
	}
	var out []start
	for _, a := range w.agents(only) {
		at := base
		at.agent = a.ID
		if s.Door.Agents != nil {
			i := slices.IndexFunc(s.Door.Agents, func(r Route) bool { return r.Agent == a.ID })
			if i < 0 {
				continue
			}
			at.routed = s.Door.Agents[i].Where
		}
		out = append(out, at)
	}
	if len(out) == 0 {
		return nil, Ruling{Layer: policy.LayerSender, Rule: "admission.not_routed", Where: s.Door.Where}
	}
	return out, r
}

// Admitted is the ruling about whether the sender's messages come in at all.
func (s Sender) Admitted() Ruling { return s.Door.admits(s.Class) }
