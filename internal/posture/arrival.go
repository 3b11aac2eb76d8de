package posture

import (
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
)

// Route sends conversations of a channel to an agent; every field that is set
// must hold.
type Route struct {
	Agent   claw.AgentID
	Channel claw.ChannelID
	// Account "*" is any; "" is the default one.
	Account  claw.AccountID
	PeerKind string // direct, group, channel
	PeerID   string
	Guild    string
	Team     string
	Roles    []string
	Where    claw.ConfigRef
}

// RoutesOf lists the bindings of a configuration.
func RoutesOf(c *config.Config) []Route {
	out := make([]Route, 0, len(c.Bindings))
	for i := range c.Bindings {
		b := &c.Bindings[i]
		m := &b.Match
		out = append(out, Route{Agent: claw.AgentID(b.AgentID.V), Channel: claw.ChannelID(m.Channel.V), Account: claw.AccountID(m.AccountID.V),
			PeerKind: m.Peer.Kind.V, PeerID: m.Peer.ID.V, Guild: m.GuildID.V, Team: m.TeamID.V, Roles: config.Strings(m.Roles), Where: b.AgentID.Ref})
	}
	return out
}

// OwnersOf are the operator's ids on a channel. An entry that names no channel
// is nobody's: the same number is another person elsewhere.
func OwnersOf(c *config.Config, channel claw.ChannelID) []string {
	var out []string
	for _, o := range config.Strings(c.Commands.OwnerFrom) {
		if id, ok := strings.CutPrefix(o, string(channel)+":"); ok && id != "" && id != "*" {
			out = append(out, id)
		}
	}
	return out
}

// Scope says which direct messages share a session.
type Scope struct {
	// DM is main, per-peer, per-channel-peer or per-account-channel-peer.
	DM string
	// Links are one person's ids on several channels, "channel:id", by name.
	Links map[string][]string
}

// ScopeOf reads session.dmScope and session.identityLinks.
func ScopeOf(c *config.Config) Scope {
	s := Scope{DM: "per-channel-peer", Links: map[string][]string{}}
	if v := c.Session.DMScope; v.Set {
		s.DM = v.V
	}
	for _, e := range c.Session.IdentityLinks {
		s.Links[e.Key] = config.Strings(e.V)
	}
	return s
}

// MentionsOf are the patterns by which a text addresses an agent: its own, or
// else those of messages.groupChat, or else its name.
func MentionsOf(c *config.Config, a Agent) (patterns []string, name string) {
	for i := range c.Agents.List {
		if g := &c.Agents.List[i].GroupChat; claw.AgentID(c.Agents.List[i].ID.V) == a.ID && g.MentionPatterns.Set {
			return config.Strings(g.MentionPatterns), ""
		}
	}
	for i := range c.Agents.Entries {
		if g := &c.Agents.Entries[i].V.GroupChat; claw.AgentID(c.Agents.Entries[i].Key) == a.ID && g.MentionPatterns.Set {
			return config.Strings(g.MentionPatterns), ""
		}
	}
	if g := &c.Agents.Defaults.GroupChat; g.MentionPatterns.Set {
		return config.Strings(g.MentionPatterns), ""
	}
	if g := &c.Messages.GroupChat; g.MentionPatterns.Set {
		return config.Strings(g.MentionPatterns), ""
	}
	return nil, a.Name
}
