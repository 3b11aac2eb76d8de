package audit

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/json5"
	"github.com/openclaw-go/openclaw/internal/posture"
)

// perChannel judges every account that is on. The "*" of the check's id is the
// channel.
func (s *Subject) perChannel(id string, judge func(posture.Inbound) *Finding) Outcome {
	var found []Finding
	n := 0
	for _, i := range s.Inbound {
		if !i.Enabled || i.Channel == "webchat" {
			continue
		}
		n++
		f := judge(i)
		if f == nil {
			continue
		}
		f.CheckID = strings.Replace(id, "*", string(i.Channel), 1)
		if i.Account != "" {
			f.Evidence = append(f.Evidence, "account "+string(i.Account))
		}
		found = append(found, *f)
	}
	if n == 0 {
		return notApplicable("no channel is on")
	}
	return verdict(found, "%d accounts", n)
}

func channel(id string, severity claw.Severity, why, fix, source string, judge func(*Subject, posture.Inbound) *Finding, aliases ...string) Check {
	return Check{ID: id, Aliases: aliases, Area: AreaInbound, Severity: severity, Why: why, Fix: fix, Source: source, Run: func(s *Subject) Outcome {
		return s.perChannel(id, func(i posture.Inbound) *Finding { return judge(s, i) })
	}}
}

// good is a check whose findings report what is right.
func good(id string, why string, judge func(*Subject, posture.Inbound) *Finding) Check {
	return Check{ID: id, Area: AreaInbound, Severity: claw.Info, Good: true, Why: why, Source: "guide, Quick Security Audit", Run: func(s *Subject) Outcome {
		out := s.perChannel(id, func(i posture.Inbound) *Finding { return judge(s, i) })
		if out.Verdict == Fail {
			out.Verdict = Pass
		}
		return out
	}}
}

var (
	discordID = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(discord:|user:|pk:)?<?@?!?\d+>?$`) })
	slackID   = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(slack:|user:)?[UWCGD][A-Z0-9]{6,}$`) })
)

// namesIn lists senders that are not given by id, and where they stand.
func namesIn(i posture.Inbound, id func(string) bool) (bad []string, ref claw.ConfigRef) {
	for _, list := range []struct {
		of  []string
		ref claw.ConfigRef
	}{{i.AllowFrom, i.AllowFromRef}, {i.GroupAllowFrom, i.GroupAllowFromRef}} {
		for _, a := range list.of {
			if a == "*" || id(a) {
				continue
			}
			if len(bad) == 0 {
				ref = list.ref
			}
			bad = append(bad, a)
		}
	}
	for _, g := range i.Groups {
		for _, a := range g.AllowFrom {
			if a == "*" || id(a) {
				continue
			}
			if len(bad) == 0 {
				ref = g.Ref
			}
			bad = append(bad, a)
		}
	}
	return bad, ref
}

var numeric = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(telegram:|tg:)?-?\d+$`) })

func channelChecks() []Check {
	const facts = "facts: upstream's catalogue"
	return []Check{
		channel("channels.*.dm.open", claw.Critical, "Anyone who finds the bot can write to the agent.", `Set dmPolicy: "pairing"`, "guide, Authentication: DM pairing", func(_ *Subject, i posture.Inbound) *Finding {
			if i.DM != config.PolicyOpen {
				return nil
			}
			return &Finding{Severity: claw.Critical, Title: fmt.Sprintf("%s direct messages are open to everybody", i.Channel), Where: at(i.DMRef), Observed: "open", Expected: "pairing"}
		}),
		channel("channels.*.dm.open_invalid", claw.Warn, "open without \"*\" in allowFrom means one thing to one version and another to the next.", `Set dmPolicy: "pairing"`, facts, func(_ *Subject, i posture.Inbound) *Finding {
			if i.DM != config.PolicyOpen || slices.Contains(i.AllowFrom, "*") {
				return nil
			}
			return &Finding{Severity: claw.Warn, Title: fmt.Sprintf("%s is open without a wildcard", i.Channel), Where: at(i.DMRef), Observed: "open"}
		}),
		good("channel.*.dmPolicy_pairing", "A stranger needs a code that you confirm.", func(_ *Subject, i posture.Inbound) *Finding {
			if i.DM != config.PolicyPairing {
				return nil
			}
			return &Finding{Severity: claw.Info, Title: fmt.Sprintf("%s DMs require pairing code (good)", title(string(i.Channel))), Where: at(i.DMRef), Observed: "pairing"}
		}),
		good("channels.*.dm.disabled", "Nobody can write to the agent directly.", func(_ *Subject, i posture.Inbound) *Finding {
			if i.DM != config.PolicyDisabled {
				return nil
			}
			return &Finding{Severity: claw.Info, Title: fmt.Sprintf("%s direct messages are off", i.Channel), Where: at(i.DMRef), Observed: "disabled"}
		}),
		good("channels.*.dm.locked", "Nobody but the listed may write, and nobody is listed.", func(_ *Subject, i posture.Inbound) *Finding {
			if i.DM != config.PolicyAllowlist || len(i.AllowFrom) > 0 {
				return nil
			}
			return &Finding{Severity: claw.Info, Title: fmt.Sprintf("%s admits nobody", i.Channel), Where: at(i.DMRef), Observed: "allowlist, empty"}
		}),
		channel("channels.*.allowFrom.wildcard", claw.Critical, "The list admits everybody.", "Name senders by id", "openclaw/openclaw#55612", func(_ *Subject, i posture.Inbound) *Finding {
			if i.DM == config.PolicyDisabled || i.DM == config.PolicyOpen || !slices.Contains(i.AllowFrom, "*") {
				return nil
			}
			return &Finding{Severity: claw.Critical, Title: fmt.Sprintf("%s admits everybody", i.Channel), Where: at(i.AllowFromRef), Observed: "*"}
		}),
		channel("channels.*.dm.scope_main_multiuser", claw.Warn, "Several people share one conversation: what one says, the other can ask for.", `Set session.dmScope: "per-channel-peer"`, "openclaw/openclaw#55578", func(s *Subject, i posture.Inbound) *Finding {
			scope := s.Config.Session.DMScope
			main := scope.V == "main" || !scope.Set && s.Snapshot.Home.Owner == UpstreamHome
			if !main || i.DM == config.PolicyDisabled || i.DM != config.PolicyOpen && len(i.AllowFrom) < 2 && !slices.Contains(i.AllowFrom, "*") {
				return nil
			}
			return &Finding{Severity: claw.Warn, Title: fmt.Sprintf("Several %s senders share one conversation", i.Channel), Where: at(scope.Ref), Observed: scope.Or("main"), Expected: "per-channel-peer"}
		}, "channels.dm.session_collision.*"),
		channel("channels.*.groups.open", claw.Warn, "Anyone who can add the bot to a group, or join one, writes to the agent.", `Set groupPolicy: "allowlist"`, "guide, Quick Security Audit: --fix", func(_ *Subject, i posture.Inbound) *Finding {
			refs := i.OpenGroup()
			if len(refs) == 0 {
				return nil
			}
			return &Finding{Severity: claw.Warn, Title: fmt.Sprintf("%s groups are open", i.Channel), Where: at(refs[0]), Observed: "open", Expected: "allowlist"}
		}),
		channel("channels.*.groups.allowFrom.wildcard", claw.Critical, "Everybody in a group may write to the agent.", "Name senders by id", facts, func(s *Subject, i posture.Inbound) *Finding {
			if slices.Contains(i.GroupAllowFrom, "*") && i.Group != config.PolicyDisabled {
				return &Finding{Severity: claw.Critical, Title: fmt.Sprintf("Everybody in %s groups may write", i.Channel), Where: at(i.GroupAllowFromRef), Observed: "*"}
			}
			if p := s.pairedWildcard(i.Channel); p != "" {
				return &Finding{Severity: claw.Critical, Title: fmt.Sprintf("The pairing list of %s admits everybody", i.Channel), Where: Where{File: p}, Observed: "*"}
			}
			return nil
		}),
		channel("channels.*.groups.allowFrom.missing", claw.Critical, "The group is served, and nobody says for whom.", "Set groupAllowFrom, or allowFrom in the group", facts, func(_ *Subject, i posture.Inbound) *Finding {
			if i.Channel != "telegram" || i.Group == config.PolicyDisabled || i.Group == config.PolicyOpen || len(i.Groups) == 0 || len(i.GroupAllowFrom) > 0 || len(i.AllowFrom) > 0 {
				return nil
			}
			for _, g := range i.Groups {
				if len(g.AllowFrom) > 0 {
					return nil
				}
			}
			return &Finding{Severity: claw.Critical, Title: "Telegram groups are served without a list of senders", Where: at(i.Groups[0].Ref)}
		}),
		channel("channels.*.groups.no_mention", claw.Info, "The agent reads and answers every message of a group.", "Set requireMention: true", "guide, Authentication", func(_ *Subject, i posture.Inbound) *Finding {
			if i.Group == config.PolicyDisabled {
				return nil
			}
			if i.Group == config.PolicyOpen && !i.RequireMention {
				return &Finding{Severity: claw.Info, Title: fmt.Sprintf("%s groups need not address the bot", i.Channel), Where: at(i.RequireMentionRef), Observed: "false", Expected: "true"}
			}
			for _, g := range i.Groups {
				if g.Enabled && !g.RequireMention {
					return &Finding{Severity: claw.Info, Title: fmt.Sprintf("%s groups need not address the bot", i.Channel), Where: at(g.Ref), Observed: "false", Expected: "true"}
				}
			}
			return nil
		}),
		channel("channels.*.allowFrom.invalid_entries", claw.Warn, "Names change hands; ids do not.", "Use numeric ids", facts, func(_ *Subject, i posture.Inbound) *Finding {
			if i.Channel != "telegram" {
				return nil
			}
			bad, ref := namesIn(i, func(a string) bool { return numeric().MatchString(a) })
			if len(bad) == 0 {
				return nil
			}
			return &Finding{Severity: claw.Warn, Title: "Telegram senders are not given by id", Where: at(ref), Observed: quoted(bad)}
		}),
		channel("channels.*.allowFrom.name_based_entries", claw.Warn, "Whoever takes the name is let in.", "Use numeric ids", facts, func(_ *Subject, i posture.Inbound) *Finding {
			id := map[claw.ChannelID]func() *regexp.Regexp{"discord": discordID, "slack": slackID}[i.Channel]
			if id == nil {
				return nil
			}
			bad, ref := namesIn(i, func(a string) bool { return id().MatchString(a) })
			if len(bad) == 0 {
				return nil
			}
			return &Finding{Severity: claw.Warn, Title: fmt.Sprintf("%s senders are given by name", i.Channel), Where: at(ref), Observed: quoted(bad)}
		}, "channels.*.allowFrom.mutable_entries_inert"),
		channel("channels.*.allowFrom.dangerous_name_matching_enabled", claw.Warn, "Whoever takes the name is let in. This gateway never matches names.", "Remove the key", facts, func(s *Subject, i posture.Inbound) *Finding {
			if !i.NameMatching {
				return nil
			}
			severity := claw.Info
			if s.Snapshot.Home.Owner == UpstreamHome && len(i.AllowFrom) > 0 {
				severity = claw.Warn
			}
			return &Finding{Severity: severity, Title: fmt.Sprintf("%s matches senders by name", i.Channel), Where: at(i.NameMatchingRef), Observed: "true"}
		}, "channels.synology-chat.reply.dangerous_name_matching_enabled"),
		channel("channels.*.config_writes", claw.Warn, "A chat message can change the configuration. This gateway never lets one.", "Set configWrites: false", "openclaw/openclaw#29838", func(_ *Subject, i posture.Inbound) *Finding {
			if !i.ConfigWrites {
				return nil
			}
			return &Finding{Severity: claw.Warn, Title: fmt.Sprintf("%s messages may write the configuration", i.Channel), Where: at(i.ConfigWritesRef), Observed: "true"}
		}),
		channel("channels.*.context_visible_to_all", claw.Info, "Messages of people who may not write become part of what the agent reads.", `Set contextVisibility: "allowlist"`, "guide, Prompt Injection", func(_ *Subject, i posture.Inbound) *Finding {
			if i.Visibility != "all" || i.Group == config.PolicyDisabled {
				return nil
			}
			return &Finding{Severity: claw.Info, Title: fmt.Sprintf("%s shows the agent everybody's messages", i.Channel), Where: at(i.VisibilityRef), Observed: "all", Expected: "allowlist"}
		}),
		channel("channels.*.not_served", claw.Info, "It stays down here; another gateway may serve it.", "Remove the block, or serve it with upstream", "DESIGN: configuration", func(s *Subject, i posture.Inbound) *Finding {
			if i.Built || s.Snapshot.Home.Owner == UpstreamHome {
				return nil
			}
			return &Finding{Severity: claw.Info, Title: fmt.Sprintf("The channel %s is not built here", i.Channel), Where: at(i.Ref)}
		}),
		channel("channels.*.commands.no_allowlists", claw.Warn, "Native commands are registered, and nobody is named who may use them.", "Set allowFrom, or users in the server", facts, func(s *Subject, i posture.Inbound) *Finding {
			if i.Channel != "discord" && i.Channel != "slack" || i.Group == config.PolicyDisabled || s.Config.Commands.Native.V == "false" || len(i.AllowFrom)+len(i.GroupAllowFrom) > 0 {
				return nil
			}
			if i.Group != config.PolicyOpen && len(i.Groups) == 0 || slices.ContainsFunc(i.Groups, func(g posture.InboundGroup) bool { return len(g.AllowFrom) > 0 }) {
				return nil
			}
			return &Finding{Severity: claw.Warn, Title: fmt.Sprintf("%s commands are open to whoever sees the bot", i.Channel), Where: at(i.GroupRef)}
		}, "channels.discord.commands.native.no_allowlists", "channels.slack.commands.slash.no_allowlists"),
		channel("channels.*.groups.mutable_entries", claw.Warn, "A group's name changes hands; its id does not.", "Name groups by id", facts, func(_ *Subject, i posture.Inbound) *Finding {
			if i.Channel != "zalouser" {
				return nil
			}
			for _, g := range i.Groups {
				if g.ID != "*" && strings.Trim(g.ID, "0123456789") != "" {
					return &Finding{Severity: claw.Warn, Title: fmt.Sprintf("%s groups are given by name", i.Channel), Where: at(g.Ref), Observed: g.ID}
				}
			}
			return nil
		}),
		channel("channels.feishu.doc_owner_open_id", claw.Warn, "Whoever writes can have a document made and be named its owner.", "Set channels.feishu.tools.doc: false", facts, func(s *Subject, i posture.Inbound) *Finding {
			if i.Channel != "feishu" {
				return nil
			}
			if n := s.node("channels.feishu.tools.doc"); n != nil && n.Kind == json5.Bool && !n.Bool {
				return nil
			}
			return &Finding{Severity: claw.Warn, Title: "The document tool of Feishu is on", Where: at(i.Ref), Expected: "tools.doc: false"}
		}),
		channel("channels.*.routing.owner_missing", claw.Warn, "Messages are routed to an agent that does not exist: which one answers is a matter of fallbacks.", "Name an agent that is configured", facts, func(s *Subject, i posture.Inbound) *Finding {
			for _, b := range s.Config.Bindings {
				if b.Match.Channel.V != string(i.Channel) || b.AgentID.V == "" {
					continue
				}
				if _, ok := s.Posture.Agent(claw.AgentID(b.AgentID.V)); !ok {
					return &Finding{Severity: claw.Warn, Title: fmt.Sprintf("%s is routed to agent %q, which nothing configures", i.Channel, b.AgentID.V), Where: at(b.AgentID.Ref), Observed: b.AgentID.V}
				}
			}
			return nil
		}),
		channel("channels.*.account.read_only_resolution", claw.Warn, "The account's credential cannot be resolved here, so the account cannot be looked at.", "Set the variable or the file that the reference names", facts, func(s *Subject, i posture.Inbound) *Finding {
			if s.Snapshot.Home.Owner == UpstreamHome {
				return nil // whose gateway may see a variable that this audit does not
			}
			for _, x := range s.Snapshot.Secrets {
				if x.Source == "unresolved" && strings.HasPrefix(x.Pointer, "channels."+string(i.Channel)+".") {
					return &Finding{Severity: claw.Warn, Title: fmt.Sprintf("The credential of %s cannot be resolved", i.Channel), Detail: x.Pointer + ": " + x.Why, Where: Where{File: x.File, Line: x.Line, Column: x.Column, Pointer: x.Pointer}, Observed: x.Why}
				}
			}
			return nil
		}),
		{ID: "channels.owner_missing", Area: AreaInbound, Severity: claw.Info, Why: "Nobody who writes is the operator, so approvals and owner-only tools cannot be used from a channel.", Fix: "openclaw pairing approve CHANNEL CODE --owner", Source: "DESIGN: owner", Run: func(s *Subject) Outcome {
			on := slices.ContainsFunc(s.Inbound, func(i posture.Inbound) bool { return i.Enabled && i.Channel != "webchat" })
			if !on {
				return notApplicable("no channel is on")
			}
			if v := s.Config.Commands.OwnerFrom; len(v.V) > 0 {
				return pass("%d", len(v.V))
			}
			return fail(Finding{Severity: claw.Info, Title: "No sender is the owner", Where: at(s.Config.Commands.OwnerFrom.Ref)})
		}},
		{ID: "channels.owner_wildcard", Area: AreaInbound, Severity: claw.Critical, Why: "Everybody is the operator.", Fix: "Name your own ids", Source: "DESIGN: owner", Run: func(s *Subject) Outcome {
			if v := s.Config.Commands.OwnerFrom; slices.ContainsFunc(config.Strings(v), func(o string) bool { return o == "*" || strings.HasSuffix(o, ":*") }) {
				return fail(Finding{Severity: claw.Critical, Title: "Everybody is the owner", Where: at(v.Ref), Observed: "*"})
			}
			return pass("no wildcard")
		}},
		{ID: "commands.access_groups_off", Aliases: []string{"channels.discord.commands.native.unrestricted", "channels.slack.commands.slash.useAccessGroups_off"}, Area: AreaInbound, Severity: claw.Critical, Why: "Native commands then work for everybody who sees the bot.", Fix: "Remove commands.useAccessGroups: false", Source: facts, Run: func(s *Subject) Outcome {
			v := s.Config.Commands.AccessGroups
			native := slices.ContainsFunc(s.Inbound, func(i posture.Inbound) bool { return i.Enabled && (i.Channel == "discord" || i.Channel == "slack") })
			if !v.Set || v.V || !native {
				return pass("access groups count")
			}
			return fail(Finding{Severity: claw.Critical, Title: "Native commands work for everybody", Where: at(v.Ref), Observed: "false", Expected: "true"})
		}},
		{ID: "commands.bash", Area: AreaInbound, Severity: claw.Critical, Why: "A chat message that starts with ! is a shell command.", Fix: "Set commands.bash: false", Source: "guide, Tool Policy", Run: func(s *Subject) Outcome {
			v := s.Config.Commands.Bash
			if !v.Set || !v.V {
				return pass("off")
			}
			severity := claw.Warn
			if len(s.open()) > 0 {
				severity = claw.Critical
			}
			return fail(Finding{Severity: severity, Title: "Chat messages may be shell commands", Where: at(v.Ref), Observed: "true", Expected: "false"})
		}},
		{ID: "commands.config_from_chat", Area: AreaInbound, Severity: claw.Warn, Why: "The configuration can be changed from a chat. This gateway never lets one.", Fix: "Remove commands.config, commands.mcp and commands.plugins", Source: "openclaw/openclaw#29838", Run: func(s *Subject) Outcome {
			c := s.Config.Commands
			for _, v := range []config.Value[bool]{c.Config, c.MCP, c.Plugins} {
				if v.Set && v.V {
					return fail(Finding{Severity: claw.Warn, Title: "The configuration can be changed from a chat", Where: at(v.Ref), Observed: "true", Expected: "false"})
				}
			}
			return pass("off")
		}},
	}
}

func title(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// pairedWildcard names a pairing list of the channel that admits everybody.
func (s *Subject) pairedWildcard(c claw.ChannelID) string {
	for _, p := range slices.Sorted(maps.Keys(s.Snapshot.Documents)) {
		name, raw := program(p), s.Snapshot.Documents[p]
		if strings.HasPrefix(name, string(c)) && strings.HasSuffix(name, "-allowFrom.json") && strings.Contains(string(raw), `"*"`) {
			return s.Snapshot.Home.Short(p)
		}
	}
	return ""
}
