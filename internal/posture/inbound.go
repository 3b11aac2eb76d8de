package posture

import (
	"slices"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/json5"
)

// Inbound is who may write to the agents through one account of a channel, as
// it takes effect. Channels that are not built here are read too: another
// gateway may serve the home.
type Inbound struct {
	Channel claw.ChannelID `json:"channel"`
	Account claw.AccountID `json:"account,omitempty"` // "" without accounts
	Ref     claw.ConfigRef `json:"where,omitzero"`
	Built   bool           `json:"built"`
	Enabled bool           `json:"enabled"`
	// DM is pairing, allowlist, open or disabled.
	DM           string         `json:"dm"`
	DMRef        claw.ConfigRef `json:"dmRef,omitzero"`
	AllowFrom    []string       `json:"allowFrom,omitempty"`
	AllowFromRef claw.ConfigRef `json:"allowFromRef,omitzero"`
	// Group is allowlist, open or disabled.
	Group             string         `json:"group"`
	GroupRef          claw.ConfigRef `json:"groupRef,omitzero"`
	GroupAllowFrom    []string       `json:"groupAllowFrom,omitempty"`
	GroupAllowFromRef claw.ConfigRef `json:"groupAllowFromRef,omitzero"`
	// GroupListed: groupAllowFrom is set, be it empty; unset falls back to
	// AllowFrom.
	GroupListed bool           `json:"groupListed,omitempty"`
	Groups      []InboundGroup `json:"groups,omitempty"`
	// RequireMention: groups must address the bot.
	RequireMention    bool           `json:"requireMention"`
	RequireMentionRef claw.ConfigRef `json:"requireMentionRef,omitzero"`
	// NameMatching: display names count as ids (never here).
	NameMatching    bool           `json:"nameMatching,omitempty"`
	NameMatchingRef claw.ConfigRef `json:"nameMatchingRef,omitzero"`
	// ConfigWrites: /config may be used from here (never here).
	ConfigWrites    bool           `json:"configWrites,omitempty"`
	ConfigWritesRef claw.ConfigRef `json:"configWritesRef,omitzero"`
	// Visibility is whose messages become context: all, allowlist,
	// allowlist_quote; "" when nothing says so.
	Visibility    string         `json:"contextVisibility,omitempty"`
	VisibilityRef claw.ConfigRef `json:"contextVisibilityRef,omitzero"`
}

// InboundGroup is one configured group, server or channel.
type InboundGroup struct {
	ID             string         `json:"id"`
	Ref            claw.ConfigRef `json:"where,omitzero"`
	Enabled        bool           `json:"enabled"`
	Policy         string         `json:"policy,omitempty"` // "" inherits
	PolicyRef      claw.ConfigRef `json:"policyRef,omitzero"`
	AllowFrom      []string       `json:"allowFrom,omitempty"`
	RequireMention bool           `json:"requireMention"`
	// Listed: the group has a list of senders of its own, be it empty.
	Listed bool     `json:"listed,omitempty"`
	Roles  []string `json:"roles,omitempty"`
	// Agent that answers there; "" leaves it to the bindings.
	Agent claw.AgentID `json:"agent,omitempty"`
}

// Open reports whether strangers reach an agent through it, by what.
func (i Inbound) Open() (refs []claw.ConfigRef) {
	if !i.Enabled {
		return nil
	}
	switch {
	case i.DM == config.PolicyOpen:
		refs = append(refs, i.DMRef)
	case i.DM != config.PolicyDisabled && slices.Contains(i.AllowFrom, "*"):
		refs = append(refs, i.AllowFromRef)
	}
	if i.Group == config.PolicyOpen {
		refs = append(refs, i.GroupRef)
	}
	for _, g := range i.Groups {
		if g.Enabled && g.Policy == config.PolicyOpen {
			refs = append(refs, g.PolicyRef)
		}
	}
	return refs
}

// OpenGroup is Open for groups alone.
func (i Inbound) OpenGroup() (refs []claw.ConfigRef) {
	i.DM = config.PolicyDisabled
	return i.Open()
}

// notChannels are keys of the channels block that name no channel.
var notChannels = []string{"defaults", "modelByChannel"}

// builtChannels are the channels that this program has or will have.
var builtChannels = []string{"telegram", "discord", "slack", "whatsapp", "webchat"}

// InboundOf lists every account of every channel.
func InboundOf(c *config.Config) []Inbound {
	channels, err := c.Get("channels")
	if err != nil || channels.Kind != json5.Object {
		return nil
	}
	fallback := inboundBlock{node: channels.Get("defaults"), path: "channels.defaults"}
	var out []Inbound
	for _, m := range channels.Members {
		if slices.Contains(notChannels, m.Key) || m.Value.Kind != json5.Object {
			continue
		}
		base := inboundBlock{node: m.Value, path: "channels." + m.Key, above: &fallback}
		accounts := m.Value.Get("accounts")
		if accounts == nil || len(accounts.Members) == 0 {
			out = append(out, base.inbound(claw.ChannelID(m.Key), ""))
			continue
		}
		for _, a := range accounts.Members {
			b := inboundBlock{node: a.Value, path: base.path + ".accounts." + a.Key, above: &base}
			in := b.inbound(claw.ChannelID(m.Key), claw.AccountID(a.Key))
			if on, _ := base.truth(true, "enabled"); !on {
				in.Enabled = false
			}
			out = append(out, in)
		}
	}
	return out
}

// inboundBlock is a channel or account block; above it inherits from.
type inboundBlock struct {
	node  *json5.Node
	path  string
	above *inboundBlock
}

// find is the first of the keys that is set, here or above; keys may be
// dotted.
func (b *inboundBlock) find(keys ...string) (*json5.Node, claw.ConfigRef) {
	for at := b; at != nil; at = at.above {
		if at.node == nil {
			continue
		}
		for _, key := range keys {
			p, err := json5.ParsePath(key)
			if err != nil {
				continue
			}
			if n := at.node.Lookup(p); n != nil && n.Kind != json5.Null {
				return n, refAt(n.Pos, at.path+"."+key)
			}
		}
	}
	return nil, claw.ConfigRef{Pointer: b.path + "." + keys[0]}
}

func refAt(pos json5.Pos, pointer string) claw.ConfigRef {
	r := claw.ConfigRef{Pointer: pointer}
	if pos.File != "" {
		r.File, r.Line, r.Column = pos.File, pos.Line, pos.Column
	}
	return r
}

func (b *inboundBlock) word(otherwise string, keys ...string) (string, claw.ConfigRef) {
	n, ref := b.find(keys...)
	if n == nil || n.Kind != json5.String {
		return otherwise, ref
	}
	return n.Text, ref
}

func (b *inboundBlock) truth(otherwise bool, keys ...string) (bool, claw.ConfigRef) {
	n, ref := b.find(keys...)
	if n == nil || n.Kind != json5.Bool {
		return otherwise, ref
	}
	return n.Bool, ref
}

func (b *inboundBlock) words(keys ...string) ([]string, claw.ConfigRef) {
	n, ref := b.find(keys...)
	if n == nil || n.Kind != json5.Array {
		return nil, ref
	}
	var out []string
	for _, i := range n.Items {
		if i.Kind == json5.String || i.Kind == json5.Number {
			out = append(out, i.Text)
		}
	}
	return out, ref
}

func (b *inboundBlock) inbound(channel claw.ChannelID, account claw.AccountID) Inbound {
	in := Inbound{Channel: channel, Account: account, Built: slices.Contains(builtChannels, string(channel)), Ref: refAt(b.node.Pos, b.path)}
	in.Enabled, _ = b.truth(true, "enabled")
	in.DM, in.DMRef = b.word(config.PolicyPairing, "dmPolicy", "dm.policy")
	if on, _ := b.truth(true, "dm.enabled"); !on {
		in.DM = config.PolicyDisabled
	}
	in.AllowFrom, in.AllowFromRef = b.words("allowFrom", "dm.allowFrom")
	in.Group, in.GroupRef = b.word(config.PolicyAllowlist, "groupPolicy")
	in.GroupAllowFrom, in.GroupAllowFromRef = b.words("groupAllowFrom")
	in.GroupListed = b.lists("groupAllowFrom")
	in.RequireMention, in.RequireMentionRef = b.truth(true, "requireMention")
	in.NameMatching, in.NameMatchingRef = b.truth(false, "dangerouslyAllowNameMatching")
	in.ConfigWrites, in.ConfigWritesRef = b.truth(false, "configWrites")
	in.Visibility, in.VisibilityRef = b.word("", "contextVisibility")
	for _, key := range []string{"groups", "guilds", "channels", "rooms"} {
		n, ref := b.find(key)
		if n == nil || n.Kind != json5.Object {
			continue
		}
		for _, m := range n.Members {
			in.group(inboundBlock{node: m.Value, path: ref.Pointer + "." + m.Key}, m.Key, InboundGroup{Enabled: true, RequireMention: in.RequireMention})
		}
	}
	return in
}

// lists reports whether one of the keys holds a list, be it empty.
func (b *inboundBlock) lists(keys ...string) bool {
	n, _ := b.find(keys...)
	return n != nil
}

// group adds a group and what lies within it; above is what it inherits.
func (i *Inbound) group(b inboundBlock, id string, above InboundGroup) {
	if b.node.Kind != json5.Object {
		return
	}
	g := InboundGroup{ID: id, Ref: refAt(b.node.Pos, b.path)}
	g.Enabled, _ = b.truth(true, "enabled", "allow")
	g.Enabled = g.Enabled && above.Enabled
	g.Policy, g.PolicyRef = b.word(above.Policy, "groupPolicy", "policy")
	if g.PolicyRef.File == "" && above.Policy != "" {
		g.PolicyRef = above.PolicyRef
	}
	g.AllowFrom, _ = b.words("allowFrom", "users")
	g.Roles, _ = b.words("roles")
	if g.Listed = b.lists("allowFrom", "users", "roles"); !g.Listed {
		g.AllowFrom, g.Roles, g.Listed = above.AllowFrom, above.Roles, above.Listed
	}
	g.RequireMention, _ = b.truth(above.RequireMention, "requireMention")
	agent, _ := b.word(string(above.Agent), "agentId")
	g.Agent = claw.AgentID(agent)
	i.Groups = append(i.Groups, g)
	for _, key := range []string{"topics", "channels"} {
		n := b.node.Get(key)
		if n == nil || n.Kind != json5.Object {
			continue
		}
		for _, m := range n.Members {
			i.group(inboundBlock{node: m.Value, path: b.path + "." + key + "." + m.Key}, id+"/"+m.Key, g)
		}
	}
}
