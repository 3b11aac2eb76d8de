package audit

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/json5"
)

// silenced reports whether the configuration accepts a finding, and why. A
// critical finding and the finding about suppressions never are.
func (s *Subject) silenced(f Finding) (string, bool) {
	if f.Severity == claw.Critical || f.CheckID == "security.audit.suppressions.active" {
		return "", false
	}
	for _, x := range s.Config.Security.Audit.Suppressions {
		if x.CheckID.V != f.CheckID && !slices.Contains(f.Aliases, x.CheckID.V) {
			continue
		}
		if t := x.Title.V; t != "" && !strings.Contains(f.Title, t) {
			continue
		}
		if d := x.Detail.V; d != "" && !strings.Contains(f.Detail, d) {
			continue
		}
		return x.Reason.V, true
	}
	return "", false
}

func configChecks() []Check {
	return []Check{
		{ID: "home.absent", Area: AreaConfig, Severity: claw.Info, Why: "There is neither a configuration nor a home; the hardened baseline is judged.", Fix: "openclaw up, or openclaw onboard", Source: "DESIGN: whose home", Run: func(s *Subject) Outcome {
			if s.Snapshot.Home.Owner != NoHome {
				return pass("%s", s.Snapshot.Home.Owner)
			}
			return fail(Finding{Severity: claw.Info, Title: "There is no home at " + s.Snapshot.Home.Short(s.Snapshot.Home.State), Where: Where{File: s.Snapshot.Home.Short(s.Snapshot.Home.State)}})
		}},
		{ID: "config.unreadable", Area: AreaConfig, Severity: claw.Critical, Why: "Nobody can say what such a gateway does; ours keeps the last good one.", Fix: "openclaw config validate", Source: "promise 3", Run: func(s *Subject) Outcome {
			if s.Unreadable == "" {
				return pass("it could be read")
			}
			return fail(Finding{Severity: claw.Critical, Title: "The configuration cannot be read", Detail: s.Unreadable, Where: Where{File: s.Snapshot.Home.Short(s.Snapshot.Home.Config)}, Observed: s.Unreadable})
		}},
		{ID: "config.invalid", Area: AreaConfig, Severity: claw.Critical, Why: "A guard that is misspelt guards nothing; the gateway refuses such a file.", Fix: "openclaw config validate", Source: "facts: upstream refuses to audit at all", Run: func(s *Subject) Outcome {
			return s.problems(claw.Critical, "The configuration is not valid", func(p config.Problem) bool { return p.Severity == config.Error })
		}},
		{ID: "config.warnings", Area: AreaConfig, Severity: claw.Warn, Why: "A key that nobody knows does nothing, whatever it promises.", Fix: "openclaw config validate", Source: "DESIGN: configuration", Run: func(s *Subject) Outcome {
			return s.problems(claw.Warn, "The configuration has a key that is not known", func(p config.Problem) bool {
				return p.Severity == config.Warning && p.Code == config.CodeUnknown
			})
		}},
		{ID: "config.notes", Area: AreaConfig, Severity: claw.Info, Why: "It is kept in the file, but means something else here, or nothing.", Fix: "Nothing needs doing", Source: "DESIGN: configuration", Run: func(s *Subject) Outcome {
			return s.problems(claw.Info, "The configuration has a key with a remark", func(p config.Problem) bool {
				return p.Severity == config.Warning && p.Code != config.CodeUnknown
			})
		}},
		{ID: "config.effect", Area: AreaConfig, Severity: claw.Critical, Why: "What takes effect is not what the key seems to say.", Fix: "See the finding", Source: "promise 2", Run: func(s *Subject) Outcome {
			var found []Finding
			for _, n := range s.Posture.Notes {
				found = append(found, Finding{Severity: n.Severity, Title: n.Text, Detail: "Rule " + n.ID + ".", Where: at(n.Where)})
			}
			return verdict(found, "every key means what it says")
		}},
		{ID: "config.insecure_or_dangerous_flags", Area: AreaConfig, Severity: claw.Warn, Why: "The name of the flag says it.", Fix: "Remove the flag", Source: "facts: upstream's catalogue", Run: dangerousFlags},
		{ID: "config.agent_roster.invalid_default_count", Area: AreaConfig, Severity: claw.Warn, Why: "Which agent answers is then a matter of order.", Fix: "Mark exactly one agent with default: true", Source: "facts: upstream's catalogue", Run: func(s *Subject) Outcome {
			n, named := 0, len(s.Config.Agents.List)+len(s.Config.Agents.Entries)
			var ref claw.ConfigRef
			for _, a := range s.Config.Agents.All() {
				if a.Default.V {
					n++
					ref = a.Default.Ref
				}
			}
			if n == 1 || named < 2 {
				return pass("one agent answers by default")
			}
			if n == 0 {
				ref = s.Config.Agents.Defaults.Ref
			}
			return fail(Finding{Severity: claw.Warn, Title: fmt.Sprintf("%d agents are the default one", n), Where: at(ref), Observed: fmt.Sprint(n), Expected: "1"})
		}},
		{ID: "security.audit.suppressions.active", Area: AreaConfig, Severity: claw.Warn, Why: "Findings are silenced. A critical one is shown all the same.", Fix: "Remove suppressions that are no longer needed", Source: "facts: upstream's catalogue", Run: func(s *Subject) Outcome {
			list := s.Config.Security.Audit.Suppressions
			if len(list) == 0 {
				return pass("none")
			}
			severity, ids, bare := claw.Info, []string{}, 0
			for _, x := range list {
				ids = append(ids, x.CheckID.V)
				if x.Reason.V == "" {
					bare++
				}
			}
			if bare > 0 {
				severity = claw.Warn
			}
			return fail(Finding{Severity: severity, Title: fmt.Sprintf("%d checks are silenced, %d of them without a reason", len(list), bare), Detail: quoted(ids), Where: at(list[0].Ref)})
		}},
	}
}

// incomplete: an audit that broke off must not look like one that found
// nothing.
func incomplete() Check {
	return Check{ID: "audit.incomplete", Area: AreaConfig, Severity: claw.Critical, Why: "What was not judged is not known to be safe.", Fix: "Run it again; if it breaks off again, report it with --snapshot", Source: "THREATS R42", Run: func(s *Subject) Outcome {
		var found []Finding
		for _, what := range s.Snapshot.Incomplete {
			found = append(found, Finding{Severity: claw.Critical, Title: "The audit broke off", Detail: what, Observed: what})
		}
		for _, id := range s.crashed {
			found = append(found, Finding{Severity: claw.Critical, Title: "A check crashed: " + id, Detail: "It said nothing about this home.", Observed: id})
		}
		return verdict(found, "every check came to its end")
	}}
}

// problems turns what is wrong with the file into findings.
func (s *Subject) problems(severity claw.Severity, title string, which func(config.Problem) bool) Outcome {
	if s.Unreadable != "" {
		return unmeasured("%s", s.Unreadable)
	}
	var found []Finding
	for _, p := range s.Problems {
		if which(p) {
			f := Finding{Severity: severity, Title: title, Detail: p.String(), Where: at(p.Where), Observed: p.Found, Expected: p.Expected}
			if p.Nearest != "" {
				f.Remediation = fmt.Sprintf("did you mean %q?", p.Nearest)
			}
			found = append(found, f)
		}
	}
	return verdict(found, "none")
}

// dangerousFlags finds every flag that says of itself what it is, wherever it
// stands, and those that upstream lists.
func dangerousFlags(s *Subject) Outcome {
	root := s.Config.Redacted()
	if root == nil {
		return pass("no configuration")
	}
	listed := []string{"gateway.controlUi.allowInsecureAuth", "hooks.gmail.allowUnsafeExternalContent", "hooks.mappings.*.allowUnsafeExternalContent", "hooks.allowRequestSessionKey", "browser.ssrfPolicy.dangerouslyAllowPrivateNetwork"}
	off := []string{"tools.exec.applyPatch.workspaceOnly", "tools.fs.workspaceOnly"}
	var found []Finding
	add := func(n *json5.Node, p string) {
		found = append(found, Finding{Severity: claw.Warn, Title: "A dangerous flag is set: " + p, Where: nodeAt(n, p), Observed: n.JSON()})
	}
	var walk func(n *json5.Node, p string)
	walk = func(n *json5.Node, p string) {
		last := p[strings.LastIndex(p, ".")+1:]
		match := func(pattern string) bool { ok, err := path.Match(pattern, p); return err == nil && ok }
		switch n.Kind {
		case json5.Bool:
			if n.Bool && (strings.HasPrefix(last, "dangerously") || strings.HasPrefix(last, "allowUnsafe") || slices.ContainsFunc(listed, match)) || !n.Bool && slices.ContainsFunc(off, match) {
				add(n, p)
			}
		case json5.String:
			if last == "permissionMode" && n.Text == "approve-all" {
				add(n, p)
			}
		case json5.Object:
			for _, m := range n.Members {
				walk(m.Value, strings.TrimPrefix(p+"."+m.Key, "."))
			}
		case json5.Array:
			for i, x := range n.Items {
				walk(x, fmt.Sprintf("%s.%d", p, i))
			}
		case json5.Invalid, json5.Null, json5.Number:
		}
	}
	walk(root, "")
	if list := s.Config.Security.Audit.Suppressions; len(list) > 0 {
		found = append(found, Finding{Severity: claw.Warn, Title: fmt.Sprintf("%d checks are silenced", len(list)), Where: at(list[0].Ref), Observed: fmt.Sprint(len(list))})
	}
	return verdict(found, "no such flag")
}

func loggingChecks() []Check {
	const guide = "guide, Monitoring, Logging, and Auditing"
	return []Check{
		{ID: "logging.redact_off", Area: AreaLogging, Severity: claw.Warn, Why: "Credentials in commands and results end up in the log.", Fix: `Set logging.redactSensitive: "tools"`, Source: guide, Run: func(s *Subject) Outcome {
			v := s.Config.Logging.RedactSensitive
			if !v.Set || v.V != "off" {
				return pass("redaction is on")
			}
			detail := ""
			if s.Snapshot.Home.Owner == OurHome {
				detail = "This gateway redacts all the same; another reader of the file would not."
			}
			return fail(Finding{Severity: claw.Warn, Title: "Redaction is off", Detail: detail, Where: at(v.Ref), Observed: "off", Expected: "tools"})
		}},
		{ID: "logging.file_off", Area: AreaLogging, Severity: claw.Warn, Why: "After an incident there is nothing to read.", Fix: "Set logging.file.enabled: true", Source: guide, Run: func(s *Subject) Outcome {
			v := s.Config.Logging.File.Enabled
			if v.Set && !v.V {
				return fail(Finding{Severity: claw.Warn, Title: "There is no log file", Where: at(v.Ref), Observed: "false"})
			}
			return pass("a file is written")
		}},
		{ID: "logging.rotation", Area: AreaLogging, Severity: claw.Info, Why: "A log that grows without end fills the disk, and then nothing is recorded.", Fix: `Set logging.file.maxSize: "50M" and maxFiles: 10`, Source: guide, Run: func(s *Subject) Outcome {
			f := s.Config.Logging.File
			if s.Snapshot.Home.Owner == OurHome {
				return pass("rotation is built in")
			}
			if f.MaxSize.Set && f.MaxFiles.Set {
				return pass("%d files", f.MaxFiles.V)
			}
			if !set(f.Origin) {
				return notApplicable("no log file is configured")
			}
			return fail(Finding{Severity: claw.Info, Title: "The log is not rotated", Where: at(f.Ref)})
		}},
		{ID: "logging.level_quiet", Area: AreaLogging, Severity: claw.Info, Why: "Below info, starts, stops and refusals are not in the log.", Fix: `Set logging.level: "info"`, Source: guide, Run: func(s *Subject) Outcome {
			v := s.Config.Logging.Level
			if v.Set && slices.Contains([]string{"silent", "fatal", "error", "off"}, string(v.V)) {
				return fail(Finding{Severity: claw.Info, Title: "The log keeps only errors", Where: at(v.Ref), Observed: string(v.V), Expected: "info"})
			}
			return pass("level %s", v.Or("info"))
		}},
		{ID: "logging.audit_off", Area: AreaLogging, Severity: claw.Critical, Why: "Without the record nobody can say what an agent did.", Fix: "Set logging.audit.enabled: true", Source: guide, Run: func(s *Subject) Outcome {
			a := s.Config.Logging.Audit
			switch {
			case a.Enabled.Set && !a.Enabled.V:
				return fail(Finding{Severity: claw.Critical, Title: "The record of decisions is off", Where: at(a.Enabled.Ref), Observed: "false"})
			case s.Snapshot.Home.Owner == UpstreamHome && !set(a.Origin):
				return fail(Finding{Severity: claw.Info, Title: "Upstream keeps no record of decisions", Where: at(a.Ref)})
			}
			return pass("every decision and effect is recorded")
		}},
		{ID: "logging.audit_events", Area: AreaLogging, Severity: claw.Warn, Why: "What is not recorded cannot be found afterwards.", Fix: "List auth.failure, exec.command, channel.message and tool.invoke", Source: guide, Run: func(s *Subject) Outcome {
			v := s.Config.Logging.Audit.Events
			if s.Snapshot.Home.Owner != UpstreamHome {
				return pass("the minimum is recorded whatever the list says")
			}
			if !v.Set {
				return notApplicable("no list")
			}
			var missing []string
			for _, e := range []string{"auth.failure", "exec.command", "channel.message", "tool.invoke"} {
				if !slices.Contains(config.Strings(v), e) {
					missing = append(missing, e)
				}
			}
			if len(missing) == 0 {
				return pass("the four of the guide")
			}
			return fail(Finding{Severity: claw.Warn, Title: "The record leaves events out", Detail: quoted(missing), Where: at(v.Ref)})
		}},
		{ID: "security.nightly_off", Area: AreaLogging, Severity: claw.Info, Why: "Nobody looks until somebody remembers to.", Fix: `Set security.nightly: { enabled: true, at: "03:00" }, or use the guide's cron job`, Source: "guide, Monitoring: nightly audit", Run: func(s *Subject) Outcome {
			v := s.Config.Security.Nightly.Enabled
			switch {
			case v.Set && v.V:
				return pass("at %s", s.Config.Security.Nightly.At.V)
			case s.Snapshot.Home.Owner == NoHome:
				return notApplicable("there is no home")
			}
			return fail(Finding{Severity: claw.Info, Title: "No nightly audit is configured", Detail: "A cron job of your own is not seen by this check.", Where: at(v.Ref)})
		}},
		{ID: "backup.none", Area: AreaLogging, Severity: claw.Info, Why: "A lost disk takes configuration, credentials and memory with it.", Fix: "Set backup.recipients, or keep copies yourself", Source: "guide, Complete Security Checklist: backup strategy", Run: func(s *Subject) Outcome {
			if len(s.Config.Backup.Recipients.V) > 0 {
				return pass("backups are encrypted to %d keys", len(s.Config.Backup.Recipients.V))
			}
			if s.Snapshot.Home.Owner == NoHome {
				return notApplicable("there is no home")
			}
			return fail(Finding{Severity: claw.Info, Title: "No backup is configured", Detail: "Copies made some other way are not seen by this check.", Where: at(s.Config.Backup.Ref)})
		}},
	}
}
