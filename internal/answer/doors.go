package answer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/posture"
)

// Door is one way in: a surface, of a channel one account.
type Door struct {
	Surface claw.Surface
	Channel claw.ChannelID
	Account claw.AccountID
	// Closed says why nobody comes in; "" means that it is open.
	Closed string
	Where  claw.ConfigRef
	// Agents that answer there, with the place that says so; nil means all.
	Agents []Route
	// Inbound is who may write; set for channels alone.
	Inbound *posture.Inbound
	// Owners are the operator's ids on the channel.
	Owners    []string
	OwnersRef claw.ConfigRef
	// Paired are the senders that the home's pairing store lets in.
	Paired Pairing
}

// Pairing is what a home's pairing store says of one door.
type Pairing struct {
	// Known: somebody looked. Without it nobody knows who is paired.
	Known bool
	IDs   []string
	// Problem says why the store cannot be read. Then everybody counts as
	// paired: a question must not be answered with less than may be.
	Problem string
}

// Pair says who is paired at each channel door; of looks into the home's store.
func (w *World) Pair(of func(channel claw.ChannelID, account claw.AccountID) Pairing) {
	for i := range w.Doors {
		if d := &w.Doors[i]; d.Channel != "" {
			d.Paired = of(d.Channel, d.Account)
		}
	}
}

// words say who is paired; "" when nobody looked.
func (p *Pairing) words() string {
	switch {
	case p.Problem != "":
		return "; who is cannot be read: " + p.Problem
	case !p.Known:
		return ""
	case len(p.IDs) == 0:
		return "; nobody is now"
	}
	shown := p.IDs[:min(len(p.IDs), 5)]
	text := "; now: " + strings.Join(shown, ", ")
	if more := len(p.IDs) - len(shown); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// Route sends a door's messages to an agent.
type Route struct {
	Agent claw.AgentID
	Where claw.ConfigRef
}

// Name of the door: "telegram", "telegram/work", "cli".
func (d *Door) Name() string {
	switch {
	case d.Account != "":
		return string(d.Channel) + "/" + string(d.Account)
	case d.Channel != "":
		return string(d.Channel)
	}
	return string(d.Surface)
}

// doors lists every way in.
func doors(c *config.Config, p posture.Posture) []Door {
	out := []Door{{Surface: claw.SurfaceCLI}, {Surface: claw.SurfaceWebchat}, {Surface: claw.SurfaceAPI}, {Surface: claw.SurfaceHook}, {Surface: claw.SurfaceCron}}
	if !p.Gateway.ControlUI {
		out[1].Closed, out[1].Where = "the Control UI is off", c.Gateway.ControlUI.Enabled.Ref
	}
	if !p.Gateway.Completions && !p.Gateway.Invoke {
		out[2].Closed, out[2].Where = "no HTTP endpoint is open", c.Gateway.HTTP.Enabled.Ref
	}
	hooks := &c.Hooks
	if !hooks.Enabled.Set || !hooks.Enabled.V {
		out[3].Closed, out[3].Where = "hooks are off", hooks.Enabled.Ref
	}
	if l := config.Strings(hooks.AllowedAgentIDs); len(l) > 0 && !slices.Contains(l, "*") {
		out[3].Agents = []Route{}
		for _, id := range l {
			out[3].Agents = append(out[3].Agents, Route{claw.AgentID(id), hooks.AllowedAgentIDs.Ref})
		}
	}
	inbound := posture.InboundOf(c)
	for i := range inbound {
		out = append(out, channelDoor(c, p, &inbound[i]))
	}
	return out
}

func channelDoor(c *config.Config, p posture.Posture, in *posture.Inbound) Door {
	d := Door{Surface: claw.SurfaceChannel, Channel: in.Channel, Account: in.Account, Where: in.Ref, Inbound: in, OwnersRef: c.Commands.OwnerFrom.Ref}
	if !in.Enabled {
		d.Closed = "the channel is off"
	}
	for _, o := range config.Strings(c.Commands.OwnerFrom) {
		if id, ok := strings.CutPrefix(o, string(in.Channel)+":"); ok {
			d.Owners = append(d.Owners, id)
		} else if !strings.Contains(o, ":") {
			d.Owners = append(d.Owners, o)
		}
	}
	d.Agents = routes(c, p, in)
	return d
}

// routes are the agents that some conversation of a channel reaches. A binding
// that names persons or groups leaves the rest to the default agent.
func routes(c *config.Config, p posture.Posture, in *posture.Inbound) []Route {
	var out []Route
	add := func(id claw.AgentID, where claw.ConfigRef) {
		if id != "" && !slices.ContainsFunc(out, func(r Route) bool { return r.Agent == id }) {
			out = append(out, Route{id, where})
		}
	}
	rest := true
	for i := range c.Bindings {
		b := &c.Bindings[i]
		m := &b.Match
		if m.Channel.Set && claw.ChannelID(m.Channel.V) != in.Channel {
			continue
		}
		if m.AccountID.Set && m.AccountID.V != "*" && claw.AccountID(m.AccountID.V) != in.Account && !(in.Account == "" && m.AccountID.V == "default") {
			continue
		}
		add(claw.AgentID(b.AgentID.V), b.AgentID.Ref)
		if !m.Peer.ID.Set && !m.Peer.Kind.Set && !m.GuildID.Set && !m.TeamID.Set && !m.Roles.Set {
			rest = false
		}
	}
	for _, g := range groupAgents(c, in.Channel) {
		add(g.Agent, g.Where)
	}
	if rest {
		add(p.Default(), claw.ConfigRef{Pointer: "agents.list"})
	}
	return out
}

// groupAgents are the agents that groups of a channel name for themselves.
func groupAgents(c *config.Config, channel claw.ChannelID) []Route {
	var out []Route
	take := func(maps ...config.Map[config.Group]) {
		for _, m := range maps {
			for i := range m {
				g := &m[i].V
				if g.AgentID.Set {
					out = append(out, Route{claw.AgentID(g.AgentID.V), g.AgentID.Ref})
				}
				for _, topics := range []config.Map[config.Topic]{g.Topics, g.Channels} {
					for j := range topics {
						if t := &topics[j].V; t.AgentID.Set {
							out = append(out, Route{claw.AgentID(t.AgentID.V), t.AgentID.Ref})
						}
					}
				}
			}
		}
	}
	ch := &c.Channels
	switch channel {
	case "telegram":
		take(ch.Telegram.Groups)
		for i := range ch.Telegram.Accounts {
			take(ch.Telegram.Accounts[i].V.Groups)
		}
	case "discord":
		take(ch.Discord.Groups, ch.Discord.Guilds)
		for i := range ch.Discord.Accounts {
			take(ch.Discord.Accounts[i].V.Groups, ch.Discord.Accounts[i].V.Guilds)
		}
	case "slack":
		take(ch.Slack.Groups, ch.Slack.Channels)
		for i := range ch.Slack.Accounts {
			take(ch.Slack.Accounts[i].V.Groups, ch.Slack.Accounts[i].V.Channels)
		}
	case "whatsapp":
		take(ch.WhatsApp.Groups)
		for i := range ch.WhatsApp.Accounts {
			take(ch.WhatsApp.Accounts[i].V.Groups)
		}
	}
	return out
}

// admits says whether a door lets a class of senders in, by which rule.
func (d *Door) admits(class Class) Ruling {
	r := Ruling{Layer: policy.LayerSender, Where: d.Where}
	if d.Closed != "" {
		r.Rule = "admission.closed"
		return r
	}
	in := d.Inbound
	if in == nil {
		r.Verdict, r.Rule = policy.Allow, "admission.surface"
		return r
	}
	switch class {
	case Member:
		r.Where = in.GroupRef
		r.Verdict, r.Rule = d.group()
		return r
	case Owner:
		r.Where = d.OwnersRef
		if len(d.Owners) == 0 {
			r.Rule = "admission.no_owner"
			return r
		}
		r.Verdict, r.Rule = policy.Allow, "admission.owner"
		if in.DM == config.PolicyDisabled {
			r.Verdict, r.Rule, r.Where = policy.Deny, "admission.dm_disabled", in.DMRef
		}
		return r
	case Stranger, Paired, Allowlisted, Cron, Hook, API:
	}
	r.Where = in.DMRef
	r.Verdict, r.Rule = d.direct(class)
	if r.Rule == "admission.allowlist" || r.Rule == "admission.everybody_listed" {
		r.Where = in.AllowFromRef
	}
	return r
}

// direct judges direct messages. A policy that is none of the known ones
// admits nobody.
func (d *Door) direct(class Class) (policy.Verdict, policy.RuleID) {
	in := d.Inbound
	everybody := slices.Contains(in.AllowFrom, "*")
	switch in.DM {
	case config.PolicyOpen:
		return policy.Allow, "admission.open"
	case config.PolicyPairing, config.PolicyAllowlist:
		switch {
		case everybody:
			return policy.Allow, "admission.everybody_listed"
		case class == Paired:
			// The pairing store counts under an allowlist too.
			return policy.Allow, "admission.paired"
		case class == Allowlisted && len(in.AllowFrom) > 0:
			return policy.Allow, "admission.allowlist"
		case class == Allowlisted:
			return policy.Deny, "admission.nobody_listed"
		case in.DM == config.PolicyPairing:
			return policy.Deny, "admission.pairing_needed"
		}
		return policy.Deny, "admission.not_listed"
	case config.PolicyDisabled:
		return policy.Deny, "admission.dm_disabled"
	}
	return policy.Deny, "admission.policy_not_understood"
}

// group judges somebody who writes in a group.
func (d *Door) group() (policy.Verdict, policy.RuleID) {
	in := d.Inbound
	for _, g := range in.Groups {
		senders := g.Policy == config.PolicyOpen || len(g.AllowFrom) > 0 || len(in.GroupAllowFrom) > 0 || len(in.AllowFrom) > 0
		if g.Enabled && in.Group != config.PolicyDisabled && g.Policy != config.PolicyDisabled && senders {
			return policy.Allow, "admission.group_listed"
		}
	}
	switch in.Group {
	case config.PolicyOpen:
		return policy.Allow, "admission.group_open"
	case config.PolicyAllowlist:
		return policy.Deny, "admission.no_group_listed"
	case config.PolicyDisabled:
		return policy.Deny, "admission.group_disabled"
	}
	return policy.Deny, "admission.policy_not_understood"
}

// admissionWords say an admission rule to people.
func admissionWords(rule policy.RuleID, d *Door) string {
	name := d.Name()
	switch rule {
	case "admission.closed":
		return "nobody comes in: " + d.Closed
	case "admission.surface":
		return "comes in by itself"
	case "admission.no_owner":
		return "no sender of " + name + " is known as the owner"
	case "admission.owner":
		return "an owner's id on " + name
	case "admission.dm_disabled":
		return "direct messages of " + name + " are off"
	case "admission.open":
		return "direct messages of " + name + " are open to everybody"
	case "admission.everybody_listed":
		return "\"*\" stands among the senders of " + name
	case "admission.paired":
		return "was paired on " + name + d.Paired.words()
	case "admission.allowlist":
		return "listed among the senders of " + name
	case "admission.nobody_listed":
		return "no sender of " + name + " is listed"
	case "admission.pairing_needed":
		return "gets a pairing code from " + name + "; the message is not read"
	case "admission.not_listed":
		return "not listed among the senders of " + name
	case "admission.group_listed":
		return "writes in a group of " + name + " that is listed"
	case "admission.group_open":
		return "groups of " + name + " are open to everybody"
	case "admission.no_group_listed":
		return "no group of " + name + " is listed with senders"
	case "admission.group_disabled":
		return "groups of " + name + " are off"
	case "admission.policy_not_understood":
		return "the policy of " + name + " is no known one, so nobody is admitted"
	case "admission.not_routed":
		return "no conversation of " + name + " reaches this agent"
	}
	return string(rule)
}
