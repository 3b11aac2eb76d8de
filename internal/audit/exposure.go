package audit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/answer"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/posture"
)

// reachable is whether a channel message can reach an agent at all.
func reachable(a posture.Agent) bool {
	return a.Rules.Surfaces == nil || slices.Contains(a.Rules.Surfaces, claw.SurfaceChannel)
}

// contained: an agent's commands and files stay in a sandbox, whoever asks.
func (s *Subject) contained(a posture.Agent) bool {
	if s.Snapshot.Home.Owner != UpstreamHome {
		return a.Rules.Confinement.Level >= policy.LevelIsolated && a.Rules.Files.WorkspaceOnly
	}
	for _, c := range s.Config.Agents.All() {
		if c.ID.V == string(a.ID) {
			return c.Sandbox.Mode.V == "all"
		}
	}
	return s.Config.Agents.Defaults.Sandbox.Mode.V == "all"
}

// exposure asks of every agent what strangers bring about through it, and then
// what agents bring about for them through each other.
func exposure(id string, severity claw.Severity, why, fix string, judge func(*Subject, claw.AgentID) (claw.Severity, string, answer.Answer)) Check {
	return Check{ID: id, Area: AreaBlast, Severity: severity, Why: why, Fix: fix, Source: "guide, Quick Security Audit: tool blast radius", Run: func(s *Subject) Outcome {
		if len(s.open()) == 0 {
			return pass("no channel is open to strangers")
		}
		var found []Finding
		ask := func(agent claw.AgentID) {
			severity, what, by := judge(s, agent)
			if what == "" {
				return
			}
			f := Finding{Severity: severity, Title: fmt.Sprintf("Strangers reach %s of agent %s", what, agent), Where: at(s.open()[0]), Observed: what, Evidence: trail(by)}
			if len(by.Path) > 0 {
				f.Where = at(by.Path[0].Where)
			}
			if agent == "" {
				f.Title = fmt.Sprintf("Strangers reach %s of agent %s through another agent", what, by.Path[len(by.Path)-1].Agent)
			}
			found = append(found, f)
		}
		for _, a := range s.Posture.Agents {
			ask(a.ID)
		}
		if len(found) == 0 && len(s.Posture.Agents) > 1 {
			ask("")
		}
		return verdict(found, "strangers reach no such tool")
	}}
}

func exposureChecks() []Check {
	return []Check{
		exposure("security.exposure.open_channels_with_exec", claw.Critical, "A message of somebody you do not know can become a command.", "Close the channel (pairing, allowlist), or deny exec to the agent", strangersRun),
		exposure("security.exposure.open_groups_with_elevated", claw.Critical, "A stranger's message can become a command outside the sandbox.", "Set tools.elevated.enabled: false", func(s *Subject, agent claw.AgentID) (claw.Severity, string, answer.Answer) {
			a, ok := s.Posture.Agent(agent)
			if !ok || !a.Rules.Exec.Elevated {
				return 0, "", answer.Answer{}
			}
			for _, x := range s.strangers() {
				if in, _ := s.World.Admits(x, agent); in {
					return claw.Critical, "elevated commands", answer.Answer{}
				}
			}
			return 0, "", answer.Answer{}
		}),
		exposure("security.exposure.open_groups_with_runtime_or_fs", claw.Critical, "A stranger's message can read, write or run outside a sandbox.", "Close the channel, deny group:runtime and group:fs, or sandbox the agent", func(s *Subject, agent claw.AgentID) (claw.Severity, string, answer.Answer) {
			if a, ok := s.Posture.Agent(agent); ok && s.contained(a) {
				return 0, "", answer.Answer{}
			}
			if by := s.can(agent, s.commands()...); by.Verdict > policy.Deny && s.loose(by) {
				return claw.Critical, "commands outside a sandbox", by
			}
			if by := s.can(agent, answer.Goal{Kind: answer.ReadFile, Arg: s.outside()}, answer.Goal{Kind: answer.WriteFile, Arg: s.outside()}); by.Verdict > policy.Deny && s.loose(by) {
				return claw.Warn, "files outside the workspace", by
			}
			return 0, "", answer.Answer{}
		}),
		exposure("security.exposure.open_groups_with_control_plane_tools", claw.Critical, "A stranger's message can change the gateway itself.", "Deny group:automation and gateway to the agent", controlPlane),
		{ID: "security.trust_model.multi_user_heuristic", Area: AreaBlast, Severity: claw.Warn, Why: "One gateway is one trust boundary: everybody who may write shares what the agent may do.", Fix: "Run one gateway per trust boundary", Source: "guide, trust boundaries", Run: func(s *Subject) Outcome {
			var signs []string
			var ref claw.ConfigRef
			note := func(r claw.ConfigRef, what string) {
				if len(signs) == 0 {
					ref = r
				}
				signs = append(signs, what)
			}
			for _, i := range s.Inbound {
				if !i.Enabled {
					continue
				}
				for _, r := range i.Open() {
					note(r, r.Pointer+" is open")
				}
				if slices.Contains(i.AllowFrom, "*") {
					note(i.AllowFromRef, i.AllowFromRef.Pointer+" has *")
				}
				if slices.Contains(i.GroupAllowFrom, "*") {
					note(i.GroupAllowFromRef, i.GroupAllowFromRef.Pointer+" has *")
				}
				if i.Group == config.PolicyAllowlist && len(i.Groups) > 0 {
					note(i.Groups[0].Ref, fmt.Sprintf("%s serves %d groups", i.Channel, len(i.Groups)))
				}
			}
			if len(signs) == 0 {
				return pass("one person, as far as the configuration says")
			}
			return fail(Finding{Severity: claw.Warn, Title: "Several people seem to use this gateway", Where: at(ref), Evidence: signs})
		}},
		{ID: "security.trust_model.group_scope_main", Area: AreaBlast, Severity: claw.Warn, Why: "What is said in one group is known in the next.", Fix: `Set session.groupScope: "per-group"`, Source: "facts: upstream's catalogue", Run: func(s *Subject) Outcome {
			v := s.Config.Session.GroupScope
			if v.Set && v.V == "main" {
				return fail(Finding{Severity: claw.Warn, Title: "All groups share one conversation", Where: at(v.Ref), Observed: "main", Expected: "per-group"})
			}
			return pass("%s", v.Or("per-group"))
		}},
		{ID: "security.trust_model.cross_agent_session_access_default", Area: AreaBlast, Severity: claw.Warn, Why: "One agent reads what was said to another.", Fix: `Set tools.sessions.visibility: "agent", or tools.agentToAgent.allow`, Source: "facts: upstream's catalogue", Run: func(s *Subject) Outcome {
			v, x := s.Config.Tools.Sessions.Visibility, s.Config.Tools.AgentToAgent
			if len(s.Posture.Agents) < 2 || v.V != "all" || x.Enabled.Set && !x.Enabled.V || len(x.Allow.V) > 0 {
				return pass("sessions stay with their agent")
			}
			return fail(Finding{Severity: claw.Warn, Title: "Agents see each other's sessions", Where: at(v.Ref), Observed: "all"})
		}},
		{ID: "summary.attack_surface", Area: AreaBlast, Severity: claw.Info, Good: true, Why: "What there is to attack.", Source: "facts: upstream's catalogue", Run: func(s *Subject) Outcome {
			open, listed, on := 0, 0, 0
			for _, i := range s.Inbound {
				if !i.Enabled || i.Channel == "webchat" {
					continue
				}
				on++
				if len(i.OpenGroup()) > 0 {
					open++
				} else if i.Group == config.PolicyAllowlist {
					listed++
				}
			}
			text := fmt.Sprintf("gateway %s, auth %s; channels: %d on, groups open in %d, listed in %d; webhooks %s; agents: %d", s.listens(), s.Posture.Gateway.AuthMode, on, open, listed, onOff(s.Config.Hooks.Enabled.V), len(s.Posture.Agents))
			return Outcome{Verdict: Pass, Findings: []Finding{{Severity: claw.Info, Title: "Attack surface", Detail: text}}}
		}},
		{ID: "tools.profile_full", Area: AreaBlast, Severity: claw.Critical, Why: "The agent has every tool there is.", Fix: `Set tools.profile: "messaging" and add what is needed`, Source: "guide, Tool Policy", Run: func(s *Subject) Outcome {
			return s.perAgent(func(a posture.Agent) *Finding {
				if !has(a, "a-tool-of-nobody") {
					return nil
				}
				ref, observed := s.profileOf(a.ID)
				severity := claw.Warn
				switch {
				case observed == "unset":
					severity = claw.Info // upstream's own default
				case len(s.open()) > 0 && reachable(a):
					severity = claw.Critical
				}
				return &Finding{Severity: severity, Title: "The agent has every tool", Where: at(ref), Observed: observed, Expected: "messaging"}
			})
		}},
		{ID: "tools.profile_minimal_overridden", Area: AreaBlast, Severity: claw.Warn, Why: "The global profile says minimal, an agent has more.", Fix: "Remove the agent's profile, or the global one", Source: "facts: upstream's catalogue", Run: func(s *Subject) Outcome {
			if s.Config.Tools.Profile.V != config.ProfileMinimal {
				return notApplicable("the global profile is not minimal")
			}
			var found []Finding
			for _, a := range s.Config.Agents.All() {
				if p := a.Tools.Profile; p.Set && p.V != config.ProfileMinimal {
					found = append(found, Finding{Severity: claw.Warn, Title: "Agent " + a.ID.V + " has more than the minimal profile", Where: at(p.Ref), Observed: string(p.V), Expected: "minimal"})
				}
			}
			return verdict(found, "no agent has another")
		}},
		{ID: "tools.gained", Area: AreaBlast, Severity: claw.Info, Why: "The agent has tools beyond its profile: wanted, perhaps, but worth knowing.", Fix: "Remove the tool from allow, alsoAllow or tools.agents", Source: "DESIGN: every tool gained beyond the profile", Run: toolsGained},
		{ID: "tools.fs.workspace_only_off", Area: AreaBlast, Severity: claw.Warn, Why: "File tools reach everything that the gateway's user can.", Fix: "Set tools.fs.workspaceOnly: true", Source: "guide, Tool Policy", Run: func(s *Subject) Outcome {
			return s.perAgent(func(a posture.Agent) *Finding {
				if a.Rules.Files.WorkspaceOnly || !has(a, "read", "write", "edit", "apply_patch") {
					return nil
				}
				return &Finding{Severity: claw.Warn, Title: "Files outside the workspace may be touched", Where: at(a.Rules.Files.WorkspaceRef), Observed: "false", Expected: "true"}
			})
		}},
		{ID: "tools.fs.deny_paths_missing", Area: AreaBlast, Severity: claw.Info, Why: "The guide refuses /etc, keys and credentials by path whatever else is allowed.", Fix: `Set tools.fs.denyPaths: ["/etc", "/root/.ssh", "/home/*/.ssh", "~/.openclaw/credentials"]`, Source: "guide, Tool Policy", Run: func(s *Subject) Outcome {
			if s.Snapshot.Home.Owner == UpstreamHome {
				return notApplicable("upstream has no denyPaths")
			}
			if len(s.Config.Tools.FS.DenyPaths.V) > 0 || s.Snapshot.Home.Owner == NoHome {
				return pass("%d paths", len(s.Config.Tools.FS.DenyPaths.V))
			}
			return fail(Finding{Severity: claw.Info, Title: "No path is refused by name", Where: at(s.Config.Tools.FS.DenyPaths.Ref)})
		}},
		{ID: "tools.flow_off", Area: AreaBlast, Severity: claw.Critical, Why: "Words of a web page or a stranger can then run commands and send your files away unasked.", Fix: `Set tools.flow.mode: "enforce"`, Source: "guide, Prompt Injection", Run: func(s *Subject) Outcome {
			if s.Snapshot.Home.Owner == UpstreamHome {
				return notApplicable("upstream does not follow where data came from")
			}
			return s.perAgent(func(a posture.Agent) *Finding {
				if a.Rules.Flow.Mode == policy.FlowEnforce {
					return nil
				}
				f := &Finding{Severity: claw.Warn, Title: "Where data came from is recorded, not enforced", Where: at(a.Rules.Flow.Where), Observed: "observe", Expected: "enforce"}
				if a.Rules.Flow.Mode == policy.FlowOff {
					f.Title, f.Observed = "Nobody follows where data came from", "off"
				}
				if from := s.foreign(a); len(from) > 0 {
					f.Severity, f.Detail = claw.Critical, "The agent reads what others write: "+strings.Join(from, ", ")+"."
				}
				return f
			})
		}},
		{ID: "tools.content.strip_off", Area: AreaBlast, Severity: claw.Warn, Why: "Text from outside may pose as instructions.", Fix: "Set tools.content.stripSystemPrompts: true", Source: "guide, Prompt Injection: sanitize untrusted input", Run: func(s *Subject) Outcome {
			v := s.Config.Tools.Content.StripSystemPrompts
			if v.Set && !v.V {
				return fail(Finding{Severity: claw.Warn, Title: "Text from outside is not neutralised", Where: at(v.Ref), Observed: "false", Expected: "true"})
			}
			return pass("on")
		}},
		{ID: "tools.content.no_limit", Area: AreaBlast, Severity: claw.Info, Why: "A long page pushes your instructions out of the model's sight.", Fix: "Set tools.content.maxChars: 50000", Source: "guide, Prompt Injection: maximum length", Run: func(s *Subject) Outcome {
			v := s.Config.Tools.Content.MaxChars
			if v.Set && v.V > 500000 {
				return fail(Finding{Severity: claw.Info, Title: "Text from outside is hardly limited", Where: at(v.Ref), Observed: fmt.Sprint(v.V), Expected: "50000"})
			}
			return pass("%d characters", v.Or(50000))
		}},
		{ID: "tools.budget_missing", Area: AreaBlast, Severity: claw.Info, Why: "An agent in a loop spends until somebody looks.", Fix: "Set tools.budget.costPerDay or tokensPerDay", Source: "guide, Complete Security Checklist: API spending limits", Run: func(s *Subject) Outcome {
			if s.Snapshot.Home.Owner == NoHome {
				return notApplicable("there is no home")
			}
			return s.perAgent(func(a posture.Agent) *Finding {
				if b := &a.Rules.Budget; b.Own.Tokens.Set || b.Own.Cost.Set || b.All.Tokens.Set || b.All.Cost.Set || len(a.Models) == 0 || !slices.ContainsFunc(a.Models, func(m claw.ModelRef) bool { return !strings.HasPrefix(string(m), "operator/") }) {
					return nil
				}
				return &Finding{Severity: claw.Info, Title: "No spending limit is set", Where: at(s.Config.Tools.Budget.Ref)}
			})
		}},
		{ID: "tools.egress.mode_allow", Area: AreaBlast, Severity: claw.Warn, Why: "Any host may be written to: that is the way out for stolen data.", Fix: `Set tools.egress.mode: "ask"`, Source: "openclaw/trust#19", Run: func(s *Subject) Outcome {
			if s.Snapshot.Home.Owner == UpstreamHome {
				return notApplicable("upstream has no such rule")
			}
			return s.perAgent(func(a posture.Agent) *Finding {
				if a.Rules.Egress.Mode != policy.EgressAllow || !has(a, "exec", "web_fetch", "browser") {
					return nil
				}
				return &Finding{Severity: claw.Warn, Title: "Every host may be reached", Where: at(a.Rules.Egress.Where), Observed: "allow", Expected: "ask"}
			})
		}},
		{ID: "tools.egress.shared_tunnel", Area: AreaBlast, Severity: claw.Warn, Why: "Strangers have accounts there, and what a program sends through a tunnel cannot be seen: it can send anything to any of them.", Fix: "Name paths in the host's rule and bind a secret to the host, so that its requests are seen; or take class read and web_fetch", Source: "THREATS R10", Run: func(s *Subject) Outcome {
			return s.perAgent(func(a posture.Agent) *Finding {
				if a.Rules.Confinement.Network != policy.NetworkProxy || !has(a, "exec") {
					return nil
				}
				for i := range a.Rules.Egress.Hosts {
					if h := &a.Rules.Egress.Hosts[i]; h.AnythingAnywhere() {
						return &Finding{Severity: claw.Warn, Title: "Programs can send anything to anybody's account at " + h.Host, Where: at(h.Where), Observed: h.Host}
					}
				}
				return nil
			})
		}},
		{ID: "tools.egress.wide_write", Area: AreaBlast, Severity: claw.Warn, Why: "A wildcard that may be written to is as good as no rule.", Fix: "Name the host and the path", Source: "THREATS R28", Run: func(s *Subject) Outcome {
			return s.perAgent(func(a posture.Agent) *Finding {
				for _, h := range a.Rules.Egress.Hosts {
					if strings.HasPrefix(h.Host, "*") && h.Class != policy.HostRead && len(h.Paths) == 0 {
						return &Finding{Severity: claw.Warn, Title: "Data may be sent to " + h.Host, Where: at(h.Where), Observed: h.Host}
					}
				}
				return nil
			})
		}},
		{ID: "tools.message.cross_context", Area: AreaBlast, Severity: claw.Warn, Why: "The agent may write to conversations that did not ask.", Fix: "Remove tools.message.crossContext", Source: "guide, Tool Policy: messaging", Run: func(s *Subject) Outcome {
			c := s.Config.Tools.Message.CrossContext
			for _, v := range []config.Value[bool]{c.AcrossProviders, c.WithinProvider} {
				if v.Set && v.V {
					return fail(Finding{Severity: claw.Warn, Title: "Messages may leave the conversation", Where: at(v.Ref), Observed: "true", Expected: "false"})
				}
			}
			return pass("messages stay in their conversation")
		}},
		{ID: "tools.subagents.any", Area: AreaBlast, Severity: claw.Warn, Why: "The agent may start an agent that may do more than it.", Fix: "Name the agents in subagents.allowAgents", Source: "guide, Tool Policy: sessions_spawn", Run: func(s *Subject) Outcome {
			var found []Finding
			if v := s.Config.Agents.Defaults.Subagents.AllowAgents; slices.Contains(config.Strings(v), "*") && len(s.Posture.Agents) > 1 {
				found = append(found, Finding{Severity: claw.Warn, Title: "Every agent may start every other", Where: at(v.Ref), Observed: "*"})
			}
			for _, a := range s.Config.Agents.All() {
				if len(found) > 0 && !a.Subagents.AllowAgents.Set {
					continue
				}
				if v := a.Subagents.AllowAgents; slices.Contains(config.Strings(v), "*") && len(s.Posture.Agents) > 1 {
					found = append(found, Finding{Severity: claw.Warn, Title: "Agent " + a.ID.V + " may start every agent", Where: at(v.Ref), Observed: "*"})
				}
			}
			return verdict(found, "no agent may start every other")
		}},
		{ID: "tools.loop_detection_off", Area: AreaBlast, Severity: claw.Info, Why: "A model that repeats one call is not stopped.", Fix: "Set tools.loopDetection.enabled: true", Source: "facts: upstream's catalogue", Run: func(s *Subject) Outcome {
			return s.perAgent(func(a posture.Agent) *Finding {
				if l := &a.Rules.Budget.Loop; !l.Enabled {
					return &Finding{Severity: claw.Info, Title: "Loops are not detected", Where: at(s.Config.Tools.LoopDetection.Enabled.Ref), Observed: "off"}
				}
				return nil
			})
		}},
	}
}

// strangersRun: allowed unasked it is critical, asked for it is a warning.
func strangersRun(s *Subject, agent claw.AgentID) (claw.Severity, string, answer.Answer) {
	if by := s.can(agent, answer.Goal{Kind: answer.RunOther}); by.Verdict == policy.Allow {
		return claw.Critical, "every command", by
	}
	by := s.can(agent, s.commands()...)
	switch by.Verdict {
	case policy.Allow:
		return claw.Warn, "listed commands", by
	case policy.Ask:
		return claw.Warn, "commands that you are asked about", by
	case policy.Deny:
	}
	return 0, "", answer.Answer{}
}

// controlPlane: here the tools are the owner's whoever is let in. Upstream's
// own gate is not ours to answer for, so there their presence counts.
func controlPlane(s *Subject, agent claw.AgentID) (claw.Severity, string, answer.Answer) {
	a, ok := s.Posture.Agent(agent)
	if !ok || !reachable(a) {
		return 0, "", answer.Answer{}
	}
	if s.Snapshot.Home.Owner != UpstreamHome {
		m := s.World.Matrix(answer.Scope{Agent: agent, Senders: s.strangers(), Labels: []claw.Labels{0}})
		for _, c := range m.Cells {
			if (c.Capability == "configure" || c.Capability == "schedule") && c.Verdict == policy.Allow {
				return claw.Critical, c.By, answer.Answer{}
			}
		}
		return 0, "", answer.Answer{}
	}
	var bad []string
	for _, t := range []claw.ToolName{"gateway", "cron", "nodes", "automations", "plugins"} {
		if has(a, t) {
			bad = append(bad, string(t))
		}
	}
	return claw.Critical, strings.Join(bad, ", "), answer.Answer{}
}

// loose: the last agent of a way is not held in a sandbox.
func (s *Subject) loose(by answer.Answer) bool {
	if len(by.Path) == 0 {
		return false
	}
	a, ok := s.Posture.Agent(by.Path[len(by.Path)-1].Agent)
	return ok && !s.contained(a)
}

// profileOf is where an agent's set of tools comes from, and its name.
func (s *Subject) profileOf(id claw.AgentID) (claw.ConfigRef, string) {
	t := s.Config.Tools
	blocks := []config.ToolSet{t.ToolSet}
	if own := t.Agents.Get(string(id)); own != nil {
		blocks = append(blocks, *own)
	}
	for _, c := range s.Config.Agents.All() {
		if c.ID.V == string(id) {
			blocks = append(blocks, c.Tools)
		}
	}
	slices.Reverse(blocks)
	for _, b := range blocks {
		switch {
		case b.Profile.Set:
			return b.Profile.Ref, string(b.Profile.V)
		case slices.Contains(config.Strings(b.Allow), "*"):
			return b.Allow.Ref, "*"
		}
	}
	return t.Profile.Ref, "unset"
}

func onOff(b bool) string {
	if b {
		return "on"
	}
	return "off"
}

// toolsGained lists what an agent has beyond its profile.
func toolsGained(s *Subject) Outcome {
	if s.Snapshot.Home.Owner == UpstreamHome {
		return notApplicable("upstream's own profiles hold")
	}
	var found []Finding
	for _, a := range s.Posture.Agents {
		global := s.Config.Tools.Allow
		own := s.Config.Tools.Agents.Get(string(a.ID))
		switch {
		case own != nil && len(own.Allow.V) > 0:
			found = append(found, Finding{Severity: claw.Info, Title: fmt.Sprintf("Agent %s has tools beyond its profile", a.ID), Where: at(own.Allow.Ref), Observed: quoted(config.Strings(own.Allow))})
		case len(s.Config.Tools.AlsoAllow.V) > 0:
			found = append(found, Finding{Severity: claw.Info, Title: fmt.Sprintf("Agent %s has tools beyond its profile", a.ID), Where: at(s.Config.Tools.AlsoAllow.Ref), Observed: quoted(config.Strings(s.Config.Tools.AlsoAllow))})
		case len(global.V) > 0:
			found = append(found, Finding{Severity: claw.Info, Title: fmt.Sprintf("Agent %s has the tools that are listed, not its profile's", a.ID), Where: at(global.Ref), Observed: quoted(config.Strings(global))})
		}
	}
	return verdict(found, "no agent has more than its profile")
}
