// Package admission judges whether a message from a channel is read, by rules
// and pairings alone. It admits nobody whom no rule names: a sender without a
// stable id, another program, or a policy that it does not know is refused.
package admission

import (
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/posture"
)

// Kind of a conversation. The zero value is unknown and admits nothing.
type Kind string

// Kinds.
const (
	Direct Kind = "direct"
	Group  Kind = "group"
)

// Facts of a message as the channel authenticated it. Display names are no
// part of them.
type Facts struct {
	Sender claw.SenderID
	// Roles that the channel says the sender has.
	Roles []string
	Kind  Kind
	// Chat is the id of a group; Server, where the channel has them, the id of
	// what it lies in; Thread that of a topic within it.
	Chat, Server, Thread string
	// Mentioned: the message addresses the bot. Where that cannot be told it
	// is false.
	Mentioned bool
	// Program: another bot or an automatic sender. Own: the account's own.
	Program, Own bool
}

// Rules of one account of a channel.
type Rules struct {
	Inbound posture.Inbound
	// Owners are the operator's ids on the channel.
	Owners []string
	// Paired are the ids that the pairing store lets in.
	Paired []string
}

// Verdict about a message. The zero value drops it.
type Verdict uint8

// Verdicts.
const (
	Drop    Verdict = iota
	Pair            // not read; its sender may ask to be paired
	Context         // kept as what was said before, never answered
	Admit
)

func (v Verdict) String() string {
	switch v {
	case Drop:
		return "drop"
	case Pair:
		return "pair"
	case Context:
		return "context"
	case Admit:
		return "admit"
	}
	return "drop"
}

// Ruling is a verdict with the rule that made it.
type Ruling struct {
	Verdict  Verdict
	Standing claw.Standing
	Rule     policy.RuleID
	Where    claw.ConfigRef
	// Agent that the group names for itself; "" leaves it to the bindings.
	Agent claw.AgentID
}

// Decide judges a message. It is total: whatever it does not know it drops.
func Decide(r Rules, f Facts) Ruling {
	drop := func(rule policy.RuleID, at claw.ConfigRef) Ruling { return Ruling{Rule: rule, Where: at} }
	switch {
	case !r.Inbound.Enabled:
		return drop("admission.closed", r.Inbound.Ref)
	case f.Own:
		return drop("admission.own_message", r.Inbound.Ref)
	case f.Program:
		return drop("admission.program", r.Inbound.Ref)
	case !StableID(string(f.Sender)):
		return drop("admission.no_stable_id", r.Inbound.Ref)
	}
	switch f.Kind {
	case Direct:
		return r.direct(f)
	case Group:
		return r.group(f)
	}
	return drop("admission.kind_not_understood", r.Inbound.Ref)
}

// StableID reports whether a text can be a platform's id of a person: names
// ("@ana"), wildcards and text with blanks or invisible characters are none.
func StableID(s string) bool {
	if s == "" || len(s) > 128 || s == "*" || s[0] == '@' {
		return false
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}

// names reports whether a list holds an id. Entries may carry the channel's
// name before the id.
func names(channel claw.ChannelID, list []string, id claw.SenderID) bool {
	return slices.ContainsFunc(list, func(entry string) bool { return SameID(channel, entry, string(id)) })
}

// Normal is an entry of a list without the prefixes that are allowed before an
// id; "" when it names no id.
func Normal(channel claw.ChannelID, entry string) string {
	entry = strings.TrimSpace(entry)
	prefixes := []string{string(channel) + ":"}
	switch channel {
	case "telegram":
		prefixes = append(prefixes, "tg:")
	case "discord", "slack":
		prefixes = append(prefixes, "user:")
	}
	for _, p := range prefixes {
		if len(entry) > len(p) && strings.EqualFold(entry[:len(p)], p) {
			entry = entry[len(p):]
		}
	}
	if channel == "slack" {
		entry = strings.ToUpper(entry)
	}
	if !StableID(entry) {
		return ""
	}
	return entry
}

// SameID reports whether an entry of a list names an id.
func SameID(channel claw.ChannelID, entry, id string) bool {
	a, b := Normal(channel, entry), Normal(channel, id)
	return a != "" && a == b
}

func everybody(list []string) bool { return slices.Contains(list, "*") }

// Owner reports whether an id is the operator's.
func (r Rules) Owner(id claw.SenderID) bool {
	return StableID(string(id)) && names(r.Inbound.Channel, r.Owners, id)
}

func (r Rules) direct(f Facts) Ruling {
	in := &r.Inbound
	out := Ruling{Where: in.DMRef}
	admit := func(s claw.Standing, rule policy.RuleID, at claw.ConfigRef) Ruling {
		return Ruling{Verdict: Admit, Standing: s, Rule: rule, Where: at}
	}
	switch in.DM {
	case config.PolicyDisabled:
		out.Rule = "admission.dm_disabled"
		return out
	case config.PolicyPairing, config.PolicyAllowlist, config.PolicyOpen:
	default: // text of a configuration: what is not known admits nobody
		out.Rule = "admission.policy_not_understood"
		return out
	}
	switch {
	case r.Owner(f.Sender):
		return admit(claw.Owner, "admission.owner", claw.ConfigRef{Pointer: "commands.ownerAllowFrom"})
	case names(in.Channel, in.AllowFrom, f.Sender):
		return admit(claw.Paired, "admission.allowlist", in.AllowFromRef)
	case in.DM != config.PolicyOpen && names(in.Channel, r.Paired, f.Sender):
		return admit(claw.Paired, "admission.paired", in.DMRef)
	case everybody(in.AllowFrom) && in.DM == config.PolicyOpen:
		return admit(claw.Stranger, "admission.open", in.DMRef)
	case everybody(in.AllowFrom):
		return admit(claw.Stranger, "admission.everybody_listed", in.AllowFromRef)
	case in.DM == config.PolicyPairing:
		out.Verdict, out.Rule = Pair, "admission.pairing_needed"
	case in.DM == config.PolicyOpen:
		out.Rule = "admission.open_needs_everybody"
	default:
		out.Rule = "admission.not_listed"
	}
	return out
}

// find gives the block of a group: the topic's, the group's, or that of "*".
// A server's block stands for its conversations, and one that lists some of
// them stands for these alone.
func (r Rules) find(f Facts) (g posture.InboundGroup, ok bool) {
	get := func(id string) (posture.InboundGroup, bool) {
		i := slices.IndexFunc(r.Inbound.Groups, func(g posture.InboundGroup) bool { return g.ID == id })
		if i < 0 {
			return posture.InboundGroup{}, false
		}
		return r.Inbound.Groups[i], true
	}
	inside := func(id string) bool {
		return slices.ContainsFunc(r.Inbound.Groups, func(g posture.InboundGroup) bool { return strings.HasPrefix(g.ID, id+"/") })
	}
	if f.Server != "" {
		for _, server := range []string{f.Server, "*"} {
			s, found := get(server)
			if !found {
				continue
			}
			for _, chat := range []string{f.Chat, "*"} {
				if g, ok = get(server + "/" + chat); ok {
					return g, true
				}
			}
			return s, !inside(server)
		}
		return g, false
	}
	for _, chat := range []string{f.Chat, "*"} {
		if f.Thread != "" {
			if g, ok = get(chat + "/" + f.Thread); ok {
				return g, true
			}
		}
		if g, ok = get(chat); ok {
			return g, true
		}
	}
	return g, false
}

func (r Rules) group(f Facts) Ruling {
	in := &r.Inbound
	out := Ruling{Where: in.GroupRef}
	if f.Chat == "" {
		out.Rule = "admission.no_group_id"
		return out
	}
	if in.Group == config.PolicyDisabled {
		out.Rule = "admission.group_disabled"
		return out
	}
	g, listed := r.find(f)
	how := in.Group
	if listed {
		out.Where = g.Ref
		if g.Policy != "" {
			how, out.Where = g.Policy, g.PolicyRef
		}
		out.Agent = g.Agent
	}
	switch {
	case listed && !g.Enabled:
		out.Rule = "admission.group_off"
		return out
	case !listed && (how == config.PolicyAllowlist || len(in.Groups) > 0):
		out.Rule = "admission.group_not_listed"
		return out
	case how == config.PolicyDisabled:
		out.Rule = "admission.group_disabled"
		return out
	case how != config.PolicyAllowlist && how != config.PolicyOpen:
		out.Rule = "admission.policy_not_understood"
		return out
	}
	standing, rule := r.member(f, g, how)
	if rule == "" {
		return r.overheard(f, out)
	}
	mention := in.RequireMention
	if listed {
		mention = g.RequireMention
	}
	if mention && !f.Mentioned {
		out.Verdict, out.Standing, out.Rule = Context, standing, "admission.not_mentioned"
		return out
	}
	out.Verdict, out.Standing, out.Rule = Admit, standing, rule
	return out
}

// member judges who writes in a group; rule "" is nobody that is meant. The
// list nearest to the group counts alone, and the pairing store never does.
func (r Rules) member(f Facts, g posture.InboundGroup, how string) (claw.Standing, policy.RuleID) {
	in := &r.Inbound
	if r.Owner(f.Sender) {
		return claw.Owner, "admission.owner"
	}
	list := in.AllowFrom
	switch {
	case g.Listed:
		list = g.AllowFrom
	case in.GroupListed:
		list = in.GroupAllowFrom
	}
	if names(in.Channel, list, f.Sender) || slices.ContainsFunc(f.Roles, func(role string) bool { return slices.Contains(g.Roles, role) }) {
		return claw.Member, "admission.group_listed"
	}
	switch {
	case everybody(list):
		return claw.Stranger, "admission.group_everybody"
	case how == config.PolicyOpen && !g.Listed:
		return claw.Stranger, "admission.group_open"
	}
	return claw.Stranger, ""
}

// overheard judges what somebody who is on no list says in a listed group: it
// is context when the configuration says so, and otherwise not read at all.
func (r Rules) overheard(f Facts, out Ruling) Ruling {
	if r.Inbound.Visibility == VisibleAll {
		out.Verdict, out.Rule, out.Where = Context, "admission.context_all", r.Inbound.VisibilityRef
		return out
	}
	out.Rule = "admission.sender_not_listed"
	return out
}

// Values of contextVisibility. Without one, what the lists do not name is not
// read.
const (
	VisibleAll   = "all"
	VisibleList  = "allowlist"
	VisibleQuote = "allowlist_quote"
)

// MayQuote reports whether the message that an admitted one answers may be
// shown, by who wrote it.
func MayQuote(r Rules, f Facts, quoted claw.SenderID) bool {
	switch r.Inbound.Visibility {
	case VisibleAll, VisibleQuote, "":
		return true
	case VisibleList:
		f.Sender, f.Mentioned, f.Roles = quoted, true, nil
		return Decide(r, f).Verdict == Admit
	}
	return false
}
