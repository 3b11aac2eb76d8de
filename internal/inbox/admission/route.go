package admission

import (
	"regexp"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/posture"
)

// Place is where a message was written, for the bindings.
type Place struct {
	Channel claw.ChannelID
	Account claw.AccountID
	Facts   Facts
	Team    string
}

// Agent finds who answers: the binding that says most about the place, the
// first of equals, or else the default. A binding that names no place at all
// answers everything.
func Agent(routes []posture.Route, otherwise claw.AgentID, p Place) claw.AgentID {
	best, found := -1, otherwise
	for i := range routes {
		if n := weight(&routes[i], p); n > best {
			best, found = n, routes[i].Agent
		}
	}
	return found
}

// weight is how much a binding says of a place that it covers, -1 when it does
// not cover it.
func weight(r *posture.Route, p Place) int {
	n := 0
	account := p.Account
	if account == "" {
		account = "default"
	}
	if r.Channel != "" {
		if r.Channel != p.Channel {
			return -1
		}
		n++
	}
	switch {
	case r.Account == "*":
	case r.Account == "":
		if account != "default" && r.Channel != "" {
			return -1
		}
	case r.Account != account:
		return -1
	default:
		n += 2
	}
	for _, c := range []struct {
		want, is string
		n        int
	}{{r.Team, p.Team, 4}, {r.Guild, p.Facts.Server, 8}} {
		if c.want == "" {
			continue
		}
		if c.want != c.is {
			return -1
		}
		n += c.n
	}
	if len(r.Roles) > 0 {
		if !slices.ContainsFunc(r.Roles, func(role string) bool { return slices.Contains(p.Facts.Roles, role) }) {
			return -1
		}
		n += 16
	}
	return peer(r, p, n)
}

func peer(r *posture.Route, p Place, n int) int {
	if r.PeerKind != "" {
		if (r.PeerKind == "direct") != (p.Facts.Kind == Direct) {
			return -1
		}
		n += 32
	}
	if r.PeerID == "" {
		return n
	}
	id := p.Facts.Chat
	if p.Facts.Kind == Direct {
		id = string(p.Facts.Sender)
	}
	switch {
	case r.PeerID == id:
		return n + 64
	case p.Facts.Thread != "" && r.PeerID == id+":topic:"+p.Facts.Thread:
		return n + 128
	case SameID(p.Channel, r.PeerID, id):
		return n + 64
	}
	return -1
}

// Patterns are what counts as a mention besides the channel's own form.
type Patterns []*regexp.Regexp

// Compile reads mention patterns, whatever their case. One that RE2 does not
// take matches nothing, and is in bad.
func Compile(patterns []string, name string) (out Patterns, bad []string) {
	for _, p := range patterns {
		re, err := regexp.Compile("(?i)" + p)
		if err != nil || len(p) > maxPattern {
			bad = append(bad, p)
			continue
		}
		out = append(out, re)
	}
	if len(patterns) == 0 && strings.TrimSpace(name) != "" {
		out = append(out, regexp.MustCompile(`(?i)(^|[^\pL\pN_])@?`+regexp.QuoteMeta(strings.TrimSpace(name))+`($|[^\pL\pN_])`))
	}
	return out, bad
}

const (
	maxPattern = 500
	// maxMatched bounds the text that is looked at.
	maxMatched = 4096
)

// In reports whether a text holds a mention.
func (p Patterns) In(text string) bool {
	text = text[:min(len(text), maxMatched)]
	return slices.ContainsFunc(p, func(re *regexp.Regexp) bool { return re.MatchString(text) })
}

// Session is the key, without its agent, of the conversation with one sender.
// Only the owner's may be shared: whoever else writes has one of his own on
// each channel, whatever the scope says.
func Session(s posture.Scope, p Place, standing claw.Standing, direct func(claw.ChannelID, claw.SenderID) claw.SessionKey) claw.SessionKey {
	own := direct(p.Channel, p.Facts.Sender)
	account := p.Account != "" && p.Account != "default" && s.DM == "per-account-channel-peer"
	switch {
	case account:
		return direct(p.Channel+"/"+claw.ChannelID(p.Account), p.Facts.Sender)
	case standing != claw.Owner:
		return own
	case s.DM == "main":
		return "main"
	case s.DM == "per-peer":
		for name, ids := range s.Links {
			for _, id := range ids {
				if c, rest, ok := strings.Cut(id, ":"); ok && c == string(p.Channel) && SameID(p.Channel, rest, string(p.Facts.Sender)) {
					return direct("link", claw.SenderID(name))
				}
			}
		}
	}
	return own
}
