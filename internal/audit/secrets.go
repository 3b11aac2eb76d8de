package audit

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// plainSecrets finds credentials that stand in the configuration.
func plainSecrets(which func(pointer string) bool, title string) func(*Subject) Outcome {
	return func(s *Subject) Outcome {
		if s.Unreadable != "" {
			return unmeasured("%s", s.Unreadable)
		}
		var found []Finding
		for _, x := range s.Snapshot.Secrets {
			if x.Source != "plain" || x.File == "" || !which(x.Pointer) || x.ordinary() {
				continue
			}
			found = append(found, Finding{Severity: s.plainSeverity(x), Title: title, Detail: x.Pointer + " holds it in plain text.", Where: Where{File: x.File, Line: x.Line, Column: x.Column, Pointer: x.Pointer}, Observed: fmt.Sprintf("%d characters", x.Length)})
		}
		return verdict(found, "none stands there")
	}
}

// ordinary reports a variable or header that is no credential by its name or
// form: the tables of the configuration cover them all.
func (x Secret) ordinary() bool {
	parent, name, ok := cutLast(x.Pointer)
	if !ok {
		return false
	}
	table := parent[strings.LastIndex(parent, ".")+1:]
	return (table == "env" || table == "vars" || table == "headers") && !x.Shaped && !secretName().MatchString(name)
}

func cutLast(p string) (parent, name string, ok bool) {
	i := strings.LastIndex(p, ".")
	if i < 0 {
		return "", p, false
	}
	return p[:i], p[i+1:], true
}

// plainSeverity: a file that others read makes it critical. In the owner's own
// file it is upstream's usual place, and worth knowing.
func (s *Subject) plainSeverity(x Secret) claw.Severity {
	least := claw.Info
	if x.Pointer == "gateway.auth.password" || strings.HasPrefix(x.Pointer, "mcp.servers.") {
		least = claw.Warn
	}
	for _, f := range slices.Concat(s.byRole[RoleConfig], s.byRole[RoleInclude]) {
		if f.Mode&(groupRead|otherRead) != 0 && f.Type != Absent {
			return claw.Critical
		}
	}
	return least
}

// Prefixes of keys that have a check of their own.
func named(p string) bool {
	for _, prefix := range []string{"gateway.auth.password", "gateway.auth.token", "hooks.token", "channels.", "models.", "mcp.servers.", "auth."} {
		if p == prefix || strings.HasSuffix(prefix, ".") && strings.HasPrefix(p, prefix) {
			return true
		}
	}
	return false
}

func secretChecks() []Check {
	const guide = "guide, Credential Management"
	const fix = `Use {"$env": "NAME"} or openclaw secrets`
	is := func(want string) func(string) bool { return func(p string) bool { return p == want } }
	below := func(prefix string) func(string) bool {
		return func(p string) bool { return strings.HasPrefix(p, prefix) }
	}
	token := plainSecrets(is("hooks.token"), "The webhook token stands in the configuration")
	return []Check{
		{ID: "config.secrets.gateway_password_in_config", Area: AreaSecrets, Severity: claw.Critical, Why: "Who reads the file, a backup or a screenshot of it has the gateway.", Fix: fix, Source: guide, Run: plainSecrets(is("gateway.auth.password"), "The gateway's password stands in the configuration")},
		{ID: "config.secrets.gateway_token_in_config", Area: AreaSecrets, Severity: claw.Critical, Why: "Who reads the file, a backup or a screenshot of it has the gateway.", Fix: fix, Source: guide, Run: plainSecrets(is("gateway.auth.token"), "The gateway's token stands in the configuration")},
		{ID: "config.secrets.hooks_token_in_config", Area: AreaSecrets, Severity: claw.Critical, Why: "Who reads it can call the webhooks.", Fix: fix, Source: guide, Run: func(s *Subject) Outcome {
			if !s.Config.Hooks.Enabled.V {
				return notApplicable("webhooks are off")
			}
			return token(s)
		}},
		{ID: "config.secrets.channel_token_in_config", Area: AreaSecrets, Severity: claw.Critical, Why: "Who reads it speaks as your bot and reads what is written to it.", Fix: fix, Source: guide, Run: plainSecrets(below("channels."), "A channel's token stands in the configuration")},
		{ID: "config.secrets.model_key_in_config", Area: AreaSecrets, Severity: claw.Critical, Why: "Who reads it spends your money.", Fix: fix, Source: guide, Run: plainSecrets(func(p string) bool { return strings.HasPrefix(p, "models.") || strings.HasPrefix(p, "auth.") }, "A model's key stands in the configuration")},
		{ID: "config.secrets.other_in_config", Area: AreaSecrets, Severity: claw.Critical, Why: "Who reads the file, a backup or a screenshot of it has the credential.", Fix: fix, Source: guide, Run: plainSecrets(func(p string) bool { return !named(p) }, "A credential stands in the configuration")},
		{ID: "config.secrets.unresolved", Area: AreaSecrets, Severity: claw.Warn, Why: "What refers to it does not work, or works with an empty value elsewhere.", Fix: "Set the variable or the file that the reference names", Source: "openclaw/openclaw#147341", Run: func(s *Subject) Outcome {
			var found []Finding
			n := 0
			for _, x := range s.Snapshot.Secrets {
				n++
				if x.Source == "unresolved" && !strings.HasPrefix(x.Pointer, "gateway.auth.") {
					found = append(found, Finding{Severity: claw.Warn, Title: "A secret cannot be resolved here", Detail: x.Pointer + ": " + x.Why, Where: Where{File: x.File, Line: x.Line, Column: x.Column, Pointer: x.Pointer}, Observed: x.Why})
				}
			}
			if s.Snapshot.Home.Owner == UpstreamHome && len(found) > 0 {
				return unmeasured("%d references; their gateway may see what this audit does not", len(found))
			}
			return verdict(found, "%d credentials", n)
		}},
		{ID: "secrets.in_file", Area: AreaSecrets, Severity: claw.Critical, Why: "A credential in a file of the home or the workspace is read by whoever reads the file, agents included.", Fix: "Move it into a secret reference and remove it from the file", Source: guide, Run: func(s *Subject) Outcome {
			var found []Finding
			partly := ""
			for i := range s.Snapshot.Files {
				f := &s.Snapshot.Files[i]
				if f.Partly && len(f.Hits) == 0 {
					partly = s.Snapshot.Home.Short(f.Path)
				}
				if len(f.Hits) == 0 || f.Role == RoleConfig || f.Role == RoleInclude || f.Role == RoleSecrets || f.Role == RoleAuthProfile || f.Role == RoleCreds || f.Role == RoleTokenFile || f.Role == RoleTLSKey || f.Role == RoleIdentity {
					continue
				}
				severity := claw.Info
				switch {
				case f.Mode&(groupRead|otherRead) != 0:
					severity = claw.Critical
				case f.Role == RoleText || f.Role == RoleSteering || f.Role == RoleSkill:
					severity = claw.Warn
				}
				x := Finding{Severity: severity, Title: "A credential stands in a file", Detail: fmt.Sprintf("%s: %s.", s.Snapshot.Home.Short(f.Path), hits(f.Hits)), Where: s.atFile(f), Observed: hits(f.Hits)}
				x.Where.Line = f.Hits[0].Line
				found = append(found, x)
			}
			if len(found) == 0 && partly != "" {
				return unmeasured("%s is too large to be read whole", partly)
			}
			return verdict(found, "no credential was seen")
		}},
		{ID: "secrets.rotation_due", Area: AreaSecrets, Severity: claw.Warn, Why: "A key that leaked unnoticed works until it is changed.", Fix: "Make a new key at the provider, put it in place, try it, then remove the old one", Source: "guide, Credential Management: rotate API keys quarterly", Run: rotationDue},
		{ID: "env.dangerous_variable", Area: AreaSecrets, Severity: claw.Warn, Why: "It changes what programs load or whom they trust, before any of them can check.", Fix: "Unset it where the gateway is started", Source: "openclaw/trust#18", Run: func(s *Subject) Outcome {
			var found []Finding
			for _, e := range s.Snapshot.Env {
				if dangerousEnv(e.Name) {
					found = append(found, Finding{Severity: claw.Warn, Title: "A dangerous variable is set: " + e.Name, Observed: e.Name, Evidence: []string{"in process " + e.Of}})
				}
			}
			return verdict(found, "none is set")
		}},
		{ID: "gateway.runs_as_root", Area: AreaSecrets, Severity: claw.Warn, Why: "A fault in the gateway is then a fault of root. Commands get another uid all the same.", Fix: "openclaw gateway install --user", Source: "guide, Docker Security Hardening: non-root", Run: func(s *Subject) Outcome {
			if s.Snapshot.System.UID != 0 {
				return pass("uid %d", s.Snapshot.System.UID)
			}
			if s.Snapshot.Home.Owner == NoHome {
				return notApplicable("there is no home")
			}
			for _, f := range s.byRole[RoleState] {
				if f.UID != 0 {
					return pass("the home belongs to uid %d", f.UID)
				}
			}
			severity := claw.Warn
			if s.Snapshot.Home.Owner == UpstreamHome {
				severity = claw.Info // whose gateway may run as somebody else
			}
			return fail(Finding{Severity: severity, Title: "The gateway's home is root's", Observed: "uid 0"})
		}},
	}
}

// MaxKeyAge is the guide's quarter.
const MaxKeyAge = 90 * 24 * time.Hour

// rotationDue: a file that holds credentials and was not written for so long
// holds none that is younger.
func rotationDue(s *Subject) Outcome {
	var found []Finding
	n := 0
	for _, role := range []Role{RoleAuthProfile, RoleTokenFile, RoleEnv, RoleSecrets} {
		for _, f := range s.byRole[role] {
			empty := f.Size <= int64(len("{}\n")) || role == RoleEnv && len(f.Hits) == 0
			if f.Type != Regular && f.Type != Symlink || f.Err != "" || f.Modified.IsZero() || empty {
				continue
			}
			n++
			if age := s.Snapshot.TakenAt.Sub(f.Modified); age > MaxKeyAge {
				days := int(age.Hours() / 24)
				short := s.Snapshot.Home.Short(f.Path)
				found = append(found, Finding{Severity: claw.Warn, Title: fmt.Sprintf("Credentials are %d days old or older", days), Detail: fmt.Sprintf("%s was last written on %s.", short, f.Modified.UTC().Format(time.DateOnly)), Where: s.atFile(f), Observed: fmt.Sprintf("%d days", days), Expected: "at most 90 days"})
			}
		}
	}
	for _, x := range s.Snapshot.Secrets {
		if x.Changed.IsZero() {
			continue
		}
		n++
		age := s.Snapshot.TakenAt.Sub(x.Changed)
		days := int(age.Hours() / 24)
		switch {
		case age < 0:
			found = append(found, Finding{Severity: claw.Info, Title: "A credential was changed in the future", Detail: x.Pointer + ": the clock of this machine jumped, so its age is not known.", Where: Where{File: x.File, Line: x.Line, Column: x.Column, Pointer: x.Pointer}, Observed: x.Changed.UTC().Format(time.DateOnly), Expected: "at most 90 days"})
		case age > MaxKeyAge:
			found = append(found, Finding{Severity: claw.Warn, Title: fmt.Sprintf("A credential is %d days old", days), Detail: x.Pointer + ": the encrypted store has had it since " + x.Changed.UTC().Format(time.DateOnly) + ".", Where: Where{File: x.File, Line: x.Line, Column: x.Column, Pointer: x.Pointer}, Observed: fmt.Sprintf("%d days", days), Expected: "at most 90 days"})
		}
	}
	if n == 0 {
		return notApplicable("nothing holds credentials of its own")
	}
	return verdict(found, "%d credentials or files of them are younger than 90 days", n)
}

func hits(list []Hit) string {
	var out []string
	for i, h := range list {
		if i == 4 && len(list) > 5 {
			out = append(out, fmt.Sprintf("%d more", len(list)-4))
			break
		}
		out = append(out, fmt.Sprintf("%s in line %d", h.Rule, h.Line))
	}
	return strings.Join(out, ", ")
}

// dangerousEnv are variables that make programs load code, trust others or
// debug themselves.
func dangerousEnv(name string) bool {
	return slices.Contains([]string{"LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "GLIBC_TUNABLES", "NODE_OPTIONS", "NODE_EXTRA_CA_CERTS", "NODE_TLS_REJECT_UNAUTHORIZED", "PYTHONSTARTUP", "PYTHONPATH", "PERL5OPT", "PERL5LIB", "RUBYOPT", "RUBYLIB", "BASH_ENV", "ENV", "PROMPT_COMMAND", "GIT_SSH_COMMAND", "GIT_EXTERNAL_DIFF", "GIT_PAGER", "GIT_CONFIG_GLOBAL", "SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE", "GODEBUG", "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS"}, name) || strings.HasPrefix(name, "DYLD_") || strings.HasPrefix(name, "BASH_FUNC_")
}

// SecretVariables are names whose values the survey counts as credentials.
func SecretVariables(name string) bool { return secretName().MatchString(name) }

// Dangerous reports a variable that changes how programs behave.
func Dangerous(name string) bool { return dangerousEnv(name) }
